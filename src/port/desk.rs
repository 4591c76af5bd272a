//! What people and programs may ask of nudged. The engine answers; the control socket carries question and answer;
//! so a command does not know whether it speaks to a daemon or looks into the store itself.
//!
//! These shapes are what `--json` prints, so they are stable: a field is added, never renamed.

use std::collections::BTreeMap;
use std::path::PathBuf;

use async_trait::async_trait;
use chrono::{DateTime, NaiveDateTime, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::domain::consent::{Stopped, Wish};
use crate::domain::conversation::Standing;
use crate::domain::credential::CredentialKind;
use crate::domain::delivery::{Reason, State};
use crate::domain::id::RecallId;
use crate::domain::lateness::Lateness;
use crate::domain::recall::{RecallState, Remedy};
use crate::domain::recipient::{Details, PersonRecord, RecipientKind, ServiceOrigin, Unreachable, ZoneSource};
use crate::port::event::{EventReceipt, EventRequest};
use crate::port::export::{LedgerPage, LedgerQuery};
use crate::port::people::{ExportPage, ExportQuery, PersonChange, PersonFile, PersonQuery, ZoneOrder};
use crate::port::recall::{RecallCounts, RecallReport};
use crate::port::rehearsal::{TestReceipt, TestRequest};
use crate::port::reload::{ReloadRequest, ReloadVerdict};
use crate::port::store::{Paused, StatusQuery};
use crate::port::tail::{TailPage, TailQuery};
use crate::port::team::{KnownTeam, NamedTeam};
use crate::port::trouble::{CancelReport, CancelRequest, Failures, FailuresQuery, RetryReport, RetryRequest};
use crate::port::why::{Why, WhyQuery};

/// Why the desk could not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "kind", content = "message", rename_all = "kebab-case")]
pub enum DeskError {
    /// What was asked makes no sense; the text says why.
    #[error("{0}")]
    BadRequest(String),
    /// What was asked about is not there.
    #[error("{0}")]
    NotFound(String),
    /// It needs a running daemon, and none answers.
    #[error("{0}")]
    NoDaemon(String),
    /// Whoever asks may not.
    #[error("{0}")]
    Denied(String),
    /// It failed on our side.
    #[error("{0}")]
    Failed(String),
}

/// How many deliveries are in each state. States with none are left out.
pub type Counts = BTreeMap<State, u64>;

/// Where everything stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// `nudged.status/1`.
    pub schema: String,
    pub now: DateTime<Utc>,
    /// `None` when no daemon is running and the ledger was read directly.
    pub daemon: Option<DaemonStatus>,
    /// Schedule files that are not used as they stand.
    pub held_back: Vec<HeldBackFile>,
    /// Schedules of which nothing is sent until somebody lets them go on.
    #[serde(default)]
    pub paused: Vec<PausedSchedule>,
    /// Schedules that no file has any more, before what is open of them is cancelled.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub removed: Vec<RemovedSchedule>,
    /// The teams that schedules name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub teams: Vec<TeamStatus>,
    pub occurrences: Vec<OccurrenceStatus>,
    /// How many more there are than are listed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub omitted: u64,
    /// How late what was sent of these occurrences was: of the last 24 hours, and of what is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lateness: Option<Lateness>,
    /// Only when one schedule was asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deliveries: Vec<DeliveryStatus>,
}

impl Status {
    pub const SCHEMA: &str = "nudged.status/1";
}

/// The running daemon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DaemonStatus {
    pub version: String,
    pub pid: u32,
    pub started_at: DateTime<Utc>,
    pub schedules: u64,
    /// When the next message is due.
    pub next_due_at: Option<DateTime<Utc>>,
    /// How fast it sends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<RateStatus>,
    /// In words, when the bot's own set-up keeps it from sending.
    pub trouble: Option<String>,
    /// What the bot proves itself with. A daemon of an earlier version does not say it.
    #[serde(default)]
    pub credentials: Option<CredentialStatus>,
    /// `None` where Teams does not call this daemon.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<EndpointStatus>,
    /// `None` where no backups are made by themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backups: Option<BackupStatus>,
}

/// How fast messages leave, and how fast they may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RateStatus {
    /// Requests to Teams that began within the last `seconds`, of all tenants.
    pub requests: u64,
    pub seconds: u32,
    /// How many requests a second one tenant may get.
    pub limit_per_second: u64,
}

/// The daily backups of the ledger.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupStatus {
    /// When the newest one was made. None is known before the first look.
    pub last_at: Option<DateTime<Utc>>,
    /// Its size.
    pub bytes: Option<u64>,
    pub path: Option<PathBuf>,
    /// In words, when the last try failed.
    pub trouble: Option<String>,
}

/// The messaging endpoint since the daemon started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointStatus {
    /// As a URL on this machine.
    pub listens_on: String,
    /// Activities that were taken in.
    pub heard: u64,
    pub last_heard_at: Option<DateTime<Utc>>,
    /// Requests that were not from Teams, or not for this bot.
    pub refused: u64,
    pub last_refused_at: Option<DateTime<Utc>>,
    /// In words, when the keys of Teams can't be fetched.
    pub trouble: Option<String>,
}

/// What the bot proves itself with, as far as it may be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CredentialStatus {
    pub kind: CredentialKind,
    /// `None` where it has no end, or nobody knows it.
    pub expires_at: Option<DateTime<Utc>>,
    /// In words, when there is something to do about it.
    pub note: Option<String>,
}

/// A schedule file with problems.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldBackFile {
    pub file: String,
    /// Whether its last good version goes on in its place.
    pub last_good_in_use: bool,
    /// `line:column: CODE message; help`, one for each problem.
    pub problems: Vec<String>,
    /// The schedules that stand in it, and those in its last good version where that goes on, as far as that can be seen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub schedules: Vec<String>,
}

/// A schedule that is held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PausedSchedule {
    pub schedule: String,
    pub since: DateTime<Utc>,
    /// In words.
    pub why: String,
}

impl From<Paused> for PausedSchedule {
    fn from(paused: Paused) -> Self {
        Self { schedule: paused.schedule.to_string(), since: paused.since, why: paused.why }
    }
}

/// A schedule that no file has any more. Until its grace is over it may come back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemovedSchedule {
    pub schedule: String,
    pub since: DateTime<Utc>,
    /// When what is open of it is cancelled.
    pub cancelled_at: DateTime<Utc>,
}

/// A team that schedules name, and what is known of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TeamStatus {
    /// As schedules write it.
    pub team: String,
    pub id: Option<String>,
    /// When its channels and members were last read.
    pub read_at: Option<DateTime<Utc>>,
    pub channels: u64,
    pub members: u64,
    /// In words, when it is not known, or could not be read.
    pub trouble: Option<String>,
}

impl From<NamedTeam> for TeamStatus {
    fn from(named: NamedTeam) -> Self {
        let trouble = named.trouble();
        let NamedTeam { word, mut teams } = named;
        let known = if teams.len() == 1 { teams.pop() } else { None };
        let nothing = Self { team: word.clone(), id: None, read_at: None, channels: 0, members: 0, trouble };
        let Some(KnownTeam { id, read_at, channels, members, .. }) = known else { return nothing };
        Self { id: Some(id), read_at, channels, members, ..nothing }
    }
}

/// One occurrence: the counts add up to the audience.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OccurrenceStatus {
    pub schedule: String,
    /// The civil time that is its identity.
    pub occurrence: NaiveDateTime,
    /// Whether it is a test of an operator's.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub test: bool,
    pub audience: u64,
    pub counts: Counts,
    /// Deliveries of which an earlier attempt has an unknown outcome.
    pub possible_duplicates: u64,
    pub reasons: Vec<ReasonCount>,
    /// In the order of the due instants.
    pub waves: Vec<WaveStatus>,
    /// How far its recall is, where there is one. States with none are left out.
    #[serde(default, skip_serializing_if = "RecallCounts::is_empty")]
    pub recalled: RecallCounts,
    /// How late what was sent of it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lateness: Option<Lateness>,
    /// About when the last open delivery leaves, where a daemon is sending.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<DateTime<Utc>>,
    /// About how many open deliveries will expire before their turn comes.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub too_late: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks like this")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReasonCount {
    pub state: State,
    pub reason: Reason,
    pub count: u64,
    /// What to do about it, in words.
    #[serde(default)]
    pub cure: String,
}

impl ReasonCount {
    #[must_use]
    pub fn new(state: State, reason: Reason, count: u64) -> Self {
        Self { state, reason, count, cure: reason.cure_in(state).into_owned() }
    }
}

/// The part of an occurrence whose recipients share a zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaveStatus {
    pub zone: Tz,
    pub due_at: DateTime<Utc>,
    pub expire_at: DateTime<Utc>,
    pub people: u64,
    /// Whether its deliveries exist as rows yet.
    pub expanded: bool,
}

/// One delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryStatus {
    pub schedule: String,
    pub occurrence: NaiveDateTime,
    pub recipient: String,
    pub address: Option<String>,
    /// The zone whose clock gave the due instant.
    pub zone: Tz,
    pub due_at: DateTime<Utc>,
    pub state: State,
    pub reason: Option<Reason>,
    pub detail: Option<String>,
    pub attempts: u32,
    pub possible_duplicate: bool,
    pub sent_at: Option<DateTime<Utc>>,
    pub not_before: Option<DateTime<Utc>>,
    /// Where its recall stands, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recall: Option<DeliveryRecall>,
}

/// Where the recall of one delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryRecall {
    pub state: RecallState,
    pub reason: Option<Reason>,
    /// Whether the message is deleted; else a text takes its place.
    pub deletes: bool,
}

/// A recipient as `people list` shows them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonView {
    pub kind: RecipientKind,
    pub name: String,
    pub addresses: Vec<String>,
    pub zone: Tz,
    pub zone_source: ZoneSource,
    pub language: Option<String>,
    #[serde(default, flatten)]
    pub details: Details,
    pub groups: Vec<String>,
    /// Whether nobody but a schedule or a roster speaks of them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_only_named: bool,
    /// Whether this is a guest of a team. Whom an import has mentioned counts as a member.
    #[serde(default, skip_serializing_if = "Standing::is_member")]
    pub standing: Standing,
    /// Where the conversation is served, and how that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<Service>,
    pub reach: Reach,
    /// What they stopped.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stops: Vec<Stopped>,
}

impl PersonView {
    /// Whether whatever is for everyone is for this recipient.
    #[must_use]
    pub fn is_one_of_everyone(&self) -> bool {
        self.kind == RecipientKind::Person && !self.is_only_named
    }

    /// Whether more is known of this recipient than a name in a schedule.
    #[must_use]
    pub fn is_met(&self) -> bool {
        !self.is_only_named || self.reach != Reach::NoReference
    }

    /// What somebody may write who means this recipient: the addresses and the name.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.addresses.iter().chain(std::iter::once(&self.name)).map(String::as_str)
    }
}

/// The service URL of a recipient.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    pub url: String,
    pub origin: ServiceOrigin,
}

/// Whether somebody can be reached, and if not, why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", content = "why", rename_all = "kebab-case")]
pub enum Reach {
    /// A conversation is known.
    Conversation,
    /// A Teams or Entra id is known: the conversation is created with the first message.
    CanBeCreated,
    /// Too little is known.
    NoReference,
    Unreachable(Unreachable),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct People {
    /// `nudged.people/1`.
    pub schema: String,
    pub people: Vec<PersonView>,
}

impl People {
    pub const SCHEMA: &str = "nudged.people/1";
}

/// What an import did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportReport {
    pub added: u64,
    pub updated: u64,
    pub unchanged: u64,
    /// Records that were not taken in, each with the reason in words.
    pub refused: Vec<String>,
    /// What somebody lost by it, in words. A daemon of an earlier version does not say it.
    #[serde(default)]
    pub notes: Vec<String>,
}

/// A message for people to be sent now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SendRequest {
    /// As in `to` of a schedule.
    pub to: Vec<String>,
    pub text: String,
}

/// The schedule that a send became: it is sent once, now, and accounted for like any other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SendReceipt {
    /// `nudged.send/1`. A daemon of an earlier version does not say it.
    #[serde(default)]
    pub schema: String,
    pub schedule: String,
}

impl SendReceipt {
    pub const SCHEMA: &str = "nudged.send/1";
}

/// What is to be answered to a forwarded activity. The bot that forwarded it answers Teams itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ForwardReceipt {
    /// False of an invoke that nudged does not know: the other bot answers it as if nudged were not there.
    pub understood: bool,
    /// The body of the answer to an invoke that nudged took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<serde_json::Value>,
}

/// Messages to be taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecallRequest {
    pub schedule: String,
    /// The civil time that is the identity of the occurrence; `None` means the latest of which anything has left.
    pub occurrence: Option<NaiveDateTime>,
    /// As in `to` of a schedule; nobody named means everybody.
    pub who: Vec<String>,
    pub remedy: Remedy,
    /// Only say what would be done.
    pub dry_run: bool,
}

/// Which recall is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecallQuery {
    pub recall: RecallId,
    /// Whether every message is listed.
    #[serde(default)]
    pub in_full: bool,
}

/// What the operator says that somebody wants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsentRequest {
    /// One person, chat or channel, as in `to` of a schedule.
    pub who: String,
    /// `None` means everything.
    pub topic: Option<String>,
    pub wish: Wish,
}

/// A schedule to be held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PauseRequest {
    pub schedule: String,
    /// In words, for whoever wonders.
    pub why: Option<String>,
}

/// The questions.
#[async_trait]
pub trait Desk: Send + Sync {
    async fn status(&self, query: StatusQuery) -> Result<Status, DeskError>;

    async fn people(&self) -> Result<People, DeskError>;

    /// All that is known of one recipient.
    async fn person(&self, query: PersonQuery) -> Result<PersonFile, DeskError>;

    /// Says where somebody lives, or takes that back.
    async fn order_zone(&self, order: ZoneOrder) -> Result<PersonChange, DeskError>;

    /// Has somebody spoken to again who was marked as unreachable.
    async fn revive(&self, query: PersonQuery) -> Result<PersonChange, DeskError>;

    /// The next part of an export.
    async fn export_people(&self, query: ExportQuery) -> Result<ExportPage, DeskError>;

    async fn import_people(&self, records: Vec<PersonRecord>) -> Result<ImportReport, DeskError>;

    async fn send(&self, request: SendRequest) -> Result<SendReceipt, DeskError>;

    /// Takes in an activity that Teams told another program of the same bot: the JSON as Teams sent it.
    async fn forward(&self, activity: Vec<u8>) -> Result<ForwardReceipt, DeskError>;

    /// Takes in that something has happened. The same key with the same data again is answered as before.
    async fn event(&self, request: EventRequest) -> Result<EventReceipt, DeskError>;

    /// Begins a recall, or says what it would do. The report lists no messages.
    async fn recall(&self, request: RecallRequest) -> Result<RecallReport, DeskError>;

    /// How far a recall is.
    async fn recall_report(&self, query: RecallQuery) -> Result<RecallReport, DeskError>;

    /// Stops messages to somebody, or lets them go on, on their behalf. Returns whether that is a change.
    async fn consent(&self, request: ConsentRequest) -> Result<bool, DeskError>;

    /// Reads the schedule files again and brings what they say into force, or says what that would do.
    async fn reload(&self, request: ReloadRequest) -> Result<ReloadVerdict, DeskError>;

    /// Holds a schedule. Returns whether that is a change.
    async fn pause(&self, request: PauseRequest) -> Result<bool, DeskError>;

    /// Why somebody gets a message, got it, or did not.
    async fn why(&self, query: WhyQuery) -> Result<Why, DeskError>;

    /// What failed, expired or became unknown, the newest first.
    async fn failures(&self, query: FailuresQuery) -> Result<Failures, DeskError>;

    /// Has deliveries sent again that failed, or of which nobody knows.
    async fn retry(&self, request: RetryRequest) -> Result<RetryReport, DeskError>;

    /// The next part of the ledger.
    async fn export(&self, query: LedgerQuery) -> Result<LedgerPage, DeskError>;

    /// What has ended last, or since.
    async fn tail(&self, query: TailQuery) -> Result<TailPage, DeskError>;

    /// Sends a schedule's message to one person now, as a test.
    async fn test(&self, request: TestRequest) -> Result<TestReceipt, DeskError>;

    /// Ends what has not left yet of an occurrence.
    async fn cancel(&self, request: CancelRequest) -> Result<CancelReport, DeskError>;

    /// Lets a schedule go on. Where it had paused itself, what Teams says of its recipients is believed for a day. Returns
    /// whether that is a change.
    async fn resume(&self, schedule: String) -> Result<bool, DeskError>;
}
