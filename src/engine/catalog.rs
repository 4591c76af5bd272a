//! The schedules in force, and the files that are held back.
//!
//! A file is accepted or refused whole. Of a refused one the last good version goes on, which the store keeps, so that
//! it outlives a restart too: a reminder must not fall silent because of a typing mistake elsewhere in its file.
//!
//! The same holds for supplies, the files that schedules refer to. One that is broken by itself is held back, and its
//! last good version goes on. A schedule file that is refused because of a supply (it went away, or what it says now
//! does not fit) goes on as it was, with the supplies as they were.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use chrono_tz::Tz;

use crate::domain::id::ScheduleName;
use crate::domain::problem::{Problem, Severity, Source};
use crate::domain::schedule::model::Schedule;
use crate::domain::schedule::parse::{self, Duplicate};
use crate::domain::supplies::Supplies;
use crate::port::clock::Clock;
use crate::port::desk::HeldBackFile;
use crate::port::library::{Library, Shelf};
use crate::port::store::{Document, Store, StoreError};
use crate::port::vitals::Reloads;

/// The names under which the store keeps the last good version of each file.
pub const LAST_GOOD: &str = "file:";
/// The names under which the store keeps the last good version of each supply, by its path.
pub const LAST_GOOD_SUPPLY: &str = "supply:";
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
    reloads: Mutex<Reloads>,
}

impl CatalogKeeper {
    #[must_use]
    pub fn new(library: Arc<dyn Library>, store: Arc<dyn Store>, clock: Arc<dyn Clock>, fallback_zone: Tz) -> Self {
        Self {
            library,
            store,
            clock,
            fallback_zone,
            cell: Arc::default(),
            turn: tokio::sync::Mutex::new(()),
            reloads: Mutex::default(),
        }
    }

    /// How the files were last read.
    #[must_use]
    pub fn reloads(&self) -> Reloads {
        *self.reloads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes down how a reading ended.
    fn note_reload(&self, reloaded: Result<&Catalog, &StoreError>) {
        let is_whole = reloaded.is_ok_and(|catalog| catalog.held_back.is_empty());
        // A plain value that no panic leaves half-changed.
        let mut reloads = self.reloads.lock().unwrap_or_else(PoisonError::into_inner);
        reloads.is_last_whole = is_whole;
        if is_whole {
            reloads.last_whole_at = Some(self.clock.now());
        }
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
        let reloaded = self.read_anew().await;
        self.note_reload(reloaded.as_deref());
        reloaded
    }

    async fn read_anew(&self) -> Result<Arc<Catalog>, StoreError> {
        let assembled = self.assemble().await?;
        for name in assembled.gone {
            self.store.forget_document(name).await?;
        }
        for (name, text) in assembled.newly_good {
            self.keep(name, &text).await?;
        }
        self.put_into_force(assembled.catalog).await
    }

    /// Keeps the schedules of a text that somebody sent and puts them into force. The text has been checked.
    pub async fn add(&self, source: &Source) -> Result<(), StoreError> {
        let _turn = self.turn.lock().await;
        self.keep(source.name.to_string(), &source.text).await?;
        let mut catalog = Catalog::clone(&self.cell.current());
        let (schedules, _) = parse::parse(source, &Supplies::none());
        catalog.schedules.extend(schedules.into_iter().map(|schedule| (schedule.name.clone(), Arc::new(schedule))));
        self.put_into_force(catalog).await?;
        Ok(())
    }

    async fn assemble(&self) -> Result<Assembled, StoreError> {
        let found = self.library.read().await;
        let kept = self.store.documents(LAST_GOOD).await?;
        let kept_supplies = self.store.documents(LAST_GOOD_SUPPLY).await?;
        let sends = self.store.documents(SENDS).await?;
        Ok(assemble(&found, &kept, &kept_supplies, &sends))
    }

    async fn keep(&self, name: String, text: &str) -> Result<(), StoreError> {
        let document = Document { name, text: text.to_owned(), kept_at: self.clock.now() };
        self.store.keep_document(document).await
    }

    async fn put_into_force(&self, catalog: Catalog) -> Result<Arc<Catalog>, StoreError> {
        let schedules = catalog.schedules.values().cloned().collect();
        self.store.sync_schedules(schedules, self.fallback_zone, self.clock.now()).await?;
        self.cell.replace(catalog);
        Ok(self.cell.current())
    }
}

/// What is in force, which texts are to be kept as good under which names, and which kept ones no longer have a file: a
/// removed file must not come back to life on the day on which the directory can't be read.
#[derive(Debug, Default)]
struct Assembled {
    catalog: Catalog,
    newly_good: Vec<(String, Arc<str>)>,
    gone: Vec<String>,
}

impl Assembled {
    /// Takes in the schedules of one text, or says why not. Gives the names of those it took in.
    fn accept(&mut self, source: &Source, supplies: &Supplies) -> Result<Vec<ScheduleName>, Vec<Problem>> {
        let (schedules, mut problems) = parse::parse(source, supplies);
        for again in &schedules {
            if let Some(first) = self.catalog.schedules.get(&again.name) {
                problems.push(Duplicate::new(first, again).problem(source));
            }
        }
        if problems.iter().any(|problem| problem.severity() == Severity::Error) {
            return Err(problems);
        }
        warn_of(source, &problems);
        let names = schedules.iter().map(|schedule| schedule.name.clone()).collect();
        let taken_in = schedules.into_iter().map(|schedule| (schedule.name.clone(), Arc::new(schedule)));
        self.catalog.schedules.extend(taken_in);
        Ok(names)
    }

    /// `what` it is, for the log.
    fn hold_back(
        &mut self,
        what: &str,
        file: String,
        schedules: Vec<String>,
        problems: Vec<String>,
        last_good_in_use: bool,
    ) {
        for problem in &problems {
            tracing::error!(file, last_good_in_use, "{what} held back: {problem}");
        }
        self.catalog.held_back.push(HeldBackFile { file, last_good_in_use, problems, schedules });
    }

    /// Whether a schedule in force uses the supply.
    fn uses(&self, path: &str) -> bool {
        self.catalog.schedules.values().any(|schedule| schedule.supplies.iter().any(|used| used == path))
    }
}

fn warn_of(source: &Source, problems: &[Problem]) {
    for problem in problems {
        let place = source.place(problem.span.start);
        tracing::warn!(
            file = %source.name, line = place.line, column = place.column, code = %problem.code,
            help = problem.help, "{}", problem.message
        );
    }
}

/// The supplies, seen in several ways.
struct Pantry<'a> {
    kept_texts: BTreeMap<&'a str, &'a str>,
    /// Those that are there and good.
    found: Supplies,
    /// Those that are there; of one that is broken, its last good version.
    now: Supplies,
    /// The last good version of each, and what is new.
    as_before: Supplies,
}

impl<'a> Pantry<'a> {
    /// Looks through the supplies, and holds the broken ones back.
    fn new(shelf: &Shelf, kept: &'a [Document], assembled: &mut Assembled) -> Self {
        let kept_texts: BTreeMap<&str, &str> = kept
            .iter()
            .filter_map(|document| Some((document.name.strip_prefix(LAST_GOOD_SUPPLY)?, document.text.as_str())))
            .collect();
        let last_good =
            Supplies::read(kept_texts.iter().map(|(path, text)| ((*path).to_owned(), Source::new(*path, *text))))
                .good();
        let found = shelf.understand();
        let mut now = found.good();
        let mut hold_back = |path: &str, name: &str, problems: Vec<String>| {
            let last = last_good.only(path);
            assembled.hold_back("supply", name.to_owned(), Vec::new(), problems, last.get(path).is_some());
            now = now.or(&last);
        };
        for supply in &shelf.supplies {
            if let Err(unreadable) = &supply.text {
                hold_back(&supply.path, &unreadable.name, vec![format!("it can't be read: {}", unreadable.why)]);
            }
        }
        for (path, supply) in found.iter() {
            if supply.is_good() {
                warn_of(&supply.source, &supply.problems);
            } else {
                let lines = supply.problems.iter().map(|problem| problem.line(&supply.source)).collect();
                hold_back(path, &supply.source.name, lines);
            }
        }
        let as_before = last_good.or(&now);
        Self { kept_texts, found: found.good(), now, as_before }
    }
}

const SCHEDULE_FILE: &str = "schedule file";

/// What is said of a file that went together with all others.
const VANISHED: &str = "all schedule files are gone at once, as if a disk were not mounted, so this one goes on; \
                        to end them all, leave one empty .toml file";

fn assemble(shelf: &Shelf, kept: &[Document], kept_supplies: &[Document], sends: &[Document]) -> Assembled {
    let last_good = |file: &str| kept.iter().find(|document| document.name.strip_prefix(LAST_GOOD) == Some(file));
    let mut assembled = Assembled::default();
    let pantry = Pantry::new(shelf, kept_supplies, &mut assembled);
    // Supplies that must stay as they were kept, since what is there now does not fit those who use it.
    let mut pinned: Vec<String> = Vec::new();
    let mut go_on = |assembled: &mut Assembled, file: &str, text: &str| {
        let source = Source::new(file, text);
        if assembled.accept(&source, &pantry.now).is_ok() {
            return true;
        }
        let Ok(names) = assembled.accept(&source, &pantry.as_before) else { return false };
        let used = names.iter().filter_map(|name| assembled.catalog.schedules.get(name));
        pinned.extend(used.flat_map(|schedule| schedule.supplies.iter().cloned()));
        true
    };
    for source in &shelf.files {
        match assembled.accept(source, &pantry.now) {
            Ok(_) if last_good(&source.name).is_none_or(|kept| kept.text != *source.text) => {
                assembled.newly_good.push((format!("{LAST_GOOD}{}", source.name), Arc::clone(&source.text)));
            }
            Ok(_) => {}
            Err(problems) => {
                let lines = problems.iter().map(|problem| problem.line(source)).collect();
                let goes_on =
                    last_good(&source.name).is_some_and(|kept| go_on(&mut assembled, &source.name, &kept.text));
                let names = parse::names_in(&source.text);
                assembled.hold_back(SCHEDULE_FILE, source.name.to_string(), names, lines, goes_on);
            }
        }
    }
    if shelf.files.is_empty() && !kept.is_empty() {
        // Nothing can be seen of the directory: an unmounted disk must not look like "cancel everything".
        for document in kept {
            let file = document.name.strip_prefix(LAST_GOOD).unwrap_or(&document.name);
            let goes_on = go_on(&mut assembled, file, &document.text);
            if shelf.unreadable.is_empty() {
                let names = parse::names_in(&document.text);
                assembled.hold_back(SCHEDULE_FILE, file.to_owned(), names, vec![VANISHED.to_owned()], goes_on);
            } else if !goes_on {
                tracing::error!(file, "a file that was kept is no longer understood");
            }
        }
    }
    for unreadable in &shelf.unreadable {
        let line = format!("it can't be read: {}", unreadable.why);
        let goes_on =
            last_good(&unreadable.name).is_some_and(|kept| go_on(&mut assembled, &unreadable.name, &kept.text));
        let names = last_good(&unreadable.name).map(|kept| parse::names_in(&kept.text)).unwrap_or_default();
        assembled.hold_back(SCHEDULE_FILE, unreadable.name.clone(), names, vec![line], goes_on);
    }
    for document in sends {
        // These were checked when they were made; one that a newer release does not understand is left alone.
        let source = Source::new(document.name.as_str(), document.text.as_str());
        if let Err(problems) = assembled.accept(&source, &Supplies::none()) {
            tracing::error!(document = document.name, ?problems, "a send that was kept is no longer understood");
        }
    }
    for (path, supply) in pantry.found.iter() {
        let is_news = pantry.kept_texts.get(path).is_none_or(|kept| *kept != &*supply.source.text);
        if is_news && !pinned.iter().any(|pinned| pinned == path) {
            assembled.newly_good.push((format!("{LAST_GOOD_SUPPLY}{path}"), Arc::clone(&supply.source.text)));
        }
    }
    assembled.gone = gone(shelf, kept, &pantry, &assembled);
    assembled
}

/// The kept documents that nobody needs any more: there is no file, although the directory is there to be seen; and a
/// supply is used by nobody either.
fn gone(shelf: &Shelf, kept: &[Document], pantry: &Pantry<'_>, assembled: &Assembled) -> Vec<String> {
    if !shelf.unreadable.is_empty() || shelf.files.is_empty() {
        return Vec::new();
    }
    let is_on_shelf = |document: &&Document| {
        let file = document.name.strip_prefix(LAST_GOOD);
        shelf.files.iter().any(|source| Some(&*source.name) == file)
    };
    let files = kept.iter().filter(|document| !is_on_shelf(document)).map(|document| document.name.clone());
    let is_needed = |path: &str| shelf.supplies.iter().any(|supply| supply.path == path) || assembled.uses(path);
    let supplies = pantry.kept_texts.keys().filter(|path| !is_needed(path));
    files.chain(supplies.map(|path| format!("{LAST_GOOD_SUPPLY}{path}"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::message::Body;
    use crate::port::library::{FoundSupply, UnreadableFile};

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
    type Outcome = [Vec<String>; 4];

    fn look(shelf: &Shelf, kept: &[Document], kept_supplies: &[Document]) -> Outcome {
        let assembled = assemble(shelf, kept, kept_supplies, &[]);
        let held = assembled.catalog.held_back.iter();
        [
            assembled.catalog.schedules.keys().map(ToString::to_string).collect::<Vec<_>>(),
            held.map(|file| format!("{}{}", file.file, if file.last_good_in_use { "+" } else { "" })).collect(),
            assembled.newly_good.iter().map(|(name, _)| name.clone()).collect(),
            assembled.gone,
        ]
    }

    #[track_caller]
    fn expect(outcome: &Outcome, expect: [&[&str]; 4]) {
        assert_eq!(*outcome, expect.map(|list| list.iter().map(ToString::to_string).collect::<Vec<_>>()));
    }

    #[track_caller]
    fn check(files: &[Source], unreadable: &[&str], kept: &[Document], wanted: [&[&str]; 4]) {
        let unreadable = unreadable.iter().map(|name| UnreadableFile { name: (*name).into(), why: "x".into() });
        let shelf = Shelf { files: files.to_vec(), unreadable: unreadable.collect(), supplies: Vec::new() };
        expect(&look(&shelf, kept, &[]), wanted);
    }

    #[test]
    fn what_comes_into_force() {
        let (a, b) = (file("a", &["one", "two"]), file("b", &["three"]));
        let broken = Source::new("a", "[schedule.one]\n");
        let none: &[&str] = &[];
        check(&[a.clone(), b.clone()], &[], &[], [&["one", "three", "two"], none, &["file:a", "file:b"], none]);
        check(&[a.clone(), b.clone()], &[], &[kept(&a)], [&["one", "three", "two"], none, &["file:b"], none]);
        // A file is refused whole, and its last good version goes on.
        check(&[broken.clone(), b.clone()], &[], &[], [&["three"], &["a"], &["file:b"], none]);
        check(&[broken, b.clone()], &[], &[kept(&a), kept(&b)], [&["one", "three", "two"], &["a+"], none, none]);
        check(std::slice::from_ref(&b), &["a"], &[kept(&a), kept(&b)], [&["one", "three", "two"], &["a+"], none, none]);
        // The second file of a double name is held back whole.
        check(&[a.clone(), file("c", &["four", "two"])], &[], &[], [&["one", "two"], &["c"], &["file:a"], none]);
        // A removed file is forgotten; all at once they are not removed, but out of sight.
        check(std::slice::from_ref(&b), &[], &[kept(&a), kept(&b)], [&["three"], none, none, &["file:a"]]);
        check(&[], &[], &[kept(&a), kept(&b)], [&["one", "three", "two"], &["a+", "b+"], none, none]);
        check(&[], &["schedules"], &[kept(&a)], [&["one", "two"], &["schedules"], none, none]);
    }

    const PATH: &str = "text/news.md";

    /// A shelf with the schedule `news`, whose text is a supply; and with that supply, unless it is `None`.
    fn with_supply(text: Option<&str>) -> Shelf {
        let supply = text.map(|text| FoundSupply { path: PATH.into(), text: Ok(Source::new("d/text/news.md", text)) });
        Shelf { files: vec![news("")], unreadable: Vec::new(), supplies: supply.into_iter().collect() }
    }

    fn news(more: &str) -> Source {
        let text =
            "[schedule.news]\nto = \"everyone\"\nevery = \"day\"\nat = \"09:00\"\ntext_file = \"text/news.md\"\n";
        Source::new("a", format!("{text}{more}"))
    }

    fn kept_supply(text: &str) -> Document {
        let kept_at = chrono::DateTime::UNIX_EPOCH;
        Document { name: format!("{LAST_GOOD_SUPPLY}{PATH}"), text: text.to_owned(), kept_at }
    }

    /// What the schedule `news` says.
    fn said(shelf: &Shelf, kept: &[Document], kept_supplies: &[Document]) -> String {
        let assembled = assemble(shelf, kept, kept_supplies, &[]);
        let schedule = assembled.catalog.schedules.values().next().expect("news is in force");
        match &schedule.message.own.body {
            Body::Text(text) => text.as_str().to_owned(),
            Body::Card { .. } => panic!("a text was kept"),
        }
    }

    #[test]
    fn supplies_keep_their_last_good_version_too() {
        let none: &[&str] = &[];
        let supply = "supply:text/news.md";
        let (kept_news, old) = ([kept(&news(""))], [kept_supply("old")]);
        let broken = "{{ person.firstname }}";
        // New ones are kept; the same ones are not kept again.
        expect(&look(&with_supply(Some("new")), &[], &[]), [&["news"], none, &["file:a", supply], none]);
        expect(&look(&with_supply(Some("new")), &kept_news, &old), [&["news"], none, &[supply], none]);
        expect(&look(&with_supply(Some("old")), &kept_news, &old), [&["news"], none, none, none]);
        assert_eq!(said(&with_supply(Some("new")), &kept_news, &old), "new");
        // A broken one is held back, and its last good version goes on: the schedule does not notice.
        expect(&look(&with_supply(Some(broken)), &[], &[]), [none, &["d/text/news.md", "a"], none, none]);
        expect(&look(&with_supply(Some(broken)), &kept_news, &old), [&["news"], &["d/text/news.md+"], none, none]);
        assert_eq!(said(&with_supply(Some(broken)), &kept_news, &old), "old");
        let mut unreadable = with_supply(Some("x"));
        unreadable.supplies[0].text = Err(UnreadableFile { name: "d/text/news.md".into(), why: "x".into() });
        expect(&look(&unreadable, &kept_news, &old), [&["news"], &["d/text/news.md+"], none, none]);
        // One that went away takes nothing with it: the schedule is held back, and goes on with both as they were.
        expect(&look(&with_supply(None), &kept_news, &old), [&["news"], &["a+"], none, none]);
        assert_eq!(said(&with_supply(None), &kept_news, &old), "old");
        // What does not fit those who use it is not in use, and not kept in place of what does.
        let huge = "x".repeat(50_000);
        expect(&look(&with_supply(Some(&huge)), &kept_news, &old), [&["news"], &["a+"], none, none]);
        assert_eq!(said(&with_supply(Some(&huge)), &kept_news, &old), "old");
        // A schedule with a fault of its own goes on with what its supply says now.
        let mut faulty = with_supply(Some("new"));
        faulty.files = vec![news("texxt = 1\n")];
        expect(&look(&faulty, &kept_news, &old), [&["news"], &["a+"], &[supply], none]);
        assert_eq!(said(&faulty, &kept_news, &old), "new");
        // What neither has a file nor is needed is forgotten; not while nothing can be seen.
        let mut other = with_supply(None);
        other.files = vec![file("a", &["one"])];
        expect(&look(&other, &kept_news, &old), [&["one"], none, &["file:a"], &[supply]]);
        expect(&look(&Shelf::default(), &kept_news, &old), [&["news"], &["a+"], none, none]);
    }
}
