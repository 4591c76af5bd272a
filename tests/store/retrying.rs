//! Sending again what failed or is unknown, because an operator asks for it: the one way out of these states.

use chrono::NaiveDate;
use nudged::domain::consent::{Choice, Way, Wish};
use nudged::domain::delivery::{Reason, Settlement, State};
use nudged::domain::news::Who;
use nudged::domain::recall::Remedy;
use nudged::domain::recipient::Unreachable;
use nudged::domain::schedule::model::{CatchUp, Overlap, Target};
use nudged::port::recall::RecallOrder;
use nudged::port::rehearsal::TestOrder;
use nudged::port::store::{Pause, PausedBy, SchedulePlan};
use nudged::port::trouble::{CancelOrder, NothingThere, Retried, RetryOrder, RetryReport};

use crate::Place;
use crate::fixtures::*;
use crate::standings::{claim_of, one_in_each, states, tried_and_done};

const BOTH: [Retried; 2] = [Retried::Failed, Retried::Unknown];

fn order(which: Retried) -> RetryOrder {
    RetryOrder { schedule: name("s"), who: Vec::new(), on: None, which, late_until: None, dry_run: false }
}

fn of(which: Retried, who: &str) -> RetryOrder {
    RetryOrder { who: vec![Target::Person(address(&format!("{who}@x")))], ..order(which) }
}

fn late(which: Retried, until: &str) -> RetryOrder {
    RetryOrder { late_until: Some(at(until)), ..order(which) }
}

fn day() -> NaiveDate {
    civil("00:00").date()
}

impl Ledger {
    /// Asks what a retry would do, and then for the retry: both must say the same.
    async fn retry(&self, order: RetryOrder, now: &str) -> Result<RetryReport, NothingThere> {
        let dry = RetryOrder { dry_run: true, ..order.clone() };
        let (tried, done) = (self.store.retry(dry, at(now)), self.store.retry(order, at(now)));
        tried_and_done(self, tried, done, |report| RetryReport { dry_run: true, ..report }).await
    }

    /// How many are sent again, are too late, and are not meant any more.
    async fn retried(&self, order: RetryOrder, now: &str) -> (u64, u64, u64) {
        let report = self.retry(order, now).await.expect("something to retry");
        (report.retried, report.too_late, report.not_meant)
    }
}

/// `ana` and `bo` at nine in Berlin, with these ends.
async fn ended(place: &dyn Place, draft: Draft, ana: Settlement, bo: Settlement) -> Ledger {
    let ledger = Ledger::with(place, &[person("ana", BERLIN), person("bo", BERLIN)], &[draft]).await;
    ledger.plan(&[plan("s", &[wave("09:00", BERLIN)])], "00:00").await;
    ledger.expand("08:00").await;
    for claim in ledger.claim("08:00").await {
        let end = if claim.recipient.name == "ana" { ana.clone() } else { bo.clone() };
        ledger.send(&claim, "08:00", end).await;
    }
    ledger
}

fn failed() -> Settlement {
    Settlement::Failed(Reason::Refused)
}

fn unknown() -> Settlement {
    Settlement::Unknown(Reason::NoAnswer)
}

/// What a retry makes of a delivery in each state.
fn after(state: State, which: Retried) -> State {
    match (state, which) {
        (State::Failed, Retried::Failed) | (State::Unknown, Retried::Unknown) => State::Planned,
        (State::Failed, Retried::Unknown) | (State::Unknown, Retried::Failed) => state,
        (
            State::Planned
            | State::Claimed
            | State::Sending
            | State::Waiting
            | State::Sent
            | State::Skipped
            | State::Expired
            | State::Cancelled,
            Retried::Failed | Retried::Unknown,
        ) => state,
    }
}

pub(crate) async fn nothing_else_is_sent_again(place: &dyn Place) {
    for which in BOTH {
        let place = place.another();
        let (ledger, _claims) = one_in_each(&*place, draft("s")).await;
        for state in State::ALL.into_iter().filter(|state| after(*state, which) == *state) {
            let refused = ledger.retry(of(which, state.as_str()), "08:00").await;
            assert_eq!(refused, Err(NothingThere::Nothing), "{which:?} of what is {state}");
        }
        let before = states(&ledger).await;
        let report = ledger.retry(order(which), "08:00").await.expect("one of them");
        assert_eq!((report.retried, report.too_late, report.not_meant), (1, 0, 0));
        assert_eq!(report.occurrences, [civil("09:00")]);
        for (who, was, reason) in before {
            let becomes = after(was, which);
            let expect = if becomes == was { (was, reason) } else { (becomes, None) };
            assert_eq!(ledger.state("s", "09:00", &who).await, expect, "{which:?} of what is {was}");
        }
    }
}

/// The clock was set back, and its recipient moved east meanwhile.
pub(crate) async fn a_retry_is_open_as_long_as_its_recipients_zone_lets_it(place: &dyn Place) {
    let ledger = Ledger::with(place, &[person("ana", DENVER)], &[draft("s")]).await;
    ledger.plan(&[plan("s", &[wave("09:00", BERLIN), wave("09:00", DENVER)])], "00:00").await;
    ledger.expand("16:00").await;
    let claim = ledger.claim_one("16:00").await;
    ledger.send(&claim, "16:00", failed()).await;
    assert_eq!(ledger.retried(order(Retried::Failed), "13:00").await, (1, 0, 0));
    ledger.import(&[person("ana", BERLIN)], "13:10").await;
    let claim = ledger.claim_one("13:20").await;
    assert_eq!((claim.due_at, claim.expire_at), (at("08:00"), at("13:00")), "it is over there");
}

pub(crate) async fn asked_twice_it_is_sent_again_once(place: &dyn Place) {
    let ledger = ended(place, draft("s"), failed(), sent()).await;
    let again = async |now: &str| ledger.retry(order(Retried::Failed), now).await.map(|report| report.retried);
    assert_eq!(again("08:01").await, Ok(1));
    assert_eq!(again("08:01").await, Err(NothingThere::Nothing), "it waits for its turn");
    let claim = ledger.claim_one("08:02").await;
    assert_eq!(again("08:02").await, Err(NothingThere::Nothing), "somebody has it in hand");
    let attempt = ledger.mark(&claim, "08:02").await;
    assert_eq!(again("08:02").await, Err(NothingThere::Nothing), "it is being sent");
    ledger.settle(attempted(&claim, attempt, "08:02", failed())).await;
    assert_eq!(again("08:03").await, Ok(1), "it failed once more");
    let claim = ledger.claim_one("08:03").await;
    assert_eq!((claim.attempts, claim.possible_duplicate), (2, false), "nothing of it can have arrived");
    ledger.sent(&claim, "08:03").await;
    assert_eq!(again("08:04").await, Err(NothingThere::Nothing), "it has arrived");
    assert_eq!(ledger.counts("s", "09:00").await, [(State::Sent, 2)]);
}

pub(crate) async fn a_doubt_that_is_sent_again_is_marked(place: &dyn Place) {
    let ledger = ended(place, draft("s").hold(), unknown(), failed()).await;
    assert_eq!(ledger.retried(order(Retried::Unknown), "08:01").await, (1, 0, 0));
    let claim = ledger.claim_one("08:01").await;
    assert_eq!((claim.recipient.name.as_str(), claim.possible_duplicate, claim.doubts), ("ana", true, 1));
    ledger.sent(&claim, "08:01").await;
    let ana = ledger.delivery("s", "09:00", "ana").await;
    assert_eq!((ana.state, ana.possible_duplicate), (State::Sent, true), "perhaps twice, and it says so");
}

pub(crate) async fn a_retry_outlives_its_daemon(place: &dyn Place) {
    for is_held in [false, true] {
        let place = place.another();
        let draft = if is_held { draft("s").hold() } else { draft("s") };
        let ledger = ended(&*place, draft, failed(), sent()).await;
        assert_eq!(ledger.retried(order(Retried::Failed), "08:01").await, (1, 0, 0));
        ledger.store.close().await;
        let store = place.open();
        let term = store.take_over(at("08:02")).await.expect("taking over").term;
        let ledger = Ledger { store, term };
        let claim = ledger.claim_one("08:02").await;
        ledger.mark(&claim, "08:02").await;
        let found = ledger.store.take_over(at("08:03")).await.expect("taking over");
        let ana = ledger.delivery("s", "09:00", "ana").await;
        // A death during a retry is a death like any other.
        if is_held {
            assert_eq!((found.rescued.unknown, ana.state), (1, State::Unknown));
        } else {
            assert_eq!((found.rescued.to_resend, ana.state, ana.possible_duplicate), (1, State::Waiting, true));
        }
    }
}

pub(crate) async fn what_senders_have_in_hand_stays_theirs(place: &dyn Place) {
    let (ledger, claims) = one_in_each(place, draft("s")).await;
    let failed_before = claim_of(&claims, State::Failed);
    for which in BOTH {
        assert_eq!(ledger.retried(order(which), "08:01").await, (1, 0, 0));
    }
    // Who had it before has nothing to say about it any more.
    assert_lost(
        ledger.store.mark_sending(failed_before.id, failed_before.term, at("08:01"), LEASE).await,
        failed_before,
    );
    assert_lost(ledger.store.settle(decided(failed_before, "08:01", failed())).await, failed_before);
    ledger.release(failed_before).await;
    assert_eq!(ledger.state("s", "09:00", "failed").await, (State::Planned, None));
    ledger.sent(claim_of(&claims, State::Claimed), "08:01").await;
    let mut again: Vec<String> = ledger.claim("08:01").await.into_iter().map(|claim| claim.recipient.name).collect();
    again.sort_unstable();
    assert_eq!(again, ["failed", "planned", "unknown"]);
    assert_eq!(ledger.claim("08:01").await, [], "each of them once");
}

/// Each way of not being meant any more, and nothing of it comes back by a retry.
pub(crate) async fn what_is_not_meant_any_more_stays_as_it_is(place: &dyn Place) {
    enum Since {
        Recalled,
        OneRecalled,
        Cancelled,
        Moved,
        Removed,
    }
    for since in [Since::Recalled, Since::OneRecalled, Since::Cancelled, Since::Moved, Since::Removed] {
        let place = place.another();
        let ledger = ended(&*place, draft("s"), unknown(), waiting("08:30", Reason::Throttled)).await;
        let recall = RecallOrder { schedule: name("s"), occurrence: None, who: Vec::new(), remedy: Remedy::Delete };
        let store = &ledger.store;
        match since {
            Since::Recalled => drop(store.begin_recall(recall, at("08:01")).await.expect("recalling")),
            Since::OneRecalled => {
                let who = vec![Target::Person(address("ana@x"))];
                drop(store.begin_recall(RecallOrder { who, ..recall }, at("08:01")).await.expect("recalling"));
            }
            Since::Cancelled => {
                let order = CancelOrder { schedule: name("s"), on: None, dry_run: false };
                let done = store.cancel(order, at("08:01")).await.expect("cancelling");
                assert_eq!(done.expect("bo").occurrences[0].cancelled, 1);
            }
            Since::Moved => {
                let moved = SchedulePlan { signature: "2".into(), ..plan("s", &[wave("10:00", BERLIN)]) };
                assert_eq!(ledger.plan(&[moved], "08:01").await.withdrawn_waves, 1);
            }
            Since::Removed => ledger.sync(&[], "08:01").await,
        }
        assert_eq!(ledger.retried(late(Retried::Unknown, "20:00"), "08:02").await, (0, 0, 1));
        assert_eq!(ledger.state("s", "09:00", "ana").await.0, State::Unknown);
    }
}

pub(crate) async fn what_is_late_waits_for_the_operators_word(place: &dyn Place) {
    for which in BOTH {
        let place = place.another();
        let end = if which == Retried::Failed { failed() } else { unknown() };
        let draft = draft("s").backlog(Overlap::Supersede, CatchUp::Latest);
        let ledger = ended(&*place, draft, end, sent()).await;
        // The next one has come meanwhile.
        ledger.plan(&[plan("s", &[wave("09:00", BERLIN), wave("12:00", BERLIN)])], "08:00").await;
        ledger.expand("11:00").await;
        for claim in ledger.claim("11:00").await {
            ledger.sent(&claim, "11:00").await;
        }
        assert_eq!(ledger.retried(RetryOrder { on: Some(day()), ..order(which) }, "11:00").await, (0, 1, 0));
        assert_eq!(ledger.retried(late(which, "11:45"), "11:00").await, (1, 0, 0));
        let claim = ledger.claim_one("11:00").await;
        assert_eq!((claim.expire_at, claim.later_is_due), (at("11:45"), false), "an operator wants it all the same");
        ledger.send(&claim, "11:00", waiting("11:20", Reason::Throttled)).await;
        let claim = ledger.claim_one("11:20").await;
        assert_eq!(claim.expire_at, at("11:45"), "it is open as long as before");
        ledger.sent(&claim, "11:20").await;
        assert_eq!(ledger.counts("s", "09:00").await, [(State::Sent, 2)]);
    }
}

/// A retry promises no more than a new try: consent and reach are asked again.
pub(crate) async fn whoever_went_away_since_is_not_spoken_to(place: &dyn Place) {
    let ledger = ended(place, draft("s"), failed(), Settlement::Unknown(Reason::Uninstalled)).await;
    let ana = Who { conversation_id: None, addresses: vec![address("ana@x")] };
    let stop = Choice { wish: Wish::Stop, topic: None, way: Way::Operator, at: at("08:01") };
    ledger.store.choose(ana, stop).await.expect("a choice");
    for which in BOTH {
        assert_eq!(ledger.retried(order(which), "08:02").await, (1, 0, 0));
    }
    let mut claims = ledger.claim("08:02").await;
    claims.sort_by(|a, b| a.recipient.name.cmp(&b.recipient.name));
    let seen: Vec<_> = claims.iter().map(|claim| (claim.opted_out, claim.unreachable)).collect();
    assert_eq!(seen, [(true, None), (false, Some(Unreachable::Uninstalled))]);
    // Nothing leaves to who stopped, whoever claims it.
    assert_lost(ledger.store.mark_sending(claims[0].id, claims[0].term, at("08:02"), LEASE).await, &claims[0]);
}

pub(crate) async fn a_retry_of_a_paused_schedule_waits(place: &dyn Place) {
    let ledger = ended(place, draft("s"), failed(), sent()).await;
    let pause = Pause { schedule: name("s"), why: String::new(), by: PausedBy::Operator, not_believed: None };
    ledger.store.pause(pause, at("08:01")).await.expect("pausing");
    assert_eq!(ledger.retried(order(Retried::Failed), "08:02").await, (1, 0, 0));
    assert_eq!(ledger.claim("08:02").await, []);
    ledger.store.resume(name("s"), at("08:03")).await.expect("resuming");
    assert_eq!(names(&ledger.claim("08:03").await), ["ana"]);
}

/// An edit may take away what is sent again, as anything that is open; what was in doubt stays marked.
pub(crate) async fn an_edit_takes_a_retry_along(place: &dyn Place) {
    let ledger = ended(place, draft("s"), failed(), unknown()).await;
    for which in BOTH {
        assert_eq!(ledger.retried(order(which), "08:01").await, (1, 0, 0));
    }
    ledger.plan(&[plan("s", &[])], "08:02").await;
    ledger.plan(&[plan("s", &[wave("09:00", BERLIN)])], "08:03").await;
    ledger.expand("08:04").await;
    assert_eq!(names(&ledger.claim("08:04").await), ["ana"], "what may have arrived is not revived");
    assert!(ledger.delivery("s", "09:00", "bo").await.possible_duplicate);
}

pub(crate) async fn which_occurrence_is_meant(place: &dyn Place) {
    let ledger = ended(place, draft("s"), failed(), failed()).await;
    ledger.plan(&[plan("s", &[wave("09:00", BERLIN), wave("10:00", BERLIN)])], "08:00").await;
    ledger.expand("09:00").await;
    for claim in ledger.claim("09:00").await {
        ledger.send(&claim, "09:00", if claim.recipient.name == "ana" { failed() } else { sent() }).await;
    }
    let occurrences = async |order: RetryOrder| {
        let dry = RetryOrder { dry_run: true, ..order };
        ledger.store.retry(dry, at("09:00")).await.expect("trying out").map(|report| report.occurrences)
    };
    assert_eq!(occurrences(order(Retried::Failed)).await, Ok(vec![civil("10:00")]), "the one that ended so last");
    assert_eq!(occurrences(of(Retried::Failed, "bo")).await, Ok(vec![civil("09:00")]), "for whom it did");
    let of_day = RetryOrder { on: Some(day()), ..order(Retried::Failed) };
    assert_eq!(occurrences(of_day.clone()).await, Ok(vec![civil("09:00"), civil("10:00")]));
    let another = RetryOrder { on: day().succ_opt(), ..of_day };
    assert_eq!(occurrences(another).await, Err(NothingThere::Nothing));
    let zoe = of(Retried::Failed, "zoe");
    assert_eq!(occurrences(zoe.clone()).await, Err(NothingThere::Nobody(zoe.who[0].clone())));
    let stranger = RetryOrder { schedule: name("t"), ..order(Retried::Failed) };
    assert_eq!(occurrences(stranger).await, Err(NothingThere::UnknownSchedule));
}

/// Whoever wants to see a test again makes another.
pub(crate) async fn a_test_is_not_sent_again(place: &dyn Place) {
    let ledger = Ledger::with(place, &[person("ana", BERLIN)], &[draft("s")]).await;
    let recipient = ledger.store.find_people("ana@x").await.expect("ana")[0];
    let test = TestOrder { schedule: name("s"), recipient, expire_at: at("08:10") };
    ledger.store.rehearse(test, at("08:00")).await.expect("a test").expect("its occurrence");
    ledger.expand("08:01").await;
    let claim = ledger.claim_one("08:01").await;
    ledger.send(&claim, "08:01", failed()).await;
    for on in [None, Some(day())] {
        let asked = RetryOrder { on, ..order(Retried::Failed) };
        assert_eq!(ledger.retry(asked, "08:02").await, Err(NothingThere::Nothing));
    }
}
