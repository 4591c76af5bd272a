//! The schedules that wait for events. They are kept in the ledger, so that what happens and what comes of it is one act.

use std::time::Duration;

use chrono::{DateTime, Utc};
use rusqlite::{Connection, named_params};

use super::super::fault::Fault;
use super::super::rows::{Of, civil_text, micros, span};
use super::super::words::Word;
use crate::domain::event::EventTarget;
use crate::domain::schedule::model::Schedule;
use crate::domain::schedule::when::{OncePer, Trigger};

const KEEP: &str = "
    INSERT INTO listeners (schedule_id, event, due_after, late, jitter, once_per, begins, ends)
    VALUES (:schedule, :event, :after, :late, :jitter, :once_per, :begins, :ends)
    ON CONFLICT (schedule_id) DO UPDATE SET
        event = excluded.event, due_after = excluded.due_after, late = excluded.late, jitter = excluded.jitter,
        once_per = excluded.once_per, begins = excluded.begins, ends = excluded.ends";

/// Keeps for which event a schedule waits, or that it waits for none.
pub(in super::super) fn keep(conn: &Connection, id: i64, schedule: &Schedule) -> Result<(), Fault> {
    let Trigger::Event(trigger) = &schedule.when.trigger else {
        conn.prepare_cached("DELETE FROM listeners WHERE schedule_id = ?1")?.execute([id])?;
        return Ok(());
    };
    conn.prepare_cached(KEEP)?.execute(named_params! {
        ":schedule": id, ":event": trigger.name, ":after": span(trigger.after),
        ":late": span(schedule.policies.late), ":jitter": span(schedule.policies.jitter),
        ":once_per": trigger.once_per.word(),
        ":begins": schedule.when.from.map(civil_text), ":ends": schedule.when.until.map(civil_text),
    })?;
    Ok(())
}

/// A schedule that waits for an event.
pub(super) struct Listener {
    pub schedule: i64,
    pub name: String,
    pub after: Duration,
    pub late: Duration,
    pub jitter: Duration,
    pub once_per: OncePer,
    /// Whom an event brings along.
    pub brings: Vec<EventTarget>,
}

/// One that is missing may come back, and then what happened meanwhile counts. One that has been retired has not.
const LISTENERS: &str = "
    SELECT l.schedule_id, s.name, l.due_after, l.late, l.jitter, l.once_per
    FROM listeners l CROSS JOIN schedules s ON s.id = l.schedule_id
    WHERE l.event = :event AND s.retired_at IS NULL
        AND (l.begins IS NULL OR l.begins <= :civil) AND (l.ends IS NULL OR l.ends >= :civil)
    ORDER BY s.name";

/// The schedules that wait for this event at this time.
pub(super) fn of_event(conn: &Connection, event: &str, at: DateTime<Utc>) -> Result<Vec<Listener>, Fault> {
    let at = DateTime::from_timestamp_micros(micros(at)).unwrap_or(at);
    let mut statement = conn.prepare_cached(LISTENERS)?;
    let mut rows = statement.query(named_params! { ":event": event, ":civil": civil_text(at.naive_utc()) })?;
    let mut listeners = Vec::new();
    while let Some(row) = rows.next()? {
        let of = Of { table: "listeners", id: row.get(0)? };
        let span = |column| Ok::<_, Fault>(Duration::from_micros(row.get::<_, i64>(column)?.unsigned_abs()));
        listeners.push(Listener {
            schedule: of.id,
            name: row.get(1)?,
            after: span(2)?,
            late: span(3)?,
            jitter: span(4)?,
            once_per: of.word(row, 5, "once_per")?,
            brings: brings(conn, of.id)?,
        });
    }
    Ok(listeners)
}

const BRINGS: &str = "SELECT word FROM audience WHERE schedule_id = ?1 AND kind = 'event' ORDER BY word";

fn brings(conn: &Connection, schedule: i64) -> Result<Vec<EventTarget>, Fault> {
    let mut statement = conn.prepare_cached(BRINGS)?;
    let words: Vec<String> = statement.query_map([schedule], |row| row.get(0))?.collect::<Result<_, _>>()?;
    words
        .into_iter()
        .map(|word| {
            EventTarget::read(&word).ok_or_else(|| Of { table: "audience", id: schedule }.corrupt("word", &word))
        })
        .collect()
}

/// The events for which some schedule waits, in the order of their names. Few enough to go through.
pub(super) fn events(conn: &Connection) -> Result<Vec<String>, Fault> {
    let mut statement = conn.prepare_cached(
        "SELECT DISTINCT l.event FROM schedules s CROSS JOIN listeners l ON l.schedule_id = s.id
         WHERE s.retired_at IS NULL ORDER BY l.event",
    )?;
    Ok(statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
}

#[cfg(test)]
mod tests {
    use super::super::super::sql::assert_scans_nothing;
    use super::*;

    #[test]
    fn an_event_costs_who_listens() {
        assert_scans_nothing(KEEP);
        assert_scans_nothing(LISTENERS);
        assert_scans_nothing(BRINGS);
    }
}
