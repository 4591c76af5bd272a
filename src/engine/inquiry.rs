//! Questions to Teams that have time: within the limits, after every message, and again where the answer says so.

use std::sync::Arc;
use std::time::Duration;

use crate::domain::delivery::Reason;
use crate::domain::rate::Operation;
use crate::domain::recipient::{Reference, is_of_the_house};
use crate::domain::schedule::model::Priority;
use crate::domain::verdict::{Answer, Verdict};
use crate::engine::limiter::{Later, Limiter, Permit, Request};
use crate::engine::sender::silence;
use crate::port::clock::Clock;
use crate::port::connector::Connector;

/// How often a request is made whose answer asks for it to be made again.
const TRIES: u32 = 3;

/// The shortest wait before that.
const PAUSE: Duration = Duration::from_secs(1);

/// Whoever has to wait for longer, for the answer or for their turn, comes back another time, so that others do not wait
/// as well.
const PATIENCE: Duration = Duration::from_mins(1);

/// Asks Teams.
#[derive(Clone)]
pub struct Inquirer {
    pub connector: Arc<dyn Connector>,
    pub limiter: Arc<Limiter>,
    pub clock: Arc<dyn Clock>,
    /// The bot's own tenant, for conversations of which no other is known.
    pub home_tenant: Option<Arc<str>>,
}

impl Inquirer {
    /// Whether what this tenant says of its people's addresses is believed.
    #[must_use]
    pub fn is_of_the_house(&self, tenant: Option<&str>) -> bool {
        is_of_the_house(tenant, self.home_tenant.as_deref())
    }

    /// Makes a request about a conversation within the limits, and again where its answer says so.
    pub async fn ask<T, F>(
        &self,
        conversation: &Reference,
        operation: Operation,
        request: impl Fn() -> F,
    ) -> Result<T, Answer>
    where
        F: Future<Output = Result<T, Answer>>,
    {
        let mut tries = 0;
        loop {
            tries += 1;
            let mut permit = self.permit(conversation, operation).await?;
            permit.leaves();
            let answered = request().await;
            permit.complete(answered.as_ref().err().and_then(|answer| silence(&answer.verdict)));
            match &answered {
                Err(Answer { verdict: Verdict::Retry { after, .. }, .. })
                    if tries < TRIES && after.unwrap_or(PAUSE) <= PATIENCE =>
                {
                    self.clock.sleep(after.unwrap_or(PAUSE).max(PAUSE)).await;
                }
                Ok(_) | Err(_) => return answered,
            }
        }
    }

    /// Messages go first. Who is not let through soon has an answer without a request.
    async fn permit(&self, asked: &Reference, operation: Operation) -> Result<Permit, Answer> {
        let tenant = asked.tenant_id.as_deref().map(Arc::from).or_else(|| self.home_tenant.clone()).unwrap_or_default();
        let conversation = Arc::from(asked.conversation_id.as_deref().unwrap_or_default());
        let request = Request { tenant, conversation, operation, priority: Priority::Bulk };
        let until = self.clock.moment().after(PATIENCE);
        let not_now = |after: Option<Duration>, why: String| {
            Answer::without_request(Verdict::Retry { reason: Reason::Throttled, after }, why)
        };
        loop {
            let left = until.since(self.clock.moment());
            let permitted = tokio::select! {
                biased;
                permitted = self.limiter.permit(&request) => permitted,
                // Behind a crowd of messages, say.
                () = self.clock.sleep(left) => {
                    let why = format!("its turn did not come within {} s", PATIENCE.as_secs());
                    return Err(not_now(None, why));
                }
            };
            match permitted {
                Ok(permit) => return Ok(permit),
                Err(Later { at }) => {
                    let wait = at.since(self.clock.moment());
                    if at > until {
                        let why = format!("it is not its turn for another {} s", wait.as_secs());
                        return Err(not_now(Some(wait), why));
                    }
                    self.clock.sleep(wait).await;
                }
            }
        }
    }
}
