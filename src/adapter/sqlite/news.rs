//! What was told, taken in: once, however often it is told.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use rusqlite::{Connection, named_params, params};

use super::fault::Fault;
use super::import::{self, Effect};
use super::people;
use super::realign::{self, Scope};
use super::rows::micros;
use super::sql::Sql;
use super::teams::{self, Said};
use super::words::Word;
use super::zones;
use crate::domain::conversation::team_group;
use crate::domain::news::{Fact, Met, News, TakenIn, Who};
use crate::domain::recipient::{PersonRecord, Unreachable};

/// Who was touched by some news.
#[derive(Default)]
pub(super) struct Touched {
    /// Lives in another zone now.
    pub movers: BTreeSet<i64>,
    /// May be in an audience in which they were not, or the other way round.
    pub joiners: BTreeSet<i64>,
    /// Of whose zone something was said.
    pub voices: BTreeSet<i64>,
}

pub(super) fn take_in(conn: &Connection, news: &News, fallback_zone: Tz, now: DateTime<Utc>) -> Result<TakenIn, Fault> {
    let mut taken = TakenIn::default();
    if let Some(key) = &news.key {
        let is_new = conn
            .prepare_cached("INSERT INTO heard (key, at) VALUES (?1, ?2) ON CONFLICT (key) DO NOTHING")?
            .execute(params![key, micros(now)])?;
        if is_new == 0 {
            taken.is_repetition = true;
            return Ok(taken);
        }
    }
    let mut touched = Touched::default();
    for fact in &news.facts {
        match fact {
            Fact::Met(met) => meet(conn, met, (fallback_zone, now), &mut taken, &mut touched)?,
            Fact::Lost { who, why } => lose(conn, who, *why, now, &mut taken)?,
            Fact::Team { id, name, entra_group_id, reference } => {
                let said = Said {
                    name: name.as_deref(),
                    tenant_id: reference.tenant_id.as_deref(),
                    service_url: reference.service_url.as_deref(),
                    entra_group_id: entra_group_id.as_deref(),
                };
                teams::know(conn, id, &said)?;
                touched.joiners.extend(teams::rename_channels(conn, id, fallback_zone)?);
            }
            Fact::Membership { team_id, who, is_member } => {
                if let Some(id) = find(conn, who)? {
                    keep_member(conn, team_id, id, *is_member)?;
                    touched.joiners.insert(id);
                }
            }
            Fact::ChannelGone { id } => {
                let who = Who { conversation_id: Some(id.clone()), addresses: Vec::new() };
                lose(conn, &who, Unreachable::Gone, now, &mut taken)?;
            }
            Fact::ZoneTold { who, said } => {
                if let Some(id) = find(conn, who)? {
                    zones::hear(conn, id, said)?;
                    touched.voices.insert(id);
                }
            }
            Fact::ZoneUnsaid { who, source, at } => {
                if let Some(id) = find(conn, who)? {
                    zones::unsay(conn, id, *source, *at)?;
                    touched.voices.insert(id);
                }
            }
        }
    }
    // Who came to a group may have its zone.
    let unsettled: BTreeSet<i64> = touched.voices.union(&touched.joiners).copied().collect();
    touched.movers.extend(zones::settle_all(conn, unsettled, fallback_zone, now)?);
    for mover in &touched.movers {
        realign::move_to_zone(conn, Scope::Recipient(*mover))?;
    }
    let of_interest: BTreeSet<i64> = touched.movers.union(&touched.joiners).copied().collect();
    people::expand_again_for(conn, &of_interest, now)?;
    taken.replan = !of_interest.is_empty();
    taken.work = !of_interest.is_empty();
    Ok(taken)
}

/// The recipient who is meant, if the ledger knows them.
pub(super) fn find(conn: &Connection, who: &Who) -> Result<Option<i64>, Fault> {
    if let Some(id) = &who.conversation_id
        && let Some(found) = people::in_conversation(conn, id)?
    {
        return Ok(Some(found));
    }
    for address in &who.addresses {
        if let Some(found) = people::owner_of(conn, address)? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

fn meet(
    conn: &Connection,
    met: &Met,
    (fallback_zone, now): (Tz, DateTime<Utc>),
    taken: &mut TakenIn,
    touched: &mut Touched,
) -> Result<(), Fault> {
    let record = PersonRecord {
        addresses: met.addresses.clone(),
        name: met.name.clone(),
        language: met.language.clone(),
        channel: met.channel.clone(),
        reference: met.reference.clone(),
        ..PersonRecord::new(met.kind)
    };
    match import::import(conn, &record, fallback_zone, now)? {
        Effect::Refused(words) => taken.refused.push(words),
        Effect::Unchanged => taken.unchanged += 1,
        Effect::Added { renamed, .. } => {
            taken.added += 1;
            touched.joiners.extend(renamed);
        }
        Effect::Updated { id, moved, may_join, renamed, .. } => {
            taken.updated += 1;
            touched.joiners.extend(renamed);
            if moved {
                touched.movers.insert(id);
            }
            if may_join {
                touched.joiners.insert(id);
            }
        }
    }
    Ok(())
}

static LOSE: Sql = Sql::new(
    "UPDATE recipients SET unreachable = :why, unreachable_since = :now WHERE id = :id AND unreachable IS NOT :why",
);

fn lose(conn: &Connection, who: &Who, why: Unreachable, now: DateTime<Utc>, taken: &mut TakenIn) -> Result<(), Fault> {
    if let Some(id) = find(conn, who)? {
        let lost = conn.prepare_cached(LOSE.get())?.execute(named_params! {
            ":id": id, ":why": why.word(), ":now": micros(now),
        })?;
        taken.updated += lost as u64;
        taken.work |= lost > 0;
    }
    Ok(())
}

/// Somebody came to a team or left it: in the group by its id, and in that by its name.
fn keep_member(conn: &Connection, team: &str, member: i64, is_member: bool) -> Result<(), Fault> {
    let mut groups = vec![team_group(team)];
    groups.extend(teams::own_name(conn, team)?.map(|name| team_group(&name)));
    let statement = if is_member {
        "INSERT INTO memberships (group_name, recipient_id) VALUES (?1, ?2) ON CONFLICT DO NOTHING"
    } else {
        "DELETE FROM memberships WHERE group_name = ?1 AND recipient_id = ?2"
    };
    for group in groups {
        conn.prepare_cached(statement)?.execute(params![group, member])?;
    }
    Ok(())
}
