//! Why a delivery is in the state it is in: one table of words and sentences.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::domain::recipient::Unreachable;

/// Declares every reason once: its stable word, and what it says to a person.
macro_rules! reasons {
    ($($name:ident = $word:literal, $says:literal;)*) => {
        /// Why a delivery is in the state it is in. The words are stable: they are the log field, the column and
        /// the JSON value.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Reason { $(#[doc = $says] $name,)* }

        impl Reason {
            pub const ALL: &[Reason] = &[$(Reason::$name,)*];

            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Reason::$name => $word,)* }
            }

            /// The reason in a sentence, for people.
            #[must_use]
            pub fn explain(self) -> &'static str {
                match self { $(Reason::$name => $says,)* }
            }

            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                match text { $($word => Some(Reason::$name),)* _ => None }
            }
        }
    };
}

reasons! {
    PastWhenPlanned = "past-when-planned", "the hour had already passed there when the schedule was planned";
    TooLate = "too-late", "it could not be sent within its lateness limit";
    Superseded = "superseded", "the next one of the schedule was due before it could be sent";
    Missed = "missed", "it fell due while nudged was not running";
    QuietHours = "quiet-hours", "it fell due in quiet hours";
    Holiday = "holiday", "it is a holiday for this recipient";
    ZoneUnknown = "zone-unknown", "nobody knows in which time zone the recipient lives; `nudged people zone` says it";
    DailyLimit = "daily-limit", "the recipient has had as many messages as they may get on one day";
    OptedOut = "opted-out", "the recipient stopped messages about this topic, or all of them";

    Guest = "guest", "the person is a guest of the team; write guests = true to speak to guests as well";
    Anonymous = "anonymous", "the person joined without an account, so no chat with them is possible";
    RosterUnread = "roster-unread", "the channels of the team have not been read yet";
    NotIntroduced = "not-introduced", "it may be somebody whom the schedule leaves out; Teams is being asked who it is";
    ThreadGone = "thread-gone", "Teams no longer has the thread; the next try begins a new one";

    UnknownRecipient = "unknown-recipient", "nobody of this name is known; import a reference of the person, chat or channel";
    NoReference = "no-reference", "neither a conversation nor a Teams or Entra id is known; import a reference";
    Blocked = "blocked", "the person blocked the bot";
    Uninstalled = "uninstalled", "the app is not installed for this recipient";
    DisabledByAdmin = "disabled-by-admin", "a tenant administrator disabled the app";
    NotAMember = "not-a-member", "the person is not, or no longer, in that tenant or conversation";
    OtherTenant = "other-tenant", "the person does not belong to the tenant; the bot cannot write to guests";
    Gone = "gone", "Teams did not know the conversation on three occasions in a row; import a fresh reference";

    ScheduleChanged = "schedule-changed", "the schedule was edited and no longer means this";
    ScheduleRemoved = "schedule-removed", "the schedule was removed";
    Done = "done", "the recipient said that it is done, so it does not come again";
    Recalled = "recalled", "it was recalled before it was sent";
    CancelledByOperator = "cancelled-by-operator", "an operator cancelled it before it was sent";
    TooManyPeople = "too-many-people", "the audience was larger than the schedule allows, so nobody got it";
    LeftAudience = "left-audience", "the recipient is no longer in the audience";
    ServedBeforeEdit = "served-before-edit", "it was sent or recalled at its earlier hour, before the schedule was edited";
    EarlierInHand = "earlier-in-hand", "the same message at its earlier hour is just being sent";

    UntrustedHost = "untrusted-host", "the reference's service URL is not a trusted host; nothing was sent to it";
    TemplateFailed = "template-failed", "the text could not be made for this recipient";
    TooLarge = "too-large", "the message is larger than Teams accepts";
    ConversationNotFound = "conversation-not-found", "Teams does not know the conversation";
    ConversationLost = "conversation-lost", "Teams still does not know the conversation; it is asked for once more";
    ForeignConversation = "foreign-conversation", "Teams cannot read the stored id: it belongs to another bot, or Teams has a bad moment";
    WrongRegion = "wrong-region", "the conversation is served from another region than those that are known";
    NotAllowed = "not-allowed", "the bot may not post there; ask the team's owner or the administrator";
    Malformed = "malformed", "Teams could not make sense of the message or of its address";
    ActivityNotFound = "activity-not-found", "the message is no longer there";
    Refused = "refused", "Teams refused the request";

    Throttled = "throttled", "Teams asked us to slow down";
    NotConnected = "not-connected", "no connection could be made, so nothing left";
    Busy = "busy", "Teams was busy with the same conversation";
    TryAgain = "try-again", "Teams asked for the request to be made again";
    TokenRefused = "token-refused", "the identity provider refused the bot's credentials";
    TokenUnavailable = "token-unavailable", "no token could be had";
    CredentialUnusable = "credential-unusable", "the file of the bot's credential can't be used as it stands";
    AuthRefused = "auth-refused", "Teams refused the bot's token twice; check the app id, tenant and registration";
    NotRegistered = "not-registered", "the Connector does not know the bot; check its registration and Teams channel";

    NoAnswer = "no-answer", "the request left and no answer came";
    ServerError = "server-error", "Teams answered with an error that says nothing about the message";
    Interrupted = "interrupted", "the daemon ended while the request was under way";
    Restored = "restored", "it was due before the ledger was restored from an older backup, which can't say whether it was sent";
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Reason {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Reason {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = String::deserialize(deserializer)?;
        Reason::parse(&word).ok_or_else(|| serde::de::Error::custom(format!("unknown reason {word:?}")))
    }
}

impl From<Unreachable> for Reason {
    fn from(why: Unreachable) -> Self {
        match why {
            Unreachable::Blocked => Reason::Blocked,
            Unreachable::Uninstalled => Reason::Uninstalled,
            Unreachable::DisabledByAdmin => Reason::DisabledByAdmin,
            Unreachable::NotAMember => Reason::NotAMember,
            Unreachable::OtherTenant => Reason::OtherTenant,
            Unreachable::Gone => Reason::Gone,
        }
    }
}

impl Reason {
    /// Deliveries that were ended for these come to life again when the schedule means them again.
    pub const REVIVED: [Reason; 4] =
        [Reason::ScheduleChanged, Reason::ScheduleRemoved, Reason::LeftAudience, Reason::TooManyPeople];

    /// Whether this reason says that the message may have arrived and may not.
    #[must_use]
    pub fn is_doubt(self) -> bool {
        matches!(self, Reason::NoAnswer | Reason::ServerError | Reason::Interrupted | Reason::Restored)
    }

    /// Whether this reason says that the recipient can't be reached until something changes on their side.
    #[must_use]
    pub fn unreachable(self) -> Option<Unreachable> {
        match self {
            Reason::Blocked => Some(Unreachable::Blocked),
            Reason::Uninstalled => Some(Unreachable::Uninstalled),
            Reason::DisabledByAdmin => Some(Unreachable::DisabledByAdmin),
            Reason::NotAMember => Some(Unreachable::NotAMember),
            Reason::OtherTenant => Some(Unreachable::OtherTenant),
            Reason::Gone => Some(Unreachable::Gone),
            Reason::PastWhenPlanned
            | Reason::TooLate
            | Reason::Superseded
            | Reason::Missed
            | Reason::QuietHours
            | Reason::Holiday
            | Reason::ZoneUnknown
            | Reason::DailyLimit
            | Reason::OptedOut
            | Reason::Guest
            | Reason::Anonymous
            | Reason::RosterUnread
            | Reason::NotIntroduced
            | Reason::ThreadGone
            | Reason::UnknownRecipient
            | Reason::NoReference
            | Reason::ScheduleChanged
            | Reason::ScheduleRemoved
            | Reason::Done
            | Reason::Recalled
            | Reason::CancelledByOperator
            | Reason::TooManyPeople
            | Reason::LeftAudience
            | Reason::ServedBeforeEdit
            | Reason::EarlierInHand
            | Reason::UntrustedHost
            | Reason::TemplateFailed
            | Reason::TooLarge
            | Reason::ConversationNotFound
            | Reason::ConversationLost
            | Reason::ForeignConversation
            | Reason::WrongRegion
            | Reason::NotAllowed
            | Reason::Malformed
            | Reason::ActivityNotFound
            | Reason::Refused
            | Reason::Throttled
            | Reason::NotConnected
            | Reason::Busy
            | Reason::TryAgain
            | Reason::TokenRefused
            | Reason::TokenUnavailable
            | Reason::CredentialUnusable
            | Reason::AuthRefused
            | Reason::NotRegistered
            | Reason::NoAnswer
            | Reason::ServerError
            | Reason::Interrupted
            | Reason::Restored => None,
        }
    }
}
