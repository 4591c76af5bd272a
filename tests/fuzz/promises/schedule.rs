//! A schedule file: every problem lies inside of it, and what is accepted can be walked, strictly ahead.

use chrono::{NaiveDateTime, TimeDelta};
use nudged::domain::problem::Source;
use nudged::domain::recurrence::civil_times;
use nudged::domain::schedule::parse::parse;
use nudged::domain::supplies::Supplies;

use super::assert_inside;

pub fn file(text: &str) {
    let source = Source::new("x.toml", text);
    let (schedules, problems) = parse(&source, &Supplies::none());
    assert_inside(&source, &problems);
    let begin: NaiveDateTime = "2026-12-01T00:00:00".parse().expect("a time");
    for schedule in &schedules {
        let found: Vec<_> = civil_times(&schedule.when, begin, begin + TimeDelta::days(60)).take(20).collect();
        assert!(found.windows(2).all(|pair| pair[0] < pair[1]), "{found:?}\n{text}");
    }
}
