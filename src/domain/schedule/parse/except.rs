//! Days off: `except` and `if_holiday`.

use std::sync::Arc;

use crate::domain::document::{Table, Value, dates, excerpt};
use crate::domain::holidays::HolidayCalendar;
use crate::domain::nearest::nearest;
use crate::domain::problem::{Code, Problem};
use crate::domain::schedule::when::{Exceptions, OnHoliday, RecipientHolidays};

const PREFIX: &str = "calendar:";
/// The name that means each recipient's own.
const RECIPIENT: &str = "recipient";

/// `None` when something in it is wrong: a schedule that fires on days it should not is worse than one held back.
pub(super) fn read(table: &mut Table<'_>, calendars: &[Arc<HolidayCalendar>]) -> Option<Exceptions> {
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
        all_right &= read_item(&item, calendars, &mut exceptions);
    }
    all_right.then_some(exceptions)
}

/// Returns whether it was understood.
fn read_item(item: &Value<'_>, calendars: &[Arc<HolidayCalendar>], exceptions: &mut Exceptions) -> bool {
    let text = item.text();
    if let Some(name) = text.and_then(|text| text.trim().strip_prefix(PREFIX)) {
        return read_calendar(item, name.trim(), calendars, exceptions);
    }
    if let Some(text) = text
        && text.chars().any(char::is_alphabetic)
        && !text.contains(" to ")
    {
        let message = format!("\"{}\" is neither a date nor a calendar", excerpt(text));
        let help = match nearest(text, names(calendars)) {
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

fn read_calendar(
    item: &Value<'_>,
    name: &str,
    calendars: &[Arc<HolidayCalendar>],
    exceptions: &mut Exceptions,
) -> bool {
    if name == RECIPIENT {
        if exceptions.on_holiday != OnHoliday::Skip {
            let message = "`if_holiday` can't move a day for one recipient and not for another";
            item.report(
                Problem::new(Code::BadException, item.span(), message)
                    .with_help("name a calendar instead of \"calendar:recipient\", or remove `if_holiday`"),
            );
            return false;
        }
        exceptions.of_recipient = RecipientHolidays::Left(calendars.to_vec());
        return true;
    }
    if let Some(calendar) = calendars.iter().find(|calendar| calendar.name == name) {
        exceptions.calendars.push(Arc::clone(calendar));
        return true;
    }
    let message = format!("there is no calendar \"{}\"", excerpt(name));
    let help = if let Some(known) = nearest(name, names(calendars)) {
        format!("did you mean \"{PREFIX}{known}\"?")
    } else {
        let file = excerpt(name);
        format!("put it into calendars/{file}.ics or calendars/{file}.toml beside the schedules")
    };
    item.report(Problem::new(Code::UnknownCalendar, item.span(), message).with_help(help));
    false
}

fn names(calendars: &[Arc<HolidayCalendar>]) -> impl Iterator<Item = &str> {
    calendars.iter().map(|calendar| calendar.name.as_str()).chain([RECIPIENT])
}
