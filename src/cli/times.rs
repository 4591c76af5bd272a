//! Times as people read them: local, with the zone, and how far off.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Timelike, Utc};
use chrono_tz::Tz;

use crate::domain::document::civil::Civil;
use crate::domain::time::{ClockNote, ZoneRules};

/// A date that somebody typed.
pub(super) fn date(text: &str) -> Result<NaiveDate, String> {
    match Civil::read(text) {
        Ok(Civil::Date(date)) => Ok(date),
        Ok(Civil::DateTime(_) | Civil::Time(_) | Civil::Instant(_)) => Err("write a date, such as 2027-03-14".into()),
        Err(fault) => Err(format!("{}; write a date, such as 2027-03-14", fault.message)),
    }
}

/// `Mon 2027-03-01 09:00`, on the clock of `zone`.
pub(super) fn local(at: DateTime<Utc>, zone: Tz, rules: &dyn ZoneRules) -> String {
    civil(rules.civil(at, zone))
}

/// `Mon 2027-03-01 09:00`, with seconds where there are any.
pub(super) fn civil(at: NaiveDateTime) -> String {
    at.format(if at.second() == 0 { "%a %Y-%m-%d %H:%M" } else { "%a %Y-%m-%d %H:%M:%S" }).to_string()
}

/// `2027-03-01 08:00Z`, with seconds where there are any.
pub(super) fn utc(at: DateTime<Utc>) -> String {
    at.format(if at.second() == 0 { "%Y-%m-%d %H:%MZ" } else { "%Y-%m-%d %H:%M:%SZ" }).to_string()
}

/// The same instant in UTC, beside the time on the clock of `zone`: `08:00Z`, and `Sun 23:00Z` where the date is another.
pub(super) fn utc_beside(at: DateTime<Utc>, zone: Tz, rules: &dyn ZoneRules) -> String {
    let (here, there) = (at.naive_utc(), rules.civil(at, zone));
    let day = if here.date() == there.date() { String::new() } else { here.format("%a ").to_string() };
    format!("{day}{}Z", time(here.time()))
}

/// `08:00`, with seconds where there are any.
pub(super) fn time(at: NaiveTime) -> String {
    at.format(if at.second() == 0 { "%H:%M" } else { "%H:%M:%S" }).to_string()
}

/// `09:33 (in 28 min)` on the clock of `zone`, with the date where it is not that of `now`.
pub(super) fn ahead(at: DateTime<Utc>, now: DateTime<Utc>, zone: Tz, rules: &dyn ZoneRules) -> String {
    let (there, today) = (rules.civil(at, zone), rules.civil(now, zone).date());
    let time = if there.date() == today { there.format("%H:%M").to_string() } else { civil(there) };
    format!("{time} ({})", distance(at, now))
}

/// `in 3 h 12 min`, `5 min ago`, `now`.
pub(super) fn distance(at: DateTime<Utc>, now: DateTime<Utc>) -> String {
    let distance = at - now;
    let words = span(distance.abs());
    if distance.abs() < TimeDelta::seconds(1) {
        "now".into()
    } else if distance > TimeDelta::zero() {
        format!("in {words}")
    } else {
        format!("{words} ago")
    }
}

/// `3 h 12 min`, below a heading that says "in"; `5 min ago` for what is over.
pub(super) fn ahead_by(at: DateTime<Utc>, now: DateTime<Utc>) -> String {
    distance(at, now).trim_start_matches("in ").to_owned()
}

/// `3 h 12 min`.
pub(super) fn span(span: TimeDelta) -> String {
    let (days, hours, minutes) = (span.num_days(), span.num_hours() % 24, span.num_minutes() % 60);
    if days > 0 {
        format!("{days} d {hours} h")
    } else if hours > 0 {
        format!("{hours} h {minutes} min")
    } else if minutes > 0 {
        format!("{minutes} min")
    } else {
        format!("{} s", span.num_seconds())
    }
}

/// What a clock change did to a time, in words.
pub(super) fn note(note: ClockNote) -> &'static str {
    match note {
        ClockNote::ShiftedOverGap => "this hour does not exist there; moved later by the gap",
        ClockNote::FirstAfterGap => "this hour does not exist there; the first one that does",
        ClockNote::FirstOfTwo => "this hour happens twice there; the first",
        ClockNote::SecondOfTwo => "this hour happens twice there; the second",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_ahead_has_its_date_only_when_it_is_another() {
        let now: DateTime<Utc> = "2027-03-01T22:00:00Z".parse().expect("an instant");
        let rules = crate::adapter::zones::ZoneData::newest();
        let check = |minutes: i64, expect: &str| {
            assert_eq!(ahead(now + TimeDelta::minutes(minutes), now, Tz::Europe__Berlin, &rules), expect);
        };
        check(28, "23:28 (in 28 min)");
        check(63, "Tue 2027-03-02 00:03 (in 1 h 3 min)");
    }

    #[test]
    fn utc_has_its_day_only_when_it_is_another() {
        let rules = crate::adapter::zones::ZoneData::newest();
        let check = |at: &str, zone: Tz, expect: &str| {
            assert_eq!(utc_beside(at.parse().expect("an instant"), zone, &rules), expect);
        };
        check("2027-03-01T08:00:00Z", Tz::Europe__Berlin, "08:00Z");
        check("2027-02-28T23:00:00Z", Tz::Asia__Tokyo, "Sun 23:00Z");
        check("2027-03-01T08:00:20Z", Tz::Europe__Berlin, "08:00:20Z");
    }

    #[test]
    fn distances_are_in_words() {
        let now: DateTime<Utc> = "2027-03-01T08:00:00Z".parse().expect("an instant");
        let check = |seconds: i64, expect: &str| assert_eq!(distance(now + TimeDelta::seconds(seconds), now), expect);
        check(0, "now");
        check(42, "in 42 s");
        check(-300, "5 min ago");
        check(3 * 3600 + 12 * 60, "in 3 h 12 min");
        check(26 * 3600, "in 1 d 2 h");
    }
}
