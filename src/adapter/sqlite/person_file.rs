//! One recipient: found by what an operator types, shown in full, brought back to life, exported.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use rusqlite::{Connection, OptionalExtension, named_params, params};

use super::consent;
use super::fault::Fault;
use super::people;
use super::person::{COLUMN_COUNT, Person};
use super::rows::Of;
use super::sql::Sql;
use super::zones;
use crate::domain::conversation::ChannelPlace;
use crate::domain::id::RecipientId;
use crate::domain::recipient::{Address, Hearsay, Kept, PersonRecord};
use crate::port::people::{ExportPage, PersonFile};

/// Whoever may be meant: the one who has the address or the conversation, else everybody of this name.
pub(super) fn find(conn: &Connection, who: &str) -> Result<Vec<RecipientId>, Fault> {
    let who = who.trim();
    let by_address = match Address::new(who) {
        Some(address) => people::owner_of(conn, &address)?,
        None => None,
    };
    let found = match by_address {
        Some(id) => Some(id),
        None => people::in_conversation(conn, who)?,
    };
    if let Some(id) = found {
        return Ok(vec![RecipientId(id)]);
    }
    let mut statement = conn.prepare_cached(
        "SELECT id FROM recipients WHERE name = ?1 COLLATE NOCASE AND merged_into IS NULL ORDER BY id LIMIT 20",
    )?;
    Ok(statement.query_map([who], |row| row.get(0).map(RecipientId))?.collect::<Result<_, _>>()?)
}

static SHOW: Sql =
    Sql::new("SELECT {person}, r.told_at, r.heard_at, r.unreachable_since FROM recipients r WHERE r.id = ?1");

const ADDRESSES: &str = "SELECT address FROM addresses WHERE recipient_id = ?1 ORDER BY position";

const GROUPS: &str = "SELECT group_name FROM memberships WHERE recipient_id = ?1 ORDER BY group_name";

/// All that is known of a recipient.
pub(super) fn show(
    conn: &Connection,
    recipient: RecipientId,
    fallback_zone: Tz,
    now: DateTime<Utc>,
) -> Result<Option<PersonFile>, Fault> {
    let mut statement = conn.prepare_cached(SHOW.get())?;
    let mut rows = statement.query([recipient.0])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let of = Of { table: "recipients", id: recipient.0 };
    let person = Person::read(row)?;
    let reference = person.reference.clone();
    let resolved = zones::explain(conn, recipient.0, fallback_zone, now)?;
    let (addresses, groups) = (texts(conn, ADDRESSES, recipient.0)?, texts(conn, GROUPS, recipient.0)?);
    let stops = consent::stops(conn, recipient.0)?;
    Ok(Some(PersonFile {
        schema: PersonFile::SCHEMA.to_owned(),
        now,
        person: people::view(person, addresses, groups, stops.clone()),
        zone_said_at: resolved.said_at,
        passed_over: resolved.passed_over,
        reference,
        stops,
        told_at: of.instant_if_any(row, COLUMN_COUNT, "told_at")?,
        heard_at: of.instant_if_any(row, COLUMN_COUNT + 1, "heard_at")?,
        unreachable_since: of.instant_if_any(row, COLUMN_COUNT + 2, "unreachable_since")?,
    }))
}

fn texts(conn: &Connection, sql: &str, recipient: i64) -> Result<Vec<String>, Fault> {
    let mut statement = conn.prepare_cached(sql)?;
    Ok(statement.query_map([recipient], |row| row.get(0))?.collect::<Result<_, _>>()?)
}

/// Takes the mark away by which a recipient is not spoken to. Returns whether there was one.
pub(super) fn revive(conn: &Connection, recipient: RecipientId) -> Result<bool, Fault> {
    let revived = conn
        .prepare_cached(
            "UPDATE recipients SET unreachable = NULL, unreachable_since = NULL, lost = 0
             WHERE id = ?1 AND unreachable IS NOT NULL",
        )?
        .execute([recipient.0])?;
    Ok(revived > 0)
}

static EXPORT: Sql = Sql::new(
    "
    SELECT {person}, r.name, r.told_at, r.heard_at, r.unreachable_since, r.name_told, r.language_told, r.country_told,
        r.standing
    FROM recipients r WHERE r.id > :after AND r.merged_into IS NULL ORDER BY r.id LIMIT :limit",
);

/// The next recipients behind `after`, in the order in which they came.
pub(super) fn export(conn: &Connection, after: i64, limit: usize) -> Result<ExportPage, Fault> {
    const OWN: usize = COLUMN_COUNT;
    let mut statement = conn.prepare_cached(EXPORT.get())?;
    let most = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut rows = statement.query(named_params! { ":after": after, ":limit": most })?;
    let mut page = ExportPage { records: Vec::new(), next: None };
    while let Some(row) = rows.next()? {
        let person = Person::read(row)?;
        let id = person.recipient.id.0;
        let of = Of { table: "recipients", id };
        let addresses = texts(conn, ADDRESSES, id)?;
        let mut groups = texts(conn, GROUPS, id)?;
        // Who is in a team is read from Teams.
        groups.retain(|group| !group.starts_with(crate::domain::conversation::TEAM));
        let addresses: Result<Vec<Address>, Fault> =
            addresses.iter().map(|text| Address::new(text).ok_or_else(|| of.corrupt("address", text))).collect();
        page.records.push(PersonRecord {
            addresses: addresses?,
            name: row.get(OWN)?,
            zones: zones::evidence(conn, id)?,
            language: person.recipient.language,
            details: person.recipient.details,
            groups: Some(groups),
            channel: channel(conn, id)?,
            reference: person.reference,
            kept: Some(Kept {
                is_known: person.is_known,
                standing: of.word_if_any(row, OWN + 7, "standing")?,
                service_origin: person.service_origin,
                told_at: of.instant_if_any(row, OWN + 1, "told_at")?,
                heard_at: of.instant_if_any(row, OWN + 2, "heard_at")?,
                unreachable: person.unreachable,
                unreachable_since: of.instant_if_any(row, OWN + 3, "unreachable_since")?,
                stops: consent::stops(conn, id)?,
                choices: consent::choices(conn, id)?,
                hearsay: Hearsay { name: row.get(OWN + 4)?, language: row.get(OWN + 5)?, country: row.get(OWN + 6)? },
            }),
            ..PersonRecord::new(person.recipient.kind)
        });
        if page.records.len() == limit {
            page.next = Some(id);
        }
    }
    Ok(page)
}

/// Where a channel is.
fn channel(conn: &Connection, recipient: i64) -> Result<Option<ChannelPlace>, Fault> {
    Ok(conn
        .prepare_cached(
            "SELECT c.team_id, t.name, c.name FROM channels c LEFT JOIN teams t ON t.id = c.team_id
             WHERE c.recipient_id = ?1",
        )?
        .query_row(params![recipient], |row| {
            Ok(ChannelPlace { team_id: row.get(0)?, team_name: row.get(1)?, name: row.get(2)? })
        })
        .optional()?)
}

#[cfg(test)]
mod tests {
    use super::super::sql::assert_scans_nothing;
    use super::*;

    #[test]
    fn one_person_costs_one_person() {
        assert_scans_nothing(SHOW.get());
        assert_scans_nothing(EXPORT.get());
        assert_scans_nothing(ADDRESSES);
        assert_scans_nothing(GROUPS);
    }
}
