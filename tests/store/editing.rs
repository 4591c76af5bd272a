//! An edit makes another occurrence of the same date, and still serves nobody twice.

use nudged::domain::delivery::{Earlier, Reason, Settlement, State};

use crate::Place;
use crate::fixtures::*;

const SERVED: (State, Option<Reason>) = (State::Skipped, Some(Reason::ServedBeforeEdit));

/// A schedule to people of Berlin, for whom 09:00 is 08:00 UTC.
async fn berlin(place: &dyn Place, people: &[&str]) -> Ledger {
    let people: Vec<_> = people.iter().map(|name| person(name, BERLIN)).collect();
    Ledger::with(place, &people, &[draft("s")]).await
}

impl Ledger {
    /// The schedule means these times of the day now.
    async fn edit(&self, times: &[&str], now: &str) {
        let waves: Vec<_> = times.iter().map(|time| wave(time, BERLIN)).collect();
        self.plan(&[plan("s", &waves)], now).await;
    }

    /// Sends all that is due now, and says to how many.
    async fn send_due(&self, now: &str) -> usize {
        self.expand(now).await;
        let claims = self.claim(now).await;
        for claim in &claims {
            assert_eq!(claim.earlier, Earlier::Nothing);
            self.sent(claim, now).await;
        }
        claims.len()
    }
}

pub(crate) async fn a_changed_time_of_day_serves_nobody_twice(place: &dyn Place) {
    let ledger = berlin(place, &["ana", "bo"]).await;
    ledger.edit(&["09:00"], "00:00").await;
    assert_eq!(ledger.send_due("08:00").await, 2);
    ledger.edit(&["10:00"], "08:10").await;
    assert_eq!(ledger.send_due("09:00").await, 0);
    assert_eq!(ledger.state("s", "10:00", "ana").await, SERVED);
    assert_eq!(ledger.counts("s", "10:00").await, [(State::Skipped, 2)], "and they are accounted for");
    ledger.import(&[person("new", BERLIN)], "09:01").await;
    assert_eq!(ledger.send_due("09:02").await, 1, "who was not there at nine");
}

pub(crate) async fn only_what_moved_is_replaced(place: &dyn Place) {
    let ledger = berlin(place, &["ana"]).await;
    ledger.edit(&["09:00", "16:00"], "00:00").await;
    assert_eq!(ledger.send_due("08:00").await, 1);
    ledger.edit(&["10:00", "16:00"], "08:10").await;
    assert_eq!(ledger.send_due("09:00").await, 0);
    assert_eq!(ledger.send_due("15:00").await, 1);
    ledger.edit(&["10:00", "16:00", "18:00"], "15:10").await;
    assert_eq!(ledger.send_due("17:00").await, 1, "an addition replaces nothing");
}

pub(crate) async fn who_was_not_served_yet_is_served_at_the_new_hour(place: &dyn Place) {
    let ledger = berlin(place, &["ana", "bo", "cy", "di"]).await;
    ledger.edit(&["09:00"], "00:00").await;
    ledger.expand("08:00").await;
    for claim in ledger.claim("08:00").await {
        match claim.recipient.name.as_str() {
            "ana" => ledger.sent(&claim, "08:00").await,
            "bo" => ledger.send(&claim, "08:00", Settlement::Failed(Reason::TemplateFailed)).await,
            "cy" => ledger.send(&claim, "08:00", waiting("08:30", Reason::Throttled)).await,
            _ => ledger.release(&claim).await,
        }
    }
    ledger.edit(&["10:00"], "08:10").await;
    assert_eq!(ledger.send_due("09:00").await, 3, "everybody but ana");
    assert_eq!(ledger.state("s", "10:00", "ana").await, SERVED);
}

pub(crate) async fn doubt_counts_as_served(place: &dyn Place) {
    let ledger = berlin(place, &["ana", "bo"]).await;
    ledger.edit(&["09:00"], "00:00").await;
    ledger.expand("08:00").await;
    for claim in ledger.claim("08:00").await {
        let settlement = match claim.recipient.name.as_str() {
            "ana" => Settlement::Unknown(Reason::NoAnswer),
            _ => Settlement::Waiting { not_before: at("08:30"), reason: Reason::NoAnswer, possible_duplicate: true },
        };
        ledger.send(&claim, "08:00", settlement).await;
    }
    ledger.edit(&["10:00"], "08:10").await;
    assert_eq!(ledger.send_due("09:00").await, 0);
    assert_eq!(ledger.counts("s", "10:00").await, [(State::Skipped, 2)]);
}

pub(crate) async fn chains_of_edits_serve_once(place: &dyn Place) {
    let ledger = berlin(place, &["ana"]).await;
    ledger.edit(&["09:00"], "00:00").await;
    assert_eq!(ledger.send_due("08:00").await, 1);
    ledger.edit(&["10:00"], "08:01").await;
    assert_eq!(ledger.send_due("09:00").await, 0);
    ledger.edit(&["10:15"], "09:01").await;
    // Nothing of 10:15 was ever expanded.
    ledger.edit(&["10:30"], "09:02").await;
    assert_eq!(ledger.send_due("09:30").await, 0);
    assert_eq!(ledger.state("s", "10:30", "ana").await, SERVED);
    ledger.import(&[person("new", BERLIN)], "09:31").await;
    assert_eq!(ledger.send_due("09:32").await, 1);
    // Back to an hour that is there already, with a row for ana that was sent and none for the new-comer.
    ledger.edit(&["09:00"], "09:33").await;
    assert_eq!(ledger.send_due("09:34").await, 0);
    ledger.edit(&["11:00"], "09:35").await;
    assert_eq!(ledger.send_due("10:00").await, 0);
    assert_eq!(ledger.counts("s", "11:00").await, [(State::Skipped, 2)]);
}

pub(crate) async fn a_date_taken_away_and_given_back_serves_once(place: &dyn Place) {
    let ledger = berlin(place, &["ana"]).await;
    ledger.edit(&["09:00"], "00:00").await;
    assert_eq!(ledger.send_due("08:00").await, 1);
    ledger.edit(&["10:00"], "08:10").await;
    ledger.edit(&[], "08:20").await;
    ledger.edit(&["11:00"], "08:30").await;
    assert_eq!(ledger.send_due("10:00").await, 0);
    assert_eq!(ledger.counts("s", "11:00").await, [(State::Skipped, 1)]);
    assert_eq!(ledger.occurrences("s").await.len(), 2, "of 10:00 nothing is left");
}

pub(crate) async fn planning_the_same_again_keeps_what_was_replaced(place: &dyn Place) {
    let ledger = berlin(place, &["ana"]).await;
    ledger.edit(&["09:00"], "00:00").await;
    assert_eq!(ledger.send_due("08:00").await, 1);
    ledger.edit(&["10:00"], "08:10").await;
    ledger.edit(&["10:00"], "08:20").await;
    let onward = nudged::port::store::SchedulePlan { replaces: None, ..plan("s", &[wave("18:00", BERLIN)]) };
    ledger.plan(&[onward], "08:20").await;
    assert_eq!(ledger.send_due("09:00").await, 0);
    assert_eq!(ledger.send_due("17:00").await, 1, "what the horizon brings replaces nothing");
}

pub(crate) async fn what_a_sender_holds_is_decided_at_the_claim(place: &dyn Place) {
    let ledger = berlin(place, &["ana", "bo"]).await;
    ledger.edit(&["09:00"], "00:00").await;
    ledger.expand("08:00").await;
    let held = ledger.claim("08:00").await;
    let attempt = ledger.mark(&held[1], "08:00").await;
    ledger.edit(&["09:01"], "08:00").await;
    ledger.expand("08:01").await;
    assert_eq!(ledger.counts("s", "09:01").await, [(State::Planned, 2)], "it may come to nothing");
    let again = async |expect: Earlier, now: &str| {
        let claims = ledger.claim(now).await;
        assert!(!claims.is_empty());
        for claim in claims {
            assert_eq!((claim.occurrence, claim.earlier), (civil("09:01"), expect));
            ledger.settle(decided(&claim, now, waiting("08:02", Reason::EarlierInHand))).await;
        }
    };
    again(Earlier::InHand, "08:01").await;
    // One comes back unsent and is no longer meant; the other arrives.
    ledger.release(&held[0]).await;
    ledger.settle(attempted(&held[1], attempt, "08:01", sent())).await;
    let mut claims = ledger.claim("08:02").await;
    claims.sort_by_key(|claim| claim.recipient.id == held[1].recipient.id);
    let seen: Vec<_> = claims.iter().map(|claim| (claim.recipient.id, claim.earlier)).collect();
    assert_eq!(seen, [(held[0].recipient.id, Earlier::Nothing), (held[1].recipient.id, Earlier::Served)]);
}
