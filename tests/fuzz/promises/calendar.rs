//! A calendar of holidays, ours or iCalendar: every problem lies inside of it, and each day can be looked up.

use std::sync::LazyLock;

use nudged::adapter::zones::ZoneData;
use nudged::domain::holidays;
use nudged::domain::problem::Source;

use super::assert_inside;

static RULES: LazyLock<ZoneData> = LazyLock::new(ZoneData::newest);

/// `name` ends with `.ics` or `.toml`.
pub fn file(name: &str, text: &str) {
    let source = Source::new(name, text);
    let (calendar, problems) = holidays::read(&source, &*RULES);
    assert_inside(&source, &problems);
    for day in ["0001-01-01", "2027-12-24", "9999-12-31"] {
        let _ = calendar.on(day.parse().expect("a date"));
    }
}
