//! `every`: on certain days at certain times of day, or after a span of elapsed time.

use chrono::Weekday;

use super::{Limit, times};
use crate::domain::day::{DayFault, DayOfMonth, DayOfYear, MissingDay, WEEKDAYS, weekday};
use crate::domain::document::span::TimeSpan;
use crate::domain::document::{Placed, Table, Value, excerpt, one_of};
use crate::domain::nearest::nearest;
use crate::domain::problem::{Code, Problem};
use crate::domain::schedule::when::{Calendar, Days, Rhythm, Trigger};

const EVERY: &str = "write \"day\", \"weekday\", \"week\", \"2 weeks\", \"month\", \"year\", or a span such as \"90m\"";

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Day,
    Weekday,
    Week,
    Month,
    Year,
}

impl Unit {
    fn read(word: &str) -> Option<Self> {
        match word {
            "day" | "days" => Some(Unit::Day),
            "weekday" => Some(Unit::Weekday),
            "week" | "weeks" => Some(Unit::Week),
            "month" | "months" => Some(Unit::Month),
            "year" | "years" => Some(Unit::Year),
            _ => None,
        }
    }

    /// What `on` may be beside it, by an example; `None` when it can't be there.
    fn example(self) -> Option<&'static str> {
        match self {
            Unit::Day | Unit::Weekday => None,
            Unit::Week => Some("on = \"monday\", or a list of days"),
            Unit::Month => Some("on = 15, \"last day\" or \"first monday\""),
            Unit::Year => Some("on = \"12-24\""),
        }
    }
}

/// "week", "2 weeks": how many of what. `None` when it is not that.
fn count(word: &str) -> Option<(u32, Unit)> {
    let digits = word.find(|c: char| !c.is_ascii_digit()).unwrap_or(word.len());
    let (number, unit) = word.split_at(digits);
    let unit = Unit::read(unit.trim_start())?;
    match number {
        "" => Some((1, unit)),
        number => Some((number.parse().ok().filter(|number| (1..=999).contains(number))?, unit)),
    }
}

pub(super) fn read(table: &mut Table<'_>, from: Option<&Limit>) -> Option<Trigger> {
    let at = table.value("at");
    let on = table.value("on");
    let missing_days = [("last", MissingDay::Last), ("skip", MissingDay::Skip)];
    let missing = table.word("missing_day", &missing_days).map(|word| word.value);
    // Damaged: nothing can be said of `at` and `on` that is sure to be right.
    let every = table.text("every")?;
    let Some((number, unit)) = count(every.value).filter(|counted| *counted != (2, Unit::Weekday)) else {
        return read_elapsed(table, &every, at.as_ref(), on.as_ref(), from);
    };
    if missing.is_some() && !matches!(unit, Unit::Month | Unit::Year) {
        let message = format!("`missing_day` does not fit every = \"{}\"", excerpt(every.value));
        let span = table.value("missing_day").map_or_else(|| every.span.clone(), |value| value.span());
        table.report(Problem::new(Code::BadEvery, span, message).with_help("remove it, or write every = \"month\""));
    }
    let rhythm = read_rhythm(table, &every, number, from);
    let days = read_days(table, &every, unit, on.as_ref(), missing.unwrap_or_default());
    let times = read_times(table, &every, at.as_ref());
    let (rhythm, times) = (rhythm?, times?);
    let days = match days? {
        DaysOf::All => match unit {
            Unit::Weekday => Days::Weekdays,
            Unit::Day | Unit::Week | Unit::Month | Unit::Year => Days::Daily(rhythm),
        },
        DaysOf::Week(on) => Days::Weekly { rhythm, on },
        DaysOf::Month(on, missing) => Days::Monthly { rhythm, on, missing },
        DaysOf::Year(on, missing) => Days::Yearly { rhythm, on, missing },
    };
    Some(Trigger::Calendar(Calendar { days, times }))
}

/// The days of `on`, by what they are days of.
enum DaysOf {
    All,
    Week(Vec<Weekday>),
    Month(Vec<DayOfMonth>, MissingDay),
    Year(Vec<DayOfYear>, MissingDay),
}

fn read_rhythm(table: &Table<'_>, every: &Placed<&str>, number: u32, from: Option<&Limit>) -> Option<Rhythm> {
    if number == 1 {
        return Some(Rhythm::Each);
    }
    let Some(from) = from else {
        if !table.may_have_lost_keys() {
            let message = format!("every = \"{}\" needs a day to count from", excerpt(every.value));
            bad_every(table, every, message, "add for example from = 2026-12-01");
        }
        return None;
    };
    Some(Rhythm::OneIn { number, anchor: from.at.date() })
}

fn bad_every(table: &Table<'_>, every: &Placed<&str>, message: impl Into<String>, help: impl Into<String>) {
    table.report(Problem::new(Code::BadEvery, every.span.clone(), message).with_help(help));
}

fn read_times(table: &mut Table<'_>, every: &Placed<&str>, at: Option<&Value<'_>>) -> Option<Vec<chrono::NaiveTime>> {
    let Some(at) = at else {
        if !table.has("at") && !table.may_have_lost_keys() {
            let message = format!("every = \"{}\" needs a time of day", excerpt(every.value));
            bad_every(table, every, message, "add at = \"09:00\"");
        }
        return None;
    };
    times::read(at, "every")
}

fn read_days(
    table: &mut Table<'_>,
    every: &Placed<&str>,
    unit: Unit,
    on: Option<&Value<'_>>,
    missing: MissingDay,
) -> Option<DaysOf> {
    let Some(example) = unit.example() else {
        if let Some(on) = on {
            let message = format!("`on` does not fit every = \"{}\"", excerpt(every.value));
            on.report(
                Problem::new(Code::BadEvery, on.span(), message).with_help("write every = \"week\", or remove `on`"),
            );
            return None;
        }
        return Some(DaysOf::All);
    };
    if !table.has("on") && !table.may_have_lost_keys() {
        let message = format!("every = \"{}\" needs `on`", excerpt(every.value));
        bad_every(table, every, message, format!("add {example}"));
    }
    let on = on?;
    if on.items().is_empty() {
        on.report(Problem::new(Code::BadEvery, on.span(), "`on` names no day").with_help(format!("write {example}")));
        return None;
    }
    match unit {
        Unit::Day | Unit::Weekday | Unit::Week => Some(DaysOf::Week(read_weekdays(on)?)),
        Unit::Month => Some(DaysOf::Month(read_all(on, example, DayOfMonth::read)?, missing)),
        Unit::Year => Some(DaysOf::Year(read_all(on, example, DayOfYear::read)?, missing)),
    }
}

/// The days of a week: in their order, no two alike.
fn read_weekdays(on: &Value<'_>) -> Option<Vec<Weekday>> {
    let mut days = Vec::new();
    let mut all_right = true;
    for item in on.items() {
        let Some(text) = item.text() else {
            item.wrong_type("a day of the week in quotes, or a list of them", Some("write on = \"monday\"".into()));
            all_right = false;
            continue;
        };
        if let Some(day) = weekday(text) {
            days.push(day);
            continue;
        }
        all_right = false;
        let names = WEEKDAYS.iter().map(|(name, _)| *name);
        let help = if DayOfMonth::read(text).is_ok() {
            format!("for \"{}\" write every = \"month\"", excerpt(text.trim()))
        } else {
            match nearest(text, names.clone()) {
                Some(day) => format!("did you mean \"{day}\"?"),
                None => format!("write {}", one_of(names)),
            }
        };
        let message = format!("\"{}\" is no day of the week", excerpt(text));
        item.report(Problem::new(Code::UnknownWord, item.span(), message).with_help(help));
    }
    days.sort_unstable_by_key(Weekday::num_days_from_monday);
    days.dedup();
    all_right.then_some(days)
}

/// Days by a rule. A number counts as its text.
fn read_all<T>(on: &Value<'_>, example: &str, read: impl Fn(&str) -> Result<T, DayFault>) -> Option<Vec<T>> {
    let mut days = Vec::new();
    let mut all_right = true;
    for item in on.items() {
        let text = item.text().map(str::to_owned).or_else(|| item.integer().map(|number| number.to_string()));
        match text.as_deref().map(&read) {
            Some(Ok(day)) => days.push(day),
            Some(Err(DayFault { message, help })) => {
                all_right = false;
                item.report(Problem::new(Code::UnknownWord, item.span(), message).with_help(help));
            }
            None => {
                all_right = false;
                item.wrong_type("a day, or a list of days", Some(format!("write {example}")));
            }
        }
    }
    all_right.then_some(days)
}

/// `every = "90m"`: elapsed time, counted from `from`.
fn read_elapsed(
    table: &mut Table<'_>,
    every: &Placed<&str>,
    at: Option<&Value<'_>>,
    on: Option<&Value<'_>>,
    from: Option<&Limit>,
) -> Option<Trigger> {
    let word = every.value;
    let Some(span) = TimeSpan::read(word) else {
        bad_word(table, every);
        // Whatever was meant, a time that is wrong is wrong.
        at.map(|at| times::read(at, "every"));
        return None;
    };
    if span.in_days {
        let message = format!("`every` can't be \"{}\"", excerpt(word));
        let help = "write for example \"2 days\" or \"2 weeks\" with `at`; or hours, such as \"48h\", for elapsed time";
        bad_every(table, every, message, help);
        return None;
    }
    let mut all_right = true;
    if span.length.as_secs() < 60 {
        all_right = false;
        table.report(
            Problem::new(Code::BadSpan, every.span.clone(), "`every` must be a minute at least")
                .with_help("write for example \"90m\""),
        );
    }
    for (key, value) in [("at", at), ("on", on)] {
        if let Some(value) = value {
            all_right = false;
            let message = format!("`{key}` does not fit every = \"{}\", which counts from `from`", excerpt(word));
            let help = match key {
                "at" => "remove `at`, and put the first time into `from`, as in from = 2026-12-01T09:00:00",
                _ => "remove `on`",
            };
            table.report(Problem::new(Code::BadEvery, value.span(), message).with_help(help));
        }
    }
    if !table.has("from") && !table.may_have_lost_keys() {
        let message = format!("every = \"{}\" needs a beginning to count from", excerpt(word));
        bad_every(table, every, message, "add for example from = 2026-12-01T09:00:00");
    }
    let anchor = from?.at;
    all_right.then_some(Trigger::Elapsed { every: span.length, anchor })
}

/// `every` is neither a word nor a span.
fn bad_word(table: &Table<'_>, every: &Placed<&str>) {
    let plain = every.value.trim().to_lowercase();
    let weekday = WEEKDAYS.iter().find(|(name, _)| *name == plain || format!("{name}s") == plain);
    let help = if let Some((day, _)) = weekday {
        format!("write every = \"week\" and on = \"{day}\"")
    } else {
        match plain.as_str() {
            "hour" | "hourly" => "write \"1h\", and the beginning in `from`".into(),
            "minute" => "write for example \"15m\", and the beginning in `from`".into(),
            "daily" => "did you mean \"day\"?".into(),
            "weekly" => "did you mean \"week\"?".into(),
            "workday" | "working day" | "weekdays" => "did you mean \"weekday\"?".into(),
            "monthly" => "did you mean \"month\"?".into(),
            "yearly" | "annually" => "did you mean \"year\"?".into(),
            "quarter" | "quarterly" => "write \"3 months\", and the first of them in `from`".into(),
            "fortnight" | "biweekly" | "other week" | "second week" => {
                "write \"2 weeks\", and a day of the first of them in `from`".into()
            }
            _ => match nearest(&plain, ["day", "weekday", "week", "2 weeks", "month", "year"]) {
                Some(word) => format!("did you mean \"{word}\"?"),
                None => EVERY.into(),
            },
        }
    };
    let message = format!("`every` can't be \"{}\"", excerpt(every.value));
    table.report(Problem::new(Code::UnknownWord, every.span.clone(), message).with_help(help));
}
