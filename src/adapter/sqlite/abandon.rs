//! Waves that nobody came to expand, and that were over long ago.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use rusqlite::Connection;

use super::fault::Fault;
use super::realign;
use super::rows::{Of, micros};
use crate::domain::id::ScheduleName;
use crate::port::store::Abandoned;

/// What an event or a snooze made is never given up: who is invited is accounted for, however late. Neither is a wave of
/// which a part was expanded: the others belong to the same whole.
const LONG_OVER: &str = "
    SELECT s.id, s.name, w.occurrence_id, w.id
    FROM waves w INDEXED BY waves_to_expand CROSS JOIN schedules s ON s.id = w.schedule_id
        CROSS JOIN occurrences o ON o.id = w.occurrence_id
    WHERE w.to_expand = 1 AND w.due_at < ?1 AND w.expire_at < ?1 AND o.cause = 'plan'
        AND (w.expanded_at IS NOT NULL OR w.has_rows = 0)";

pub(super) fn abandon(conn: &Connection, over_before: DateTime<Utc>) -> Result<Vec<Abandoned>, Fault> {
    let mut statement = conn.prepare_cached(LONG_OVER)?;
    let over: Vec<(i64, String, i64, i64)> = statement
        .query_map([micros(over_before)], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?
        .collect::<Result<_, _>>()?;
    let mut occurrences: BTreeMap<(i64, String), BTreeSet<i64>> = BTreeMap::new();
    for (schedule, name, occurrence, wave) in over {
        // One that has rows stays: it only waited to be expanded once more.
        conn.prepare_cached("UPDATE waves SET to_expand = 0 WHERE id = ?1 AND has_rows = 1")?.execute([wave])?;
        if conn.prepare_cached("DELETE FROM waves WHERE id = ?1 AND has_rows = 0")?.execute([wave])? > 0 {
            occurrences.entry((schedule, name)).or_default().insert(occurrence);
        }
    }
    let mut abandoned = Vec::new();
    for ((id, name), occurrences) in occurrences {
        realign::remove_empty_occurrences(conn, id)?;
        let schedule = ScheduleName::new(&name).ok_or_else(|| Of { table: "schedules", id }.corrupt("name", &name))?;
        abandoned.push(Abandoned { schedule, occurrences: occurrences.len() as u64 });
    }
    Ok(abandoned)
}

#[cfg(test)]
mod tests {
    use super::super::sql::assert_scans_nothing;
    use super::*;

    #[test]
    fn giving_up_costs_what_waited_too_long() {
        assert_scans_nothing(LONG_OVER);
    }
}
