//! Cron patterns: five fields, read on the schedule's clock.
//!
//! croner understands more than we allow and says less than a writer needs, so each field is looked at here first, and
//! croner has the last word. What both accept is then tried on the calendar: `0 9 31 2 *` is a pattern that never fires.

use std::ops::Range;

use chrono::{Datelike, NaiveDate, NaiveTime};
use croner::parser::{CronParser, Seconds, Year};

use crate::domain::document::{Value, excerpt};
use crate::domain::nearest::nearest;
use crate::domain::problem::{Code, Problem};
use crate::domain::schedule::model::CronPattern;

/// One of the five fields.
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

const FIELDS: [Field; 5] = [
    Field { name: "minute", least: 0, most: 59, names: &[], kind: FieldKind::Plain },
    Field { name: "hour", least: 0, most: 23, names: &[], kind: FieldKind::Plain },
    Field { name: "day of the month", least: 1, most: 31, names: &[], kind: FieldKind::DayOfMonth },
    Field { name: "month", least: 1, most: 12, names: MONTHS, kind: FieldKind::Plain },
    Field { name: "day of the week", least: 0, most: 7, names: DAYS, kind: FieldKind::DayOfWeek },
];

const NICKNAMES: [&str; 6] = ["@yearly", "@annually", "@monthly", "@weekly", "@daily", "@hourly"];

const EXAMPLE: &str = "write minute, hour, day, month and day of the week, as in \"0 9 * * mon-fri\"";

/// What is wrong with a part of a pattern.
struct Fault {
    range: Range<usize>,
    message: String,
    help: String,
}

/// The pattern in `value`; what is wrong with it is reported at the part of it that is wrong.
pub(super) fn read(value: &Value<'_>) -> Option<CronPattern> {
    let Some(text) = value.text() else {
        value.wrong_type("a pattern in quotes", Some("write for example cron = \"0 9 * * mon-fri\"".into()));
        return None;
    };
    match understand(text) {
        Ok(pattern) => Some(pattern),
        Err(faults) => {
            for Fault { range, message, help } in faults {
                value.report(Problem::new(Code::BadCron, value.part(range), message).with_help(help));
            }
            None
        }
    }
}

fn understand(text: &str) -> Result<CronPattern, Vec<Fault>> {
    let whole = |message: String, help: String| vec![Fault { range: 0..text.len(), message, help }];
    let trimmed = text.trim();
    if trimmed.starts_with('@') {
        if !NICKNAMES.contains(&trimmed.to_lowercase().as_str()) {
            let help = match nearest(trimmed, NICKNAMES) {
                Some(nickname) => format!("did you mean \"{nickname}\"?"),
                None => EXAMPLE.into(),
            };
            return Err(whole(format!("unknown cron pattern \"{}\"", excerpt(trimmed)), help));
        }
    } else {
        check_fields(text)?;
    }
    let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
    let cron = parser.parse(trimmed).map_err(|error| {
        let detail = error.to_string();
        let detail = detail.split(": ").last().unwrap_or_default().trim_end_matches('.').to_lowercase();
        whole(format!("this cron pattern is not understood: {}", excerpt(&detail)), EXAMPLE.into())
    })?;
    if !fires(&cron) {
        return Err(whole(
            "this cron pattern never fires: there is no such day".into(),
            "check the day and the month; for the last day of each month write `L` as the day".into(),
        ));
    }
    Ok(CronPattern { text: trimmed.to_owned(), cron: Box::new(cron) })
}

fn check_fields(text: &str) -> Result<(), Vec<Fault>> {
    let fields = fields(text);
    let whole = |message: String, help: &str| vec![Fault { range: 0..text.len(), message, help: help.into() }];
    match fields.len() {
        5 => {}
        0 => return Err(whole("this cron pattern is empty".into(), EXAMPLE)),
        6 | 7 => {
            let message = format!("a cron pattern has five fields, and this has {}", fields.len());
            return Err(whole(message, "leave out seconds and years: the first field is the minute"));
        }
        n => return Err(whole(format!("a cron pattern has five fields, and this has {n}"), EXAMPLE)),
    }
    let mut faults = Vec::new();
    for (field, range) in FIELDS.iter().zip(&fields) {
        let mut at = range.start;
        for item in text[range.clone()].split(',') {
            if let Err((message, help)) = field.check(item)
                && faults.last().is_none_or(|last: &Fault| last.message != message)
            {
                faults.push(Fault { range: at..at + item.len(), message, help });
            }
            at += item.len() + 1;
        }
    }
    let restricted = |index: usize| !matches!(&text[fields[index].clone()], "*" | "?");
    if faults.is_empty() && restricted(2) && restricted(4) {
        faults.push(Fault {
            range: fields[2].start..fields[4].end,
            message: "a day of the month and a day of the week together can mean both or either".into(),
            help: "write `*` for one of the two, and make two schedules for either; for the first monday of a month write `* * mon#1`".into(),
        });
    }
    if faults.is_empty() { Ok(()) } else { Err(faults) }
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
    let first = |values: Vec<u16>| values.first().copied().map(u32::from);
    let (Some(hour), Some(minute)) = (first(cron.pattern.hours.values()), first(cron.pattern.minutes.values())) else {
        return false;
    };
    let Some(time) = NaiveTime::from_hms_opt(hour, minute, 0) else { return false };
    let Some(start) = NaiveDate::from_ymd_opt(2001, 1, 1) else { return false };
    start
        .iter_days()
        .take_while(|day| day.year() < 2001 + 28)
        .any(|day| cron.is_time_matching(&day.and_time(time).and_utc()).unwrap_or(false))
}
