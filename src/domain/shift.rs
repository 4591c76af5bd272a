//! What an edit does to what is still to be sent, told in people: who moves from which hour to which, who comes and who goes.
//!
//! Two pictures of one schedule are compared, from before the edit and from after it. What belongs together is found as
//! [`edit`](crate::domain::edit) finds it for the ledger: on one date, the two times that are nearest to each other.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{NaiveDate, NaiveDateTime, NaiveTime};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::domain::edit::nearest_pairs;

/// A time of day, and on whose clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hour {
    pub time: NaiveTime,
    /// `None` means each recipient's own clock.
    pub zone: Option<Tz>,
}

/// People who get a message at another hour than before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moved {
    pub from: Hour,
    pub to: Hour,
    pub people: u64,
}

/// How many people are still to get each occurrence of a schedule, by the clock on which it is due.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Open(BTreeMap<(NaiveDateTime, Clock), u64>);

/// `None` is each recipient's own clock, as in [`Hour`]. Zones have no order of their own, so the name gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Clock(Option<Tz>);

impl Ord for Clock {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.map(Tz::name).cmp(&other.0.map(Tz::name))
    }
}

impl PartialOrd for Clock {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Open {
    /// Counts `people` of an occurrence.
    pub fn add(&mut self, occurrence: NaiveDateTime, zone: Option<Tz>, people: u64) {
        if people > 0 {
            *self.0.entry((occurrence, Clock(zone))).or_default() += people;
        }
    }

    #[must_use]
    pub fn people(&self) -> u64 {
        self.0.values().sum()
    }

    fn times(&self) -> BTreeSet<NaiveDateTime> {
        self.0.keys().map(|(time, _)| *time).collect()
    }

    /// The clocks of one occurrence of which somebody is left.
    fn clocks(&self, time: NaiveDateTime) -> Vec<Clock> {
        let all = self.0.iter().filter(|((it, _), people)| *it == time && **people > 0);
        all.map(|((_, clock), _)| *clock).collect()
    }

    /// Takes as many as both have left.
    fn take(&mut self, own: (NaiveDateTime, Clock), other: &mut Open, others: (NaiveDateTime, Clock)) -> u64 {
        let (Some(here), Some(there)) = (self.0.get_mut(&own), other.0.get_mut(&others)) else { return 0 };
        let both = (*here).min(*there);
        *here -= both;
        *there -= both;
        both
    }
}

/// What became of what was open.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shift {
    /// In the order of the hours.
    pub moved: Vec<Moved>,
    /// Who gets something that they would not have got.
    pub added: u64,
    /// Who would have got something, and does not.
    pub cancelled: u64,
}

/// Compares what was open with what is.
#[must_use]
pub fn shift(before: &Open, after: &Open) -> Shift {
    let (mut went, mut came) = (before.clone(), after.clone());
    let (times_before, times_after) = (before.times(), after.times());
    for (time, clock) in before.0.keys() {
        went.take((*time, *clock), &mut came, (*time, *clock));
    }
    let mut moved = BTreeMap::new();
    let mut move_on = |from: NaiveDateTime, to: NaiveDateTime| {
        for clock in went.clocks(from) {
            for other in came.clocks(to) {
                let people = went.take((from, clock), &mut came, (to, other));
                if people > 0 {
                    *moved.entry(((from.time(), clock), (to.time(), other))).or_default() += people;
                }
            }
        }
    };
    // The same time on another clock.
    for time in times_before.intersection(&times_after) {
        move_on(*time, *time);
    }
    let mut dates: BTreeMap<NaiveDate, [Vec<NaiveDateTime>; 2]> = BTreeMap::new();
    for time in times_before.difference(&times_after) {
        dates.entry(time.date()).or_default()[0].push(*time);
    }
    for time in times_after.difference(&times_before) {
        dates.entry(time.date()).or_default()[1].push(*time);
    }
    for [gone, new] in dates.values() {
        for (from, to) in nearest_pairs(gone, new) {
            move_on(from, to);
        }
    }
    let hour = |(time, clock): (NaiveTime, Clock)| Hour { time, zone: clock.0 };
    let moved = moved.into_iter().map(|((from, to), people)| Moved { from: hour(from), to: hour(to), people });
    Shift { moved: moved.collect(), added: came.people(), cancelled: went.people() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `1T09:00=5` is five people on the first of the month; `1T09:00@Europe/Berlin=5` are they on one clock.
    fn open(text: &str) -> Open {
        let mut open = Open::default();
        for word in text.split_whitespace() {
            let (when, people) = word.split_once('=').expect("a number");
            let (when, zone) = when.split_once('@').map_or((when, None), |(when, zone)| (when, Some(zone)));
            let (day, time) = when.split_once('T').expect("a day");
            let occurrence = format!("2027-03-{day:0>2}T{time}:00").parse().expect("a civil time");
            open.add(occurrence, zone.map(|zone| zone.parse().expect("a zone")), people.parse().expect("a number"));
        }
        open
    }

    fn shown(hour: Hour) -> String {
        let zone = hour.zone.map_or_else(String::new, |zone| format!("@{}", zone.name()));
        format!("{}{zone}", hour.time.format("%H:%M"))
    }

    #[track_caller]
    fn check(before: &str, after: &str, moved: &[&str], added: u64, cancelled: u64) {
        let shift = shift(&open(before), &open(after));
        let shown: Vec<_> =
            shift.moved.iter().map(|it| format!("{}>{}={}", shown(it.from), shown(it.to), it.people)).collect();
        assert_eq!(
            (shown.iter().map(String::as_str).collect::<Vec<_>>().as_slice(), shift.added, shift.cancelled),
            (moved, added, cancelled),
            "{before} → {after}"
        );
        let (was, is) = (open(before).people(), open(after).people());
        assert_eq!(was + shift.added, is + shift.cancelled, "nobody is counted twice or not at all");
    }

    #[test]
    fn what_moves_is_told_by_its_hours() {
        check("1T09:00=5", "1T09:00=5", &[], 0, 0);
        check("1T09:00=5 2T09:00=7", "1T09:30=5 2T09:30=7", &["09:00>09:30=12"], 0, 0);
        check("1T09:00=5", "1T09:00@Europe/Berlin=5", &["09:00>09:00@Europe/Berlin=5"], 0, 0);
        check("1T09:00=5", "1T10:00@Europe/Berlin=5", &["09:00>10:00@Europe/Berlin=5"], 0, 0);
        // Only the nearer of two has moved.
        check("1T09:00=5 1T16:00=5", "1T10:00=5 1T16:00=5", &["09:00>10:00=5"], 0, 0);
        check("1T09:00=5", "1T10:00=5 1T16:00=5", &["09:00>10:00=5"], 5, 0);
    }

    #[test]
    fn who_comes_and_who_goes_is_counted() {
        check("", "1T09:00=5", &[], 5, 0);
        check("1T09:00=5", "", &[], 0, 5);
        check("1T09:00=5", "1T09:00=8", &[], 3, 0);
        check("1T09:00=5", "1T09:30=8", &["09:00>09:30=5"], 3, 0);
        check("1T09:00=5", "1T09:30=2", &["09:00>09:30=2"], 0, 3);
        // Another date is another occurrence.
        check("1T09:00=5", "2T09:00=5", &[], 5, 5);
    }
}
