//! What a schedule is: checked values that cannot be wrong.

use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use crate::domain::consent::Topic;
use crate::domain::conversation;
use crate::domain::event::EventTarget;
use crate::domain::id::{Revision, ScheduleName};
use crate::domain::message::Message;
use crate::domain::problem::Place;
use crate::domain::quiet::{InQuietHours, QuietHours};
use crate::domain::recipient::Address;
use crate::domain::schedule::when::When;
use crate::domain::thread::ThreadPolicy;

/// One named entry of a schedule file: when, to whom, what, and policies.
#[derive(Debug, Clone)]
pub struct Schedule {
    pub name: ScheduleName,
    /// What it was called before, where it says so.
    pub renamed: Option<Renamed>,
    pub title: Option<String>,
    /// What its recipients can stop.
    pub topic: Topic,
    pub origin: Origin,
    pub revision: Revision,
    pub when: When,
    pub audience: Audience,
    pub policies: Policies,
    /// Where its posts in channels stand; without one each is a post of its own.
    pub thread: Option<ThreadPolicy>,
    pub message: Message,
    /// The paths of the supplies that it uses.
    pub supplies: Vec<String>,
}

impl Schedule {
    /// The title, or the name where there is none.
    #[must_use]
    pub fn display_title(&self) -> &str {
        self.title.as_deref().unwrap_or(self.name.as_str())
    }
}

/// Where a schedule was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    pub file: Arc<str>,
    pub place: Place,
}

/// That a schedule had another name: what was sent under that is not sent again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Renamed {
    pub from: ScheduleName,
    /// Where that is written.
    pub place: Place,
}

/// To whom a schedule speaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audience {
    pub to: Vec<Target>,
    /// Of whom the data of an event may name somebody.
    pub among: Vec<Target>,
    pub except_people: Vec<Address>,
    /// Whether guests of a team are meant too.
    pub guests: bool,
}

impl Audience {
    /// Whether a recipient of these addresses and groups, who is one of everyone or not, is in it. The members of a team are a group, see
    /// [`team_group`](conversation::team_group).
    #[must_use]
    pub fn includes(&self, is_one_of_everyone: bool, addresses: &[Address], groups: &[String]) -> bool {
        let is_named = |address: &Address| addresses.contains(address);
        !self.except_people.iter().any(is_named)
            && self.to.iter().any(|target| match target {
                Target::Everyone => is_one_of_everyone,
                Target::Group(group) => groups.contains(group),
                Target::Team(team) => groups.contains(&conversation::team_group(team)),
                Target::Person(address) | Target::Conversation(address) => is_named(address),
                // Who that is is known when it happens.
                Target::Event(_) => false,
            })
    }
}

/// One entry of `to`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// Every person whom an import has made known.
    Everyone,
    Group(String),
    /// Every member of a team, each in their own chat: its name, or its id.
    Team(String),
    Person(Address),
    /// A channel, a group chat, or a 1:1 chat by its id.
    Conversation(Address),
    /// Whom an event brings along.
    Event(EventTarget),
}

/// As schedules write it.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Everyone => f.write_str("everyone"),
            Target::Group(group) => write!(f, "group:{group}"),
            Target::Team(team) => write!(f, "team:{team}"),
            Target::Person(address) | Target::Conversation(address) => address.fmt(f),
            Target::Event(target) => write!(f, "event:{target}"),
        }
    }
}

/// What a schedule decides about lateness, order, backlog and doubt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policies {
    /// How long after its due instant a message may still be sent.
    pub late: Duration,
    pub priority: Priority,
    pub on_unknown: OnUnknown,
    pub overlap: Overlap,
    pub catch_up: CatchUp,
    /// Over which span people of one wave are spread; zero when all are due at once.
    pub jitter: Duration,
    /// With more people than this in its audience, nothing of an occurrence is sent.
    pub max_people: Option<NonZeroU32>,
    pub quiet_hours: QuietPolicy,
    pub in_quiet_hours: InQuietHours,
    pub zone_unknown: ZoneUnknown,
}

/// Which quiet hours a schedule keeps. Those of a recipient hold for every schedule.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum QuietPolicy {
    /// Those of the configuration; what is critical passes them.
    #[default]
    House,
    /// Its own in their place, also when it is critical. None at all where there are none.
    Own(Vec<QuietHours>),
}

impl Policies {
    /// How late a message that is sent once may be.
    pub const LATE_ONCE: Duration = Duration::from_hours(12);
    /// How late a message about something that has happened may be.
    pub const LATE_EVENT: Duration = Duration::from_hours(12);
    /// How late a message that comes again may be.
    pub const LATE_RECURRING: Duration = Duration::from_hours(1);

    /// How long after the due instant of a wave something of it may still be sent. Lateness counts from each person's
    /// own instant.
    #[must_use]
    pub fn open_for(&self) -> TimeDelta {
        self.late.checked_add(self.jitter).and_then(|open| TimeDelta::from_std(open).ok()).unwrap_or(TimeDelta::MAX)
    }
}

/// Who goes first when there is more to send than the limits let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Priority {
    Critical,
    #[default]
    Normal,
    Bulk,
}

/// What becomes of a delivery whose attempt has an unknown outcome. Teams has no idempotency key, so there is no
/// third way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnUnknown {
    /// At least once: sent again, marked as a possible duplicate.
    #[default]
    Resend,
    /// At most once: left as unknown for a person to decide.
    Hold,
}

/// What becomes of a message, on each recipient's own clock, for a person of whose clock nobody said anything. Chats and
/// channels have no clock of their own, and for them the fallback zone always counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ZoneUnknown {
    /// The clock of the fallback zone counts.
    #[default]
    Default,
    /// It waits until the zone is known, as long as it may be late in the fallback zone.
    Hold,
    /// It is not sent.
    Skip,
    /// The clock of the fallback zone counts, and behind the message the person is asked where they live: once in
    /// [`zone_wish::ASKED_AGAIN_AFTER`](crate::domain::zone_wish::ASKED_AGAIN_AFTER), whatever the number of schedules.
    Ask,
}

/// What becomes of a message that is still unsent when the next one of its schedule is due for the same person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Overlap {
    /// The next one takes its place.
    #[default]
    Supersede,
    /// Both are sent.
    Keep,
}

/// What becomes of messages that fell due while no daemon was running, as far as they are not too late.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CatchUp {
    /// Of those of one schedule, each person gets the latest.
    #[default]
    Latest,
    /// Each is sent.
    All,
    /// None is sent.
    None,
}
