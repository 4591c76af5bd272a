//! Which of all that is said of a person's zone counts, and what follows from it.

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use nudged::domain::ladder::{HouseZones, ZoneEvidence};
use nudged::domain::news::{Fact, News, TakenIn, Who};
use nudged::domain::recipient::{PersonRecord, ZoneSource};
use nudged::port::desk::ImportReport;

use crate::Place;
use crate::fixtures::*;

fn who(name: &str) -> Who {
    Who { conversation_id: None, addresses: vec![address(&format!("{name}@x"))] }
}

async fn hear(ledger: &Ledger, fact: Fact, now: DateTime<Utc>) -> TakenIn {
    let news = News { key: None, facts: vec![fact] };
    ledger.store.take_in(news, NOWHERE, now).await.expect("taking news in")
}

async fn told(ledger: &Ledger, source: ZoneSource, zone: Tz, time: &str) -> TakenIn {
    let said = ZoneEvidence { source, zone, said_at: at(time) };
    hear(ledger, Fact::ZoneTold { who: who("ana"), said }, at(time)).await
}

fn without_zone(name: &str) -> PersonRecord {
    PersonRecord { zone: None, ..person(name, NOWHERE) }
}

/// A ledger that knows ana, and nothing of her zone.
async fn ana(place: &dyn Place) -> Ledger {
    Ledger::with(place, &[without_zone("ana")], &[]).await
}

async fn zone_of(ledger: &Ledger, name: &str) -> (Tz, ZoneSource) {
    let people = ledger.store.people().await.expect("people");
    let found = people.into_iter().find(|it| it.name == name).expect("somebody of this name");
    (found.zone, found.zone_source)
}

pub(crate) async fn a_client_says_where_somebody_lives(place: &dyn Place) {
    let ledger = ana(place).await;
    assert_eq!(zone_of(&ledger, "ana").await, (NOWHERE, ZoneSource::Fallback));
    assert!(told(&ledger, ZoneSource::Client, TOKYO, "08:00").await.work);
    assert_eq!(zone_of(&ledger, "ana").await, (TOKYO, ZoneSource::Client));
    told(&ledger, ZoneSource::Client, DENVER, "09:00").await;
    assert_eq!(zone_of(&ledger, "ana").await, (DENVER, ZoneSource::Client), "she has travelled");
    assert_eq!(ledger.store.zones().await.expect("zones"), [DENVER]);
    let stranger = ZoneEvidence { source: ZoneSource::Client, zone: BERLIN, said_at: at("09:00") };
    let taken = hear(&ledger, Fact::ZoneTold { who: who("nobody"), said: stranger }, at("09:00")).await;
    assert_eq!(taken, TakenIn::default());
}

pub(crate) async fn an_own_choice_beats_the_client_until_it_is_taken_back(place: &dyn Place) {
    let ledger = ana(place).await;
    told(&ledger, ZoneSource::Own, BERLIN, "08:00").await;
    told(&ledger, ZoneSource::Client, TOKYO, "09:00").await;
    ledger.import(&[person("ana", DENVER)], "09:30").await;
    assert_eq!(zone_of(&ledger, "ana").await, (BERLIN, ZoneSource::Own));
    let unsaid = |time| Fact::ZoneUnsaid { who: who("ana"), source: ZoneSource::Own, at: at(time) };
    hear(&ledger, unsaid("07:00"), at("10:00")).await;
    assert_eq!(zone_of(&ledger, "ana").await, (BERLIN, ZoneSource::Own), "she chose after that");
    hear(&ledger, unsaid("10:00"), at("10:00")).await;
    assert_eq!(zone_of(&ledger, "ana").await, (DENVER, ZoneSource::Operator));
}

pub(crate) async fn what_is_told_late_or_again_changes_nothing(place: &dyn Place) {
    let ledger = ana(place).await;
    told(&ledger, ZoneSource::Client, TOKYO, "09:00").await;
    let quiet = TakenIn::default();
    assert_eq!(told(&ledger, ZoneSource::Client, DENVER, "08:00").await, quiet, "out of order");
    assert_eq!(told(&ledger, ZoneSource::Client, TOKYO, "09:00").await, quiet, "again");
    assert_eq!(told(&ledger, ZoneSource::Client, DENVER, "09:00").await, quiet, "at the same time, but later");
    assert_eq!(zone_of(&ledger, "ana").await, (TOKYO, ZoneSource::Client));
}

pub(crate) async fn an_import_without_a_zone_leaves_what_was_said(place: &dyn Place) {
    let ledger = ana(place).await;
    told(&ledger, ZoneSource::Client, TOKYO, "09:00").await;
    let unchanged = ImportReport { unchanged: 1, ..ImportReport::default() };
    assert_eq!(ledger.import(&[without_zone("ana")], "10:00").await, unchanged);
    assert_eq!(zone_of(&ledger, "ana").await, (TOKYO, ZoneSource::Client));
    let updated = ImportReport { updated: 1, ..ImportReport::default() };
    assert_eq!(ledger.import(&[person("ana", BERLIN)], "10:00").await, updated);
    assert_eq!(ledger.import(&[person("ana", BERLIN)], "11:00").await, unchanged);
    assert_eq!(ledger.import(&[without_zone("ana")], "11:00").await, unchanged);
    assert_eq!(zone_of(&ledger, "ana").await, (BERLIN, ZoneSource::Operator));
    // What an operator says now counts, also after the clock was set back.
    ledger.import(&[person("ana", DENVER)], "03:00").await;
    assert_eq!(zone_of(&ledger, "ana").await, (DENVER, ZoneSource::Operator));
}

pub(crate) async fn a_client_that_falls_silent_is_no_longer_believed(place: &dyn Place) {
    let ledger = Ledger::with(place, &[without_zone("ana")], &[draft("s")]).await;
    told(&ledger, ZoneSource::Client, TOKYO, "09:00").await;
    let limit = at("09:00") + HouseZones::CLIENT_MAX_AGE;
    let age = async |now| ledger.store.age_zones(NOWHERE, now).await.expect("ageing");
    assert_eq!(age(limit).await, 0);
    assert_eq!(age(limit + TimeDelta::seconds(1)).await, 1);
    assert_eq!(zone_of(&ledger, "ana").await, (NOWHERE, ZoneSource::Fallback));
    assert_eq!(age(limit + TimeDelta::days(1)).await, 0, "that has been done");
    // She is heard again.
    let said = ZoneEvidence { source: ZoneSource::Client, zone: TOKYO, said_at: limit };
    hear(&ledger, Fact::ZoneTold { who: who("ana"), said }, limit + TimeDelta::days(1)).await;
    assert_eq!(zone_of(&ledger, "ana").await, (TOKYO, ZoneSource::Client));
    // Every word makes it younger, also the same one.
    assert_eq!(age(limit + TimeDelta::days(60)).await, 0);
}

pub(crate) async fn a_shorter_patience_with_clients_counts_at_once(place: &dyn Place) {
    let ledger = ana(place).await;
    told(&ledger, ZoneSource::Client, TOKYO, "09:00").await;
    let later = at("09:00") + TimeDelta::days(10);
    let house = |days| HouseZones { client_max_age: TimeDelta::days(days), ..HouseZones::default() };
    let keep = async |days| ledger.store.keep_house_zones(house(days), NOWHERE, later).await.expect("keeping");
    assert_eq!(keep(11).await, 0);
    assert_eq!(keep(9).await, 1);
    assert_eq!(zone_of(&ledger, "ana").await, (NOWHERE, ZoneSource::Fallback));
    assert_eq!((keep(9).await, keep(11).await), (0, 1));
    assert_eq!(zone_of(&ledger, "ana").await, (TOKYO, ZoneSource::Client));
}

pub(crate) async fn a_group_has_a_zone_for_whom_nothing_else_is_said(place: &dyn Place) {
    let people = [
        PersonRecord { zone: None, ..member("ana", NOWHERE, &["docks"]) },
        PersonRecord { zone: None, ..member("bo", NOWHERE, &["docks", "night"]) },
        member("cy", BERLIN, &["docks"]),
    ];
    let ledger = Ledger::with(place, &people, &[]).await;
    let keep = async |groups: &[(&str, Tz)]| {
        let groups = groups.iter().map(|(group, zone)| ((*group).to_owned(), *zone)).collect();
        let house = HouseZones { groups, ..HouseZones::default() };
        ledger.store.keep_house_zones(house, NOWHERE, at("01:00")).await.expect("keeping")
    };
    assert_eq!(keep(&[("night", TOKYO), ("docks", DENVER)]).await, 2);
    let group = ZoneSource::Group;
    assert_eq!(zone_of(&ledger, "ana").await, (DENVER, group));
    assert_eq!(zone_of(&ledger, "bo").await, (TOKYO, group), "the first group of the configuration counts");
    assert_eq!(zone_of(&ledger, "cy").await, (BERLIN, ZoneSource::Operator));
    assert_eq!(keep(&[("night", TOKYO), ("docks", DENVER)]).await, 0, "that is known");
    assert_eq!(keep(&[("docks", DENVER), ("night", TOKYO)]).await, 1);
    assert_eq!(zone_of(&ledger, "bo").await, (DENVER, group));
    // Who leaves the group leaves its zone.
    ledger.import(&[PersonRecord { zone: None, ..member("ana", NOWHERE, &[]) }], "02:00").await;
    assert_eq!(zone_of(&ledger, "ana").await, (NOWHERE, ZoneSource::Fallback));
    assert_eq!(keep(&[]).await, 1);
    assert_eq!(zone_of(&ledger, "bo").await, (NOWHERE, ZoneSource::Fallback));
}

pub(crate) async fn a_directory_counts_less_than_a_client(place: &dyn Place) {
    let ledger = ana(place).await;
    ledger.import(&[PersonRecord { directory_zone: Some(BERLIN), ..without_zone("ana") }], "08:00").await;
    assert_eq!(zone_of(&ledger, "ana").await, (BERLIN, ZoneSource::Directory));
    told(&ledger, ZoneSource::Client, TOKYO, "07:00").await;
    assert_eq!(zone_of(&ledger, "ana").await, (TOKYO, ZoneSource::Client));
}

pub(crate) async fn a_zone_that_is_told_takes_open_deliveries_along(place: &dyn Place) {
    let ledger = Ledger::with(place, &[without_zone("ana")], &[draft("s")]).await;
    ledger.plan(&[plan("s", &[wave("09:00", NOWHERE), wave("09:00", DENVER)])], "00:00").await;
    ledger.expand("09:00").await;
    told(&ledger, ZoneSource::Client, DENVER, "08:00").await;
    let ana = ledger.delivery("s", "09:00", "ana").await;
    assert_eq!((ana.zone, ana.due_at), (DENVER, at("16:00")));
    assert_eq!(ledger.claim("09:00").await, []);
    ledger.expand("16:00").await;
    assert_eq!(names(&ledger.claim("16:00").await), ["ana"], "once");
}
