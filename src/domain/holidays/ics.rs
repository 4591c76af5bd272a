//! Holidays in iCalendar (RFC 5545): the days of its events, whatever else is said of them.
//!
//! Only what makes a day off is read: `DTSTART`, `DTEND` or `DURATION` in days, `RRULE`, `RDATE`, `EXDATE`,
//! `RECURRENCE-ID`, `SUMMARY` and `STATUS`. Times of day are left out: an event that touches a day makes it a holiday.
//! What is written in UTC is read on the clock of its event, or else of its calendar: midnight in Berlin is yesterday in
//! UTC.

use std::collections::BTreeMap;
use std::ops::Range;

use chrono::{NaiveDate, NaiveDateTime, NaiveTime};
use chrono_tz::Tz;

use self::stamp::{Clock, Stamp, named};
use super::{HolidayCalendar, LONGEST, RepeatedHoliday, midnight};
use crate::domain::document::excerpt;
use crate::domain::problem::{Code, Problem};
use crate::domain::recurrence::rrule;
use crate::domain::recurrence::rule::{By, Rule, RuleEnd};
use crate::domain::time::ZoneRules;

// A date or time, and on whose clock it is.
mod stamp;

/// A content line: unfolded, with where it stands.
struct Line {
    span: Range<usize>,
    text: String,
}

/// What a content line says. The name is in capitals.
struct Property<'l> {
    name: String,
    parameters: &'l str,
    value: &'l str,
}

/// What has been read of an event so far.
#[derive(Default)]
struct Event {
    begin: Range<usize>,
    uid: Option<String>,
    first: Option<Stamp>,
    /// Whether its first day is written, also where it is not understood.
    is_dated: bool,
    end: Option<Stamp>,
    days: Option<u32>,
    title: Option<String>,
    rule: Option<(Range<usize>, String)>,
    /// Days besides its first one and those of its rule.
    also: Vec<Stamp>,
    except: Vec<Stamp>,
    /// The day of another event of the same `UID` in whose place it stands.
    instead_of: Option<Stamp>,
    is_cancelled: bool,
}

/// The days of an event, on its clock.
struct Days {
    begin: NaiveDateTime,
    /// How many they are, each time.
    length: u32,
    also: Vec<NaiveDate>,
    except: Vec<NaiveDate>,
}

/// The days of an event, by its `UID`, in whose place others stand.
type Replaced = BTreeMap<String, Vec<NaiveDate>>;

pub(super) fn read(text: &str, rules: &dyn ZoneRules) -> (HolidayCalendar, Vec<Problem>) {
    let mut problems = Vec::new();
    let mut events: Vec<Event> = Vec::new();
    let mut event: Option<Event> = None;
    let mut house: Option<Tz> = None;
    let (mut is_calendar, mut is_open) = (false, false);
    // Components inside of an event, such as alarms, have dates of their own.
    let mut depth = 0_u32;
    for line in unfold(text) {
        let Some(property) = split(&line.text) else {
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
        match (property.name.as_str(), property.value) {
            ("BEGIN", "VCALENDAR") => (is_calendar, is_open) = (true, true),
            ("END", "VCALENDAR") => is_open = false,
            ("BEGIN", "VEVENT") => event = Some(Event { begin: line.span, ..Event::default() }),
            ("BEGIN", _) if event.is_some() => depth += 1,
            ("END", "VEVENT") => {
                events.extend(event.take());
                depth = 0;
            }
            ("END", _) => depth = depth.saturating_sub(1),
            ("X-WR-TIMEZONE", zone) => house = named(zone),
            _ => {
                if let (Some(event), 0) = (&mut event, depth) {
                    event.take_in(&property, &line.span, &mut problems);
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
    let clock_of = |event: &Event| {
        let own = [&event.first, &event.end].into_iter().flatten().find_map(|stamp| stamp.zone);
        Clock { zone: own.or(house), rules }
    };
    let mut replaced = Replaced::new();
    for event in &events {
        if let (Some(uid), Some(day)) = (&event.uid, &event.instead_of) {
            match clock_of(event).date(day) {
                Ok(day) => replaced.entry(uid.clone()).or_default().push(day),
                Err(problem) => problems.push(problem),
            }
        }
    }
    let mut calendar = HolidayCalendar::default();
    for event in events {
        let clock = clock_of(&event);
        event.put_into(&mut calendar, &clock, &replaced, &mut problems);
    }
    problems.sort_by_key(|problem| problem.span.start);
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

/// A colon in a quoted parameter does not end the name.
fn split(line: &str) -> Option<Property<'_>> {
    let mut quoted = false;
    let colon = line.find(|c: char| {
        quoted ^= c == '"';
        c == ':' && !quoted
    })?;
    let (name, parameters) = line[..colon].split_once(';').unwrap_or((&line[..colon], ""));
    let name = name.trim();
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    is_name.then(|| Property { name: name.to_ascii_uppercase(), parameters, value: line[colon + 1..].trim() })
}

impl Property<'_> {
    fn parameter(&self, wanted: &str) -> Option<&str> {
        let mut quoted = false;
        let mut parameters = self.parameters.split(|c: char| {
            quoted ^= c == '"';
            c == ';' && !quoted
        });
        parameters.find_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            name.trim().eq_ignore_ascii_case(wanted).then(|| value.trim().trim_matches('"'))
        })
    }

    /// Its dates or times: what is not understood is a problem.
    fn stamps(&self, span: &Range<usize>, problems: &mut Vec<Problem>) -> Vec<Stamp> {
        let zone = self.parameter("TZID").and_then(named);
        let read = |item: &str| match Stamp::read(item.trim(), zone, span.clone()) {
            Ok(stamp) => Some(stamp),
            Err(problem) => {
                problems.push(problem);
                None
            }
        };
        self.value.split(',').filter_map(read).collect()
    }
}

impl Event {
    fn take_in(&mut self, property: &Property<'_>, span: &Range<usize>, problems: &mut Vec<Problem>) {
        let value = property.value;
        match property.name.as_str() {
            "UID" => self.uid = Some(value.to_owned()),
            "DTSTART" => {
                self.is_dated = true;
                self.first = property.stamps(span, problems).pop();
            }
            "DTEND" => self.end = property.stamps(span, problems).pop(),
            "DURATION" => self.days = days(value),
            "SUMMARY" => self.title = Some(value.replace("\\,", ",").replace("\\;", ";").replace("\\n", " ")),
            "RRULE" => self.rule = Some((span.clone(), value.to_owned())),
            "RDATE" => self.also.extend(property.stamps(span, problems)),
            "EXDATE" => self.except.extend(property.stamps(span, problems)),
            "RECURRENCE-ID" if property.parameter("RANGE").is_some() => problems.push(
                Problem::new(Code::BadCalendar, span.clone(), "this event moves all that follow as well")
                    .with_help("end the first event with UNTIL, and write another one for what follows"),
            ),
            "RECURRENCE-ID" => self.instead_of = property.stamps(span, problems).pop(),
            "STATUS" => self.is_cancelled = value.eq_ignore_ascii_case("CANCELLED"),
            _ => {}
        }
    }

    fn put_into(
        self,
        calendar: &mut HolidayCalendar,
        clock: &Clock<'_>,
        replaced: &Replaced,
        problems: &mut Vec<Problem>,
    ) {
        if self.is_cancelled {
            return;
        }
        let Some(start) = &self.first else {
            if !self.is_dated {
                problems.push(
                    Problem::new(Code::BadCalendar, self.begin, "this event has no DTSTART, so it is on no day")
                        .with_help("remove it, or export the calendar again"),
                );
            }
            return;
        };
        let Days { begin, length, mut also, mut except } = match self.days_from(start, clock) {
            Ok(days) => days,
            Err(problem) => return problems.push(problem),
        };
        if let (None, Some(uid)) = (&self.instead_of, &self.uid) {
            except.extend(replaced.get(uid).into_iter().flatten());
        }
        let title = self.title.unwrap_or_else(|| "holiday".into());
        match self.rule.map(|(span, text)| read_rule(&span, &text, start, begin, clock)) {
            None => also.push(begin.date()),
            Some(Ok(rule)) => {
                let (title, except) = (title.clone(), except.clone());
                calendar.repeated.push(RepeatedHoliday { title, rule, length, except });
            }
            Some(Err(mut faults)) => problems.append(&mut faults),
        }
        for day in also.into_iter().filter(|day| !except.contains(day)) {
            calendar.add(day, length, &title);
        }
    }

    fn days_from(&self, start: &Stamp, clock: &Clock<'_>) -> Result<Days, Problem> {
        let begin = clock.civil(start)?;
        let until_end = match &self.end {
            Some(end) => {
                let end = clock.civil(end)?;
                // An end in the middle of a day takes that day in; an end at its very beginning does not.
                let part = i64::from(end.time() != NaiveTime::MIN);
                u32::try_from((end.date() - begin.date()).num_days() + part).ok()
            }
            None => None,
        };
        let dates = |stamps: &[Stamp]| stamps.iter().map(|stamp| clock.date(stamp)).collect::<Result<Vec<_>, _>>();
        Ok(Days {
            begin,
            length: until_end.or(self.days).unwrap_or(1).clamp(1, LONGEST),
            also: dates(&self.also)?,
            except: dates(&self.except)?,
        })
    }
}

/// The rule of an event that begins at `start`, which is `begin` on its clock.
fn read_rule(
    span: &Range<usize>,
    text: &str,
    start: &Stamp,
    begin: NaiveDateTime,
    clock: &Clock<'_>,
) -> Result<Rule, Vec<Problem>> {
    let bad = |message: &str, help: &str| Problem::new(Code::BadCalendar, span.clone(), message).with_help(help);
    let mut parts = rrule::understand(text)
        .map_err(|faults| faults.iter().map(|fault| bad(&fault.message, &fault.help)).collect::<Vec<_>>())?;
    if start.is_utc && start.date != begin.date() && parts.by != By::default() {
        let help = "export it with the zone in which it repeats (TZID), or as an event of whole days";
        return Err(vec![bad("this event repeats in UTC, where it begins on another day", help)]);
    }
    if let RuleEnd::Until(until) = parts.end {
        let until = match parts.until_in_utc {
            Some(_) => clock.of_utc(until, text, span).map_err(|problem| vec![problem])?,
            None => until,
        };
        // Here it begins at midnight each time, so its end comes as much earlier.
        parts.end = RuleEnd::Until(until - (begin.time() - NaiveTime::MIN));
    }
    Ok(parts.beginning(midnight(begin.date()), vec![NaiveTime::MIN]))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::known::KnownRules;

    const OFFICE: &str = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nDTSTART;VALUE=DATE:20261224\r\n\
        DTEND;VALUE=DATE:20261227\r\nSUMMARY:Christ\r\n mas\\, all of it\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\n\
        DTSTART;TZID=\"Europe/Berlin: here\":20260501T000000\r\nRRULE:FREQ=YEARLY;UNTIL=20290501T000000Z\r\n\
        EXDATE;VALUE=DATE:20280501\r\nSUMMARY:Labour Day\r\nBEGIN:VALARM\r\nTRIGGER:-PT1H\r\n\
        DURATION:P9D\r\nEND:VALARM\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\nDTSTART;VALUE=DATE:20270101\r\n\
        STATUS:CANCELLED\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";

    #[test]
    fn events_make_holidays() {
        let (calendar, problems) = read(OFFICE, &KnownRules);
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
            let (_, problems) = read(text, &KnownRules);
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
        let zone = "is a time in UTC, and nothing says on whose clock it is";
        check(
            &event("DTSTART:20261223T230000Z"),
            &[&format!("DTSTART:20261223T230000Z | \"20261223T230000Z\" {zone}")],
        );
        check(
            &event("DTSTART;VALUE=DATE:20260501\nRRULE:FREQ=YEARLY;UNTIL=20290430T220000Z"),
            &[&format!("RRULE:FREQ=YEARLY;UNTIL=20290430T220000Z | \"FREQ=YEARLY;UNTIL=20290430T220000Z\" {zone}")],
        );
        check(
            &event("DTEND:20261224T2300Z\nDTSTART:20261224"),
            &["DTEND:20261224T2300Z | \"20261224T2300Z\" is not understood as a date"],
        );
        check(
            &event("DTSTART:20261224\nRDATE;VALUE=PERIOD:20261226T000000Z/P1D"),
            &["RDATE;VALUE=PERIOD:20261226T000000Z/P1D | \"20261226T000000Z/P1D\" is not understood as a date"],
        );
        check(
            &event("RECURRENCE-ID;RANGE=THISANDFUTURE:20261224\nDTSTART:20261224"),
            &["RECURRENCE-ID;RANGE=THISANDFUTURE:20261224 | this event moves all that follow as well"],
        );
        check(&event("DTSTART;TZID=Asia/Tokyo:20261224T000000\nDTEND:20261224T150000Z"), &[]);
        check(
            &format!(
                "BEGIN:VCALENDAR\nX-WR-TIMEZONE:Europe/Berlin\n{}",
                &event("DTSTART:20260429T220000Z\nRRULE:FREQ=WEEKLY;BYDAY=WE")[16..]
            ),
            &["RRULE:FREQ=WEEKLY;BYDAY=WE | this event repeats in UTC, where it begins on another day"],
        );
        let cut_between = "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20261224\nEND:VEVENT\n";
        check(cut_between, &[" | END:VCALENDAR is missing: the file is cut off here"]);
        check("BEGIN:VCALENDAR\nBEGIN:VEVENT\n", &["BEGIN:VEVENT | this event has no end: the file is cut off"]);
    }

    /// The days off of the years from 2026 to 2030, of a calendar with these lines and one event with those.
    fn days_off(calendar: &str, events: &[&str]) -> Vec<String> {
        let events: Vec<_> = events.iter().map(|lines| format!("BEGIN:VEVENT\n{lines}\nEND:VEVENT\n")).collect();
        let text = format!("BEGIN:VCALENDAR\n{calendar}\n{}END:VCALENDAR\n", events.concat());
        let (calendar, problems) = read(&text, &KnownRules);
        assert_eq!(problems, [], "{text}");
        let begin: NaiveDate = "2026-01-01".parse().expect("a date");
        let days = begin.iter_days().take(5 * 365 + 1).filter(|day| calendar.contains(*day));
        days.map(|day| day.to_string()).collect()
    }

    #[test]
    fn what_is_written_in_utc_is_a_day_on_the_clock_of_the_event_or_the_calendar() {
        let eve = "DTSTART:20261223T230000Z\nDTEND:20261224T230000Z";
        assert_eq!(days_off("X-WR-TIMEZONE:Europe/Berlin", &[eve]), ["2026-12-24"]);
        assert_eq!(days_off("X-WR-TIMEZONE:W. Europe Standard Time", &[eve]), ["2026-12-24"]);
        assert_eq!(days_off("X-WR-TIMEZONE:UTC", &[eve]), ["2026-12-23", "2026-12-24"]);
        let mixed = "DTSTART;TZID=\"W. Europe Standard Time\":20261224T000000\nDTEND:20261224T230000Z";
        assert_eq!(days_off("X-WR-TIMEZONE:Asia/Tokyo", &[mixed]), ["2026-12-24"]);
        let summer = "DTSTART:20260430T220000Z\nRRULE:FREQ=YEARLY;COUNT=2\nEXDATE:20270430T220000Z";
        assert_eq!(days_off("X-WR-TIMEZONE:Europe/Berlin", &[summer]), ["2026-05-01"]);
        // Some programs write whole days so, without a zone.
        assert_eq!(days_off("", &["DTSTART:20261224T000000Z\nDTEND:20261225T000000Z"]), ["2026-12-24"]);
    }

    #[test]
    fn the_end_of_a_rule_is_an_instant_where_it_is_written_in_utc() {
        let may = |lines: &str| days_off("X-WR-TIMEZONE:Europe/Berlin", &[lines]).last().cloned();
        let last = |day: &str| Some(day.to_owned());
        let midnight = "DTSTART;TZID=Europe/Berlin:20260501T000000\nRRULE:FREQ=YEARLY;UNTIL=";
        assert_eq!(may(&format!("{midnight}20290430T220000Z")), last("2029-05-01"));
        assert_eq!(may(&format!("{midnight}20290430T215959Z")), last("2028-05-01"));
        let morning = "DTSTART;TZID=Europe/Berlin:20260501T090000\nRRULE:FREQ=YEARLY;UNTIL=";
        assert_eq!(may(&format!("{morning}20290501T070000Z")), last("2029-05-01"));
        assert_eq!(may(&format!("{morning}20290501T065959Z")), last("2028-05-01"));
        assert_eq!(may(&format!("{morning}20290501")), last("2029-05-01"));
        assert_eq!(may("DTSTART;VALUE=DATE:20260501\nRRULE:FREQ=YEARLY;UNTIL=20290430T220000Z"), last("2029-05-01"));
    }

    #[test]
    fn days_are_added_to_an_event_and_moved() {
        let added = "DTSTART;VALUE=DATE:20260105\nRDATE;VALUE=DATE:20260107,20260109\nEXDATE;VALUE=DATE:20260109";
        assert_eq!(days_off("", &[added]), ["2026-01-05", "2026-01-07"]);
        let yearly = "UID:a\nDTSTART;VALUE=DATE:20260501\nRRULE:FREQ=YEARLY;COUNT=3";
        let moved = "UID:a\nRECURRENCE-ID;VALUE=DATE:20270501\nDTSTART;VALUE=DATE:20270503";
        assert_eq!(days_off("", &[moved, yearly]), ["2026-05-01", "2027-05-03", "2028-05-01"]);
        let dropped = "UID:a\nRECURRENCE-ID;VALUE=DATE:20270501\nDTSTART;VALUE=DATE:20270501\nSTATUS:CANCELLED";
        assert_eq!(days_off("", &[yearly, dropped]), ["2026-05-01", "2028-05-01"]);
        let other = "UID:b\nRECURRENCE-ID;VALUE=DATE:20280501\nDTSTART;VALUE=DATE:20280501\nSTATUS:CANCELLED";
        assert_eq!(days_off("", &[yearly, other]), ["2026-05-01", "2027-05-01", "2028-05-01"]);
    }
}
