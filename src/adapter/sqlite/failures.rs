//! What went wrong: the deliveries that failed, expired, or of which nobody knows.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, named_params};

use super::export::{self, ledger_rows};
use super::fault::Fault;
use super::rows::{Of, micros};
use super::sql::Sql;
use crate::domain::delivery::{Reason, State};
use crate::port::trouble::{FailureGroup, Failures, FailuresQuery};

static COUNTS: Sql = Sql::new(
    "
    SELECT min(d.id), d.state, d.reason, count(*)
    FROM deliveries d INDEXED BY deliveries_in_trouble
        CROSS JOIN waves w ON w.id = d.wave_id CROSS JOIN schedules s ON s.id = w.schedule_id
    WHERE {in trouble d.} AND d.ended_at >= :since AND (:schedule IS NULL OR s.name = :schedule)
    GROUP BY d.state, d.reason ORDER BY 4 DESC, 2, 3",
);

static NEWEST: Sql = ledger_rows!(
    "deliveries d INDEXED BY deliveries_in_trouble",
    "{in trouble d.} AND d.ended_at >= :since ORDER BY d.ended_at DESC, d.id DESC LIMIT :limit"
);

pub(super) fn failures(
    conn: &Connection,
    query: &FailuresQuery,
    since: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Failures, Fault> {
    let mut statement = conn.prepare_cached(COUNTS.get())?;
    let mut rows = statement.query(named_params! { ":since": micros(since), ":schedule": query.schedule })?;
    let mut reasons = Vec::new();
    while let Some(row) = rows.next()? {
        let of = Of { table: "deliveries", id: row.get(0)? };
        let reason: Option<Reason> = of.word_if_any(row, 2, "reason")?;
        let count: i64 = row.get(3)?;
        let state: State = of.word(row, 1, "state")?;
        reasons.push(FailureGroup {
            state,
            reason,
            count: count.unsigned_abs(),
            meaning: reason.map(|reason| reason.explain_in(state).into_owned()),
            cure: reason.map(|reason| reason.cure_in(state).into_owned()),
        });
    }
    let mut statement = conn.prepare_cached(NEWEST.get())?;
    let mut rows = statement.query(named_params! {
        ":since": micros(since), ":schedule": query.schedule, ":limit": query.limit,
    })?;
    let mut failures = Vec::new();
    while let Some(row) = rows.next()? {
        failures.push(export::delivery(row)?);
    }
    Ok(Failures { schema: Failures::SCHEMA.to_owned(), now, since, reasons, failures })
}

#[cfg(test)]
mod tests {
    use super::super::sql::assert_scans_nothing;
    use super::*;

    #[test]
    fn failures_cost_what_went_wrong() {
        assert_scans_nothing(COUNTS.get());
        assert_scans_nothing(NEWEST.get());
    }
}
