//! Recipients who move to another zone take their open deliveries along, and never get a second one.

use nudged::domain::delivery::{Reason, State};
use nudged::domain::recipient::{PersonRecord, ZoneSource};

use crate::Place;
use crate::fixtures::*;

/// Ana in Berlin and others elsewhere; everybody at 09:00 of their own clock. Nobody comes before 08:00 UTC, so for Kei in
/// Tokyo it is too late.
async fn ana_in_berlin(place: &dyn Place) -> Ledger {
    let people = [person("ana", BERLIN), person("kei", TOKYO), person("lee", DENVER)];
    let ledger = Ledger::with(place, &people, &[draft("s")]).await;
    ledger.plan(&[plan("s", &[BERLIN, TOKYO, DENVER].map(|zone| wave("09:00", zone)))], "00:00").await;
    ledger
}

pub(crate) async fn a_move_before_expansion_counts(place: &dyn Place) {
    let ledger = ana_in_berlin(place).await;
    ledger.import(&[person("ana", DENVER)], "07:00").await;
    assert_eq!(ledger.counts("s", "09:00").await, [(State::Planned, 3)]);
    assert_eq!(ledger.expand("08:00").await, made(2, 1), "Tokyo's one; Berlin is empty");
    assert_eq!(ledger.expand("16:00").await, made(1, 2));
    assert_eq!(ledger.delivery("s", "09:00", "ana").await.due_at, at("16:00"));
}

pub(crate) async fn a_move_to_where_it_is_over_is_accounted_for(place: &dyn Place) {
    let ledger = ana_in_berlin(place).await;
    assert_eq!(ledger.expand("07:00").await, made(1, 1), "Tokyo's one");
    // Before anybody in Berlin has a delivery, and long after the hour in Tokyo.
    ledger.import(&[person("ana", TOKYO)], "07:00").await;
    ledger.expand("16:00").await;
    let ana = ledger.delivery("s", "09:00", "ana").await;
    assert_eq!((ana.state, ana.reason), (State::Expired, Some(Reason::PastWhenPlanned)));
    assert_eq!(ledger.counts("s", "09:00").await, [(State::Planned, 1), (State::Expired, 2)], "lee, ana and kei");
}

pub(crate) async fn a_move_east_after_expansion_takes_the_delivery_along(place: &dyn Place) {
    let ledger = ana_in_berlin(place).await;
    ledger.expand("08:00").await;
    ledger.import(&[person("ana", TOKYO)], "08:00").await;
    let ana = ledger.delivery("s", "09:00", "ana").await;
    assert_eq!((ana.zone, ana.due_at, ana.not_before), (TOKYO, at("00:00"), Some(at("00:00"))));
    ledger.expand("08:00").await;
    let ana = ledger.claim_one("08:00").await;
    assert_eq!(ana.expire_at, at("01:00"), "the engine sees that it is too late");
    assert_eq!(ana.zone, TOKYO);
}

pub(crate) async fn a_move_west_after_expansion_takes_the_delivery_along(place: &dyn Place) {
    let ledger = ana_in_berlin(place).await;
    ledger.expand("08:00").await;
    ledger.import(&[person("ana", DENVER)], "08:00").await;
    let ana = ledger.delivery("s", "09:00", "ana").await;
    assert_eq!((ana.zone, ana.due_at, ana.not_before), (DENVER, at("16:00"), Some(at("16:00"))));
    assert_eq!(ledger.claim("08:00").await, []);
    ledger.expand("16:00").await;
    let mut claims = ledger.claim("16:00").await;
    claims.sort_by(|a, b| a.recipient.name.cmp(&b.recipient.name));
    assert_eq!(names(&claims), ["ana", "lee"]);
    assert_eq!(ledger.counts("s", "09:00").await, [(State::Claimed, 2), (State::Expired, 1)]);
}

pub(crate) async fn a_move_to_a_zone_without_a_wave_waits_for_it(place: &dyn Place) {
    let ledger = Ledger::with(place, &[person("ana", BERLIN)], &[draft("s")]).await;
    ledger.plan(&[plan("s", &[wave("09:00", BERLIN)])], "00:00").await;
    ledger.expand("08:00").await;
    ledger.import(&[person("ana", DENVER)], "08:00").await;
    assert_eq!(ledger.delivery("s", "09:00", "ana").await.zone, BERLIN, "still there, and not lost");
    // Nobody lives in Berlin any more, so the new plan does not have it.
    let change = ledger.plan(&[plan("s", &[wave("09:00", DENVER)])], "08:00").await;
    assert_eq!(change.cancelled_deliveries, 0);
    let ana = ledger.delivery("s", "09:00", "ana").await;
    assert_eq!((ana.state, ana.zone, ana.not_before), (State::Planned, DENVER, Some(at("16:00"))));
    assert_eq!(ledger.expand("16:00").await, made(1, 0));
    assert_eq!(ledger.claim("16:00").await.len(), 1);
}

pub(crate) async fn a_move_after_sending_sends_nothing_again(place: &dyn Place) {
    let ledger = ana_in_berlin(place).await;
    ledger.expand("08:00").await;
    for claim in ledger.claim("08:00").await {
        ledger.sent(&claim, "08:00").await;
    }
    ledger.import(&[person("ana", DENVER)], "09:00").await;
    let ana = ledger.delivery("s", "09:00", "ana").await;
    assert_eq!((ana.state, ana.zone), (State::Sent, BERLIN));
    assert_eq!(ledger.expand("16:00").await, made(1, 1), "only for lee");
    assert_eq!(names(&ledger.claim("16:00").await), ["lee"]);
    assert_eq!(ledger.counts("s", "09:00").await, [(State::Claimed, 1), (State::Sent, 1), (State::Expired, 1)]);
}

pub(crate) async fn a_move_while_claimed_counts_when_the_claim_returns(place: &dyn Place) {
    let ledger = Ledger::with(place, &[person("ana", BERLIN)], &[draft("s")]).await;
    ledger.plan(&[plan("s", &[wave("09:00", BERLIN), wave("09:00", DENVER)])], "00:00").await;
    ledger.expand("08:00").await;
    let claim = ledger.claim_one("08:00").await;
    ledger.import(&[person("ana", DENVER)], "08:00").await;
    assert_eq!(ledger.delivery("s", "09:00", "ana").await.zone, BERLIN, "a sender holds it");
    ledger.release(&claim).await;
    let ana = ledger.delivery("s", "09:00", "ana").await;
    assert_eq!((ana.state, ana.zone, ana.not_before), (State::Planned, DENVER, Some(at("16:00"))));
}

pub(crate) async fn a_wave_for_all_keeps_who_moves(place: &dyn Place) {
    let ledger = Ledger::with(place, &[person("ana", BERLIN)], &[draft("s")]).await;
    ledger.plan(&[plan("s", &[wave_for_all("12:00")])], "00:00").await;
    ledger.expand("12:00").await;
    ledger.import(&[person("ana", TOKYO)], "12:00").await;
    ledger.expand("12:00").await;
    assert_eq!(ledger.claim_one("12:00").await.due_at, at("12:00"));
}

pub(crate) async fn a_new_fallback_zone_where_it_is_over_is_accounted_for(place: &dyn Place) {
    let records = [PersonRecord { zone: None, ..person("ana", BERLIN) }, person("kei", TOKYO)];
    let ledger = Ledger::with(place, &records, &[draft("s")]).await;
    ledger.plan(&[plan("s", &[wave("09:00", NOWHERE), wave("09:00", TOKYO)])], "00:00").await;
    ledger.expand("02:00").await;
    // Before those without a zone have a delivery, and long after the hour in Tokyo.
    ledger.store.reload(in_force(vec![draft("s").build()], TOKYO, at("03:00"))).await.expect("syncing");
    ledger.expand("09:00").await;
    let ana = ledger.delivery("s", "09:00", "ana").await;
    assert_eq!((ana.state, ana.reason), (State::Expired, Some(Reason::PastWhenPlanned)));
}

pub(crate) async fn the_fallback_zone_follows_the_configuration(place: &dyn Place) {
    let records = [PersonRecord { zone: None, ..person("ana", BERLIN) }, person("bo", NOWHERE)];
    let ledger = Ledger::with(place, &records, &[draft("s")]).await;
    ledger.plan(&[plan("s", &[wave("09:00", NOWHERE), wave("09:00", DENVER)])], "00:00").await;
    ledger.expand("09:00").await;
    ledger.store.reload(in_force(vec![draft("s").build()], DENVER, at("09:00"))).await.expect("syncing");
    let ana = ledger.delivery("s", "09:00", "ana").await;
    assert_eq!((ana.zone, ana.not_before), (DENVER, Some(at("16:00"))));
    assert_eq!(names(&ledger.claim("09:00").await), ["bo"], "who told us their zone stays in it");
    let people = ledger.store.people().await.expect("people");
    let zones: Vec<_> = people.iter().map(|it| (it.name.as_str(), it.zone, it.zone_source)).collect();
    assert_eq!(zones, [("ana", DENVER, ZoneSource::Fallback), ("bo", NOWHERE, ZoneSource::Operator)]);
}
