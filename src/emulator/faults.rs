//! What a fault is, in Rust and in JSON.
//!
//! ```json
//! { "match": { "conversation": "a:1…", "user": "29:…", "tenant": "…", "operation": "send" },
//!   "times": 3, "every": 2, "share": 0.1, "seed": 7,
//!   "do": { "status": 503, "code": "ServiceError", "message": "…", "retry_after": 2 } }
//! ```
//! Instead of a status, `do` may hold `{"delay_ms": 500}`, `{"cut": "before"}`, `{"hang": "after"}`,
//! `{"slow_body_ms": 3000}` or `{"spoil": "half"}`. A status or a delay may say `"when": "after"`: what was asked for
//! is done first, so that a 504 with it is one that delivers.

// An effect as it stands in JSON.
mod json;

use std::num::NonZeroU32;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::chance::Share;
use super::matching::{Matching, Operation};

/// A rule by which the emulator misbehaves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Which requests it is about.
    #[serde(rename = "match", default)]
    pub matching: Matching,
    /// How often it acts before it is used up; for ever if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<NonZeroU32>,
    /// It acts on each n-th request that matches; on each one if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<NonZeroU32>,
    /// It acts on this share of the requests whose turn it is, drawn from the seed; on all of them if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<Share>,
    /// What chance is drawn from: for `share`, and for a `Retry-After` out of a range. If not given, the number of
    /// the rule since the start, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// What it does.
    #[serde(rename = "do")]
    pub effect: Effect,
}

/// Whether a rule acts instead of what was asked for, or once that has been done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum When {
    #[default]
    Before,
    /// If the request is refused for a reason of its own, it is answered with that refusal, and the rule does
    /// nothing: after such a rule one can be sure that the message was taken.
    After,
}

/// What a rule does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "json::Wire", into = "json::Wire")]
pub enum Effect {
    /// Answers in its own words.
    Answer(Answer),
    /// Waits, on the emulator's clock; then, if `when` is before, goes on as if there were no rule.
    Delay { span: Duration, when: When },
    /// Closes the connection: no status line, no body.
    Cut(When),
    /// Keeps the connection open and never answers.
    Hang(When),
    /// Does what was asked for, sends the head and half of the body at once, and the rest after this span.
    SlowBody(Duration),
    /// Does what was asked for, and spoils the body of the answer.
    Spoil(Spoil),
}

/// What becomes of a body that is spoilt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Spoil {
    /// The head promises all of it and the connection ends after half.
    Half,
    /// The status is that of success and the body is neither JSON nor UTF-8, though it is declared as JSON.
    Garbage,
    /// A page of HTML with status 200, as proxies with a login page answer.
    Html,
}

/// An answer of a rule's own.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Answer {
    /// 200 to 599. Anything else is answered as 500.
    pub status: u16,
    /// The error code; if not given, the one that usually comes with the status.
    pub code: Option<String>,
    pub message: Option<String>,
    /// Whole seconds. If not given, there is no `Retry-After`.
    pub retry_after: Option<u64>,
    /// With `retry_after`: the header is drawn from that number to this one.
    pub retry_after_most: Option<u64>,
    /// The whole body, instead of one made of code and message. If none of the three is given, a status below 300
    /// comes with an empty body.
    pub body: Option<String>,
    pub when: When,
}

impl Answer {
    /// An answer with this status and error code, before anything is done.
    #[must_use]
    pub fn new(status: u16, code: &str) -> Self {
        Self { status, code: Some(code.to_owned()), ..Self::default() }
    }
}

impl From<Answer> for Effect {
    fn from(answer: Answer) -> Self {
        Self::Answer(answer)
    }
}

impl Effect {
    pub(super) fn when(&self) -> When {
        match self {
            Self::Answer(answer) => answer.when,
            Self::Delay { when, .. } | Self::Cut(when) | Self::Hang(when) => *when,
            // There is no body to spoil before there is an answer.
            Self::SlowBody(_) | Self::Spoil(_) => When::After,
        }
    }
}

impl Fault {
    /// A rule that always acts, on all requests.
    #[must_use]
    pub fn new(effect: impl Into<Effect>) -> Self {
        Self { matching: Matching::default(), times: None, every: None, share: None, seed: None, effect: effect.into() }
    }

    /// Only for this operation.
    #[must_use]
    pub fn on(mut self, operation: Operation) -> Self {
        self.matching.operation = Some(operation);
        self
    }

    /// Only in this conversation.
    #[must_use]
    pub fn in_conversation(mut self, id: &str) -> Self {
        self.matching.conversation = Some(id.to_owned());
        self
    }

    /// Only for this user.
    #[must_use]
    pub fn for_user(mut self, id: &str) -> Self {
        self.matching.user = Some(id.to_owned());
        self
    }

    /// Only in this tenant.
    #[must_use]
    pub fn in_tenant(mut self, id: &str) -> Self {
        self.matching.tenant = Some(id.to_owned());
        self
    }

    /// Only so often. Zero counts as one.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(NonZeroU32::new(times).unwrap_or(NonZeroU32::MIN));
        self
    }

    /// Only on each n-th request that matches. Zero counts as one.
    #[must_use]
    pub fn every(mut self, every: u32) -> Self {
        self.every = Some(NonZeroU32::new(every).unwrap_or(NonZeroU32::MIN));
        self
    }

    /// Only on this share of the requests that match, from 0 to 1, drawn from the seed.
    #[must_use]
    pub fn share(mut self, part: f64) -> Self {
        self.share = Some(Share::of(part));
        self
    }

    /// What chance is drawn from.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }
}
