//! What crosses the ports when something happens.

use chrono::NaiveDateTime;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Something happened, says a program.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EventRequest {
    pub name: String,
    /// The same key again is the same event.
    pub key: String,
    /// What is known of it: an object of at most [`LARGEST_DATA`](crate::domain::event::LARGEST_DATA) bytes.
    pub data: Value,
}

/// What an event came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventReceipt {
    /// `nudged.event/1`.
    pub schema: String,
    pub event: String,
    /// Of each schedule that speaks to somebody.
    pub occurrences: Vec<EventOccurrence>,
    /// Who was named and does not get it.
    pub refused: Vec<RefusedPerson>,
    /// Whether this is what was answered before to the same key. Not part of the answer, which is the same each time.
    #[serde(skip)]
    pub is_repetition: bool,
}

impl EventReceipt {
    pub const SCHEMA: &str = "nudged.event/1";
}

/// The occurrence that an event made of a schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventOccurrence {
    pub schedule: String,
    /// The civil time that is its identity: that of the event, in UTC.
    pub occurrence: NaiveDateTime,
    /// How many are invited.
    pub people: u64,
}

/// Somebody whom an event names and whom a schedule does not speak to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedPerson {
    pub schedule: String,
    /// As the event names them, or the path at which it names nobody.
    pub who: String,
    pub why: Refusal,
}

/// Why an event does not reach somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Refusal {
    /// The data has nothing there.
    NobodyNamed,
    /// The data has more there than [`MOST_NAMED`](crate::domain::event::MOST_NAMED).
    TooManyNamed,
    /// It is no address of a person.
    NotAnAddress,
    /// Nobody of this address is known.
    UnknownRecipient,
    /// They are not among those whom the schedule allows.
    NotAllowedAudience,
    /// The schedule leaves them out.
    Excepted,
    /// The schedule says it once to each, and has said it to them.
    OnceBefore,
}

impl Refusal {
    /// In words, for people.
    #[must_use]
    pub fn explain(self) -> &'static str {
        match self {
            Refusal::NobodyNamed => "nobody is named there",
            Refusal::TooManyNamed => "more than 1,000 are named there, so it goes to none of them",
            Refusal::NotAnAddress => "this is not the address of a person",
            Refusal::UnknownRecipient => "nobody of this address is known",
            Refusal::NotAllowedAudience => "they are not in `among`",
            Refusal::Excepted => "they are in `except_people`",
            Refusal::OnceBefore => "they have had it before, and `once_per` is \"person\"",
        }
    }
}

/// What a store makes of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventAnswer {
    Taken(EventReceipt),
    /// The key has been used for an event of this name with other data.
    KeyIsTaken,
    /// No schedule waits for it. Those that wait wait for these.
    NobodyListens {
        known: Vec<String>,
    },
}
