//! Schedules become known, go missing, return, and are retired.

use std::time::Duration;

use chrono::TimeDelta;
use nudged::domain::delivery::{Reason, State};
use nudged::domain::schedule::model::Priority;
use nudged::port::desk::Reach;
use nudged::port::round::Expanded;
use nudged::port::store::Retired;

use crate::Place;
use crate::fixtures::*;

/// A schedule with one delivery that is due and one wave that is not expanded.
async fn half_expanded(place: &dyn Place) -> Ledger {
    let ledger = Ledger::with(place, &[person("ana", BERLIN)], &[draft("s"), draft("other")]).await;
    ledger.plan(&[plan("s", &[wave("09:00", BERLIN), wave("10:00", BERLIN)])], "00:00").await;
    ledger.expand("08:00").await;
    ledger
}

pub(crate) async fn a_missing_schedule_is_held(place: &dyn Place) {
    let ledger = half_expanded(place).await;
    ledger.sync(&[draft("other")], "08:00").await;
    assert_eq!(ledger.expand("09:00").await, Expanded::default());
    assert_eq!(ledger.claim("09:00").await, []);
    assert_eq!(ledger.next_wake(Duration::ZERO).await, None);
    assert_eq!(ledger.counts("s", "09:00").await, [(State::Planned, 1)], "nothing of it is lost");
    assert_eq!(ledger.counts("s", "10:00").await, [(State::Planned, 1)]);
}

pub(crate) async fn a_missing_schedule_that_returns_goes_on(place: &dyn Place) {
    let ledger = half_expanded(place).await;
    ledger.sync(&[], "08:00").await;
    ledger.sync(&[draft("s")], "08:05").await;
    assert_eq!(ledger.claim("08:05").await.len(), 1);
    assert_eq!(ledger.expand("09:00").await, made(1, 1));
    let retired = ledger.store.retire_missing(at("23:00"), at("09:00")).await.expect("retiring");
    assert_eq!(retired, Retired { schedules: 1, ..Retired::default() }, "the other one");
    assert_eq!(ledger.claim("09:00").await.len(), 1, "its absence is forgotten");
}

pub(crate) async fn a_schedule_missing_too_long_is_retired(place: &dyn Place) {
    let ledger = half_expanded(place).await;
    ledger.sync(&[draft("other")], "08:00").await;
    ledger.sync(&[draft("other")], "08:05").await;
    let retire = async |since| ledger.store.retire_missing(since, at("08:15")).await.expect("retiring");
    assert_eq!(retire(at("08:00")).await, Retired::default(), "not yet: since before that instant");
    let one = Retired { schedules: 1, waves: 2, deliveries: 1 };
    assert_eq!(retire(at("08:00") + TimeDelta::microseconds(1)).await, one, "missing since 08:00, not since 08:05");
    assert_eq!(ledger.state("s", "09:00", "ana").await, (State::Cancelled, Some(Reason::ScheduleRemoved)));
    assert_eq!(ledger.occurrences("s").await.len(), 1, "the wave of 10:00 is withdrawn");
    assert_eq!(retire(at("23:00")).await, Retired::default(), "once is enough");
    let marks = ledger.store.plan_marks().await.expect("marks");
    assert!(marks.iter().all(|mark| mark.schedule != name("s")), "{marks:?}");
}

pub(crate) async fn a_retired_schedule_that_returns_is_planned_anew(place: &dyn Place) {
    let ledger = half_expanded(place).await;
    ledger.sync(&[], "08:00").await;
    ledger.store.retire_missing(at("08:10"), at("08:10")).await.expect("retiring");
    ledger.sync(&[draft("s")], "08:20").await;
    assert_eq!(ledger.expand("09:00").await, Expanded::default());
    ledger.plan(&[plan("s", &[wave("09:00", BERLIN), wave("10:00", BERLIN)])], "08:20").await;
    assert_eq!(ledger.expand("09:00").await, made(2, 2));
    assert_eq!(ledger.claim("09:00").await.len(), 2);
}

pub(crate) async fn a_claim_of_a_retired_schedule_is_cancelled_when_it_returns(place: &dyn Place) {
    let ledger = half_expanded(place).await;
    let claim = ledger.claim_one("08:00").await;
    ledger.sync(&[], "08:00").await;
    let retired = ledger.store.retire_missing(at("08:10"), at("08:10")).await.expect("retiring");
    assert_eq!((retired.waves, retired.deliveries), (1, 0), "of 10:00 there is only the wave");
    assert_eq!(ledger.state("s", "09:00", "ana").await.0, State::Claimed);
    ledger.release(&claim).await;
    assert_eq!(ledger.state("s", "09:00", "ana").await, (State::Cancelled, Some(Reason::ScheduleRemoved)));
}

pub(crate) async fn an_edited_priority_counts_for_what_is_open(place: &dyn Place) {
    let ledger = half_expanded(place).await;
    ledger.plan(&[plan("other", &[wave("09:00", BERLIN)])], "00:00").await;
    ledger.expand("08:00").await;
    ledger.sync(&[draft("s").priority(Priority::Bulk), draft("other")], "08:00").await;
    let order: Vec<_> = ledger.claim("08:00").await.into_iter().map(|claim| claim.schedule).collect();
    assert_eq!(order, [name("other"), name("s")]);
}

pub(crate) async fn people_whom_a_schedule_names_have_a_place(place: &dyn Place) {
    let entra = "aaaaaaaa-0000-4000-8000-000000000001";
    let to = ["ana@x", "stranger@x", "29:abc", entra];
    let ledger = Ledger::with(place, &[person("ana", BERLIN)], &[draft("s").to(&to), draft("t").to(&to)]).await;
    ledger.sync(&[draft("s").to(&to)], "00:01").await;
    let people = ledger.store.people().await.expect("people");
    let seen: Vec<_> = people.iter().map(|it| (it.name.as_str(), it.zone, it.reach)).collect();
    let expect = [
        ("29:abc", NOWHERE, Reach::CanBeCreated),
        (entra, NOWHERE, Reach::CanBeCreated),
        ("ana", BERLIN, Reach::Conversation),
        ("stranger@x", NOWHERE, Reach::NoReference),
    ];
    assert_eq!(seen, expect);
    ledger.plan(&[plan("s", &[wave("09:00", NOWHERE)])], "00:00").await;
    ledger.expand("09:00").await;
    let claims = ledger.claim("09:00").await;
    assert!(claims.iter().all(|claim| !claim.is_known) && claims.len() == 3, "{claims:?}");
    let created = claims.iter().find(|claim| claim.recipient.name == entra).expect("the Entra id");
    assert_eq!(created.reference.entra_object_id.as_deref(), Some(entra));
}
