//! Many seeds, shared out between the cores.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::sim::run::{Report, run};
use crate::sim::truth::Counts;

/// What came of all of them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sum {
    pub(crate) seeds: u64,
    pub(crate) hours: u64,
    pub(crate) steps: u64,
    pub(crate) requests: u64,
    pub(crate) copies: u64,
    pub(crate) crashes: u64,
    pub(crate) counts: Counts,
    /// Deliveries, by their states.
    pub(crate) rows: BTreeMap<String, u64>,
    /// The first that went wrong.
    pub(crate) failed: Option<Report>,
}

impl Sum {
    /// One more.
    pub(crate) fn add(&mut self, report: Report) {
        self.seeds += 1;
        self.hours += report.hours;
        self.steps += report.steps;
        self.requests += report.requests;
        self.copies += report.copies;
        self.crashes += report.crashes;
        self.counts += report.counts;
        for (state, count) in &report.rows {
            *self.rows.entry(state.clone()).or_default() += count;
        }
        if !report.violations.is_empty() && self.failed.as_ref().is_none_or(|failed| failed.seed > report.seed) {
            self.failed = Some(report);
        }
    }
}

/// Runs `count` seeds from `first` on, until one goes wrong. `progress` is told how many are done.
pub(crate) fn campaign(first: u64, count: u64, progress: &(dyn Fn(u64) + Sync)) -> Sum {
    let next = AtomicU64::new(first);
    let sum = Mutex::new(Sum::default());
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::SeqCst);
            if seed >= first + count || sum.lock().expect("no panic with it").failed.is_some() {
                return;
            }
            let report = surely(seed);
            let mut sum = sum.lock().expect("no panic with it");
            sum.add(report);
            progress(sum.seeds);
        }
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| (0..cores).for_each(|_| drop(scope.spawn(work))));
    sum.into_inner().expect("no panic with it")
}

/// One run, in which a panic is a violation like any other.
pub(crate) fn surely(seed: u64) -> Report {
    catch_unwind(AssertUnwindSafe(|| run(seed))).unwrap_or_else(|_| Report {
        seed,
        violations: vec!["it panicked; what it said stands above".into()],
        ..Report::default()
    })
}

/// What is said of a seed that went wrong: what is wrong, the last that happened before, and how to see it again.
pub(crate) fn explain(report: &Report, most_lines: usize) -> String {
    let Report { seed, violations, lines, print, .. } = report;
    let (wrong, last) = (violations.join("\n  "), &lines[lines.len().saturating_sub(most_lines)..]);
    format!(
        "seed {seed} ({print:016x}):\n  {wrong}\nthe last that happened:\n  {}\nagain: cargo run --example sim -- --seed {seed}",
        last.join("\n  ")
    )
}
