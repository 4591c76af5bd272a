//! Waves → deliveries → claims, each at its instant.
//!
//! One loop, which sleeps until the next known instant: there is no polling. It claims no more than its senders can
//! take soon, so that little is held when the daemon dies, and no more for a tenant than its budget sends soon, so that
//! nobody waits for somebody else's crowd.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::domain::id::Term;
use crate::domain::share::Rooms;
use crate::domain::trouble::Admission;
use crate::engine::hand::{Filled, InHand, size};
use crate::engine::health::Health;
use crate::engine::sender::{LEASE, Sender};
use crate::port::clock::{Clock, Woke};
use crate::port::round::{Expanded, Round, TooManyPeople, WentRound};
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
    /// How many requests may be under way at once.
    pub senders: usize,
    /// About how many people are looked at in one transaction that expands waves, see [`EXPAND_AT_ONCE`].
    pub expand_at_once: u32,
}

/// Some 25 ms of the ledger: so long others wait while a wave for very many is expanded. Ten times as many would be hardly
/// cheaper for each of them.
pub const EXPAND_AT_ONCE: u32 = 5_000;

/// How many deliveries are claimed for each sender. With one for each, every end of a sending would cost a claim of its
/// own; with four, they are claimed by the hundred, and what is held when the daemon dies is still little.
const CLAIMS_PER_SENDER: usize = 4;

/// How many are claimed to find out whether the bot can send again. One of them makes the request; of the others those
/// that are over are told so, and the rest is given back.
const CLAIMS_TO_FIND_OUT: usize = 16;

/// How long after that it is looked whether anybody made the request: they may all have been over without one.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// How long a round is put off where there is no room for some: then each thing that falls due need not have a round of
/// its own.
const BREATH: Duration = Duration::from_millis(100);

/// What to wait for.
struct Next {
    /// The next known instant, if any.
    at: Option<DateTime<Utc>>,
    /// After how long to look in any case: the shortest silence that a tenant asked for is over, or it is time to find
    /// out whether the bot can send again.
    pause: Option<Duration>,
    /// Rooms that are full; when one of them is not, more may be claimed.
    filled: Vec<Filled>,
}

impl Dispatcher {
    /// Runs until `stop`. Then it claims no more, lets requests in flight finish and gives the rest back.
    pub async fn run(self, stop: CancellationToken) {
        let mut in_hand = InHand::default();
        let mut unsaid = 0;
        while !stop.is_cancelled() {
            // Interest is registered before looking, so that what comes in between is not missed.
            let work = self.work.notified();
            let went = self.go_round(&mut in_hand, &mut unsaid, &stop).await;
            self.health.dispatcher_went_round(went.is_ok());
            let next = match went {
                Ok(next) => next,
                Err(error) => {
                    tracing::error!(%error, "the store failed; nothing can be claimed until it is well");
                    self.clock.sleep(STORE_PAUSE).await;
                    continue;
                }
            };
            self.wait(next, work, &mut in_hand, &stop).await;
        }
        while !in_hand.is_empty() {
            let ended = in_hand.one_ended().await;
            self.sender_ended(ended);
        }
    }

    /// Waits for what comes next. Every arm is safe to cancel: a sender that ended stays in hand until it is asked for.
    async fn wait(&self, next: Next, work: impl Future<Output = ()>, in_hand: &mut InHand, stop: &CancellationToken) {
        tokio::pin!(work);
        let alarm = self.sleep(&next);
        tokio::pin!(alarm);
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                // Before the bell: while that rings without end, those who have ended are joined all the same.
                ended = in_hand.one_ended() => {
                    self.sender_ended(ended);
                    if next.filled.iter().any(Filled::has_room) {
                        return;
                    }
                }
                () = &mut work => return,
                () = &mut alarm => return,
            }
        }
    }

    /// Expands and claims what is due, and says what to wait for. `unsaid` are the deliveries of waves that are expanded in
    /// part, for the log.
    async fn go_round(
        &self,
        in_hand: &mut InHand,
        unsaid: &mut u64,
        stop: &CancellationToken,
    ) -> Result<Next, StoreError> {
        let now = self.clock.now();
        let admission = self.health.admission();
        let most = match admission {
            Admission::All => self.senders * CLAIMS_PER_SENDER,
            Admission::One => CLAIMS_TO_FIND_OUT,
            Admission::None { until } => {
                // What is to come is prepared all the same.
                let expanded = self.store.expand_due(now + LEAD, now, self.expand_at_once).await?;
                let at = expanded.has_more.then_some(now);
                self.tell(expanded, unsaid);
                return Ok(Next { at, pause: Some(until.since(self.clock.moment())), filled: Vec::new() });
            }
        };
        let limiter = &self.sender.limiter;
        let slowed = limiter.slowed();
        let size = size(most, limiter.per_tenant(), &slowed);
        let mut rooms = Rooms {
            critical: in_hand.critical.room(&size),
            ordinary: in_hand.ordinary.room(&size),
            home: self.sender.home_tenant.clone().unwrap_or_default(),
        };
        let expand_at_once = self.expand_at_once;
        let round = Round { term: self.term, now, lead: LEAD, expand_at_once, rooms: rooms.clone(), lease: LEASE };
        let WentRound { expanded, claims, next_at } = self.store.go_round(round).await?;
        self.tell(expanded, unsaid);
        let look_again = (admission == Admission::One && !claims.is_empty()).then_some(LOOK_AGAIN);
        for claim in claims {
            let tenant = self.sender.tenant(&claim);
            rooms.of(claim.priority).take(&tenant, 1);
            let (sender, stop) = (Arc::clone(&self.sender), stop.clone());
            in_hand.take(&tenant, claim.priority, async move { sender.deliver(claim, &stop).await });
        }
        let mut filled = in_hand.critical.filled(&size, &rooms.critical);
        filled.extend(in_hand.ordinary.filled(&size, &rooms.ordinary));
        let moment = self.clock.moment();
        let silences = slowed.iter().filter_map(|slowed| slowed.quiet_until).map(|until| until.since(moment));
        Ok(Next { at: next_at, pause: silences.chain(look_again).min(), filled })
    }

    /// Counts and logs what an expansion made.
    fn tell(&self, expanded: Expanded, unsaid: &mut u64) {
        self.sender.meter.expanded(expanded.deliveries);
        *unsaid += expanded.deliveries;
        if expanded.waves > 0 {
            let deliveries = std::mem::take(unsaid);
            tracing::info!(waves = expanded.waves, deliveries, "waves expanded");
        }
        for TooManyPeople { schedule, occurrence, max_people, people } in expanded.too_many {
            tracing::error!(
                %schedule, %occurrence, max_people, people,
                "too many people: nothing of this occurrence is sent; if they are all meant, raise max_people"
            );
        }
    }

    async fn sleep(&self, next: &Next) {
        let pause = async {
            match next.pause {
                Some(pause) => self.clock.sleep(pause).await,
                None => std::future::pending().await,
            }
        };
        let due = async {
            let Some(at) = next.at else { return std::future::pending().await };
            if !next.filled.is_empty() {
                self.clock.sleep(BREATH).await;
            }
            self.clock.sleep_until(at).await
        };
        let woke = tokio::select! {
            biased;
            // First, so that a step of the clock is not missed behind the end of a pause.
            woke = due => woke,
            () = pause => Woke::OnTime,
        };
        if woke == Woke::ClockStepped {
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
