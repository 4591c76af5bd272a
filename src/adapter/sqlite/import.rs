//! One record of an import: who it is, and what it changes.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use rusqlite::{Connection, named_params, params};

use super::consent;
use super::fault::Fault;
use super::meet;
use super::people::{self, NewRecipient};
use super::person::Person;
use super::rows::micros;
use super::sql::Sql;
use super::strangers;
use super::teams;
use super::words::Word;
use super::zones;
use crate::domain::ladder::ZoneEvidence;
use crate::domain::recipient::{AddressKind, Kept, PersonRecord, RecipientKind, Reference, Unreachable, ZoneSource};

/// What a record did. The zone is the one in which the recipient lives now.
pub(super) enum Effect {
    Added {
        id: i64,
        zone: String,
        /// Others that gained or lost a name by it.
        renamed: BTreeSet<i64>,
    },
    Updated {
        id: i64,
        zone: String,
        moved: bool,
        has_other_quiet_hours: bool,
        /// Whether they may be in an audience now in which they were not.
        may_join: bool,
        /// Others that gained or lost a name by it.
        renamed: BTreeSet<i64>,
    },
    Unchanged,
    /// Not taken in, with the reason in words.
    Refused(String),
}

static RECIPIENT: Sql = Sql::new("SELECT {person}, r.name FROM recipients r WHERE r.id = ?1");

const UPDATE: &str = "
    UPDATE recipients SET
        name = :name, language = :language, quiet_hours = :quiet_hours, country = :country,
        is_known = max(is_known, :is_known),
        service_url_origin = iif(service_url IS :service_url, service_url_origin, 'imported'),
        service_url = :service_url, conversation_id = :conversation_id, tenant_id = :tenant_id, bot_id = :bot_id,
        user_id = :user_id, entra_object_id = :entra_object_id,
        lost = iif(conversation_id IS :conversation_id, lost, 0),
        unreachable = iif(conversation_id IS NOT :conversation_id AND unreachable = :gone, NULL, unreachable)
    WHERE id = :id";

pub(super) fn import(
    conn: &Connection,
    record: &PersonRecord,
    fallback_zone: Tz,
    now: DateTime<Utc>,
    notes: &mut Vec<String>,
) -> Result<Effect, Fault> {
    if record.kind == RecipientKind::Person && record.addresses.is_empty() {
        return Ok(Effect::Refused(format!("{}: a person needs an address", record.shown())));
    }
    if record.addresses.is_empty() && record.reference.conversation_id.is_none() {
        return Ok(Effect::Refused(format!("{}: neither an address nor a conversation id is given", record.shown())));
    }
    let matches = matches(conn, record)?;
    match matches.iter().copied().collect::<Vec<_>>()[..] {
        [] => add(conn, record, fallback_zone, now, notes),
        [id] => update(conn, id, record, fallback_zone, now, notes),
        [..] => {
            let mut names = Vec::new();
            for id in &matches {
                names.push(format!("{} (recipient {id})", known(conn, *id)?.0.recipient.name));
            }
            let words = format!("{}: this belongs to more than one recipient: {}", record.shown(), names.join(", "));
            Ok(Effect::Refused(words))
        }
    }
}

/// Who has one of the addresses or the conversation. An e-mail address of somebody with other ids was theirs until now.
fn matches(conn: &Connection, record: &PersonRecord) -> Result<BTreeSet<i64>, Fault> {
    let mut matches = BTreeSet::new();
    let said = people::with_ids_of(&record.reference, &record.addresses);
    for address in record.addresses.iter().filter(|address| address.kind() != AddressKind::ChannelName) {
        if let Some(owner) = people::owner_of(conn, address)?
            && !meet::is_someone_else(conn, owner, address, &said)?
        {
            matches.insert(owner);
        }
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

fn add(
    conn: &Connection,
    record: &PersonRecord,
    fallback_zone: Tz,
    now: DateTime<Utc>,
    notes: &mut Vec<String>,
) -> Result<Effect, Fault> {
    let reference = people::with_ids_of(&record.reference, &record.addresses);
    let id = people::add_recipient(
        conn,
        &NewRecipient {
            kind: record.kind,
            name: record.name.as_deref(),
            zone: fallback_zone,
            zone_source: ZoneSource::Fallback,
            language: record.language.as_deref(),
            details: &record.details,
            is_known: record.kept.as_ref().is_none_or(|kept| kept.is_known),
            reference: &reference,
        },
    )?;
    if let Some(kept) = &record.kept {
        restore(conn, id, kept)?;
    }
    let readdressed = add_addresses(conn, id, record, now, notes)?;
    strangers::note(conn, id, now)?;
    if let Some(groups) = &record.groups {
        keep_groups(conn, id, groups)?;
    }
    let mut renamed = place(conn, id, record, fallback_zone)?;
    renamed.extend(readdressed.losers);
    hear_zones(conn, id, record, now)?;
    let settled = zones::settle(conn, id, fallback_zone, now)?;
    Ok(Effect::Added { id, zone: settled.zone.name().to_owned(), renamed })
}

const RESTORE: &str = "
    UPDATE recipients SET
        standing = :standing, service_url_origin = coalesce(:service_origin, service_url_origin),
        told_at = :told_at, heard_at = :heard_at, unreachable = :unreachable, unreachable_since = :unreachable_since,
        name_told = :name_told, language_told = :language_told, country_told = :country_told
    WHERE id = :id";

/// What another ledger knew of somebody who is new to this one.
fn restore(conn: &Connection, id: i64, kept: &Kept) -> Result<(), Fault> {
    conn.prepare_cached(RESTORE)?.execute(named_params! {
        ":id": id,
        ":standing": kept.standing.map(Word::word),
        ":service_origin": kept.service_origin.map(Word::word),
        ":told_at": kept.told_at.map(micros),
        ":heard_at": kept.heard_at.map(micros),
        ":name_told": kept.hearsay.name,
        ":language_told": kept.hearsay.language,
        ":country_told": kept.hearsay.country,
        ":unreachable": kept.unreachable.map(Word::word),
        ":unreachable_since": kept.unreachable_since.map(micros),
    })?;
    consent::restore(conn, id, &kept.stops, &kept.choices)
}

/// Takes in what the record says of the zone. Returns whether anything of it is new.
fn hear_zones(conn: &Connection, id: i64, record: &PersonRecord, now: DateTime<Utc>) -> Result<bool, Fault> {
    let mut is_new = false;
    for said in &record.zones {
        is_new |= zones::hear(conn, id, said)?;
    }
    let stated = [(ZoneSource::Operator, record.zone), (ZoneSource::Directory, record.directory_zone)];
    for (source, zone) in stated {
        if let Some(zone) = zone {
            is_new |= zones::state(conn, id, &ZoneEvidence { source, zone, said_at: now })?;
        }
    }
    Ok(is_new)
}

fn update(
    conn: &Connection,
    id: i64,
    record: &PersonRecord,
    fallback_zone: Tz,
    now: DateTime<Utc>,
    notes: &mut Vec<String>,
) -> Result<Effect, Fault> {
    let (before, name_before) = known(conn, id)?;
    if before.recipient.kind != record.kind {
        let words = format!(
            "{}: this is a {} here and a {} in the ledger",
            record.shown(),
            record.kind.word(),
            before.recipient.kind.word()
        );
        return Ok(Effect::Refused(words));
    }
    let name = record.name.clone().or_else(|| name_before.clone());
    let language = record.language.clone().or_else(|| before.recipient.language.clone());
    let details = record.details.clone().or(&before.recipient.details);
    let reference = people::with_ids_of(&overlaid(&before.reference, &record.reference), &record.addresses);
    // An export says of whom only a schedule or a roster speaks.
    let is_meant_known = record.kept.as_ref().is_none_or(|kept| kept.is_known);
    let same = (before.is_known || !is_meant_known)
        && (name == name_before && language == before.recipient.language && details == before.recipient.details)
        && reference == before.reference;
    if !same {
        conn.prepare_cached(UPDATE)?.execute(named_params! {
            ":id": id,
            ":gone": Unreachable::Gone.word(),
            ":is_known": is_meant_known,
            ":name": name,
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
    let readdressed = add_addresses(conn, id, record, now, notes)?;
    if before.reference.conversation_id.is_none() {
        strangers::note(conn, id, now)?;
    }
    let regrouped = match &record.groups {
        Some(groups) => keep_groups(conn, id, groups)?,
        None => false,
    };
    let mut renamed = place(conn, id, record, fallback_zone)?;
    renamed.extend(readdressed.losers);
    let heard = hear_zones(conn, id, record, now)?;
    let settled = zones::settle(conn, id, fallback_zone, now)?;
    let mut chose = false;
    for choice in record.kept.iter().flat_map(|kept| &kept.choices) {
        chose |= consent::choose(conn, id, choice)? == consent::Chosen::Changed;
    }
    let same = same && !chose;
    if same && !readdressed.any && !regrouped && renamed.is_empty() && !heard && !settled.changed {
        return Ok(Effect::Unchanged);
    }
    Ok(Effect::Updated {
        id,
        zone: settled.zone.name().to_owned(),
        moved: settled.moved,
        has_other_quiet_hours: details.quiet_hours != before.recipient.details.quiet_hours,
        may_join: readdressed.any || regrouped || (is_meant_known && !before.is_known),
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

/// What became of the addresses of a record.
#[derive(Default)]
struct Readdressed {
    /// Whether the recipient has got one.
    any: bool,
    /// Whose they were until now.
    losers: BTreeSet<i64>,
}

/// Adds those addresses that nobody has yet, and e-mail addresses that were given to them: whoever else has one of these is
/// another person, or they would be meant. The directory says whose it is, and nothing else would ever say so.
fn add_addresses(
    conn: &Connection,
    id: i64,
    record: &PersonRecord,
    now: DateTime<Utc>,
    notes: &mut Vec<String>,
) -> Result<Readdressed, Fault> {
    let mut readdressed = Readdressed::default();
    for address in &record.addresses {
        match people::owner_of(conn, address)? {
            Some(owner) if owner == id || address.kind() != AddressKind::Email => continue,
            Some(owner) => {
                conn.prepare_cached("DELETE FROM addresses WHERE address = ?1")?.execute([address.as_str()])?;
                strangers::note(conn, owner, now)?;
                let (loser, winner) = (without_address(conn, owner)?, without_address(conn, id)?);
                notes.push(format!("{address} was that of {loser} and is now that of {winner}"));
                readdressed.losers.insert(owner);
            }
            None => {}
        }
        people::add_address(conn, id, address)?;
        readdressed.any = true;
    }
    Ok(readdressed)
}

/// What somebody is called whose e-mail address has just changed hands.
fn without_address(conn: &Connection, id: i64) -> Result<String, Fault> {
    let (person, name) = known(conn, id)?;
    let Reference { user_id, entra_object_id, .. } = person.reference;
    Ok(user_id.or(entra_object_id).or(name).unwrap_or(person.recipient.name))
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
