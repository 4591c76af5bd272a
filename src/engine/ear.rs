//! What Teams tells → facts → the ledger, before anything is answered.

use std::sync::Arc;

use async_trait::async_trait;
use chrono_tz::Tz;
use serde_json::Value;
use tokio::sync::Notify;

use crate::domain::activity::{Activity, Happening};
use crate::domain::buttons;
use crate::domain::message::Said;
use crate::domain::news::{self, Fact};
use crate::domain::press::{self, Effect, Pressed};
use crate::domain::recipient::is_of_the_house;
use crate::engine::shown::Shown;
use crate::port::clock::Clock;
use crate::port::ear::{Ear, NotHeard, Reply, ServiceUrls, Via};
use crate::port::reply::Delivered;
use crate::port::store::Store;

/// Takes in what Teams tells.
pub struct Listener {
    pub store: Arc<dyn Store>,
    pub clock: Arc<dyn Clock>,
    pub fallback_zone: Tz,
    /// Rung when there may be something new to dispatch.
    pub work: Arc<Notify>,
    /// Rung when what is to be planned has changed.
    pub replan: Arc<Notify>,
    /// Rung when there is a reply to send.
    pub replies: Arc<Notify>,
    /// Rung when there is somebody to ask Teams for.
    pub strangers: Arc<Notify>,
    pub shown: Arc<Shown>,
    /// Where conversations may be that are told of.
    pub service_urls: Arc<dyn ServiceUrls>,
    /// The bot's own.
    pub home_tenant: Option<Arc<str>>,
}

/// A press, and the message whose button it was.
struct Press {
    pressed: Pressed,
    delivered: Option<Delivered>,
}

impl Listener {
    /// The activity as far as it may count. Where it says that the conversation is at a place to which nothing would be sent, it
    /// says nothing of the place: what is known of how to reach people must not be lost to that. Where it comes from another
    /// tenant, it says nothing of e-mail addresses. All else in it stays.
    fn trusted(&self, mut activity: Activity) -> Activity {
        let told = activity.service_url.as_ref().filter(|_| activity.is_of_teams());
        if let Some(why) = told.and_then(|url| self.service_urls.objection(url)) {
            tracing::warn!(
                "a service URL that was told is not kept: {why}; if it is right, add its host to trusted_hosts below [bot]"
            );
            activity.service_url = None;
        }
        if !is_of_the_house(activity.tenant_id.as_deref(), self.home_tenant.as_deref()) {
            activity.forget_principal_names();
        }
        activity
    }

    /// The press that an activity tells, with the instant that is meant by it.
    async fn press(&self, activity: &Activity) -> Result<Option<Press>, NotHeard> {
        let now = self.clock.now();
        let Some(mut pressed) = press::read(activity, now) else { return Ok(None) };
        let delivered = self.store.delivered(pressed.delivery).await.map_err(|error| NotHeard(error.to_string()))?;
        if let (buttons::Press::Snooze(later), Some(delivered)) = (pressed.press, &delivered) {
            pressed.until = later.from(now, delivered.recipient.zone, self.shown.zones.as_ref());
        }
        Ok(Some(Press { pressed, delivered }))
    }

    /// The body that shows whoever pressed what came of it.
    fn answer(&self, press: &Press, effect: &Effect) -> Value {
        match (effect, &press.delivered) {
            (Effect::Took(outcome), Some(delivered)) => match self.shown.after(delivered, outcome) {
                Said::Card { card, .. } => press::card_answer(&card),
                Said::Text(text) => press::toast(&text),
            },
            // What the message said is not known: it stays as it is.
            (Effect::Stopped, _) => press::toast(buttons::stopped(press.pressed.whence.language.as_deref())),
            (Effect::NotYours, _) | (Effect::Took(_), None) => {
                press::toast(buttons::not_yours(press.pressed.whence.language.as_deref()))
            }
        }
    }
}

#[async_trait]
impl Ear for Listener {
    async fn hear(&self, activity: Activity, via: Via) -> Result<Reply, NotHeard> {
        let now = self.clock.now();
        let activity = self.trusted(activity);
        let mut news = news::of(&activity, via.into(), now);
        let press = self.press(&activity).await?;
        if let Some(press) = &press {
            // Told again, it is to be answered again, and the fact itself knows that it is no news.
            news.key = None;
            news.facts.push(Fact::Pressed(Box::new(press.pressed.clone())));
        }
        if news.facts.iter().any(|fact| matches!(fact, Fact::ZoneSaid(said) if said.waits_for_answer)) {
            news.key = None;
        }
        let taken = self.store.take_in(news, self.fallback_zone, now).await.map_err(|error| {
            tracing::error!(%error, "what Teams told could not be taken in");
            NotHeard(error.to_string())
        })?;
        for refused in &taken.refused {
            tracing::warn!(refused, "something that Teams told was not taken in");
        }
        if taken.replan {
            self.replan.notify_one();
        }
        if taken.work {
            self.work.notify_one();
        }
        if taken.reply {
            self.replies.notify_one();
        }
        if taken.stranger {
            self.strangers.notify_one();
        }
        if let (Some(press), Some(effect)) = (&press, &taken.effect)
            && press.pressed.waits_for_answer
        {
            return Ok(Reply::Invoke(self.answer(press, effect)));
        }
        if let Some(answered) = &taken.zone {
            return Ok(Reply::Invoke(answered.body(now, self.shown.zones.as_ref())));
        }
        Ok(match activity.happening {
            Happening::Invoke { .. } => Reply::NotUnderstood,
            Happening::Message { .. }
            | Happening::Installed { .. }
            | Happening::Removed
            | Happening::Joined(_)
            | Happening::Left(_)
            | Happening::Channel(_)
            | Happening::Team(_)
            | Happening::Other(_) => Reply::Heard,
        })
    }
}
