//! The numbers to reach, each beside what the least that could be done takes in the same run.
//!
//! `cargo bench --bench numbers` prints the table; with names behind `--` only those parts of it: `sending`, `store`,
//! `lateness`, `crowd`, `budget`. `NUMBERS_RUNS` (5) says how often each is run, `NUMBERS_MESSAGES` (60000) how many messages
//! are sent, and `NUMBERS_PEOPLE` (1000000) how many a crowd are. It takes an hour, half of it the runs at the rate of one
//! tenant; with `NUMBERS_RUNS=1` it takes a quarter of one. Times are of this machine, and noise where it has other work; the
//! ratios are what counts.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it prints a table, and how far it is")]

mod bare;
mod budget;
#[path = "../common/mod.rs"]
#[allow(dead_code, reason = "the other benches use more of it")]
mod common;
mod connector;
mod crowd;
mod lateness;
#[path = "../paths/ledger.rs"]
mod ledger;
#[path = "../../tests/it/rig.rs"]
#[allow(dead_code, unreachable_pub, reason = "the tests use more of it")]
mod rig;
mod sending;
mod store;
mod table;

use common::{TEAMS, number, words};
use mimalloc::MiMalloc;

/// That of the daemon, also for the baselines and for the runs that have a daemon in their own process.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

const PARTS: [&str; 5] = ["sending", "store", "lateness", "crowd", "budget"];

fn main() {
    let words = words();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("threads");
    runtime.block_on(async {
        match words.split_first() {
            Some((first, words)) if first == bare::ROLE => bare::be(words).await,
            Some((first, _)) if first == budget::ROLE => budget::be().await,
            Some((first, words)) if first == TEAMS => budget::be_teams(&words[0]).await,
            Some(_) => measure(&words).await,
            None => measure(&PARTS.map(str::to_owned)).await,
        }
    });
}

async fn measure(parts: &[String]) {
    let (runs, people) = (number("NUMBERS_RUNS", 5).max(1), number("NUMBERS_PEOPLE", 1_000_000));
    let mut rows = Vec::new();
    for part in parts {
        eprintln!("measuring: {part}");
        rows.extend(match part.as_str() {
            "sending" => sending::rows(runs, number("NUMBERS_MESSAGES", 60_000)).await,
            "store" => store::rows(runs).await,
            "lateness" => lateness::rows(runs).await,
            "crowd" => crowd::rows(runs, people).await,
            "budget" => budget::rows(runs).await,
            other => panic!("there is no part {other}; there are {}", PARTS.join(", ")),
        });
    }
    println!("{}", table::show(&rows));
}
