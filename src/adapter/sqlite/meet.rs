//! A recipient of whom something was told: who that is here, and what is known better now.
//!
//! Three rules. What is newer counts, by the time that Teams gives it: a late activity fills gaps and changes nothing.
//! What an operator wrote about a person stays; how to reach them, Teams knows better. And an activity from the
//! conversation itself ends whatever kept the bot from speaking there.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension, named_params, params};

use super::consent;
use super::events;
use super::fault::Fault;
use super::latest::{About, is_latest};
use super::news::Taking;
use super::people::{self, NewRecipient};
use super::recall;
use super::rows::{Of, micros};
use super::sql::Sql;
use super::strangers;
use super::teams;
use super::words::Word;
use super::zones;
use crate::domain::conversation::ChannelPlace;
use crate::domain::delivery::Reason;
use crate::domain::id::DeliveryId;
use crate::domain::news::Met;
use crate::domain::recipient::{Address, AddressKind, Details, RecipientKind, Reference, ZoneSource};

pub(super) fn meet(conn: &Connection, met: &Met, taking: &mut Taking) -> Result<(), Fault> {
    let Some((id, others)) = who(conn, met)? else { return add(conn, met, taking) };
    let before = Record::read(conn, id)?;
    if before.kind != met.kind {
        let words = format!(
            "{}: Teams says that this is a {}, and the ledger that it is a {}",
            name_of(met),
            met.kind.word(),
            before.kind.word()
        );
        taking.taken.refused.push(words);
        return Ok(());
    }
    let after = before.clone().told(met);
    if after.differs_only_in_time(&before) {
        taking.taken.unchanged += 1;
        conn.prepare_cached(WRITE_TIMES)?.execute(params![id, after.told_at, after.heard_at])?;
    } else {
        taking.taken.updated += 1;
        after.write(conn, id)?;
    }
    if after.is_known && !before.is_known {
        taking.joiners.insert(id);
    }
    let has_got_a_chat = before.reference.conversation_id.is_none() && after.reference.conversation_id.is_some();
    if before.unreachable.is_some() && after.unreachable.is_none() {
        taking.taken.work = true;
    }
    for other in others {
        absorb(conn, id, other, met, taking)?;
    }
    if add_addresses(conn, id, &met.addresses)? {
        taking.joiners.insert(id);
    }
    if has_got_a_chat {
        taking.taken.stranger |= strangers::note(conn, id, taking.now)?;
    }
    place(conn, id, met, taking)
}

/// The recipient who is meant, and others who turn out to be the same person. The conversation says it best, then the
/// ids in their order.
fn who(conn: &Connection, met: &Met) -> Result<Option<(i64, BTreeSet<i64>)>, Fault> {
    let mut found = Vec::new();
    if let Some(conversation) = &met.reference.conversation_id {
        found.extend(people::in_conversation(conn, conversation)?);
    }
    for address in &met.addresses {
        if let Some(owner) = people::owner_of(conn, address)?
            && !is_someone_else(conn, owner, address, &met.reference)?
        {
            found.push(owner);
        }
    }
    let Some(first) = found.first().copied() else { return Ok(None) };
    Ok(Some((first, found.into_iter().filter(|id| *id != first).collect())))
}

/// Whether whoever has this address is another person: names and e-mail addresses are given to somebody new now and then,
/// ids never.
pub(super) fn is_someone_else(
    conn: &Connection,
    owner: i64,
    address: &Address,
    said: &Reference,
) -> Result<bool, Fault> {
    if address.kind() != AddressKind::Email {
        return Ok(false);
    }
    Ok(conn
        .prepare_cached(
            "SELECT 1 FROM recipients
             WHERE id = ?1 AND (lower(entra_object_id) <> lower(?2)
                OR ((lower(entra_object_id) = lower(?2)) IS NOT 1 AND user_id <> ?3))",
        )?
        .exists(params![owner, said.entra_object_id, said.user_id])?)
}

fn add(conn: &Connection, met: &Met, taking: &mut Taking) -> Result<(), Fault> {
    let details = Details { quiet_hours: None, country: met.country.clone() };
    let id = people::add_recipient(
        conn,
        &NewRecipient {
            kind: met.kind,
            name: met.name.as_deref(),
            zone: taking.fallback_zone,
            zone_source: ZoneSource::Fallback,
            language: met.language.as_deref(),
            details: &details,
            is_known: is_known_by(met),
            reference: &met.reference,
        },
    )?;
    let is_stranger = met.kind == RecipientKind::Person
        && met.reference.conversation_id.is_some()
        && met.addresses.iter().all(|address| address.kind() != AddressKind::Email);
    conn.prepare_cached(
        "UPDATE recipients SET told_at = ?2, heard_at = ?3, name_told = 1, language_told = 1, country_told = 1,
            service_url_origin = iif(service_url IS NULL, NULL, ?4), introduce_at = ?5
         WHERE id = ?1",
    )?
    .execute(params![
        id,
        micros(met.at),
        met.is_present.then(|| micros(met.at)),
        met.origin.word(),
        is_stranger.then(|| micros(taking.now)),
    ])?;
    taking.taken.stranger |= is_stranger;
    add_addresses(conn, id, &met.addresses)?;
    taking.taken.added += 1;
    taking.newcomers.insert(id);
    taking.joiners.insert(id);
    place(conn, id, met, taking)
}

/// Whoever has a chat with the bot is one of everyone; whoever was only seen somewhere is not.
fn is_known_by(met: &Met) -> bool {
    met.is_present && met.kind == RecipientKind::Person
}

fn name_of(met: &Met) -> &str {
    let address = met.addresses.first().map(Address::as_str);
    met.reference.conversation_id.as_deref().or(address).unwrap_or("somebody without a name")
}

/// A text of which it is known whether Teams told it. What an operator wrote does not change by hearsay.
#[derive(Debug, Clone, PartialEq)]
struct Said {
    text: Option<String>,
    is_told: bool,
}

impl Said {
    /// What nobody knew was told, and what was told may be told anew.
    fn told(&mut self, said: Option<&String>, is_newer: bool) {
        self.is_told |= self.text.is_none() && said.is_some();
        if said.is_some() && self.is_told && (is_newer || self.text.is_none()) {
            self.text = said.cloned();
        }
    }
}

/// What may change by what is told.
#[derive(Debug, Clone, PartialEq)]
struct Record {
    kind: RecipientKind,
    name: Said,
    language: Said,
    country: Said,
    reference: Reference,
    origin: Option<String>,
    is_known: bool,
    lost: i64,
    unreachable: Option<String>,
    unreachable_since: Option<i64>,
    told_at: Option<i64>,
    heard_at: Option<i64>,
}

const READ: &str = "
    SELECT kind, name, name_told, language, language_told, country, country_told, service_url, conversation_id,
        tenant_id, bot_id, user_id, entra_object_id, service_url_origin, is_known, lost, unreachable, unreachable_since,
        told_at, heard_at
    FROM recipients WHERE id = ?1";

const WRITE: &str = "
    UPDATE recipients SET
        name = :name, name_told = :name_told, language = :language, language_told = :language_told,
        country = :country, country_told = :country_told, service_url = :service_url,
        conversation_id = :conversation_id, tenant_id = :tenant_id, bot_id = :bot_id, user_id = :user_id,
        entra_object_id = :entra_object_id, service_url_origin = :origin, is_known = :is_known, lost = :lost,
        unreachable = :unreachable, unreachable_since = :unreachable_since, told_at = :told_at, heard_at = :heard_at
    WHERE id = :id";

/// As `WRITE`, for a recipient of whom nothing else is new: no index has to be touched.
const WRITE_TIMES: &str = "UPDATE recipients SET told_at = ?2, heard_at = ?3 WHERE id = ?1";

impl Record {
    fn read(conn: &Connection, id: i64) -> Result<Self, Fault> {
        let mut statement = conn.prepare_cached(READ)?;
        let mut rows = statement.query([id])?;
        let row = rows.next()?.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
        Ok(Self {
            kind: Of { table: "recipients", id }.word(row, 0, "kind")?,
            name: Said { text: row.get(1)?, is_told: row.get(2)? },
            language: Said { text: row.get(3)?, is_told: row.get(4)? },
            country: Said { text: row.get(5)?, is_told: row.get(6)? },
            reference: Reference {
                service_url: row.get(7)?,
                conversation_id: row.get(8)?,
                tenant_id: row.get(9)?,
                bot_id: row.get(10)?,
                user_id: row.get(11)?,
                entra_object_id: row.get(12)?,
            },
            origin: row.get(13)?,
            is_known: row.get(14)?,
            lost: row.get(15)?,
            unreachable: row.get(16)?,
            unreachable_since: row.get(17)?,
            told_at: row.get(18)?,
            heard_at: row.get(19)?,
        })
    }

    fn write(&self, conn: &Connection, id: i64) -> Result<(), Fault> {
        conn.prepare_cached(WRITE)?.execute(named_params! {
            ":id": id,
            ":name": self.name.text,
            ":name_told": self.name.is_told,
            ":language": self.language.text,
            ":language_told": self.language.is_told,
            ":country": self.country.text,
            ":country_told": self.country.is_told,
            ":service_url": self.reference.service_url,
            ":conversation_id": self.reference.conversation_id,
            ":tenant_id": self.reference.tenant_id,
            ":bot_id": self.reference.bot_id,
            ":user_id": self.reference.user_id,
            ":entra_object_id": self.reference.entra_object_id,
            ":origin": self.origin,
            ":is_known": self.is_known,
            ":lost": self.lost,
            ":unreachable": self.unreachable,
            ":unreachable_since": self.unreachable_since,
            ":told_at": self.told_at,
            ":heard_at": self.heard_at,
        })?;
        Ok(())
    }

    /// With what was told.
    fn told(mut self, met: &Met) -> Self {
        let at = Some(micros(met.at));
        let is_newer = at >= self.told_at;
        let newest = |said: &Option<String>, known: &mut Option<String>| {
            if said.is_some() && (is_newer || known.is_none()) {
                known.clone_from(said);
            }
        };
        self.name.told(met.name.as_ref(), is_newer);
        self.language.told(met.language.as_ref(), is_newer);
        self.country.told(met.country.as_ref(), is_newer);
        let (reference, said) = (&mut self.reference, &met.reference);
        let had = (reference.conversation_id.clone(), reference.service_url.clone());
        newest(&said.conversation_id, &mut reference.conversation_id);
        newest(&said.user_id, &mut reference.user_id);
        newest(&said.entra_object_id, &mut reference.entra_object_id);
        // Where a person's chat is, in which tenant and with which bot, is heard in that chat, or it is not known at all: they
        // may be seen among people of another tenant.
        for (said, known) in [
            (&said.service_url, &mut reference.service_url),
            (&said.tenant_id, &mut reference.tenant_id),
            (&said.bot_id, &mut reference.bot_id),
        ] {
            if met.is_present || known.is_none() {
                newest(said, known);
            }
        }
        if reference.service_url != had.1 {
            self.origin = Some(met.origin.word().to_owned());
        }
        if reference.conversation_id != had.0 {
            self.lost = 0;
        }
        self.is_known |= is_known_by(met);
        if met.is_present {
            if at >= self.unreachable_since {
                self.lost = 0;
                self.unreachable = None;
                self.unreachable_since = None;
            }
            self.heard_at = self.heard_at.max(at);
        }
        self.told_at = self.told_at.max(at);
        self
    }

    fn differs_only_in_time(&self, before: &Self) -> bool {
        let (told_at, heard_at) = (before.told_at, before.heard_at);
        Self { told_at, heard_at, ..self.clone() } == *before
    }
}

/// The bot is in a conversation again from which it had been taken out.
pub(super) fn is_back(conn: &Connection, recipient: i64, at: DateTime<Utc>) -> Result<(), Fault> {
    conn.prepare_cached(
        "UPDATE recipients SET unreachable = NULL, unreachable_since = NULL, lost = 0
         WHERE id = ?1 AND unreachable IS NOT NULL AND coalesce(unreachable_since, 0) <= ?2",
    )?
    .execute(params![recipient, micros(at)])?;
    Ok(())
}

/// Adds those addresses that nobody has yet. Returns whether there were any.
fn add_addresses(conn: &Connection, id: i64, addresses: &[Address]) -> Result<bool, Fault> {
    let mut any = false;
    for address in addresses {
        if people::owner_of(conn, address)?.is_none() {
            people::add_address(conn, id, address)?;
            any = true;
        }
    }
    Ok(any)
}

/// The two are one person. One that was made because a schedule or a roster named it, and into whose chat nothing can
/// have been sent since none is known, gives its names and groups to the other and goes; what it was to get, the other
/// gets by the next expansion. Of two who have lived, an operator decides.
fn absorb(conn: &Connection, id: i64, other: i64, met: &Met, taking: &mut Taking) -> Result<(), Fault> {
    let is_placeholder = conn
        .prepare_cached("SELECT 1 FROM recipients WHERE id = ?1 AND conversation_id IS NULL AND kind = ?2")?
        .exists(params![other, met.kind.word()])?;
    if !is_placeholder {
        let words = format!("{}: what Teams tells as one is recipient {id} and recipient {other} here", name_of(met));
        taking.taken.refused.push(words);
        return Ok(());
    }
    let last: Option<i64> = conn
        .prepare_cached("SELECT max(position) FROM addresses WHERE recipient_id = ?1")?
        .query_row([id], |row| row.get(0))
        .optional()?
        .flatten();
    conn.prepare_cached("UPDATE addresses SET recipient_id = ?1, position = position + ?3 WHERE recipient_id = ?2")?
        .execute(params![id, other, last.map_or(0, |last| last + 1)])?;
    conn.prepare_cached(
        "INSERT INTO memberships (group_name, recipient_id) SELECT group_name, ?1 FROM memberships WHERE recipient_id = ?2
         ON CONFLICT DO NOTHING",
    )?
    .execute([id, other])?;
    conn.prepare_cached("DELETE FROM memberships WHERE recipient_id = ?1")?.execute([other])?;
    consent::carry_over(conn, other, id)?;
    events::hand_over(conn, other, id, taking.now)?;
    zones::inherit(conn, id, other)?;
    conn.prepare_cached(INHERIT)?.execute([id, other])?;
    conn.prepare_cached("UPDATE recipients SET merged_into = ?1, is_known = 0 WHERE id = ?2")?.execute([id, other])?;
    let mut statement = conn.prepare_cached(UNSENT.get())?;
    let unsent = statement.query_map([other, micros(taking.now)], |row| row.get(0).map(DeliveryId))?;
    for delivery in unsent.collect::<Result<Vec<_>, _>>()? {
        recall::stop(conn, delivery, Reason::LeftAudience, taking.now)?;
    }
    taking.joiners.extend([id, other]);
    Ok(())
}

/// What the one is to get in the place of the other. The next expansion does not touch what is in the hands of a
/// sender, who may be creating the conversation at this moment.
static UNSENT: Sql = Sql::new(
    "
    WITH RECURSIVE {busy}
    SELECT d.id FROM busy CROSS JOIN waves w ON w.id = busy.id
        CROSS JOIN deliveries d INDEXED BY deliveries_unfinished ON d.wave_id = w.id
    WHERE w.expire_at >= ?2 AND d.recipient_id = ?1 AND {unfinished d.} AND d.state IN ({before cancelled})",
);

/// What an operator wrote of the one is about the other now.
const INHERIT: &str = "
    UPDATE recipients SET
        name = iif(other.name IS NOT NULL AND other.name_told = 0, other.name, recipients.name),
        name_told = iif(other.name IS NOT NULL AND other.name_told = 0, 0, recipients.name_told),
        language = iif(other.language IS NOT NULL AND other.language_told = 0, other.language, recipients.language),
        language_told = iif(other.language IS NOT NULL AND other.language_told = 0, 0, recipients.language_told),
        country = iif(other.country IS NOT NULL AND other.country_told = 0, other.country, recipients.country),
        country_told = iif(other.country IS NOT NULL AND other.country_told = 0, 0, recipients.country_told),
        quiet_hours = coalesce(recipients.quiet_hours, other.quiet_hours),
        is_known = max(recipients.is_known, other.is_known)
    FROM recipients AS other WHERE recipients.id = ?1 AND other.id = ?2";

/// Takes in where a channel is, when that is news. What its team is called is a fact of its own.
fn place(conn: &Connection, id: i64, met: &Met, taking: &mut Taking) -> Result<(), Fault> {
    let Some(place) = &met.channel else { return Ok(()) };
    let is_latest = place.name.is_some() && is_latest(conn, &About::NameOfChannel(id), met.at, taking.now)?;
    let name = place.name.clone().filter(|_| is_latest);
    let place = ChannelPlace { team_id: place.team_id.clone(), team_name: None, name };
    if !teams::is_placed(conn, id, &place)? {
        taking.joiners.extend(teams::place_channel(conn, id, &place, &met.reference, taking.fallback_zone)?);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::sql::assert_scans_nothing;
    use super::*;

    #[test]
    fn meeting_costs_what_was_told() {
        assert_scans_nothing(READ);
        assert_scans_nothing(WRITE);
        assert_scans_nothing(WRITE_TIMES);
        assert_scans_nothing(INHERIT);
        assert_scans_nothing(UNSENT.get());
    }
}
