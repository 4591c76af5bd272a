//! Opening the file: what it must be, and how its connections are set up.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::migrations;

/// Why the ledger could not be opened. Nothing was changed in the file then.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("{} is not an SQLite database; nothing was changed in it. Name another file for the ledger", .path.display())]
    NotADatabase { path: PathBuf },
    #[error("{} is the SQLite database of another program; nothing was changed in it. Name another file for the ledger", .path.display())]
    OfAnotherProgram { path: PathBuf },
    #[error("{} has schema {found}, and this nudged knows schemas up to {known}; use the newer nudged that wrote it", .path.display())]
    Newer { path: PathBuf, found: i64, known: i64 },
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

/// How long one connection waits for another program's write lock, such as an operator's `sqlite3`.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Room for every statement of this room, so that none is prepared twice.
const STATEMENTS: usize = 512;

/// The writer's connection and the reader's, on a file that has the newest schema.
pub(super) fn open(path: &Path) -> Result<(Connection, Connection), OpenError> {
    let failed = |doing: &'static str| {
        move |source: rusqlite::Error| OpenError::Failed { doing, path: path.to_owned(), source: Box::new(source) }
    };
    check_header(path)?;
    // No URI flag: a path that begins with "file:" is a path.
    let flags = OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut writer =
        Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)
            .map_err(failed("opening"))?;
    writer.busy_timeout(BUSY_TIMEOUT).map_err(failed("opening"))?;
    check_owner(&writer, path)?;

    let mode: String = writer
        .query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))
        .map_err(failed("starting the write-ahead log of"))?;
    if mode != "wal" {
        return Err(OpenError::NoWriteAheadLog { path: path.to_owned(), mode });
    }
    // FULL, since in WAL mode NORMAL may lose the last commits when the power goes, and an attempt must be durable
    // before its request leaves. The log is cut back to the limit when it has been copied.
    writer
        .execute_batch(
            "PRAGMA synchronous = FULL;
             PRAGMA foreign_keys = ON;
             PRAGMA temp_store = MEMORY;
             PRAGMA cache_size = -16384;
             PRAGMA journal_size_limit = 67108864;
             PRAGMA analysis_limit = 400;",
        )
        .map_err(failed("setting up"))?;
    migrations::migrate(&mut writer).map_err(failed("migrating"))?;

    let reader = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_READ_ONLY)
        .map_err(failed("opening for reading"))?;
    reader.busy_timeout(BUSY_TIMEOUT).map_err(failed("opening for reading"))?;
    reader
        .execute_batch("PRAGMA temp_store = MEMORY; PRAGMA cache_size = -8192;")
        .map_err(failed("setting up for reading"))?;

    for conn in [&writer, &reader] {
        conn.set_prepared_statement_cache_capacity(STATEMENTS);
    }
    Ok((writer, reader))
}

/// Looks at the first bytes before SQLite does, since SQLite takes some broken files for empty ones. Where there is no
/// file, there is an empty one then.
fn check_header(path: &Path) -> Result<(), OpenError> {
    const MAGIC: &[u8] = b"SQLite format 3\0";
    let failed = |source: std::io::Error| OpenError::Failed {
        doing: "reading",
        path: path.to_owned(),
        source: Box::new(source),
    };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return create(path).map_err(failed),
        Err(error) => return Err(failed(error)),
    };
    let mut header = Vec::new();
    file.take(MAGIC.len() as u64).read_to_end(&mut header).map_err(failed)?;
    if header.is_empty() || header == MAGIC { Ok(()) } else { Err(OpenError::NotADatabase { path: path.to_owned() }) }
}

/// Makes an empty file for its owner only, whatever the umask and the directory: people's names and addresses come to
/// stand in it. SQLite gives its log the same rights.
fn create(path: &Path) -> std::io::Result<()> {
    File::options().write(true).create_new(true).mode(0o600).open(path).map(drop)
}

/// Makes sure that the database is new or ours, and not of a newer nudged.
fn check_owner(conn: &Connection, path: &Path) -> Result<(), OpenError> {
    let failed = |source: rusqlite::Error| match source.sqlite_error_code() {
        Some(rusqlite::ErrorCode::NotADatabase) => OpenError::NotADatabase { path: path.to_owned() },
        _ => OpenError::Failed { doing: "reading", path: path.to_owned(), source: Box::new(source) },
    };
    let ask = |question: &str| conn.query_row(question, [], |row| row.get::<_, i64>(0)).map_err(failed);
    let owner = ask("PRAGMA application_id")?;
    let found = ask("PRAGMA user_version")?;
    let things = ask("SELECT count(*) FROM sqlite_master")?;
    let is_new = owner == 0 && found == 0 && things == 0;
    if !is_new && owner != migrations::APPLICATION_ID {
        return Err(OpenError::OfAnotherProgram { path: path.to_owned() });
    }
    let known = migrations::newest();
    if found > known { Err(OpenError::Newer { path: path.to_owned(), found, known }) } else { Ok(()) }
}
