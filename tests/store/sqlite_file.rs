//! The file of the SQLite store: what is opened, and what is refused and left as it is.

use std::fs::File;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;

use nudged::adapter::sqlite::{OpenError, SqliteStore};
use nudged::domain::share::Rooms;
use nudged::port::store::Store;
use rusqlite::Connection;
use tempfile::TempDir;

use crate::Place;
use crate::fixtures::*;

/// A ledger in a folder of its own.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(TempDir::new().expect("a folder"))
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.0.path().join("ledger.db")
    }
}

impl Place for Folder {
    fn open(&self) -> Arc<dyn Store> {
        Arc::new(SqliteStore::open(&self.path()).expect("the ledger"))
    }

    fn another(&self) -> Box<dyn Place> {
        Box::new(Folder::new())
    }
}

fn refused(folder: &Folder) -> OpenError {
    let before = std::fs::read(folder.path()).expect("the file");
    let error = SqliteStore::open(&folder.path()).err().expect("it is refused");
    assert_eq!(std::fs::read(folder.path()).expect("the file"), before, "nothing was changed in it");
    assert!(error.to_string().contains("ledger.db"), "{error}");
    error
}

#[test]
fn a_file_that_is_no_database_is_refused_untouched() {
    let whole_page = "x".repeat(8192);
    let torn = format!("SQLite format 3\0{}", "x".repeat(4096));
    for text in ["", "#", "[schedule.standup]\n", &whole_page, &torn] {
        let folder = Folder::new();
        std::fs::write(folder.path(), text).expect("writing");
        if text.is_empty() {
            SqliteStore::open(&folder.path()).expect("an empty file is a new ledger");
            continue;
        }
        let error = refused(&folder);
        assert!(matches!(error, OpenError::NotADatabase { .. }), "{error}");
    }
}

#[test]
fn a_database_of_another_program_is_refused_untouched() {
    let folder = Folder::new();
    let other = Connection::open(folder.path()).expect("a database");
    other.execute_batch("CREATE TABLE cookies (a); INSERT INTO cookies VALUES (1);").expect("a table");
    drop(other);
    assert!(matches!(refused(&folder), OpenError::OfAnotherProgram { .. }));
}

#[test]
fn a_newer_schema_is_refused_untouched() {
    let folder = Folder::new();
    drop(SqliteStore::open(&folder.path()).expect("a ledger"));
    let newer = Connection::open(folder.path()).expect("the database");
    newer.pragma_update(None, "user_version", 4711).expect("a newer schema");
    drop(newer);
    let error = refused(&folder);
    assert!(matches!(error, OpenError::Newer { found: 4711, .. }), "{error}");
}

/// A ledger of some pages, closed as a daemon closes it.
fn ledger() -> Folder {
    let folder = Folder::new();
    drop(SqliteStore::open(&folder.path()).expect("a ledger"));
    folder
}

#[test]
fn a_ledger_that_is_cut_short_is_refused_untouched() {
    let folder = ledger();
    let whole = std::fs::metadata(folder.path()).expect("the file").len();
    for length in [whole - 1, whole - 4096, 4096, 512, 100, 16] {
        let folder = ledger();
        File::options().write(true).open(folder.path()).expect("the file").set_len(length).expect("cut short");
        let error = refused(&folder);
        assert!(matches!(error, OpenError::Damaged { .. } | OpenError::NotADatabase { .. }), "{length}: {error}");
        assert!(error.to_string().contains("nothing was changed"), "{error}");
    }
}

#[test]
fn a_ledger_with_a_broken_first_page_is_refused_untouched() {
    for (place, byte) in [(16, 0xff), (21, 1), (100, 0)] {
        let folder = ledger();
        let mut bytes = std::fs::read(folder.path()).expect("the file");
        bytes[place] = byte;
        std::fs::write(folder.path(), &bytes).expect("writing");
        refused(&folder);
    }
}

#[test]
fn a_directory_in_its_place_is_named() {
    let folder = Folder::new();
    std::fs::create_dir(folder.path()).expect("a directory");
    let error = SqliteStore::open(&folder.path()).err().expect("it is refused");
    assert!(matches!(error, OpenError::NotAFile { .. }), "{error}");
}

#[test]
fn a_log_without_its_ledger_is_left_alone() {
    for ledger in [None, Some("")] {
        let folder = Folder::new();
        if let Some(text) = ledger {
            std::fs::write(folder.path(), text).expect("an empty file");
        }
        let log = folder.path().with_extension("db-wal");
        std::fs::write(&log, "what was written last").expect("a log");
        let error = SqliteStore::open(&folder.path()).err().expect("it is refused");
        assert!(matches!(error, OpenError::LogWithoutLedger { .. }), "{error}");
        assert_eq!(std::fs::read_to_string(&log).expect("the log"), "what was written last");
    }
}

#[test]
fn a_ledger_that_somebody_else_has_locked_is_named() {
    let folder = ledger();
    let shell = Connection::open(folder.path()).expect("the database");
    shell.execute_batch("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE").expect("a lock");
    let error = SqliteStore::open(&folder.path()).err().expect("it is refused");
    assert!(matches!(error, OpenError::Locked { .. }), "{error}");
    shell.execute_batch("ROLLBACK").expect("let go");
    drop(shell);
    SqliteStore::open(&folder.path()).expect("it opens again");
}

#[test]
fn what_is_left_of_a_first_start_that_failed_is_no_ledger() {
    let folder = Folder::new();
    let with = |suffix: &str| PathBuf::from(format!("{}{suffix}", folder.path().display()));
    for left in [".new", ".new-wal"] {
        std::fs::write(with(left), "half a page").expect("writing");
    }
    drop(SqliteStore::open(&folder.path()).expect("a new ledger"));
    SqliteStore::open(&folder.path()).expect("it is one");
    for left in [".new", ".new-wal", ".new-shm"] {
        assert!(!with(left).exists(), "{left} stays");
    }
}

#[test]
fn what_cannot_be_opened_is_named() {
    let folder = Folder::new();
    let path = folder.path().join("no").join("such.db");
    let error = SqliteStore::open(&path).err().expect("there is no such folder");
    assert!(matches!(error, OpenError::Failed { .. }) && error.to_string().contains("such.db"), "{error}");
}

#[tokio::test]
async fn nonsense_is_named_with_its_place() {
    let folder = Folder::new();
    let ledger = Ledger::with(&folder, &[person("ana", BERLIN)], &[draft("s")]).await;
    ledger.plan(&[plan("s", &[wave("09:00", BERLIN)])], "00:00").await;
    ledger.expand("08:00").await;
    let operator = Connection::open(folder.path()).expect("the database");
    operator.execute("UPDATE recipients SET zone = 'Europe/Atlantis'", []).expect("an update");
    let error = ledger
        .store
        .claim_due(ledger.term, at("08:00"), Rooms::for_anybody(1), LEASE)
        .await
        .expect_err("there is no such zone");
    assert_eq!(error.to_string(), "recipients.zone of row 1 makes no sense: \"Europe/Atlantis\"");
}

#[tokio::test]
async fn the_store_commits_in_a_way_that_survives_a_power_cut() {
    let folder = Folder::new();
    let store = folder.open();
    store.probe().await.expect("a probe");
    let operator = Connection::open(folder.path()).expect("the database");
    let mode: String = operator.query_row("PRAGMA journal_mode", [], |row| row.get(0)).expect("the mode");
    assert_eq!(mode, "wal");
    store.close().await;
    let left: Vec<_> =
        std::fs::read_dir(folder.0.path()).expect("the folder").map(|it| it.expect("an entry").file_name()).collect();
    // This connection still looks at the log; without it one file is left.
    assert!(left.iter().any(|name| name == "ledger.db"), "{left:?}");
}

/// People's names and addresses are in it. The folder may be one that others look into.
#[tokio::test]
async fn the_ledger_and_its_log_are_for_their_owner_only() {
    let folder = Folder::new();
    let store = folder.open();
    store.probe().await.expect("a probe");
    for name in ["ledger.db", "ledger.db-wal", "ledger.db-shm"] {
        let mode = std::fs::metadata(folder.0.path().join(name)).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[test]
fn a_ledger_that_is_half_restored_is_not_begun_anew() {
    let folder = Folder::new();
    let path = folder.path();
    std::fs::write(path.with_extension("db.restoring"), "what a restore was at").expect("written");
    let refused = SqliteStore::open(&path).err().expect("refused").to_string();
    assert!(refused.contains("was interrupted") && refused.contains("nudged restore"), "{refused}");
    assert!(!path.exists());
}
