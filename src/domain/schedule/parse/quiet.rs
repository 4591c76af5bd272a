//! Messages that quiet hours never let through.

use chrono::NaiveTime;

use super::place::span_of;
use crate::domain::document::Table;
use crate::domain::problem::{Code, Problem, Source};
use crate::domain::quiet::{InQuietHours, QuietHours};
use crate::domain::schedule::model::{Policies, Priority, QuietPolicy, Schedule};
use crate::domain::schedule::when::{Trigger, When, WhoseClock};

/// Warns of times of day that are always quiet by the schedule's own quiet hours for as long as the message may be late.
pub(super) fn warn(table: &mut Table<'_>, when: &When, policies: &Policies) {
    let QuietPolicy::Own(own) = &policies.quiet_hours else { return };
    let Some(time) = never_sent(when, policies, own) else { return };
    let Some(value) = table.value("quiet_hours") else { return };
    let message = format!("{} is in these quiet hours, and may not wait until they end", time.format("%H:%M"));
    table.report(
        Problem::new(Code::AlwaysQuiet, value.span(), message)
            .with_help("change the one or the other, or raise `late`; as it is, it is never sent"),
    );
}

/// The same warning by the quiet hours of the configuration, at the `at` of the schedule in the file from which it was read.
#[must_use]
pub fn always_quiet(schedule: &Schedule, source: &Source, house: &[QuietHours]) -> Option<Problem> {
    let policies = &schedule.policies;
    if policies.quiet_hours != QuietPolicy::House || policies.priority == Priority::Critical {
        return None;
    }
    let time = never_sent(&schedule.when, policies, house)?.format("%H:%M");
    let message = format!("{time} is in the quiet hours of nudged.toml, and may not wait until they end");
    let problem = Problem::new(Code::AlwaysQuiet, span_of("at", schedule, source), message);
    Some(problem.with_help("change it, raise `late`, or say `quiet_hours` here; as it is, it is never sent"))
}

/// A time of day at which nobody gets the message for these quiet hours.
fn never_sent(when: &When, policies: &Policies, quiet: &[QuietHours]) -> Option<NaiveTime> {
    // On one clock for everybody, it is another hour for each recipient.
    if when.clock != WhoseClock::Recipient {
        return None;
    }
    let times: Vec<NaiveTime> = match &when.trigger {
        Trigger::Once(at) => vec![at.time()],
        Trigger::Calendar(calendar) => calendar.times.clone(),
        Trigger::Rule(rule) => rule.times.clone(),
        Trigger::Instant { .. } | Trigger::Elapsed { .. } | Trigger::Cron(_) | Trigger::Event(_) => return None,
    };
    times.into_iter().find(|time| {
        quiet.iter().filter_map(|quiet| quiet.always_quiet_for(*time)).any(|wait| {
            // Who is due last has the least left of them.
            let least = wait.saturating_sub(policies.jitter);
            match policies.in_quiet_hours {
                // At the very end of `late` it is over before anybody looks.
                InQuietHours::Hold => least >= policies.late,
                InQuietHours::Drop => !least.is_zero(),
            }
        })
    })
}
