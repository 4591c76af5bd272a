//! When: the trigger, and the bounds of a schedule's life.
//!
//! There are five ways to say when, and a schedule takes one of them: `at` with a date means once; `every` means again
//! and again; `cron` and `rrule` are for those who know them; `event` waits for something to happen. Anything in
//! between is refused with an example of what may have been meant.

use std::ops::Range;

use chrono::{NaiveDateTime, NaiveTime, TimeDelta};

use super::cron;
use crate::domain::document::civil::Civil;
use crate::domain::document::{Placed, Table, Value};
use crate::domain::problem::{Code, Problem};
use crate::domain::schedule::when::{Trigger, WhoseClock};

// When something happens.
mod event;
// Again and again on certain days, or after a span of time.
mod every;
// By a recurrence rule.
mod rrule;
// Times of day.
mod times;

/// Which end of a schedule's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bound {
    Begin,
    End,
}

/// `from` or `until` as it was written.
#[derive(Debug, Clone)]
pub(super) struct Limit {
    pub at: NaiveDateTime,
    /// Whether it was a date without a time of day.
    pub is_date: bool,
    pub span: Range<usize>,
}

/// `from` or `until`: a date, with the whole of that day, or a civil time.
pub(super) fn read_bound(table: &mut Table<'_>, key: &'static str, bound: Bound) -> Option<Limit> {
    let value = table.value(key)?;
    let civil = value.civil()?;
    let at = match civil {
        Civil::Date(date) if bound == Bound::Begin => date.and_time(NaiveTime::MIN),
        Civil::Date(date) => date.and_time(NaiveTime::MIN) + TimeDelta::seconds(24 * 3600 - 1),
        Civil::DateTime(at) => at,
        Civil::Time(_) => {
            let message = format!("`{key}` needs a date");
            let help = format!("write for example {key} = 2026-12-01");
            table.report(Problem::new(Code::BadTime, value.span(), message).with_help(help));
            return None;
        }
        Civil::Instant(at) => {
            let message = format!("`{key}` is a time on the schedule's own clock, and takes no offset from UTC");
            let help = format!("write {key} = {}", at.naive_local().format("%Y-%m-%dT%H:%M:%S"));
            table.report(Problem::new(Code::BadTime, value.span(), message).with_help(help));
            return None;
        }
    };
    Some(Limit { at, is_date: matches!(civil, Civil::Date(_)), span: value.span() })
}

/// The ways to say when, each with the keys that belong to it. The first of these keys is the way's own.
const WAYS: [&[&str]; 4] =
    [&["cron", "days"], &["rrule", "at"], &["event", "after", "once_per"], &["every", "at", "on", "missing_day"]];

/// Every key that says something about when.
const KEYS: [&str; 10] = ["every", "at", "on", "missing_day", "cron", "days", "rrule", "event", "after", "once_per"];

/// `None` when no trigger can be made; then a problem has been reported. `clock` is `None` when the zone is wrong.
pub(super) fn read(table: &mut Table<'_>, clock: Option<&Placed<WhoseClock>>, from: Option<&Limit>) -> Option<Trigger> {
    // Each of them is known, whether or not it fits.
    let there: Vec<&str> = KEYS.into_iter().filter(|key| table.has(key)).collect();
    let way = WAYS.into_iter().find(|way| there.contains(&way[0]));
    let allowed = way.unwrap_or(&["at", "on"]);
    let strangers: Vec<&str> = there.iter().copied().filter(|key| !allowed.contains(key)).collect();
    for key in &strangers {
        stranger(table, key, way.map(|way| way[0]));
    }
    let trigger = match way.map(|way| way[0]) {
        Some("cron") => cron::read(table, from).map(Trigger::Cron),
        Some("rrule") => rrule::read(table, from).map(Trigger::Rule),
        Some("event") => event::read(table).map(Trigger::Event),
        Some(_) => every::read(table, from),
        None => read_once(table, clock),
    };
    trigger.filter(|_| strangers.is_empty())
}

/// Reports a key that does not belong to the way in which the schedule says when.
fn stranger(table: &mut Table<'_>, key: &'static str, way: Option<&str>) {
    let Some(value) = table.value(key) else { return };
    let own = WAYS.into_iter().find(|way| way[0] == key);
    let problem = match (own, way) {
        (Some(_), Some(way)) | (None, Some(way @ ("cron" | "event"))) => {
            let message = format!("`{way}` already says when, so `{key}` can't stand beside it");
            Problem::new(Code::Conflict, value.span(), message).with_help("remove one of the two")
        }
        (_, _) => {
            let home = WAYS.into_iter().find(|way| way.contains(&key)).map_or("every", |way| way[0]);
            let message = format!("`{key}` is for a schedule with `{home}`");
            Problem::new(Code::Conflict, value.span(), message).with_help("remove it")
        }
    };
    table.report(problem);
}

fn conflict(table: &mut Table<'_>, key: &'static str, because: &str) {
    let Some(value) = table.value(key) else { return };
    let message = format!("{because}, so `{key}` can't stand beside it");
    table.report(Problem::new(Code::Conflict, value.span(), message).with_help("remove one of the two"));
}

/// `at` without any other way: a date and a time.
fn read_once(table: &mut Table<'_>, clock: Option<&Placed<WhoseClock>>) -> Option<Trigger> {
    let on = table.value("on");
    if table.has("at") {
        if table.has("on") {
            let span = on.map_or_else(|| table.span(), |on| on.span());
            table.report(
                Problem::new(Code::BadEvery, span, "`on` stands without `every`")
                    .with_help("add every = \"week\", or remove `on`"),
            );
        }
        let at = table.value("at")?;
        return read_moment(table, &at, clock);
    }
    if !table.has("on") && !table.may_have_lost_keys() {
        table.report(Problem::new(Code::MissingKey, table.span(), "it does not say when").with_help(
            "add at = 2026-12-01T09:00:00 for once, or every = \"weekday\" and at = \"09:00\" for again and again",
        ));
    } else if let Some(on) = on {
        table.report(
            Problem::new(Code::BadEvery, on.span(), "`on` stands without `every`")
                .with_help("add every = \"week\" and at = \"09:00\""),
        );
    }
    None
}

fn read_moment(table: &mut Table<'_>, at: &Value<'_>, clock: Option<&Placed<WhoseClock>>) -> Option<Trigger> {
    if at.is_list() {
        let times: Vec<Civil> = at.items().iter().filter_map(Value::civil).collect();
        if times.len() == at.items().len() {
            let only_times = !times.is_empty() && times.iter().all(|time| matches!(time, Civil::Time(_)));
            let help = if only_times {
                "add every = \"day\" or every = \"weekday\""
            } else {
                "write one schedule for each date"
            };
            let message = "a list in `at` is for times of day, and needs `every`";
            table.report(Problem::new(Code::BadEvery, at.span(), message).with_help(help));
        }
        return None;
    }
    let trigger = match at.civil()? {
        Civil::DateTime(local) => Trigger::Once(local),
        Civil::Instant(instant) => match clock?.value {
            WhoseClock::Zone(zone) => Trigger::Instant { at: instant.to_utc(), zone },
            WhoseClock::Recipient => {
                let help = format!(
                    "remove the offset, as in {}, to send at each recipient's own {}; or set zone to a city, such as \"Europe/Berlin\"",
                    instant.naive_local().format("%Y-%m-%dT%H:%M:%S"),
                    instant.naive_local().format("%H:%M"),
                );
                let message = "`at` fixes one instant for everybody, but `zone` is each recipient's own";
                table.report(Problem::new(Code::InstantWithRecipientZone, at.span(), message).with_help(help));
                return None;
            }
        },
        Civil::Date(date) => {
            table.report(
                Problem::new(Code::BadTime, at.span(), "`at` needs a time of day as well")
                    .with_help(format!("write for example at = {date}T09:00:00")),
            );
            return None;
        }
        Civil::Time(time) => {
            let time = time.format("%H:%M");
            table.report(
                Problem::new(Code::BadEvery, at.span(), "`at` is a time of day, but nothing says on which days")
                    .with_help(format!(
                        "add every = \"day\" or \"weekday\", or a date, as in at = 2026-12-01T{time}:00"
                    )),
            );
            return None;
        }
    };
    for key in ["from", "until", "except"] {
        if table.has(key) {
            conflict(table, key, "`at` with a date is sent once");
            return None;
        }
    }
    Some(trigger)
}

#[cfg(test)]
mod tests;
