//! Quiet hours as they are written: `"20:00-08:00"`, a table with `hours` and `days`, or a list of these.

use chrono::Weekday;

use super::{Table, Value};
use crate::domain::day::weekday;
use crate::domain::problem::{Code, Problem};
use crate::domain::quiet::QuietHours;

const EXAMPLE: &str =
    "write for example \"20:00-08:00\", or { hours = \"00:00-24:00\", days = [\"saturday\", \"sunday\"] }";

/// All quiet hours of `value`. What is not understood becomes a problem and `None`.
#[must_use]
pub fn read(value: &Value<'_>) -> Option<Vec<QuietHours>> {
    let mut found = Vec::new();
    let mut all_right = true;
    for item in value.items() {
        let one = match item.table() {
            Some(table) => read_table(table),
            None => read_hours(&item),
        };
        all_right &= one.is_some();
        found.extend(one);
    }
    all_right.then_some(found)
}

fn read_hours(value: &Value<'_>) -> Option<QuietHours> {
    let Some(text) = value.text() else {
        value.wrong_type("quiet hours in quotes, or a list of them", Some(EXAMPLE.into()));
        return None;
    };
    let quiet = QuietHours::read(text);
    if quiet.is_none() {
        let message = format!("\"{}\" is not understood as quiet hours", super::excerpt(text));
        value.report(Problem::new(Code::BadQuietHours, value.span(), message).with_help(EXAMPLE));
    }
    quiet
}

fn read_table(mut table: Table<'_>) -> Option<QuietHours> {
    table.missing("hours", "it does not say from when to when", EXAMPLE);
    let hours = table.value("hours").and_then(|hours| read_hours(&hours));
    let days = table.value("days").map(|days| read_days(&days));
    table.finish(&[]);
    match (hours, days) {
        (Some(hours), None) => Some(hours),
        (Some(hours), Some(days)) => Some(hours.on(days?)),
        (None, _) => None,
    }
}

fn read_days(value: &Value<'_>) -> Option<Vec<Weekday>> {
    let mut days = Vec::new();
    for item in value.items() {
        let Some(day) = item.text().and_then(weekday) else {
            let help = "write days = [\"saturday\", \"sunday\"]";
            item.report(Problem::new(Code::BadQuietHours, item.span(), "this is no day of the week").with_help(help));
            return None;
        };
        days.push(day);
    }
    Some(days)
}
