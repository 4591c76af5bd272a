//! People of whose clock nobody said anything.

use chrono_tz::Tz;
use nudged::domain::delivery::{Reason, State};
use nudged::domain::ladder::ZoneEvidence;
use nudged::domain::news::{Fact, News, Who};
use nudged::domain::recipient::{Address, PersonRecord, RecipientKind, Reference, ZoneSource};

use nudged::port::clock::Clock;

use crate::rig::{Rig, at};

/// Ada, of whose zone nothing is known, and a schedule that holds for her; the fallback zone is UTC.
async fn ada(zone_unknown: &str) -> Rig {
    let rig = Rig::new("2027-03-01T06:00").await;
    let reference = Reference { conversation_id: Some("a:ada".into()), ..Reference::default() };
    let ada = PersonRecord {
        addresses: vec![Address::new("ada@x").expect("an address")],
        name: Some("ada".into()),
        reference,
        ..PersonRecord::new(RecipientKind::Person)
    };
    rig.import(vec![ada]).await;
    let text = "[schedule.s]\nto = \"everyone\"\nat = 2027-03-01T09:00:00\nlate = \"1h\"\ntext = \"Hello\"\n";
    rig.file_says(&format!("{text}zone_unknown = \"{zone_unknown}\"\n")).await;
    rig
}

/// Her client says where she is.
async fn says(rig: &Rig, zone: Tz) {
    let now = rig.clock.now();
    let who = Who { conversation_id: Some("a:ada".into()), addresses: Vec::new() };
    let said = ZoneEvidence { source: ZoneSource::Client, zone, said_at: now };
    let news = News { key: None, facts: vec![Fact::ZoneTold { who, said }] };
    let taken = rig.store.take_in(news, Tz::UTC, now).await.expect("taking in");
    assert!(taken.work && taken.replan, "{taken:?}");
}

async fn ends(rig: &Rig, state: State, reason: Option<Reason>) {
    let deliveries = rig.deliveries("s").await;
    let ends: Vec<_> = deliveries.iter().map(|it| (it.state, it.reason)).collect();
    assert_eq!(ends, [(state, reason)]);
}

#[tokio::test]
async fn the_fallback_zone_counts_where_nothing_else_is_said() {
    let rig = ada("default").await;
    rig.now_is(at("2027-03-01T09:00"));
    assert_eq!(rig.go_round().await.len(), 1);
}

#[tokio::test]
async fn who_is_left_out_has_the_reason() {
    let rig = ada("skip").await;
    rig.now_is(at("2027-03-01T09:00"));
    assert_eq!(rig.go_round().await, []);
    ends(&rig, State::Skipped, Some(Reason::ZoneUnknown)).await;
}

#[tokio::test]
async fn who_is_held_gets_it_at_their_own_nine_once_that_is_known() {
    let rig = ada("hold").await;
    rig.now_is(at("2027-03-01T09:00"));
    assert_eq!(rig.go_round().await, []);
    ends(&rig, State::Waiting, Some(Reason::ZoneUnknown)).await;
    rig.now_is(at("2027-03-01T09:30"));
    says(&rig, Tz::America__Denver).await;
    // The dispatcher may be faster than the planner, who does not know yet that somebody lives there.
    assert_eq!(rig.go_round().await, []);
    rig.plan().await;
    assert_eq!(rig.go_round().await, []);
    rig.now_is(at("2027-03-01T16:00"));
    assert_eq!(rig.go_round().await.len(), 1, "nine in Denver");
    ends(&rig, State::Sent, None).await;
}

#[tokio::test]
async fn who_lives_in_the_fallback_zone_after_all_gets_it_at_once() {
    let rig = ada("hold").await;
    rig.now_is(at("2027-03-01T09:00"));
    assert_eq!(rig.go_round().await, []);
    rig.now_is(at("2027-03-01T09:10"));
    says(&rig, Tz::UTC).await;
    assert_eq!(rig.go_round().await.len(), 1);
}

#[tokio::test]
async fn who_is_held_in_vain_expires_with_the_reason() {
    let rig = ada("hold").await;
    rig.now_is(at("2027-03-01T09:00"));
    assert_eq!(rig.go_round().await, []);
    rig.now_is(at("2027-03-01T10:01"));
    assert_eq!(rig.go_round().await, []);
    ends(&rig, State::Expired, Some(Reason::ZoneUnknown)).await;
}
