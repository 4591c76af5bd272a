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

/// What is said of a file that went together with all others.
const VANISHED: &str = "all schedule files are gone at once, as if a disk were not mounted, so this one goes on; \
                        to end them all, leave one empty .toml file";

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
    if shelf.unreadable.is_empty() && !shelf.files.is_empty() {
        let gone = kept.iter().filter(|document| !is_on_shelf(document));
        assembled.gone = gone.map(|document| document.name.clone()).collect();
    }
    if shelf.files.is_empty() && !kept.is_empty() {
        // Nothing can be seen of the directory: an unmounted disk must not look like "cancel everything".
        for document in kept {
            let file = document.name.strip_prefix(LAST_GOOD).unwrap_or(&document.name);
            if shelf.unreadable.is_empty() {
                assembled.hold_back(file.to_owned(), vec![VANISHED.to_owned()], Some(document));
            } else if let Err(problems) = assembled.accept(&Source::new(file, document.text.as_str())) {
                tracing::error!(file, ?problems, "a file that was kept is no longer understood");
            }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::port::library::UnreadableFile;

    fn file(name: &str, schedules: &[&str]) -> Source {
        let one = |name: &&str| {
            format!("[schedule.{name}]\nto = \"everyone\"\nevery = \"day\"\nat = \"09:00\"\ntext = \"Hello\"\n")
        };
        Source::new(name, schedules.iter().map(one).collect::<String>())
    }

    fn kept(source: &Source) -> Document {
        let kept_at = chrono::DateTime::UNIX_EPOCH;
        Document { name: format!("{LAST_GOOD}{}", source.name), text: source.text.to_string(), kept_at }
    }

    /// What is in force, what is held back (`+` with its last good version), what is newly kept, what is forgotten.
    fn check(files: &[Source], unreadable: &[&str], kept: &[Document], expect: [&[&str]; 4]) {
        let unreadable = unreadable.iter().map(|name| UnreadableFile { name: (*name).into(), why: "x".into() });
        let shelf = Shelf { files: files.to_vec(), unreadable: unreadable.collect() };
        let assembled = assemble(&shelf, kept, &[]);
        let held = assembled.catalog.held_back.iter();
        let got = [
            assembled.catalog.schedules.keys().map(ToString::to_string).collect::<Vec<_>>(),
            held.map(|file| format!("{}{}", file.file, if file.last_good_in_use { "+" } else { "" })).collect(),
            assembled.newly_good.iter().map(|source| source.name.to_string()).collect(),
            assembled.gone.clone(),
        ];
        assert_eq!(got, expect.map(|list| list.iter().map(ToString::to_string).collect::<Vec<_>>()));
    }

    #[test]
    fn what_comes_into_force() {
        let (a, b) = (file("a", &["one", "two"]), file("b", &["three"]));
        let broken = Source::new("a", "[schedule.one]\n");
        let none: &[&str] = &[];
        check(&[a.clone(), b.clone()], &[], &[], [&["one", "three", "two"], none, &["a", "b"], none]);
        check(&[a.clone(), b.clone()], &[], &[kept(&a)], [&["one", "three", "two"], none, &["b"], none]);
        // A file is refused whole, and its last good version goes on.
        check(&[broken.clone(), b.clone()], &[], &[], [&["three"], &["a"], &["b"], none]);
        check(&[broken, b.clone()], &[], &[kept(&a), kept(&b)], [&["one", "three", "two"], &["a+"], none, none]);
        check(std::slice::from_ref(&b), &["a"], &[kept(&a), kept(&b)], [&["one", "three", "two"], &["a+"], none, none]);
        // The second file of a double name is held back whole.
        check(&[a.clone(), file("c", &["four", "two"])], &[], &[], [&["one", "two"], &["c"], &["a"], none]);
        // A removed file is forgotten; all at once they are not removed, but out of sight.
        check(std::slice::from_ref(&b), &[], &[kept(&a), kept(&b)], [&["three"], none, none, &["file:a"]]);
        check(&[], &[], &[kept(&a), kept(&b)], [&["one", "three", "two"], &["a+", "b+"], none, none]);
        check(&[], &["schedules"], &[kept(&a)], [&["one", "two"], &["schedules"], none, none]);
    }
}
