//! Quiet hours: when nobody is to be disturbed, on each recipient's own clock.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveDateTime, NaiveTime, Utc, Weekday};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::domain::time::{ClockChangePolicy, FoldPolicy, GapPolicy, ZoneRules, resolve};

/// A time of each day in which nothing is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct QuietHours {
    begin: NaiveTime,
    /// When they end, on the same day or on the next. Midnight at the end of a day is that of the next.
    end: NaiveTime,
    /// The days on which they begin; empty for every day.
    days: Vec<Weekday>,
}

/// What becomes of a message that falls due in quiet hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum InQuietHours {
    /// It waits for their end, if they end before it is too late.
    #[default]
    Hold,
    /// It is not sent.
    Drop,
}

impl QuietHours {
    /// Understands `20:00-08:00`. `None` when it is something else, or when begin and end are the same; a whole day is
    /// `00:00-24:00`.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let (begin, end) = text.split_once(['-', '–'])?;
        let time = |text: &str| NaiveTime::parse_from_str(text.trim(), "%H:%M").ok();
        let begin = time(begin)?;
        let end = if end.trim() == "24:00" { NaiveTime::MIN } else { Some(time(end)?).filter(|end| *end != begin)? };
        Some(Self { begin, end, days: Vec::new() })
    }

    /// Only those that begin on one of these days.
    #[must_use]
    pub fn on(mut self, days: Vec<Weekday>) -> Self {
        self.days = days;
        self
    }

    /// How long it is quiet after `time` on every day; `None` when it is not quiet then, or not on every day.
    #[must_use]
    pub fn always_quiet_for(&self, time: NaiveTime) -> Option<Duration> {
        const DAY: i64 = 24 * 60 * 60;
        let seconds = |from: NaiveTime, to: NaiveTime| (to - from).num_seconds().rem_euclid(DAY);
        // From midnight to midnight is the whole day.
        let length = if self.begin == self.end { DAY } else { seconds(self.begin, self.end) };
        let left = length - seconds(self.begin, time);
        (self.days.is_empty() && left > 0).then(|| Duration::from_secs(left.unsigned_abs()))
    }

    /// When the quiet hours end in which the clock of `zone` is at `at`; `None` when it is in none.
    #[must_use]
    pub fn end_after(&self, at: DateTime<Utc>, zone: Tz, rules: &dyn ZoneRules) -> Option<DateTime<Utc>> {
        let end = self.end_on_the_clock(rules.civil(at, zone))?;
        // Where the clock jumps over the end, they end with the jump.
        let policy = ClockChangePolicy { gap: GapPolicy::FirstValid, fold: FoldPolicy::First };
        let first = resolve(end, zone, rules, policy)?.at;
        // Where the clock shows the end twice and the first time has passed, the second counts.
        let second = ClockChangePolicy { fold: FoldPolicy::Second, ..policy };
        let end = if first > at { first } else { resolve(end, zone, rules, second)?.at };
        // Set back from within them, the clock may show a time before they begin, and come to them once more.
        let set_back = set_back_between(at, end, zone, rules);
        set_back.filter(|at| self.end_on_the_clock(rules.civil(*at, zone)).is_none()).or(Some(end))
    }

    /// The time at which those end in which a clock is that shows `local`.
    fn end_on_the_clock(&self, local: NaiveDateTime) -> Option<NaiveDateTime> {
        let today = local.date();
        // Those that began today, and those that began yesterday.
        let end = [Some(today), today.pred_opt()].into_iter().flatten().filter_map(|day| self.beginning_on(day));
        end.filter(|(begin, end)| (*begin..*end).contains(&local)).map(|(_, end)| end).max()
    }

    /// From when to when they last that begin on `day`.
    fn beginning_on(&self, day: NaiveDate) -> Option<(NaiveDateTime, NaiveDateTime)> {
        if !self.days.is_empty() && !self.days.contains(&day.weekday()) {
            return None;
        }
        let last = if self.begin < self.end { day } else { day.checked_add_days(Days::new(1))? };
        Some((day.and_time(self.begin), last.and_time(self.end)))
    }
}

/// The second in which the clock of `zone` is set back between two instants that are not further apart than its changes.
fn set_back_between(from: DateTime<Utc>, to: DateTime<Utc>, zone: Tz, rules: &dyn ZoneRules) -> Option<DateTime<Utc>> {
    let offset = |second: i64| Some(rules.offset_at(DateTime::from_timestamp(second, 0)?, zone).local_minus_utc());
    let (mut before, mut after) = (from.timestamp(), to.timestamp());
    let at_first = offset(before)?;
    if offset(after)? >= at_first {
        return None;
    }
    while after - before > 1 {
        let between = before + (after - before) / 2;
        if offset(between)? < at_first {
            after = between;
        } else {
            before = between;
        }
    }
    DateTime::from_timestamp(after, 0)
}

/// When it is quiet no more in any of `all`, counted from `at`; `None` when it is not quiet at `at`. The end of some may
/// lie within others.
#[must_use]
pub fn end_of_all(all: &[&QuietHours], at: DateTime<Utc>, zone: Tz, rules: &dyn ZoneRules) -> Option<DateTime<Utc>> {
    /// A week of whole days has an end for each of them; whoever is quiet for ever is never disturbed.
    const MOST: usize = 16;
    let mut quiet_until = None;
    for _ in 0..MOST {
        let from = quiet_until.unwrap_or(at);
        match all.iter().filter_map(|quiet| quiet.end_after(from, zone, rules)).max() {
            Some(end) => quiet_until = Some(end),
            None => return quiet_until,
        }
    }
    Some(DateTime::<Utc>::MAX_UTC)
}

impl fmt::Display for QuietHours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = self.end.format("%H:%M").to_string();
        let end = if self.end == NaiveTime::MIN { "24:00" } else { &end };
        write!(f, "{}-{end}", self.begin.format("%H:%M"))
    }
}

impl TryFrom<String> for QuietHours {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::read(&text).ok_or_else(|| format!("{text:?} is not understood as quiet hours"))
    }
}

/// A person's own quiet hours hold every day.
impl From<QuietHours> for String {
    fn from(quiet: QuietHours) -> Self {
        quiet.to_string()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use chrono::{FixedOffset, TimeDelta};

    use super::*;
    use crate::domain::time::LocalTime;

    /// A clock that is always one hour ahead.
    struct HourAhead;

    impl ZoneRules for HourAhead {
        fn local_time(&self, _: NaiveDateTime, _: Tz) -> LocalTime {
            LocalTime::Unique(FixedOffset::east_opt(3600).expect("an hour"))
        }

        fn offset_at(&self, _: DateTime<Utc>, _: Tz) -> FixedOffset {
            FixedOffset::east_opt(3600).expect("an hour")
        }

        fn version(&self) -> Arc<str> {
            "test".into()
        }
    }

    /// On the clock, from the local time on that is given: when all are over. 2027-03-01 is a Monday.
    fn check(all: &[QuietHours], local: &str, expect: Option<&str>) {
        let hour = TimeDelta::hours(1);
        let at = local.parse::<NaiveDateTime>().expect("a time").and_utc() - hour;
        let end = end_of_all(&all.iter().collect::<Vec<_>>(), at, Tz::UTC, &HourAhead)
            .map(|end| (end + hour).naive_utc().to_string());
        assert_eq!(end.as_deref(), expect, "{all:?} {local}");
    }

    fn quiet(text: &str) -> QuietHours {
        QuietHours::read(text).expect("quiet hours")
    }

    #[test]
    fn a_night_goes_over_midnight() {
        let night = [quiet("20:00-08:00")];
        check(&night, "2027-03-01T19:59:59", None);
        check(&night, "2027-03-01T20:00:00", Some("2027-03-02 08:00:00"));
        check(&night, "2027-03-02T07:59:59", Some("2027-03-02 08:00:00"));
        check(&night, "2027-03-02T08:00:00", None);
        check(&[quiet("12:00-13:00")], "2027-03-01T12:30:00", Some("2027-03-01 13:00:00"));
        check(&[], "2027-03-01T12:30:00", None);
    }

    #[test]
    fn those_that_touch_are_one() {
        let weekend = quiet("00:00-24:00").on(vec![Weekday::Sat, Weekday::Sun]);
        let all = [quiet("20:00-08:00"), weekend.clone()];
        check(&all, "2027-03-05T21:00:00", Some("2027-03-08 08:00:00"));
        check(std::slice::from_ref(&weekend), "2027-03-06T00:00:00", Some("2027-03-08 00:00:00"));
        check(std::slice::from_ref(&weekend), "2027-03-05T23:59:59", None);
        // The night that begins on a Friday goes on into Saturday.
        let friday = quiet("22:00-06:00").on(vec![Weekday::Fri]);
        check(&[friday], "2027-03-06T05:00:00", Some("2027-03-06 06:00:00"));
        let for_ever = end_of_all(&[&quiet("00:00-24:00")], DateTime::UNIX_EPOCH, Tz::UTC, &HourAhead);
        assert_eq!(for_ever, Some(DateTime::<Utc>::MAX_UTC));
    }

    #[test]
    fn a_time_of_day_may_always_be_quiet() {
        let check = |text: &str, time: &str, minutes: Option<u64>| {
            let time = NaiveTime::parse_from_str(time, "%H:%M").expect("a time of day");
            assert_eq!(quiet(text).always_quiet_for(time), minutes.map(Duration::from_mins), "{text} {time}");
        };
        check("20:00-08:00", "07:30", Some(30));
        check("20:00-08:00", "20:00", Some(12 * 60));
        check("20:00-08:00", "08:00", None);
        check("12:00-13:00", "12:45", Some(15));
        check("00:00-24:00", "12:00", Some(12 * 60));
        assert_eq!(quiet("20:00-08:00").on(vec![Weekday::Sat]).always_quiet_for(NaiveTime::MIN), None);
    }

    #[test]
    fn hours_are_read_strictly_and_shown_as_they_were() {
        for text in ["20:00-08:00", "00:00-24:00", "12:00-13:00", "18:00-24:00"] {
            assert_eq!(quiet(text).to_string(), text);
        }
        for bad in ["", "20:00", "20:00-20:00", "8-20", "20:00-25:00", "24:00-08:00", "a-b"] {
            assert_eq!(QuietHours::read(bad), None, "{bad}");
        }
    }
}
