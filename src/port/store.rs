//! The durable ledger, in acts of the domain. Every act is one transaction: it is durable when the call returns, and
//! has not happened at all when it fails.
//!
//! All instants are given by the caller's clock; the store has none. Acts are idempotent wherever a caller might
//! repeat them.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, NaiveDateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::domain::consent::Choice;
use crate::domain::delivery::{Claim, Reason, Settlement};
use crate::domain::edit::Meant;
use crate::domain::event::Event;
use crate::domain::forecast::Load;
use crate::domain::id::{AttemptId, DeliveryId, RecallId, RecipientId, ReplyId, ScheduleName, Term};
use crate::domain::introduction::Stranger;
use crate::domain::ladder::HouseZones;
use crate::domain::lateness::Lateness;
use crate::domain::news::{News, TakenIn, Who};
use crate::domain::plan::PlannedWave;
use crate::domain::recipient::PersonRecord;
use crate::domain::share::Rooms;
use crate::domain::thread::{BegunThread, Thread, ThreadName};
use crate::domain::verdict::Evidence;
use crate::port::connector::Conversation;
use crate::port::desk::{DeliveryStatus, ImportReport, OccurrenceStatus, PersonView};
use crate::port::event::EventAnswer;
use crate::port::export::{LedgerPage, LedgerQuery, LedgerRow};
use crate::port::people::{ExportPage, PersonFile};
use crate::port::recall::{NoRecall, RecallOrder, RecallOutcome, RecallReport, RecallWork};
use crate::port::rehearsal::TestOrder;
use crate::port::reload::{Reload, ScheduleChange};
use crate::port::reply::{Delivered, ReplyOutcome, ReplyWork};
use crate::port::round::{Expanded, Round, WentRound};
use crate::port::tail::TailQuery;
use crate::port::team::{NamedTeam, Roster, RosterChange};
use crate::port::trouble::{CancelOrder, CancelReport, Failures, FailuresQuery, NothingThere, RetryOrder, RetryReport};
use crate::port::vitals::{CrowdFigures, QueueFigures};
use crate::port::why::{Story, StoryQuery};

/// For how long after everything that came of an event is over its key is known: whoever told it may tell it again.
pub const EVENTS_ARE_KNOWN_FOR: TimeDelta = TimeDelta::days(90);

/// Over which span the rate of requests is taken.
pub const RATE_OVER: TimeDelta = TimeDelta::seconds(10);

/// What can go wrong with the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The claim is no longer ours: its lease ran out, or another term holds it. Stop working on it.
    #[error("delivery {0} is no longer held by this daemon")]
    LostClaim(DeliveryId),
    /// The store itself failed. What was asked has not happened.
    #[error("{doing}: {source}")]
    Failed {
        doing: &'static str,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// What stands in the store makes no sense.
    #[error("{table}.{column} of row {row} makes no sense: {value:?}")]
    Corrupt { table: &'static str, column: &'static str, row: i64, value: String },
    /// The store has been closed.
    #[error("the store is closed")]
    Closed,
}

/// A text that the store keeps: the last good version of a schedule file, or a schedule made by `nudged send`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    pub name: String,
    pub text: String,
    pub kept_at: DateTime<Utc>,
}

/// What was found when a daemon took the store over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TakeOver {
    /// The term of this daemon, greater than all before.
    pub term: Term,
    /// When the daemon before this one was last seen to expand what was due. What fell due after that had nobody to
    /// send it.
    pub went_round_at: Option<DateTime<Utc>>,
    pub rescued: Rescued,
}

/// Deliveries that somebody held and will not finish.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rescued {
    /// Claimed, nothing had left: planned again.
    pub released: u64,
    /// A request may have left, and the schedule says to send again: waiting, marked as possible duplicates.
    pub to_resend: u64,
    /// A request may have left, and the schedule says to hold: unknown.
    pub unknown: u64,
}

/// What retiring schedules ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Retired {
    pub schedules: u64,
    /// That waited to be expanded or to be sent.
    pub waves: u64,
    /// Open deliveries that became `cancelled: schedule-removed`.
    pub deliveries: u64,
}

/// How far a schedule has been planned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanMark {
    pub schedule: ScheduleName,
    /// What the plan was made from: the schedule's revision, the zones, the time-zone data. A new signature means
    /// that everything still open is planned anew.
    pub signature: String,
    pub planned_until: DateTime<Utc>,
}

/// The waves of one schedule in one window.
#[derive(Debug, Clone, PartialEq)]
pub struct SchedulePlan {
    pub schedule: ScheduleName,
    pub signature: String,
    pub planned_until: DateTime<Utc>,
    /// There when this is the whole of what is open: an open wave which is not in it is withdrawn, and what is new
    /// takes the place of what is not meant any more, see [`edit`](crate::domain::edit). Absent when the plan only goes
    /// on from the last mark; what is due already in it was to come since then, so it is not new.
    pub replaces: Option<Meant>,
    /// In the order of the due instants.
    pub waves: Vec<PlannedWave>,
}

/// What recording a plan changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PlanChange {
    pub added_waves: u64,
    /// Waves whose due instant moved.
    pub moved_waves: u64,
    pub withdrawn_waves: u64,
    /// Open deliveries that became `cancelled: schedule-changed`.
    pub cancelled_deliveries: u64,
}

/// What was given up unseen of a schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Abandoned {
    pub schedule: ScheduleName,
    pub occurrences: u64,
}

/// A schedule is to be held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pause {
    pub schedule: ScheduleName,
    /// In words, for people.
    pub why: String,
    pub by: PausedBy,
    /// What was said of these recipients and is no longer believed: where they were marked for it they are reachable
    /// again, and what was skipped of the schedule for it, and may still be sent, waits.
    pub not_believed: Option<(Reason, Vec<RecipientId>)>,
}

/// Who holds a schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PausedBy {
    Operator,
    /// Nudged itself: too many could not be reached.
    Watch,
}

/// A schedule that is held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paused {
    pub schedule: ScheduleName,
    pub since: DateTime<Utc>,
    pub by: PausedBy,
    /// In words.
    pub why: String,
}

/// The outcome of a claim, with the evidence where a request was made.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    pub delivery: DeliveryId,
    pub term: Term,
    pub at: DateTime<Utc>,
    pub settlement: Settlement,
    /// Of the attempt, where one was made.
    pub attempt: Option<AttemptEnd>,
    /// In words, where no attempt was made.
    pub detail: Option<String>,
    /// The thread that the attempt began in its channel, where schedules go on with it.
    pub thread: Option<BegunThread>,
    /// The conversation in which the message stands, where that is a thread in its recipient's channel.
    pub sent_in: Option<String>,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq)]
pub struct AttemptEnd {
    pub attempt: AttemptId,
    pub evidence: Evidence,
    pub latency: Duration,
}

/// Which occurrences a status is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct StatusQuery {
    /// Only this schedule; then every recipient is listed as well.
    pub schedule: Option<String>,
}

/// A schedule that no file has any more, before its grace is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    pub schedule: String,
    /// The file in which it stood.
    pub file: String,
    pub since: DateTime<Utc>,
}

/// The ledger's part of a status.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LedgerStatus {
    pub occurrences: Vec<OccurrenceStatus>,
    pub deliveries: Vec<DeliveryStatus>,
    pub missing: Vec<Missing>,
    /// Of all that was sent of these occurrences.
    pub lateness: Option<Lateness>,
    /// How many requests began within [`RATE_OVER`].
    pub requests_lately: u64,
}

/// A part of what is still to be sent of an occurrence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OccurrenceLoad {
    pub occurrence: NaiveDateTime,
    pub load: Load,
}

/// The durable ledger.
#[async_trait]
pub trait Store: Send + Sync {
    /// Begins a new term and rescues everything that an earlier one held. The caller makes sure that no other daemon
    /// is alive on this store.
    async fn take_over(&self, now: DateTime<Utc>) -> Result<TakeOver, StoreError>;

    /// Rescues what has been held beyond its lease, except what the caller has in hand itself: leases are wall time, and
    /// a step of the wall clock must not make anybody rescue their own.
    async fn rescue(&self, in_hand: Vec<DeliveryId>, now: DateTime<Utc>) -> Result<Rescued, StoreError>;

    /// The kept documents whose name begins with `prefix`, in the order of the names.
    async fn documents(&self, prefix: &str) -> Result<Vec<Document>, StoreError>;

    /// Brings schedules into force, all or nothing: keeps and forgets documents, makes the schedules known, and plans what is
    /// new or another than before.
    ///
    /// Known are then policies, audiences, and a recipient for each person, chat and channel whom the schedules name and whom no
    /// import has mentioned (in the fallback zone). One that was renamed goes on under its new name, with all that was sent.
    /// One that is not among them is missing from `now` on: nothing of it is expanded or claimed, and
    /// [`Store::retire_missing`] ends it after a grace.
    ///
    /// Says what that changes, in the order of the names; of a [`DryRun`](crate::port::reload::ReloadManner::DryRun) too, which changes nothing.
    async fn reload(&self, reload: Reload) -> Result<Vec<ScheduleChange>, StoreError>;

    /// Cancels what is open of schedules that have been missing since before `missing_since`: their waves are
    /// withdrawn and their open deliveries become `cancelled: schedule-removed`.
    async fn retire_missing(&self, missing_since: DateTime<Utc>, now: DateTime<Utc>) -> Result<Retired, StoreError>;

    /// The zones in which recipients live, without repetition, in the order of the names.
    async fn zones(&self) -> Result<Vec<Tz>, StoreError>;

    async fn plan_marks(&self) -> Result<Vec<PlanMark>, StoreError>;

    /// Records plans and their marks in one transaction. Recording the same plan again changes nothing. A wave that
    /// has moved takes its open deliveries along.
    async fn record_plans(&self, plans: Vec<SchedulePlan>, now: DateTime<Utc>) -> Result<PlanChange, StoreError>;

    /// Turns every wave that is due before `until` into deliveries, one for each recipient of the audience that
    /// lives in its zone and has none yet for this occurrence. Whoever has been served by an occurrence that this one
    /// replaces, or may have been, gets one that is `skipped: served-before-edit`. Where the whole audience
    /// is larger than the schedule's `max_people`, its deliveries are `skipped: too-many-people`, and so is what was open
    /// of the occurrence; they come to life again if the limit or the audience is put right in time. A wave that is over already becomes deliveries
    /// that have expired. Remembers `now` as the instant at which a daemon was last there.
    ///
    /// It stops when some `most` people have been looked at, so that what else is to be done need not wait long, and goes on
    /// from there when it is called again.
    async fn expand_due(&self, until: DateTime<Utc>, now: DateTime<Utc>, most: u32) -> Result<Expanded, StoreError>;

    /// Gives up waves that have waited to be expanded until nothing of them could be sent any more, and that were over
    /// before `over_before`: no rows are made for them. Says how much that was of each schedule.
    async fn abandon(&self, over_before: DateTime<Utc>) -> Result<Vec<Abandoned>, StoreError>;

    /// Claims deliveries that may be tried at `now`, as many as there is room for: critical ones first, then normal ones,
    /// then bulk. In each of these every tenant gets as much as another, and of that every schedule as much as another,
    /// whoever waits longest first; what one does not use goes to the others. Within a schedule they come in the order in
    /// which they are due. A schedule of which a wave is due and not expanded yet, while an earlier one could still be sent,
    /// waits for that: only then is it known whose later one is due.
    async fn claim_due(
        &self,
        term: Term,
        now: DateTime<Utc>,
        rooms: Rooms,
        lease: Duration,
    ) -> Result<Vec<Claim>, StoreError>;

    /// Expands, claims and says when there is more to do, as [`Store::expand_due`], [`Store::claim_due`] and
    /// [`Store::next_wake`] do one after the other: as one act, all of it or nothing, since each act by itself costs a commit.
    async fn go_round(&self, round: Round) -> Result<WentRound, StoreError>;

    /// Gives claims back of which nothing has left; none is claimed again before it is due. Claims that are not held any more are passed over.
    async fn release(&self, term: Term, deliveries: Vec<DeliveryId>) -> Result<(), StoreError>;

    /// Gives a claim back of which nothing has left, not to be tried before `not_before`: the limits have no room for it
    /// until then. A claim that is not held any more is passed over.
    async fn postpone(&self, term: Term, delivery: DeliveryId, not_before: DateTime<Utc>) -> Result<(), StoreError>;

    /// Takes for `delivery` one of the `most` places that `recipient` has on the local `day`. Returns whether there was
    /// one. A delivery takes one place, however often it is tried; one of which certainly nothing arrived gives its
    /// place back when it ends.
    async fn take_place(
        &self,
        delivery: DeliveryId,
        recipient: RecipientId,
        day: NaiveDate,
        most: u32,
    ) -> Result<bool, StoreError>;

    /// Makes it durable that a request is about to leave. Only after this returns may it leave.
    /// The claim is held for `lease` from now on: the wait for a permit may have used up the one it had.
    async fn mark_sending(
        &self,
        delivery: DeliveryId,
        term: Term,
        now: DateTime<Utc>,
        lease: Duration,
    ) -> Result<AttemptId, StoreError>;

    /// Records what became of a claim. Where it is final and its reason says that the recipient can't be reached, they
    /// are marked; so are those whose conversation was not found in [`LOST_IN_A_ROW`](crate::domain::delivery::LOST_IN_A_ROW)
    /// occurrences, with none that arrived in between.
    async fn settle(&self, outcome: Outcome) -> Result<(), StoreError>;

    /// Stores the conversation that was created for a recipient, before anything is said in it.
    async fn remember_conversation(&self, recipient: RecipientId, conversation: Conversation)
    -> Result<(), StoreError>;

    /// The thread of this name that goes on in a channel.
    async fn thread(&self, channel: RecipientId, name: ThreadName) -> Result<Option<Thread>, StoreError>;

    /// People with a chat of whom no e-mail address is known, whom Teams is to be asked for by now: only while somebody is
    /// awaited, of whom a schedule or an import knows a name and nobody an id. At most so many.
    async fn strangers(&self, now: DateTime<Utc>, at_most: usize) -> Result<Vec<Stranger>, StoreError>;

    /// Teams was asked for a stranger: it is not asked again, or at `again_at`.
    async fn settle_stranger(&self, recipient: RecipientId, again_at: Option<DateTime<Utc>>) -> Result<(), StoreError>;

    /// The teams that schedules in force name, by themselves or with a channel, in the order of their names.
    async fn named_teams(&self) -> Result<Vec<NamedTeam>, StoreError>;

    /// Takes in what was read of a team: its names, its channels, and its members as the group of the team. Whom
    /// nobody knew becomes a recipient whom no import has mentioned. Who left the team leaves it here, and waves that are
    /// still open are expanded again.
    async fn keep_roster(
        &self,
        roster: Roster,
        fallback_zone: Tz,
        now: DateTime<Utc>,
    ) -> Result<RosterChange, StoreError>;

    /// Keeps why a team could not be read. What is known of it stays.
    async fn roster_failed(&self, team: String, trouble: String, now: DateTime<Utc>) -> Result<(), StoreError>;

    /// Says what a recall would do, without doing it. The report lists no messages.
    async fn try_recall(
        &self,
        order: RecallOrder,
        now: DateTime<Utc>,
    ) -> Result<Result<RecallReport, NoRecall>, StoreError>;

    /// Begins a recall. What has not left yet becomes `cancelled: recalled`, also when a sender has it in hand, and so
    /// do those whose wave is still to be expanded; nothing of it comes to life again, and when everybody was meant,
    /// whoever would join the occurrence is cancelled too. Of what has left it is written down what
    /// [`recalled`](crate::domain::recall::recalled) makes of it. A recall of what has been recalled already takes it
    /// over: what failed is tried again, what is deleted stays deleted. The report lists no messages.
    async fn begin_recall(
        &self,
        order: RecallOrder,
        now: DateTime<Utc>,
    ) -> Result<Result<RecallReport, NoRecall>, StoreError>;

    /// The messages that may be taken back at `now`, at most `limit`, the longest waiting first. Asked again before they
    /// are settled it names the same ones: the caller knows which it has in hand.
    async fn recall_due(&self, now: DateTime<Utc>, limit: usize) -> Result<RecallWork, StoreError>;

    /// Records what became of a message. One that another recall has taken over meanwhile is passed over. Returns
    /// whether it was recorded.
    async fn settle_recall(&self, outcome: RecallOutcome) -> Result<bool, StoreError>;

    /// How far a recall is, with every message where `in_full`. `None` when there is no such recall.
    async fn recall_report(&self, recall: RecallId, in_full: bool) -> Result<Option<RecallReport>, StoreError>;

    /// Stores where the conversation of a recipient is served.
    async fn remember_place(&self, recipient: RecipientId, service_url: String) -> Result<(), StoreError>;

    /// Holds a schedule: it is planned and expanded as ever, and nothing of it is claimed until it is resumed. Returns
    /// whether that is a change. What an operator holds the watch takes over, with both reasons; else who came first holds
    /// it. Fails for a schedule that the ledger does not know.
    async fn pause(&self, pause: Pause, now: DateTime<Utc>) -> Result<bool, StoreError>;

    /// Lets a schedule go on. Returns whether that is a change.
    async fn resume(&self, schedule: ScheduleName, now: DateTime<Utc>) -> Result<bool, StoreError>;

    /// The schedules that are held, in the order of their names.
    async fn paused(&self) -> Result<Vec<Paused>, StoreError>;

    /// The earliest instant at which there is something to expand (`lead` before a wave is due), or after `after` something
    /// to claim.
    async fn next_wake(&self, lead: Duration, after: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, StoreError>;

    /// Takes in what an import says. Records are matched by address, then by conversation id. Open deliveries move
    /// along with a recipient whose zone changed, and waves that are still open are expanded again, so that a
    /// new-comer is not forgotten.
    async fn import_people(
        &self,
        records: Vec<PersonRecord>,
        fallback_zone: Tz,
        now: DateTime<Utc>,
    ) -> Result<ImportReport, StoreError>;

    /// Takes in what was told. News whose key has been taken in before changes nothing. Open deliveries move along with
    /// a recipient whose zone changed, and waves that are still open are expanded again where somebody may have joined.
    async fn take_in(&self, news: News, fallback_zone: Tz, now: DateTime<Utc>) -> Result<TakenIn, StoreError>;

    /// Takes in what somebody chose, said by the operator. Returns whether that is a change; `None` when nobody is known so.
    async fn choose(&self, who: Who, choice: Choice) -> Result<Option<bool>, StoreError>;

    /// A message of which somebody pressed a button; `None` where there is no such delivery.
    async fn delivered(&self, delivery: DeliveryId) -> Result<Option<Delivered>, StoreError>;

    /// Writes the question in which zone somebody lives, as a reply. Not where the zone is known, nor to who stopped
    /// everything, can't be reached or was asked within [`ASKED_AGAIN_AFTER`](crate::domain::zone_wish::ASKED_AGAIN_AFTER). Returns whether
    /// there is one to send.
    async fn ask_zone(&self, recipient: RecipientId, now: DateTime<Utc>) -> Result<bool, StoreError>;

    /// The replies that may be tried at `now`, at most `limit`, the longest waiting first; some questions where there is
    /// nothing to answer. Asked again before they are settled it names the same ones.
    async fn replies_due(&self, now: DateTime<Utc>, limit: usize) -> Result<ReplyWork, StoreError>;

    /// Makes it durable that the request of a reply is about to leave. Only after this returns `true` may it leave.
    /// What has become idle meanwhile is dropped: a question, or a line whose message was recalled, or has a later one.
    /// Of a message of its own that is in this state when a daemon takes over nothing more is tried.
    async fn mark_replying(&self, reply: ReplyId) -> Result<bool, StoreError>;

    /// Records what became of a reply.
    async fn settle_reply(&self, outcome: ReplyOutcome) -> Result<(), StoreError>;

    /// Takes in what a program says has happened. Each schedule in force that waits for it, paused or not, gets one
    /// occurrence for those whom it then speaks to. The same key again answers what was answered first, and changes nothing,
    /// for [`EVENTS_ARE_KNOWN_FOR`] at least.
    async fn happen(&self, event: Event, now: DateTime<Utc>) -> Result<EventAnswer, StoreError>;

    /// Everybody, in the order of the names.
    async fn people(&self) -> Result<Vec<PersonView>, StoreError>;

    /// Whoever may be meant by what an operator types: the one who has this address or conversation, else everybody of
    /// this name, twenty at most.
    async fn find_people(&self, who: &str) -> Result<Vec<RecipientId>, StoreError>;

    /// All that is known of a recipient. `None` when there is none.
    async fn person(
        &self,
        recipient: RecipientId,
        fallback_zone: Tz,
        now: DateTime<Utc>,
    ) -> Result<Option<PersonFile>, StoreError>;

    /// Keeps what the operator says of somebody's zone; `None` takes back what they said. Open deliveries move along.
    /// Returns whether that is a change.
    async fn order_zone(
        &self,
        recipient: RecipientId,
        zone: Option<Tz>,
        fallback_zone: Tz,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError>;

    /// Takes the mark away by which a recipient is not spoken to. Returns whether there was one.
    async fn revive(&self, recipient: RecipientId) -> Result<bool, StoreError>;

    /// The next recipients behind `after`, at most `limit`, with all that an import takes back.
    async fn export_people(&self, after: i64, limit: usize) -> Result<ExportPage, StoreError>;

    /// Makes known what the configuration says of zones, and settles anew in which zone those live for whom it makes a
    /// difference. Said again, it changes nothing. Returns how many moved.
    async fn keep_house_zones(
        &self,
        house: HouseZones,
        fallback_zone: Tz,
        now: DateTime<Utc>,
    ) -> Result<u64, StoreError>;

    /// Settles anew in which zone those live whose client has been silent for longer than clients are believed. Returns
    /// how many moved.
    async fn age_zones(&self, fallback_zone: Tz, now: DateTime<Utc>) -> Result<u64, StoreError>;

    /// How many people are in a group.
    async fn group_size(&self, group: &str) -> Result<u64, StoreError>;

    /// What the ledger knows: every occurrence that is planned, open, or ended after `ended_after`. Recipients of a
    /// wave that has not been expanded yet count as planned.
    async fn status(
        &self,
        query: StatusQuery,
        ended_after: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<LedgerStatus, StoreError>;

    /// What the ledger knows of one schedule and one recipient: what became of it, and what is planned.
    async fn story(&self, query: StoryQuery, now: DateTime<Utc>) -> Result<Story, StoreError>;

    /// What failed, expired or became unknown at `since` or later.
    async fn failures(
        &self,
        query: FailuresQuery,
        since: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<Failures, StoreError>;

    /// Has deliveries sent again that failed, or of which nobody knows; these are marked as possible duplicates. What was
    /// recalled or cancelled, or is not meant any more, stays as it is, and so does what is late unless the order says
    /// until when it may be sent. Beyond that they are deliveries like any other: policies are asked before they leave.
    async fn retry(
        &self,
        order: RetryOrder,
        now: DateTime<Utc>,
    ) -> Result<Result<RetryReport, NothingThere>, StoreError>;

    /// The next deliveries behind `query.after`, at most `limit`, in the order in which they came into the ledger.
    async fn ledger_page(&self, query: LedgerQuery, limit: usize) -> Result<LedgerPage, StoreError>;

    /// What has ended since the mark of the query; or, where it has none, what ended last, and not before `not_before`. In
    /// the order in which it ended, `limit` at most.
    async fn tail(
        &self,
        query: TailQuery,
        not_before: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<LedgerRow>, StoreError>;

    /// Makes an occurrence for one person, due now: a test. It says the civil time that is its identity; `None` where the
    /// schedule is not in force.
    async fn rehearse(&self, order: TestOrder, now: DateTime<Utc>) -> Result<Option<NaiveDateTime>, StoreError>;

    /// Ends what has not left yet of an occurrence, as `cancelled: cancelled-by-operator`, also what a sender has in hand and
    /// those whose wave is still to be expanded. Nothing of it comes to life again, and whoever would join it is
    /// cancelled too.
    async fn cancel(
        &self,
        order: CancelOrder,
        now: DateTime<Utc>,
    ) -> Result<Result<CancelReport, NothingThere>, StoreError>;

    /// Everything that is still to be sent of what is planned, in numbers: open deliveries with the instant from which
    /// they may be tried, and waves that are not deliveries yet. Of recipients whose tenant is not known it is `home`.
    async fn loads(&self, now: DateTime<Utc>, home: Arc<str>) -> Result<Vec<OccurrenceLoad>, StoreError>;

    /// What waits in each queue and may be tried at `now`. Costs what is due, and not what is planned.
    async fn queues(&self, now: DateTime<Utc>) -> Result<Vec<QueueFigures>, StoreError>;

    /// Everybody who is known, in numbers. It looks at all of them, so it is no question for each moment.
    async fn crowd(&self) -> Result<CrowdFigures, StoreError>;

    /// Removes attempts and documents that ended before `before`, and events that are no longer to be known at `now`. The keys of deliveries stay for ever: they are what
    /// keeps a message from being sent twice. Returns how many rows went.
    async fn prune(&self, before: DateTime<Utc>, now: DateTime<Utc>) -> Result<u64, StoreError>;

    /// Lets the store tidy itself.
    async fn upkeep(&self) -> Result<(), StoreError>;

    /// Answers when the store can still write.
    async fn probe(&self) -> Result<(), StoreError>;

    /// Finishes what was asked and closes. Later calls fail with [`StoreError::Closed`].
    async fn close(&self);
}
