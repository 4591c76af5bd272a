//! What a schedule decides about lateness, order, backlog and doubt.

use std::num::NonZeroU32;
use std::time::Duration;

use super::zone_unknown;
use crate::domain::document::{Table, quiet};
use crate::domain::problem::{Code, Problem};
use crate::domain::quiet::InQuietHours;
use crate::domain::schedule::model::{CatchUp, OnUnknown, Overlap, Policies, Priority, QuietPolicy, ZoneUnknown};
use crate::domain::schedule::when::Trigger;
use crate::domain::spread::Spread;

/// The policies as far as they were written; some defaults depend on the trigger.
pub(super) struct Written {
    late: Option<Duration>,
    priority: Priority,
    on_unknown: OnUnknown,
    overlap: Overlap,
    catch_up: CatchUp,
    jitter: Duration,
    max_people: Option<NonZeroU32>,
    quiet_hours: QuietPolicy,
    in_quiet_hours: InQuietHours,
    zone_unknown: ZoneUnknown,
}

pub(super) fn read(table: &mut Table<'_>) -> Written {
    let late = table.time_span("late").map(|late| late.value);
    let priorities = [("critical", Priority::Critical), ("normal", Priority::Normal), ("bulk", Priority::Bulk)];
    let priority = table.word("priority", &priorities).map_or(Priority::default(), |word| word.value);
    let in_doubt = [("resend", OnUnknown::Resend), ("hold", OnUnknown::Hold)];
    let on_unknown = table.word("on_unknown", &in_doubt).map_or(OnUnknown::default(), |word| word.value);
    let overlaps = [("supersede", Overlap::Supersede), ("keep", Overlap::Keep)];
    let overlap = table.word("overlap", &overlaps).map_or(Overlap::default(), |word| word.value);
    let catch_ups = [("latest", CatchUp::Latest), ("all", CatchUp::All), ("none", CatchUp::None)];
    let catch_up = table.word("catch_up", &catch_ups).map_or(CatchUp::default(), |word| word.value);
    let jitter = read_jitter(table).unwrap_or_default();
    let max_people = read_max_people(table);
    let quiet_hours = read_quiet_hours(table);
    let ways = [("hold", InQuietHours::Hold), ("drop", InQuietHours::Drop)];
    let in_quiet_hours = table.word("in_quiet_hours", &ways).map_or(InQuietHours::default(), |word| word.value);
    let zone_unknown = zone_unknown::read(table);
    Written {
        late,
        priority,
        on_unknown,
        overlap,
        catch_up,
        jitter,
        max_people,
        quiet_hours,
        in_quiet_hours,
        zone_unknown,
    }
}

fn read_quiet_hours(table: &mut Table<'_>) -> QuietPolicy {
    match table.value("quiet_hours") {
        None => QuietPolicy::House,
        Some(value) if value.text() == Some("none") => QuietPolicy::Own(Vec::new()),
        Some(value) => QuietPolicy::Own(quiet::read(&value).unwrap_or_default()),
    }
}

fn read_jitter(table: &mut Table<'_>) -> Option<Duration> {
    let jitter = table.time_span("jitter")?;
    if jitter.value <= Spread::LONGEST {
        return Some(jitter.value);
    }
    let message = "`jitter` can't be longer than a day";
    table.report(Problem::new(Code::BadJitter, jitter.span, message).with_help("write for example jitter = \"15m\""));
    None
}

fn read_max_people(table: &mut Table<'_>) -> Option<NonZeroU32> {
    const EXAMPLE: &str = "write for example max_people = 500, without quotes";
    let value = table.value("max_people")?;
    let Some(number) = value.integer() else {
        value.wrong_type("a whole number", Some(EXAMPLE.into()));
        return None;
    };
    let people = u32::try_from(number).ok().and_then(NonZeroU32::new);
    if people.is_none() {
        let message = format!("`max_people` can't be {number}");
        table.report(Problem::new(Code::BadMaxPeople, value.span(), message).with_help(EXAMPLE));
    }
    people
}

impl Written {
    pub(super) fn with_defaults(self, trigger: &Trigger) -> Policies {
        let late = match trigger {
            Trigger::Once(_) | Trigger::Instant { .. } => Policies::LATE_ONCE,
            Trigger::Event(_) => Policies::LATE_EVENT,
            Trigger::Calendar(_) | Trigger::Elapsed { .. } | Trigger::Cron(_) | Trigger::Rule(_) => {
                Policies::LATE_RECURRING
            }
        };
        Policies {
            late: self.late.unwrap_or(late),
            priority: self.priority,
            on_unknown: self.on_unknown,
            overlap: self.overlap,
            catch_up: self.catch_up,
            jitter: self.jitter,
            max_people: self.max_people,
            quiet_hours: self.quiet_hours,
            in_quiet_hours: self.in_quiet_hours,
            zone_unknown: self.zone_unknown,
        }
    }
}
