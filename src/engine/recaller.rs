//! Messages that are taken back: deleted, or replaced by another text.
//!
//! One loop, which sleeps until there is something to take back. What is due it tries at the pace of the limits, as a
//! send to the same conversation would go. Its requests may be repeated without harm, so nothing is held in the store:
//! what had no outcome when a daemon ended is simply due again.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::Notify;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::domain::delivery::Reason;
use crate::domain::id::DeliveryId;
use crate::domain::message::Message;
use crate::domain::rate::Operation;
use crate::domain::recall::{LONGEST_WAIT, RecallSettlement, RecallState, Remedy, settle};
use crate::domain::schedule::model::Priority;
use crate::domain::template::{Facts, Template};
use crate::domain::time::{Moment, ZoneRules};
use crate::domain::trouble::{Admission, Change, Whose};
use crate::domain::verdict::Verdict;
use crate::engine::catalog::CatalogCell;
use crate::engine::health::Health;
use crate::engine::limiter::{Later, Limiter, Request};
use crate::engine::places::Places;
use crate::engine::sender::{LEASE, silence};
use crate::port::clock::Clock;
use crate::port::connector::{Connector, OutgoingActivity};
use crate::port::entropy::Entropy;
use crate::port::recall::{RecallOutcome, RecallTask};
use crate::port::store::{Store, StoreError};

/// How long to wait after the store failed.
const STORE_PAUSE: Duration = Duration::from_secs(2);

/// How many messages are in hand for each request that may be under way. With one, every end of a request would cost a
/// look into the store of its own.
const IN_HAND_PER_SENDER: usize = 2;

/// Takes messages back.
pub struct Recaller {
    pub store: Arc<dyn Store>,
    pub connector: Arc<dyn Connector>,
    pub limiter: Arc<Limiter>,
    pub catalog: Arc<CatalogCell>,
    pub zones: Arc<dyn ZoneRules>,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    pub health: Arc<Health>,
    pub places: Arc<Places>,
    /// Rung when the bot can send again.
    pub work: Arc<Notify>,
    /// Rings when a recall has begun.
    pub bell: Arc<Notify>,
    /// The bot's own tenant, for people of whom no other is known.
    pub home_tenant: Option<Arc<str>>,
    /// How to stop messages; said below a text that takes the place of another.
    pub house_stop: Option<Template>,
    /// How many requests may be under way at once.
    pub senders: usize,
}

/// What is in hand.
#[derive(Default)]
struct InHand {
    /// Each ends with the delivery it was about, and whether that is over.
    tasks: JoinSet<(DeliveryId, bool)>,
    /// What they are about, and what ended badly.
    deliveries: HashSet<DeliveryId>,
}

impl InHand {
    /// How many are here that nobody works at: they ended badly.
    fn broken(&self) -> usize {
        self.deliveries.len() - self.tasks.len()
    }

    /// Whether there may be something new to wait for.
    fn ended(&mut self, joined: Result<(DeliveryId, bool), JoinError>) -> bool {
        match joined {
            Ok((delivery, is_over)) => {
                self.deliveries.remove(&delivery);
                !is_over
            }
            Err(error) => {
                // It stays here, so that what ended it once does not end it for ever; a restart tries it again.
                tracing::error!(%error, "taking a message back ended badly");
                false
            }
        }
    }
}

/// What to wait for.
enum Next {
    /// Room for more: as much was due as could be taken.
    Room,
    /// The bot can do nothing just now: the moment of the next try, or somebody who finds that it can again.
    Recovery(Moment),
    /// The next known instant, if any; and a sender, when something waits for one to let go.
    Instant { at: Option<DateTime<Utc>>, is_awaiting: bool },
}

impl Recaller {
    /// Runs until `stop`. Then requests that are under way finish, and the rest is left for the next start.
    pub async fn run(self, stop: CancellationToken) {
        let recaller = Arc::new(self);
        let mut in_hand = InHand::default();
        while !stop.is_cancelled() {
            // Interest is registered before looking, so that what comes in between is not missed.
            let rung = recaller.bell.notified();
            let let_go = recaller.health.request_ended();
            match recaller.go_round(&mut in_hand, &stop).await {
                Ok(next) => recaller.wait(next, rung, let_go, &mut in_hand, &stop).await,
                Err(error) => {
                    tracing::error!(%error, "the store failed; nothing can be taken back until it is well");
                    tokio::select! {
                        biased;
                        () = stop.cancelled() => {}
                        () = recaller.clock.sleep(STORE_PAUSE) => {}
                    }
                }
            }
        }
        while let Some(joined) = in_hand.tasks.join_next().await {
            in_hand.ended(joined);
        }
    }

    fn capacity(&self) -> usize {
        self.senders * IN_HAND_PER_SENDER
    }

    /// Takes up what is due, and says what to wait for.
    async fn go_round(self: &Arc<Self>, in_hand: &mut InHand, stop: &CancellationToken) -> Result<Next, StoreError> {
        let room = match self.health.admission() {
            Admission::All => self.capacity(),
            Admission::One => 1,
            Admission::None { until } => return Ok(Next::Recovery(until)),
        };
        let most = self.capacity() + in_hand.broken();
        let work = self.store.recall_due(self.clock.now(), most).await?;
        let mut is_full = work.tasks.len() >= most;
        for task in work.tasks {
            if in_hand.deliveries.contains(&task.delivery) {
                continue;
            }
            is_full |= in_hand.tasks.len() >= room;
            if in_hand.tasks.len() < room {
                in_hand.deliveries.insert(task.delivery);
                let (recaller, stop) = (Arc::clone(self), stop.clone());
                in_hand.tasks.spawn(async move { (task.delivery, recaller.take_back(&task, &stop).await) });
            }
        }
        Ok(if is_full { Next::Room } else { Next::Instant { at: work.next_at, is_awaiting: work.is_awaiting } })
    }

    async fn wait(
        &self,
        next: Next,
        rung: impl Future<Output = ()>,
        let_go: impl Future<Output = ()>,
        in_hand: &mut InHand,
        stop: &CancellationToken,
    ) {
        let is_held = matches!(next, Next::Recovery(_));
        let (room_at, is_awaiting) = match next {
            Next::Room => (self.capacity() / 2, false),
            Next::Recovery(_) => (0, true),
            Next::Instant { is_awaiting, .. } => (0, is_awaiting),
        };
        let alarm = self.sleep(next);
        tokio::pin!(rung, let_go, alarm);
        let mut let_go_heard = false;
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                // Before the bell, so that what has ended is not in hand any more when something is looked for.
                Some(joined) = in_hand.tasks.join_next(), if !in_hand.tasks.is_empty() => {
                    let is_news = in_hand.ended(joined);
                    if is_held && !self.may_go_on() {
                        continue;
                    }
                    if is_held || is_news || (room_at > 0 && in_hand.tasks.len() <= room_at) {
                        return;
                    }
                }
                () = &mut rung => return,
                () = &mut let_go, if is_awaiting && !let_go_heard => {
                    let_go_heard = true;
                    if !is_held || self.may_go_on() {
                        return;
                    }
                }
                () = &mut alarm => return,
            }
        }
    }

    fn may_go_on(&self) -> bool {
        match self.health.admission() {
            Admission::All | Admission::One => true,
            Admission::None { .. } => false,
        }
    }

    async fn sleep(&self, next: Next) {
        match next {
            Next::Recovery(at) => self.clock.sleep(at.since(self.clock.moment())).await,
            Next::Room | Next::Instant { at: None, is_awaiting: false } => std::future::pending().await,
            Next::Instant { at: Some(at), is_awaiting: false } => {
                self.clock.sleep_until(at).await;
            }
            // Of a sender that died nobody hears before its lease has ended.
            Next::Instant { at: None, is_awaiting: true } => self.clock.sleep(LEASE).await,
            Next::Instant { at: Some(at), is_awaiting: true } => {
                tokio::select! {
                    biased;
                    _ = self.clock.sleep_until(at) => {}
                    () = self.clock.sleep(LEASE) => {}
                }
            }
        }
    }

    /// Tries to take one message back. Returns whether that is over.
    async fn take_back(&self, task: &RecallTask, stop: &CancellationToken) -> bool {
        let activity = match self.activity(task) {
            Ok(activity) => activity,
            Err(why) => {
                return self.settle(task, RecallSettlement::Failed(Reason::TemplateFailed), Some(why), stop).await;
            }
        };
        // Teams counts all threads of a channel as one conversation.
        let conversation_id = task.reference.conversation_id.as_deref().unwrap_or_default();
        let request = Request {
            tenant: self.tenant(task),
            conversation: Arc::from(conversation_id.split(";messageid=").next().unwrap_or_default()),
            priority: Priority::Normal,
            operation: Operation::Send,
        };
        let asked = tokio::select! {
            biased;
            () = stop.cancelled() => return false,
            asked = self.limiter.permit(&request) => asked,
        };
        let mut permit = match asked {
            Ok(permit) => permit,
            Err(Later { at }) => {
                let not_before = self.clock.now() + at.since(self.clock.moment()).min(LONGEST_WAIT);
                return self.settle(task, RecallSettlement::Postponed { not_before }, None, stop).await;
            }
        };
        if !self.health.may_request() {
            return false;
        }
        let under_way = self.health.request(task.delivery);
        let reference = self.places.complete(task.recipient.id, &request.tenant, &task.reference);
        permit.leaves();
        let answer = match &activity {
            None => self.connector.delete_activity(&reference, &task.activity_id).await,
            Some(activity) => self.connector.update_activity(&reference, &task.activity_id, activity).await,
        };
        under_way.answered();
        permit.complete(silence(&answer.verdict));
        let is_home = self.home_tenant.as_ref().is_some_and(|home| *home == request.tenant);
        let whose = Whose { recipient: task.recipient.id, tenant: Arc::clone(&request.tenant), is_home };
        if self.health.heard(whose, &answer) == Change::Ended {
            self.work.notify_one();
        }
        let asked = reference.service_url.as_deref();
        let verdict = self.places.settle(task.recipient.id, &request.tenant, asked, answer.verdict);
        if let (Verdict::Delivered { .. }, Some(place)) = (&verdict, asked) {
            self.places.served(task.recipient.id, &request.tenant, place);
        }
        let settlement = settle(task.attempts + 1, task.asked_at, &verdict, self.clock.now(), self.entropy.draw());
        let is_over = self.settle(task, settlement, answer.evidence.detail, stop).await;
        drop(under_way);
        is_over
    }

    /// What takes the message's place; `None` where nothing does.
    fn activity(&self, task: &RecallTask) -> Result<Option<OutgoingActivity>, String> {
        let text = match &task.remedy {
            Remedy::Delete => return Ok(None),
            Remedy::Replace(text) => text,
        };
        let message = Message::from(Template::parse(text).map_err(|problem| problem.to_string())?);
        let schedule = self.catalog.get(&task.schedule);
        let facts = Facts {
            recipient: &task.recipient,
            schedule: &task.schedule,
            title: schedule.as_ref().map_or(task.schedule.as_str(), |schedule| schedule.display_title()),
            occurrence: task.occurrence,
            local: self.zones.civil(task.due_at, task.recipient.zone),
            event: None,
        };
        let said = message.render(&facts, self.house_stop.as_ref()).map_err(|error| error.to_string())?;
        Ok(Some(OutgoingActivity { said, locale: task.recipient.language.clone() }))
    }

    /// Whose budget a request takes: that of the tenant the conversation lives in.
    fn tenant(&self, task: &RecallTask) -> Arc<str> {
        match &task.reference.tenant_id {
            Some(tenant) => Arc::from(tenant.as_str()),
            None => self.home_tenant.clone().unwrap_or_default(),
        }
    }

    /// Makes an outcome durable. While the store can't write, the message stays in hand: it would be tried again and
    /// again for nothing. Returns whether the message is over; one that another recall has taken up is not.
    async fn settle(
        &self,
        task: &RecallTask,
        settlement: RecallSettlement,
        detail: Option<String>,
        stop: &CancellationToken,
    ) -> bool {
        let is_over = settlement.state().is_final();
        tell(task, &settlement);
        let at = self.clock.now();
        let outcome = RecallOutcome { recall: task.recall, delivery: task.delivery, at, settlement, detail };
        loop {
            match self.store.settle_recall(outcome.clone()).await {
                Ok(was_its) => return is_over && was_its,
                Err(error) => {
                    let delivery = task.delivery;
                    tracing::error!(%delivery, %error, "outcome of a recall not stored yet; trying again");
                }
            }
            tokio::select! {
                biased;
                () = stop.cancelled() => return false,
                () = self.clock.sleep(STORE_PAUSE) => {}
            }
        }
    }
}

/// One line for each outcome. Nobody's name is in it.
fn tell(task: &RecallTask, settlement: &RecallSettlement) {
    let (state, reason) = (settlement.state(), settlement.reason().map(Reason::as_str));
    let RecallTask { recall, delivery, schedule, occurrence, .. } = task;
    match state {
        RecallState::Failed => {
            tracing::warn!(%recall, %delivery, %schedule, %occurrence, %state, reason, "message could not be taken back");
        }
        RecallState::Awaiting
        | RecallState::Pending
        | RecallState::Done
        | RecallState::Gone
        | RecallState::NoId
        | RecallState::Unsent => {
            tracing::info!(%recall, %delivery, %schedule, %occurrence, %state, reason, "recall");
        }
    }
}
