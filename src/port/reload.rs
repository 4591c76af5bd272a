//! What crosses the ports when the schedule files are read again: what is to come into force, and what that changes.
//!
//! The answers are what `--json` prints, so they are stable: a field is added, never renamed.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::domain::problem::Source;
use crate::domain::schedule::model::Schedule;
use crate::domain::shift::Moved;
use crate::port::desk::HeldBackFile;
use crate::port::library::{FoundSupply, Shelf};
use crate::port::store::{Document, PlanMark, SchedulePlan};

/// Plans schedules: the planner as far as it is pure, so that a store can have it plan from what the store says in the
/// middle of an act.
pub trait Planning: Send + Sync {
    /// What is to be planned of each, if anything. Beside each schedule is how far it has been planned; `zones` are those in
    /// which recipients live.
    fn plans(&self, schedules: &[(Arc<Schedule>, Option<PlanMark>)], zones: &[Tz]) -> Vec<SchedulePlan>;
}

/// What is to come into force.
#[derive(Clone)]
pub struct Reload {
    /// Documents to be kept, each in place of an earlier one of the same name.
    pub keep: Vec<Document>,
    /// Documents to be forgotten, if they are kept.
    pub forget: Vec<String>,
    /// All schedules. One that the ledger knows and that is not among them is missing from `now` on.
    pub schedules: Vec<Arc<Schedule>>,
    /// The zone of people of whom none is known.
    pub fallback_zone: Tz,
    pub now: DateTime<Utc>,
    /// Plans what is new or another than before.
    pub planning: Arc<dyn Planning>,
    pub manner: ReloadManner,
}

impl fmt::Debug for Reload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reload")
            .field("keep", &self.keep)
            .field("forget", &self.forget)
            .field("schedules", &self.schedules.len())
            .field("now", &self.now)
            .field("manner", &self.manner)
            .finish_non_exhaustive()
    }
}

/// How something comes into force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReloadManner {
    /// It is not counted what that does to deliveries: of ten thousand new schedules nobody asks.
    Uncounted,
    Counted,
    /// All is done and counted, and then taken back. So what a dry run says is what is done.
    DryRun,
}

/// What a reload means for a schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// Nobody knew it.
    Added,
    /// It was missing, and is back.
    Returned,
    Changed,
    /// What the ledger knew under another name is this one, with all that was sent.
    Renamed,
    /// It is missing from now on, and cancelled after a grace.
    Removed,
}

/// What a reload does to one schedule, in people: deliveries, and who is coming where there are no deliveries yet.
/// Claimed deliveries are in the hands of a sender and are not counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduleChange {
    pub schedule: String,
    pub change: Change,
    /// Where it stands, or stood.
    pub file: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renamed_from: Option<String>,
    /// In the order of the hours.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub moved: Vec<Moved>,
    /// Who gets something that they would not have got.
    pub added: u64,
    /// Whose open delivery is cancelled; of a schedule that is removed, after the grace.
    pub cancelled: u64,
    /// Whose hour is over already, so that they are accounted for as `expired: past-when-planned`. In the order of the zones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub past: Vec<PastIn>,
}

/// People for whom it is too late.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PastIn {
    pub zone: Tz,
    pub people: u64,
}

/// What is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReloadRequest {
    /// Only say what would be done.
    #[serde(default)]
    pub dry_run: bool,
    /// Also take schedules away that the guard would hold, see [`Guard`].
    #[serde(default)]
    pub prune: bool,
    /// For a dry run: these files in place of those in the directory. Their texts cross, since whoever asks may have them where
    /// the daemon may not read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tried: Option<TriedFiles>,
}

/// What would stand in the directory of the schedule files.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TriedFiles {
    pub schedules: Vec<TriedFile>,
    pub supplies: Vec<TriedFile>,
}

/// A file that would stand there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TriedFile {
    /// Below the directory.
    pub path: String,
    pub text: String,
}

impl TriedFiles {
    /// The files as if they stood in `directory`: under the names that the ledger knows them by.
    #[must_use]
    pub fn on_shelf(self, directory: &Path) -> Shelf {
        let source =
            |file: &TriedFile| Source::new(directory.join(&file.path).display().to_string(), file.text.as_str());
        Shelf {
            files: self.schedules.iter().map(source).collect(),
            unreadable: Vec::new(),
            supplies: self
                .supplies
                .iter()
                .map(|file| FoundSupply { path: file.path.clone(), text: Ok(source(file)) })
                .collect(),
        }
    }
}

/// Schedules that would have gone all at once, as if a directory were not there, and that go on until somebody says that it is
/// meant.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guard {
    /// In the order of the names.
    pub schedules: Vec<String>,
    /// Of so many that were in force.
    pub of: u64,
}

/// What a reload came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReloadVerdict {
    /// `nudged.reload/1`.
    pub schema: String,
    pub now: DateTime<Utc>,
    /// Whether nothing has been done.
    pub dry_run: bool,
    /// How many schedules of files are in force.
    pub schedules: u64,
    /// In the order of the names.
    pub changes: Vec<ScheduleChange>,
    /// When what is open of removed schedules is cancelled, unless they are back; `None` where none is removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancelled_at: Option<DateTime<Utc>>,
    /// Files that are not used as they stand.
    pub held_back: Vec<HeldBackFile>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guard: Option<Guard>,
}

impl ReloadVerdict {
    pub const SCHEMA: &str = "nudged.reload/1";
}
