//! When will a run be finished? A model of how the room is shared: each tenant has a budget; of that the more urgent take
//! all they need, schedules of one priority take equal parts, and the messages of one schedule go in the order in which
//! they are due. So the end of everything is known as soon as the waves are.
//!
//! It is a model of streams and not of single messages, so it is right to about a second. What it can't know is what
//! people change meanwhile, and how often Teams refuses.

mod tenant;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use self::tenant::Course;
use crate::domain::id::ScheduleName;
use crate::domain::rate::{ASSUMED_DOUBT, Window, usable_per_second};
use crate::domain::schedule::model::Priority;

/// Messages of one schedule for one tenant that fall due together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Load {
    pub tenant: Arc<str>,
    pub schedule: ScheduleName,
    pub priority: Priority,
    pub due_at: DateTime<Utc>,
    /// After this none of them may be sent.
    pub expire_at: DateTime<Utc>,
    pub messages: u64,
    /// How many requests they take: a message into a conversation that must be created takes two.
    pub calls: u64,
}

/// In how many parts a load is cut that is spread over a span.
const SLICES: u32 = 24;

impl Load {
    /// The load when its people are spread evenly over `jitter` from the due instant on, and each expires as long after
    /// their own instant as the others: in slices.
    #[must_use]
    pub fn spread_over(self, jitter: TimeDelta) -> Vec<Self> {
        if jitter <= TimeDelta::zero() {
            return vec![self];
        }
        let part = |whole: u64, n: u32| {
            whole * u64::from(n + 1) / u64::from(SLICES) - whole * u64::from(n) / u64::from(SLICES)
        };
        let slice = |n: u32| {
            // The middle of the slice.
            let offset = jitter * (2 * i32::try_from(n).unwrap_or(0) + 1) / (2 * i32::try_from(SLICES).unwrap_or(1));
            Self {
                due_at: self.due_at + offset,
                expire_at: self.expire_at + offset,
                messages: part(self.messages, n),
                calls: part(self.calls, n),
                ..self.clone()
            }
        };
        (0..SLICES).map(slice).filter(|load| load.messages > 0).collect()
    }
}

/// What one tenant lets through.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Budget {
    /// Requests a second, for long.
    pub per_second: f64,
    /// Until when it asked for silence.
    pub quiet_until: Option<DateTime<Utc>>,
}

impl Budget {
    /// What can be said before anything has been measured: a window of `per_second` requests, which Teams answers within
    /// twice [`ASSUMED_DOUBT`].
    #[must_use]
    pub fn assumed(per_second: usize) -> Self {
        Self { per_second: usable_per_second(Window::new(per_second, 1), ASSUMED_DOUBT), quiet_until: None }
    }
}

/// What becomes of a load, or of several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Forecast {
    /// When the last message leaves; `None` where none does.
    pub finished_at: Option<DateTime<Utc>>,
    /// How many messages can't leave before they expire.
    pub too_late: u64,
}

impl Forecast {
    /// Of both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { finished_at: self.finished_at.max(other.finished_at), too_late: self.too_late + other.too_late }
    }
}

/// What becomes of each of `loads`, in their order, from `now` on. What is due by then has been going on for a while.
#[must_use]
pub fn forecast(loads: &[Load], now: DateTime<Utc>, budget: impl Fn(&str) -> Budget) -> Vec<Forecast> {
    let mut tenants: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, load) in loads.iter().enumerate().filter(|(_, load)| load.messages > 0) {
        tenants.entry(&load.tenant).or_default().push(index);
    }
    let mut forecasts = vec![Forecast::default(); loads.len()];
    for (tenant, indexes) in tenants {
        let of_tenant: Vec<&Load> = indexes.iter().map(|index| &loads[*index]).collect();
        let ends = Course::new(&of_tenant, now, budget(tenant)).run();
        for (index, end) in indexes.into_iter().zip(ends) {
            forecasts[index] = end;
        }
    }
    forecasts
}
