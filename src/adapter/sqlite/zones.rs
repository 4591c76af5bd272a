//! In which zone each recipient lives: what was said, and what comes of it.
//!
//! `recipients.zone` and `recipients.zone_source` change in [`settle`], and nowhere else once a recipient is there; except
//! that those of whom nobody said anything follow the fallback zone of the configuration all at once.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use rusqlite::{Connection, OptionalExtension, named_params, params};

use super::fault::Fault;
use super::people;
use super::realign::{self, Scope};
use super::rows::{Of, micros};
use super::sql::Sql;
use super::words::Word;
use super::zone_question;
use crate::domain::ladder::{self, HouseZones, Resolved, ZoneEvidence};
use crate::domain::recipient::ZoneSource;

/// From so many movers on, one look at every open delivery is cheaper than one look for each of them.
const MANY_MOVERS: usize = 500;

/// What [`settle`] found and did.
pub(super) struct Settled {
    pub zone: Tz,
    /// Whether their open deliveries have to be looked at: they live elsewhere now, or their zone has become known.
    pub moved: bool,
    /// Whether the zone or its source is another one.
    pub changed: bool,
}

/// Brings the zone of a recipient in line with what is said of it.
pub(super) fn settle(conn: &Connection, recipient: i64, fallback: Tz, now: DateTime<Utc>) -> Result<Settled, Fault> {
    let Resolved { zone, source, said_at, .. } = explain(conn, recipient, fallback, now)?;
    let (zone_before, source_before): (String, String) = conn
        .prepare_cached("SELECT zone, zone_source FROM recipients WHERE id = ?1")?
        .query_row([recipient], |row| Ok((row.get(0)?, row.get(1)?)))?;
    conn.prepare_cached(
        "UPDATE recipients SET zone = ?2, zone_source = ?3, zone_said_at = ?4
         WHERE id = ?1 AND (zone <> ?2 OR zone_source <> ?3 OR zone_said_at IS NOT ?4)",
    )?
    .execute(params![recipient, zone.name(), source.word(), said_at.map(micros)])?;
    let is_elsewhere = zone_before != zone.name();
    let is_known_now = source_before == ZoneSource::Fallback.word() && source != ZoneSource::Fallback;
    Ok(Settled { zone, moved: is_elsewhere || is_known_now, changed: is_elsewhere || source_before != source.word() })
}

/// Settles several. Returns those whose open deliveries have to be looked at.
pub(super) fn settle_all(
    conn: &Connection,
    recipients: impl IntoIterator<Item = i64>,
    fallback: Tz,
    now: DateTime<Utc>,
) -> Result<BTreeSet<i64>, Fault> {
    let mut movers = BTreeSet::new();
    for recipient in recipients {
        if settle(conn, recipient, fallback, now)?.moved {
            movers.insert(recipient);
        }
    }
    Ok(movers)
}

/// Takes the open deliveries of these along to where they live now.
pub(super) fn take_along(conn: &Connection, movers: &BTreeSet<i64>, now: DateTime<Utc>) -> Result<(), Fault> {
    look_again(conn, movers)?;
    account_for(conn, movers, now)
}

/// Looks at the open deliveries of these: their zone or their quiet hours are others.
pub(super) fn look_again(conn: &Connection, people: &BTreeSet<i64>) -> Result<(), Fault> {
    if people.len() >= MANY_MOVERS {
        return realign::move_to_zone(conn, Scope::Everything);
    }
    people.iter().try_for_each(|person| realign::move_to_zone(conn, Scope::Recipient(*person)))
}

/// The clocks of two zones are never further apart than this, nor are the waves of one occurrence.
const ROUND_THE_WORLD: TimeDelta = TimeDelta::hours(28);

static OVER_THERE: Sql = Sql::new(
    "
    UPDATE waves SET {to expand again}
    WHERE id IN (
        SELECT w.id FROM waves w INDEXED BY waves_expanded
        WHERE w.expire_at >= :since AND w.expire_at < :now AND w.expanded_at IS NOT NULL AND w.to_expand = 0
            AND w.withdrawn_at IS NULL AND w.recipients = 'of-zone'
            AND w.zone IN (SELECT r.zone FROM json_each(:movers) m CROSS JOIN recipients r ON r.id = m.value)
            AND EXISTS (
                SELECT 1 FROM waves o
                WHERE o.occurrence_id = w.occurrence_id AND o.expire_at >= :now AND o.withdrawn_at IS NULL
            )
        UNION ALL
        SELECT id FROM waves INDEXED BY waves_in_parts WHERE expanded_to > 0
    )",
);

/// Whoever moves to where an occurrence is over already, from where it was still to come, has no delivery of it yet: its
/// wave there is expanded once more, so that they are accounted for.
fn account_for(conn: &Connection, movers: &BTreeSet<i64>, now: DateTime<Utc>) -> Result<(), Fault> {
    if let Some(first) = movers.first() {
        let since = now.checked_sub_signed(ROUND_THE_WORLD).unwrap_or(DateTime::<Utc>::MIN_UTC);
        conn.prepare_cached(OVER_THERE.get())?.execute(named_params! {
            ":before": first - 1,
            ":since": micros(since),
            ":now": micros(now),
            ":movers": serde_json::json!(movers).to_string(),
        })?;
    }
    Ok(())
}

/// What the zone of a recipient comes of, and what was passed over.
pub(super) fn explain(conn: &Connection, recipient: i64, fallback: Tz, now: DateTime<Utc>) -> Result<Resolved, Fault> {
    let evidence = evidence(conn, recipient)?;
    let group = of_group(conn, recipient)?;
    Ok(ladder::resolve(&evidence, group, fallback, now, client_max_age(conn)?))
}

const EVIDENCE: &str = "SELECT source, zone, said_at FROM zone_evidence WHERE recipient_id = ?1 ORDER BY source";

/// All that was said of a recipient.
pub(super) fn evidence(conn: &Connection, recipient: i64) -> Result<Vec<ZoneEvidence>, Fault> {
    let of = Of { table: "zone_evidence", id: recipient };
    let mut statement = conn.prepare_cached(EVIDENCE)?;
    let mut rows = statement.query([recipient])?;
    let mut evidence = Vec::new();
    while let Some(row) = rows.next()? {
        evidence.push(ZoneEvidence {
            source: of.word(row, 0, "source")?,
            zone: of.zone(row, 1, "zone")?,
            said_at: of.instant(row, 2, "said_at")?,
        });
    }
    Ok(evidence)
}

/// The zones of groups are few, so they are asked one after the other.
const OF_GROUP: &str = "
    SELECT g.position, g.zone FROM group_zones g
    WHERE EXISTS (SELECT 1 FROM memberships m WHERE m.group_name = g.group_name AND m.recipient_id = ?1)
    ORDER BY g.position LIMIT 1";

fn of_group(conn: &Connection, recipient: i64) -> Result<Option<Tz>, Fault> {
    let mut statement = conn.prepare_cached(OF_GROUP)?;
    let mut rows = statement.query([recipient])?;
    match rows.next()? {
        Some(row) => Ok(Some(Of { table: "group_zones", id: row.get(0)? }.zone(row, 1, "zone")?)),
        None => Ok(None),
    }
}

fn client_max_age(conn: &Connection) -> Result<TimeDelta, Fault> {
    let age = conn
        .prepare_cached("SELECT client_max_age FROM house_zones WHERE id = 1")?
        .query_row([], |row| row.get(0))
        .optional()?;
    Ok(age.map_or(HouseZones::CLIENT_MAX_AGE, TimeDelta::microseconds))
}

const KEEP: &str = "
    INSERT INTO zone_evidence (recipient_id, source, zone, said_at) VALUES (:recipient, :source, :zone, :said_at)
    ON CONFLICT (recipient_id, source) DO UPDATE SET zone = excluded.zone, said_at = excluded.said_at";

fn keep(conn: &Connection, recipient: i64, said: &ZoneEvidence) -> Result<(), Fault> {
    conn.prepare_cached(KEEP)?.execute(named_params! {
        ":recipient": recipient,
        ":source": said.source.word(),
        ":zone": said.zone.name(),
        ":said_at": micros(said.said_at),
    })?;
    Ok(())
}

/// Keeps what was said at its own time, unless the same source has said something since. Returns whether the source
/// says another zone now; that it says the same one again makes it newer and no other.
pub(super) fn hear(conn: &Connection, recipient: i64, said: &ZoneEvidence) -> Result<bool, Fault> {
    // A configuration says these, nobody else.
    if matches!(said.source, ZoneSource::Group | ZoneSource::Fallback) {
        return Ok(false);
    }
    let before = evidence(conn, recipient)?.into_iter().find(|before| before.source == said.source);
    if before.as_ref().is_some_and(|before| !said.replaces(before)) {
        return Ok(false);
    }
    keep(conn, recipient, said)?;
    Ok(before.is_none_or(|before| before.zone != said.zone))
}

/// Keeps what is said here and now, whatever the clock said before. Saying the same again changes nothing. Returns
/// whether it is something else.
pub(super) fn state(conn: &Connection, recipient: i64, said: &ZoneEvidence) -> Result<bool, Fault> {
    let before = evidence(conn, recipient)?.into_iter().find(|before| before.source == said.source);
    if before.is_some_and(|before| before.zone == said.zone) {
        return Ok(false);
    }
    keep(conn, recipient, said)?;
    Ok(true)
}

/// Takes back what a source said until `until`. Returns whether it had said anything.
pub(super) fn unsay(
    conn: &Connection,
    recipient: i64,
    source: ZoneSource,
    until: DateTime<Utc>,
) -> Result<bool, Fault> {
    let gone = conn
        .prepare_cached("DELETE FROM zone_evidence WHERE recipient_id = ?1 AND source = ?2 AND said_at <= ?3")?
        .execute(params![recipient, source.word(), micros(until)])?;
    Ok(gone > 0)
}

/// What was said of `other` was said of `heir`: the two are one person.
pub(super) fn inherit(conn: &Connection, heir: i64, other: i64) -> Result<(), Fault> {
    for said in evidence(conn, other)? {
        hear(conn, heir, &said)?;
    }
    conn.prepare_cached("DELETE FROM zone_evidence WHERE recipient_id = ?1")?.execute([other])?;
    zone_question::inherit(conn, heir, other)
}

/// What the operator says of somebody's zone; `None` takes back what they said. Returns whether anything is another
/// than before.
pub(super) fn order(
    conn: &Connection,
    recipient: i64,
    zone: Option<Tz>,
    fallback: Tz,
    now: DateTime<Utc>,
) -> Result<bool, Fault> {
    let source = ZoneSource::Operator;
    let changed = match zone {
        Some(zone) => state(conn, recipient, &ZoneEvidence { source, zone, said_at: now })?,
        None => unsay(conn, recipient, source, DateTime::<Utc>::MAX_UTC)?,
    };
    look_after(conn, [recipient], fallback, now)?;
    Ok(changed)
}

/// Settles these, and does for who moved what follows from it. Returns how many moved.
fn look_after(
    conn: &Connection,
    recipients: impl IntoIterator<Item = i64>,
    fallback: Tz,
    now: DateTime<Utc>,
) -> Result<u64, Fault> {
    let movers = settle_all(conn, recipients, fallback, now)?;
    take_along(conn, &movers, now)?;
    people::expand_again_for(conn, &movers, now)?;
    Ok(movers.len() as u64)
}

const TOO_OLD: &str = "SELECT id FROM recipients WHERE zone_source = 'client' AND zone_said_at < ?1";

/// Settles those anew whose client has been silent for too long. Returns how many moved.
pub(super) fn age(conn: &Connection, fallback: Tz, now: DateTime<Utc>) -> Result<u64, Fault> {
    let oldest = now.checked_sub_signed(client_max_age(conn)?).unwrap_or(DateTime::<Utc>::MIN_UTC);
    let silent = ids(conn, TOO_OLD, [micros(oldest)])?;
    look_after(conn, silent, fallback, now)
}

const OF_GROUPS: &str = "
    SELECT DISTINCT m.recipient_id FROM json_each(?1) g CROSS JOIN memberships m ON m.group_name = g.value";

const OF_CLIENTS: &str = "SELECT recipient_id FROM zone_evidence WHERE source = 'client'";

/// Makes known what the configuration says of zones, and settles those anew for whom that makes a difference. Returns how
/// many moved.
pub(super) fn keep_house(
    conn: &Connection,
    house: &HouseZones,
    fallback: Tz,
    now: DateTime<Utc>,
) -> Result<u64, Fault> {
    let mut touched = BTreeSet::new();
    let before: Vec<(String, String)> = conn
        .prepare_cached("SELECT group_name, zone FROM group_zones ORDER BY position")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    let wanted: Vec<(String, String)> =
        house.groups.iter().map(|(group, zone)| (group.clone(), zone.name().to_owned())).collect();
    if before != wanted {
        conn.execute("DELETE FROM group_zones", [])?;
        let mut insert =
            conn.prepare_cached("INSERT INTO group_zones (position, group_name, zone) VALUES (?1, ?2, ?3)")?;
        for (position, (group, zone)) in (0_i64..).zip(&wanted) {
            insert.execute(params![position, group, zone])?;
        }
        let groups: BTreeSet<&str> = before.iter().chain(&wanted).map(|(group, _)| group.as_str()).collect();
        touched.extend(ids(conn, OF_GROUPS, [serde_json::json!(groups).to_string()])?);
    }
    if client_max_age(conn)? != house.client_max_age {
        let age = house.client_max_age.num_microseconds().unwrap_or(i64::MAX);
        conn.execute("UPDATE house_zones SET client_max_age = ?1 WHERE id = 1", [age])?;
        touched.extend(ids(conn, OF_CLIENTS, [])?);
    }
    look_after(conn, touched, fallback, now)
}

fn ids(conn: &Connection, sql: &str, parameters: impl rusqlite::Params) -> Result<Vec<i64>, Fault> {
    let mut statement = conn.prepare_cached(sql)?;
    let found = statement.query_map(parameters, |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::super::sql::assert_scans_nothing;
    use super::*;

    #[test]
    fn a_zone_costs_what_is_said_of_it() {
        assert_scans_nothing(EVIDENCE);
        assert_scans_nothing(TOO_OLD);
        assert_scans_nothing(OF_GROUPS);
        assert_scans_nothing(OVER_THERE.get());
    }
}
