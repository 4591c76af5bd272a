//! Files that are read again while the daemon runs: what is broken goes on as it was, what is mended is picked up, and what
//! would go all at once is held.

use std::process::Output;

use chrono::{DateTime, Timelike, Utc};
use serde_json::Value;

use crate::rig::{Rig, Running, count};

/// A schedule of each day, at an hour that is half a day away: nothing of it leaves while somebody looks.
fn standup(rig: &Rig, minute: u32) -> String {
    let hour = (rig.clock.now().hour() + 12) % 24;
    format!(
        "[schedule.standup]\nto = \"everyone\"\nevery = \"day\"\nat = \"{hour:02}:{minute:02}\"\ntext = \"Hello\"\n"
    )
}

/// What the log says when schedules have come into force.
const READ_AGAIN: &str = "schedule files read again";

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("text")
}

fn verdict(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

/// The files that `status` shows as held back.
fn held_back(rig: &Rig) -> Vec<Value> {
    rig.status(None)["held_back"].as_array().expect("a list").clone()
}

/// When the log said so last.
fn last_read_at(daemon: &Running) -> DateTime<Utc> {
    let log = daemon.log();
    let line = log.lines().rfind(|line| line.contains(READ_AGAIN)).expect("it was read again");
    line.split(' ').next().expect("a line begins with its time").parse().expect("an instant")
}

fn schedules(rig: &Rig) -> u64 {
    rig.status(None)["daemon"]["schedules"].as_u64().expect("a number")
}

/// The story of an edit that goes wrong: `status`, the log and `nudged reload` name file, line and column; the old version goes
/// on, over a restart too; mended, the file is picked up without being asked for.
#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::print_stdout, reason = "how soon it is, for whoever asks with --nocapture")]
async fn a_file_that_breaks_goes_on_as_it_was_until_it_is_mended() {
    let rig = Rig::new().await;
    rig.import_crowd(3);
    rig.write("schedules/standup.toml", &standup(&rig, 0));
    let daemon = rig.start().await;
    let planned = count(&rig.status(None), "planned");
    assert!(planned >= 3, "{planned}");

    let broken = "[schedule.standup]\nto = \"everyone\"\nevery = \"day\"\nat = \"nine\"\ntext = \"Hello\"\n";
    rig.write("schedules/standup.toml", broken);
    rig.until("the daemon has seen it", || !held_back(&rig).is_empty()).await;
    let check = |daemon: &Running| {
        let held = &held_back(&rig)[0];
        assert_eq!(held["last_good_in_use"], true, "{held}");
        assert!(held["problems"][0].as_str().expect("a line").starts_with("4:7: N104"), "{held}");
        assert_eq!(count(&rig.status(None), "planned"), planned, "what was planned goes on");
        assert!(daemon.log().contains("schedule file held back: 4:7: N104"), "{}", daemon.log());
        let output = rig.output(&["reload"]);
        assert_eq!(output.status.code(), Some(78), "{output:?}");
        let said = stdout(&output);
        assert!(said.replace("\n   ", "").contains("standup.toml:4:7: N104"), "{said}");
        assert!(said.ends_with("nothing changes\n1 schedule in force, 1 file held back\n"), "{said}");
    };
    check(&daemon);
    daemon.stop();
    let daemon = rig.start().await;
    check(&daemon);

    let before = daemon.log().matches(READ_AGAIN).count();
    let saved_at = rig.clock.now();
    rig.write("schedules/standup.toml", &standup(&rig, 30));
    rig.until("it is mended", || daemon.log().matches(READ_AGAIN).count() > before).await;
    assert_eq!(held_back(&rig), [Value::Null; 0]);
    // How soon is told and not judged: this machine may have other things to do. `tests/engine` holds the time on a clock
    // that is moved by hand.
    println!("in force {} ms after it was saved", (last_read_at(&daemon) - saved_at).num_milliseconds());
    let output = rig.output(&["reload", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(
        (&verdict(&output)["schema"], &verdict(&output)["changes"]),
        (&"nudged.reload/1".into(), &Value::Array(vec![]))
    );
    daemon.stop();
}

/// A dry run says what a reload then does, with a daemon and without one; and a reload needs one.
#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_needs_no_daemon() {
    let rig = Rig::new().await;
    rig.import_crowd(3);
    rig.write("schedules/standup.toml", &standup(&rig, 0));
    let output = rig.output(&["reload", "--dry-run", "--json"]);
    let told = verdict(&output);
    assert_eq!((&told["schema"], &told["dry_run"]), (&"nudged.reload/1".into(), &true.into()));
    assert_eq!((&told["changes"][0]["schedule"], &told["changes"][0]["change"]), (&"standup".into(), &"added".into()));
    assert!(told["changes"][0]["added"].as_u64().expect("a number") >= 3, "{told}");
    assert_eq!(rig.status(None)["occurrences"], Value::Array(vec![]), "nothing was done");
    let output = rig.output(&["reload"]);
    assert_eq!(output.status.code(), Some(69), "{output:?}");

    let daemon = rig.start().await;
    let said = rig.run_ok(&["reload", "--dry-run"]);
    assert_eq!(said, "a dry run, nothing was done; a reload does this:\nnothing changes\n1 schedule in force\n");
    daemon.stop();
    rig.write("schedules/standup.toml", &standup(&rig, 30));
    let said = rig.run_ok(&["reload", "--dry-run"]);
    assert!(said.contains(":30, each on their own clock"), "{said}");
    assert!(said.ends_with("1 changed\n1 schedule in force\n"), "{said}");
}

/// Half of the files go, as if a disk were not mounted: they go on, by whatever way that is noticed, until it is said to be
/// meant.
#[tokio::test(flavor = "multi_thread")]
async fn schedules_that_go_all_at_once_are_held() {
    let rig = Rig::new().await;
    let file = |n: usize| format!("schedules/s{n}.toml");
    for n in 0..10 {
        rig.write(&file(n), &standup(&rig, 0).replace("standup", &format!("s{n}")));
    }
    let daemon = rig.start().await;
    for n in 0..6 {
        std::fs::remove_file(rig.path(&file(n))).expect("removed");
    }
    rig.until("the watch has seen it", || held_back(&rig).len() == 6).await;
    daemon.signal("HUP");
    rig.until("it was read again", || daemon.log().matches(READ_AGAIN).count() >= 2).await;
    assert_eq!((held_back(&rig).len(), schedules(&rig)), (6, 10));
    daemon.stop();
    let daemon = rig.start().await;
    assert_eq!((held_back(&rig).len(), schedules(&rig)), (6, 10), "also after a restart");
    let output = rig.output(&["reload", "--json"]);
    assert_eq!(output.status.code(), Some(78), "{output:?}");
    assert_eq!(verdict(&output)["guard"]["schedules"].as_array().map(Vec::len), Some(6));
    assert!(daemon.log().contains("say `nudged reload --prune`"), "{}", daemon.log());

    let said = rig.run_ok(&["reload", "--prune"]);
    assert!(said.ends_with("6 removed\n4 schedules in force\n"), "{said}");
    assert_eq!((held_back(&rig).len(), schedules(&rig)), (0, 4));
    daemon.stop();
}

/// A plain file in the place of the directory says nothing of what should be there, however few the schedules are.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_in_the_place_of_the_directory_takes_nothing_away() {
    let rig = Rig::new().await;
    rig.write("schedules/standup.toml", &standup(&rig, 0));
    let daemon = rig.start().await;
    std::fs::rename(rig.path("schedules"), rig.path("off")).expect("renamed");
    rig.write("schedules", "");
    rig.until("the watch has seen it", || !held_back(&rig).is_empty()).await;
    let why = "it can't be read: Not a directory (os error 20); check the path and its rights";
    assert_eq!((&held_back(&rig)[0]["problems"][0], schedules(&rig)), (&why.into(), 1));
    assert_eq!(rig.output(&["reload"]).status.code(), Some(78));

    std::fs::remove_file(rig.path("schedules")).expect("removed");
    std::fs::rename(rig.path("off"), rig.path("schedules")).expect("renamed");
    rig.until("the directory is back", || held_back(&rig).is_empty()).await;
    assert_eq!(schedules(&rig), 1);
    daemon.stop();
}

/// A copy is edited and tried: the plan names what would change of what is in force, and nothing does.
#[tokio::test(flavor = "multi_thread")]
async fn an_edited_copy_is_tried_beside_what_is_in_force() {
    let rig = Rig::new().await;
    rig.import_crowd(3);
    rig.write("schedules/standup.toml", &standup(&rig, 0));
    let copy = rig.path("copy");
    std::fs::create_dir_all(copy.join("text")).expect("made");
    rig.write("copy/standup.toml", &standup(&rig, 30).replace("text = \"Hello\"", "text_file = \"text/x.md\""));
    rig.write("copy/text/x.md", "Hello");
    let copy = copy.to_str().expect("plain");
    let try_it = || rig.output(&["reload", "--dry-run", "--files", copy, "--json"]);
    let check = || {
        let output = try_it();
        let verdict = verdict(&output);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let changes = verdict["changes"].as_array().expect("changes");
        assert_eq!((changes.len(), &verdict["schedules"]), (1, &1.into()), "{verdict}");
        assert_eq!(changes[0]["change"], "changed", "{verdict}");
        assert_eq!(changes[0]["moved"][0]["people"].as_u64().map(|people| people >= 3), Some(true), "{verdict}");
    };
    let daemon = rig.start().await;
    check();
    let told = stdout(&rig.output(&["reload", "--dry-run", "--files", copy]));
    assert!(told.replace("\n   ", "").contains("in place of those in force do this:"), "{told}");
    // In force is what it was.
    let output = rig.output(&["reload", "--dry-run"]);
    assert!(stdout(&output).contains("nothing changes"), "{output:?}");
    rig.write("copy/standup.toml", "[schedule.standup]\n");
    assert_eq!(try_it().status.code(), Some(78));
    assert!(held_back(&rig).is_empty());
    rig.write("copy/standup.toml", &standup(&rig, 30));
    daemon.stop();
    check();

    assert_eq!(rig.output(&["reload", "--files", copy]).status.code(), Some(2), "only for a dry run");
    let output = rig.output(&["reload", "--dry-run", "--files", "/nowhere"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("check the path and its rights"), "{output:?}");
}
