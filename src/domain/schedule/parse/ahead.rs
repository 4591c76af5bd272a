//! Schedules whose time has passed. It takes a clock to know, so the caller asks.

use chrono::{DateTime, TimeDelta, Utc};

use crate::domain::document;
use crate::domain::problem::{Code, Problem, Source};
use crate::domain::schedule::model::{Schedule, Trigger};

/// The clocks of the zone that is furthest behind show a civil time this long after UTC does.
const LAST_ZONE: TimeDelta = TimeDelta::hours(12);

/// Whether nothing will be sent any more: the one time, or the end, has passed everywhere on earth, and so has the
/// time in which it may be late. For a schedule on one zone's clock this is said up to a day too late, never too early.
#[must_use]
pub fn nothing_ahead(schedule: &Schedule, now: DateTime<Utc>) -> bool {
    let end = match &schedule.when.trigger {
        Trigger::Instant(at) => Some(at.to_utc()),
        Trigger::Once(at) => at.checked_add_signed(LAST_ZONE).map(|at| at.and_utc()),
        Trigger::Calendar(_) | Trigger::Elapsed { .. } | Trigger::Cron(_) => {
            schedule.when.until.and_then(|until| until.checked_add_signed(LAST_ZONE)).map(|until| until.and_utc())
        }
    };
    // A date at the end of time is ahead.
    end.and_then(|end| end.checked_add_signed(schedule.policies.open_for())).is_some_and(|end| end < now)
}

/// The warning that says so, at the `at` or `until` of the schedule in the file from which it was read.
#[must_use]
pub fn nothing_ahead_problem(schedule: &Schedule, source: &Source) -> Problem {
    let key = match schedule.when.trigger {
        Trigger::Once(_) | Trigger::Instant(_) => "at",
        Trigger::Calendar(_) | Trigger::Elapsed { .. } | Trigger::Cron(_) => "until",
    };
    let (span, _) = document::read(&source.text, |document| {
        let mut schedules = document.root().table("schedule")?;
        let (_, value) = schedules.entries().into_iter().find(|(name, _)| name.value == schedule.name.as_str())?;
        let mut table = value.table()?;
        let span = table.value(key).map(|value| value.span());
        span.or_else(|| Some(table.span()))
    });
    let message = "the time has passed everywhere; nothing will be sent";
    Problem::new(Code::NothingAhead, span.unwrap_or(0..0), message)
        .with_help(format!("change `{key}`, or remove the schedule"))
}
