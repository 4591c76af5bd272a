//! Days off: what becomes of occurrences that fall on them.

use std::collections::BTreeSet;

use chrono::{Days, NaiveDate, NaiveDateTime};

use crate::domain::day::is_workday;
use crate::domain::schedule::when::{Exceptions, OnHoliday};

/// How far an occurrence is moved at most to find a day that is no holiday. Beyond it, it is left out.
const FARTHEST_MOVE: u64 = 31;

/// The occurrences from `start` to `end` that are left of those that `all` gives for a range, after the exceptions.
/// Moved ones are put in their place; two that come to the same time are one.
pub(super) fn apply<'a, I>(
    exceptions: &'a Exceptions,
    start: NaiveDateTime,
    end: NaiveDateTime,
    all: impl FnOnce(NaiveDateTime, NaiveDateTime) -> I,
) -> Box<dyn Iterator<Item = NaiveDateTime> + 'a>
where
    I: Iterator<Item = NaiveDateTime> + 'a,
{
    let is_kept = |at: &NaiveDateTime| !exceptions.dates.contains(&at.date());
    let reach = Days::new(FARTHEST_MOVE);
    let (from, to) = match exceptions.on_holiday {
        OnHoliday::Skip => {
            return Box::new(
                all(start, end).filter(move |at| is_kept(at)).filter(|at| !exceptions.is_holiday(at.date())),
            );
        }
        OnHoliday::NextWorkday => (start.checked_sub_days(reach).unwrap_or(NaiveDateTime::MIN), end),
        OnHoliday::PreviousWorkday => (start, end.checked_add_days(reach).unwrap_or(NaiveDateTime::MAX)),
    };
    let moved: BTreeSet<NaiveDateTime> = all(from, to)
        .filter(is_kept)
        .filter_map(|at| Some(to_workday(exceptions, at.date())?.and_time(at.time())))
        .filter(|at| (start..=end).contains(at))
        .collect();
    Box::new(moved.into_iter())
}

/// `date`, or where it is a holiday the next day in the right direction on which people work.
fn to_workday(exceptions: &Exceptions, date: NaiveDate) -> Option<NaiveDate> {
    if !exceptions.is_holiday(date) {
        return Some(date);
    }
    let works =
        |date: &NaiveDate| is_workday(*date) && !exceptions.is_holiday(*date) && !exceptions.dates.contains(date);
    (1..=FARTHEST_MOVE)
        .map_while(|distance| match exceptions.on_holiday {
            OnHoliday::PreviousWorkday => date.checked_sub_days(Days::new(distance)),
            OnHoliday::NextWorkday | OnHoliday::Skip => date.checked_add_days(Days::new(distance)),
        })
        .find(works)
}
