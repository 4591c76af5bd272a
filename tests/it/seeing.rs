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

    let rows = rig.run_ok(&["export", "--json"]);
    let row: Value = serde_json::from_str(rows.lines().next().expect("a row")).expect("JSON");
    assert_eq!((&row["schema"], &row["recipient"]), (&"nudged.delivery/1".into(), &"Person 0".into()), "{row}");
    assert_eq!(json(&["send", "--to", "everyone", "--text", "hi", "--json"])["schema"], "nudged.send/1");

    for word in ["pause", "resume"] {
        let answer = json(&[word, "later", "--json"]);
        assert_eq!((&answer["schema"], &answer["changed"]), (&"nudged.pause/1".into(), &true.into()), "{answer}");
    }

    let cancelled = json(&["cancel", "later", "--yes", "--json"]);
    assert_eq!(
        (&cancelled["schema"], &cancelled["occurrences"][0]["cancelled"]),
        (&"nudged.cancel/1".into(), &1.into())
    );
    assert_eq!(rig.output(&["retry", "later"]).status.code(), Some(1), "nothing has failed");
    let again = rig.output(&["cancel", "later", "--yes"]);
    let talk = String::from_utf8_lossy(&again.stderr);
    assert_eq!(talk, "nudged: nothing of \"later\" is planned or open; the plan looks two days ahead\n");
    let why = rig.run_ok(&["why", "later", "Person 0"]);
    assert!(why.contains("an operator cancelled it"), "{why}");
    daemon.stop();
}

/// Each answer to a program names its schema, also where nobody runs.
#[tokio::test]
async fn each_answer_names_its_schema() {
    let rig = Rig::new().await;
    rig.write("people.csv", "id,teams_id,name,zone\nana@contoso.example,29:ana,Ana,UTC\n");
    let check = |args: &[&str], schema: &str| {
        let told = rig.run_ok(args);
        let answer: Value = serde_json::from_str(told.lines().next().expect("a line")).expect("JSON");
        assert_eq!(answer["schema"], schema, "{args:?}: {answer}");
    };
    check(&["people", "import", "people.csv", "--json"], "nudged.import/1");
    check(&["people", "export"], "nudged.export/1");
    check(&["people", "stop", "ana@contoso.example", "--json"], "nudged.consent/1");
    check(&["people", "start", "ana@contoso.example", "--json"], "nudged.consent/1");
    check(&["backup", "--to", "copy.db", "--json"], "nudged.backup/1");
    check(&["restore", "copy.db", "--yes", "--json"], "nudged.restore/1");
}
