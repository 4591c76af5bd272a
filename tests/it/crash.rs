//! kill -9, and what is left (P2, P3).

use std::collections::BTreeSet;
use std::time::Duration;

use crate::rig::{Rig, count, possible_duplicates};

/// Killed three times in the middle of 2,000 deliveries: everybody gets theirs, and whoever gets it twice was in
/// flight at a kill and is marked.
#[tokio::test(flavor = "multi_thread")]
async fn kill_9_loses_nothing_and_marks_what_may_be_double() {
    const PEOPLE: usize = 2000;
    const SENDERS: usize = 64;
    let rig = Rig::fast(2000, Duration::from_millis(20)).await;
    rig.import_crowd(PEOPLE);
    rig.schedule_once("flood", rig.in_seconds(-1), "");
    for taken in [300, 800, 1300] {
        let daemon = rig.start().await;
        rig.until_taken(taken).await;
        daemon.kill();
    }
    let daemon = rig.start().await;
    rig.until("everybody has theirs", || rig.copies().len() == PEOPLE).await;
    daemon.stop();

    let status = rig.status(Some("flood"));
    assert_eq!(count(&status, "sent"), PEOPLE as u64, "{:?}", status["occurrences"][0]["counts"]);
    let marked: BTreeSet<_> = possible_duplicates(&status).into_iter().collect();
    assert!(marked.len() <= 3 * SENDERS, "{} marked, more than could be in flight", marked.len());
    let doubled = rig.copies().into_iter().filter(|(_, copies)| *copies > 1);
    let doubled: Vec<_> = doubled.map(|(id, copies)| (id.replace("a:conversation-", "Person "), copies)).collect();
    for (person, copies) in &doubled {
        assert!(marked.contains(person), "{person} got {copies} copies and is not marked");
        assert!(*copies <= 4, "{person} got {copies} copies");
    }
}

/// With `on_unknown = "hold"` nobody ever gets two: what was in flight at a kill is left for a person to decide.
#[tokio::test(flavor = "multi_thread")]
async fn on_hold_nobody_gets_two() {
    const PEOPLE: usize = 400;
    let rig = Rig::fast(2000, Duration::from_millis(20)).await;
    rig.import_crowd(PEOPLE);
    rig.schedule_once("once", rig.in_seconds(-1), "on_unknown = \"hold\"\n");
    let daemon = rig.start().await;
    rig.until_taken(100).await;
    daemon.kill();
    let daemon = rig.start().await;
    rig.until("the rest is sent", || {
        let status = rig.status(None);
        count(&status, "sent") + count(&status, "unknown") == PEOPLE as u64
    })
    .await;
    daemon.stop();
    let status = rig.status(Some("once"));
    assert!(count(&status, "unknown") <= 64);
    assert!(rig.copies().values().all(|copies| *copies == 1), "{:?}", rig.copies());
}

/// SIGTERM in the middle: nothing is in doubt, and the next start goes on where it stopped.
#[tokio::test(flavor = "multi_thread")]
async fn a_clean_stop_leaves_no_doubt() {
    const PEOPLE: usize = 600;
    let rig = Rig::fast(1000, Duration::from_millis(20)).await;
    rig.import_crowd(PEOPLE);
    rig.schedule_once("steady", rig.in_seconds(-1), "");
    let daemon = rig.start().await;
    rig.until_taken(150).await;
    daemon.stop();
    let status = rig.status(Some("steady"));
    let taken = rig.messages().len() as u64;
    assert_eq!(count(&status, "sent"), taken, "what Teams took, the ledger knows");
    assert_eq!(count(&status, "sent") + count(&status, "planned"), PEOPLE as u64);
    assert!(taken < PEOPLE as u64, "it was stopped in the middle");

    let daemon = rig.start().await;
    rig.until_taken(PEOPLE as u64).await;
    daemon.stop();
    assert!(rig.copies().values().all(|copies| *copies == 1));
    assert!(possible_duplicates(&rig.status(Some("steady"))).is_empty());
}

/// Two daemons never work on one store.
#[tokio::test(flavor = "multi_thread")]
async fn a_second_daemon_is_sent_away() {
    let rig = Rig::new().await;
    let daemon = rig.start().await;
    let second = rig.output(&["run"]);
    assert_eq!(second.status.code(), Some(75), "{second:?}");
    assert!(String::from_utf8_lossy(&second.stderr).contains("another nudged is running"));
    daemon.stop();
}
