//! The text of a recurrence rule, such as `FREQ=MONTHLY;BYDAY=-1FR`: understood strictly, explained generously.

use std::ops::Range;

use chrono::{NaiveDate, NaiveDateTime, NaiveTime, Weekday};

use super::rule::{By, ByDay, Frequency, Rule, RuleEnd};
use crate::domain::document::excerpt;
use crate::domain::nearest::nearest;

/// What a rule says, without where it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleText {
    pub frequency: Frequency,
    pub interval: u32,
    pub end: RuleEnd,
    /// Where `UNTIL` stands when it is an instant in UTC, and so not a time on anybody's clock.
    pub until_in_utc: Option<Range<usize>>,
    pub by: By,
    pub week_start: Weekday,
}

/// What is wrong with a part of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleFault {
    /// The bytes of the text that are wrong.
    pub range: Range<usize>,
    pub message: String,
    pub help: String,
}

impl RuleText {
    /// The rule that begins at `start`, at these times of day.
    #[must_use]
    pub fn beginning(self, start: NaiveDateTime, times: Vec<NaiveTime>) -> Rule {
        let Self { frequency, interval, end, until_in_utc: _, by, week_start } = self;
        Rule { frequency, interval, end, by, week_start, start, times }.completed()
    }
}

const EXAMPLE: &str = "write for example \"FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,TH\"";

const PARTS: [&str; 11] = [
    "FREQ",
    "INTERVAL",
    "COUNT",
    "UNTIL",
    "BYMONTH",
    "BYWEEKNO",
    "BYYEARDAY",
    "BYMONTHDAY",
    "BYDAY",
    "BYSETPOS",
    "WKST",
];

const DAYS: [(&str, Weekday); 7] = [
    ("MO", Weekday::Mon),
    ("TU", Weekday::Tue),
    ("WE", Weekday::Wed),
    ("TH", Weekday::Thu),
    ("FR", Weekday::Fri),
    ("SA", Weekday::Sat),
    ("SU", Weekday::Sun),
];

/// One `NAME=VALUE` of a rule and where it stands.
struct Part<'t> {
    name: String,
    value: &'t str,
    range: Range<usize>,
}

impl Part<'_> {
    fn fault(&self, message: impl Into<String>, help: impl Into<String>) -> RuleFault {
        RuleFault { range: self.range.clone(), message: message.into(), help: help.into() }
    }

    fn bad(&self, help: impl Into<String>) -> RuleFault {
        self.fault(format!("{} can't be \"{}\"", self.name, excerpt(self.value)), help)
    }
}

/// Understands a rule, or says all that is wrong with it.
pub fn understand(text: &str) -> Result<RuleText, Vec<RuleFault>> {
    let mut faults = Vec::new();
    let parts = parts(text, &mut faults);
    let mut frequency = None;
    let mut rule = RuleText {
        frequency: Frequency::Daily,
        interval: 1,
        end: RuleEnd::Never,
        until_in_utc: None,
        by: By::default(),
        week_start: Weekday::Mon,
    };
    for part in &parts {
        if let Err(fault) = take_in(&mut rule, &mut frequency, part) {
            faults.push(fault);
        }
    }
    match frequency {
        Some(frequency) => rule.frequency = frequency,
        None if parts.iter().any(|part| part.name == "FREQ") => {}
        None => faults.push(RuleFault {
            range: 0..text.len(),
            message: "a recurrence rule needs FREQ".into(),
            help: EXAMPLE.into(),
        }),
    }
    if faults.is_empty() {
        faults.extend(parts.iter().filter_map(|part| misfit(&rule, part)));
    }
    if faults.is_empty() { Ok(rule) } else { Err(faults) }
}

fn parts<'t>(text: &'t str, faults: &mut Vec<RuleFault>) -> Vec<Part<'t>> {
    let mut parts: Vec<Part<'t>> = Vec::new();
    let prefix = if text.get(..6).is_some_and(|prefix| prefix.eq_ignore_ascii_case("RRULE:")) { 6 } else { 0 };
    let mut at = prefix;
    for piece in text[prefix..].split(';') {
        let range = at..at + piece.len();
        at = range.end + 1;
        if piece.trim().is_empty() && range.end == text.len() {
            continue;
        }
        let fault = |message: String, help: String| RuleFault { range: range.clone(), message, help };
        let Some((name, value)) = piece.split_once('=') else {
            faults.push(fault(format!("\"{}\" is no part of a recurrence rule", excerpt(piece)), EXAMPLE.into()));
            continue;
        };
        let name = name.trim().to_ascii_uppercase();
        if parts.iter().any(|part| part.name == name) {
            faults.push(fault(format!("{} is there twice", excerpt(&name)), "remove one of the two".into()));
        } else if matches!(name.as_str(), "BYHOUR" | "BYMINUTE" | "BYSECOND") {
            let help = "write the times of day in `at`, as in at = [\"09:00\", \"16:00\"]";
            faults.push(fault(format!("{name} is not used here"), help.into()));
        } else if PARTS.contains(&name.as_str()) {
            parts.push(Part { name, value: value.trim(), range });
        } else {
            let help = match nearest(&name, PARTS) {
                Some(part) => format!("did you mean {part}?"),
                None => format!("the parts are {}", PARTS.join(", ")),
            };
            faults.push(fault(format!("unknown part {} of a recurrence rule", excerpt(&name)), help));
        }
    }
    parts
}

fn take_in(rule: &mut RuleText, frequency: &mut Option<Frequency>, part: &Part<'_>) -> Result<(), RuleFault> {
    match part.name.as_str() {
        "FREQ" => *frequency = Some(read_frequency(part)?),
        "INTERVAL" => rule.interval = number(part, 1..=9999)?,
        "COUNT" | "UNTIL" if rule.end != RuleEnd::Never => {
            return Err(part.fault("COUNT and UNTIL exclude each other", "remove one of the two"));
        }
        "COUNT" => rule.end = RuleEnd::Count(number(part, 1..=100_000)?),
        "UNTIL" => {
            let until = part.value.to_ascii_uppercase();
            rule.end =
                RuleEnd::Until(read_until(&until).ok_or_else(|| part.bad("write the last day as in UNTIL=20271231"))?);
            rule.until_in_utc = until.ends_with('Z').then(|| part.range.clone());
        }
        "BYMONTH" => {
            rule.by.month = list(part, |item| item.parse().ok().filter(|month| (1..=12).contains(month)))
                .map_err(|()| part.bad("months go from 1 to 12, with commas between them"))?;
        }
        "BYWEEKNO" => rule.by.week_number = signed(part, 53)?,
        "BYYEARDAY" => rule.by.year_day = signed(part, 366)?,
        "BYMONTHDAY" => rule.by.month_day = signed(part, 31)?,
        "BYSETPOS" => rule.by.set_position = signed(part, 366)?,
        "BYDAY" => {
            rule.by.day = list(part, read_day)
                .map_err(|()| part.bad("write days as in MO,WE, or with a number as in 1MO or -1FR"))?;
        }
        // Only known parts come here, and this is the last of them.
        _ => rule.week_start = weekday(part.value).ok_or_else(|| part.bad("write a day, as in WKST=MO"))?,
    }
    Ok(())
}

fn read_frequency(part: &Part<'_>) -> Result<Frequency, RuleFault> {
    match part.value.to_ascii_uppercase().as_str() {
        "DAILY" => Ok(Frequency::Daily),
        "WEEKLY" => Ok(Frequency::Weekly),
        "MONTHLY" => Ok(Frequency::Monthly),
        "YEARLY" => Ok(Frequency::Yearly),
        "HOURLY" | "MINUTELY" | "SECONDLY" => {
            Err(part.bad("for spans of elapsed time write every = \"90m\" instead of a rule"))
        }
        other => Err(part.bad(match nearest(other, ["DAILY", "WEEKLY", "MONTHLY", "YEARLY"]) {
            Some(word) => format!("did you mean {word}?"),
            None => "write DAILY, WEEKLY, MONTHLY or YEARLY".into(),
        })),
    }
}

fn number(part: &Part<'_>, range: std::ops::RangeInclusive<u32>) -> Result<u32, RuleFault> {
    let number = part.value.parse().ok().filter(|number| range.contains(number));
    number.ok_or_else(|| part.bad(format!("write a number from {} to {}", range.start(), range.end())))
}

/// Numbers from 1 to `most`, or from the end -1 to -`most`.
fn signed(part: &Part<'_>, most: i32) -> Result<Vec<i32>, RuleFault> {
    let one = |item: &str| item.parse::<i32>().ok().filter(|number| *number != 0 && (-most..=most).contains(number));
    list(part, one).map_err(|()| part.bad(format!("write numbers from 1 to {most}, or from the end -1 to -{most}")))
}

fn list<T>(part: &Part<'_>, read: impl Fn(&str) -> Option<T>) -> Result<Vec<T>, ()> {
    part.value.split(',').map(|item| read(item.trim()).ok_or(())).collect()
}

fn read_day(text: &str) -> Option<ByDay> {
    let split = text.len().checked_sub(2).filter(|at| text.is_char_boundary(*at))?;
    let (nth, day) = text.split_at(split);
    let nth = match nth {
        "" => None,
        nth => Some(nth.parse::<i32>().ok().filter(|nth| *nth != 0 && (-53..=53).contains(nth))?),
    };
    Some(ByDay { nth, weekday: weekday(day)? })
}

fn weekday(text: &str) -> Option<Weekday> {
    DAYS.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)).map(|(_, weekday)| *weekday)
}

/// A date means the whole of that day.
fn read_until(text: &str) -> Option<NaiveDateTime> {
    let (date, time) = match text.split_once('T') {
        Some((date, time)) => (date, NaiveTime::parse_from_str(time.trim_end_matches('Z'), "%H%M%S").ok()?),
        None => (text, NaiveTime::from_hms_opt(23, 59, 59)?),
    };
    let date = (date.len() == 8).then(|| NaiveDate::parse_from_str(date, "%Y%m%d").ok())??;
    Some(date.and_time(time))
}

/// Parts that mean nothing beside the others.
fn misfit(rule: &RuleText, part: &Part<'_>) -> Option<RuleFault> {
    let yearly = rule.frequency == Frequency::Yearly;
    let with_day = |help: &str| Some(part.fault(format!("{} does not fit this rule", part.name), help));
    match part.name.as_str() {
        "BYWEEKNO" | "BYYEARDAY" if !yearly => with_day("it is for FREQ=YEARLY only"),
        "BYWEEKNO" if rule.by.day.is_empty() => with_day("say which day of the week with BYDAY"),
        "BYMONTHDAY" if rule.frequency == Frequency::Weekly => with_day("use BYDAY, or FREQ=MONTHLY"),
        "BYDAY" if rule.by.day.iter().any(|day| day.nth.is_some()) => {
            let in_month = yearly || rule.frequency == Frequency::Monthly;
            if !in_month {
                with_day("a number before a day is for FREQ=MONTHLY and FREQ=YEARLY")
            } else if !rule.by.week_number.is_empty() {
                with_day("leave out the number before the day beside BYWEEKNO")
            } else {
                None
            }
        }
        "BYSETPOS" if rule.by == (By { set_position: rule.by.set_position.clone(), ..By::default() }) => {
            with_day("add the days from which it chooses, as in BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(text: &str) -> Vec<String> {
        let faults = understand(text).err().unwrap_or_default();
        faults
            .iter()
            .map(|fault| format!("{} | {}; {}", &text[fault.range.clone()], fault.message, fault.help))
            .collect()
    }

    #[test]
    fn a_rule_in_all_its_parts() {
        let rule =
            understand("RRULE:FREQ=MONTHLY;INTERVAL=3;COUNT=10;BYMONTH=1,6;BYDAY=-1FR,2mo;BYSETPOS=1,-1;WKST=SU;")
                .expect("understood");
        assert_eq!((rule.frequency, rule.interval, rule.end), (Frequency::Monthly, 3, RuleEnd::Count(10)));
        let days = [(Some(-1), Weekday::Fri), (Some(2), Weekday::Mon)];
        assert_eq!(rule.by.day, days.map(|(nth, weekday)| ByDay { nth, weekday }));
        assert_eq!((rule.by.month, rule.by.set_position), (vec![1, 6], vec![1, -1]));
        assert_eq!(rule.week_start, Weekday::Sun);
        let end = understand("FREQ=DAILY;UNTIL=20271231").expect("understood").end;
        assert_eq!(end, RuleEnd::Until("2027-12-31T23:59:59".parse().expect("a time")));
    }

    #[test]
    fn everything_that_is_wrong_is_said_at_its_place() {
        let check = |text: &str, expect: &[&str]| assert_eq!(faults(text), expect, "{text}");
        check(
            "BYDAY=MO",
            &["BYDAY=MO | a recurrence rule needs FREQ; write for example \"FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,TH\""],
        );
        check(
            "FREQ=WEEKLI;BYDAYS=MO;INTERVAL=0",
            &[
                "BYDAYS=MO | unknown part BYDAYS of a recurrence rule; did you mean BYDAY?",
                "FREQ=WEEKLI | FREQ can't be \"WEEKLI\"; did you mean WEEKLY?",
                "INTERVAL=0 | INTERVAL can't be \"0\"; write a number from 1 to 9999",
            ],
        );
        check(
            "FREQ=WEEKLY;BYDAY=1MO;BYMONTHDAY=3",
            &[
                "BYDAY=1MO | BYDAY does not fit this rule; a number before a day is for FREQ=MONTHLY and FREQ=YEARLY",
                "BYMONTHDAY=3 | BYMONTHDAY does not fit this rule; use BYDAY, or FREQ=MONTHLY",
            ],
        );
        check(
            "FREQ=DAILY;COUNT=3;UNTIL=20270101",
            &["UNTIL=20270101 | COUNT and UNTIL exclude each other; remove one of the two"],
        );
        check(
            "FREQ=DAILY;BYHOUR=9",
            &["BYHOUR=9 | BYHOUR is not used here; write the times of day in `at`, as in at = [\"09:00\", \"16:00\"]"],
        );
        check(
            "FREQ=HOURLY",
            &[
                "FREQ=HOURLY | FREQ can't be \"HOURLY\"; for spans of elapsed time write every = \"90m\" instead of a rule",
            ],
        );
    }
}
