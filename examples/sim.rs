//! The simulator by hand: `cargo run --release --example sim -- --seeds 100000`, `-- --seed 4711` for one of them, and
//! `-- --years 7` for one large world.
//!
//! It is an example and not a command of `nudged`, because it is made of what only tests have.

#[path = "../tests/sim/mod.rs"]
mod sim;

use std::io::{IsTerminal, Write, stderr, stdout};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU32, Ordering};

use chrono::Datelike;
use clap::Parser;

use sim::campaign::{Sum, campaign, explain};
use sim::truth::Counts;
use sim::years::{Size, years};

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
    #[arg(long)]
    seed: Option<u64>,
    /// One large world for so many years in place of many small ones
    #[arg(long)]
    years: Option<f64>,
    /// How many people live in the large world
    #[arg(long, default_value_t = 10_000)]
    people: usize,
    /// In how many zones, at most 40
    #[arg(long, default_value_t = 40)]
    zones: usize,
    /// With how many schedules
    #[arg(long, default_value_t = 200)]
    schedules: usize,
    /// How many of the last lines are shown where something goes wrong
    #[arg(long, default_value_t = 60)]
    lines: usize,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let sum = options.years.map_or_else(|| many(&options), |count| large(&options, count));
    let Sum { seeds, hours, steps, requests, copies, crashes, counts, rows, failed } = &sum;
    let Counts { retried, cancelled, renamed, removed, tested } = counts;
    let states: Vec<String> = rows.iter().map(|(state, count)| format!("{count} {state}")).collect();
    let words = failed.as_ref().map_or_else(|| "no violation".into(), |failed| explain(failed, options.lines));
    say(
        &mut stdout(),
        &format!(
            "seeds: {seeds}; virtual hours: {hours}; acts of the store: {steps}; requests: {requests}; deaths of the \
             daemon: {crashes}; second copies, all in doubt and marked: {copies}; asked for again: {retried}; cancelled: {cancelled}; \
             schedules renamed: {renamed}, removed: {removed}; messages tested: {tested}; deliveries: {}; {words}\n",
            states.join(", ")
        ),
    );
    if failed.is_some() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn many(options: &Options) -> Sum {
    let (first, count) = options.seed.map_or((options.from, options.seeds), |seed| (seed, 1));
    let is_terminal = stderr().is_terminal();
    campaign(first, count, &|done| {
        if is_terminal && (done.is_multiple_of(50) || done == count) {
            say(&mut stderr(), &format!("\r{done} of {count} "));
        }
    })
}

fn large(options: &Options, count: f64) -> Sum {
    #[expect(clippy::cast_possible_truncation, reason = "some years are not many days")]
    let days = (count * 365.25).ceil() as i64;
    let size = Size { days, people: options.people, zones: options.zones, schedules: options.schedules };
    let is_terminal = stderr().is_terminal();
    let month = AtomicU32::new(0);
    let report = years(options.seed.unwrap_or(options.from), size, move |hour| {
        if is_terminal {
            say(&mut stderr(), &format!("\r{}", hour.format("%Y-%m-%d %H:%M")));
        } else if month.swap(hour.month(), Ordering::Relaxed) != hour.month() {
            // For a log.
            say(&mut stderr(), &format!("{}\n", hour.format("%Y-%m")));
        }
    });
    let mut sum = Sum::default();
    sum.add(report);
    sum
}

/// What can't be shown is no reason to stop.
fn say(place: &mut impl Write, words: &str) {
    drop(place.write_all(words.as_bytes()).and_then(|()| place.flush()));
}
