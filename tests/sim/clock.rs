//! Virtual time. Nothing waits: when no task can go on, the clock jumps to the next timer.
//!
//! A runtime of one thread has a hook that it calls when it is about to sleep because nobody is ready; that is the
//! moment at which time goes on. So all that happens at one instant happens before the next, in an order that only the
//! seed decides.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use nudged::domain::time::Moment;
use nudged::port::clock::{Clock, Woke};

use crate::sim::chance::Chance;

/// The clocks of a run: the monotonic one, and that on the wall, which may be set.
pub(crate) struct Time {
    chance: Chance,
    inner: Mutex<Inner>,
}

struct Inner {
    mono: Duration,
    /// What the wall clock showed when the monotonic one was at zero, as it is set now.
    origin: DateTime<Utc>,
    /// How often it was set.
    steps: u64,
    /// How the wall clock was set before, with the moment until which it was so.
    earlier: Vec<(Duration, DateTime<Utc>)>,
    /// By the moment at which it rings, then by number.
    timers: BTreeMap<(Duration, u64), Timer>,
    numbers: u64,
}

struct Timer {
    waker: Waker,
    /// Whether it waits for the wall clock, and so hears when that is set.
    on_wall: bool,
}

impl Time {
    pub(crate) fn new(seed: u64, wall: DateTime<Utc>) -> Arc<Self> {
        let inner = Inner {
            mono: Duration::ZERO,
            origin: wall,
            steps: 0,
            earlier: Vec::new(),
            timers: BTreeMap::new(),
            numbers: 0,
        };
        Arc::new(Self { chance: Chance::new(seed, "time"), inner: Mutex::new(inner) })
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nobody is ready: the next timer rings. Of those that ring at one moment, chance says which is first.
    pub(crate) fn go_on(&self) {
        let mut inner = self.inner();
        let Some((&(at, _), _)) = inner.timers.first_key_value() else {
            drop(inner);
            panic!("everybody waits, and nothing will come");
        };
        let together: Vec<(Duration, u64)> = inner.timers.range(..=(at, u64::MAX)).map(|(key, _)| *key).collect();
        inner.mono = inner.mono.max(at);
        let key = if together.len() == 1 { together[0] } else { self.chance.pick(&together) };
        let timer = inner.timers.remove(&key);
        drop(inner);
        if let Some(timer) = timer {
            timer.waker.wake();
        }
    }

    pub(crate) fn mono(&self) -> Duration {
        self.inner().mono
    }

    /// Sets the wall clock, as a person, a time server or the end of a suspend does.
    pub(crate) fn step(&self, by: TimeDelta) {
        let mut inner = self.inner();
        let before = (inner.mono, inner.origin);
        inner.earlier.push(before);
        inner.origin += by;
        inner.steps += 1;
        let wakers: Vec<Waker> =
            inner.timers.values().filter(|timer| timer.on_wall).map(|timer| timer.waker.clone()).collect();
        drop(inner);
        for waker in wakers {
            waker.wake();
        }
    }

    /// What the wall clock shows, first, and what it would show had it not been set within the last `lately`.
    pub(crate) fn walls(&self, lately: Duration) -> Vec<DateTime<Utc>> {
        let inner = self.inner();
        let mono = TimeDelta::from_std(inner.mono).expect("a run of some years");
        let since = inner.mono.saturating_sub(lately);
        let earlier = inner.earlier.iter().rev().take_while(|(until, _)| *until >= since);
        std::iter::once(inner.origin + mono).chain(earlier.map(|(_, origin)| *origin + mono)).collect()
    }

    /// What the wall clock shows.
    pub(crate) fn wall(&self) -> DateTime<Utc> {
        let inner = self.inner();
        inner.origin + TimeDelta::from_std(inner.mono).expect("a run of some years")
    }

    /// Waits for a span of monotonic time.
    pub(crate) async fn pass(self: &Arc<Self>, span: Duration) {
        let until = self.mono() + span;
        Ring {
            time: self,
            key: None,
            rings: |inner: &Inner| (inner.mono >= until).then_some(()).ok_or(until),
            on_wall: false,
        }
        .await;
    }
}

/// Waits until `rings` says so; else it says until when to wait.
struct Ring<'a, F> {
    time: &'a Time,
    key: Option<(Duration, u64)>,
    rings: F,
    on_wall: bool,
}

impl<T, F: Fn(&Inner) -> Result<T, Duration> + Unpin> Future for Ring<'_, F> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let time = self.time;
        // Dropped after the lock: with a waker may go a whole task, and with that its own timers.
        let _stale;
        let mut inner = time.inner();
        _stale = self.key.take().and_then(|key| inner.timers.remove(&key));
        match (self.rings)(&inner) {
            Ok(value) => Poll::Ready(value),
            Err(until) => {
                inner.numbers += 1;
                let key = (until, inner.numbers);
                inner.timers.insert(key, Timer { waker: context.waker().clone(), on_wall: self.on_wall });
                self.key = Some(key);
                Poll::Pending
            }
        }
    }
}

impl<F> Drop for Ring<'_, F> {
    fn drop(&mut self) {
        let stale = self.key.take().and_then(|key| self.time.inner().timers.remove(&key));
        drop(stale);
    }
}

/// The clock as the daemon sees it.
pub(crate) struct SimClock(pub(crate) Arc<Time>);

#[async_trait]
impl Clock for SimClock {
    fn now(&self) -> DateTime<Utc> {
        self.0.wall()
    }

    fn moment(&self) -> Moment {
        Moment(self.0.mono())
    }

    async fn sleep_until(&self, at: DateTime<Utc>) -> Woke {
        let steps = self.0.inner().steps;
        let rings = |inner: &Inner| {
            if inner.steps != steps {
                return Ok(Woke::ClockStepped);
            }
            match (at - inner.origin).to_std() {
                Ok(until) if until > inner.mono => Err(until),
                Ok(_) | Err(_) => Ok(Woke::OnTime),
            }
        };
        Ring { time: &self.0, key: None, rings, on_wall: true }.await
    }

    async fn sleep(&self, span: Duration) {
        self.0.pass(span).await;
    }
}
