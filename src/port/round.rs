//! What crosses the ports when a dispatcher goes round.

use std::time::Duration;

use chrono::{DateTime, NaiveDateTime, Utc};

use crate::domain::delivery::Claim;
use crate::domain::id::{ScheduleName, Term};
use crate::domain::share::Rooms;

/// What an expansion made.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Expanded {
    /// Those of which nothing is left to expand.
    pub waves: u64,
    pub deliveries: u64,
    /// Occurrences of which nothing is sent from now on.
    pub too_many: Vec<TooManyPeople>,
    /// Whether some of what was due is left for the next call.
    pub has_more: bool,
}

/// What a dispatcher asks for each time it goes round.
#[derive(Debug, Clone)]
pub struct Round {
    pub term: Term,
    pub now: DateTime<Utc>,
    /// How long before it is due a wave becomes deliveries.
    pub lead: Duration,
    /// About how many people are looked at by the expansion, see
    /// [`Store::expand_due`](crate::port::store::Store::expand_due).
    pub expand_at_once: u32,
    /// How much may be claimed.
    pub rooms: Rooms,
    /// For how long a claim is held.
    pub lease: Duration,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct WentRound {
    pub expanded: Expanded,
    pub claims: Vec<Claim>,
    /// When to go round again, if any instant is known. At once where more is to be expanded.
    pub next_at: Option<DateTime<Utc>>,
}

/// An occurrence with a larger audience than its schedule lets through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TooManyPeople {
    pub schedule: ScheduleName,
    pub occurrence: NaiveDateTime,
    pub max_people: u32,
    /// In all its zones.
    pub people: u64,
}
