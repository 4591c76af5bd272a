//! Copying the log into the file, beside the writer.
//!
//! By itself SQLite does this within the commit that makes the log long, and all who share that commit wait for two more
//! syncs and for every page that is copied: on a busy morning of installs a tenth of a second and more, several times a
//! second. So a thread of its own copies while the writer goes on; SQLite lets one read of the log and one write to it go
//! on at once.
//!
//! A log can be begun anew only when all of it has been copied and nothing was added meanwhile, which under steady load may
//! never be so. Therefore the writer does copy the rest when the log has become long in spite of it; by then that is little.

use std::ffi::c_int;

use rusqlite::Connection;
use rusqlite::hooks::Wal;
use rusqlite::wal::CheckpointMode;

use super::fault::Fault;
use super::thread::Bell;

/// From so many pages of 4 KiB on, the log is worth copying: as many as SQLite has by itself.
const WORTH_IT: c_int = 1_000;

/// With so many pages, 32 MiB, the writer copies what is left. That is half of what the log is cut back to.
const TOO_LONG: c_int = 8_000;

/// From now on every commit of the writer looks at how long the log has become. Takes the place of SQLite's own way.
pub(super) fn arrange(writer: &mut Connection, copier: Bell) -> rusqlite::Result<()> {
    writer.wal_hook(Some(move |log: &mut Wal, pages: c_int| {
        if pages >= TOO_LONG {
            // What it could not copy now it copies after another commit. That is no failure of this one.
            if let Err(error) = log.checkpoint_v2(CheckpointMode::PASSIVE) {
                tracing::warn!(%error, pages, "the ledger's log could not be copied into its file; it grows");
            }
        } else if pages >= WORTH_IT {
            copier.ring();
        }
        Ok(())
    }))
}

/// PASSIVE: it waits for nobody.
pub(super) fn copy(conn: &Connection) -> Result<(), Fault> {
    conn.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?;
    Ok(())
}
