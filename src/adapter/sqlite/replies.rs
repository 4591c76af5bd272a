//! Replies: written with the fact that they answer, and sent once. Questions come after them.

use std::time::Duration;

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension, Row, named_params, params};

use super::fault::Fault;
use super::person::{COLUMN_COUNT, Person};
use super::presses;
use super::rows::{self, Of, micros};
use super::sql::Sql;
use super::words::Word;
use super::zone_question;
use crate::domain::buttons::Outcome;
use crate::domain::consent::{SAME_COMMAND, Whence};
use crate::domain::id::{DeliveryId, ReplyId};
use crate::domain::recipient::Reference;
use crate::domain::reply::{Form, ReplySettlement, ReplyState};
use crate::port::reply::{ReplyOutcome, ReplyTask, ReplyWork, Says};

/// A reply to be written.
pub(super) struct NewReply<'a> {
    pub recipient: i64,
    pub whence: &'a Whence,
    /// What it answers, in a few words.
    pub about: &'a str,
    /// Markdown, or the outcome of the press.
    pub text: &'a str,
    /// The message whose button was pressed.
    pub within: Option<DeliveryId>,
}

/// What was never tried waits for no instant, so no clock that is set back holds it up.
const ASK: &str = "
    INSERT INTO replies (recipient_id, conversation_id, service_url, language, about, is_question, text, delivery_id,
        state, asked_at, not_before)
    VALUES (:recipient, :conversation, :service_url, :language, :about, 0, :text, :delivery, :waiting, :now, 0)";

/// Writes a reply. Returns whether there is a conversation for it.
pub(super) fn ask(conn: &Connection, new: &NewReply<'_>, now: DateTime<Utc>) -> Result<bool, Fault> {
    let Some(conversation) = &new.whence.conversation_id else { return Ok(false) };
    conn.prepare_cached(ASK)?.execute(named_params! {
        ":recipient": new.recipient, ":conversation": conversation, ":service_url": new.whence.service_url,
        ":language": new.whence.language, ":about": new.about, ":text": new.text,
        ":delivery": new.within.map(|delivery| delivery.0),
        ":waiting": ReplyState::Waiting.word(), ":now": micros(now),
    })?;
    Ok(true)
}

const LAST: &str = "
    SELECT about FROM replies WHERE recipient_id = ?1 AND asked_at > ?2 AND NOT is_question
    ORDER BY asked_at DESC, id DESC LIMIT 1";

/// Whether this was what was answered last, and a moment ago.
pub(super) fn was_just_answered(
    conn: &Connection,
    recipient: i64,
    about: &str,
    now: DateTime<Utc>,
) -> Result<bool, Fault> {
    let mut statement = conn.prepare_cached(LAST)?;
    let last: Option<String> =
        statement.query_row(params![recipient, micros(now - SAME_COMMAND)], |row| row.get(0)).optional()?;
    Ok(last.as_deref() == Some(about))
}

static DUE: Sql = Sql::new(
    "
    SELECT {person}, y.id, y.conversation_id, y.service_url, coalesce(y.language, r.language), y.text, y.delivery_id,
        y.asked_at, y.attempts, y.is_question
    FROM replies y INDEXED BY replies_waiting CROSS JOIN recipients r ON r.id = y.recipient_id
    WHERE y.state = 'waiting' AND y.is_question = :question AND y.not_before BETWEEN :from AND :to
    ORDER BY y.not_before, y.id LIMIT :limit",
);

const NEXT: &str = "
    SELECT min(not_before) FROM replies INDEXED BY replies_waiting
    WHERE state = 'waiting' AND is_question = ?2 AND not_before > ?1";

pub(super) fn due(conn: &Connection, now: DateTime<Utc>, limit: usize) -> Result<ReplyWork, Fault> {
    let mut tasks = tasks(conn, false, now, limit)?;
    if tasks.is_empty() {
        tasks = self::tasks(conn, true, now, limit)?;
    }
    let next_at = [next(conn, false, now)?, next(conn, true, now)?].into_iter().flatten().min();
    Ok(ReplyWork { tasks, next_at })
}

fn tasks(conn: &Connection, question: bool, now: DateTime<Utc>, limit: usize) -> Result<Vec<ReplyTask>, Fault> {
    let mut statement = conn.prepare_cached(DUE.get())?;
    // A line is worth as much as a message.
    let worth = if question { Form::Question.worth() } else { Form::Message.worth() };
    let mut tasks = Vec::new();
    for due in rows::due(now, worth.to_std().unwrap_or(Duration::MAX)) {
        let room = i64::try_from(limit - tasks.len()).unwrap_or(i64::MAX);
        let mut rows = statement.query(named_params! {
            ":question": question, ":from": due.start(), ":to": due.end(), ":limit": room,
        })?;
        while let Some(row) = rows.next()? {
            tasks.push(read(conn, row)?);
        }
    }
    Ok(tasks)
}

fn next(conn: &Connection, question: bool, now: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, Fault> {
    let of = Of { table: "replies", id: 0 };
    let mut statement = conn.prepare_cached(NEXT)?;
    statement.query_row(params![micros(now), question], |row| Ok(of.instant_if_any(row, 0, "not_before")))?
}

fn read(conn: &Connection, row: &Row<'_>) -> Result<ReplyTask, Fault> {
    const OWN: usize = COLUMN_COUNT;
    let Person { recipient, reference, .. } = Person::read(row)?;
    let of = Of { table: "replies", id: row.get(OWN)? };
    let (text, delivery): (String, Option<i64>) = (row.get(OWN + 4)?, row.get(OWN + 5)?);
    Ok(ReplyTask {
        reply: ReplyId(of.id),
        reference: Reference {
            conversation_id: Some(row.get(OWN + 1)?),
            service_url: row.get::<_, Option<String>>(OWN + 2)?.or_else(|| reference.service_url.clone()),
            ..reference
        },
        recipient,
        language: row.get(OWN + 3)?,
        says: match delivery {
            None if row.get(OWN + 8)? => Says::WhichZone,
            None => Says::Text(text),
            Some(id) => {
                let delivered = presses::delivered(conn, DeliveryId(id))?;
                let delivered = delivered.ok_or_else(|| of.corrupt("delivery_id", &id))?;
                let outcome = Outcome::parse(&text).ok_or_else(|| of.corrupt("text", &text))?;
                Says::Within(Box::new(delivered), outcome)
            }
        },
        asked_at: of.instant(row, OWN + 6, "asked_at")?,
        attempts: of.count(row, OWN + 7, "attempts")?,
    })
}

const SENDING: &str =
    "UPDATE replies SET state = 'sending', attempts = attempts + 1 WHERE id = ?1 AND state = 'waiting'";

/// In a recalled message stands what an operator put there, and in any other what was pressed last. No request has
/// left, so the line ended when it could have begun.
const DROP_LINE: &str = "
    UPDATE replies SET state = 'dropped', ended_at = max(asked_at, not_before)
    WHERE id = ?1 AND state = 'waiting' AND delivery_id IS NOT NULL AND (
        EXISTS (SELECT 1 FROM recalled q WHERE q.delivery_id = replies.delivery_id)
        OR EXISTS (
            SELECT 1 FROM replies later
            WHERE later.recipient_id = replies.recipient_id AND later.delivery_id = replies.delivery_id
                AND later.id > replies.id
        )
    )";

/// Makes it durable that a request is about to leave. Returns whether it may.
pub(super) fn mark_sending(conn: &Connection, reply: ReplyId) -> Result<bool, Fault> {
    zone_question::drop_idle(conn, reply)?;
    conn.prepare_cached(DROP_LINE)?.execute([reply.0])?;
    Ok(conn.prepare_cached(SENDING)?.execute([reply.0])? > 0)
}

const SETTLE: &str = "
    UPDATE replies SET state = :state, not_before = coalesce(:not_before, not_before), ended_at = :ended_at
    WHERE id = :id AND state IN ('waiting', 'sending')";

pub(super) fn settle(conn: &Connection, outcome: &ReplyOutcome) -> Result<(), Fault> {
    let (state, not_before) = match outcome.settlement {
        ReplySettlement::Sent => (ReplyState::Sent, None),
        ReplySettlement::Dropped => (ReplyState::Dropped, None),
        ReplySettlement::Waiting { not_before } => (ReplyState::Waiting, Some(micros(not_before))),
    };
    let ended_at = not_before.is_none().then(|| micros(outcome.at));
    conn.prepare_cached(SETTLE)?.execute(named_params! {
        ":id": outcome.reply.0, ":state": state.word(), ":not_before": not_before, ":ended_at": ended_at,
    })?;
    Ok(())
}

const INTERRUPTED: &str = "
    UPDATE replies SET state = 'dropped', ended_at = ?1 WHERE state = 'sending' AND delivery_id IS NULL";

const TO_REPEAT: &str = "UPDATE replies SET state = 'waiting' WHERE state = 'sending'";

/// Of replies whose request may have left when a daemon ended: a message of its own is not sent again, and a line in
/// another one may be.
pub(super) fn drop_interrupted(conn: &Connection, now: DateTime<Utc>) -> Result<(), Fault> {
    conn.prepare_cached(INTERRUPTED)?.execute([micros(now)])?;
    conn.prepare_cached(TO_REPEAT)?.execute([])?;
    Ok(())
}

const PRUNE: &str = "DELETE FROM replies WHERE ended_at < ?1";

/// Forgets replies that ended before `before`.
pub(super) fn prune(conn: &Connection, before: DateTime<Utc>) -> Result<u64, Fault> {
    Ok(conn.prepare_cached(PRUNE)?.execute([micros(before)])? as u64)
}

#[cfg(test)]
mod tests {
    use super::super::sql::assert_scans_nothing;
    use super::*;

    #[test]
    fn replies_cost_what_is_open() {
        assert_scans_nothing(DUE.get());
        for sql in [ASK, LAST, NEXT, DROP_LINE, SENDING, SETTLE, PRUNE] {
            assert_scans_nothing(sql);
        }
    }
}
