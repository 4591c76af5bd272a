//! What came to the door, counted, and told at a bounded rate: whoever can reach the port can be refused as often as they
//! like, and must not be able to fill the log with it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::exchange::Turned;
use crate::domain::time::Moment;
use crate::port::clock::Clock;

/// Between two lines about requests that were turned away.
const TELL_EVERY: Duration = Duration::from_secs(30);

/// Counts since the start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) heard: u64,
    pub(super) refused: u64,
    pub(super) last_heard_at: Option<DateTime<Utc>>,
    pub(super) last_refused_at: Option<DateTime<Utc>>,
    /// When the last line was written, and how many it did not tell of since.
    told: Option<Moment>,
    untold: u64,
}

pub(super) struct Tally {
    clock: Arc<dyn Clock>,
    counts: Mutex<Counts>,
}

impl Tally {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, counts: Mutex::default() }
    }

    pub(super) fn counts(&self) -> Counts {
        self.book().clone()
    }

    pub(super) fn heard(&self) {
        let now = self.clock.now();
        let mut counts = self.book();
        counts.heard += 1;
        counts.last_heard_at = Some(now);
    }

    /// Whether a line was written.
    pub(super) fn turned_away(&self, why: &Turned) -> bool {
        let (now, moment) = (self.clock.now(), self.clock.moment());
        let untold = {
            let mut counts = self.book();
            if why.is_refusal() {
                counts.refused += 1;
                counts.last_refused_at = Some(now);
            }
            if counts.told.is_some_and(|told| moment.since(told) < TELL_EVERY) {
                counts.untold += 1;
                return false;
            }
            counts.told = Some(moment);
            std::mem::take(&mut counts.untold)
        };
        tracing::warn!(%why, not_told = untold, "a request to the messaging endpoint was turned away");
        true
    }

    fn book(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;

    use super::super::refusal::Refusal;
    use super::*;
    use crate::port::clock::Woke;

    #[derive(Default)]
    struct HandClock(Mutex<Duration>);

    #[async_trait]
    impl Clock for HandClock {
        fn now(&self) -> DateTime<Utc> {
            DateTime::UNIX_EPOCH + *self.0.lock().expect("unbroken")
        }

        fn moment(&self) -> Moment {
            Moment(*self.0.lock().expect("unbroken"))
        }

        async fn sleep_until(&self, _: DateTime<Utc>) -> Woke {
            Woke::OnTime
        }

        async fn sleep(&self, _: Duration) {}
    }

    #[test]
    fn a_flood_of_strangers_is_counted_and_told_of_now_and_then() {
        let clock = Arc::new(HandClock::default());
        let tally = Tally::new(Arc::clone(&clock) as Arc<dyn Clock>);
        let stranger = Turned::Refused(Refusal::Signature);
        let told = (0..600).filter(|_| {
            *clock.0.lock().expect("unbroken") += Duration::from_millis(100);
            tally.turned_away(&stranger)
        });
        assert_eq!(told.count(), 2);
        assert_eq!(tally.counts().refused, 600);
        // No room, or no keys, is not the fault of whoever calls.
        tally.turned_away(&Turned::NoRoom);
        tally.turned_away(&Turned::Refused(Refusal::NoKeys));
        assert_eq!(tally.counts().refused, 600);
    }
}
