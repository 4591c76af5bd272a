//! The simulator by hand: `cargo run --release --example sim -- --seeds 100000`, or `--seed 4711` for one of them.
//!
//! It is an example and not a command of `nudged`, because it is made of what only tests have.

#[path = "../tests/sim/mod.rs"]
mod sim;

use std::io::{IsTerminal, Write, stderr};
use std::process::ExitCode;

use clap::Parser;

use sim::campaign::{Sum, campaign, explain};

/// Runs seeded worlds, in each of which the promises must hold whatever happens.
#[derive(Debug, Parser)]
struct Options {
    /// How many seeds
    #[arg(long, default_value_t = 2000)]
    seeds: u64,
    /// The first of them
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Only this one
    #[arg(long, conflicts_with_all = ["seeds", "from"])]
    seed: Option<u64>,
    /// How many of the last lines are shown where something goes wrong
    #[arg(long, default_value_t = 60)]
    lines: usize,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let (first, count) = options.seed.map_or((options.from, options.seeds), |seed| (seed, 1));
    let is_terminal = stderr().is_terminal();
    let progress = |done: u64| {
        if is_terminal && (done.is_multiple_of(50) || done == count) {
            // A progress that can't be shown is no reason to stop.
            drop(write!(stderr(), "\r{done} of {count} "));
        }
    };
    let sum = campaign(first, count, &progress);
    let Sum { seeds, hours, steps, requests, copies, crashes, failed } = &sum;
    let said = failed.as_ref().map(|failed| explain(failed, options.lines));
    let words = said.unwrap_or_else(|| "no violation".into());
    let summary = format!(
        "{seeds} seeds, {hours} h of virtual time, {steps} acts of the store, {requests} requests, {copies} second \
         copies, {crashes} deaths of the daemon: {words}\n"
    );
    drop(std::io::stdout().write_all(summary.as_bytes()));
    if failed.is_some() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
