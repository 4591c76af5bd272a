//! What crosses the ports when an operator looks at what went wrong, sends it again, or ends what is still to come.
//!
//! These shapes are what `--json` prints, so they are stable: a field is added, never renamed.

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::domain::delivery::{Reason, State};
use crate::domain::id::ScheduleName;
use crate::domain::schedule::model::Target;
use crate::port::export::LedgerRow;

/// Which failures are asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailuresQuery {
    /// Only those of this schedule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<String>,
    /// What ended at this instant or later; `None` means within the last 24 hours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<DateTime<Utc>>,
    /// At most so many are listed; all are counted.
    pub limit: u32,
}

/// What failed, is unknown or has expired.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failures {
    /// `nudged.failures/1`.
    pub schema: String,
    pub now: DateTime<Utc>,
    pub since: DateTime<Utc>,
    /// All of them, by what went wrong, the most frequent first.
    pub reasons: Vec<FailureGroup>,
    /// The newest first.
    pub failures: Vec<LedgerRow>,
}

impl Failures {
    pub const SCHEMA: &str = "nudged.failures/1";

    /// How many there are, listed or not.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.reasons.iter().map(|group| group.count).sum()
    }
}

/// How often one thing went wrong, and what can be done about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureGroup {
    pub state: State,
    pub reason: Option<Reason>,
    pub count: u64,
    /// What the reason means, in words.
    pub meaning: Option<String>,
    /// What to do about it, in words.
    pub cure: Option<String>,
}

/// What is to be sent again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetryRequest {
    pub schedule: String,
    /// As in `to` of a schedule; nobody named means everybody.
    pub who: Vec<String>,
    /// All of that date; `None` means the occurrence of which something ended so last.
    pub on: Option<NaiveDate>,
    pub which: Retried,
    /// Whether also what is past its lateness limit. It is then sent within as long as a message may be late.
    pub late: bool,
    pub dry_run: bool,
}

/// Which deliveries are sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Retried {
    /// Those of which certainly nothing arrived.
    Failed,
    /// Those of which nobody knows: they may get it twice.
    Unknown,
}

impl Retried {
    #[must_use]
    pub fn state(self) -> State {
        match self {
            Retried::Failed => State::Failed,
            Retried::Unknown => State::Unknown,
        }
    }
}

/// The same, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetryOrder {
    pub schedule: ScheduleName,
    pub who: Vec<Target>,
    pub on: Option<NaiveDate>,
    pub which: Retried,
    /// Until when what is late may be sent; `None` leaves it alone.
    pub late_until: Option<DateTime<Utc>>,
    pub dry_run: bool,
}

/// What is sent again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetryReport {
    /// `nudged.retry/1`.
    pub schema: String,
    pub schedule: String,
    pub which: Retried,
    pub dry_run: bool,
    /// In their order.
    pub occurrences: Vec<NaiveDateTime>,
    /// How many are to be sent again.
    pub retried: u64,
    /// How many are left because they are past their lateness limit.
    pub too_late: u64,
    /// How many are left because they were recalled or cancelled, or the schedule does not mean them any more.
    pub not_meant: u64,
}

impl RetryReport {
    pub const SCHEMA: &str = "nudged.retry/1";
}

/// Which occurrences are to be cancelled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CancelRequest {
    pub schedule: String,
    /// All of that date; `None` means the one that is going out, or else the next one.
    pub on: Option<NaiveDate>,
    pub dry_run: bool,
}

/// The same, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CancelOrder {
    pub schedule: ScheduleName,
    pub on: Option<NaiveDate>,
    pub dry_run: bool,
}

/// What was cancelled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CancelReport {
    /// `nudged.cancel/1`.
    pub schema: String,
    pub schedule: String,
    pub dry_run: bool,
    /// In their order, at least one.
    pub occurrences: Vec<CancelledOccurrence>,
}

impl CancelReport {
    pub const SCHEMA: &str = "nudged.cancel/1";
}

/// One occurrence of which nothing more is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CancelledOccurrence {
    pub occurrence: NaiveDateTime,
    /// How many will not get it.
    pub cancelled: u64,
    /// How many may have it already, or are getting it just now.
    pub out: u64,
}

/// Why there is nothing to retry or to cancel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NothingThere {
    /// The ledger has never heard of the schedule.
    UnknownSchedule,
    /// Nobody is known by this name, or nobody is in this group.
    Nobody(Target),
    /// Nothing of it is so, then.
    Nothing,
}
