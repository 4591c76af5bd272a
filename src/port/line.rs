//! The line to Teams, for whoever watches over it: the token, and the way to the Connector.

use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

/// What became of one step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "kebab-case")]
pub enum Step {
    Ok {
        /// In words: how long it took, or for how long it is good.
        detail: String,
    },
    Failed {
        /// In words, without any secret.
        why: String,
    },
    /// There is nothing to try: no place is known beforehand.
    Nothing,
}

/// The line, tried without a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineReport {
    /// A token for the Connector: the one in hand, or a new one.
    pub token: Step,
    /// The host of the Connector that is used where a reference names none.
    pub host: Option<String>,
    /// Name, connection, TLS and an answer of any status, asked for without a token.
    pub connector: Step,
}

/// The line to Teams.
#[async_trait]
pub trait Line: Send + Sync {
    /// For how long the token in hand is still good. `None` where none is in hand.
    fn token_left(&self) -> Option<Duration>;

    /// Tries it. No conversation is touched and nothing is said.
    async fn probe(&self) -> LineReport;
}
