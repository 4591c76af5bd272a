//! Plans: waves come, move and go, and open deliveries with them.

use chrono::TimeDelta;
use nudged::domain::delivery::{Reason, Settlement, State};
use nudged::domain::share::Rooms;
use nudged::port::round::Expanded;
use nudged::port::store::{PlanChange, SchedulePlan};

use crate::Place;
use crate::fixtures::*;

pub(crate) async fn a_plan_recorded_twice_changes_nothing(place: &dyn Place) {
    let ledger = Ledger::with(place, &[person("ana", BERLIN)], &[draft("s")]).await;
    let plans = [plan("s", &[wave("09:00", BERLIN), wave("09:00", TOKYO)])];
    let first = ledger.plan(&plans, "00:00").await;
    assert_eq!(first, PlanChange { added_waves: 2, ..PlanChange::default() });
    assert_eq!(ledger.plan(&plans, "00:00").await, PlanChange::default());
    ledger.expand("08:00").await;
    let before = ledger.deliveries("s").await;
    assert_eq!(ledger.plan(&plans, "08:00").await, PlanChange::default());
    assert_eq!(ledger.deliveries("s").await, before);
    assert_eq!(ledger.expand("08:00").await, Expanded::default(), "nothing is expanded again either");
}

pub(crate) async fn a_plan_needs_a_known_schedule(place: &dyn Place) {
    let ledger = Ledger::with(place, &[person("ana", BERLIN)], &[draft("s")]).await;
    let plans = vec![plan("s", &[wave("09:00", BERLIN)]), plan("stranger", &[])];
    let error = ledger.store.record_plans(plans, at("00:00")).await.expect_err("nobody knows the second one");
    assert!(error.to_string().contains("stranger"), "{error}");
    assert_eq!(ledger.occurrences("s").await, [], "all plans or none");
    assert_eq!(ledger.store.plan_marks().await.expect("marks"), []);
}

pub(crate) async fn marks_are_saved_with_their_plan(place: &dyn Place) {
    let ledger = Ledger::with(place, &[], &[draft("b"), draft("a")]).await;
    ledger.plan(&[plan("b", &[]), SchedulePlan { signature: "2".into(), ..plan("a", &[]) }], "00:00").await;
    ledger.plan(&[SchedulePlan { planned_until: at("23:30"), ..plan("b", &[]) }], "00:00").await;
    let marks = ledger.store.plan_marks().await.expect("marks");
    let marks: Vec<_> =
        marks.iter().map(|it| (it.schedule.as_str(), it.signature.as_str(), it.planned_until)).collect();
    assert_eq!(marks, [("a", "2", at("23:00")), ("b", "1", at("23:30"))]);
}

pub(crate) async fn a_wave_that_moves_takes_its_open_deliveries_along(place: &dyn Place) {
    let ledger = Ledger::with(place, &[person("ana", BERLIN), person("bo", BERLIN)], &[draft("s")]).await;
    ledger.plan(&[plan("s", &[wave("09:00", BERLIN)])], "00:00").await;
    ledger.expand("08:00").await;
    let claims =
        ledger.store.claim_due(ledger.term, at("08:00"), Rooms::for_anybody(1), LEASE).await.expect("one claim");
    ledger.sent(&claims[0], "08:00").await;

    let change = ledger.plan(&[plan("s", &[later(wave("09:00", BERLIN), TimeDelta::minutes(30))])], "08:01").await;
    assert_eq!(change, PlanChange { moved_waves: 1, ..PlanChange::default() });
    assert_eq!(ledger.claim("08:29").await, []);
    let claim = ledger.claim_one("08:30").await;
    assert_ne!(claim.id, claims[0].id);
    assert_eq!((claim.due_at, claim.expire_at, claim.planned_at), (at("08:30"), at("09:30"), at("08:01")));
    let first = ledger.delivery("s", "09:00", &claims[0].recipient.name).await;
    assert_eq!((first.state, first.due_at), (State::Sent, at("08:00")), "what was sent stays as it was");
}

pub(crate) async fn a_tried_delivery_waits_at_least_as_long_as_before(place: &dyn Place) {
    let ledger = Ledger::with(place, &[person("ana", BERLIN)], &[draft("s")]).await;
    ledger.plan(&[plan("s", &[wave("09:00", BERLIN)])], "00:00").await;
    ledger.expand("08:00").await;
    let claim = ledger.claim_one("08:00").await;
    ledger.send(&claim, "08:00", waiting("08:20", Reason::Throttled)).await;
    let not_before = async || ledger.delivery("s", "09:00", "ana").await.not_before;
    ledger.plan(&[plan("s", &[later(wave("09:00", BERLIN), TimeDelta::minutes(-5))])], "08:01").await;
    assert_eq!(not_before().await, Some(at("08:20")));
    ledger.plan(&[plan("s", &[later(wave("09:00", BERLIN), TimeDelta::minutes(40))])], "08:02").await;
    assert_eq!(not_before().await, Some(at("08:40")), "never before it is due");
}

pub(crate) async fn a_plan_that_goes_on_withdraws_nothing(place: &dyn Place) {
    let ledger = Ledger::with(place, &[person("ana", BERLIN)], &[draft("s")]).await;
    ledger.plan(&[plan("s", &[wave("09:00", BERLIN)])], "00:00").await;
    let next = SchedulePlan { replaces: None, ..plan("s", &[wave("15:00", BERLIN)]) };
    assert_eq!(ledger.plan(&[next], "00:00").await, PlanChange { added_waves: 1, ..PlanChange::default() });
    assert_eq!(ledger.counts("s", "09:00").await, [(State::Planned, 1)]);
    assert_eq!(ledger.counts("s", "15:00").await, [(State::Planned, 1)]);
}

pub(crate) async fn an_edit_withdraws_what_is_open(place: &dyn Place) {
    let people = [person("ana", BERLIN), person("bo", BERLIN), person("kei", TOKYO), person("lee", DENVER)];
    let ledger = Ledger::with(place, &people, &[draft("s")]).await;
    let zones = [BERLIN, TOKYO, DENVER];
    ledger.plan(&[plan("s", &zones.map(|zone| wave("09:00", zone)))], "00:00").await;
    // Tokyo is sent; of Berlin one is sent and one is open; Denver is not expanded.
    ledger.expand("00:00").await;
    let kei = ledger.claim_one("00:00").await;
    ledger.sent(&kei, "00:00").await;
    ledger.expand("08:00").await;
    let claims =
        ledger.store.claim_due(ledger.term, at("08:00"), Rooms::for_anybody(1), LEASE).await.expect("one claim");
    ledger.sent(&claims[0], "08:00").await;

    let change = ledger.plan(&[plan("s", &zones.map(|zone| wave("10:00", zone)))], "08:00").await;
    let expect = PlanChange { added_waves: 3, withdrawn_waves: 2, cancelled_deliveries: 1, moved_waves: 0 };
    assert_eq!(change, expect);
    assert_eq!(ledger.counts("s", "09:00").await, [(State::Sent, 2), (State::Cancelled, 1)]);
    assert_eq!(ledger.counts("s", "10:00").await, [(State::Planned, 4)]);
    let other = if claims[0].recipient.name == "ana" { "bo" } else { "ana" };
    assert_eq!(ledger.state("s", "09:00", other).await, (State::Cancelled, Some(Reason::ScheduleChanged)));
    assert_eq!(ledger.expand("16:00").await.deliveries, 3, "the waves of 10:00 only; Denver's is not due before 17:00");
}

pub(crate) async fn an_edit_leaves_what_has_ended(place: &dyn Place) {
    let ledger = Ledger::with(place, &[person("ana", BERLIN)], &[draft("s")]).await;
    ledger.plan(&[plan("s", &[wave("09:00", BERLIN)])], "00:00").await;
    ledger.expand("08:00").await;
    let change = ledger.plan(&[plan("s", &[])], "09:01").await;
    assert_eq!(change, PlanChange::default());
    assert_eq!(ledger.state("s", "09:00", "ana").await, (State::Planned, None), "lateness ends it, not the edit");
}

pub(crate) async fn an_edit_there_and_back_still_delivers_once(place: &dyn Place) {
    let ledger = Ledger::with(place, &[person("ana", BERLIN), person("bo", BERLIN)], &[draft("s")]).await;
    let nine = [plan("s", &[wave("09:00", BERLIN)])];
    ledger.plan(&nine, "00:00").await;
    ledger.store.expand_due(at("08:00"), at("07:50"), u32::MAX).await.expect("expanding before it is due");
    ledger.plan(&[plan("s", &[wave("10:00", BERLIN)])], "07:52").await;
    assert_eq!(ledger.counts("s", "09:00").await, [(State::Cancelled, 2)]);
    let back = ledger.plan(&nine, "07:54").await;
    assert_eq!((back.added_waves, back.withdrawn_waves), (1, 1));
    assert_eq!(ledger.occurrences("s").await.len(), 1, "nothing is left of 10:00");
    assert_eq!(ledger.expand("08:00").await, made(1, 2));
    let claims = ledger.claim("08:00").await;
    assert_eq!(claims.len(), 2);
    for claim in &claims {
        ledger.sent(claim, "08:00").await;
    }
    assert_eq!(ledger.counts("s", "09:00").await, [(State::Sent, 2)]);
}

pub(crate) async fn what_was_sent_or_may_have_arrived_is_not_revived(place: &dyn Place) {
    let people = ["ana", "bo", "cy", "di"].map(|name| person(name, BERLIN));
    let ledger = Ledger::with(place, &people, &[draft("s")]).await;
    let nine = [plan("s", &[wave("09:00", BERLIN)])];
    ledger.plan(&nine, "00:00").await;
    ledger.expand("08:00").await;
    for claim in ledger.claim("08:00").await {
        let settlement = match claim.recipient.name.as_str() {
            "ana" => sent(),
            "bo" => Settlement::Failed(Reason::Refused),
            "cy" => waiting("08:30", Reason::Throttled),
            _ => Settlement::Waiting { not_before: at("08:30"), reason: Reason::NoAnswer, possible_duplicate: true },
        };
        ledger.send(&claim, "08:00", settlement).await;
    }
    ledger.plan(&[plan("s", &[])], "08:01").await;
    assert_eq!(ledger.state("s", "09:00", "cy").await, (State::Cancelled, Some(Reason::ScheduleChanged)));
    ledger.plan(&nine, "08:02").await;
    assert_eq!(ledger.expand("08:02").await.deliveries, 1);
    assert_eq!(ledger.state("s", "09:00", "ana").await.0, State::Sent);
    assert_eq!(ledger.state("s", "09:00", "bo").await.0, State::Failed);
    assert_eq!(ledger.state("s", "09:00", "cy").await, (State::Planned, None), "Teams took none of it");
    assert_eq!(ledger.state("s", "09:00", "di").await.0, State::Cancelled, "a copy may have arrived");
}

pub(crate) async fn a_claim_that_comes_back_follows_the_edit(place: &dyn Place) {
    let people = ["ana", "bo", "cy"].map(|name| person(name, BERLIN));
    let ledger = Ledger::with(place, &people, &[draft("s"), draft("t")]).await;
    ledger.plan(&[plan("s", &[wave("09:00", BERLIN)])], "00:00").await;
    ledger.expand("08:00").await;
    let claims = ledger.claim("08:00").await;
    let attempt = ledger.mark(&claims[0], "08:00").await;
    ledger.plan(&[plan("s", &[])], "08:00").await;
    assert_eq!(ledger.counts("s", "09:00").await, [(State::Claimed, 2), (State::Sending, 1)], "a sender holds them");
    ledger.settle(attempted(&claims[0], attempt, "08:00", waiting("08:05", Reason::Throttled))).await;
    ledger.release(&claims[1]).await;
    ledger.sent(&claims[2], "08:00").await;
    assert_eq!(ledger.counts("s", "09:00").await, [(State::Sent, 1), (State::Cancelled, 2)]);

    ledger.plan(&[plan("t", &[wave("12:00", BERLIN)])], "08:00").await;
    ledger.expand("11:00").await;
    let claims = ledger.claim("11:00").await;
    ledger.plan(&[plan("t", &[later(wave("12:00", BERLIN), TimeDelta::minutes(30))])], "11:00").await;
    ledger.release(&claims[0]).await;
    let returned = ledger.delivery("t", "12:00", &claims[0].recipient.name).await;
    assert_eq!((returned.due_at, returned.not_before), (at("11:30"), Some(at("11:30"))));
}

/// The schedule means it still, in a wave that was expanded while a sender held it.
pub(crate) async fn a_claim_that_comes_back_is_sent_in_the_wave_that_took_the_place_of_its_own(place: &dyn Place) {
    let ledger = Ledger::with(place, &[person("ana", BERLIN)], &[draft("s")]).await;
    ledger.plan(&[plan("s", &[wave("09:00", BERLIN)])], "00:00").await;
    ledger.expand("08:00").await;
    let claim = ledger.claim_one("08:00").await;
    let attempt = ledger.mark(&claim, "08:00").await;
    ledger.plan(&[plan("s", &[wave_for_all("09:00")])], "08:00").await;
    ledger.expand("09:00").await;
    ledger.settle(attempted(&claim, attempt, "09:00", waiting("09:01", Reason::Throttled))).await;
    ledger.expand("09:01").await;
    let again = ledger.claim_one("09:01").await;
    assert_eq!((again.id, again.due_at), (claim.id, at("09:00")));
}

pub(crate) async fn a_wave_may_change_whom_it_speaks_to(place: &dyn Place) {
    let people = [person("ana", NOWHERE), person("bo", BERLIN), person("kei", TOKYO)];
    let ledger = Ledger::with(place, &people, &[draft("s")]).await;
    // From everybody's own clock to one clock, and back; all before anything is due.
    let own = [plan("s", &[wave("09:00", NOWHERE), wave("09:00", BERLIN)])];
    let one = [plan("s", &[wave_for_all("09:00")])];
    ledger.plan(&own, "00:00").await;
    ledger.store.expand_due(at("09:00"), at("07:00"), u32::MAX).await.expect("expanding");
    ledger.plan(&one, "07:01").await;
    ledger.store.expand_due(at("09:00"), at("07:01"), u32::MAX).await.expect("expanding");
    assert_eq!(ledger.counts("s", "09:00").await, [(State::Planned, 3)]);
    assert_eq!(ledger.delivery("s", "09:00", "bo").await.due_at, at("09:00"));
    ledger.plan(&own, "07:02").await;
    assert_eq!(ledger.delivery("s", "09:00", "bo").await.due_at, at("08:00"), "moved to the zone's own wave");
    ledger.store.expand_due(at("09:00"), at("07:02"), u32::MAX).await.expect("expanding");
    assert_eq!(ledger.claim("08:00").await.len(), 1);
}
