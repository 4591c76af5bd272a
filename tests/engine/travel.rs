//! P1 over the date line: whoever flies west or east gets each occurrence once.

use std::collections::BTreeMap;

use chrono::{NaiveDateTime, TimeDelta};
use chrono_tz::Tz;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::rig::{Rig, at};

/// Late enough for a whole day that is skipped by a flight; and what is late is not superseded.
const DAILY: &str = "[schedule.s]\nto = \"everyone\"\nevery = \"day\"\nat = \"09:00\"\nlate = \"36h\"\noverlap = \"keep\"\n\
                     text = \"Hello\"\n";

/// How often ada gets each occurrence from 2 to 4 March, when she lives in `home` and lands in other zones after so many
/// half hours since noon UTC of 28 February.
async fn copies(home: Tz, flights: &[(i32, Tz)]) -> BTreeMap<NaiveDateTime, usize> {
    let begin = at("2027-02-28T12:00");
    let rig = Rig::new("2027-02-28T12:00").await;
    rig.people(&[("ada", home)]).await;
    rig.file_says(DAILY).await;
    let mut copies = BTreeMap::new();
    for half_hour in 0..(7 * 48) {
        rig.now_is(begin + TimeDelta::minutes(30 * i64::from(half_hour)));
        for (_, zone) in flights.iter().filter(|(landing, _)| *landing == half_hour) {
            rig.people(&[("ada", *zone)]).await;
        }
        rig.plan().await;
        for (occurrence, _) in rig.go_round().await {
            *copies.entry(occurrence).or_insert(0) += 1;
        }
    }
    let (first, last) = (at("2027-03-02T00:00").naive_utc(), at("2027-03-05T00:00").naive_utc());
    copies.retain(|occurrence, _| (first..last).contains(occurrence));
    copies
}

fn check(copies: &BTreeMap<NaiveDateTime, usize>, what: &str) {
    assert_eq!(copies.len(), 3, "none is missing: {what} {copies:?}");
    assert!(copies.values().all(|count| *count == 1), "none comes twice: {what} {copies:?}");
}

#[tokio::test]
async fn a_person_who_flies_over_the_date_line_gets_each_occurrence_once() {
    let (west, east) = (Tz::Pacific__Pago_Pago, Tz::Pacific__Apia);
    // Before, between and after the hours at which the two clocks show nine.
    for landing in [80, 100, 120, 128, 140] {
        check(&copies(west, &[(landing, east)]).await, &format!("eastern time after {landing}"));
        check(&copies(east, &[(landing, west)]).await, &format!("western time after {landing}"));
        check(&copies(east, &[(landing, west), (landing + 9, east)]).await, &format!("and back after {landing}"));
    }
}

#[test]
fn whoever_flies_anywhere_gets_each_occurrence_once() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let zones =
        [Tz::Pacific__Kiritimati, Tz::Asia__Kolkata, Tz::Europe__Berlin, Tz::America__Denver, Tz::Pacific__Niue];
    let zone = || prop::sample::select(zones.to_vec());
    let flights = prop::collection::vec((60..200_i32, zone()), 0..5);
    let mut runner = TestRunner::new_with_rng(
        Config { cases: 12, failure_persistence: None, ..Config::default() },
        proptest::test_runner::TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha),
    );
    runner
        .run(&(zone(), flights), |(home, flights)| {
            let copies = runtime.block_on(copies(home, &flights));
            prop_assert_eq!(copies.len(), 3, "none is missing: {:?}", copies);
            prop_assert!(copies.values().all(|count| *count == 1), "none comes twice: {:?}", copies);
            Ok(())
        })
        .unwrap_or_else(|error| panic!("{error}"));
}
