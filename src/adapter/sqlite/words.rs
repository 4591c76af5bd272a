//! The words by which values of the domain stand in columns. They are what `--json` prints, so an operator who reads
//! the file with `sqlite3` meets no other language.

use crate::domain::consent::{Way, Wish};
use crate::domain::conversation::Standing;
use crate::domain::delivery::{Reason, State};
use crate::domain::event::Cause;
use crate::domain::plan::WaveRecipients;
use crate::domain::recall::RecallState;
use crate::domain::recipient::{RecipientKind, ServiceOrigin, Unreachable, ZoneSource};
use crate::domain::reply::ReplyState;
use crate::domain::schedule::model::{CatchUp, OnUnknown, Overlap, Priority};
use crate::domain::schedule::when::OncePer;
use crate::domain::time::ClockNote;
use crate::port::store::PausedBy;

/// A value that stands in a column as a word.
pub(super) trait Word: Sized {
    fn word(self) -> &'static str;

    /// `None` when no value has this word.
    fn parse(word: &str) -> Option<Self>;
}

/// Declares every word once. A variant without one does not compile.
macro_rules! words {
    ($($kind:ident { $($name:ident = $word:literal),* $(,)? })*) => {$(
        impl Word for $kind {
            fn word(self) -> &'static str {
                match self { $($kind::$name => $word,)* }
            }

            fn parse(word: &str) -> Option<Self> {
                match word { $($word => Some($kind::$name),)* _ => None }
            }
        }
    )*};
}

words! {
    RecipientKind { Person = "person", GroupChat = "group-chat", Channel = "channel" }
    ServiceOrigin { Imported = "imported", Answered = "answered", Heard = "heard", Forwarded = "forwarded" }
    Standing { Member = "member", Guest = "guest", Anonymous = "anonymous" }
    ZoneSource {
        Fallback = "fallback",
        Group = "group",
        Directory = "directory",
        Client = "client",
        Operator = "operator",
        Own = "own",
    }
    Unreachable {
        Blocked = "blocked",
        Uninstalled = "uninstalled",
        DisabledByAdmin = "disabled-by-admin",
        NotAMember = "not-a-member",
        OtherTenant = "other-tenant",
        Gone = "gone",
    }
    PausedBy { Operator = "operator", Watch = "watch" }
    Wish { Stop = "stop", Start = "start" }
    Way { Typed = "typed", Button = "button", Operator = "operator" }
    Priority { Critical = "critical", Normal = "normal", Bulk = "bulk" }
    OnUnknown { Resend = "resend", Hold = "hold" }
    Overlap { Supersede = "supersede", Keep = "keep" }
    CatchUp { Latest = "latest", All = "all", None = "none" }
    WaveRecipients { OfZone = "of-zone", All = "all", Invited = "invited" }
    Cause { Plan = "plan", Event = "event", Snooze = "snooze", Test = "test" }
    OncePer { Event = "event", Person = "person" }
    ClockNote {
        ShiftedOverGap = "shifted-over-gap",
        FirstAfterGap = "first-after-gap",
        FirstOfTwo = "first-of-two",
        SecondOfTwo = "second-of-two",
    }
}

impl Word for State {
    fn word(self) -> &'static str {
        self.as_str()
    }

    fn parse(word: &str) -> Option<Self> {
        State::parse(word)
    }
}

impl Word for Reason {
    fn word(self) -> &'static str {
        self.as_str()
    }

    fn parse(word: &str) -> Option<Self> {
        Reason::parse(word)
    }
}

impl Word for RecallState {
    fn word(self) -> &'static str {
        self.as_str()
    }

    fn parse(word: &str) -> Option<Self> {
        RecallState::parse(word)
    }
}

impl Word for ReplyState {
    fn word(self) -> &'static str {
        self.as_str()
    }

    fn parse(word: &str) -> Option<Self> {
        ReplyState::parse(word)
    }
}

#[cfg(test)]
mod tests {
    use serde::Serialize;

    use super::*;

    fn check<W: Word + Serialize + Copy>(value: W) {
        assert_eq!(serde_json::to_value(value).expect("a word"), value.word(), "one language for column and JSON");
    }

    #[test]
    fn words_are_those_of_the_json() {
        check(RecipientKind::GroupChat);
        check(ZoneSource::Operator);
        check(ServiceOrigin::Imported);
        check(Standing::Anonymous);
        check(Wish::Stop);
        check(Way::Operator);
        ReplyState::ALL.into_iter().for_each(check);
        check(Unreachable::DisabledByAdmin);
        check(Unreachable::NotAMember);
        check(Priority::Critical);
        check(OnUnknown::Hold);
        check(Overlap::Supersede);
        check(CatchUp::None);
        check(ClockNote::ShiftedOverGap);
        State::ALL.into_iter().for_each(check);
        Reason::ALL.iter().copied().for_each(check);
        RecallState::ALL.into_iter().for_each(check);
    }
}
