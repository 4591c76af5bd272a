//! How the daemon does, for those who watch over it by the hour: whether it lives, whether it can send, and its figures.
//!
//! Nothing here can name a person: the only texts among the figures are words of the program.

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::domain::credential::CredentialKind;
use crate::domain::delivery::{Reason, State};
use crate::domain::recipient::{Unreachable, ZoneSource};
use crate::domain::schedule::model::Priority;
use crate::port::desk::{DeskError, Reach};
use crate::port::line::LineReport;

/// Something that must go round or answer, or the daemon is as good as dead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Organ {
    /// No planning pass has ended for seven minutes, well or badly; beats come every minute.
    Planner,
    /// A request has been under way for longer than its time-outs allow.
    Senders,
    /// The thread that writes the ledger has not answered within 20 seconds, or is gone.
    Store,
    /// The loop that claims what is due has not gone round within 20 seconds after it was rung.
    Dispatcher,
}

/// What the daemon needs to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Need {
    /// The schedules have been planned within the last seven minutes.
    Plan,
    /// The bot's credential can be read and has not expired, and neither the token service nor Teams refuses the bot.
    Credential,
    /// The ledger takes a write, and what is due can be claimed.
    Store,
}

/// Whether the daemon lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Life {
    /// The first organ found not to work.
    pub hangs: Option<Organ>,
}

/// Whether the daemon can send.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Readiness {
    /// Everything that it lacks.
    pub lacks: Vec<Need>,
}

/// A queue in which deliveries wait for a sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Queue {
    Critical,
    Normal,
    Bulk,
    /// Their schedule is paused, or missing.
    Held,
}

impl Queue {
    pub const ALL: [Queue; 4] = [Queue::Critical, Queue::Normal, Queue::Bulk, Queue::Held];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Queue::Critical => "critical",
            Queue::Normal => "normal",
            Queue::Bulk => "bulk",
            Queue::Held => "held",
        }
    }
}

/// What waits in a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueFigures {
    pub queue: Queue,
    /// Deliveries that may be tried now.
    pub due: u64,
    /// Since when the one that waits longest may be tried.
    pub oldest_since: Option<DateTime<Utc>>,
}

/// Whom the ledger knows, in numbers.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CrowdFigures {
    /// Persons, chats and channels by whether they can be reached. What nobody has is left out.
    pub references: Vec<(Reach, u64)>,
    /// Persons by who said where they live. What nobody has is left out.
    pub zone_sources: Vec<(ZoneSource, u64)>,
}

impl CrowdFigures {
    /// Those who can't be reached.
    #[must_use]
    pub fn unreachable(&self) -> u64 {
        let is_lost = |reach: &Reach| matches!(reach, Reach::Unreachable(_) | Reach::NoReference);
        self.references.iter().filter(|(reach, _)| is_lost(reach)).map(|(_, count)| count).sum()
    }

    /// Everybody.
    #[must_use]
    pub fn known(&self) -> u64 {
        self.references.iter().map(|(_, count)| count).sum()
    }
}

/// Every way of being reached, and of not being.
pub const REACHES: [Reach; 9] = [
    Reach::Conversation,
    Reach::CanBeCreated,
    Reach::NoReference,
    Reach::Unreachable(Unreachable::Blocked),
    Reach::Unreachable(Unreachable::Uninstalled),
    Reach::Unreachable(Unreachable::DisabledByAdmin),
    Reach::Unreachable(Unreachable::NotAMember),
    Reach::Unreachable(Unreachable::OtherTenant),
    Reach::Unreachable(Unreachable::Gone),
];

/// Everybody who may say where somebody lives.
pub const ZONE_SOURCES: [ZoneSource; 6] = [
    ZoneSource::Fallback,
    ZoneSource::Group,
    ZoneSource::Directory,
    ZoneSource::Client,
    ZoneSource::Operator,
    ZoneSource::Own,
];

/// How a recipient can be reached, as one word.
#[must_use]
pub fn reach_word(reach: Reach) -> &'static str {
    match reach {
        Reach::Conversation => "conversation",
        Reach::CanBeCreated => "can-be-created",
        Reach::NoReference => "no-reference",
        Reach::Unreachable(Unreachable::Blocked) => "blocked",
        Reach::Unreachable(Unreachable::Uninstalled) => "uninstalled",
        Reach::Unreachable(Unreachable::DisabledByAdmin) => "disabled-by-admin",
        Reach::Unreachable(Unreachable::NotAMember) => "not-a-member",
        Reach::Unreachable(Unreachable::OtherTenant) => "other-tenant",
        Reach::Unreachable(Unreachable::Gone) => "gone",
    }
}

/// Who said where somebody lives, as one word.
#[must_use]
pub fn source_word(source: ZoneSource) -> &'static str {
    match source {
        ZoneSource::Fallback => "fallback",
        ZoneSource::Group => "group",
        ZoneSource::Directory => "directory",
        ZoneSource::Client => "client",
        ZoneSource::Operator => "operator",
        ZoneSource::Own => "own",
    }
}

/// A call of the Connector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Call {
    Continue,
    Create,
    Post,
    Update,
    Delete,
    Members,
    Channels,
    Team,
}

impl Call {
    pub const ALL: [Call; 8] = [
        Call::Continue,
        Call::Create,
        Call::Post,
        Call::Update,
        Call::Delete,
        Call::Members,
        Call::Channels,
        Call::Team,
    ];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Call::Continue => "continue",
            Call::Create => "create",
            Call::Post => "post",
            Call::Update => "update",
            Call::Delete => "delete",
            Call::Members => "members",
            Call::Channels => "channels",
            Call::Team => "team",
        }
    }
}

/// What a call came to: a verdict without what it carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CallEnd {
    Ok,
    Retry,
    Recreate,
    Elsewhere,
    Permanent,
    OurFault,
    Unknown,
}

impl CallEnd {
    pub const ALL: [CallEnd; 7] = [
        CallEnd::Ok,
        CallEnd::Retry,
        CallEnd::Recreate,
        CallEnd::Elsewhere,
        CallEnd::Permanent,
        CallEnd::OurFault,
        CallEnd::Unknown,
    ];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            CallEnd::Ok => "ok",
            CallEnd::Retry => "retry",
            CallEnd::Recreate => "recreate",
            CallEnd::Elsewhere => "elsewhere",
            CallEnd::Permanent => "permanent",
            CallEnd::OurFault => "our-fault",
            CallEnd::Unknown => "unknown",
        }
    }
}

/// How many observations were how large.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Distribution {
    /// The upper bounds of the buckets, which belong to them. Beyond the last one there is another bucket.
    pub bounds: &'static [Duration],
    /// One more than there are bounds; of each bucket by itself.
    pub counts: Vec<u64>,
    pub sum: Duration,
}

/// What has been counted since the daemon started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted {
    /// Deliveries that a sender brought to a final state.
    pub deliveries: Vec<(State, Option<Reason>, u64)>,
    /// Deliveries that are to be tried again.
    pub retries: Vec<(Reason, u64)>,
    /// Of sent deliveries, from the due instant to the durable outcome.
    pub lateness: Vec<(Priority, Distribution)>,
    pub calls: Vec<(Call, CallEnd, u64)>,
    /// From the call to its answer, the token included.
    pub call_durations: Vec<(Call, Distribution)>,
    /// Answers with which Teams asked us to slow down.
    pub throttled: u64,
    /// Rows that expansions made.
    pub expanded: u64,
}

/// How the schedule files were last read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reloads {
    /// Whether every file was taken as it stands.
    pub is_last_whole: bool,
    /// When every file was last taken as it stands.
    pub last_whole_at: Option<DateTime<Utc>>,
}

/// The bot's credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CredentialFigures {
    pub kind: CredentialKind,
    pub is_usable: bool,
    pub expires_at: Option<DateTime<Utc>>,
    /// When the token in hand is over, if there is one.
    pub token_expires_at: Option<DateTime<Utc>>,
}

/// The messaging endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndpointFigures {
    pub heard: u64,
    pub refused: u64,
    pub last_heard_at: Option<DateTime<Utc>>,
}

/// Everything that can be counted or measured of a running daemon.
#[derive(Debug, Clone, PartialEq)]
pub struct Figures {
    pub version: &'static str,
    pub started_at: DateTime<Utc>,
    pub now: DateTime<Utc>,
    pub counted: Counted,
    pub planning_passes: u64,
    pub dispatcher_rounds: u64,
    pub oldest_request: Option<Duration>,
    /// Whether the bot's own set-up keeps it from sending.
    pub is_blocked: bool,
    pub schedules: u64,
    pub files_held_back: u64,
    pub reloads: Reloads,
    pub credential: CredentialFigures,
    pub endpoint: Option<EndpointFigures>,
    pub last_backup_at: Option<DateTime<Utc>>,
    /// `None` when the ledger could not be read just now.
    pub ledger: Option<LedgerFigures>,
    pub process: ProcessFigures,
}

/// What is read from the ledger. The queues are some seconds old at most, the crowd some minutes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerFigures {
    pub queues: Vec<QueueFigures>,
    pub paused: u64,
    pub crowd: CrowdFigures,
}

/// What the kernel says of the process. What it does not say is absent.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct ProcessFigures {
    pub cpu: Option<Duration>,
    pub resident_bytes: Option<u64>,
    pub open_files: Option<u64>,
    pub most_files: Option<u64>,
}

/// The process in which the daemon runs.
pub trait Process: Send + Sync {
    /// What the kernel says of it now.
    fn figures(&self) -> ProcessFigures;
}

/// What a doctor asks the daemon besides its status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkup {
    /// `nudged.checkup/1`.
    pub schema: String,
    pub life: Life,
    /// Whether what the bot proves itself with can be read and makes sense.
    pub is_credential_usable: bool,
    pub line: LineReport,
    pub queues: Vec<QueueFigures>,
    pub crowd: CrowdFigures,
    /// The zones in which somebody lives.
    pub zones: Vec<Tz>,
    /// The version of the time-zone data in use.
    pub zone_data: String,
}

impl Checkup {
    pub const SCHEMA: &str = "nudged.checkup/1";
}

/// The questions.
#[async_trait]
pub trait Vitals: Send + Sync {
    /// Whether everything goes round. It may take 40 seconds to find out that something does not; what was found holds
    /// for some seconds.
    async fn life(&self) -> Life;

    /// Whether messages can be sent. What was found holds for some seconds.
    async fn readiness(&self) -> Readiness;

    async fn figures(&self) -> Figures;

    /// Looks at everything, and tries the line to Teams without saying anything.
    async fn checkup(&self) -> Result<Checkup, DeskError>;
}
