//! The real ledger, with each of its acts as one step of the run: nothing else happens meanwhile, and before and after
//! it the daemon may die.

use std::future::Future;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, NaiveDateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use nudged::adapter::sqlite::SqliteStore;
use nudged::domain::consent::{Choice, Wish};
use nudged::domain::delivery::Claim;
use nudged::domain::event::Event;
use nudged::domain::id::{AttemptId, DeliveryId, RecallId, RecipientId, ReplyId, ScheduleName, Term};
use nudged::domain::introduction::Stranger;
use nudged::domain::ladder::HouseZones;
use nudged::domain::news::{News, TakenIn, Who};
use nudged::domain::recipient::PersonRecord;
use nudged::domain::share::Rooms;
use nudged::domain::thread::{Thread as Posts, ThreadName};
use nudged::port::connector::Conversation;
use nudged::port::desk::{ImportReport, PersonView};
use nudged::port::event::EventAnswer;
use nudged::port::export::{LedgerPage, LedgerQuery, LedgerRow};
use nudged::port::people::{ExportPage, PersonFile};
use nudged::port::recall::{NoRecall, RecallOrder, RecallOutcome, RecallReport, RecallWork};
use nudged::port::rehearsal::TestOrder;
use nudged::port::reload::{Change, Reload, ReloadManner, ScheduleChange};
use nudged::port::reply::{Delivered, ReplyOutcome, ReplyWork};
use nudged::port::round::{Expanded, Round, WentRound};
use nudged::port::store::{
    Abandoned, Document, LedgerStatus, OccurrenceLoad, Outcome, Pause, Paused, PlanChange, PlanMark, Rescued, Retired,
    SchedulePlan, StatusQuery, Store, StoreError, TakeOver,
};
use nudged::port::tail::TailQuery;
use nudged::port::team::{NamedTeam, Roster, RosterChange};
use nudged::port::trouble::{
    CancelOrder, CancelReport, Failures, FailuresQuery, NothingThere, RetryOrder, RetryReport,
};
use nudged::port::vitals::{CrowdFigures, QueueFigures};
use nudged::port::why::{Story, StoryQuery};

use crate::sim::audit;
use crate::sim::clock::Time;
use crate::sim::life::Life;
use crate::sim::plan::root;
use crate::sim::truth::Truth;

/// The ledger in the hands of one daemon.
pub(crate) struct MortalStore {
    pub(crate) inner: SqliteStore,
    /// The file of it.
    pub(crate) ledger: PathBuf,
    pub(crate) life: Arc<Life>,
    pub(crate) time: Arc<Time>,
    pub(crate) truth: Arc<Mutex<Truth>>,
}

impl MortalStore {
    fn truth(&self) -> MutexGuard<'_, Truth> {
        self.truth.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One act. `seen` is told what it came to, in the moment in which it is durable.
    async fn act<T: Send>(
        &self,
        name: &'static str,
        call: impl Future<Output = Result<T, StoreError>> + Send,
        seen: impl FnOnce(&mut Truth, Duration, &T) + Send,
    ) -> Result<T, StoreError> {
        self.life.or_never().await;
        self.life.hesitate().await;
        self.life.or_never().await;
        let is_last = self.life.is_last_act();
        if is_last && self.life.chance.hits(50) {
            self.truth().note(self.time.mono(), &format!("dies before {name}"));
            self.life.die();
            self.life.or_never().await;
        }
        if self.life.chance.below(1000) < self.life.frailty.disk_errors {
            self.truth().note(self.time.mono(), &format!("{name} fails"));
            return Err(StoreError::Failed { doing: name, source: "the disk is full".into() });
        }
        let answer = at_once(call);
        {
            let (at, mut truth) = (self.time.mono(), self.truth());
            truth.acts(at);
            match &answer {
                Ok(value) => {
                    truth.note(at, name);
                    seen(&mut truth, at, value);
                }
                Err(error) => truth.note(at, &format!("{name}: {error}")),
            }
        }
        if is_last {
            self.truth().note(self.time.mono(), &format!("dies after {name}"));
            self.life.die();
        }
        self.life.or_never().await;
        self.life.hesitate().await;
        self.life.or_never().await;
        answer
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Waits for the store's own thread while everything else stands still.
pub(crate) fn at_once<T>(future: impl Future<Output = T>) -> T {
    // Without the runtime's budget for a task: nobody is there who could give it a new one.
    let mut future = pin!(tokio::task::unconstrained(future));
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(value) => return value,
            Poll::Pending => thread::park(),
        }
    }
}

/// Writes down the acts that are the same each time, and takes the others as they are.
macro_rules! acts {
    (
        { $($by_hand:item)* }
        $($name:ident($($argument:ident: $type:ty),*) -> $answer:ty;)*
    ) => {
        #[async_trait]
        impl Store for MortalStore {
            $($by_hand)*

            $(async fn $name(&self, $($argument: $type),*) -> Result<$answer, StoreError> {
                self.act(stringify!($name), self.inner.$name($($argument),*), |_, _, _| {}).await
            })*
        }
    };
}

acts! {
    {
        async fn take_over(&self, now: DateTime<Utc>) -> Result<TakeOver, StoreError> {
            let seen = |truth: &mut Truth, at, taken: &TakeOver| truth.taken_over(at, &taken.rescued);
            self.act("take_over", self.inner.take_over(now), seen).await
        }

        async fn rescue(&self, in_hand: Vec<DeliveryId>, now: DateTime<Utc>) -> Result<Rescued, StoreError> {
            let held = in_hand.clone();
            let seen = move |truth: &mut Truth, _, _: &Rescued| truth.rescued(&held, now);
            self.act("rescue", self.inner.rescue(in_hand, now), seen).await
        }

        async fn claim_due(
            &self,
            term: Term,
            now: DateTime<Utc>,
            rooms: Rooms,
            lease: Duration,
        ) -> Result<Vec<Claim>, StoreError> {
            let seen = |truth: &mut Truth, at, claims: &Vec<Claim>| truth.claimed(at, claims);
            self.act("claim_due", self.inner.claim_due(term, now, rooms, lease), seen).await
        }

        async fn go_round(&self, round: Round) -> Result<WentRound, StoreError> {
            let seen = |truth: &mut Truth, at, went: &WentRound| truth.claimed(at, &went.claims);
            self.act("go_round", self.inner.go_round(round), seen).await
        }

        async fn mark_sending(
            &self,
            delivery: DeliveryId,
            term: Term,
            now: DateTime<Utc>,
            lease: Duration,
        ) -> Result<AttemptId, StoreError> {
            let until = now + TimeDelta::from_std(lease).expect("a short time");
            let task = tokio::task::id();
            let seen = move |truth: &mut Truth, _, _: &AttemptId| truth.marked(task, delivery, until);
            self.act("mark_sending", self.inner.mark_sending(delivery, term, now, lease), seen).await
        }

        async fn settle(&self, outcome: Outcome) -> Result<(), StoreError> {
            let told = outcome.clone();
            let seen = move |truth: &mut Truth, at, (): &()| truth.settled(at, &told);
            self.act("settle", self.inner.settle(outcome), seen).await
        }

        async fn choose(&self, who: Who, choice: Choice) -> Result<Option<bool>, StoreError> {
            let name = who.addresses.first().map(|address| address.as_str().split('@').next().unwrap_or_default().to_owned());
            let topic = choice.topic.as_ref().map_or("", |topic| root(topic.as_str())).to_owned();
            let wish = choice.wish;
            let seen = move |truth: &mut Truth, _, _: &Option<bool>| {
                let Some(name) = name else { return };
                match wish {
                    Wish::Stop => drop(truth.stops.insert((name, topic), truth.step)),
                    Wish::Start => truth.stops.retain(|(of, about), _| *of != name || !(topic.is_empty() || *about == topic)),
                }
            };
            self.act("choose", self.inner.choose(who, choice), seen).await
        }

        async fn pause(&self, pause: Pause, now: DateTime<Utc>) -> Result<bool, StoreError> {
            let schedule = root(pause.schedule.as_str()).to_owned();
            let seen = move |truth: &mut Truth, _, _: &bool| {
                let step = truth.step;
                truth.held.entry(schedule).or_insert(step);
            };
            self.act("pause", self.inner.pause(pause, now), seen).await
        }

        async fn resume(&self, schedule: ScheduleName, now: DateTime<Utc>) -> Result<bool, StoreError> {
            let name = root(schedule.as_str()).to_owned();
            let seen = move |truth: &mut Truth, _, _: &bool| {
                truth.held.remove(&name);
            };
            self.act("resume", self.inner.resume(schedule, now), seen).await
        }

        async fn begin_recall(
            &self,
            order: RecallOrder,
            now: DateTime<Utc>,
        ) -> Result<Result<RecallReport, NoRecall>, StoreError> {
            let seen = |truth: &mut Truth, at, report: &Result<RecallReport, NoRecall>| {
                let Ok(report) = report else { return };
                truth.is_no_test(at, root(&report.schedule), report.occurrence);
                truth.recalled.entry((root(&report.schedule).to_owned(), report.occurrence)).or_insert(truth.step);
            };
            self.act("begin_recall", self.inner.begin_recall(order, now), seen).await
        }

        async fn reload(&self, reload: Reload) -> Result<Vec<ScheduleChange>, StoreError> {
            let is_done = reload.manner != ReloadManner::DryRun;
            let seen = move |truth: &mut Truth, _, changes: &Vec<ScheduleChange>| {
                let count = |change| changes.iter().filter(|it| is_done && it.change == change).count() as u64;
                truth.counts.renamed += count(Change::Renamed);
                truth.counts.removed += count(Change::Removed);
            };
            self.act("reload", self.inner.reload(reload), seen).await
        }

        async fn retry(
            &self,
            order: RetryOrder,
            now: DateTime<Utc>,
        ) -> Result<Result<RetryReport, NothingThere>, StoreError> {
            let (asked, ledger) = (order.clone(), &self.ledger);
            let seen = move |truth: &mut Truth, at, report: &Result<RetryReport, NothingThere>| {
                let (up_to, out) = audit::retried(ledger, truth.retried_up_to);
                truth.retried_up_to = up_to;
                let told = report.as_ref().map_or(0, |report| report.retried);
                if told != out.len() as u64 {
                    truth.violation(at, format!("{} were to be sent again, and {told} were told", out.len()));
                }
                truth.retried(at, &out, &asked);
            };
            self.act("retry", self.inner.retry(order, now), seen).await
        }

        async fn cancel(
            &self,
            order: CancelOrder,
            now: DateTime<Utc>,
        ) -> Result<Result<CancelReport, NothingThere>, StoreError> {
            // Of a date everything is meant, with what is tested on it.
            let is_of_date = order.on.is_some();
            let seen = move |truth: &mut Truth, at, report: &Result<CancelReport, NothingThere>| {
                let Ok(report) = report else { return };
                for found in &report.occurrences {
                    if !is_of_date {
                        truth.is_no_test(at, root(&report.schedule), found.occurrence);
                    }
                    let occurrence = (root(&report.schedule).to_owned(), found.occurrence);
                    truth.cancelled.entry(occurrence).or_insert(truth.step);
                    truth.counts.cancelled += found.cancelled;
                }
            };
            self.act("cancel", self.inner.cancel(order, now), seen).await
        }

        async fn rehearse(&self, order: TestOrder, now: DateTime<Utc>) -> Result<Option<NaiveDateTime>, StoreError> {
            let asked = order.clone();
            let seen = move |truth: &mut Truth, _, made: &Option<NaiveDateTime>| {
                if let Some(occurrence) = made {
                    truth.counts.tested += 1;
                    truth.tests.begin(&asked, *occurrence, now);
                }
            };
            self.act("rehearse", self.inner.rehearse(order, now), seen).await
        }

        async fn close(&self) {
            // At once, too: else virtual time would go on while a real thread ends.
            at_once(self.inner.close());
        }
    }

    record_plans(plans: Vec<SchedulePlan>, now: DateTime<Utc>) -> PlanChange;
    take_in(news: News, fallback_zone: Tz, now: DateTime<Utc>) -> TakenIn;
    documents(prefix: &str) -> Vec<Document>;
    retire_missing(missing_since: DateTime<Utc>, now: DateTime<Utc>) -> Retired;
    zones() -> Vec<Tz>;
    plan_marks() -> Vec<PlanMark>;
    expand_due(until: DateTime<Utc>, now: DateTime<Utc>, most: u32) -> Expanded;
    abandon(over_before: DateTime<Utc>) -> Vec<Abandoned>;
    release(term: Term, deliveries: Vec<DeliveryId>) -> ();
    postpone(term: Term, delivery: DeliveryId, not_before: DateTime<Utc>) -> ();
    take_place(delivery: DeliveryId, recipient: RecipientId, day: NaiveDate, most: u32) -> bool;
    remember_conversation(recipient: RecipientId, conversation: Conversation) -> ();
    thread(channel: RecipientId, name: ThreadName) -> Option<Posts>;
    strangers(now: DateTime<Utc>, at_most: usize) -> Vec<Stranger>;
    settle_stranger(recipient: RecipientId, again_at: Option<DateTime<Utc>>) -> ();
    named_teams() -> Vec<NamedTeam>;
    keep_roster(roster: Roster, fallback_zone: Tz, now: DateTime<Utc>) -> RosterChange;
    roster_failed(team: String, trouble: String, now: DateTime<Utc>) -> ();
    try_recall(order: RecallOrder, now: DateTime<Utc>) -> Result<RecallReport, NoRecall>;
    recall_due(now: DateTime<Utc>, limit: usize) -> RecallWork;
    settle_recall(outcome: RecallOutcome) -> bool;
    recall_report(recall: RecallId, in_full: bool) -> Option<RecallReport>;
    remember_place(recipient: RecipientId, service_url: String) -> ();
    paused() -> Vec<Paused>;
    next_wake(lead: Duration, after: DateTime<Utc>) -> Option<DateTime<Utc>>;
    import_people(records: Vec<PersonRecord>, fallback_zone: Tz, now: DateTime<Utc>) -> ImportReport;
    delivered(delivery: DeliveryId) -> Option<Delivered>;
    ask_zone(recipient: RecipientId, now: DateTime<Utc>) -> bool;
    replies_due(now: DateTime<Utc>, limit: usize) -> ReplyWork;
    mark_replying(reply: ReplyId) -> bool;
    settle_reply(outcome: ReplyOutcome) -> ();
    happen(event: Event, now: DateTime<Utc>) -> EventAnswer;
    people() -> Vec<PersonView>;
    find_people(who: &str) -> Vec<RecipientId>;
    person(recipient: RecipientId, fallback_zone: Tz, now: DateTime<Utc>) -> Option<PersonFile>;
    order_zone(recipient: RecipientId, zone: Option<Tz>, fallback_zone: Tz, now: DateTime<Utc>) -> bool;
    revive(recipient: RecipientId) -> bool;
    export_people(after: i64, limit: usize) -> ExportPage;
    keep_house_zones(house: HouseZones, fallback_zone: Tz, now: DateTime<Utc>) -> u64;
    age_zones(fallback_zone: Tz, now: DateTime<Utc>) -> u64;
    group_size(group: &str) -> u64;
    status(query: StatusQuery, ended_after: DateTime<Utc>, now: DateTime<Utc>) -> LedgerStatus;
    loads(now: DateTime<Utc>, home: Arc<str>) -> Vec<OccurrenceLoad>;
    queues(now: DateTime<Utc>) -> Vec<QueueFigures>;
    crowd() -> CrowdFigures;
    failures(query: FailuresQuery, since: DateTime<Utc>, now: DateTime<Utc>) -> Failures;
    ledger_page(query: LedgerQuery, limit: usize) -> LedgerPage;
    tail(query: TailQuery, not_before: DateTime<Utc>, limit: usize) -> Vec<LedgerRow>;
    story(query: StoryQuery, now: DateTime<Utc>) -> Story;
    prune(before: DateTime<Utc>, now: DateTime<Utc>) -> u64;
    upkeep() -> ();
    probe() -> ();
}
