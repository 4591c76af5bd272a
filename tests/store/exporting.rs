//! All that is known of everybody, out of one ledger and into another.

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use nudged::domain::consent::{Choice, Stopped, Topic, Way, Wish};
use nudged::domain::conversation::ChannelPlace;
use nudged::domain::import::{export_line, people};
use nudged::domain::ladder::ZoneEvidence;
use nudged::domain::problem::Source;
use nudged::domain::quiet::QuietHours;
use nudged::domain::recipient::{
    Details, Hearsay, Kept, PersonRecord, RecipientKind, Reference, ServiceOrigin, Unreachable, ZoneSource,
};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use crate::Place;
use crate::fixtures::*;

/// Everybody, part by part.
async fn export(ledger: &Ledger) -> Vec<PersonRecord> {
    let (mut all, mut after) = (Vec::new(), 0);
    loop {
        let page = ledger.store.export_people(after, 3).await.expect("exporting");
        all.extend(page.records);
        match page.next {
            Some(next) => after = next,
            None => return all,
        }
    }
}

fn any_instant() -> impl Strategy<Value = DateTime<Utc>> {
    (0_i64..500_000_000).prop_map(|micros| at("00:00") + TimeDelta::microseconds(micros))
}

fn any_zones() -> impl Strategy<Value = Vec<ZoneEvidence>> {
    let sources = vec![ZoneSource::Client, ZoneSource::Directory, ZoneSource::Operator, ZoneSource::Own];
    let zone = proptest::sample::select(vec![BERLIN, TOKYO, DENVER]);
    proptest::sample::subsequence(sources, 0..4).prop_flat_map(move |sources| {
        let said = (zone.clone(), any_instant());
        proptest::collection::vec(said, sources.len()).prop_map(move |said| {
            let each = sources.iter().zip(said);
            each.map(|(source, (zone, said_at)): (_, (Tz, _))| ZoneEvidence { source: *source, zone, said_at })
                .collect()
        })
    })
}

fn any_kept() -> impl Strategy<Value = Kept> {
    let mark = proptest::option::of(proptest::sample::select(vec![Unreachable::Blocked, Unreachable::Gone]));
    let hearsay = any::<[bool; 3]>().prop_map(|[name, language, country]| Hearsay { name, language, country });
    let times = (proptest::option::of(any_instant()), proptest::option::of(any_instant()));
    (any::<bool>(), mark, hearsay, times).prop_map(|(is_known, unreachable, hearsay, (told_at, heard_at))| Kept {
        is_known,
        standing: None,
        service_origin: Some(ServiceOrigin::Heard),
        told_at,
        heard_at,
        unreachable,
        unreachable_since: unreachable.and(heard_at),
        hearsay,
        ..choices(is_known)
    })
}

/// Some have stopped a topic, and lifted another.
fn choices(has_chosen: bool) -> Kept {
    let choice = |wish, topic: &str, time| Choice { wish, topic: Topic::new(topic), way: Way::Typed, at: at(time) };
    if !has_chosen {
        return Kept::default();
    }
    Kept {
        stops: vec![
            Stopped { topic: None, since: at("03:00") },
            Stopped { topic: Topic::new("b"), since: at("02:00") },
        ],
        choices: vec![
            choice(Wish::Stop, "a", "01:00"),
            choice(Wish::Stop, "b", "02:00"),
            choice(Wish::Stop, "", "03:00"),
            choice(Wish::Start, "a", "04:00"),
        ],
        ..Kept::default()
    }
}

/// The person with this number, of whom much or little is known.
fn any_person(number: usize) -> impl Strategy<Value = PersonRecord> {
    let groups = proptest::sample::subsequence(vec!["docks".to_owned(), "night".to_owned()], 0..=2);
    let text = proptest::option::of("[a-zé\"\\\\ ]{1,8}");
    let quiet = any::<bool>().prop_map(|is_there| is_there.then(|| QuietHours::read("20:00-08:00")).flatten());
    (text, any_zones(), groups, any_kept(), quiet, any::<[bool; 2]>()).prop_map(
        move |(name, zones, groups, kept, quiet_hours, [has_chat, has_language])| PersonRecord {
            addresses: vec![address(&format!("p{number}@x")), address(&format!("29:p{number}"))],
            name,
            zones,
            language: has_language.then(|| "pt-BR".to_owned()),
            details: Details { quiet_hours, country: has_language.then(|| "br".to_owned()) },
            groups: Some(groups),
            reference: Reference {
                service_url: Some("https://smba.example/".to_owned()),
                conversation_id: has_chat.then(|| format!("a:p{number}")),
                tenant_id: Some("t".to_owned()),
                bot_id: Some("28:bot".to_owned()),
                user_id: Some(format!("29:p{number}")),
                entra_object_id: None,
            },
            kept: Some(kept),
            ..PersonRecord::new(RecipientKind::Person)
        },
    )
}

fn channel() -> PersonRecord {
    let place = ChannelPlace {
        team_id: Some("19:team@thread.tacv2".to_owned()),
        team_name: Some("Ops".to_owned()),
        name: Some("Alarms".to_owned()),
    };
    PersonRecord {
        addresses: place.addresses(),
        name: place.title(),
        groups: Some(Vec::new()),
        channel: Some(place),
        reference: Reference { conversation_id: Some("19:c@thread.tacv2".to_owned()), ..Reference::default() },
        kept: Some(Kept { is_known: true, ..Kept::default() }),
        ..PersonRecord::new(RecipientKind::Channel)
    }
}

pub(crate) async fn an_export_is_taken_back_without_loss(place: &dyn Place) {
    let mut runner = TestRunner::deterministic();
    let everybody: Vec<_> = (0..7).map(any_person).collect();
    for _ in 0..8 {
        let mut records = everybody.new_tree(&mut runner).expect("people").current();
        records.push(channel());
        let places = [place.another(), place.another()];
        let first = Ledger::new(places[0].as_ref()).await;
        assert_eq!(first.import(&records, "12:00").await.added, 8);
        let exported = export(&first).await;
        let text = exported.iter().map(export_line).collect::<Vec<_>>().join("\n");
        let (read, problems) = people(&Source::new("export", text));
        assert!(problems.is_empty() && read == exported, "{problems:?}");
        let second = Ledger::new(places[1].as_ref()).await;
        assert_eq!(second.import(&read, "13:00").await.added, 8);
        assert_eq!(export(&second).await, exported);
        let zones = |people: Vec<nudged::port::desk::PersonView>| -> Vec<_> {
            people.into_iter().map(|person| (person.name, person.zone, person.zone_source, person.reach)).collect()
        };
        let (there, here) = (first.store.people().await.expect("people"), second.store.people().await.expect("people"));
        assert_eq!(zones(there), zones(here));
        assert_eq!(second.import(&read, "14:00").await.unchanged, 8, "taken in again it changes nothing");
    }
}

pub(crate) async fn who_is_known_already_stays_as_they_are(place: &dyn Place) {
    let ledger = Ledger::with(place, &[person("ana", BERLIN)], &[]).await;
    let before = export(&ledger).await;
    let mark = Kept { unreachable: Some(Unreachable::Blocked), ..Kept::default() };
    let older = ZoneEvidence { source: ZoneSource::Operator, zone: TOKYO, said_at: at("00:00") - TimeDelta::days(1) };
    let old = PersonRecord { zone: None, zones: vec![older], kept: Some(mark), ..person("ana", BERLIN) };
    ledger.import(&[old], "12:00").await;
    assert_eq!(export(&ledger).await, before);
    // A stop is the exception: it must not get lost.
    let stopped = PersonRecord { zone: None, kept: Some(choices(true)), ..person("ana", BERLIN) };
    assert_eq!(ledger.import(std::slice::from_ref(&stopped), "12:00").await.updated, 1);
    let kept = export(&ledger).await.remove(0).kept.expect("what is kept");
    assert_eq!((kept.stops, kept.unreachable), (choices(true).stops, None));
    assert_eq!(ledger.import(&[stopped], "12:00").await.unchanged, 1);
}
