//! Teams, as the engine sees it: two operations whose outcome is a value.
//!
//! The SDKs run a callback inside an adapter pipeline, and an error in it vanishes in the turn-error handler. Here
//! nothing is thrown and nothing is swallowed: whatever happened is an [`Answer`].

use async_trait::async_trait;

use crate::domain::message::Said;
use crate::domain::recipient::Reference;
use crate::domain::verdict::Answer;

/// What is said, ready to be put on the wire.
#[derive(Debug, Clone, PartialEq)]
pub struct OutgoingActivity {
    pub said: Said,
    /// BCP 47, when known.
    pub locale: Option<String>,
}

/// A conversation that Teams made or found again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversation {
    pub conversation_id: String,
    /// Where it is to be continued, when Teams named another place than the one asked.
    pub service_url: Option<String>,
}

/// The Bot Connector.
#[async_trait]
pub trait Connector: Send + Sync {
    /// Posts `activity` into the conversation of `reference`, which must have a conversation id.
    async fn continue_conversation(&self, reference: &Reference, activity: &OutgoingActivity) -> Answer;

    /// Creates the 1:1 conversation with the person of `reference`, or finds it again: Teams answers the same id
    /// each time. Nothing is said in it. On failure the answer says what it means for the delivery.
    async fn create_conversation(&self, reference: &Reference) -> Result<Conversation, Answer>;
}
