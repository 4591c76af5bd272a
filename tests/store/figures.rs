//! The ledger in numbers, for monitors.

use nudged::domain::recipient::{Reference, ZoneSource};
use nudged::domain::schedule::model::Priority;
use nudged::port::desk::Reach;
use nudged::port::store::{Pause, PausedBy};
use nudged::port::vitals::{Queue, QueueFigures};

use crate::Place;
use crate::fixtures::*;

pub(crate) async fn what_is_due_and_in_nobodys_hands_is_counted_by_its_queue(place: &dyn Place) {
    let people = [person("ana", BERLIN), person("bo", BERLIN), person("kei", TOKYO)];
    let drafts = [draft("s"), draft("urgent").priority(Priority::Critical)];
    let ledger = Ledger::with(place, &people, &drafts).await;
    let waves = [BERLIN, TOKYO].map(|zone| wave("09:00", zone));
    ledger.plan(&[plan("s", &waves), plan("urgent", &waves)], "00:00").await;
    ledger.store.expand_due(at("08:00"), at("00:00"), u32::MAX).await.expect("expanding");
    let queues = async |now: &str| {
        let queues = ledger.store.queues(at(now)).await.expect("counting");
        assert_eq!(queues.iter().map(|it| it.queue).collect::<Vec<_>>(), Queue::ALL);
        queues.into_iter().filter(|it| it.due > 0).collect::<Vec<_>>()
    };
    let due = |queue, due, since: &str| QueueFigures { queue, due, oldest_since: Some(at(since)) };
    assert_eq!(queues("07:59").await, [due(Queue::Critical, 1, "00:00"), due(Queue::Normal, 1, "00:00")]);
    assert_eq!(queues("08:00").await, [due(Queue::Critical, 3, "00:00"), due(Queue::Normal, 3, "00:00")]);
    let pause = Pause { schedule: name("urgent"), why: "wait".into(), by: PausedBy::Operator, not_believed: None };
    ledger.store.pause(pause, at("08:00")).await.expect("pausing");
    assert_eq!(queues("08:00").await, [due(Queue::Normal, 3, "00:00"), due(Queue::Held, 3, "00:00")]);
    ledger.claim("08:00").await;
    assert_eq!(queues("08:00").await, [due(Queue::Held, 3, "00:00")]);
}

pub(crate) async fn everybody_is_counted_by_how_they_are_reached_and_who_said_where_they_live(place: &dyn Place) {
    let creatable = |name| {
        let reference = Reference { user_id: Some(format!("29:{name}")), ..Reference::default() };
        nudged::domain::recipient::PersonRecord { zone: None, reference, ..person(name, BERLIN) }
    };
    let mut nowhere = creatable("cem");
    nowhere.reference = Reference::default();
    let people = [person("ana", BERLIN), person("bo", TOKYO), creatable("kei"), nowhere];
    // Whom a schedule names and nobody has imported is not known.
    let ledger = Ledger::with(place, &people, &[draft("s").to(&["stranger@x"])]).await;
    let crowd = ledger.store.crowd().await.expect("counting");
    let reaches = [(Reach::CanBeCreated, 1), (Reach::Conversation, 2), (Reach::NoReference, 1)];
    assert_eq!(crowd.references, reaches);
    assert_eq!(crowd.zone_sources, [(ZoneSource::Fallback, 2), (ZoneSource::Operator, 2)]);
    assert_eq!((crowd.known(), crowd.unreachable()), (4, 1));
}
