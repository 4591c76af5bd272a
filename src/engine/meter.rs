//! What is counted while the daemon works. To count is an atomic addition or two; whoever wants to know reads them all.
//!
//! Everything is counted by words of the program, so that there is no place for a person.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chrono::TimeDelta;

use crate::domain::delivery::{Claim, Reason, State};
use crate::domain::schedule::model::Priority;
use crate::domain::verdict::Verdict;
use crate::port::store::Outcome;
use crate::port::vitals::{Call, CallEnd, Counted, Distribution};

/// Around what is promised: a quarter of a second where nothing is in the way, an hour where `late` says nothing else.
const LATENESS: &[Duration] = &[
    Duration::from_millis(100),
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_millis(2_500),
    Duration::from_secs(5),
    Duration::from_secs(10),
    Duration::from_secs(30),
    Duration::from_mins(1),
    Duration::from_mins(2),
    Duration::from_mins(5),
    Duration::from_mins(10),
    Duration::from_mins(30),
    Duration::from_hours(1),
];

/// From an emulator on this machine to the longest time-out.
const CALLS: &[Duration] = &[
    Duration::from_millis(5),
    Duration::from_millis(10),
    Duration::from_millis(25),
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_millis(2_500),
    Duration::from_secs(5),
    Duration::from_secs(15),
    Duration::from_mins(1),
];

/// A row for each state, a column for each reason and one for none.
const COLUMNS: usize = Reason::ALL.len() + 1;

const PRIORITIES: [Priority; 3] = [Priority::Critical, Priority::Normal, Priority::Bulk];

/// The counters of a daemon.
pub struct Meter {
    settled: Box<[AtomicU64]>,
    lateness: [Histogram; PRIORITIES.len()],
    calls: [[AtomicU64; CallEnd::ALL.len()]; Call::ALL.len()],
    call_durations: [Histogram; Call::ALL.len()],
    throttled: AtomicU64,
    expanded: AtomicU64,
}

impl Default for Meter {
    fn default() -> Self {
        Self {
            settled: (0..State::ALL.len() * COLUMNS).map(|_| AtomicU64::new(0)).collect(),
            lateness: std::array::from_fn(|_| Histogram::new(LATENESS)),
            calls: std::array::from_fn(|_| std::array::from_fn(|_| AtomicU64::new(0))),
            call_durations: std::array::from_fn(|_| Histogram::new(CALLS)),
            throttled: AtomicU64::new(0),
            expanded: AtomicU64::new(0),
        }
    }
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// The cell of an outcome. States and reasons count from zero in the order of their tables, which a test holds.
fn cell(state: State, reason: Option<Reason>) -> usize {
    state as usize * COLUMNS + reason.map_or(0, |reason| reason as usize + 1)
}

impl Meter {
    /// An outcome is durable.
    pub(crate) fn settled(&self, claim: &Claim, outcome: &Outcome) {
        let state = outcome.settlement.state();
        count(&self.settled[cell(state, outcome.settlement.reason())]);
        if state == State::Sent {
            let late = (outcome.at - claim.due_at).max(TimeDelta::zero()).to_std().unwrap_or_default();
            self.lateness[claim.priority as usize].observe(late);
        }
    }

    /// A call of the Connector has ended.
    pub(crate) fn called(&self, call: Call, verdict: Option<&Verdict>, took: Duration) {
        count(&self.calls[call as usize][verdict.map_or(CallEnd::Ok, end) as usize]);
        self.call_durations[call as usize].observe(took);
        if let Some(Verdict::Retry { reason: Reason::Throttled, .. }) = verdict {
            count(&self.throttled);
        }
    }

    /// Waves have become so many deliveries.
    pub(crate) fn expanded(&self, deliveries: u64) {
        self.expanded.fetch_add(deliveries, Ordering::Relaxed);
    }

    /// What has been counted so far. Cells of which nothing was ever counted are left out, but not that of what was sent:
    /// a rate needs a beginning.
    #[must_use]
    pub fn read(&self) -> Counted {
        let (mut deliveries, mut retries) = (Vec::new(), Vec::new());
        for state in State::ALL {
            for reason in std::iter::once(None).chain(Reason::ALL.iter().copied().map(Some)) {
                let count = self.settled[cell(state, reason)].load(Ordering::Relaxed);
                let is_sent = (state, reason) == (State::Sent, None);
                match reason.filter(|_| !state.is_final()) {
                    Some(reason) if count > 0 => retries.push((reason, count)),
                    None if count > 0 || is_sent => deliveries.push((state, reason, count)),
                    Some(_) | None => {}
                }
            }
        }
        let mut calls = Vec::new();
        for call in Call::ALL {
            for end in CallEnd::ALL {
                let count = self.calls[call as usize][end as usize].load(Ordering::Relaxed);
                if count > 0 || (call, end) == (Call::Continue, CallEnd::Ok) {
                    calls.push((call, end, count));
                }
            }
        }
        let durations = Call::ALL.map(|call| (call, self.call_durations[call as usize].read()));
        Counted {
            deliveries,
            retries,
            lateness: PRIORITIES.map(|priority| (priority, self.lateness[priority as usize].read())).into(),
            calls,
            call_durations: durations.into_iter().filter(|(_, it)| it.counts.iter().any(|count| *count > 0)).collect(),
            throttled: self.throttled.load(Ordering::Relaxed),
            expanded: self.expanded.load(Ordering::Relaxed),
        }
    }
}

fn end(verdict: &Verdict) -> CallEnd {
    match verdict {
        Verdict::Delivered { .. } => CallEnd::Ok,
        Verdict::Retry { .. } => CallEnd::Retry,
        Verdict::Recreate { .. } => CallEnd::Recreate,
        Verdict::Elsewhere { .. } => CallEnd::Elsewhere,
        Verdict::Permanent { .. } => CallEnd::Permanent,
        Verdict::OurFault { .. } => CallEnd::OurFault,
        Verdict::Unknown { .. } => CallEnd::Unknown,
    }
}

/// Spans, counted by their size.
struct Histogram {
    bounds: &'static [Duration],
    counts: Box<[AtomicU64]>,
    /// Enough for half a million years.
    sum_us: AtomicU64,
}

impl Histogram {
    fn new(bounds: &'static [Duration]) -> Self {
        Self { bounds, counts: (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect(), sum_us: AtomicU64::new(0) }
    }

    fn observe(&self, span: Duration) {
        count(&self.counts[self.bounds.partition_point(|bound| *bound < span)]);
        self.sum_us.fetch_add(u64::try_from(span.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    fn read(&self) -> Distribution {
        Distribution {
            bounds: self.bounds,
            counts: self.counts.iter().map(|count| count.load(Ordering::Relaxed)).collect(),
            sum: Duration::from_micros(self.sum_us.load(Ordering::Relaxed)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_has_a_cell_of_its_own() {
        let mut cells = Vec::new();
        for state in State::ALL {
            cells.push(cell(state, None));
            cells.extend(Reason::ALL.iter().map(|reason| cell(state, Some(*reason))));
        }
        assert_eq!(cells, (0..State::ALL.len() * COLUMNS).collect::<Vec<_>>());
        let in_order = |order: &[usize]| assert!(order.iter().copied().eq(0..order.len()), "{order:?}");
        in_order(&PRIORITIES.map(|priority| priority as usize));
        in_order(&Call::ALL.map(|call| call as usize));
        in_order(&CallEnd::ALL.map(|end| end as usize));
    }

    #[test]
    fn a_bound_belongs_to_its_bucket() {
        let histogram = Histogram::new(LATENESS);
        for millis in [0, 100, 101, 250, 3_600_000, 3_600_001] {
            histogram.observe(Duration::from_millis(millis));
        }
        let read = histogram.read();
        assert_eq!(read.counts, [2, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1]);
        assert_eq!(read.sum, Duration::from_millis(7_200_452));
    }

    #[test]
    fn a_request_to_slow_down_is_counted_besides() {
        let meter = Meter::default();
        let slow_down = Verdict::Retry { reason: Reason::Throttled, after: None };
        let busy = Verdict::Retry { reason: Reason::Busy, after: None };
        for verdict in [None, Some(&slow_down), Some(&busy)] {
            meter.called(Call::Continue, verdict, Duration::from_millis(7));
        }
        let counted = meter.read();
        assert_eq!(counted.throttled, 1);
        assert_eq!(counted.calls, [(Call::Continue, CallEnd::Ok, 1), (Call::Continue, CallEnd::Retry, 2)]);
        assert_eq!(counted.call_durations[0].1.counts[..3], [0, 3, 0]);
    }
}
