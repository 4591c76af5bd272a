//! All that is known of one recipient, and what an operator may say of them.
//!
//! Like those of [`desk`](crate::port::desk), these shapes are what `--json` prints.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::domain::consent::Stopped;
use crate::domain::ladder::PassedOver;
use crate::domain::recipient::{PersonRecord, Reference};
use crate::port::desk::PersonView;

/// All that is known of one recipient.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonFile {
    /// `nudged.person/1`.
    pub schema: String,
    pub now: DateTime<Utc>,
    pub person: PersonView,
    /// When that was said of which the zone comes; `None` where the configuration says it.
    pub zone_said_at: Option<DateTime<Utc>>,
    /// What else was said of the zone, and why it does not count.
    pub passed_over: Vec<PassedOver>,
    pub reference: Reference,
    /// What this recipient stopped.
    pub stops: Vec<Stopped>,
    /// When Teams last told anything of them, and when in the conversation itself.
    pub told_at: Option<DateTime<Utc>>,
    pub heard_at: Option<DateTime<Utc>>,
    /// Since when they can't be reached, where Teams told it.
    pub unreachable_since: Option<DateTime<Utc>>,
}

impl PersonFile {
    pub const SCHEMA: &str = "nudged.person/1";
}

/// Who is asked about: an address, the id of a conversation, or a name that nobody else has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonQuery {
    pub who: String,
}

/// What an operator says of somebody's zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ZoneOrder {
    pub who: String,
    /// `None` takes back what an operator or an import said.
    pub zone: Option<Tz>,
}

/// What became of somebody by an act of the operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonChange {
    /// `nudged.person-change/1`.
    pub schema: String,
    /// Whether anything is another than before.
    pub changed: bool,
    pub file: PersonFile,
}

impl PersonChange {
    pub const SCHEMA: &str = "nudged.person-change/1";
}

/// Which part of an export is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ExportQuery {
    /// The `next` of the part before; 0 for the first.
    #[serde(default)]
    pub after: i64,
}

/// A part of an export.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportPage {
    pub records: Vec<PersonRecord>,
    /// Where the next part begins; `None` after the last.
    pub next: Option<i64>,
}
