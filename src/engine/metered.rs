//! The Connector with a stop-watch: each call is counted by what it was and what it came to.

use std::sync::Arc;

use async_trait::async_trait;

use crate::domain::recipient::Reference;
use crate::domain::verdict::Answer;
use crate::engine::meter::Meter;
use crate::port::clock::Clock;
use crate::port::connector::{Channel, Connector, Conversation, MemberPage, OutgoingActivity, Posted, Team};
use crate::port::vitals::Call;

/// Passes every call on, and counts it.
pub struct Metered {
    pub connector: Arc<dyn Connector>,
    pub meter: Arc<Meter>,
    pub clock: Arc<dyn Clock>,
}

impl Metered {
    async fn say(&self, call: Call, answer: impl Future<Output = Answer> + Send) -> Answer {
        let began = self.clock.moment();
        let answer = answer.await;
        self.meter.called(call, Some(&answer.verdict), self.clock.moment().since(began));
        answer
    }

    async fn ask<T>(&self, call: Call, answer: impl Future<Output = Result<T, Answer>> + Send) -> Result<T, Answer> {
        let began = self.clock.moment();
        let answer = answer.await;
        let verdict = answer.as_ref().err().map(|answer| &answer.verdict);
        self.meter.called(call, verdict, self.clock.moment().since(began));
        answer
    }
}

#[async_trait]
impl Connector for Metered {
    async fn continue_conversation(&self, reference: &Reference, activity: &OutgoingActivity) -> Answer {
        self.say(Call::Continue, self.connector.continue_conversation(reference, activity)).await
    }

    async fn create_conversation(&self, reference: &Reference) -> Result<Conversation, Answer> {
        self.ask(Call::Create, self.connector.create_conversation(reference)).await
    }

    async fn post_in_channel(&self, channel: &Reference, activity: &OutgoingActivity) -> Posted {
        let began = self.clock.moment();
        let posted = self.connector.post_in_channel(channel, activity).await;
        self.meter.called(Call::Post, Some(&posted.answer.verdict), self.clock.moment().since(began));
        posted
    }

    async fn update_activity(&self, reference: &Reference, activity_id: &str, activity: &OutgoingActivity) -> Answer {
        self.say(Call::Update, self.connector.update_activity(reference, activity_id, activity)).await
    }

    async fn delete_activity(&self, reference: &Reference, activity_id: &str) -> Answer {
        self.say(Call::Delete, self.connector.delete_activity(reference, activity_id)).await
    }

    async fn members(&self, conversation: &Reference, continuation: Option<&str>) -> Result<MemberPage, Answer> {
        self.ask(Call::Members, self.connector.members(conversation, continuation)).await
    }

    async fn channels(&self, team: &Reference) -> Result<Vec<Channel>, Answer> {
        self.ask(Call::Channels, self.connector.channels(team)).await
    }

    async fn team(&self, team: &Reference) -> Result<Team, Answer> {
        self.ask(Call::Team, self.connector.team(team)).await
    }
}
