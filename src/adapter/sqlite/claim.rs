//! Claims: taken and given back. From which lane how many are taken is decided in `lanes`.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use rusqlite::{Connection, Row, named_params};

use super::events;
use super::fault::Fault;
use super::person;
use super::realign;
use super::rows::{Of, micros, span};
use super::sql::Sql;
use super::words::Word;
use crate::domain::delivery::{Claim, Earlier, Original, RosterState, State};
use crate::domain::event::EventFacts;
use crate::domain::id::{DeliveryId, ScheduleName, Term};
use crate::domain::schedule::model::Priority;

/// Of the later waves of a schedule only those are looked at that are due by now and in which the recipient can be, so a
/// claim that is on time looks at none. Two are due at one instant only where a clock leaves an hour out, and the earlier of
/// them has a note of that: whatever jitter makes of them, the later one stands for both. One that is not meant any more, or
/// was stopped, takes nobody's place.
/// Neither does what an event or a snooze made, and nothing takes its place: of two events, the second says nothing of
/// the first. What an operator asked for again goes out whatever is due since, and as long as they said.
///
/// The plus keeps SQLite from filling a table with the two topics for each claim; who said stop, said it a few times.
static CLAIMABLE: Sql = Sql::new(
    "
    SELECT {person},
        d.id, s.id, s.name, o.id, o.civil, w.id, w.zone, d.due_at,
        max(d.expire_at, coalesce(d.open_until, d.expire_at)), d.planned_at, s.on_unknown,
        d.attempts, d.possible_duplicate,
        (
            SELECT max(iif({was served}, 2, b.state IN ({held})))
            FROM occurrences p CROSS JOIN deliveries b ON b.occurrence_id = p.id AND b.recipient_id = d.recipient_id
            WHERE p.schedule_id = s.id AND p.replaced_by = o.civil
        ),
        s.overlap, s.catch_up,
        o.cause = 'plan' AND s.fires_once = 0 AND d.open_until IS NULL AND (s.overlap = '{supersede}' OR s.catch_up = '{latest}') AND EXISTS (
            SELECT 1
            FROM waves n INDEXED BY waves_by_due
                CROSS JOIN occurrences x ON x.id = n.occurrence_id AND x.cause = 'plan'
                CROSS JOIN deliveries l ON l.occurrence_id = n.occurrence_id AND l.recipient_id = d.recipient_id
            WHERE n.schedule_id = w.schedule_id AND n.due_at >= w.due_at + (w.note IS NULL) AND n.due_at <= :now
                AND (n.due_at > w.due_at OR x.civil > o.civil)
                AND n.occurrence_id <> w.occurrence_id AND (n.recipients = 'all' OR n.zone IN (w.zone, r.zone))
                AND (l.due_at <= :now OR n.due_at = w.due_at) AND l.state <> 'cancelled' AND l.reason IS NOT '{too many people}'
        ),
        iif(s.own_holidays, (SELECT json_group_array(group_name) FROM memberships WHERE recipient_id = r.id), NULL),
        d.reason,
        iif(r.kind = 'channel' AND r.conversation_id IS NULL, EXISTS (
            SELECT 1 FROM addresses p CROSS JOIN teams t ON t.read_at IS NULL
            WHERE p.recipient_id = r.id AND (
                substr(p.address, 1, length(t.id) + 9) = 'channel:' || t.id || '/'
                OR substr(p.address, 1, length(t.name_key) + 9) = 'channel:' || t.name_key || '/'
            )
        ), 0),
        d.doubts, o.event_id,
        EXISTS (SELECT 1 FROM stops x WHERE x.recipient_id = r.id AND +x.topic IN ('', s.topic)),
        z.occurrence_id, z.civil, z.due_at, EXISTS (SELECT 1 FROM recalled q WHERE q.delivery_id = z.delivery_id),
        o.cause = 'test',
        iif(r.introduce_at IS NOT NULL AND r.introduce_tries = 0, EXISTS (
            SELECT 1 FROM audience e
                CROSS JOIN addresses p ON p.address = e.word
                CROSS JOIN recipients x ON x.id = p.recipient_id
            WHERE e.schedule_id = s.id AND e.kind = 'except' AND x.conversation_id IS NULL AND x.user_id IS NULL
                AND x.entra_object_id IS NULL
        ), 0),
        d.sent_in
    FROM deliveries d INDEXED BY deliveries_claimable
        CROSS JOIN waves w ON w.id = d.wave_id
        CROSS JOIN occurrences o ON o.id = d.occurrence_id
        CROSS JOIN schedules s ON s.id = w.schedule_id
        CROSS JOIN recipients r ON r.id = d.recipient_id
        LEFT JOIN snoozes z ON z.occurrence_id = o.id
    WHERE d.queue = :queue AND d.lane = :lane AND d.state IN ({open}) AND d.not_before <= :now
    ORDER BY d.not_before, d.id
    LIMIT :limit",
);

static CLAIM: Sql = Sql::new(
    "
    UPDATE deliveries SET state = :claimed, term = :term, lease_until = :lease_until
    WHERE id = :id AND state IN ({before claimed})",
);

/// On whose behalf and until when claims are taken.
#[derive(Clone, Copy)]
pub(super) struct Hold {
    pub term: Term,
    pub now: DateTime<Utc>,
    pub lease: Duration,
}

/// Claims up to `most` deliveries of one lane, the first of them first.
pub(super) fn claim_of_lane(
    conn: &Connection,
    hold: Hold,
    queue: Priority,
    lane: i64,
    most: usize,
) -> Result<Vec<Claim>, Fault> {
    let claims = claimable(conn, hold, queue, lane, most)?;
    let lease_until = micros(hold.now).saturating_add(span(hold.lease));
    let mut statement = conn.prepare_cached(CLAIM.get())?;
    for claim in &claims {
        statement.execute(named_params! {
            ":id": claim.id.0, ":claimed": State::Claimed.word(), ":term": hold.term.0, ":lease_until": lease_until,
        })?;
    }
    Ok(claims)
}

pub(super) fn current_term(conn: &Connection) -> Result<Term, Fault> {
    Ok(conn.prepare_cached("SELECT term FROM daemon WHERE id = 1")?.query_row([], |row| row.get(0).map(Term))?)
}

fn claimable(conn: &Connection, hold: Hold, queue: Priority, lane: i64, most: usize) -> Result<Vec<Claim>, Fault> {
    let mut statement = conn.prepare_cached(CLAIMABLE.get())?;
    let limit = i64::try_from(most).unwrap_or(i64::MAX);
    let mut rows = statement.query(named_params! {
        ":queue": queue.word(), ":lane": lane, ":now": micros(hold.now), ":limit": limit,
    })?;
    let mut claims = Vec::new();
    // One event may speak to thousands.
    let mut known: HashMap<i64, Option<Arc<EventFacts>>> = HashMap::new();
    while let Some(row) = rows.next()? {
        let mut claim = read_claim(row, hold.term, queue)?;
        if let Some(id) = row.get(person::COLUMN_COUNT + 21)? {
            claim.event = match known.entry(id) {
                Entry::Occupied(known) => known.get().clone(),
                Entry::Vacant(place) => place.insert(events::facts(conn, id)?).clone(),
            };
        }
        claims.push(claim);
    }
    Ok(claims)
}

fn read_claim(row: &Row<'_>, term: Term, priority: Priority) -> Result<Claim, Fault> {
    const OWN: usize = person::COLUMN_COUNT;
    let person = person::Person::read(row)?;
    let delivery = Of { table: "deliveries", id: row.get(OWN)? };
    let schedule = Of { table: "schedules", id: row.get(OWN + 1)? };
    let name: String = row.get(OWN + 2)?;
    let occurrence = Of { table: "occurrences", id: row.get(OWN + 3)? };
    let wave = Of { table: "waves", id: row.get(OWN + 5)? };
    Ok(Claim {
        id: DeliveryId(delivery.id),
        term,
        priority,
        schedule: ScheduleName::new(&name).ok_or_else(|| schedule.corrupt("name", &name))?,
        occurrence: occurrence.civil(row, OWN + 4, "civil")?,
        zone: wave.zone(row, OWN + 6, "zone")?,
        due_at: delivery.instant(row, OWN + 7, "due_at")?,
        expire_at: delivery.instant(row, OWN + 8, "expire_at")?,
        planned_at: delivery.instant(row, OWN + 9, "planned_at")?,
        on_unknown: schedule.word(row, OWN + 10, "on_unknown")?,
        attempts: delivery.count(row, OWN + 11, "attempts")?,
        possible_duplicate: row.get(OWN + 12)?,
        is_known: person.is_known,
        reference: person.reference,
        unreachable: person.unreachable,
        standing: person.standing,
        roster: if row.get(OWN + 19)? { RosterState::Unread } else { RosterState::Read },
        earlier: match row.get(OWN + 13)? {
            None | Some(0) => Earlier::Nothing,
            Some(1) => Earlier::InHand,
            Some(_) => Earlier::Served,
        },
        overlap: schedule.word(row, OWN + 14, "overlap")?,
        catch_up: schedule.word(row, OWN + 15, "catch_up")?,
        later_is_due: row.get(OWN + 16)?,
        groups: groups(row, OWN + 17)?,
        waited_for: delivery.word_if_any(row, OWN + 18, "reason")?,
        doubts: delivery.count(row, OWN + 20, "doubts")?,
        opted_out: row.get(OWN + 22)?,
        original: original(row, OWN + 23)?,
        is_test: row.get(OWN + 27)?,
        may_be_left_out: row.get(OWN + 28)?,
        tried_in: row.get(OWN + 29)?,
        recipient: person.recipient,
        event: None,
    })
}

fn original(row: &Row<'_>, column: usize) -> Result<Option<Original>, Fault> {
    let Some(id) = row.get(column)? else { return Ok(None) };
    let snooze = Of { table: "snoozes", id };
    Ok(Some(Original {
        occurrence: snooze.civil(row, column + 1, "civil")?,
        due_at: snooze.instant(row, column + 2, "due_at")?,
        is_recalled: row.get(column + 3)?,
    }))
}

fn groups(row: &Row<'_>, column: usize) -> Result<Vec<String>, Fault> {
    let groups: Option<String> = row.get(column)?;
    // The database made it from its own texts.
    Ok(groups.and_then(|groups| serde_json::from_str(&groups).ok()).unwrap_or_default())
}

/// One that had waited with a reason waits on; any other is planned again. Both keep the instant before which they
/// must not be tried, which is never before they are due: where the clock was set back since, they would be claimed at
/// once, and given back, and so on without end.
static RELEASE: Sql = Sql::new(
    "
    UPDATE deliveries SET
        state = iif(reason IS NULL, :planned, :waiting), not_before = max(not_before, due_at),
        term = NULL, lease_until = NULL
    WHERE id = :id AND term = :term AND state = :claimed
        AND state IN ({before planned}) AND state IN ({before waiting})",
);

/// Gives one claim back. Returns whether `term` held it.
pub(super) fn release_one(conn: &Connection, term: Term, delivery: DeliveryId) -> Result<bool, Fault> {
    let released = conn.prepare_cached(RELEASE.get())?.execute(named_params! {
        ":id": delivery.0,
        ":term": term.0,
        ":planned": State::Planned.word(),
        ":waiting": State::Waiting.word(),
        ":claimed": State::Claimed.word(),
    })?;
    if released > 0 {
        realign::after_return(conn, delivery)?;
    }
    Ok(released > 0)
}

static POSTPONE: Sql = Sql::new(
    "
    UPDATE deliveries SET not_before = max(not_before, :not_before) WHERE id = :id AND state IN ({open})",
);

/// Gives one claim back until `not_before`. It is back first, in the wave where it belongs by now: what follows from that
/// must not undo the waiting.
pub(super) fn postpone(
    conn: &Connection,
    term: Term,
    delivery: DeliveryId,
    not_before: DateTime<Utc>,
) -> Result<(), Fault> {
    if release_one(conn, term, delivery)? {
        conn.prepare_cached(POSTPONE.get())?
            .execute(named_params! { ":id": delivery.0, ":not_before": micros(not_before) })?;
    }
    Ok(())
}

pub(super) fn release(conn: &Connection, term: Term, deliveries: &[DeliveryId]) -> Result<(), Fault> {
    for delivery in deliveries {
        release_one(conn, term, *delivery)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::sql::{assert_fills_no_table, assert_scans_nothing};
    use super::*;

    #[test]
    fn claiming_costs_what_is_claimed() {
        assert_fills_no_table(CLAIM.get());
        assert_fills_no_table(RELEASE.get());
        assert_scans_nothing(CLAIMABLE.get());
        assert_scans_nothing(CLAIM.get());
        assert_scans_nothing(RELEASE.get());
        assert_scans_nothing(POSTPONE.get());
    }
}
