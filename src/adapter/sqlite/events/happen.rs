//! Something happens: one occurrence of each schedule that waits for it, once however often it is told.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use rusqlite::{Connection, OptionalExtension, named_params, params};
use serde_json::Value;

use super::super::fault::Fault;
use super::super::rows::{Of, micros};
use super::listeners::{self, Listener};
use super::named::{self, Guests};
use super::{NewOccurrence, make_occurrence};
use crate::domain::event::{Cause, Event, EventFacts, Identity};
use crate::domain::news::TakenIn;
use crate::port::event::{EventAnswer, EventOccurrence, EventReceipt};

/// What Teams tells of the same people at the same place within this is one event: an install comes as two activities,
/// in any order, and each may be told again under another id.
const SAME_WITHIN: TimeDelta = TimeDelta::minutes(10);

/// Takes an event in that Teams told. One for which no schedule waits is not kept: a welcome that is written tomorrow is
/// for those who come tomorrow.
pub(in super::super) fn take_in(
    conn: &Connection,
    event: &Event,
    now: DateTime<Utc>,
    taken: &mut TakenIn,
) -> Result<(), Fault> {
    // Nearly always so, and it costs the least to ask.
    if listeners::of_event(conn, &event.name, event.at)?.is_empty() {
        return Ok(());
    }
    match happen(conn, event, now)? {
        EventAnswer::Taken(receipt) => taken.work |= !receipt.is_repetition && !receipt.occurrences.is_empty(),
        EventAnswer::KeyIsTaken | EventAnswer::NobodyListens { .. } => {}
    }
    Ok(())
}

/// Makes what is to come of an event, and remembers what was answered.
pub(in super::super) fn happen(conn: &Connection, event: &Event, now: DateTime<Utc>) -> Result<EventAnswer, Fault> {
    if let Some(answer) = answered_before(conn, event)? {
        return Ok(answer);
    }
    let listeners = listeners::of_event(conn, &event.name, event.at)?;
    if listeners.is_empty() {
        return Ok(EventAnswer::NobodyListens { known: listeners::events(conn)? });
    }
    let id = conn
        .prepare_cached("INSERT INTO events (name, key, at, data, receipt) VALUES (?1, ?2, ?3, ?4, '')")?
        .insert(params![event.name, key(event), micros(event.at), event.data.to_string()])?;
    let mut receipt = EventReceipt {
        schema: EventReceipt::SCHEMA.to_owned(),
        event: event.name.clone(),
        occurrences: Vec::new(),
        refused: Vec::new(),
        is_repetition: false,
    };
    for listener in &listeners {
        let Guests { invited, refused, .. } = named::guests(conn, listener, event)?;
        receipt.refused.extend(refused);
        if !invited.is_empty() {
            let invited: Vec<i64> = invited.into_iter().collect();
            receipt.occurrences.push(speak(conn, listener, event, id, &invited, now)?);
        }
    }
    let text = serde_json::to_string(&receipt).map_err(|error| Fault::Said(error.to_string()))?;
    conn.prepare_cached("UPDATE events SET receipt = ?2 WHERE id = ?1")?.execute(params![id, text])?;
    Ok(EventAnswer::Taken(receipt))
}

/// The occurrence of one schedule for those whom it is for.
fn speak(
    conn: &Connection,
    listener: &Listener,
    event: &Event,
    id: i64,
    invited: &[i64],
    now: DateTime<Utc>,
) -> Result<EventOccurrence, Fault> {
    let later = |at: DateTime<Utc>, span| {
        let span = TimeDelta::from_std(span).unwrap_or(TimeDelta::MAX);
        at.checked_add_signed(span).unwrap_or(DateTime::<Utc>::MAX_UTC)
    };
    let due_at = later(event.at, listener.after);
    let new = NewOccurrence {
        schedule: listener.schedule,
        cause: Cause::Event,
        event: Some(id),
        at: event.at,
        due_at,
        expire_at: later(later(due_at, listener.late), listener.jitter),
        jitter: listener.jitter,
        now,
        invited,
    };
    let (_, occurrence) = make_occurrence(conn, &new)?;
    Ok(EventOccurrence { schedule: listener.name.clone(), occurrence, people: invited.len() as u64 })
}

/// The key under which an event is kept. One that Teams told has its instant in it.
fn key(event: &Event) -> String {
    match &event.identity {
        Identity::Key(key) => key.clone(),
        Identity::About(about) => format!("{about} @{}", micros(event.at)),
    }
}

const OF_KEY: &str = "SELECT id, data, receipt FROM events WHERE name = ?1 AND key = ?2";

/// `@` and the character after it: between them stand the instants.
const ABOUT: &str = "
    SELECT id, data, receipt FROM events
    WHERE name = :name AND key >= :about || ' @' AND key < :about || ' A' AND at BETWEEN :since AND :until
    ORDER BY key LIMIT 1";

/// What was answered to the same event, or that its key has been used for another.
fn answered_before(conn: &Connection, event: &Event) -> Result<Option<EventAnswer>, Fault> {
    let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
    let found: Option<(i64, String, String)> = match &event.identity {
        Identity::Key(key) => conn.prepare_cached(OF_KEY)?.query_row(params![event.name, key], read).optional()?,
        Identity::About(about) => {
            let (since, until) = (event.at - SAME_WITHIN, event.at + SAME_WITHIN);
            let parameters = named_params! {
                ":name": event.name, ":about": about, ":since": micros(since), ":until": micros(until),
            };
            conn.prepare_cached(ABOUT)?.query_row(parameters, read).optional()?
        }
    };
    let Some((id, data, receipt)) = found else { return Ok(None) };
    let of = Of { table: "events", id };
    let is_same = match &event.identity {
        Identity::Key(_) => parsed(of, &data)? == event.data,
        Identity::About(_) => true,
    };
    if !is_same {
        return Ok(Some(EventAnswer::KeyIsTaken));
    }
    let receipt: EventReceipt = serde_json::from_str(&receipt).map_err(|_| of.corrupt("receipt", &receipt))?;
    Ok(Some(EventAnswer::Taken(EventReceipt { is_repetition: true, ..receipt })))
}

fn parsed(of: Of, data: &str) -> Result<Value, Fault> {
    serde_json::from_str(data).map_err(|_| of.corrupt("data", data))
}

/// What a text may know of an event; nothing where it has been forgotten.
pub(in super::super) fn facts(conn: &Connection, id: i64) -> Result<Option<Arc<EventFacts>>, Fault> {
    let found: Option<(String, String)> = conn
        .prepare_cached("SELECT name, data FROM events WHERE id = ?1")?
        .query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((name, data)) = found else { return Ok(None) };
    Ok(Some(Arc::new(EventFacts { name, data: parsed(Of { table: "events", id }, &data)? })))
}

#[cfg(test)]
mod tests {
    use super::super::super::sql::assert_scans_nothing;
    use super::*;

    #[test]
    fn looking_for_an_event_costs_one_look() {
        assert_scans_nothing(OF_KEY);
        assert_scans_nothing(ABOUT);
    }
}
