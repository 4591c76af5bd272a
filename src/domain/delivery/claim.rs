//! A delivery in the hands of a sender.

use std::sync::Arc;

use chrono::{DateTime, NaiveDateTime, Utc};
use chrono_tz::Tz;

use super::Reason;
use crate::domain::conversation::Standing;
use crate::domain::event::EventFacts;
use crate::domain::id::{DeliveryId, ScheduleName, Term};
use crate::domain::recipient::{Recipient, Reference, Unreachable};
use crate::domain::schedule::model::{CatchUp, OnUnknown, Overlap, Priority};

/// A delivery in the hands of a sender, with all that is needed to decide and to send.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own, asked by one policy")]
pub struct Claim {
    pub id: DeliveryId,
    /// The term under which it was claimed; every later write carries it.
    pub term: Term,
    pub priority: Priority,
    pub schedule: ScheduleName,
    /// The civil time that is the identity of the occurrence.
    pub occurrence: NaiveDateTime,
    /// Whose clock gave the due instant.
    pub zone: Tz,
    pub due_at: DateTime<Utc>,
    /// After this it must not be sent.
    pub expire_at: DateTime<Utc>,
    /// When its wave was planned: past its due instant for a late-comer.
    pub planned_at: DateTime<Utc>,
    pub on_unknown: OnUnknown,
    pub overlap: Overlap,
    pub catch_up: CatchUp,
    /// Attempts made so far.
    pub attempts: u32,
    /// How many of them ended in doubt whether the message had arrived.
    pub doubts: u32,
    /// Why it has been waiting, where it has.
    pub waited_for: Option<Reason>,
    /// The thread in which the last attempt was made, where it was made in one.
    pub tried_in: Option<String>,
    /// An earlier attempt has an unknown outcome, so this one may be the second copy.
    pub possible_duplicate: bool,
    pub recipient: Recipient,
    /// The groups of the recipient. Only filled where the schedule asks for each recipient's own holidays.
    pub groups: Vec<String>,
    /// False for somebody a schedule names but no import has ever mentioned.
    pub is_known: bool,
    pub reference: Reference,
    pub unreachable: Option<Unreachable>,
    /// Of somebody who is known from the rosters of teams alone: whether they are a guest there.
    pub standing: Standing,
    /// Of a channel whose id is not known: whether that of its team says it once it has been read.
    pub roster: RosterState,
    /// What became of the occurrences that this one replaces, for this recipient.
    pub earlier: Earlier,
    /// The message that the recipient put off, where this is the same once more.
    pub original: Option<Original>,
    /// Whether the recipient has stopped the topic of the schedule, or everything.
    pub opted_out: bool,
    /// Whether a later occurrence of the schedule was due for this recipient when this was claimed. Only asked where
    /// `overlap` or `catch_up` want to know.
    pub later_is_due: bool,
    /// Whether an operator looks what it is like. Then it comes when they ask for it.
    pub is_test: bool,
    /// Whether the schedule leaves out somebody of whom only a name is known, and Teams has not been asked whether it is this
    /// recipient.
    pub may_be_left_out: bool,
    /// What happened, where that is why it is sent.
    pub event: Option<Arc<EventFacts>>,
}

/// A message that its recipient put off. What comes later speaks of the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Original {
    pub occurrence: NaiveDateTime,
    pub due_at: DateTime<Utc>,
    /// Whether it has been taken back since.
    pub is_recalled: bool,
}

impl Claim {
    /// The civil time and the due instant of which the message speaks.
    #[must_use]
    pub fn speaks_of(&self) -> (NaiveDateTime, DateTime<Utc>) {
        self.original.map_or((self.occurrence, self.due_at), |original| (original.occurrence, original.due_at))
    }
}

/// Whether the roster of a recipient's team has been read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RosterState {
    /// It has, or there is nothing to learn from it.
    #[default]
    Read,
    /// Not yet: it may say how to reach the recipient.
    Unread,
}

/// What became of the occurrences that one replaces since an edit, for its recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Earlier {
    /// Nothing arrived: there were none, or they have been given up.
    #[default]
    Nothing,
    /// One is in the hands of a sender just now.
    InHand,
    /// One was sent, or may have been.
    Served,
}
