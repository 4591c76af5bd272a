//! Where everything stands. Runs on the reader's connection, in one transaction, so the numbers fit together.
//!
//! Recipients of a wave that waits to be expanded are counted by the very statement that expansion uses, so the sum
//! over the states is the audience before, during and after.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, NaiveDateTime, Utc};
use rusqlite::{Connection, Row, named_params};

use super::audience::{self, ByZone};
use super::fault::Fault;
use super::lateness;
use super::rows::{Of, micros};
use super::sql::Sql;
use crate::domain::delivery::{Reason, State};
use crate::domain::lateness::Histogram;
use crate::domain::plan::WaveRecipients;
use crate::port::desk::{Counts, DeliveryRecall, DeliveryStatus, OccurrenceStatus, ReasonCount, WaveStatus};
use crate::port::recall::RecallCounts;
use crate::port::store::{LedgerStatus, Missing, RATE_OVER, StatusQuery};

static OCCURRENCES: Sql = Sql::new(
    "
    WITH RECURSIVE {busy}, live (id) AS (
        SELECT w.occurrence_id FROM busy CROSS JOIN waves w ON w.id = busy.id
        UNION
        SELECT w.occurrence_id FROM waves w INDEXED BY waves_to_expand WHERE w.to_expand = 1
        UNION
        SELECT w.occurrence_id FROM schedules s CROSS JOIN waves w ON w.schedule_id = s.id AND w.expire_at > :after
        UNION
        SELECT c.occurrence_id FROM recalls c INDEXED BY recalls_by_time WHERE c.asked_at > :after
    )
    SELECT o.id, o.schedule_id, s.name, o.civil, o.cause = 'test'
    FROM live CROSS JOIN occurrences o ON o.id = live.id CROSS JOIN schedules s ON s.id = o.schedule_id
    WHERE :schedule IS NULL OR s.name = :schedule
    ORDER BY s.name, o.civil",
);

struct Occurrence {
    id: i64,
    schedule: i64,
    name: String,
    civil: NaiveDateTime,
    is_test: bool,
}

struct Wave {
    id: i64,
    recipients: WaveRecipients,
    to_expand: bool,
    has_rows: bool,
    is_withdrawn: bool,
    status: WaveStatus,
}

pub(super) fn status(
    conn: &Connection,
    query: &StatusQuery,
    ended_after: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<LedgerStatus, Fault> {
    let requests_lately = lateness::requests(conn, RATE_OVER, now)?;
    let mut status = LedgerStatus { requests_lately, ..LedgerStatus::default() };
    let mut all = Histogram::default();
    let mut audiences = Audiences::default();
    for occurrence in occurrences(conn, query, ended_after)? {
        let lateness = lateness::of_occurrence(conn, occurrence.id)?;
        all.merge(&lateness);
        let shown = occurrence_status(conn, &occurrence, &mut audiences)?;
        status.occurrences.push(OccurrenceStatus { lateness: lateness.lateness(), ..shown });
        if query.schedule.is_some() {
            list_deliveries(conn, &occurrence, &mut status.deliveries)?;
        }
    }
    status.lateness = all.lateness();
    status.missing = missing(conn, query)?;
    Ok(status)
}

const MISSING: &str = "
    SELECT id, name, origin, missing_since FROM schedules
    WHERE missing_since IS NOT NULL AND retired_at IS NULL AND (?1 IS NULL OR name = ?1) ORDER BY name";

fn missing(conn: &Connection, query: &StatusQuery) -> Result<Vec<Missing>, Fault> {
    let mut statement = conn.prepare_cached(MISSING)?;
    let mut rows = statement.query([&query.schedule])?;
    let mut missing = Vec::new();
    while let Some(row) = rows.next()? {
        let since = Of { table: "schedules", id: row.get(0)? }.instant(row, 3, "missing_since")?;
        missing.push(Missing { schedule: row.get(1)?, file: row.get(2)?, since });
    }
    Ok(missing)
}

fn occurrences(conn: &Connection, query: &StatusQuery, ended_after: DateTime<Utc>) -> Result<Vec<Occurrence>, Fault> {
    let mut statement = conn.prepare_cached(OCCURRENCES.get())?;
    let mut rows = statement.query(named_params! { ":after": micros(ended_after), ":schedule": query.schedule })?;
    let mut occurrences = Vec::new();
    while let Some(row) = rows.next()? {
        let of = Of { table: "occurrences", id: row.get(0)? };
        let civil = of.civil(row, 3, "civil")?;
        occurrences.push(Occurrence {
            id: of.id,
            schedule: row.get(1)?,
            name: row.get(2)?,
            civil,
            is_test: row.get(4)?,
        });
    }
    Ok(occurrences)
}

const COUNTS: &str = "
    SELECT wave_id, state, reason, possible_duplicate, count(*), min(id)
    FROM deliveries WHERE occurrence_id = ?1 GROUP BY 1, 2, 3, 4";

fn occurrence_status(
    conn: &Connection,
    occurrence: &Occurrence,
    audiences: &mut Audiences,
) -> Result<OccurrenceStatus, Fault> {
    let mut waves = waves(conn, occurrence)?;
    let mut people: HashMap<i64, u64> = HashMap::new();
    let mut counts = Counts::new();
    let mut reasons: BTreeMap<(State, Reason), u64> = BTreeMap::new();
    let mut possible_duplicates = 0;

    let mut statement = conn.prepare_cached(COUNTS)?;
    let mut rows = statement.query([occurrence.id])?;
    while let Some(row) = rows.next()? {
        let of = Of { table: "deliveries", id: row.get(5)? };
        let count = unsigned(row.get(4)?);
        let state: State = of.word(row, 1, "state")?;
        *people.entry(row.get(0)?).or_default() += count;
        *counts.entry(state).or_default() += count;
        if let Some(reason) = of.word_if_any(row, 2, "reason")? {
            *reasons.entry((state, reason)).or_default() += count;
        }
        if row.get(3)? {
            possible_duplicates += count;
        }
    }

    let coming = if !waves.iter().any(|wave| wave.to_expand) {
        &ByZone::new()
    } else if waves.iter().any(|wave| wave.has_rows || wave.recipients == WaveRecipients::Invited) {
        &missing_by_zone(conn, occurrence)?
    } else {
        audiences.by_zone(conn, occurrence.schedule)?
    };
    for (zone, count) in coming {
        if let Some(wave) = waves.iter().find(|wave| wave.is_coming_to(zone)) {
            *people.entry(wave.id).or_default() += count;
            *counts.entry(State::Planned).or_default() += count;
        }
    }
    for wave in &mut waves {
        wave.status.people = people.get(&wave.id).copied().unwrap_or_default();
    }
    waves.retain(|wave| !wave.is_withdrawn || wave.status.people > 0);

    Ok(OccurrenceStatus {
        schedule: occurrence.name.clone(),
        occurrence: occurrence.civil,
        test: occurrence.is_test,
        audience: counts.values().sum(),
        counts,
        possible_duplicates,
        reasons: reasons.into_iter().map(|((state, reason), count)| ReasonCount::new(state, reason, count)).collect(),
        waves: waves.into_iter().map(|wave| wave.status).collect(),
        recalled: recalled(conn, occurrence)?,
        lateness: None,
        finished_at: None,
        too_late: 0,
    })
}

const RECALLED: &str = "
    SELECT t.state, count(*), min(t.delivery_id)
    FROM recalls c INDEXED BY recalls_of_occurrence
        CROSS JOIN recalled t INDEXED BY recalled_of_recall ON t.recall_id = c.id
    WHERE c.occurrence_id = ?1 GROUP BY 1";

fn recalled(conn: &Connection, occurrence: &Occurrence) -> Result<RecallCounts, Fault> {
    let mut statement = conn.prepare_cached(RECALLED)?;
    let mut rows = statement.query([occurrence.id])?;
    let mut counts = RecallCounts::new();
    while let Some(row) = rows.next()? {
        let of = Of { table: "recalled", id: row.get(2)? };
        counts.insert(of.word(row, 0, "state")?, unsigned(row.get(1)?));
    }
    Ok(counts)
}

/// A count as SQLite gives it.
fn unsigned(count: i64) -> u64 {
    count.unsigned_abs()
}

const WAVES: &str = "
    SELECT id, zone, recipients, due_at, expire_at, to_expand, has_rows, withdrawn_at IS NOT NULL
    FROM waves WHERE occurrence_id = ?1 ORDER BY due_at, id";

fn waves(conn: &Connection, occurrence: &Occurrence) -> Result<Vec<Wave>, Fault> {
    let mut statement = conn.prepare_cached(WAVES)?;
    let mut rows = statement.query([occurrence.id])?;
    let mut waves = Vec::new();
    while let Some(row) = rows.next()? {
        let of = Of { table: "waves", id: row.get(0)? };
        let to_expand: bool = row.get(5)?;
        waves.push(Wave {
            id: of.id,
            recipients: of.word(row, 2, "recipients")?,
            to_expand,
            has_rows: row.get(6)?,
            is_withdrawn: row.get(7)?,
            status: WaveStatus {
                zone: of.zone(row, 1, "zone")?,
                due_at: of.instant(row, 3, "due_at")?,
                expire_at: of.instant(row, 4, "expire_at")?,
                people: 0,
                expanded: !to_expand,
            },
        });
    }
    Ok(waves)
}

impl Wave {
    /// Whether its expansion takes those who live in `zone` and have no delivery of the occurrence yet. Waves are
    /// expanded in their order, so the first one that does takes them.
    fn is_coming_to(&self, zone: &str) -> bool {
        let takes = match self.recipients {
            WaveRecipients::OfZone => self.status.zone.name() == zone,
            WaveRecipients::All | WaveRecipients::Invited => true,
        };
        self.to_expand && takes
    }
}

static MISSING_BY_ZONE: Sql = Sql::new(
    "
    SELECT r.zone, count(*)
    FROM (SELECT DISTINCT member.id FROM ({meant}) AS member) AS each CROSS JOIN recipients r ON r.id = each.id
    WHERE NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.occurrence_id = :occurrence AND d.recipient_id = r.id)
    GROUP BY r.zone",
);

/// How many people of each zone have no delivery of the occurrence and are to have one.
fn missing_by_zone(conn: &Connection, occurrence: &Occurrence) -> Result<ByZone, Fault> {
    let mut statement = conn.prepare_cached(MISSING_BY_ZONE.get())?;
    let zones = statement
        .query_map(named_params! { ":schedule": occurrence.schedule, ":occurrence": occurrence.id }, |row| {
            Ok((row.get(0)?, unsigned(row.get(1)?)))
        })?;
    Ok(zones.collect::<Result<_, _>>()?)
}

/// How many people of each zone a schedule speaks to. Counted once for all the occurrences that have no deliveries
/// yet.
#[derive(Default)]
struct Audiences {
    by_schedule: HashMap<i64, ByZone>,
}

impl Audiences {
    fn by_zone(&mut self, conn: &Connection, schedule: i64) -> Result<&ByZone, Fault> {
        match self.by_schedule.entry(schedule) {
            Entry::Occupied(known) => Ok(known.into_mut()),
            Entry::Vacant(place) => Ok(place.insert(audience::by_zone(conn, schedule)?)),
        }
    }
}

/// Deliveries that exist, and those that expansion is going to make, which have no number yet.
static DELIVERIES: Sql = Sql::new(
    "
    WITH member AS (
        SELECT DISTINCT meant.id FROM ({meant}) AS meant
        WHERE EXISTS (SELECT 1 FROM waves w WHERE w.occurrence_id = :occurrence AND w.to_expand = 1)
            AND NOT EXISTS (
                SELECT 1 FROM deliveries d WHERE d.occurrence_id = :occurrence AND d.recipient_id = meant.id
            )
    ),
    each AS (
        SELECT d.id, d.recipient_id, d.wave_id, d.due_at, d.state, d.reason, d.detail, d.attempts,
            d.possible_duplicate, d.sent_at, d.not_before
        FROM deliveries d WHERE d.occurrence_id = :occurrence
        UNION ALL
        SELECT 0, r.id, w.id, w.due_at + {spread r.id w.}, 'planned', NULL, NULL, 0, 0, NULL,
            w.due_at + {spread r.id w.}
        FROM member CROSS JOIN recipients r ON r.id = member.id
            CROSS JOIN waves w ON w.id = (
                SELECT c.id FROM waves c
                WHERE c.occurrence_id = :occurrence AND c.to_expand = 1 AND (c.recipients <> 'of-zone' OR c.zone = r.zone)
                ORDER BY c.due_at, c.id LIMIT 1
            )
    )
    SELECT {person}, w.id, w.zone, each.id, each.due_at, each.state, each.reason, each.detail, each.attempts,
        each.possible_duplicate, each.sent_at, each.not_before,
        (SELECT address FROM addresses WHERE recipient_id = r.id ORDER BY position LIMIT 1),
        t.state, t.reason, c.replacement IS NULL
    FROM each CROSS JOIN waves w ON w.id = each.wave_id CROSS JOIN recipients r ON r.id = each.recipient_id
        LEFT JOIN recalled t ON t.delivery_id = each.id LEFT JOIN recalls c ON c.id = t.recall_id
    ORDER BY each.due_at, 3 COLLATE NOCASE, 3, r.id",
);

fn list_deliveries(
    conn: &Connection,
    occurrence: &Occurrence,
    deliveries: &mut Vec<DeliveryStatus>,
) -> Result<(), Fault> {
    let mut statement = conn.prepare_cached(DELIVERIES.get())?;
    let mut rows = statement.query(named_params! { ":occurrence": occurrence.id, ":schedule": occurrence.schedule })?;
    while let Some(row) = rows.next()? {
        deliveries.push(delivery_status(row, occurrence)?);
    }
    Ok(())
}

fn delivery_status(row: &Row<'_>, occurrence: &Occurrence) -> Result<DeliveryStatus, Fault> {
    const OWN: usize = super::person::COLUMN_COUNT;
    let wave = Of { table: "waves", id: row.get(OWN)? };
    let of = Of { table: "deliveries", id: row.get(OWN + 2)? };
    let state: State = of.word(row, OWN + 4, "state")?;
    let not_before = of.instant(row, OWN + 10, "not_before")?;
    let recalled = Of { table: "recalled", id: of.id };
    let recall = match recalled.word_if_any(row, OWN + 12, "state")? {
        Some(state) => {
            let reason = recalled.word_if_any(row, OWN + 13, "reason")?;
            Some(DeliveryRecall { state, reason, deletes: row.get(OWN + 14)? })
        }
        None => None,
    };
    Ok(DeliveryStatus {
        schedule: occurrence.name.clone(),
        occurrence: occurrence.civil,
        recipient: row.get(2)?,
        address: row.get(OWN + 11)?,
        zone: wave.zone(row, OWN + 1, "zone")?,
        due_at: of.instant(row, OWN + 3, "due_at")?,
        state,
        reason: of.word_if_any(row, OWN + 5, "reason")?,
        detail: row.get(OWN + 6)?,
        attempts: of.count(row, OWN + 7, "attempts")?,
        possible_duplicate: row.get(OWN + 8)?,
        sent_at: of.instant_if_any(row, OWN + 9, "sent_at")?,
        not_before: (!state.is_final()).then_some(not_before),
        recall,
    })
}

#[cfg(test)]
mod tests {
    use super::super::sql::assert_scans_nothing;
    use super::*;

    #[test]
    fn a_status_costs_what_is_shown() {
        assert_scans_nothing(OCCURRENCES.get());
        assert_scans_nothing(COUNTS);
        assert_scans_nothing(WAVES);
        assert_scans_nothing(RECALLED);
        assert_scans_nothing(DELIVERIES.get());
        assert_scans_nothing(MISSING_BY_ZONE.get());
    }
}
