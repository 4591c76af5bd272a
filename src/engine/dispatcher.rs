//! Waves → deliveries → claims, each at its instant.
//!
//! One loop, which sleeps until the next known instant: there is no polling. It claims no more than its senders can
//! take, so that little is held when the daemon dies.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::domain::id::Term;
use crate::engine::health::Health;
use crate::engine::sender::{LEASE, Sender};
use crate::port::clock::{Clock, Woke};
use crate::port::store::{Store, StoreError};

/// How long before it is due a wave becomes deliveries.
pub const LEAD: Duration = Duration::from_mins(10);

/// How long to wait after the store failed.
const STORE_PAUSE: Duration = Duration::from_secs(2);

/// Hands due deliveries to senders.
pub struct Dispatcher {
    pub store: Arc<dyn Store>,
    pub clock: Arc<dyn Clock>,
    pub sender: Arc<Sender>,
    pub health: Arc<Health>,
    /// Rings when there may be something new to do.
    pub work: Arc<Notify>,
    /// Rung when the wall clock was stepped, for the planner.
    pub clock_stepped: Arc<Notify>,
    pub term: Term,
    /// How many deliveries are in the senders' hands at most.
    pub senders: usize,
}

/// What to wait for.
enum Next {
    /// A sender is free for more: as much was due as could be taken.
    FreeSender,
    /// The next known instant, if any.
    Instant(Option<DateTime<Utc>>),
}

impl Dispatcher {
    /// Runs until `stop`. Then it claims no more, lets requests in flight finish and gives the rest back.
    pub async fn run(self, stop: CancellationToken) {
        let mut in_hand = JoinSet::new();
        while !stop.is_cancelled() {
            // Interest is registered before looking, so that what comes in between is not missed.
            let work = self.work.notified();
            let next = match self.go_round(&mut in_hand, &stop).await {
                Ok(next) => next,
                Err(error) => {
                    tracing::error!(%error, "the store failed; nothing can be claimed until it is well");
                    self.clock.sleep(STORE_PAUSE).await;
                    continue;
                }
            };
            self.health.dispatcher_went_round();
            let must_join = matches!(next, Next::FreeSender);
            tokio::select! {
                () = stop.cancelled() => {}
                () = work => {}
                Some(joined) = in_hand.join_next(), if !in_hand.is_empty() => self.sender_ended(joined),
                () = self.sleep(next), if !must_join => {}
            }
            while let Some(joined) = in_hand.try_join_next() {
                self.sender_ended(joined);
            }
        }
        while let Some(joined) = in_hand.join_next().await {
            self.sender_ended(joined);
        }
    }

    /// Expands and claims what is due, and says what to wait for.
    async fn go_round(&self, in_hand: &mut JoinSet<()>, stop: &CancellationToken) -> Result<Next, StoreError> {
        let now = self.clock.now();
        let lead = TimeDelta::from_std(LEAD).unwrap_or_default();
        let expanded = self.store.expand_due(now + lead, now).await?;
        if expanded.waves > 0 {
            tracing::info!(waves = expanded.waves, deliveries = expanded.deliveries, "waves expanded");
        }
        let free = self.senders.saturating_sub(in_hand.len());
        if free == 0 {
            return Ok(Next::FreeSender);
        }
        let claims = self.store.claim_due(self.term, now, free, LEASE).await?;
        let claimed = claims.len();
        for claim in claims {
            let sender = Arc::clone(&self.sender);
            let stop = stop.clone();
            in_hand.spawn(async move { sender.deliver(claim, &stop).await });
        }
        if claimed == free {
            return Ok(Next::FreeSender);
        }
        Ok(Next::Instant(self.store.next_wake(LEAD).await?))
    }

    async fn sleep(&self, next: Next) {
        let Next::Instant(Some(at)) = next else { return std::future::pending().await };
        if self.clock.sleep_until(at).await == Woke::ClockStepped {
            tracing::warn!(now = %self.clock.now(), "the wall clock was set, or the machine slept");
            self.clock_stepped.notify_one();
        }
    }

    fn sender_ended(&self, joined: Result<(), tokio::task::JoinError>) {
        if let Err(error) = joined {
            // Its claim stays ours until the lease ends; then it is rescued.
            tracing::error!(%error, term = %self.term.0, "a sender ended badly");
        }
    }
}
