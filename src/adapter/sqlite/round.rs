//! One round of a dispatcher, in one transaction.

use rusqlite::Connection;

use super::claim::Hold;
use super::expand;
use super::fault::Fault;
use super::lanes;
use crate::port::round::{Round, WentRound};

pub(super) fn go_round(conn: &Connection, round: &Round) -> Result<WentRound, Fault> {
    let Round { term, now, lead, expand_at_once, ref rooms, lease } = *round;
    let expanded = expand::expand_due(conn, now + lead, now, expand_at_once)?;
    let claims = lanes::claim_due(conn, Hold { term, now, lease }, rooms.clone())?;
    let next_at = if expanded.has_more { Some(now) } else { lanes::next_wake(conn, lead, now)? };
    Ok(WentRound { expanded, claims, next_at })
}
