//! The ledger in SQLite.
//!
//! One thread owns the only connection that writes, and commits in groups ([`thread`]); another reads what takes
//! long, so that a status never holds up a send. Each act is a function over a connection, in the file named after
//! its subject; the schema is `0001_init.sql` and what follows it.
//!
//! Dropping the future of an act does not take the act back: it may still be done, and only its answer is lost.

mod abandon;
mod audience;
mod backups;
mod cancel;
mod catalog;
mod checkpoint;
mod claim;
mod consent;
mod copy;
mod edit;
mod events;
mod expand;
mod expansion;
mod export;
mod failures;
mod fault;
mod figures;
mod guard;
mod import;
mod lanes;
mod lateness;
mod latest;
mod loads;
mod meet;
mod migrations;
mod news;
mod open;
mod parts;
mod pause;
mod people;
mod person;
mod person_file;
mod places;
mod plan;
mod presses;
mod realign;
mod recall;
mod recalled;
mod refusal;
mod rehearsal;
mod reload;
mod replies;
mod rescue;
mod restore;
mod retry;
mod roster;
mod round;
mod rows;
mod settle;
mod sql;
mod status;
mod story;
mod strangers;
mod tail;
mod tally;
mod teams;
mod thread;
mod threads;
mod upkeep;
mod words;
mod zone_question;
mod zone_said;
mod zones;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use chrono_tz::Tz;
use rusqlite::Connection;

pub use self::backups::{BackupDirectory, backup_name, make_backup_directory};
use self::claim::Hold;
pub use self::copy::{CopyError, back_up};
use self::open::Connections;
pub use self::open::{give_to_its_owner, is_begun};
pub use self::refusal::OpenError;
pub use self::restore::{OldLedger, Restored, TakenOver, restore};
use self::thread::{Manner, Worker};
use crate::domain::consent::Choice;
use crate::domain::delivery::Claim;
use crate::domain::event::Event;
use crate::domain::id::{AttemptId, DeliveryId, RecallId, RecipientId, ReplyId, ScheduleName, Term};
use crate::domain::introduction::Stranger;
use crate::domain::ladder::HouseZones;
use crate::domain::news::{News, TakenIn, Who};
use crate::domain::recipient::PersonRecord;
use crate::domain::share::Rooms;
use crate::domain::thread::{Thread, ThreadName};
use crate::port::connector::Conversation;
use crate::port::desk::{ImportReport, PersonView};
use crate::port::event::EventAnswer;
use crate::port::export::{LedgerPage, LedgerQuery, LedgerRow};
use crate::port::people::{ExportPage, PersonFile};
use crate::port::recall::{NoRecall, RecallOrder, RecallOutcome, RecallReport, RecallWork};
use crate::port::rehearsal::TestOrder;
use crate::port::reload::{Reload, ScheduleChange};
use crate::port::reply::{Delivered, ReplyOutcome, ReplyWork};
use crate::port::round::{Expanded, Round, WentRound};
use crate::port::store::{
    Abandoned, Document, LedgerStatus, OccurrenceLoad, Outcome, Pause, Paused, PlanChange, PlanMark, Rescued, Retired,
    SchedulePlan, StatusQuery, Store, StoreError, TakeOver,
};
use crate::port::tail::TailQuery;
use crate::port::team::{NamedTeam, Roster, RosterChange};
use crate::port::trouble::{CancelOrder, CancelReport, Failures, FailuresQuery, NothingThere, RetryOrder, RetryReport};
use crate::port::vitals::{CrowdFigures, QueueFigures};
use crate::port::why::{Story, StoryQuery};

/// The ledger in one file of SQLite.
pub struct SqliteStore {
    // In this order: the last connection to close tidies the write-ahead log away, and only the writer may.
    reader: Worker,
    copier: Worker,
    writer: Worker,
}

impl SqliteStore {
    /// Opens the ledger, makes it if there is no file, and brings it to the newest schema. A file that is something
    /// else is refused and left as it is.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let Connections { mut writer, reader, copier } = open::open(path)?;
        let start = |conn, manner| {
            Worker::start(conn, manner).map_err(|source| OpenError::Failed {
                doing: "starting a thread for",
                path: path.to_owned(),
                source: Box::new(source),
            })
        };
        let copier = start(copier, Manner::COPIER)?;
        checkpoint::arrange(&mut writer, &copier).map_err(|source| OpenError::of_sqlite("setting up", path, source))?;
        Ok(Self { writer: start(writer, Manner::WRITER)?, copier, reader: start(reader, Manner::READER)? })
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn take_over(&self, now: DateTime<Utc>) -> Result<TakeOver, StoreError> {
        self.writer.call("taking the ledger over", move |conn| rescue::take_over(conn, now)).await
    }

    async fn rescue(&self, in_hand: Vec<DeliveryId>, now: DateTime<Utc>) -> Result<Rescued, StoreError> {
        self.writer.call("rescuing what was held too long", move |conn| rescue::rescue(conn, &in_hand, now)).await
    }

    async fn documents(&self, prefix: &str) -> Result<Vec<Document>, StoreError> {
        let prefix = prefix.to_owned();
        self.writer.call("reading documents", move |conn| catalog::documents(conn, &prefix)).await
    }

    async fn reload(&self, reload: Reload) -> Result<Vec<ScheduleChange>, StoreError> {
        self.writer.call("bringing schedules into force", move |conn| reload::reload(conn, &reload)).await
    }

    async fn retire_missing(&self, missing_since: DateTime<Utc>, now: DateTime<Utc>) -> Result<Retired, StoreError> {
        self.writer
            .call("retiring missing schedules", move |conn| catalog::retire_missing(conn, missing_since, now))
            .await
    }

    async fn zones(&self) -> Result<Vec<Tz>, StoreError> {
        self.writer.call("reading the zones", people::zones).await
    }

    async fn plan_marks(&self) -> Result<Vec<PlanMark>, StoreError> {
        self.writer.call("reading how far is planned", plan::plan_marks).await
    }

    async fn record_plans(&self, plans: Vec<SchedulePlan>, now: DateTime<Utc>) -> Result<PlanChange, StoreError> {
        self.writer.call("recording plans", move |conn| plan::record_plans(conn, &plans, now)).await
    }

    async fn expand_due(&self, until: DateTime<Utc>, now: DateTime<Utc>, most: u32) -> Result<Expanded, StoreError> {
        self.writer.call("expanding waves", move |conn| expand::expand_due(conn, until, now, most)).await
    }

    async fn abandon(&self, over_before: DateTime<Utc>) -> Result<Vec<Abandoned>, StoreError> {
        self.writer.call("giving up what was over long ago", move |conn| abandon::abandon(conn, over_before)).await
    }

    async fn claim_due(
        &self,
        term: Term,
        now: DateTime<Utc>,
        rooms: Rooms,
        lease: Duration,
    ) -> Result<Vec<Claim>, StoreError> {
        let hold = Hold { term, now, lease };
        self.writer.call("claiming deliveries", move |conn| lanes::claim_due(conn, hold, rooms.clone())).await
    }

    async fn go_round(&self, round: Round) -> Result<WentRound, StoreError> {
        self.writer.call("expanding waves and claiming deliveries", move |conn| round::go_round(conn, &round)).await
    }

    async fn release(&self, term: Term, deliveries: Vec<DeliveryId>) -> Result<(), StoreError> {
        self.writer.call("releasing claims", move |conn| claim::release(conn, term, &deliveries)).await
    }

    async fn postpone(&self, term: Term, delivery: DeliveryId, not_before: DateTime<Utc>) -> Result<(), StoreError> {
        self.writer.call("postponing a claim", move |conn| claim::postpone(conn, term, delivery, not_before)).await
    }

    async fn take_place(
        &self,
        delivery: DeliveryId,
        recipient: RecipientId,
        day: NaiveDate,
        most: u32,
    ) -> Result<bool, StoreError> {
        let take = move |conn: &Connection| places::take(conn, delivery, recipient, day, most);
        self.writer.call("taking a place on a person's day", take).await
    }

    async fn mark_sending(
        &self,
        delivery: DeliveryId,
        term: Term,
        now: DateTime<Utc>,
        lease: Duration,
    ) -> Result<AttemptId, StoreError> {
        self.writer
            .call("marking a delivery as sending", move |conn| settle::mark_sending(conn, delivery, term, now, lease))
            .await
    }

    async fn settle(&self, outcome: Outcome) -> Result<(), StoreError> {
        self.writer.call("settling a delivery", move |conn| settle::settle(conn, &outcome)).await
    }

    async fn remember_conversation(
        &self,
        recipient: RecipientId,
        conversation: Conversation,
    ) -> Result<(), StoreError> {
        self.writer
            .call("remembering a conversation", move |conn| {
                people::remember_conversation(conn, recipient, &conversation)
            })
            .await
    }

    async fn thread(&self, channel: RecipientId, name: ThreadName) -> Result<Option<Thread>, StoreError> {
        self.writer.call("looking for a thread", move |conn| threads::thread(conn, channel, &name)).await
    }

    async fn strangers(&self, now: DateTime<Utc>, at_most: usize) -> Result<Vec<Stranger>, StoreError> {
        self.reader.call("looking for strangers", move |conn| strangers::due(conn, now, at_most)).await
    }

    async fn settle_stranger(&self, recipient: RecipientId, again_at: Option<DateTime<Utc>>) -> Result<(), StoreError> {
        let settle = move |conn: &Connection| strangers::settle(conn, recipient, again_at);
        self.writer.call("noting that a stranger was asked for", settle).await
    }

    async fn named_teams(&self) -> Result<Vec<NamedTeam>, StoreError> {
        self.reader.call("listing the teams that schedules name", teams::named).await
    }

    async fn keep_roster(
        &self,
        roster: Roster,
        fallback_zone: Tz,
        now: DateTime<Utc>,
    ) -> Result<RosterChange, StoreError> {
        self.writer.call("keeping a roster", move |conn| roster::keep(conn, &roster, fallback_zone, now)).await
    }

    async fn roster_failed(&self, team: String, trouble: String, now: DateTime<Utc>) -> Result<(), StoreError> {
        let keep = move |conn: &Connection| teams::failed(conn, &team, &trouble, now);
        self.writer.call("keeping why a team could not be read", keep).await
    }

    async fn try_recall(
        &self,
        order: RecallOrder,
        now: DateTime<Utc>,
    ) -> Result<Result<RecallReport, NoRecall>, StoreError> {
        self.reader.call("trying a recall out", move |conn| recall::try_out(conn, &order, now)).await
    }

    async fn begin_recall(
        &self,
        order: RecallOrder,
        now: DateTime<Utc>,
    ) -> Result<Result<RecallReport, NoRecall>, StoreError> {
        self.writer.call("beginning a recall", move |conn| recall::begin(conn, &order, now)).await
    }

    async fn recall_due(&self, now: DateTime<Utc>, limit: usize) -> Result<RecallWork, StoreError> {
        self.writer.call("looking for what is to be taken back", move |conn| recalled::due(conn, now, limit)).await
    }

    async fn settle_recall(&self, outcome: RecallOutcome) -> Result<bool, StoreError> {
        self.writer.call("settling the recall of a message", move |conn| recalled::settle(conn, &outcome)).await
    }

    async fn recall_report(&self, recall: RecallId, in_full: bool) -> Result<Option<RecallReport>, StoreError> {
        self.reader.call("reporting a recall", move |conn| recalled::report(conn, recall, in_full)).await
    }

    async fn remember_place(&self, recipient: RecipientId, service_url: String) -> Result<(), StoreError> {
        self.writer.call("remembering a place", move |conn| people::remember_place(conn, recipient, &service_url)).await
    }

    async fn pause(&self, pause: Pause, now: DateTime<Utc>) -> Result<bool, StoreError> {
        self.writer.call("pausing a schedule", move |conn| pause::pause(conn, &pause, now)).await
    }

    async fn resume(&self, schedule: ScheduleName, now: DateTime<Utc>) -> Result<bool, StoreError> {
        self.writer.call("resuming a schedule", move |conn| pause::resume(conn, &schedule, now)).await
    }

    async fn paused(&self) -> Result<Vec<Paused>, StoreError> {
        self.reader.call("listing paused schedules", pause::paused).await
    }

    async fn next_wake(&self, lead: Duration, after: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, StoreError> {
        self.writer.call("looking for the next wake-up", move |conn| lanes::next_wake(conn, lead, after)).await
    }

    async fn import_people(
        &self,
        records: Vec<PersonRecord>,
        fallback_zone: Tz,
        now: DateTime<Utc>,
    ) -> Result<ImportReport, StoreError> {
        self.writer
            .call("importing people", move |conn| people::import_people(conn, &records, fallback_zone, now))
            .await
    }

    async fn take_in(&self, news: News, fallback_zone: Tz, now: DateTime<Utc>) -> Result<TakenIn, StoreError> {
        self.writer.call("taking news in", move |conn| news::take_in(conn, &news, fallback_zone, now)).await
    }

    async fn choose(&self, who: Who, choice: Choice) -> Result<Option<bool>, StoreError> {
        self.writer.call("keeping a choice", move |conn| consent::choose_for(conn, &who, &choice)).await
    }

    async fn delivered(&self, delivery: DeliveryId) -> Result<Option<Delivered>, StoreError> {
        self.writer.call("reading what was sent", move |conn| presses::delivered(conn, delivery)).await
    }

    async fn ask_zone(&self, recipient: RecipientId, now: DateTime<Utc>) -> Result<bool, StoreError> {
        self.writer.call("asking for a zone", move |conn| zone_question::ask(conn, recipient, now)).await
    }

    async fn replies_due(&self, now: DateTime<Utc>, limit: usize) -> Result<ReplyWork, StoreError> {
        self.writer.call("looking for replies", move |conn| replies::due(conn, now, limit)).await
    }

    async fn mark_replying(&self, reply: ReplyId) -> Result<bool, StoreError> {
        self.writer.call("marking a reply as sending", move |conn| replies::mark_sending(conn, reply)).await
    }

    async fn settle_reply(&self, outcome: ReplyOutcome) -> Result<(), StoreError> {
        self.writer.call("settling a reply", move |conn| replies::settle(conn, &outcome)).await
    }

    async fn happen(&self, event: Event, now: DateTime<Utc>) -> Result<EventAnswer, StoreError> {
        self.writer.call("taking an event in", move |conn| events::happen(conn, &event, now)).await
    }

    async fn people(&self) -> Result<Vec<PersonView>, StoreError> {
        self.reader.call("listing people", people::people).await
    }

    async fn find_people(&self, who: &str) -> Result<Vec<RecipientId>, StoreError> {
        let who = who.to_owned();
        self.reader.call("looking for somebody", move |conn| person_file::find(conn, &who)).await
    }

    async fn person(
        &self,
        recipient: RecipientId,
        fallback_zone: Tz,
        now: DateTime<Utc>,
    ) -> Result<Option<PersonFile>, StoreError> {
        let show = move |conn: &Connection| person_file::show(conn, recipient, fallback_zone, now);
        self.writer.call("reading what is known of somebody", show).await
    }

    async fn order_zone(
        &self,
        recipient: RecipientId,
        zone: Option<Tz>,
        fallback_zone: Tz,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let order = move |conn: &Connection| zones::order(conn, recipient.0, zone, fallback_zone, now);
        self.writer.call("keeping somebody's zone", order).await
    }

    async fn revive(&self, recipient: RecipientId) -> Result<bool, StoreError> {
        self.writer.call("lifting a mark", move |conn| person_file::revive(conn, recipient)).await
    }

    async fn export_people(&self, after: i64, limit: usize) -> Result<ExportPage, StoreError> {
        self.reader.call("exporting people", move |conn| person_file::export(conn, after, limit)).await
    }

    async fn keep_house_zones(
        &self,
        house: HouseZones,
        fallback_zone: Tz,
        now: DateTime<Utc>,
    ) -> Result<u64, StoreError> {
        let keep = move |conn: &Connection| zones::keep_house(conn, &house, fallback_zone, now);
        self.writer.call("keeping what the configuration says of zones", keep).await
    }

    async fn age_zones(&self, fallback_zone: Tz, now: DateTime<Utc>) -> Result<u64, StoreError> {
        self.writer.call("letting zones age", move |conn| zones::age(conn, fallback_zone, now)).await
    }

    async fn group_size(&self, group: &str) -> Result<u64, StoreError> {
        let group = group.to_owned();
        self.reader.call("counting a group", move |conn| people::group_size(conn, &group)).await
    }

    /// What waits to be expanded counts as planned, late or not.
    async fn status(
        &self,
        query: StatusQuery,
        ended_after: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<LedgerStatus, StoreError> {
        self.reader.call("reading the status", move |conn| status::status(conn, &query, ended_after, now)).await
    }

    async fn story(&self, query: StoryQuery, now: DateTime<Utc>) -> Result<Story, StoreError> {
        self.reader.call("telling a story", move |conn| story::story(conn, &query, now)).await
    }

    async fn failures(
        &self,
        query: FailuresQuery,
        since: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<Failures, StoreError> {
        self.reader.call("listing what went wrong", move |conn| failures::failures(conn, &query, since, now)).await
    }

    async fn retry(
        &self,
        order: RetryOrder,
        now: DateTime<Utc>,
    ) -> Result<Result<RetryReport, NothingThere>, StoreError> {
        self.writer.call("having deliveries sent again", move |conn| retry::retry(conn, &order, now)).await
    }

    async fn ledger_page(&self, query: LedgerQuery, limit: usize) -> Result<LedgerPage, StoreError> {
        self.reader.call("reading the ledger", move |conn| export::page(conn, &query, limit)).await
    }

    async fn tail(
        &self,
        query: TailQuery,
        not_before: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<LedgerRow>, StoreError> {
        let look = move |conn: &Connection| match query.since {
            Some(since) => tail::since(conn, &query, since, limit),
            None => tail::newest(conn, &query, not_before, limit),
        };
        self.reader.call("reading what has ended", look).await
    }

    async fn rehearse(&self, order: TestOrder, now: DateTime<Utc>) -> Result<Option<NaiveDateTime>, StoreError> {
        self.writer.call("making a test", move |conn| rehearsal::rehearse(conn, &order, now)).await
    }

    async fn cancel(
        &self,
        order: CancelOrder,
        now: DateTime<Utc>,
    ) -> Result<Result<CancelReport, NothingThere>, StoreError> {
        self.writer.call("cancelling an occurrence", move |conn| cancel::cancel(conn, &order, now)).await
    }

    async fn loads(&self, now: DateTime<Utc>, home: Arc<str>) -> Result<Vec<OccurrenceLoad>, StoreError> {
        self.reader.call("counting what is to be sent", move |conn| loads::loads(conn, now, &home)).await
    }

    async fn queues(&self, now: DateTime<Utc>) -> Result<Vec<QueueFigures>, StoreError> {
        self.reader.call("counting what is due", move |conn| figures::queues(conn, now)).await
    }

    async fn crowd(&self) -> Result<CrowdFigures, StoreError> {
        self.reader.call("counting everybody", figures::crowd).await
    }

    async fn prune(&self, before: DateTime<Utc>, now: DateTime<Utc>) -> Result<u64, StoreError> {
        self.writer.call("pruning", move |conn| upkeep::prune(conn, before, now)).await
    }

    async fn upkeep(&self) -> Result<(), StoreError> {
        self.writer.call_alone("tidying the ledger", upkeep::upkeep).await
    }

    async fn probe(&self) -> Result<(), StoreError> {
        self.writer.call("asking whether the ledger can be written", upkeep::probe).await
    }

    async fn close(&self) {
        self.reader.close().await;
        self.copier.close().await;
        self.writer.close().await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// A list of everybody takes seconds, and so long Teams waits for the answer to a press.
    #[tokio::test]
    async fn a_press_does_not_wait_behind_what_takes_long_to_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = SqliteStore::open(&folder.path().join("ledger.db")).expect("a ledger");
        let (end, ended) = mpsc::channel::<()>();
        let takes_long = store.reader.call("listing people", move |_| Ok(ended.recv().is_ok()));
        let turns = async {
            for _ in 0..100 {
                store.probe().await.expect("a well ledger");
            }
        };
        tokio::select! {
            biased;
            _ = takes_long => panic!("it was not ended"),
            delivered = store.delivered(DeliveryId(1)) => assert_eq!(delivered.expect("a well ledger"), None),
            () = turns => panic!("it waits"),
        }
        drop(end);
    }
}
