//! The ledger in numbers, for monitors. Runs on the reader's connection.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use rusqlite::{Connection, named_params};

use super::fault::Fault;
use super::rows::{Of, micros};
use super::sql::Sql;
use crate::domain::recipient::{RecipientKind, Unreachable, ZoneSource};
use crate::port::desk::Reach;
use crate::port::vitals::{CrowdFigures, Queue, QueueFigures, reach_word, source_word};

/// Costs as much as there are lanes, and as there are deliveries that are due: those of next week are not looked at.
static DUE: Sql = Sql::new(
    "
    WITH RECURSIVE {lanes}
    SELECT coalesce(sum((
        SELECT count(*) FROM deliveries INDEXED BY deliveries_claimable
        WHERE queue = :queue AND lane = hop.lane AND state IN ({open}) AND not_before <= :now
    )), 0), min((
        SELECT min(not_before) FROM deliveries INDEXED BY deliveries_claimable
        WHERE queue = :queue AND lane = hop.lane AND state IN ({open}) AND not_before <= :now
    ))
    FROM hop WHERE hop.lane IS NOT NULL",
);

pub(super) fn queues(conn: &Connection, now: DateTime<Utc>) -> Result<Vec<QueueFigures>, Fault> {
    let mut statement = conn.prepare_cached(DUE.get())?;
    let of = Of { table: "deliveries", id: 0 };
    let mut queues = Vec::new();
    for queue in Queue::ALL {
        let mut rows = statement.query(named_params! { ":queue": queue.as_str(), ":now": micros(now) })?;
        let Some(row) = rows.next()? else { continue };
        let due: i64 = row.get(0)?;
        let oldest_since = of.instant_if_any(row, 1, "not_before")?;
        queues.push(QueueFigures { queue, due: due.unsigned_abs(), oldest_since });
    }
    Ok(queues)
}

/// Looks at everybody: no index has all of it, and one that had would cost more with each change of a person than this
/// does now and then.
const CROWD: &str = "
    SELECT kind, zone_source, unreachable, conversation_id IS NOT NULL,
        user_id IS NOT NULL OR entra_object_id IS NOT NULL, count(*), min(id)
    FROM recipients WHERE is_known = 1 GROUP BY 1, 2, 3, 4, 5";

pub(super) fn crowd(conn: &Connection) -> Result<CrowdFigures, Fault> {
    let mut statement = conn.prepare_cached(CROWD)?;
    let mut rows = statement.query([])?;
    let mut references: BTreeMap<&str, (Reach, u64)> = BTreeMap::new();
    let mut zone_sources: BTreeMap<&str, (ZoneSource, u64)> = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let of = Of { table: "recipients", id: row.get(6)? };
        let count = row.get::<_, i64>(5)?.unsigned_abs();
        let unreachable: Option<Unreachable> = of.word_if_any(row, 2, "unreachable")?;
        let reach = match unreachable {
            Some(why) => Reach::Unreachable(why),
            None if row.get(3)? => Reach::Conversation,
            None if row.get(4)? => Reach::CanBeCreated,
            None => Reach::NoReference,
        };
        references.entry(reach_word(reach)).or_insert((reach, 0)).1 += count;
        let kind: RecipientKind = of.word(row, 0, "kind")?;
        if kind == RecipientKind::Person {
            let source = of.word(row, 1, "zone_source")?;
            zone_sources.entry(source_word(source)).or_insert((source, 0)).1 += count;
        }
    }
    Ok(CrowdFigures {
        references: references.into_values().collect(),
        zone_sources: zone_sources.into_values().collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::super::sql::assert_scans_nothing;
    use super::*;

    #[test]
    fn queues_cost_what_is_due() {
        assert_scans_nothing(DUE.get());
    }
}
