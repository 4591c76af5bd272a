//! What a ledger holds, row for row, as text.

use std::fmt::Write;
use std::path::Path;

use nudged::adapter::sqlite::SqliteStore;
use rusqlite::Connection;
use rusqlite::types::Value;

/// Every row of every table, in the order of the keys.
pub(super) fn of(path: &Path) -> String {
    let conn = Connection::open(path).expect("the ledger");
    let tables: Vec<String> = conn
        .prepare("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name")
        .and_then(|mut statement| statement.query_map([], |row| row.get(0))?.collect())
        .expect("the tables");
    let mut text = String::new();
    for table in tables {
        let mut statement = conn.prepare(&format!("SELECT * FROM {table}")).expect("a table");
        let columns = statement.column_count();
        let mut rows = statement.query([]).expect("its rows");
        while let Some(row) = rows.next().expect("a row") {
            write!(text, "{table}").expect("a string takes it");
            for column in 0..columns {
                let value: Value = row.get(column).expect("a value");
                write!(text, " | {value:?}").expect("a string takes it");
            }
            text.push('\n');
        }
    }
    text
}

/// Opens a ledger as a daemon does, and says what it holds, or what is wrong with it.
pub(super) fn reopened(path: &Path) -> Result<String, String> {
    drop(SqliteStore::open(path).map_err(|error| format!("it does not open: {error}"))?);
    let conn = Connection::open(path).map_err(|error| error.to_string())?;
    let ask = |question: &str| conn.query_row(question, [], |row| row.get::<_, String>(0));
    match ask("PRAGMA integrity_check") {
        Ok(answer) if answer == "ok" => {}
        Ok(answer) => return Err(format!("it is damaged: {answer}")),
        Err(error) => return Err(format!("it can't be checked: {error}")),
    }
    if ask("SELECT \"table\" FROM pragma_foreign_key_check").is_ok() {
        return Err("a row refers to one that is not there".to_owned());
    }
    drop(conn);
    Ok(of(path))
}

/// The first lines in which two states differ.
pub(super) fn difference(right: &str, found: &str) -> String {
    let mut pairs = right.lines().zip(found.lines());
    match pairs.find(|(right, found)| right != found) {
        Some((right, found)) => format!("instead of\n  {right}\nit has\n  {found}\n"),
        None => format!("{} lines instead of {}", found.lines().count(), right.lines().count()),
    }
}
