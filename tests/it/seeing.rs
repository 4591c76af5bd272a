//! What operators ask a running daemon: why, what went wrong, a test, the ledger.

use serde_json::Value;

use crate::rig::Rig;

#[tokio::test(flavor = "multi_thread")]
async fn a_running_daemon_explains_itself() {
    let rig = Rig::new().await;
    rig.import_crowd(1);
    rig.schedule_once("later", rig.in_seconds(3600), "");
    let daemon = rig.start().await;
    let json = |args: &[&str]| -> Value { serde_json::from_str(&rig.run_ok(args)).expect("JSON") };

    let tested = json(&["test", "later", "--to", "Person 0", "--json"]);
    assert_eq!((&tested["schema"], &tested["state"]), (&"nudged.test/1".into(), &"sent".into()), "{tested}");
    assert_eq!(rig.messages().len(), 1);

    let why = rig.run_ok(&["why", "later", "Person 0"]);
    assert!(why.starts_with("Person 0 will get \"later\""), "the test has not taken its place: {why}");
    assert_eq!(json(&["why", "later", "Person 0", "--json"])["schema"], "nudged.why/1");
    assert_eq!(json(&["failures", "--json"])["schema"], "nudged.failures/1");
    let ledger = rig.run_ok(&["export", "--csv"]);
    assert!(ledger.lines().nth(1).is_some_and(|row| row.contains(",test,Person 0,")), "{ledger}");

    let cancelled = json(&["cancel", "later", "--yes", "--json"]);
    assert_eq!(
        (&cancelled["schema"], &cancelled["occurrences"][0]["cancelled"]),
        (&"nudged.cancel/1".into(), &1.into())
    );
    assert_eq!(rig.output(&["retry", "later"]).status.code(), Some(1), "nothing has failed");
    let why = rig.run_ok(&["why", "later", "Person 0"]);
    assert!(why.contains("an operator cancelled it"), "{why}");
    daemon.stop();
}
