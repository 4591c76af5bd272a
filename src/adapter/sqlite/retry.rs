//! What an operator has sent again: a way out of a final state that is only taken when somebody asks for it, in so many words.
//!
//! Of what failed nothing arrived, so it doubles nothing. Of what is unknown it may: that is asked for by its name, and
//! marked as a possible duplicate. What was taken back or cancelled does not come back this way.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDateTime, Utc};
use rusqlite::{Connection, OptionalExtension, named_params};

use super::fault::Fault;
use super::recall;
use super::rows::{Of, civil_text, micros, texts_of};
use super::sql::Sql;
use super::words::Word;
use crate::domain::delivery::State;
use crate::port::recall::NoRecall;
use crate::port::trouble::{NothingThere, Retried, RetryOrder, RetryReport};

/// From the newest on, until one is found; each of them has an end. A test is made anew, and not sent again.
static LATEST: Sql = Sql::new(
    "
    SELECT o.id, o.civil
    FROM deliveries d INDEXED BY deliveries_in_trouble
        CROSS JOIN waves w ON w.id = d.wave_id CROSS JOIN occurrences o ON o.id = d.occurrence_id
    WHERE {in trouble d.} AND d.ended_at > 0 AND d.state = :state AND w.schedule_id = :schedule AND o.cause <> 'test'
        AND (:who IS NULL OR d.recipient_id IN (SELECT value FROM json_each(:who)))
    ORDER BY d.ended_at DESC, d.id DESC LIMIT 1",
);

static CANDIDATES: Sql = Sql::new(
    "
    SELECT d.id, o.id, o.civil, d.expire_at < :now,
        w.withdrawn_at IS NOT NULL OR o.is_meant = 0 OR o.recalled_at IS NOT NULL OR o.cancelled_at IS NOT NULL
            OR s.missing_since IS NOT NULL OR EXISTS (SELECT 1 FROM recalled t WHERE t.delivery_id = d.id)
    FROM occurrences o
        CROSS JOIN deliveries d ON d.occurrence_id = o.id
        CROSS JOIN waves w ON w.id = d.wave_id CROSS JOIN schedules s ON s.id = w.schedule_id
    WHERE o.schedule_id = :schedule AND o.civil >= :from AND o.civil < :before AND d.state = :state AND o.cause <> 'test'
        AND (:who IS NULL OR d.recipient_id IN (SELECT value FROM json_each(:who)))
    ORDER BY o.civil, d.id",
);

/// It is planned once more, from now on, in the queue where its schedule stands. Where the clock was set back since, its
/// own instant may be still to come. How long it is open otherwise goes by the wave in which it is, and its recipient may move.
const RETRY: &str = "
    UPDATE deliveries SET
        state = :planned, reason = NULL, detail = NULL, ended_at = NULL, not_before = max(due_at, :now),
        open_until = coalesce(:late_until, :now),
        possible_duplicate = max(possible_duplicate, :in_doubt),
        queue = (SELECT s.queue FROM waves w CROSS JOIN schedules s ON s.id = w.schedule_id WHERE w.id = deliveries.wave_id)
    WHERE id = :id AND state = :state";

pub(super) fn retry(
    conn: &Connection,
    order: &RetryOrder,
    now: DateTime<Utc>,
) -> Result<Result<RetryReport, NothingThere>, Fault> {
    let schedule: Option<i64> = conn
        .prepare_cached("SELECT id FROM schedules WHERE name = ?1")?
        .query_row([order.schedule.as_str()], |row| row.get(0))
        .optional()?;
    let Some(schedule) = schedule else { return Ok(Err(NothingThere::UnknownSchedule)) };
    let who = match recall::recipients(conn, &order.who)? {
        Ok(who) => who,
        Err(NoRecall::Nobody(target)) => return Ok(Err(NothingThere::Nobody(target))),
        Err(
            NoRecall::UnknownSchedule
            | NoRecall::NothingSent
            | NoRecall::UnknownOccurrence { .. }
            | NoRecall::NothingThere(_),
        ) => return Ok(Err(NothingThere::Nothing)),
    };
    let state = order.which.state();
    let range = match order.on {
        Some(date) => texts_of(date),
        None => match latest(conn, schedule, state, who.as_deref())? {
            Some(civil) => {
                // This one alone: what has a fraction of a second sorts behind it.
                let text = civil_text(civil);
                (text.clone(), format!("{text}!"))
            }
            None => return Ok(Err(NothingThere::Nothing)),
        },
    };
    let mut report = RetryReport {
        schema: RetryReport::SCHEMA.to_owned(),
        schedule: order.schedule.to_string(),
        which: order.which,
        dry_run: order.dry_run,
        occurrences: Vec::new(),
        retried: 0,
        too_late: 0,
        not_meant: 0,
    };
    let mut occurrences: BTreeSet<NaiveDateTime> = BTreeSet::new();
    let mut ids: Vec<i64> = Vec::new();
    let mut statement = conn.prepare_cached(CANDIDATES.get())?;
    let mut rows = statement.query(named_params! {
        ":schedule": schedule, ":from": range.0, ":before": range.1, ":state": state.word(), ":who": who,
        ":now": micros(now),
    })?;
    while let Some(row) = rows.next()? {
        occurrences.insert(Of { table: "occurrences", id: row.get(1)? }.civil(row, 2, "civil")?);
        let (is_late, is_not_meant): (bool, bool) = (row.get(3)?, row.get(4)?);
        if is_not_meant {
            report.not_meant += 1;
        } else if is_late && order.late_until.is_none() {
            report.too_late += 1;
        } else {
            ids.push(row.get(0)?);
        }
    }
    if occurrences.is_empty() {
        return Ok(Err(NothingThere::Nothing));
    }
    report.occurrences = occurrences.into_iter().collect();
    report.retried = ids.len() as u64;
    if !order.dry_run {
        let mut retry = conn.prepare_cached(RETRY)?;
        for id in ids {
            retry.execute(named_params! {
                ":id": id, ":planned": State::Planned.word(), ":state": state.word(), ":now": micros(now),
                ":late_until": order.late_until.map(micros), ":in_doubt": order.which == Retried::Unknown,
            })?;
        }
    }
    Ok(Ok(report))
}

fn latest(conn: &Connection, schedule: i64, state: State, who: Option<&str>) -> Result<Option<NaiveDateTime>, Fault> {
    let mut statement = conn.prepare_cached(LATEST.get())?;
    let mut rows = statement.query(named_params! { ":schedule": schedule, ":state": state.word(), ":who": who })?;
    let Some(row) = rows.next()? else { return Ok(None) };
    Of { table: "occurrences", id: row.get(0)? }.civil(row, 1, "civil").map(Some)
}

#[cfg(test)]
mod tests {
    use super::super::sql::assert_scans_nothing;
    use super::*;

    #[test]
    fn a_retry_costs_what_it_is_about() {
        assert_scans_nothing(LATEST.get());
        assert_scans_nothing(CANDIDATES.get());
        assert_scans_nothing(RETRY);
    }
}
