//! Schedules that are held: nothing of them is claimed until somebody lets them go on.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension, named_params, params};

use super::catalog;
use super::fault::Fault;
use super::rows::{Of, micros};
use super::words::Word;
use crate::domain::delivery::State;
use crate::domain::id::ScheduleName;
use crate::port::store::{Pause, Paused, PausedBy};

const REVIVE: &str = "
    UPDATE recipients SET unreachable = NULL
    WHERE id IN (SELECT value FROM json_each(?1)) AND unreachable = ?2";

/// What was skipped of a schedule for a reason that is no longer believed. Nothing of it has arrived, so this is a way out
/// of a final state that doubles nothing.
const TAKE_BACK: &str = "
    UPDATE deliveries SET state = :waiting, not_before = :now
    WHERE id IN (
        SELECT d.id
        FROM schedules s
            CROSS JOIN waves w INDEXED BY waves_by_end ON w.schedule_id = s.id AND w.expire_at >= :now
            CROSS JOIN json_each(:recipients) r
            CROSS JOIN deliveries d ON d.occurrence_id = w.occurrence_id AND d.recipient_id = r.value
        WHERE s.name = :schedule AND d.state = :skipped AND d.reason = :reason AND d.possible_duplicate = 0
    )";

pub(super) fn pause(conn: &Connection, pause: &Pause, now: DateTime<Utc>) -> Result<bool, Fault> {
    let schedule = pause.schedule.as_str();
    if let Some((reason, recipients)) = &pause.not_believed {
        let ids = serde_json::json!(recipients.iter().map(|recipient| recipient.0).collect::<Vec<_>>()).to_string();
        if let Some(why) = reason.unreachable() {
            conn.prepare_cached(REVIVE)?.execute(params![ids, why.word()])?;
        }
        conn.prepare_cached(TAKE_BACK)?.execute(named_params! {
            ":schedule": schedule, ":recipients": ids, ":reason": reason.word(), ":now": micros(now),
            ":waiting": State::Waiting.word(), ":skipped": State::Skipped.word(),
        })?;
    }
    let taken_over = match pause.by {
        PausedBy::Operator => None,
        PausedBy::Watch => Some(PausedBy::Operator.word()),
    };
    change(conn, schedule, PAUSE, params![schedule, micros(now), pause.why, pause.by.word(), taken_over])
}

/// Since when it is held stays, where it is taken over.
const PAUSE: &str = "
    UPDATE schedules SET
        paused_at = coalesce(paused_at, ?2),
        paused_why = iif(paused_at IS NULL, ?3, coalesce(nullif(paused_why, '') || '; ', '') || ?3),
        paused_by = ?4
    WHERE name = ?1 AND (paused_at IS NULL OR paused_by = ?5) RETURNING id";

/// That it was held, for whoever asks later why something came late.
const KEEP_PAUSE: &str = "
    INSERT INTO pauses (schedule_id, began_at, ended_at, why)
    SELECT id, paused_at, max(?2, paused_at), coalesce(paused_why, '') FROM schedules
    WHERE name = ?1 AND paused_at IS NOT NULL
    ON CONFLICT DO NOTHING";

pub(super) fn resume(conn: &Connection, schedule: &ScheduleName, now: DateTime<Utc>) -> Result<bool, Fault> {
    conn.prepare_cached(KEEP_PAUSE)?.execute(params![schedule.as_str(), micros(now)])?;
    let changed = "
        UPDATE schedules SET paused_at = NULL, paused_why = NULL, paused_by = NULL
        WHERE name = ?1 AND paused_at IS NOT NULL RETURNING id";
    change(conn, schedule.as_str(), changed, params![schedule.as_str()])
}

/// Carries out a change of one schedule, if it is one, and puts its deliveries where they belong now.
fn change(conn: &Connection, name: &str, sql: &str, params: impl rusqlite::Params) -> Result<bool, Fault> {
    let changed: Option<i64> = conn.prepare_cached(sql)?.query_row(params, |row| row.get(0)).optional()?;
    if let Some(schedule) = changed {
        catalog::requeue(conn, &[schedule])?;
        return Ok(true);
    }
    let is_known = "SELECT EXISTS (SELECT 1 FROM schedules WHERE name = ?1)";
    if conn.prepare_cached(is_known)?.query_row([name], |row| row.get(0))? {
        return Ok(false);
    }
    Err(Fault::Said(format!("no daemon has taken the schedule {name} over yet; start `nudged run` first")))
}

pub(super) fn paused(conn: &Connection) -> Result<Vec<Paused>, Fault> {
    let sql =
        "SELECT id, name, paused_at, paused_why, paused_by FROM schedules WHERE paused_at IS NOT NULL ORDER BY name";
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
            by: of.word(row, 4, "paused_by")?,
        });
    }
    Ok(paused)
}

#[cfg(test)]
mod tests {
    use super::super::sql::assert_scans_nothing;
    use super::*;

    #[test]
    fn what_is_taken_back_is_found_without_a_scan() {
        assert_scans_nothing(REVIVE);
        assert_scans_nothing(TAKE_BACK);
    }
}
