//! Messages that the quiet hours of their own schedule never let through.

use chrono::NaiveTime;

use crate::domain::document::Table;
use crate::domain::problem::{Code, Problem};
use crate::domain::quiet::InQuietHours;
use crate::domain::schedule::model::{Policies, QuietPolicy};
use crate::domain::schedule::when::{Trigger, When, WhoseClock};

/// Warns of times of day that are always quiet for longer than the message may be late.
pub(super) fn warn(table: &mut Table<'_>, when: &When, policies: &Policies) {
    let QuietPolicy::Own(own) = &policies.quiet_hours else { return };
    // On one clock for everybody, it is another hour for each recipient.
    if when.clock != WhoseClock::Recipient {
        return;
    }
    let times: Vec<NaiveTime> = match &when.trigger {
        Trigger::Once(at) => vec![at.time()],
        Trigger::Calendar(calendar) => calendar.times.clone(),
        Trigger::Rule(rule) => rule.times.clone(),
        Trigger::Instant { .. } | Trigger::Elapsed { .. } | Trigger::Cron(_) | Trigger::Event(_) => return,
    };
    let is_lost = |time: &NaiveTime| {
        own.iter().filter_map(|quiet| quiet.always_quiet_for(*time)).any(|wait| match policies.in_quiet_hours {
            InQuietHours::Hold => wait > policies.late,
            InQuietHours::Drop => true,
        })
    };
    let Some(time) = times.into_iter().find(is_lost) else { return };
    let Some(value) = table.value("quiet_hours") else { return };
    let message = format!("{} is in these quiet hours, and may not wait until they end", time.format("%H:%M"));
    table.report(
        Problem::new(Code::AlwaysQuiet, value.span(), message)
            .with_help("change the one or the other, or raise `late`; as it is, it is never sent"),
    );
}
