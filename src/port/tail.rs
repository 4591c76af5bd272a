//! What crosses the ports when somebody follows what happens to deliveries.
//!
//! These shapes are what `--json` prints, so they are stable: a field is added, never renamed.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::port::export::LedgerRow;

/// What is asked for: first what ended last, then what has ended since.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TailQuery {
    /// Only this schedule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<String>,
    /// Only what failed, is unknown or has expired.
    #[serde(default)]
    pub failures: bool,
    /// What ended at this instant or later, but not up to the delivery `after` of that very instant; `None` for so many as
    /// `newest` says of what ended last, within the last 24 hours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<DateTime<Utc>>,
    #[serde(default)]
    pub after: i64,
    #[serde(default)]
    pub newest: u32,
}

/// What has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TailPage {
    /// `nudged.tail/1`.
    pub schema: String,
    pub now: DateTime<Utc>,
    /// In the order in which they ended.
    pub deliveries: Vec<LedgerRow>,
    /// Whether there may be more behind the last of them.
    pub more: bool,
}

impl TailPage {
    pub const SCHEMA: &str = "nudged.tail/1";
}
