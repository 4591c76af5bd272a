//! The ledger, row by row, for spreadsheets and programs.
//!
//! These shapes are what `--json` prints, so they are stable: a field is added, never renamed.

use chrono::{DateTime, NaiveDateTime, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::domain::delivery::{Reason, State};
use crate::domain::event::Cause;
use crate::domain::id::DeliveryId;

/// Which part of the ledger is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerQuery {
    /// Only this schedule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<String>,
    /// Only what was due at this instant or later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<DateTime<Utc>>,
    /// The `next` of the part before; 0 for the first.
    #[serde(default)]
    pub after: i64,
}

/// A part of the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerPage {
    /// `nudged.ledger/1`.
    pub schema: String,
    /// In the order in which they came into the ledger.
    pub deliveries: Vec<LedgerRow>,
    /// Where the next part begins; `None` after the last.
    pub next: Option<i64>,
}

impl LedgerPage {
    pub const SCHEMA: &str = "nudged.ledger/1";
}

/// One delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerRow {
    pub delivery: DeliveryId,
    pub schedule: String,
    /// The civil time that is the identity of the occurrence.
    pub occurrence: NaiveDateTime,
    pub cause: Cause,
    pub recipient: String,
    pub address: Option<String>,
    /// The zone whose clock gave the due instant.
    pub zone: Tz,
    pub due_at: DateTime<Utc>,
    pub state: State,
    pub reason: Option<Reason>,
    pub detail: Option<String>,
    pub attempts: u32,
    pub possible_duplicate: bool,
    pub sent_at: Option<DateTime<Utc>>,
    pub ended_at: Option<DateTime<Utc>>,
    /// The id of the message in Teams.
    pub activity_id: Option<String>,
    /// Of the last attempt, where one was made and is still kept.
    pub status: Option<u16>,
    pub error_code: Option<String>,
    pub correlation_id: Option<String>,
}
