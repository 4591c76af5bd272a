//! A recall that has begun: what there is to do of it, what became of that, and how far it is.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension, Row, named_params, params};

use super::fault::Fault;
use super::person::{self, Person};
use super::recall::{moved_to, stop};
use super::rows::{self, Of, micros};
use super::sql::Sql;
use super::words::Word;
use crate::domain::delivery::Reason;
use crate::domain::id::{DeliveryId, RecallId, ScheduleName};
use crate::domain::recall::{LONGEST_WAIT, RecallSettlement, RecallState, Remedy, Standing, recalled};
use crate::domain::recipient::Reference;
use crate::port::recall::{RecallCounts, RecallOutcome, RecallReport, RecallTask, RecallWork, RecalledMessage};

static DUE: Sql = Sql::new(
    "
    SELECT {person},
        t.delivery_id, c.id, c.asked_at, c.replacement, d.activity_id, t.attempts, s.id, s.name, o.id, o.civil, d.due_at,
        d.sent_in
    FROM recalled t INDEXED BY recalled_pending
        CROSS JOIN recalls c ON c.id = t.recall_id
        CROSS JOIN deliveries d ON d.id = t.delivery_id
        CROSS JOIN occurrences o ON o.id = d.occurrence_id
        CROSS JOIN schedules s ON s.id = o.schedule_id
        CROSS JOIN recipients r ON r.id = d.recipient_id
    WHERE t.state = 'pending' AND t.not_before BETWEEN :from AND :to AND d.activity_id IS NOT NULL
    ORDER BY t.not_before, t.delivery_id
    LIMIT :limit",
);

const NEXT: &str = "
    SELECT delivery_id, not_before FROM recalled INDEXED BY recalled_pending
    WHERE state = 'pending' AND not_before > ?1 ORDER BY not_before LIMIT 1";

const IS_AWAITING: &str = "SELECT 1 FROM recalled INDEXED BY recalled_awaiting WHERE state = 'awaiting' LIMIT 1";

pub(super) fn due(conn: &Connection, now: DateTime<Utc>, limit: usize) -> Result<RecallWork, Fault> {
    let mut work = RecallWork::default();
    let mut statement = conn.prepare_cached(DUE.get())?;
    for due in rows::due(now, LONGEST_WAIT) {
        let room = i64::try_from(limit - work.tasks.len()).unwrap_or(i64::MAX);
        let mut rows = statement.query(named_params! { ":from": due.start(), ":to": due.end(), ":limit": room })?;
        while let Some(row) = rows.next()? {
            work.tasks.push(read_task(row)?);
        }
    }
    let next = conn
        .prepare_cached(NEXT)?
        .query_row([micros(now)], |row| Ok(Of { table: "recalled", id: row.get(0)? }.instant(row, 1, "not_before")))
        .optional()?;
    work.next_at = next.transpose()?;
    work.is_awaiting = conn.prepare_cached(IS_AWAITING)?.exists([])?;
    Ok(work)
}

fn read_task(row: &Row<'_>) -> Result<RecallTask, Fault> {
    const OWN: usize = person::COLUMN_COUNT;
    let Person { recipient, reference, .. } = Person::read(row)?;
    let delivery = Of { table: "deliveries", id: row.get(OWN)? };
    let recall = Of { table: "recalls", id: row.get(OWN + 1)? };
    let schedule = Of { table: "schedules", id: row.get(OWN + 6)? };
    let name: String = row.get(OWN + 7)?;
    Ok(RecallTask {
        recall: RecallId(recall.id),
        delivery: DeliveryId(delivery.id),
        asked_at: recall.instant(row, OWN + 2, "asked_at")?,
        remedy: remedy(row.get(OWN + 3)?),
        activity_id: row.get(OWN + 4)?,
        attempts: Of { table: "recalled", id: delivery.id }.count(row, OWN + 5, "attempts")?,
        schedule: ScheduleName::new(&name).ok_or_else(|| schedule.corrupt("name", &name))?,
        occurrence: Of { table: "occurrences", id: row.get(OWN + 8)? }.civil(row, OWN + 9, "civil")?,
        due_at: delivery.instant(row, OWN + 10, "due_at")?,
        recipient,
        reference: match row.get(OWN + 11)? {
            None => reference,
            thread => Reference { conversation_id: thread, ..reference },
        },
    })
}

fn remedy(replacement: Option<String>) -> Remedy {
    replacement.map_or(Remedy::Delete, Remedy::Replace)
}

const SETTLE: &str = "
    UPDATE recalled SET
        state = :state, reason = :reason, detail = :detail, attempts = attempts + :attempts,
        not_before = coalesce(:not_before, not_before), ended_at = :ended_at
    WHERE delivery_id = :delivery AND recall_id = :recall AND state = 'pending'";

/// One that is only postponed keeps what was seen of it before.
const POSTPONE: &str = "
    UPDATE recalled SET not_before = :not_before
    WHERE delivery_id = :delivery AND recall_id = :recall AND state = 'pending'";

/// Returns whether the recall still has the message.
pub(super) fn settle(conn: &Connection, outcome: &RecallOutcome) -> Result<bool, Fault> {
    let (delivery, recall) = (outcome.delivery.0, outcome.recall.0);
    let not_before = outcome.settlement.not_before().map(micros);
    if let RecallSettlement::Postponed { .. } = outcome.settlement {
        let postponed = conn
            .prepare_cached(POSTPONE)?
            .execute(named_params! { ":delivery": delivery, ":recall": recall, ":not_before": not_before })?;
        return Ok(postponed > 0);
    }
    let state = outcome.settlement.state();
    let settled = conn.prepare_cached(SETTLE)?.execute(named_params! {
        ":delivery": delivery,
        ":recall": recall,
        ":state": state.word(),
        ":reason": outcome.settlement.reason().map(Word::word),
        ":detail": outcome.detail,
        ":attempts": 1,
        ":not_before": not_before,
        ":ended_at": state.is_final().then(|| micros(outcome.at)),
    })?;
    Ok(settled > 0)
}

const AWAITED: &str = "
    SELECT d.state, d.activity_id IS NOT NULL, d.possible_duplicate
    FROM recalled t CROSS JOIN deliveries d ON d.id = t.delivery_id
    WHERE t.delivery_id = ?1 AND t.state = 'awaiting'";

/// A sender has let go of a delivery. If a recall waits for that, it goes on: what was to be tried again is not.
pub(super) fn after_attempt(conn: &Connection, delivery: DeliveryId, now: DateTime<Utc>) -> Result<(), Fault> {
    let of = Of { table: "deliveries", id: delivery.0 };
    let mut statement = conn.prepare_cached(AWAITED)?;
    let mut rows = statement.query([delivery.0])?;
    let Some(row) = rows.next()? else { return Ok(()) };
    let standing = Standing { state: of.word(row, 0, "state")?, has_id: row.get(1)?, possible_duplicate: row.get(2)? };
    stop(conn, delivery, Reason::Recalled, now)?;
    // Where there is nothing to take back, nothing arrived.
    let becomes = recalled(standing, None).unwrap_or(RecallState::Unsent);
    conn.prepare_cached("UPDATE recalled SET state = ?2, ended_at = ?3 WHERE delivery_id = ?1")?.execute(params![
        delivery.0,
        becomes.word(),
        becomes.is_final().then(|| micros(now))
    ])?;
    Ok(())
}

const RECALL: &str = "
    SELECT c.asked_at, c.replacement, s.name, o.id, o.civil
    FROM recalls c CROSS JOIN occurrences o ON o.id = c.occurrence_id CROSS JOIN schedules s ON s.id = o.schedule_id
    WHERE c.id = ?1";

const COUNTS: &str = "
    SELECT t.state, d.possible_duplicate, count(*), min(t.delivery_id)
    FROM recalled t INDEXED BY recalled_of_recall CROSS JOIN deliveries d ON d.id = t.delivery_id
    WHERE t.recall_id = ?1 GROUP BY 1, 2";

static MESSAGES: Sql = Sql::new(
    "
    SELECT {person}, t.delivery_id, d.sent_at, t.state, t.reason, t.detail, t.attempts, d.possible_duplicate,
        nullif(t.not_before, 0), (SELECT address FROM addresses WHERE recipient_id = r.id ORDER BY position LIMIT 1)
    FROM recalled t INDEXED BY recalled_of_recall
        CROSS JOIN deliveries d ON d.id = t.delivery_id CROSS JOIN recipients r ON r.id = d.recipient_id
    WHERE t.recall_id = ?1
    ORDER BY 3 COLLATE NOCASE, 3, r.id",
);

pub(super) fn report(conn: &Connection, recall: RecallId, in_full: bool) -> Result<Option<RecallReport>, Fault> {
    let of = Of { table: "recalls", id: recall.0 };
    let mut statement = conn.prepare_cached(RECALL)?;
    let mut rows = statement.query([recall.0])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let (counts, possible_duplicates) = counts(conn, recall)?;
    let occurrence = Of { table: "occurrences", id: row.get(3)? };
    Ok(Some(RecallReport {
        schema: RecallReport::SCHEMA.to_owned(),
        recall: Some(recall),
        asked_at: of.instant(row, 0, "asked_at")?,
        schedule: row.get(2)?,
        occurrence: occurrence.civil(row, 4, "civil")?,
        moved_to: moved_to(conn, occurrence.id)?,
        remedy: remedy(row.get(1)?),
        counts,
        possible_duplicates,
        messages: if in_full { messages(conn, recall)? } else { Vec::new() },
    }))
}

fn counts(conn: &Connection, recall: RecallId) -> Result<(RecallCounts, u64), Fault> {
    let mut statement = conn.prepare_cached(COUNTS)?;
    let mut rows = statement.query([recall.0])?;
    let (mut counts, mut possible_duplicates) = (RecallCounts::new(), 0);
    while let Some(row) = rows.next()? {
        let of = Of { table: "recalled", id: row.get(3)? };
        let count = u64::from(of.count(row, 2, "count")?);
        *counts.entry(of.word(row, 0, "state")?).or_default() += count;
        if row.get(1)? {
            possible_duplicates += count;
        }
    }
    Ok((counts, possible_duplicates))
}

fn messages(conn: &Connection, recall: RecallId) -> Result<Vec<RecalledMessage>, Fault> {
    const OWN: usize = person::COLUMN_COUNT;
    let mut statement = conn.prepare_cached(MESSAGES.get())?;
    let mut rows = statement.query([recall.0])?;
    let mut messages = Vec::new();
    while let Some(row) = rows.next()? {
        let recipient = Person::read(row)?.recipient;
        let of = Of { table: "recalled", id: row.get(OWN)? };
        let state: RecallState = of.word(row, OWN + 2, "state")?;
        let not_before = of.instant_if_any(row, OWN + 7, "not_before")?;
        messages.push(RecalledMessage {
            recipient: recipient.name,
            address: row.get(OWN + 8)?,
            zone: recipient.zone,
            sent_at: Of { table: "deliveries", id: of.id }.instant_if_any(row, OWN + 1, "sent_at")?,
            state,
            reason: of.word_if_any(row, OWN + 3, "reason")?,
            detail: row.get(OWN + 4)?,
            attempts: of.count(row, OWN + 5, "attempts")?,
            possible_duplicate: row.get(OWN + 6)?,
            not_before: not_before.filter(|_| state == RecallState::Pending),
        });
    }
    Ok(messages)
}

#[cfg(test)]
mod tests {
    use super::super::sql::assert_scans_nothing;
    use super::*;

    #[test]
    fn recalling_costs_what_is_recalled() {
        assert_scans_nothing(DUE.get());
        assert_scans_nothing(NEXT);
        assert_scans_nothing(SETTLE);
        assert_scans_nothing(POSTPONE);
        assert_scans_nothing(AWAITED);
        assert_scans_nothing(RECALL);
        assert_scans_nothing(COUNTS);
        assert_scans_nothing(MESSAGES.get());
    }
}
