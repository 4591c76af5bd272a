//! What there is to send, in numbers: for forecasts. Runs on the reader's connection.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use rusqlite::{Connection, OptionalExtension, Row, named_params};

use super::audience::{self, Reached};
use super::fault::Fault;
use super::rows::{Of, micros};
use super::sql::Sql;
use crate::domain::forecast::Load;
use crate::domain::id::ScheduleName;
use crate::domain::plan::WaveRecipients;
use crate::port::store::OccurrenceLoad;

/// Waves of which something is open.
static OPEN: Sql = Sql::new(
    "
    WITH RECURSIVE {busy}
    SELECT s.id, s.name, s.priority, o.id, o.civil, w.id
    FROM busy
        CROSS JOIN waves w ON w.id = busy.id
        CROSS JOIN schedules s ON s.id = w.schedule_id
        CROSS JOIN occurrences o ON o.id = w.occurrence_id
    WHERE s.missing_since IS NULL",
);

static OPEN_OF_WAVE: Sql = Sql::new(
    "
    SELECT d.lane >> 32, d.not_before, d.expire_at, r.conversation_id IS NULL
    FROM deliveries d INDEXED BY deliveries_unfinished CROSS JOIN recipients r ON r.id = d.recipient_id
    WHERE d.wave_id = ?1 AND {unfinished d.}",
);

/// Waves that are not deliveries yet. Those that are expanded once more bring few; those of an occurrence that was taken back
/// or cancelled as a whole bring nothing to send.
static COMING: Sql = Sql::new(
    "
    SELECT s.id, s.name, s.priority, o.id, o.civil, w.id, w.due_at, w.expire_at, w.jitter, w.zone, w.recipients,
        w.expanded_to
    FROM waves w INDEXED BY waves_to_expand
        CROSS JOIN schedules s ON s.id = w.schedule_id CROSS JOIN occurrences o ON o.id = w.occurrence_id
    WHERE w.to_expand = 1 AND w.expanded_at IS NULL AND s.missing_since IS NULL
        AND o.recalled_at IS NULL AND o.cancelled_at IS NULL",
);

static INVITED_BY_TENANT: Sql = Sql::new(
    "
    SELECT r.tenant_id, count(*), sum(r.conversation_id IS NULL)
    FROM ({invited}) AS each CROSS JOIN recipients r ON r.id = each.id
    GROUP BY r.tenant_id",
);

/// Whom a wave reaches, so far as it makes a difference.
#[derive(PartialEq, Eq, Hash)]
enum Reach {
    /// The audience of a schedule, without those up to an id who have their deliveries already.
    Audience(i64, i64),
    /// What of it lives in a zone.
    InZone(i64, String, i64),
    /// Those who are invited to an occurrence of a schedule.
    Invited(i64, i64),
}

pub(super) fn loads(conn: &Connection, now: DateTime<Utc>, home: &Arc<str>) -> Result<Vec<OccurrenceLoad>, Fault> {
    let mut loads = Vec::new();
    open(conn, now, home, &mut loads)?;
    coming(conn, home, &mut loads)?;
    Ok(loads)
}

fn open(conn: &Connection, now: DateTime<Utc>, home: &Arc<str>, loads: &mut Vec<OccurrenceLoad>) -> Result<(), Fault> {
    let mut statement = conn.prepare_cached(OPEN.get())?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let wave = row.get(5)?;
        for ((tenant, _), open) in open_of_wave(conn, wave, now)? {
            let tenant = conn
                .prepare_cached("SELECT tenant_id FROM tenants WHERE id = ?1")?
                .query_row([tenant], |row| row.get(0))
                .optional()?;
            let reached = Reached { tenant, people: open.people, creations: open.creations };
            let of = Of { table: "waves", id: wave };
            let instant = |column, at| DateTime::from_timestamp_micros(at).ok_or_else(|| of.corrupt(column, &at));
            let (due_at, expire_at) = (instant("due_at", open.not_before)?, instant("expire_at", open.expire_at)?);
            let (occurrence, load) = load(row, &reached, due_at, expire_at, home)?;
            loads.push(OccurrenceLoad { occurrence, load });
        }
    }
    Ok(())
}

/// Open deliveries of one wave and one tenant that may be tried within the same ten seconds.
struct Open {
    people: u64,
    creations: u64,
    /// Of the first of them.
    not_before: i64,
    /// Of the last of them.
    expire_at: i64,
}

/// By tenant and ten seconds. Counted here, since SQLite would sort them all in memory to group them.
fn open_of_wave(conn: &Connection, wave: i64, now: DateTime<Utc>) -> Result<BTreeMap<(i64, i64), Open>, Fault> {
    const TEN_SECONDS: i64 = 10_000_000;
    let mut statement = conn.prepare_cached(OPEN_OF_WAVE.get())?;
    let mut rows = statement.query([wave])?;
    let mut open = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let (tenant, not_before, expire_at): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let together = open.entry((tenant, not_before.max(micros(now)) / TEN_SECONDS)).or_insert(Open {
            people: 0,
            creations: 0,
            not_before,
            expire_at,
        });
        together.people += 1;
        together.creations += u64::from(row.get::<_, bool>(3)?);
        together.not_before = together.not_before.min(not_before);
        together.expire_at = together.expire_at.max(expire_at);
    }
    Ok(open)
}

fn coming(conn: &Connection, home: &Arc<str>, loads: &mut Vec<OccurrenceLoad>) -> Result<(), Fault> {
    let mut known: HashMap<Reach, Vec<Reached>> = HashMap::new();
    let mut statement = conn.prepare_cached(COMING.get())?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let wave = Of { table: "waves", id: row.get(5)? };
        let (due_at, expire_at) = (wave.instant(row, 6, "due_at")?, wave.instant(row, 7, "expire_at")?);
        let jitter = TimeDelta::microseconds(row.get(8)?);
        let schedule: i64 = row.get(0)?;
        let reach = match wave.word(row, 10, "recipients")? {
            WaveRecipients::OfZone => Reach::InZone(schedule, row.get(9)?, row.get(11)?),
            WaveRecipients::All => Reach::Audience(schedule, row.get(11)?),
            WaveRecipients::Invited => Reach::Invited(schedule, row.get(3)?),
        };
        let reached = match known.entry(reach) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => {
                let reached = reached(conn, place.key())?;
                place.insert(reached)
            }
        };
        for reached in reached.iter() {
            // Of the wave's own end, which is that of its last recipient, the first is as far from it as jitter says.
            let (occurrence, load) = load(row, reached, due_at, expire_at - jitter, home)?;
            loads.extend(load.spread_over(jitter).into_iter().map(|load| OccurrenceLoad { occurrence, load }));
        }
    }
    Ok(())
}

fn reached(conn: &Connection, reach: &Reach) -> Result<Vec<Reached>, Fault> {
    match reach {
        Reach::InZone(schedule, zone, after) => audience::reached(conn, *schedule, Some(zone), *after),
        Reach::Audience(schedule, after) => audience::reached(conn, *schedule, None, *after),
        Reach::Invited(schedule, occurrence) => invited(conn, *schedule, *occurrence),
    }
}

fn invited(conn: &Connection, schedule: i64, occurrence: i64) -> Result<Vec<Reached>, Fault> {
    let mut statement = conn.prepare_cached(INVITED_BY_TENANT.get())?;
    let reached = statement.query_map(named_params! { ":schedule": schedule, ":occurrence": occurrence }, |row| {
        Ok(Reached {
            tenant: row.get(0)?,
            people: row.get::<_, i64>(1)?.unsigned_abs(),
            creations: row.get::<_, i64>(2)?.unsigned_abs(),
        })
    })?;
    Ok(reached.collect::<Result<_, _>>()?)
}

/// Reads the first five columns, which both statements have.
fn load(
    row: &Row<'_>,
    reached: &Reached,
    due_at: DateTime<Utc>,
    expire_at: DateTime<Utc>,
    home: &Arc<str>,
) -> Result<(NaiveDateTime, Load), Fault> {
    let schedule = Of { table: "schedules", id: row.get(0)? };
    let name: String = row.get(1)?;
    let load = Load {
        tenant: Arc::clone(reached.tenant.as_ref().unwrap_or(home)),
        schedule: ScheduleName::new(&name).ok_or_else(|| schedule.corrupt("name", &name))?,
        priority: schedule.word(row, 2, "priority")?,
        due_at,
        expire_at,
        messages: reached.people,
        calls: reached.people + reached.creations,
    };
    Ok((Of { table: "occurrences", id: row.get(3)? }.civil(row, 4, "civil")?, load))
}

#[cfg(test)]
mod tests {
    use super::super::sql::assert_scans_nothing;
    use super::*;

    #[test]
    fn loads_cost_what_is_open_and_whom_it_reaches() {
        assert_scans_nothing(OPEN.get());
        assert_scans_nothing(OPEN_OF_WAVE.get());
        assert_scans_nothing(COMING.get());
        assert_scans_nothing(INVITED_BY_TENANT.get());
    }
}
