//! May this delivery be sent now? Asked once more when it is in the hands of a sender, because a person may have
//! moved, left or blocked the bot since it was planned, and the clock has gone on.

use chrono::{DateTime, NaiveDate, NaiveDateTime, TimeDelta, Utc};
use chrono_tz::Tz;

use crate::domain::conversation::Standing;
use crate::domain::delivery::{Claim, Earlier, Reason, RosterState, Settlement};
use crate::domain::quiet::{InQuietHours, QuietHours, end_of_all};
use crate::domain::recipient::{Details, RecipientKind, Route, ZoneSource};
use crate::domain::recurrence::instant;
use crate::domain::schedule::model::{CatchUp, Overlap, Priority, QuietPolicy, Schedule, ZoneUnknown};
use crate::domain::schedule::when::{RecipientHolidays, Trigger, When, WhoseClock};
use crate::domain::time::ZoneRules;

/// How long to wait until it is known what becomes of the same message at its earlier hour. A sender holds a delivery
/// for seconds, or as long as it waits for the limits.
const EARLIER_IN_HAND: TimeDelta = TimeDelta::seconds(10);

/// How long to wait until the channels of a team have been read. It takes some requests.
const ROSTER_UNREAD: TimeDelta = TimeDelta::seconds(5);

/// How long to wait until Teams has said who somebody is. It takes one request.
const NOT_INTRODUCED: TimeDelta = TimeDelta::seconds(15);

/// How long to wait until the wave of a zone is planned in which somebody lives since a moment ago.
const ZONE_UNPLANNED: TimeDelta = TimeDelta::seconds(5);

/// The answer, with its reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Send it this way.
    Send(Route),
    /// Its instant has not come: the wall clock was set back since it was claimed. Give it back.
    NotYet,
    /// It is over without a request.
    Settle(Settlement),
}

/// The time before this daemon began to serve, in which no other did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Downtime {
    /// When the one before was last seen to go round; absent when there was none.
    pub since: Option<DateTime<Utc>>,
    /// When this one began.
    pub until: DateTime<Utc>,
}

impl Downtime {
    /// Whether the delivery fell due in it. One that was planned only after its due instant did not: a new schedule, a
    /// late-comer.
    fn swallowed(&self, claim: &Claim) -> bool {
        self.since.is_none_or(|since| since < claim.due_at)
            && claim.due_at < self.until
            && claim.planned_at <= claim.due_at
    }
}

/// What a decision depends on besides the delivery itself.
#[derive(Clone, Copy)]
pub struct Circumstances<'a> {
    pub schedule: &'a Schedule,
    pub zones: &'a dyn ZoneRules,
    /// The quiet hours of the configuration.
    pub house_quiet_hours: &'a [QuietHours],
    pub downtime: &'a Downtime,
    /// The bot's own tenant.
    pub home_tenant: Option<&'a str>,
}

/// The decision for `claim` at `now`.
#[must_use]
pub fn decide(claim: &Claim, now: DateTime<Utc>, circumstances: &Circumstances<'_>) -> Decision {
    let Circumstances { schedule, zones, house_quiet_hours, downtime, home_tenant } = *circumstances;
    if now < claim.due_at {
        return Decision::NotYet;
    }
    match claim.earlier {
        Earlier::Nothing => {}
        Earlier::InHand => {
            let (reason, possible_duplicate) = (Reason::EarlierInHand, claim.possible_duplicate);
            let not_before = now + EARLIER_IN_HAND;
            return Decision::Settle(Settlement::Waiting { not_before, reason, possible_duplicate });
        }
        Earlier::Served => return Decision::Settle(skip(claim, Reason::ServedBeforeEdit)),
    }
    if let Some(reason) = over(now, claim.planned_at, claim.expire_at) {
        // Of what may have arrived, when it was planned says nothing.
        let reason = match reason {
            _ if claim.possible_duplicate => Reason::TooLate,
            Reason::TooLate if is_held_for_zone(claim, schedule) => Reason::ZoneUnknown,
            reason => reason,
        };
        return Decision::Settle(expire(claim, reason));
    }
    if let Some(reason) = overtaken(claim, downtime) {
        return Decision::Settle(expire(claim, reason));
    }
    if claim.original.is_some_and(|original| original.is_recalled) {
        return Decision::Settle(skip(claim, Reason::Recalled));
    }
    // Whatever its priority: who said stop gets nothing more.
    if claim.opted_out {
        return Decision::Settle(skip(claim, Reason::OptedOut));
    }
    if let Some(why) = claim.unreachable {
        return Decision::Settle(skip(claim, Reason::from(why)));
    }
    if let Some(reason) = not_meant(schedule, claim.standing) {
        return Decision::Settle(skip(claim, reason));
    }
    if claim.may_be_left_out && !claim.is_test {
        let (reason, possible_duplicate) = (Reason::NotIntroduced, claim.possible_duplicate);
        return Decision::Settle(Settlement::Waiting { not_before: now + NOT_INTRODUCED, reason, possible_duplicate });
    }
    if let Some(settlement) = while_zone_is_unknown(claim, schedule, now).filter(|_| !claim.is_test) {
        return Decision::Settle(settlement);
    }
    if is_left_out_there(claim, schedule, zones) {
        return Decision::Settle(skip(claim, Reason::LeftAudience));
    }
    let Some(route) = claim.reference.route(claim.recipient.kind, home_tenant) else {
        if claim.roster == RosterState::Unread {
            let (reason, possible_duplicate) = (Reason::RosterUnread, claim.possible_duplicate);
            return Decision::Settle(Settlement::Waiting {
                not_before: now + ROSTER_UNREAD,
                reason,
                possible_duplicate,
            });
        }
        let reason = if claim.is_known { Reason::NoReference } else { Reason::UnknownRecipient };
        return Decision::Settle(skip(claim, reason));
    };
    // Whoever tests a message wants to see it now.
    if claim.is_test {
        return Decision::Send(route);
    }
    let person = &claim.recipient;
    // Of what they put off themselves, they said when they want it.
    let day = own_day(&schedule.when, claim.occurrence, claim.due_at, person.zone, zones);
    if claim.original.is_none() && is_own_holiday(schedule, day, &person.details, &claim.groups) {
        return Decision::Settle(skip(claim, Reason::Holiday));
    }
    if let Some(end) = quiet_until(schedule, now, person.zone, &person.details, house_quiet_hours, zones) {
        let (reason, possible_duplicate) = (Reason::QuietHours, claim.possible_duplicate);
        return Decision::Settle(match held_until(schedule, end, claim.expire_at) {
            Some(not_before) => Settlement::Waiting { not_before, reason, possible_duplicate },
            None => skip(claim, reason),
        });
    }
    Decision::Send(route)
}

/// What the schedule does about a person of whose clock nobody said anything; `None` where it does not matter, or the
/// fallback zone counts.
#[must_use]
pub fn without_zone(schedule: &Schedule, kind: RecipientKind, source: ZoneSource) -> ZoneUnknown {
    let matters = schedule.when.clock == WhoseClock::Recipient && kind == RecipientKind::Person;
    if matters && source == ZoneSource::Fallback { schedule.policies.zone_unknown } else { ZoneUnknown::Default }
}

/// Whether the recipient lives in another zone than that of the delivery's wave, and one of theirs is to take it along. What an
/// event or a snooze made, or a test, has one wave for everybody.
fn has_wave_elsewhere(claim: &Claim, schedule: &Schedule) -> bool {
    let is_planned = claim.event.is_none() && claim.original.is_none() && !claim.is_test;
    is_planned && schedule.when.clock == WhoseClock::Recipient && claim.zone != claim.recipient.zone
}

/// Whether the recipient has moved to where the clock never shows this time of day, and the schedule leaves it out there: no
/// wave of their zone will come to take the delivery along.
fn is_left_out_there(claim: &Claim, schedule: &Schedule, zones: &dyn ZoneRules) -> bool {
    has_wave_elsewhere(claim, schedule)
        && instant(&schedule.when, claim.occurrence, claim.recipient.zone, zones).is_none()
}

/// Whether it has waited for a zone that is not known to this day.
fn is_held_for_zone(claim: &Claim, schedule: &Schedule) -> bool {
    let person = &claim.recipient;
    claim.waited_for == Some(Reason::ZoneUnknown)
        && without_zone(schedule, person.kind, person.zone_source) == ZoneUnknown::Hold
}

fn while_zone_is_unknown(claim: &Claim, schedule: &Schedule, now: DateTime<Utc>) -> Option<Settlement> {
    let person = &claim.recipient;
    let wait = |not_before| {
        let (reason, possible_duplicate) = (Reason::ZoneUnknown, claim.possible_duplicate);
        Some(Settlement::Waiting { not_before, reason, possible_duplicate })
    };
    match without_zone(schedule, person.kind, person.zone_source) {
        ZoneUnknown::Skip => Some(skip(claim, Reason::ZoneUnknown)),
        // Just after its end: it is looked at once more, and accounted for. Whoever settles the zone wakes it earlier.
        ZoneUnknown::Hold => wait(claim.expire_at + TimeDelta::milliseconds(1)),
        // The zone has become known, and its wave is not planned yet.
        ZoneUnknown::Default | ZoneUnknown::Ask
            if claim.waited_for == Some(Reason::ZoneUnknown) && has_wave_elsewhere(claim, schedule) =>
        {
            wait(now + ZONE_UNPLANNED)
        }
        ZoneUnknown::Default | ZoneUnknown::Ask => None,
    }
}

/// The day of an occurrence for a recipient in `zone`. It is the date that the schedule says, where that is read on their own
/// clock; one clock for everybody, or elapsed time, may be at another day.
#[must_use]
pub fn own_day(
    when: &When,
    occurrence: NaiveDateTime,
    due_at: DateTime<Utc>,
    zone: Tz,
    rules: &dyn ZoneRules,
) -> NaiveDate {
    let is_elapsed = matches!(when.trigger, Trigger::Elapsed { .. });
    if when.clock == WhoseClock::Recipient && !is_elapsed {
        occurrence.date()
    } else {
        rules.civil(due_at, zone).date()
    }
}

/// Whether `day` is a holiday where the recipient lives, or for one of their groups.
#[must_use]
pub fn is_own_holiday(schedule: &Schedule, day: NaiveDate, details: &Details, groups: &[String]) -> bool {
    match &schedule.when.exceptions.of_recipient {
        RecipientHolidays::Ignored => false,
        RecipientHolidays::Left(calendars) => calendars
            .iter()
            .filter(|calendar| details.country.as_ref() == Some(&calendar.name) || groups.contains(&calendar.name))
            .any(|calendar| calendar.contains(day)),
    }
}

/// Why somebody of a team is left out who is in the audience.
#[must_use]
pub fn not_meant(schedule: &Schedule, standing: Standing) -> Option<Reason> {
    match standing {
        Standing::Member => None,
        Standing::Guest => (!schedule.audience.guests).then_some(Reason::Guest),
        Standing::Anonymous => Some(Reason::Anonymous),
    }
}

/// When the quiet hours end in which `at` is for a recipient in `zone`; `None` when it is in none. `house` are those of
/// the configuration.
#[must_use]
pub fn quiet_until(
    schedule: &Schedule,
    at: DateTime<Utc>,
    zone: Tz,
    details: &Details,
    house: &[QuietHours],
    rules: &dyn ZoneRules,
) -> Option<DateTime<Utc>> {
    let of_schedule = match (&schedule.policies.quiet_hours, schedule.policies.priority) {
        (QuietPolicy::Own(own), _) => own,
        (QuietPolicy::House, Priority::Critical) => &[][..],
        (QuietPolicy::House, Priority::Normal | Priority::Bulk) => house,
    };
    let all: Vec<&QuietHours> = of_schedule.iter().chain(&details.quiet_hours).collect();
    end_of_all(&all, at, zone, rules)
}

/// What becomes of a message that quiet hours hold until `end`: the instant until which it waits, or `None` when it is
/// not sent.
#[must_use]
pub fn held_until(schedule: &Schedule, end: DateTime<Utc>, expire_at: DateTime<Utc>) -> Option<DateTime<Utc>> {
    match schedule.policies.in_quiet_hours {
        // When they end it would be too late, so it need not wait for that. Whoever waits until the very end of its time
        // decides a moment later, when it is over.
        InQuietHours::Hold => (end < expire_at).then_some(end),
        InQuietHours::Drop => None,
    }
}

/// Why nothing can be sent any more of what was planned at `planned_at` and must not be sent after `expire_at`.
#[must_use]
pub fn over(now: DateTime<Utc>, planned_at: DateTime<Utc>, expire_at: DateTime<Utc>) -> Option<Reason> {
    (now > expire_at).then_some(if planned_at > expire_at { Reason::PastWhenPlanned } else { Reason::TooLate })
}

/// Why it is not worth sending any more, although it is not too late.
fn overtaken(claim: &Claim, downtime: &Downtime) -> Option<Reason> {
    if downtime.swallowed(claim) {
        match claim.catch_up {
            CatchUp::None => Some(Reason::Missed),
            CatchUp::Latest => claim.later_is_due.then_some(Reason::Superseded),
            CatchUp::All => None,
        }
    } else {
        match claim.overlap {
            Overlap::Supersede => claim.later_is_due.then_some(Reason::Superseded),
            Overlap::Keep => None,
        }
    }
}

/// Expired, unless an earlier copy may have arrived: then that would claim too much.
fn expire(claim: &Claim, reason: Reason) -> Settlement {
    if claim.possible_duplicate { Settlement::Unknown(reason) } else { Settlement::Expired(reason) }
}

/// Skipped, unless an earlier copy may have arrived.
fn skip(claim: &Claim, reason: Reason) -> Settlement {
    if claim.possible_duplicate { Settlement::Unknown(reason) } else { Settlement::Skipped(reason) }
}

#[cfg(test)]
mod tests;
