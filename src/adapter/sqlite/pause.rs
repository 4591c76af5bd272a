//! Schedules that are held: nothing of them is claimed until somebody lets them go on.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension, params};

use super::catalog;
use super::fault::Fault;
use super::rows::{Of, micros};
use super::words::Word;
use crate::domain::id::ScheduleName;
use crate::port::store::{Pause, Paused};

const REVIVE: &str = "
    UPDATE recipients SET unreachable = NULL
    WHERE id IN (SELECT value FROM json_each(?1)) AND unreachable = ?2";

pub(super) fn pause(conn: &Connection, pause: &Pause, now: DateTime<Utc>) -> Result<bool, Fault> {
    if let Some((why, recipients)) = &pause.reachable_again {
        let ids: Vec<i64> = recipients.iter().map(|recipient| recipient.0).collect();
        conn.prepare_cached(REVIVE)?.execute(params![serde_json::json!(ids).to_string(), why.word()])?;
    }
    let changed =
        "UPDATE schedules SET paused_at = ?2, paused_why = ?3 WHERE name = ?1 AND paused_at IS NULL RETURNING id";
    change(conn, changed, params![pause.schedule.as_str(), micros(now), pause.why])
}

pub(super) fn resume(conn: &Connection, schedule: &ScheduleName) -> Result<bool, Fault> {
    let changed = "
        UPDATE schedules SET paused_at = NULL, paused_why = NULL WHERE name = ?1 AND paused_at IS NOT NULL RETURNING id";
    change(conn, changed, params![schedule.as_str()])
}

/// Carries out a change of one schedule, if it is one, and puts its deliveries where they belong now.
fn change(conn: &Connection, sql: &str, params: impl rusqlite::Params) -> Result<bool, Fault> {
    let schedule: Option<i64> = conn.prepare_cached(sql)?.query_row(params, |row| row.get(0)).optional()?;
    if let Some(schedule) = schedule {
        catalog::requeue(conn, &[schedule])?;
    }
    Ok(schedule.is_some())
}

pub(super) fn paused(conn: &Connection) -> Result<Vec<Paused>, Fault> {
    let sql = "SELECT id, name, paused_at, paused_why FROM schedules WHERE paused_at IS NOT NULL ORDER BY name";
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query([])?;
    let mut paused = Vec::new();
    while let Some(row) = rows.next()? {
        let of = Of { table: "schedules", id: row.get(0)? };
        let name: String = row.get(1)?;
        paused.push(Paused {
            schedule: ScheduleName::new(&name).ok_or_else(|| of.corrupt("name", &name))?,
            since: of.instant(row, 2, "paused_at")?,
            why: row.get(3)?,
        });
    }
    Ok(paused)
}

#[cfg(test)]
mod tests {
    use super::super::sql::assert_scans_nothing;
    use super::*;

    #[test]
    fn reviving_costs_as_much_as_there_are_to_revive() {
        assert_scans_nothing(REVIVE);
    }
}
