//! `event`: when something happens.

use std::time::Duration;

use crate::domain::document::{Table, excerpt};
use crate::domain::problem::{Code, Problem};
use crate::domain::schedule::when::{EventTrigger, OncePer};

/// Longer is a name that nobody means.
const LONGEST_NAME: usize = 80;

pub(super) fn read(table: &mut Table<'_>) -> Option<EventTrigger> {
    let after = table.time_span("after").map_or(Duration::ZERO, |span| span.value);
    let often = [("event", OncePer::Event), ("person", OncePer::Person)];
    let once_per = table.word("once_per", &often).map_or(OncePer::default(), |word| word.value);
    for key in ["except", "if_holiday"] {
        super::conflict(table, key, "an event has no calendar");
    }
    let name = table.text("event")?;
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.');
    if name.value.is_empty() || name.value.len() > LONGEST_NAME || !name.value.chars().all(is_plain) {
        let message = format!("`event` can't be \"{}\"", excerpt(name.value));
        table
            .report(Problem::new(Code::BadEvent, name.span, message).with_help(
                "write \"install\", \"member-added\", or a name in small letters, such as \"build-failed\"",
            ));
        return None;
    }
    table.report(
        Problem::new(Code::EventNotReceived, name.span, "nudged does not receive events yet; nothing will be sent")
            .with_help("keep it for a later release, or use `every` or `at`"),
    );
    Some(EventTrigger { name: name.value.to_owned(), after, once_per })
}
