//! `event`: when something happens.

use std::time::Duration;

use crate::domain::document::{Table, excerpt};
use crate::domain::event;
use crate::domain::problem::{Code, Problem};
use crate::domain::schedule::when::{EventTrigger, OncePer};

pub(super) fn read(table: &mut Table<'_>) -> Option<EventTrigger> {
    let after = table.time_span("after").map_or(Duration::ZERO, |span| span.value);
    let often = [("event", OncePer::Event), ("person", OncePer::Person)];
    let once_per = table.word("once_per", &often);
    for key in ["except", "if_holiday"] {
        super::conflict(table, key, "an event has no calendar");
    }
    for key in ["zone", "dst_gap", "dst_fold"] {
        super::conflict(table, key, "an event happens at one instant for everybody");
    }
    let name = table.text("event")?;
    if !event::is_name(name.value) {
        let message = format!("`event` can't be \"{}\"", excerpt(name.value));
        table
            .report(Problem::new(Code::BadEvent, name.span, message).with_help(
                "write \"install\", \"member-added\", or a name in small letters, such as \"build-failed\"",
            ));
        return None;
    }
    // A welcome is said once, however often somebody comes.
    let usual = if event::is_of_teams(name.value) { OncePer::Person } else { OncePer::Event };
    let once_per = once_per.map_or(usual, |word| word.value);
    Some(EventTrigger { name: name.value.to_owned(), after, once_per })
}
