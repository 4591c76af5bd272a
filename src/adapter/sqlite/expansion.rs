//! One wave, or a part of it, becomes deliveries.

use chrono::{DateTime, Utc};
use rusqlite::Connection;

use super::expand::DueWave;
use super::fault::Fault;
use super::parts::{OfPart, Part};
use super::rows::{Of, micros};
use super::sql::Sql;
use super::words::Word;
use crate::domain::delivery::{Reason, State};
use crate::domain::plan::WaveRecipients;
use crate::domain::policy;

/// A cancelled delivery that nobody can have received comes back to life when the schedule means it again: an edit
/// from 09:00 to 10:00 and back must still deliver at 09:00. So does one that was stopped because too many people were
/// meant, when they are not any more. This is the one way out of a final state, and it is open only while nothing of the
/// delivery can have been sent.
///
/// Who was served by an occurrence that this one replaces is accounted for and not served again. What is in the hands
/// of a sender at this moment may still come to nothing, so of that a claim decides.
///
/// What is over already is not claimed to find that out: after a downtime that may be a great many. What was due before the
/// ledger was restored from a backup may have been sent.
macro_rules! expand {
    ($members:literal) => {
        Sql::new(concat!(
            "
            INSERT INTO deliveries
                (occurrence_id, recipient_id, wave_id, queue, lane, state, reason, due_at, expire_at, planned_at,
                    not_before, ended_at)
            SELECT :occurrence, each.id, :wave, :queue, (each.tenant << 32) + :schedule, CASE
                    WHEN each.is_served THEN :skipped WHEN each.is_in_doubt THEN :unknown ELSE :state
                END,
                CASE WHEN each.is_served THEN :served WHEN each.is_in_doubt THEN :restored ELSE :reason END,
                :due + each.spread, :expire - :jitter + each.spread,
                :planned_at, :due + each.spread,
                CASE WHEN each.is_served OR each.is_in_doubt OR :state <> :planned THEN :now END
            FROM (
                SELECT member.id, :due + {spread member.id :} <= :restored_at AS is_in_doubt, :replaces AND EXISTS (
                    SELECT 1 FROM occurrences p
                        CROSS JOIN deliveries b ON b.occurrence_id = p.id AND b.recipient_id = member.id
                    WHERE p.schedule_id = :schedule AND p.replaced_by = :civil AND {was served}
                ) AS is_served, {spread member.id :} AS spread, coalesce((
                    SELECT t.id FROM recipients r CROSS JOIN tenants t ON t.tenant_id = r.tenant_id
                    WHERE r.id = member.id
                ), 0) AS tenant
                FROM (",
            $members,
            ") AS member
            ) AS each
            WHERE true
            ON CONFLICT (occurrence_id, recipient_id) DO UPDATE SET
                wave_id = excluded.wave_id, queue = excluded.queue, lane = excluded.lane, state = excluded.state,
                reason = excluded.reason, detail = NULL, due_at = excluded.due_at, expire_at = excluded.expire_at,
                planned_at = excluded.planned_at, not_before = excluded.not_before,
                ended_at = excluded.ended_at
            WHERE deliveries.state IN (:cancelled, :skipped) AND deliveries.possible_duplicate = 0
                AND deliveries.reason IN ({revived})
                AND deliveries.reason IS NOT excluded.reason"
        ))
    };
}

static EXPAND: OfPart = OfPart {
    in_zone: expand!("{members in zone in part}"),
    all: expand!("{members in part}"),
    invited: expand!("{invited in part}"),
};

static CANCEL_LEFT: Sql = Sql::new(
    "
    UPDATE deliveries SET state = :cancelled, reason = :left, detail = NULL
    WHERE id IN (
        SELECT d.id FROM deliveries d INDEXED BY deliveries_unfinished CROSS JOIN recipients r ON r.id = d.recipient_id
        WHERE d.wave_id = :wave AND d.recipient_id > :after AND d.recipient_id <= :to
            AND {unfinished d.} AND d.state IN ({open})
            AND d.state IN ({before cancelled}) AND NOT {is member}
    )",
);

/// Who is invited leaves only by an exception, or is found to be somebody else who is invited.
static CANCEL_UNINVITED: Sql = Sql::new(
    "
    UPDATE deliveries SET state = :cancelled, reason = :left, detail = NULL
    WHERE id IN (
        SELECT d.id FROM deliveries d INDEXED BY deliveries_unfinished
        WHERE d.wave_id = :wave AND d.recipient_id > :after AND d.recipient_id <= :to
            AND {unfinished d.} AND d.state IN ({open})
            AND d.state IN ({before cancelled}) AND d.recipient_id NOT IN ({invited})
    )",
);

/// The expansion of one wave.
pub(super) struct Expansion<'a> {
    pub conn: &'a Connection,
    pub wave: &'a DueWave,
    pub is_too_many: bool,
    /// No restored ledger has been here: the least there is.
    pub restored_at: i64,
    pub now: DateTime<Utc>,
}

impl Expansion<'_> {
    /// Cancels what was for those of a part who are not meant any more.
    pub(super) fn cancel_left(&self, part: &Part) -> Result<(), Fault> {
        let wave = self.wave;
        let sql = match wave.recipients {
            WaveRecipients::OfZone | WaveRecipients::All => &CANCEL_LEFT,
            WaveRecipients::Invited => &CANCEL_UNINVITED,
        };
        let mut statement = self.conn.prepare_cached(sql.get())?;
        // Only the statement for those who are invited asks for the occurrence.
        if let Some(index) = statement.parameter_index(":occurrence")? {
            statement.raw_bind_parameter(index, wave.occurrence)?;
        }
        statement.raw_bind_parameter(":cancelled", State::Cancelled.word())?;
        statement.raw_bind_parameter(":left", Reason::LeftAudience.word())?;
        for (name, number) in
            [(":wave", wave.id), (":schedule", wave.schedule), (":after", part.after), (":to", part.to)]
        {
            statement.raw_bind_parameter(name, number)?;
        }
        statement.raw_execute()?;
        Ok(())
    }

    /// Makes deliveries for everyone of a part. Returns how many were made or revived.
    pub(super) fn make(&self, part: &Part) -> Result<u64, Fault> {
        let Self { conn, wave, is_too_many, restored_at, now } = *self;
        let of = Of { table: "waves", id: wave.id };
        let instant =
            |column, micros| DateTime::from_timestamp_micros(micros).ok_or_else(|| of.corrupt(column, &micros));
        let over = policy::over(now, instant("planned_at", wave.planned_at)?, instant("expire_at", wave.expire_at)?);
        let (state, reason) = match (wave.ended_for, over) {
            (Some(reason), _) => (State::Cancelled, Some(reason)),
            (None, Some(reason)) => (State::Expired, Some(reason)),
            (None, None) if is_too_many => (State::Skipped, Some(Reason::TooManyPeople)),
            (None, None) => (State::Planned, None),
        };
        let mut statement = EXPAND.prepare(conn, wave, part.after, part.to)?;
        let words = [
            (":state", state.word()),
            (":planned", State::Planned.word()),
            (":skipped", State::Skipped.word()),
            (":cancelled", State::Cancelled.word()),
            (":served", Reason::ServedBeforeEdit.word()),
            (":unknown", State::Unknown.word()),
            (":restored", Reason::Restored.word()),
            (":queue", wave.queue.as_str()),
            (":civil", wave.civil.as_str()),
        ];
        for (name, word) in words {
            statement.raw_bind_parameter(name, word)?;
        }
        if let Some(reason) = reason {
            // Left alone, a parameter is NULL.
            let index = statement.parameter_index(":reason")?.expect("both statements have it");
            statement.raw_bind_parameter(index, reason.word())?;
        }
        let numbers = [
            (":occurrence", wave.occurrence),
            (":schedule", wave.schedule),
            (":wave", wave.id),
            (":due", wave.due_at),
            (":expire", wave.expire_at),
            (":planned_at", wave.planned_at),
            (":replaces", i64::from(wave.replaces)),
            (":jitter", wave.jitter),
            (":salt", wave.salt),
            (":now", micros(now)),
            (":restored_at", if wave.ended_for.is_some() { i64::MIN } else { restored_at }),
        ];
        for (name, number) in numbers {
            statement.raw_bind_parameter(name, number)?;
        }
        Ok(statement.raw_execute()? as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::super::sql::assert_scans_nothing;
    use super::*;

    #[test]
    fn expanding_costs_what_is_in_the_part() {
        assert_scans_nothing(EXPAND.in_zone.get());
        assert_scans_nothing(EXPAND.all.get());
        assert_scans_nothing(EXPAND.invited.get());
        assert_scans_nothing(CANCEL_LEFT.get());
        assert_scans_nothing(CANCEL_UNINVITED.get());
    }
}
