//! Recipients: imported, named by a schedule, listed.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use rusqlite::{Connection, OptionalExtension, named_params, params};

use super::consent;
use super::fault::Fault;
use super::import;
use super::person::Person;
use super::rows::{Of, micros};
use super::sql::Sql;
use super::words::Word;
use super::zones;
use crate::domain::consent::Stopped;
use crate::domain::id::RecipientId;
use crate::domain::recipient::{Address, AddressKind, Details, PersonRecord, RecipientKind, Reference, ZoneSource};
use crate::port::connector::Conversation;
use crate::port::desk::{ImportReport, PersonView, Reach, Service};

pub(super) fn import_people(
    conn: &Connection,
    records: &[PersonRecord],
    fallback_zone: Tz,
    now: DateTime<Utc>,
) -> Result<ImportReport, Fault> {
    follow_fallback_zone(conn, fallback_zone, now)?;
    let mut report = ImportReport::default();
    let (mut movers, mut otherwise_quiet) = (BTreeSet::new(), BTreeSet::new());
    let mut touched = Touched::default();
    let mut renamed = BTreeSet::new();
    for record in records {
        match import::import(conn, record, fallback_zone, now, &mut report.notes)? {
            import::Effect::Refused(words) => report.refused.push(words),
            import::Effect::Unchanged => report.unchanged += 1,
            import::Effect::Added { id, zone, renamed: others } => {
                report.added += 1;
                touched.add(id, zone);
                renamed.extend(others);
            }
            import::Effect::Updated { id, zone, moved, has_other_quiet_hours, may_join, renamed: others } => {
                report.updated += 1;
                renamed.extend(others);
                if has_other_quiet_hours {
                    otherwise_quiet.insert(id);
                }
                if moved {
                    movers.insert(id);
                }
                if moved || may_join {
                    touched.add(id, zone);
                }
            }
        }
    }
    zones::take_along(conn, &movers, now)?;
    zones::look_again(conn, &otherwise_quiet)?;
    expand_again(conn, &touched, now)?;
    expand_again_for(conn, &renamed, now)?;
    Ok(report)
}

/// Those of which a part was expanded are not asked whether it is them: they go back to the first who may have come.
static EXPAND_AGAIN: Sql = Sql::new(
    "
    UPDATE waves SET {to expand again}
    WHERE id IN (
        SELECT w.id FROM waves w INDEXED BY waves_expanded
        WHERE w.expire_at >= :now AND w.expanded_at IS NOT NULL AND w.to_expand = 0 AND w.withdrawn_at IS NULL
            AND (w.recipients = 'all' OR w.zone IN (SELECT value FROM json_each(:zones)))
        UNION ALL
        SELECT id FROM waves INDEXED BY waves_in_parts WHERE expanded_to > 0
    )",
);

/// Those to whom something happened that may bring them into an audience, or out of one.
#[derive(Default)]
struct Touched {
    /// Where they live.
    zones: BTreeSet<String>,
    /// The least of their ids.
    first: Option<i64>,
}

impl Touched {
    fn add(&mut self, id: i64, zone: String) {
        self.zones.insert(zone);
        self.first = Some(self.first.map_or(id, |first| first.min(id)));
    }
}

/// Waves that are still open and to which somebody may have come are expanded once more, from the first of them on. Returns
/// whether there are any.
fn expand_again(conn: &Connection, touched: &Touched, now: DateTime<Utc>) -> Result<bool, Fault> {
    let Some(first) = touched.first else { return Ok(false) };
    let waves = conn.prepare_cached(EXPAND_AGAIN.get())?.execute(named_params! {
        ":now": micros(now), ":zones": serde_json::json!(touched.zones).to_string(), ":before": first - 1,
    })?;
    Ok(waves > 0)
}

/// Those whose zone nobody told us live in the fallback zone of the configuration, whatever it was before. Written
/// as two ranges, which the index can answer.
const FOLLOW_FALLBACK: &str = "
    UPDATE recipients SET zone = ?1
    WHERE (zone_source = 'fallback' AND zone < ?1) OR (zone_source = 'fallback' AND zone > ?1)
    RETURNING id";

pub(super) fn follow_fallback_zone(conn: &Connection, zone: Tz, now: DateTime<Utc>) -> Result<(), Fault> {
    let movers: BTreeSet<i64> =
        conn.prepare_cached(FOLLOW_FALLBACK)?.query_map([zone.name()], |row| row.get(0))?.collect::<Result<_, _>>()?;
    zones::take_along(conn, &movers, now)?;
    let zones = BTreeSet::from([zone.name().to_owned()]);
    expand_again(conn, &Touched { zones, first: movers.first().copied() }, now)?;
    Ok(())
}

const ADD_RECIPIENT: &str = "
    INSERT INTO recipients (kind, name, zone, zone_source, language, quiet_hours, country, is_known,
        service_url, service_url_origin, conversation_id, tenant_id, bot_id, user_id, entra_object_id)
    VALUES (:kind, :name, :zone, :zone_source, :language, :quiet_hours, :country, :is_known,
        :service_url, iif(:service_url IS NULL, NULL, iif(:is_known, 'imported', 'answered')), :conversation_id,
        :tenant_id, :bot_id, :user_id, :entra_object_id)";

/// A recipient who is not in the ledger yet.
pub(super) struct NewRecipient<'a> {
    pub kind: RecipientKind,
    pub name: Option<&'a str>,
    pub zone: Tz,
    pub zone_source: ZoneSource,
    pub language: Option<&'a str>,
    pub details: &'a Details,
    pub is_known: bool,
    pub reference: &'a Reference,
}

pub(super) fn add_recipient(conn: &Connection, new: &NewRecipient<'_>) -> Result<i64, Fault> {
    Ok(conn.prepare_cached(ADD_RECIPIENT)?.insert(named_params! {
        ":kind": new.kind.word(),
        ":name": new.name,
        ":zone": new.zone.name(),
        ":zone_source": new.zone_source.word(),
        ":language": new.language,
        ":quiet_hours": new.details.quiet_hours.as_ref().map(ToString::to_string),
        ":country": new.details.country,
        ":is_known": new.is_known,
        ":service_url": new.reference.service_url,
        ":conversation_id": new.reference.conversation_id,
        ":tenant_id": new.reference.tenant_id,
        ":bot_id": new.reference.bot_id,
        ":user_id": new.reference.user_id,
        ":entra_object_id": new.reference.entra_object_id,
    })?)
}

/// The reference with the ids that the addresses give away, so that a conversation can be created.
pub(super) fn with_ids_of(reference: &Reference, addresses: &[Address]) -> Reference {
    let first =
        |kind| addresses.iter().find(|address| address.kind() == kind).map(|address| address.as_str().to_owned());
    Reference {
        user_id: reference.user_id.clone().or_else(|| first(AddressKind::TeamsUser)),
        entra_object_id: reference.entra_object_id.clone().or_else(|| first(AddressKind::EntraObject)),
        ..reference.clone()
    }
}

pub(super) fn owner_of(conn: &Connection, address: &Address) -> Result<Option<i64>, Fault> {
    Ok(conn
        .prepare_cached("SELECT recipient_id FROM addresses WHERE address = ?1")?
        .query_row([address.as_str()], |row| row.get(0))
        .optional()?)
}

/// Whose conversation this is.
pub(super) fn in_conversation(conn: &Connection, id: &str) -> Result<Option<i64>, Fault> {
    Ok(conn
        .prepare_cached("SELECT id FROM recipients WHERE conversation_id = ?1 ORDER BY id LIMIT 1")?
        .query_row([id], |row| row.get(0))
        .optional()?)
}

pub(super) fn add_address(conn: &Connection, recipient: i64, address: &Address) -> Result<(), Fault> {
    conn.prepare_cached(
        "INSERT INTO addresses (address, recipient_id, position)
         SELECT ?1, ?2, coalesce(max(position) + 1, 0) FROM addresses WHERE recipient_id = ?2",
    )?
    .execute(params![address.as_str(), recipient])?;
    Ok(())
}

/// Waves that are still open in the zones of these recipients are expanded once more.
pub(super) fn expand_again_for(
    conn: &Connection,
    recipients: &BTreeSet<i64>,
    now: DateTime<Utc>,
) -> Result<bool, Fault> {
    let mut statement = conn.prepare_cached("SELECT zone FROM recipients WHERE id = ?1")?;
    let mut touched = Touched::default();
    for recipient in recipients {
        touched.add(*recipient, statement.query_row([recipient], |row| row.get(0))?);
    }
    expand_again(conn, &touched, now)
}

/// Makes sure that somebody has this address: a schedule names it. Who is known only from there is not known to any
/// import, and a later import of the same address turns them into somebody who is.
pub(super) fn make_place_for(conn: &Connection, address: &Address, fallback_zone: Tz) -> Result<(), Fault> {
    if owner_of(conn, address)?.is_some() {
        return Ok(());
    }
    let conversation_id = (address.kind() == AddressKind::Conversation).then(|| address.as_str().to_owned());
    if let Some(id) = &conversation_id
        && let Some(owner) = in_conversation(conn, id)?
    {
        return add_address(conn, owner, address);
    }
    let reference = Reference { conversation_id, ..Reference::default() };
    let reference = with_ids_of(&reference, std::slice::from_ref(address));
    let id = add_recipient(
        conn,
        &NewRecipient {
            kind: address.recipient_kind(),
            name: None,
            zone: fallback_zone,
            zone_source: ZoneSource::Fallback,
            language: None,
            details: &Details::default(),
            is_known: false,
            reference: &reference,
        },
    )?;
    add_address(conn, id, address)
}

/// Hops over the index from one zone to the next, so that it costs as much as there are zones.
const ZONES: &str = "
    WITH RECURSIVE hop (zone) AS (
        SELECT min(zone) FROM recipients
        UNION ALL
        SELECT (SELECT min(zone) FROM recipients WHERE zone > hop.zone) FROM hop WHERE hop.zone IS NOT NULL
    )
    SELECT r.id, hop.zone FROM hop
        CROSS JOIN recipients r ON r.id = (SELECT id FROM recipients WHERE zone = hop.zone LIMIT 1)
    WHERE hop.zone IS NOT NULL ORDER BY hop.zone";

pub(super) fn group_size(conn: &Connection, group: &str) -> Result<u64, Fault> {
    let size: i64 = conn
        .prepare_cached("SELECT count(*) FROM memberships WHERE group_name = ?1")?
        .query_row([group], |row| row.get(0))?;
    Ok(size.unsigned_abs())
}

pub(super) fn zones(conn: &Connection) -> Result<Vec<Tz>, Fault> {
    let mut statement = conn.prepare_cached(ZONES)?;
    let mut rows = statement.query([])?;
    let mut zones = Vec::new();
    while let Some(row) = rows.next()? {
        zones.push(Of { table: "recipients", id: row.get(0)? }.zone(row, 1, "zone")?);
    }
    Ok(zones)
}

/// Who turned out to be somebody else meanwhile has no chat of their own.
pub(super) fn remember_conversation(
    conn: &Connection,
    recipient: RecipientId,
    conversation: &Conversation,
) -> Result<(), Fault> {
    let found = conn
        .prepare_cached(
            "UPDATE recipients SET conversation_id = iif(merged_into IS NULL, ?2, NULL),
                service_url = coalesce(?3, service_url),
                service_url_origin = iif(?3 IS NULL, service_url_origin, 'answered')
             WHERE id = ?1",
        )?
        .execute(params![recipient.0, conversation.conversation_id, conversation.service_url])?;
    if found == 0 { Err(Fault::Said(format!("there is no recipient {recipient}"))) } else { Ok(()) }
}

pub(super) fn remember_place(conn: &Connection, recipient: RecipientId, service_url: &str) -> Result<(), Fault> {
    let found = conn
        .prepare_cached("UPDATE recipients SET service_url = ?2, service_url_origin = 'answered' WHERE id = ?1")?
        .execute(params![recipient.0, service_url])?;
    if found == 0 { Err(Fault::Said(format!("there is no recipient {recipient}"))) } else { Ok(()) }
}

static EVERYBODY: Sql =
    Sql::new("SELECT {person} FROM recipients r WHERE r.merged_into IS NULL ORDER BY 3 COLLATE NOCASE, 3, r.id");

pub(super) fn people(conn: &Connection) -> Result<Vec<PersonView>, Fault> {
    let mut addresses = collect(conn, "SELECT recipient_id, address FROM addresses ORDER BY recipient_id, position")?;
    let mut groups =
        collect(conn, "SELECT recipient_id, group_name FROM memberships ORDER BY recipient_id, group_name")?;
    let mut stops = consent::all_stops(conn)?;
    let mut statement = conn.prepare_cached(EVERYBODY.get())?;
    let mut rows = statement.query([])?;
    let mut people = Vec::new();
    while let Some(row) = rows.next()? {
        let person = Person::read(row)?;
        let id = person.recipient.id.0;
        let addresses = addresses.remove(&id).unwrap_or_default();
        let groups = groups.remove(&id).unwrap_or_default();
        people.push(view(person, addresses, groups, stops.remove(&id).unwrap_or_default()));
    }
    Ok(people)
}

/// A recipient as lists show them.
pub(super) fn view(person: Person, addresses: Vec<String>, groups: Vec<String>, stops: Vec<Stopped>) -> PersonView {
    let Person { recipient, is_known, unreachable, reference, standing, service_origin } = person;
    PersonView {
        kind: recipient.kind,
        name: recipient.name,
        addresses,
        zone: recipient.zone,
        zone_source: recipient.zone_source,
        language: recipient.language,
        details: recipient.details,
        groups,
        is_only_named: !is_known,
        standing,
        service: reference.service_url.clone().zip(service_origin).map(|(url, origin)| Service { url, origin }),
        reach: match unreachable {
            Some(why) => Reach::Unreachable(why),
            None if reference.conversation_id.is_some() => Reach::Conversation,
            None if reference.user_id.is_some() || reference.entra_object_id.is_some() => Reach::CanBeCreated,
            None => Reach::NoReference,
        },
        stops,
    }
}

/// The texts that belong to each recipient, in the order of the statement.
fn collect(conn: &Connection, sql: &str) -> Result<HashMap<i64, Vec<String>>, Fault> {
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query([])?;
    let mut texts: HashMap<i64, Vec<String>> = HashMap::new();
    while let Some(row) = rows.next()? {
        texts.entry(row.get(0)?).or_default().push(row.get(1)?);
    }
    Ok(texts)
}

#[cfg(test)]
mod tests {
    use super::super::sql::assert_scans_nothing;
    use super::*;

    #[test]
    fn nothing_goes_through_everybody_without_need() {
        assert_scans_nothing(FOLLOW_FALLBACK);
        assert_scans_nothing(ZONES);
        assert_scans_nothing(EXPAND_AGAIN.get());
    }
}
