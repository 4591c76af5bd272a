//! What must be true of any input from outside, whatever it is: a panic, an endless loop or a failed assertion in here is a
//! finding. The test makes inputs by damaging examples; the targets in `fuzz/` have libFuzzer look for them.
#![allow(unreachable_pub, reason = "the fuzz targets are another package")]

use nudged::domain::problem::{Problem, Source};

// What Teams or another bot tells.
pub mod activity;
// Holidays.
pub mod calendar;
// Texts and cards.
pub mod content;
// People files.
pub mod people;
// Schedule files.
pub mod schedule;

/// Problems lie inside the file, have words, and are one line each.
fn assert_inside(source: &Source, problems: &[Problem]) {
    for problem in problems {
        let shown = format!("{problem:?}\n{:?}", source.text);
        assert!(source.text.get(problem.span.clone()).is_some(), "{shown}");
        assert!(!problem.message.is_empty() && !problem.line(source).contains('\n'), "{shown}");
    }
}
