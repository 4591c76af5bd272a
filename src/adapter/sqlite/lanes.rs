//! Lanes: what is open of one schedule for one tenant. Claims are taken from all of them in turn, so that nobody waits
//! for somebody else's crowd.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension, named_params};

use super::claim::{Hold, claim_of_lane, current_term};
use super::fault::Fault;
use super::rows::{micros, span};
use super::sql::Sql;
use super::words::Word;
use crate::domain::delivery::Claim;
use crate::domain::schedule::model::Priority;
use crate::domain::share::{Room, Rooms, share_out};
use crate::port::store::StoreError;

/// The queues in the order in which they are served.
const QUEUES: [Priority; 3] = [Priority::Critical, Priority::Normal, Priority::Bulk];

/// The lanes of a queue in which something may be tried, the one that waits longest first. Costs as much as there are
/// lanes, however many deliveries they hold.
///
/// After a downtime it is to be known for each person whether a later one is due, so a schedule waits until all its people of
/// that one are there: while a wave is due and not yet expanded, and an earlier one could still be sent. An earlier wave of
/// the same schedule is over earlier.
static WAITING_LANES: Sql = Sql::new(
    "
    WITH RECURSIVE {lanes}
    SELECT hop.lane, t.tenant_id, (
        SELECT min(not_before) FROM deliveries INDEXED BY deliveries_claimable
        WHERE queue = :queue AND lane = hop.lane AND state IN ({open})
    ) AS since
    FROM hop LEFT JOIN tenants t ON t.id = hop.lane >> 32
    WHERE hop.lane IS NOT NULL AND since <= :now AND (hop.lane & 0xFFFFFFFF) NOT IN (
        SELECT w.schedule_id FROM waves w INDEXED BY waves_to_expand
            CROSS JOIN occurrences o ON o.id = w.occurrence_id AND o.cause = 'plan'
        WHERE w.to_expand = 1 AND w.due_at <= :now AND w.expanded_at IS NULL AND EXISTS (
            SELECT 1 FROM waves e INDEXED BY waves_by_end
            WHERE e.schedule_id = w.schedule_id AND e.expire_at >= :now AND e.expire_at <= w.expire_at
                AND e.occurrence_id <> w.occurrence_id
        )
    )
    ORDER BY since, hop.lane",
);

/// A tenant, and its lanes in which something waits.
struct Tenant {
    name: Arc<str>,
    lanes: VecDeque<Lane>,
}

struct Lane {
    number: i64,
    /// How many have been claimed of it in this round.
    claimed: usize,
}

pub(super) fn claim_due(conn: &Connection, hold: Hold, mut rooms: Rooms) -> Result<Vec<Claim>, Fault> {
    let current = current_term(conn)?;
    if current != hold.term {
        let words = format!("this daemon has term {}, and another has taken over with term {}", hold.term.0, current.0);
        return Err(Fault::Said(words));
    }
    let home = Arc::clone(&rooms.home);
    let mut claims = Vec::new();
    for queue in QUEUES {
        claims.extend(claim_of_queue(conn, hold, queue, rooms.of(queue), &home)?);
    }
    Ok(claims)
}

/// Claims what `room` holds: each tenant gets as much as another, and of that each of its lanes as much as another.
fn claim_of_queue(
    conn: &Connection,
    hold: Hold,
    queue: Priority,
    room: &mut Room,
    home: &Arc<str>,
) -> Result<Vec<Claim>, Fault> {
    if room.all == 0 {
        return Ok(Vec::new());
    }
    let mut tenants = waiting_tenants(conn, queue, hold.now, home)?;
    let mut claims: Vec<(usize, Claim)> = Vec::new();
    share_out(room.all, &mut tenants, |tenant, most| {
        let most = most.min(room.of_tenant(&tenant.name));
        let taken = share_out(most, &mut tenant.lanes, |lane, most| {
            let of_lane = claim_of_lane(conn, hold, queue, lane.number, most)?;
            let taken = of_lane.len();
            claims.extend((lane.claimed..).zip(of_lane));
            lane.claimed += taken;
            Ok::<_, Fault>(taken)
        })?;
        room.take(&tenant.name, taken);
        Ok::<_, Fault>(taken)
    })?;
    // The first of each lane, then the second of each: they are sent in this order.
    claims.sort_by_key(|(turn, _)| *turn);
    Ok(claims.into_iter().map(|(_, claim)| claim).collect())
}

/// The tenants of which something waits in a queue, the one that waits longest first.
fn waiting_tenants(
    conn: &Connection,
    queue: Priority,
    now: DateTime<Utc>,
    home: &Arc<str>,
) -> Result<VecDeque<Tenant>, Fault> {
    let mut statement = conn.prepare_cached(WAITING_LANES.get())?;
    let mut rows = statement.query(named_params! { ":queue": queue.word(), ":now": micros(now) })?;
    let mut tenants: VecDeque<Tenant> = VecDeque::new();
    let mut places: HashMap<Arc<str>, usize> = HashMap::new();
    while let Some(row) = rows.next()? {
        let name = row.get::<_, Option<Arc<str>>>(1)?.unwrap_or_else(|| Arc::clone(home));
        let place = *places.entry(Arc::clone(&name)).or_insert_with(|| {
            tenants.push_back(Tenant { name, lanes: VecDeque::new() });
            tenants.len() - 1
        });
        tenants[place].lanes.push_back(Lane { number: row.get(0)?, claimed: 0 });
    }
    Ok(tenants)
}

static NEXT_EXPANSION: Sql = Sql::new(
    "
    SELECT w.due_at
    FROM waves w INDEXED BY waves_to_expand CROSS JOIN schedules s ON s.id = w.schedule_id
    WHERE w.to_expand = 1 AND s.missing_since IS NULL
    ORDER BY w.due_at LIMIT 1",
);

/// The next instant of each lane, the earliest of them.
static NEXT_CLAIM: Sql = Sql::new(
    "
    WITH RECURSIVE {lanes}
    SELECT (
        SELECT min(not_before) FROM deliveries INDEXED BY deliveries_claimable
        WHERE queue = :queue AND lane = hop.lane AND state IN ({open}) AND not_before > :after
    ) AS next
    FROM hop WHERE hop.lane IS NOT NULL AND next IS NOT NULL ORDER BY next LIMIT 1",
);

pub(super) fn next_wake(
    conn: &Connection,
    lead: Duration,
    after: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>, Fault> {
    let expansion: Option<i64> =
        conn.prepare_cached(NEXT_EXPANSION.get())?.query_row([], |row| row.get(0)).optional()?;
    let mut next = expansion.map(|due_at| due_at.saturating_sub(span(lead)));
    for queue in QUEUES {
        let claim: Option<i64> = conn
            .prepare_cached(NEXT_CLAIM.get())?
            .query_row(named_params! { ":queue": queue.word(), ":after": micros(after) }, |row| row.get(0))
            .optional()?;
        next = next.into_iter().chain(claim).min();
    }
    let corrupt =
        |at| StoreError::Corrupt { table: "deliveries", column: "not_before", row: 0, value: format!("{at}") };
    Ok(next.map(|at| DateTime::from_timestamp_micros(at).ok_or_else(|| corrupt(at))).transpose()?)
}

#[cfg(test)]
mod tests {
    use super::super::sql::assert_scans_nothing;
    use super::*;

    #[test]
    fn claiming_costs_as_much_as_there_are_lanes() {
        assert_scans_nothing(WAITING_LANES.get());
        assert_scans_nothing(NEXT_CLAIM.get());
        assert_scans_nothing(NEXT_EXPANSION.get());
    }
}
