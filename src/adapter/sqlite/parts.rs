//! How a large wave is cut into parts: by the ids of the recipients, in which order they are looked at.

use rusqlite::{CachedStatement, Connection};

use super::expand::DueWave;
use super::fault::Fault;
use super::sql::Sql;
use crate::domain::plan::WaveRecipients;

/// The recipients with ids greater than `after` and not greater than `to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part {
    pub after: i64,
    pub to: i64,
    /// How many of them the wave is for. Who is meant by more than one entry counts more than once.
    pub people: u64,
    /// Whether nobody comes after them.
    pub is_last: bool,
}

/// A statement about the people of a part, for each way in which a wave has people.
pub(super) struct OfPart {
    pub in_zone: Sql,
    pub all: Sql,
    pub invited: Sql,
}

impl OfPart {
    /// The one for this wave, in which it is bound who is meant: those with ids greater than `after` and not greater than
    /// `to`.
    pub(super) fn prepare<'a>(
        &self,
        conn: &'a Connection,
        wave: &DueWave,
        after: i64,
        to: i64,
    ) -> Result<CachedStatement<'a>, Fault> {
        let sql = match wave.recipients {
            WaveRecipients::OfZone => &self.in_zone,
            WaveRecipients::All => &self.all,
            WaveRecipients::Invited => &self.invited,
        };
        let mut statement = conn.prepare_cached(sql.get())?;
        // Not every statement asks for these two.
        if let Some(index) = statement.parameter_index(":zone")? {
            statement.raw_bind_parameter(index, &wave.zone)?;
        }
        if let Some(index) = statement.parameter_index(":occurrence")? {
            statement.raw_bind_parameter(index, wave.occurrence)?;
        }
        for (name, number) in [(":schedule", wave.schedule), (":after", after), (":to", to)] {
            statement.raw_bind_parameter(name, number)?;
        }
        Ok(statement)
    }
}

macro_rules! count {
    ($members:literal) => {
        Sql::new(concat!("SELECT count(*) FROM (SELECT 1 FROM (", $members, ") AS member LIMIT :limit)"))
    };
}

static COUNT: OfPart = OfPart {
    in_zone: count!("{members in zone in part}"),
    all: count!("{members in part}"),
    invited: count!("{invited in part}"),
};

/// The greatest id of a recipient.
pub(super) fn last(conn: &Connection) -> Result<i64, Fault> {
    Ok(conn.prepare_cached("SELECT coalesce(max(id), 0) FROM recipients")?.query_row([], |row| row.get(0))?)
}

/// What to expand next of a wave: at most some `most` people.
///
/// As many ids hold at most as many people, and where the wave is for few of them the part grows while it holds few enough:
/// three people among a million are one part, and a zone in which each fortieth lives has parts of forty times the width.
pub(super) fn next(conn: &Connection, wave: &DueWave, last: i64, most: u32) -> Result<Part, Fault> {
    let after = wave.expanded_to;
    let mut width = i64::from(most);
    let mut fits = None;
    loop {
        let is_last = last - after <= width;
        let to = if is_last { i64::MAX } else { after + width };
        let people = count(conn, wave, after, to, i64::from(most) + 1)?;
        if let Some(fits) = fits.filter(|_| people > u64::from(most)) {
            return Ok(fits);
        }
        let part = Part { after, to, people, is_last };
        if is_last || people > u64::from(most / 2) {
            return Ok(part);
        }
        fits = Some(part);
        width *= 2;
    }
}

/// How many people a part of the wave is for, up to `limit`.
fn count(conn: &Connection, wave: &DueWave, after: i64, to: i64, limit: i64) -> Result<u64, Fault> {
    let mut statement = COUNT.prepare(conn, wave, after, to)?;
    statement.raw_bind_parameter(":limit", limit)?;
    let mut rows = statement.raw_query();
    let people: i64 = rows.next()?.map_or(Ok(0), |row| row.get(0))?;
    Ok(people.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::super::sql::assert_scans_nothing;
    use super::*;

    #[test]
    fn counting_a_part_costs_what_is_in_it() {
        assert_scans_nothing(COUNT.in_zone.get());
        assert_scans_nothing(COUNT.all.get());
        assert_scans_nothing(COUNT.invited.get());
    }
}
