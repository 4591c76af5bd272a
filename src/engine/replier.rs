//! Replies: what nudged answers to people, within the limits and before everything else.
//!
//! `sending` is durable before the request leaves, so a reply arrives once or not at all. What it answers has been done
//! when it is written.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::domain::conversation::without_thread;
use crate::domain::id::{DeliveryId, ReplyId};
use crate::domain::message::Said;
use crate::domain::rate::Operation;
use crate::domain::reply::{Form, ReplySettlement, postponed, settle};
use crate::domain::trouble::{Change, Whose};
use crate::domain::verdict::Verdict;
use crate::domain::zone_wish;
use crate::engine::health::Health;
use crate::engine::limiter::{Later, Limiter, Permit, Request};
use crate::engine::places::Places;
use crate::engine::sender::silence;
use crate::engine::shown::Shown;
use crate::port::clock::Clock;
use crate::port::connector::{Connector, OutgoingActivity};
use crate::port::entropy::Entropy;
use crate::port::reply::{ReplyOutcome, ReplyTask, Says};
use crate::port::store::{Store, StoreError};

/// How many replies are tried at once.
const AT_ONCE: usize = 8;

/// How many of them may be questions: who waits for a reply meanwhile waits for no more than these.
const QUESTIONS_AT_ONCE: usize = 2;

/// How long to wait after the store failed.
const STORE_PAUSE: Duration = Duration::from_secs(2);

/// How long to wait while the bot can't send.
const TROUBLE_PAUSE: TimeDelta = TimeDelta::seconds(10);

/// Sends replies.
pub struct Replier {
    pub store: Arc<dyn Store>,
    pub connector: Arc<dyn Connector>,
    pub limiter: Arc<Limiter>,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    pub health: Arc<Health>,
    pub places: Arc<Places>,
    pub shown: Arc<Shown>,
    /// Rung when the bot can send again.
    pub work: Arc<Notify>,
    /// Rings when a reply has been written.
    pub bell: Arc<Notify>,
    /// The bot's own tenant, for people of whom no other is known.
    pub home_tenant: Option<Arc<str>>,
}

/// What is being tried.
#[derive(Default)]
struct Hand {
    tasks: JoinSet<(ReplyId, Result<(), StoreError>)>,
    /// Each with the message in which it is said.
    replies: BTreeMap<ReplyId, (Form, Option<DeliveryId>)>,
}

impl Hand {
    /// Begins with as many of these as there is room for. Those in hand may be among them. In one message one thing is
    /// said at a time: of two requests under way nobody knows which comes last.
    fn take(&mut self, replier: &Arc<Replier>, due: Vec<ReplyTask>, stop: &CancellationToken) {
        for task in due {
            let (form, within) = (task.says.form(), task.says.within());
            let questions = self.replies.values().filter(|(form, _)| *form == Form::Question).count();
            let is_full = self.replies.len() == AT_ONCE || (form == Form::Question && questions == QUESTIONS_AT_ONCE);
            let is_taken = within.is_some() && self.replies.values().any(|(_, message)| *message == within);
            if is_full || is_taken || self.replies.contains_key(&task.reply) {
                continue;
            }
            self.replies.insert(task.reply, (form, within));
            let (replier, stop) = (Arc::clone(replier), stop.clone());
            self.tasks.spawn(async move { (task.reply, replier.reply(&task, &stop).await) });
        }
    }
}

impl Replier {
    /// Runs until `stop`. What has not left then waits for the next start, as long as it is worth it.
    pub async fn run(self, stop: CancellationToken) {
        let replier = Arc::new(self);
        while !stop.is_cancelled() {
            // Interest is registered before looking, so that what comes in between is not missed.
            let rung = replier.bell.notified();
            let next = replier.go_round(&stop).await.unwrap_or_else(|error| {
                tracing::error!(%error, "the store failed; replies wait until it is well");
                Some(replier.clock.now() + STORE_PAUSE)
            });
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = rung => {}
                () = replier.sleep_until(next) => {}
            }
        }
    }

    async fn sleep_until(&self, next: Option<DateTime<Utc>>) {
        match next {
            Some(at) => {
                self.clock.sleep_until(at).await;
            }
            None => std::future::pending().await,
        }
    }

    /// Tries what is due, and says when the next one is. The place of one that is over is taken by the next at once, so
    /// that one without an answer holds nobody up.
    pub async fn go_round(self: &Arc<Self>, stop: &CancellationToken) -> Result<Option<DateTime<Utc>>, StoreError> {
        let mut hand = Hand::default();
        let mut trouble = None;
        loop {
            let mut next_at = None;
            if trouble.is_none() && !stop.is_cancelled() {
                match self.store.replies_due(self.clock.now(), 2 * AT_ONCE).await {
                    Ok(work) => {
                        next_at = work.next_at;
                        hand.take(self, work.tasks, stop);
                    }
                    Err(error) => trouble = Some(error),
                }
            }
            let joined = tokio::select! {
                biased;
                joined = hand.tasks.join_next() => joined,
                () = self.bell.notified() => continue,
                () = self.sleep_until(next_at) => continue,
            };
            match joined {
                None => return trouble.map_or(Ok(next_at), Err),
                Some(Ok((reply, replied))) => {
                    hand.replies.remove(&reply);
                    trouble = trouble.or(replied.err());
                }
                // Which one it was is not known, so it keeps its place until the round is over.
                Some(Err(error)) => tracing::error!(%error, "a reply ended badly"),
            }
        }
    }

    async fn reply(&self, task: &ReplyTask, stop: &CancellationToken) -> Result<(), StoreError> {
        let now = self.clock.now();
        let form = task.says.form();
        if postponed(form, task.asked_at, TimeDelta::zero(), now).is_none() {
            return self.settle(task, ReplySettlement::Dropped).await;
        }
        let tenant = self.tenant(task);
        let Some(mut permit) = self.permit(task, &tenant, stop).await? else { return Ok(()) };
        if !self.health.may_request() {
            return self.put_off(task, TROUBLE_PAUSE).await;
        }
        if !self.store.mark_replying(task.reply).await? {
            return Ok(());
        }
        let reference = self.places.complete(task.recipient.id, &tenant, &task.reference);
        let activity = |said| OutgoingActivity { said, locale: task.language.clone() };
        permit.leaves();
        let answer = match &task.says {
            Says::Text(text) => {
                let said = activity(Said::Text(text.clone()));
                self.connector.continue_conversation(&reference, &said).await
            }
            Says::Within(delivered, outcome) => {
                let said = activity(self.shown.after(delivered, outcome));
                let id = delivered.activity_id.as_deref().unwrap_or_default();
                self.connector.update_activity(&reference, id, &said).await
            }
            Says::WhichZone => {
                let said = activity(zone_wish::question(task.recipient.zone, task.language.as_deref()));
                self.connector.continue_conversation(&reference, &said).await
            }
        };
        permit.complete(silence(&answer.verdict));
        let is_home = self.home_tenant.as_ref() == Some(&tenant);
        let whose = Whose { recipient: task.recipient.id, tenant: Arc::clone(&tenant), is_home };
        if self.health.heard(whose, &answer) == Change::Ended {
            self.work.notify_one();
        }
        let asked = reference.service_url.as_deref();
        let verdict = self.places.settle(task.recipient.id, &tenant, asked, answer.verdict);
        if let (Verdict::Delivered { .. }, Some(place)) = (&verdict, asked) {
            self.places.served(task.recipient.id, &tenant, place);
        }
        let draw = self.entropy.draw();
        let settlement = settle(form, task.attempts + 1, task.asked_at, &verdict, self.clock.now(), draw);
        if settlement == ReplySettlement::Dropped {
            tracing::warn!(reply = %task.reply, detail = answer.evidence.detail, "a reply could not be sent");
        }
        self.settle(task, settlement).await
    }

    /// The right to make the request. `None` when it is to be tried later.
    async fn permit(
        &self,
        task: &ReplyTask,
        tenant: &Arc<str>,
        stop: &CancellationToken,
    ) -> Result<Option<Permit>, StoreError> {
        let conversation = without_thread(task.reference.conversation_id.as_deref().unwrap_or_default());
        let request = Request {
            tenant: Arc::clone(tenant),
            conversation: Arc::from(conversation),
            operation: Operation::Send,
            priority: task.says.form().priority(),
        };
        let asked = tokio::select! {
            biased;
            () = stop.cancelled() => return Ok(None),
            asked = self.limiter.permit(&request) => asked,
        };
        match asked {
            Ok(permit) => Ok(Some(permit)),
            Err(Later { at }) => {
                let wait = TimeDelta::from_std(at.since(self.clock.moment())).unwrap_or(TimeDelta::MAX);
                self.put_off(task, wait).await?;
                Ok(None)
            }
        }
    }

    async fn put_off(&self, task: &ReplyTask, wait: TimeDelta) -> Result<(), StoreError> {
        let settlement = postponed(task.says.form(), task.asked_at, wait, self.clock.now())
            .map_or(ReplySettlement::Dropped, |not_before| ReplySettlement::Waiting { not_before });
        self.settle(task, settlement).await
    }

    async fn settle(&self, task: &ReplyTask, settlement: ReplySettlement) -> Result<(), StoreError> {
        let outcome = ReplyOutcome { reply: task.reply, at: self.clock.now(), settlement };
        self.store.settle_reply(outcome).await
    }

    /// Whose budget a request takes: that of the tenant the conversation lives in.
    fn tenant(&self, task: &ReplyTask) -> Arc<str> {
        match &task.reference.tenant_id {
            Some(tenant) => Arc::from(tenant.as_str()),
            None => self.home_tenant.clone().unwrap_or_default(),
        }
    }
}
