//! When will a run be finished? Messages that fall due together queue for the same budget, in the order in which they
//! are due; so the end is known as soon as the waves are.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

/// Messages that fall due together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Load {
    pub due_at: DateTime<Utc>,
    /// After this none of them may be sent.
    pub expire_at: DateTime<Utc>,
    pub messages: u64,
}

/// What becomes of a number of loads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forecast {
    /// When the last message leaves; `None` where there is none.
    pub finished_at: Option<DateTime<Utc>>,
    /// How many messages can't leave before they expire.
    pub too_late: u64,
    /// How long the longest wait in the queue is.
    pub longest_wait: Duration,
}

/// Walks the queue of `loads`, which are in the order of their due instants, at `per_second` messages a second.
#[must_use]
pub fn forecast(loads: &[Load], per_second: usize) -> Forecast {
    let per_second = u64::try_from(per_second).unwrap_or(u64::MAX).max(1);
    let mut result = Forecast { finished_at: None, too_late: 0, longest_wait: Duration::ZERO };
    let mut free_at = DateTime::<Utc>::MIN_UTC;
    for load in loads.iter().filter(|load| load.messages > 0) {
        let begin = free_at.max(load.due_at);
        let room = (load.expire_at - begin).to_std().unwrap_or_default().as_secs().saturating_mul(per_second);
        let in_time = load.messages.min(room.saturating_add(if begin <= load.expire_at { per_second } else { 0 }));
        result.too_late += load.messages - in_time;
        // The last second's worth leaves at once: the windows count what left within a second.
        let seconds = in_time.saturating_sub(1) / per_second;
        let end = begin + TimeDelta::seconds(i64::try_from(seconds).unwrap_or(i64::MAX / 1_000_000));
        if in_time > 0 {
            result.finished_at = Some(end);
            result.longest_wait = result.longest_wait.max((end - load.due_at).to_std().unwrap_or_default());
            free_at = end + TimeDelta::seconds(1);
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        format!("2027-03-01T{text}Z").parse().expect("an instant")
    }

    fn load(due: &str, late_minutes: i64, messages: u64) -> Load {
        Load { due_at: at(due), expire_at: at(due) + TimeDelta::minutes(late_minutes), messages }
    }

    fn check(loads: &[Load], finished: Option<&str>, too_late: u64) {
        let got = forecast(loads, 50);
        assert_eq!((got.finished_at, got.too_late), (finished.map(at), too_late), "{loads:?}");
    }

    #[test]
    fn a_run_ends_when_its_budget_says() {
        check(&[], None, 0);
        check(&[load("09:00:00", 60, 0)], None, 0);
        check(&[load("09:00:00", 60, 50)], Some("09:00:00"), 0);
        check(&[load("09:00:00", 60, 51)], Some("09:00:01"), 0);
        // 120,000 at 50/s take 40 minutes, and 30 minutes' worth of them are in time.
        check(&[load("09:00:00", 60, 120_000)], Some("09:39:59"), 0);
        check(&[load("09:00:00", 30, 120_000)], Some("09:30:00"), 120_000 - 30 * 60 * 50 - 50);
        // Two waves: the second queues behind the first.
        check(&[load("09:00:00", 60, 6000), load("09:01:00", 60, 3000)], Some("09:02:59"), 0);
        check(&[load("09:00:00", 60, 3000), load("10:00:00", 60, 3000)], Some("10:00:59"), 0);
        // What queues too long never leaves.
        check(&[load("09:00:00", 60, 90_000), load("09:01:00", 1, 7)], Some("09:29:59"), 7);
    }
}
