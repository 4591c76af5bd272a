//! Deliveries that somebody held and will not finish.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, named_params, params};

use super::claim;
use super::fault::Fault;
use super::replies;
use super::rows::{Of, micros};
use super::settle;
use super::sql::Sql;
use crate::domain::delivery::{Settlement, State, interrupted};
use crate::domain::id::{DeliveryId, Term};
use crate::domain::schedule::model::OnUnknown;
use crate::port::store::{Rescued, TakeOver};

static HELD: Sql = Sql::new(
    "
    SELECT d.id, d.term, d.state, s.id, s.on_unknown, d.doubts
    FROM deliveries d INDEXED BY deliveries_held
        CROSS JOIN waves w ON w.id = d.wave_id CROSS JOIN schedules s ON s.id = w.schedule_id
    WHERE d.state IN ({held}) AND d.lease_until < :bound",
);

struct Held {
    id: DeliveryId,
    term: Term,
    state: State,
    on_unknown: OnUnknown,
    doubts: u32,
}

pub(super) fn take_over(conn: &Connection, now: DateTime<Utc>) -> Result<TakeOver, Fault> {
    let rescued = rescue_before(conn, i64::MAX, &[], now)?;
    replies::drop_interrupted(conn, now)?;
    let went_round_at = conn
        .prepare_cached("SELECT went_round_at FROM daemon WHERE id = 1")?
        .query_row([], |row| Ok(Of { table: "daemon", id: 1 }.instant_if_any(row, 0, "went_round_at")))??;
    if let Some(began_at) = went_round_at.filter(|began_at| *began_at < now) {
        conn.prepare_cached("INSERT INTO downtimes (began_at, ended_at) VALUES (?1, ?2) ON CONFLICT DO NOTHING")?
            .execute(params![micros(began_at), micros(now)])?;
    }
    conn.prepare_cached("UPDATE daemon SET term = term + 1, taken_over_at = ?1 WHERE id = 1")?
        .execute(params![micros(now)])?;
    Ok(TakeOver { term: claim::current_term(conn)?, went_round_at, rescued })
}

pub(super) fn rescue(conn: &Connection, in_hand: &[DeliveryId], now: DateTime<Utc>) -> Result<Rescued, Fault> {
    rescue_before(conn, micros(now), in_hand, now)
}

/// Rescues what is held under leases that ran out before `bound`. What was only claimed has not left, so it is given
/// back.
fn rescue_before(conn: &Connection, bound: i64, in_hand: &[DeliveryId], now: DateTime<Utc>) -> Result<Rescued, Fault> {
    let mut rescued = Rescued::default();
    for held in held(conn, bound)?.into_iter().filter(|held| !in_hand.contains(&held.id)) {
        if held.state == State::Claimed {
            claim::release_one(conn, held.term, held.id)?;
            rescued.released += 1;
            continue;
        }
        let settlement = interrupted(held.on_unknown, held.doubts, now);
        if settlement.state() == State::Waiting {
            rescued.to_resend += 1;
        } else {
            rescued.unknown += 1;
        }
        settle::interrupt(conn, held.id, held.term, now, settlement)?;
    }
    Ok(rescued)
}

/// Ends everything that somebody holds. What is only claimed is given back. Returns how many have been ended.
pub(super) fn end_all(conn: &Connection, now: DateTime<Utc>, end: &Settlement) -> Result<u64, Fault> {
    let mut ended = 0;
    for held in held(conn, i64::MAX)? {
        if held.state == State::Claimed {
            claim::release_one(conn, held.term, held.id)?;
        } else {
            settle::interrupt(conn, held.id, held.term, now, end.clone())?;
            ended += 1;
        }
    }
    Ok(ended)
}

fn held(conn: &Connection, bound: i64) -> Result<Vec<Held>, Fault> {
    let mut statement = conn.prepare_cached(HELD.get())?;
    let mut rows = statement.query(named_params! { ":bound": bound })?;
    let mut held = Vec::new();
    while let Some(row) = rows.next()? {
        let of = Of { table: "deliveries", id: row.get(0)? };
        held.push(Held {
            id: DeliveryId(of.id),
            term: Term(row.get(1)?),
            state: of.word(row, 2, "state")?,
            on_unknown: Of { table: "schedules", id: row.get(3)? }.word(row, 4, "on_unknown")?,
            doubts: row.get(5)?,
        });
    }
    Ok(held)
}

#[cfg(test)]
mod tests {
    use super::super::sql::assert_scans_nothing;
    use super::*;

    #[test]
    fn rescuing_costs_what_is_held() {
        assert_scans_nothing(HELD.get());
    }
}
