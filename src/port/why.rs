//! Why somebody gets a message, got it, or did not: the facts. The words are the command line's.
//!
//! The answer is what `--json` prints, so it is stable: a field is added, never renamed.

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::domain::consent::Choice;
use crate::domain::delivery::{Reason, State};
use crate::domain::event::Cause;
use crate::domain::id::RecipientId;
use crate::domain::time::ClockNote;
use crate::port::desk::{DeliveryRecall, HeldBackFile, PausedSchedule, RemovedSchedule};
use crate::port::people::PersonFile;

/// What is asked: why does this person get this schedule, or not?
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WhyQuery {
    pub schedule: String,
    /// An address, the id of a conversation, or a name that nobody else has.
    pub who: String,
    /// Of which date, as it stands in the schedule; `None` means what is next and what was last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on: Option<NaiveDate>,
    /// Of this occurrence alone, whatever else is of that date.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub occurrence: Option<NaiveDateTime>,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Why {
    /// `nudged.why/1`.
    pub schema: String,
    pub now: DateTime<Utc>,
    pub schedule: String,
    pub person: PersonFile,
    /// What they chose about the topic of the schedule, and about everything, in the order in which they did.
    pub choices: Vec<Choice>,
    /// Whether the schedule is in force: it stands in a good file, or in the last good version of one.
    pub in_force: bool,
    /// Since when nothing of it is sent, and why.
    pub paused: Option<PausedSchedule>,
    /// Since when no file has it, while what is open of it is not cancelled yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removed: Option<RemovedSchedule>,
    /// The file in which it stands, where that is held back.
    pub held_back: Option<HeldBackFile>,
    /// What is to be told: what is open or coming first, then what is over. Never empty.
    pub accounts: Vec<Account>,
}

impl Why {
    pub const SCHEMA: &str = "nudged.why/1";
}

/// What is to be told of one occurrence, or that there is none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Account {
    /// The ledger has a delivery.
    Delivery(Box<DeliveryStory>),
    /// There will be one.
    Coming(Coming),
    /// There is none, and none is coming.
    Absent(Absent),
}

/// What the ledger knows of one delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryStory {
    /// The civil time that is the identity of the occurrence.
    pub occurrence: NaiveDateTime,
    pub cause: Cause,
    /// The zone whose clock gave the due instant.
    pub zone: Tz,
    /// Whether that is the clock of the recipient, and not one for everybody or the instant of an event.
    pub on_own_clock: bool,
    pub due_at: DateTime<Utc>,
    /// After this it is not sent any more.
    pub expire_at: DateTime<Utc>,
    /// When it came into the plan.
    pub planned_at: DateTime<Utc>,
    /// What the clock of the zone did at that hour.
    pub note: Option<ClockNote>,
    /// Whence it moved with its recipient.
    pub moved_from: Option<Former>,
    pub state: State,
    pub reason: Option<Reason>,
    /// In words, what was seen.
    pub detail: Option<String>,
    /// Of one that is open: when it is tried, or tried again, at the earliest.
    pub not_before: Option<DateTime<Utc>>,
    pub sent_at: Option<DateTime<Utc>>,
    /// When it came to its end. Of some that ended without a sender it is not known.
    pub ended_at: Option<DateTime<Utc>>,
    pub possible_duplicate: bool,
    /// Until when it may be sent although it is late, because an operator asked for it again.
    pub open_until: Option<DateTime<Utc>>,
    /// For what it waited, without a request.
    pub holds: Vec<Hold>,
    /// When no daemon was there although it was due.
    pub downtime: Option<Span>,
    /// When its schedule was paused although it was due.
    pub paused: Option<Span>,
    /// The later occurrence that was due before it could be sent.
    pub superseded_by: Option<NaiveDateTime>,
    /// The earlier hour of that date, which this occurrence replaces since an edit.
    pub instead_of: Option<NaiveDateTime>,
    /// The requests that were made, as far as they are still kept.
    pub attempts: Vec<Attempt>,
    /// How many were made in all.
    pub attempts_made: u32,
    pub recall: Option<DeliveryRecall>,
    /// Of one that is open: until when quiet hours will hold it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_until: Option<DateTime<Utc>>,
    /// Of one that is open: why nothing will be sent, as things stand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_out: Option<Reason>,
}

/// Where a delivery was before it moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Former {
    pub zone: Tz,
    pub due_at: DateTime<Utc>,
}

/// That it was decided to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    pub reason: Reason,
    /// When that was first decided.
    pub at: DateTime<Utc>,
    pub until: DateTime<Utc>,
}

/// From when to when something was so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    pub since: DateTime<Utc>,
    pub until: DateTime<Utc>,
}

/// One request for a delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    pub started_at: DateTime<Utc>,
    /// `None` while it is under way.
    pub ended_at: Option<DateTime<Utc>>,
    /// The state in which it left the delivery.
    pub state: Option<State>,
    pub reason: Option<Reason>,
    /// The HTTP status, if an answer came.
    pub status: Option<u16>,
    /// The code that Teams gave its error.
    pub error_code: Option<String>,
    /// By which Microsoft's support finds the request.
    pub correlation_id: Option<String>,
    pub detail: Option<String>,
    pub latency_ms: Option<u64>,
}

/// A delivery that will be: of a wave that is planned, or of one that the plan has not come to yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coming {
    pub occurrence: NaiveDateTime,
    /// Whether its wave is in the plan already; that looks two days ahead.
    pub planned: bool,
    pub zone: Tz,
    pub on_own_clock: bool,
    pub due_at: DateTime<Utc>,
    pub expire_at: DateTime<Utc>,
    pub note: Option<ClockNote>,
    /// Until when quiet hours will hold it.
    pub held_until: Option<DateTime<Utc>>,
    /// Why nothing will be sent, as things stand.
    pub left_out: Option<Reason>,
}

/// Why there is no delivery, and none is coming.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "kebab-case")]
pub enum Absent {
    /// Its file is held back and has no last good version, so nothing of it is in force.
    HeldBack,
    /// `except_people` names them.
    Excepted { address: String },
    /// Nothing in `to` means them. So it says.
    NotInAudience { to: Vec<String> },
    /// It speaks to whom an event brings along, and none has for them.
    AwaitsEvent { event: String },
    /// It begins later.
    BeforeFrom { from: NaiveDateTime },
    /// It has ended.
    AfterUntil { until: NaiveDateTime },
    /// `except` names the date.
    ExceptedDate { date: NaiveDate },
    /// It is a holiday in the calendar of this name.
    Holiday { date: NaiveDate, calendar: String },
    /// It does not fire on that date. So it says: the next one that it does, if there is one.
    NotThatDay { date: NaiveDate, next: Option<NaiveDateTime> },
    /// The hour does not exist on their clock that day, and the schedule skips those.
    SkippedInGap { occurrence: NaiveDateTime },
    /// It will not fire any more.
    NothingAhead,
    /// It fired, and the ledger has no row of theirs: they were not in the audience then, or the schedule was not in force.
    NoRow { occurrence: NaiveDateTime },
    /// The schedule is in no file any more, and the ledger has nothing for them.
    NotInForce,
}

/// What the ledger is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoryQuery {
    pub schedule: String,
    pub recipient: RecipientId,
    pub on: Option<NaiveDate>,
    pub occurrence: Option<NaiveDateTime>,
}

/// The ledger's part of the answer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Story {
    /// Whether the ledger has ever heard of the schedule.
    pub is_known: bool,
    /// Since when no file has it, while what is open of it is not cancelled yet.
    pub missing_since: Option<DateTime<Utc>>,
    /// Of the occurrence that was asked about, else of the date all of them; else the next open one, then the one that ended last.
    pub deliveries: Vec<DeliveryStory>,
    /// What is planned and not a delivery yet: of that date, else the next one.
    pub coming: Option<Coming>,
    /// Every choice that the recipient ever made.
    pub choices: Vec<Choice>,
}
