//! A date or time of a calendar, and on whose clock it is.

use std::ops::Range;

use chrono::{NaiveDate, NaiveDateTime, NaiveTime};
use chrono_tz::Tz;

use crate::domain::document::excerpt;
use crate::domain::problem::{Code, Problem};
use crate::domain::time::ZoneRules;
use crate::domain::windows_zones;

/// A date or time as it is written.
pub(super) struct Stamp {
    span: Range<usize>,
    text: String,
    pub(super) date: NaiveDate,
    time: NaiveTime,
    pub(super) is_utc: bool,
    /// The zone that is named beside it, where we know that.
    pub(super) zone: Option<Tz>,
}

impl Stamp {
    pub(super) fn read(text: &str, zone: Option<Tz>, span: Range<usize>) -> Result<Self, Problem> {
        let (date, time) = text.split_once('T').unwrap_or((text, "000000"));
        let (time, is_utc) = time.strip_suffix('Z').map_or((time, false), |time| (time, true));
        let is_number = |part: &str, length| part.len() == length && part.bytes().all(|byte| byte.is_ascii_digit());
        let understood = || {
            let date = is_number(date, 8).then(|| NaiveDate::parse_from_str(date, "%Y%m%d").ok())??;
            let time = is_number(time, 6).then(|| NaiveTime::parse_from_str(time, "%H%M%S").ok())??;
            Some((date, time))
        };
        match understood() {
            Some((date, time)) => Ok(Self { span, text: text.to_owned(), date, time, is_utc, zone }),
            None => {
                Err(Problem::new(Code::BadCalendar, span, format!("\"{}\" is not understood as a date", excerpt(text)))
                    .with_help("a date is written as in 20261224"))
            }
        }
    }
}

/// The clock on which an event is, where one is known.
pub(super) struct Clock<'r> {
    pub(super) zone: Option<Tz>,
    pub(super) rules: &'r dyn ZoneRules,
}

impl Clock<'_> {
    pub(super) fn civil(&self, stamp: &Stamp) -> Result<NaiveDateTime, Problem> {
        let at = stamp.date.and_time(stamp.time);
        if stamp.is_utc { self.of_utc(at, &stamp.text, &stamp.span) } else { Ok(at) }
    }

    pub(super) fn date(&self, stamp: &Stamp) -> Result<NaiveDate, Problem> {
        self.civil(stamp).map(|at| at.date())
    }

    /// What it shows at `at` in UTC, which is written as `text`.
    pub(super) fn of_utc(&self, at: NaiveDateTime, text: &str, span: &Range<usize>) -> Result<NaiveDateTime, Problem> {
        match self.zone {
            Some(zone) => Ok(self.rules.civil(at.and_utc(), zone)),
            // Some programs write whole days so, and no zones.
            None if at.time() == NaiveTime::MIN => Ok(at),
            None => Err(Problem::new(
                Code::BadCalendar,
                span.clone(),
                format!("\"{}\" is a time in UTC, and nothing says on whose clock it is", excerpt(text)),
            )
            .with_help(
                "add a line such as X-WR-TIMEZONE:Europe/Berlin below BEGIN:VCALENDAR, or export events of whole days",
            )),
        }
    }
}

/// The zone of a name as calendars write it: that of a place, or one of Windows.
pub(super) fn named(zone: &str) -> Option<Tz> {
    zone.parse().ok().or_else(|| windows_zones::zone(zone, None))
}
