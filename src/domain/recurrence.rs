//! Which civil times a trigger means, and which instant each of them is in a zone.
//!
//! Recurrence is walked in civil time only. A cron pattern is walked by handing the cron library civil times dressed
//! up as UTC, where no clock ever changes; what a zone's clock does to them is decided afterwards, in [`instant`].

use std::time::Duration;

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use chrono_tz::Tz;

use crate::domain::schedule::when::{Calendar, CronPattern, OnHoliday, Trigger, When};
use crate::domain::time::{ClockChangePolicy, GapPolicy, Resolved, ZoneRules, resolve};

// The dates of `every`.
mod days;
// What becomes of occurrences on days off.
mod exceptions;
// The text of a recurrence rule.
pub mod rrule;
// Recurrence rules of RFC 5545.
pub mod rule;

/// No clock has ever been set by more than this.
const LARGEST_CHANGE: TimeDelta = TimeDelta::days(2);

/// The occurrences from `start` to `end`, both included, strictly ascending, that may have an instant in some zone. They are those of
/// `when`, but for elapsed time: its end and its days off are those of each clock, which only [`instant`] knows.
#[must_use]
pub fn candidates<'w>(
    when: &'w When,
    rules: &dyn ZoneRules,
    start: NaiveDateTime,
    end: NaiveDateTime,
) -> Box<dyn Iterator<Item = NaiveDateTime> + 'w> {
    if let Trigger::Elapsed { every, anchor } = &when.trigger
        && is_off_by_the_clock(when)
    {
        let last = when.until.and_then(|until| until.checked_add_signed(LARGEST_CHANGE));
        Box::new(elapsed_times(*every, *anchor, start, last.map_or(end, |last| last.min(end))))
    } else {
        occurrences(when, rules, start, end)
    }
}

/// Whether the days off of elapsed time are those of each clock. What is moved away from a holiday is moved by its nominal
/// time, since it must have one key everywhere.
fn is_off_by_the_clock(when: &When) -> bool {
    match when.exceptions.on_holiday {
        OnHoliday::Skip => true,
        OnHoliday::NextWorkday | OnHoliday::PreviousWorkday => false,
    }
}

/// The occurrences of `when` from `start` to `end`, both included, strictly ascending. Of elapsed time those that its nominal
/// times mean; which they are in a zone, [`candidates`] and [`instant`] say together.
#[must_use]
pub fn occurrences<'w>(
    when: &'w When,
    rules: &dyn ZoneRules,
    start: NaiveDateTime,
    end: NaiveDateTime,
) -> Box<dyn Iterator<Item = NaiveDateTime> + 'w> {
    match when.trigger {
        Trigger::Instant { at, zone } => once(rules.civil(at, zone), start, end),
        Trigger::Once(_)
        | Trigger::Calendar(_)
        | Trigger::Elapsed { .. }
        | Trigger::Cron(_)
        | Trigger::Rule(_)
        | Trigger::Event(_) => civil_times(when, start, end),
    }
}

/// The occurrences of what is written in civil time: those of an instant and of an event are not.
#[must_use]
pub fn civil_times(
    when: &When,
    start: NaiveDateTime,
    end: NaiveDateTime,
) -> Box<dyn Iterator<Item = NaiveDateTime> + '_> {
    let start = when.from.map_or(start, |from| from.max(start));
    let end = when.until.map_or(end, |until| until.min(end));
    if when.exceptions.is_empty() {
        return of_trigger(when, start, end);
    }
    exceptions::apply(&when.exceptions, start, end, |first, last| of_trigger(when, first, last))
}

/// Without the exceptions, and never outside of the schedule's life.
fn of_trigger(when: &When, start: NaiveDateTime, end: NaiveDateTime) -> Box<dyn Iterator<Item = NaiveDateTime> + '_> {
    let start = when.from.map_or(start, |from| from.max(start));
    let end = when.until.map_or(end, |until| until.min(end));
    if end < start {
        return Box::new(std::iter::empty());
    }
    match &when.trigger {
        Trigger::Once(at) => once(*at, start, end),
        Trigger::Calendar(calendar) => Box::new(calendar_times(calendar, start, end)),
        Trigger::Elapsed { every, anchor } => Box::new(elapsed_times(*every, *anchor, start, end)),
        Trigger::Cron(pattern) => Box::new(cron_times(pattern, start, end)),
        Trigger::Rule(rule) => Box::new(rule.occurrences(start, end)),
        Trigger::Instant { .. } | Trigger::Event(_) => Box::new(std::iter::empty()),
    }
}

fn once(at: NaiveDateTime, start: NaiveDateTime, end: NaiveDateTime) -> Box<dyn Iterator<Item = NaiveDateTime>> {
    Box::new(std::iter::once(at).filter(move |at| (start..=end).contains(at)))
}

fn calendar_times(
    calendar: &Calendar,
    start: NaiveDateTime,
    end: NaiveDateTime,
) -> impl Iterator<Item = NaiveDateTime> + '_ {
    days::dates(&calendar.days, start.date(), end.date())
        .flat_map(|date| calendar.times.iter().map(move |time| date.and_time(*time)))
        .filter(move |at| (start..=end).contains(at))
}

/// The nominal civil times `anchor + n × every`. They are the identities of the occurrences; the instants come from
/// the anchor's instant (see [`instant`]), so that elapsed time stays elapsed time over a clock change.
fn elapsed_times(
    every: Duration,
    anchor: NaiveDateTime,
    start: NaiveDateTime,
    end: NaiveDateTime,
) -> impl Iterator<Item = NaiveDateTime> {
    let step = TimeDelta::from_std(every).ok().filter(|step| *step > TimeDelta::zero());
    let first = step.and_then(|step| {
        let behind = (start - anchor).num_seconds().max(0);
        let steps = behind.div_euclid(step.num_seconds()) + i64::from(behind.rem_euclid(step.num_seconds()) > 0);
        anchor.checked_add_signed(TimeDelta::seconds(steps.checked_mul(step.num_seconds())?))
    });
    std::iter::successors(first, move |at| at.checked_add_signed(step?)).take_while(move |at| *at <= end)
}

fn cron_times(
    pattern: &CronPattern,
    start: NaiveDateTime,
    end: NaiveDateTime,
) -> impl Iterator<Item = NaiveDateTime> + '_ {
    // No further occurrence and a search that gave up are both an end here: the parser has made sure that the
    // pattern fires at all.
    let next = move |after: NaiveDateTime, inclusive: bool| {
        let next = pattern.cron.find_next_occurrence(&after.and_utc(), inclusive).ok()?.naive_utc();
        (next <= end && (inclusive || next > after)).then_some(next)
    };
    std::iter::successors(next(start, true), move |at| next(*at, false))
}

/// The instant of an occurrence on the clock of `zone`. `None` when it falls into a gap and the schedule skips those, and when
/// elapsed time comes to a day off there, or behind the end.
#[must_use]
pub fn instant(when: &When, occurrence: NaiveDateTime, zone: Tz, rules: &dyn ZoneRules) -> Option<Resolved> {
    match &when.trigger {
        Trigger::Once(_) | Trigger::Calendar(_) | Trigger::Cron(_) | Trigger::Rule(_) => {
            resolve(occurrence, zone, rules, when.clock_changes)
        }
        // Its instants come from the event and not from a clock.
        Trigger::Event(_) => None,
        Trigger::Instant { at, .. } => Some(Resolved { at: *at, note: None }),
        Trigger::Elapsed { anchor, .. } => {
            // A beginning that falls into a gap must not silence the zone for ever, so it is never skipped.
            let gap = match when.clock_changes.gap {
                GapPolicy::FirstValid => GapPolicy::FirstValid,
                GapPolicy::Shift | GapPolicy::Skip => GapPolicy::Shift,
            };
            let start = resolve(*anchor, zone, rules, ClockChangePolicy { gap, ..when.clock_changes })?;
            let at: DateTime<Utc> = start.at.checked_add_signed(occurrence - *anchor)?;
            let is_meant = !is_off_by_the_clock(when) || is_on(when, rules.civil(at, zone));
            is_meant.then_some(Resolved { at, note: None })
        }
    }
}

/// Whether `local` is before the end and on no day off.
fn is_on(when: &When, local: NaiveDateTime) -> bool {
    let (exceptions, date) = (&when.exceptions, local.date());
    when.until.is_none_or(|until| local <= until) && !exceptions.dates.contains(&date) && !exceptions.is_holiday(date)
}

#[cfg(test)]
mod tests {
    use chrono::{NaiveTime, Weekday};

    use super::*;
    use crate::domain::schedule::when::{Days, Exceptions, Rhythm, WhoseClock};

    fn civil(text: &str) -> NaiveDateTime {
        text.parse().expect("a civil time")
    }

    fn time(text: &str) -> NaiveTime {
        text.parse().expect("a time of day")
    }

    fn when(trigger: Trigger) -> When {
        When {
            trigger,
            clock: WhoseClock::Recipient,
            from: None,
            until: None,
            exceptions: Exceptions::default(),
            clock_changes: ClockChangePolicy::default(),
        }
    }

    fn cron(text: &str) -> Trigger {
        let cron = text.parse().expect("a cron pattern");
        Trigger::Cron(CronPattern { text: text.to_owned(), cron: Box::new(cron) })
    }

    fn check(when: &When, start: &str, end: &str, expect: &[&str]) {
        let got: Vec<_> = civil_times(when, civil(start), civil(end)).map(|at| at.to_string()).collect();
        assert_eq!(got, expect, "{when:?}");
    }

    #[test]
    fn once_is_once() {
        let once = when(Trigger::Once(civil("2027-03-01T09:00:00")));
        check(&once, "2027-02-01T00:00:00", "2027-04-01T00:00:00", &["2027-03-01 09:00:00"]);
        check(&once, "2027-03-01T09:00:01", "2027-04-01T00:00:00", &[]);
    }

    #[test]
    fn weekdays_leave_the_weekend_out() {
        let calendar = Calendar { days: Days::Weekdays, times: vec![time("09:00:00"), time("16:30:00")] };
        check(
            &when(Trigger::Calendar(calendar)),
            "2027-02-26T10:00:00",
            "2027-03-01T12:00:00",
            &["2027-02-26 16:30:00", "2027-03-01 09:00:00"],
        );
    }

    #[test]
    fn weekly_days_and_bounds() {
        let calendar = Calendar {
            days: Days::Weekly { rhythm: Rhythm::Each, on: vec![Weekday::Tue, Weekday::Thu] },
            times: vec![time("14:00:00")],
        };
        let mut weekly = when(Trigger::Calendar(calendar));
        weekly.from = Some(civil("2027-03-04T00:00:00"));
        weekly.until = Some(civil("2027-03-09T23:59:59"));
        check(&weekly, "2027-03-01T00:00:00", "2027-03-31T00:00:00", &["2027-03-04 14:00:00", "2027-03-09 14:00:00"]);
    }

    #[test]
    fn elapsed_spans_count_from_the_anchor() {
        let every = Trigger::Elapsed { every: Duration::from_mins(90), anchor: civil("2027-03-01T09:00:00") };
        check(
            &when(every),
            "2027-03-01T10:00:00",
            "2027-03-01T13:30:00",
            &["2027-03-01 10:30:00", "2027-03-01 12:00:00", "2027-03-01 13:30:00"],
        );
    }

    #[test]
    fn cron_walks_civil_time_and_never_repeats() {
        check(
            &when(cron("30 1,13 * * *")),
            "2027-10-31T00:00:00",
            "2027-10-31T23:00:00",
            &["2027-10-31 01:30:00", "2027-10-31 13:30:00"],
        );
        check(
            &when(cron("0 9 * * mon-fri")),
            "2027-02-26T09:00:00",
            "2027-03-01T23:00:00",
            &["2027-02-26 09:00:00", "2027-03-01 09:00:00"],
        );
        check(&when(cron("0 0 29 2 *")), "2027-01-01T00:00:00", "2028-12-31T00:00:00", &["2028-02-29 00:00:00"]);
    }
}
