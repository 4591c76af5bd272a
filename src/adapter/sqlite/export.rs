//! The ledger, row by row.

use rusqlite::{Connection, Row, named_params};

use super::fault::Fault;
use super::rows::{Of, micros};
use super::sql::Sql;
use crate::domain::id::DeliveryId;
use crate::port::export::{LedgerPage, LedgerQuery, LedgerRow};

/// Writes a statement that reads whole deliveries `d`, as [`delivery`] takes them, in this order and from this table.
macro_rules! ledger_rows {
    ($from:literal, $which:literal) => {
        Sql::new(concat!(
            "
            SELECT {person}, d.id, s.name, o.id, o.civil, o.cause, w.id, w.zone, d.due_at, d.state, d.reason, d.detail,
                d.attempts, d.possible_duplicate, d.sent_at, d.ended_at, d.activity_id,
                (SELECT address FROM addresses WHERE recipient_id = r.id ORDER BY position LIMIT 1),
                a.status, a.error_code, a.correlation_id
            FROM ",
            $from,
            "
                CROSS JOIN waves w ON w.id = d.wave_id CROSS JOIN schedules s ON s.id = w.schedule_id
                CROSS JOIN occurrences o ON o.id = d.occurrence_id CROSS JOIN recipients r ON r.id = d.recipient_id
                LEFT JOIN attempts a ON a.id = (SELECT max(id) FROM attempts WHERE delivery_id = d.id)
            WHERE (:schedule IS NULL OR s.name = :schedule) AND ",
            $which
        ))
    };
}
pub(super) use ledger_rows;

static ROWS: Sql =
    ledger_rows!("deliveries d", "d.id > :after AND (:since IS NULL OR d.due_at >= :since) ORDER BY d.id LIMIT :limit");

/// The next deliveries behind `query.after`, in the order in which they came.
pub(super) fn page(conn: &Connection, query: &LedgerQuery, limit: usize) -> Result<LedgerPage, Fault> {
    let mut statement = conn.prepare_cached(ROWS.get())?;
    let most = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut rows = statement.query(named_params! {
        ":after": query.after, ":since": query.since.map(micros), ":schedule": query.schedule, ":limit": most,
    })?;
    let mut page = LedgerPage { schema: LedgerPage::SCHEMA.to_owned(), deliveries: Vec::new(), next: None };
    while let Some(row) = rows.next()? {
        page.deliveries.push(delivery(row)?);
    }
    if page.deliveries.len() == limit {
        page.next = page.deliveries.last().map(|row| row.delivery.0);
    }
    Ok(page)
}

pub(super) fn delivery(row: &Row<'_>) -> Result<LedgerRow, Fault> {
    const OWN: usize = super::person::COLUMN_COUNT;
    let of = Of { table: "deliveries", id: row.get(OWN)? };
    let occurrence = Of { table: "occurrences", id: row.get(OWN + 2)? };
    Ok(LedgerRow {
        delivery: DeliveryId(of.id),
        schedule: row.get(OWN + 1)?,
        occurrence: occurrence.civil(row, OWN + 3, "civil")?,
        cause: occurrence.word(row, OWN + 4, "cause")?,
        recipient: row.get(2)?,
        address: row.get(OWN + 16)?,
        zone: Of { table: "waves", id: row.get(OWN + 5)? }.zone(row, OWN + 6, "zone")?,
        due_at: of.instant(row, OWN + 7, "due_at")?,
        state: of.word(row, OWN + 8, "state")?,
        reason: of.word_if_any(row, OWN + 9, "reason")?,
        detail: row.get(OWN + 10)?,
        attempts: of.count(row, OWN + 11, "attempts")?,
        possible_duplicate: row.get(OWN + 12)?,
        sent_at: of.instant_if_any(row, OWN + 13, "sent_at")?,
        ended_at: of.instant_if_any(row, OWN + 14, "ended_at")?,
        activity_id: row.get(OWN + 15)?,
        status: row.get(OWN + 17)?,
        error_code: row.get(OWN + 18)?,
        correlation_id: row.get(OWN + 19)?,
    })
}

#[cfg(test)]
mod tests {
    use super::super::sql::assert_scans_nothing;
    use super::*;

    #[test]
    fn a_page_costs_what_is_on_it() {
        assert_scans_nothing(ROWS.get());
    }
}
