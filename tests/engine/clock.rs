//! What a wall clock that was far ahead for a moment leaves behind.

use chrono::{DateTime, Days, TimeDelta, Utc};
use chrono_tz::Tz;
use nudged::port::clock::Clock;

use crate::rig::{Rig, at};

const DAILY: &str = "[schedule.s]\nto = \"everyone\"\nevery = \"day\"\nat = \"09:00\"\ntext = \"Hello\"\n";

/// The dates on which something was sent, from `from` on for so many days.
async fn sent(rig: &Rig, from: DateTime<Utc>, days: u64) -> Vec<DateTime<Utc>> {
    let mut sent = Vec::new();
    for day in (0..days).map(|day| from + Days::new(day)) {
        rig.now_is(day);
        rig.plan().await;
        sent.extend(rig.go_round().await.into_iter().map(|(occurrence, _)| occurrence.and_utc()));
    }
    sent
}

/// It planned its days and took what lies before them for long gone; its mark says that all is planned up to there.
#[tokio::test]
async fn a_month_that_a_wrong_clock_passed_over_is_planned_when_it_is_set_right() {
    for (ahead, is_restarted) in [(31, false), (31, true), (10_000, true)] {
        let mut rig = Rig::new("2027-03-01T10:00").await;
        rig.people(&[("ana", Tz::Europe__Lisbon)]).await;
        rig.file_says(DAILY).await;
        let true_now = rig.clock.now();
        rig.now_is(true_now + TimeDelta::days(ahead));
        rig.plan().await;
        rig.go_round().await;
        let set_right_at = true_now + TimeDelta::minutes(1);
        if is_restarted {
            rig.down_until(set_right_at).await;
        } else {
            rig.now_is(set_right_at);
            rig.plan().await;
        }

        // What was just over by the wrong clock ended as expired.
        let ended = [at("2027-03-31T09:00"), at("2027-04-01T09:00")].map(|day| (ahead == 31).then_some(day));
        let dates = (2..=45).map(|day| at("2027-02-28T09:00") + Days::new(day));
        let expect: Vec<_> = dates.filter(|date| !ended.contains(&Some(*date))).collect();
        let sent = sent(&rig, at("2027-03-02T09:00"), 44).await;
        assert_eq!(sent, expect, "{ahead} days ahead");
    }
}

/// What it planned, sent and ended as expired in its own days is met again when they come, and is not sent twice.
#[tokio::test]
async fn what_a_wrong_clock_sent_is_not_sent_again_when_its_day_comes() {
    let rig = Rig::new("2027-03-01T10:00").await;
    rig.people(&[("ana", Tz::Europe__Lisbon)]).await;
    rig.file_says(DAILY).await;
    rig.now_is(at("2027-03-20T09:00"));
    rig.plan().await;
    assert_eq!(rig.go_round().await.len(), 1);
    let dates = sent(&rig, at("2027-03-10T09:00"), 12).await;
    let expect: Vec<_> = (10..=21)
        .filter(|day| ![18, 19, 20].contains(day))
        .map(|day| at("2027-02-28T09:00") + Days::new(day))
        .collect();
    assert_eq!(dates, expect);
}
