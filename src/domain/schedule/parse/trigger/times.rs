//! Times of day, one or several.

use std::ops::Range;

use chrono::{NaiveTime, TimeDelta};

use crate::domain::document::Value;
use crate::domain::document::civil::Civil;
use crate::domain::problem::{Code, Problem};

/// The times of day of `at`: ascending, a minute between two of them. `because` names the key beside which it must be one.
pub(super) fn read(at: &Value<'_>, because: &str) -> Option<Vec<NaiveTime>> {
    let mut times = Vec::new();
    let mut all_right = true;
    for item in at.items() {
        match item.civil() {
            Some(Civil::Time(time)) => times.push((time, item.span())),
            Some(Civil::Date(_) | Civil::DateTime(_) | Civil::Instant(_)) => {
                all_right = false;
                let message = format!("`{because}` needs a time of day in `at`, not a date");
                let help =
                    format!("write at = \"09:00\", and the first day in `from`; or remove `{because}` to send it once");
                at.report(Problem::new(Code::BadEvery, item.span(), message).with_help(help));
            }
            None => all_right = false,
        }
    }
    if times.is_empty() && all_right {
        at.report(Problem::new(Code::BadEvery, at.span(), "`at` names no time").with_help("write at = \"09:00\""));
    }
    times.sort_by_key(|(time, _)| *time);
    times.dedup_by_key(|(time, _)| *time);
    for pair in times.windows(2) {
        if let [(before, _), (time, span)] = pair
            && *time - *before < TimeDelta::minutes(1)
        {
            all_right = false;
            at.report(too_often(*before, *time, span.clone()));
        }
    }
    (all_right && !times.is_empty()).then(|| times.into_iter().map(|(time, _)| time).collect())
}

/// More often than once a minute, as `every` neither may be.
fn too_often(before: NaiveTime, time: NaiveTime, span: Range<usize>) -> Problem {
    let message = format!("{} is less than a minute after {}", time.format("%H:%M:%S"), before.format("%H:%M:%S"));
    Problem::new(Code::BadEvery, span, message).with_help("leave a minute between two times, or remove one")
}
