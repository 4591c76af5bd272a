//! The bot's ear: where what Teams tells arrives, whichever way it came.

use async_trait::async_trait;
use serde_json::Value;

use crate::domain::activity::Activity;
use crate::domain::recipient::ServiceOrigin;

/// Which way an activity came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Via {
    /// To our own endpoint, with a token of the Bot Framework that has been verified.
    Endpoint,
    /// From another bot, by somebody whom the operator lets speak to the admin API. That bot answers Teams itself.
    Forwarded,
}

/// What is answered to an activity. Everything that had to be durable is.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// 200 and nothing else.
    Heard,
    /// To an invoke: 200, with this body.
    Invoke(Value),
    /// An invoke that nobody here understands: 501, as the SDKs answer.
    NotUnderstood,
}

/// Why an activity was not taken in. Nothing of it has happened, and Teams may tell it again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotHeard(pub String);

/// The bot's ear.
#[async_trait]
pub trait Ear: Send + Sync {
    /// Takes in what Teams told. When it returns, everything is durable.
    async fn hear(&self, activity: Activity, via: Via) -> Result<Reply, NotHeard>;
}

/// Which service URLs something may be sent to. Where another bot forwards an activity, nobody has verified the one in it.
pub trait ServiceUrls: Send + Sync {
    /// In words, why nothing is sent to `url`, if so.
    fn objection(&self, url: &str) -> Option<String>;
}

impl From<Via> for ServiceOrigin {
    fn from(via: Via) -> Self {
        match via {
            Via::Endpoint => ServiceOrigin::Heard,
            Via::Forwarded => ServiceOrigin::Forwarded,
        }
    }
}
