//! People with a chat of whom nobody knows the name by which an operator would write them.

use std::time::Duration;

use chrono::{DateTime, Utc};
use rusqlite::{Connection, Row, named_params, params};

use super::fault::Fault;
use super::rows::{self, micros};
use crate::domain::id::RecipientId;
use crate::domain::introduction::{LONGEST, Stranger};
use crate::domain::recipient::Reference;

/// There is no name of an e-mail's form; an id that begins with `29:` may have an `@` in it.
const NOTE: &str = "
    UPDATE recipients SET introduce_at = ?2, introduce_tries = 0
    WHERE id = ?1 AND kind = 'person' AND conversation_id IS NOT NULL AND introduce_at IS NULL AND NOT EXISTS (
        SELECT 1 FROM addresses a
        WHERE a.recipient_id = ?1 AND instr(a.address, '@') > 0 AND substr(a.address, 1, 3) <> '29:'
    )";

/// Whoever has got a chat is a stranger unless one of their names is of an e-mail's form. Returns whether they are.
pub(super) fn note(conn: &Connection, recipient: i64, now: DateTime<Utc>) -> Result<bool, Fault> {
    Ok(conn.prepare_cached(NOTE)?.execute(params![recipient, micros(now)])? > 0)
}

/// Whether a schedule or an import names somebody of whom no id is known.
const SOMEBODY_IS_AWAITED: &str = "
    SELECT 1 FROM recipients INDEXED BY awaited
    WHERE kind = 'person' AND conversation_id IS NULL AND user_id IS NULL AND entra_object_id IS NULL
        AND merged_into IS NULL";

const DUE: &str = "
    SELECT id, introduce_tries, service_url, conversation_id, tenant_id, bot_id, user_id, entra_object_id
    FROM recipients INDEXED BY strangers
    WHERE introduce_at BETWEEN :from AND :to AND introduce_at IS NOT NULL
        AND unreachable IS NULL AND merged_into IS NULL
    ORDER BY introduce_at LIMIT :limit";

pub(super) fn due(conn: &Connection, now: DateTime<Utc>, at_most: usize) -> Result<Vec<Stranger>, Fault> {
    if !conn.prepare_cached(SOMEBODY_IS_AWAITED)?.exists([])? {
        return Ok(Vec::new());
    }
    let mut statement = conn.prepare_cached(DUE)?;
    let mut strangers = Vec::new();
    for due in rows::due(now, LONGEST.to_std().unwrap_or(Duration::MAX)) {
        let room = i64::try_from(at_most - strangers.len()).unwrap_or(i64::MAX);
        let mut rows = statement.query(named_params! { ":from": due.start(), ":to": due.end(), ":limit": room })?;
        while let Some(row) = rows.next()? {
            strangers.push(read(row)?);
        }
    }
    Ok(strangers)
}

fn read(row: &Row<'_>) -> rusqlite::Result<Stranger> {
    Ok(Stranger {
        recipient: RecipientId(row.get(0)?),
        tries: row.get(1)?,
        reference: Reference {
            service_url: row.get(2)?,
            conversation_id: row.get(3)?,
            tenant_id: row.get(4)?,
            bot_id: row.get(5)?,
            user_id: row.get(6)?,
            entra_object_id: row.get(7)?,
        },
    })
}

const SETTLE: &str = "
    UPDATE recipients SET introduce_tries = iif(?2 IS NULL, 0, introduce_tries + 1), introduce_at = ?2 WHERE id = ?1";

/// Nothing is to be asked about them any more, or again at an instant.
pub(super) fn settle(conn: &Connection, recipient: RecipientId, again_at: Option<DateTime<Utc>>) -> Result<(), Fault> {
    conn.prepare_cached(SETTLE)?.execute(params![recipient.0, again_at.map(micros)])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::sql::assert_scans_nothing;
    use super::*;

    #[test]
    fn strangers_are_found_by_an_index() {
        assert_scans_nothing(NOTE);
        assert_scans_nothing(DUE);
        assert_scans_nothing(SETTLE);
    }
}
