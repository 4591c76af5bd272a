//! The guard against a wrong audience: an occurrence with more people than its schedule lets through.

use rusqlite::{Connection, named_params};

use super::audience;
use super::expand::DueWave;
use super::fault::Fault;
use super::parts;
use super::rows::Of;
use super::sql::Sql;
use super::words::Word;
use crate::domain::delivery::{Reason, State};
use crate::domain::id::ScheduleName;
use crate::domain::plan::WaveRecipients;
use crate::port::round::TooManyPeople;

static COUNT_INVITED: Sql = Sql::new("SELECT count(*) FROM ({invited})");

/// How many there are, if that is more than the schedule lets through.
pub(super) fn too_many(conn: &Connection, wave: &DueWave) -> Result<Option<u64>, Fault> {
    let Some(max_people) = wave.max_people.map(u64::from) else { return Ok(None) };
    // Most limits are above everyone there is, and then nobody needs to be counted.
    if parts::last(conn)?.unsigned_abs() <= max_people {
        return Ok(None);
    }
    let people = match wave.recipients {
        WaveRecipients::Invited => invited(conn, wave)?,
        WaveRecipients::OfZone | WaveRecipients::All => audience::count(conn, wave.schedule)?,
    };
    Ok((people > max_people).then_some(people))
}

/// How many are invited to the occurrence of a wave.
fn invited(conn: &Connection, wave: &DueWave) -> Result<u64, Fault> {
    let mut statement = conn.prepare_cached(COUNT_INVITED.get())?;
    let occurrence = named_params! { ":schedule": wave.schedule, ":occurrence": wave.occurrence };
    let people: i64 = statement.query_row(occurrence, |row| row.get(0))?;
    Ok(people.unsigned_abs())
}

/// Whoever may have a copy already is not called skipped.
static STOP_OPEN: Sql = Sql::new(
    "
    UPDATE deliveries SET state = :skipped, reason = :too_many, detail = NULL
    WHERE id IN (
        SELECT d.id
        FROM waves w CROSS JOIN deliveries d INDEXED BY deliveries_unfinished ON d.wave_id = w.id
        WHERE w.occurrence_id = :occurrence AND {unfinished d.} AND d.state IN ({open})
            AND d.state IN ({before skipped}) AND d.possible_duplicate = 0
    )",
);

const WAS_STOPPED: &str = "SELECT 1 FROM deliveries WHERE occurrence_id = ?1 AND reason = ?2 LIMIT 1";

/// Stops what is open of an occurrence with too many people. Says so the first time.
pub(super) fn stop_occurrence(conn: &Connection, wave: &DueWave, people: u64) -> Result<Option<TooManyPeople>, Fault> {
    let reason = Reason::TooManyPeople.word();
    let is_known = conn.prepare_cached(WAS_STOPPED)?.exists((wave.occurrence, reason))?;
    conn.prepare_cached(STOP_OPEN.get())?.execute(named_params! {
        ":occurrence": wave.occurrence, ":skipped": State::Skipped.word(), ":too_many": reason,
    })?;
    if is_known {
        return Ok(None);
    }
    let schedules = Of { table: "schedules", id: wave.schedule };
    let occurrences = Of { table: "occurrences", id: wave.occurrence };
    Ok(Some(TooManyPeople {
        schedule: ScheduleName::new(&wave.name).ok_or_else(|| schedules.corrupt("name", &wave.name))?,
        occurrence: wave.civil.parse().map_err(|_| occurrences.corrupt("civil", &wave.civil))?,
        max_people: wave.max_people.unwrap_or_default(),
        people,
    }))
}

#[cfg(test)]
mod tests {
    use super::super::sql::assert_scans_nothing;
    use super::*;

    #[test]
    fn the_guard_costs_what_is_in_the_audience() {
        assert_scans_nothing(COUNT_INVITED.get());
        assert_scans_nothing(STOP_OPEN.get());
        assert_scans_nothing(WAS_STOPPED);
    }
}
