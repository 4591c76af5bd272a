//! A schedule's message, sent to one person now to see what it looks like.
//!
//! These shapes are what `--json` prints, so they are stable: a field is added, never renamed.

use chrono::{DateTime, NaiveDateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::domain::id::{RecipientId, ScheduleName};

/// What is to be tested, and on whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestRequest {
    pub schedule: String,
    /// An address, the id of a conversation, or a name that nobody else has.
    pub to: String,
}

/// The same, looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestOrder {
    pub schedule: ScheduleName,
    pub recipient: RecipientId,
    /// After this it is not sent any more.
    pub expire_at: DateTime<Utc>,
}

/// The occurrence that a test became. It is accounted for as a test, and takes the place of no other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestReceipt {
    /// `nudged.test/1`.
    pub schema: String,
    pub schedule: String,
    /// When it was asked for, in UTC: the identity of the occurrence.
    pub occurrence: NaiveDateTime,
}

impl TestReceipt {
    pub const SCHEMA: &str = "nudged.test/1";
}
