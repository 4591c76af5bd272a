//! Calendars of holidays, and how they are read: our own TOML, or iCalendar as offices and governments publish it.

use std::collections::BTreeMap;

use chrono::{Days, NaiveDate, NaiveDateTime, NaiveTime};

use crate::domain::problem::{Problem, Source};
use crate::domain::recurrence::rule::Rule;
use crate::domain::time::ZoneRules;

mod ics;
mod toml;

/// The days off of a country, a company or a team.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HolidayCalendar {
    /// The name by which schedules call it: that of its file, without the ending.
    pub name: String,
    /// Single days, each with what it is called.
    pub days: BTreeMap<NaiveDate, String>,
    pub repeated: Vec<RepeatedHoliday>,
}

/// A holiday that comes again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepeatedHoliday {
    pub title: String,
    pub rule: Rule,
    /// How long it is each time, in days.
    pub length: u32,
    /// Days on which it does not begin although the rule says so.
    pub except: Vec<NaiveDate>,
}

/// The longest holiday: an entry over years is a mistake in the file.
const LONGEST: u32 = 366;

impl HolidayCalendar {
    /// What is celebrated on `date`, if anything.
    #[must_use]
    pub fn on(&self, date: NaiveDate) -> Option<&str> {
        let repeated = || self.repeated.iter().find(|holiday| holiday.includes(date)).map(|holiday| &holiday.title);
        self.days.get(&date).or_else(repeated).map(String::as_str)
    }

    #[must_use]
    pub fn contains(&self, date: NaiveDate) -> bool {
        self.on(date).is_some()
    }

    /// Adds a holiday of `length` days.
    fn add(&mut self, first: NaiveDate, length: u32, title: &str) {
        for day in first.iter_days().take(usize::try_from(length.min(LONGEST)).unwrap_or(0)) {
            self.days.entry(day).or_insert_with(|| title.to_owned());
        }
    }
}

impl RepeatedHoliday {
    fn includes(&self, date: NaiveDate) -> bool {
        let earliest = date.checked_sub_days(Days::new(u64::from(self.length.saturating_sub(1)))).unwrap_or(date);
        let mut begins = self.rule.occurrences(midnight(earliest), midnight(date));
        begins.any(|begin| !self.except.contains(&begin.date()))
    }
}

fn midnight(date: NaiveDate) -> NaiveDateTime {
    date.and_time(NaiveTime::MIN)
}

/// The name by which schedules call the calendar of a path: that of its file, without the ending.
#[must_use]
pub fn name_of(path: &str) -> &str {
    let file = path.rsplit('/').next().unwrap_or(path);
    file.split('.').next().unwrap_or(file)
}

/// Reads a calendar file, by its ending: as much as can be understood, and everything that is wrong with it. What stands in
/// UTC there is brought to a clock by `rules`.
#[must_use]
pub fn read(source: &Source, rules: &dyn ZoneRules) -> (HolidayCalendar, Vec<Problem>) {
    let (mut calendar, problems) = match source.name.strip_suffix(".ics") {
        Some(_) => ics::read(&source.text, rules),
        None => toml::read(&source.text),
    };
    name_of(&source.name).clone_into(&mut calendar.name);
    (calendar, problems)
}
