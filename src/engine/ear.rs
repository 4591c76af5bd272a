//! What Teams tells → facts → the ledger, before anything is answered.

use std::sync::Arc;

use async_trait::async_trait;
use chrono_tz::Tz;
use tokio::sync::Notify;

use crate::domain::activity::{Activity, Happening};
use crate::domain::news;
use crate::port::clock::Clock;
use crate::port::ear::{Ear, NotHeard, Reply, Via};
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
}

#[async_trait]
impl Ear for Listener {
    async fn hear(&self, activity: Activity, via: Via) -> Result<Reply, NotHeard> {
        let now = self.clock.now();
        let news = news::of(&activity, via.into(), now);
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
