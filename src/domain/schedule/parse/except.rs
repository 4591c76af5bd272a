//! Days off: `except` and `if_holiday`.

use std::sync::Arc;

use super::beside::Beside;
use crate::domain::document::{Table, Value, dates, excerpt};
use crate::domain::holidays::{HolidayCalendar, name_of};
use crate::domain::nearest::nearest;
use crate::domain::problem::{Code, Problem};
use crate::domain::schedule::when::{Exceptions, OnHoliday, RecipientHolidays};
use crate::domain::supplies::Understood;

const PREFIX: &str = "calendar:";
/// The name that means each recipient's own.
const RECIPIENT: &str = "recipient";

/// `None` when something in it is wrong: a schedule that fires on days it should not is worse than one held back.
pub(super) fn read(table: &mut Table<'_>, beside: &Beside<'_>) -> Option<Exceptions> {
    let mut exceptions = Exceptions::default();
    let words = [
        ("skip", OnHoliday::Skip),
        ("next workday", OnHoliday::NextWorkday),
        ("previous workday", OnHoliday::PreviousWorkday),
    ];
    let on_holiday = table.word("if_holiday", &words);
    if let Some(on_holiday) = &on_holiday {
        exceptions.on_holiday = on_holiday.value;
    }
    let Some(except) = table.value("except") else {
        if let Some(on_holiday) = on_holiday
            && !table.has("except")
        {
            table.report(
                Problem::new(Code::BadException, on_holiday.span, "`if_holiday` needs to know the holidays")
                    .with_help("add except = \"calendar:NAME\", or remove it"),
            );
        }
        return (!table.has("except")).then_some(exceptions);
    };
    let mut all_right = true;
    for item in except.items() {
        all_right &= read_item(&item, beside, &mut exceptions);
    }
    all_right.then_some(exceptions)
}

/// Returns whether it was understood.
fn read_item(item: &Value<'_>, beside: &Beside<'_>, exceptions: &mut Exceptions) -> bool {
    let text = item.text();
    if let Some(name) = text.and_then(|text| text.trim().strip_prefix(PREFIX)) {
        return read_calendar(item, name.trim(), beside, exceptions);
    }
    if let Some(text) = text
        && text.chars().any(char::is_alphabetic)
        && !text.contains(" to ")
    {
        let message = format!("\"{}\" is neither a date nor a calendar", excerpt(text));
        let help = match nearest(text, names(beside)) {
            Some(name) => format!("did you mean \"{PREFIX}{name}\"?"),
            None => format!("write a date as in 2026-12-24, or \"{PREFIX}NAME\""),
        };
        item.report(Problem::new(Code::BadException, item.span(), message).with_help(help));
        return false;
    }
    let Some((first, days)) = dates::read(item) else { return false };
    exceptions.dates.extend(first.iter_days().take(usize::try_from(days).unwrap_or(0)));
    true
}

fn read_calendar(item: &Value<'_>, name: &str, beside: &Beside<'_>, exceptions: &mut Exceptions) -> bool {
    if name == RECIPIENT {
        if exceptions.on_holiday != OnHoliday::Skip {
            let message = "`if_holiday` can't move a day for one recipient and not for another";
            item.report(
                Problem::new(Code::BadException, item.span(), message)
                    .with_help("name a calendar instead of \"calendar:recipient\", or remove `if_holiday`"),
            );
            return false;
        }
        let all = beside.calendars().filter_map(|path| usable(beside, path));
        exceptions.of_recipient = RecipientHolidays::Left(all.collect());
        return true;
    }
    let Some(path) = beside.calendars().find(|path| name_of(path) == name) else {
        item.report(unknown(item, name, beside));
        return false;
    };
    let Some(calendar) = usable(beside, path) else {
        let message = format!("{} has problems of its own", excerpt(path));
        item.report(Problem::new(Code::UnknownCalendar, item.span(), message).with_help("mend that file first"));
        return false;
    };
    exceptions.calendars.push(calendar);
    true
}

/// The calendar of a path, when nothing is wrong with it. From now on the schedule uses it.
fn usable(beside: &Beside<'_>, path: &str) -> Option<Arc<HolidayCalendar>> {
    match beside.get(path).filter(|supply| supply.is_good())?.understood {
        Understood::Calendar(ref calendar) => Some(Arc::clone(calendar)),
        Understood::Card(_) | Understood::Text(_) | Understood::Not => None,
    }
}

fn unknown(item: &Value<'_>, name: &str, beside: &Beside<'_>) -> Problem {
    let help = if let Some(known) = nearest(name, names(beside)) {
        format!("did you mean \"{PREFIX}{known}\"?")
    } else {
        let file = excerpt(name);
        format!("put it into calendars/{file}.ics or calendars/{file}.toml beside the schedules")
    };
    let message = format!("there is no calendar \"{}\"", excerpt(name));
    Problem::new(Code::UnknownCalendar, item.span(), message).with_help(help)
}

fn names<'s>(beside: &Beside<'s>) -> impl Iterator<Item = &'s str> {
    beside.calendars().map(name_of).chain([RECIPIENT])
}
