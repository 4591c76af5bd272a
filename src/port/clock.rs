//! The one door for time. Hours and waits come from the same clock, so that a virtual one moves both together.

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::domain::time::Moment;

/// Why a wait for an instant ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Woke {
    /// The clock shows the instant, or a later one.
    OnTime,
    /// The wall clock was set, or the machine slept: what is due must be worked out again.
    ClockStepped,
}

/// What time it is, and waiting.
#[async_trait]
pub trait Clock: Send + Sync {
    /// What the wall clock shows. It may be stepped in both directions.
    fn now(&self) -> DateTime<Utc>;

    /// What the monotonic clock shows. It never goes back.
    fn moment(&self) -> Moment;

    /// Waits until the wall clock shows `at`, or is stepped. Cancel-safe.
    async fn sleep_until(&self, at: DateTime<Utc>) -> Woke;

    /// Waits for a span of monotonic time. Cancel-safe.
    async fn sleep(&self, span: Duration);
}
