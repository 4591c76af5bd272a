//! Copying the log into the file, beside the writer.
//!
//! By itself SQLite does this within the commit that makes the log long, and all who share that commit wait for two more
//! syncs and for every page that is copied: on a busy morning of installs a tenth of a second and more, several times a
//! second. So a thread of its own copies while the writer goes on; SQLite lets one read of the log and one write to it go
//! on at once.
//!
//! A log can be begun anew only when all of it has been copied and nothing was added meanwhile, which under steady load may
//! never be so. Therefore the writer copies the rest itself when the log is long and the rest is little. While a backup reads
//! the ledger nothing can be copied that is newer than its beginning; the log grows for so long, and afterwards the copier
//! goes first here too.

use std::ffi::c_int;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use rusqlite::hooks::Wal;
use rusqlite::wal::CheckpointMode;
use rusqlite::{Connection, ErrorCode};

use super::fault::Fault;
use super::thread::Worker;

/// From so many pages of 4 KiB on, the log is worth copying: as many as SQLite has by itself.
const WORTH_IT: c_int = 1_000;

/// With so many pages, 32 MiB, the writer copies what is left, where that is little. It is half of what the log is cut back
/// to.
const TOO_LONG: c_int = 8_000;

/// So many pages are little: what SQLite by itself would copy within a commit.
const LITTLE: c_int = 1_000;

/// From now on every commit of the writer looks at how long the log has become. Takes the place of SQLite's own way.
pub(super) fn arrange(writer: &mut Connection, copier: &Worker) -> rusqlite::Result<()> {
    // How much of the log had been copied when the copier was last done. Of a log that was begun anew since it is too much;
    // the writer then copies as much as there is, once.
    let done = Arc::new(AtomicI32::new(0));
    let done_by_copier = Arc::clone(&done);
    let bell = copier.bell("copying the log into the file", move |conn| {
        done_by_copier.store(copy(conn)?, Ordering::Relaxed);
        Ok(())
    });
    writer.wal_hook(Some(move |log: &mut Wal, pages: c_int| {
        if pages < WORTH_IT {
            done.store(0, Ordering::Relaxed);
        } else if pages >= TOO_LONG && pages - done.load(Ordering::Relaxed) <= LITTLE {
            copy_the_rest(log, pages);
        } else {
            bell.ring();
        }
        Ok(())
    }))
}

/// What can't be copied now is copied after another commit. That is no failure of this one.
fn copy_the_rest(log: &mut Wal, pages: c_int) {
    match log.checkpoint_v2(CheckpointMode::PASSIVE) {
        // Busy: the copier is at it.
        Err(error) if error.sqlite_error_code() != Some(ErrorCode::DatabaseBusy) => {
            tracing::warn!(%error, pages, "the ledger's log could not be copied into its file; it grows");
        }
        Ok(_) | Err(_) => {}
    }
}

/// PASSIVE: it waits for nobody. Returns how many pages of the log are in the file now.
pub(super) fn copy(conn: &Connection) -> Result<c_int, Fault> {
    Ok(conn.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| row.get(2))?)
}

#[cfg(test)]
mod tests {
    use super::super::thread::Manner;
    use super::*;

    fn pages(path: &std::path::Path) -> u64 {
        let log = std::fs::metadata(path.with_extension("db-wal")).expect("a log").len();
        log / (4096 + 24)
    }

    /// However much is written, and also after somebody has read for a long time, the log is begun anew.
    #[tokio::test]
    async fn the_log_does_not_grow_for_ever() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("ledger.db");
        let mut writer = Connection::open(&path).expect("a database");
        writer
            .execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; CREATE TABLE t (b BLOB);")
            .expect("a table");
        let copier = Worker::start(Connection::open(&path).expect("another"), Manner::COPIER).expect("a thread");
        arrange(&mut writer, &copier).expect("arranged");
        let write = async |commits: usize| {
            for _ in 0..commits {
                writer.execute("INSERT INTO t VALUES (zeroblob(400000))", []).expect("written");
                // The copier's turn, however busy the machine is: what it was asked before is done then.
                copier.call_alone("nothing", |_| Ok(())).await.expect("it answers");
            }
        };
        write(300).await;
        let steady = pages(&path);
        assert!(steady < 1_500, "{steady} of 30,000 pages");

        let reader = Connection::open(&path).expect("a reader");
        reader.execute_batch("BEGIN; SELECT count(*) FROM t;").expect("it reads");
        write(300).await;
        let at_its_end = pages(&path);
        assert!(at_its_end >= 30_000, "nothing newer than its beginning can be copied: {at_its_end}");
        reader.execute_batch("COMMIT").expect("it has read");
        write(300).await;
        assert!(pages(&path) <= at_its_end + 1_000, "{} after {at_its_end}", pages(&path));
        copier.close().await;
    }
}
