//! A schedule's message for one person, now: an occurrence of its own, which no plan knows.

use std::time::Duration;

use chrono::{DateTime, NaiveDateTime, Utc};
use rusqlite::{Connection, OptionalExtension};

use super::events::{NewOccurrence, make_occurrence};
use super::fault::Fault;
use crate::domain::event::Cause;
use crate::port::rehearsal::TestOrder;

/// The occurrence that was made; `None` where the schedule is not in force.
pub(super) fn rehearse(
    conn: &Connection,
    order: &TestOrder,
    now: DateTime<Utc>,
) -> Result<Option<NaiveDateTime>, Fault> {
    let schedule: Option<i64> = conn
        .prepare_cached("SELECT id FROM schedules WHERE name = ?1 AND missing_since IS NULL")?
        .query_row([order.schedule.as_str()], |row| row.get(0))
        .optional()?;
    let Some(schedule) = schedule else { return Ok(None) };
    let (_, civil) = make_occurrence(
        conn,
        &NewOccurrence {
            schedule,
            cause: Cause::Test,
            event: None,
            at: now,
            due_at: now,
            expire_at: order.expire_at,
            jitter: Duration::ZERO,
            now,
            invited: &[order.recipient.0],
        },
    )?;
    Ok(Some(civil))
}
