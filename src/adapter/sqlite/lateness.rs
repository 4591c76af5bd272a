//! How late messages were, and how many requests are being made.

use chrono::{DateTime, TimeDelta, Utc};
use rusqlite::{Connection, params};

use super::fault::Fault;
use super::rows::micros;
use crate::domain::lateness::Histogram;

/// The same rows that are counted for a status.
const OF_OCCURRENCE: &str = "
    SELECT max(sent_at - due_at, 0) / 100000, count(*)
    FROM deliveries WHERE occurrence_id = ?1 AND sent_at IS NOT NULL GROUP BY 1";

pub(super) fn of_occurrence(conn: &Connection, occurrence: i64) -> Result<Histogram, Fault> {
    let mut statement = conn.prepare_cached(OF_OCCURRENCE)?;
    let mut rows = statement.query([occurrence])?;
    let mut histogram = Histogram::default();
    while let Some(row) = rows.next()? {
        let (tenth, count): (i64, i64) = (row.get(0)?, row.get(1)?);
        histogram.add(tenth.unsigned_abs(), count.unsigned_abs());
    }
    Ok(histogram)
}

/// Attempts stand in the order in which they began, so the latest ones are a range at the end of the table.
const LATELY: &str = "
    SELECT count(*) FROM attempts
    WHERE id > coalesce((SELECT id FROM attempts WHERE started_at < ?1 ORDER BY id DESC LIMIT 1), 0) AND started_at < ?2";

/// How many requests began within `span` before `now`.
pub(super) fn requests(conn: &Connection, span: TimeDelta, now: DateTime<Utc>) -> Result<u64, Fault> {
    let count: i64 =
        conn.prepare_cached(LATELY)?.query_row(params![micros(now - span), micros(now)], |row| row.get(0))?;
    Ok(count.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::super::sql::assert_scans_nothing;
    use super::*;

    #[test]
    fn lateness_costs_what_is_counted() {
        assert_scans_nothing(OF_OCCURRENCE);
    }
}
