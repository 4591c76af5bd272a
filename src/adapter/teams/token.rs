//! The bot's token: one for everybody, asked for once.
//!
//! Whoever needs a token takes the held one while it is fresh. Otherwise the first to come sets out to fetch a new
//! one, and all others wait for that one flight and share what it brings, a failure too. After a failure nobody sets
//! out again for a while, so that thousands of waiting deliveries do not become thousands of refused requests; but
//! when the credential was refused and its file is replaced, somebody sets out at once. A token that is past its
//! freshness but not yet expired serves on while its successor is fetched, or cannot be had.
//!
//! From Microsoft's page on Connector authentication and the sources of its SDKs (both read in November 2026): the
//! five minutes, and that a refusal is remembered for a minute.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use secrecy::SecretString;
use tokio::sync::watch;

use super::identity::{Denial, Granted, Issuer};
use crate::domain::time::Moment;
use crate::domain::verdict::Answer;

/// A bearer token. It can be told apart from others without being shown.
#[derive(Debug, Clone)]
pub(super) struct Token {
    secret: Arc<SecretString>,
    serial: u64,
}

impl Token {
    pub(super) fn secret(&self) -> &SecretString {
        &self.secret
    }
}

/// The tokens of one issuer: of one authority, one client id and one scope.
pub(super) struct Tokens {
    issuer: Issuer,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    held: Option<Held>,
    failure: Option<Failure>,
    /// The fetch under way. A closed channel is one whose leader was dropped before it landed.
    flight: Option<watch::Receiver<Option<Outcome>>>,
    issued: u64,
}

struct Held {
    token: Token,
    refresh_at: Moment,
    expires_at: Moment,
}

struct Failure {
    denial: Denial,
    /// Nobody asks again before, unless a file was replaced.
    until: Moment,
}

type Outcome = Result<Token, Answer>;

/// What a caller does next, decided in one go under the lock.
enum Step {
    Take(Outcome),
    Wait(watch::Receiver<Option<Outcome>>),
    Fetch(watch::Sender<Option<Outcome>>),
}

impl Tokens {
    pub(super) fn new(issuer: Issuer) -> Self {
        Self { issuer, state: Mutex::default() }
    }

    /// A token that has not expired, or the answer that its lack stands for. Cancel-safe: when the caller that set
    /// out is dropped, one of those who wait sets out in its place.
    pub(super) async fn get(&self) -> Outcome {
        loop {
            match self.next_step() {
                Step::Take(outcome) => return outcome,
                Step::Fetch(landing) => {
                    let asked_at = self.issuer.clock.moment();
                    let fetched = self.issuer.ask().await;
                    return self.land(asked_at, fetched, &landing);
                }
                Step::Wait(mut flight) => {
                    let landed = flight.wait_for(Option::is_some).await.ok().and_then(|outcome| outcome.clone());
                    if let Some(outcome) = landed {
                        return outcome;
                    }
                }
            }
        }
    }

    /// Throws the held token away if it is still the one that failed. Many callers may see the same token fail;
    /// only the first of them makes a difference.
    pub(super) fn invalidate(&self, failed: &Token) {
        let mut state = self.state();
        if state.held.as_ref().is_some_and(|held| held.token.serial == failed.serial) {
            state.held = None;
        }
    }

    /// For how long the token in hand is still good. `None` where none is in hand, or it is over.
    pub(super) fn left(&self) -> Option<Duration> {
        let now = self.issuer.clock.moment();
        let expires_at = self.state().held.as_ref()?.expires_at;
        (now < expires_at).then(|| expires_at.since(now))
    }

    fn next_step(&self) -> Step {
        let now = self.issuer.clock.moment();
        let mut state = self.state();
        let usable = state.usable(now);
        if let (Some(token), Some(held)) = (&usable, &state.held)
            && now < held.refresh_at
        {
            return Step::Take(Ok(token.clone()));
        }
        // `has_changed` is an error exactly when the sender is gone.
        if let Some(flight) = state.flight.as_ref().filter(|flight| flight.has_changed().is_ok()) {
            return usable.map_or_else(|| Step::Wait(flight.clone()), |token| Step::Take(Ok(token)));
        }
        if let Some(Failure { denial, until }) = &state.failure
            && now < *until
            // Looked at under the lock: a glance at a file or two, while there is no token to be had anyway.
            && !self.issuer.changed_since(denial)
        {
            return Step::Take(usable.ok_or_else(|| Answer::clone(&denial.answer)));
        }
        let (landing, flight) = watch::channel(None);
        state.flight = Some(flight);
        Step::Fetch(landing)
    }

    /// Writes down what a fetch brought and hands it to those who wait.
    fn land(
        &self,
        asked_at: Moment,
        fetched: Result<Granted, Denial>,
        landing: &watch::Sender<Option<Outcome>>,
    ) -> Outcome {
        let mut state = self.state();
        let outcome = match fetched {
            Ok(Granted { secret, life, renew_after }) => {
                state.issued += 1;
                let token = Token { secret: Arc::new(secret), serial: state.issued };
                // Counted from the asking, so that a slow answer makes the token older, never younger.
                state.held = Some(Held {
                    token: token.clone(),
                    refresh_at: asked_at.after(renew_after),
                    expires_at: asked_at.after(life),
                });
                state.failure = None;
                Ok(token)
            }
            Err(denial) => {
                let now = self.issuer.clock.moment();
                let answer = Answer::clone(&denial.answer);
                state.failure = Some(Failure { until: now.after(denial.pause), denial });
                state.usable(now).ok_or(answer)
            }
        };
        // Still under the lock: whoever looks from now on finds the result and not the flight.
        state.flight = None;
        landing.send_replace(Some(outcome.clone()));
        outcome
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing under this lock can leave the state half-changed, so a panic elsewhere spoils nothing.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn usable(&self, now: Moment) -> Option<Token> {
        self.held.as_ref().filter(|held| now < held.expires_at).map(|held| held.token.clone())
    }
}

#[cfg(test)]
mod tests;
