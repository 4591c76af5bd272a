//! Times of day, one or several.

use chrono::NaiveTime;

use crate::domain::document::Value;
use crate::domain::document::civil::Civil;
use crate::domain::problem::{Code, Problem};

/// The times of day of `at`: ascending, no two alike. `because` names the key beside which it must be one.
pub(super) fn read(at: &Value<'_>, because: &str) -> Option<Vec<NaiveTime>> {
    let mut times = Vec::new();
    let mut all_right = true;
    for item in at.items() {
        match item.civil() {
            Some(Civil::Time(time)) => times.push(time),
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
    times.sort_unstable();
    times.dedup();
    (all_right && !times.is_empty()).then_some(times)
}
