//! The question in which zone somebody lives: written once in a long while, and sent only as long as it is one.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension, named_params};

use super::fault::Fault;
use super::rows::micros;
use crate::domain::id::{RecipientId, ReplyId};
use crate::domain::zone_wish::ASKED_AGAIN_AFTER;

/// Remembers that somebody is asked, where they are to be.
const ASK: &str = "
    UPDATE recipients SET zone_asked_at = :now
    WHERE id = :recipient AND kind = 'person' AND zone_source = 'fallback' AND conversation_id IS NOT NULL
        AND unreachable IS NULL AND (zone_asked_at IS NULL OR zone_asked_at <= :long_ago)
        AND NOT EXISTS (SELECT 1 FROM stops x WHERE x.recipient_id = recipients.id AND x.topic = '')";

const WRITE: &str = "
    INSERT INTO replies (recipient_id, conversation_id, service_url, language, about, is_question, text, state,
        asked_at, not_before)
    SELECT id, conversation_id, service_url, language, 'their zone', 1, '', 'waiting', :now, 0
    FROM recipients WHERE id = :recipient";

/// Writes the question, unless there is nothing to ask or they were asked not long ago. Returns whether there is one.
pub(super) fn ask(conn: &Connection, recipient: RecipientId, now: DateTime<Utc>) -> Result<bool, Fault> {
    let long_ago = micros(now.checked_sub_signed(ASKED_AGAIN_AFTER).unwrap_or(DateTime::<Utc>::MIN_UTC));
    let (recipient, now) = (recipient.0, micros(now));
    let asked = conn.prepare_cached(ASK)?.execute(named_params! {
        ":recipient": recipient, ":now": now, ":long_ago": long_ago,
    })?;
    if asked > 0 {
        conn.prepare_cached(WRITE)?.execute(named_params! { ":recipient": recipient, ":now": now })?;
    }
    Ok(asked > 0)
}

/// No request has left, so it ended when it could have begun.
const DROP_IDLE: &str = "
    UPDATE replies SET state = 'dropped', ended_at = max(asked_at, not_before)
    WHERE id = ?1 AND state = 'waiting' AND is_question AND EXISTS (
        SELECT 1 FROM recipients r
        WHERE r.id = replies.recipient_id AND (
            r.zone_source <> 'fallback'
            OR EXISTS (SELECT 1 FROM stops x WHERE x.recipient_id = r.id AND x.topic = '')
        )
    )";

/// Drops a question that is none any more: the zone has become known since, or they stopped everything.
pub(super) fn drop_idle(conn: &Connection, reply: ReplyId) -> Result<(), Fault> {
    conn.prepare_cached(DROP_IDLE)?.execute([reply.0])?;
    Ok(())
}

const ASKED_AT: &str = "SELECT zone_asked_at FROM recipients WHERE id = ?1";

const INHERIT: &str = "
    UPDATE recipients SET zone_asked_at = max(coalesce(zone_asked_at, :asked_at), :asked_at) WHERE id = :heir";

/// Who was asked as `other` was asked as `heir`: the two are one person.
pub(super) fn inherit(conn: &Connection, heir: i64, other: i64) -> Result<(), Fault> {
    let asked_at: Option<i64> =
        conn.prepare_cached(ASKED_AT)?.query_row([other], |row| row.get(0)).optional()?.flatten();
    if let Some(asked_at) = asked_at {
        conn.prepare_cached(INHERIT)?.execute(named_params! { ":heir": heir, ":asked_at": asked_at })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::sql::assert_scans_nothing;
    use super::*;

    #[test]
    fn a_question_costs_one_person() {
        [ASK, WRITE, DROP_IDLE, ASKED_AT, INHERIT].into_iter().for_each(assert_scans_nothing);
    }
}
