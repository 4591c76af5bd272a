//! How many people are still to get what of a schedule: open deliveries, and where there are none yet those whom expansion
//! is going to find. What is compared to say what an edit does.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use chrono::{DateTime, NaiveDateTime, Utc};
use chrono_tz::Tz;
use rusqlite::{Connection, OptionalExtension, named_params};

use super::audience::{self, ByZone};
use super::fault::Fault;
use super::rows::{Of, civil_text, micros};
use super::sql::Sql;
use crate::domain::plan::WaveRecipients;
use crate::domain::shift::Open;

/// What is open of one schedule.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Of its calendar.
    pub planned: Open,
    /// What events and snoozes made, which no edit touches.
    pub of_events: u64,
    /// For whom what was planned is over already, by their zones or that of the schedule, in the order of the names.
    pub past: Vec<(Tz, u64)>,
}

/// A wave of which something may still happen.
struct Wave {
    id: i64,
    occurrence: i64,
    /// Of which hour it is; `None` where an event or a snooze made it.
    planned_for: Option<NaiveDateTime>,
    zone: Tz,
    recipients: WaveRecipients,
    expire_at: DateTime<Utc>,
    /// Whether somebody may still get a delivery of it.
    to_expand: bool,
    has_rows: bool,
    /// Whether an edit has put its occurrence in the place of others.
    replaces: bool,
}

static WAVES: Sql = Sql::new(
    "
    SELECT w.id, w.occurrence_id, o.civil, o.cause = 'plan', w.zone, w.recipients, w.expire_at,
        w.to_expand = 1 AND o.recalled_at IS NULL AND o.cancelled_at IS NULL, w.has_rows,
        EXISTS (SELECT 1 FROM occurrences p WHERE p.schedule_id = w.schedule_id AND p.replaced_by = o.civil)
    FROM waves w CROSS JOIN occurrences o ON o.id = w.occurrence_id
    WHERE w.schedule_id = :schedule AND w.withdrawn_at IS NULL AND (
        w.to_expand = 1 OR w.expire_at >= :now OR EXISTS (
            SELECT 1 FROM deliveries d INDEXED BY deliveries_unfinished
            WHERE d.wave_id = w.id AND {unfinished d.}
        )
    )
    ORDER BY w.occurrence_id, w.due_at, w.id",
);

static OPEN_ROWS: Sql = Sql::new(
    "
    SELECT count(*) FROM deliveries INDEXED BY deliveries_unfinished
    WHERE wave_id = ?1 AND {unfinished} AND state IN ({open})",
);

/// Who was served by an occurrence that this one replaces gets nothing of it; what was cancelled by an edit and is meant
/// again comes to life. Expansion decides the same.
static COMING: Sql = Sql::new(
    "
    SELECT r.zone, count(*)
    FROM (SELECT DISTINCT member.id FROM ({meant}) AS member) AS each CROSS JOIN recipients r ON r.id = each.id
    WHERE NOT EXISTS (
            SELECT 1 FROM deliveries d WHERE d.occurrence_id = :occurrence AND d.recipient_id = r.id AND NOT (
                d.state IN ('cancelled', 'skipped') AND d.possible_duplicate = 0
                AND coalesce(d.reason, '') IN ({revived})
            )
        )
        AND NOT EXISTS (
            SELECT 1 FROM occurrences p CROSS JOIN deliveries b ON b.occurrence_id = p.id AND b.recipient_id = r.id
            WHERE :replaces AND p.schedule_id = :schedule AND p.replaced_by = :civil AND {was served}
        )
    GROUP BY r.zone",
);

/// In one text: schedules that speak to the same people are counted once.
const AUDIENCE: &str = "
    SELECT coalesce(group_concat(kind || ' ' || word, char(10)), '') FROM (
        SELECT kind, word FROM audience
        WHERE schedule_id = ?1 AND kind IN ('everyone', 'group', 'person', 'except') ORDER BY kind, word
    )";

/// Counts, and remembers what it has counted.
pub(super) struct Counter {
    now: DateTime<Utc>,
    by_audience: HashMap<String, ByZone>,
}

impl Counter {
    pub(super) fn new(now: DateTime<Utc>) -> Self {
        Self { now, by_audience: HashMap::new() }
    }

    /// Who lives where, and who is in which group, may be another than when it was counted.
    pub(super) fn forget(&mut self) {
        self.by_audience.clear();
    }

    pub(super) fn tally(&mut self, conn: &Connection, schedule: i64) -> Result<Tally, Fault> {
        let waves = waves(conn, schedule, self.now)?;
        let mut tally = Tally::default();
        for of_one in waves.chunk_by(|a, b| a.occurrence == b.occurrence) {
            for wave in of_one.iter().filter(|wave| wave.has_rows) {
                let rows: i64 = conn.prepare_cached(OPEN_ROWS.get())?.query_row([wave.id], |row| row.get(0))?;
                self.count(&mut tally, wave, rows.unsigned_abs());
            }
            let to_expand: Vec<&Wave> = of_one.iter().filter(|wave| wave.to_expand).collect();
            let Some(first) = to_expand.first() else { continue };
            let knows_some = of_one.iter().any(|wave| wave.has_rows || wave.recipients == WaveRecipients::Invited);
            let coming = if knows_some || first.replaces || has_deliveries(conn, first.occurrence)? {
                coming(conn, schedule, first)?
            } else {
                self.audience(conn, schedule)?.clone()
            };
            for (zone, people) in coming {
                // Waves are expanded in their order, so the first one that takes somebody has them.
                let takes = |wave: &&&Wave| match wave.recipients {
                    WaveRecipients::OfZone => wave.zone.name() == zone,
                    WaveRecipients::All | WaveRecipients::Invited => true,
                };
                if let Some(wave) = to_expand.iter().find(takes) {
                    self.count(&mut tally, wave, people);
                }
            }
        }
        tally.past.sort_by_key(|(zone, _)| zone.name());
        Ok(tally)
    }

    fn count(&self, tally: &mut Tally, wave: &Wave, people: u64) {
        if people == 0 {
            return;
        }
        let Some(civil) = wave.planned_for else {
            tally.of_events += people;
            return;
        };
        if wave.expire_at < self.now {
            match tally.past.iter_mut().find(|(zone, _)| *zone == wave.zone) {
                Some((_, past)) => *past += people,
                None => tally.past.push((wave.zone, people)),
            }
        } else {
            let zone = match wave.recipients {
                WaveRecipients::OfZone => None,
                WaveRecipients::All | WaveRecipients::Invited => Some(wave.zone),
            };
            tally.planned.add(civil, zone, people);
        }
    }

    fn audience(&mut self, conn: &Connection, schedule: i64) -> Result<&ByZone, Fault> {
        let words: String = conn.prepare_cached(AUDIENCE)?.query_row([schedule], |row| row.get(0))?;
        match self.by_audience.entry(words) {
            Entry::Occupied(known) => Ok(known.into_mut()),
            Entry::Vacant(place) => Ok(place.insert(audience::by_zone(conn, schedule)?)),
        }
    }
}

fn waves(conn: &Connection, schedule: i64, now: DateTime<Utc>) -> Result<Vec<Wave>, Fault> {
    let mut statement = conn.prepare_cached(WAVES.get())?;
    let mut rows = statement.query(named_params! { ":schedule": schedule, ":now": micros(now) })?;
    let mut waves = Vec::new();
    while let Some(row) = rows.next()? {
        let of = Of { table: "waves", id: row.get(0)? };
        waves.push(Wave {
            id: of.id,
            occurrence: row.get(1)?,
            planned_for: if row.get(3)? { Some(of.civil(row, 2, "occurrence_id")?) } else { None },
            zone: of.zone(row, 4, "zone")?,
            recipients: of.word(row, 5, "recipients")?,
            expire_at: of.instant(row, 6, "expire_at")?,
            to_expand: row.get(7)?,
            has_rows: row.get(8)?,
            replaces: row.get(9)?,
        });
    }
    Ok(waves)
}

/// A wave that was withdrawn may have left some that its occurrence still has.
fn has_deliveries(conn: &Connection, occurrence: i64) -> Result<bool, Fault> {
    let mut statement = conn.prepare_cached("SELECT 1 FROM deliveries WHERE occurrence_id = ?1 LIMIT 1")?;
    Ok(statement.query_row([occurrence], |_| Ok(())).optional()?.is_some())
}

fn coming(conn: &Connection, schedule: i64, wave: &Wave) -> Result<ByZone, Fault> {
    let mut statement = conn.prepare_cached(COMING.get())?;
    let named = named_params! {
        ":schedule": schedule, ":occurrence": wave.occurrence, ":civil": wave.planned_for.map(civil_text),
        ":replaces": wave.replaces,
    };
    let zones = statement.query_map(named, |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs())))?;
    Ok(zones.collect::<Result<_, _>>()?)
}

#[cfg(test)]
mod tests {
    use super::super::sql::assert_scans_nothing;
    use super::*;

    #[test]
    fn counting_costs_what_is_open_and_coming() {
        assert_scans_nothing(WAVES.get());
        assert_scans_nothing(OPEN_ROWS.get());
        assert_scans_nothing(COMING.get());
    }
}
