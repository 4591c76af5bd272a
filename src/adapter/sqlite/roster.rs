//! What was read of a team, taken in as a whole: its name, its channels, its members.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use rusqlite::{Connection, named_params, params};

use super::fault::Fault;
use super::meet;
use super::people::{self, NewRecipient};
use super::rows::micros;
use super::teams::{self, Said};
use super::words::Word;
use super::zones;
use crate::domain::conversation::{ChannelPlace, GENERAL, TEAM, team_group};
use crate::domain::recipient::{Details, RecipientKind, Reference, ZoneSource};
use crate::port::team::{Roster, RosterChange, RosterMember};

pub(super) fn keep(
    conn: &Connection,
    roster: &Roster,
    fallback_zone: Tz,
    now: DateTime<Utc>,
) -> Result<RosterChange, Fault> {
    let team = &roster.team;
    let named_before = teams::own_name(conn, &team.id)?;
    let said = Said {
        name: team.name.as_deref(),
        tenant_id: roster.reference.tenant_id.as_deref(),
        service_url: roster.reference.service_url.as_deref(),
        entra_group_id: team.entra_group_id.as_deref(),
    };
    teams::know(conn, &team.id, &said)?;
    let mut touched = keep_channels(conn, roster, fallback_zone)?;
    touched.extend(teams::rename_channels(conn, &team.id, fallback_zone)?);

    let mut members = BTreeSet::new();
    for member in &roster.members {
        members.insert(keep_member(conn, member, &roster.reference, fallback_zone)?);
    }
    let change = keep_members(conn, &team_group(&team.id), &members)?;
    let named_now = teams::own_name(conn, &team.id)?;
    if let Some(before) = named_before.filter(|before| named_now.as_ref() != Some(before)) {
        touched.extend(keep_members(conn, &format!("{TEAM}{before}"), &BTreeSet::new())?.touched());
    }
    if let Some(name) = named_now {
        touched.extend(keep_members(conn, &format!("{TEAM}{name}"), &members)?.touched());
    }
    conn.prepare_cached("UPDATE teams SET read_at = ?2, tried_at = ?2, trouble = NULL WHERE id = ?1")?
        .execute(params![team.id, micros(now)])?;
    let counts = RosterChange { joined: change.joined.len() as u64, left: change.left.len() as u64 };
    touched.extend(change.touched());
    // A team may be a group with a zone.
    zones::take_along(conn, &zones::settle_all(conn, touched.iter().copied(), fallback_zone, now)?, now)?;
    people::expand_again_for(conn, &touched, now)?;
    Ok(counts)
}

/// Returns the channels that are new, or have another name or none any more.
fn keep_channels(conn: &Connection, roster: &Roster, fallback_zone: Tz) -> Result<BTreeSet<i64>, Fault> {
    let mut touched = BTreeSet::new();
    let mut listed = BTreeSet::new();
    for channel in &roster.channels {
        let name = channel.name.as_deref().unwrap_or(GENERAL);
        let place = ChannelPlace {
            team_id: Some(roster.team.id.clone()),
            team_name: roster.team.name.clone(),
            name: Some(name.to_owned()),
        };
        let id = keep_channel(conn, &channel.id, &place, &roster.reference, fallback_zone)?;
        teams::keep_channel(conn, id, &roster.team.id, name, true)?;
        listed.insert(id);
    }
    let mut statement =
        conn.prepare_cached("SELECT recipient_id FROM channels WHERE team_id = ?1 AND is_listed = 1")?;
    let known: BTreeSet<i64> = statement.query_map([&roster.team.id], |row| row.get(0))?.collect::<Result<_, _>>()?;
    for gone in known.difference(&listed) {
        touched.extend(teams::rename(conn, *gone, &[])?);
        conn.prepare_cached("DELETE FROM channels WHERE recipient_id = ?1")?.execute([gone])?;
    }
    touched.extend(listed);
    Ok(touched)
}

/// The recipient of a channel: the one that has its id, or else the place that a schedule made for its name.
fn keep_channel(
    conn: &Connection,
    id: &str,
    place: &ChannelPlace,
    team: &Reference,
    fallback_zone: Tz,
) -> Result<i64, Fault> {
    let title = place.title();
    if let Some(known) = people::in_conversation(conn, id)? {
        // What an import said of it stays.
        conn.prepare_cached("UPDATE recipients SET name = ?2 WHERE id = ?1 AND is_known = 0 AND name IS NOT ?2")?
            .execute(params![known, title])?;
        return Ok(known);
    }
    for name in place.addresses() {
        let promoted = match people::owner_of(conn, &name)? {
            Some(owner) => conn
                .prepare_cached(
                    "UPDATE recipients SET conversation_id = ?2, name = ?3, tenant_id = ?4, service_url = ?5,
                        service_url_origin = iif(?5 IS NULL, NULL, 'answered')
                     WHERE id = ?1 AND conversation_id IS NULL",
                )?
                .execute(params![owner, id, title, team.tenant_id, team.service_url])
                .map(|changed| (changed > 0).then_some(owner))?,
            None => None,
        };
        if let Some(owner) = promoted {
            return Ok(owner);
        }
    }
    people::add_recipient(
        conn,
        &NewRecipient {
            kind: RecipientKind::Channel,
            name: title.as_deref(),
            zone: fallback_zone,
            zone_source: ZoneSource::Fallback,
            language: None,
            details: &Details::default(),
            is_known: false,
            reference: &Reference {
                conversation_id: Some(id.to_owned()),
                tenant_id: team.tenant_id.clone(),
                service_url: team.service_url.clone(),
                ..Reference::default()
            },
        },
    )
}

const KEEP_MEMBER: &str = "
    UPDATE recipients SET
        name = coalesce(name, :name), user_id = coalesce(user_id, :user_id),
        entra_object_id = coalesce(entra_object_id, :entra_object_id), tenant_id = coalesce(tenant_id, :tenant_id),
        standing = :standing
    WHERE id = :id AND (
        standing IS NOT :standing OR (name IS NULL AND :name IS NOT NULL)
        OR (user_id IS NULL AND :user_id IS NOT NULL)
        OR (entra_object_id IS NULL AND :entra_object_id IS NOT NULL)
        OR (tenant_id IS NULL AND :tenant_id IS NOT NULL)
    )";

/// The person whom a roster lists: somebody who is known by one of the ids, or somebody new. What is known of them
/// already stays.
fn keep_member(conn: &Connection, listed: &RosterMember, team: &Reference, fallback_zone: Tz) -> Result<i64, Fault> {
    let RosterMember { member, standing } = listed;
    let addresses = member.addresses();
    let mut known = None;
    let entra_object_id = member.entra_object_id.as_ref().map(|id| id.to_ascii_lowercase());
    let ids = Reference {
        user_id: Some(member.user_id.clone()),
        entra_object_id: entra_object_id.clone(),
        ..Reference::default()
    };
    for address in &addresses {
        if known.is_none()
            && let Some(owner) = people::owner_of(conn, address)?
            && !meet::is_someone_else(conn, owner, address, &ids)?
        {
            known = Some(owner);
        }
    }
    // Whoever is of another tenant is spoken to in that of the team, as far as that is possible at all.
    let tenant_id = team.tenant_id.as_ref().or(member.tenant_id.as_ref());
    let id = match known {
        Some(id) => id,
        None => people::add_recipient(
            conn,
            &NewRecipient {
                kind: RecipientKind::Person,
                name: member.name.as_deref(),
                zone: fallback_zone,
                zone_source: ZoneSource::Fallback,
                language: None,
                details: &Details::default(),
                is_known: false,
                reference: &Reference { service_url: team.service_url.clone(), ..Reference::default() },
            },
        )?,
    };
    conn.prepare_cached(KEEP_MEMBER)?.execute(named_params! {
        ":id": id,
        ":name": member.name,
        ":user_id": member.user_id,
        ":entra_object_id": entra_object_id,
        ":tenant_id": tenant_id,
        ":standing": standing.word(),
    })?;
    for address in &addresses {
        if people::owner_of(conn, address)?.is_none() {
            people::add_address(conn, id, address)?;
        }
    }
    Ok(id)
}

/// Who came to a group, and who left it.
struct Change {
    joined: Vec<i64>,
    left: Vec<i64>,
}

impl Change {
    fn touched(self) -> impl Iterator<Item = i64> {
        self.joined.into_iter().chain(self.left)
    }
}

/// Makes these the members of a group.
fn keep_members(conn: &Connection, group: &str, wanted: &BTreeSet<i64>) -> Result<Change, Fault> {
    let mut statement = conn.prepare_cached("SELECT recipient_id FROM memberships WHERE group_name = ?1")?;
    let kept: BTreeSet<i64> = statement.query_map([group], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let change = Change {
        joined: wanted.difference(&kept).copied().collect(),
        left: kept.difference(wanted).copied().collect(),
    };
    let mut leave = conn.prepare_cached("DELETE FROM memberships WHERE group_name = ?1 AND recipient_id = ?2")?;
    for left in &change.left {
        leave.execute(params![group, left])?;
    }
    let mut join = conn.prepare_cached("INSERT INTO memberships (group_name, recipient_id) VALUES (?1, ?2)")?;
    for joined in &change.joined {
        join.execute(params![group, joined])?;
    }
    Ok(change)
}
