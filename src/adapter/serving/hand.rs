//! A clock that is set by hand, for the tests of this room and of the doors.

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use tokio::sync::watch;

use crate::domain::time::Moment;
use crate::port::clock::{Clock, Woke};

/// It stands still until it is moved, and knows how often somebody has begun to wait for it.
#[derive(Default)]
pub(in super::super) struct HandClock {
    elapsed: watch::Sender<Duration>,
    pub waits: watch::Sender<u32>,
}

#[async_trait]
impl Clock for HandClock {
    fn now(&self) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + *self.elapsed.borrow()
    }

    fn moment(&self) -> Moment {
        Moment(*self.elapsed.borrow())
    }

    async fn sleep_until(&self, at: DateTime<Utc>) -> Woke {
        self.sleep((at - self.now()).to_std().unwrap_or_default()).await;
        Woke::OnTime
    }

    async fn sleep(&self, span: Duration) {
        let until = *self.elapsed.borrow() + span;
        self.waits.send_modify(|waits| *waits += 1);
        self.elapsed.subscribe().wait_for(|elapsed| *elapsed >= until).await.expect("the clock lives");
    }
}

impl HandClock {
    pub(in super::super) fn advance(&self, span: Duration) {
        self.elapsed.send_modify(|elapsed| *elapsed += span);
    }

    /// Waits until somebody has begun to wait for this clock, `count` times in all.
    pub(in super::super) async fn slept_on(&self, count: u32) {
        self.waits.subscribe().wait_for(|waits| *waits >= count).await.expect("the clock lives");
    }
}
