//! Holidays in iCalendar (RFC 5545): the days of its events, whatever else is said of them.
//!
//! Only what makes a day off is read: `DTSTART`, `DTEND` or `DURATION` in days, `RRULE`, `EXDATE`, `SUMMARY` and
//! `STATUS`. Times of day are left out: an event that touches a day makes it a holiday.

use std::ops::Range;

use chrono::{NaiveDate, NaiveTime};

use super::{HolidayCalendar, LONGEST, RepeatedHoliday};
use crate::domain::document::excerpt;
use crate::domain::problem::{Code, Problem};
use crate::domain::recurrence::rrule;

/// A content line: unfolded, with where it stands.
struct Line {
    span: Range<usize>,
    text: String,
}

/// What has been read of an event so far.
#[derive(Default)]
struct Event {
    begin: Range<usize>,
    first: Option<NaiveDate>,
    /// Whether its first day is written, also where it is not understood.
    is_dated: bool,
    /// The day after the last one.
    end: Option<NaiveDate>,
    days: Option<u32>,
    title: Option<String>,
    rule: Option<(Range<usize>, String)>,
    except: Vec<NaiveDate>,
    is_cancelled: bool,
}

pub(super) fn read(text: &str) -> (HolidayCalendar, Vec<Problem>) {
    let mut calendar = HolidayCalendar::default();
    let mut problems = Vec::new();
    let mut event: Option<Event> = None;
    let (mut is_calendar, mut is_open) = (false, false);
    // Components inside of an event, such as alarms, have dates of their own.
    let mut depth = 0_u32;
    for line in unfold(text) {
        let Some((name, value)) = split(&line.text) else {
            problems.push(
                Problem::new(
                    Code::BadCalendar,
                    line.span,
                    format!("\"{}\" is no line of a calendar", excerpt(&line.text)),
                )
                .with_help("export the calendar again as iCalendar (.ics)"),
            );
            continue;
        };
        match (name.as_str(), value) {
            ("BEGIN", "VCALENDAR") => (is_calendar, is_open) = (true, true),
            ("END", "VCALENDAR") => is_open = false,
            ("BEGIN", "VEVENT") => event = Some(Event { begin: line.span, ..Event::default() }),
            ("BEGIN", _) if event.is_some() => depth += 1,
            ("END", "VEVENT") => {
                if let Some(event) = event.take() {
                    event.put_into(&mut calendar, &mut problems);
                }
                depth = 0;
            }
            ("END", _) => depth = depth.saturating_sub(1),
            _ => {
                if let (Some(event), 0) = (&mut event, depth) {
                    event.take_in(&name, value, line.span, &mut problems);
                }
            }
        }
    }
    if !is_calendar && problems.is_empty() {
        problems.push(
            Problem::new(Code::BadCalendar, 0..0, "this is no iCalendar file: BEGIN:VCALENDAR is missing")
                .with_help("export the calendar again as iCalendar (.ics)"),
        );
    }
    // Cut off between two events, it would be a calendar with fewer holidays.
    let cut_off = match event {
        Some(event) => Some((event.begin, "this event has no end: the file is cut off")),
        None if is_open => Some((text.len()..text.len(), "END:VCALENDAR is missing: the file is cut off here")),
        None => None,
    };
    if let Some((span, message)) = cut_off {
        problems.push(Problem::new(Code::BadCalendar, span, message).with_help("copy the file again"));
    }
    (calendar, problems)
}

/// The content lines: a line that begins with a blank goes on where the last one ended.
fn unfold(text: &str) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    let mut at = 0;
    for raw in text.split_inclusive('\n') {
        let line = raw.trim_end_matches(['\n', '\r']);
        let span = at..at + line.len();
        at += raw.len();
        match (line.strip_prefix([' ', '\t']), lines.last_mut()) {
            (Some(rest), Some(last)) => {
                last.text.push_str(rest);
                last.span.end = span.end;
            }
            _ if line.trim().is_empty() => {}
            _ => lines.push(Line { span, text: line.trim_start_matches('\u{feff}').to_owned() }),
        }
    }
    lines
}

/// The name in capitals without its parameters, and the value. A colon in a quoted parameter does not end the name.
fn split(line: &str) -> Option<(String, &str)> {
    let mut quoted = false;
    let colon = line.find(|c: char| {
        quoted ^= c == '"';
        c == ':' && !quoted
    })?;
    let name = line[..colon].split(';').next()?.trim();
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    is_name.then(|| (name.to_ascii_uppercase(), line[colon + 1..].trim()))
}

impl Event {
    fn take_in(&mut self, name: &str, value: &str, span: Range<usize>, problems: &mut Vec<Problem>) {
        match name {
            "DTSTART" => {
                self.is_dated = true;
                match date(value) {
                    Some(date) => self.first = Some(date),
                    None => problems.push(bad_date(value, span)),
                }
            }
            "DTEND" => match date(value) {
                // An end in the middle of a day takes that day in; an end at its very beginning does not.
                Some(date) if has_time(value) => self.end = date.succ_opt(),
                Some(date) => self.end = Some(date),
                None => problems.push(bad_date(value, span)),
            },
            "DURATION" => self.days = days(value),
            "SUMMARY" => self.title = Some(value.replace("\\,", ",").replace("\\;", ";").replace("\\n", " ")),
            "RRULE" => self.rule = Some((span, value.to_owned())),
            "EXDATE" => self.except.extend(value.split(',').filter_map(date)),
            "STATUS" => self.is_cancelled = value.eq_ignore_ascii_case("CANCELLED"),
            _ => {}
        }
    }

    fn put_into(self, calendar: &mut HolidayCalendar, problems: &mut Vec<Problem>) {
        if self.is_cancelled {
            return;
        }
        let Some(first) = self.first else {
            if !self.is_dated {
                problems.push(
                    Problem::new(Code::BadCalendar, self.begin, "this event has no DTSTART, so it is on no day")
                        .with_help("remove it, or export the calendar again"),
                );
            }
            return;
        };
        let until_end = self.end.map(|end| (end - first).num_days()).and_then(|days| u32::try_from(days).ok());
        let length = until_end.or(self.days).unwrap_or(1).clamp(1, LONGEST);
        let title = self.title.unwrap_or_else(|| "holiday".into());
        let Some((span, text)) = self.rule else {
            calendar.add(first, length, &title);
            return;
        };
        match rrule::understand(&text) {
            Ok(parts) => {
                let rule = parts.beginning(first.and_time(NaiveTime::MIN), vec![NaiveTime::MIN]);
                calendar.repeated.push(RepeatedHoliday { title, rule, length, except: self.except });
            }
            Err(faults) => {
                problems.extend(
                    faults.into_iter().map(|fault| {
                        Problem::new(Code::BadCalendar, span.clone(), fault.message).with_help(fault.help)
                    }),
                );
            }
        }
    }
}

fn has_time(value: &str) -> bool {
    value.split_once('T').is_some_and(|(_, time)| !time.starts_with("000000"))
}

fn date(value: &str) -> Option<NaiveDate> {
    let date = value.split('T').next()?;
    (date.len() == 8).then(|| NaiveDate::parse_from_str(date, "%Y%m%d").ok())?
}

/// Whole days and weeks of a duration such as `P1D`; a part of a day is a day.
fn days(value: &str) -> Option<u32> {
    let (days, time) = match value.strip_prefix('P')?.split_once('T') {
        Some((days, _)) => (days, 1),
        None => (value.strip_prefix('P')?, 0),
    };
    let number = |unit: char| days.strip_suffix(unit).map(str::parse::<u32>);
    match (number('D'), number('W')) {
        (Some(Ok(days)), _) => days.checked_add(time),
        (_, Some(Ok(weeks))) => weeks.checked_mul(7),
        _ => Some(1),
    }
}

fn bad_date(value: &str, span: Range<usize>) -> Problem {
    Problem::new(Code::BadCalendar, span, format!("\"{}\" is not understood as a date", excerpt(value)))
        .with_help("a date is written as in 20261224")
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFICE: &str = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nDTSTART;VALUE=DATE:20261224\r\n\
        DTEND;VALUE=DATE:20261227\r\nSUMMARY:Christ\r\n mas\\, all of it\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\n\
        DTSTART;TZID=\"Europe/Berlin: here\":20260501T000000\r\nRRULE:FREQ=YEARLY;UNTIL=20290501T000000Z\r\n\
        EXDATE;VALUE=DATE:20280501\r\nSUMMARY:Labour Day\r\nBEGIN:VALARM\r\nTRIGGER:-PT1H\r\n\
        DURATION:P9D\r\nEND:VALARM\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\nDTSTART;VALUE=DATE:20270101\r\n\
        STATUS:CANCELLED\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";

    #[test]
    fn events_make_holidays() {
        let (calendar, problems) = read(OFFICE);
        assert_eq!(problems, []);
        let on = |date: &str| calendar.on(date.parse().expect("a date"));
        assert_eq!(on("2026-12-23"), None);
        assert_eq!(on("2026-12-24"), Some("Christmas, all of it"));
        assert_eq!(on("2026-12-26"), Some("Christmas, all of it"));
        assert_eq!(on("2026-12-27"), None, "the end of an event is the day after it");
        assert_eq!(on("2027-05-01"), Some("Labour Day"));
        assert_eq!(on("2027-05-02"), None, "an alarm inside of an event is not the event");
        assert_eq!(on("2028-05-01"), None, "an exception of the rule");
        assert_eq!(on("2029-05-01"), Some("Labour Day"));
        assert_eq!(on("2030-05-01"), None);
        assert_eq!(on("2027-01-01"), None, "cancelled");
    }

    #[test]
    fn what_is_wrong_has_its_place() {
        let check = |text: &str, expect: &[&str]| {
            let (_, problems) = read(text);
            let got: Vec<_> = problems
                .iter()
                .map(|problem| format!("{} | {}", &text[problem.span.clone()], problem.message))
                .collect();
            assert_eq!(got, expect, "{text}");
        };
        check("hello", &["hello | \"hello\" is no line of a calendar"]);
        check("X:1", &[" | this is no iCalendar file: BEGIN:VCALENDAR is missing"]);
        let event = |lines: &str| format!("BEGIN:VCALENDAR\nBEGIN:VEVENT\n{lines}\nEND:VEVENT\nEND:VCALENDAR");
        check(&event("DTSTART:2026-12-24"), &["DTSTART:2026-12-24 | \"2026-12-24\" is not understood as a date"]);
        check(&event("SUMMARY:X"), &["BEGIN:VEVENT | this event has no DTSTART, so it is on no day"]);
        check(&event("DTSTART:20261224\nRRULE:FREQ=NOW"), &["RRULE:FREQ=NOW | FREQ can't be \"NOW\""]);
        let cut_between = "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20261224\nEND:VEVENT\n";
        check(cut_between, &[" | END:VCALENDAR is missing: the file is cut off here"]);
        check("BEGIN:VCALENDAR\nBEGIN:VEVENT\n", &["BEGIN:VEVENT | this event has no end: the file is cut off"]);
    }
}
