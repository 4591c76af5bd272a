//! Imports and lists of people.

use nudged::domain::delivery::{Reason, Settlement, State};
use nudged::domain::quiet::QuietHours;
use nudged::domain::recipient::{Details, PersonRecord, RecipientKind, Reference, Unreachable, ZoneSource};
use nudged::port::desk::{ImportReport, PersonView, Reach};

use crate::Place;
use crate::fixtures::*;

async fn people(ledger: &Ledger) -> Vec<PersonView> {
    ledger.store.people().await.expect("people")
}

/// A record that says nothing but who is meant.
fn only(addresses: &[&str]) -> PersonRecord {
    PersonRecord {
        kind: RecipientKind::Person,
        addresses: addresses.iter().map(|text| address(text)).collect(),
        name: None,
        zone: None,
        directory_zone: None,
        zones: Vec::new(),
        language: None,
        details: Details::default(),
        groups: None,
        channel: None,
        kept: None,
        reference: Reference::default(),
    }
}

fn report(added: u64, updated: u64, unchanged: u64) -> ImportReport {
    ImportReport { added, updated, unchanged, ..ImportReport::default() }
}

pub(crate) async fn people_come_in_and_are_listed(place: &dyn Place) {
    let ledger = Ledger::new(place).await;
    let chat = PersonRecord { kind: RecipientKind::Channel, addresses: Vec::new(), ..person("News", TOKYO) };
    let records = [member("zoe", BERLIN, &["b", "a"]), only(&["ana@x", "29:ana"]), chat, only(&["Bo@x"])];
    assert_eq!(ledger.import(&records, "00:00").await, report(4, 0, 0));
    let seen = people(&ledger).await;
    let names: Vec<_> = seen.iter().map(|it| (it.name.as_str(), it.kind)).collect();
    let person = RecipientKind::Person;
    assert_eq!(names, [("ana@x", person), ("bo@x", person), ("News", RecipientKind::Channel), ("zoe", person)]);
    assert_eq!(seen[0].addresses, ["ana@x", "29:ana"]);
    assert_eq!((seen[0].zone, seen[0].zone_source), (NOWHERE, ZoneSource::Fallback));
    assert_eq!((seen[0].reach, seen[1].reach), (Reach::CanBeCreated, Reach::NoReference));
    assert_eq!((&seen[3].groups[..], seen[3].zone_source), (&["a".into(), "b".into()][..], ZoneSource::Operator));
    assert_eq!(ledger.import(&records, "00:00").await, report(0, 0, 4), "the same again changes nothing");
    assert_eq!(people(&ledger).await, seen);
}

pub(crate) async fn an_import_changes_only_what_it_says(place: &dyn Place) {
    let ledger = Ledger::new(place).await;
    let ana = PersonRecord { language: Some("de".into()), ..member("ana", BERLIN, &["g"]) };
    ledger.import(&[ana], "00:00").await;
    let before = people(&ledger).await;
    assert_eq!(ledger.import(&[only(&["ana@x"])], "00:00").await, report(0, 0, 1));
    assert_eq!(people(&ledger).await, before);

    let change = PersonRecord { language: Some("fr".into()), groups: Some(vec!["h".into()]), ..only(&["ana@x"]) };
    assert_eq!(ledger.import(&[change], "00:00").await, report(0, 1, 0));
    let expect = PersonView { language: Some("fr".into()), groups: vec!["h".into()], ..before[0].clone() };
    assert_eq!(people(&ledger).await, [expect]);
    let quiet = QuietHours::read("20:00-08:00");
    let details = Details { quiet_hours: quiet.clone(), country: Some("de".into()) };
    ledger.import(&[PersonRecord { details: details.clone(), ..only(&["ana@x"]) }], "00:00").await;
    let elsewhere = Details { quiet_hours: None, country: Some("fr".into()) };
    ledger.import(&[PersonRecord { details: elsewhere, ..only(&["ana@x"]) }], "00:00").await;
    assert_eq!(people(&ledger).await[0].details, Details { country: Some("fr".into()), ..details });
    let none = PersonRecord { groups: Some(Vec::new()), ..only(&["ana@x"]) };
    ledger.import(&[none], "00:00").await;
    assert_eq!(people(&ledger).await[0].groups, [""; 0]);
}

pub(crate) async fn an_import_matches_by_any_address_and_by_conversation(place: &dyn Place) {
    let ledger = Ledger::new(place).await;
    ledger.import(&[person("ana", BERLIN)], "00:00").await;
    ledger.import(&[only(&["29:ana", "ana@x"])], "00:00").await;
    ledger.import(&[PersonRecord { zone: Some(TOKYO), ..only(&["29:ana"]) }], "00:00").await;
    let conversation = Reference { conversation_id: Some("a:ana".into()), ..Reference::default() };
    let by_conversation = PersonRecord { reference: conversation, ..only(&["ana@y"]) };
    assert_eq!(ledger.import(&[by_conversation], "00:00").await, report(0, 1, 0));
    let seen = people(&ledger).await;
    assert_eq!(seen.len(), 1, "{seen:?}");
    assert_eq!((seen[0].zone, &seen[0].addresses[..]), (TOKYO, &["ana@x", "29:ana", "ana@y"].map(String::from)[..]));
}

pub(crate) async fn an_ambiguous_record_is_refused(place: &dyn Place) {
    let ledger = Ledger::new(place).await;
    ledger.import(&[person("ana", BERLIN), person("bo", BERLIN)], "00:00").await;
    let before = people(&ledger).await;
    let conversation = Reference { conversation_id: Some("a:bo".into()), ..Reference::default() };
    let channel = PersonRecord { kind: RecipientKind::Channel, addresses: Vec::new(), ..person("ana", TOKYO) };
    let records = [
        PersonRecord { zone: Some(TOKYO), ..only(&["ana@x", "bo@x"]) },
        PersonRecord { reference: conversation, ..only(&["ana@x"]) },
        channel,
        person("cy", BERLIN),
    ];
    let report = ledger.import(&records, "00:00").await;
    assert_eq!((report.added, report.updated, report.unchanged, report.refused.len()), (1, 0, 0, 3), "{report:?}");
    assert!(report.refused[0].contains("ana") && report.refused[0].contains("bo"), "{report:?}");
    assert!(report.refused[2].contains("channel") && report.refused[2].contains("person"), "{report:?}");
    assert_eq!(people(&ledger).await[..2], before, "the others are taken in, these change nothing");
}

pub(crate) async fn an_import_gives_an_address_to_somebody_new(place: &dyn Place) {
    let [ana_id, bea_id] = ["1", "2"].map(|last| format!("aaaaaaaa-0000-4000-8000-00000000000{last}"));
    let with = |name: &str, email: &str, id: &str| PersonRecord {
        addresses: vec![address(email), address(id)],
        ..person(name, BERLIN)
    };
    let desk = draft("s").to(&["desk@x"]);
    let ledger = Ledger::with(place, &[with("ana", "desk@x", &ana_id)], &[desk]).await;
    ledger.plan(&[plan("s", &[wave("09:00", BERLIN)])], "00:00").await;
    ledger.expand("08:00").await;
    // The directory of the next day: the desk is Bea's.
    let bea = PersonRecord { zone: Some(BERLIN), ..only(&["desk@x", &bea_id]) };
    let note = format!("desk@x was that of {ana_id} and is now that of {bea_id}");
    let told = ImportReport { notes: vec![note], ..report(1, 0, 0) };
    assert_eq!(ledger.import(std::slice::from_ref(&bea), "08:00").await, told);
    let seen = people(&ledger).await;
    let seen: Vec<_> = seen.iter().map(|it| (it.addresses.join(" "), it.reach)).collect();
    let expect = [(ana_id.clone(), Reach::Conversation), (format!("desk@x {bea_id}"), Reach::CanBeCreated)];
    assert_eq!(seen, expect);
    assert_eq!(ledger.import(&[bea], "08:00").await, report(0, 0, 1));
    ledger.expand("08:00").await;
    let claim = ledger.claim_one("08:00").await;
    let reached = (claim.reference.conversation_id.as_deref(), claim.reference.entra_object_id.as_deref());
    assert_eq!(reached, (None, Some(bea_id.as_str())), "what is for the desk goes to whose it is");
    assert_eq!(ledger.state("s", "09:00", "ana").await, (State::Cancelled, Some(Reason::LeftAudience)));
    // And Ana's new one is hers, however her id is written.
    let ana = with("ana", "ana.new@x", &ana_id);
    let reference = Reference { entra_object_id: Some(ana_id.to_uppercase()), ..Reference::default() };
    assert_eq!(ledger.import(&[ana, PersonRecord { reference, ..only(&["ana.new@x"]) }], "08:00").await.added, 0);
}

pub(crate) async fn an_import_gives_an_address_to_somebody_who_is_there_already(place: &dyn Place) {
    let ids = ["1", "2"].map(|last| format!("aaaaaaaa-0000-4000-8000-00000000000{last}"));
    let with = |name: &str, addresses: &[&str]| PersonRecord {
        addresses: addresses.iter().map(|text| address(text)).collect(),
        ..person(name, BERLIN)
    };
    let records = [with("ana", &["desk@x", &ids[0]]), with("bea", &[&ids[1]])];
    let ledger = Ledger::with(place, &records, &[draft("s").except(&["desk@x"])]).await;
    ledger.plan(&[plan("s", &[wave("09:00", BERLIN)])], "00:00").await;
    ledger.expand("08:00").await;
    let note = format!("desk@x was that of {} and is now that of {}", ids[0], ids[1]);
    let told = ImportReport { notes: vec![note], ..report(0, 1, 0) };
    assert_eq!(ledger.import(&[only(&["desk@x", &ids[1]])], "08:00").await, told);
    ledger.expand("08:00").await;
    assert_eq!(ledger.claim_one("08:00").await.recipient.name, "ana", "it is Bea who is left out now");
}

pub(crate) async fn a_record_without_an_identity_is_refused(place: &dyn Place) {
    let ledger = Ledger::new(place).await;
    let nameless = PersonRecord { kind: RecipientKind::GroupChat, name: Some("Chat".into()), ..only(&[]) };
    let records = [PersonRecord { addresses: Vec::new(), ..person("ana", BERLIN) }, nameless];
    let report = ledger.import(&records, "00:00").await;
    assert_eq!((report.added, report.refused.len()), (0, 2), "{report:?}");
    assert!(report.refused[1].contains("Chat"), "{report:?}");
}

pub(crate) async fn a_place_becomes_a_person(place: &dyn Place) {
    let ledger = Ledger::with(place, &[], &[draft("named").to(&["ana@x"]), draft("all")]).await;
    ledger.plan(&[plan("named", &[wave("09:00", NOWHERE), wave("09:00", BERLIN)])], "00:00").await;
    ledger.plan(&[plan("all", &[wave("09:00", BERLIN)])], "00:00").await;
    ledger.expand("09:00").await;
    assert!(!ledger.claim_one("09:00").await.is_known);
    ledger.store.take_over(at("08:00")).await.expect("to have the claim back");

    assert_eq!(ledger.import(&[person("ana", BERLIN)], "08:30").await, report(0, 1, 0));
    let ledger = Ledger { term: ledger.store.take_over(at("08:30")).await.expect("a term").term, ..ledger };
    ledger.expand("08:30").await;
    let claims = ledger.claim("08:30").await;
    let seen: Vec<_> =
        claims.iter().map(|it| (it.schedule.as_str(), it.recipient.name.as_str(), it.is_known)).collect();
    assert_eq!(seen.len(), 2, "everyone includes her now: {seen:?}");
    assert!(seen.contains(&("named", "ana", true)) && seen.contains(&("all", "ana", true)), "{seen:?}");
    assert!(claims.iter().all(|claim| claim.zone == BERLIN));
}

pub(crate) async fn zones_are_those_of_the_recipients(place: &dyn Place) {
    let ledger = Ledger::new(place).await;
    assert_eq!(ledger.store.zones().await.expect("zones"), []);
    ledger.import(&[person("a", TOKYO), person("b", BERLIN), person("c", TOKYO)], "00:00").await;
    assert_eq!(ledger.store.zones().await.expect("zones"), [TOKYO, BERLIN]);
    ledger.sync(&[draft("s").to(&["d@x"])], "00:00").await;
    assert_eq!(ledger.store.zones().await.expect("zones"), [TOKYO, BERLIN, NOWHERE]);
    ledger.import(&[person("b", TOKYO)], "00:00").await;
    assert_eq!(ledger.store.zones().await.expect("zones"), [TOKYO, NOWHERE]);
}

pub(crate) async fn an_import_does_not_lift_a_block(place: &dyn Place) {
    let ledger = Ledger::with(place, &[person("ana", BERLIN)], &[draft("s")]).await;
    ledger.plan(&[plan("s", &[wave("09:00", BERLIN)])], "00:00").await;
    ledger.expand("08:00").await;
    let claim = ledger.claim_one("08:00").await;
    ledger.send(&claim, "08:00", Settlement::Skipped(Reason::Blocked)).await;
    let conversation = Reference { conversation_id: Some("a:new".into()), ..Reference::default() };
    ledger.import(&[PersonRecord { reference: conversation, ..person("ana", BERLIN) }], "08:01").await;
    assert_eq!(people(&ledger).await[0].reach, Reach::Unreachable(Unreachable::Blocked));
}
