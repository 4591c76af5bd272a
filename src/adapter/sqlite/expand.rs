//! Waves become deliveries.
//!
//! Expanding is idempotent: whoever has a delivery of the occurrence already gets no other, whatever wave or state it
//! is in. A wave may therefore be expanded again whenever its audience may have changed, and then those who left the
//! audience are cancelled as well.
//!
//! A large wave is expanded in parts, each in a transaction of its own: what is to be sent now need not wait until a million
//! people have their deliveries of tomorrow. A wave that is expanded in part waits to be expanded, like one that was never
//! touched.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use rusqlite::Connection;

use super::expansion::Expansion;
use super::fault::Fault;
use super::guard;
use super::parts;
use super::rows::{Of, micros};
use crate::domain::delivery::Reason;
use crate::domain::plan::WaveRecipients;
use crate::port::round::Expanded;

/// In the order of the due instants: claims then read neighbouring rows. So many that reading them again for each
/// transaction costs little, also where ten thousand schedules are due at nine.
const DUE_WAVES: &str = "
    SELECT w.id, w.occurrence_id, w.schedule_id, w.zone, w.recipients, w.due_at, w.expire_at,
        iif(w.expanded_at IS NULL, w.planned_at, ?2), w.has_rows, s.queue, o.civil,
        EXISTS (SELECT 1 FROM occurrences p WHERE p.schedule_id = w.schedule_id AND p.replaced_by = o.civil),
        w.jitter, w.salt, s.name, s.max_people, o.recalled_at IS NOT NULL, o.cancelled_at IS NOT NULL,
        w.expanded_to, w.is_too_many
    FROM waves w INDEXED BY waves_to_expand
        CROSS JOIN schedules s ON s.id = w.schedule_id
        CROSS JOIN occurrences o ON o.id = w.occurrence_id
    WHERE w.to_expand = 1 AND w.due_at <= ?1 AND s.missing_since IS NULL
    ORDER BY w.due_at, w.id LIMIT 64";

/// What a wave costs besides its people, in people.
const WAVE_COSTS: u64 = 10;

pub(super) struct DueWave {
    pub id: i64,
    pub occurrence: i64,
    pub schedule: i64,
    pub zone: String,
    pub recipients: WaveRecipients,
    pub due_at: i64,
    pub expire_at: i64,
    /// For what this expansion adds: a late-comer was planned now.
    pub planned_at: i64,
    has_rows: bool,
    pub queue: String,
    pub civil: String,
    /// Whether an edit has put its occurrence in the place of others.
    pub replaces: bool,
    pub jitter: i64,
    pub salt: i64,
    pub name: String,
    pub max_people: Option<u32>,
    /// Why nothing of its occurrence is sent any more: it was recalled or cancelled as a whole.
    pub ended_for: Option<Reason>,
    /// Up to which id people have been looked at.
    pub expanded_to: i64,
    /// Whether there are more people than the schedule lets through, where they have been counted.
    is_too_many: Option<bool>,
}

/// Expands until some `most` people have been looked at, or nothing is due.
pub(super) fn expand_due(
    conn: &Connection,
    until: DateTime<Utc>,
    now: DateTime<Utc>,
    most: u32,
) -> Result<Expanded, Fault> {
    // Never back, also when the wall clock was.
    conn.prepare_cached("UPDATE daemon SET went_round_at = max(coalesce(went_round_at, ?1), ?1) WHERE id = 1")?
        .execute([micros(now)])?;
    let restored_at = conn
        .prepare_cached("SELECT coalesce(restored_at, ?1) FROM daemon WHERE id = 1")?
        .query_row([i64::MIN], |row| row.get(0))?;
    let last = parts::last(conn)?;
    let mut expanded = Expanded::default();
    let mut looked_at = 0;
    loop {
        let waves = due_waves(conn, until, now)?;
        if waves.is_empty() {
            return Ok(expanded);
        }
        for mut wave in waves {
            if looked_at >= u64::from(most) {
                return Ok(Expanded { has_more: true, ..expanded });
            }
            let is_too_many = is_too_many(conn, &wave, &mut expanded)?;
            loop {
                let part = parts::next(conn, &wave, last, most)?;
                let expansion = Expansion { conn, wave: &wave, is_too_many, restored_at, now };
                if wave.has_rows {
                    expansion.cancel_left(&part)?;
                }
                let made = expansion.make(&part)?;
                expanded.deliveries += made;
                wave.has_rows |= made > 0;
                wave.expanded_to = part.to;
                looked_at += part.people;
                if part.is_last {
                    conn.prepare_cached(FINISH)?.execute((wave.id, micros(now), wave.has_rows))?;
                    break;
                }
                if looked_at >= u64::from(most) {
                    conn.prepare_cached(KEEP)?.execute((wave.id, wave.expanded_to, is_too_many, wave.has_rows))?;
                    return Ok(Expanded { has_more: true, ..expanded });
                }
            }
            expanded.waves += 1;
            looked_at += WAVE_COSTS;
        }
    }
}

/// The rest of the wave waits for the next transaction.
const KEEP: &str = "UPDATE waves SET expanded_to = ?2, is_too_many = ?3, has_rows = max(has_rows, ?4) WHERE id = ?1";

const FINISH: &str = "
    UPDATE waves SET to_expand = 0, expanded_at = ?2, expanded_to = 0, is_too_many = NULL, has_rows = max(has_rows, ?3)
    WHERE id = ?1";

/// Whether more people are meant than the schedule lets through. They are counted when the expansion begins, and again where
/// the audience has changed since.
fn is_too_many(conn: &Connection, wave: &DueWave, expanded: &mut Expanded) -> Result<bool, Fault> {
    if wave.ended_for.is_some() {
        return Ok(false);
    }
    if let Some(known) = wave.is_too_many {
        return Ok(known);
    }
    let Some(people) = guard::too_many(conn, wave)? else { return Ok(false) };
    expanded.too_many.extend(guard::stop_occurrence(conn, wave, people)?);
    Ok(true)
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
            has_rows: row.get(8)?,
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
            expanded_to: row.get(18)?,
            is_too_many: row.get(19)?,
        });
    }
    Ok(waves)
}

#[cfg(test)]
mod tests {
    use super::super::sql::assert_scans_nothing;
    use super::*;

    #[test]
    fn finding_what_is_due_costs_what_is_due() {
        assert_scans_nothing(DUE_WAVES);
    }
}
