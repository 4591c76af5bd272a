//! A consistent copy of a ledger, made while a daemon works on it.
//!
//! The copy is made by SQLite's own backup, all in one step: one read transaction, which holds up no writer in WAL mode.
//! In small steps it would begin anew whenever somebody wrote, and under load never end. `VACUUM INTO` makes a copy that
//! is a little smaller, for four times the processor time.

use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, Utc};
use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::migrations;
use super::open;
use super::rows::micros;

/// Why no copy was made, or why one was not taken.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    #[error("there is no ledger at {}", .0.display())]
    NoLedger(PathBuf),
    #[error("{} is there already; name another file, or say --force to replace a backup", .0.display())]
    Exists(PathBuf),
    #[error("{} is the ledger itself; a backup needs a place of its own", .0.display())]
    Itself(PathBuf),
    #[error("{} is not a ledger of nudged; it is left as it is", .0.display())]
    NotOurs(PathBuf),
    #[error("{} has schema {found}, and this nudged knows schemas up to {known}; use the newer nudged that wrote it", .path.display())]
    Newer { path: PathBuf, found: i64, known: i64 },
    #[error("{} is damaged: {what}", .path.display())]
    Damaged { path: PathBuf, what: String },
    #[error("{doing} {} failed: {source}; check the path, its rights and the room there", .path.display())]
    Failed {
        doing: &'static str,
        path: PathBuf,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// How long a copy waits for another program's lock.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// So many pages are all of them.
const ALL_PAGES: i32 = -1;

pub(super) fn failed<E>(doing: &'static str, path: &Path) -> impl FnOnce(E) -> CopyError
where
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    move |source| CopyError::Failed { doing, path: path.to_owned(), source: source.into() }
}

/// What SQLite said of the database at `path`.
fn of_sqlite(doing: &'static str, path: &Path) -> impl FnOnce(rusqlite::Error) -> CopyError {
    move |error| match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt) => CopyError::Damaged { path: path.to_owned(), what: error.to_string() },
        Some(ErrorCode::NotADatabase) => CopyError::NotOurs(path.to_owned()),
        _ => failed(doing, path)(error),
    }
}

/// Makes a backup of `ledger`, also while a daemon works on it: under a temporary name, durable, checked, and only then
/// under its own. Returns its size in bytes.
///
/// Only its owner may read it: people's names and addresses are in it. What stands at `to` is replaced only when
/// `replaces` says so and it is a ledger.
pub fn back_up(ledger: &Path, to: &Path, replaces: bool, now: DateTime<Utc>) -> Result<u64, CopyError> {
    match (std::fs::metadata(to), replaces) {
        (Err(error), _) if error.kind() == io::ErrorKind::NotFound => {}
        (Ok(there), _) if is_same(&there, ledger) => return Err(CopyError::Itself(to.to_owned())),
        (_, false) => return Err(CopyError::Exists(to.to_owned())),
        (_, true) => check_ours(&open(to, OpenFlags::SQLITE_OPEN_READ_ONLY)?, to).map(drop)?,
    }
    let mut part = to.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    let made = (|| {
        let copy = copy(ledger, &part)?;
        // An older schema has no place for it.
        if migrations::version(&copy).map_err(failed("reading", &part))? == migrations::newest() {
            copy.execute("UPDATE daemon SET backed_up_at = ?1", [micros(now)]).map_err(failed("signing", &part))?;
        }
        // Page for page it is the ledger, and that is where the damage is.
        check(&copy, ledger)?;
        copy.close().map_err(|(_, error)| failed("closing", &part)(error))?;
        let bytes = make_durable(&part)?;
        std::fs::rename(&part, to).map_err(failed("naming", to))?;
        sync_names(to)?;
        Ok(bytes)
    })();
    if made.is_err() {
        // What is left of it is of no use to anybody; the first error says what is wrong.
        let _ = std::fs::remove_file(&part);
    }
    made
}

/// Whether this is the file at `path`, by whatever name.
fn is_same(there: &Metadata, path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|about| (about.dev(), about.ino()) == (there.dev(), there.ino()))
}

/// Copies a ledger, with what is in its log, to a new file; one that was left there by an interrupted copy goes.
/// The connection is to the copy, which has no log of its own and is not durable yet.
pub(super) fn copy(ledger: &Path, to: &Path) -> Result<Connection, CopyError> {
    if !ledger.try_exists().map_err(failed("reading", ledger))? {
        return Err(CopyError::NoLedger(ledger.to_owned()));
    }
    let from = open(ledger, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    check_ours(&from, ledger)?;
    match std::fs::remove_file(to) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed("replacing", to)(error)),
        Ok(()) | Err(_) => {}
    }
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(to).map_err(failed("making", to))?;
    let mut copy = open(to, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    // It is made durable as a whole; until then nobody looks at it.
    copy.execute_batch("PRAGMA synchronous = OFF; PRAGMA journal_mode = OFF").map_err(failed("making", to))?;
    let step = Backup::new(&from, &mut copy).and_then(|backup| backup.step(ALL_PAGES));
    match step.map_err(of_sqlite("copying", ledger))? {
        StepResult::Done => {}
        _ => return Err(failed("copying", ledger)("it is locked")),
    }
    copy.query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(())).map_err(of_sqlite("copying", ledger))?;
    Ok(copy)
}

fn open(path: &Path, access: OpenFlags) -> Result<Connection, CopyError> {
    let conn = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_NO_MUTEX | access);
    conn.and_then(|conn| conn.busy_timeout(BUSY_TIMEOUT).map(|()| conn)).map_err(failed("opening", path))
}

/// Makes sure that a database is a ledger, and not of a newer nudged.
fn check_ours(conn: &Connection, path: &Path) -> Result<(), CopyError> {
    let ask = |question: &str| conn.query_row(question, [], |row| row.get::<_, i64>(0));
    if ask("PRAGMA application_id").map_err(of_sqlite("reading", path))? != migrations::APPLICATION_ID {
        return Err(CopyError::NotOurs(path.to_owned()));
    }
    let found = migrations::version(conn).map_err(of_sqlite("reading", path))?;
    let known = migrations::newest();
    if found > known { Err(CopyError::Newer { path: path.to_owned(), found, known }) } else { Ok(()) }
}

/// Reads all of it and makes sure that it fits together.
pub(super) fn check(conn: &Connection, path: &Path) -> Result<(), CopyError> {
    let answer: rusqlite::Result<String> = conn.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0));
    match answer {
        Ok(answer) if answer == "ok" => Ok(()),
        Ok(what) => Err(CopyError::Damaged { path: path.to_owned(), what: first_line(&what) }),
        Err(error) => Err(of_sqlite("checking", path)(error)),
    }
}

/// The first thing that SQLite found, on one line.
fn first_line(found: &str) -> String {
    found.lines().find(|line| !line.starts_with("***")).unwrap_or(found).to_owned()
}

/// Returns its size in bytes.
pub(super) fn make_durable(path: &Path) -> Result<u64, CopyError> {
    let file = File::open(path).and_then(|file| file.sync_all().map(|()| file));
    let length = file.and_then(|file| file.metadata()).map_err(failed("writing", path))?;
    Ok(length.len())
}

/// Makes durable what a file is called.
pub(super) fn sync_names(of: &Path) -> Result<(), CopyError> {
    open::sync_names(of).map_err(failed("naming", of))
}
