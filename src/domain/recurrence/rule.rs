//! Recurrence rules as calendars exchange them: RFC 5545, section 3.3.10.
//!
//! A rule is walked period by period (a day, a week, a month or a year): the days of a period that every `BY…` part
//! lets through, then of these the positions that `BYSETPOS` names. What a rule leaves open is taken from the day on
//! which it begins, as the RFC says.

use chrono::{Datelike, Days, Months, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Weekday};

/// A recurrence rule, with where it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    pub frequency: Frequency,
    /// One period in so many; at least 1.
    pub interval: u32,
    pub end: RuleEnd,
    pub by: By,
    /// The first day of a week.
    pub week_start: Weekday,
    /// Nothing of it comes before this.
    pub start: NaiveDateTime,
    /// At least one, ascending, no two alike.
    pub times: Vec<NaiveTime>,
}

/// How long a period is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frequency {
    Daily,
    Weekly,
    Monthly,
    Yearly,
}

/// How long a rule goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleEnd {
    Never,
    /// After so many occurrences from the start.
    Count(u32),
    /// With this civil time, included.
    Until(NaiveDateTime),
}

/// The `BY…` parts. An empty one lets everything through.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct By {
    /// 1 to 12.
    pub month: Vec<u32>,
    /// 1 to 53, or from the end -1 to -53. Only in years.
    pub week_number: Vec<i32>,
    /// 1 to 366, or from the end -1 to -366. Only in years.
    pub year_day: Vec<i32>,
    /// 1 to 31, or from the end -1 to -31. Not in weeks.
    pub month_day: Vec<i32>,
    pub day: Vec<ByDay>,
    /// Of the occurrences of a period: 1 for the first, -1 for the last.
    pub set_position: Vec<i32>,
}

/// A day of the week; with `nth` only the nth (or from the end, -nth) of the month or the year.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByDay {
    pub nth: Option<i32>,
    pub weekday: Weekday,
}

impl By {
    /// Whether nothing in it says which days of a period are meant.
    fn names_no_day(&self) -> bool {
        self.week_number.is_empty() && self.year_day.is_empty() && self.month_day.is_empty() && self.day.is_empty()
    }
}

impl Rule {
    /// Completes a rule with what it leaves open, from the day on which it begins.
    #[must_use]
    pub fn completed(mut self) -> Self {
        if self.by.names_no_day() {
            let start = self.start.date();
            match self.frequency {
                Frequency::Daily => {}
                Frequency::Weekly => self.by.day.push(ByDay { nth: None, weekday: start.weekday() }),
                Frequency::Monthly => self.by.month_day.push(day_number(start)),
                Frequency::Yearly => {
                    if self.by.month.is_empty() {
                        self.by.month.push(start.month());
                    }
                    self.by.month_day.push(day_number(start));
                }
            }
        }
        self
    }

    /// The occurrences from `first` to `last`, both included, strictly ascending.
    pub fn occurrences(&self, first: NaiveDateTime, last: NaiveDateTime) -> impl Iterator<Item = NaiveDateTime> + '_ {
        let (count, last) = match self.end {
            RuleEnd::Never => (usize::MAX, last),
            RuleEnd::Count(count) => (usize::try_from(count).unwrap_or(usize::MAX), last),
            RuleEnd::Until(until) => (usize::MAX, last.min(until)),
        };
        // Only who counts must begin at the beginning.
        let from_period = if count == usize::MAX { self.period_before(first.date()) } else { 0 };
        (from_period..)
            .map_while(move |period| self.period(period).filter(|(begin, _)| *begin <= last.date()))
            .flat_map(|(begin, end)| self.of_period(begin, end))
            .filter(|at| *at >= self.start)
            .take(count)
            .skip_while(move |at| *at < first)
            .take_while(move |at| *at <= last)
    }

    /// Whether it has any occurrence within some periods from its beginning: enough for a 29th of February that is a
    /// Monday.
    #[must_use]
    pub fn fires(&self) -> bool {
        let horizon = match self.frequency {
            Frequency::Yearly => 30 * 366,
            Frequency::Daily | Frequency::Weekly | Frequency::Monthly => 60 * 366,
        };
        let span = Days::new(u64::from(self.interval.min(100)) * horizon);
        let last = self.start.checked_add_days(span).unwrap_or(NaiveDateTime::MAX);
        self.occurrences(self.start, last).next().is_some()
    }

    /// The number of a period that does not begin after `date`, and not long before it.
    fn period_before(&self, date: NaiveDate) -> i64 {
        let start = self.start.date();
        let units = match self.frequency {
            Frequency::Daily => (date - start).num_days(),
            Frequency::Weekly => (date - self.week_of(start)).num_weeks(),
            Frequency::Monthly => {
                i64::from(date.year() - start.year()) * 12 + i64::from(date.month()) - i64::from(start.month())
            }
            Frequency::Yearly => i64::from(date.year() - start.year()),
        };
        (units / i64::from(self.interval)).max(0)
    }

    /// The first and the last day of a period; `None` at the end of time.
    fn period(&self, number: i64) -> Option<(NaiveDate, NaiveDate)> {
        let start = self.start.date();
        let units = number.checked_mul(i64::from(self.interval))?;
        match self.frequency {
            Frequency::Daily => {
                let day = start.checked_add_signed(TimeDelta::try_days(units)?)?;
                Some((day, day))
            }
            Frequency::Weekly => {
                let begin = self.week_of(start).checked_add_signed(TimeDelta::try_weeks(units)?)?;
                Some((begin, begin.checked_add_days(Days::new(6))?))
            }
            Frequency::Monthly => {
                let begin = start.with_day(1)?.checked_add_months(Months::new(u32::try_from(units).ok()?))?;
                Some((begin, begin.checked_add_months(Months::new(1))?.pred_opt()?))
            }
            Frequency::Yearly => {
                let year = start.year().checked_add(i32::try_from(units).ok()?)?;
                Some((NaiveDate::from_ymd_opt(year, 1, 1)?, NaiveDate::from_ymd_opt(year, 12, 31)?))
            }
        }
    }

    /// The first day of the week of `date`.
    fn week_of(&self, date: NaiveDate) -> NaiveDate {
        date.week(self.week_start).first_day()
    }

    /// The occurrences of one period, ascending.
    fn of_period(&self, begin: NaiveDate, end: NaiveDate) -> Vec<NaiveDateTime> {
        let days = begin.iter_days().take_while(|day| *day <= end).filter(|day| self.lets_through(*day));
        let all: Vec<_> = days.flat_map(|day| self.times.iter().map(move |time| day.and_time(*time))).collect();
        if self.by.set_position.is_empty() {
            return all;
        }
        let mut chosen: Vec<_> =
            self.by.set_position.iter().filter_map(|position| from_either_end(&all, *position)).collect();
        chosen.sort_unstable();
        chosen.dedup();
        chosen
    }

    fn lets_through(&self, day: NaiveDate) -> bool {
        let By { month, week_number, year_day, month_day, day: days, set_position: _ } = &self.by;
        (month.is_empty() || month.contains(&day.month()))
            && (week_number.is_empty() || self.is_in_week(day))
            && (year_day.is_empty() || has_number(year_day, day.ordinal(), days_in_year(day.year())))
            && (month_day.is_empty() || has_number(month_day, day.day(), days_in_month(day)))
            && (days.is_empty() || days.iter().any(|by| self.is_day(*by, day)))
    }

    /// Week 1 is the first that has four days in the year, so the first days of January may be in week 52 or 53.
    fn is_in_week(&self, day: NaiveDate) -> bool {
        let Some(middle) = self.week_of(day).checked_add_days(Days::new(3)) else { return false };
        let weeks = (days_in_year(middle.year()) - 1 - middle.ordinal0() % 7) / 7 + 1;
        has_number(&self.by.week_number, middle.ordinal0() / 7 + 1, weeks)
    }

    fn is_day(&self, by: ByDay, day: NaiveDate) -> bool {
        if day.weekday() != by.weekday {
            return false;
        }
        let Some(nth) = by.nth else { return true };
        let in_months = self.frequency == Frequency::Monthly || !self.by.month.is_empty();
        let (number, length) =
            if in_months { (day.day(), days_in_month(day)) } else { (day.ordinal(), days_in_year(day.year())) };
        if nth > 0 {
            nth.unsigned_abs() == (number - 1) / 7 + 1
        } else {
            nth.unsigned_abs() == (length - number) / 7 + 1
        }
    }
}

fn day_number(date: NaiveDate) -> i32 {
    // At most 31.
    i32::try_from(date.day()).unwrap_or(i32::MAX)
}

fn days_in_year(year: i32) -> u32 {
    NaiveDate::from_ymd_opt(year, 12, 31).map_or(365, |last| last.ordinal())
}

fn days_in_month(date: NaiveDate) -> u32 {
    u32::from(date.num_days_in_month())
}

/// Whether `numbers` has `number`, counted from 1, or from the end of `length` as a negative.
fn has_number(numbers: &[i32], number: u32, length: u32) -> bool {
    let (number, length) = (i64::from(number), i64::from(length));
    numbers.iter().map(|wanted| i64::from(*wanted)).any(|wanted| wanted == number || wanted == number - length - 1)
}

fn from_either_end(all: &[NaiveDateTime], position: i32) -> Option<NaiveDateTime> {
    let index = usize::try_from(position.unsigned_abs()).ok()?.checked_sub(1)?;
    if position > 0 { all.get(index) } else { all.iter().rev().nth(index) }.copied()
}
