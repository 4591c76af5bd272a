//! The schedules in force, and the files that are held back.
//!
//! A file is accepted or refused whole. Of a refused one the last good version goes on, which the store keeps, so that
//! it outlives a restart too: a reminder must not fall silent because of a typing mistake elsewhere in its file.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use chrono_tz::Tz;

use crate::domain::id::ScheduleName;
use crate::domain::problem::{Problem, Severity, Source};
use crate::domain::schedule::model::Schedule;
use crate::domain::schedule::parse::{self, Duplicate};
use crate::port::clock::Clock;
use crate::port::desk::HeldBackFile;
use crate::port::library::{Library, Shelf};
use crate::port::store::{Document, Store, StoreError};

/// The names under which the store keeps the last good version of each file.
pub const LAST_GOOD: &str = "file:";
/// The names under which the store keeps schedules that `nudged send` made.
pub const SENDS: &str = "send:";

/// The schedules in force, and the files that are held back.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    pub schedules: BTreeMap<ScheduleName, Arc<Schedule>>,
    pub held_back: Vec<HeldBackFile>,
}

/// The catalog that everybody sees, exchanged whole.
#[derive(Debug, Default)]
pub struct CatalogCell {
    current: RwLock<Arc<Catalog>>,
}

impl CatalogCell {
    #[must_use]
    pub fn current(&self) -> Arc<Catalog> {
        // A panic while a pointer is exchanged leaves the old one or the new one.
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn replace(&self, catalog: Catalog) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(catalog);
    }

    #[must_use]
    pub fn get(&self, name: &ScheduleName) -> Option<Arc<Schedule>> {
        self.current().schedules.get(name).cloned()
    }
}

/// Keeps the catalog: the only one who changes it and makes it known to the store.
pub struct CatalogKeeper {
    pub library: Arc<dyn Library>,
    pub store: Arc<dyn Store>,
    pub clock: Arc<dyn Clock>,
    pub fallback_zone: Tz,
    cell: Arc<CatalogCell>,
    /// Held while the catalog is read, changed and made known, so that two changes at once do not lose each other.
    turn: tokio::sync::Mutex<()>,
}

impl CatalogKeeper {
    #[must_use]
    pub fn new(library: Arc<dyn Library>, store: Arc<dyn Store>, clock: Arc<dyn Clock>, fallback_zone: Tz) -> Self {
        Self { library, store, clock, fallback_zone, cell: Arc::default(), turn: tokio::sync::Mutex::new(()) }
    }

    /// The catalog that everybody sees.
    #[must_use]
    pub fn cell(&self) -> Arc<CatalogCell> {
        Arc::clone(&self.cell)
    }

    /// Reads the files and the kept documents, without changing anything.
    pub async fn read(&self) -> Result<Catalog, StoreError> {
        Ok(self.assemble().await?.catalog)
    }

    /// Reads the files and the kept documents, keeps each good file as the new last good one, and puts what came of it
    /// into force.
    pub async fn reload(&self) -> Result<Arc<Catalog>, StoreError> {
        let _turn = self.turn.lock().await;
        let assembled = self.assemble().await?;
        for name in assembled.gone {
            self.store.forget_document(name).await?;
        }
        for source in assembled.newly_good {
            self.keep(format!("{LAST_GOOD}{}", source.name), &source).await?;
        }
        self.put_into_force(assembled.catalog).await
    }

    /// Keeps the schedules of a text that somebody sent and puts them into force. The text has been checked.
    pub async fn add(&self, source: &Source) -> Result<(), StoreError> {
        let _turn = self.turn.lock().await;
        self.keep(source.name.to_string(), source).await?;
        let mut catalog = Catalog::clone(&self.cell.current());
        let (schedules, _) = parse::parse(source);
        catalog.schedules.extend(schedules.into_iter().map(|schedule| (schedule.name.clone(), Arc::new(schedule))));
        self.put_into_force(catalog).await?;
        Ok(())
    }

    async fn assemble(&self) -> Result<Assembled, StoreError> {
        let found = self.library.read().await;
        let kept = self.store.documents(LAST_GOOD).await?;
        let sends = self.store.documents(SENDS).await?;
        Ok(assemble(&found, &kept, &sends))
    }

    async fn keep(&self, name: String, source: &Source) -> Result<(), StoreError> {
        let document = Document { name, text: source.text.to_string(), kept_at: self.clock.now() };
        self.store.keep_document(document).await
    }

    async fn put_into_force(&self, catalog: Catalog) -> Result<Arc<Catalog>, StoreError> {
        let schedules = catalog.schedules.values().cloned().collect();
        self.store.sync_schedules(schedules, self.fallback_zone, self.clock.now()).await?;
        self.cell.replace(catalog);
        Ok(self.cell.current())
    }
}

/// What is in force, which files are to be kept as good, and which kept ones no longer have a file: a removed file
/// must not come back to life on the day on which the directory can't be read.
#[derive(Debug, Default)]
struct Assembled {
    catalog: Catalog,
    newly_good: Vec<Source>,
    gone: Vec<String>,
}

impl Assembled {
    /// Takes in the schedules of one text, or says why not.
    fn accept(&mut self, source: &Source) -> Result<(), Vec<Problem>> {
        let (schedules, mut problems) = parse::parse(source);
        for again in &schedules {
            if let Some(first) = self.catalog.schedules.get(&again.name) {
                problems.push(Duplicate::new(first, again).problem(source));
            }
        }
        if problems.iter().any(|problem| problem.severity() == Severity::Error) {
            return Err(problems);
        }
        for problem in problems {
            let place = source.place(problem.span.start);
            tracing::warn!(
                file = %source.name, line = place.line, column = place.column, code = %problem.code,
                help = problem.help, "{}", problem.message
            );
        }
        let named = schedules.into_iter().map(|schedule| (schedule.name.clone(), Arc::new(schedule)));
        self.catalog.schedules.extend(named);
        Ok(())
    }

    fn hold_back(&mut self, file: String, problems: Vec<String>, last_good: Option<&Document>) {
        let last_good_in_use =
            last_good.is_some_and(|document| self.accept(&Source::new(file.as_str(), document.text.as_str())).is_ok());
        for problem in &problems {
            tracing::error!(file, last_good_in_use, "schedule file held back: {problem}");
        }
        self.catalog.held_back.push(HeldBackFile { file, last_good_in_use, problems });
    }
}

fn assemble(shelf: &Shelf, kept: &[Document], sends: &[Document]) -> Assembled {
    let last_good = |file: &str| kept.iter().find(|document| document.name.strip_prefix(LAST_GOOD) == Some(file));
    let mut assembled = Assembled::default();
    for source in &shelf.files {
        match assembled.accept(source) {
            Ok(()) if last_good(&source.name).is_none_or(|kept| kept.text != *source.text) => {
                assembled.newly_good.push(source.clone());
            }
            Ok(()) => {}
            Err(problems) => {
                let lines = problems.iter().map(|problem| problem.line(source)).collect();
                assembled.hold_back(source.name.to_string(), lines, last_good(&source.name));
            }
        }
    }
    let is_on_shelf = |document: &Document| {
        let file = document.name.strip_prefix(LAST_GOOD);
        shelf.files.iter().any(|source| Some(&*source.name) == file)
            || shelf.unreadable.iter().any(|unreadable| Some(unreadable.name.as_str()) == file)
    };
    if shelf.unreadable.is_empty() {
        let gone = kept.iter().filter(|document| !is_on_shelf(document));
        assembled.gone = gone.map(|document| document.name.clone()).collect();
    }
    if shelf.files.is_empty() && !shelf.unreadable.is_empty() {
        // The directory itself can't be read: an unmounted disk must not look like "cancel everything".
        for document in kept {
            let file = document.name.strip_prefix(LAST_GOOD).unwrap_or(&document.name);
            let _ = assembled.accept(&Source::new(file, document.text.as_str()));
        }
    }
    for unreadable in &shelf.unreadable {
        let line = format!("it can't be read: {}", unreadable.why);
        assembled.hold_back(unreadable.name.clone(), vec![line], last_good(&unreadable.name));
    }
    for document in sends {
        // These were checked when they were made; one that a newer release does not understand is left alone.
        let source = Source::new(document.name.as_str(), document.text.as_str());
        if let Err(problems) = assembled.accept(&source) {
            tracing::error!(document = document.name, ?problems, "a send that was kept is no longer understood");
        }
    }
    assembled
}
