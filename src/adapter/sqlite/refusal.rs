//! Why a ledger is not opened, in words for whoever starts a daemon: what is wrong, where, and what to do.

use std::io;
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;
use rustix::fs::{Access, access};
use rustix::io::Errno;

/// Why the ledger could not be opened. Nothing was changed in the file then.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("{} is not an SQLite database; nothing was changed in it. Put a backup in its place with `nudged restore FILE`, or name another state_dir", .path.display())]
    NotADatabase { path: PathBuf },
    #[error("{} is the SQLite database of another program; nothing was changed in it. Move it away, or name another state_dir", .path.display())]
    OfAnotherProgram { path: PathBuf },
    #[error("{} has schema {found}, and this nudged knows schemas up to {known}; use the newer nudged that wrote it", .path.display())]
    Newer { path: PathBuf, found: i64, known: i64 },
    #[error("{} is a directory where the ledger should be; move it away, or name another state_dir", .path.display())]
    NotAFile { path: PathBuf },
    #[error("{} is damaged; nothing was changed in it. Put a backup in its place with `nudged restore FILE`", .path.display())]
    Damaged { path: PathBuf },
    /// SQLite would throw such a log away as the leftover of another file.
    #[error("{} is there, but its ledger {} is not; nothing was changed. Put the ledger back beside it, or move it away to begin anew", log(path).display(), .path.display())]
    LogWithoutLedger { path: PathBuf },
    #[error("a restore of {} was interrupted; nothing was changed since. Say `nudged restore FILE` once more", .path.display())]
    HalfRestored { path: PathBuf },
    #[error("{} can't be read and written by this user ({source}); use the user that runs nudged, or give it to this one", .path.display())]
    Denied {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{} can't be written ({source}); look at the disk, and mount it for writing again", .path.display())]
    ReadOnly {
        path: PathBuf,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("another program has locked {}, such as an open `sqlite3`; end it and start again", .path.display())]
    Locked { path: PathBuf },
    #[error("there is no room left on the disk of {}; make some and start again", .path.display())]
    NoRoom { path: PathBuf },
    #[error("the disk of {} fails, or has no room left ({source}); look into the kernel's log, and at `df`", .path.display())]
    DiskFails {
        path: PathBuf,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("{} cannot keep a write-ahead log (journal mode {mode:?}); put the ledger on a local disk", .path.display())]
    NoWriteAheadLog { path: PathBuf, mode: String },
    #[error("{doing} {}: {source}", .path.display())]
    Failed {
        doing: &'static str,
        path: PathBuf,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// The write-ahead log of a ledger.
pub(super) fn log(ledger: &Path) -> PathBuf {
    with_suffix(ledger, "-wal")
}

/// What those who work on a ledger share about its log.
pub(super) fn shared(ledger: &Path) -> PathBuf {
    with_suffix(ledger, "-shm")
}

/// Where a new ledger is made.
pub(super) fn being_born(ledger: &Path) -> PathBuf {
    with_suffix(ledger, ".new")
}

fn with_suffix(ledger: &Path, suffix: &str) -> PathBuf {
    let mut name = ledger.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Whether this user may make no files beside the ledger, as its log is one. SQLite says the same of a disk that can't be
/// written.
fn is_closed(ledger: &Path) -> bool {
    let asked = ledger.parent().map(|directory| access(directory, Access::WRITE_OK | Access::EXEC_OK));
    asked == Some(Err(Errno::ACCESS))
}

impl OpenError {
    /// What SQLite said while `doing` something to the file.
    pub(super) fn of_sqlite(doing: &'static str, path: &Path, source: rusqlite::Error) -> Self {
        let path = path.to_owned();
        match source.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => Self::NotADatabase { path },
            Some(ErrorCode::DatabaseCorrupt) => Self::Damaged { path },
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Locked { path },
            Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen) if is_closed(&path) => {
                let directory = path.parent().unwrap_or(Path::new(".")).to_owned();
                Self::Denied { path: directory, source: Errno::ACCESS.into() }
            }
            Some(ErrorCode::ReadOnly) => Self::ReadOnly { path, source: Box::new(source) },
            Some(ErrorCode::DiskFull) => Self::NoRoom { path },
            Some(ErrorCode::SystemIoFailure) => Self::DiskFails { path, source: Box::new(source) },
            _ => Self::Failed { doing, path, source: Box::new(source) },
        }
    }

    /// What the operating system said while `doing` something to the file.
    pub(super) fn of_file(doing: &'static str, path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::IsADirectory => Self::NotAFile { path },
            io::ErrorKind::PermissionDenied => Self::Denied { path, source },
            io::ErrorKind::ReadOnlyFilesystem => Self::ReadOnly { path, source: Box::new(source) },
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::NoRoom { path },
            _ => Self::Failed { doing, path, source: Box::new(source) },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::adapter::sqlite::SqliteStore;

    #[test]
    fn a_directory_that_is_closed_is_a_right_that_is_missing_and_no_disk() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("nudged.db");
        File::create(&path).expect("an empty ledger");
        fs::set_permissions(directory.path(), Permissions::from_mode(0o500)).expect("ours");
        let is_everything_allowed = File::create(directory.path().join("x")).is_ok();
        let opened = SqliteStore::open(&path);
        fs::set_permissions(directory.path(), Permissions::from_mode(0o700)).expect("ours");
        // Nothing is closed to root.
        if !is_everything_allowed {
            let error = opened.err().expect("it can't be used");
            assert!(matches!(error, OpenError::Denied { .. }), "{error}");
        }
    }
}
