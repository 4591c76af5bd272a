//! Supplies, the files that schedules refer to, as they are and as they were.
//!
//! One that is broken by itself is held back, and its last good version goes on. A schedule file that is refused because of
//! a supply (it went away, or what it says now does not fit) goes on as it was, with the supplies as they were.

use std::collections::BTreeMap;

use super::LAST_GOOD_SUPPLY;
use super::assemble::{Held, Warning, warnings};
use crate::domain::problem::Source;
use crate::domain::supplies::Supplies;
use crate::domain::time::ZoneRules;
use crate::port::library::Shelf;
use crate::port::store::Document;

/// The supplies, seen in several ways.
pub(super) struct Pantry<'a> {
    pub kept_texts: BTreeMap<&'a str, &'a str>,
    /// Those that are there and good.
    pub found: Supplies,
    /// Those that are there; of one that is broken, its last good version.
    pub now: Supplies,
    /// The last good version of each, and what is new.
    pub as_before: Supplies,
    /// Those that are held back.
    pub held: Vec<Held>,
    /// What is odd in those that are not, for the log.
    pub warnings: Vec<Warning>,
}

impl<'a> Pantry<'a> {
    /// Looks through the supplies, and holds the broken ones back.
    pub(super) fn new(shelf: &Shelf, kept: &'a [Document], rules: &dyn ZoneRules) -> Self {
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
        Self { kept_texts, found: found.good(), now, as_before, held, warnings: odd }
    }
}
