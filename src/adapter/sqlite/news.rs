//! What was told, taken in: once, however often it is told.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use rusqlite::{Connection, named_params, params};

use super::consent;
use super::events;
use super::fault::Fault;
use super::latest::{About, is_latest};
use super::meet;
use super::people;
use super::presses;
use super::rows::micros;
use super::teams::{self, Said};
use super::words::Word;
use super::{zone_said, zones};
use crate::domain::consent::Way;
use crate::domain::conversation::team_group;
use crate::domain::news::{Fact, News, TakenIn, Who};
use crate::domain::recipient::Unreachable;

/// For how long a repetition is recognised by its key: longer than any token lives with which it could be told again.
pub(super) const REMEMBERED: TimeDelta = TimeDelta::days(3);

/// What comes of some news.
pub(super) struct Taking {
    pub fallback_zone: Tz,
    pub now: DateTime<Utc>,
    pub taken: TakenIn,
    /// Who was not known before.
    pub newcomers: BTreeSet<i64>,
    /// Who lives in another zone now.
    pub movers: BTreeSet<i64>,
    /// Who may be in an audience in which they were not, or the other way round.
    pub joiners: BTreeSet<i64>,
    /// Of whose zone something was said.
    pub voices: BTreeSet<i64>,
}

pub(super) fn take_in(conn: &Connection, news: &News, fallback_zone: Tz, now: DateTime<Utc>) -> Result<TakenIn, Fault> {
    if let Some(key) = &news.key
        && !is_new(conn, key, now)?
    {
        return Ok(TakenIn { is_repetition: true, ..TakenIn::default() });
    }
    let taken = TakenIn::default();
    let [newcomers, movers, joiners, voices] = std::array::from_fn(|_| BTreeSet::new());
    let mut taking = Taking { fallback_zone, now, taken, newcomers, movers, joiners, voices };
    for fact in &news.facts {
        take_fact(conn, fact, &mut taking)?;
    }
    // Who came to a group may have its zone.
    let unsettled: BTreeSet<i64> = taking.voices.union(&taking.joiners).copied().collect();
    taking.movers.extend(zones::settle_all(conn, unsettled, fallback_zone, now)?);
    // Newcomers have nothing yet that could move along.
    let movers = taking.movers.difference(&taking.newcomers).copied().collect();
    zones::take_along(conn, &movers, now)?;
    let touched = taking.movers.union(&taking.joiners).copied().collect();
    let reopened = people::expand_again_for(conn, &touched, now)?;
    taking.taken.replan |= live_where_nobody_did(conn, &touched)?;
    taking.taken.work |= reopened || !taking.movers.is_empty();
    Ok(taking.taken)
}

/// Whether any of these lives in a zone in which nobody else does. Only then there is something to plan for them; of all
/// others the waves are there, and a busy morning of installs is no busy morning for the planner.
fn live_where_nobody_did(conn: &Connection, recipients: &BTreeSet<i64>) -> Result<bool, Fault> {
    if recipients.is_empty() {
        return Ok(false);
    }
    Ok(conn.prepare_cached(ALONE)?.exists([serde_json::json!(recipients).to_string()])?)
}

const ALONE: &str = "
    SELECT 1 FROM json_each(?1) each CROSS JOIN recipients r ON r.id = each.value
    WHERE NOT EXISTS (
        SELECT 1 FROM recipients other
        WHERE other.zone = r.zone AND other.id NOT IN (SELECT value FROM json_each(?1))
    )";

fn take_fact(conn: &Connection, fact: &Fact, taking: &mut Taking) -> Result<(), Fault> {
    match fact {
        Fact::Met(met) => meet::meet(conn, met, taking),
        Fact::Lost { who, why, at } => match find(conn, who)? {
            Some(id) => lose(conn, id, *why, *at, taking),
            None => Ok(()),
        },
        Fact::Team { id, name, entra_group_id, reference, at } => {
            let is_latest = name.is_some() && is_latest(conn, &About::NameOfTeam(id), *at, taking.now)?;
            let said = Said {
                name: name.as_deref().filter(|_| is_latest),
                tenant_id: reference.tenant_id.as_deref(),
                service_url: reference.service_url.as_deref(),
                entra_group_id: entra_group_id.as_deref(),
            };
            if teams::know_better(conn, id, &said)? {
                taking.joiners.extend(teams::rename_channels(conn, id, taking.fallback_zone)?);
            }
            Ok(())
        }
        Fact::TeamPresence { team_id, is_present, at } => {
            for channel in teams::channels_of(conn, team_id)? {
                if *is_present {
                    meet::is_back(conn, channel, *at)?;
                } else {
                    lose(conn, channel, Unreachable::Uninstalled, *at, taking)?;
                }
            }
            taking.taken.work = true;
            Ok(())
        }
        Fact::Membership { team_id, who, is_member, at } => {
            let mut is_news = true;
            for address in &who.addresses {
                is_news &= is_latest(conn, &About::Member { team: team_id, address }, *at, taking.now)?;
            }
            if is_news
                && let Some(id) = find(conn, who)?
                && keep_member(conn, team_id, id, *is_member)?
            {
                taking.joiners.insert(id);
            }
            Ok(())
        }
        Fact::ZoneTold { who, said } => {
            if let Some(id) = find(conn, who)? {
                zones::hear(conn, id, said)?;
                taking.voices.insert(id);
            }
            Ok(())
        }
        Fact::ZoneSaid(said) => zone_said::take_in(conn, said, taking),
        Fact::Typed(typed) => consent::take_in(conn, typed, Way::Typed, taking),
        Fact::Pressed(pressed) => presses::take_in(conn, pressed, taking),
        Fact::Happened(event) => events::take_in(conn, event, taking.now, &mut taking.taken),
    }
}

/// Whether news of this key has not been taken in yet; from now on it has. Keys that are old enough to be forgotten go
/// on the way: two for each that comes, so that they never pile up and no chore has to find them.
fn is_new(conn: &Connection, key: &str, now: DateTime<Utc>) -> Result<bool, Fault> {
    conn.prepare_cached(FORGET)?.execute([micros(now - REMEMBERED)])?;
    let added = conn
        .prepare_cached("INSERT INTO heard (key, at) VALUES (?1, ?2) ON CONFLICT (key) DO NOTHING")?
        .execute(params![key, micros(now)])?;
    Ok(added > 0)
}

const FORGET: &str = "
    DELETE FROM heard WHERE key IN (SELECT key FROM heard INDEXED BY heard_by_time WHERE at < ?1 ORDER BY at LIMIT 2)";

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

/// Told late, it does not count against what was heard since.
const LOSE: &str = "
    UPDATE recipients SET unreachable = :why, unreachable_since = :at
    WHERE id = :id AND unreachable IS NOT :why AND coalesce(heard_at, 0) <= :at";

fn lose(
    conn: &Connection,
    recipient: i64,
    why: Unreachable,
    at: DateTime<Utc>,
    taking: &mut Taking,
) -> Result<(), Fault> {
    let lost = conn.prepare_cached(LOSE)?.execute(named_params! {
        ":id": recipient, ":why": why.word(), ":at": micros(at),
    })?;
    taking.taken.updated += lost as u64;
    taking.taken.work |= lost > 0;
    Ok(())
}

/// Somebody came to a team or left it: the group by its id, and that by its name where it is its own. Returns whether
/// that is a change.
fn keep_member(conn: &Connection, team: &str, member: i64, is_member: bool) -> Result<bool, Fault> {
    let mut groups = vec![team_group(team)];
    groups.extend(teams::own_name(conn, team)?.map(|name| team_group(&name)));
    let statement = if is_member {
        "INSERT INTO memberships (group_name, recipient_id) VALUES (?1, ?2) ON CONFLICT DO NOTHING"
    } else {
        "DELETE FROM memberships WHERE group_name = ?1 AND recipient_id = ?2"
    };
    let mut changed = 0;
    for group in groups {
        changed += conn.prepare_cached(statement)?.execute(params![group, member])?;
    }
    Ok(changed > 0)
}

#[cfg(test)]
mod tests {
    use super::super::sql::assert_scans_nothing;
    use super::*;

    #[test]
    fn taking_in_costs_what_was_told() {
        assert_scans_nothing(FORGET);
        assert_scans_nothing(LOSE);
        assert_scans_nothing(ALONE);
    }
}
