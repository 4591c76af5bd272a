//! (schedule, zones, window) → waves.

use chrono::{DateTime, NaiveDateTime, Utc};
use chrono_tz::Tz;

use crate::domain::time::ClockNote;

/// The part of one occurrence whose recipients share a zone. It has exactly one due instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedWave {
    /// The civil time that is the identity of the occurrence.
    pub occurrence: NaiveDateTime,
    /// Whose clock gave the due instant.
    pub zone: Tz,
    pub recipients: WaveRecipients,
    pub due_at: DateTime<Utc>,
    /// After this nothing of it may be sent.
    pub expire_at: DateTime<Utc>,
    pub note: Option<ClockNote>,
}

/// Who of the audience is in a wave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WaveRecipients {
    /// Those who live in the wave's zone.
    OfZone,
    /// The whole audience, wherever they live.
    All,
}
