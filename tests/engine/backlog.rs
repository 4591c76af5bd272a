//! What is sent of what could not be sent when it was due.

use chrono::TimeDelta;
use chrono_tz::Tz;
use nudged::domain::delivery::{Reason, State};

use crate::rig::{Rig, at};

/// A daemon that serves until 07:00, then none until 10:05; one person, and something every hour from 06:00 to 10:00.
/// Returns the hours that were sent after the downtime, and the reasons of the rest.
async fn after_downtime(policies: &str) -> (Vec<String>, Vec<(State, Reason)>) {
    let mut rig = Rig::new("2027-03-01T00:00").await;
    rig.people(&[("ana", Tz::UTC)]).await;
    rig.file_says(&format!(
        "[schedule.s]\nto = \"everyone\"\ntext = \"Hello\"\nevery = \"day\"\nuntil = 2027-03-01\n\
         at = [\"06:00\", \"07:00\", \"08:00\", \"09:00\", \"10:00\"]\nlate = \"2h\"\n{policies}\n"
    ))
    .await;
    for hour in [6, 7] {
        rig.now_is(at("2027-03-01T00:00") + TimeDelta::hours(hour));
        assert_eq!(rig.go_round().await.len(), 1);
    }
    rig.down_until(at("2027-03-01T10:05")).await;
    let sent = rig.go_round().await.into_iter().map(|(occurrence, _)| occurrence.format("%H:%M").to_string());
    let sent = sent.collect();
    let occurrences = rig.occurrences().await;
    assert_eq!(occurrences.len(), 5, "nothing vanishes");
    let reasons = occurrences.iter().flat_map(|it| it.reasons.iter().map(|reason| (reason.state, reason.reason)));
    (sent, reasons.collect())
}

#[tokio::test]
async fn what_was_missed_is_made_up_for_as_the_schedule_says() {
    let (late, superseded, missed) =
        ((State::Expired, Reason::TooLate), (State::Expired, Reason::Superseded), (State::Expired, Reason::Missed));
    let latest = after_downtime("").await;
    assert_eq!(latest, (vec!["10:00".into()], vec![late, superseded]));
    assert_eq!(after_downtime("overlap = \"keep\"").await, latest, "catch_up decides about what was missed");
    let all = after_downtime("catch_up = \"all\"").await;
    assert_eq!(all, (vec!["09:00".into(), "10:00".into()], vec![late]));
    let none = after_downtime("catch_up = \"none\"").await;
    assert_eq!(none, (vec![], vec![late, missed, missed]));
}

/// In New York there is no two o'clock that night: what is of that hour comes at three.
#[tokio::test]
async fn a_clock_that_leaves_an_hour_out_doubles_nothing() {
    let after_the_gap = async |lines: &str| {
        let rig = Rig::new("2027-03-14T06:50").await;
        rig.people(&[("ana", Tz::America__New_York)]).await;
        rig.file_says(&format!("[schedule.s]\nto = \"everyone\"\ntext = \"Hello\"\nlate = \"1m\"\n{lines}\n")).await;
        rig.go_round().await;
        rig.now_is(at("2027-03-14T07:00"));
        let sent = rig.go_round().await.into_iter();
        sent.map(|(occurrence, _)| occurrence.format("%H:%M").to_string()).collect::<Vec<_>>()
    };
    let hourly = "cron = \"0 * * * *\"";
    assert_eq!(after_the_gap(hourly).await, ["03:00"]);
    assert_eq!(after_the_gap("cron = \"*/15 * * * *\"\ndst_gap = \"first-valid\"").await, ["03:00"]);
    let kept = after_the_gap(&format!("{hourly}\noverlap = \"keep\"")).await;
    assert_eq!(kept, ["02:00", "03:00"], "who wants all of them gets them");
}

/// A restart in the middle of a run does not make what is left of it missed.
#[tokio::test]
async fn a_backlog_outlives_a_restart() {
    let mut rig = Rig::new("2027-03-01T00:00").await;
    rig.people(&[("ana", Tz::UTC), ("bo", Tz::UTC)]).await;
    rig.file_says(
        "[schedule.s]\nto = \"everyone\"\ntext = \"Hello\"\nevery = \"day\"\nat = \"06:00\"\ncatch_up = \"none\"\n",
    )
    .await;
    rig.now_is(at("2027-03-01T06:00"));
    // The limits let nobody through before the daemon ends.
    rig.expand().await;
    rig.down_until(at("2027-03-01T06:10")).await;
    assert_eq!(rig.go_round().await.len(), 2);
}

/// A new schedule that is due already, within its lateness, was not missed by anybody.
#[tokio::test]
async fn what_is_new_was_not_missed() {
    let mut rig = Rig::new("2027-03-01T00:00").await;
    rig.people(&[("ana", Tz::UTC)]).await;
    rig.down_until(at("2027-03-01T06:10")).await;
    rig.file_says("[schedule.s]\nto = \"everyone\"\ntext = \"Hello\"\nat = 2027-03-01T06:00:00\ncatch_up = \"none\"\n")
        .await;
    assert_eq!(rig.go_round().await.len(), 1);
}

/// After a week, rows are made for what was over in the last two days, and of the time before nothing is left.
#[tokio::test]
async fn a_week_away_does_not_fill_the_ledger() {
    let mut rig = Rig::new("2027-03-01T00:00").await;
    rig.people(&[("ana", Tz::UTC), ("kei", Tz::Asia__Tokyo)]).await;
    rig.file_says("[schedule.s]\nto = \"everyone\"\ntext = \"Hello\"\ncron = \"*/15 * * * *\"\n").await;
    rig.now_is(at("2027-03-01T00:15"));
    rig.go_round().await;
    rig.down_until(at("2027-03-08T00:20")).await;
    let sent = rig.go_round().await;
    assert_eq!(sent.len(), 2, "the latest, to each");
    let occurrences = rig.occurrences().await;
    let expired = occurrences.iter().filter(|it| it.counts.contains_key(&State::Expired));
    let missed: Vec<_> = expired.filter(|it| it.occurrence > at("2027-03-01T12:00").naive_utc()).collect();
    // Two days, an hour of lateness, and the nine hours that Tokyo is ahead.
    assert_eq!(missed.len(), (48 + 1 + 9) * 4 - 1);
    assert!(missed.iter().all(|it| it.occurrence > at("2027-03-05T23:00").naive_utc()), "{:?}", missed[0]);
}

/// Away for longer than is planned ahead: it was to come all the same, and nobody was there.
#[tokio::test]
async fn a_long_weekend_away_does_not_make_new_what_was_missed() {
    let friday_to_monday = async |lines: &str, start: &str| {
        let mut rig = Rig::new("2027-03-05T16:00").await;
        rig.people(&[("ana", Tz::UTC)]).await;
        rig.file_says(&format!("[schedule.s]\nto = \"everyone\"\ntext = \"Hello\"\n{lines}\n")).await;
        rig.now_is(at("2027-03-05T17:00"));
        rig.go_round().await;
        rig.down_until(at(start)).await;
        let sent = rig.go_round().await.into_iter().map(|(occurrence, _)| occurrence.to_string()).collect::<Vec<_>>();
        let since = at("2027-03-05T17:00").naive_utc();
        let occurrences = rig.occurrences().await.into_iter().filter(|it| it.occurrence > since);
        let reasons = occurrences.flat_map(|it| it.reasons).map(|reason| reason.reason);
        (sent, reasons.collect::<std::collections::BTreeSet<_>>())
    };
    let weekdays = "every = \"weekday\"\nat = \"09:00\"\ncatch_up = \"none\"";
    let (sent, reasons) = friday_to_monday(weekdays, "2027-03-08T09:10").await;
    assert_eq!((sent, reasons), (Vec::new(), [Reason::Missed].into()));
    let quarters = "cron = \"*/15 * * * *\"\noverlap = \"keep\"";
    let (sent, reasons) = friday_to_monday(quarters, "2027-03-08T09:10").await;
    assert_eq!(sent, ["2027-03-08 09:00:00"], "the latest, and nothing beside it");
    assert_eq!(reasons, [Reason::TooLate, Reason::Superseded].into());
}

/// 09:00 of 1 March is over in Tokyo, where everybody lives, and not yet everywhere on earth.
#[tokio::test]
async fn a_single_hour_that_is_over_where_people_live_leaves_a_trace() {
    let rig = Rig::new("2027-03-01T03:00").await;
    rig.people(&[("kei", Tz::Asia__Tokyo)]).await;
    rig.file_says("[schedule.s]\nto = \"everyone\"\ntext = \"Hello\"\nat = 2027-03-01T09:00:00\nlate = \"1h\"\n").await;
    assert_eq!(rig.go_round().await, []);
    let occurrences = rig.occurrences().await;
    let reason = &occurrences[0].reasons[0];
    assert_eq!((occurrences.len(), reason.state, reason.reason), (1, State::Expired, Reason::PastWhenPlanned));
}

/// Nobody planned for the zone in which the first of them lives before it was over there: the daemon had died in between, or the
/// disk was full.
#[tokio::test]
async fn who_came_in_a_new_zone_and_was_never_planned_for_is_accounted_for() {
    for is_restarted in [true, false] {
        let mut rig = Rig::new("2027-03-01T06:00").await;
        rig.people(&[("ana", Tz::Europe__Berlin)]).await;
        rig.file_says(
            "[schedule.s]\nto = \"everyone\"\ntext = \"Hello\"\nevery = \"day\"\nat = \"09:00\"\nlate = \"1h\"\n",
        )
        .await;
        rig.expand().await;
        rig.people(&[("bo", Tz::Europe__Lisbon)]).await;
        let later = at("2027-03-01T11:00");
        if is_restarted {
            rig.down_until(later).await;
        } else {
            rig.now_is(later);
            rig.plan().await;
        }
        assert_eq!(rig.go_round().await, []);
        let over = rig.deliveries("s").await.into_iter().filter(|it| it.due_at < later);
        let ends: Vec<_> = over.map(|it| (it.recipient, it.state)).collect();
        assert_eq!(ends, [("ana".into(), State::Expired), ("bo".into(), State::Expired)]);
    }
}
