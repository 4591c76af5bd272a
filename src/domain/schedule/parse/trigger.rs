//! When: `at`, `every`, `on`, `cron`, `from` and `until`.
//!
//! There are exactly three ways to say when. `at` with a date means once; `every` means again and again; `cron` is for
//! those who know it. Anything in between is refused with an example of what may have been meant.

use chrono::{NaiveDateTime, NaiveTime, TimeDelta, Weekday};

use super::cron;
use crate::domain::document::civil::Civil;
use crate::domain::document::span::TimeSpan;
use crate::domain::document::{Placed, Table, Value, excerpt, one_of};
use crate::domain::nearest::nearest;
use crate::domain::problem::{Code, Problem};
use crate::domain::schedule::model::{Calendar, Days, Trigger, WhoseClock};

const WEEKDAYS: [(&str, Weekday); 7] = [
    ("monday", Weekday::Mon),
    ("tuesday", Weekday::Tue),
    ("wednesday", Weekday::Wed),
    ("thursday", Weekday::Thu),
    ("friday", Weekday::Fri),
    ("saturday", Weekday::Sat),
    ("sunday", Weekday::Sun),
];

const EVERY: &str = "write \"day\", \"weekday\", \"week\", or a span such as \"90m\"";

/// Which end of a schedule's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bound {
    Begin,
    End,
}

/// `from` or `until`: a date, with the whole of that day, or a civil time.
pub(super) fn read_bound(table: &mut Table<'_>, key: &'static str, bound: Bound) -> Option<Placed<NaiveDateTime>> {
    let value = table.value(key)?;
    let at = match value.civil()? {
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
    Some(Placed { value: at, span: value.span() })
}

/// `None` when no trigger can be made; then a problem has been reported. `clock` is `None` when the zone is wrong.
pub(super) fn read(
    table: &mut Table<'_>,
    clock: Option<&Placed<WhoseClock>>,
    from: Option<&Placed<NaiveDateTime>>,
) -> Option<Trigger> {
    let at = table.value("at");
    let every = table.text("every");
    let on = table.value("on");
    let pattern = table.value("cron");

    if table.has("cron") {
        let mut alone = true;
        for key in ["every", "at", "on"] {
            if table.has(key) {
                alone = false;
                conflict(table, key, "`cron` already says when");
            }
        }
        return pattern.and_then(|pattern| cron::read(&pattern)).filter(|_| alone).map(Trigger::Cron);
    }
    if table.has("every") {
        // Damaged: nothing can be said of `at` and `on` that is sure to be right.
        let every = every?;
        return read_every(table, &every, at.as_ref(), on.as_ref(), from);
    }
    if table.has("at") {
        if table.has("on") {
            let span = on.map_or_else(|| table.span(), |on| on.span());
            table.report(
                Problem::new(Code::BadEvery, span, "`on` stands without `every`")
                    .with_help("add every = \"week\", or remove `on`"),
            );
        }
        return read_once(table, &at?, clock);
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

fn conflict(table: &mut Table<'_>, key: &'static str, because: &str) {
    let Some(value) = table.value(key) else { return };
    let message = format!("{because}, so `{key}` can't stand beside it");
    table.report(Problem::new(Code::Conflict, value.span(), message).with_help("remove one of the two"));
}

/// `at` alone: a date and a time.
fn read_once(table: &mut Table<'_>, at: &Value<'_>, clock: Option<&Placed<WhoseClock>>) -> Option<Trigger> {
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
            WhoseClock::Zone(_) => Trigger::Instant(instant),
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
    for key in ["from", "until"] {
        if table.has(key) {
            conflict(table, key, "`at` with a date is sent once");
            return None;
        }
    }
    Some(trigger)
}

fn read_every(
    table: &mut Table<'_>,
    every: &Placed<&str>,
    at: Option<&Value<'_>>,
    on: Option<&Value<'_>>,
    from: Option<&Placed<NaiveDateTime>>,
) -> Option<Trigger> {
    let days = match every.value {
        "day" => Some(Days::Every),
        "weekday" => Some(Days::Weekdays),
        "week" => {
            let days = on.and_then(|on| read_days(table, on));
            if !table.has("on") && !table.may_have_lost_keys() {
                bad_every(table, every, "every = \"week\" needs `on`", "add on = \"monday\", or a list of days");
            }
            // The times are read all the same, for their problems.
            let times = read_times(table, every, at);
            return Some(Trigger::Calendar(Calendar { days: Days::OnWeekdays(days?), times: times? }));
        }
        _ => None,
    };
    let Some(days) = days else { return read_elapsed(table, every, at, on, from) };
    let times = read_times(table, every, at);
    if let Some(on) = on {
        let message = format!("`on` does not fit every = \"{}\"", every.value);
        table.report(
            Problem::new(Code::BadEvery, on.span(), message).with_help("write every = \"week\", or remove `on`"),
        );
        return None;
    }
    Some(Trigger::Calendar(Calendar { days, times: times? }))
}

fn bad_every(table: &Table<'_>, every: &Placed<&str>, message: impl Into<String>, help: impl Into<String>) {
    table.report(Problem::new(Code::BadEvery, every.span.clone(), message).with_help(help));
}

/// The times of day of `at`: ascending, no two alike.
fn read_times(table: &mut Table<'_>, every: &Placed<&str>, at: Option<&Value<'_>>) -> Option<Vec<NaiveTime>> {
    let Some(at) = at else {
        if !table.has("at") && !table.may_have_lost_keys() {
            bad_every(table, every, format!("every = \"{}\" needs a time of day", every.value), "add at = \"09:00\"");
        }
        return None;
    };
    let mut times = Vec::new();
    let mut all_right = true;
    for item in at.items() {
        match item.civil() {
            Some(Civil::Time(time)) => times.push(time),
            Some(Civil::Date(_) | Civil::DateTime(_) | Civil::Instant(_)) => {
                all_right = false;
                let message = "`every` needs a time of day in `at`, not a date";
                let help = "write at = \"09:00\", and the first day in `from`; or remove `every` to send it once";
                table.report(Problem::new(Code::BadEvery, item.span(), message).with_help(help));
            }
            None => all_right = false,
        }
    }
    if times.is_empty() && all_right {
        table.report(Problem::new(Code::BadEvery, at.span(), "`at` names no time").with_help("write at = \"09:00\""));
    }
    times.sort_unstable();
    times.dedup();
    (all_right && !times.is_empty()).then_some(times)
}

/// The days of `on`: in the order of the week, no two alike.
fn read_days(table: &mut Table<'_>, on: &Value<'_>) -> Option<Vec<Weekday>> {
    let names = WEEKDAYS.iter().map(|(name, _)| *name);
    let mut days = Vec::new();
    let mut all_right = true;
    for item in on.items() {
        let Some(text) = item.text() else {
            item.wrong_type("a day of the week in quotes, or a list of them", Some("write on = \"monday\"".into()));
            all_right = false;
            continue;
        };
        let plain = text.trim().to_lowercase();
        let found = WEEKDAYS.iter().find(|(name, _)| *name == plain || name[..3] == plain);
        if let Some((_, day)) = found {
            days.push(*day);
            continue;
        }
        all_right = false;
        let help = if plain.contains(' ') && WEEKDAYS.iter().any(|(name, _)| plain.ends_with(name)) {
            "only days of the week are supported yet, such as \"monday\"".into()
        } else {
            match nearest(text, names.clone()) {
                Some(day) => format!("did you mean \"{day}\"?"),
                None => format!("write {}", one_of(names.clone())),
            }
        };
        let message = format!("\"{}\" is no day of the week", excerpt(text));
        table.report(Problem::new(Code::UnknownWord, item.span(), message).with_help(help));
    }
    if days.is_empty() && all_right {
        table.report(Problem::new(Code::BadEvery, on.span(), "`on` names no day").with_help("write on = \"monday\""));
    }
    days.sort_unstable_by_key(Weekday::num_days_from_monday);
    days.dedup();
    (all_right && !days.is_empty()).then_some(days)
}

/// `every = "90m"`: elapsed time, counted from `from`.
fn read_elapsed(
    table: &mut Table<'_>,
    every: &Placed<&str>,
    at: Option<&Value<'_>>,
    on: Option<&Value<'_>>,
    from: Option<&Placed<NaiveDateTime>>,
) -> Option<Trigger> {
    let word = every.value;
    let Some(span) = TimeSpan::read(word) else {
        bad_word(table, every);
        return None;
    };
    if span.in_days {
        let message = format!("every = \"{}\" is not supported yet", excerpt(word));
        let help = "write \"day\" or \"week\" with `on`; or hours, such as \"48h\", for elapsed time";
        bad_every(table, every, message, help);
        return None;
    }
    let mut all_right = true;
    if span.length.as_secs() < 60 {
        all_right = false;
        table.report(
            Problem::new(Code::BadSpan, every.span.clone(), "`every` must be a minute at least")
                .with_help("write for example \"90m\""),
        );
    }
    for (key, value) in [("at", at), ("on", on)] {
        if let Some(value) = value {
            all_right = false;
            let message = format!("`{key}` does not fit every = \"{}\", which counts from `from`", excerpt(word));
            let help = match key {
                "at" => "remove `at`, and put the first time into `from`, as in from = 2026-12-01T09:00:00",
                _ => "remove `on`",
            };
            table.report(Problem::new(Code::BadEvery, value.span(), message).with_help(help));
        }
    }
    if !table.has("from") && !table.may_have_lost_keys() {
        let message = format!("every = \"{}\" needs a beginning to count from", excerpt(word));
        bad_every(table, every, message, "add for example from = 2026-12-01T09:00:00");
    }
    let anchor = from?.value;
    all_right.then_some(Trigger::Elapsed { every: span.length, anchor })
}

/// `every` is neither a word nor a span.
fn bad_word(table: &Table<'_>, every: &Placed<&str>) {
    let plain = every.value.trim().to_lowercase();
    let weekday = WEEKDAYS.iter().find(|(name, _)| *name == plain || format!("{name}s") == plain);
    let help = if let Some((day, _)) = weekday {
        format!("write every = \"week\" and on = \"{day}\"")
    } else {
        match plain.as_str() {
            "hour" | "hourly" => "write \"1h\", and the beginning in `from`".into(),
            "minute" => "write for example \"15m\", and the beginning in `from`".into(),
            "daily" => "did you mean \"day\"?".into(),
            "weekly" => "did you mean \"week\"?".into(),
            "workday" | "working day" | "weekdays" => "did you mean \"weekday\"?".into(),
            "month" | "year" => format!("\"{plain}\" is not supported yet; {EVERY}, or use `cron`"),
            _ => match nearest(&plain, ["day", "weekday", "week"]) {
                Some(word) => format!("did you mean \"{word}\"?"),
                None => EVERY.into(),
            },
        }
    };
    let message = format!("`every` can't be \"{}\"", excerpt(every.value));
    table.report(Problem::new(Code::UnknownWord, every.span.clone(), message).with_help(help));
}
