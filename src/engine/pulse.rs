//! Whether everything goes round: what the watchdog is fed with, and what `/healthz` and `/readyz` say.
//!
//! It is found out by asking, not by believing: the ledger's writer is asked to write, and the dispatcher is rung and must
//! go round.
//!
//! What answers with an error does not hang. A full disk is no better after a restart; but what Teams has answered
//! meanwhile, and only the senders know, would be lost with the daemon, and those messages sent once more.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, Notify};

use crate::domain::credential::Nearness;
use crate::domain::time::Moment;
use crate::engine::health::Health;
use crate::port::clock::Clock;
use crate::port::credentials::Credentials;
use crate::port::store::{Store, StoreError};
use crate::port::vitals::{Need, Organ};

/// How long a loop may take to go round once it is asked to.
///
/// A large expansion or import holds the store's writer for some seconds. An interval and twice this are less than the
/// time after which the watchdog fires.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);

/// How soon what hangs is looked at again.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Beats come every minute; without any, the chores plan after five.
const PLANNER_WITHIN: Duration = Duration::from_mins(7);

/// How long what was found holds for the next who asks: a probe each second must not become a write each second.
const HOLDS_FOR: Duration = Duration::from_secs(5);

/// Feels the pulse.
pub struct Pulse {
    pub store: Arc<dyn Store>,
    pub clock: Arc<dyn Clock>,
    pub health: Arc<Health>,
    pub credentials: Arc<dyn Credentials>,
    /// Rings the dispatcher.
    pub work: Arc<Notify>,
    /// A request that is older than this hangs, time-outs or not.
    pub longest_request: Duration,
    pub lately: Lately,
}

/// What was found a moment ago. The lock is held while it is found out, so that many who ask are one question.
#[derive(Default)]
pub struct Lately {
    hangs: Mutex<Option<(Moment, Option<Organ>)>>,
    lacks: Mutex<Option<(Moment, Vec<Need>)>>,
}

impl Pulse {
    /// How long to wait between two pulses for a watchdog that fires after `limit` without any.
    #[must_use]
    pub fn interval(limit: Duration) -> Duration {
        limit / 4
    }

    /// Waits for so long, and then until everything is seen to be alive. What hung may be well long before the next
    /// pulse would be due, and the watchdog does not wait for that one.
    pub async fn beat(&self, interval: Duration) {
        self.clock.sleep(interval).await;
        while let Some(dead) = self.first_sign_of_death().await {
            tracing::error!(?dead, "something hangs; the watchdog is not fed");
            self.clock.sleep(LOOK_AGAIN).await;
        }
    }

    /// The first organ that does not work, found out now.
    pub async fn first_sign_of_death(&self) -> Option<Organ> {
        if self.health.planner_silent_for() > PLANNER_WITHIN {
            return Some(Organ::Planner);
        }
        if self.health.oldest_request().is_some_and(|age| age > self.longest_request) {
            return Some(Organ::Senders);
        }
        let before = self.health.rounds().dispatcher;
        self.work.notify_one();
        match self.probe().await {
            Some(Ok(()) | Err(StoreError::Failed { .. } | StoreError::Corrupt { .. } | StoreError::LostClaim(_))) => {}
            Some(Err(StoreError::Closed)) | None => return Some(Organ::Store),
        }
        let began = self.clock.moment();
        while self.health.rounds().dispatcher == before {
            if self.clock.moment().since(began) > ANSWER_WITHIN {
                return Some(Organ::Dispatcher);
            }
            self.clock.sleep(Duration::from_millis(20)).await;
        }
        None
    }

    /// The same, found out within the last seconds.
    pub async fn hangs(&self) -> Option<Organ> {
        let mut lately = self.lately.hangs.lock().await;
        if let Some((_, found)) = lately.as_ref().filter(|(at, _)| self.holds(*at)) {
            return *found;
        }
        let found = self.first_sign_of_death().await;
        *lately = Some((self.clock.moment(), found));
        found
    }

    /// What is lacking for messages to be sent, found out within the last seconds.
    pub async fn lacks(&self) -> Vec<Need> {
        let mut lately = self.lately.lacks.lock().await;
        if let Some((_, found)) = lately.as_ref().filter(|(at, _)| self.holds(*at)) {
            return found.clone();
        }
        let is_planned = self.health.planned_before().is_some_and(|span| span <= PLANNER_WITHIN);
        let is_written = matches!(self.probe().await, Some(Ok(()))) && self.health.dispatches();
        let answers =
            [(Need::Plan, is_planned), (Need::Credential, self.is_credential_good()), (Need::Store, is_written)];
        let found: Vec<Need> = answers.into_iter().filter(|(_, is_there)| !is_there).map(|(need, _)| need).collect();
        *lately = Some((self.clock.moment(), found.clone()));
        found
    }

    fn holds(&self, found_at: Moment) -> bool {
        self.clock.moment().since(found_at) < HOLDS_FOR
    }

    /// Asks the ledger's writer for a write. `None` where it gives no answer.
    async fn probe(&self) -> Option<Result<(), StoreError>> {
        tokio::select! {
            probed = self.store.probe() => {
                if let Err(error) = &probed {
                    tracing::error!(%error, "the store does not take a write");
                }
                Some(probed)
            }
            () = self.clock.sleep(ANSWER_WITHIN) => None,
        }
    }

    fn is_credential_good(&self) -> bool {
        let credential = self.credentials.look();
        let is_in_time = credential.nearness(self.clock.now()) != Nearness::Over;
        credential.unusable.is_none() && is_in_time && self.health.trouble().is_none()
    }
}
