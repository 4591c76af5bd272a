//! (files, last good versions) → what comes into force, and what is held back and why.
//!
//! A file that is held back goes on as it was, so what it says has its place before anything new: a name that it has is not
//! free, and a newcomer never takes a name from a file that has had it. Whoever turns out not to fit is held back as well,
//! and all is laid out once more, until everything fits.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use super::pantry::Pantry;
use super::{Catalog, LAST_GOOD, LAST_GOOD_SUPPLY, guard};
use crate::domain::id::ScheduleName;
use crate::domain::problem::{Problem, Severity, Source};
use crate::domain::schedule::model::Schedule;
use crate::domain::schedule::parse::{self, Duplicate, refused_renames};
use crate::domain::supplies::Supplies;
use crate::domain::time::ZoneRules;
use crate::engine::cores;
use crate::port::desk::HeldBackFile;
use crate::port::library::Shelf;
use crate::port::reload::Guard;
use crate::port::store::Document;

/// What is in force, which texts are to be kept as good under which names, and which kept ones no longer have a file: a
/// removed file must not come back to life on the day on which the directory can't be read.
#[derive(Debug, Default)]
pub(super) struct Assembled {
    pub catalog: Catalog,
    pub newly_good: Vec<(String, Arc<str>)>,
    pub gone: Vec<String>,
    held: Vec<Held>,
    warnings: Vec<Warning>,
}

/// A file that is not used as it stands.
#[derive(Debug)]
pub(super) struct Held {
    /// What it is, for the log.
    pub what: &'static str,
    pub file: String,
    /// Each in one line.
    pub problems: Vec<String>,
    /// Whether its last good version is in force.
    pub goes_on: bool,
    /// The names of the schedules in it, as far as they can be seen.
    pub schedules: Vec<String>,
}

/// Something that is odd and not wrong.
#[derive(Debug)]
pub(super) struct Warning {
    source: Source,
    problem: Problem,
}

pub(super) fn warnings(source: &Source, problems: &[Problem]) -> Vec<Warning> {
    problems.iter().map(|problem| Warning { source: source.clone(), problem: problem.clone() }).collect()
}

impl Assembled {
    /// Tells the log what is odd and what is held back.
    pub(super) fn tell(&self) {
        for Warning { source, problem } in &self.warnings {
            let place = source.place(problem.span.start);
            tracing::warn!(
                file = %source.name, line = place.line, column = place.column, code = %problem.code,
                help = problem.help, "{}", problem.message
            );
        }
        for Held { what, file, problems, goes_on, schedules: _ } in self.held.iter().take(FILES_TOLD) {
            for problem in problems {
                tracing::error!(file, last_good_in_use = goes_on, "{what} held back: {problem}");
            }
        }
        let more = self.held.len().saturating_sub(FILES_TOLD);
        if more > 0 {
            tracing::error!("and {more} more files held back; `nudged check` names them all");
        }
    }
}

/// So many files the log names one by one: a directory that lost its rights is one fault, and not a thousand.
const FILES_TOLD: usize = 50;

const SCHEDULE_FILE: &str = "schedule file";

/// A schedule file that is there, or was.
struct File<'a> {
    name: &'a str,
    /// `None` where there is nothing to be read.
    source: Option<&'a Source>,
    /// What it says now.
    schedules: Vec<Arc<Schedule>>,
    warnings: Vec<Problem>,
    last_good: Option<&'a str>,
    use_of_it: Use,
}

/// What is made of a file.
enum Use {
    /// It is taken as it stands.
    AsItStands,
    /// Its last good version goes on for these reasons; there are none where they are told of its directory.
    HeldBack(Vec<String>),
    /// It is not there, and what it said ends.
    Gone,
}

impl File<'_> {
    fn is_held_back(&self) -> bool {
        matches!(self.use_of_it, Use::HeldBack(_))
    }

    fn is_gone(&self) -> bool {
        matches!(self.use_of_it, Use::Gone)
    }

    /// The names of the schedules that stand in it, and where its last good version goes on also of those in that one.
    fn names(&self, goes_on: bool) -> Vec<String> {
        let now = self.source.map(|source| &*source.text);
        let before = self.last_good.filter(|_| goes_on || now.is_none());
        let mut names: Vec<String> = Vec::new();
        for name in now.into_iter().chain(before).flat_map(parse::names_in) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// Whose names come first: those of what goes on, then those of what has not changed, of what was there before, of what is
    /// new.
    fn rank(&self) -> u8 {
        let now = self.source.map(|source| &*source.text);
        match (&self.use_of_it, self.last_good) {
            (Use::HeldBack(_), _) => 0,
            (_, Some(before)) if now == Some(before) => 1,
            (_, Some(_)) => 2,
            (_, None) => 3,
        }
    }
}

pub(super) fn assemble(
    shelf: &Shelf,
    kept: &[Document],
    kept_supplies: &[Document],
    sends: &[Document],
    rules: &dyn ZoneRules,
    prune: bool,
) -> Assembled {
    let mut pantry = Pantry::new(shelf, kept_supplies, rules, prune);
    let mut files = files(shelf, kept, &pantry);
    let mut guard: Option<Guard> = None;
    let laid_out = loop {
        let laid_out = LaidOut::new(&files, &pantry);
        if !laid_out.objections.is_empty() {
            for (at, lines) in laid_out.objections {
                files[at].use_of_it = Use::HeldBack(lines);
            }
            continue;
        }
        let Some(found) = (!prune).then(|| too_many(&mut files, &laid_out, &pantry, shelf)).flatten() else {
            break laid_out;
        };
        let guard = guard.get_or_insert_default();
        guard.of = found.of;
        guard.schedules.extend(found.schedules);
        guard.schedules.sort();
    };
    let LaidOut { schedules, in_use, pinned, objections: _ } = laid_out;

    let mut assembled = Assembled { held: std::mem::take(&mut pantry.held), ..Assembled::default() };
    // Where no file is to be seen, that is told.
    if !shelf.files.is_empty() {
        assembled.held.extend(pantry.missed_by(&schedules));
    }
    assembled.warnings.append(&mut pantry.warnings);
    for (at, file) in files.iter().enumerate() {
        match (&file.use_of_it, file.source) {
            (Use::AsItStands, Some(source)) => {
                assembled.warnings.extend(warnings(source, &file.warnings));
                if file.last_good != Some(&*source.text) {
                    assembled.newly_good.push((format!("{LAST_GOOD}{}", file.name), Arc::clone(&source.text)));
                }
            }
            (Use::HeldBack(problems), _) if !problems.is_empty() => {
                let below = told_with(file, &files, &in_use, shelf);
                let goes_on = in_use.contains(&at) || !below.is_empty();
                let names = file.names(goes_on).into_iter().chain(below.iter().flat_map(|file| file.names(true)));
                assembled.held.push(Held {
                    what: SCHEDULE_FILE,
                    file: file.name.to_owned(),
                    problems: problems.clone(),
                    goes_on,
                    schedules: names.collect(),
                });
            }
            (Use::AsItStands | Use::HeldBack(_) | Use::Gone, _) => {}
        }
    }
    let held_back = assembled.held.iter().map(|held| HeldBackFile {
        file: held.file.clone(),
        last_good_in_use: held.goes_on,
        problems: held.problems.clone(),
        schedules: held.schedules.clone(),
    });
    assembled.catalog = Catalog { schedules, held_back: held_back.collect(), guard };
    add_sends(&mut assembled.catalog, sends);
    for (path, supply) in pantry.found.iter() {
        let is_news = pantry.kept_texts.get(path).is_none_or(|kept| *kept != &*supply.source.text);
        if is_news && !pinned.contains(path) {
            assembled.newly_good.push((format!("{LAST_GOOD_SUPPLY}{path}"), Arc::clone(&supply.source.text)));
        }
    }
    if prune || !shelf.files.is_empty() {
        assembled.gone = gone(shelf, &files, &pantry, &assembled.catalog);
    }
    assembled
}

/// Every file that is there, in the order in which they are told, and those that were.
fn files<'a>(shelf: &'a Shelf, kept: &'a [Document], pantry: &Pantry<'_>) -> Vec<File<'a>> {
    let last_good: BTreeMap<&str, &str> = kept
        .iter()
        .filter_map(|document| Some((document.name.strip_prefix(LAST_GOOD)?, document.text.as_str())))
        .collect();
    let parsed = cores::map(&shelf.files, |source| pantry.read(source));
    let there = shelf.files.iter().zip(parsed).map(|(source, (schedules, problems))| {
        let is_wrong = problems.iter().any(|problem| problem.severity() == Severity::Error);
        let lines = problems.iter().map(|problem| problem.line(source));
        File {
            name: &source.name,
            source: Some(source),
            last_good: last_good.get(&*source.name).copied(),
            use_of_it: if is_wrong { Use::HeldBack(lines.collect()) } else { Use::AsItStands },
            schedules: schedules.into_iter().map(Arc::new).collect(),
            warnings: problems,
        }
    });
    let nothing = |name, use_of_it| File {
        name,
        source: None,
        schedules: Vec::new(),
        warnings: Vec::new(),
        last_good: last_good.get(name).copied(),
        use_of_it,
    };
    let unreadable = shelf.unreadable.iter().map(|file| nothing(file.name.as_str(), Use::HeldBack(vec![file.line()])));
    let mut files: Vec<File<'a>> = there.chain(unreadable).collect();
    let known: BTreeSet<&str> = files.iter().map(|file| file.name).collect();
    let rest = last_good.keys().filter(|name| !known.contains(*name)).map(|name| {
        // Where a directory can't be read, nothing is known of what is in it.
        let is_out_of_sight = shelf.unreadable.iter().any(|place| is_out_of_sight(name, &place.name, shelf));
        nothing(*name, if is_out_of_sight { Use::HeldBack(Vec::new()) } else { Use::Gone })
    });
    let rest: Vec<File<'a>> = rest.collect();
    files.extend(rest);
    files
}

/// Whether a file can't be seen since this place, of which it may be a part, can't be read.
fn is_out_of_sight(name: &str, place: &str, shelf: &Shelf) -> bool {
    shelf.files.is_empty() || Path::new(name).starts_with(place)
}

/// What goes on as it was in this directory, which can't be read.
fn told_with<'f, 'a>(
    place: &File<'_>,
    files: &'f [File<'a>],
    in_use: &BTreeSet<usize>,
    shelf: &Shelf,
) -> Vec<&'f File<'a>> {
    let is_told_here = |file: &File<'_>| matches!(&file.use_of_it, Use::HeldBack(problems) if problems.is_empty());
    let goes_on = |file: &&File<'_>| is_told_here(file) && is_out_of_sight(file.name, place.name, shelf);
    if place.source.is_some() { Vec::new() } else { in_use.iter().map(|at| &files[*at]).filter(goes_on).collect() }
}

/// What files come to together.
#[derive(Default)]
struct LaidOut {
    schedules: BTreeMap<ScheduleName, Arc<Schedule>>,
    /// The files whose last good version is in force.
    in_use: BTreeSet<usize>,
    /// Supplies that must stay as they were kept, since what is there now does not fit those who use it.
    pinned: BTreeSet<String>,
    /// Of files that do not fit as they stand.
    objections: BTreeMap<usize, Vec<String>>,
}

impl LaidOut {
    fn new(files: &[File<'_>], pantry: &Pantry<'_>) -> Self {
        let mut laid_out = Self::default();
        let mut order: Vec<usize> = (0..files.len()).collect();
        order.sort_by_key(|at| files[*at].rank());
        for at in order {
            match &files[at].use_of_it {
                Use::HeldBack(_) => laid_out.go_on(at, &files[at], pantry),
                Use::AsItStands => laid_out.take(at, &files[at]),
                Use::Gone => {}
            }
        }
        for refused in refused_renames(laid_out.schedules.values().map(AsRef::as_ref)) {
            let at = files.iter().position(|file| file.name == &*refused.file && !file.is_held_back());
            if let Some((at, source)) = at.and_then(|at| Some((at, files[at].source?))) {
                laid_out.objections.entry(at).or_default().push(refused.problem(source).line(source));
            }
        }
        laid_out
    }

    fn take(&mut self, at: usize, file: &File<'_>) {
        let Some(source) = file.source else { return };
        let twice = file.schedules.iter().filter_map(|again| {
            let first = self.schedules.get(&again.name)?;
            Some(Duplicate::new(first, again).problem(source).line(source))
        });
        let twice: Vec<String> = twice.collect();
        if twice.is_empty() {
            self.schedules.extend(file.schedules.iter().map(|schedule| (schedule.name.clone(), Arc::clone(schedule))));
        } else {
            self.objections.insert(at, twice);
        }
    }

    fn go_on(&mut self, at: usize, file: &File<'_>, pantry: &Pantry<'_>) {
        let Some((schedules, as_before)) = last_good(file, pantry) else { return };
        if schedules.iter().any(|schedule| self.schedules.contains_key(&schedule.name)) {
            return;
        }
        if as_before {
            self.pinned.extend(schedules.iter().flat_map(|schedule| schedule.supplies.iter().cloned()));
        }
        self.schedules.extend(schedules.into_iter().map(|schedule| (schedule.name.clone(), Arc::new(schedule))));
        self.in_use.insert(at);
    }
}

/// What the last good version of a file says, and whether it needs the supplies as they were for that.
fn last_good(file: &File<'_>, pantry: &Pantry<'_>) -> Option<(Vec<Schedule>, bool)> {
    let source = Source::new(file.name, file.last_good?);
    let good = |(schedules, problems): (Vec<Schedule>, Vec<Problem>)| {
        problems.iter().all(|problem| problem.severity() == Severity::Warning).then_some(schedules)
    };
    let now = good(pantry.read(&source)).map(|schedules| (schedules, false));
    now.or_else(|| good(parse::parse(&source, &pantry.as_before)).map(|schedules| (schedules, true)))
}

/// Holds files back by which too many schedules would go at once, and says which. `None` where there are none.
fn too_many(files: &mut [File<'_>], laid_out: &LaidOut, pantry: &Pantry<'_>, shelf: &Shelf) -> Option<Guard> {
    let renamed: BTreeSet<&ScheduleName> =
        laid_out.schedules.values().filter_map(|schedule| Some(&schedule.renamed.as_ref()?.from)).collect();
    let (mut of, mut going, mut by) = (0, BTreeSet::new(), BTreeSet::new());
    for (at, file) in files.iter().enumerate() {
        if file.rank() <= 1 {
            // It is as it was, or goes on as it was.
            of += if file.is_held_back() {
                last_good(file, pantry).map_or(0, |(schedules, _)| schedules.len())
            } else {
                file.schedules.len()
            };
            continue;
        }
        let before = last_good(file, pantry).map(|(schedules, _)| schedules).unwrap_or_default();
        of += before.len();
        for schedule in before {
            if !laid_out.schedules.contains_key(&schedule.name) && !renamed.contains(&schedule.name) {
                by.insert(at);
                going.insert(schedule.name.to_string());
            }
        }
    }
    let every_file_is_gone = shelf.files.is_empty() && shelf.unreadable.is_empty();
    if !guard::is_too_many(going.len(), of, every_file_is_gone) {
        return None;
    }
    let guard = Guard { schedules: going.into_iter().collect(), of: of as u64 };
    for at in by {
        files[at].use_of_it = Use::HeldBack(vec![guard::words(&guard)]);
    }
    Some(guard)
}

/// These were checked when they were made; one that a newer release does not understand is left alone.
fn add_sends(catalog: &mut Catalog, sends: &[Document]) {
    for document in sends {
        let source = Source::new(document.name.as_str(), document.text.as_str());
        match parse::accept(&source, &Supplies::none()) {
            Ok(accepted) => {
                let schedules = accepted.schedules.into_iter();
                catalog.schedules.extend(schedules.map(|schedule| (schedule.name.clone(), Arc::new(schedule))));
            }
            Err(problems) => {
                tracing::error!(document = document.name, ?problems, "a send that was kept is no longer understood");
            }
        }
    }
}

/// The kept documents that nobody needs any more: there is no file, although the directory is there to be seen; and a
/// supply is used by nobody either.
fn gone(shelf: &Shelf, files: &[File<'_>], pantry: &Pantry<'_>, catalog: &Catalog) -> Vec<String> {
    if !shelf.unreadable.is_empty() {
        return Vec::new();
    }
    let of_files = files.iter().filter(|file| file.is_gone()).map(|file| format!("{LAST_GOOD}{}", file.name));
    let is_used = |path: &str| catalog.schedules.values().any(|it| it.supplies.iter().any(|used| used == path));
    let is_needed = |path: &str| shelf.supplies.iter().any(|supply| supply.path == path) || is_used(path);
    let supplies = pantry.kept_texts.keys().filter(|path| !is_needed(path));
    of_files.chain(supplies.map(|path| format!("{LAST_GOOD_SUPPLY}{path}"))).collect()
}

#[cfg(test)]
mod tests;
