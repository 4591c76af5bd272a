//! Whom a schedule speaks to, counted.
//!
//! Of a million people each is looked at once, and nothing is kept of them but the counts: SQLite would sort them all to
//! group them, and fill a table with all their ids to leave out who is there twice. Nobody is, where the schedule names one
//! group, or everyone; only for the others the table is filled.

use std::collections::BTreeMap;
use std::sync::Arc;

use rusqlite::{Connection, named_params};

use super::fault::Fault;
use super::sql::Sql;

/// A statement over members, each of whom it meets once.
struct EachOnce {
    /// Where the audience has one entry.
    of_one: Sql,
    of_several: Sql,
}

macro_rules! each_once {
    ($columns:literal, $members:literal) => {
        EachOnce {
            of_one: each_once!(@from $columns, "", $members),
            of_several: each_once!(@from $columns, "DISTINCT", $members),
        }
    };
    (@from $columns:literal, $distinct:literal, $members:literal) => {
        Sql::new(concat!(
            "SELECT ", $columns, " FROM (SELECT ", $distinct, " member.id FROM (", $members, ") AS member) AS each
                CROSS JOIN recipients r ON r.id = each.id"
        ))
    };
}

static COUNT: EachOnce = each_once!("count(*)", "{members}");
static ZONES: EachOnce = each_once!("r.zone", "{members}");
static REACHED: EachOnce = each_once!("r.tenant_id, r.conversation_id IS NULL", "{members in part}");
static REACHED_IN_ZONE: EachOnce = each_once!("r.tenant_id, r.conversation_id IS NULL", "{members in zone in part}");

impl EachOnce {
    fn of(&self, conn: &Connection, schedule: i64) -> Result<&str, Fault> {
        let entries: i64 = conn.prepare_cached(ENTRIES)?.query_row([schedule], |row| row.get(0))?;
        Ok(if entries == 1 { self.of_one.get() } else { self.of_several.get() })
    }
}

const ENTRIES: &str = "
    SELECT count(*) FROM audience WHERE schedule_id = ?1 AND kind IN ('everyone', 'group', 'person')";

/// How many people a schedule speaks to.
pub(super) fn count(conn: &Connection, schedule: i64) -> Result<u64, Fault> {
    let mut statement = conn.prepare_cached(COUNT.of(conn, schedule)?)?;
    let people: i64 = statement.query_row(named_params! { ":schedule": schedule }, |row| row.get(0))?;
    Ok(people.unsigned_abs())
}

/// People by the zone in which they live.
pub(super) type ByZone = BTreeMap<String, u64>;

/// How many people of each zone a schedule speaks to.
pub(super) fn by_zone(conn: &Connection, schedule: i64) -> Result<ByZone, Fault> {
    let mut statement = conn.prepare_cached(ZONES.of(conn, schedule)?)?;
    let mut rows = statement.query(named_params! { ":schedule": schedule })?;
    let mut zones = ByZone::new();
    while let Some(row) = rows.next()? {
        let zone = row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?;
        match zones.get_mut(zone) {
            Some(people) => *people += 1,
            None => drop(zones.insert(zone.to_owned(), 1)),
        }
    }
    Ok(zones)
}

/// People of one tenant.
pub(super) struct Reached {
    pub tenant: Option<Arc<str>>,
    pub people: u64,
    /// How many of them have no conversation yet.
    pub creations: u64,
}

/// How many people of each tenant a schedule speaks to, all or those in one zone, with ids greater than `after`.
pub(super) fn reached(conn: &Connection, schedule: i64, zone: Option<&str>, after: i64) -> Result<Vec<Reached>, Fault> {
    let sql = if zone.is_some() { &REACHED_IN_ZONE } else { &REACHED };
    let mut statement = conn.prepare_cached(sql.of(conn, schedule)?)?;
    for (name, number) in [(":schedule", schedule), (":after", after), (":to", i64::MAX)] {
        statement.raw_bind_parameter(name, number)?;
    }
    if zone.is_some() {
        statement.raw_bind_parameter(":zone", zone)?;
    }
    let mut rows = statement.raw_query();
    // No tenant has an empty name.
    let mut reached: BTreeMap<String, Reached> = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let tenant = row.get_ref(0)?.as_str_or_null().map_err(rusqlite::Error::from)?;
        let creations = u64::from(row.get::<_, bool>(1)?);
        if let Some(known) = reached.get_mut(tenant.unwrap_or_default()) {
            known.people += 1;
            known.creations += creations;
        } else {
            let first = Reached { tenant: tenant.map(Arc::from), people: 1, creations };
            reached.insert(tenant.unwrap_or_default().to_owned(), first);
        }
    }
    Ok(reached.into_values().collect())
}

#[cfg(test)]
mod tests {
    use super::super::sql::assert_scans_nothing;
    use super::*;

    #[test]
    fn counting_an_audience_costs_who_is_in_it() {
        for statement in [&COUNT, &ZONES, &REACHED, &REACHED_IN_ZONE] {
            assert_scans_nothing(statement.of_one.get());
            assert_scans_nothing(statement.of_several.get());
        }
        assert_scans_nothing(ENTRIES);
    }
}
