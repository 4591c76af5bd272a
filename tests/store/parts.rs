//! A wave for many is expanded in parts, between which everything can happen.

use chrono::TimeDelta;
use nudged::domain::delivery::{Reason, State};
use nudged::domain::recipient::PersonRecord;
use nudged::port::round::Expanded;

use crate::Place;
use crate::fixtures::*;

/// Twenty people, `n00` to `n19`, of the group `g`.
fn people() -> Vec<PersonRecord> {
    (0..20).map(|n| member(&format!("n{n:02}"), BERLIN, &["g"])).collect()
}

/// A schedule to everyone and one to the group, both at nine in Berlin.
async fn two_schedules(place: &dyn Place, most: u32) -> Ledger {
    let schedules = [draft("all").max_people(most), draft("group").to(&["group:g"]).max_people(most)];
    let ledger = Ledger::with(place, &people(), &schedules).await;
    let plans = ["all", "group"].map(|schedule| plan(schedule, &[wave("09:00", BERLIN)]));
    ledger.plan(&plans, "00:00").await;
    ledger
}

async fn part(ledger: &Ledger, most: u32) -> Expanded {
    ledger.store.expand_due(at("08:00"), at("07:50"), most).await.expect("expanding")
}

pub(crate) async fn a_part_is_for_as_many_as_asked(place: &dyn Place) {
    let ledger = two_schedules(place, 100).await;
    let in_part = Expanded { has_more: true, ..made(0, 8) };
    assert_eq!(part(&ledger, 8).await, in_part);
    assert_eq!(part(&ledger, 8).await, in_part);
    for schedule in ["all", "group"] {
        assert_eq!(ledger.counts(schedule, "09:00").await, [(State::Planned, 20)], "{schedule}: nobody counts twice");
    }
    let rest = part(&ledger, 8).await;
    assert_eq!(rest, Expanded { has_more: true, ..made(1, 4) }, "the next wave is for the next transaction");
    assert_eq!(ledger.claim("08:00").await.len(), 20, "one need not wait for the other");
    assert_eq!(part(&ledger, 100).await, made(1, 20));
    assert_eq!(part(&ledger, 100).await, Expanded::default());
}

pub(crate) async fn a_forecast_counts_nobody_twice_between_parts(place: &dyn Place) {
    let ledger = two_schedules(place, 100).await;
    for _ in 0..6 {
        let loads = ledger.store.loads(at("07:50"), "home".into()).await.expect("loads");
        assert_eq!(loads.iter().map(|found| found.load.messages).sum::<u64>(), 40);
        part(&ledger, 8).await;
    }
}

pub(crate) async fn a_few_among_many_are_one_part(place: &dyn Place) {
    let mut people: Vec<PersonRecord> = (0..200).map(|n| person(&format!("n{n}"), TOKYO)).collect();
    people[10].zone = Some(BERLIN);
    people[190].zone = Some(BERLIN);
    let schedules = [draft("zone"), draft("pair").to(&["n3@x", "n199@x"])];
    let ledger = Ledger::with(place, &people, &schedules).await;
    ledger.plan(&[plan("zone", &[wave("09:00", BERLIN)])], "00:00").await;
    assert_eq!(part(&ledger, 4).await, made(1, 2));
    ledger.plan(&[plan("pair", &[wave_for_all("08:00")])], "00:00").await;
    assert_eq!(part(&ledger, 4).await, made(1, 2));
}

pub(crate) async fn who_comes_into_a_part_that_was_made_is_there(place: &dyn Place) {
    let mut without = people();
    without[2] = member("n02", BERLIN, &[]);
    let ledger = Ledger::with(place, &without, &[draft("group").to(&["group:g"])]).await;
    ledger.plan(&[plan("group", &[wave("09:00", BERLIN)])], "00:00").await;
    assert!(part(&ledger, 8).await.has_more);
    ledger.import(&people()[2..3], "07:51").await;
    assert_eq!(ledger.counts("group", "09:00").await, [(State::Planned, 20)]);
    while part(&ledger, 8).await.has_more {}
    assert_eq!(ledger.claim("08:00").await.len(), 20);
}

pub(crate) async fn who_leaves_a_part_that_was_made_is_cancelled(place: &dyn Place) {
    let ledger = two_schedules(place, 100).await;
    while part(&ledger, 8).await.waves == 0 {}
    assert_eq!(part(&ledger, 8).await, Expanded { has_more: true, ..made(0, 8) }, "some of the group");
    ledger.import(&[member("n01", BERLIN, &[])], "07:51").await;
    while part(&ledger, 8).await.has_more {}
    assert_eq!(ledger.state("group", "09:00", "n01").await, (State::Cancelled, Some(Reason::LeftAudience)));
    assert_eq!(ledger.state("all", "09:00", "n01").await.0, State::Planned);
    assert_eq!(ledger.claim("08:00").await.len(), 20 + 19);
}

pub(crate) async fn an_audience_that_grows_between_parts_is_counted_again(place: &dyn Place) {
    let ledger = two_schedules(place, 20).await;
    assert_eq!(part(&ledger, 8).await.too_many, []);
    ledger.import(&[member("new", BERLIN, &["g"])], "07:51").await;
    let mut too_many = Vec::new();
    loop {
        let part = part(&ledger, 8).await;
        too_many.extend(part.too_many);
        if !part.has_more {
            break;
        }
    }
    let said: Vec<(&str, u64)> = too_many.iter().map(|found| (found.schedule.as_str(), found.people)).collect();
    assert_eq!(said, [("all", 21), ("group", 21)], "each is said once");
    assert_eq!(ledger.claim("08:00").await, []);
    assert_eq!(ledger.counts("all", "09:00").await, [(State::Skipped, 21)]);
}

pub(crate) async fn a_wave_made_in_part_survives_and_is_never_given_up(place: &dyn Place) {
    let ledger = two_schedules(place, 100).await;
    assert_eq!(part(&ledger, 8).await, Expanded { has_more: true, ..made(0, 8) });
    ledger.store.close().await;
    let store = place.open();
    let months_later = at("09:00") + TimeDelta::days(100);
    let given_up = store.abandon(months_later).await.expect("giving up");
    assert_eq!(given_up.iter().map(|one| one.schedule.as_str()).collect::<Vec<_>>(), ["group"]);
    let rest = store.expand_due(months_later, months_later, 100).await.expect("expanding");
    assert_eq!(rest, made(1, 12), "who is missing in it is accounted for");
    store.close().await;
}
