//! The dates of a calendar trigger.
//!
//! Every date is computed from the rule and never from the date before, so that the 31st does not become the 28th for
//! ever after one February.

use chrono::{Datelike, Days as DayCount, Months, NaiveDate, Weekday};

use crate::domain::day::is_workday;
use crate::domain::schedule::when::Days;

/// The dates of `days` from `first` to `last`, both included, strictly ascending.
pub(super) fn dates(days: &Days, first: NaiveDate, last: NaiveDate) -> Box<dyn Iterator<Item = NaiveDate> + '_> {
    let all = move || each_day(first).take_while(move |date| *date <= last);
    match days {
        Days::Daily(rhythm) => Box::new(all().filter(|date| rhythm.holds(|anchor| (*date - anchor).num_days()))),
        Days::Weekdays => Box::new(all().filter(|date| is_workday(*date))),
        Days::Weekly { rhythm, on } => Box::new(all().filter(|date| {
            let weeks = |anchor| (monday(*date) - monday(anchor)).num_weeks();
            on.contains(&date.weekday()) && rhythm.holds(weeks)
        })),
        Days::Monthly { rhythm, on, missing } => {
            let months = each_month(first).take_while(move |month| *month <= last);
            let wanted = months.filter(|month| rhythm.holds(|anchor| month_number(*month) - month_number(anchor)));
            Box::new(
                wanted
                    .flat_map(move |month| sorted(on.iter().filter_map(move |day| day.in_month(month, *missing))))
                    .filter(move |date| (first..=last).contains(date)),
            )
        }
        Days::Yearly { rhythm, on, missing } => Box::new(
            (first.year()..=last.year())
                .filter(|year| rhythm.holds(|anchor| i64::from(year - anchor.year())))
                .flat_map(move |year| sorted(on.iter().filter_map(move |day| day.in_year(year, *missing))))
                .filter(move |date| (first..=last).contains(date)),
        ),
    }
}

fn sorted(dates: impl Iterator<Item = NaiveDate>) -> Vec<NaiveDate> {
    let mut dates: Vec<_> = dates.collect();
    dates.sort_unstable();
    dates.dedup();
    dates
}

fn each_day(first: NaiveDate) -> impl Iterator<Item = NaiveDate> {
    std::iter::successors(Some(first), |date| date.checked_add_days(DayCount::new(1)))
}

/// The first days of the months, beginning with that of `first`.
fn each_month(first: NaiveDate) -> impl Iterator<Item = NaiveDate> {
    std::iter::successors(first.with_day(1), |month| month.checked_add_months(Months::new(1)))
}

fn monday(date: NaiveDate) -> NaiveDate {
    date.week(Weekday::Mon).first_day()
}

fn month_number(date: NaiveDate) -> i64 {
    i64::from(date.year()) * 12 + i64::from(date.month0())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::day::{DayOfMonth, DayOfYear, MissingDay};
    use crate::domain::schedule::when::Rhythm;

    fn date(text: &str) -> NaiveDate {
        text.parse().expect("a date")
    }

    fn check(days: &Days, first: &str, last: &str, expect: &[&str]) {
        let got: Vec<_> = dates(days, date(first), date(last)).map(|date| date.to_string()).collect();
        assert_eq!(got, expect, "{days:?}");
    }

    fn monthly(on: &[DayOfMonth], missing: MissingDay) -> Days {
        Days::Monthly { rhythm: Rhythm::Each, on: on.to_vec(), missing }
    }

    #[test]
    fn a_rhythm_is_counted_from_its_anchor_in_both_directions() {
        let every_third = Days::Daily(Rhythm::OneIn { number: 3, anchor: date("2027-03-10") });
        check(&every_third, "2027-03-05", "2027-03-14", &["2027-03-07", "2027-03-10", "2027-03-13"]);
        let rhythm = Rhythm::OneIn { number: 3, anchor: date("2026-11-30") };
        let quarterly = Days::Monthly { rhythm, on: vec![DayOfMonth::Number(15)], missing: MissingDay::Last };
        check(&quarterly, "2026-06-01", "2027-06-01", &["2026-08-15", "2026-11-15", "2027-02-15", "2027-05-15"]);
    }

    #[test]
    fn two_weeks_go_on_over_the_new_year_whatever_the_weeks_are_numbered() {
        // 2026 has 53 ISO weeks: who counts "even weeks" sends twice or not at all around the New Year.
        let rhythm = Rhythm::OneIn { number: 2, anchor: date("2026-12-17") };
        let fortnightly = Days::Weekly { rhythm, on: vec![Weekday::Mon, Weekday::Sun] };
        check(
            &fortnightly,
            "2026-12-07",
            "2027-01-20",
            &["2026-12-14", "2026-12-20", "2026-12-28", "2027-01-03", "2027-01-11", "2027-01-17"],
        );
    }

    #[test]
    fn the_31st_never_drifts() {
        let on = [DayOfMonth::Number(31)];
        check(
            &monthly(&on, MissingDay::Last),
            "2027-01-31",
            "2027-05-31",
            &["2027-01-31", "2027-02-28", "2027-03-31", "2027-04-30", "2027-05-31"],
        );
        check(&monthly(&on, MissingDay::Skip), "2027-01-01", "2027-05-31", &["2027-01-31", "2027-03-31", "2027-05-31"]);
        // Two days of the rule can be one day of the calendar.
        let on = [DayOfMonth::Last, DayOfMonth::Number(30), DayOfMonth::Number(28)];
        check(&monthly(&on, MissingDay::Last), "2027-02-01", "2027-03-30", &["2027-02-28", "2027-03-28", "2027-03-30"]);
    }

    #[test]
    fn the_29th_of_february_is_the_28th_in_most_years() {
        let leap = DayOfYear { month: 2, day: DayOfMonth::Number(29) };
        let yearly = |missing| Days::Yearly { rhythm: Rhythm::Each, on: vec![leap], missing };
        check(
            &yearly(MissingDay::Last),
            "2027-01-01",
            "2030-12-31",
            &["2027-02-28", "2028-02-29", "2029-02-28", "2030-02-28"],
        );
        check(&yearly(MissingDay::Skip), "2027-01-01", "2033-12-31", &["2028-02-29", "2032-02-29"]);
        // 2100 is no leap year.
        check(&yearly(MissingDay::Skip), "2097-01-01", "2104-12-31", &["2104-02-29"]);
    }

    #[test]
    fn days_of_the_week_in_a_month() {
        use DayOfMonth::{FirstWorkday, LastOf, LastWorkday, Nth};
        let check = |day, expect: &[&str]| {
            check(&monthly(&[day], MissingDay::Last), "2027-01-01", "2027-03-31", expect);
        };
        check(Nth(1, Weekday::Mon), &["2027-01-04", "2027-02-01", "2027-03-01"]);
        check(Nth(4, Weekday::Thu), &["2027-01-28", "2027-02-25", "2027-03-25"]);
        check(LastOf(Weekday::Fri), &["2027-01-29", "2027-02-26", "2027-03-26"]);
        check(LastOf(Weekday::Sun), &["2027-01-31", "2027-02-28", "2027-03-28"]);
        check(FirstWorkday, &["2027-01-01", "2027-02-01", "2027-03-01"]);
        check(LastWorkday, &["2027-01-29", "2027-02-26", "2027-03-31"]);
    }
}
