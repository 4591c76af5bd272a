//! Occurrences that no calendar makes: something happened, or a recipient wants a message later.
//!
//! Whom such an occurrence is for is known when it is made, and those are invited to it. Its one wave is due at one
//! instant for all of them; expansion, claims and everything after are the ordinary ones.

use std::time::Duration;

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use rusqlite::{Connection, named_params, params};

use super::fault::Fault;
use super::rows::{Of, civil_text, micros};
use super::sql::Sql;
use super::words::Word;
use crate::domain::delivery::{Reason, State};
use crate::domain::event::Cause;
use crate::domain::id::ScheduleName;
use crate::domain::plan::WaveRecipients;
use crate::domain::spread::Spread;

// What comes of an event.
mod happen;
// The schedules that wait for events, and whom they let an event name.
mod listeners;
// Of whom an event speaks.
mod named;

pub(super) use happen::{facts, happen, take_in};
pub(super) use listeners::keep as keep_listener;

/// An occurrence to be made.
pub(super) struct NewOccurrence<'a> {
    pub schedule: i64,
    pub cause: Cause,
    /// The event of which its text may speak.
    pub event: Option<i64>,
    /// When it came about. In UTC, and moved on to the next free microsecond, it is the civil time that is the
    /// occurrence's identity.
    pub at: DateTime<Utc>,
    pub due_at: DateTime<Utc>,
    /// After this nothing of it may be sent, also not to the last of those whom `jitter` spreads.
    pub expire_at: DateTime<Utc>,
    pub jitter: Duration,
    pub now: DateTime<Utc>,
    /// Whom it is for, at least one: they and nobody else.
    pub invited: &'a [i64],
}

const ADD_OCCURRENCE: &str = "
    INSERT INTO occurrences (schedule_id, civil, cause, event_id) VALUES (:schedule, :civil, :cause, :event)
    ON CONFLICT (schedule_id, civil) DO NOTHING";

const INVITE: &str = "
    INSERT INTO invited (occurrence_id, recipient_id) VALUES (?1, ?2) ON CONFLICT DO NOTHING";

const ADD_WAVE: &str = "
    INSERT INTO waves (occurrence_id, schedule_id, zone, recipients, due_at, expire_at, jitter, salt, planned_at)
    VALUES (:occurrence, :schedule, 'UTC', :recipients, :due, :expire, :jitter, :salt, :now)";

/// Makes an occurrence with its wave. Called again it makes another one: the caller knows what has been made.
pub(super) fn make_occurrence(conn: &Connection, new: &NewOccurrence<'_>) -> Result<(i64, NaiveDateTime), Fault> {
    let (id, civil) = add_occurrence(conn, new)?;
    let mut invite = conn.prepare_cached(INVITE)?;
    for recipient in new.invited {
        invite.execute(params![id, recipient])?;
    }
    let spread = if new.jitter.is_zero() {
        Spread::default()
    } else {
        Spread::of(&schedule_name(conn, new.schedule)?, civil, new.jitter)
    };
    conn.prepare_cached(ADD_WAVE)?.execute(named_params! {
        ":occurrence": id, ":schedule": new.schedule, ":recipients": WaveRecipients::Invited.word(),
        ":due": micros(new.due_at), ":expire": micros(new.expire_at),
        ":jitter": spread.jitter().num_microseconds().unwrap_or_default(), ":salt": spread.salt(),
        ":now": micros(new.now),
    })?;
    Ok((id, civil))
}

fn add_occurrence(conn: &Connection, new: &NewOccurrence<'_>) -> Result<(i64, NaiveDateTime), Fault> {
    let step = TimeDelta::microseconds(1);
    // In whole microseconds, as the ledger keeps instants.
    let mut civil = DateTime::from_timestamp_micros(micros(new.at)).unwrap_or(new.at).naive_utc();
    // A calendar may mean a whole second later, and is not to find it taken.
    if micros(new.at) % 1_000 == 0 {
        civil += step;
    }
    let mut add = conn.prepare_cached(ADD_OCCURRENCE)?;
    while add.execute(named_params! {
        ":schedule": new.schedule, ":civil": civil_text(civil), ":cause": new.cause.word(), ":event": new.event,
    })? == 0
    {
        civil += step;
    }
    Ok((conn.last_insert_rowid(), civil))
}

fn schedule_name(conn: &Connection, id: i64) -> Result<ScheduleName, Fault> {
    let name: String =
        conn.prepare_cached("SELECT name FROM schedules WHERE id = ?1")?.query_row([id], |row| row.get(0))?;
    ScheduleName::new(&name).ok_or_else(|| Of { table: "schedules", id }.corrupt("name", &name))
}

const ACCOUNT_FOR: &str = "
    INSERT INTO deliveries
        (occurrence_id, recipient_id, wave_id, queue, state, reason, due_at, expire_at, planned_at, not_before)
    SELECT w.occurrence_id, i.recipient_id, w.id, 'held', :state, :reason, w.due_at, w.expire_at, w.planned_at, w.due_at
    FROM waves w CROSS JOIN invited i ON i.occurrence_id = w.occurrence_id
    WHERE w.id = :wave AND w.expanded_at IS NULL
    ON CONFLICT (occurrence_id, recipient_id) DO NOTHING";

/// Of a wave that is withdrawn before it was expanded, whoever is invited gets a row that says why nothing comes.
/// Returns how many rows that made.
pub(super) fn account_for_invited(conn: &Connection, wave: i64, reason: Reason) -> Result<u64, Fault> {
    let made = conn.prepare_cached(ACCOUNT_FOR)?.execute(named_params! {
        ":wave": wave, ":state": State::Cancelled.word(), ":reason": reason.word(),
    })?;
    Ok(made as u64)
}

const INVITE_IN_PLACE: &str = "
    INSERT INTO invited (occurrence_id, recipient_id) SELECT occurrence_id, ?2 FROM invited WHERE recipient_id = ?1
    ON CONFLICT DO NOTHING";

const REMEMBER_IN_PLACE: &str = "
    INSERT INTO once (schedule_id, recipient_id) SELECT schedule_id, ?2 FROM once WHERE recipient_id = ?1
    ON CONFLICT DO NOTHING";

static EXPAND_AGAIN: Sql = Sql::new(
    "
    UPDATE waves SET {to expand again}
    WHERE occurrence_id IN (SELECT occurrence_id FROM invited WHERE recipient_id IN (:id, :other))
        AND expire_at >= :now AND withdrawn_at IS NULL",
);

/// `other` was `id` all the time: what one is invited to, the other is, and gets by the next expansion; what one has had,
/// the other has. What leaves out the one leaves out the other.
pub(super) fn hand_over(conn: &Connection, other: i64, id: i64, now: DateTime<Utc>) -> Result<(), Fault> {
    conn.prepare_cached(INVITE_IN_PLACE)?.execute([other, id])?;
    conn.prepare_cached(REMEMBER_IN_PLACE)?.execute([other, id])?;
    conn.prepare_cached(EXPAND_AGAIN.get())?
        .execute(named_params! { ":id": id, ":other": other, ":now": micros(now), ":before": other.min(id) - 1 })?;
    conn.prepare_cached("DELETE FROM invited WHERE recipient_id = ?1")?.execute([other])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::sql::assert_scans_nothing;
    use super::*;

    #[test]
    fn making_an_occurrence_costs_whom_it_is_for() {
        assert_scans_nothing(ADD_OCCURRENCE);
        assert_scans_nothing(INVITE);
        assert_scans_nothing(ADD_WAVE);
        assert_scans_nothing(ACCOUNT_FOR);
        assert_scans_nothing(INVITE_IN_PLACE);
        assert_scans_nothing(REMEMBER_IN_PLACE);
        assert_scans_nothing(EXPAND_AGAIN.get());
    }
}
