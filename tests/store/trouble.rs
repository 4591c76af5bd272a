//! Recipients who can't be reached, and schedules that are held.

use nudged::domain::delivery::{Reason, Settlement, State};
use nudged::domain::id::RecipientId;
use nudged::domain::recipient::{PersonRecord, Reference, Unreachable};
use nudged::port::desk::Reach;
use nudged::port::store::{Pause, Paused, PausedBy};

use crate::Place;
use crate::fixtures::*;

fn pause_of(schedule: &str) -> Pause {
    Pause { schedule: name(schedule), why: String::new(), by: PausedBy::Operator, not_believed: None }
}

/// Sends one occurrence of `s` after the other to one person, each with the outcome that it is given.
async fn occurrences(ledger: &Ledger, hours: impl IntoIterator<Item = (u32, Settlement)>) {
    let waves: Vec<_> = (2..20).map(|hour| wave(&format!("{hour:02}:00"), BERLIN)).collect();
    ledger.plan(&[plan("s", &waves)], "00:00").await;
    for (hour, settlement) in hours {
        let utc = format!("{hour:02}:00");
        ledger.expand(&utc).await;
        let claim = ledger.claim_one(&utc).await;
        ledger.send(&claim, &utc, settlement).await;
    }
}

async fn reach(ledger: &Ledger) -> Reach {
    ledger.store.people().await.expect("people").remove(0).reach
}

pub(crate) async fn a_conversation_is_gone_after_three_occurrences_in_a_row(place: &dyn Place) {
    let lost = || Settlement::Failed(Reason::ConversationNotFound);
    let ledger = Ledger::with(place, &[person("ana", BERLIN)], &[draft("s")]).await;
    occurrences(&ledger, [(1, lost()), (2, lost()), (3, sent()), (4, lost()), (5, lost())]).await;
    assert_eq!(reach(&ledger).await, Reach::Conversation, "one that arrived counts the others off");
    occurrences(&ledger, [(6, lost())]).await;
    assert_eq!(reach(&ledger).await, Reach::Unreachable(Unreachable::Gone));

    ledger.import(&[person("ana", BERLIN)], "06:00").await;
    assert_eq!(reach(&ledger).await, Reach::Unreachable(Unreachable::Gone), "nothing is new");
    let reference = Reference { conversation_id: Some("a:new".into()), ..Reference::default() };
    ledger.import(&[PersonRecord { reference, ..person("ana", BERLIN) }], "06:00").await;
    assert_eq!(reach(&ledger).await, Reach::Conversation);
    occurrences(&ledger, [(7, lost()), (8, lost())]).await;
    assert_eq!(reach(&ledger).await, Reach::Conversation, "it is counted from the beginning");
}

pub(crate) async fn who_waits_is_not_marked(place: &dyn Place) {
    let ledger = Ledger::with(place, &[person("ana", BERLIN)], &[draft("s")]).await;
    occurrences(&ledger, [(1, waiting("01:00", Reason::Uninstalled))]).await;
    assert_eq!(reach(&ledger).await, Reach::Conversation);
}

pub(crate) async fn a_paused_schedule_waits(place: &dyn Place) {
    let ledger = Ledger::with(place, &[person("ana", BERLIN)], &[draft("s"), draft("t")]).await;
    ledger.plan(&[plan("s", &[wave("09:00", BERLIN), wave("10:00", BERLIN)])], "00:00").await;
    ledger.plan(&[plan("t", &[wave("09:00", BERLIN)])], "00:00").await;
    ledger.expand("08:00").await;
    let pause = || Pause { why: "a holiday".into(), ..pause_of("s") };
    assert!(ledger.store.pause(pause(), at("08:00")).await.expect("pausing"));
    assert!(!ledger.store.pause(pause(), at("08:01")).await.expect("pausing"), "once is enough");
    let (since, by) = (at("08:00"), PausedBy::Operator);
    let paused = Paused { schedule: name("s"), since, by, why: "a holiday".into() };
    assert_eq!(ledger.store.paused().await.expect("paused"), [paused]);

    assert_eq!(ledger.claim_one("08:01").await.schedule, name("t"));
    ledger.sync(&[draft("s"), draft("t")], "08:05").await;
    assert_eq!(ledger.expand("09:00").await, made(1, 1), "it is accounted for as ever");
    assert_eq!(ledger.claim("09:00").await, [], "a reload does not let it go");

    assert!(ledger.store.resume(name("s"), at("09:00")).await.expect("resuming"));
    assert!(!ledger.store.resume(name("s"), at("09:00")).await.expect("resuming"));
    assert_eq!(ledger.store.paused().await.expect("paused"), []);
    assert_eq!(ledger.claim("09:00").await.len(), 2);
}

/// Who resumes it has to know that there is more to look at than they thought.
pub(crate) async fn what_an_operator_holds_the_watch_takes_over(place: &dyn Place) {
    let ledger = Ledger::with(place, &[], &[draft("s")]).await;
    let by_hand = || Pause { why: "a holiday".into(), ..pause_of("s") };
    let by_watch = || Pause { why: "too many lost".into(), by: PausedBy::Watch, ..pause_of("s") };
    assert!(ledger.store.pause(by_hand(), at("08:00")).await.expect("pausing"));
    assert!(ledger.store.pause(by_watch(), at("08:01")).await.expect("pausing"));
    for pause in [by_watch(), by_hand()] {
        assert!(!ledger.store.pause(pause, at("08:02")).await.expect("pausing"), "it is held by the watch already");
    }
    let (since, by, why) = (at("08:00"), PausedBy::Watch, "a holiday; too many lost".into());
    assert_eq!(ledger.store.paused().await.expect("paused"), [Paused { schedule: name("s"), since, by, why }]);
    assert!(ledger.store.resume(name("s"), at("09:00")).await.expect("resuming"));
    assert_eq!(ledger.store.paused().await.expect("paused"), []);
}

pub(crate) async fn a_claim_of_a_paused_schedule_comes_back_into_the_pause(place: &dyn Place) {
    let ledger = Ledger::with(place, &[person("ana", BERLIN)], &[draft("s")]).await;
    ledger.plan(&[plan("s", &[wave("09:00", BERLIN)])], "00:00").await;
    ledger.expand("08:00").await;
    let claim = ledger.claim_one("08:00").await;
    ledger.store.pause(pause_of("s"), at("08:00")).await.expect("pausing");
    let (id, term) = (claim.id, claim.term);
    assert_lost(ledger.store.mark_sending(id, term, at("08:00"), LEASE).await, &claim);
    ledger.release(&claim).await;
    assert_eq!(ledger.claim("08:01").await, []);
    ledger.store.resume(name("s"), at("09:00")).await.expect("resuming");
    let claim = ledger.claim_one("08:01").await;
    ledger.sent(&claim, "08:01").await;
    assert_eq!(ledger.counts("s", "09:00").await, [(State::Sent, 1)]);
}

pub(crate) async fn marks_that_are_no_longer_believed_are_taken_back(place: &dyn Place) {
    let people = ["ana", "bo", "cy"].map(|name| person(name, BERLIN));
    let ledger = Ledger::with(place, &people, &[draft("s")]).await;
    ledger.plan(&[plan("s", &[wave("09:00", BERLIN)])], "00:00").await;
    ledger.expand("08:00").await;
    let mut marked = Vec::new();
    for claim in ledger.claim("08:00").await {
        let reason = if claim.recipient.name == "cy" { Reason::Blocked } else { Reason::Uninstalled };
        ledger.send(&claim, "08:00", Settlement::Skipped(reason)).await;
        marked.push(claim.recipient.id);
    }
    marked.retain(|id| *id != RecipientId(2));
    let pause = Pause { by: PausedBy::Watch, not_believed: Some((Reason::Uninstalled, marked)), ..pause_of("s") };
    ledger.store.pause(pause, at("08:00")).await.expect("pausing");
    assert_eq!(ledger.store.paused().await.expect("paused")[0].by, PausedBy::Watch);
    assert_eq!(ledger.counts("s", "09:00").await, [(State::Waiting, 1), (State::Skipped, 2)], "one may still get it");
    assert_eq!(ledger.claim("08:01").await, []);
    ledger.store.resume(name("s"), at("09:00")).await.expect("resuming");
    assert_eq!(names(&ledger.claim("08:01").await), ["ana"]);
    let reach: Vec<_> = ledger.store.people().await.expect("people").into_iter().map(|it| it.reach).collect();
    let still = Reach::Unreachable;
    assert_eq!(reach, [Reach::Conversation, still(Unreachable::Uninstalled), still(Unreachable::Blocked)]);
}

pub(crate) async fn a_place_is_remembered(place: &dyn Place) {
    let ledger = Ledger::with(place, &[person("ana", BERLIN)], &[draft("s")]).await;
    ledger.plan(&[plan("s", &[wave("09:00", BERLIN)])], "00:00").await;
    ledger.expand("08:00").await;
    let claim = ledger.claim_one("08:00").await;
    ledger.store.remember_place(claim.recipient.id, "https://b/".into()).await.expect("remembering");
    ledger.release(&claim).await;
    let reference = ledger.claim_one("08:00").await.reference;
    assert_eq!(reference, Reference { service_url: Some("https://b/".into()), ..claim.reference });
    assert!(ledger.store.remember_place(RecipientId(4711), "https://b/".into()).await.is_err());
}

pub(crate) async fn only_a_known_schedule_can_be_paused(place: &dyn Place) {
    let ledger = Ledger::with(place, &[], &[draft("s")]).await;
    assert!(ledger.store.pause(pause_of("t"), at("08:00")).await.is_err());
    assert!(ledger.store.resume(name("t"), at("09:00")).await.is_err());
}

pub(crate) async fn losses_that_come_together_count_once(place: &dyn Place) {
    let ledger = Ledger::with(place, &[person("ana", BERLIN)], &[draft("s"), draft("t"), draft("u")]).await;
    for schedule in ["s", "t", "u"] {
        ledger.plan(&[plan(schedule, &[wave("09:00", BERLIN)])], "00:00").await;
    }
    ledger.expand("08:00").await;
    for claim in ledger.claim("08:00").await {
        ledger.send(&claim, "08:00", Settlement::Failed(Reason::ConversationNotFound)).await;
    }
    assert_eq!(reach(&ledger).await, Reach::Conversation);
}

pub(crate) async fn doubts_are_counted_apart_from_attempts(place: &dyn Place) {
    let ledger = Ledger::with(place, &[person("ana", BERLIN)], &[draft("s")]).await;
    ledger.plan(&[plan("s", &[wave("09:00", BERLIN)])], "00:00").await;
    ledger.expand("08:00").await;
    for (reason, expect) in [(Reason::Throttled, (1, 0)), (Reason::NoAnswer, (2, 1)), (Reason::ServerError, (3, 2))] {
        let claim = ledger.claim_one("08:00").await;
        ledger.send(&claim, "08:00", waiting("08:00", reason)).await;
        let claim = ledger.claim_one("08:00").await;
        assert_eq!((claim.attempts, claim.doubts), expect);
        ledger.release(&claim).await;
    }
}
