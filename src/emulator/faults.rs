//! What a fault is, in Rust and in JSON.
//!
//! ```json
//! { "match": { "conversation": "a:1…", "user": "29:…", "operation": "send" },
//!   "times": 3, "every": 2,
//!   "do": { "status": 503, "code": "ServiceError", "message": "…", "retry_after": 2 } }
//! ```
//! Instead of a status, `do` may hold `{"delay_ms": 500}`, `{"cut": "before"}` or `{"hang": "after"}`. A status or a
//! delay may say `"when": "after"`: what was asked for is done first, so that a 504 with it is one that delivers.

use std::num::NonZeroU32;
use std::time::Duration;

use serde::{Deserialize, Serialize};

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
    /// What it does.
    #[serde(rename = "do")]
    pub effect: Effect,
}

/// Which requests a rule is about. What is not given matches everything.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Matching {
    /// A conversation id, decoded. A creation matches by the conversation it would answer with, or by the channel it
    /// would post into.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation: Option<String>,
    /// The member a conversation is created for; in a send, the member it was created for, else the activity's
    /// `recipient.id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<Operation>,
}

/// What a request wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Operation {
    /// Send into a conversation, or reply there.
    Send,
    /// Create a conversation.
    Create,
    /// Get a token.
    Token,
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
#[serde(try_from = "Wire", into = "Wire")]
pub enum Effect {
    /// Answers in its own words.
    Answer(Answer),
    /// Waits, on the emulator's clock; then, if `when` is before, goes on as if there were no rule.
    Delay { span: Duration, when: When },
    /// Closes the connection: no status line, no body.
    Cut(When),
    /// Keeps the connection open and never answers.
    Hang(When),
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

impl Fault {
    /// A rule that always acts, on all requests.
    #[must_use]
    pub fn new(effect: impl Into<Effect>) -> Self {
        Self { matching: Matching::default(), times: None, every: None, effect: effect.into() }
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
}

/// An effect as it stands in JSON.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Wire {
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delay_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cut: Option<When>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hang: Option<When>,
    #[serde(skip_serializing_if = "Option::is_none")]
    when: Option<When>,
}

impl TryFrom<Wire> for Effect {
    type Error = &'static str;

    fn try_from(wire: Wire) -> Result<Self, Self::Error> {
        let words = wire.code.is_some() || wire.message.is_some() || wire.retry_after.is_some() || wire.body.is_some();
        if words && wire.status.is_none() {
            return Err("code, message, retry_after and body need a status");
        }
        if wire.when.is_some() && (wire.cut.is_some() || wire.hang.is_some()) {
            return Err("cut and hang say themselves when: \"before\" or \"after\"");
        }
        let when = wire.when.unwrap_or_default();
        match (wire.status, wire.delay_ms, wire.cut, wire.hang) {
            (Some(status @ 200..=599), None, None, None) => Ok(Self::Answer(Answer {
                status,
                code: wire.code,
                message: wire.message,
                retry_after: wire.retry_after,
                body: wire.body,
                when,
            })),
            (Some(_), None, None, None) => Err("a status is between 200 and 599"),
            (None, Some(ms), None, None) => Ok(Self::Delay { span: Duration::from_millis(ms), when }),
            (None, None, Some(when), None) => Ok(Self::Cut(when)),
            (None, None, None, Some(when)) => Ok(Self::Hang(when)),
            _ => Err("exactly one of status, delay_ms, cut and hang"),
        }
    }
}

impl From<Effect> for Wire {
    fn from(effect: Effect) -> Self {
        match effect {
            Effect::Answer(answer) => Self {
                status: Some(answer.status),
                code: answer.code,
                message: answer.message,
                retry_after: answer.retry_after,
                body: answer.body,
                when: Some(answer.when),
                ..Self::default()
            },
            Effect::Delay { span, when } => Self {
                delay_ms: Some(u64::try_from(span.as_millis()).unwrap_or(u64::MAX)),
                when: Some(when),
                ..Self::default()
            },
            Effect::Cut(when) => Self { cut: Some(when), ..Self::default() },
            Effect::Hang(when) => Self { hang: Some(when), ..Self::default() },
        }
    }
}
