//! Values on their way into columns and out of them. What stands in a column and makes no sense is named with its
//! table, column and row.
//!
//! Instants are kept in whole microseconds, rounded down on the way in. What is compared has gone the same way, so
//! nothing is claimed more than a microsecond early.

use std::ops::RangeInclusive;
use std::time::Duration;

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc};
use chrono_tz::Tz;
use rusqlite::Row;

use super::fault::Fault;
use super::words::Word;
use crate::port::store::StoreError;

/// An instant as it stands in a column.
pub(super) fn micros(at: DateTime<Utc>) -> i64 {
    at.timestamp_micros()
}

/// What may be tried at `now`, by its `not_before`, where nothing waits for longer than `longest`: all whose instant has
/// come, and all that stand further ahead than that. Those were put there before the clock was set back.
pub(super) fn due(now: DateTime<Utc>, longest: Duration) -> [RangeInclusive<i64>; 2] {
    let now = micros(now);
    [i64::MIN..=now, now.saturating_add(span(longest)).saturating_add(1)..=i64::MAX]
}

/// A span in the unit of the instants; the longest there is where it is longer still.
pub(super) fn span(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
}

/// A civil time as it stands in a column. The fraction of a second is there only where it is not zero.
pub(super) fn civil_text(civil: NaiveDateTime) -> String {
    civil.format("%Y-%m-%dT%H:%M:%S%.f").to_string()
}

/// The civil times of a date as they stand in columns: from the first text on, and before the second.
pub(super) fn texts_of(date: NaiveDate) -> (String, String) {
    let midnight = date.and_time(NaiveTime::MIN);
    let next = midnight.checked_add_signed(TimeDelta::days(1)).unwrap_or(NaiveDateTime::MAX);
    (civil_text(midnight), civil_text(next))
}

/// Some row of some table, of which columns are read.
#[derive(Clone, Copy)]
pub(super) struct Of {
    pub table: &'static str,
    pub id: i64,
}

impl Of {
    pub(super) fn corrupt(self, column: &'static str, value: &(impl ToString + ?Sized)) -> Fault {
        StoreError::Corrupt { table: self.table, column, row: self.id, value: value.to_string() }.into()
    }

    /// Reads the instant at position `index` of the result.
    pub(super) fn instant(self, row: &Row<'_>, index: usize, column: &'static str) -> Result<DateTime<Utc>, Fault> {
        let micros: i64 = row.get(index)?;
        DateTime::from_timestamp_micros(micros).ok_or_else(|| self.corrupt(column, &micros))
    }

    pub(super) fn instant_if_any(
        self,
        row: &Row<'_>,
        index: usize,
        column: &'static str,
    ) -> Result<Option<DateTime<Utc>>, Fault> {
        match row.get_ref(index)? {
            rusqlite::types::ValueRef::Null => Ok(None),
            _ => self.instant(row, index, column).map(Some),
        }
    }

    pub(super) fn civil(self, row: &Row<'_>, index: usize, column: &'static str) -> Result<NaiveDateTime, Fault> {
        let text: String = row.get(index)?;
        text.parse().map_err(|_| self.corrupt(column, &text))
    }

    pub(super) fn civil_if_any(
        self,
        row: &Row<'_>,
        index: usize,
        column: &'static str,
    ) -> Result<Option<NaiveDateTime>, Fault> {
        match row.get_ref(index)? {
            rusqlite::types::ValueRef::Null => Ok(None),
            _ => self.civil(row, index, column).map(Some),
        }
    }

    pub(super) fn zone(self, row: &Row<'_>, index: usize, column: &'static str) -> Result<Tz, Fault> {
        let name: String = row.get(index)?;
        name.parse().map_err(|_| self.corrupt(column, &name))
    }

    pub(super) fn word<W: Word>(self, row: &Row<'_>, index: usize, column: &'static str) -> Result<W, Fault> {
        let word: String = row.get(index)?;
        W::parse(&word).ok_or_else(|| self.corrupt(column, &word))
    }

    pub(super) fn word_if_any<W: Word>(
        self,
        row: &Row<'_>,
        index: usize,
        column: &'static str,
    ) -> Result<Option<W>, Fault> {
        match row.get_ref(index)? {
            rusqlite::types::ValueRef::Null => Ok(None),
            _ => self.word(row, index, column).map(Some),
        }
    }

    /// Reads a number that is never negative.
    pub(super) fn count(self, row: &Row<'_>, index: usize, column: &'static str) -> Result<u32, Fault> {
        let count: i64 = row.get(index)?;
        u32::try_from(count).map_err(|_| self.corrupt(column, &count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn civil_times_are_plain_texts() {
        let check = |text: &str| {
            let civil: NaiveDateTime = text.parse().expect("a civil time");
            assert_eq!(civil_text(civil), text);
        };
        check("2026-12-01T09:00:00");
        check("2026-12-01T09:00:00.500");
    }

    #[test]
    fn the_end_of_time_has_a_place() {
        let end = DateTime::<Utc>::MAX_UTC;
        assert!(DateTime::from_timestamp_micros(micros(end)).is_some());
        assert_eq!(span(Duration::MAX), i64::MAX);
    }
}
