//! What a message costs the ledger, against what the ledger holds. Nothing that is not due may cost.

use std::fs;
use std::path::Path;

use crate::instructions;
use crate::ledger::{self, World};
use crate::{USUAL, wait_for};

/// What this program is told to be that with: the ledger's file, and how many are sent.
pub(crate) const ROLE: &str = "world";

/// How many messages are sent in the shorter run.
const TIMES: usize = 256;

pub(crate) fn be(words: &[&str]) {
    let [path, times] = words else { panic!("{ROLE} PATH TIMES: {words:?}") };
    wait_for(async {
        let ledger = ledger::opened(Path::new(path)).await;
        ledger.send(times.parse().expect("a number")).await;
        ledger.close().await;
    });
}

pub(crate) fn show() {
    println!("{:>8} {:>10} {:>6}  instructions for a message", "people", "schedules", "zones");
    let usual = USUAL;
    let people = [1_000, 10_000, 100_000, 1_000_000].map(|people| World { people, ..usual });
    let schedules = [10, 100, 1_000, 10_000].map(|schedules| World { schedules, ..usual });
    let zones = [10, 20, 40].map(|zones| World { zones, ..usual });
    for world in people.into_iter().chain(schedules).chain(zones) {
        let each = for_a_message(world);
        let World { people, schedules, zones } = world;
        println!("{people:>8} {schedules:>10} {zones:>6}  {each}");
    }
}

/// The ledger is filled and closed before it is counted, and nothing that filling leaves for later is counted along.
fn for_a_message(world: World) -> u64 {
    let folder = tempfile::tempdir().expect("a folder");
    let filled = folder.path().join("filled.db");
    wait_for(async { ledger::filled(&filled, world).await.close().await });
    let count = |times: usize| {
        let copy = folder.path().join(format!("{times}.db"));
        fs::copy(&filled, &copy).expect("copied");
        instructions(&[ROLE, copy.to_str().expect("a path in UTF-8"), &times.to_string()])
    };
    count(TIMES * 2).saturating_sub(count(TIMES)) / TIMES as u64
}
