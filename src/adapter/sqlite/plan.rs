//! Plans: waves come, move and go.

use std::collections::{BTreeSet, HashSet};

use chrono::{DateTime, NaiveDateTime, Utc};
use rusqlite::{Connection, OptionalExtension, named_params, params};

use super::catalog::schedule_id;
use super::edit;
use super::fault::Fault;
use super::realign::{self, Scope};
use super::rows::{Of, civil_text, micros};
use super::words::Word;
use crate::domain::delivery::Reason;
use crate::domain::id::ScheduleName;
use crate::domain::plan::PlannedWave;
use crate::port::store::{PlanChange, PlanMark, SchedulePlan};

pub(super) fn plan_marks(conn: &Connection) -> Result<Vec<PlanMark>, Fault> {
    let mut statement = conn.prepare_cached(
        "SELECT s.id, s.name, m.signature, m.planned_until
         FROM plan_marks m JOIN schedules s ON s.id = m.schedule_id ORDER BY s.name",
    )?;
    let mut rows = statement.query([])?;
    let mut marks = Vec::new();
    while let Some(row) = rows.next()? {
        let id = row.get(0)?;
        let name: String = row.get(1)?;
        let schedule = ScheduleName::new(&name).ok_or_else(|| Of { table: "schedules", id }.corrupt("name", &name))?;
        let planned_until = Of { table: "plan_marks", id }.instant(row, 3, "planned_until")?;
        marks.push(PlanMark { schedule, signature: row.get(2)?, planned_until });
    }
    Ok(marks)
}

const KEEP_MARK: &str = "
    INSERT INTO plan_marks (schedule_id, signature, planned_until) VALUES (?1, ?2, ?3)
    ON CONFLICT (schedule_id) DO UPDATE SET signature = excluded.signature, planned_until = excluded.planned_until";

pub(super) fn record_plans(conn: &Connection, plans: &[SchedulePlan], now: DateTime<Utc>) -> Result<PlanChange, Fault> {
    let mut change = PlanChange::default();
    for plan in plans {
        let schedule = schedule_id(conn, plan.schedule.as_str())?;
        record_plan(conn, schedule, plan, now, &mut change)?;
        conn.prepare_cached(KEEP_MARK)?.execute(params![schedule, plan.signature, micros(plan.planned_until)])?;
    }
    Ok(change)
}

fn record_plan(
    conn: &Connection,
    schedule: i64,
    plan: &SchedulePlan,
    now: DateTime<Utc>,
    change: &mut PlanChange,
) -> Result<(), Fault> {
    let before = plan.replaces.as_ref().map(|meant| edit::before(conn, schedule, meant)).transpose()?;
    let mut planned = HashSet::new();
    let mut reshaped = HashSet::new();
    let mut last: Option<(NaiveDateTime, i64)> = None;
    for wave in &plan.waves {
        let occurrence = match last {
            Some((civil, id)) if civil == wave.occurrence => id,
            _ => occurrence_id(conn, schedule, wave.occurrence)?,
        };
        last = Some((wave.occurrence, occurrence));
        // What a plan only goes on with was to come since the last mark, however long nobody was there to plan it.
        let planned_at = if plan.replaces.is_some() { now } else { now.min(wave.due_at) };
        let (id, effect) = record_wave(conn, schedule, occurrence, wave, planned_at)?;
        planned.insert(id);
        match effect {
            Effect::Nothing => {}
            Effect::Added => change.added_waves += 1,
            Effect::Moved => change.moved_waves += 1,
            Effect::Reshaped => {}
        }
        if matches!(effect, Effect::Added | Effect::Reshaped) {
            reshaped.insert(occurrence);
        }
    }
    // People whose zone got its wave only now take their open deliveries there, before anything is withdrawn.
    for occurrence in reshaped {
        realign::move_to_zone(conn, Scope::Occurrence(occurrence))?;
    }
    if let (Some(meant), Some(before)) = (&plan.replaces, before) {
        let occurrences: BTreeSet<_> = plan.waves.iter().map(|wave| wave.occurrence).collect();
        edit::remember(conn, &before, meant, &occurrences)?;
        withdraw_others(conn, schedule, &planned, now, change)?;
    }
    Ok(())
}

/// An edit may have put it in the place of others, on a date that is planned only now.
const ADD_OCCURRENCE: &str = "
    INSERT INTO occurrences (schedule_id, civil, recalled_at, cancelled_at)
    SELECT ?1, ?2, max(p.recalled_at), max(p.cancelled_at)
    FROM occurrences p WHERE p.schedule_id = ?1 AND p.replaced_by = ?2";

fn occurrence_id(conn: &Connection, schedule: i64, civil: NaiveDateTime) -> Result<i64, Fault> {
    let civil = civil_text(civil);
    let known = conn
        .prepare_cached("SELECT id FROM occurrences WHERE schedule_id = ?1 AND civil = ?2")?
        .query_row(params![schedule, civil], |row| row.get(0))
        .optional()?;
    match known {
        Some(id) => Ok(id),
        None => Ok(conn.prepare_cached(ADD_OCCURRENCE)?.insert(params![schedule, civil])?),
    }
}

/// What recording a wave did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    Nothing,
    /// It is new, or was withdrawn and is wanted again.
    Added,
    Moved,
    /// It speaks to other people than before: to its zone instead of to all, or the reverse.
    Reshaped,
}

const WAVE: &str = "
    SELECT id, recipients, due_at, expire_at, jitter, salt, note, withdrawn_at IS NOT NULL
    FROM waves WHERE occurrence_id = ?1 AND zone = ?2";

const ADD_WAVE: &str = "
    INSERT INTO waves
        (occurrence_id, schedule_id, zone, recipients, due_at, expire_at, jitter, salt, note, planned_at)
    VALUES (:occurrence, :schedule, :zone, :recipients, :due, :expire, :jitter, :salt, :note, :planned_at)";

const CHANGE_WAVE: &str = "
    UPDATE waves SET
        recipients = :recipients, due_at = :due, expire_at = :expire, jitter = :jitter, salt = :salt, note = :note,
        withdrawn_at = NULL,
        to_expand = max(to_expand, :anew), expanded_to = iif(:anew, 0, expanded_to),
        is_too_many = iif(:anew, NULL, is_too_many), planned_at = iif(:planned_anew, :planned_at, planned_at)
    WHERE id = :id";

fn record_wave(
    conn: &Connection,
    schedule: i64,
    occurrence: i64,
    wave: &PlannedWave,
    planned_at: DateTime<Utc>,
) -> Result<(i64, Effect), Fault> {
    let zone = wave.zone.name();
    let recipients = wave.recipients.word();
    let note = wave.note.map(Word::word);
    let (due, expire) = (micros(wave.due_at), micros(wave.expire_at));
    let jitter = wave.spread.jitter().num_microseconds().unwrap_or_default();
    let times = [due, expire, jitter, wave.spread.salt()];
    let known = conn
        .prepare_cached(WAVE)?
        .query_row(params![occurrence, zone], |row| {
            let id: i64 = row.get(0)?;
            let times: [i64; 4] = [row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?];
            let kept: (String, [i64; 4], Option<String>) = (row.get(1)?, times, row.get(6)?);
            Ok((id, kept, row.get::<_, bool>(7)?))
        })
        .optional()?;
    let Some((id, kept, was_withdrawn)) = known else {
        let id = conn.prepare_cached(ADD_WAVE)?.insert(named_params! {
            ":occurrence": occurrence, ":schedule": schedule, ":zone": zone, ":recipients": recipients,
            ":due": due, ":expire": expire, ":jitter": jitter, ":salt": wave.spread.salt(), ":note": note,
            ":planned_at": micros(planned_at),
        })?;
        return Ok((id, Effect::Added));
    };
    let has_moved = kept.1[0] != due;
    let effect = if was_withdrawn {
        Effect::Added
    } else if kept.0 != recipients {
        Effect::Reshaped
    } else if has_moved {
        Effect::Moved
    } else {
        Effect::Nothing
    };
    let same = (kept.0.as_str(), kept.1, kept.2.as_deref()) == (recipients, times, note);
    if same && !was_withdrawn {
        return Ok((id, effect));
    }
    conn.prepare_cached(CHANGE_WAVE)?.execute(named_params! {
        ":id": id, ":recipients": recipients, ":due": due, ":expire": expire, ":jitter": jitter,
        ":salt": wave.spread.salt(), ":note": note,
        ":anew": matches!(effect, Effect::Added | Effect::Reshaped),
        ":planned_anew": was_withdrawn || has_moved, ":planned_at": micros(planned_at),
    })?;
    realign::follow_wave(conn, id)?;
    Ok((id, effect))
}

/// Waves that have not ended and of which something is still to happen, or could for a new-comer.
/// What an event or a snooze made is no plan's to withdraw.
const OPEN_WAVES: &str = "
    SELECT w.id, w.to_expand FROM waves w CROSS JOIN occurrences o ON o.id = w.occurrence_id
    WHERE w.schedule_id = ?1 AND w.expire_at >= ?2 AND w.withdrawn_at IS NULL AND o.cause = 'plan'";

/// Withdraws every open wave that is not among `planned`.
fn withdraw_others(
    conn: &Connection,
    schedule: i64,
    planned: &HashSet<i64>,
    now: DateTime<Utc>,
    change: &mut PlanChange,
) -> Result<(), Fault> {
    let mut statement = conn.prepare_cached(OPEN_WAVES)?;
    let open: Vec<(i64, bool)> = statement
        .query_map(params![schedule, micros(now)], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    let mut any = false;
    for (wave, was_to_expand) in open {
        if planned.contains(&wave) {
            continue;
        }
        let cancelled = realign::withdraw(conn, wave, Reason::ScheduleChanged, now)?;
        // A wave of which everything has been sent is only closed for new-comers.
        change.withdrawn_waves += u64::from(was_to_expand || cancelled > 0);
        change.cancelled_deliveries += cancelled;
        any = true;
    }
    if any {
        realign::remove_empty_occurrences(conn, schedule)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::sql::assert_scans_nothing;
    use super::*;

    #[test]
    fn planning_costs_what_is_planned() {
        assert_scans_nothing(WAVE);
        assert_scans_nothing(ADD_OCCURRENCE);
        assert_scans_nothing(OPEN_WAVES);
    }
}
