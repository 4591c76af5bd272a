//! Thousands of seeded worlds, in each of which the promises must hold whatever happens.
//!
//! `NUDGED_SIM_SEEDS=100000 cargo test --release --test sim` runs more of them; `cargo run --release --example sim` does
//! it with progress, and repeats one seed.

#[path = "sim/mod.rs"]
mod sim;

use sim::campaign::{campaign, explain, surely};
use sim::truth::Counts;
use sim::years::{Size, years};

/// How many seeds are run where nobody says otherwise.
const SEEDS: u64 = 2000;

#[test]
fn the_promises_hold_in_every_world() {
    let seeds = std::env::var("NUDGED_SIM_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(SEEDS);
    let sum = campaign(0, seeds, &|_| {});
    if let Some(failed) = &sum.failed {
        panic!("{}", explain(failed, 60));
    }
    assert_eq!(sum.seeds, seeds);
    if seeds < SEEDS {
        return;
    }
    // Of what is seldom there must be enough for its promises to be tried.
    let Counts { retried, cancelled, renamed, removed, tested } = sum.counts;
    let of = |state: &str| sum.rows.get(state).copied().unwrap_or_default();
    let seldom = [
        ("deaths", sum.crashes, 1000),
        ("second copies", sum.copies, 200),
        ("deliveries that were asked for again", retried, 50),
        ("deliveries that an operator cancelled", cancelled, 500),
        ("schedules that were renamed", renamed, 100),
        ("schedules that were removed", removed, 100),
        ("messages that were tested", tested, 500),
        ("what failed", of("failed"), 100),
        ("what is unknown", of("unknown"), 200),
        ("what was skipped", of("skipped"), 500),
        ("what expired", of("expired"), 500),
    ];
    for (what, count, least) in seldom {
        assert!(count >= least, "{what}: {count} in {seeds} worlds, and {least} are the least that say anything");
    }
}

#[test]
fn the_promises_hold_in_a_larger_world_for_a_week() {
    let size = Size { days: 7, people: 100, zones: 40, schedules: 20 };
    let report = years(0, size, |_| {});
    assert_eq!(report.violations, [""; 0], "{}", explain(&report, 60));
}

#[test]
fn a_seed_is_the_same_run_each_time() {
    for seed in 0..20 {
        let (first, again) = (surely(seed), surely(seed));
        assert_eq!((first.print, first.steps), (again.print, again.steps), "seed {seed}");
    }
}
