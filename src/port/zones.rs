//! The rules of every zone, from data that may be exchanged while the daemon runs.

use std::sync::Arc;

use crate::domain::time::ZoneRules;

/// That newer time-zone data has been taken up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refreshed {
    /// The version until now, for example `2026a`.
    pub before: Arc<str>,
    pub now: Arc<str>,
}

/// Where the rules come from.
pub trait ZoneDatabase: ZoneRules {
    /// Looks whether there is newer data, and takes it up. Cheap when there is none, so it may be asked often.
    fn refresh(&self) -> Option<Refreshed>;
}
