//! Days by a rule, as people say them: "last friday", "15", "02-29", "first monday of september".

use chrono::{Datelike, Months, NaiveDate, Weekday};

use crate::domain::document::excerpt;
use crate::domain::nearest::nearest;

/// A day of a month, by a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DayOfMonth {
    /// 1 to 31.
    Number(u32),
    Last,
    /// The first, second, third or fourth such day of the week.
    Nth(u8, Weekday),
    LastOf(Weekday),
    /// The first day from Monday to Friday.
    FirstWorkday,
    /// The last day from Monday to Friday.
    LastWorkday,
}

/// A day of a certain month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayOfYear {
    /// 1 to 12.
    pub month: u32,
    pub day: DayOfMonth,
}

/// What becomes of the 31st in a month without one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MissingDay {
    /// The last day that the month has.
    #[default]
    Last,
    /// Nothing in that month.
    Skip,
}

/// Why a text is no such day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayFault {
    pub message: String,
    pub help: String,
}

/// The days of the week by their English names.
pub const WEEKDAYS: [(&str, Weekday); 7] = [
    ("monday", Weekday::Mon),
    ("tuesday", Weekday::Tue),
    ("wednesday", Weekday::Wed),
    ("thursday", Weekday::Thu),
    ("friday", Weekday::Fri),
    ("saturday", Weekday::Sat),
    ("sunday", Weekday::Sun),
];

/// The months by their English names, each with the most days that it can have.
const MONTHS: [(&str, u32); 12] = [
    ("january", 31),
    ("february", 29),
    ("march", 31),
    ("april", 30),
    ("may", 31),
    ("june", 30),
    ("july", 31),
    ("august", 31),
    ("september", 30),
    ("october", 31),
    ("november", 30),
    ("december", 31),
];

const ORDINALS: [(&str, u8); 8] =
    [("first", 1), ("second", 2), ("third", 3), ("fourth", 4), ("1st", 1), ("2nd", 2), ("3rd", 3), ("4th", 4)];

/// Monday to Friday.
#[must_use]
pub fn is_workday(date: NaiveDate) -> bool {
    !matches!(date.weekday(), Weekday::Sat | Weekday::Sun)
}

/// A day of the week by its name or the first three letters of it.
#[must_use]
pub fn weekday(text: &str) -> Option<Weekday> {
    let plain = text.trim().to_lowercase();
    let found = WEEKDAYS.iter().find(|(name, _)| *name == plain || name[..3] == plain);
    found.map(|(_, weekday)| *weekday)
}

fn month(text: &str) -> Option<u32> {
    let plain = text.trim().to_lowercase();
    let found = MONTHS.iter().position(|(name, _)| *name == plain || name[..3] == plain)?;
    // At most 12.
    u32::try_from(found).ok().map(|index| index + 1)
}

impl DayOfMonth {
    /// Understands `15`, "15th", "last day", "first monday", "last friday", "first weekday" and "last weekday".
    pub fn read(text: &str) -> Result<Self, DayFault> {
        let plain = text.trim().to_lowercase();
        let number = plain.trim_end_matches(['s', 't', 'n', 'd', 'r', 'h', '.']);
        if let Ok(number) = number.parse::<u32>() {
            return if (1..=31).contains(&number) {
                Ok(Self::Number(number))
            } else {
                Err(fault(text, "a month has the days 1 to 31; for the last one write \"last day\"".into()))
            };
        }
        let Some((which, what)) = plain.split_once(char::is_whitespace) else { return Err(unknown_day(text)) };
        let what = what.trim();
        let nth = ORDINALS.iter().find(|(word, _)| *word == which).map(|(_, nth)| *nth);
        let day = match (which, nth, what, weekday(what)) {
            ("last", _, "day", _) => Self::Last,
            ("last", _, "weekday" | "workday" | "working day", _) => Self::LastWorkday,
            ("last", _, _, Some(weekday)) => Self::LastOf(weekday),
            (_, Some(1), "weekday" | "workday" | "working day", _) => Self::FirstWorkday,
            (_, Some(nth), "day", _) => Self::Number(nth.into()),
            (_, Some(nth), _, Some(weekday)) => Self::Nth(nth, weekday),
            ("fifth" | "5th", _, _, Some(_)) => {
                return Err(fault(text, format!("not every month has a fifth {what}; did you mean \"last {what}\"?")));
            }
            _ => return Err(unknown_day(text)),
        };
        Ok(day)
    }

    /// The date in the month that begins with `month`. `None` when it has none.
    #[must_use]
    pub fn in_month(self, month: NaiveDate, missing: MissingDay) -> Option<NaiveDate> {
        let last = || month.checked_add_months(Months::new(1))?.pred_opt();
        match self {
            DayOfMonth::Number(number) => month.with_day(number).or_else(|| match missing {
                MissingDay::Last => last(),
                MissingDay::Skip => None,
            }),
            DayOfMonth::Last => last(),
            DayOfMonth::Nth(nth, weekday) => {
                NaiveDate::from_weekday_of_month_opt(month.year(), month.month(), weekday, nth)
            }
            DayOfMonth::LastOf(weekday) => last_such(last()?, |date| date.weekday() == weekday),
            DayOfMonth::FirstWorkday => month.iter_days().find(|date| is_workday(*date)),
            DayOfMonth::LastWorkday => last_such(last()?, is_workday),
        }
    }
}

/// The last day up to `from` that is wanted.
fn last_such(from: NaiveDate, wanted: impl Fn(NaiveDate) -> bool) -> Option<NaiveDate> {
    std::iter::successors(Some(from), NaiveDate::pred_opt).take(7).find(|date| wanted(*date))
}

impl DayOfYear {
    /// Understands "02-29", "24 december", "december 24" and "last friday of november".
    pub fn read(text: &str) -> Result<Self, DayFault> {
        let plain = text.trim().to_lowercase();
        let day = if let Some((day, name)) = plain.split_once(" of ") {
            let month = month(name).ok_or_else(|| unknown_month(name))?;
            Self { month, day: DayOfMonth::read(day)? }
        } else if let Some((month, day)) = plain.split_once('-')
            && let (Ok(month), Ok(day)) = (month.parse(), day.parse())
            && (month, day) > (0, 0)
        {
            Self { month, day: DayOfMonth::Number(day) }
        } else if let Some((one, other)) = plain.split_once(char::is_whitespace)
            && let Some((month, day)) = month(one).map(|month| (month, other)).or_else(|| Some((month(other)?, one)))
        {
            Self { month, day: DayOfMonth::read(day)? }
        } else {
            return Err(unknown_date(text));
        };
        day.checked(text)
    }

    /// Refuses a date that is in no year at all.
    fn checked(self, text: &str) -> Result<Self, DayFault> {
        let index = usize::try_from(self.month).ok().and_then(|month| month.checked_sub(1));
        let Some((name, most)) = index.and_then(|index| MONTHS.get(index)) else {
            let help = "the month comes first, as in \"12-24\" for the 24th of December".into();
            return Err(fault(text, help));
        };
        match self.day {
            DayOfMonth::Number(day) if !(1..=*most).contains(&day) => {
                Err(fault(text, format!("{} has {most} days at most", capitalised(name))))
            }
            _ => Ok(self),
        }
    }

    /// The date in `year`. `None` when it has none.
    #[must_use]
    pub fn in_year(self, year: i32, missing: MissingDay) -> Option<NaiveDate> {
        self.day.in_month(NaiveDate::from_ymd_opt(year, self.month, 1)?, missing)
    }
}

fn capitalised(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

fn fault(text: &str, help: String) -> DayFault {
    DayFault { message: format!("there is no day \"{}\"", excerpt(text)), help }
}

fn unknown_day(text: &str) -> DayFault {
    const WORDS: [&str; 9] = [
        "last day",
        "first monday",
        "second tuesday",
        "third wednesday",
        "fourth thursday",
        "last friday",
        "first weekday",
        "last weekday",
        "last monday",
    ];
    let help = if weekday(text).is_some() {
        let day = text.trim().to_lowercase();
        format!("say which of the month, as in \"first {day}\" or \"last {day}\"")
    } else {
        match nearest(text, WORDS) {
            Some(word) => format!("did you mean \"{word}\"?"),
            None => "write a number such as 15, \"last day\", \"first monday\" or \"last weekday\"".into(),
        }
    };
    DayFault { message: format!("\"{}\" is not understood as a day of the month", excerpt(text)), help }
}

fn unknown_month(text: &str) -> DayFault {
    let help = match nearest(text, MONTHS.iter().map(|(name, _)| *name)) {
        Some(name) => format!("did you mean \"{name}\"?"),
        None => "write the month in English, as in \"last friday of november\"".into(),
    };
    DayFault { message: format!("\"{}\" is not understood as a month", excerpt(text.trim())), help }
}

fn unknown_date(text: &str) -> DayFault {
    DayFault {
        message: format!("\"{}\" is not understood as a day of the year", excerpt(text)),
        help: "write the month and the day, as in \"12-24\", or for example \"last friday of november\"".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_of_a_month_in_words() {
        use DayOfMonth::{FirstWorkday, Last, LastOf, LastWorkday, Nth, Number};
        let check = |text: &str, expect: Result<DayOfMonth, &str>| {
            let got = DayOfMonth::read(text).map_err(|fault| fault.help);
            assert_eq!(got, expect.map_err(str::to_owned), "{text:?}");
        };
        check("15", Ok(Number(15)));
        check("31st", Ok(Number(31)));
        check("last day", Ok(Last));
        check("first day", Ok(Number(1)));
        check("First Monday", Ok(Nth(1, Weekday::Mon)));
        check("4th thu", Ok(Nth(4, Weekday::Thu)));
        check("last friday", Ok(LastOf(Weekday::Fri)));
        check("first weekday", Ok(FirstWorkday));
        check("last workday", Ok(LastWorkday));
        check("last firday", Err("did you mean \"last friday\"?"));
        check("friday", Err("say which of the month, as in \"first friday\" or \"last friday\""));
        check("fifth friday", Err("not every month has a fifth friday; did you mean \"last friday\"?"));
        check("32", Err("a month has the days 1 to 31; for the last one write \"last day\""));
        check("0", Err("a month has the days 1 to 31; for the last one write \"last day\""));
        check("soon", Err("write a number such as 15, \"last day\", \"first monday\" or \"last weekday\""));
    }

    #[test]
    fn days_of_a_year_in_words() {
        use DayOfMonth::{Last, LastOf, Nth, Number};
        let check = |text: &str, expect: Result<(u32, DayOfMonth), &str>| {
            let got = DayOfYear::read(text).map(|day| (day.month, day.day)).map_err(|fault| fault.help);
            assert_eq!(got, expect.map_err(str::to_owned), "{text:?}");
        };
        check("02-29", Ok((2, Number(29))));
        check("24 December", Ok((12, Number(24))));
        check("dec 24", Ok((12, Number(24))));
        check("last friday of november", Ok((11, LastOf(Weekday::Fri))));
        check("first monday of sep", Ok((9, Nth(1, Weekday::Mon))));
        check("last day of february", Ok((2, Last)));
        check("02-30", Err("February has 29 days at most"));
        check("24-12", Err("the month comes first, as in \"12-24\" for the 24th of December"));
        check("last friday of novembre", Err("did you mean \"november\"?"));
        check(
            "christmas",
            Err("write the month and the day, as in \"12-24\", or for example \"last friday of november\""),
        );
    }
}
