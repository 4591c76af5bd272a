//! How long to wait before the next attempt. Chance comes in as a number, so the same draw gives the same wait.

use std::time::Duration;

/// How patient to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// The other side has a bad moment: 1 s at first, at most 5 min.
    Transient,
    /// Something on our side must be mended by a person: 15 s at first, at most a minute, so that what waited goes on
    /// soon after.
    OurFault,
}

impl Pace {
    fn first(self) -> Duration {
        match self {
            Pace::Transient => Duration::from_secs(1),
            Pace::OurFault => Duration::from_secs(15),
        }
    }

    fn longest(self) -> Duration {
        match self {
            Pace::Transient => Duration::from_mins(5),
            Pace::OurFault => Duration::from_mins(1),
        }
    }
}

/// The wait after attempt number `attempt` (from 1): it doubles each time up to the longest of its pace, and up to half of it
/// again is added by `draw` in `[0, 1)`. Chance only ever adds, so that a floor stays a floor.
#[must_use]
pub fn delay(pace: Pace, attempt: u32, draw: f64) -> Duration {
    let doublings = attempt.saturating_sub(1).min(20);
    let base = pace.first().saturating_mul(1 << doublings).min(pace.longest());
    base + base.mul_f64(draw.clamp(0.0, 1.0) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_and_stop_growing() {
        let secs = |attempt| delay(Pace::Transient, attempt, 0.0).as_secs();
        assert_eq!((1..=5).map(secs).collect::<Vec<_>>(), [1, 2, 4, 8, 16]);
        assert_eq!(secs(40), 300);
        assert_eq!(delay(Pace::OurFault, 1, 0.0), Duration::from_secs(15));
        assert_eq!(delay(Pace::OurFault, 9, 0.0), Duration::from_mins(1));
    }

    #[test]
    fn chance_only_adds() {
        let sure = delay(Pace::Transient, 3, 0.0);
        assert_eq!(delay(Pace::Transient, 3, 1.0), sure + sure / 2);
        assert!(delay(Pace::Transient, 3, 0.5) > sure);
    }
}
