//! Dates and ranges of dates: `2026-12-24`, and `"2026-12-24 to 2027-01-06"`.

use chrono::NaiveDate;

use super::Value;
use super::civil::Civil;
use crate::domain::problem::{Code, Problem};

/// The longest range: more is probably a wrong year.
const MOST_DAYS: i64 = 366;

/// The first day and the number of days. What is neither a date nor a range becomes a problem and `None`.
#[must_use]
pub fn read(value: &Value<'_>) -> Option<(NaiveDate, u32)> {
    if let Some(text) = value.text()
        && let Some((first, last)) = text.split_once(" to ")
    {
        let date = |part: &str| match Civil::read(part) {
            Ok(Civil::Date(date)) => Some(date),
            Ok(Civil::Time(_) | Civil::DateTime(_) | Civil::Instant(_)) | Err(_) => None,
        };
        let (Some(first), Some(last)) = (date(first), date(last)) else {
            refuse(value, "this is no range of dates", "write it as in \"2026-12-24 to 2027-01-06\"");
            return None;
        };
        let days = (last - first).num_days() + 1;
        if !(1..=MOST_DAYS).contains(&days) {
            let message = if days < 1 { "this range ends before it begins" } else { "this range is over a year long" };
            refuse(value, message, "check the year");
            return None;
        }
        return Some((first, u32::try_from(days).ok()?));
    }
    match value.civil()? {
        Civil::Date(date) => Some((date, 1)),
        Civil::Time(_) | Civil::DateTime(_) | Civil::Instant(_) => {
            refuse(value, "a date is needed here, without a time of day", "write it as in 2026-12-24");
            None
        }
    }
}

fn refuse(value: &Value<'_>, message: &str, help: &str) {
    value.report(Problem::new(Code::ImpossibleDate, value.span(), message).with_help(help));
}
