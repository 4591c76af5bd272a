//! P1 over edits: a changed time of day on the same date serves nobody twice.

use chrono::TimeDelta;
use chrono_tz::Tz;
use nudged::domain::delivery::{Reason, State};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::rig::{Rig, at};

const PEOPLE: [(&str, Tz); 3] = [("kei", Tz::Asia__Tokyo), ("ana", Tz::Europe__Berlin), ("lee", Tz::America__Denver)];

fn says(when: &str) -> String {
    format!("[schedule.s]\nto = \"everyone\"\ntext = \"Hello\"\n{when}\n")
}

/// Goes through 1 March 2027 on every clock, a quarter of an hour at a time; edits as it goes. Returns how many
/// messages of that date each person got, in the order of [`PEOPLE`].
async fn day(edits: &[(&str, &str)]) -> (Rig, [usize; 3]) {
    let begin = at("2027-02-28T12:00");
    let rig = Rig::new("2027-02-28T12:00").await;
    rig.people(&PEOPLE).await;
    let mut edits = edits.iter().peekable();
    let mut got = [0; 3];
    for quarter in 0..(48 * 4) {
        let now = begin + TimeDelta::minutes(15 * quarter);
        rig.now_is(now);
        while let Some((_, when)) = edits.next_if(|(time, _)| at(time) <= now) {
            rig.file_says(&says(when)).await;
        }
        rig.plan().await;
        for (occurrence, name) in rig.go_round().await {
            if occurrence.date() == at("2027-03-01T00:00").date_naive() {
                got[PEOPLE.iter().position(|(it, _)| *it == name).expect("one of them")] += 1;
            }
        }
    }
    (rig, got)
}

async fn check(edits: &[(&str, &str)], expect: [usize; 3]) {
    let (rig, got) = day(edits).await;
    assert_eq!(got, expect, "{edits:?}");
    for occurrence in rig.occurrences().await {
        let sum: u64 = occurrence.counts.values().sum();
        assert_eq!(sum, occurrence.audience, "{occurrence:?}");
    }
}

/// Noon UTC of 1 March is the evening in Tokyo, one in the afternoon in Berlin, five in the morning in Denver.
#[tokio::test]
async fn an_edit_in_the_middle_of_the_day_serves_everybody_once() {
    let daily = |time: &str| format!("every = \"day\"\nat = \"{time}\"");
    let (nine, ten, noon, late) = (daily("09:00"), daily("10:00"), daily("13:30"), daily("23:30"));
    let begin = "2027-02-28T12:00";
    check(&[(begin, &nine)], [1, 1, 1]).await;
    check(&[(begin, &nine), ("2027-03-01T08:30", &ten)], [1, 1, 1]).await;
    check(&[(begin, &nine), ("2027-03-01T08:30", &ten), ("2027-03-01T09:30", &noon)], [1, 1, 1]).await;
    check(&[(begin, &nine), ("2027-03-01T12:00", &late), ("2027-03-01T12:30", &nine)], [1, 1, 1]).await;
    check(&[(begin, "at = 2027-03-01T09:00:00"), ("2027-03-01T12:00", "at = 2027-03-01T23:00:00")], [1, 1, 1]).await;
    check(&[(begin, "cron = \"0 9 * * *\""), ("2027-03-01T08:30", "cron = \"30 10 * * mon\"")], [1, 1, 1]).await;
    check(&[(begin, &nine), ("2027-03-01T08:30", "cron = \"0 11 * * *\"")], [1, 1, 1]).await;
    // Two edits at once, of which the first means what can't be sent any more: it is over in Berlin by then.
    let (midnight, quarter_past, half_past) = (daily("00:00"), daily("04:15"), daily("08:30"));
    let (morning, afternoon) = ("2027-03-01T00:15", "2027-03-01T16:30");
    check(&[(begin, &nine), (morning, &midnight), (afternoon, &quarter_past), (afternoon, &half_past)], [1, 0, 1])
        .await;
}

#[tokio::test]
async fn what_did_not_move_is_sent_as_before() {
    let begin = "2027-02-28T12:00";
    let two = "every = \"day\"\nat = [\"09:00\", \"16:00\"]";
    let moved = "every = \"day\"\nat = [\"10:00\", \"16:00\"]";
    check(&[(begin, two), ("2027-03-01T08:30", moved)], [2, 2, 2]).await;
    check(&[(begin, two), ("2027-03-01T08:30", "every = \"day\"\nat = \"10:00\"")], [2, 1, 1]).await;
}

#[tokio::test]
async fn who_was_served_before_the_edit_is_accounted_for() {
    let nine = "every = \"day\"\nat = \"09:00\"\nuntil = 2027-03-01";
    let ten = "every = \"day\"\nat = \"10:00\"\nuntil = 2027-03-01";
    let (rig, _) = day(&[("2027-02-28T12:00", nine), ("2027-03-01T08:30", ten)]).await;
    let occurrences = rig.occurrences().await;
    let at_ten = occurrences.iter().find(|it| it.occurrence == at("2027-03-01T10:00").naive_utc()).expect("ten");
    assert_eq!(
        at_ten.counts.iter().map(|(state, count)| (*state, *count)).collect::<Vec<_>>(),
        [(State::Sent, 1), (State::Skipped, 2)]
    );
    assert_eq!(at_ten.reasons[0].reason, Reason::ServedBeforeEdit);
}

/// One instant is one message, with whatever offset it is written, also where it falls on another date there. The last ones
/// mean the same on the clock of the schedule.
#[tokio::test]
async fn an_instant_that_is_written_with_another_offset_is_not_sent_again() {
    let rig = Rig::new("2026-12-01T23:30").await;
    rig.people(&PEOPLE).await;
    let written =
        ["2026-12-02T00:30:00+01:00", "2026-12-01T23:30:00Z", "2026-12-02T08:30:00+09:00", "2026-12-02T00:30:00"];
    let mut got = 0;
    for (minute, written) in (0..).step_by(10).zip(written) {
        rig.now_is(at("2026-12-01T23:30") + TimeDelta::minutes(minute));
        rig.file_says(&says(&format!("at = {written}\nzone = \"Europe/Berlin\""))).await;
        got += rig.go_round().await.len();
        assert_eq!(got, PEOPLE.len(), "{written}");
    }
    let occurrences = rig.occurrences().await;
    assert_eq!(occurrences.len(), 1, "{occurrences:?}");
    assert_eq!(occurrences[0].occurrence, at("2026-12-02T00:30").naive_utc(), "on the clock of the schedule");
}

/// However often one time of day is changed, and whenever: one message for everybody at most, and one for those whom
/// each of them still could reach.
#[test]
fn one_time_of_day_is_one_message() {
    let mut runner = TestRunner::new(Config { cases: 12, failure_persistence: None, ..Config::default() });
    let chain = prop::collection::vec((0u32..36 * 4, 0u32..24 * 4), 1..5);
    let outcome = runner.run(&chain, |mut chain| {
        chain.sort_unstable();
        let mut edits = vec![("2027-02-28T12:00".to_owned(), "every = \"day\"\nat = \"09:00\"".to_owned())];
        for (quarter, time) in chain {
            let when = at("2027-02-28T14:00") + TimeDelta::minutes(i64::from(quarter) * 15);
            let at = format!("{:02}:{:02}", time / 4, time % 4 * 15);
            edits.push((when.format("%Y-%m-%dT%H:%M").to_string(), format!("every = \"day\"\nat = \"{at}\"")));
        }
        let edits: Vec<_> = edits.iter().map(|(when, says)| (when.as_str(), says.as_str())).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let (_, got) = runtime.block_on(day(&edits));
        prop_assert!(got.iter().all(|count| *count <= 1), "{:?}: {:?}", edits, got);
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}
