//! The real clock, and a faster one for the demo: the only file that asks what time it is.

use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};
use tokio::io::unix::AsyncFd;

use crate::domain::time::Moment;
use crate::port::clock::{Clock, Woke};

/// No wait is longer than this before the clock is looked at again, whatever the kernel promises.
const LONGEST_NAP: Duration = Duration::from_secs(30);

/// The machine's clock.
#[derive(Debug)]
pub struct SystemClock {
    started: Instant,
}

impl SystemClock {
    #[expect(clippy::new_without_default, reason = "a clock that starts should be seen to start")]
    #[must_use]
    pub fn new() -> Self {
        Self { started: monotonic() }
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the one door")]
fn monotonic() -> Instant {
    Instant::now()
}

#[expect(clippy::disallowed_methods, reason = "this is the one door")]
fn wall() -> DateTime<Utc> {
    Utc::now()
}

#[expect(clippy::disallowed_methods, reason = "this is the one door")]
async fn nap(span: Duration) {
    tokio::time::sleep(span).await;
}

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> DateTime<Utc> {
        wall()
    }

    fn moment(&self) -> Moment {
        Moment(monotonic().duration_since(self.started))
    }

    /// A timer on the wall clock itself, which the kernel ends early when that clock is set or the machine resumes.
    /// Monotonic sleeping alone would sleep through both: it does not count suspended time, and a step does not
    /// move it. Where there is no such timer, short naps and a look at the clock do.
    async fn sleep_until(&self, at: DateTime<Utc>) -> Woke {
        while wall() < at {
            let woke = match WallTimer::new(at) {
                Ok(timer) => tokio::select! {
                    woke = timer.wait() => woke,
                    () = nap(LONGEST_NAP) => Ok(Woke::OnTime),
                },
                Err(error) => Err(error),
            };
            match woke {
                Ok(Woke::ClockStepped) => return Woke::ClockStepped,
                Ok(Woke::OnTime) => {}
                Err(_no_such_timer) => {
                    let left = (at - wall()).to_std().unwrap_or_default();
                    nap(left.min(Duration::from_secs(1))).await;
                }
            }
        }
        Woke::OnTime
    }

    async fn sleep(&self, span: Duration) {
        nap(span).await;
    }
}

/// A kernel timer on the wall clock.
struct WallTimer {
    fd: AsyncFd<OwnedFd>,
}

impl WallTimer {
    #[expect(
        deprecated,
        reason = "its successor is unsafe because a type might give up its descriptor; an OwnedFd keeps it, and unsafe is forbidden here"
    )]
    fn new(at: DateTime<Utc>) -> io::Result<Self> {
        let fd = timerfd_create(TimerfdClockId::Realtime, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
        let never = Timespec { tv_sec: 0, tv_nsec: 0 };
        let at = Timespec { tv_sec: at.timestamp(), tv_nsec: i64::from(at.timestamp_subsec_nanos()) };
        let once = Itimerspec { it_interval: never, it_value: at };
        timerfd_settime(&fd, TimerfdTimerFlags::ABSTIME | TimerfdTimerFlags::CANCEL_ON_SET, &once)?;
        Ok(Self { fd: AsyncFd::new(fd)? })
    }

    async fn wait(&self) -> io::Result<Woke> {
        loop {
            let mut ready = self.fd.readable().await?;
            let mut expirations = [0; 8];
            match rustix::io::read(self.fd.get_ref(), &mut expirations) {
                Ok(_) => return Ok(Woke::OnTime),
                Err(rustix::io::Errno::CANCELED) => return Ok(Woke::ClockStepped),
                Err(rustix::io::Errno::AGAIN) => ready.clear_ready(),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// A clock whose hours go by faster than the machine's. Its moments do not: rates, time-outs and the other side of a
/// connection know only real time.
#[derive(Debug)]
pub struct AcceleratedClock {
    begins_at: DateTime<Utc>,
    started: Instant,
    speed: u32,
}

impl AcceleratedClock {
    /// A clock that shows `begins_at` now and goes `speed` times as fast as the machine's.
    #[must_use]
    pub fn new(begins_at: DateTime<Utc>, speed: u32) -> Self {
        Self { begins_at, started: monotonic(), speed: speed.max(1) }
    }
}

#[async_trait]
impl Clock for AcceleratedClock {
    fn now(&self) -> DateTime<Utc> {
        let real = TimeDelta::from_std(monotonic().duration_since(self.started)).unwrap_or(TimeDelta::MAX);
        real.checked_mul(i32::try_from(self.speed).unwrap_or(i32::MAX))
            .and_then(|elapsed| self.begins_at.checked_add_signed(elapsed))
            .unwrap_or(DateTime::<Utc>::MAX_UTC)
    }

    fn moment(&self) -> Moment {
        Moment(monotonic().duration_since(self.started))
    }

    async fn sleep_until(&self, at: DateTime<Utc>) -> Woke {
        loop {
            let Ok(left) = (at - self.now()).to_std() else { return Woke::OnTime };
            if left.is_zero() {
                return Woke::OnTime;
            }
            nap((left / self.speed).clamp(Duration::from_millis(1), LONGEST_NAP)).await;
        }
    }

    async fn sleep(&self, span: Duration) {
        nap(span).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_wait_ends_at_its_instant_and_not_before() {
        let clock = SystemClock::new();
        let at = clock.now() + TimeDelta::milliseconds(30);
        assert_eq!(clock.sleep_until(at).await, Woke::OnTime);
        assert!(clock.now() >= at);
        assert_eq!(clock.sleep_until(at).await, Woke::OnTime, "an instant that has passed is no wait at all");
    }

    #[tokio::test]
    async fn an_accelerated_hour_is_short() {
        let begins_at = "2027-03-01T00:00:00Z".parse().expect("an instant");
        let clock = AcceleratedClock::new(begins_at, 360_000);
        let started = clock.moment();
        clock.sleep_until(begins_at + TimeDelta::hours(1)).await;
        assert!(clock.now() >= begins_at + TimeDelta::hours(1));
        assert!(clock.moment().since(started) < Duration::from_mins(1));
    }
}
