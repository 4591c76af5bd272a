//! Claims, leases and terms.

use chrono::TimeDelta;
use nudged::domain::conversation::Standing;
use nudged::domain::delivery::{Claim, Earlier, Reason, RosterState, Settlement, State};
use nudged::domain::id::Term;
use nudged::domain::recipient::{Details, PersonRecord, Recipient, RecipientKind, Reference, ZoneSource};
use nudged::domain::schedule::model::{CatchUp, OnUnknown, Overlap, Priority};
use nudged::domain::share::{Room, Rooms};
use nudged::port::store::{Rescued, StoreError};

use crate::Place;
use crate::fixtures::*;

/// One schedule to people of Berlin, all of whose deliveries are due at 08:00.
async fn due(place: &dyn Place, people: &[&str]) -> Ledger {
    let people: Vec<_> = people.iter().map(|name| person(name, BERLIN)).collect();
    let ledger = Ledger::with(place, &people, &[draft("s")]).await;
    ledger.plan(&[plan("s", &[wave("09:00", BERLIN)])], "00:00").await;
    ledger.expand("08:00").await;
    ledger
}

pub(crate) async fn claims_carry_all_that_is_known(place: &dyn Place) {
    let reference = Reference {
        service_url: Some("https://smba.example/".into()),
        conversation_id: Some("a:1".into()),
        tenant_id: Some("t".into()),
        bot_id: Some("28:app".into()),
        user_id: Some("29:ana".into()),
        entra_object_id: Some("e".into()),
    };
    let ana = PersonRecord {
        addresses: vec![address("29:ana"), address("ana@x")],
        language: Some("de".into()),
        details: Details::default(),
        reference: reference.clone(),
        ..person("ana", BERLIN)
    };
    let ledger = Ledger::with(place, &[ana], &[draft("s").hold()]).await;
    ledger.plan(&[plan("s", &[wave("09:00", BERLIN)])], "00:10").await;
    ledger.expand("08:00").await;
    let claim = ledger.claim_one("08:00").await;
    let expect = Claim {
        id: claim.id,
        term: ledger.term,
        priority: Priority::Normal,
        schedule: name("s"),
        occurrence: civil("09:00"),
        zone: BERLIN,
        due_at: at("08:00"),
        expire_at: at("09:00"),
        planned_at: at("00:10"),
        on_unknown: OnUnknown::Hold,
        overlap: Overlap::Supersede,
        catch_up: CatchUp::Latest,
        opted_out: false,
        original: None,
        attempts: 0,
        doubts: 0,
        waited_for: None,
        tried_in: None,
        possible_duplicate: false,
        recipient: Recipient {
            id: claim.recipient.id,
            kind: RecipientKind::Person,
            name: "ana".into(),
            email: Some("ana@x".into()),
            zone: BERLIN,
            zone_source: ZoneSource::Operator,
            language: Some("de".into()),
            details: Details::default(),
        },
        groups: Vec::new(),
        is_known: true,
        reference,
        unreachable: None,
        standing: Standing::Member,
        roster: RosterState::Read,
        earlier: Earlier::Nothing,
        later_is_due: false,
        is_test: false,
        may_be_left_out: false,
        event: None,
    };
    assert_eq!(claim, expect);
}

pub(crate) async fn claims_come_by_priority_and_then_in_due_order(place: &dyn Place) {
    let schedules =
        [draft("bulk").priority(Priority::Bulk), draft("normal"), draft("critical").priority(Priority::Critical)];
    let ledger = Ledger::with(place, &[person("ana", BERLIN), person("kei", TOKYO)], &schedules).await;
    for schedule in ["bulk", "normal", "critical"] {
        ledger.plan(&[plan(schedule, &[wave("09:00", BERLIN), wave("09:00", TOKYO)])], "00:00").await;
    }
    ledger.store.expand_due(at("08:00"), at("00:00"), u32::MAX).await.expect("expanding");
    let mut order = Vec::new();
    // Critical ones have room of their own, and the others theirs.
    for (all, expect) in [(0, 0), (1, 2), (2, 3), (2, 1), (100, 0)] {
        let rooms = Rooms::for_anybody(all);
        let claims = ledger.store.claim_due(ledger.term, at("08:00"), rooms, LEASE).await.expect("claiming");
        assert_eq!(claims.len(), expect);
        order.extend(claims.into_iter().map(|claim| (claim.schedule.to_string(), claim.recipient.name)));
    }
    let expect = [
        ("critical", "kei"),
        ("normal", "kei"),
        ("critical", "ana"),
        ("normal", "ana"),
        ("bulk", "kei"),
        ("bulk", "ana"),
    ];
    assert_eq!(order, expect.map(|(schedule, name)| (schedule.to_owned(), name.to_owned())));
}

pub(crate) async fn nothing_is_claimed_before_its_time_or_twice(place: &dyn Place) {
    let ledger = due(place, &["ana"]).await;
    assert_eq!(ledger.claim("07:59").await, []);
    let claim = ledger.claim_one("08:00").await;
    assert_eq!(ledger.claim("08:00").await, []);
    ledger.send(&claim, "08:00", waiting("08:10", Reason::Throttled)).await;
    assert_eq!(ledger.claim("08:09").await, []);
    let again = ledger.claim_one("08:10").await;
    assert_eq!((again.id, again.attempts), (claim.id, 1));
    ledger.sent(&again, "08:10").await;
    assert_eq!(ledger.claim("23:00").await, []);
}

pub(crate) async fn what_is_too_late_is_claimed_too(place: &dyn Place) {
    let ledger = due(place, &["ana"]).await;
    let claim = ledger.claim_one("12:00").await;
    assert!(claim.expire_at < at("12:00"), "so that the engine can say why it is not sent");
}

pub(crate) async fn releasing_keeps_what_a_delivery_was(place: &dyn Place) {
    let ledger = due(place, &["ana"]).await;
    let claim = ledger.claim_one("08:00").await;
    ledger.release(&claim).await;
    assert_eq!(ledger.state("s", "09:00", "ana").await, (State::Planned, None));
    ledger.release(&claim).await;

    let claim = ledger.claim_one("08:00").await;
    ledger.send(&claim, "08:00", waiting("08:10", Reason::Throttled)).await;
    let claim = ledger.claim_one("08:10").await;
    ledger.release(&claim).await;
    let ana = ledger.delivery("s", "09:00", "ana").await;
    assert_eq!((ana.state, ana.reason, ana.attempts), (State::Waiting, Some(Reason::Throttled), 1));
    assert_eq!(ana.not_before, Some(at("08:10")));

    let claim = ledger.claim_one("08:10").await;
    ledger.mark(&claim, "08:10").await;
    ledger.release(&claim).await;
    assert_eq!(ledger.state("s", "09:00", "ana").await.0, State::Sending, "something may have left");
}

pub(crate) async fn a_postponed_claim_comes_back_at_its_time(place: &dyn Place) {
    let ledger = due(place, &["ana"]).await;
    let postpone = async |claim: &Claim, until: &str| {
        ledger.store.postpone(ledger.term, claim.id, at(until)).await.expect("postponing");
    };
    let claim = ledger.claim_one("08:00").await;
    postpone(&claim, "08:05").await;
    assert_eq!(ledger.claim("08:04").await, []);
    assert_eq!(ledger.next_wake(std::time::Duration::ZERO).await, Some(at("08:05")));
    let ana = ledger.delivery("s", "09:00", "ana").await;
    assert_eq!((ana.state, ana.attempts, ana.due_at), (State::Planned, 0, at("08:00")), "nothing was tried");
    let again = ledger.claim_one("08:05").await;
    // Never earlier than it had to wait before.
    postpone(&again, "08:01").await;
    assert_eq!(ledger.claim("08:04").await, []);
    // Who does not hold it any more changes nothing.
    let again = ledger.claim_one("08:05").await;
    ledger.sent(&again, "08:05").await;
    postpone(&again, "09:00").await;
    assert_eq!(ledger.state("s", "09:00", "ana").await.0, State::Sent);
}

/// The clock was set back since: what was to be tried again before its instant would be claimed again at once.
pub(crate) async fn what_comes_back_before_its_instant_waits_for_it(place: &dyn Place) {
    let ledger = due(place, &["ana"]).await;
    ledger.plan(&[plan("s", &[wave("09:00", BERLIN), wave("09:00", TOKYO)])], "00:00").await;
    let claim = ledger.claim_one("08:00").await;
    ledger.settle(decided(&claim, "07:00", waiting("07:00", Reason::EarlierInHand))).await;
    let claim = ledger.claim_one("07:00").await;
    ledger.release(&claim).await;
    assert_eq!(ledger.claim("07:59").await, []);
    // She moves while it is in hand: then it is another instant.
    let claim = ledger.claim_one("08:00").await;
    ledger.import(&[person("ana", TOKYO)], "07:00").await;
    ledger.release(&claim).await;
    let ana = ledger.delivery("s", "09:00", "ana").await;
    assert_eq!((ana.zone, ana.not_before), (TOKYO, Some(at("00:00"))));
}

pub(crate) async fn critical_ones_have_room_of_their_own(place: &dyn Place) {
    let drafts = [draft("bulk").priority(Priority::Bulk), draft("critical").priority(Priority::Critical)];
    let ledger = Ledger::with(place, &[person("ana", BERLIN)], &drafts).await;
    let plans = ["bulk", "critical"].map(|name| plan(name, &[wave("09:00", BERLIN)]));
    ledger.plan(&plans, "00:00").await;
    ledger.expand("08:00").await;
    let claim = async |critical, ordinary| {
        let rooms = Rooms { critical: Room::of(critical), ordinary: Room::of(ordinary), ..Rooms::for_anybody(0) };
        let claims = ledger.store.claim_due(ledger.term, at("08:00"), rooms, LEASE).await.expect("claiming");
        claims.iter().map(|claim| (claim.schedule.to_string(), claim.priority)).collect::<Vec<_>>()
    };
    assert_eq!(claim(10, 0).await, [("critical".to_owned(), Priority::Critical)]);
    assert_eq!(claim(10, 0).await, []);
    assert_eq!(claim(0, 10).await, [("bulk".to_owned(), Priority::Bulk)]);
}

pub(crate) async fn an_old_term_cannot_claim_release_send_or_settle(place: &dyn Place) {
    let ledger = due(place, &["ana"]).await;
    let old = ledger.claim_one("08:00").await;
    let successor = ledger.store.take_over(at("08:00")).await.expect("taking over").term;
    assert!(successor > ledger.term);

    let claiming = ledger.store.claim_due(ledger.term, at("08:00"), Rooms::for_anybody(10), LEASE).await;
    assert!(matches!(claiming, Err(StoreError::Failed { .. })), "{claiming:?}");
    let claims = ledger.store.claim_due(successor, at("08:00"), Rooms::for_anybody(10), LEASE).await.expect("claiming");
    assert_eq!(claims[0].id, old.id);

    ledger.release(&old).await;
    assert_eq!(ledger.state("s", "09:00", "ana").await.0, State::Claimed, "it is the successor's");
    assert_lost(ledger.store.mark_sending(old.id, old.term, at("08:00"), LEASE).await, &old);
    assert_lost(ledger.store.settle(decided(&old, "08:00", sent())).await, &old);
    let attempt = ledger.mark(&claims[0], "08:00").await;
    assert_lost(ledger.store.settle(attempted(&old, attempt, "08:00", sent())).await, &old);
    ledger.settle(attempted(&claims[0], attempt, "08:00", sent())).await;
}

pub(crate) async fn a_lease_that_ran_out_is_lost(place: &dyn Place) {
    let ledger = due(place, &["ana", "bo"]).await;
    let claims = ledger.claim("08:00").await;
    let attempt = ledger.mark(&claims[1], "08:02").await;
    assert_lost(ledger.store.mark_sending(claims[0].id, claims[0].term, at("08:03"), LEASE).await, &claims[0]);
    // Nobody has rescued it: the truth is still taken.
    ledger.settle(attempted(&claims[1], attempt, "08:03", sent())).await;
    assert_eq!(ledger.counts("s", "09:00").await, [(State::Claimed, 1), (State::Sent, 1)]);
    ledger.store.rescue(Vec::new(), at("08:03")).await.expect("rescuing");
    assert_lost(ledger.store.settle(decided(&claims[0], "08:03", waiting("08:04", Reason::Busy))).await, &claims[0]);
    // The same daemon claims it again: the old claim and the new one are told apart by what has been done with them.
    let again = ledger.claim_one("08:03").await;
    ledger.mark(&again, "08:03").await;
    assert_lost(ledger.store.mark_sending(claims[0].id, claims[0].term, at("08:03"), LEASE).await, &claims[0]);
}

/// Claimed at 08:00 for two minutes, and about to leave at 08:01: a rescue at 08:02:30 must not take it for abandoned.
pub(crate) async fn sending_begins_a_lease_of_its_own(place: &dyn Place) {
    let ledger = due(place, &["ana"]).await;
    let claim = ledger.claim_one("08:00").await;
    let attempt = ledger.mark(&claim, "08:01").await;
    let rescued =
        ledger.store.rescue(Vec::new(), at("08:02") + chrono::TimeDelta::seconds(30)).await.expect("rescuing");
    assert_eq!(rescued, nudged::port::store::Rescued::default());
    ledger.settle(attempted(&claim, attempt, "08:03", sent())).await;
}

pub(crate) async fn taking_over_counts_what_it_finds(place: &dyn Place) {
    let people = ["ana", "bo", "cy", "di"].map(|name| person(name, BERLIN));
    let schedules = [draft("resend"), draft("hold").hold().to(&["ana@x"])];
    let ledger = Ledger::with(place, &people, &schedules).await;
    for schedule in ["resend", "hold"] {
        ledger.plan(&[plan(schedule, &[wave("09:00", BERLIN)])], "00:00").await;
    }
    ledger.expand("08:00").await;
    let claims = ledger.claim("08:00").await;
    let (hold, resend): (Vec<_>, Vec<_>) = claims.into_iter().partition(|claim| claim.schedule == name("hold"));
    ledger.mark(&hold[0], "08:00").await;
    // Of "resend": one is tried and waits, one is claimed, one is being sent, one is sent.
    ledger.send(&resend[0], "08:00", waiting("08:00", Reason::Throttled)).await;
    let waited = ledger.claim_one("08:00").await;
    ledger.mark(&resend[2], "08:00").await;
    ledger.sent(&resend[3], "08:00").await;

    let take_over = ledger.store.take_over(at("08:01")).await.expect("taking over");
    assert_eq!(take_over.rescued, Rescued { released: 2, to_resend: 1, unknown: 1 });
    assert_eq!(take_over.term, Term(ledger.term.0 + 1));
    assert_eq!(ledger.state("hold", "09:00", "ana").await, (State::Unknown, Some(Reason::Interrupted)));
    let who = |claim: &Claim| claim.recipient.name.clone();
    assert_eq!(ledger.state("resend", "09:00", &who(&waited)).await, (State::Waiting, Some(Reason::Throttled)));
    assert_eq!(ledger.state("resend", "09:00", &who(&resend[1])).await, (State::Planned, None));
    let doubt = ledger.delivery("resend", "09:00", &who(&resend[2])).await;
    assert_eq!((doubt.state, doubt.reason), (State::Waiting, Some(Reason::Interrupted)));
    assert_eq!((doubt.attempts, doubt.possible_duplicate, doubt.not_before), (1, true, Some(at("08:01"))));
    assert_eq!(ledger.occurrences("resend").await[0].possible_duplicates, 1);

    let again = ledger.store.take_over(at("08:01")).await.expect("taking over");
    assert_eq!(again.rescued, Rescued::default());
    // The attempts that were under way have ended, so they can be pruned.
    assert_eq!(ledger.store.prune(at("08:02"), at("08:02")).await.expect("pruning"), 4);
}

pub(crate) async fn rescue_takes_only_what_is_beyond_its_lease(place: &dyn Place) {
    let ledger = due(place, &["ana", "bo", "cy"]).await;
    let claims =
        ledger.store.claim_due(ledger.term, at("08:00"), Rooms::for_anybody(2), LEASE).await.expect("claiming");
    ledger.mark(&claims[1], "08:00").await;
    let fresh = ledger.claim_one("08:01").await;
    assert_eq!(ledger.store.rescue(Vec::new(), at("08:02")).await.expect("rescuing"), Rescued::default());
    let rescued = ledger.store.rescue(Vec::new(), at("08:02") + TimeDelta::microseconds(1)).await.expect("rescuing");
    assert_eq!(rescued, Rescued { released: 1, to_resend: 1, unknown: 0 });
    assert_lost(ledger.store.settle(decided(&claims[1], "08:03", waiting("08:04", Reason::Busy))).await, &claims[1]);
    ledger.sent(&fresh, "08:02").await;
}

/// The wall clock was stepped an hour forward while a request was under way.
pub(crate) async fn rescue_leaves_what_the_caller_has_in_hand(place: &dyn Place) {
    let ledger = due(place, &["ana", "bo"]).await;
    let claims = ledger.claim("08:00").await;
    let own = ledger.mark(&claims[0], "08:00").await;
    ledger.mark(&claims[1], "08:00").await;
    let rescued = ledger.store.rescue(vec![claims[0].id], at("09:00")).await.expect("rescuing");
    assert_eq!(rescued, Rescued { released: 0, to_resend: 1, unknown: 0 });
    ledger.settle(attempted(&claims[0], own, "09:00", sent())).await;
}

pub(crate) async fn a_person_has_so_many_places_on_a_day(place: &dyn Place) {
    let drafts = ["a", "b", "c", "d"].map(draft);
    let ledger = Ledger::with(place, &[person("ana", BERLIN)], &drafts).await;
    ledger.plan(&["a", "b", "c", "d"].map(|name| plan(name, &[wave("09:00", BERLIN)])), "00:00").await;
    ledger.expand("08:00").await;
    let claims = ledger.claim("08:00").await;
    let take = async |claim: &Claim, day: &str, most| {
        let day = day.parse().expect("a date");
        ledger.store.take_place(claim.id, claim.recipient.id, day, most).await.expect("asking")
    };
    let today = "2027-03-01";
    assert!(take(&claims[0], today, 2).await);
    assert!(take(&claims[0], today, 2).await, "a second try takes no second place");
    assert!(take(&claims[1], today, 2).await);
    assert!(!take(&claims[2], today, 2).await);
    assert!(take(&claims[2], "2027-03-02", 2).await, "another day");
    assert!(take(&claims[3], today, u32::MAX).await, "what is critical passes, and counts");
    // One that certainly did not arrive gives its place back; one in doubt keeps it.
    ledger.send(&claims[0], "08:00", Settlement::Failed(Reason::Refused)).await;
    ledger.send(&claims[1], "08:00", Settlement::Unknown(Reason::NoAnswer)).await;
    ledger.sent(&claims[3], "08:00").await;
    assert!(!take(&claims[2], today, 2).await, "two of the three are left");
    assert!(take(&claims[2], today, 3).await);
}
