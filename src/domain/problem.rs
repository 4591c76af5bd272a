//! What is wrong with a file: a stable code, a place, a cause and a cure.
//!
//! A problem holds byte spans only. The line, the column and the excerpt are made when it is shown, by whoever shows
//! it, from the [`Source`] that it came from; so the same problem reads the same in `check`, in the log and as JSON.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use serde::Serialize;

/// A text and the name under which a person knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The path as the user wrote it, or a word such as `<stdin>`.
    pub name: Arc<str>,
    pub text: Arc<str>,
    /// Where each line begins: a file of ten thousand schedules is asked for ten thousand places.
    lines: Arc<[usize]>,
}

impl Source {
    #[must_use]
    pub fn new(name: impl Into<Arc<str>>, text: impl Into<Arc<str>>) -> Self {
        let text = text.into();
        let after_newlines = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        let lines = std::iter::once(0).chain(after_newlines).collect();
        Self { name: name.into(), text, lines }
    }

    /// Line and column of a byte offset, both counted from 1; the column counts characters, not bytes.
    #[must_use]
    pub fn place(&self, offset: usize) -> Place {
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        let line = self.lines.partition_point(|start| *start <= offset);
        let line_start = line.checked_sub(1).and_then(|index| self.lines.get(index)).copied().unwrap_or(0);
        Place { line, column: self.text[line_start..offset].chars().count() + 1 }
    }

    /// The byte offset of a place; the end of the text where it has no such place.
    #[must_use]
    pub fn offset(&self, place: Place) -> usize {
        let Some(line_start) = self.lines.get(place.line.saturating_sub(1)).copied() else { return self.text.len() };
        let rest = &self.text[line_start..];
        let column = rest.char_indices().nth(place.column.saturating_sub(1));
        line_start + column.map_or(rest.len(), |(offset, _)| offset)
    }
}

/// Where something stands in a file, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Place {
    pub line: usize,
    pub column: usize,
}

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The file is accepted, but probably does not do what its writer means.
    Warning,
    /// The file is refused as a whole.
    Error,
}

/// Declares every code once, with the number that users see and its severity.
macro_rules! codes {
    ($($(#[$meta:meta])* $name:ident = $number:literal $severity:ident,)*) => {
        /// The stable name of a kind of problem. A number is never used again for something else.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code { $($(#[$meta])* $name,)* }

        impl Code {
            /// Every code, in the order of the numbers.
            pub const ALL: &[Code] = &[$(Code::$name,)*];

            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Code::$name => $number,)* }
            }

            #[must_use]
            pub fn severity(self) -> Severity {
                match self { $(Code::$name => Severity::$severity,)* }
            }
        }
    };
}

codes! {
    /// The file can't be read at all.
    Unreadable = "N001" Error,
    /// The text is not TOML.
    Syntax = "N002" Error,
    /// A key that nudged does not know.
    UnknownKey = "N003" Error,
    /// A key that must be there is not.
    MissingKey = "N004" Error,
    /// A value of the wrong type.
    WrongType = "N005" Error,
    /// Two keys that exclude each other.
    Conflict = "N006" Error,
    /// A value that is none of the words allowed there.
    UnknownWord = "N007" Error,
    /// A key or a header that is already there.
    DuplicateKey = "N008" Error,

    /// A time zone that is not in the IANA list.
    UnknownZone = "N101" Error,
    /// A fixed instant together with each recipient's own clock.
    InstantWithRecipientZone = "N102" Error,
    /// A day that is not in the calendar.
    ImpossibleDate = "N103" Error,
    /// A time of day that is not understood.
    BadTime = "N104" Error,
    /// A span of time that is not understood.
    BadSpan = "N105" Error,
    /// The time has passed everywhere; nothing will be sent.
    NothingAhead = "N106" Warning,
    /// `every` with an `on` or `at` that does not fit it, or without one that it needs.
    BadEvery = "N107" Error,
    /// A cron pattern that is not understood or never fires.
    BadCron = "N108" Error,
    /// `until` is before `from`.
    EndsBeforeItBegins = "N109" Error,
    /// A fixed abbreviation or offset where a place is needed.
    ZoneWithoutSeasons = "N110" Warning,
    /// A recurrence rule (RFC 5545) that is not understood or never fires.
    BadRule = "N111" Error,
    /// A cron pattern with a day of the month and a day of the week that does not say whether both are meant.
    DaysInDoubt = "N112" Error,
    /// A day that is not in every month, so some months are left out.
    ShortMonthsSkipped = "N113" Warning,
    /// A trigger by an event with something that needs a calendar, or the reverse.
    BadEvent = "N115" Error,
    /// An exception that can't be.
    BadException = "N116" Error,
    /// Nothing falls into the life of the schedule.
    NeverFires = "N117" Warning,
    /// More people at once than can be reached in time at the limits of Teams.
    TooManyAtOnce = "N118" Warning,

    /// A schedule name that is not a plain word.
    BadName = "N120" Error,
    /// Two schedules with one name.
    DuplicateName = "N121" Error,
    /// A recipient that is not understood.
    BadRecipient = "N122" Error,
    /// Nobody to send to.
    NoRecipients = "N123" Error,
    /// People named by the data of an event, and nothing that says whom it may name.
    NoAllowedAudience = "N124" Error,
    /// A schedule that says it was another one, which can't be.
    BadRename = "N125" Error,
    /// A name in `to` or `except_people` that is nobody's, as far as is known.
    NobodyKnown = "N126" Warning,

    /// A template that is not understood.
    BadTemplate = "N130" Error,
    /// A name in a template that nudged does not know.
    UnknownTemplateName = "N131" Error,
    /// A text that is empty.
    EmptyText = "N132" Error,
    /// A file that a schedule refers to is not there, or not right.
    MissingSupply = "N133" Error,
    /// A card that is not understood.
    BadCard = "N134" Error,
    /// A card of a version that Teams does not show.
    CardTooNew = "N135" Warning,
    /// A language that is not understood.
    BadLanguage = "N136" Error,
    /// A message that is larger than Teams takes.
    TooLarge = "N137" Error,
    /// A message that is nearly larger than Teams takes.
    NearlyTooLarge = "N138" Warning,

    /// A setting in `nudged.toml` that can't work.
    BadSetting = "N140" Error,

    /// Quiet hours that are not understood.
    BadQuietHours = "N170" Error,
    /// A message that always falls due in quiet hours, and may not wait until they end.
    AlwaysQuiet = "N171" Warning,

    /// A holiday calendar that is not understood.
    BadCalendar = "N190" Error,
    /// A holiday calendar that is not there.
    UnknownCalendar = "N191" Error,
    /// Two holiday calendars with one name.
    DuplicateCalendar = "N192" Error,

    /// A row of a people file that is not understood.
    BadRow = "N150" Error,
    /// A column of a people file that nudged does not know.
    UnknownColumn = "N151" Error,
    /// A conversation reference that is not understood.
    BadReference = "N152" Error,

    /// A topic that nobody could type.
    BadTopic = "N200" Error,
    /// A button that is not understood.
    BadButton = "N201" Error,

    /// A span over which people can't be spread.
    BadJitter = "N180" Error,
    /// A limit of people that lets nobody through, or that nobody could count to.
    BadMaxPeople = "N181" Error,
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One thing that is wrong, with its cure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub code: Code,
    /// The bytes that are wrong. Always inside the text.
    pub span: Range<usize>,
    /// What is wrong, in lower case, without a full stop.
    pub message: String,
    /// What to do about it, in the imperative.
    pub help: Option<String>,
}

impl Problem {
    #[must_use]
    pub fn new(code: Code, span: Range<usize>, message: impl Into<String>) -> Self {
        Self { code, span, message: message.into(), help: None }
    }

    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    #[must_use]
    pub fn severity(&self) -> Severity {
        self.code.severity()
    }

    /// The problem in one line, without the file: `line:column: CODE message; help`.
    #[must_use]
    pub fn line(&self, source: &Source) -> String {
        let Place { line, column } = source.place(self.span.start);
        let help = self.help.as_ref().map_or_else(String::new, |help| format!("; {help}"));
        format!("{line}:{column}: {} {}{help}", self.code, self.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_characters_from_one() {
        let source = Source::new("x", "ab\nzöd\n");
        assert_eq!(source.place(0), Place { line: 1, column: 1 });
        assert_eq!(source.place(3), Place { line: 2, column: 1 });
        // "ö" takes two bytes and one column; an offset inside it means its beginning.
        assert_eq!(source.place(5), Place { line: 2, column: 2 });
        assert_eq!(source.place(6), Place { line: 2, column: 3 });
        assert_eq!(source.place(999), Place { line: 3, column: 1 });
        for offset in [0, 1, 3, 4, 6, 8] {
            assert_eq!(source.offset(source.place(offset)), offset);
        }
    }

    #[test]
    fn no_number_is_used_twice() {
        let mut numbers: Vec<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), Code::ALL.len());
    }
}
