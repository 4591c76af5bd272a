//! What the ledger remembers of occurrences from one edit to the next; [`crate::domain::edit`] says what for.

use std::collections::BTreeSet;

use chrono::{NaiveDateTime, NaiveTime};
use rusqlite::{Connection, params};

use super::fault::Fault;
use super::rows::{Of, civil_text};
use crate::domain::edit::{Meant, Remembered, follow};

const REMEMBERED: &str = "
    SELECT id, civil, is_meant, replaced_by FROM occurrences
    WHERE schedule_id = ?1 AND civil >= ?2 AND civil < ?3 AND cause = 'plan' ORDER BY civil";

const KEEP: &str = "UPDATE occurrences SET is_meant = ?2, replaced_by = ?3 WHERE id = ?1";

/// The planned occurrences of a schedule on the dates of a plan, as they were before it.
pub(super) struct Before {
    ids: Vec<i64>,
    remembered: Vec<Remembered>,
}

pub(super) fn before(conn: &Connection, schedule: i64, meant: &Meant) -> Result<Before, Fault> {
    let midnight = |date: chrono::NaiveDate| civil_text(date.and_time(NaiveTime::MIN));
    let end = meant.last.succ_opt().unwrap_or(meant.last);
    let mut statement = conn.prepare_cached(REMEMBERED)?;
    let mut rows = statement.query(params![schedule, midnight(meant.first), midnight(end)])?;
    let mut before = Before { ids: Vec::new(), remembered: Vec::new() };
    while let Some(row) = rows.next()? {
        let of = Of { table: "occurrences", id: row.get(0)? };
        let replaced_by: Option<String> = row.get(3)?;
        before.ids.push(of.id);
        before.remembered.push(Remembered {
            occurrence: of.civil(row, 1, "civil")?,
            is_meant: row.get(2)?,
            replaced_by: replaced_by
                .map(|text| text.parse().map_err(|_| of.corrupt("replaced_by", &text)))
                .transpose()?,
        });
    }
    Ok(before)
}

/// Remembers what a plan means for them. Nothing is written where it means what was meant before.
pub(super) fn remember(
    conn: &Connection,
    before: &Before,
    meant: &Meant,
    planned: &BTreeSet<NaiveDateTime>,
) -> Result<(), Fault> {
    let after = follow(&before.remembered, meant, planned);
    let (mut keep, mut inherit) = (conn.prepare_cached(KEEP)?, conn.prepare_cached(INHERIT)?);
    for ((id, before), after) in before.ids.iter().zip(&before.remembered).zip(&after) {
        if before != after {
            keep.execute(params![id, after.is_meant, after.replaced_by.map(civil_text)])?;
            inherit.execute([id])?;
        }
    }
    Ok(())
}

/// The message of a date is the same at another hour: what was recalled or cancelled as a whole before the edit stays so there,
/// also for whoever had no delivery of it yet. What is ordered after the edit is about one of the two, and says so.
const INHERIT: &str = "
    UPDATE occurrences SET
        recalled_at = coalesce(occurrences.recalled_at, p.recalled_at),
        cancelled_at = coalesce(occurrences.cancelled_at, p.cancelled_at)
    FROM occurrences p
    WHERE p.id = ?1 AND (p.recalled_at IS NOT NULL OR p.cancelled_at IS NOT NULL)
        AND occurrences.schedule_id = p.schedule_id AND occurrences.civil = p.replaced_by";

#[cfg(test)]
mod tests {
    use super::super::sql::assert_scans_nothing;
    use super::*;

    #[test]
    fn an_edit_costs_what_its_dates_hold() {
        assert_scans_nothing(REMEMBERED);
        assert_scans_nothing(KEEP);
        assert_scans_nothing(INHERIT);
    }
}
