//! What happens when a daemon dies, is stopped, or lives in bad times: the real binary, a real file, and the emulator as a
//! witness that knows nothing of the ledger.
//!
//! It is a target of its own, so that no other test runs beside it: what is killed here is killed under a load that is
//! known. `NUDGED_KILLS=1000 cargo test --release --test kills years -- --nocapture` is the long run; `NUDGED_KILLS_SEED`
//! repeats one. `RELIABILITY.md` has the figures of the last ones.

#[expect(dead_code, reason = "the other tests of the binary use the rest of it")]
#[path = "it/rig.rs"]
mod rig;

// What both sides say, held against each other.
#[path = "kills/books.rs"]
mod books;
// Chance from a seed.
#[path = "kills/chance.rs"]
mod chance;
// The wall clock is set, and the machine sleeps.
#[path = "kills/clock.rs"]
mod clock;
// A Connector that has lost its mind.
#[path = "kills/garbage.rs"]
mod garbage;
// The ledger from outside.
#[path = "kills/ledger.rs"]
mod ledger;
// What a process takes of the machine.
#[path = "kills/meter.rs"]
mod meter;
// What an operator orders, killed in the middle of it.
#[path = "kills/orders.rs"]
mod orders;
// Too much at once, and nonsense.
#[path = "kills/overload.rs"]
mod overload;
// Where a daemon is killed, and how one knows that it is there.
#[path = "kills/scene.rs"]
mod scene;
// A schema and an import, killed half-way.
#[path = "kills/starting.rs"]
mod starting;
#[path = "kills/step.rs"]
mod step;
// Signals in bad moments.
#[path = "kills/stopping.rs"]
mod stopping;
// What came to Teams.
#[path = "kills/witness.rs"]
mod witness;
// One ledger that lives through all of it.
#[path = "kills/years.rs"]
mod years;

use std::fmt::Write as _;
use std::io::Write;

use rig::Rig;

/// How many requests the daemons here have under way at most.
const SENDERS: usize = 32;

/// Says something on the terminal also where a test passes and its output is kept back: figures, and what was not checked.
fn say(words: &str) {
    // Where nobody listens there is nobody to tell.
    let _ = writeln!(std::io::stderr(), "{words}");
}

/// A number from the environment, for a longer run than usual.
fn asked_for(name: &str, usual: u64) -> u64 {
    std::env::var(name).ok().map_or(usual, |value| value.parse().expect("a number"))
}

/// The references of so many people as an SDK writes them, one on each line.
fn references(rig: &Rig, count: u64) -> String {
    let mut lines = String::new();
    for n in 0..count {
        writeln!(
            lines,
            "{{\"user\":{{\"id\":\"29:person-{n}\",\"name\":\"Person {n}\"}},\"bot\":{{\"id\":\"28:bot\"}},\
             \"conversation\":{{\"id\":\"a:conversation-{n}\",\"conversationType\":\"personal\"}},\
             \"channelId\":\"msteams\",\"serviceUrl\":\"{}\"}}",
            rig.emulator.service_url()
        )
        .expect("a string takes it");
    }
    lines
}
