//! Replies on their way through the store.

use std::sync::Arc;

use chrono::{DateTime, NaiveDateTime, Utc};

use crate::domain::buttons::Outcome;
use crate::domain::event::EventFacts;
use crate::domain::id::{DeliveryId, ReplyId, ScheduleName};
use crate::domain::recipient::{Recipient, Reference};
use crate::domain::reply::{Form, ReplySettlement};

/// A reply to be sent.
#[derive(Debug, Clone, PartialEq)]
pub struct ReplyTask {
    pub reply: ReplyId,
    pub recipient: Recipient,
    /// With the conversation in which the reply is to stand.
    pub reference: Reference,
    /// BCP 47, when known.
    pub language: Option<String>,
    pub says: Says,
    pub asked_at: DateTime<Utc>,
    /// Made so far.
    pub attempts: u32,
}

/// What a reply says.
#[derive(Debug, Clone, PartialEq)]
pub enum Says {
    /// A message of its own, in Markdown.
    Text(String),
    /// What came of a press, in the message whose button it was.
    Within(Box<Delivered>, Outcome),
    /// The question in which zone the recipient lives.
    WhichZone,
}

impl Says {
    #[must_use]
    pub fn form(&self) -> Form {
        match self {
            Self::Text(_) => Form::Message,
            Self::Within(..) => Form::Line,
            Self::WhichZone => Form::Question,
        }
    }

    /// The message in which it is said.
    #[must_use]
    pub fn within(&self) -> Option<DeliveryId> {
        match self {
            Self::Within(delivered, _) => Some(delivered.delivery),
            Self::Text(_) | Self::WhichZone => None,
        }
    }
}

/// A message that was sent, with what is needed to make it once more.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivered {
    pub delivery: DeliveryId,
    pub schedule: ScheduleName,
    /// The civil time that the message speaks of.
    pub occurrence: NaiveDateTime,
    /// The due instant that the message speaks of.
    pub due_at: DateTime<Utc>,
    pub recipient: Recipient,
    /// What happened, where something did.
    pub event: Option<Arc<EventFacts>>,
    /// By which Teams knows the message.
    pub activity_id: Option<String>,
    /// Whether it was taken back: what it said is not to be said again.
    pub is_recalled: bool,
    /// Whether its schedule was edited since: what it says today is not what was sent.
    pub is_outdated: bool,
}

/// The replies that may be tried now.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ReplyWork {
    pub tasks: Vec<ReplyTask>,
    /// When the next one may be tried that is not among them.
    pub next_at: Option<DateTime<Utc>>,
}

/// What became of a reply.
#[derive(Debug, Clone, PartialEq)]
pub struct ReplyOutcome {
    pub reply: ReplyId,
    pub at: DateTime<Utc>,
    pub settlement: ReplySettlement,
}
