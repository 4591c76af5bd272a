//! Chores.

use chrono::{DateTime, Utc};
use rusqlite::Connection;

use super::checkpoint;
use super::fault::Fault;
use super::places;
use super::replies;
use super::rows::micros;
use crate::port::store::EVENTS_ARE_KNOWN_FOR;

/// Attempts stand in the order in which they began, so the old ones are a range at the beginning of the table, and
/// looking for its end costs no more than removing it.
const PRUNE_ATTEMPTS: &str = "
    DELETE FROM attempts WHERE ended_at < ?1 AND id < coalesce(
        (SELECT id FROM attempts WHERE started_at >= ?1 ORDER BY id LIMIT 1), 9223372036854775807
    )";

const PRUNE_HOLDS: &str = "DELETE FROM holds INDEXED BY holds_by_time WHERE held_until < ?1";

/// A document has ended when everything that came from it has: each of its schedules fires once and is over, or has
/// been missing for as long. A document from which no schedule ever came may still be needed.
const PRUNE_DOCUMENTS: &str = "
    DELETE FROM documents
    WHERE kept_at < ?1
        AND EXISTS (SELECT 1 FROM schedules WHERE origin = documents.name)
        AND NOT EXISTS (
            SELECT 1 FROM schedules s
            WHERE s.origin = documents.name
                AND NOT (s.retired_at IS NOT NULL AND s.missing_since < ?1)
                AND NOT (
                    s.fires_once
                    AND EXISTS (SELECT 1 FROM waves w WHERE w.schedule_id = s.id)
                    AND NOT EXISTS (
                        SELECT 1 FROM waves w WHERE w.schedule_id = s.id AND (w.expire_at >= ?1 OR w.to_expand = 1)
                    )
                )
        )";

/// An event whose occurrence is not over keeps its data: the text may need it.
const PRUNE_EVENTS: &str = "
    DELETE FROM events WHERE at < ?1 AND NOT EXISTS (
        SELECT 1 FROM occurrences o CROSS JOIN waves w ON w.occurrence_id = o.id
        WHERE o.event_id = events.id AND (w.expire_at >= ?1 OR w.to_expand = 1)
    ) RETURNING id";

/// The number of what is forgotten may be given to another event.
const FORGET_EVENT: &str = "UPDATE occurrences SET event_id = NULL WHERE event_id = ?1";

pub(super) fn prune(conn: &Connection, before: DateTime<Utc>, now: DateTime<Utc>) -> Result<u64, Fault> {
    let attempts = conn.prepare_cached(PRUNE_ATTEMPTS)?.execute([micros(before)])?;
    let documents = conn.prepare_cached(PRUNE_DOCUMENTS)?.execute([micros(before)])?;
    // What a delivery waited for is kept as long as its attempts are.
    conn.prepare_cached(PRUNE_HOLDS)?.execute([micros(before)])?;
    let replies = replies::prune(conn, before)?;
    let events = prune_events(conn, now - EVENTS_ARE_KNOWN_FOR)?;
    places::forget(conn, before)?;
    Ok(attempts as u64 + documents as u64 + replies + events as u64)
}

fn prune_events(conn: &Connection, before: DateTime<Utc>) -> Result<usize, Fault> {
    let mut prune = conn.prepare_cached(PRUNE_EVENTS)?;
    let gone: Vec<i64> = prune.query_map([micros(before)], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let mut forget = conn.prepare_cached(FORGET_EVENT)?;
    for event in &gone {
        forget.execute([event])?;
    }
    Ok(gone.len())
}

/// Refreshes the planner's statistics where they have aged, and copies the log into the file.
pub(super) fn upkeep(conn: &Connection) -> Result<(), Fault> {
    conn.execute_batch("PRAGMA optimize")?;
    checkpoint::copy(conn).map(drop)
}

pub(super) fn probe(conn: &Connection) -> Result<(), Fault> {
    conn.prepare_cached("UPDATE daemon SET probes = probes + 1 WHERE id = 1")?.execute([])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::sql::assert_scans_nothing;
    use super::*;

    #[test]
    fn forgetting_an_event_costs_what_came_of_it() {
        assert_scans_nothing(FORGET_EVENT);
    }
}
