//! The buttons below a message.

use crate::domain::buttons::{Buttons, Later, MOST, Press};
use crate::domain::document::{Table, Value, excerpt};
use crate::domain::problem::{Code, Problem};

const EXAMPLE: &str = "write for example buttons = [\"done\", \"snooze: 1h, tomorrow 09:00\", \"stop\"]";

/// The buttons, from left to right. Those that are wrong are left out.
pub(super) fn read(table: &mut Table<'_>) -> Buttons {
    let Some(value) = table.value("buttons") else { return Buttons::default() };
    let mut presses: Vec<Press> = Vec::new();
    for item in value.items() {
        for press in read_one(&item) {
            if presses.contains(&press) {
                report(&item, format!("the button `{press}` is there already"), "remove one of the two");
            } else {
                presses.push(press);
            }
        }
    }
    if presses.len() > MOST {
        report(&value, format!("Teams shows {MOST} buttons at most, and these are {}", presses.len()), "remove some");
    }
    Buttons(presses)
}

/// Buttons are the same in every language: what they are called follows the person.
pub(super) fn refuse(variant: &mut Table<'_>) {
    if let Some(value) = variant.value("buttons") {
        let message = "buttons are the same in every language";
        let problem = Problem::new(Code::Conflict, value.span(), message);
        value.report(problem.with_help("write them once, in the schedule; their words follow the person's language"));
    }
}

fn read_one(value: &Value<'_>) -> Vec<Press> {
    let Some(text) = value.text() else {
        value.wrong_type("a list of texts", Some(EXAMPLE.into()));
        return Vec::new();
    };
    match text.trim() {
        "done" => vec![Press::Done],
        "stop" => vec![Press::Stop],
        other => {
            if let Some(times) = other.strip_prefix("snooze:") {
                return snoozes(value, times);
            }
            report(value, format!("`{}` is not understood as a button", excerpt(text)), EXAMPLE);
            Vec::new()
        }
    }
}

fn snoozes(value: &Value<'_>, times: &str) -> Vec<Press> {
    let read = |time: &str| {
        let later = Later::read(time);
        if later.is_none() {
            let message = format!("`{}` is not understood as a time to snooze until", excerpt(time.trim()));
            report(value, message, "write a span of at most 30 days, such as 1h, or a time such as tomorrow 09:00");
        }
        later.map(Press::Snooze)
    };
    times.split(',').filter_map(read).collect()
}

fn report(value: &Value<'_>, message: String, help: &str) {
    value.report(Problem::new(Code::BadButton, value.span(), message).with_help(help));
}
