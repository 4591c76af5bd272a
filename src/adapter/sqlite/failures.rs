//! What went wrong: the deliveries that failed, expired, or of which nobody knows.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, Row, named_params};

use super::fault::Fault;
use super::rows::{Of, micros};
use super::sql::Sql;
use crate::domain::delivery::{Reason, State};
use crate::port::trouble::{Failure, FailureGroup, Failures, FailuresQuery};

static COUNTS: Sql = Sql::new(
    "
    SELECT min(d.id), d.state, d.reason, count(*)
    FROM deliveries d INDEXED BY deliveries_in_trouble
        CROSS JOIN waves w ON w.id = d.wave_id CROSS JOIN schedules s ON s.id = w.schedule_id
    WHERE d.state IN ({in trouble}) AND d.ended_at >= :since AND (:schedule IS NULL OR s.name = :schedule)
    GROUP BY d.state, d.reason ORDER BY 4 DESC, 2, 3",
);

static NEWEST: Sql = Sql::new(
    "
    SELECT {person}, d.id, s.name, o.id, o.civil, w.id, w.zone, d.due_at, d.ended_at, d.state, d.reason, d.detail,
        d.attempts, d.possible_duplicate,
        (SELECT address FROM addresses WHERE recipient_id = r.id ORDER BY position LIMIT 1),
        a.status, a.error_code, a.correlation_id
    FROM deliveries d INDEXED BY deliveries_in_trouble
        CROSS JOIN waves w ON w.id = d.wave_id CROSS JOIN schedules s ON s.id = w.schedule_id
        CROSS JOIN occurrences o ON o.id = d.occurrence_id CROSS JOIN recipients r ON r.id = d.recipient_id
        LEFT JOIN attempts a ON a.id = (SELECT max(id) FROM attempts WHERE delivery_id = d.id)
    WHERE d.state IN ({in trouble}) AND d.ended_at >= :since AND (:schedule IS NULL OR s.name = :schedule)
    ORDER BY d.ended_at DESC, d.id DESC LIMIT :limit",
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
        reasons.push(FailureGroup {
            state: of.word::<State>(row, 1, "state")?,
            reason,
            count: count.unsigned_abs(),
            meaning: reason.map(|reason| reason.explain().to_owned()),
            cure: reason.map(|reason| reason.cure().to_owned()),
        });
    }
    let mut statement = conn.prepare_cached(NEWEST.get())?;
    let mut rows = statement.query(named_params! {
        ":since": micros(since), ":schedule": query.schedule, ":limit": query.limit,
    })?;
    let mut failures = Vec::new();
    while let Some(row) = rows.next()? {
        failures.push(failure(row)?);
    }
    Ok(Failures { schema: Failures::SCHEMA.to_owned(), now, since, reasons, failures })
}

fn failure(row: &Row<'_>) -> Result<Failure, Fault> {
    const OWN: usize = super::person::COLUMN_COUNT;
    let of = Of { table: "deliveries", id: row.get(OWN)? };
    Ok(Failure {
        schedule: row.get(OWN + 1)?,
        occurrence: Of { table: "occurrences", id: row.get(OWN + 2)? }.civil(row, OWN + 3, "civil")?,
        recipient: row.get(2)?,
        address: row.get(OWN + 13)?,
        zone: Of { table: "waves", id: row.get(OWN + 4)? }.zone(row, OWN + 5, "zone")?,
        due_at: of.instant(row, OWN + 6, "due_at")?,
        ended_at: of.instant(row, OWN + 7, "ended_at")?,
        state: of.word(row, OWN + 8, "state")?,
        reason: of.word_if_any(row, OWN + 9, "reason")?,
        detail: row.get(OWN + 10)?,
        attempts: of.count(row, OWN + 11, "attempts")?,
        possible_duplicate: row.get(OWN + 12)?,
        status: row.get(OWN + 14)?,
        error_code: row.get(OWN + 15)?,
        correlation_id: row.get(OWN + 16)?,
    })
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
