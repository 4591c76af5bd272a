//! Waves → deliveries → claims, each at its instant.
//!
//! One loop, which sleeps until the next known instant: there is no polling. It claims no more than its senders can
//! take soon, so that little is held when the daemon dies.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::domain::delivery::Claim;
use crate::domain::id::Term;
use crate::domain::schedule::model::Priority;
use crate::domain::time::Moment;
use crate::domain::trouble::Admission;
use crate::engine::health::Health;
use crate::engine::sender::{LEASE, Sender};
use crate::port::clock::{Clock, Woke};
use crate::port::store::{Store, StoreError, TooManyPeople};

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
    /// How many requests may be under way at once.
    pub senders: usize,
}

/// How many deliveries are claimed for each sender. With one for each, every end of a sending would cost a claim of its
/// own; with four, they are claimed by the hundred, and what is held when the daemon dies is still little.
const CLAIMS_PER_SENDER: usize = 4;

/// How many are claimed to find out whether the bot can send again. One of them makes the request; of the others those
/// that are over are told so, and the rest is given back.
const CLAIMS_TO_FIND_OUT: usize = 16;

/// How often it is looked for critical deliveries while all the room for others is taken. Nobody polls when there is
/// nothing to do; this is when there is too much.
const LOOK_FOR_CRITICAL: Duration = Duration::from_millis(250);

/// What to wait for.
enum Next {
    /// Room for more: as much was due as could be taken. For critical ones there is room of their own.
    Room,
    /// When it is next tried whether the bot can send again.
    Moment(Moment),
    /// The next known instant, if any.
    Instant(Option<DateTime<Utc>>),
}

/// What is in the hands of senders.
#[derive(Default)]
struct InHand {
    tasks: JoinSet<()>,
    /// One for each delivery that is not critical.
    ordinary: Arc<()>,
}

impl InHand {
    /// Counts a claim as long as what is returned lives.
    fn count(&self, claim: &Claim) -> Option<Arc<()>> {
        match claim.priority {
            Priority::Critical => None,
            Priority::Normal | Priority::Bulk => Some(Arc::clone(&self.ordinary)),
        }
    }

    fn ordinary(&self) -> usize {
        Arc::strong_count(&self.ordinary) - 1
    }
}

impl Dispatcher {
    /// Runs until `stop`. Then it claims no more, lets requests in flight finish and gives the rest back.
    pub async fn run(self, stop: CancellationToken) {
        let mut in_hand = InHand::default();
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
            self.wait(next, work, &mut in_hand, &stop).await;
        }
        while let Some(joined) = in_hand.tasks.join_next().await {
            self.sender_ended(joined);
        }
    }

    /// Waits for what comes next. Every arm is safe to cancel: a sender that ended stays in the set until it is joined.
    async fn wait(&self, next: Next, work: impl Future<Output = ()>, in_hand: &mut InHand, stop: &CancellationToken) {
        let room_at = match next {
            Next::Room => self.senders * CLAIMS_PER_SENDER / 2,
            Next::Moment(_) | Next::Instant(_) => 0,
        };
        tokio::pin!(work);
        let alarm = self.sleep(next);
        tokio::pin!(alarm);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = &mut work => return,
                () = &mut alarm => return,
                Some(joined) = in_hand.tasks.join_next(), if !in_hand.tasks.is_empty() => {
                    self.sender_ended(joined);
                    if room_at > 0 && in_hand.tasks.len() <= room_at {
                        return;
                    }
                }
            }
        }
    }

    /// Expands and claims what is due, and says what to wait for.
    async fn go_round(&self, in_hand: &mut InHand, stop: &CancellationToken) -> Result<Next, StoreError> {
        let now = self.clock.now();
        let lead = TimeDelta::from_std(LEAD).unwrap_or_default();
        let expanded = self.store.expand_due(now + lead, now).await?;
        if expanded.waves > 0 {
            tracing::info!(waves = expanded.waves, deliveries = expanded.deliveries, "waves expanded");
        }
        for TooManyPeople { schedule, occurrence, max_people, people } in expanded.too_many {
            tracing::error!(
                %schedule, %occurrence, max_people, people,
                "too many people: nothing of this occurrence is sent; if they are all meant, raise max_people"
            );
        }
        let most = match self.health.admission() {
            Admission::All => self.senders * CLAIMS_PER_SENDER,
            Admission::One => CLAIMS_TO_FIND_OUT,
            Admission::None { until } => return Ok(Next::Moment(until)),
        };
        let room = most.saturating_sub(in_hand.ordinary());
        let mut claims = Vec::new();
        if room > 0 {
            claims = self.store.claim_due(self.term, now, Priority::Bulk, room, LEASE).await?;
        }
        let is_full = claims.len() == room;
        if is_full {
            // As many again may be critical, so that one of these never waits for a crowd of others.
            let room = (2 * self.senders * CLAIMS_PER_SENDER).saturating_sub(in_hand.tasks.len() + claims.len());
            claims.extend(self.store.claim_due(self.term, now, Priority::Critical, room, LEASE).await?);
        }
        for claim in claims {
            self.hand_over(claim, in_hand, stop);
        }
        if is_full {
            return Ok(Next::Room);
        }
        Ok(Next::Instant(self.store.next_wake(LEAD).await?))
    }

    fn hand_over(&self, claim: Claim, in_hand: &mut InHand, stop: &CancellationToken) {
        let counted = in_hand.count(&claim);
        let (sender, stop) = (Arc::clone(&self.sender), stop.clone());
        in_hand.tasks.spawn(async move {
            sender.deliver(claim, &stop).await;
            drop(counted);
        });
    }

    async fn sleep(&self, next: Next) {
        let at = match next {
            Next::Room => return self.clock.sleep(LOOK_FOR_CRITICAL).await,
            Next::Moment(at) => return self.clock.sleep(at.since(self.clock.moment())).await,
            Next::Instant(None) => return std::future::pending().await,
            Next::Instant(Some(at)) => at,
        };
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
