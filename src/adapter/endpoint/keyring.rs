//! The keys at hand: fetched by one task, one fetch after the other and never more than one a minute, whoever asks for
//! what. So a flood of tokens with invented keys is no flood of fetches, and a key that is new today is known within
//! a minute of its first use at the latest.
//!
//! The SDKs keep keys for a day and look again for an unknown one once an hour (sources read in November 2026). Keys and
//! endorsements change without notice, so we look twice a day, and for an unknown one at once. While the documents can't
//! be had, the last keys go on being good: that Microsoft's directory is down does not make Teams a stranger.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;

use super::keys::{Key, KeySet};
use super::refusal::Refusal;
use crate::port::clock::Clock;

/// Between the end of a fetch and the next.
const REST: Duration = Duration::from_mins(1);

/// After this keys are fetched anew though nobody asks. Half a day is left for it to fail in.
const SERVE_FOR: Duration = Duration::from_hours(12);

/// After a failure there is another try at this time, though nobody asks.
const TRY_AGAIN: Duration = Duration::from_mins(5);

/// Requests that may wait for a key at once. Each of them holds a place that somebody whose key is known could have, and
/// whoever invents keys can have as many waiting as they like; those of Teams come again.
const MOST_WAITING: usize = 32;

/// Where keys come from.
#[async_trait]
pub(super) trait Source: Send + Sync {
    /// All keys that are good now, or in words why they could not be had. It ends within seconds.
    async fn fetch(&self) -> Result<KeySet, String>;
}

/// What the task that fetches is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// What is not known yet may be in what is coming.
    Fetching,
    /// A fetch has just ended: what it did not bring is not there.
    Resting,
    /// It may be asked for a fetch.
    Ready,
    /// It has been asked.
    Asked,
}

struct State {
    phase: Phase,
    keys: Option<Arc<KeySet>>,
    /// Why the last fetch failed, if it did.
    trouble: Option<String>,
}

/// The keys at hand.
pub(super) struct Keyring {
    clock: Arc<dyn Clock>,
    state: watch::Sender<State>,
    /// One for each request that may wait.
    waiting: Semaphore,
}

impl Keyring {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        let state = State { phase: Phase::Fetching, keys: None, trouble: None };
        Self { clock, state: watch::Sender::new(state), waiting: Semaphore::new(MOST_WAITING) }
    }

    /// The key of this id. One that is not known is waited for, if a fetch may bring it. Cancel-safe.
    pub(super) async fn key(&self, id: &str) -> Result<Arc<Key>, Refusal> {
        let mut watching = self.state.subscribe();
        let mut waits = None;
        loop {
            let phase = {
                let state = watching.borrow_and_update();
                if let Some(key) = state.keys.as_ref().and_then(|keys| keys.get(id)) {
                    return Ok(key);
                }
                if state.phase == Phase::Resting {
                    return Err(if state.keys.is_some() { Refusal::UnknownKey } else { Refusal::NoKeys });
                }
                state.phase
            };
            if waits.is_none() {
                waits = Some(self.waiting.try_acquire().map_err(|_| Refusal::NoKeys)?);
            }
            if phase == Phase::Ready {
                self.state.send_if_modified(|state| {
                    let is_first = state.phase == Phase::Ready;
                    if is_first {
                        state.phase = Phase::Asked;
                    }
                    is_first
                });
            }
            // The other end is a part of ourselves.
            let _ = watching.changed().await;
        }
    }

    /// Why the keys could not be fetched when that was last tried, if they could not.
    pub(super) fn trouble(&self) -> Option<String> {
        self.state.borrow().trouble.clone()
    }

    /// Fetches keys until `stop`.
    pub(super) async fn run(&self, source: &dyn Source, stop: CancellationToken) {
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.go_round(source) => {}
        }
        // Whoever still waits gets an answer.
        self.enter(Phase::Resting);
    }

    async fn go_round(&self, source: &dyn Source) {
        loop {
            self.enter(Phase::Fetching);
            let fetched = source.fetch().await;
            let next = if fetched.is_ok() { SERVE_FOR } else { TRY_AGAIN };
            self.take(fetched);
            self.clock.sleep(REST).await;
            self.enter(Phase::Ready);
            let mut watching = self.state.subscribe();
            tokio::select! {
                _ = watching.wait_for(|state| state.phase == Phase::Asked) => {}
                () = self.clock.sleep(next.saturating_sub(REST)) => {}
            }
        }
    }

    fn enter(&self, phase: Phase) {
        self.state.send_modify(|state| state.phase = phase);
    }

    fn take(&self, fetched: Result<KeySet, String>) {
        self.state.send_modify(|state| {
            state.phase = Phase::Resting;
            match fetched {
                Ok(keys) => {
                    tracing::debug!(keys = keys.len(), "the keys of Teams have been fetched");
                    (state.keys, state.trouble) = (Some(Arc::new(keys)), None);
                }
                Err(error) => {
                    let old_serve = state.keys.is_some();
                    tracing::warn!(%error, old_serve, "the keys of Teams could not be fetched");
                    state.trouble = Some(error);
                }
            }
        });
    }
}

#[cfg(test)]
mod tests;
