//! Signs of life, and what is wrong with the bot's own set-up.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use crate::domain::id::DeliveryId;
use crate::domain::time::Moment;
use crate::domain::trouble::{Admission, Change, Trouble, Whose};
use crate::domain::verdict::Answer;
use crate::port::clock::Clock;

/// What the loops leave behind as they go round, for whoever must judge whether they still do.
pub struct Health {
    clock: Arc<dyn Clock>,
    dispatcher_rounds: AtomicU64,
    planning_passes: AtomicU64,
    /// When the last of them ended, well or badly; the start, before the first.
    planner_ended_at: Mutex<Moment>,
    /// When the last of them ended well.
    planned_at: Mutex<Option<Moment>>,
    /// Whether the dispatcher could do what it wanted, the last time round.
    dispatches: AtomicBool,
    /// By their deliveries, since when they have waited for an answer; nothing, once they have it.
    requests: Mutex<HashMap<DeliveryId, Option<Moment>>>,
    /// Rings when one of them has ended.
    ended: Notify,
    trouble: Mutex<Trouble>,
}

/// How far the loops have come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rounds {
    pub dispatcher: u64,
    pub planner: u64,
}

impl Health {
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            planner_ended_at: Mutex::new(clock.moment()),
            clock,
            dispatcher_rounds: AtomicU64::new(0),
            planned_at: Mutex::default(),
            dispatches: AtomicBool::new(true),
            planning_passes: AtomicU64::new(0),
            requests: Mutex::default(),
            ended: Notify::new(),
            trouble: Mutex::default(),
        }
    }

    /// Well or badly.
    pub(crate) fn dispatcher_went_round(&self, well: bool) {
        self.dispatches.store(well, Ordering::Relaxed);
        self.dispatcher_rounds.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether the dispatcher could do what it wanted, the last time round.
    #[must_use]
    pub fn dispatches(&self) -> bool {
        self.dispatches.load(Ordering::Relaxed)
    }

    pub(crate) fn planner_passed(&self) {
        self.planning_passes.fetch_add(1, Ordering::Relaxed);
        *lock(&self.planned_at) = Some(self.clock.moment());
        self.planner_ended();
    }

    /// How long ago all schedules were planned; `None` if they never were.
    #[must_use]
    pub fn planned_before(&self) -> Option<Duration> {
        let planned_at = (*lock(&self.planned_at))?;
        Some(self.clock.moment().since(planned_at))
    }

    /// It tried to make a pass, at least.
    pub(crate) fn planner_ended(&self) {
        *lock(&self.planner_ended_at) = self.clock.moment();
    }

    /// How long ago the last planning pass ended, well or badly.
    #[must_use]
    pub fn planner_silent_for(&self) -> Duration {
        self.clock.moment().since(*lock(&self.planner_ended_at))
    }

    #[must_use]
    pub fn rounds(&self) -> Rounds {
        Rounds {
            dispatcher: self.dispatcher_rounds.load(Ordering::Relaxed),
            planner: self.planning_passes.load(Ordering::Relaxed),
        }
    }

    /// A request is about to leave for `delivery`.
    pub(crate) fn request(self: &Arc<Self>, delivery: DeliveryId) -> UnderWay {
        lock(&self.requests).insert(delivery, Some(self.clock.moment()));
        UnderWay { health: Arc::clone(self), delivery }
    }

    /// Waits until a request has ended and its outcome is stored, counted from this call.
    pub(crate) fn request_ended(&self) -> Notified<'_> {
        self.ended.notified()
    }

    /// For how long the oldest request has waited for its answer.
    #[must_use]
    pub fn oldest_request(&self) -> Option<Duration> {
        let oldest = lock(&self.requests).values().flatten().min().copied()?;
        Some(self.clock.moment().since(oldest))
    }

    /// The deliveries whose requests are under way, or whose outcome is being stored.
    #[must_use]
    pub fn requests(&self) -> Vec<DeliveryId> {
        lock(&self.requests).keys().copied().collect()
    }

    /// Takes in what Teams answered. What keeps the bot from sending is logged when it changes, not each time.
    pub(crate) fn heard(&self, whose: Whose, answer: &Answer) -> Change {
        let mut trouble = lock(&self.trouble);
        let change = trouble.heard(whose, answer, self.clock.moment());
        tell(change, &trouble)
    }

    /// Teams took a request that was not a message.
    pub(crate) fn accepted(&self) -> Change {
        let mut trouble = lock(&self.trouble);
        let change = trouble.accepted();
        tell(change, &trouble)
    }

    /// How many requests may be made just now.
    pub(crate) fn admission(&self) -> Admission {
        lock(&self.trouble).admission(self.clock.moment())
    }

    /// Asks to make a request. In trouble whoever may has taken the turn.
    pub(crate) fn may_request(&self) -> bool {
        let now = self.clock.moment();
        let mut trouble = lock(&self.trouble);
        match trouble.admission(now) {
            Admission::All => true,
            Admission::One => {
                trouble.take_turn(now);
                true
            }
            Admission::None { .. } => false,
        }
    }

    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        lock(&self.trouble).says().map(str::to_owned)
    }
}

fn tell(change: Change, trouble: &Trouble) -> Change {
    match change {
        Change::Nothing => {}
        Change::Began | Change::Turned => {
            tracing::error!(trouble = trouble.says(), "the bot cannot send; the queue waits");
        }
        Change::Ended => tracing::info!("the bot can send again; the queue goes on"),
    }
    change
}

/// A request that is under way. It has ended when this is dropped.
pub(crate) struct UnderWay {
    health: Arc<Health>,
    delivery: DeliveryId,
}

impl UnderWay {
    /// There is an answer. Storing it may take longer than any request, where the disk is full.
    pub(crate) fn answered(&self) {
        if let Some(since) = lock(&self.health.requests).get_mut(&self.delivery) {
            *since = None;
        }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        lock(&self.health.requests).remove(&self.delivery);
        self.health.ended.notify_waiters();
    }
}

/// These are plain values that no panic leaves half-changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
