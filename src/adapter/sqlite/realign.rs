//! Keeps open deliveries where they belong: in the wave of their recipient's zone, at that wave's instants, and not
//! at all when the wave was withdrawn.
//!
//! Wherever a delivery goes, its recipient keeps their place in the spread of the occurrence.
//!
//! Claimed and sending deliveries are left alone: a sender holds them. They are looked at when they come back, see
//! [`after_return`].

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension, ToSql, named_params, params};

use super::events;
use super::fault::Fault;
use super::rows::micros;
use super::sql::Sql;
use super::words::Word;
use crate::domain::delivery::{Reason, State};
use crate::domain::id::DeliveryId;

/// Which deliveries are looked at.
#[derive(Debug, Clone, Copy)]
pub(super) enum Scope {
    Everything,
    Recipient(i64),
    Occurrence(i64),
    Delivery(DeliveryId),
}

/// Writes a statement that moves deliveries to the wave of their recipient's zone. A delivery that has waited for its
/// due instant, or for the end of quiet hours, waits for the new one; one that was tried waits at least as long as before. If
/// the zone has no wave (yet), it stays where it is.
///
/// Written with `IN` and not with `UPDATE … FROM`, for which SQLite goes through the whole table.
macro_rules! move_to_zone {
    ($from:literal, $only:literal) => {
        Sql::new(concat!(
            "WITH RECURSIVE {busy}
            UPDATE deliveries SET (wave_id, moved_from, due_at, expire_at, planned_at, not_before) = (
                SELECT n.id, deliveries.wave_id, n.due_at + {spread r.id n.}, n.expire_at - n.jitter + {spread r.id n.}, n.planned_at,
                    iif(
                        deliveries.not_before = deliveries.due_at OR deliveries.reason = '{quiet hours}',
                        n.due_at + {spread r.id n.},
                        max(deliveries.not_before, n.due_at + {spread r.id n.})
                    )
                FROM recipients r
                    CROSS JOIN waves n ON n.occurrence_id = deliveries.occurrence_id AND n.zone = r.zone
                WHERE r.id = deliveries.recipient_id
            )
            WHERE id IN (
                SELECT d.id
                FROM ",
            $from,
            "
                    CROSS JOIN recipients r ON r.id = d.recipient_id AND r.zone <> w.zone
                    CROSS JOIN waves n ON n.occurrence_id = w.occurrence_id AND n.zone = r.zone
                WHERE w.recipients = 'of-zone' AND n.recipients = 'of-zone' AND n.withdrawn_at IS NULL
                    AND {unfinished d.} AND d.state IN ({open}) AND ",
            $only,
            "
            )
            RETURNING wave_id"
        ))
    };
}

static MOVE_EVERYTHING: Sql = move_to_zone!(
    "busy CROSS JOIN waves w ON w.id = busy.id
        CROSS JOIN deliveries d INDEXED BY deliveries_unfinished ON d.wave_id = w.id",
    ":of IS NULL"
);
static MOVE_RECIPIENT: Sql = move_to_zone!(
    "busy CROSS JOIN waves w ON w.id = busy.id
        CROSS JOIN deliveries d INDEXED BY deliveries_unfinished ON d.wave_id = w.id",
    "d.recipient_id = :of"
);
static MOVE_OCCURRENCE: Sql = move_to_zone!(
    "waves w CROSS JOIN deliveries d INDEXED BY deliveries_unfinished ON d.wave_id = w.id",
    "w.occurrence_id = :of"
);
static MOVE_DELIVERY: Sql = move_to_zone!("deliveries d CROSS JOIN waves w ON w.id = d.wave_id", "d.id = :of");

/// Writes a statement that ends the waiting of deliveries for a zone that is known by now, or for something else. One whose
/// zone has no wave yet waits on: the plan that makes it looks here again. A wave that is not of a zone is the only one of
/// its occurrence, and keeps its people wherever they live.
macro_rules! wake {
    ($or:literal, $from:literal, $only:literal) => {
        Sql::new(concat!(
            "WITH RECURSIVE {busy}
            UPDATE deliveries SET not_before = due_at
            WHERE id IN (
                SELECT d.id
                FROM ",
            $from,
            " CROSS JOIN recipients r ON r.id = d.recipient_id
                WHERE (d.reason = '{zone unknown}' AND r.zone_source <> 'fallback' ",
            $or,
            ") AND {unfinished d.} AND d.state IN ({open})
                    AND EXISTS (
                        SELECT 1 FROM waves n
                        WHERE n.occurrence_id = d.occurrence_id AND n.withdrawn_at IS NULL
                            AND (n.zone = r.zone OR n.recipients <> 'of-zone')
                    ) AND ",
            $only,
            ")"
        ))
    };
}

// Quiet hours are on the clock of each person: where that may be another one, they are looked at again.
static WAKE_EVERYTHING: Sql = wake!(
    "OR d.reason = '{quiet hours}'",
    "busy CROSS JOIN deliveries d INDEXED BY deliveries_unfinished ON d.wave_id = busy.id",
    ":of IS NULL"
);
static WAKE_RECIPIENT: Sql = wake!(
    "OR d.reason = '{quiet hours}'",
    "busy CROSS JOIN deliveries d INDEXED BY deliveries_unfinished ON d.wave_id = busy.id",
    "d.recipient_id = :of"
);
static WAKE_OCCURRENCE: Sql = wake!(
    "",
    "waves w CROSS JOIN deliveries d INDEXED BY deliveries_unfinished ON d.wave_id = w.id",
    "w.occurrence_id = :of"
);
static WAKE_DELIVERY: Sql = wake!("", "deliveries d", "d.id = :of");

/// Moves deliveries whose recipient lives in another zone than their wave's, and has those looked at again that waited
/// for a zone which is known now, or for quiet hours that may be others.
pub(super) fn move_to_zone(conn: &Connection, scope: Scope) -> Result<(), Fault> {
    let (wake, sql, of) = match scope {
        Scope::Everything => (&WAKE_EVERYTHING, &MOVE_EVERYTHING, None),
        Scope::Recipient(id) => (&WAKE_RECIPIENT, &MOVE_RECIPIENT, Some(id)),
        Scope::Occurrence(id) => (&WAKE_OCCURRENCE, &MOVE_OCCURRENCE, Some(id)),
        Scope::Delivery(DeliveryId(id)) => (&WAKE_DELIVERY, &MOVE_DELIVERY, Some(id)),
    };
    conn.prepare_cached(wake.get())?.execute(named_params! { ":of": of })?;
    let mut statement = conn.prepare_cached(sql.get())?;
    let waves: HashSet<i64> =
        statement.query_map(named_params! { ":of": of }, |row| row.get(0))?.collect::<Result<_, _>>()?;
    let mut mark = conn.prepare_cached("UPDATE waves SET has_rows = 1 WHERE id = ?1 AND has_rows = 0")?;
    for wave in waves {
        mark.execute([wave])?;
    }
    Ok(())
}

static WAKE_SCHEDULE: Sql = Sql::new(
    "
    UPDATE deliveries SET not_before = due_at
    WHERE id IN (
        SELECT d.id
        FROM waves w INDEXED BY waves_by_end
            CROSS JOIN deliveries d INDEXED BY deliveries_unfinished ON d.wave_id = w.id
        WHERE w.schedule_id = :schedule AND w.expire_at >= :now
            AND d.reason IN ('{zone unknown}', '{quiet hours}') AND {unfinished d.} AND d.state IN ({open})
    )",
);

/// The schedule says something else now, perhaps of people whose zone nobody knows, or of quiet hours: those who wait for
/// that are looked at again.
pub(super) fn after_edit(conn: &Connection, schedule: i64, now: DateTime<Utc>) -> Result<(), Fault> {
    conn.prepare_cached(WAKE_SCHEDULE.get())?.execute(named_params! { ":schedule": schedule, ":now": micros(now) })?;
    Ok(())
}

/// Writes a statement that brings open deliveries to the instants of their wave. One that waits for the end of quiet hours
/// is looked at again where that is another instant, and only there: else it would come back here without end.
macro_rules! follow_wave {
    ($which:literal) => {
        Sql::new(concat!(
            "UPDATE deliveries SET (due_at, expire_at, planned_at, not_before) = (
                SELECT own.due_at, own.expire_at,
                    iif(deliveries.due_at = own.due_at, deliveries.planned_at, own.planned_at),
                    iif(
                        deliveries.not_before = deliveries.due_at
                            OR (deliveries.reason = '{quiet hours}' AND deliveries.due_at <> own.due_at),
                        own.due_at, max(deliveries.not_before, own.due_at)
                    )
                FROM (
                    SELECT w.due_at + {spread deliveries.recipient_id w.} AS due_at,
                        w.expire_at - w.jitter + {spread deliveries.recipient_id w.} AS expire_at, w.planned_at
                    FROM waves w WHERE w.id = deliveries.wave_id
                ) AS own
            )
            WHERE {unfinished} AND state IN ({open}) AND ",
            $which
        ))
    };
}

static FOLLOW_WAVE: Sql = follow_wave!("wave_id = ?1");
static FOLLOW_OWN_WAVE: Sql = follow_wave!("id = ?1");

/// The wave has moved; its open deliveries go along.
pub(super) fn follow_wave(conn: &Connection, wave: i64) -> Result<(), Fault> {
    conn.prepare_cached(FOLLOW_WAVE.get())?.execute([wave])?;
    Ok(())
}

static CANCEL_OF_WAVE: Sql = Sql::new(
    "
    UPDATE deliveries INDEXED BY deliveries_unfinished SET state = :state, reason = :reason, detail = NULL
    WHERE wave_id = :wave AND {unfinished} AND state IN ({open}) AND state IN ({before cancelled})",
);

/// Withdraws a wave: its open deliveries become `cancelled` for `reason`. Returns how many. The wave itself goes when
/// nothing ever belonged to it, and stays as history otherwise. Whoever is invited is accounted for, also where the wave was
/// never expanded.
pub(super) fn withdraw(conn: &Connection, wave: i64, reason: Reason, now: DateTime<Utc>) -> Result<u64, Fault> {
    if events::account_for_invited(conn, wave, reason)? > 0 {
        conn.prepare_cached("UPDATE waves SET has_rows = 1 WHERE id = ?1")?.execute([wave])?;
    }
    let gone = conn.prepare_cached("DELETE FROM waves WHERE id = ?1 AND has_rows = 0")?.execute([wave])?;
    if gone > 0 {
        return Ok(0);
    }
    let cancelled = conn
        .prepare_cached(CANCEL_OF_WAVE.get())?
        .execute(named_params! { ":wave": wave, ":state": State::Cancelled.word(), ":reason": reason.word() })?;
    conn.prepare_cached("UPDATE waves SET withdrawn_at = ?2, to_expand = 0 WHERE id = ?1")?
        .execute(params![wave, micros(now)])?;
    Ok(cancelled as u64)
}

/// Removes the planned occurrences of a schedule of which nothing is left.
pub(super) fn remove_empty_occurrences(conn: &Connection, schedule: i64) -> Result<(), Fault> {
    conn.prepare_cached(
        "DELETE FROM occurrences WHERE schedule_id = ?1 AND recalled_at IS NULL AND cancelled_at IS NULL AND cause = 'plan'
            AND NOT EXISTS (SELECT 1 FROM waves WHERE occurrence_id = occurrences.id)
            AND NOT EXISTS (SELECT 1 FROM deliveries WHERE occurrence_id = occurrences.id)",
    )?
    .execute([schedule])?;
    Ok(())
}

/// Whether a delivery that comes back from a sender finds things as they were.
static HAS_CHANGED: Sql = Sql::new(
    "
    SELECT 1
    FROM deliveries d CROSS JOIN waves w ON w.id = d.wave_id CROSS JOIN recipients r ON r.id = d.recipient_id
    WHERE d.id = ?1 AND (
        w.withdrawn_at IS NOT NULL OR w.due_at + {spread r.id w.} <> d.due_at
        OR w.expire_at - w.jitter + {spread r.id w.} <> d.expire_at
        OR (w.recipients = 'of-zone' AND w.zone <> r.zone)
        OR (d.reason = '{zone unknown}' AND r.zone_source <> 'fallback')
    )",
);

static CANCEL_RETURNED: Sql = Sql::new(
    "
    UPDATE deliveries SET state = :state, detail = NULL, reason = (
        SELECT iif(s.missing_since IS NULL, :changed, :removed)
        FROM waves w JOIN schedules s ON s.id = w.schedule_id WHERE w.id = deliveries.wave_id
    )
    WHERE id = :delivery AND state IN ({before cancelled})
        AND EXISTS (SELECT 1 FROM waves w WHERE w.id = deliveries.wave_id AND w.withdrawn_at IS NOT NULL)
    RETURNING occurrence_id, recipient_id, due_at",
);

/// The schedule may mean it all the same, in another wave, which was expanded while a sender held this. One that was over when
/// this was due is none.
static EXPAND_AGAIN: Sql = Sql::new(
    "
    UPDATE waves SET {to expand again}
    WHERE occurrence_id = :occurrence AND withdrawn_at IS NULL AND expire_at >= :due
        AND (expanded_at IS NOT NULL OR expanded_to > 0)",
);

/// A delivery is open again after a sender held it. What happened to open deliveries meanwhile happens to it now:
/// an edit, a move to another zone.
pub(super) fn after_return(conn: &Connection, delivery: DeliveryId) -> Result<(), Fault> {
    let of: &dyn ToSql = &delivery.0;
    if !conn.prepare_cached(HAS_CHANGED.get())?.exists([of])? {
        return Ok(());
    }
    move_to_zone(conn, Scope::Delivery(delivery))?;
    conn.prepare_cached(FOLLOW_OWN_WAVE.get())?.execute([of])?;
    let cancelled = conn
        .prepare_cached(CANCEL_RETURNED.get())?
        .query_row(
            named_params! {
                ":delivery": delivery.0,
                ":state": State::Cancelled.word(),
                ":changed": Reason::ScheduleChanged.word(),
                ":removed": Reason::ScheduleRemoved.word(),
            },
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )
        .optional()?;
    if let Some::<(i64, i64, i64)>((occurrence, recipient, due_at)) = cancelled {
        conn.prepare_cached(EXPAND_AGAIN.get())?
            .execute(named_params! { ":occurrence": occurrence, ":before": recipient - 1, ":due": due_at })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::sql::assert_scans_nothing;
    use super::*;

    #[test]
    fn realigning_costs_what_is_open() {
        for wake in [&WAKE_EVERYTHING, &WAKE_RECIPIENT, &WAKE_OCCURRENCE, &WAKE_DELIVERY] {
            assert_scans_nothing(wake.get());
        }
        assert_scans_nothing(WAKE_SCHEDULE.get());
        assert_scans_nothing(MOVE_EVERYTHING.get());
        assert_scans_nothing(MOVE_RECIPIENT.get());
        assert_scans_nothing(MOVE_OCCURRENCE.get());
        assert_scans_nothing(MOVE_DELIVERY.get());
        assert_scans_nothing(FOLLOW_WAVE.get());
        assert_scans_nothing(FOLLOW_OWN_WAVE.get());
        assert_scans_nothing(CANCEL_OF_WAVE.get());
        assert_scans_nothing(HAS_CHANGED.get());
        assert_scans_nothing(CANCEL_RETURNED.get());
        assert_scans_nothing(EXPAND_AGAIN.get());
    }
}
