//! Schedules and documents: what the ledger knows of the files.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::num::NonZeroU32;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use rusqlite::{Connection, OptionalExtension, named_params, params};

use super::events;
use super::fault::Fault;
use super::people;
use super::realign;
use super::rows::{Of, micros};
use super::sql::Sql;
use super::teams;
use super::words::Word;
use crate::domain::conversation;
use crate::domain::delivery::Reason;
use crate::domain::schedule::model::{Audience, Schedule, Target};
use crate::port::store::{Document, Retired};

const KNOWN_SCHEDULES: &str = "SELECT name, id, priority, missing_since IS NOT NULL, max_people FROM schedules";

const KEEP_SCHEDULE: &str = "
    INSERT INTO schedules (name, revision, origin, fires_once, priority, on_unknown, overlap, catch_up, max_people,
        own_holidays, topic, revised_at)
    VALUES (:name, :revision, :origin, :fires_once, :priority, :on_unknown, :overlap, :catch_up, :max_people,
        :own_holidays, :topic, :now)
    ON CONFLICT (name) DO UPDATE SET
        revised_at = iif(revision = excluded.revision, revised_at, :now),
        revision = excluded.revision, origin = excluded.origin, fires_once = excluded.fires_once,
        priority = excluded.priority, on_unknown = excluded.on_unknown,
        overlap = excluded.overlap, catch_up = excluded.catch_up, max_people = excluded.max_people,
        own_holidays = excluded.own_holidays, topic = excluded.topic,
        missing_since = NULL, retired_at = NULL
    RETURNING id";

/// Deliveries stand in the queue of their schedule; this puts them there after the queues of some schedules changed.
static REQUEUE: Sql = Sql::new(
    "
    WITH RECURSIVE {busy}
    UPDATE deliveries SET queue = (
        SELECT s.queue FROM waves w CROSS JOIN schedules s ON s.id = w.schedule_id WHERE w.id = deliveries.wave_id
    )
    WHERE id IN (
        SELECT d.id
        FROM busy
            CROSS JOIN waves w ON w.id = busy.id
            CROSS JOIN schedules s ON s.id = w.schedule_id
            CROSS JOIN deliveries d INDEXED BY deliveries_unfinished ON d.wave_id = w.id
        WHERE {unfinished d.} AND d.queue <> s.queue
            AND s.id IN (SELECT value FROM json_each(:schedules))
    )",
);

/// What the ledger had of a schedule before a sync.
struct Known {
    id: i64,
    priority: String,
    is_missing: bool,
    max_people: Option<u32>,
}

pub(super) fn sync_schedules(
    conn: &Connection,
    schedules: &[Arc<Schedule>],
    fallback_zone: Tz,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    people::follow_fallback_zone(conn, fallback_zone, now)?;
    let mut known = known_schedules(conn)?;
    let mut requeued = Vec::new();
    for schedule in schedules {
        let before = known.remove(schedule.name.as_str());
        let priority = schedule.policies.priority.word();
        let max_people = schedule.policies.max_people.map(NonZeroU32::get);
        let id: i64 = conn.prepare_cached(KEEP_SCHEDULE)?.query_row(
            named_params! {
                ":name": schedule.name.as_str(),
                ":revision": schedule.revision.0,
                ":origin": &*schedule.origin.file,
                ":fires_once": schedule.when.trigger.fires_once(),
                ":priority": priority,
                ":on_unknown": schedule.policies.on_unknown.word(),
                ":overlap": schedule.policies.overlap.word(),
                ":catch_up": schedule.policies.catch_up.word(),
                ":max_people": max_people,
                ":own_holidays": schedule.when.exceptions.asks_for_own_holidays(),
                ":topic": schedule.topic.as_str(),
                ":now": micros(now),
            },
            |row| row.get(0),
        )?;
        events::keep_listener(conn, id, schedule)?;
        // Whoever is left out is awaited like whoever is spoken to: an install tells ids, and it may be they.
        for address in &schedule.audience.except_people {
            people::make_place_for(conn, address, fallback_zone)?;
        }
        for target in schedule.audience.to.iter().chain(&schedule.audience.among) {
            match target {
                Target::Person(address) | Target::Conversation(address) => {
                    people::make_place_for(conn, address, fallback_zone)?;
                    teams::know_team_of(conn, address)?;
                }
                Target::Team(id) if conversation::is_id(id) => teams::know(conn, id, &teams::Said::default())?,
                Target::Everyone | Target::Group(_) | Target::Team(_) | Target::Event(_) => {}
            }
        }
        let reaches_others = keep_audience(conn, id, &schedule.audience)?
            | before.as_ref().is_some_and(|before| before.max_people != max_people);
        if reaches_others && before.is_some() {
            expand_again(conn, id, now)?;
        }
        if before.is_some_and(|before| before.is_missing || before.priority != priority) {
            requeued.push(id);
        }
    }
    for gone in known.into_values().filter(|known| !known.is_missing) {
        conn.prepare_cached("UPDATE schedules SET missing_since = ?2 WHERE id = ?1")?
            .execute(params![gone.id, micros(now)])?;
        requeued.push(gone.id);
    }
    if !requeued.is_empty() {
        requeue(conn, &requeued)?;
    }
    Ok(())
}

/// Puts the open deliveries of these schedules into the queues of their schedules.
pub(super) fn requeue(conn: &Connection, schedules: &[i64]) -> Result<(), Fault> {
    let schedules = serde_json::json!(schedules).to_string();
    conn.prepare_cached(REQUEUE.get())?.execute(named_params! { ":schedules": schedules })?;
    Ok(())
}

const KNOWN_AS: &str = "SELECT id, topic FROM schedules WHERE name = ?1";

/// Who stopped what the schedule spoke of under its old name has stopped what it speaks of under its new one, unless they
/// have said something about that since.
const TAKE_STOPS_ALONG: &str = "
    INSERT INTO stops (recipient_id, topic, since)
    SELECT x.recipient_id, :to, x.since FROM stops x
    WHERE x.topic = :from AND NOT EXISTS (
        SELECT 1 FROM consents c WHERE c.recipient_id = x.recipient_id AND c.topic = :to AND c.at >= x.since
    )
    ON CONFLICT (recipient_id, topic) DO NOTHING";

/// Gives schedules their new names, once: where the ledger knows the old one, nobody has it any more, and nobody has had
/// the new one. Everything that was sent belongs to the row and goes along. Returns the old names by the new ones.
pub(super) fn rename(conn: &Connection, schedules: &[Arc<Schedule>]) -> Result<BTreeMap<String, String>, Fault> {
    let mut renamed = BTreeMap::new();
    for schedule in schedules {
        let Some(old) = schedule.renamed.as_ref().map(|renamed| &renamed.from) else { continue };
        let known = |name: &str| -> Result<Option<(i64, String)>, Fault> {
            let mut statement = conn.prepare_cached(KNOWN_AS)?;
            Ok(statement.query_row([name], |row| Ok((row.get(0)?, row.get(1)?))).optional()?)
        };
        let is_taken = known(schedule.name.as_str())?.is_some() || schedules.iter().any(|other| other.name == *old);
        let Some((id, topic)) = known(old.as_str())?.filter(|_| !is_taken) else { continue };
        conn.prepare_cached("UPDATE schedules SET name = ?2 WHERE id = ?1")?
            .execute(params![id, schedule.name.as_str()])?;
        if topic != schedule.topic.as_str() {
            conn.prepare_cached(TAKE_STOPS_ALONG)?
                .execute(named_params! { ":from": topic, ":to": schedule.topic.as_str() })?;
        }
        renamed.insert(schedule.name.to_string(), old.to_string());
    }
    Ok(renamed)
}

fn known_schedules(conn: &Connection) -> Result<HashMap<String, Known>, Fault> {
    let mut statement = conn.prepare_cached(KNOWN_SCHEDULES)?;
    let known = statement.query_map([], |row| {
        Ok((
            row.get(0)?,
            Known { id: row.get(1)?, priority: row.get(2)?, is_missing: row.get(3)?, max_people: row.get(4)? },
        ))
    })?;
    Ok(known.collect::<Result<_, _>>()?)
}

/// Keeps to whom a schedule speaks. Returns whether that differs from what was kept.
fn keep_audience(conn: &Connection, schedule: i64, audience: &Audience) -> Result<bool, Fault> {
    let to = audience.to.iter().map(|target| (row_kind(target, false), word_of(target)));
    let among = audience.among.iter().map(|target| (row_kind(target, true), word_of(target)));
    let except = audience.except_people.iter().map(|address| ("except", Cow::Borrowed(address.as_str())));
    let wanted: BTreeSet<(&str, Cow<'_, str>)> = to.chain(among).chain(except).collect();

    let mut statement = conn.prepare_cached("SELECT kind, word FROM audience WHERE schedule_id = ?1")?;
    let kept = statement.query_map([schedule], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let kept: BTreeSet<(String, String)> = kept.collect::<Result<_, _>>()?;
    let same = kept
        .iter()
        .map(|(kind, word)| (kind.as_str(), word.as_str()))
        .eq(wanted.iter().map(|(kind, word)| (*kind, &**word)));
    if same {
        return Ok(false);
    }
    conn.prepare_cached("DELETE FROM audience WHERE schedule_id = ?1")?.execute([schedule])?;
    let mut insert = conn.prepare_cached("INSERT INTO audience (schedule_id, kind, word) VALUES (?1, ?2, ?3)")?;
    for (kind, word) in wanted {
        insert.execute(params![schedule, kind, word])?;
    }
    Ok(true)
}

/// As what a target stands in the audience: in `to`, or in `among`.
fn row_kind(target: &Target, is_among: bool) -> &'static str {
    match (target, is_among) {
        (Target::Everyone, false) => "everyone",
        (Target::Everyone, true) => "among-everyone",
        (Target::Group(_) | Target::Team(_), false) => "group",
        (Target::Group(_) | Target::Team(_), true) => "among-group",
        (Target::Person(_) | Target::Conversation(_), false) => "person",
        (Target::Person(_) | Target::Conversation(_), true) => "among-person",
        (Target::Event(_), _) => "event",
    }
}

fn word_of(target: &Target) -> Cow<'_, str> {
    match target {
        Target::Everyone => Cow::Borrowed(""),
        Target::Group(name) => Cow::Borrowed(name.as_str()),
        Target::Team(team) => Cow::Owned(conversation::team_group(team)),
        Target::Person(address) | Target::Conversation(address) => Cow::Borrowed(address.as_str()),
        Target::Event(brought) => Cow::Owned(brought.to_string()),
    }
}

/// It may be others now who are served: waves that were expanded and are still open are expanded once more.
fn expand_again(conn: &Connection, schedule: i64, now: DateTime<Utc>) -> Result<(), Fault> {
    conn.prepare_cached(EXPAND_AGAIN.get())?
        .execute(named_params! { ":schedule": schedule, ":now": micros(now), ":before": 0 })?;
    Ok(())
}

static EXPAND_AGAIN: Sql = Sql::new(
    "
    UPDATE waves SET {to expand again}
    WHERE schedule_id = :schedule AND expire_at >= :now AND (expanded_at IS NOT NULL OR expanded_to > 0)
        AND withdrawn_at IS NULL",
);

const LONG_MISSING: &str = "SELECT id FROM schedules WHERE missing_since < ?1 AND retired_at IS NULL";

/// The waves of a schedule of which something may still happen.
static OPEN_WAVES: Sql = Sql::new(
    "
    SELECT w.id, w.to_expand FROM waves w
    WHERE w.schedule_id = :schedule AND w.withdrawn_at IS NULL AND (
        w.to_expand = 1 OR w.expire_at >= :now OR EXISTS (
            SELECT 1 FROM deliveries d INDEXED BY deliveries_unfinished
            WHERE d.wave_id = w.id AND {unfinished d.}
        )
    )",
);

pub(super) fn retire_missing(
    conn: &Connection,
    missing_since: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Retired, Fault> {
    let mut statement = conn.prepare_cached(LONG_MISSING)?;
    let schedules: Vec<i64> =
        statement.query_map([micros(missing_since)], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let mut retired = Retired { schedules: schedules.len() as u64, ..Retired::default() };
    for schedule in schedules {
        let mut statement = conn.prepare_cached(OPEN_WAVES.get())?;
        let waves: Vec<(i64, bool)> = statement
            .query_map(named_params! { ":schedule": schedule, ":now": micros(now) }, |row| {
                Ok((row.get(0)?, row.get(1)?))
            })?
            .collect::<Result<_, _>>()?;
        for (wave, was_to_expand) in waves {
            let cancelled = realign::withdraw(conn, wave, Reason::ScheduleRemoved, now)?;
            retired.waves += u64::from(was_to_expand || cancelled > 0);
            retired.deliveries += cancelled;
        }
        realign::remove_empty_occurrences(conn, schedule)?;
        // Should the schedule come back, it is planned from the beginning: its waves are gone.
        conn.prepare_cached("DELETE FROM plan_marks WHERE schedule_id = ?1")?.execute([schedule])?;
        conn.prepare_cached("UPDATE schedules SET retired_at = ?2 WHERE id = ?1")?
            .execute(params![schedule, micros(now)])?;
    }
    Ok(retired)
}

pub(super) fn documents(conn: &Connection, prefix: &str) -> Result<Vec<Document>, Fault> {
    // A prefix is compared as it is: LIKE and GLOB have characters of their own.
    let mut statement = conn.prepare_cached(
        "SELECT name, text, kept_at FROM documents
         WHERE name >= ?1 AND substr(name, 1, length(?1)) = ?1 ORDER BY name",
    )?;
    let mut rows = statement.query([prefix])?;
    let mut documents = Vec::new();
    while let Some(row) = rows.next()? {
        // The table has no row numbers; the position in the answer helps as much.
        let of = Of { table: "documents", id: i64::try_from(documents.len()).unwrap_or(i64::MAX) };
        documents.push(Document { name: row.get(0)?, text: row.get(1)?, kept_at: of.instant(row, 2, "kept_at")? });
    }
    Ok(documents)
}

pub(super) fn forget_document(conn: &Connection, name: &str) -> Result<(), Fault> {
    conn.prepare_cached("DELETE FROM documents WHERE name = ?1")?.execute([name])?;
    Ok(())
}

pub(super) fn keep_document(conn: &Connection, document: &Document) -> Result<(), Fault> {
    conn.prepare_cached(
        "INSERT INTO documents (name, text, kept_at) VALUES (?1, ?2, ?3)
         ON CONFLICT (name) DO UPDATE SET text = excluded.text, kept_at = excluded.kept_at",
    )?
    .execute(params![document.name, document.text, micros(document.kept_at)])?;
    Ok(())
}

/// The row of a schedule, if it has one.
pub(super) fn find_schedule(conn: &Connection, name: &str) -> Result<Option<i64>, Fault> {
    Ok(conn
        .prepare_cached("SELECT id FROM schedules WHERE name = ?1")?
        .query_row([name], |row| row.get(0))
        .optional()?)
}

/// The row of a schedule.
pub(super) fn schedule_id(conn: &Connection, name: &str) -> Result<i64, Fault> {
    find_schedule(conn, name)?.ok_or_else(|| Fault::Said(format!("the schedule {name} has not been made known")))
}

#[cfg(test)]
mod tests {
    use super::super::sql::assert_scans_nothing;
    use super::*;

    #[test]
    fn a_sync_costs_what_is_open() {
        assert_scans_nothing(REQUEUE.get());
        assert_scans_nothing(OPEN_WAVES.get());
    }
}
