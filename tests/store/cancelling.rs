//! Ending what has not left yet of an occurrence, for good.

use nudged::domain::delivery::{Reason, Settlement, State};
use nudged::domain::recall::Remedy;
use nudged::port::recall::RecallOrder;
use nudged::port::rehearsal::TestOrder;
use nudged::port::store::{Pause, PausedBy, SchedulePlan};
use nudged::port::trouble::{CancelOrder, CancelReport, NothingThere, Retried, RetryOrder};

use crate::Place;
use crate::fixtures::*;
use crate::standings::{claim_of, one_in_each, states, tried_and_done};

const ENDED: (State, Option<Reason>) = (State::Cancelled, Some(Reason::CancelledByOperator));

fn order() -> CancelOrder {
    CancelOrder { schedule: name("s"), on: None, dry_run: false }
}

fn of_day() -> CancelOrder {
    CancelOrder { on: Some(civil("00:00").date()), ..order() }
}

impl Ledger {
    /// Asks what a cancel would do, and then for the cancel: both must say the same.
    async fn cancel(&self, order: CancelOrder, now: &str) -> Result<CancelReport, NothingThere> {
        let dry = CancelOrder { dry_run: true, ..order.clone() };
        let (tried, done) = (self.store.cancel(dry, at(now)), self.store.cancel(order, at(now)));
        tried_and_done(self, tried, done, |report| CancelReport { dry_run: true, ..report }).await
    }

    /// How many are cancelled of each occurrence, and how many are out.
    async fn cancelled(&self, order: CancelOrder, now: &str) -> Vec<(u64, u64)> {
        let report = self.cancel(order, now).await.expect("something to cancel");
        report.occurrences.iter().map(|found| (found.cancelled, found.out)).collect()
    }

    async fn nothing_to_claim(&self, now: &str, what: &str) {
        self.expand(now).await;
        assert_eq!(self.claim(now).await, [], "{what}");
    }
}

/// What a cancel makes of a delivery in each state. One that had been cancelled for another reason stays so for good.
fn after(state: State, reason: Option<Reason>) -> (State, Option<Reason>) {
    match state {
        State::Planned | State::Claimed | State::Waiting | State::Cancelled => ENDED,
        State::Sending | State::Sent | State::Skipped | State::Failed | State::Unknown | State::Expired => {
            (state, reason)
        }
    }
}

pub(crate) async fn what_has_not_left_ends_and_the_rest_stays(place: &dyn Place) {
    for order in [order(), of_day()] {
        let place = place.another();
        let (ledger, claims) = one_in_each(&*place, draft("s")).await;
        let before = states(&ledger).await;
        // Planned, claimed, waiting; sending, sent, unknown.
        assert_eq!(ledger.cancelled(order.clone(), "08:01").await, [(3, 3)]);
        for (who, state, reason) in before {
            assert_eq!(ledger.state("s", "09:00", &who).await, after(state, reason), "{who}");
        }
        let claimed = claim_of(&claims, State::Claimed);
        assert_lost(ledger.store.mark_sending(claimed.id, claimed.term, at("08:01"), LEASE).await, claimed);
        ledger.release(claimed).await;
        assert_eq!(ledger.state("s", "09:00", "claimed").await, ENDED, "it is out of the sender's hands");
        assert_eq!(ledger.cancel(order, "08:02").await, Err(NothingThere::Nothing), "once");
        ledger.import(&[member("cancelled", BERLIN, &["g"])], "08:02").await;
        ledger.nothing_to_claim("08:30", "nobody comes back").await;
    }
}

/// A request is under way when the cancel comes: what came of it stands, and it is not tried again.
pub(crate) async fn what_is_being_sent_is_not_tried_again(place: &dyn Place) {
    let doubt = Settlement::Waiting { not_before: at("08:10"), reason: Reason::NoAnswer, possible_duplicate: true };
    let endings = [
        ("arrived", sent(), (State::Sent, None), false),
        ("busy", waiting("08:10", Reason::Throttled), ENDED, false),
        ("doubt", doubt, ENDED, true),
        ("failed", Settlement::Failed(Reason::Refused), (State::Failed, Some(Reason::Refused)), false),
        ("unknown", Settlement::Unknown(Reason::NoAnswer), (State::Unknown, Some(Reason::NoAnswer)), false),
    ];
    for order in [order(), of_day()] {
        let place = place.another();
        let people = endings.each_ref().map(|it| person(it.0, BERLIN));
        let ledger = Ledger::with(&*place, &people, &[draft("s")]).await;
        ledger.plan(&[plan("s", &[wave("09:00", BERLIN)])], "00:00").await;
        ledger.expand("08:00").await;
        let mut sending = Vec::new();
        for claim in ledger.claim("08:00").await {
            let attempt = ledger.mark(&claim, "08:00").await;
            sending.push((claim, attempt));
        }
        assert_eq!(ledger.cancelled(order.clone(), "08:00").await, [(0, 5)], "all of it is out, for now");
        for (claim, attempt) in &sending {
            let ending = endings.iter().find(|it| it.0 == claim.recipient.name).expect("its ending");
            ledger.settle(attempted(claim, *attempt, "08:01", ending.1.clone())).await;
        }
        for (who, _, expect, in_doubt) in &endings {
            let delivery = ledger.delivery("s", "09:00", who).await;
            assert_eq!(((delivery.state, delivery.reason), delivery.possible_duplicate), (*expect, *in_doubt), "{who}");
        }
        ledger.nothing_to_claim("08:30", "nothing is tried again").await;
    }
}

pub(crate) async fn a_crash_while_sending_is_not_sent_again(place: &dyn Place) {
    for is_held in [false, true] {
        let place = place.another();
        let draft = if is_held { draft("s").hold() } else { draft("s") };
        let ledger = Ledger::with(&*place, &[person("ana", BERLIN)], &[draft]).await;
        ledger.plan(&[plan("s", &[wave("09:00", BERLIN)])], "00:00").await;
        ledger.expand("08:00").await;
        let claim = ledger.claim_one("08:00").await;
        ledger.mark(&claim, "08:00").await;
        assert_eq!(ledger.cancelled(order(), "08:00").await, [(0, 1)]);
        let term = ledger.store.take_over(at("08:01")).await.expect("taking over").term;
        let ledger = Ledger { term, ..ledger };
        let ana = ledger.delivery("s", "09:00", "ana").await;
        let expect = if is_held { (State::Unknown, Some(Reason::Interrupted)) } else { ENDED };
        assert_eq!(((ana.state, ana.reason), ana.possible_duplicate), (expect, !is_held));
        ledger.nothing_to_claim("08:02", "nobody sends it once more").await;
    }
}

pub(crate) async fn what_is_cancelled_does_not_come_back(place: &dyn Place) {
    let people = [person("ana", BERLIN), person("bo", BERLIN), person("kei", TOKYO)];
    let ledger = Ledger::with(place, &people, &[draft("s")]).await;
    let nine = [wave("09:00", BERLIN), wave("09:00", TOKYO), wave("09:00", DENVER)];
    ledger.plan(&[plan("s", &nine)], "00:00").await;
    ledger.expand("00:00").await;
    let claim = ledger.claim_one("00:00").await;
    ledger.sent(&claim, "00:00").await;
    // Before the wave of Berlin is expanded.
    assert_eq!(ledger.cancelled(order(), "00:10").await, [(2, 1)]);
    for who in ["ana", "bo"] {
        assert_eq!(ledger.state("s", "09:00", who).await, ENDED, "{who}");
    }
    ledger.store.close().await;
    let store = place.open();
    let term = store.take_over(at("00:20")).await.expect("taking over").term;
    let ledger = Ledger { store, term };
    ledger.nothing_to_claim("08:00", "another daemon").await;
    ledger.plan(&[plan("s", &[])], "08:01").await;
    ledger.plan(&[plan("s", &nine)], "08:02").await;
    ledger.nothing_to_claim("08:03", "an edit there and back").await;
    ledger.import(&[person("new", BERLIN), person("lee", DENVER)], "08:04").await;
    ledger.plan(&[plan("s", &nine)], "08:04").await;
    ledger.nothing_to_claim("08:05", "somebody new").await;
    ledger.nothing_to_claim("16:00", "somebody in another zone").await;
    for who in ["new", "lee"] {
        assert_eq!(ledger.state("s", "09:00", who).await, ENDED, "{who}");
    }
    // Another hour of that date is the same message.
    ledger.plan(&[plan("s", &[wave("18:00", BERLIN)])], "16:01").await;
    ledger.expand("17:00").await;
    let claims = ledger.claim("17:00").await;
    assert_eq!(names(&claims), [""; 0], "another hour");
}

/// Also for whoever had no delivery of the old hour: their wave was not planned yet, or they joined later.
pub(crate) async fn what_is_cancelled_comes_to_nobody_at_another_hour(place: &dyn Place) {
    for is_planned_later in [false, true] {
        let place = place.another();
        let ledger = Ledger::with(&*place, &[person("ana", BERLIN), person("lee", DENVER)], &[draft("s")]).await;
        ledger.plan(&[plan("s", &[wave("09:00", BERLIN)])], "00:00").await;
        assert_eq!(ledger.cancelled(order(), "00:10").await, [(1, 0)]);
        let moved = plan("s", &[wave("10:00", BERLIN), wave("10:00", DENVER)]);
        if is_planned_later {
            ledger.plan(&[SchedulePlan { waves: Vec::new(), ..moved.clone() }], "00:20").await;
            ledger.plan(&[SchedulePlan { replaces: None, ..moved }], "00:30").await;
        } else {
            ledger.plan(&[moved], "00:20").await;
        }
        ledger.import(&[person("new", BERLIN)], "00:40").await;
        ledger.nothing_to_claim("09:00", "in Berlin").await;
        ledger.nothing_to_claim("17:00", "in Denver").await;
        for who in ["new", "lee"] {
            assert_eq!(ledger.state("s", "10:00", who).await, ENDED, "{who}");
        }
    }
}

/// What failed before a cancel stays as it is, and no retry brings it back.
pub(crate) async fn a_retry_and_a_cancel_meet(place: &dyn Place) {
    let (ledger, _claims) = one_in_each(place, draft("s")).await;
    let retry =
        |which| RetryOrder { schedule: name("s"), who: Vec::new(), on: None, which, late_until: None, dry_run: false };
    let again = async |which| ledger.store.retry(retry(which), at("08:01")).await.expect("retrying").expect("one");
    assert_eq!(again(Retried::Failed).await.retried, 1);
    // What was to be sent again has not left either.
    assert_eq!(ledger.cancelled(order(), "08:01").await, [(4, 3)]);
    assert_eq!(ledger.state("s", "09:00", "failed").await, ENDED);
    let report = again(Retried::Unknown).await;
    assert_eq!((report.retried, report.not_meant), (0, 1));
    assert_eq!(ledger.state("s", "09:00", "unknown").await.0, State::Unknown);
}

pub(crate) async fn a_place_on_the_day_is_given_back_with_what_is_cancelled(place: &dyn Place) {
    let ledger = Ledger::with(place, &[person("ana", BERLIN)], &[draft("s")]).await;
    ledger.plan(&[plan("s", &[wave("09:00", BERLIN), wave("10:00", BERLIN)])], "00:00").await;
    ledger.expand("09:00").await;
    let claims = ledger.claim("09:00").await;
    let [first, second] = claims.as_slice() else { panic!("two: {claims:?}") };
    let take = async |claim: &nudged::domain::delivery::Claim| {
        let day = civil("00:00").date();
        ledger.store.take_place(claim.id, claim.recipient.id, day, 1).await.expect("a place")
    };
    assert!(take(first).await);
    assert!(!take(second).await, "there is one only");
    let attempt = ledger.mark(first, "09:00").await;
    ledger.cancel(order(), "09:00").await.expect("the first");
    assert!(!take(second).await, "it may still arrive");
    ledger.settle(attempted(first, attempt, "09:01", waiting("09:10", Reason::Throttled))).await;
    assert!(take(second).await, "nothing came of it");
}

pub(crate) async fn what_is_held_or_gone_can_be_cancelled(place: &dyn Place) {
    for is_gone in [false, true] {
        let place = place.another();
        let ledger = Ledger::with(&*place, &[person("ana", BERLIN)], &[draft("s")]).await;
        ledger.plan(&[plan("s", &[wave("09:00", BERLIN)])], "00:00").await;
        ledger.expand("08:00").await;
        let pause = Pause { schedule: name("s"), why: String::new(), by: PausedBy::Operator, not_believed: None };
        if is_gone {
            ledger.sync(&[], "08:00").await;
        } else {
            ledger.store.pause(pause, at("08:00")).await.expect("pausing");
        }
        assert_eq!(ledger.cancelled(order(), "08:01").await, [(1, 0)]);
        ledger.sync(&[draft("s")], "08:02").await;
        ledger.store.resume(name("s"), at("08:02")).await.expect("resuming");
        ledger.nothing_to_claim("08:03", "it is back, and what was cancelled is not").await;
        assert_eq!(ledger.state("s", "09:00", "ana").await, ENDED);
    }
}

pub(crate) async fn the_one_that_goes_out_is_meant_or_the_next(place: &dyn Place) {
    let ledger = Ledger::with(place, &[person("ana", BERLIN)], &[draft("s")]).await;
    let occurrences = async |order: CancelOrder, now: &str| {
        let report = ledger.cancel(order, now).await?;
        Ok(report.occurrences.into_iter().map(|found| found.occurrence).collect::<Vec<_>>())
    };
    assert_eq!(occurrences(order(), "00:00").await, Err(NothingThere::Nothing), "nothing is planned");
    let stranger = CancelOrder { schedule: name("t"), ..order() };
    assert_eq!(occurrences(stranger, "00:00").await, Err(NothingThere::UnknownSchedule));
    let waves = ["09:00", "11:00", "13:00"].map(|time| wave(time, BERLIN));
    ledger.plan(&[plan("s", &waves)], "00:00").await;
    // A test comes before them, and is not what is meant.
    let recipient = ledger.store.find_people("ana@x").await.expect("ana")[0];
    let test = TestOrder { schedule: name("s"), recipient, expire_at: at("08:10") };
    ledger.store.rehearse(test, at("08:00")).await.expect("a test").expect("its occurrence");
    assert_eq!(occurrences(order(), "08:00").await, Ok(vec![civil("09:00")]), "the one that goes out");
    let recall =
        RecallOrder { schedule: name("s"), occurrence: Some(civil("11:00")), who: Vec::new(), remedy: Remedy::Delete };
    ledger.store.begin_recall(recall, at("08:00")).await.expect("recalling").expect("what is to come");
    assert_eq!(occurrences(order(), "08:00").await, Ok(vec![civil("13:00")]), "what was recalled needs no cancel");
    assert_eq!(occurrences(order(), "08:00").await, Err(NothingThere::Nothing));
}

/// A date on which nobody is in the audience yet is cancelled for those who come.
pub(crate) async fn a_date_for_nobody_is_cancelled_too(place: &dyn Place) {
    let ledger = Ledger::with(place, &[person("ana", BERLIN)], &[draft("s").to(&["group:g"])]).await;
    ledger.plan(&[plan("s", &[wave("09:00", BERLIN)])], "00:00").await;
    assert_eq!(ledger.cancelled(of_day(), "07:00").await, [(0, 0)]);
    ledger.import(&[member("ana", BERLIN, &["g"])], "07:30").await;
    ledger.nothing_to_claim("08:00", "whoever joins").await;
    assert_eq!(ledger.state("s", "09:00", "ana").await, ENDED);
}
