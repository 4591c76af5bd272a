//! What commands that look ahead say of what people ordered: stops, limits, pauses, cancels, and what was sent already.

use chrono::Timelike;
use serde_json::Value;

use crate::rig::{Rig, count};

fn json(rig: &Rig, args: &[&str]) -> Value {
    let output = rig.output(&[args, &["--json"]].concat());
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{args:?}: {error}: {output:?}"))
}

/// Why each of them is left out, by name.
fn left_out(preview: &Value) -> Vec<(String, Option<String>)> {
    let rows = preview["recipients"].as_array().expect("rows");
    let row = |row: &Value| {
        let name = row["recipient"].as_str().expect("a name").to_owned();
        (name, row["left_out"].as_str().map(str::to_owned))
    };
    rows.iter().map(row).collect()
}

/// In about an hour, and not at a full minute, which is told without its seconds.
fn later(rig: &Rig, name: &str, more: &str) {
    let at = rig.in_seconds(3600);
    rig.schedule_once(name, at.with_second(30).unwrap_or(at), more);
}

/// Wherever its lines are broken.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn who_stopped_and_a_crowd_that_is_too_large_are_left_out() {
    let rig = Rig::new().await;
    rig.import_crowd(3);
    later(&rig, "tea", "topic = \"breaks\"\n");
    later(&rig, "few", "max_people = 2\n");
    rig.run_ok(&["people", "stop", "29:person-1", "--topic", "breaks"]);
    let preview = json(&rig, &["preview", "tea"]);
    let row = |n: usize, why: Option<&str>| (format!("Person {n}"), why.map(str::to_owned));
    assert_eq!(left_out(&preview), [row(0, None), row(1, Some("opted-out")), row(2, None)]);
    let told = rig.run_ok(&["preview", "tea", "--who", "29:person-1"]);
    assert!(told.contains("0 of 1 get it\n"), "{told}");
    assert!(told.contains("left out: the recipient stopped messages about this topic"), "{told}");

    let why = Some("too-many-people");
    assert_eq!(left_out(&json(&rig, &["preview", "few"])), [row(0, why), row(1, why), row(2, why)]);

    let next = json(&rig, &["next"]);
    let of = |next: &Value, name: &str| -> Value {
        let items = next["items"].as_array().expect("items");
        items.iter().find(|item| item["schedule"] == name).cloned().unwrap_or_default()
    };
    assert_eq!(of(&next, "tea")["people"], 2);
    assert_eq!(of(&next, "few")["left_out"], "too-many-people");
    let next = json(&rig, &["next", "--for", "29:person-1"]);
    assert_eq!(of(&next, "tea")["left_out"], "opted-out");
    // Other topics are not what they stopped.
    later(&rig, "other", "");
    assert_eq!(of(&json(&rig, &["next", "--for", "29:person-1"]), "other")["left_out"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_paused_cancelled_or_sent_is_said() {
    let rig = Rig::new().await;
    rig.import_crowd(2);
    later(&rig, "paused", "");
    later(&rig, "off", "");
    rig.schedule_once("once", rig.in_seconds(-1), "");
    let daemon = rig.start().await;
    rig.until_taken(2).await;
    rig.until("the ledger knows", || count(&rig.status(Some("once")), "sent") == 2).await;
    rig.run_ok(&["pause", "paused", "--why", "a new text"]);
    rig.run_ok(&["cancel", "off", "--yes"]);

    let told = rig.run_ok(&["preview", "paused"]);
    assert!(words(&told).contains("(a new text): nothing of it is sent until `nudged resume paused`"), "{told}");
    assert_eq!(json(&rig, &["preview", "paused"])["paused"]["why"], "a new text");

    let told = rig.run_ok(&["preview", "off"]);
    assert!(told.contains("0 of 2 get it\n") && told.contains("cancelled: an operator cancelled it"), "{told}");

    let told = rig.run_ok(&["preview", "once"]);
    assert!(told.contains("0 of 2 get it, 2 have it already\n") && told.contains("has it already, "), "{told}");
    assert_eq!(json(&rig, &["preview", "once"])["recipients"][0]["state"], "sent");

    let told = rig.run_ok(&["next"]);
    assert!(told.contains("paused until `nudged resume paused`"), "{told}");
    assert!(told.contains("left out: an operator cancelled it"), "{told}");
    // Who comes later is left out of what was cancelled, too.
    rig.import_crowd(3);
    assert!(rig.run_ok(&["preview", "off"]).contains("0 of 3 get it\n"));
    daemon.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_force_is_told_where_the_files_say_something_else() {
    let rig = Rig::new().await;
    rig.import_crowd(2);
    later(&rig, "late", "");
    later(&rig, "gone", "");
    let once = rig.in_seconds(3600).format("%Y-%m-%dT%H:%M:%SZ");
    let two =
        |name: &str| format!("[schedule.{name}]\nto = \"everyone\"\nat = {once}\nzone = \"UTC\"\ntext = \"Hi\"\n");
    rig.write("schedules/two.toml", &two("second"));
    let daemon = rig.start().await;
    rig.until("it is planned", || count(&rig.status(None), "planned") == 6).await;
    rig.write("schedules/late.toml", "[schedule.late]\nto = everyone\n");
    // Broken, and the schedule has another name in it.
    rig.write("schedules/two.toml", &two("renamed").replace("everyone", "nobody at all"));
    rig.until("they are held back", || rig.status(None)["held_back"].as_array().is_some_and(|it| it.len() == 2)).await;
    let output = rig.output(&["next"]);
    let (told, talk) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(78), "{talk}");
    assert!(told.contains("late") && told.contains("the last good version of its file"), "{told}");
    assert!(told.contains("second") && !told.contains("renamed"), "{told}");
    assert!(talk.contains("late.toml is held back and its last good version goes on"), "{talk}");
    let output = rig.output(&["preview", "late"]);
    let talk = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(78), "{talk}");
    assert!(talk.contains("which is held back; its last good version goes on"), "{talk}");

    // Everything is gone at once, as if a disk were not mounted.
    for name in ["late", "gone", "two"] {
        std::fs::remove_file(rig.path(&format!("schedules/{name}.toml"))).expect("removed");
    }
    rig.until("all are held", || rig.status(None)["held_back"].as_array().is_some_and(|it| it.len() == 3)).await;
    let next = rig.output(&["next", "--json"]);
    assert_eq!(next.status.code(), Some(78), "{next:?}");
    let next: Value = serde_json::from_slice(&next.stdout).expect("JSON");
    let items = next["items"].as_array().expect("items");
    assert_eq!(items.len(), 3, "{next}");
    assert!(items.iter().all(|item| item["last_good"] == true && item["people"] == 2), "{next}");
    daemon.stop();
}

/// Who looks for a name with grep finds the time beside it, and who has a wide screen may use it.
#[tokio::test]
async fn in_a_pipe_each_row_is_one_line() {
    let rig = Rig::new().await;
    rig.import_crowd(1);
    later(&rig, "a-schedule-with-a-very-long-name-indeed-for-a-narrow-screen", "");
    let lines = |columns: Option<&str>| {
        let mut command = rig.command(&["next"]);
        command.env_remove("COLUMNS").envs(columns.map(|columns| ("COLUMNS", columns)));
        String::from_utf8(command.output().expect("it runs").stdout).expect("text").lines().count()
    };
    assert_eq!((lines(None), lines(Some("200")), lines(Some("80"))), (2, 2, 4));
}

/// A disk that is not mounted ends nothing: what goes on is shown, with a daemon and without.
#[tokio::test(flavor = "multi_thread")]
async fn what_goes_on_without_its_directory_is_told() {
    let rig = Rig::new().await;
    rig.import_crowd(2);
    later(&rig, "late", "");
    let daemon = rig.start().await;
    rig.until("it is planned", || count(&rig.status(None), "planned") == 2).await;
    std::fs::rename(rig.path("schedules"), rig.path("away")).expect("moved");
    rig.output(&["reload"]);
    let told = || String::from_utf8(rig.output(&["next"]).stdout).expect("text");
    assert!(told().contains("late") && !told().contains("nothing is due"), "{}", told());
    daemon.stop();
    assert!(told().contains("late") && !told().contains("nothing is due"), "{}", told());
    // Of what can't be read nobody can say that it is not due.
    std::fs::remove_dir_all(rig.path("state")).expect("removed");
    assert!(!told().contains("nothing is due"), "{}", told());
    assert_eq!(rig.output(&["next", "--limit", "0"]).status.code(), Some(2));
}
