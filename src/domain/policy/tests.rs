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
    check_quiet("", Some("07:00-09:59"), &["20:00-09:30"], &hold(59));
    // An hour is as late as it may be, and whoever waits for just that instant looks only behind it.
    check_quiet("", None, &["20:00-10:00"], &skip);
    check_quiet("", Some("07:00-10:00"), &["20:00-09:30"], &skip);
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
fn a_holiday_is_the_day_on_the_clock_of_the_recipient() {
    // The first of March is a holiday; it is due at eight in UTC, and at nine where the recipient lives.
    let decided = |due_at: &str, lines: &str| {
        let due_at: DateTime<Utc> = due_at.parse().expect("an instant");
        let mut claim = Claim { due_at, expire_at: due_at + TimeDelta::hours(1), ..claim() };
        claim.recipient.details.country = Some("fr".into());
        let downtime = Downtime { since: None, until: due_at - TimeDelta::hours(1) };
        decided(&claim, due_at, &downtime, &format!("except = \"calendar:recipient\"\n{lines}"), &[])
    };
    let holiday = settle(Settlement::Skipped(Reason::Holiday));
    let sends = |decision: Decision| matches!(decision, Decision::Send(_));
    // One moment for everybody, which the schedule calls a time of the first of March.
    let one_clock = "zone = \"America/New_York\"";
    assert_eq!(decided("2027-02-28T23:00:00Z", one_clock), holiday, "it is the first already");
    assert!(sends(decided("2027-02-28T22:59:59Z", one_clock)), "it is not the first yet");
    assert!(sends(decided("2027-03-01T23:00:00Z", one_clock)), "it is the second already");
    // On each one's own clock, the date is what the schedule says.
    assert_eq!(decided("2027-03-01T08:00:00Z", ""), holiday);
}

#[test]
fn what_somebody_put_off_comes_when_they_said_whatever_day_they_pressed() {
    // Pressed on a holiday, about a message of the day before it.
    let sunday = claim().occurrence - TimeDelta::days(1);
    let due_at = claim().due_at - TimeDelta::days(1);
    let mut snooze = Claim { original: Some(Original { occurrence: sunday, due_at, is_recalled: false }), ..claim() };
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
