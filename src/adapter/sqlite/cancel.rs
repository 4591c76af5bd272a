//! What an operator ends before it is sent: an occurrence, for everybody who has not got it yet and whoever would join it.
//!
//! It is a recall without the part that takes anything back, and it holds as that does: over edits, reloads and restarts.

use chrono::{DateTime, NaiveDateTime, Utc};
use rusqlite::{Connection, OptionalExtension, named_params, params};

use super::fault::Fault;
use super::recall::{self, Subject};
use super::rows::{Of, micros, texts_of};
use super::sql::Sql;
use crate::domain::delivery::Reason;
use crate::domain::id::DeliveryId;
use crate::port::trouble::{CancelOrder, CancelReport, CancelledOccurrence, NothingThere};

/// What of a wave can still be sent, or is being sent at this moment.
macro_rules! open_occurrences {
    ($begin:literal, $end:literal) => {
        Sql::new(concat!(
            $begin,
            "
                AND w.withdrawn_at IS NULL AND o.cancelled_at IS NULL AND o.recalled_at IS NULL
                AND ((w.to_expand = 1 AND w.expire_at >= :now) OR EXISTS (
                    SELECT 1 FROM deliveries d INDEXED BY deliveries_unfinished
                    WHERE d.wave_id = w.id AND {unfinished d.}
                ))
            ",
            $end
        ))
    };
}

/// The one that is going out, or else the next one. One person's snooze is not what is meant, nor is a test.
static NEXT: Sql = open_occurrences!(
    "
    SELECT o.id, o.civil
    FROM waves w INDEXED BY waves_by_end CROSS JOIN occurrences o ON o.id = w.occurrence_id
    WHERE w.schedule_id = :schedule AND w.expire_at >= :now AND o.cause NOT IN ('snooze', 'test')",
    "ORDER BY w.due_at, w.id LIMIT 1"
);

static OF_DATE: Sql = open_occurrences!(
    "
    SELECT DISTINCT o.id, o.civil
    FROM occurrences o CROSS JOIN waves w ON w.occurrence_id = o.id
    WHERE o.schedule_id = :schedule AND o.civil >= :from AND o.civil < :before",
    "ORDER BY o.civil"
);

static STANDING: Sql = Sql::new(
    "
    SELECT d.id, d.state IN ({before cancelled}), d.state IN ({arrived}) OR d.state = 'sending' OR d.possible_duplicate
    FROM deliveries d WHERE d.occurrence_id = ?1",
);

pub(super) fn cancel(
    conn: &Connection,
    order: &CancelOrder,
    now: DateTime<Utc>,
) -> Result<Result<CancelReport, NothingThere>, Fault> {
    let schedule: Option<i64> = conn
        .prepare_cached("SELECT id FROM schedules WHERE name = ?1")?
        .query_row([order.schedule.as_str()], |row| row.get(0))
        .optional()?;
    let Some(schedule) = schedule else { return Ok(Err(NothingThere::UnknownSchedule)) };
    let mut occurrences = Vec::new();
    for (id, civil) in meant(conn, schedule, order, now)? {
        let subject = Subject { schedule, occurrence: id, civil, moved_to: None, who: None };
        occurrences.push(cancel_one(conn, &subject, order.dry_run, now)?);
    }
    if occurrences.is_empty() {
        return Ok(Err(NothingThere::Nothing));
    }
    Ok(Ok(CancelReport {
        schema: CancelReport::SCHEMA.to_owned(),
        schedule: order.schedule.to_string(),
        dry_run: order.dry_run,
        occurrences,
    }))
}

fn meant(
    conn: &Connection,
    schedule: i64,
    order: &CancelOrder,
    now: DateTime<Utc>,
) -> Result<Vec<(i64, NaiveDateTime)>, Fault> {
    let read = |row: &rusqlite::Row<'_>| -> Result<(i64, NaiveDateTime), Fault> {
        let of = Of { table: "occurrences", id: row.get(0)? };
        Ok((of.id, of.civil(row, 1, "civil")?))
    };
    let mut meant = Vec::new();
    if let Some(date) = order.on {
        let (from, before) = texts_of(date);
        let mut statement = conn.prepare_cached(OF_DATE.get())?;
        let mut rows = statement.query(named_params! {
            ":schedule": schedule, ":from": from, ":before": before, ":now": micros(now),
        })?;
        while let Some(row) = rows.next()? {
            meant.push(read(row)?);
        }
    } else {
        let mut statement = conn.prepare_cached(NEXT.get())?;
        let mut rows = statement.query(named_params! { ":schedule": schedule, ":now": micros(now) })?;
        if let Some(row) = rows.next()? {
            meant.push(read(row)?);
        }
    }
    Ok(meant)
}

fn cancel_one(
    conn: &Connection,
    subject: &Subject,
    dry_run: bool,
    now: DateTime<Utc>,
) -> Result<CancelledOccurrence, Fault> {
    let mut found = CancelledOccurrence { occurrence: subject.civil, cancelled: 0, out: 0 };
    if dry_run {
        found.cancelled = recall::count_coming(conn, subject)?;
    } else {
        recall::add_coming(conn, subject)?;
    }
    let mut to_stop = Vec::new();
    let mut statement = conn.prepare_cached(STANDING.get())?;
    let mut rows = statement.query([subject.occurrence])?;
    while let Some(row) = rows.next()? {
        let (is_open, is_out): (bool, bool) = (row.get(1)?, row.get(2)?);
        if is_open {
            to_stop.push(DeliveryId(row.get(0)?));
        }
        found.out += u64::from(is_out);
    }
    found.cancelled += to_stop.len() as u64;
    if dry_run {
        return Ok(found);
    }
    let reason = Reason::CancelledByOperator;
    recall::seal(conn, subject, reason)?;
    for delivery in to_stop {
        recall::stop(conn, delivery, reason, now)?;
    }
    conn.prepare_cached("UPDATE occurrences SET cancelled_at = ?2 WHERE id = ?1")?
        .execute(params![subject.occurrence, micros(now)])?;
    Ok(found)
}

const IS_CANCELLED: &str = "
    SELECT 1 FROM deliveries d CROSS JOIN occurrences o ON o.id = d.occurrence_id
    WHERE d.id = ?1 AND o.cancelled_at IS NOT NULL";

/// A sender has let go of a delivery that is to be tried again. It is not, where that was cancelled meanwhile.
pub(super) fn after_return(conn: &Connection, delivery: DeliveryId, now: DateTime<Utc>) -> Result<(), Fault> {
    if conn.prepare_cached(IS_CANCELLED)?.exists([delivery.0])? {
        recall::stop(conn, delivery, Reason::CancelledByOperator, now)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::sql::assert_scans_nothing;
    use super::*;

    #[test]
    fn a_cancel_costs_what_it_is_about() {
        assert_scans_nothing(NEXT.get());
        assert_scans_nothing(OF_DATE.get());
        assert_scans_nothing(STANDING.get());
        assert_scans_nothing(IS_CANCELLED);
    }
}
