//! May this delivery be sent now? Asked once more when it is in the hands of a sender, because a person may have
//! moved, left or blocked the bot since it was planned, and the clock has gone on.

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use chrono_tz::Tz;

use crate::domain::conversation::Standing;
use crate::domain::delivery::{Claim, Earlier, Reason, RosterState, Settlement};
use crate::domain::quiet::{InQuietHours, QuietHours, end_of_all};
use crate::domain::recipient::{Details, RecipientKind, Route, ZoneSource};
use crate::domain::recurrence::instant;
use crate::domain::schedule::model::{CatchUp, Overlap, Priority, QuietPolicy, Schedule, ZoneUnknown};
use crate::domain::schedule::when::{RecipientHolidays, WhoseClock};
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
    if claim.original.is_none() && is_own_holiday(schedule, claim.occurrence, &person.details, &claim.groups) {
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

/// Whether the date of the occurrence is a holiday where the recipient lives, or for one of their groups.
#[must_use]
pub fn is_own_holiday(schedule: &Schedule, occurrence: NaiveDateTime, details: &Details, groups: &[String]) -> bool {
    match &schedule.when.exceptions.of_recipient {
        RecipientHolidays::Ignored => false,
        RecipientHolidays::Left(calendars) => calendars
            .iter()
            .filter(|calendar| details.country.as_ref() == Some(&calendar.name) || groups.contains(&calendar.name))
            .any(|calendar| calendar.contains(occurrence.date())),
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
        // When they end it would be too late, so it need not wait for that.
        InQuietHours::Hold => (end <= expire_at).then_some(end),
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
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::delivery::Original;
    use crate::domain::delivery::sample::claim;
    use crate::domain::problem::Source;
    use crate::domain::recipient::{Reference, Unreachable};
    use crate::domain::schedule::parse::parse;
    use crate::domain::supplies::Supplies;
    use crate::domain::time::LocalTime;

    fn check(change: impl FnOnce(&mut Claim), minutes_after_due: i64, expect: &Decision) {
        let mut claim = claim();
        change(&mut claim);
        let now = claim.due_at + chrono::TimeDelta::minutes(minutes_after_due);
        // The sample fell due long after the daemon began.
        let downtime = Downtime { since: None, until: claim.due_at - chrono::TimeDelta::hours(1) };
        assert_eq!(&decided(&claim, now, &downtime, "", &[]), expect);
    }

    /// A clock that is one hour ahead, as it is in Paris where the sample lives. In Havana it leaves each hour out.
    struct HourAhead;

    impl ZoneRules for HourAhead {
        fn local_time(&self, _: chrono::NaiveDateTime, zone: chrono_tz::Tz) -> LocalTime {
            let here = self.offset_at(DateTime::UNIX_EPOCH, chrono_tz::Tz::UTC);
            match zone {
                Tz::America__Havana => LocalTime::Gap { before: here, after: here, transition: DateTime::UNIX_EPOCH },
                _ => LocalTime::Unique(here),
            }
        }

        fn offset_at(&self, _: DateTime<Utc>, _: chrono_tz::Tz) -> chrono::FixedOffset {
            chrono::FixedOffset::east_opt(3600).expect("an hour")
        }

        fn version(&self) -> std::sync::Arc<str> {
            "test".into()
        }
    }

    /// The decision for a schedule that says `lines` besides.
    fn decided(
        claim: &Claim,
        now: DateTime<Utc>,
        downtime: &Downtime,
        lines: &str,
        house_quiet_hours: &[QuietHours],
    ) -> Decision {
        let text = format!("[schedule.s]\nto = \"everyone\"\nevery = \"day\"\nat = \"09:00\"\ntext = \"x\"\n{lines}\n");
        let calendar = ("calendars/fr.toml".to_owned(), Source::new("fr.toml", "days = [2027-03-01]"));
        let (schedules, problems) = parse(&Source::new("s.toml", text), &Supplies::read([calendar], &HourAhead));
        assert!(problems.is_empty(), "{problems:?}");
        let schedule = &schedules[0];
        let home_tenant = Some("home");
        decide(claim, now, &Circumstances { schedule, zones: &HourAhead, house_quiet_hours, downtime, home_tenant })
    }

    /// The sample is due at nine on the clock of its recipient, and may be an hour late.
    fn check_quiet(lines: &str, own: Option<&str>, house: &[&str], expect: &Decision) {
        let quiet = |text: &str| QuietHours::read(text).expect("quiet hours");
        let mut claim = claim();
        claim.recipient.details.quiet_hours = own.map(quiet);
        claim.recipient.details.country = Some("fr".into());
        let house: Vec<_> = house.iter().map(|text| quiet(text)).collect();
        let downtime = Downtime { since: None, until: claim.due_at - TimeDelta::hours(1) };
        assert_eq!(&decided(&claim, claim.due_at, &downtime, lines, &house), expect, "{lines} {own:?} {house:?}");
    }

    #[test]
    fn a_test_comes_in_quiet_hours_too_but_not_to_who_stopped_it() {
        let quiet = "quiet_hours = \"08:00-12:00\"\nlate = \"4h\"";
        let downtime = Downtime { since: None, until: claim().due_at - TimeDelta::hours(1) };
        let test = Claim { is_test: true, ..claim() };
        assert!(matches!(decided(&test, test.due_at, &downtime, quiet, &[]), Decision::Send(_)));
        let stopped = Claim { opted_out: true, ..test };
        let end = settle(Settlement::Skipped(Reason::OptedOut));
        assert_eq!(decided(&stopped, stopped.due_at, &downtime, quiet, &[]), end);
    }

    #[test]
    fn quiet_hours_hold_until_they_end_or_drop() {
        let send = Decision::Send(
            claim().reference.route(RecipientKind::Person, Some("home")).expect("the sample can be reached"),
        );
        let skip = settle(Settlement::Skipped(Reason::QuietHours));
        let hold = |minutes| {
            let not_before = claim().due_at + TimeDelta::minutes(minutes);
            settle(Settlement::Waiting { not_before, reason: Reason::QuietHours, possible_duplicate: false })
        };
        check_quiet("", None, &[], &send);
        check_quiet("", None, &["20:00-08:59"], &send);
        check_quiet("", None, &["20:00-09:30"], &hold(30));
        check_quiet("", Some("07:00-10:00"), &["20:00-09:30"], &hold(60));
        // An hour is as late as it may be.
        check_quiet("", None, &["20:00-10:01"], &skip);
        check_quiet("in_quiet_hours = \"drop\"", None, &["20:00-09:30"], &skip);
        // The schedule's own take the place of the house's, and a person's always hold.
        check_quiet("quiet_hours = \"none\"", None, &["20:00-09:30"], &send);
        check_quiet("quiet_hours = \"none\"", Some("08:00-09:10"), &["20:00-09:30"], &hold(10));
        check_quiet("quiet_hours = \"08:00-09:20\"", None, &["20:00-09:30"], &hold(20));
        check_quiet("quiet_hours = { hours = \"08:00-09:20\", days = [\"tuesday\"] }", None, &[], &send);
        // What is critical passes the house's, not a person's and not its own.
        let critical = "priority = \"critical\"";
        check_quiet(critical, None, &["20:00-09:30"], &send);
        check_quiet(critical, Some("08:00-09:10"), &[], &hold(10));
        check_quiet(&format!("{critical}\nquiet_hours = \"08:00-09:20\""), None, &[], &hold(20));
    }

    #[test]
    fn whose_zone_nobody_knows_is_sent_to_held_or_left_out() {
        let known = claim();
        let send = Decision::Send(known.reference.route(RecipientKind::Person, Some("home")).expect("a way"));
        let downtime = Downtime { since: None, until: known.due_at - TimeDelta::hours(1) };
        let decided = |claim: &Claim, minutes, lines: &str| {
            decided(claim, claim.due_at + TimeDelta::minutes(minutes), &downtime, lines, &[])
        };
        let mut unknown = known.clone();
        unknown.recipient.zone_source = ZoneSource::Fallback;
        let [hold, skip] = ["hold", "skip"].map(|word| format!("zone_unknown = \"{word}\""));
        for lines in ["", "zone_unknown = \"default\"", "zone_unknown = \"ask\""] {
            assert_eq!(decided(&unknown, 0, lines), send, "{lines}");
        }
        for lines in [&hold, &skip] {
            assert_eq!(decided(&known, 0, lines), send, "{lines}");
            let mut channel = unknown.clone();
            channel.recipient.kind = RecipientKind::GroupChat;
            assert!(matches!(decided(&channel, 0, lines), Decision::Send(_)), "a chat has no clock of its own");
        }
        assert_eq!(decided(&unknown, 0, &skip), settle(Settlement::Skipped(Reason::ZoneUnknown)));
        let until_its_end = known.expire_at + TimeDelta::milliseconds(1);
        let waiting = |not_before| {
            let reason = Reason::ZoneUnknown;
            settle(Settlement::Waiting { not_before, reason, possible_duplicate: false })
        };
        assert_eq!(decided(&unknown, 0, &hold), waiting(until_its_end));
        let waited = Claim { waited_for: Some(Reason::ZoneUnknown), ..unknown };
        assert_eq!(decided(&waited, 61, &hold), settle(Settlement::Expired(Reason::ZoneUnknown)));
        // It has become known, and the wave there is planned, or is not yet.
        let found = Claim { waited_for: Some(Reason::ZoneUnknown), ..known };
        assert_eq!(decided(&found, 30, &hold), send);
        let mut elsewhere = found;
        elsewhere.recipient.zone = Tz::Asia__Tokyo;
        assert_eq!(decided(&elsewhere, 30, &hold), waiting(elsewhere.due_at + TimeDelta::minutes(30) + ZONE_UNPLANNED));
        // No wave will be, on one clock for everybody and of an event.
        assert_eq!(decided(&elsewhere, 30, "zone = \"UTC\""), send);
        elsewhere.event = Some(std::sync::Arc::default());
        assert_eq!(decided(&elsewhere, 30, &hold), send);
    }

    #[test]
    fn who_moved_to_where_the_hour_is_left_out_gets_nothing() {
        let mut moved = claim();
        moved.recipient.zone = Tz::America__Havana;
        let downtime = Downtime { since: None, until: moved.due_at - TimeDelta::hours(1) };
        let decided = |claim: &Claim, lines: &str| decided(claim, claim.due_at, &downtime, lines, &[]);
        let skip = "dst_gap = \"skip\"";
        assert_eq!(decided(&moved, skip), settle(Settlement::Skipped(Reason::LeftAudience)));
        let in_doubt = Claim { possible_duplicate: true, ..moved.clone() };
        assert_eq!(decided(&in_doubt, skip), settle(Settlement::Unknown(Reason::LeftAudience)));
        let sends = |claim: &Claim, lines: &str| matches!(decided(claim, lines), Decision::Send(_));
        assert!(sends(&moved, ""), "it is shifted there, and the wave that takes it along may only not be planned yet");
        assert!(sends(&moved, &format!("{skip}\nzone = \"Europe/Paris\"")), "one clock counts for all");
        assert!(sends(&Claim { is_test: true, ..moved }, skip), "whoever tests a message wants to see it now");
        assert!(sends(&claim(), skip), "who stayed gets it");
    }

    #[test]
    fn a_holiday_is_that_of_the_recipient() {
        let send = Decision::Send(
            claim().reference.route(RecipientKind::Person, Some("home")).expect("the sample can be reached"),
        );
        let own = "except = \"calendar:recipient\"";
        check_quiet("", None, &[], &send);
        check_quiet(own, None, &[], &settle(Settlement::Skipped(Reason::Holiday)));
        let elsewhere = claim();
        let downtime = Downtime { since: None, until: elsewhere.due_at - TimeDelta::hours(1) };
        assert_eq!(decided(&elsewhere, elsewhere.due_at, &downtime, own, &[]), send);
        let of_group = Claim { groups: vec!["fr".into()], ..elsewhere };
        let holiday = settle(Settlement::Skipped(Reason::Holiday));
        assert_eq!(decided(&of_group, of_group.due_at, &downtime, own, &[]), holiday);
    }

    #[test]
    fn what_somebody_put_off_comes_when_they_said_whatever_day_they_pressed() {
        // Pressed on a holiday, about a message of the day before it.
        let sunday = claim().occurrence - TimeDelta::days(1);
        let due_at = claim().due_at - TimeDelta::days(1);
        let mut snooze =
            Claim { original: Some(Original { occurrence: sunday, due_at, is_recalled: false }), ..claim() };
        snooze.recipient.details.country = Some("fr".into());
        let downtime = Downtime { since: None, until: snooze.due_at - TimeDelta::hours(1) };
        let decision = decided(&snooze, snooze.due_at, &downtime, "except = \"calendar:recipient\"", &[]);
        assert!(matches!(decision, Decision::Send(_)), "{decision:?}");
    }

    /// Five minutes after the sample is due, with a daemon that began then, after the one before it was last seen at
    /// `seen` minutes.
    fn check_backlog(overlap: Overlap, catch_up: CatchUp, later_is_due: bool, seen: i64, expect: Option<Reason>) {
        let claim = Claim { overlap, catch_up, later_is_due, ..claim() };
        let minutes = |minutes| claim.due_at + chrono::TimeDelta::minutes(minutes);
        let downtime = Downtime { since: Some(minutes(seen)), until: minutes(5) };
        let expired = |claim: &Claim| match decided(claim, minutes(5), &downtime, "", &[]) {
            Decision::Settle(Settlement::Expired(reason) | Settlement::Unknown(reason)) => Some(reason),
            Decision::Send(_) => None,
            other => panic!("{other:?}"),
        };
        assert_eq!(expired(&claim), expect, "{overlap:?} {catch_up:?} {later_is_due} {seen}");
        let doubt = Claim { possible_duplicate: true, ..claim.clone() };
        if let Decision::Settle(settlement) = decided(&doubt, minutes(5), &downtime, "", &[]) {
            assert!(matches!(settlement, Settlement::Unknown(_)), "{settlement:?}");
        }
        // Planned after it was due, it was not missed.
        let newcomer = Claim { planned_at: claim.due_at + chrono::TimeDelta::seconds(1), ..claim.clone() };
        let superseded = (overlap == Overlap::Supersede && later_is_due).then_some(Reason::Superseded);
        assert_eq!(expired(&newcomer), superseded);
    }

    #[test]
    fn a_backlog_is_decided_by_overlap_and_what_was_missed_by_catch_up() {
        use {CatchUp as C, Overlap as O};
        let (superseded, missed) = (Some(Reason::Superseded), Some(Reason::Missed));
        // Served to the end: the backlog of a daemon that was there.
        for catch_up in [C::Latest, C::All, C::None] {
            check_backlog(O::Supersede, catch_up, false, 1, None);
            check_backlog(O::Supersede, catch_up, true, 1, superseded);
            check_backlog(O::Keep, catch_up, true, 1, None);
        }
        // Nobody was there when it fell due.
        for overlap in [O::Supersede, O::Keep] {
            check_backlog(overlap, C::Latest, false, -1, None);
            check_backlog(overlap, C::Latest, true, -1, superseded);
            check_backlog(overlap, C::All, true, -1, None);
            check_backlog(overlap, C::None, false, -1, missed);
        }
    }

    fn settle(settlement: Settlement) -> Decision {
        Decision::Settle(settlement)
    }

    #[test]
    fn each_decision_has_its_reason() {
        let send = Decision::Send(
            claim().reference.route(RecipientKind::Person, Some("home")).expect("the sample can be reached"),
        );
        check(|_| {}, 0, &send);
        check(|_| {}, 60, &send);
        check(|_| {}, -1, &Decision::NotYet);
        check(|_| {}, 61, &settle(Settlement::Expired(Reason::TooLate)));
        let late_comer = |claim: &mut Claim| claim.planned_at = claim.expire_at + Duration::from_secs(1);
        check(late_comer, 61, &settle(Settlement::Expired(Reason::PastWhenPlanned)));
        check(|c| c.possible_duplicate = true, 61, &settle(Settlement::Unknown(Reason::TooLate)));
        check(|c| c.earlier = Earlier::Served, 0, &settle(Settlement::Skipped(Reason::ServedBeforeEdit)));
        let in_doubt_too = |c: &mut Claim| {
            c.earlier = Earlier::Served;
            c.possible_duplicate = true;
        };
        check(in_doubt_too, 0, &settle(Settlement::Unknown(Reason::ServedBeforeEdit)));
        let until_it_is_known = Settlement::Waiting {
            not_before: claim().due_at + EARLIER_IN_HAND,
            reason: Reason::EarlierInHand,
            possible_duplicate: false,
        };
        check(|c| c.earlier = Earlier::InHand, 0, &settle(until_it_is_known));
        check(|c| c.opted_out = true, 0, &settle(Settlement::Skipped(Reason::OptedOut)));
        let critical = |c: &mut Claim| {
            c.opted_out = true;
            c.priority = Priority::Critical;
        };
        check(critical, 0, &settle(Settlement::Skipped(Reason::OptedOut)));
        check(|c| c.unreachable = Some(Unreachable::Blocked), 0, &settle(Settlement::Skipped(Reason::Blocked)));
        check(|c| c.reference = Reference::default(), 0, &settle(Settlement::Skipped(Reason::NoReference)));
        let stranger = |c: &mut Claim| {
            c.reference = Reference::default();
            c.is_known = false;
        };
        check(stranger, 0, &settle(Settlement::Skipped(Reason::UnknownRecipient)));
    }
}
