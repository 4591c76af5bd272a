//! The real daemon on a disk that fails for a while in the middle of its work (P1, P2, P3). What the ledger itself makes of
//! such a disk, call by call, is tried in `tests/store/faults`; the shim is the same.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::rig::{Rig, count, possible_duplicates};

const PEOPLE: usize = 200;

/// The shim, built for this run.
fn shim(folder: &Path) -> PathBuf {
    let shim = folder.join("shim.so");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/store/faults/shim.c");
    let built = Command::new("cc").args(["-shared", "-fPIC", "-O1", "-o"]).arg(&shim).arg(source).arg("-ldl").status();
    assert!(built.expect("a C compiler, `cc`").success());
    shim
}

/// A disk that fails at so many places of a run, for one call or for many: everybody gets theirs once it is back, and
/// whoever gets it twice is marked. Where the daemon ends, it is started again, as the service manager does.
#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_fails_for_a_while_loses_and_doubles_nothing() {
    let faults = [("eio", 7, 1), ("short", 40, 60), ("eio", 250, 25), ("read", 90, 30)];
    let mut felt = 0;
    for (kind, at, lasts) in faults {
        let rig = Rig::fast(500, Duration::from_millis(10)).await;
        rig.import_crowd(PEOPLE);
        rig.schedule_once("flood", rig.in_seconds(-1), "");
        let state = rig.path("state");
        let shim = shim(state.parent().expect("a folder"));
        let env = [
            ("LD_PRELOAD", shim.display().to_string()),
            ("FAULT_DIR", state.display().to_string()),
            ("FAULT_KIND", kind.to_owned()),
            ("FAULT_AT", at.to_string()),
            ("FAULT_FOR", lasts.to_string()),
        ];
        let mut daemon = rig.spawn(rig.command(&["run"]).envs(env));
        rig.until("everybody has theirs", || {
            if daemon.has_ended() {
                felt += 1;
                daemon = rig.spawn(&mut rig.command(&["run"]));
            }
            rig.copies().len() == PEOPLE
        })
        .await;
        rig.until("the ledger knows", || {
            if daemon.has_ended() {
                felt += 1;
                daemon = rig.spawn(&mut rig.command(&["run"]));
            }
            // A disk that can't be read can't be asked: SQLite calls that "malformed" as long as it lasts.
            let asked = rig.output(&["status", "flood", "--json"]);
            serde_json::from_slice(&asked.stdout).is_ok_and(|status| count(&status, "sent") == PEOPLE as u64)
        })
        .await;
        felt += usize::from(daemon.log().contains("disk I/O error") || daemon.log().contains("disk is full"));
        daemon.stop();
        let marked: BTreeSet<_> = possible_duplicates(&rig.status(Some("flood"))).into_iter().collect();
        for (id, copies) in rig.copies() {
            let person = id.replace("a:conversation-", "Person ");
            assert!(copies == 1 || marked.contains(&person), "{kind} at {at}: {person} got {copies}, unmarked");
        }
    }
    assert!(felt >= faults.len() / 2, "the daemon felt {felt} of {} faults", faults.len());
}
