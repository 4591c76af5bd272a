//! Threads: which one goes on in a channel.

use rusqlite::{Connection, named_params, params};

use super::fault::Fault;
use super::rows::{Of, civil_text};
use crate::domain::id::{DeliveryId, RecipientId};
use crate::domain::thread::{BegunThread, Thread, ThreadName};

pub(super) fn thread(conn: &Connection, channel: RecipientId, name: &ThreadName) -> Result<Option<Thread>, Fault> {
    let mut statement = conn.prepare_cached(
        "SELECT conversation_id, service_url, begun_with FROM threads WHERE recipient_id = ?1 AND name = ?2",
    )?;
    let mut rows = statement.query(params![channel.0, name.as_str()])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    // The table has no row numbers; that of the channel leads there.
    let of = Of { table: "threads", id: channel.0 };
    Ok(Some(Thread {
        conversation_id: row.get(0)?,
        service_url: row.get(1)?,
        begun_with: of.civil(row, 2, "begun_with")?,
    }))
}

const BEGIN: &str = "
    INSERT INTO threads (recipient_id, name, conversation_id, service_url, begun_with)
    SELECT recipient_id, :name, :conversation_id, :service_url, :begun_with FROM deliveries WHERE id = :delivery
    ON CONFLICT (recipient_id, name) DO UPDATE SET
        conversation_id = excluded.conversation_id, service_url = excluded.service_url,
        begun_with = excluded.begun_with";

/// Keeps the thread that a delivery began in its channel.
pub(super) fn begin(conn: &Connection, delivery: DeliveryId, begun: &BegunThread) -> Result<(), Fault> {
    conn.prepare_cached(BEGIN)?.execute(named_params! {
        ":delivery": delivery.0,
        ":name": begun.name.as_str(),
        ":conversation_id": begun.thread.conversation_id,
        ":service_url": begun.thread.service_url,
        ":begun_with": civil_text(begun.thread.begun_with),
    })?;
    Ok(())
}
