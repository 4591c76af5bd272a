//! The beginning of a recall: what it is about, and what it stops. What follows stands in [`super::recalled`].

use std::collections::{BTreeSet, HashSet};

use chrono::{DateTime, NaiveDateTime, Utc};
use rusqlite::{Connection, OptionalExtension, named_params, params};

use super::fault::Fault;
use super::places;
use super::presses;
use super::realign;
use super::rows::{Of, civil_text, micros};
use super::sql::Sql;
use super::words::Word;
use crate::domain::conversation::team_group;
use crate::domain::delivery::{Reason, State};
use crate::domain::id::{DeliveryId, RecallId};
use crate::domain::recall::{Before, RecallState, Remedy, Standing, recalled};
use crate::domain::schedule::model::Target;
use crate::port::recall::{NoRecall, RecallCounts, RecallOrder, RecallReport};

/// What a recall, or a cancel, is about, looked up.
pub(super) struct Subject {
    pub schedule: i64,
    pub occurrence: i64,
    pub civil: NaiveDateTime,
    /// The occurrence that is sent in its place since an edit.
    pub moved_to: Option<NaiveDateTime>,
    /// The recipients that are meant, as a list in JSON; `None` when all are.
    pub who: Option<String>,
}

/// What a recall makes of one delivery.
struct Touched {
    delivery: DeliveryId,
    becomes: RecallState,
    /// Whether the delivery has not left and is stopped.
    is_stopped: bool,
    possible_duplicate: bool,
}

pub(super) fn try_out(
    conn: &Connection,
    order: &RecallOrder,
    now: DateTime<Utc>,
) -> Result<Result<RecallReport, NoRecall>, Fault> {
    let subject = match subject(conn, order)? {
        Ok(subject) => subject,
        Err(none) => return Ok(Err(none)),
    };
    let coming = count_coming(conn, &subject)?;
    let touched = touched(conn, &subject)?;
    if touched.is_empty() && coming == 0 {
        return Ok(Err(NoRecall::NothingThere(subject.civil)));
    }
    let mut report = report(order, &subject, &touched, None, now);
    if coming > 0 {
        *report.counts.entry(RecallState::Unsent).or_default() += coming;
    }
    Ok(Ok(report))
}

pub(super) fn begin(
    conn: &Connection,
    order: &RecallOrder,
    now: DateTime<Utc>,
) -> Result<Result<RecallReport, NoRecall>, Fault> {
    let subject = match subject(conn, order)? {
        Ok(subject) => subject,
        Err(none) => return Ok(Err(none)),
    };
    add_coming(conn, &subject)?;
    let touched = touched(conn, &subject)?;
    if touched.is_empty() {
        return Ok(Err(NoRecall::NothingThere(subject.civil)));
    }
    seal(conn, &subject, Reason::Recalled)?;
    if subject.who.is_none() {
        conn.prepare_cached("UPDATE occurrences SET recalled_at = ?2 WHERE id = ?1")?
            .execute(params![subject.occurrence, micros(now)])?;
    }
    let replacement = match &order.remedy {
        Remedy::Delete => None,
        Remedy::Replace(text) => Some(text),
    };
    let recall = conn
        .prepare_cached("INSERT INTO recalls (occurrence_id, asked_at, replacement) VALUES (?1, ?2, ?3)")?
        .insert(params![subject.occurrence, micros(now), replacement])?;
    for touched in &touched {
        if touched.is_stopped {
            stop(conn, touched.delivery, Reason::Recalled, now)?;
        }
        // What somebody wanted later is taken back with what it was.
        for wave in presses::open_snoozes(conn, touched.delivery)? {
            realign::withdraw(conn, wave, Reason::Recalled, now)?;
        }
        conn.prepare_cached(TAKE_UP)?.execute(named_params! {
            ":delivery": touched.delivery.0, ":recall": recall, ":state": touched.becomes.word(),
            ":ended_at": touched.becomes.is_final().then(|| micros(now)),
        })?;
    }
    Ok(Ok(report(order, &subject, &touched, Some(RecallId(recall)), now)))
}

fn report(
    order: &RecallOrder,
    subject: &Subject,
    touched: &[Touched],
    recall: Option<RecallId>,
    now: DateTime<Utc>,
) -> RecallReport {
    let mut counts = RecallCounts::new();
    for touched in touched {
        *counts.entry(touched.becomes).or_default() += 1;
    }
    RecallReport {
        schema: RecallReport::SCHEMA.to_owned(),
        recall,
        asked_at: now,
        schedule: order.schedule.to_string(),
        occurrence: subject.civil,
        moved_to: subject.moved_to,
        remedy: order.remedy.clone(),
        counts,
        possible_duplicates: touched.iter().filter(|touched| touched.possible_duplicate).count() as u64,
        messages: Vec::new(),
    }
}

fn subject(conn: &Connection, order: &RecallOrder) -> Result<Result<Subject, NoRecall>, Fault> {
    let schedule: Option<i64> = conn
        .prepare_cached("SELECT id FROM schedules WHERE name = ?1")?
        .query_row([order.schedule.as_str()], |row| row.get(0))
        .optional()?;
    let Some(schedule) = schedule else { return Ok(Err(NoRecall::UnknownSchedule)) };
    let (occurrence, civil) = match order.occurrence {
        Some(civil) => match occurrence(conn, schedule, civil)? {
            Some(id) => (id, civil),
            None => return Ok(Err(NoRecall::UnknownOccurrence { known: known(conn, schedule)? })),
        },
        None => match latest(conn, schedule, 1)?.pop() {
            Some(found) => found,
            None => return Ok(Err(NoRecall::NothingSent)),
        },
    };
    let who = match recipients(conn, &order.who)? {
        Ok(who) => who,
        Err(nobody) => return Ok(Err(nobody)),
    };
    Ok(Ok(Subject { schedule, occurrence, civil, moved_to: moved_to(conn, occurrence)?, who }))
}

/// The occurrence that is sent in the place of this one since an edit.
pub(super) fn moved_to(conn: &Connection, occurrence: i64) -> Result<Option<NaiveDateTime>, Fault> {
    let of = Of { table: "occurrences", id: occurrence };
    let mut statement = conn.prepare_cached("SELECT replaced_by FROM occurrences WHERE id = ?1")?;
    let moved_to: Option<String> = statement.query_row([occurrence], |row| row.get(0))?;
    moved_to.map(|text| text.parse().map_err(|_| of.corrupt("replaced_by", &text))).transpose()
}

fn occurrence(conn: &Connection, schedule: i64, civil: NaiveDateTime) -> Result<Option<i64>, Fault> {
    Ok(conn
        .prepare_cached("SELECT id FROM occurrences WHERE schedule_id = ?1 AND civil = ?2")?
        .query_row(params![schedule, civil_text(civil)], |row| row.get(0))
        .optional()?)
}

/// The latest occurrences of which anything has left. One person's snooze is not what is meant, nor is a
/// test.
static LATEST: Sql = Sql::new(
    "
    SELECT o.id, o.civil FROM occurrences o
    WHERE o.schedule_id = ?1 AND o.cause NOT IN ('snooze', 'test') AND EXISTS (
        SELECT 1 FROM deliveries d
        WHERE d.occurrence_id = o.id AND (d.state IN ({arrived}) OR d.state = 'sending' OR d.possible_duplicate = 1)
    )
    ORDER BY o.civil DESC LIMIT ?2",
);

fn latest(conn: &Connection, schedule: i64, limit: i64) -> Result<Vec<(i64, NaiveDateTime)>, Fault> {
    let mut statement = conn.prepare_cached(LATEST.get())?;
    let mut rows = statement.query([schedule, limit])?;
    let mut latest = Vec::new();
    while let Some(row) = rows.next()? {
        let of = Of { table: "occurrences", id: row.get(0)? };
        latest.push((of.id, of.civil(row, 1, "civil")?));
    }
    Ok(latest)
}

/// The latest occurrences of which anything has left, as many as fit on a line.
fn known(conn: &Connection, schedule: i64) -> Result<Vec<NaiveDateTime>, Fault> {
    Ok(latest(conn, schedule, 5)?.into_iter().map(|(_, civil)| civil).collect())
}

const OF_GROUP: &str = "SELECT recipient_id FROM memberships WHERE group_name = ?1";

/// A conversation that no schedule names has no address of its own.
const OF_ADDRESS: &str = "
    SELECT recipient_id FROM addresses WHERE address = ?1
    UNION SELECT id FROM recipients WHERE conversation_id = ?1";

pub(super) fn recipients(conn: &Connection, who: &[Target]) -> Result<Result<Option<String>, NoRecall>, Fault> {
    if who.is_empty() || who.contains(&Target::Everyone) {
        return Ok(Ok(None));
    }
    let mut ids: BTreeSet<i64> = BTreeSet::new();
    for target in who {
        let (sql, word) = match target {
            Target::Everyone => continue,
            Target::Group(group) => (OF_GROUP, group.clone()),
            Target::Team(team) => (OF_GROUP, team_group(team)),
            Target::Person(address) | Target::Conversation(address) => (OF_ADDRESS, address.to_string()),
            Target::Event(_) => return Ok(Err(NoRecall::Nobody(target.clone()))),
        };
        let mut statement = conn.prepare_cached(sql)?;
        let found: Vec<i64> = statement.query_map([word], |row| row.get(0))?.collect::<Result<_, _>>()?;
        if found.is_empty() {
            return Ok(Err(NoRecall::Nobody(target.clone())));
        }
        ids.extend(found);
    }
    let list: Vec<String> = ids.iter().map(ToString::to_string).collect();
    Ok(Ok(Some(format!("[{}]", list.join(",")))))
}

/// Writes a statement about those for whom an expansion is still to make a delivery of the occurrence.
macro_rules! coming {
    ($begin:literal, $end:literal) => {
        Sql::new(concat!(
            $begin,
            "
            FROM (
                SELECT DISTINCT meant.id FROM ({meant}) AS meant
                WHERE (:who IS NULL OR meant.id IN (SELECT value FROM json_each(:who)))
                    AND EXISTS (SELECT 1 FROM waves w WHERE w.occurrence_id = :occurrence AND w.to_expand = 1)
                    AND NOT EXISTS (
                        SELECT 1 FROM deliveries d WHERE d.occurrence_id = :occurrence AND d.recipient_id = meant.id
                    )
            ) AS member
                CROSS JOIN recipients r ON r.id = member.id
                CROSS JOIN waves w ON w.id = (
                    SELECT c.id FROM waves c
                    WHERE c.occurrence_id = :occurrence AND c.to_expand = 1
                        AND (c.recipients <> 'of-zone' OR c.zone = r.zone)
                    ORDER BY c.due_at, c.id LIMIT 1
                )
                CROSS JOIN schedules s ON s.id = w.schedule_id
            ",
            $end
        ))
    };
}

static COUNT_COMING: Sql = coming!("SELECT count(*)", "");

static ADD_COMING: Sql = coming!(
    "INSERT INTO deliveries
        (occurrence_id, recipient_id, wave_id, queue, state, due_at, expire_at, planned_at, not_before)
    SELECT :occurrence, r.id, w.id, s.queue, :planned, w.due_at + {spread r.id w.},
        w.expire_at - w.jitter + {spread r.id w.}, w.planned_at, w.due_at + {spread r.id w.}",
    "RETURNING wave_id"
);

/// For how many an expansion is still to make a delivery.
pub(super) fn count_coming(conn: &Connection, subject: &Subject) -> Result<u64, Fault> {
    let coming: i64 = conn.prepare_cached(COUNT_COMING.get())?.query_row(
        named_params! { ":schedule": subject.schedule, ":occurrence": subject.occurrence, ":who": subject.who },
        |row| row.get(0),
    )?;
    Ok(coming.unsigned_abs())
}

/// Makes the deliveries that an expansion would make later, so that they can be stopped one by one.
pub(super) fn add_coming(conn: &Connection, subject: &Subject) -> Result<(), Fault> {
    let mut statement = conn.prepare_cached(ADD_COMING.get())?;
    let made = statement.query_map(
        named_params! {
            ":schedule": subject.schedule, ":occurrence": subject.occurrence, ":who": subject.who,
            ":planned": State::Planned.word(),
        },
        |row| row.get(0),
    )?;
    let waves: HashSet<i64> = made.collect::<Result<_, _>>()?;
    for wave in waves {
        conn.prepare_cached("UPDATE waves SET has_rows = 1 WHERE id = ?1 AND has_rows = 0")?.execute([wave])?;
    }
    Ok(())
}

/// With what was put off of a message goes what came of that: it is the same message.
const STANDING: &str = "
    WITH RECURSIVE meant (id) AS (
        SELECT d.id FROM deliveries d
        WHERE d.occurrence_id = :occurrence
            AND (:who IS NULL OR d.recipient_id IN (SELECT value FROM json_each(:who)))
        UNION
        SELECT later.id
        FROM meant CROSS JOIN snoozes z ON z.delivery_id = meant.id
            CROSS JOIN deliveries later ON later.occurrence_id = z.occurrence_id
    )
    SELECT d.id, d.state, d.activity_id IS NOT NULL, d.possible_duplicate, t.state, c.replacement IS NULL
    FROM meant CROSS JOIN deliveries d ON d.id = meant.id
        LEFT JOIN recalled t ON t.delivery_id = d.id
        LEFT JOIN recalls c ON c.id = t.recall_id";

fn touched(conn: &Connection, subject: &Subject) -> Result<Vec<Touched>, Fault> {
    let mut statement = conn.prepare_cached(STANDING)?;
    let mut rows = statement.query(named_params! { ":occurrence": subject.occurrence, ":who": subject.who })?;
    let mut touched = Vec::new();
    while let Some(row) = rows.next()? {
        let of = Of { table: "deliveries", id: row.get(0)? };
        let state: State = of.word(row, 1, "state")?;
        let standing = Standing { state, has_id: row.get(2)?, possible_duplicate: row.get(3)? };
        let before: Option<RecallState> = Of { table: "recalled", id: of.id }.word_if_any(row, 4, "state")?;
        let before = match before {
            Some(state) => Some(Before { state, deletes: row.get(5)? }),
            None => None,
        };
        if let Some(becomes) = recalled(standing, before) {
            touched.push(Touched {
                delivery: DeliveryId(of.id),
                becomes,
                is_stopped: State::Cancelled.comes_from().contains(&state),
                possible_duplicate: standing.possible_duplicate,
            });
        }
    }
    Ok(touched)
}

/// A sender that has it in hand finds its claim lost before anything leaves.
static STOP: Sql = Sql::new(
    "
    UPDATE deliveries
    SET state = :cancelled, reason = :reason, detail = NULL, ended_at = :now, term = NULL, lease_until = NULL
    WHERE id = :id AND (state IN ({before cancelled}) OR (state = :cancelled AND reason IN ({revived})))",
);

/// Stops a delivery that has not left, for good.
pub(super) fn stop(conn: &Connection, delivery: DeliveryId, reason: Reason, now: DateTime<Utc>) -> Result<(), Fault> {
    let stopped = conn.prepare_cached(STOP.get())?.execute(named_params! {
        ":id": delivery.0, ":cancelled": State::Cancelled.word(), ":reason": reason.word(), ":now": micros(now),
    })?;
    if stopped == 0 {
        return Ok(());
    }
    let mut in_doubt = conn.prepare_cached("SELECT 1 FROM deliveries WHERE id = ?1 AND possible_duplicate = 1")?;
    if !in_doubt.exists([delivery.0])? {
        places::give_back(conn, delivery)?;
    }
    Ok(())
}

static SEAL: Sql = Sql::new(
    "
    UPDATE deliveries SET state = :cancelled, reason = :reason
    WHERE occurrence_id = :occurrence AND reason IN ({revived}) AND state IN (:cancelled, :skipped)
        AND (:who IS NULL OR recipient_id IN (SELECT value FROM json_each(:who)))",
);

/// What had been stopped already, and would come to life again if the schedule meant it again, does not any more.
pub(super) fn seal(conn: &Connection, subject: &Subject, reason: Reason) -> Result<(), Fault> {
    conn.prepare_cached(SEAL.get())?.execute(named_params! {
        ":occurrence": subject.occurrence, ":who": subject.who, ":cancelled": State::Cancelled.word(),
        ":skipped": State::Skipped.word(), ":reason": reason.word(),
    })?;
    Ok(())
}

/// What was never tried waits for no instant, so no clock that is set back holds it up.
const TAKE_UP: &str = "
    INSERT INTO recalled (delivery_id, recall_id, state, not_before, ended_at)
    VALUES (:delivery, :recall, :state, 0, :ended_at)
    ON CONFLICT (delivery_id) DO UPDATE SET
        recall_id = excluded.recall_id, state = excluded.state, reason = NULL, detail = NULL, attempts = 0,
        not_before = excluded.not_before, ended_at = excluded.ended_at";

#[cfg(test)]
mod tests {
    use super::super::sql::assert_scans_nothing;
    use super::*;

    #[test]
    fn a_recall_costs_what_it_is_about() {
        assert_scans_nothing(LATEST.get());
        assert_scans_nothing(COUNT_COMING.get());
        assert_scans_nothing(ADD_COMING.get());
        assert_scans_nothing(STANDING);
        assert_scans_nothing(STOP.get());
        assert_scans_nothing(SEAL.get());
        assert_scans_nothing(TAKE_UP);
    }
}
