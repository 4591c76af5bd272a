//! How much of a tenant's budget is used: all of it, until Teams says that it was too much.
//!
//! Other bots do not share our budget, but Teams calls its numbers approximate and subject to change. So a refusal is
//! believed: the allowance is halved at once and grows back in equal steps (additive increase, multiplicative decrease),
//! which finds whatever the limit has become and goes back to the published one when it is that again.

use std::time::Duration;

use crate::domain::time::Moment;

/// For how long a cut stands before anything changes: it takes a window of one second to be felt. A refusal of a request
/// that was granted before that tells of the pace before the cut.
const STEP: Duration = Duration::from_secs(1);

/// Each step without a refusal gives back one of so many parts of the full budget.
const STEPS_TO_FULL: usize = 20;

#[derive(Debug, Default)]
pub(super) struct Allowance {
    cut: Option<Cut>,
}

#[derive(Debug, Clone, Copy)]
struct Cut {
    at: Moment,
    /// What was left of the budget.
    to: usize,
}

impl Allowance {
    /// How many requests a window may hold that holds `full` at best.
    pub(super) fn of(&self, full: usize, now: Moment) -> usize {
        let Some(cut) = self.cut else { return full };
        let steps = usize::try_from(now.since(cut.at).as_secs() / STEP.as_secs()).unwrap_or(usize::MAX);
        cut.to.saturating_add(full.saturating_mul(steps) / STEPS_TO_FULL).min(full)
    }

    /// A request that was granted at `granted_at` was refused: the allowance is halved, and is never less than one.
    pub(super) fn cut(&mut self, full: usize, granted_at: Moment, now: Moment) {
        if self.cut.is_some_and(|cut| granted_at < cut.at.after(STEP)) {
            return;
        }
        self.cut = Some(Cut { at: now, to: (self.of(full, now) / 2).max(1) });
    }

    pub(super) fn is_full(&self, full: usize, now: Moment) -> bool {
        self.of(full, now) >= full
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(n: u64) -> Moment {
        Moment(Duration::from_secs(n))
    }

    #[test]
    fn it_is_halved_once_for_one_burst_and_grows_back_step_by_step() {
        let mut allowance = Allowance::default();
        assert_eq!(allowance.of(50, second(10)), 50);
        allowance.cut(50, second(9), second(10));
        assert_eq!(allowance.of(50, second(10)), 25);
        // The others of the same burst.
        allowance.cut(50, second(9), second(10));
        allowance.cut(50, second(10), second(12));
        let each_second: Vec<_> = (10..21).map(|at| allowance.of(50, second(at))).collect();
        assert_eq!(each_second, [25, 27, 30, 32, 35, 37, 40, 42, 45, 47, 50]);
        assert!(!allowance.is_full(50, second(19)) && allowance.is_full(50, second(20)));
        allowance.cut(50, second(12), second(13));
        assert_eq!(allowance.of(50, second(13)), 16);
    }

    #[test]
    fn something_is_always_let_through() {
        let mut allowance = Allowance::default();
        for n in 0..30 {
            allowance.cut(50, second(n), second(n));
            assert!(allowance.of(50, second(n)) >= 1);
        }
        assert_eq!(Allowance { cut: Some(Cut { at: second(0), to: 1 }) }.of(2, second(10)), 2);
    }
}
