//! One record of an import: who it is, and what it changes.

use std::collections::BTreeSet;

use chrono_tz::Tz;
use rusqlite::{Connection, named_params, params};

use super::fault::Fault;
use super::people::{self, NewRecipient};
use super::person::Person;
use super::sql::Sql;
use super::teams;
use super::words::Word;
use crate::domain::recipient::{AddressKind, PersonRecord, RecipientKind, Reference, Unreachable, ZoneSource};

/// What a record did. The zone is the one in which the recipient lives now.
pub(super) enum Effect {
    Added {
        zone: String,
        /// Channels that gained or lost a name by it.
        renamed: BTreeSet<i64>,
    },
    Updated {
        id: i64,
        zone: String,
        moved: bool,
        /// Whether they may be in an audience now in which they were not.
        may_join: bool,
        /// Channels that gained or lost a name by it.
        renamed: BTreeSet<i64>,
    },
    Unchanged,
    /// Not taken in, with the reason in words.
    Refused(String),
}

static RECIPIENT: Sql = Sql::new("SELECT {person}, r.name FROM recipients r WHERE r.id = ?1");

const UPDATE: &str = "
    UPDATE recipients SET
        name = :name, zone = :zone, zone_source = :zone_source, language = :language, quiet_hours = :quiet_hours,
        country = :country, is_known = 1,
        service_url_origin = iif(service_url IS :service_url, service_url_origin, 'imported'),
        service_url = :service_url, conversation_id = :conversation_id, tenant_id = :tenant_id, bot_id = :bot_id,
        user_id = :user_id, entra_object_id = :entra_object_id,
        lost = iif(conversation_id IS :conversation_id, lost, 0),
        unreachable = iif(conversation_id IS NOT :conversation_id AND unreachable = :gone, NULL, unreachable)
    WHERE id = :id";

pub(super) fn import(conn: &Connection, record: &PersonRecord, fallback_zone: Tz) -> Result<Effect, Fault> {
    if record.kind == RecipientKind::Person && record.addresses.is_empty() {
        return Ok(Effect::Refused(format!("{}: a person needs an address", name_of(record))));
    }
    if record.addresses.is_empty() && record.reference.conversation_id.is_none() {
        return Ok(Effect::Refused(format!("{}: neither an address nor a conversation id is given", name_of(record))));
    }
    let matches = matches(conn, record)?;
    match matches.iter().copied().collect::<Vec<_>>()[..] {
        [] => add(conn, record, fallback_zone),
        [id] => update(conn, id, record, fallback_zone),
        [..] => {
            let mut names = Vec::new();
            for id in &matches {
                names.push(format!("{} (recipient {id})", known(conn, *id)?.0.recipient.name));
            }
            let words = format!("{}: this belongs to more than one recipient: {}", name_of(record), names.join(", "));
            Ok(Effect::Refused(words))
        }
    }
}

/// How a message names the record.
fn name_of(record: &PersonRecord) -> String {
    let address = record.addresses.first().map(ToString::to_string);
    address
        .or_else(|| record.reference.conversation_id.clone())
        .or_else(|| record.name.clone())
        .unwrap_or_else(|| "a record without a name".to_owned())
}

/// Who has one of the addresses or the conversation.
fn matches(conn: &Connection, record: &PersonRecord) -> Result<BTreeSet<i64>, Fault> {
    let mut matches = BTreeSet::new();
    for address in record.addresses.iter().filter(|address| address.kind() != AddressKind::ChannelName) {
        matches.extend(people::owner_of(conn, address)?);
    }
    if let Some(conversation) = &record.reference.conversation_id {
        let mut statement = conn.prepare_cached("SELECT id FROM recipients WHERE conversation_id = ?1")?;
        for id in statement.query_map([conversation], |row| row.get(0))? {
            matches.insert(id?);
        }
    }
    if matches.is_empty() {
        // A name is given to another channel now and then; it says who is meant only where no id does.
        for name in record.addresses.iter().filter(|address| address.kind() == AddressKind::ChannelName) {
            if let Some(owner) = people::owner_of(conn, name)?
                && known(conn, owner)?.0.reference.conversation_id.is_none()
            {
                matches.insert(owner);
                break;
            }
        }
    }
    Ok(matches)
}

fn add(conn: &Connection, record: &PersonRecord, fallback_zone: Tz) -> Result<Effect, Fault> {
    let (zone, zone_source) = match record.zone {
        Some(zone) => (zone, ZoneSource::Operator),
        None => (fallback_zone, ZoneSource::Fallback),
    };
    let reference = people::with_ids_of(&record.reference, &record.addresses);
    let id = people::add_recipient(
        conn,
        &NewRecipient {
            kind: record.kind,
            name: record.name.as_deref(),
            zone,
            zone_source,
            language: record.language.as_deref(),
            details: &record.details,
            is_known: true,
            reference: &reference,
        },
    )?;
    add_addresses(conn, id, record)?;
    if let Some(groups) = &record.groups {
        keep_groups(conn, id, groups)?;
    }
    let renamed = place(conn, id, record, fallback_zone)?;
    Ok(Effect::Added { zone: zone.name().to_owned(), renamed })
}

fn update(conn: &Connection, id: i64, record: &PersonRecord, fallback_zone: Tz) -> Result<Effect, Fault> {
    let (before, name_before) = known(conn, id)?;
    if before.recipient.kind != record.kind {
        let words = format!(
            "{}: this is a {} here and a {} in the ledger",
            name_of(record),
            record.kind.word(),
            before.recipient.kind.word()
        );
        return Ok(Effect::Refused(words));
    }
    let name = record.name.clone().or_else(|| name_before.clone());
    let (zone, zone_source) = match record.zone {
        Some(zone) => (zone, ZoneSource::Operator),
        None => (before.recipient.zone, before.recipient.zone_source),
    };
    let language = record.language.clone().or_else(|| before.recipient.language.clone());
    let details = record.details.clone().or(&before.recipient.details);
    let reference = people::with_ids_of(&overlaid(&before.reference, &record.reference), &record.addresses);
    let same = before.is_known
        && (name == name_before && language == before.recipient.language && details == before.recipient.details)
        && (zone == before.recipient.zone && zone_source == before.recipient.zone_source)
        && reference == before.reference;
    if !same {
        conn.prepare_cached(UPDATE)?.execute(named_params! {
            ":id": id,
            ":gone": Unreachable::Gone.word(),
            ":name": name,
            ":zone": zone.name(),
            ":zone_source": zone_source.word(),
            ":language": language,
            ":quiet_hours": details.quiet_hours.as_ref().map(ToString::to_string),
            ":country": details.country,
            ":service_url": reference.service_url,
            ":conversation_id": reference.conversation_id,
            ":tenant_id": reference.tenant_id,
            ":bot_id": reference.bot_id,
            ":user_id": reference.user_id,
            ":entra_object_id": reference.entra_object_id,
        })?;
    }
    let readdressed = add_addresses(conn, id, record)?;
    let regrouped = match &record.groups {
        Some(groups) => keep_groups(conn, id, groups)?,
        None => false,
    };
    let renamed = place(conn, id, record, fallback_zone)?;
    if same && !readdressed && !regrouped && renamed.is_empty() {
        return Ok(Effect::Unchanged);
    }
    Ok(Effect::Updated {
        id,
        zone: zone.name().to_owned(),
        moved: zone != before.recipient.zone,
        may_join: readdressed || regrouped || !before.is_known,
        renamed,
    })
}

/// What is known of a recipient, and the name that was given, if any.
fn known(conn: &Connection, id: i64) -> Result<(Person, Option<String>), Fault> {
    let mut statement = conn.prepare_cached(RECIPIENT.get())?;
    let mut rows = statement.query([id])?;
    let row = rows.next()?.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
    Ok((Person::read(row)?, row.get(super::person::COLUMN_COUNT)?))
}

/// What the import says, and what was known where it says nothing.
fn overlaid(before: &Reference, said: &Reference) -> Reference {
    let either = |said: &Option<String>, before: &Option<String>| said.clone().or_else(|| before.clone());
    Reference {
        service_url: either(&said.service_url, &before.service_url),
        conversation_id: either(&said.conversation_id, &before.conversation_id),
        tenant_id: either(&said.tenant_id, &before.tenant_id),
        bot_id: either(&said.bot_id, &before.bot_id),
        user_id: either(&said.user_id, &before.user_id),
        entra_object_id: either(&said.entra_object_id, &before.entra_object_id),
    }
}

/// Adds those addresses that nobody has yet. Returns whether there were any.
fn add_addresses(conn: &Connection, id: i64, record: &PersonRecord) -> Result<bool, Fault> {
    let mut any = false;
    for address in &record.addresses {
        if people::owner_of(conn, address)?.is_none() {
            people::add_address(conn, id, address)?;
            any = true;
        }
    }
    Ok(any)
}

/// Takes in where a channel is.
fn place(conn: &Connection, id: i64, record: &PersonRecord, fallback_zone: Tz) -> Result<BTreeSet<i64>, Fault> {
    match &record.channel {
        Some(channel) => teams::place_channel(conn, id, channel, &record.reference, fallback_zone),
        None => Ok(BTreeSet::new()),
    }
}

/// Replaces the groups, except those that are the rosters of teams. Returns whether they differ from what was known.
fn keep_groups(conn: &Connection, id: i64, groups: &[String]) -> Result<bool, Fault> {
    let wanted: BTreeSet<&str> = groups.iter().map(String::as_str).collect();
    let mut statement = conn.prepare_cached(
        "SELECT group_name FROM memberships WHERE recipient_id = ?1 AND group_name NOT LIKE 'team:%'",
    )?;
    let kept: BTreeSet<String> = statement.query_map([id], |row| row.get(0))?.collect::<Result<_, _>>()?;
    if kept.iter().map(String::as_str).eq(wanted.iter().copied()) {
        return Ok(false);
    }
    conn.prepare_cached("DELETE FROM memberships WHERE recipient_id = ?1 AND group_name NOT LIKE 'team:%'")?
        .execute([id])?;
    let mut insert = conn.prepare_cached("INSERT INTO memberships (group_name, recipient_id) VALUES (?1, ?2)")?;
    for group in wanted {
        insert.execute(params![group, id])?;
    }
    Ok(true)
}
