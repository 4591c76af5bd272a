//! What will become of a delivery that is not there yet, as things stand: the same policies that decide about it later,
//! asked in advance.

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};

use crate::domain::delivery::Reason;
use crate::domain::policy::{held_until, is_own_holiday, not_meant, own_day, quiet_until, without_zone};
use crate::domain::quiet::QuietHours;
use crate::domain::schedule::model::{Schedule, ZoneUnknown};
use crate::domain::time::ZoneRules;
use crate::port::desk::{PersonView, Reach};

/// One occurrence for one recipient.
#[derive(Debug, Clone, Copy)]
pub struct Prospect {
    pub occurrence: NaiveDateTime,
    pub due_at: DateTime<Utc>,
    pub expire_at: DateTime<Utc>,
}

/// What will become of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Foresight {
    /// When it leaves at the earliest: when it is due, or when quiet hours end.
    pub leaves_at: DateTime<Utc>,
    /// Whether quiet hours hold it until then.
    pub is_held: bool,
    /// Why nothing will be sent.
    pub left_out: Option<Reason>,
}

/// What will become of `prospect` for `person`, seen at `now`. `house` are the quiet hours of the configuration.
#[must_use]
pub fn foresee(
    schedule: &Schedule,
    prospect: Prospect,
    person: &PersonView,
    house: &[QuietHours],
    rules: &dyn ZoneRules,
    now: DateTime<Utc>,
) -> Foresight {
    let Prospect { occurrence, due_at, expire_at } = prospect;
    let quiet = quiet_until(schedule, due_at, person.zone, &person.details, house, rules);
    let leaves_at = match quiet {
        None => Some(due_at),
        Some(end) => held_until(schedule, end, expire_at),
    };
    let left_out = match person.reach {
        _ if expire_at < now => Some(Reason::PastWhenPlanned),
        _ if has_stopped(schedule, person) => Some(Reason::OptedOut),
        Reach::NoReference => Some(Reason::NoReference),
        Reach::Unreachable(why) => Some(Reason::from(why)),
        Reach::Conversation | Reach::CanBeCreated => {
            let day = own_day(&schedule.when, occurrence, due_at, person.zone, rules);
            not_meant(schedule, person.standing).or_else(|| by_policy(schedule, day, person, leaves_at))
        }
    };
    Foresight { leaves_at: leaves_at.unwrap_or(due_at), is_held: quiet.is_some() && left_out.is_none(), left_out }
}

/// Whether the person stopped what the schedule sends.
#[must_use]
pub fn has_stopped(schedule: &Schedule, person: &PersonView) -> bool {
    person.stops.iter().any(|stop| stop.covers(&schedule.topic))
}

fn by_policy(
    schedule: &Schedule,
    day: NaiveDate,
    person: &PersonView,
    leaves_at: Option<DateTime<Utc>>,
) -> Option<Reason> {
    if is_own_holiday(schedule, day, &person.details, &person.groups) {
        return Some(Reason::Holiday);
    }
    match without_zone(schedule, person.kind, person.zone_source) {
        ZoneUnknown::Skip | ZoneUnknown::Hold => Some(Reason::ZoneUnknown),
        ZoneUnknown::Default | ZoneUnknown::Ask => leaves_at.is_none().then_some(Reason::QuietHours),
    }
}
