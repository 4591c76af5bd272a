//! A calendar of holidays: iCalendar where it begins like one, and ours otherwise.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nudged_fuzz::promises;

fuzz_target!(|text: &str| {
    let name = if text.trim_start().starts_with("BEGIN") { "x.ics" } else { "x.toml" };
    promises::calendar::file(name, text);
});
