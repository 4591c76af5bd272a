//! What went wrong is listed; what failed is sent again when somebody asks; what is cancelled stays so.

use std::sync::Arc;
use std::time::Duration;

use chrono_tz::Tz;
use nudged::domain::delivery::{Reason, Settlement, State};
use nudged::domain::id::ScheduleName;
use nudged::domain::verdict::Verdict;
use nudged::port::desk::{Desk, DeskError};
use nudged::port::export::LedgerQuery;
use nudged::port::rehearsal::TestOrder;
use nudged::port::tail::{TailPage, TailQuery};
use nudged::port::trouble::{CancelReport, CancelRequest, FailuresQuery, Retried, RetryReport, RetryRequest};

use crate::rig::{Rig, at};

const DAILY: &str =
    "[schedule.s]\nto = \"everyone\"\nevery = \"day\"\nat = \"09:00\"\non_unknown = \"hold\"\ntext = \"Hello\"\n";

/// At nine Teams gives these answers to two people in Lisbon, whose clock shows UTC in winter.
async fn rig(answers: &[Verdict]) -> Rig {
    let rig = Rig::new("2027-03-01T06:00").await;
    rig.people(&[("ana", Tz::Europe__Lisbon), ("bo", Tz::Europe__Lisbon)]).await;
    rig.file_says(DAILY).await;
    rig.teams.answers(answers);
    rig.now_is(at("2027-03-01T09:00"));
    rig.expand().await;
    rig.deliver().await;
    rig
}

fn too_large() -> Verdict {
    Verdict::Permanent { reason: Reason::TooLarge }
}

fn no_answer() -> Verdict {
    Verdict::Unknown { reason: Reason::NoAnswer, after: None }
}

async fn retry(rig: &Rig, which: Retried, late: bool) -> Result<RetryReport, DeskError> {
    let request = RetryRequest { schedule: "s".into(), who: Vec::new(), on: None, which, late, dry_run: false };
    rig.desk().retry(request).await
}

async fn cancel(rig: &Rig, on: Option<&str>) -> Result<CancelReport, DeskError> {
    let on = on.map(|date| date.parse().expect("a date"));
    rig.desk().cancel(CancelRequest { schedule: "s".into(), on, dry_run: false }).await
}

async fn states(rig: &Rig) -> Vec<(State, Option<Reason>, bool)> {
    rig.deliveries("s").await.into_iter().map(|it| (it.state, it.reason, it.possible_duplicate)).collect()
}

#[tokio::test]
async fn failures_are_listed_with_reason_and_cure() {
    let rig = rig(&[too_large(), no_answer()]).await;
    let query = FailuresQuery { schedule: Some("s".into()), since: None, limit: 1 };
    let failures = rig.desk().failures(query.clone()).await.expect("an answer");
    assert_eq!((failures.total(), failures.failures.len()), (2, 1), "all are counted, the newest are listed");
    for group in &failures.reasons {
        let reason = group.reason.expect("a reason");
        assert_eq!(group.cure.as_deref(), Some(&*reason.cure_in(group.state)));
    }
    let since = Some(at("2027-03-01T09:01"));
    let later = rig.desk().failures(FailuresQuery { since, ..query.clone() }).await.expect("an answer");
    assert_eq!(later.total(), 0);
    let unknown = rig.desk().failures(FailuresQuery { schedule: Some("t".into()), ..query }).await;
    assert!(matches!(unknown, Err(DeskError::NotFound(_))), "{unknown:?}");
}

#[tokio::test]
async fn what_expired_is_listed_too() {
    let after = Some(Duration::from_hours(2));
    // In this order: while Teams asks for silence nothing else is sent.
    let rig = rig(&[no_answer(), Verdict::Retry { reason: Reason::Throttled, after }]).await;
    let query = FailuresQuery { schedule: None, since: None, limit: 10 };
    let failures = rig.desk().failures(query).await.expect("an answer");
    let mut groups: Vec<_> = failures.reasons.iter().map(|group| (group.state, group.reason, group.count)).collect();
    groups.sort_unstable();
    let expect = [(State::Unknown, Some(Reason::NoAnswer), 1), (State::Expired, Some(Reason::TooLate), 1)];
    assert_eq!(groups, expect);
    assert_eq!(failures.failures.len(), 2);
}

#[tokio::test]
async fn what_failed_is_sent_again_when_somebody_asks_and_only_that() {
    let rig = rig(&[too_large(), no_answer()]).await;
    let report = retry(&rig, Retried::Failed, false).await.expect("a report");
    assert_eq!((report.retried, report.too_late, report.not_meant), (1, 0, 0));
    rig.teams.asked();
    rig.deliver().await;
    assert_eq!(rig.teams.asked().len(), 1, "the unknown one stays");
    let states = states(&rig).await;
    assert!(states.contains(&(State::Sent, None, false)), "{states:?}");
    assert!(states.contains(&(State::Unknown, Some(Reason::NoAnswer), false)), "{states:?}");
    assert!(retry(&rig, Retried::Failed, false).await.is_err(), "nothing has failed any more");
    rig.deliver().await;
    assert_eq!(rig.teams.asked(), [""; 0], "and never twice");
}

/// Else it is claimed and given back and claimed again, without end, until its instant comes.
#[tokio::test]
async fn what_is_open_again_before_its_instant_waits_for_it() {
    let rig = rig(&[too_large(), no_answer()]).await;
    // The clock was two hours ahead, and is set right.
    rig.now_is(at("2027-03-01T07:00"));
    for which in [Retried::Failed, Retried::Unknown] {
        assert_eq!(retry(&rig, which, false).await.expect("a report").retried, 1);
    }
    assert_eq!(rig.claim().await, [], "nothing of it is due");

    rig.now_is(at("2027-03-01T09:00"));
    let claims = rig.claim().await;
    assert_eq!(claims.len(), 2);
    // This time it is set right while they are in hand, and they are to be tried at once.
    let now = at("2027-03-01T07:00");
    rig.now_is(now);
    for claim in &claims {
        let at_once = Settlement::Waiting { not_before: now, reason: Reason::Busy, possible_duplicate: false };
        rig.settle(claim, at_once, None).await;
    }
    rig.deliver().await;
    assert_eq!(rig.claim().await, [], "it was put off until it is due");
    rig.teams.asked();
    rig.now_is(at("2027-03-01T09:00"));
    rig.deliver().await;
    assert_eq!(rig.teams.asked().len(), 2);
}

#[tokio::test]
async fn what_is_unknown_is_sent_again_by_its_name_alone_and_marked() {
    let rig = rig(&[no_answer()]).await;
    assert!(retry(&rig, Retried::Failed, false).await.is_err(), "it did not fail");
    assert_eq!(retry(&rig, Retried::Unknown, false).await.expect("a report").retried, 1);
    rig.deliver().await;
    let states = states(&rig).await;
    assert!(states.contains(&(State::Sent, None, true)), "perhaps twice: {states:?}");
}

#[tokio::test]
async fn what_is_late_is_sent_again_only_when_that_is_said() {
    let rig = rig(&[too_large()]).await;
    rig.now_is(at("2027-03-01T12:00"));
    let report = retry(&rig, Retried::Failed, false).await.expect("a report");
    assert_eq!((report.retried, report.too_late), (0, 1));
    rig.teams.asked();
    rig.deliver().await;
    assert_eq!(rig.teams.asked(), [""; 0]);
    assert_eq!(retry(&rig, Retried::Failed, true).await.expect("a report").retried, 1);
    // Teams is busy once: what comes back from a sender is as open as before.
    rig.teams.answers(&[Verdict::Retry { reason: Reason::Busy, after: None }]);
    rig.deliver().await;
    rig.pass_minutes(5).await;
    let states = states(&rig).await;
    // The first two are of this date; the others are tomorrow's.
    assert_eq!(states[..2], [(State::Sent, None, false); 2]);
}

#[tokio::test]
async fn what_is_cancelled_stays_so_over_expansion_edits_and_restarts() {
    let mut rig = Rig::new("2027-03-01T06:00").await;
    rig.people(&[("ana", Tz::Europe__Lisbon)]).await;
    rig.file_says(DAILY).await;
    let report = cancel(&rig, None).await.expect("a report");
    assert_eq!(report.occurrences.len(), 1);
    assert_eq!(
        (report.occurrences[0].cancelled, report.occurrences[0].out),
        (1, 0),
        "also before its wave is expanded"
    );
    // Somebody joins.
    rig.people(&[("cy", Tz::Europe__Lisbon)]).await;
    rig.plan().await;
    assert_eq!(rig.go_round().await, []);
    // It is moved on that date.
    rig.file_says(&DAILY.replace("09:00", "10:00")).await;
    rig.down_until(at("2027-03-01T10:00")).await;
    let sent = rig.go_round().await;
    assert!(sent.iter().all(|(_, name)| name != "ana"), "not at another hour of that date: {sent:?}");
    rig.file_says(DAILY).await;
    assert_eq!(rig.go_round().await, []);
    // The next day is another occurrence.
    rig.now_is(at("2027-03-02T09:00"));
    rig.plan().await;
    assert_eq!(rig.go_round().await.len(), 2);
}

#[tokio::test]
async fn a_date_is_cancelled_as_a_whole_and_what_has_left_stays() {
    let rig = rig(&[]).await;
    let nothing = cancel(&rig, Some("2027-03-01")).await;
    assert!(matches!(nothing, Err(DeskError::NotFound(_))), "all of it has left: {nothing:?}");
    let to_come = || rig.store.loads(at("2027-03-01T09:00"), Arc::from("home"));
    assert_eq!(to_come().await.expect("loads").len(), 1);
    let report = cancel(&rig, Some("2027-03-02")).await.expect("a report");
    assert_eq!(report.occurrences[0].cancelled, 2);
    assert_eq!(to_come().await.expect("loads").len(), 0, "nobody waits for what is not sent");
    rig.now_is(at("2027-03-02T09:00"));
    rig.plan().await;
    assert_eq!(rig.go_round().await, []);
    let far = cancel(&rig, Some("2027-03-20")).await;
    assert!(matches!(&far, Err(DeskError::NotFound(words)) if words.contains("two days ahead")), "{far:?}");
    assert!(retry(&rig, Retried::Failed, true).await.is_err(), "nothing cancelled has failed");
}

#[tokio::test]
async fn the_ledger_is_exported_part_by_part() {
    let rig = rig(&[too_large()]).await;
    let query = LedgerQuery { schedule: Some("s".into()), since: None, after: 0 };
    let first = rig.store.ledger_page(query.clone(), 1).await.expect("a page");
    assert_eq!(first.deliveries.len(), 1);
    let after = first.next.expect("there is more");
    let second = rig.store.ledger_page(LedgerQuery { after, ..query.clone() }, 1).await.expect("a page");
    let mut states = [first.deliveries[0].state, second.deliveries[0].state];
    states.sort();
    assert_eq!(states, [State::Sent, State::Failed]);
    let since = Some(at("2027-03-02T00:00"));
    let all = rig.desk().export(LedgerQuery { since, ..query }).await.expect("a page");
    assert_eq!((all.schema.as_str(), all.deliveries.len(), all.next), ("nudged.ledger/1", 0, None));
}

/// What has ended comes in its order, once for each end, and what was sent again ends again.
#[tokio::test]
async fn what_ends_is_followed() {
    let rig = rig(&[too_large()]).await;
    let query = |since, failures| TailQuery { schedule: Some("s".into()), failures, since, after: 0, newest: 10 };
    let states = |page: &TailPage| page.deliveries.iter().map(|it| it.state).collect::<Vec<_>>();
    let first = rig.desk().tail(query(None, false)).await.expect("a page");
    assert_eq!((first.schema.as_str(), first.deliveries.len(), first.more), ("nudged.tail/1", 2, false));
    let failed = rig.desk().tail(query(None, true)).await.expect("a page");
    assert_eq!(states(&failed), [State::Failed]);
    let least = rig.desk().tail(TailQuery { newest: 1, ..query(None, false) }).await.expect("a page");
    assert_eq!(least.deliveries[0], first.deliveries[1], "the newest");

    rig.now_is(at("2027-03-01T09:01"));
    retry(&rig, Retried::Failed, false).await.expect("a report");
    rig.deliver().await;
    let later = rig.desk().tail(query(Some(at("2027-03-01T09:01")), false)).await.expect("a page");
    assert_eq!((states(&later), later.deliveries[0].delivery), (vec![State::Sent], failed.deliveries[0].delivery));
    let (since, after) = (later.deliveries[0].ended_at, later.deliveries[0].delivery.0);
    let nothing = rig.desk().tail(TailQuery { after, ..query(since, false) }).await.expect("a page");
    assert_eq!(states(&nothing), []);

    cancel(&rig, Some("2027-03-02")).await.expect("a report");
    let cancelled = rig.desk().tail(TailQuery { after, ..query(since, false) }).await.expect("a page");
    assert_eq!(states(&cancelled), [State::Cancelled, State::Cancelled], "what an operator ends, ends as well");
    let unknown = rig.desk().tail(TailQuery { schedule: Some("t".into()), ..query(None, false) }).await;
    assert!(matches!(unknown, Err(DeskError::NotFound(_))), "{unknown:?}");
    let unknown = rig.desk().export(LedgerQuery { schedule: Some("t".into()), since: None, after: 0 }).await;
    assert!(matches!(unknown, Err(DeskError::NotFound(_))), "nor is it exported: {unknown:?}");
}

/// A test comes past quiet hours, is accounted for as one, and the real message comes as ever.
#[tokio::test]
async fn a_test_takes_the_place_of_nothing() {
    let rig = Rig::new("2027-03-01T06:00").await;
    rig.people(&[("ana", Tz::Europe__Lisbon)]).await;
    rig.file_says(&format!("{DAILY}quiet_hours = \"20:00-08:00\"\n")).await;
    let recipient = rig.store.find_people("ana@x").await.expect("people")[0];
    let schedule = ScheduleName::new("s").expect("a name");
    let order = TestOrder { schedule, recipient, expire_at: at("2027-03-01T06:10") };
    let occurrence = rig.store.rehearse(order, at("2027-03-01T06:00")).await.expect("a test").expect("in force");
    rig.expand().await;
    rig.deliver().await;
    assert_eq!(rig.teams.asked(), ["send a:ana"], "in the middle of quiet hours");
    let tested = rig.occurrences().await.into_iter().find(|it| it.occurrence == occurrence).expect("the test");
    assert!(tested.test && tested.counts.get(&State::Sent) == Some(&1), "{tested:?}");
    rig.now_is(at("2027-03-01T09:00"));
    rig.expand().await;
    rig.deliver().await;
    assert_eq!(rig.teams.asked(), ["send a:ana"], "the real one");
}
