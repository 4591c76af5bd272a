//! When Teams told something last that has no row of its own to remember it: who is in a team, and what it is called.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, params};

use super::fault::Fault;
use super::news::REMEMBERED;
use super::rows::micros;
use crate::domain::recipient::Address;

/// What it is that Teams told.
pub(super) enum About<'a> {
    /// Whether somebody is in a team. By their address, since they may not be known yet.
    Member {
        team: &'a str,
        address: &'a Address,
    },
    NameOfTeam(&'a str),
    /// A channel as the ledger numbers it.
    NameOfChannel(i64),
}

impl About<'_> {
    fn key(&self) -> String {
        match self {
            About::Member { team, address } => format!("member {team} {}", address.as_str()),
            About::NameOfTeam(team) => format!("team {team}"),
            About::NameOfChannel(id) => format!("channel {id}"),
        }
    }
}

const NOTE: &str = "
    INSERT INTO latest (about, at) VALUES (?1, ?2)
    ON CONFLICT (about) DO UPDATE SET at = excluded.at WHERE excluded.at > at";

const FORGET: &str = "
    DELETE FROM latest WHERE about IN
        (SELECT about FROM latest INDEXED BY latest_by_time WHERE at < ?1 ORDER BY at LIMIT 2)";

/// Whether this is newer than all that has been told about the same; then it is the latest. Told again it is not: a
/// roster may have been read since. What is old enough to be forgotten goes on the way.
pub(super) fn is_latest(
    conn: &Connection,
    about: &About<'_>,
    at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<bool, Fault> {
    conn.prepare_cached(FORGET)?.execute([micros(now - REMEMBERED)])?;
    let noted = conn.prepare_cached(NOTE)?.execute(params![about.key(), micros(at)])?;
    Ok(noted > 0)
}

#[cfg(test)]
mod tests {
    use super::super::sql::assert_scans_nothing;
    use super::*;

    #[test]
    fn to_remember_costs_what_was_told() {
        assert_scans_nothing(NOTE);
        assert_scans_nothing(FORGET);
    }
}
