//! Waves become deliveries.
//!
//! Expanding is idempotent: whoever has a delivery of the occurrence already gets no other, whatever wave or state it
//! is in. A wave may therefore be expanded again whenever its audience may have grown, and then those who left the
//! audience are cancelled as well.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use rusqlite::Connection;

use super::fault::Fault;
use super::guard::{self, Audiences};
use super::rows::{Of, micros};
use super::sql::Sql;
use super::words::Word;
use crate::domain::delivery::{Reason, State};
use crate::domain::plan::WaveRecipients;
use crate::domain::policy;
use crate::port::store::Expanded;

/// In the order of the due instants: claims then read neighbouring rows.
const DUE_WAVES: &str = "
    SELECT w.id, w.occurrence_id, w.schedule_id, w.zone, w.recipients, w.due_at, w.expire_at,
        iif(w.expanded_at IS NULL, w.planned_at, ?2), w.expanded_at IS NOT NULL, s.queue, o.civil,
        EXISTS (SELECT 1 FROM occurrences p WHERE p.schedule_id = w.schedule_id AND p.replaced_by = o.civil),
        w.jitter, w.salt, s.name, s.max_people, o.recalled_at IS NOT NULL, o.cancelled_at IS NOT NULL
    FROM waves w INDEXED BY waves_to_expand
        CROSS JOIN schedules s ON s.id = w.schedule_id
        CROSS JOIN occurrences o ON o.id = w.occurrence_id
    WHERE w.to_expand = 1 AND w.due_at <= ?1 AND s.missing_since IS NULL
    ORDER BY w.due_at, w.id";

pub(super) struct DueWave {
    id: i64,
    pub occurrence: i64,
    pub schedule: i64,
    zone: String,
    pub recipients: WaveRecipients,
    due_at: i64,
    expire_at: i64,
    /// For what this expansion adds: a late-comer was planned now.
    planned_at: i64,
    again: bool,
    queue: String,
    pub civil: String,
    /// Whether an edit has put its occurrence in the place of others.
    replaces: bool,
    jitter: i64,
    salt: i64,
    pub name: String,
    pub max_people: Option<u32>,
    /// Why nothing of its occurrence is sent any more: it was recalled or cancelled as a whole.
    ended_for: Option<Reason>,
}

/// A cancelled delivery that nobody can have received comes back to life when the schedule means it again: an edit
/// from 09:00 to 10:00 and back must still deliver at 09:00. So does one that was stopped because too many people were
/// meant, when they are not any more. This is the one way out of a final state, and it is open only while nothing of the
/// delivery can have been sent.
///
/// Who was served by an occurrence that this one replaces is accounted for and not served again. What is in the hands
/// of a sender at this moment may still come to nothing, so of that a claim decides.
///
/// What is over already is not claimed to find that out: after a downtime that may be a great many. What was due before the
/// ledger was restored from a backup may have been sent.
macro_rules! expand {
    ($members:literal) => {
        Sql::new(concat!(
            "
            INSERT INTO deliveries
                (occurrence_id, recipient_id, wave_id, queue, lane, state, reason, due_at, expire_at, planned_at,
                    not_before, ended_at)
            SELECT :occurrence, each.id, :wave, :queue, (each.tenant << 32) + :schedule, CASE
                    WHEN each.is_served THEN :skipped WHEN each.is_in_doubt THEN :unknown ELSE :state
                END,
                CASE WHEN each.is_served THEN :served WHEN each.is_in_doubt THEN :restored ELSE :reason END,
                :due + each.spread, :expire - :jitter + each.spread,
                :planned_at, :due + each.spread,
                CASE WHEN each.is_served OR each.is_in_doubt OR :state <> :planned THEN :now END
            FROM (
                SELECT member.id, :due + {spread member.id :} <= :restored_at AS is_in_doubt, :replaces AND EXISTS (
                    SELECT 1 FROM occurrences p
                        CROSS JOIN deliveries b ON b.occurrence_id = p.id AND b.recipient_id = member.id
                    WHERE p.schedule_id = :schedule AND p.replaced_by = :civil AND {was served}
                ) AS is_served, {spread member.id :} AS spread, coalesce((
                    SELECT t.id FROM recipients r CROSS JOIN tenants t ON t.tenant_id = r.tenant_id
                    WHERE r.id = member.id
                ), 0) AS tenant
                FROM (",
            $members,
            ") AS member
            ) AS each
            WHERE true
            ON CONFLICT (occurrence_id, recipient_id) DO UPDATE SET
                wave_id = excluded.wave_id, queue = excluded.queue, lane = excluded.lane, state = excluded.state,
                reason = excluded.reason, detail = NULL, due_at = excluded.due_at, expire_at = excluded.expire_at,
                planned_at = excluded.planned_at, not_before = excluded.not_before,
                ended_at = excluded.ended_at
            WHERE deliveries.state IN (:cancelled, :skipped) AND deliveries.possible_duplicate = 0
                AND deliveries.reason IN ({revived})
                AND deliveries.reason IS NOT excluded.reason"
        ))
    };
}

static EXPAND_ZONE: Sql = expand!("{members in zone}");
static EXPAND_ALL: Sql = expand!("{members}");

static EXPAND_INVITED: Sql = expand!("{invited}");

static CANCEL_LEFT: Sql = Sql::new(
    "
    UPDATE deliveries SET state = :cancelled, reason = :left, detail = NULL
    WHERE id IN (
        SELECT d.id FROM deliveries d INDEXED BY deliveries_unfinished CROSS JOIN recipients r ON r.id = d.recipient_id
        WHERE d.wave_id = :wave AND {unfinished d.} AND d.state IN ({open})
            AND d.state IN ({before cancelled}) AND NOT {is member}
    )",
);

/// Who is invited leaves only by an exception, or is found to be somebody else who is invited.
static CANCEL_UNINVITED: Sql = Sql::new(
    "
    UPDATE deliveries SET state = :cancelled, reason = :left, detail = NULL
    WHERE id IN (
        SELECT d.id FROM deliveries d INDEXED BY deliveries_unfinished
        WHERE d.wave_id = :wave AND {unfinished d.} AND d.state IN ({open})
            AND d.state IN ({before cancelled}) AND d.recipient_id NOT IN ({invited})
    )",
);

pub(super) fn expand_due(conn: &Connection, until: DateTime<Utc>, now: DateTime<Utc>) -> Result<Expanded, Fault> {
    // Never back, also when the wall clock was.
    conn.prepare_cached("UPDATE daemon SET went_round_at = max(coalesce(went_round_at, ?1), ?1) WHERE id = 1")?
        .execute([micros(now)])?;
    let restored_at = conn
        .prepare_cached("SELECT coalesce(restored_at, ?1) FROM daemon WHERE id = 1")?
        .query_row([i64::MIN], |row| row.get(0))?;
    let mut expanded = Expanded::default();
    let mut audiences = Audiences::default();
    for wave in due_waves(conn, until, now)? {
        if wave.again {
            let left = match wave.recipients {
                WaveRecipients::OfZone | WaveRecipients::All => &CANCEL_LEFT,
                WaveRecipients::Invited => &CANCEL_UNINVITED,
            };
            let mut statement = conn.prepare_cached(left.get())?;
            // Only the statement for those who are invited asks for the occurrence.
            if let Some(index) = statement.parameter_index(":occurrence")? {
                statement.raw_bind_parameter(index, wave.occurrence)?;
            }
            statement.raw_bind_parameter(":wave", wave.id)?;
            statement.raw_bind_parameter(":schedule", wave.schedule)?;
            statement.raw_bind_parameter(":cancelled", State::Cancelled.word())?;
            statement.raw_bind_parameter(":left", Reason::LeftAudience.word())?;
            statement.raw_execute()?;
        }
        let too_many = if wave.ended_for.is_some() { None } else { audiences.too_many(conn, &wave)? };
        if let Some(people) = too_many {
            expanded.too_many.extend(guard::stop_occurrence(conn, &wave, people)?);
        }
        let made = expand(conn, &wave, too_many.is_some(), restored_at, now)?;
        conn.prepare_cached(
            "UPDATE waves SET to_expand = 0, expanded_at = ?2, has_rows = max(has_rows, ?3) WHERE id = ?1",
        )?
        .execute((wave.id, micros(now), made > 0))?;
        expanded.waves += 1;
        expanded.deliveries += made;
    }
    Ok(expanded)
}

fn due_waves(conn: &Connection, until: DateTime<Utc>, now: DateTime<Utc>) -> Result<Vec<DueWave>, Fault> {
    let mut statement = conn.prepare_cached(DUE_WAVES)?;
    let mut rows = statement.query((micros(until), micros(now)))?;
    let mut waves = Vec::new();
    while let Some(row) = rows.next()? {
        let of = Of { table: "waves", id: row.get(0)? };
        // Checked here, so that a zone that nobody knows is found before it is in a delivery.
        let zone: Tz = of.zone(row, 3, "zone")?;
        waves.push(DueWave {
            id: of.id,
            occurrence: row.get(1)?,
            schedule: row.get(2)?,
            zone: zone.name().to_owned(),
            recipients: of.word(row, 4, "recipients")?,
            due_at: row.get(5)?,
            expire_at: row.get(6)?,
            planned_at: row.get(7)?,
            again: row.get(8)?,
            queue: row.get(9)?,
            civil: row.get(10)?,
            replaces: row.get(11)?,
            jitter: row.get(12)?,
            salt: row.get(13)?,
            name: row.get(14)?,
            max_people: row.get(15)?,
            ended_for: if row.get(16)? {
                Some(Reason::Recalled)
            } else {
                row.get::<_, bool>(17)?.then_some(Reason::CancelledByOperator)
            },
        });
    }
    Ok(waves)
}

/// Returns how many deliveries were made or revived.
fn expand(
    conn: &Connection,
    wave: &DueWave,
    too_many: bool,
    restored_at: i64,
    now: DateTime<Utc>,
) -> Result<u64, Fault> {
    let of = Of { table: "waves", id: wave.id };
    let instant = |column, micros| DateTime::from_timestamp_micros(micros).ok_or_else(|| of.corrupt(column, &micros));
    let over = policy::over(now, instant("planned_at", wave.planned_at)?, instant("expire_at", wave.expire_at)?);
    let (state, reason) = match (wave.ended_for, over) {
        (Some(reason), _) => (State::Cancelled, Some(reason)),
        (None, Some(reason)) => (State::Expired, Some(reason)),
        (None, None) if too_many => (State::Skipped, Some(Reason::TooManyPeople)),
        (None, None) => (State::Planned, None),
    };
    let sql = match wave.recipients {
        WaveRecipients::OfZone => &EXPAND_ZONE,
        WaveRecipients::All => &EXPAND_ALL,
        WaveRecipients::Invited => &EXPAND_INVITED,
    };
    let mut statement = conn.prepare_cached(sql.get())?;
    // Only the statement for one zone asks for the zone.
    if let Some(index) = statement.parameter_index(":zone")? {
        statement.raw_bind_parameter(index, &wave.zone)?;
    }
    let words = [
        (":state", state.word()),
        (":planned", State::Planned.word()),
        (":skipped", State::Skipped.word()),
        (":cancelled", State::Cancelled.word()),
        (":served", Reason::ServedBeforeEdit.word()),
        (":unknown", State::Unknown.word()),
        (":restored", Reason::Restored.word()),
        (":queue", wave.queue.as_str()),
        (":civil", wave.civil.as_str()),
    ];
    for (name, word) in words {
        statement.raw_bind_parameter(name, word)?;
    }
    if let Some(reason) = reason {
        // Left alone, a parameter is NULL.
        let index = statement.parameter_index(":reason")?.expect("both statements have it");
        statement.raw_bind_parameter(index, reason.word())?;
    }
    let numbers = [
        (":occurrence", wave.occurrence),
        (":schedule", wave.schedule),
        (":wave", wave.id),
        (":due", wave.due_at),
        (":expire", wave.expire_at),
        (":planned_at", wave.planned_at),
        (":replaces", i64::from(wave.replaces)),
        (":jitter", wave.jitter),
        (":salt", wave.salt),
        (":now", micros(now)),
        (":restored_at", if wave.ended_for.is_some() { i64::MIN } else { restored_at }),
    ];
    for (name, number) in numbers {
        statement.raw_bind_parameter(name, number)?;
    }
    Ok(statement.raw_execute()? as u64)
}

#[cfg(test)]
mod tests {
    use super::super::sql::assert_scans_nothing;
    use super::*;

    #[test]
    fn expanding_costs_what_is_in_the_audience() {
        assert_scans_nothing(DUE_WAVES);
        assert_scans_nothing(EXPAND_ZONE.get());
        assert_scans_nothing(EXPAND_INVITED.get());
        assert_scans_nothing(CANCEL_LEFT.get());
        assert_scans_nothing(CANCEL_UNINVITED.get());
    }
}
