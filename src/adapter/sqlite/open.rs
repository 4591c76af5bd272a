//! Opening the file: what it must be, and how its connections are set up.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, chown};
use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::migrations;
use super::refusal::{OpenError, being_born, log, shared};
use super::restore;

/// How long one connection waits for another program's write lock, such as an operator's `sqlite3`.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Room for every statement of this room, so that none is prepared twice.
const STATEMENTS: usize = 512;

/// The connections to a file that has the newest schema.
pub(super) struct Connections {
    pub writer: Connection,
    pub reader: Connection,
    /// Only for copying the log into the file.
    pub copier: Connection,
}

pub(super) fn open(path: &Path) -> Result<Connections, OpenError> {
    let failed = |doing: &'static str| move |source| OpenError::of_sqlite(doing, path, source);
    check_file(path)?;
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
    // The caches are small: what is not in them is in that of the system, a microsecond away, and at the end of many a
    // transaction SQLite goes through its whole cache (after each in which a page of an index was split), which was a tenth of
    // the ledger's time with 16 MiB.
    //
    // FULL, since in WAL mode NORMAL may lose the last commits when the power goes, and an attempt must be durable
    // before its request leaves. The log is cut back to the limit when it has been copied.
    writer
        .execute_batch(
            "PRAGMA synchronous = FULL;
             PRAGMA foreign_keys = ON;
             PRAGMA temp_store = MEMORY;
             PRAGMA cache_size = -4096;
             PRAGMA journal_size_limit = 67108864;
             PRAGMA analysis_limit = 400;",
        )
        .map_err(failed("setting up"))?;
    migrations::migrate(&mut writer).map_err(failed("migrating"))?;
    // The log has just been made, and all that is committed from here on stands in it. SQLite makes its name durable too, but
    // does not look whether that worked (`unixSync`, read in 3.54.1), and then the whole log may be gone with the power.
    sync_names(path).map_err(|error| OpenError::of_file("naming the log of", path, error))?;

    let reader = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_READ_ONLY)
        .map_err(failed("opening for reading"))?;
    reader.busy_timeout(BUSY_TIMEOUT).map_err(failed("opening for reading"))?;
    reader
        .execute_batch("PRAGMA temp_store = MEMORY; PRAGMA cache_size = -2048;")
        .map_err(failed("setting up for reading"))?;

    let copier = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_READ_WRITE)
        .map_err(failed("opening for its upkeep"))?;
    copier.execute_batch("PRAGMA synchronous = FULL;").map_err(failed("setting up for its upkeep"))?;

    for conn in [&writer, &reader] {
        conn.set_prepared_statement_cache_capacity(STATEMENTS);
        // A plan must not depend on what is bound: else SQLite prepares a statement anew with each other value, which took
        // a fifth of the time of an idle daemon.
        conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map_err(failed("setting up"))?;
    }
    Ok(Connections { writer, reader, copier })
}

/// Looks at the file before SQLite does: some broken files it takes for empty ones, a log without its ledger it throws
/// away, and of a file that may not be written it says so late. Where there is no file, there is a new database then.
fn check_file(path: &Path) -> Result<(), OpenError> {
    const MAGIC: &[u8] = b"SQLite format 3\0";
    /// Of a database, in bytes.
    const HEADER: u64 = 100;
    let log = log(path);
    let has_log = match File::options().read(true).write(true).open(&log) {
        Ok(file) => file.metadata().is_ok_and(|about| about.len() > 0),
        Err(error) if error.kind() == ErrorKind::NotFound => false,
        Err(error) => return Err(OpenError::of_file("opening", &log, error)),
    };
    let mut header = Vec::new();
    let mut length = 0;
    match File::options().read(true).write(true).open(path) {
        Ok(file) => {
            let failed = |error| OpenError::of_file("reading", path, error);
            length = file.metadata().map_err(failed)?.len();
            file.take(HEADER).read_to_end(&mut header).map_err(failed)?;
        }
        Err(error) if error.kind() == ErrorKind::NotFound && restore::being_made(path).exists() => {
            return Err(OpenError::HalfRestored { path: path.to_owned() });
        }
        Err(error) if error.kind() == ErrorKind::NotFound && !has_log => create(path)?,
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(OpenError::of_file("opening", path, error)),
    }
    let path = path.to_owned();
    if header.is_empty() {
        return if has_log { Err(OpenError::LogWithoutLedger { path }) } else { Ok(()) };
    }
    if !header.starts_with(MAGIC) {
        return Err(OpenError::NotADatabase { path });
    }
    let Some(least) = least_length(&header, has_log) else { return Err(OpenError::NotADatabase { path }) };
    if length < least { Err(OpenError::Damaged { path }) } else { Ok(()) }
}

/// How many bytes a database has at least, as its first ones say it. `None` where they say nonsense. SQLite takes what is
/// shorter than a page for an empty file, and what is missing of the last page for zeros.
///
/// "Database File Format" of SQLite, read in November 2026: the number of pages counts where the file was last changed by
/// whoever wrote it, and pages that are still in the log need not be in the file.
fn least_length(header: &[u8], has_log: bool) -> Option<u64> {
    let word = |at: usize| Some(u32::from_be_bytes(header.get(at..at + 4)?.try_into().ok()?));
    let written = u16::from_be_bytes([*header.get(16)?, *header.get(17)?]);
    let page = if written == 1 { 65_536 } else { u64::from(written) };
    if !page.is_power_of_two() || page < 512 {
        return None;
    }
    let pages = match (word(24), word(28), word(92)) {
        (Some(changed), Some(pages), Some(valid_for)) if changed == valid_for && !has_log => u64::from(pages),
        _ => 1,
    };
    Some(page * pages.max(1))
}

/// Makes a database with nothing in it, beside its place, and gives it its name when it is durable. Made in its place, it would
/// be a part of a page where the disk is full just then, and nobody could tell that from a ledger that was cut short.
///
/// It is for its owner only, whatever the umask and the directory: people's names and addresses come to stand in it. SQLite
/// gives its log the same rights.
fn create(path: &Path) -> Result<(), OpenError> {
    let of_file = |error| OpenError::of_file("making", path, error);
    let of_sqlite = |error| OpenError::of_sqlite("making", path, error);
    let part = being_born(path);
    // What an earlier try has left: nothing of it was ever used.
    for left in [log(&part), shared(&part), part.clone()] {
        match std::fs::remove_file(left) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(of_file(error)),
            Ok(()) | Err(_) => {}
        }
    }
    let file = File::options().write(true).create_new(true).mode(0o600).open(&part).map_err(of_file)?;
    let flags = OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_READ_WRITE;
    let conn = Connection::open_with_flags(&part, flags).map_err(of_sqlite)?;
    // Nothing has to be taken back here. The second writes the first page.
    conn.execute_batch("PRAGMA journal_mode = MEMORY; PRAGMA journal_mode = WAL;").map_err(of_sqlite)?;
    conn.close().map_err(|(_, error)| of_sqlite(error))?;
    give_to_its_owner(&part).map_err(of_file)?;
    file.sync_all().map_err(of_file)?;
    // Unlike a rename, it takes nobody's place: somebody else may have made one meanwhile, and then that is the ledger.
    match std::fs::hard_link(&part, path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists && path.exists() => {}
        named => named.map_err(of_file)?,
    }
    std::fs::remove_file(&part).map_err(of_file)?;
    sync_names(path).map_err(of_file)
}

/// Whether there is a ledger, or something that is left of one. What can't be seen may be there.
#[must_use]
pub fn is_begun(ledger: &Path) -> bool {
    [ledger.to_owned(), log(ledger), restore::being_made(ledger)].iter().any(|file| file.try_exists().unwrap_or(true))
}

/// Gives a file to whoever has its directory: who makes it may be root, and the daemon is not.
pub fn give_to_its_owner(made: &Path) -> io::Result<()> {
    let owner = std::fs::metadata(directory(made))?;
    match chown(made, Some(owner.uid()), Some(owner.gid())) {
        // Whoever is not root makes what is theirs, and can give nothing away.
        Err(error) if error.kind() == ErrorKind::PermissionDenied => Ok(()),
        done => done,
    }
}

fn directory(of: &Path) -> &Path {
    of.parent().filter(|directory| !directory.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Makes durable what is called how beside this file.
pub(super) fn sync_names(beside: &Path) -> io::Result<()> {
    match File::open(directory(beside))?.sync_all() {
        // Some file systems know no such thing.
        Err(error) if matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported) => Ok(()),
        done => done,
    }
}

/// Makes sure that the database is new or ours, and not of a newer nudged.
fn check_owner(conn: &Connection, path: &Path) -> Result<(), OpenError> {
    let failed = |source| OpenError::of_sqlite("reading", path, source);
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
