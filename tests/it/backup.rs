//! Backup and restore with the real binary: what the copy holds, and what a restored daemon does and does not send.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use serde_json::Value;

use crate::rig::{Rig, count};

const PEOPLE: usize = 300;

fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

/// The deliveries of a schedule that are in a state for a reason.
fn in_state(status: &Value, state: &str, reason: &str) -> usize {
    let deliveries = status["deliveries"].as_array().expect("deliveries");
    deliveries.iter().filter(|it| it["state"] == state && it["reason"] == reason).count()
}

/// A backup in the middle of a run, more is sent, the backup is restored: nobody gets anything twice, everybody is
/// accounted for, what comes later is sent to everybody, and who stopped after the backup has stopped.
#[tokio::test(flavor = "multi_thread")]
async fn a_restored_ledger_sends_nothing_twice_and_goes_on() {
    let rig = Rig::fast(200, Duration::from_millis(20)).await;
    rig.import_crowd(PEOPLE);
    rig.schedule_once("running", rig.in_seconds(-1), "");
    rig.schedule_once("between", rig.in_seconds(6), "topic = \"between\"\n");
    let daemon = rig.start().await;
    rig.until("some are sent", || count(&rig.status(Some("running")), "sent") >= 20).await;
    let to = rig.path("copy.db");
    let made = json(&rig.run_ok(&["backup", "--json", "--to", to.to_str().expect("a plain path")]));
    assert_eq!(made["path"], to.to_str().expect("a plain path"));
    let about = std::fs::metadata(&to).expect("the backup");
    assert_eq!((about.permissions().mode() & 0o777, Some(about.len())), (0o600, made["bytes"].as_u64()));
    let refused = rig.output(&["backup", "--to", to.to_str().expect("a plain path")]);
    assert_eq!(refused.status.code(), Some(2), "it is not overwritten: {refused:?}");
    let refused = rig.output(&["restore", "copy.db", "--yes"]);
    assert_eq!(refused.status.code(), Some(75), "a daemon holds the ledger: {refused:?}");

    // Both are sent to the end, and somebody stops.
    rig.until_taken(2 * PEOPLE as u64).await;
    rig.run_ok(&["people", "stop", "29:person-7"]);
    daemon.kill();
    let restored = json(&rig.run_ok(&["restore", "copy.db", "--yes", "--json"]));
    assert_eq!(restored["old_ledger"]["read"]["choices"], 1, "{restored}");
    let set_aside = restored["set_aside"].as_array().expect("what was there");
    assert!(set_aside.iter().all(|path| std::fs::metadata(path.as_str().expect("a path")).is_ok()), "{restored}");

    rig.schedule_once("later", rig.in_seconds(5), "");
    let daemon = rig.start().await;
    rig.until("what comes later is sent", || {
        let status = rig.status(Some("later"));
        count(&status, "sent") + count(&status, "skipped") == PEOPLE as u64
    })
    .await;
    let [running, between, later] = ["running", "between", "later"].map(|name| rig.status(Some(name)));
    daemon.stop();

    assert!(count(&running, "sent") >= 20, "that much the backup knows");
    // How far both were when the backup was made is a matter of the machine.
    for status in [&running, &between] {
        let in_doubt = in_state(status, "unknown", "restored") as u64;
        assert_eq!(in_doubt + count(status, "sent"), PEOPLE as u64, "{}", status["occurrences"]);
    }
    assert_eq!((count(&later, "sent"), count(&later, "skipped")), (PEOPLE as u64 - 1, 1));
    let mut copies = rig.copies();
    assert_eq!(copies.remove("a:conversation-7"), Some(2), "who stopped gets nothing more");
    assert!(copies.values().all(|copies| *copies == 3), "nobody gets anything twice, and nobody nothing: {copies:?}");
}

/// The directory need not be there, and a daemon that has just started knows what is in it.
#[tokio::test(flavor = "multi_thread")]
async fn a_backup_makes_its_directory_and_a_daemon_looks_into_it() {
    let rig = Rig::new().await;
    let config = std::fs::read_to_string(rig.path("nudged.toml")).expect("the configuration");
    rig.write("nudged.toml", &format!("{config}[backup]\ndirectory = \"deep/backups\"\n"));
    rig.start().await.stop();
    let made = json(&rig.run_ok(&["backup", "--json"]));
    let about = std::fs::metadata(rig.path("deep/backups")).expect("the directory").permissions().mode();
    assert_eq!(about & 0o777, 0o700);
    let daemon = rig.start().await;
    let path = || rig.status(None)["daemon"]["backups"]["path"].clone();
    rig.until("the daemon has looked", || !path().is_null()).await;
    assert_eq!(path(), made["path"]);
    daemon.stop();
}

/// What is no backup is not restored, and what is damaged neither; the ledger stays as it was.
#[tokio::test(flavor = "multi_thread")]
async fn only_a_whole_backup_is_restored() {
    let rig = Rig::new().await;
    rig.import_crowd(50);
    rig.run_ok(&["backup", "--to", "good.db"]);
    let good = std::fs::read(rig.path("good.db")).expect("the backup");
    let mut torn = good.clone();
    torn.truncate(good.len() / 2);
    let mut broken = good.clone();
    broken[4096..].chunks_mut(4096).step_by(3).for_each(|page| page[..64].fill(0xa5));
    let ledger = || std::fs::read(rig.path("state/nudged.db")).expect("the ledger");
    let before = ledger();
    for (bytes, says) in [(&b"hello"[..], "is not a ledger"), (&torn, "damaged"), (&broken, "damaged")] {
        std::fs::write(rig.path("bad.db"), bytes).expect("written");
        let refused = rig.output(&["restore", "bad.db", "--yes"]);
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert_eq!(refused.status.code(), Some(1), "{said}");
        assert!(said.contains(says) && said.contains("nothing was restored"), "{said}");
        assert_eq!(ledger(), before);
        let forced = rig.output(&["backup", "--to", "bad.db", "--force"]);
        let is_ours = says != "is not a ledger";
        assert!(is_ours || !forced.status.success(), "what is no backup is not overwritten");
    }
    std::os::unix::fs::symlink(rig.path("state/nudged.db"), rig.path("another-name.db")).expect("a link");
    for itself in ["state/nudged.db", "another-name.db"] {
        let refused = rig.output(&["backup", "--to", itself, "--force"]);
        assert_eq!(refused.status.code(), Some(2), "{refused:?}");
        assert!(String::from_utf8_lossy(&refused.stderr).contains("the ledger itself"), "{refused:?}");
        assert_eq!(ledger(), before);
    }
    let left: Vec<_> = std::fs::read_dir(rig.path("state")).expect("the state").flatten().collect();
    let names: Vec<_> = left.iter().map(|entry| entry.file_name().into_string().expect("a name")).collect();
    assert!(names.iter().all(|name| !name.contains("restor") && !name.contains("old")), "nothing is left: {names:?}");
}

/// A damaged ledger: the daemon refuses it, a backup takes its place, and the operator is told what is lost.
#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_ledger_is_replaced_by_its_backup() {
    let rig = Rig::new().await;
    rig.import_crowd(50);
    rig.run_ok(&["backup", "--to", "good.db"]);
    std::fs::File::options()
        .write(true)
        .open(rig.path("state/nudged.db"))
        .and_then(|file| file.set_len(10_000))
        .expect("cut short");
    let refused = rig.output(&["run"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(78), "{said}");
    assert!(said.contains("damaged") && said.contains("nudged restore"), "{said}");
    let told = rig.run_ok(&["restore", "good.db", "--yes"]);
    assert!(told.contains("ATTENTION: the old ledger could not be read"), "{told}");
    let daemon = rig.start().await;
    daemon.stop();
}

/// `[backup]` without a beat: the directory is made, and the name says when.
#[tokio::test(flavor = "multi_thread")]
async fn the_configured_directory_takes_the_backup() {
    let rig = Rig::new().await;
    rig.import_crowd(1);
    let refused = rig.output(&["backup"]);
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    let config = crate::rig::read(&rig.path("nudged.toml"));
    rig.write("nudged.toml", &format!("{config}[backup]\ndirectory = \"copies\"\nkeep = 2\n"));
    std::fs::create_dir(rig.path("copies")).expect("a directory");
    let made = json(&rig.run_ok(&["backup", "--json"]));
    let path = made["path"].as_str().expect("a path");
    assert!(path.contains("copies/nudged-") && path.ends_with("Z.db"), "{path}");
}
