//! Times as people read them: local, with the zone, and how far off.

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;

use crate::domain::time::ZoneRules;

/// `Mon 2027-03-01 09:00`, on the clock of `zone`.
pub(super) fn local(at: DateTime<Utc>, zone: Tz, rules: &dyn ZoneRules) -> String {
    rules.civil(at, zone).format("%a %Y-%m-%d %H:%M").to_string()
}

/// `2027-03-01 08:00Z`.
pub(super) fn utc(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%MZ").to_string()
}

/// `in 3 h 12 min`, `5 min ago`, `now`.
pub(super) fn distance(at: DateTime<Utc>, now: DateTime<Utc>) -> String {
    let span = at - now;
    let words = span_words(span.abs());
    if span.abs() < TimeDelta::seconds(1) {
        "now".into()
    } else if span > TimeDelta::zero() {
        format!("in {words}")
    } else {
        format!("{words} ago")
    }
}

fn span_words(span: TimeDelta) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

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
