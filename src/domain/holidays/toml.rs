//! Holidays in TOML: `days` for dates and `yearly` for what comes each year.

use chrono::{NaiveDate, NaiveTime};

use super::{HolidayCalendar, RepeatedHoliday};
use crate::domain::day::{DayOfMonth, DayOfYear};
use crate::domain::document::{self, Table, Value, dates};
use crate::domain::problem::{Code, Problem};
use crate::domain::recurrence::rule::{By, ByDay, Frequency, Rule, RuleEnd};

const EXAMPLE: &str = "write days = [2026-12-24, \"2026-12-28 to 2026-12-31\"] or yearly = [\"12-25\", \"01-01\"]";

pub(super) fn read(text: &str) -> (HolidayCalendar, Vec<Problem>) {
    document::read(text, |document| {
        let mut root = document.root();
        let mut calendar = HolidayCalendar::default();
        let title = root.text("title").map_or("holiday", |title| title.value).to_owned();
        if !root.has("days") && !root.has("yearly") {
            root.report(Problem::new(Code::MissingKey, 0..0, "this calendar has no days").with_help(EXAMPLE));
        }
        if let Some(days) = root.value("days") {
            for (first, length) in days.items().iter().filter_map(dates::read) {
                calendar.add(first, length, &title);
            }
        }
        read_yearly(&mut root, &title, &mut calendar);
        root.finish(&[]);
        calendar
    })
}

fn read_yearly(root: &mut Table<'_>, title: &str, calendar: &mut HolidayCalendar) {
    let Some(yearly) = root.value("yearly") else { return };
    for item in yearly.items() {
        let Some(text) = item.text() else {
            item.wrong_type("a day of the year in quotes, or a list of them", Some(EXAMPLE.into()));
            continue;
        };
        match DayOfYear::read(text) {
            Ok(day) => calendar.repeated.extend(rule(day).map(|rule| RepeatedHoliday {
                title: title.to_owned(),
                rule,
                length: 1,
                except: Vec::new(),
            })),
            Err(fault) => report(&item, &fault.message, fault.help),
        }
    }
}

fn report(value: &Value<'_>, message: &str, help: String) {
    value.report(Problem::new(Code::ImpossibleDate, value.span(), message).with_help(help));
}

/// The rule of a day of the year. A holiday that a year does not have is not celebrated in it.
fn rule(day: DayOfYear) -> Option<Rule> {
    const WORKDAYS: [chrono::Weekday; 5] =
        [chrono::Weekday::Mon, chrono::Weekday::Tue, chrono::Weekday::Wed, chrono::Weekday::Thu, chrono::Weekday::Fri];
    let mut by = By { month: vec![day.month], ..By::default() };
    let workdays = || WORKDAYS.map(|weekday| ByDay { nth: None, weekday }).to_vec();
    match day.day {
        DayOfMonth::Number(number) => by.month_day = vec![i32::try_from(number).ok()?],
        DayOfMonth::Last => by.month_day = vec![-1],
        DayOfMonth::Nth(nth, weekday) => by.day = vec![ByDay { nth: Some(nth.into()), weekday }],
        DayOfMonth::LastOf(weekday) => by.day = vec![ByDay { nth: Some(-1), weekday }],
        DayOfMonth::FirstWorkday => (by.day, by.set_position) = (workdays(), vec![1]),
        DayOfMonth::LastWorkday => (by.day, by.set_position) = (workdays(), vec![-1]),
    }
    Some(Rule {
        frequency: Frequency::Yearly,
        interval: 1,
        end: RuleEnd::Never,
        by,
        week_start: chrono::Weekday::Mon,
        start: NaiveDate::default().and_time(NaiveTime::MIN),
        times: vec![NaiveTime::MIN],
    })
}
