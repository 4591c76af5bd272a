//! When a schedule fires, and on whose clock: checked values that cannot be wrong.
//!
//! Nothing here knows what time it is or what a zone's clock does: [`crate::domain::recurrence`] walks these values in
//! civil time, and maps what it finds to instants.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc, Weekday};
use chrono_tz::Tz;

use crate::domain::day::{DayOfMonth, DayOfYear, MissingDay};
use crate::domain::holidays::HolidayCalendar;
use crate::domain::recurrence::rule::Rule;
use crate::domain::time::ClockChangePolicy;

/// When a schedule fires, and on whose clock.
#[derive(Debug, Clone)]
pub struct When {
    pub trigger: Trigger,
    pub clock: WhoseClock,
    /// No occurrence before this civil time.
    pub from: Option<NaiveDateTime>,
    /// No occurrence after this civil time.
    pub until: Option<NaiveDateTime>,
    pub exceptions: Exceptions,
    pub clock_changes: ClockChangePolicy,
}

/// Whose wall clock a civil time is read on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhoseClock {
    /// Each recipient's own: one wave for each zone.
    Recipient,
    /// One clock for everybody: one wave.
    Zone(Tz),
}

/// What makes a schedule fire.
#[derive(Debug, Clone)]
pub enum Trigger {
    /// Once, at a civil time.
    Once(NaiveDateTime),
    /// Once, at one instant for everybody. Its civil time is that on the clock of `zone`, with whatever offset it is written.
    Instant { at: DateTime<Utc>, zone: Tz },
    /// On certain days, at certain times of day.
    Calendar(Calendar),
    /// Again and again after a fixed span of elapsed time, counted from `anchor` on the schedule's clock.
    Elapsed { every: Duration, anchor: NaiveDateTime },
    /// By a cron pattern, walked in civil time.
    Cron(CronPattern),
    /// By a recurrence rule as calendars exchange them (RFC 5545), walked in civil time.
    Rule(Rule),
    /// By something that happens, so it has no times of its own.
    Event(EventTrigger),
}

impl Trigger {
    /// Whether it fires one single time, so that it is over for good when that has passed.
    #[must_use]
    pub fn fires_once(&self) -> bool {
        match self {
            Trigger::Once(_) | Trigger::Instant { .. } => true,
            Trigger::Calendar(_)
            | Trigger::Elapsed { .. }
            | Trigger::Cron(_)
            | Trigger::Rule(_)
            | Trigger::Event(_) => false,
        }
    }
}

/// Days and times of day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calendar {
    pub days: Days,
    /// At least one, ascending, no two alike.
    pub times: Vec<NaiveTime>,
}

/// Which days a calendar trigger means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Days {
    /// Each day, or one in so many, counted from `anchor`.
    Daily(Rhythm),
    /// Monday to Friday.
    Weekdays,
    /// These days of each week, or of one week in so many. Weeks begin on Monday.
    Weekly { rhythm: Rhythm, on: Vec<Weekday> },
    /// These days of each month, or of one month in so many.
    Monthly { rhythm: Rhythm, on: Vec<DayOfMonth>, missing: MissingDay },
    /// These days of each year, or of one year in so many.
    Yearly { rhythm: Rhythm, on: Vec<DayOfYear>, missing: MissingDay },
}

/// Every one, or one in so many, counted from the one that holds `anchor`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rhythm {
    Each,
    /// `number` is 2 at least.
    OneIn {
        number: u32,
        anchor: NaiveDate,
    },
}

impl Rhythm {
    /// Whether the one that is `distance` away from the one that holds the anchor counts. `distance` is asked only
    /// where there is an anchor.
    #[must_use]
    pub fn holds(self, distance: impl FnOnce(NaiveDate) -> i64) -> bool {
        match self {
            Rhythm::Each => true,
            Rhythm::OneIn { number, anchor } => distance(anchor).rem_euclid(i64::from(number)) == 0,
        }
    }
}

/// A cron pattern that has been understood and has at least one occurrence.
#[derive(Debug, Clone)]
pub struct CronPattern {
    pub text: String,
    /// Boxed: it is many times the size of any other trigger.
    pub cron: Box<croner::Cron>,
}

/// A trigger by something that happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventTrigger {
    /// `install`, `member-added`, or a name that some program calls.
    pub name: String,
    /// How long after the event.
    pub after: Duration,
    pub once_per: OncePer,
}

/// How often an event may speak to the same person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OncePer {
    /// Each event.
    #[default]
    Event,
    /// A person hears it once, whatever happens again.
    Person,
}

/// Days on which a schedule does not fire, or not on that day.
#[derive(Debug, Clone, Default)]
pub struct Exceptions {
    /// Days that the schedule itself names.
    pub dates: BTreeSet<NaiveDate>,
    /// Holidays for everybody in the audience.
    pub calendars: Vec<Arc<HolidayCalendar>>,
    /// Each recipient's own holidays: which they are is known when it is that person's turn.
    pub of_recipient: RecipientHolidays,
    pub on_holiday: OnHoliday,
}

impl Exceptions {
    /// Whether `date` is a holiday for everybody.
    #[must_use]
    pub fn is_holiday(&self, date: NaiveDate) -> bool {
        self.calendars.iter().any(|calendar| calendar.contains(date))
    }

    /// Whether each recipient's own holidays count.
    #[must_use]
    pub fn asks_for_own_holidays(&self) -> bool {
        match self.of_recipient {
            RecipientHolidays::Ignored => false,
            RecipientHolidays::Left(_) => true,
        }
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.dates.is_empty() && self.calendars.is_empty()
    }
}

/// Whether the recipient's own holidays count.
#[derive(Debug, Clone, Default)]
pub enum RecipientHolidays {
    #[default]
    Ignored,
    /// The calendars there are, one of which may be that of a recipient's country or group.
    Left(Vec<Arc<HolidayCalendar>>),
}

/// What becomes of an occurrence that falls on a holiday.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnHoliday {
    #[default]
    Skip,
    /// Later, on the next day from Monday to Friday that is no holiday.
    NextWorkday,
    /// Earlier, on the last such day before.
    PreviousWorkday,
}
