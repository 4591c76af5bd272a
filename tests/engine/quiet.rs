//! Who waits for the end of quiet hours, and what becomes of that when these, or the person, are elsewhere.

use chrono_tz::Tz;
use nudged::domain::quiet::QuietHours;
use nudged::domain::recipient::{Address, Details, PersonRecord, RecipientKind};

use crate::rig::{Rig, at};

const DAILY: &str =
    "[schedule.s]\nto = \"everyone\"\nevery = \"day\"\nat = \"20:30\"\nlate = \"12h\"\ntext = \"Hello\"\n";

const QUIET: &str = "quiet_hours = \"20:00-08:00\"\n";

/// In New York it is 20:30 of 11 January, and ana's message waits for the next morning: for 13:00 in UTC.
async fn held() -> Rig {
    let rig = Rig::new("2027-01-12T01:00").await;
    rig.people(&[("ana", Tz::America__New_York)]).await;
    rig.file_says(&format!("{DAILY}{QUIET}")).await;
    rig.now_is(at("2027-01-12T01:30"));
    rig.go_round().await;
    let held = rig.deliveries("s").await;
    assert!(held.iter().any(|it| it.not_before == Some(at("2027-01-12T13:00"))), "{held:?}");
    rig.now_is(at("2027-01-12T02:00"));
    rig
}

/// What is sent of that evening when it is that time.
async fn sent(rig: &Rig, now: &str) -> Vec<String> {
    rig.now_is(at(now));
    rig.plan().await;
    let evening =
        rig.go_round().await.into_iter().filter(|(occurrence, _)| occurrence.to_string().starts_with("2027-01-11"));
    evening.map(|(occurrence, _)| occurrence.format("%H:%M").to_string()).collect()
}

#[tokio::test]
async fn who_moves_gets_it_when_quiet_hours_end_there() {
    let rig = held().await;
    rig.people(&[("ana", Tz::Europe__Berlin)]).await;
    assert_eq!(sent(&rig, "2027-01-12T02:01").await, [""; 0], "in Berlin it is three in the night");
    assert_eq!(sent(&rig, "2027-01-12T07:00").await, ["20:30"]);
}

#[tokio::test]
async fn an_edit_lets_out_what_quiet_hours_hold() {
    let rig = held().await;
    rig.file_says(&format!("{DAILY}{QUIET}why = \"You asked for it\"\n")).await;
    assert_eq!(sent(&rig, "2027-01-12T02:01").await, [""; 0], "as quiet as it was");
    rig.file_says(&format!("{DAILY}quiet_hours = \"none\"\n")).await;
    assert_eq!(sent(&rig, "2027-01-12T02:02").await, ["20:30"]);
}

#[tokio::test]
async fn other_hours_of_a_person_count_at_once() {
    let rig = Rig::new("2027-01-12T01:00").await;
    rig.people(&[("ana", Tz::America__New_York)]).await;
    let says = async |hours: &str| {
        let details = Details { quiet_hours: QuietHours::read(hours), ..Details::default() };
        let addresses = vec![Address::new("ana@x").expect("an address")];
        let record = PersonRecord { addresses, details, ..PersonRecord::new(RecipientKind::Person) };
        rig.import(vec![record]).await;
    };
    says("20:00-08:00").await;
    rig.file_says(DAILY).await;
    assert_eq!(sent(&rig, "2027-01-12T01:30").await, [""; 0]);
    says("21:30-08:00").await;
    assert_eq!(sent(&rig, "2027-01-12T02:00").await, ["20:30"]);
}
