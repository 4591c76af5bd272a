//! `[backup]`: where the daily backups of the ledger go, when they are made, and how many are kept.

use std::path::{Path, PathBuf};

use chrono::NaiveTime;

use crate::domain::document::Table;
use crate::domain::document::civil::Civil;
use crate::domain::problem::{Code, Problem};

/// What the operator says of backups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backups {
    pub directory: PathBuf,
    /// So many of the newest ones.
    pub keep: usize,
    /// In UTC, every day.
    pub at: NaiveTime,
}

/// A week of them.
const KEEP: usize = 7;
/// Before the working day of Europe, and after that of America.
const AT: NaiveTime = NaiveTime::from_hms_opt(3, 40, 0).expect("a time of day");

const AT_HELP: &str = "write a time of day in UTC, such as at = 03:40:00";

/// Relative paths begin in `base`. `None` where something is wrong, which has been reported then.
pub(super) fn read(table: &mut Table<'_>, base: &Path) -> Option<Backups> {
    let directory = table.text("directory").map(|given| base.join(given.value));
    let keep = table.integer("keep", 1..=10_000).map_or(KEEP, |keep| usize::try_from(keep.value).unwrap_or(KEEP));
    let at = match table.value("at") {
        None => Some(AT),
        Some(value) => match value.civil() {
            Some(Civil::Time(at)) => Some(at),
            Some(Civil::Date(_) | Civil::DateTime(_) | Civil::Instant(_)) => {
                let message = "`at` must be a time of day";
                value.report(Problem::new(Code::WrongType, value.span(), message).with_help(AT_HELP));
                None
            }
            // It has been reported.
            None => None,
        },
    };
    table.missing(
        "directory",
        "`[backup]` does not say where the backups go",
        "write directory = \"/var/backups/nudged\" below it, best on another disk",
    );
    Some(Backups { directory: directory?, keep, at: at? })
}
