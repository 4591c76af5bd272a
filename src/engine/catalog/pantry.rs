//! Supplies, the files that schedules refer to, as they are and as they were.
//!
//! One that is broken by itself is held back, and its last good version goes on. A schedule file that is refused because of
//! a supply (it went away, or what it says now does not fit) goes on as it was, with the supplies as they were.
//!
//! `calendar:recipient` names no calendar, so nothing is wrong with a file that says it when one goes away. What was a holiday
//! for somebody is one all the same, until it is said that this is meant.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::LAST_GOOD_SUPPLY;
use super::assemble::{Held, Warning, warnings};
use crate::domain::id::ScheduleName;
use crate::domain::problem::{Problem, Severity, Source};
use crate::domain::schedule::model::Schedule;
use crate::domain::schedule::parse;
use crate::domain::supplies::Supplies;
use crate::domain::time::ZoneRules;
use crate::port::library::Shelf;
use crate::port::store::Document;

/// What is said of a calendar that went away.
const GONE: &str = "it is gone, and schedules with except = \"calendar:recipient\" may need it, so it goes on; if it is \
                    meant, say `nudged reload --prune`";

/// The supplies, seen in several ways.
pub(super) struct Pantry<'a> {
    pub kept_texts: BTreeMap<&'a str, &'a str>,
    /// Those that are there and good.
    pub found: Supplies,
    /// Those that are there; of one that is broken, its last good version.
    pub now: Supplies,
    /// The last good version of each, and what is new.
    pub as_before: Supplies,
    /// The last good versions of calendars that went away.
    missed: Supplies,
    /// Those that are held back.
    pub held: Vec<Held>,
    /// What is odd in those that are not, for the log.
    pub warnings: Vec<Warning>,
}

impl<'a> Pantry<'a> {
    /// Looks through the supplies, and holds the broken ones back.
    /// With `prune`, calendars may go.
    pub(super) fn new(shelf: &Shelf, kept: &'a [Document], rules: &dyn ZoneRules, prune: bool) -> Self {
        let kept_texts: BTreeMap<&str, &str> = kept
            .iter()
            .filter_map(|document| Some((document.name.strip_prefix(LAST_GOOD_SUPPLY)?, document.text.as_str())))
            .collect();
        let last_good = kept_texts.iter().map(|(path, text)| ((*path).to_owned(), Source::new(*path, *text)));
        let last_good = Supplies::read(last_good, rules).good();
        let found = shelf.understand(rules);
        let mut now = found.good();
        let (mut held, mut odd) = (Vec::new(), Vec::new());
        let mut hold_back = |path: &str, name: &str, problems: Vec<String>| {
            let last = last_good.only(path);
            held.push(Held {
                what: "supply",
                file: name.to_owned(),
                problems,
                goes_on: last.get(path).is_some(),
                schedules: Vec::new(),
            });
            now = now.or(&last);
        };
        for (path, supply) in found.iter() {
            if supply.is_good() {
                odd.extend(warnings(&supply.source, &supply.problems));
            } else {
                let lines = supply.problems.iter().map(|problem| problem.line(&supply.source)).collect();
                hold_back(path, &supply.source.name, lines);
            }
        }
        let as_before = last_good.or(&now);
        // What can't be seen nobody can mean.
        let may_go = prune && shelf.unreadable.is_empty();
        let missed = if may_go { Supplies::none() } else { last_good.calendars_missing_in(&now) };
        Self { kept_texts, found: found.good(), now, as_before, missed, held, warnings: odd }
    }

    /// What a file says now. A calendar that went away is seen by those alone who do not name it.
    pub(super) fn read(&self, source: &Source) -> (Vec<Schedule>, Vec<Problem>) {
        let (schedules, problems) = parse::parse(source, &self.now);
        let is_good = problems.iter().all(|problem| problem.severity() == Severity::Warning);
        let asks = |schedule: &Schedule| schedule.when.exceptions.asks_for_own_holidays();
        if is_good && self.missed.iter().next().is_some() && schedules.iter().any(asks) {
            return parse::parse(source, &self.now.or(&self.missed));
        }
        (schedules, problems)
    }

    /// The calendars that went away and hold for somebody in what comes into force.
    pub(super) fn missed_by(&self, in_force: &BTreeMap<ScheduleName, Arc<Schedule>>) -> Vec<Held> {
        let asks = |schedule: &Schedule, path: &str| {
            schedule.when.exceptions.asks_for_own_holidays() && schedule.supplies.iter().any(|used| used == path)
        };
        let paths = self.missed.iter().map(|(path, _)| path);
        let missed = paths.filter(|path| in_force.values().any(|schedule| asks(schedule, path)));
        let held = |path: &str| Held {
            what: "supply",
            file: path.to_owned(),
            problems: vec![GONE.to_owned()],
            goes_on: true,
            schedules: Vec::new(),
        };
        missed.map(held).collect()
    }
}
