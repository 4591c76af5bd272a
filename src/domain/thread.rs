//! Threads in channels: the posts of schedules that name the same thread stand together, the first as the post and the
//! others as replies to it.

use chrono::{Datelike, NaiveDate, NaiveDateTime, TimeDelta};

/// The name of a thread. Schedules that write the same one share it, in each channel for itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ThreadName(String);

impl ThreadName {
    /// The most characters that a name may have.
    pub const MAX_LENGTH: usize = 80;

    /// `None` when the name is empty, too long, or not a line.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        let fits = !text.is_empty() && text.chars().count() <= Self::MAX_LENGTH && !text.contains(char::is_control);
        fits.then(|| Self(text.to_owned()))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// When a schedule begins its thread anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum NewThread {
    /// With each occurrence. Others that name the thread reply in it.
    Each,
    /// With the first occurrence of a day.
    Daily,
    /// With the first occurrence of a week, which begins on Monday.
    Weekly,
    /// With the first occurrence of a month.
    Monthly,
    /// Only when there is none, or no longer.
    #[default]
    Never,
}

/// In which thread a schedule speaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThreadPolicy {
    pub name: ThreadName,
    pub new: NewThread,
}

/// A thread that was begun in a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thread {
    /// The conversation in which replies are made: `19:…;messageid=…`.
    pub conversation_id: String,
    /// Where it is served, when Teams named another place than that of the channel.
    pub service_url: Option<String>,
    /// The occurrence that began it.
    pub begun_with: NaiveDateTime,
}

impl NewThread {
    /// Whether an occurrence goes on with a thread that `begun_with` began. One that is late goes on with a thread of
    /// a later time, too.
    #[must_use]
    pub fn goes_on(self, begun_with: NaiveDateTime, occurrence: NaiveDateTime) -> bool {
        let day = occurrence.date();
        let first_day = match self {
            NewThread::Each => return false,
            NewThread::Never => return true,
            NewThread::Daily => day,
            NewThread::Weekly => day - TimeDelta::days(i64::from(day.weekday().num_days_from_monday())),
            NewThread::Monthly => NaiveDate::from_ymd_opt(day.year(), day.month(), 1).unwrap_or(day),
        };
        begun_with.date() >= first_day
    }
}

/// A thread that a post has begun, in the channel that received it. It takes the place of an earlier one of the name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BegunThread {
    pub name: ThreadName,
    pub thread: Thread,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_goes_on_for_its_span() {
        let at = |text: &str| format!("{text}T09:00:00").parse::<NaiveDateTime>().expect("a time");
        let check = |new: NewThread, begun: &str, occurrence: &str, expect: bool| {
            assert_eq!(new.goes_on(at(begun), at(occurrence)), expect, "{new:?} {begun} {occurrence}");
        };
        check(NewThread::Each, "2027-03-01", "2027-03-01", false);
        check(NewThread::Never, "2020-01-01", "2027-03-01", true);
        check(NewThread::Daily, "2027-03-01", "2027-03-01", true);
        check(NewThread::Daily, "2027-03-01", "2027-03-02", false);
        // What is late goes on with the thread of today.
        check(NewThread::Daily, "2027-03-02", "2027-03-01", true);
        // 2027-03-01 is a Monday.
        check(NewThread::Weekly, "2027-03-01", "2027-03-07", true);
        check(NewThread::Weekly, "2027-02-28", "2027-03-01", false);
        check(NewThread::Monthly, "2027-03-01", "2027-03-31", true);
        check(NewThread::Monthly, "2027-03-31", "2027-04-01", false);
    }

    #[test]
    fn a_name_is_a_line() {
        assert_eq!(ThreadName::new(" release ").as_ref().map(ThreadName::as_str), Some("release"));
        for bad in ["", "  ", "a\nb", &"x".repeat(81)] {
            assert_eq!(ThreadName::new(bad), None, "{bad:?}");
        }
    }
}
