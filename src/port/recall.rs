//! What crosses the ports when messages are taken back: what is asked for, what is to be done, and how far it is.
//!
//! The report is what `--json` prints, so it is stable: a field is added, never renamed.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDateTime, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::domain::delivery::Reason;
use crate::domain::id::{DeliveryId, RecallId, ScheduleName};
use crate::domain::recall::{RecallSettlement, RecallState, Remedy};
use crate::domain::recipient::{Recipient, Reference};
use crate::domain::schedule::model::Target;

/// What is to be recalled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecallOrder {
    pub schedule: ScheduleName,
    /// `None` means the latest of which anything was sent, may have been sent, or is being sent.
    pub occurrence: Option<NaiveDateTime>,
    /// Only these; nobody named means everybody, also those who would still join the audience.
    pub who: Vec<Target>,
    pub remedy: Remedy,
}

/// Why there is nothing to recall.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoRecall {
    /// The ledger has never heard of the schedule.
    UnknownSchedule,
    /// Nothing of it has ever left, and no occurrence was named.
    NothingSent,
    /// It has no such occurrence. Of these, the latest ones first, anything has left.
    UnknownOccurrence { known: Vec<NaiveDateTime> },
    /// Nobody is known by this name, or nobody is in this group.
    Nobody(Target),
    /// Of this occurrence nothing was sent to them, and nothing is still to be sent.
    NothingThere(NaiveDateTime),
}

/// A message to be taken back now, with all that this takes.
#[derive(Debug, Clone, PartialEq)]
pub struct RecallTask {
    pub recall: RecallId,
    pub delivery: DeliveryId,
    pub asked_at: DateTime<Utc>,
    pub remedy: Remedy,
    pub activity_id: String,
    /// Requests made so far.
    pub attempts: u32,
    pub schedule: ScheduleName,
    pub occurrence: NaiveDateTime,
    pub due_at: DateTime<Utc>,
    pub recipient: Recipient,
    pub reference: Reference,
}

/// What there is to do.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RecallWork {
    /// What may be tried now.
    pub tasks: Vec<RecallTask>,
    /// When the next one may be tried that may not be now.
    pub next_at: Option<DateTime<Utc>>,
    /// Whether any wait for a sender to let go of them.
    pub is_awaiting: bool,
}

/// What became of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecallOutcome {
    pub recall: RecallId,
    pub delivery: DeliveryId,
    pub at: DateTime<Utc>,
    pub settlement: RecallSettlement,
    /// What was seen, in words.
    pub detail: Option<String>,
}

/// How many messages are in each state. States with none are left out.
pub type RecallCounts = BTreeMap<RecallState, u64>;

/// A recall, and how far it is; or, of one that has only been tried out, what it would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecallReport {
    /// `nudged.recall/1`.
    pub schema: String,
    /// `None` when it has only been tried out.
    pub recall: Option<RecallId>,
    pub asked_at: DateTime<Utc>,
    pub schedule: String,
    /// The civil time that is the identity of the occurrence.
    pub occurrence: NaiveDateTime,
    /// The occurrence that has taken its place since an edit. It is another one, and not recalled by this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved_to: Option<NaiveDateTime>,
    pub remedy: Remedy,
    pub counts: RecallCounts,
    /// Of those, the ones of which two copies may have arrived: no more than one of them has a known id.
    pub possible_duplicates: u64,
    /// Every message. Left out where only the numbers are asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub messages: Vec<RecalledMessage>,
}

impl RecallReport {
    pub const SCHEMA: &str = "nudged.recall/1";

    /// How many are in one of the states that `is` says.
    pub fn count(&self, is: impl Fn(RecallState) -> bool) -> u64 {
        self.counts.iter().filter(|(state, _)| is(**state)).map(|(_, count)| count).sum()
    }

    /// Whether nothing more happens.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.counts.keys().all(|state| state.is_final())
    }
}

/// One message of a recall.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecalledMessage {
    pub recipient: String,
    pub address: Option<String>,
    /// The recipient's own.
    pub zone: Tz,
    pub sent_at: Option<DateTime<Utc>>,
    pub state: RecallState,
    pub reason: Option<Reason>,
    pub detail: Option<String>,
    pub attempts: u32,
    pub possible_duplicate: bool,
    /// Before when it is not tried again, where it is to wait.
    pub not_before: Option<DateTime<Utc>>,
}
