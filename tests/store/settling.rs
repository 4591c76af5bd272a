//! Attempts and what becomes of deliveries.

use nudged::domain::delivery::{Reason, Settlement, State};
use nudged::domain::id::AttemptId;
use nudged::domain::recipient::{PersonRecord, Reference, Unreachable};
use nudged::domain::verdict::Evidence;
use nudged::port::connector::Conversation;
use nudged::port::desk::Reach;
use nudged::port::store::{AttemptEnd, Outcome};
use tokio::task::JoinSet;

use crate::Place;
use crate::fixtures::*;

/// Deliveries that are due at 08:00, one for each name.
async fn due(place: &dyn Place, people: &[&str]) -> Ledger {
    let people: Vec<_> = people.iter().map(|name| person(name, BERLIN)).collect();
    let ledger = Ledger::with(place, &people, &[draft("s")]).await;
    ledger.plan(&[plan("s", &[wave("09:00", BERLIN)])], "00:00").await;
    ledger.expand("08:00").await;
    ledger
}

pub(crate) async fn every_settlement_is_kept(place: &dyn Place) {
    let settlements = [
        ("sent", sent()),
        ("waiting", waiting("08:10", Reason::Throttled)),
        ("skipped", Settlement::Skipped(Reason::Blocked)),
        ("failed", Settlement::Failed(Reason::Refused)),
        ("unknown", Settlement::Unknown(Reason::NoAnswer)),
        ("expired", Settlement::Expired(Reason::TooLate)),
    ];
    let ledger = due(place, &settlements.each_ref().map(|it| it.0)).await;
    for claim in ledger.claim("08:00").await {
        let settlement = settlements.iter().find(|it| it.0 == claim.recipient.name).expect("its settlement").1.clone();
        let attempt = ledger.mark(&claim, "08:00").await;
        let evidence = Evidence { detail: Some("what was seen".into()), ..Evidence::default() };
        let end = AttemptEnd { attempt, evidence, latency: std::time::Duration::from_millis(3) };
        ledger.settle(Outcome { attempt: Some(end), ..decided(&claim, "08:01", settlement) }).await;
    }
    for (who, settlement) in settlements {
        let kept = ledger.delivery("s", "09:00", who).await;
        assert_eq!((kept.state, kept.reason), (settlement.state(), settlement.reason()), "{who}");
        assert_eq!((kept.attempts, kept.detail.as_deref()), (1, Some("what was seen")), "{who}");
        assert_eq!(kept.sent_at, (who == "sent").then(|| at("08:01")), "{who}");
        assert_eq!(kept.not_before, (who == "waiting").then(|| at("08:10")), "{who}");
    }

    // Without an attempt: a decision costs none.
    let ledger = due(place, &["ana"]).await;
    let claims = ledger.claim("08:00").await;
    let outcome = Outcome {
        detail: Some("no reference".into()),
        ..decided(&claims[0], "08:00", Settlement::Failed(Reason::NoReference))
    };
    ledger.settle(outcome).await;
    let kept = ledger.delivery("s", "09:00", &claims[0].recipient.name).await;
    assert_eq!((kept.attempts, kept.detail.as_deref()), (0, Some("no reference")));
}

pub(crate) async fn nothing_is_sent_that_was_not_being_sent(place: &dyn Place) {
    let ledger = due(place, &["ana"]).await;
    let claim = ledger.claim_one("08:00").await;
    assert_lost(ledger.store.settle(decided(&claim, "08:00", sent())).await, &claim);
    ledger.release(&claim).await;
    assert_lost(ledger.store.mark_sending(claim.id, claim.term, at("08:00"), LEASE).await, &claim);
    assert_eq!(ledger.state("s", "09:00", "ana").await, (State::Planned, None));
}

pub(crate) async fn a_settled_delivery_is_settled(place: &dyn Place) {
    let ledger = due(place, &["ana"]).await;
    let claim = ledger.claim_one("08:00").await;
    let attempt = ledger.mark(&claim, "08:00").await;
    assert_lost(ledger.store.mark_sending(claim.id, claim.term, at("08:00"), LEASE).await, &claim);
    let outcome = attempted(&claim, attempt, "08:00", sent());
    ledger.settle(outcome.clone()).await;
    assert_lost(ledger.store.settle(outcome).await, &claim);
    let other = attempted(&claim, attempt, "08:00", Settlement::Failed(Reason::Refused));
    assert_lost(ledger.store.settle(other).await, &claim);
    let ana = ledger.delivery("s", "09:00", "ana").await;
    assert_eq!((ana.state, ana.attempts), (State::Sent, 1));
}

pub(crate) async fn doubt_is_never_forgotten(place: &dyn Place) {
    let ledger = due(place, &["ana"]).await;
    let claim = ledger.claim_one("08:00").await;
    let doubt = Settlement::Waiting { not_before: at("08:01"), reason: Reason::NoAnswer, possible_duplicate: true };
    ledger.send(&claim, "08:00", doubt).await;
    let claim = ledger.claim_one("08:01").await;
    assert!(claim.possible_duplicate);
    ledger.send(&claim, "08:01", waiting("08:02", Reason::Throttled)).await;
    let claim = ledger.claim_one("08:02").await;
    assert!(claim.possible_duplicate, "that it was not the last answer does not undo the first");
    ledger.sent(&claim, "08:02").await;
    let ana = ledger.delivery("s", "09:00", "ana").await;
    assert_eq!((ana.state, ana.possible_duplicate, ana.attempts), (State::Sent, true, 3));
}

pub(crate) async fn the_unreachable_are_marked(place: &dyn Place) {
    let ledger = due(place, &["ana", "bo"]).await;
    for claim in ledger.claim("08:00").await {
        let reason = if claim.recipient.name == "ana" { Reason::Uninstalled } else { Reason::Refused };
        ledger.send(&claim, "08:00", Settlement::Failed(reason)).await;
    }
    let reach: Vec<_> = ledger.store.people().await.expect("people").into_iter().map(|it| it.reach).collect();
    assert_eq!(reach, [Reach::Unreachable(Unreachable::Uninstalled), Reach::Conversation]);
    ledger.plan(&[plan("s", &[wave("12:00", BERLIN)])], "08:01").await;
    ledger.expand("11:00").await;
    for claim in ledger.claim("11:00").await {
        let expect = (claim.recipient.name == "ana").then_some(Unreachable::Uninstalled);
        assert_eq!(claim.unreachable, expect);
    }
}

pub(crate) async fn a_conversation_is_remembered(place: &dyn Place) {
    let reference =
        Reference { service_url: Some("https://a/".into()), user_id: Some("29:1".into()), ..Reference::default() };
    let ana = PersonRecord { reference, ..person("ana", BERLIN) };
    let ledger = Ledger::with(place, &[ana], &[draft("s")]).await;
    ledger.plan(&[plan("s", &[wave("09:00", BERLIN)])], "00:00").await;
    ledger.expand("08:00").await;
    let claim = ledger.claim_one("08:00").await;
    let remember = async |service_url: Option<&str>| {
        let conversation =
            Conversation { conversation_id: "a:new".into(), service_url: service_url.map(str::to_owned) };
        ledger.store.remember_conversation(claim.recipient.id, conversation).await.expect("remembering");
        ledger.release(&claim).await;
        let reference = ledger.claim_one("08:00").await.reference;
        (reference.conversation_id, reference.service_url, reference.user_id)
    };
    assert_eq!(remember(None).await, (Some("a:new".into()), Some("https://a/".into()), Some("29:1".into())));
    assert_eq!(remember(Some("https://b/")).await.1, Some("https://b/".into()));

    let nobody = nudged::domain::id::RecipientId(4711);
    let conversation = Conversation { conversation_id: "a:2".into(), service_url: None };
    assert!(ledger.store.remember_conversation(nobody, conversation).await.is_err());
}

pub(crate) async fn an_attempt_belongs_to_its_delivery(place: &dyn Place) {
    let ledger = due(place, &["ana", "bo"]).await;
    let claims = ledger.claim("08:00").await;
    let first = ledger.mark(&claims[0], "08:00").await;
    let second = ledger.mark(&claims[1], "08:00").await;
    assert_ne!(first, second);
    for wrong in [second, AttemptId(4711)] {
        let result = ledger.store.settle(attempted(&claims[0], wrong, "08:00", sent())).await;
        assert_lost(result, &claims[0]);
        let who = &claims[0].recipient.name;
        assert_eq!(ledger.state("s", "09:00", who).await.0, State::Sending, "nothing of it has happened");
    }
    // A decision does not end a sending either.
    let decision = decided(&claims[0], "08:00", waiting("08:10", Reason::Busy));
    assert_lost(ledger.store.settle(decision).await, &claims[0]);
    ledger.settle(attempted(&claims[0], first, "08:00", sent())).await;
}

/// Both claims have the same term: a sender that was too slow and the one after it.
pub(crate) async fn a_slow_sender_does_not_speak_for_the_next(place: &dyn Place) {
    let ledger = due(place, &["ana"]).await;
    let slow = ledger.claim_one("08:00").await;
    let first = ledger.mark(&slow, "08:00").await;
    ledger.store.rescue(Vec::new(), at("08:10")).await.expect("rescuing");
    let next = ledger.claim_one("08:10").await;
    assert_lost(ledger.store.settle(attempted(&slow, first, "08:10", sent())).await, &slow);
    let second = ledger.mark(&next, "08:10").await;
    assert_lost(ledger.store.settle(attempted(&slow, first, "08:10", waiting("08:11", Reason::Busy))).await, &slow);
    assert_lost(ledger.store.settle(decided(&slow, "08:10", Settlement::Expired(Reason::TooLate))).await, &slow);
    ledger.settle(attempted(&next, second, "08:11", sent())).await;
    let ana = ledger.delivery("s", "09:00", "ana").await;
    assert_eq!((ana.state, ana.attempts, ana.possible_duplicate), (State::Sent, 2, true));
}

pub(crate) async fn a_failing_act_undoes_only_itself(place: &dyn Place) {
    let ledger = due(place, &["ana", "bo"]).await;
    let claims = ledger.claim("08:00").await;
    let first = ledger.mark(&claims[0], "08:00").await;
    let store = &ledger.store;
    // Asked at once, so that a store which groups its writes has them in one group.
    let (bad_plan, marked, lost, settled, bad_settle, probed) = tokio::join!(
        store.record_plans(vec![plan("s", &[wave("12:00", BERLIN)]), plan("stranger", &[])], at("08:00")),
        store.mark_sending(claims[1].id, claims[1].term, at("08:00"), LEASE),
        store.mark_sending(claims[0].id, claims[0].term, at("08:00"), LEASE),
        store.settle(attempted(&claims[0], first, "08:00", sent())),
        store.settle(attempted(&claims[1], first, "08:00", sent())),
        store.probe(),
    );
    assert!(bad_plan.is_err() && bad_settle.is_err());
    assert_lost(lost, &claims[0]);
    settled.expect("the settlement");
    probed.expect("the probe");
    let second = marked.expect("the mark");
    assert_eq!(ledger.counts("s", "09:00").await, [(State::Sending, 1), (State::Sent, 1)]);
    assert_eq!(ledger.counts("s", "12:00").await, []);
    ledger.settle(attempted(&claims[1], second, "08:00", sent())).await;
}

pub(crate) async fn many_senders_at_once(place: &dyn Place) {
    let people: Vec<String> = (0..64).map(|number| format!("p{number}")).collect();
    let people: Vec<&str> = people.iter().map(String::as_str).collect();
    let ledger = due(place, &people).await;
    let mut senders = JoinSet::new();
    for claim in ledger.claim("08:00").await {
        let store = ledger.store.clone();
        senders.spawn(async move {
            let attempt = store.mark_sending(claim.id, claim.term, at("08:00"), LEASE).await.expect("marking");
            store.settle(attempted(&claim, attempt, "08:00", sent())).await.expect("settling");
            attempt
        });
    }
    let mut attempts = senders.join_all().await;
    attempts.sort_unstable();
    attempts.dedup();
    assert_eq!(attempts.len(), 64);
    assert_eq!(ledger.counts("s", "09:00").await, [(State::Sent, 64)]);
}
