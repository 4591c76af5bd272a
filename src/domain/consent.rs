//! Consent: who stopped what, and how they said so.
//!
//! A person, a group chat or a channel can stop everything or one topic. What was said last about the same thing counts;
//! every change is kept for ever with its instant and its way, and what is in force is asked for when a delivery is
//! claimed and once more just before its request leaves.

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

use crate::domain::activity::{Activity, Happening};
use crate::domain::id::ScheduleName;
use crate::domain::news::{self, Who};
use crate::domain::recipient::RecipientKind;

// What people type, in their languages.
mod command;
// What is answered, in their languages.
mod words;

pub use command::{Command, command};
pub use words::Answer;

/// Within so long after an answer the same command that changes nothing is taken for the same one, told again: Teams
/// tells what was not answered in time up to five times, with another id.
pub const SAME_COMMAND: TimeDelta = TimeDelta::minutes(5);

/// What a recipient can stop: the word that schedules write as `topic`, or the schedule's own name. Upper and lower case
/// are the same, and so is any space between words: people type it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Topic(String);

impl Topic {
    /// In characters.
    pub const MAX_LENGTH: usize = 80;

    /// Letters, digits, `-`, `_` and single spaces, beginning with a letter or digit, at most 80. `None` where `text` is
    /// not so. However a letter is written in Unicode, it is the same letter.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let text: String = text.nfkc().collect();
        let text = text.split_whitespace().map(str::to_lowercase).collect::<Vec<_>>().join(" ");
        let starts_well = text.starts_with(char::is_alphanumeric);
        let goes_on_well = text.chars().all(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(&c));
        (starts_well && goes_on_well && text.chars().count() <= Self::MAX_LENGTH).then_some(Self(text))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&ScheduleName> for Topic {
    fn from(name: &ScheduleName) -> Self {
        Self(name.as_str().to_lowercase())
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a recipient wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Wish {
    /// No more messages.
    Stop,
    /// Messages again. A start for everything ends the stops of topics too.
    Start,
}

/// How a wish was said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Way {
    /// To the bot, in a conversation.
    Typed,
    /// By the button of a message.
    Button,
    /// By the operator, on the recipient's behalf.
    Operator,
}

/// A wish about a topic, or about everything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    pub wish: Wish,
    /// `None` means everything.
    pub topic: Option<Topic>,
    pub way: Way,
    /// When it was said. What is older than the last change of the same thing changes nothing.
    pub at: DateTime<Utc>,
}

/// A stop that is in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stopped {
    /// `None` means everything.
    pub topic: Option<Topic>,
    pub since: DateTime<Utc>,
}

impl Stopped {
    /// Whether messages about `topic` are among what is stopped.
    #[must_use]
    pub fn covers(&self, topic: &Topic) -> bool {
        self.topic.as_ref().is_none_or(|stopped| stopped == topic)
    }
}

/// A command that somebody typed to the bot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Typed {
    /// The person, or the chat or channel in which it was typed.
    pub who: Who,
    pub command: Command,
    pub at: DateTime<Utc>,
    /// Where to answer.
    pub whence: Whence,
}

/// The conversation in which something was said to the bot.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Whence {
    /// With `;messageid=…` in a thread of a channel. `None` where nothing can be answered.
    pub conversation_id: Option<String>,
    pub service_url: Option<String>,
    /// What was said. Redelivered, it may have another id.
    pub activity_id: Option<String>,
    /// BCP 47, as the client of whoever said it.
    pub language: Option<String>,
}

impl Whence {
    #[must_use]
    pub fn of(activity: &Activity) -> Self {
        Self {
            conversation_id: Some(activity.conversation.id.clone()),
            service_url: activity.service_url.clone(),
            activity_id: activity.id.clone(),
            language: activity.client.language.clone(),
        }
    }
}

/// The command in an activity, if there is one. In a chat with others the bot may hear what is said among them; there only
/// what mentions it is said to it.
#[must_use]
pub fn typed(activity: &Activity, heard_at: DateTime<Utc>) -> Option<Typed> {
    let Happening::Message { text, value, mentions_bot, .. } = &activity.happening else { return None };
    // Our own buttons say what they mean in their data; that of others may come with a text.
    if value.as_ref().is_some_and(|value| value.get("nudged").is_some()) {
        return None;
    }
    let is_addressed = match activity.conversation.kind? {
        RecipientKind::Person => true,
        RecipientKind::GroupChat | RecipientKind::Channel => *mentions_bot,
    };
    if !is_addressed {
        return None;
    }
    Some(Typed {
        who: news::here(activity),
        command: command(text)?,
        at: activity.at.map_or(heard_at, |at| at.min(heard_at)),
        whence: Whence::of(activity),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_are_compared_as_people_type_them() {
        let check = |text: &str, expect: Option<&str>| {
            assert_eq!(Topic::new(text).as_ref().map(Topic::as_str), expect, "{text:?}");
        };
        check("Standup", Some("standup"));
        check(" Company  NEWS ", Some("company news"));
        check("Mittag-Essen_2", Some("mittag-essen_2"));
        check("", None);
        check("-x", None);
        check("a/b", None);
        check("a\nb", Some("a b"));
        check(&"x".repeat(81), None);
    }
}
