//! What happens, and makes those schedules speak that wait for it.
//!
//! Two names belong to Teams: [`INSTALL`] and [`MEMBER_ADDED`]. All others are called by programs, over HTTP. What
//! happens twice under one key has happened once.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::domain::news::Who;
use crate::domain::recipient::Address;

// Activity → event.
mod told;

pub use told::told;

/// The app was installed: for a person, in a team or in a group chat.
pub const INSTALL: &str = "install";

/// People joined a team or a group chat in which the bot is.
pub const MEMBER_ADDED: &str = "member-added";

/// Longer is a name that nobody means.
const LONGEST_NAME: usize = 80;

/// The longest key, in characters.
pub const LONGEST_KEY: usize = 255;

/// The most that may be told of an event, in bytes of JSON.
pub const LARGEST_DATA: usize = 64 * 1024;

/// So many people one path in the data may name. Each costs the ledger some looks, in the one transaction that writes.
pub const MOST_NAMED: usize = 1_000;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    pub name: String,
    pub identity: Identity,
    pub at: DateTime<Utc>,
    /// What is known of it: an object.
    pub data: Value,
    /// Whom it happened to.
    pub people: Vec<Who>,
    /// Where it happened.
    pub conversation: Option<Who>,
}

/// By what a repetition is recognised, among events of one name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Identity {
    /// Whoever tells it gave it a key; the same key with other data is a mistake of theirs.
    Key(String),
    /// Teams gives no key, and tells one thing in several activities. The same about the same, a short time before or
    /// after, is the same.
    About(String),
}

/// What a text may know of an event.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct EventFacts {
    pub name: String,
    /// An object.
    pub data: Value,
}

/// What made an occurrence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cause {
    /// The calendar of its schedule.
    Plan,
    /// Something happened.
    Event,
    /// Its recipient wants it later.
    Snooze,
    /// An operator looks what it is like.
    Test,
}

/// Whom an event brings along, as an entry of `to`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EventTarget {
    /// Whom it happened to, each in their own chat.
    Person,
    /// Where it happened.
    Conversation,
    /// The people whose addresses stand there in its data.
    Data(DataPath),
}

/// The names on the way to a value in the data of an event. A list on the way means each of its items.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DataPath(Vec<String>);

impl DataPath {
    /// Names joined by dots, none of them empty.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let names: Vec<String> = text.split('.').map(str::to_owned).collect();
        let is_name = |name: &String| !name.is_empty() && !name.contains(|c: char| c.is_control() || c.is_whitespace());
        names.iter().all(is_name).then_some(Self(names))
    }

    /// Everything that stands there. Empty where nothing does.
    #[must_use]
    pub fn follow<'d>(&self, data: &'d Value) -> Vec<&'d Value> {
        let mut here = vec![data];
        for name in &self.0 {
            here = here.into_iter().flat_map(items).filter_map(|value| value.get(name)).collect();
        }
        here.into_iter().flat_map(items).filter(|value| !value.is_null()).collect()
    }
}

/// The items of a list; anything else stands for itself.
fn items(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(items) => items.iter().collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => vec![value],
    }
}

impl fmt::Display for DataPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "data.{}", self.0.join("."))
    }
}

impl EventTarget {
    /// Reads what stands behind `event:`.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        match text {
            "person" => Some(EventTarget::Person),
            "conversation" => Some(EventTarget::Conversation),
            _ => DataPath::new(text.strip_prefix("data.")?).map(EventTarget::Data),
        }
    }
}

/// As it stands behind `event:`.
impl fmt::Display for EventTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EventTarget::Person => f.write_str("person"),
            EventTarget::Conversation => f.write_str("conversation"),
            EventTarget::Data(path) => path.fmt(f),
        }
    }
}

/// A person as data names them: the text, and the address that it is, if it is one.
pub struct Named {
    pub text: String,
    pub address: Option<Address>,
}

impl Named {
    #[must_use]
    pub fn read(value: &Value) -> Self {
        match value.as_str() {
            Some(text) => Self { text: text.to_owned(), address: Address::of_person(text) },
            None => Self { text: value.to_string(), address: None },
        }
    }
}

/// Whether an event may be called so.
#[must_use]
pub fn is_name(text: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.');
    !text.is_empty() && text.len() <= LONGEST_NAME && text.chars().all(is_plain)
}

/// Whether only Teams tells of it.
#[must_use]
pub fn is_of_teams(name: &str) -> bool {
    matches!(name, INSTALL | MEMBER_ADDED)
}

/// Whether a text can be the key of an event: printable characters of ASCII, [`LONGEST_KEY`] at most.
#[must_use]
pub fn is_key(text: &str) -> bool {
    (1..=LONGEST_KEY).contains(&text.len())
        && text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
        && text.trim() == text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_path_leads_through_tables_and_lists() {
        let data = json!({
            "authors": ["ana@x", null, "bo@x"],
            "owner": "cy@x",
            "commits": [{ "by": "di@x" }, { "by": ["ed@x", 7] }, {}],
        });
        let check = |path: &str, expect: &Value| {
            let found: Vec<_> = DataPath::new(path).expect("a path").follow(&data).into_iter().cloned().collect();
            assert_eq!(Value::Array(found), *expect, "{path}");
        };
        check("authors", &json!(["ana@x", "bo@x"]));
        check("owner", &json!(["cy@x"]));
        check("commits.by", &json!(["di@x", "ed@x", 7]));
        check("nobody", &json!([]));
        check("owner.name", &json!([]));
    }

    #[test]
    fn whom_an_event_brings_along_is_written_as_it_is_read() {
        for text in ["person", "conversation", "data.authors", "data.commits.by"] {
            assert_eq!(EventTarget::read(text).expect("a target").to_string(), text);
        }
        for text in ["", "data", "data.", "data..x", "data.a b", "people"] {
            assert_eq!(EventTarget::read(text), None, "{text}");
        }
    }

    #[test]
    fn keys_are_short_and_printable() {
        assert!(is_key("build 7/x"));
        assert!(is_key(&"x".repeat(LONGEST_KEY)));
        for key in ["", " x", "x\n", "é", &"x".repeat(LONGEST_KEY + 1)] {
            assert!(!is_key(key), "{key:?}");
        }
    }
}
