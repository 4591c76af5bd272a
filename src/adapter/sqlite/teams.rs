//! Teams: which ones schedules name, and the names of their channels.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use rusqlite::{Connection, OptionalExtension, named_params, params};

use super::fault::Fault;
use super::people;
use super::rows::{Of, micros};
use crate::domain::conversation::{self, ChannelPlace, TEAM, fold, split_channel, team_group};
use crate::domain::recipient::{Address, Reference};
use crate::port::team::{KnownTeam, NamedTeam};

const KNOW: &str = "
    INSERT INTO teams (id, name, name_key, tenant_id, service_url, entra_group_id)
    VALUES (:id, :name, :name_key, :tenant_id, :service_url, :entra_group_id)
    ON CONFLICT (id) DO UPDATE SET
        name = coalesce(excluded.name, name), name_key = coalesce(excluded.name_key, name_key),
        tenant_id = coalesce(excluded.tenant_id, tenant_id), service_url = coalesce(excluded.service_url, service_url),
        entra_group_id = coalesce(excluded.entra_group_id, entra_group_id)";

/// What is said of a team. What is `None` stays as it is known.
#[derive(Default)]
pub(super) struct Said<'a> {
    pub name: Option<&'a str>,
    pub tenant_id: Option<&'a str>,
    pub service_url: Option<&'a str>,
    pub entra_group_id: Option<&'a str>,
}

/// Makes a team known.
pub(super) fn know(conn: &Connection, id: &str, said: &Said<'_>) -> Result<(), Fault> {
    conn.prepare_cached(KNOW)?.execute(named_params! {
        ":id": id,
        ":name": said.name,
        ":name_key": said.name.map(fold),
        ":tenant_id": said.tenant_id,
        ":service_url": said.service_url,
        ":entra_group_id": said.entra_group_id,
    })?;
    Ok(())
}

/// Makes a team known. Returns whether anything of it was news.
pub(super) fn know_better(conn: &Connection, id: &str, said: &Said<'_>) -> Result<bool, Fault> {
    let is_known = conn
        .prepare_cached(
            "SELECT 1 FROM teams WHERE id = ?1 AND (?2 IS NULL OR name = ?2) AND (?3 IS NULL OR tenant_id = ?3)
                AND (?4 IS NULL OR service_url = ?4) AND (?5 IS NULL OR entra_group_id = ?5)",
        )?
        .exists(params![id, said.name, said.tenant_id, said.service_url, said.entra_group_id])?;
    if !is_known {
        know(conn, id, said)?;
    }
    Ok(!is_known)
}

/// The channels of a team, as far as they are known.
pub(super) fn channels_of(conn: &Connection, team: &str) -> Result<Vec<i64>, Fault> {
    let mut statement = conn.prepare_cached("SELECT recipient_id FROM channels WHERE team_id = ?1")?;
    Ok(statement.query_map([team], |row| row.get(0))?.collect::<Result<_, _>>()?)
}

/// Whether all that is said of where a channel is has been known already.
pub(super) fn is_placed(conn: &Connection, channel: i64, place: &ChannelPlace) -> Result<bool, Fault> {
    let Some(team) = &place.team_id else { return Ok(true) };
    let (name, team_name) = (&place.name, &place.team_name);
    Ok(conn
        .prepare_cached(
            "SELECT 1 FROM teams t LEFT JOIN channels c ON c.recipient_id = ?1
             WHERE t.id = ?2 AND (?3 IS NULL OR (c.team_id = ?2 AND c.name = ?3)) AND (?4 IS NULL OR t.name = ?4)",
        )?
        .exists(params![channel, team, name, team_name])?)
}

/// A schedule names this address; of a channel in a team that is named by its id, the team is known with that.
pub(super) fn know_team_of(conn: &Connection, address: &Address) -> Result<(), Fault> {
    match split_channel(address.as_str()) {
        Some((team, _)) if conversation::is_id(&team) => know(conn, &team, &Said::default()),
        Some(_) | None => Ok(()),
    }
}

/// The teams of a name, or the one of an id.
fn called(conn: &Connection, word: &str) -> Result<Vec<String>, Fault> {
    let mut statement = conn.prepare_cached(
        "SELECT id FROM teams WHERE id = ?1 UNION SELECT id FROM teams WHERE name_key = ?1 ORDER BY id",
    )?;
    Ok(statement.query_map([word], |row| row.get(0))?.collect::<Result<_, _>>()?)
}

const NAMED: &str = "
    SELECT DISTINCT a.word FROM schedules s CROSS JOIN audience a ON a.schedule_id = s.id
    WHERE s.missing_since IS NULL
        AND ((a.kind IN ('group', 'among-group') AND a.word LIKE 'team:%') OR (a.kind = 'person' AND a.word LIKE 'channel:%'))";

/// The teams that schedules in force name, by themselves or with a channel.
pub(super) fn named(conn: &Connection) -> Result<Vec<NamedTeam>, Fault> {
    let mut statement = conn.prepare_cached(NAMED)?;
    let words = statement.query_map([], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
    let teams = words.iter().filter_map(|word| match word.strip_prefix(TEAM) {
        Some(team) => Some(team.to_owned()),
        None => split_channel(word).map(|(team, _)| team),
    });
    let words: BTreeSet<String> = teams.collect();
    let mut named = Vec::new();
    for word in words {
        let mut teams = Vec::new();
        for id in called(conn, &word)? {
            teams.push(known(conn, &id)?);
        }
        named.push(NamedTeam { word, teams });
    }
    Ok(named)
}

fn known(conn: &Connection, id: &str) -> Result<KnownTeam, Fault> {
    let mut statement = conn.prepare_cached(
        "SELECT name, tenant_id, service_url, read_at, tried_at, trouble,
            (SELECT count(*) FROM channels WHERE team_id = teams.id),
            (SELECT count(*) FROM memberships WHERE group_name = ?2)
         FROM teams WHERE id = ?1",
    )?;
    let mut rows = statement.query(params![id, team_group(id)])?;
    let row = rows.next()?.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
    // The table has no row numbers.
    let of = Of { table: "teams", id: 0 };
    Ok(KnownTeam {
        name: row.get(0)?,
        reference: Reference {
            conversation_id: Some(id.to_owned()),
            tenant_id: row.get(1)?,
            service_url: row.get(2)?,
            ..Reference::default()
        },
        id: id.to_owned(),
        read_at: of.instant_if_any(row, 3, "read_at")?,
        tried_at: of.instant_if_any(row, 4, "tried_at")?,
        trouble: row.get(5)?,
        channels: of.count(row, 6, "channels")?.into(),
        members: of.count(row, 7, "members")?.into(),
    })
}

pub(super) fn failed(conn: &Connection, id: &str, trouble: &str, now: DateTime<Utc>) -> Result<(), Fault> {
    conn.prepare_cached("UPDATE teams SET tried_at = ?2, trouble = ?3 WHERE id = ?1")?.execute(params![
        id,
        micros(now),
        trouble
    ])?;
    Ok(())
}

/// Takes in where an imported channel is. Returns the recipients whose names changed with it.
pub(super) fn place_channel(
    conn: &Connection,
    recipient: i64,
    place: &ChannelPlace,
    reference: &Reference,
    fallback_zone: Tz,
) -> Result<BTreeSet<i64>, Fault> {
    let Some(team) = &place.team_id else { return Ok(BTreeSet::new()) };
    let said = Said {
        name: place.team_name.as_deref(),
        tenant_id: reference.tenant_id.as_deref(),
        service_url: reference.service_url.as_deref(),
        entra_group_id: None,
    };
    know(conn, team, &said)?;
    if let Some(name) = &place.name {
        keep_channel(conn, recipient, team, name, false)?;
    }
    rename_channels(conn, team, fallback_zone)
}

/// Keeps to which team a channel belongs. Once listed, it stays so.
pub(super) fn keep_channel(
    conn: &Connection,
    recipient: i64,
    team: &str,
    name: &str,
    is_listed: bool,
) -> Result<(), Fault> {
    conn.prepare_cached(
        "INSERT INTO channels (recipient_id, team_id, name, is_listed) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (recipient_id) DO UPDATE SET
            team_id = excluded.team_id, name = excluded.name, is_listed = max(is_listed, excluded.is_listed)",
    )?
    .execute(params![recipient, team, name, is_listed])?;
    Ok(())
}

/// The name by which a team can be told from all others, if it has one.
pub(super) fn own_name(conn: &Connection, id: &str) -> Result<Option<String>, Fault> {
    let key: Option<String> = conn
        .prepare_cached("SELECT name_key FROM teams WHERE id = ?1")?
        .query_row([id], |row| row.get(0))
        .optional()?
        .flatten();
    let Some(key) = key else { return Ok(None) };
    Ok((called(conn, &key)?.len() == 1).then_some(key))
}

/// Gives the channels of a team the addresses that follow from their names, and takes away what does not follow any
/// more. A name that two teams share means neither. Returns the recipients that gained or lost an address.
pub(super) fn rename_channels(conn: &Connection, team: &str, fallback_zone: Tz) -> Result<BTreeSet<i64>, Fault> {
    let key: Option<String> = conn
        .prepare_cached("SELECT name_key FROM teams WHERE id = ?1")?
        .query_row([team], |row| row.get(0))
        .optional()?
        .flatten();
    let mut teams = match &key {
        Some(key) => called(conn, key)?,
        None => Vec::new(),
    };
    if teams.len() > 1 {
        conn.prepare_cached("DELETE FROM memberships WHERE group_name = ?1")?
            .execute([format!("{TEAM}{}", key.unwrap_or_default())])?;
    } else {
        teams = vec![team.to_owned()];
    }
    let mut touched = BTreeSet::new();
    for team in &teams {
        let team_name = own_name(conn, team)?;
        let mut statement = conn.prepare_cached("SELECT recipient_id, name FROM channels WHERE team_id = ?1")?;
        let channels: Vec<(i64, String)> =
            statement.query_map([team], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
        for (recipient, name) in channels {
            let place = ChannelPlace { team_id: Some(team.clone()), team_name: team_name.clone(), name: Some(name) };
            touched.extend(rename(conn, recipient, &place.addresses())?);
        }
    }
    touched.extend(make_places_for_orphans(conn, fallback_zone)?);
    Ok(touched)
}

/// Makes these the names of a channel. Returns who gained or lost one.
pub(super) fn rename(conn: &Connection, channel: i64, names: &[Address]) -> Result<BTreeSet<i64>, Fault> {
    let mut statement =
        conn.prepare_cached("SELECT address FROM addresses WHERE recipient_id = ?1 AND address LIKE 'channel:%'")?;
    let kept: Vec<String> = statement.query_map([channel], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let mut touched = BTreeSet::new();
    for gone in kept.iter().filter(|kept| !names.iter().any(|name| name.as_str() == **kept)) {
        conn.prepare_cached("DELETE FROM addresses WHERE address = ?1")?.execute([gone])?;
        touched.insert(channel);
    }
    for name in names {
        match people::owner_of(conn, name)? {
            Some(owner) if owner == channel => {}
            owner => {
                // It was the name of another channel, or of one that was not known yet.
                conn.prepare_cached("DELETE FROM addresses WHERE address = ?1")?.execute([name.as_str()])?;
                people::add_address(conn, channel, name)?;
                touched.extend(owner);
                touched.insert(channel);
            }
        }
    }
    Ok(touched)
}

const ORPHANS: &str = "
    SELECT DISTINCT a.word FROM audience a
    WHERE a.kind = 'person' AND a.word LIKE 'channel:%'
        AND NOT EXISTS (SELECT 1 FROM addresses p WHERE p.address = a.word)";

/// What a schedule names and nothing is called any more has a place of its own again, so that it is accounted for.
fn make_places_for_orphans(conn: &Connection, fallback_zone: Tz) -> Result<Vec<i64>, Fault> {
    let mut statement = conn.prepare_cached(ORPHANS)?;
    let words: Vec<String> = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let mut made = Vec::new();
    for address in words.iter().filter_map(|word| Address::new(word)) {
        people::make_place_for(conn, &address, fallback_zone)?;
        made.extend(people::owner_of(conn, &address)?);
    }
    Ok(made)
}
