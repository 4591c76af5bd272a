//! The schema's numbered steps. `user_version` says how many have been taken.
//!
//! A step, once released, is never edited: the next one is added. Each is one transaction together with its number.

use rusqlite::{Connection, TransactionBehavior};

/// Every step, in order.
pub(super) const ALL: &[&str] = &[include_str!("0001_init.sql"), include_str!("0003_policies.sql")];

/// `nudg`, the mark that tells our files from those of other programs.
pub(super) const APPLICATION_ID: i64 = 0x6e75_6467;

/// The number of the schema that this program writes.
pub(super) fn newest() -> i64 {
    i64::try_from(ALL.len()).unwrap_or(i64::MAX)
}

pub(super) fn version(conn: &Connection) -> rusqlite::Result<i64> {
    conn.query_row("PRAGMA user_version", [], |row| row.get(0))
}

/// Takes every step that has not been taken.
pub(super) fn migrate(conn: &mut Connection) -> rusqlite::Result<()> {
    for (number, step) in (1_i64..).zip(ALL) {
        let transaction = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        // Asked inside the transaction: another program may have taken the step meanwhile.
        if version(&transaction)? < number {
            transaction.execute_batch(step)?;
            transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
            transaction.pragma_update(None, "user_version", number)?;
        }
        transaction.commit()?;
    }
    Ok(())
}
