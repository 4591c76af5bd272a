//! One name in two files: which of them would be meant?

use std::collections::BTreeMap;

use crate::domain::id::ScheduleName;
use crate::domain::problem::{Code, Place, Problem, Source};
use crate::domain::schedule::model::{Origin, Schedule};

/// A name that is used in more than one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Duplicate {
    pub name: ScheduleName,
    /// Where it stands first, in the order in which the files were given.
    pub first: Origin,
    /// Where it stands again.
    pub again: Origin,
}

impl Duplicate {
    /// `again` has the name of `first`.
    #[must_use]
    pub fn new(first: &Schedule, again: &Schedule) -> Self {
        Self { name: again.name.clone(), first: first.origin.clone(), again: again.origin.clone() }
    }

    /// The problem, in the file in which the name stands again.
    #[must_use]
    pub fn problem(&self, source: &Source) -> Problem {
        let start = source.offset(self.again.place);
        let end = source.text[start..].find('\n').map_or(source.text.len(), |newline| start + newline);
        Problem::new(Code::DuplicateName, start..end, self.message()).with_help(self.help())
    }

    /// What is wrong, naming both places.
    #[must_use]
    pub fn message(&self) -> String {
        let at = |origin: &Origin| {
            let Place { line, column } = origin.place;
            format!("{}:{line}:{column}", origin.file)
        };
        format!("schedule `{}` is there twice: {} and {}", self.name, at(&self.first), at(&self.again))
    }

    /// What to do about it.
    #[must_use]
    pub fn help(&self) -> &'static str {
        "give one of the two another name, or remove it"
    }
}

/// Every name that is used again, in the order of the schedules. The first use is not at fault.
#[must_use]
pub fn duplicates<'a>(schedules: impl IntoIterator<Item = &'a Schedule>) -> Vec<Duplicate> {
    let mut seen: BTreeMap<&ScheduleName, &Origin> = BTreeMap::new();
    let mut found = Vec::new();
    for schedule in schedules {
        match seen.get(&schedule.name) {
            Some(first) => found.push(Duplicate {
                name: schedule.name.clone(),
                first: (*first).clone(),
                again: schedule.origin.clone(),
            }),
            None => {
                seen.insert(&schedule.name, &schedule.origin);
            }
        }
    }
    found
}
