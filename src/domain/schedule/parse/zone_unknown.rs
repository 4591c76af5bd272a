//! What becomes of people of whose clock nobody said anything.

use crate::domain::document::Table;
use crate::domain::problem::{Code, Problem};
use crate::domain::schedule::model::ZoneUnknown;
use crate::domain::schedule::when::{When, WhoseClock};

const KEY: &str = "zone_unknown";

pub(super) fn read(table: &mut Table<'_>) -> ZoneUnknown {
    let words = [
        ("default", ZoneUnknown::Default),
        ("hold", ZoneUnknown::Hold),
        ("skip", ZoneUnknown::Skip),
        ("ask", ZoneUnknown::Ask),
    ];
    table.word(KEY, &words).map_or(ZoneUnknown::default(), |word| word.value)
}

/// On one clock for everybody, nobody's own zone matters.
pub(super) fn check(table: &mut Table<'_>, when: &When) {
    let (WhoseClock::Zone(zone), Some(value)) = (when.clock, table.value(KEY)) else { return };
    let message = format!("`{KEY}` is about each recipient's own clock, and this goes by that of {}", zone.name());
    table.report(
        Problem::new(Code::Conflict, value.span(), message).with_help(format!("remove `{KEY}`, or the line `zone`")),
    );
}
