//! Dates and times of day, as people write them: understood strictly, explained generously.

use std::ops::Range;

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime};

use crate::domain::problem::Code;

/// A date, a time of day, or both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Civil {
    Date(NaiveDate),
    Time(NaiveTime),
    DateTime(NaiveDateTime),
    /// With an offset from UTC: one instant.
    Instant(DateTime<FixedOffset>),
}

/// Why a text is no date or time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CivilFault {
    pub code: Code,
    /// The bytes of the text that are wrong.
    pub range: Range<usize>,
    pub message: String,
    pub help: String,
}

impl Civil {
    /// Understands `2026-12-01`, `09:00`, `09:00:00`, `2026-12-01T09:00`, and the last with `+01:00` or `Z`.
    pub fn read(text: &str) -> Result<Self, CivilFault> {
        let start = text.len() - text.trim_start().len();
        let text_at = |range: Range<usize>| start + range.start..start + range.end;
        let text = text.trim();
        if text.is_empty() {
            return Err(bad_time(text, text_at(0..0)));
        }
        let Some(date_text) = date_part(text) else {
            return read_time(text).map(Civil::Time).ok_or_else(|| bad_time(text, text_at(0..text.len())));
        };
        let date = read_date(date_text).map_err(|mut fault| {
            fault.range = text_at(fault.range);
            fault
        })?;
        let rest = &text[date_text.len()..];
        let Some(rest) = rest.strip_prefix(['T', 't', ' ']) else {
            return if rest.is_empty() { Ok(Civil::Date(date)) } else { Err(bad_time(text, text_at(0..text.len()))) };
        };
        let offset_at = rest.find(['+', '-', 'Z', 'z']).unwrap_or(rest.len());
        let (time_text, offset_text) = rest.split_at(offset_at);
        let time_range = date_text.len() + 1..date_text.len() + 1 + time_text.len();
        let time = read_time(time_text.trim_end())
            .ok_or_else(|| bad_time_of(time_text.trim_end(), text_at(time_range), Some(date)))?;
        let local = date.and_time(time);
        if offset_text.is_empty() {
            return Ok(Civil::DateTime(local));
        }
        read_offset(offset_text)
            .and_then(|offset| local.and_local_timezone(offset).single())
            .map(Civil::Instant)
            .ok_or_else(|| CivilFault {
                code: Code::BadTime,
                range: text_at(text.len() - offset_text.len()..text.len()),
                message: format!("`{offset_text}` is not an offset from UTC"),
                help: "write it as in `+01:00`, or leave it out for the recipient's own clock".into(),
            })
    }
}

/// Takes apart what TOML has already understood. Leap seconds and fractions are beyond what a wall clock shows.
pub(super) fn from_toml(value: &toml::value::Datetime) -> Result<Civil, CivilFault> {
    let text = value.to_string();
    let time = match value.time {
        None => None,
        Some(time) => Some(
            NaiveTime::from_hms_opt(time.hour.into(), time.minute.into(), time.second.unwrap_or(0).into())
                .filter(|_| time.nanosecond.unwrap_or(0) == 0)
                .ok_or_else(|| bad_time(&text, 0..text.len()))?,
        ),
    };
    let date = match value.date {
        None => None,
        Some(date) => Some(
            NaiveDate::from_ymd_opt(date.year.into(), date.month.into(), date.day.into())
                .ok_or_else(|| bad_time(&text, 0..text.len()))?,
        ),
    };
    let offset = value.offset.map(|offset| match offset {
        toml::value::Offset::Z => 0,
        toml::value::Offset::Custom { minutes } => i32::from(minutes) * 60,
    });
    let civil = match (date, time, offset) {
        (Some(date), None, None) => Some(Civil::Date(date)),
        (None, Some(time), None) => Some(Civil::Time(time)),
        (Some(date), Some(time), None) => Some(Civil::DateTime(date.and_time(time))),
        (Some(date), Some(time), Some(seconds)) => FixedOffset::east_opt(seconds)
            .and_then(|offset| date.and_time(time).and_local_timezone(offset).single())
            .map(Civil::Instant),
        _ => None,
    };
    civil.ok_or_else(|| bad_time(&text, 0..text.len()))
}

/// The leading part of `text` that looks like a date, whether or not it is one.
fn date_part(text: &str) -> Option<&str> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '-').unwrap_or(text.len());
    let date = &text[..end];
    let dashes = date.matches('-').count();
    (dashes == 2 && !date.starts_with('-')).then_some(date)
}

/// `YYYY-MM-DD`.
fn read_date(text: &str) -> Result<NaiveDate, CivilFault> {
    let fault = |code, message: String, help: String| CivilFault { code, range: 0..text.len(), message, help };
    let parts: Vec<&str> = text.split('-').collect();
    let number = |index: usize| parts.get(index).and_then(|part: &&str| part.parse::<u32>().ok());
    let (Some(year), Some(month), Some(day)) = (number(0), number(1), number(2)) else {
        return Err(fault(
            Code::ImpossibleDate,
            format!("`{text}` is not a date"),
            "write the year, the month and the day, as in 2026-12-01".into(),
        ));
    };
    let impossible = |help: String| fault(Code::ImpossibleDate, format!("{text} is not in the calendar"), help);
    if parts[0].len() != 4 {
        return Err(impossible("write the year with four digits and first, as in 2026-12-01".into()));
    }
    // Four digits always fit.
    let year = i32::try_from(year).unwrap_or(i32::MAX);
    if !(1..=12).contains(&month) {
        return Err(impossible("months go from 01 to 12".into()));
    }
    let Some(date) = NaiveDate::from_ymd_opt(year, month, day) else {
        let days = days_in_month(year, month);
        return Err(impossible(format!("{} {year} has {days} days", MONTHS[month as usize - 1])));
    };
    if parts[1].len() != 2 || parts[2].len() != 2 {
        return Err(fault(
            Code::BadTime,
            format!("`{text}` is not understood as a date"),
            format!("write {}", date.format("%Y-%m-%d")),
        ));
    }
    Ok(date)
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

fn days_in_month(year: i32, month: u32) -> u32 {
    (28..=31).rev().find(|day| NaiveDate::from_ymd_opt(year, month, *day).is_some()).unwrap_or(31)
}

/// `HH:MM` or `HH:MM:SS`.
fn read_time(text: &str) -> Option<NaiveTime> {
    let parts: Vec<&str> = text.split(':').collect();
    let two_digits = |part: &&str| part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
    if !(2..=3).contains(&parts.len()) || !parts.iter().all(two_digits) {
        return None;
    }
    let number = |index: usize| parts.get(index).map_or(Some(0), |part| part.parse().ok());
    NaiveTime::from_hms_opt(number(0)?, number(1)?, number(2)?)
}

/// `Z` or `+HH:MM`.
fn read_offset(text: &str) -> Option<FixedOffset> {
    if text.eq_ignore_ascii_case("z") {
        return FixedOffset::east_opt(0);
    }
    let (sign, rest) = text.split_at_checked(1)?;
    let seconds = (read_time(rest).filter(|_| rest.len() == 5)? - NaiveTime::MIN).num_seconds();
    let seconds = i32::try_from(seconds).ok()?;
    FixedOffset::east_opt(if sign == "-" { -seconds } else { seconds })
}

fn bad_time(text: &str, range: Range<usize>) -> CivilFault {
    bad_time_of(text, range, None)
}

/// A text that is no time, with the most probable right one. `date` is the date that stands before it.
fn bad_time_of(text: &str, range: Range<usize>, date: Option<NaiveDate>) -> CivilFault {
    let help = match (guess_time(text), date) {
        (Some(time), None) => format!("write \"{}\"", time.format("%H:%M")),
        (Some(time), Some(date)) => format!("write {}T{}", date.format("%Y-%m-%d"), time.format("%H:%M:%S")),
        (None, _) if looks_like_a_clock(text) => {
            "hours go from 00 to 23, minutes and seconds from 00 to 59, and there are no fractions".into()
        }
        (None, _) if text.contains(['.', '/']) => "write the year first, as in 2026-12-01".into(),
        (None, _) => "write a time as in \"09:00\", and a date with a time as in 2026-12-01T09:00:00".into(),
    };
    let message = if text.is_empty() {
        "a date or a time is missing here".into()
    } else {
        format!("`{}` is not understood as a time", excerpt(text))
    };
    CivilFault { code: Code::BadTime, range, message, help }
}

/// Text from a file as it may stand in a message of one line.
pub(super) fn excerpt(text: &str) -> String {
    const LONGEST: usize = 40;
    let line = text.lines().next().unwrap_or("");
    let mut short: String = line.chars().filter(|c| !c.is_control()).take(LONGEST).collect();
    if line.chars().count() > LONGEST || text.lines().nth(1).is_some() {
        short.push('…');
    }
    short
}

fn looks_like_a_clock(text: &str) -> bool {
    text.contains(':') && text.starts_with(|c: char| c.is_ascii_digit())
}

/// What somebody who writes `9:00`, `9 am`, `9h30` or `17.30` has in mind.
pub(super) fn guess_time(text: &str) -> Option<NaiveTime> {
    let text = text.trim().to_lowercase();
    let (clock, afternoon) = if let Some(rest) = text.strip_suffix("am").or_else(|| text.strip_suffix("a.m.")) {
        (rest.trim_end(), Some(false))
    } else if let Some(rest) = text.strip_suffix("pm").or_else(|| text.strip_suffix("p.m.")) {
        (rest.trim_end(), Some(true))
    } else {
        (text.as_str(), None)
    };
    let separator = clock.find([':', '.', 'h']);
    let (hour, minute) = match separator {
        Some(at) => (&clock[..at], clock[at + 1..].trim_end_matches(":00")),
        None if afternoon.is_some() => (clock, ""),
        None => return None,
    };
    let number = |digits: &str| -> Option<u32> {
        (digits.len() <= 2 && digits.bytes().all(|b| b.is_ascii_digit())).then_some(())?;
        if digits.is_empty() { Some(0) } else { digits.parse().ok() }
    };
    let hour = number(hour).filter(|_| !hour.is_empty())?;
    let hour = match afternoon {
        Some(true) if hour < 12 => hour + 12,
        Some(false) if hour == 12 => 0,
        _ => hour,
    };
    NaiveTime::from_hms_opt(hour, number(minute)?, 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: &str) {
        let got = match Civil::read(text) {
            Ok(Civil::Date(date)) => format!("date {date}"),
            Ok(Civil::Time(time)) => format!("time {time}"),
            Ok(Civil::DateTime(at)) => format!("local {at}"),
            Ok(Civil::Instant(at)) => format!("instant {at}"),
            Err(fault) => format!("{} {:?}: {}; {}", fault.code, &text[fault.range], fault.message, fault.help),
        };
        assert_eq!(got, expect, "{text:?}");
    }

    #[test]
    fn dates_and_times_have_few_forms() {
        check("2026-12-01", "date 2026-12-01");
        check("09:00", "time 09:00:00");
        check(" 09:00:30 ", "time 09:00:30");
        check("2026-12-01T09:00", "local 2026-12-01 09:00:00");
        check("2026-12-01 09:00:00", "local 2026-12-01 09:00:00");
        check("2026-12-01T09:00:00+01:00", "instant 2026-12-01 09:00:00 +01:00");
        check("2026-12-01T09:00Z", "instant 2026-12-01 09:00:00 +00:00");
    }

    #[test]
    fn what_is_wrong_is_said_with_a_cure() {
        check("2026-02-30", r#"N103 "2026-02-30": 2026-02-30 is not in the calendar; February 2026 has 28 days"#);
        check("2028-02-30T09:00", r#"N103 "2028-02-30": 2028-02-30 is not in the calendar; February 2028 has 29 days"#);
        check("2027-01-32", r#"N103 "2027-01-32": 2027-01-32 is not in the calendar; January 2027 has 31 days"#);
        check("2026-13-01", r#"N103 "2026-13-01": 2026-13-01 is not in the calendar; months go from 01 to 12"#);
        check("2026-12-1", r#"N104 "2026-12-1": `2026-12-1` is not understood as a date; write 2026-12-01"#);
        check("9:00", r#"N104 "9:00": `9:00` is not understood as a time; write "09:00""#);
        check("9 am", r#"N104 "9 am": `9 am` is not understood as a time; write "09:00""#);
        check("12 am", r#"N104 "12 am": `12 am` is not understood as a time; write "00:00""#);
        check("5:30 pm", r#"N104 "5:30 pm": `5:30 pm` is not understood as a time; write "17:30""#);
        check("17h30", r#"N104 "17h30": `17h30` is not understood as a time; write "17:30""#);
        check("2026-12-01 9:00", r#"N104 "9:00": `9:00` is not understood as a time; write 2026-12-01T09:00:00"#);
        check(
            "25:00",
            r#"N104 "25:00": `25:00` is not understood as a time; hours go from 00 to 23, minutes and seconds from 00 to 59, and there are no fractions"#,
        );
        check(
            "1.12.2026",
            r#"N104 "1.12.2026": `1.12.2026` is not understood as a time; write the year first, as in 2026-12-01"#,
        );
        check(
            "2026-12-01T09:00+1",
            r#"N104 "+1": `+1` is not an offset from UTC; write it as in `+01:00`, or leave it out for the recipient's own clock"#,
        );
    }
}
