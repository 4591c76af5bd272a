//! `rrule`: a recurrence rule as calendars exchange them.

use super::{Limit, times};
use crate::domain::document::Table;
use crate::domain::problem::{Code, Problem};
use crate::domain::recurrence::rrule::understand;
use crate::domain::recurrence::rule::Rule;

pub(super) fn read(table: &mut Table<'_>, from: Option<&Limit>) -> Option<Rule> {
    let value = table.value("rrule");
    let at = table.value("at");
    let times = at.as_ref().map(|at| times::read(at, "rrule"));
    if !table.has("from") && !table.may_have_lost_keys() {
        let span = value.as_ref().map_or_else(|| table.span(), crate::domain::document::Value::span);
        table.report(
            Problem::new(Code::MissingKey, span, "a recurrence rule needs a day to begin with")
                .with_help("add for example from = 2026-12-01"),
        );
    }
    let value = value?;
    let Some(text) = value.text() else {
        value.wrong_type("a rule in quotes", Some("write for example rrule = \"FREQ=MONTHLY;BYDAY=-1FR\"".into()));
        return None;
    };
    let report = |range, message: &str, help: &str| {
        value.report(Problem::new(Code::BadRule, value.part(range), message).with_help(help));
    };
    let rule = match understand(text) {
        Ok(rule) => rule,
        Err(faults) => {
            for fault in faults {
                report(fault.range, &fault.message, &fault.help);
            }
            return None;
        }
    };
    if let Some(range) = rule.until_in_utc {
        let help = "leave out the Z: a schedule goes by the clocks of its recipients, and so does its end";
        report(range, "UNTIL names an instant in UTC", help);
        return None;
    }
    let from = from?;
    let times = match times {
        Some(times) => times?,
        None if !from.is_date => vec![from.at.time()],
        None => {
            if !table.has("at") {
                report(0..text.len(), "this rule has no time of day", "add at = \"09:00\"");
            }
            return None;
        }
    };
    let rule = rule.beginning(from.at, times);
    if !rule.fires() {
        report(0..text.len(), "this rule never fires: there is no such day", "check the days and the months");
        return None;
    }
    Some(rule)
}
