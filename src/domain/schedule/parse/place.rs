//! Where a schedule that has been read stands in its file, for those who find something out about it afterwards.

use std::ops::Range;

use crate::domain::document;
use crate::domain::problem::Source;
use crate::domain::schedule::model::Schedule;

/// The bytes of the value of `key` in `schedule`, or of its header where it has no such key.
pub(super) fn span_of(key: &'static str, schedule: &Schedule, source: &Source) -> Range<usize> {
    let (span, _) = document::read(&source.text, |document| {
        let mut schedules = document.root().table("schedule")?;
        let (_, value) = schedules.entries().into_iter().find(|(name, _)| name.value == schedule.name.as_str())?;
        let mut table = value.table()?;
        let span = table.value(key).map(|value| value.span());
        span.or_else(|| Some(table.span()))
    });
    span.unwrap_or(0..0)
}
