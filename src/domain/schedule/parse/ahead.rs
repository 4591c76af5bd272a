//! Schedules whose time has passed. It takes a clock to know, so the caller asks.

use chrono::{DateTime, TimeDelta, Utc};

use super::place::span_of;
use crate::domain::problem::{Code, Problem, Source};
use crate::domain::schedule::model::Schedule;
use crate::domain::schedule::when::Trigger;

/// The clocks of the zone that is furthest behind show a civil time this long after UTC does.
const LAST_ZONE: TimeDelta = TimeDelta::hours(12);

/// Whether nothing will be sent any more: the one time, or the end, has passed everywhere on earth, and so has the
/// time in which it may be late. For a schedule on one zone's clock this is said up to a day too late, never too early.
#[must_use]
pub fn nothing_ahead(schedule: &Schedule, now: DateTime<Utc>) -> bool {
    let end = match &schedule.when.trigger {
        Trigger::Instant { at, .. } => Some(*at),
        Trigger::Once(at) => at.checked_add_signed(LAST_ZONE).map(|at| at.and_utc()),
        // An event may come as long as the schedule lives.
        Trigger::Calendar(_) | Trigger::Elapsed { .. } | Trigger::Cron(_) | Trigger::Rule(_) | Trigger::Event(_) => {
            schedule.when.until.and_then(|until| until.checked_add_signed(LAST_ZONE)).map(|until| until.and_utc())
        }
    };
    // A date at the end of time is ahead.
    end.and_then(|end| end.checked_add_signed(schedule.policies.open_for())).is_some_and(|end| end < now)
}

/// The warning that says so, at the `at` or `until` of the schedule in the file from which it was read.
#[must_use]
pub fn nothing_ahead_problem(schedule: &Schedule, source: &Source) -> Problem {
    let key = if schedule.when.trigger.fires_once() { "at" } else { "until" };
    let message = "the time has passed everywhere; nothing will be sent";
    Problem::new(Code::NothingAhead, span_of(key, schedule, source), message)
        .with_help(format!("change `{key}`, or remove the schedule"))
}
