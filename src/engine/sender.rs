//! One claim → one outcome.
//!
//! The order is the promise: permit → `sending` durable → request → outcome durable. Before `sending` nothing leaves,
//! so a crash there loses nothing; after it, a crash leaves a delivery of which we honestly do not know.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::domain::buttons::Stamp;
use crate::domain::delivery::{self, Claim, Reason, Settlement, State};
use crate::domain::id::AttemptId;
use crate::domain::policy::{Circumstances, Decision, Downtime, decide};
use crate::domain::quiet::QuietHours;
use crate::domain::rate::Operation;
use crate::domain::recipient::{RecipientKind, Reference, Route};
use crate::domain::schedule::model::{Priority, Schedule};
use crate::domain::surge::TooManyLost;
use crate::domain::template::{Facts, Template};
use crate::domain::time::ZoneRules;
use crate::domain::trouble::{Change, Whose};
use crate::domain::verdict::Verdict;
use crate::engine::asking;
use crate::engine::catalog::CatalogCell;
use crate::engine::health::Health;
use crate::engine::limiter::{Later, Limiter, Permit, Request};
use crate::engine::meter::Meter;
use crate::engine::places::Places;
use crate::engine::posting::{Posting, Said, Turns};
use crate::engine::watch::{Credit, Watch};
use crate::port::clock::Clock;
use crate::port::connector::{Connector, OutgoingActivity};
use crate::port::entropy::Entropy;
use crate::port::store::{AttemptEnd, Outcome, Pause, PausedBy, Store, StoreError};

/// How long to wait before what the store could not take is offered again, and how often: for an hour in all. A full disk
/// takes a person to mend, and what Teams has answered is known nowhere else. Meanwhile nobody else acts on the delivery,
/// and nothing else could be sent.
const SETTLE_AGAIN: Duration = Duration::from_secs(2);
const SETTLE_TRIES: u32 = 1_800;

/// For how long a claim is held, from the claiming and again from the sending. Longer than any request with all that
/// may follow it.
pub const LEASE: Duration = Duration::from_mins(5);

/// For how long a claim is put off while the daemon and the store see its schedule differently.
const A_MOMENT: TimeDelta = TimeDelta::seconds(5);

/// A silence that an operator should know of. Teams usually asks for seconds.
const LONG_SILENCE: Duration = Duration::from_mins(5);

/// Sends what is claimed.
pub struct Sender {
    pub store: Arc<dyn Store>,
    pub connector: Arc<dyn Connector>,
    pub limiter: Arc<Limiter>,
    pub catalog: Arc<CatalogCell>,
    pub zones: Arc<dyn ZoneRules>,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    pub health: Arc<Health>,
    pub meter: Arc<Meter>,
    pub watch: Arc<Watch>,
    pub places: Arc<Places>,
    pub threads: Turns,
    /// Rung when a delivery waits for another instant than the one known so far.
    pub work: Arc<Notify>,
    /// Rung when there is a question to send.
    pub questions: Arc<Notify>,
    /// The bot's own tenant, for people of whom no other is known.
    pub home_tenant: Option<Arc<str>>,
    /// When nobody served before this daemon did.
    pub downtime: Downtime,
    /// The quiet hours of the configuration.
    pub house_quiet_hours: Vec<QuietHours>,
    /// How many messages a person may get on one local day.
    pub per_person_per_day: Option<u32>,
    /// How to stop a message whose schedule does not say it.
    pub house_stop: Option<Template>,
}

impl Sender {
    /// Brings one claim to an outcome, or gives it back when `stop` comes before its request has left.
    pub async fn deliver(&self, claim: Claim, stop: &CancellationToken) {
        match self.try_deliver(&claim, stop).await {
            Ok(()) => {}
            Err(StoreError::LostClaim(delivery)) => {
                tracing::info!(
                    %delivery, schedule = %claim.schedule,
                    "not sent: its schedule was paused, or it was recalled or stopped, or somebody else has it now"
                );
                // Where it is still ours, it must not wait for its lease to end.
                match self.give_back(&claim).await {
                    Ok(()) => self.work.notify_one(),
                    Err(error) => tracing::error!(%delivery, %error, "a claim could not be given back"),
                }
            }
            Err(error) => {
                tracing::error!(delivery = %claim.id, schedule = %claim.schedule, %error, "store failed");
                self.let_go(&claim, stop).await;
            }
        }
    }

    /// Gives a claim back as soon as the store can write again, so that it need not wait for its lease to end. Of one
    /// whose request has left, the store knows better: it is rescued.
    async fn let_go(&self, claim: &Claim, stop: &CancellationToken) {
        for _ in 0..SETTLE_TRIES {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = self.clock.sleep(SETTLE_AGAIN) => {}
            }
            if self.give_back(claim).await.is_ok() {
                self.work.notify_one();
                return;
            }
        }
    }

    async fn try_deliver(&self, claim: &Claim, stop: &CancellationToken) -> Result<(), StoreError> {
        if stop.is_cancelled() {
            return self.give_back(claim).await;
        }
        if self.watch.is_doubted(&claim.schedule) {
            // The store is about to hold it.
            return self.put_off(claim, self.clock.now() + A_MOMENT).await;
        }
        let Some(schedule) = self.catalog.get(&claim.schedule) else {
            // It went away a moment ago; the store holds its deliveries until it is back or its grace is over.
            return self.put_off(claim, self.clock.now() + A_MOMENT).await;
        };
        let route = match self.decision(claim, &schedule) {
            Decision::Send(route) => route,
            Decision::NotYet => return self.not_yet(claim).await,
            Decision::Settle(settlement) => return self.settle_unsent(claim, settlement, None).await,
        };
        let (occurrence, due_at) = claim.speaks_of();
        let local = self.zones.civil(due_at, claim.recipient.zone);
        let facts = Facts {
            recipient: &claim.recipient,
            schedule: &claim.schedule,
            title: schedule.display_title(),
            occurrence,
            local,
            event: claim.event.as_deref(),
        };
        let said = match schedule.message.render(&facts, self.house_stop.as_ref()) {
            Ok(said) => said,
            Err(error) => {
                let failed = Settlement::Failed(Reason::TemplateFailed);
                return self.settle_unsent(claim, failed, Some(error.to_string())).await;
            }
        };
        let language = claim.recipient.language.as_deref();
        let stamp = Stamp { delivery: claim.id, occurrence: claim.occurrence, topic: schedule.topic.clone() };
        let said = schedule.message.buttons.put_below(said, &stamp, language);
        let activity = OutgoingActivity { said, locale: claim.recipient.language.clone() };

        let known = self.places.complete(claim.recipient.id, &self.tenant(claim), &claim.reference);
        let posting = match route {
            Route::Post { .. } => {
                self.threads.in_channel(self.store.as_ref(), claim, known, schedule.thread.as_ref()).await?
            }
            Route::Continue { .. } if !delivery::asks_again(claim) => Posting::into(known),
            Route::Continue { .. } | Route::Create { .. } => match self.create_conversation(claim, stop).await? {
                Some(reference) => Posting::into(reference),
                None => return Ok(()),
            },
        };
        self.send(claim, &schedule, &posting, &activity, stop).await
    }

    /// Creates the conversation, once, and stores it before anything is said in it. `None` when the claim has come
    /// to its outcome already.
    async fn create_conversation(
        &self,
        claim: &Claim,
        stop: &CancellationToken,
    ) -> Result<Option<Reference>, StoreError> {
        let user = claim.reference.user_id.as_deref().or(claim.reference.entra_object_id.as_deref());
        let thread = Arc::from(format!("create {}", user.unwrap_or_default()));
        let Some(mut permit) = self.permit(claim, Operation::Create, thread, stop).await? else { return Ok(None) };
        if !self.may_request(claim) {
            self.give_back(claim).await?;
            return Ok(None);
        }
        let began = self.clock.moment();
        let under_way = self.health.request(claim.id);
        let asked = self.places.complete(claim.recipient.id, &self.tenant(claim), &claim.reference);
        permit.leaves();
        let created = self.connector.create_conversation(&asked).await;
        under_way.answered();
        match created {
            Ok(conversation) => {
                permit.complete(None);
                if self.health.accepted() == Change::Ended {
                    self.work.notify_one();
                }
                let reference = Reference {
                    conversation_id: Some(conversation.conversation_id.clone()),
                    service_url: conversation.service_url.clone().or_else(|| asked.service_url.clone()),
                    ..asked
                };
                self.store.remember_conversation(claim.recipient.id, conversation).await?;
                Ok(Some(reference))
            }
            Err(answer) => {
                permit.complete(silence(&answer.verdict));
                let attempt = self.store.mark_sending(claim.id, claim.term, self.clock.now(), LEASE).await?;
                let latency = self.clock.moment().since(began);
                self.settle_attempt(claim, &asked, attempt, answer.into(), latency).await?;
                Ok(None)
            }
        }
    }

    async fn send(
        &self,
        claim: &Claim,
        schedule: &Schedule,
        posting: &Posting,
        activity: &OutgoingActivity,
        stop: &CancellationToken,
    ) -> Result<(), StoreError> {
        let Some(mut permit) = self.permit(claim, posting.operation(), posting.conversation(), stop).await? else {
            return Ok(());
        };
        // The wait may have been long, so the question is asked once more.
        match self.decision(claim, schedule) {
            Decision::Send(_) => {}
            Decision::NotYet => return self.not_yet(claim).await,
            Decision::Settle(settlement) => return self.settle_unsent(claim, settlement, None).await,
        }
        if !self.take_place(claim).await? {
            return self.settle_unsent(claim, Settlement::Skipped(Reason::DailyLimit), None).await;
        }
        if !self.may_request(claim) {
            return self.give_back(claim).await;
        }
        // Until its outcome is stored, nobody here may take it for abandoned, whatever the wall clock says.
        let under_way = self.health.request(claim.id);
        let attempt = self.store.mark_sending(claim.id, claim.term, self.clock.now(), LEASE).await?;

        let began = self.clock.moment();
        permit.leaves();
        let said = posting.say(self.connector.as_ref(), claim, activity).await;
        under_way.answered();
        let latency = self.clock.moment().since(began);
        let silence = silence(&said.answer.verdict);
        permit.complete(silence);
        if let Some(silence) = silence.filter(|silence| *silence > LONG_SILENCE) {
            let (tenant, seconds) = (self.tenant(claim), silence.as_secs());
            tracing::warn!(%tenant, seconds, "Teams asked for a long silence; what is due there waits, or expires");
        }
        let is_delivered = matches!(said.answer.verdict, Verdict::Delivered { .. });
        let served_at = posting.reference().service_url.clone().filter(|_| is_delivered);
        self.settle_attempt(claim, posting.reference(), attempt, said, latency).await?;
        if is_delivered {
            asking::behind(self.store.as_ref(), &self.questions, claim, schedule, self.clock.now()).await;
        }
        match served_at {
            Some(place) if self.places.served(claim.recipient.id, &self.tenant(claim), &place) => {
                self.store.remember_place(claim.recipient.id, place).await
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Whether a request may be made for this just now: the last question before one.
    fn may_request(&self, claim: &Claim) -> bool {
        !self.watch.is_doubted(&claim.schedule) && self.health.may_request()
    }

    fn decision(&self, claim: &Claim, schedule: &Schedule) -> Decision {
        let circumstances = Circumstances {
            schedule,
            zones: self.zones.as_ref(),
            house_quiet_hours: &self.house_quiet_hours,
            downtime: &self.downtime,
            home_tenant: self.home_tenant.as_deref(),
        };
        decide(claim, self.clock.now(), &circumstances)
    }

    /// Takes one of the places that a person has on their day. What is critical takes one too, but always gets it.
    /// Returns whether there was one.
    async fn take_place(&self, claim: &Claim) -> Result<bool, StoreError> {
        let Some(most) =
            self.per_person_per_day.filter(|_| claim.recipient.kind == RecipientKind::Person && !claim.is_test)
        else {
            return Ok(true);
        };
        let day = self.zones.civil(self.clock.now(), claim.recipient.zone).date();
        let most = match claim.priority {
            Priority::Critical => u32::MAX,
            Priority::Normal | Priority::Bulk => most,
        };
        self.store.take_place(claim.id, claim.recipient.id, day, most).await
    }

    /// Whose budget a request takes: that of the tenant the conversation lives in.
    pub(super) fn tenant(&self, claim: &Claim) -> Arc<str> {
        match &claim.reference.tenant_id {
            Some(tenant) => Arc::from(tenant.as_str()),
            None => self.home_tenant.clone().unwrap_or_default(),
        }
    }

    /// The right to make a request of the kind `operation` into `conversation`. `None` when the claim has been given
    /// back: because `stop` came, or because it is somebody else's turn for longer than one waits here.
    async fn permit(
        &self,
        claim: &Claim,
        operation: Operation,
        conversation: Arc<str>,
        stop: &CancellationToken,
    ) -> Result<Option<Permit>, StoreError> {
        let request = Request { tenant: self.tenant(claim), conversation, operation, priority: claim.priority };
        let asked = tokio::select! {
            biased;
            () = stop.cancelled() => {
                self.give_back(claim).await?;
                return Ok(None);
            }
            asked = self.limiter.permit(&request) => asked,
        };
        match asked {
            Ok(permit) => Ok(Some(permit)),
            Err(Later { at }) => {
                let wait = TimeDelta::from_std(at.since(self.clock.moment())).unwrap_or(TimeDelta::MAX);
                let not_before = self.clock.now().checked_add_signed(wait).unwrap_or(DateTime::<Utc>::MAX_UTC);
                self.put_off(claim, not_before).await?;
                Ok(None)
            }
        }
    }

    async fn give_back(&self, claim: &Claim) -> Result<(), StoreError> {
        self.store.release(claim.term, vec![claim.id]).await
    }

    /// Gives a claim back whose instant has moved into the future. The store has it wait for that.
    async fn not_yet(&self, claim: &Claim) -> Result<(), StoreError> {
        self.give_back(claim).await?;
        self.work.notify_one();
        Ok(())
    }

    /// Gives a claim back that can't be sent before `not_before`. Just given back, it might be claimed at once, and so on
    /// without end.
    async fn put_off(&self, claim: &Claim, not_before: DateTime<Utc>) -> Result<(), StoreError> {
        self.store.postpone(claim.term, claim.id, not_before).await?;
        self.work.notify_one();
        Ok(())
    }

    async fn settle_unsent(
        &self,
        claim: &Claim,
        settlement: Settlement,
        detail: Option<String>,
    ) -> Result<(), StoreError> {
        self.settle(claim, Outcome { detail, ..decided(claim, settlement, self.clock.now()) }).await
    }

    /// Brings an attempt with `reference` to what its answer means.
    async fn settle_attempt(
        &self,
        claim: &Claim,
        reference: &Reference,
        attempt: AttemptId,
        said: Said,
        latency: Duration,
    ) -> Result<(), StoreError> {
        let Said { answer, thread, sent_in } = said;
        let tenant = self.tenant(claim);
        let is_home = self.home_tenant.as_ref().is_some_and(|home| *home == tenant);
        let whose = Whose { recipient: claim.recipient.id, tenant: Arc::clone(&tenant), is_home };
        if self.health.heard(whose, &answer) == Change::Ended {
            self.work.notify_one();
        }
        let asked = reference.service_url.as_deref();
        let verdict = self.places.settle(claim.recipient.id, &tenant, asked, answer.verdict);
        let credit = self.watch.saw(&claim.schedule, claim.recipient.id, &verdict);
        let settlement = match credit {
            Credit::Believed => delivery::settle(claim, verdict, self.clock.now(), self.entropy.draw()),
            Credit::Doubted | Credit::OneTooMany(_) => delivery::doubted(claim, &verdict, self.clock.now()),
        };
        if settlement.state() != State::Waiting {
            self.places.ended(claim.recipient.id);
        }
        let end = AttemptEnd { attempt, evidence: answer.evidence, latency };
        let decided = decided(claim, settlement, self.clock.now());
        let settled = self.settle(claim, Outcome { attempt: Some(end), thread, sent_in, ..decided }).await;
        // Also where the outcome could not be stored: the doubt is about the schedule.
        if let Credit::OneTooMany(too_many) = credit {
            self.pause(claim, too_many).await;
        }
        settled
    }

    /// Pauses the schedule of `claim`: what Teams says of its recipients is not believed any more. From the moment of the
    /// doubt nothing of it is sent, so it does not matter that this comes a little later.
    async fn pause(&self, claim: &Claim, too_many: TooManyLost) {
        let TooManyLost { reason, recipients, attempts } = too_many;
        let why = format!("{} of {attempts} could not be reached: {}", recipients.len(), reason.explain());
        tracing::error!(schedule = %claim.schedule, why, "schedule paused; look into it, then resume it");
        let pause = Pause {
            schedule: claim.schedule.clone(),
            why,
            by: PausedBy::Watch,
            not_believed: Some((reason, recipients.into_iter().collect())),
        };
        if let Err(error) = self.store.pause(pause, self.clock.now()).await {
            tracing::error!(schedule = %claim.schedule, %error, "the pause could not be stored; the schedule goes on");
            self.watch.forget(&claim.schedule);
        }
    }

    /// Makes an outcome durable. What Teams answered is known only here, so a store that cannot write just now (a
    /// full disk, say) is asked again for a while before the knowledge is given up.
    async fn settle(&self, claim: &Claim, outcome: Outcome) -> Result<(), StoreError> {
        tell(claim, &outcome);
        let waits = outcome.settlement.state() == State::Waiting;
        let mut tries = 0;
        loop {
            match self.store.settle(outcome.clone()).await {
                Err(error @ StoreError::Failed { .. }) if tries < SETTLE_TRIES => {
                    tries += 1;
                    if tries == 1 {
                        tracing::error!(delivery = %claim.id, %error, "outcome not stored yet; trying again");
                    }
                    self.clock.sleep(SETTLE_AGAIN).await;
                }
                settled => {
                    if waits {
                        self.work.notify_one();
                    }
                    if settled.is_ok() {
                        self.meter.settled(claim, &outcome);
                    }
                    return settled;
                }
            }
        }
    }
}

/// For how long Teams asked the tenant to be silent. A 429 without `Retry-After` still means: not at once.
pub(super) fn silence(verdict: &Verdict) -> Option<Duration> {
    match verdict {
        Verdict::Retry { reason: Reason::Throttled, after } => Some(after.unwrap_or(Duration::from_secs(1))),
        Verdict::Retry { .. }
        | Verdict::Recreate { .. }
        | Verdict::Elsewhere { .. }
        | Verdict::Delivered { .. }
        | Verdict::Permanent { .. }
        | Verdict::OurFault { .. }
        | Verdict::Unknown { .. } => None,
    }
}

/// An outcome that came of a decision alone.
fn decided(claim: &Claim, settlement: Settlement, at: DateTime<Utc>) -> Outcome {
    let (delivery, term) = (claim.id, claim.term);
    Outcome { delivery, term, at, settlement, attempt: None, detail: None, thread: None, sent_in: None }
}

/// One line for each outcome. Nobody's name is in it.
fn tell(claim: &Claim, outcome: &Outcome) {
    let Outcome { settlement, attempt, at, .. } = outcome;
    let attempt = attempt.as_ref();
    let state = settlement.state();
    let reason = settlement.reason().map(Reason::as_str);
    let late_ms = (*at - claim.due_at).num_milliseconds();
    let latency_ms = attempt.map(|attempt| attempt.latency.as_millis());
    let status = attempt.and_then(|attempt| attempt.evidence.status);
    tracing::debug!(
        delivery = %claim.id,
        schedule = %claim.schedule,
        occurrence = %claim.occurrence,
        %state,
        reason,
        status,
        late_ms,
        latency_ms,
        "delivery settled"
    );
}
