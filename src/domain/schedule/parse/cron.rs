//! Cron patterns: five fields, or six with the seconds first, read on the schedule's clock.
//!
//! croner understands more than we allow and says less than a writer needs, so each field is looked at here first, and
//! croner has the last word. What both accept is then tried on the calendar: `0 9 31 2 *` is a pattern that never fires.

use std::ops::Range;

use chrono::{Datelike, NaiveDate, NaiveTime};
use croner::parser::{CronParser, Seconds, Year};

use super::trigger::Limit;
use crate::domain::document::{Table, excerpt};
use crate::domain::nearest::nearest;
use crate::domain::problem::{Code, Problem};
use crate::domain::schedule::when::CronPattern;

/// One of the fields.
struct Field {
    name: &'static str,
    least: u32,
    most: u32,
    /// Names that stand for numbers, the first one for `least`.
    names: &'static [&'static str],
    /// Whether `L`, `W` and `#` mean something there.
    kind: FieldKind,
}

#[derive(PartialEq, Eq)]
enum FieldKind {
    Plain,
    DayOfMonth,
    DayOfWeek,
}

const MONTHS: &[&str] = &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const DAYS: &[&str] = &["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

const FIELDS: [Field; 6] = [
    Field { name: "second", least: 0, most: 59, names: &[], kind: FieldKind::Plain },
    Field { name: "minute", least: 0, most: 59, names: &[], kind: FieldKind::Plain },
    Field { name: "hour", least: 0, most: 23, names: &[], kind: FieldKind::Plain },
    Field { name: "day of the month", least: 1, most: 31, names: &[], kind: FieldKind::DayOfMonth },
    Field { name: "month", least: 1, most: 12, names: MONTHS, kind: FieldKind::Plain },
    Field { name: "day of the week", least: 0, most: 7, names: DAYS, kind: FieldKind::DayOfWeek },
];

const NICKNAMES: [&str; 7] = ["@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"];

const EXAMPLE: &str = "write minute, hour, day, month and day of the week, as in \"0 9 * * mon-fri\"";

/// What is wrong with a part of a pattern.
struct Fault {
    code: Code,
    range: Range<usize>,
    message: String,
    help: String,
}

/// How a pattern is read in which both the day of the month and the day of the week are restricted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Together {
    /// On days that are both.
    Both,
    /// On days that are the one or the other.
    Either,
}

/// The pattern of `cron`; what is wrong with it is reported at the part of it that is wrong.
pub(super) fn read(table: &mut Table<'_>, from: Option<&Limit>) -> Option<CronPattern> {
    let together = table.word("days", &[("both", Together::Both), ("either", Together::Either)]);
    let days_are_wrong = table.has("days") && together.is_none();
    let value = table.value("cron")?;
    let Some(text) = value.text() else {
        value.wrong_type("a pattern in quotes", Some("write for example cron = \"0 9 * * mon-fri\"".into()));
        return None;
    };
    let together = together.map(|word| word.value);
    let understood = understand(text, together, from);
    let (faults, pattern) = match understood {
        Ok((pattern, warning)) => (warning.into_iter().collect(), Some(pattern)),
        // What `days` was to say is not known, so nothing can be missed.
        Err(faults) if days_are_wrong => {
            (faults.into_iter().filter(|fault| fault.code != Code::DaysInDoubt).collect(), None)
        }
        Err(faults) => (faults, None),
    };
    for Fault { code, range, message, help } in faults {
        value.report(Problem::new(code, value.part(range), message).with_help(help));
    }
    pattern.filter(|_| !days_are_wrong)
}

/// The pattern, and what is odd about it.
type Understood = (CronPattern, Option<Fault>);

fn understand(text: &str, together: Option<Together>, from: Option<&Limit>) -> Result<Understood, Vec<Fault>> {
    let whole =
        |message: String, help: String| vec![Fault { code: Code::BadCron, range: 0..text.len(), message, help }];
    let trimmed = text.trim();
    let mut fields = None;
    if trimmed.starts_with('@') {
        if !NICKNAMES.contains(&trimmed.to_lowercase().as_str()) {
            let help = match nearest(trimmed, NICKNAMES) {
                Some(nickname) => format!("did you mean \"{nickname}\"?"),
                None => EXAMPLE.into(),
            };
            return Err(whole(format!("unknown cron pattern \"{}\"", excerpt(trimmed)), help));
        }
    } else {
        let days = check_fields(text)?;
        if days.both_restricted && together.is_none() {
            return Err(vec![in_doubt(trimmed, days.range, from)]);
        }
        fields = Some(days);
    }
    let pattern = parse(trimmed, together.unwrap_or(Together::Either)).map_err(|error| {
        let detail = error.to_string();
        let detail = detail.split(": ").last().unwrap_or_default().trim_end_matches('.').to_lowercase();
        whole(format!("this cron pattern is not understood: {}", excerpt(&detail)), EXAMPLE.into())
    })?;
    if pattern.pattern.seconds.values().len() > 1 {
        return Err(vec![too_often(text)]);
    }
    if !fires(&pattern) {
        return Err(whole(
            "this cron pattern never fires: there is no such day".into(),
            "check the day and the month; for the last day of each month write `L` as the day".into(),
        ));
    }
    let warning = fields.and_then(|days| short_months(text, &days, &pattern));
    Ok((CronPattern { text: trimmed.to_owned(), cron: Box::new(pattern) }, warning))
}

/// More often than once a minute, as `every` neither may be: a `*` too many, as a rule.
fn too_often(text: &str) -> Fault {
    let range = fields(text).first().cloned().unwrap_or_default();
    Fault {
        code: Code::BadCron,
        message: format!("`{}` as the second fires more than once a minute", excerpt(&text[range.clone()])),
        range,
        help: "write one second, such as `0`, or leave the field out".into(),
    }
}

fn parse(pattern: &str, together: Together) -> Result<croner::Cron, croner::errors::CronError> {
    let pattern = if pattern.eq_ignore_ascii_case("@midnight") { "@daily" } else { pattern };
    let both = together == Together::Both;
    CronParser::builder().seconds(Seconds::Optional).year(Year::Disallowed).dom_and_dow(both).build().parse(pattern)
}

/// Both kinds of days are restricted and nothing says how they go together. The answer differs from one cron to the
/// next, so it has to be written down; the next dates of each reading help to choose.
fn in_doubt(pattern: &str, range: Range<usize>, from: Option<&Limit>) -> Fault {
    let dates = |together| {
        let Ok(cron) = parse(pattern, together) else { return String::new() };
        let start = from.map_or_else(example_date, |from| from.at.date());
        let dates = days_of(&cron, start).take(3).map(|date| date.format("%Y-%m-%d").to_string());
        dates.collect::<Vec<_>>().join(", ")
    };
    Fault {
        code: Code::DaysInDoubt,
        range,
        message: "a day of the month and a day of the week together can mean both or either".into(),
        help: format!(
            "add days = \"both\" ({} …) or days = \"either\" ({} …)",
            dates(Together::Both),
            dates(Together::Either)
        ),
    }
}

/// Where examples begin when the schedule itself says nothing.
fn example_date() -> NaiveDate {
    NaiveDate::from_ymd_opt(2027, 1, 1).unwrap_or_default()
}

/// What the fields say about days.
struct DayFields {
    /// Where the day of the month, the month and the day of the week stand.
    range: Range<usize>,
    day_of_month: Range<usize>,
    both_restricted: bool,
}

/// The day of a pattern that is not in every month that it names, so that cron leaves the short ones out. Of days in a row or in
/// steps it is the first: where only the last are missing, no month is left out.
fn short_months(text: &str, days: &DayFields, cron: &croner::Cron) -> Option<Fault> {
    let shortest = cron.pattern.months.values().into_iter().map(shortest_length).min()?;
    let first_day = |item: &str| {
        let digits = item.split_once(|c: char| !c.is_ascii_digit()).map_or(item, |(digits, _)| digits);
        digits.parse::<u32>().ok()
    };
    let items = text[days.day_of_month.clone()].split(',');
    let day = items.filter_map(first_day).filter(|day| *day > shortest).max()?;
    Some(Fault {
        code: Code::ShortMonthsSkipped,
        range: days.day_of_month.clone(),
        message: format!("cron leaves out the months that have no day {day}"),
        help: "for the last day of each month write `L` as the day".into(),
    })
}

/// How many days a month has, in most years.
fn shortest_length(month: u16) -> u32 {
    match month {
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn check_fields(text: &str) -> Result<DayFields, Vec<Fault>> {
    let fields = fields(text);
    let code = Code::BadCron;
    let whole = |message: String, help: &str| vec![Fault { code, range: 0..text.len(), message, help: help.into() }];
    let kinds = match fields.len() {
        5 => &FIELDS[1..],
        6 => &FIELDS[..],
        0 => return Err(whole("this cron pattern is empty".into(), EXAMPLE)),
        n => return Err(whole(format!("a cron pattern has five fields, and this has {n}"), EXAMPLE)),
    };
    let mut faults = Vec::new();
    for (field, range) in kinds.iter().zip(&fields) {
        let mut at = range.start;
        for item in text[range.clone()].split(',') {
            if let Err((message, help)) = field.check(item)
                && faults.last().is_none_or(|last: &Fault| last.message != message)
            {
                faults.push(Fault { code, range: at..at + item.len(), message, help });
            }
            at += item.len() + 1;
        }
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    let [.., day_of_month, _, day_of_week] = fields.as_slice() else { return Err(faults) };
    let restricted = |field: &Range<usize>| !matches!(&text[field.clone()], "*" | "?");
    Ok(DayFields {
        range: day_of_month.start..day_of_week.end,
        day_of_month: day_of_month.clone(),
        both_restricted: restricted(day_of_month) && restricted(day_of_week),
    })
}

/// Where the fields stand, separated by white space.
fn fields(text: &str) -> Vec<Range<usize>> {
    let mut fields: Vec<Range<usize>> = Vec::new();
    for (at, c) in text.char_indices().filter(|(_, c)| !c.is_whitespace()) {
        let end = at + c.len_utf8();
        match fields.last_mut() {
            Some(field) if field.end == at => field.end = end,
            _ => fields.push(at..end),
        }
    }
    fields
}

type Cure = (String, String);

impl Field {
    /// One item of the comma-separated list in a field.
    fn check(&self, item: &str) -> Result<(), Cure> {
        let plain = item.to_ascii_lowercase();
        if plain == "*" || (plain == "?" && self.kind != FieldKind::Plain) || self.is_special(&plain) {
            return Ok(());
        }
        if plain.is_empty() {
            return Err((format!("the {} is empty next to a comma", self.name), "remove the comma".into()));
        }
        if let Some((range, step)) = plain.split_once('/') {
            let stepped = range == "*" || range.contains('-');
            let step = step.parse::<u32>().ok().filter(|step| (1..=self.most).contains(step));
            if !stepped || step.is_none() {
                let message = format!("`{}` is not understood as steps of the {}", excerpt(item), self.name);
                return Err((message, "write for example `*/15`, or `9-17/2`".into()));
            }
            return if range == "*" { Ok(()) } else { self.check(range) };
        }
        if let Some((first, last)) = plain.split_once('-') {
            let (first, last) = (self.number(first)?, self.number(last)?);
            if first > last {
                let message = format!("`{}` ends before it begins", excerpt(item));
                return Err((message, "write the two parts one by one, as in `fri,sat,sun,mon` or `22,23,0,1`".into()));
            }
            return Ok(());
        }
        self.number(&plain).map(|_| ())
    }

    /// `L`, `LW` and `15W` for days of the month; `friL` and `mon#1` for days of the week.
    fn is_special(&self, item: &str) -> bool {
        match self.kind {
            FieldKind::Plain => false,
            FieldKind::DayOfMonth => {
                item == "l" || item == "lw" || item.strip_suffix('w').is_some_and(|day| self.number(day).is_ok())
            }
            FieldKind::DayOfWeek => {
                item.strip_suffix('l').is_some_and(|day| self.number(day).is_ok())
                    || item.split_once('#').is_some_and(|(day, nth)| {
                        self.number(day).is_ok() && matches!(nth, "1" | "2" | "3" | "4" | "5")
                    })
            }
        }
    }

    fn number(&self, text: &str) -> Result<u32, Cure> {
        let named = self.names.iter().position(|name| *name == text);
        let number = match named {
            // A field has at most a dozen names.
            Some(index) => u32::try_from(index).ok().map(|index| index + self.least),
            None if text.len() <= 3 && text.bytes().all(|b| b.is_ascii_digit()) => text.parse().ok(),
            None => None,
        };
        if let Some(number) = number
            && (self.least..=self.most).contains(&number)
        {
            return Ok(number);
        }
        let message = format!("`{}` is not understood as the {}", excerpt(text), self.name);
        let help = if number.is_some() || self.names.is_empty() {
            format!("the {} goes from {} to {}", self.name, self.least, self.most)
        } else {
            let short = self.names.iter().find(|name| text.starts_with(**name)).copied();
            match short.or_else(|| nearest(text, self.names.iter().copied())) {
                Some(name) => format!("did you mean `{name}`?"),
                None => format!("write a number from {} to {}, or {}", self.least, self.most, self.names.join(", ")),
            }
        };
        Err((message, help))
    }
}

/// Whether there is any day on which the pattern fires. The calendar of dates and weekdays repeats after 28 years, as
/// long as no century comes between.
fn fires(cron: &croner::Cron) -> bool {
    let start = NaiveDate::from_ymd_opt(2001, 1, 1).unwrap_or_default();
    days_of(cron, start).take_while(|day| day.year() < 2001 + 28).next().is_some()
}

/// The days from `start` on on which the pattern fires, for some decades.
fn days_of(cron: &croner::Cron, start: NaiveDate) -> impl Iterator<Item = NaiveDate> {
    let first = |values: Vec<u16>| values.first().copied().map(u32::from);
    let (hours, minutes, seconds) = (&cron.pattern.hours, &cron.pattern.minutes, &cron.pattern.seconds);
    let time = first(hours.values())
        .zip(first(minutes.values()))
        .zip(first(seconds.values()))
        .and_then(|((hour, minute), second)| NaiveTime::from_hms_opt(hour, minute, second));
    let decades = 40 * 366;
    start.iter_days().take(decades).filter(move |day| {
        time.is_some_and(|time| cron.is_time_matching(&day.and_time(time).and_utc()).unwrap_or(false))
    })
}
