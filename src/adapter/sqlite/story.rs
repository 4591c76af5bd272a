//! What the ledger knows of one schedule and one recipient: what became of it, and what is planned.

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use rusqlite::{Connection, Params, Row, named_params, params};

use super::consent;
use super::fault::Fault;
use super::rows::{Of, civil_text, micros, texts_of};
use super::sql::Sql;
use crate::domain::delivery::{Reason, State};
use crate::domain::event::Cause;
use crate::domain::id::RecipientId;
use crate::domain::plan::WaveRecipients;
use crate::port::desk::DeliveryRecall;
use crate::port::why::{Attempt, Coming, DeliveryStory, Former, Hold, Span, Story, StoryQuery};

/// So many deliveries of one date are told at most: a schedule may fire every few minutes.
const OF_A_DATE: i64 = 100;

pub(super) fn story(conn: &Connection, query: &StoryQuery, now: DateTime<Utc>) -> Result<Story, Fault> {
    let choices = consent::choices(conn, query.recipient.0)?;
    let mut statement = conn.prepare_cached(SCHEDULE)?;
    let mut rows = statement.query([&query.schedule])?;
    let Some(row) = rows.next()? else { return Ok(Story { choices, ..Story::default() }) };
    let of_schedule = Of { table: "schedules", id: row.get(0)? };
    let missing_since = of_schedule.instant_if_any(row, 1, "missing_since")?;
    let schedule = of_schedule.id;
    let subject = Subject { schedule, recipient: query.recipient, now };
    let mut deliveries = Vec::new();
    let range = range(query);
    if query.on.is_some() || query.occurrence.is_some() {
        subject.add(conn, OF_DATE.get(), &range, OF_A_DATE, &mut deliveries)?;
    } else {
        subject.add(conn, NEXT_OPEN.get(), &range, 1, &mut deliveries)?;
        subject.add(conn, LAST_ENDED.get(), &range, 1, &mut deliveries)?;
    }
    let coming = subject.coming(conn, &range)?;
    Ok(Story { is_known: true, missing_since, deliveries, coming, choices })
}

/// The civil times that are asked about, as texts: from the first on, and before the second.
fn range(query: &StoryQuery) -> (String, String) {
    match (query.occurrence, query.on) {
        // Nothing is closer to a civil time than a microsecond.
        (Some(civil), _) => {
            let next = civil.checked_add_signed(TimeDelta::microseconds(1)).unwrap_or(NaiveDateTime::MAX);
            (civil_text(civil), civil_text(next))
        }
        (None, Some(date)) => texts_of(date),
        (None, None) => ("0".to_owned(), "9999-99".to_owned()),
    }
}

/// A schedule that is missing for so long that it was retired has nothing open any more.
const SCHEDULE: &str = "SELECT id, iif(retired_at IS NULL, missing_since, NULL) FROM schedules WHERE name = ?1";

/// Writes a statement that reads the deliveries of a recipient, one after the other of the schedule's occurrences.
macro_rules! deliveries {
    ($which:literal) => {
        Sql::new(concat!(
            "
            SELECT d.id, o.id, o.civil, o.cause, w.id, w.zone, w.recipients, d.due_at, d.expire_at, d.planned_at, w.note,
                d.state, d.reason, d.detail, d.not_before, d.sent_at, d.ended_at, d.possible_duplicate, d.open_until,
                d.attempts, m.id, m.zone, m.due_at + {spread d.recipient_id m.},
                t.state, t.reason, c.replacement IS NULL,
                (SELECT p.civil FROM occurrences p WHERE p.schedule_id = o.schedule_id AND p.replaced_by = o.civil LIMIT 1)
            FROM occurrences o
                CROSS JOIN deliveries d ON d.occurrence_id = o.id AND d.recipient_id = :recipient
                CROSS JOIN waves w ON w.id = d.wave_id
                LEFT JOIN waves m ON m.id = d.moved_from AND m.zone <> w.zone
                LEFT JOIN recalled t ON t.delivery_id = d.id LEFT JOIN recalls c ON c.id = t.recall_id
            WHERE o.schedule_id = :schedule AND o.civil >= :from AND o.civil < :before
                AND ",
            $which,
            " LIMIT :limit"
        ))
    };
}

static OF_DATE: Sql = deliveries!("true ORDER BY o.civil");
static NEXT_OPEN: Sql = deliveries!("o.cause <> 'test' AND {unfinished d.} ORDER BY o.civil");
static LAST_ENDED: Sql = deliveries!("o.cause <> 'test' AND NOT {unfinished d.} ORDER BY o.civil DESC");

struct Subject {
    schedule: i64,
    recipient: RecipientId,
    now: DateTime<Utc>,
}

impl Subject {
    fn add(
        &self,
        conn: &Connection,
        sql: &str,
        (from, before): &(String, String),
        limit: i64,
        deliveries: &mut Vec<DeliveryStory>,
    ) -> Result<(), Fault> {
        let mut statement = conn.prepare_cached(sql)?;
        let mut rows = statement.query(named_params! {
            ":schedule": self.schedule, ":recipient": self.recipient.0, ":from": from, ":before": before,
            ":limit": limit,
        })?;
        while let Some(row) = rows.next()? {
            deliveries.push(self.delivery(conn, row)?);
        }
        Ok(())
    }

    fn delivery(&self, conn: &Connection, row: &Row<'_>) -> Result<DeliveryStory, Fault> {
        let of = Of { table: "deliveries", id: row.get(0)? };
        let occurrence = Of { table: "occurrences", id: row.get(1)? };
        let wave = Of { table: "waves", id: row.get(4)? };
        let state: State = of.word(row, 11, "state")?;
        let reason: Option<Reason> = of.word_if_any(row, 12, "reason")?;
        let cause: Cause = occurrence.word(row, 3, "cause")?;
        let recipients: WaveRecipients = wave.word(row, 6, "recipients")?;
        let civil = occurrence.civil(row, 2, "civil")?;
        let due_at = of.instant(row, 7, "due_at")?;
        let sent_at = of.instant_if_any(row, 15, "sent_at")?;
        let ended_at = of.instant_if_any(row, 16, "ended_at")?;
        let end = sent_at.or(ended_at).unwrap_or(self.now);
        let attempts_made = of.count(row, 19, "attempts")?;
        let superseded_by = match reason {
            Some(Reason::Superseded) => self.next_after(conn, civil)?,
            _ => None,
        };
        Ok(DeliveryStory {
            occurrence: civil,
            cause,
            zone: wave.zone(row, 5, "zone")?,
            on_own_clock: recipients == WaveRecipients::OfZone,
            due_at,
            expire_at: of.instant(row, 8, "expire_at")?,
            planned_at: of.instant(row, 9, "planned_at")?,
            note: wave.word_if_any(row, 10, "note")?,
            moved_from: former(row)?,
            state,
            reason,
            detail: row.get(13)?,
            not_before: if state.is_final() { None } else { Some(of.instant(row, 14, "not_before")?) },
            sent_at,
            ended_at,
            possible_duplicate: row.get(17)?,
            open_until: of.instant_if_any(row, 18, "open_until")?,
            holds: holds(conn, of.id)?,
            downtime: span(conn, DOWNTIME, params![micros(due_at), micros(end)])?,
            paused: span(conn, PAUSED, params![micros(due_at), micros(end), self.schedule])?,
            superseded_by,
            instead_of: occurrence.civil_if_any(row, 26, "civil")?,
            attempts: attempts(conn, of.id)?,
            attempts_made,
            recall: recall(row, of.id)?,
            held_until: None,
            left_out: None,
        })
    }

    /// The occurrence after this one of which the recipient has a delivery too.
    fn next_after(&self, conn: &Connection, civil: NaiveDateTime) -> Result<Option<NaiveDateTime>, Fault> {
        let mut statement = conn.prepare_cached(NEXT_AFTER)?;
        let mut rows = statement.query(params![self.schedule, self.recipient.0, civil_text(civil)])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        Of { table: "occurrences", id: row.get(0)? }.civil(row, 1, "civil").map(Some)
    }

    fn coming(&self, conn: &Connection, (from, before): &(String, String)) -> Result<Option<Coming>, Fault> {
        let mut statement = conn.prepare_cached(COMING.get())?;
        let mut rows = statement.query(named_params! {
            ":schedule": self.schedule, ":recipient": self.recipient.0, ":from": from, ":before": before,
        })?;
        let Some(row) = rows.next()? else { return Ok(None) };
        let wave = Of { table: "waves", id: row.get(2)? };
        let recipients: WaveRecipients = wave.word(row, 4, "recipients")?;
        Ok(Some(Coming {
            occurrence: Of { table: "occurrences", id: row.get(0)? }.civil(row, 1, "civil")?,
            planned: true,
            zone: wave.zone(row, 3, "zone")?,
            on_own_clock: recipients == WaveRecipients::OfZone,
            due_at: wave.instant(row, 5, "due_at")?,
            expire_at: wave.instant(row, 6, "expire_at")?,
            note: wave.word_if_any(row, 7, "note")?,
            held_until: None,
            left_out: None,
        }))
    }
}

const NEXT_AFTER: &str = "
    SELECT o.id, o.civil FROM occurrences o CROSS JOIN deliveries d ON d.occurrence_id = o.id AND d.recipient_id = ?2
    WHERE o.schedule_id = ?1 AND o.civil > ?3 AND o.cause = 'plan' ORDER BY o.civil LIMIT 1";

/// The first wave that waits to be expanded and will take the recipient.
static COMING: Sql = Sql::new(
    "
    SELECT o.id, o.civil, w.id, w.zone, w.recipients, w.due_at + {spread r.id w.},
        w.expire_at - w.jitter + {spread r.id w.}, w.note
    FROM recipients r
        CROSS JOIN waves w INDEXED BY waves_to_expand ON w.to_expand = 1 AND w.schedule_id = :schedule
        CROSS JOIN occurrences o ON o.id = w.occurrence_id
    WHERE r.id = :recipient AND o.civil >= :from AND o.civil < :before
        AND (w.recipients <> 'of-zone' OR w.zone = r.zone)
        AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.occurrence_id = o.id AND d.recipient_id = r.id)
        AND iif(
            w.recipients = 'invited',
            EXISTS (SELECT 1 FROM invited i WHERE i.occurrence_id = o.id AND i.recipient_id = r.id)
                AND r.id NOT IN ({excepted}),
            {is member}
        )
    ORDER BY w.due_at, w.id LIMIT 1",
);

fn former(row: &Row<'_>) -> Result<Option<Former>, Fault> {
    let Some(id) = row.get(20)? else { return Ok(None) };
    let wave = Of { table: "waves", id };
    Ok(Some(Former { zone: wave.zone(row, 21, "zone")?, due_at: wave.instant(row, 22, "due_at")? }))
}

fn recall(row: &Row<'_>, delivery: i64) -> Result<Option<DeliveryRecall>, Fault> {
    let of = Of { table: "recalled", id: delivery };
    let Some(state) = of.word_if_any(row, 23, "state")? else { return Ok(None) };
    Ok(Some(DeliveryRecall { state, reason: of.word_if_any(row, 24, "reason")?, deletes: row.get(25)? }))
}

const HOLDS: &str = "SELECT reason, held_at, held_until FROM holds WHERE delivery_id = ?1 ORDER BY held_at, reason";

fn holds(conn: &Connection, delivery: i64) -> Result<Vec<Hold>, Fault> {
    let of = Of { table: "holds", id: delivery };
    let mut statement = conn.prepare_cached(HOLDS)?;
    let mut rows = statement.query([delivery])?;
    let mut holds = Vec::new();
    while let Some(row) = rows.next()? {
        holds.push(Hold {
            reason: of.word(row, 0, "reason")?,
            at: of.instant(row, 1, "held_at")?,
            until: of.instant(row, 2, "held_until")?,
        });
    }
    Ok(holds)
}

/// Of several the last one: until its end nothing could be sent.
const DOWNTIME: &str = "
    SELECT began_at, ended_at FROM downtimes WHERE ended_at > ?1 AND began_at < ?2 ORDER BY ended_at DESC LIMIT 1";

const PAUSED: &str = "
    SELECT began_at, ended_at FROM pauses
    WHERE schedule_id = ?3 AND ended_at > ?1 AND began_at < ?2 ORDER BY ended_at DESC LIMIT 1";

fn span(conn: &Connection, sql: &str, params: impl Params) -> Result<Option<Span>, Fault> {
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let of = Of { table: "downtimes", id: row.get(1)? };
    Ok(Some(Span { since: of.instant(row, 0, "began_at")?, until: of.instant(row, 1, "ended_at")? }))
}

const ATTEMPTS: &str = "
    SELECT id, started_at, ended_at, state, reason, status, error_code, correlation_id, detail, latency_us
    FROM attempts WHERE delivery_id = ?1 ORDER BY id";

fn attempts(conn: &Connection, delivery: i64) -> Result<Vec<Attempt>, Fault> {
    let mut statement = conn.prepare_cached(ATTEMPTS)?;
    let mut rows = statement.query([delivery])?;
    let mut attempts = Vec::new();
    while let Some(row) = rows.next()? {
        let of = Of { table: "attempts", id: row.get(0)? };
        let latency: Option<i64> = row.get(9)?;
        attempts.push(Attempt {
            started_at: of.instant(row, 1, "started_at")?,
            ended_at: of.instant_if_any(row, 2, "ended_at")?,
            state: of.word_if_any(row, 3, "state")?,
            reason: of.word_if_any(row, 4, "reason")?,
            status: row.get(5)?,
            error_code: row.get(6)?,
            correlation_id: row.get(7)?,
            detail: row.get(8)?,
            latency_ms: latency.map(|micros| micros.unsigned_abs() / 1_000),
        });
    }
    Ok(attempts)
}

#[cfg(test)]
mod tests {
    use super::super::sql::assert_scans_nothing;
    use super::*;

    #[test]
    fn a_story_costs_the_occurrences_of_one_schedule() {
        for sql in [OF_DATE.get(), NEXT_OPEN.get(), LAST_ENDED.get(), COMING.get(), NEXT_AFTER, HOLDS, ATTEMPTS] {
            assert_scans_nothing(sql);
        }
        assert_scans_nothing(DOWNTIME);
        assert_scans_nothing(PAUSED);
    }
}
