//! What the emulator tells a bot: activities, signed as the Bot Framework signs them, or forged in one way or another.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::signer::{Algorithm, KeyOf};

/// An activity, and the bot that it is told to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inbound {
    /// The messaging endpoint of the bot: plain http, such as `http://127.0.0.1:3979/api/messages`.
    pub to: String,
    pub tell: Telling,
    /// Who did it: `29:…`, or any id of somebody in the directory.
    #[serde(default = "somebody")]
    pub from: String,
    /// Where; the 1:1 chat if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation: Option<String>,
    /// How often it is told, with the same id.
    #[serde(default = "once")]
    pub times: u32,
    #[serde(default)]
    pub forge: Forgery,
}

/// What is told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Telling {
    /// The app was installed.
    Install,
    /// It was taken away.
    Uninstall,
    /// Somebody wrote this.
    Message(String),
    /// Somebody pressed a button whose answer is in the response.
    Invoke { name: String, value: Value },
    /// An activity of one's own. What it does not say is left out.
    Activity(Value),
    /// A body of one's own, which need not be JSON.
    Body(String),
}

/// What is not as the Bot Framework has it. What is left out is right.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Forgery {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aud: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iss: Option<String>,
    /// Seconds from now, on the emulator's clock; an hour if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_in: Option<i64>,
    /// Seconds from now; at once if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub starts_in: Option<i64>,
    /// The claim; empty for none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub serviceurl: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kid: Option<String>,
    pub key: KeyOf,
    pub alg: Algorithm,
    /// The whole `Authorization` header; empty for none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorization: Option<String>,
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BotAnswer {
    /// `None` when there was no answer; then `error` says why.
    pub status: Option<u16>,
    pub body: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

fn somebody() -> String {
    "29:1somebody".to_owned()
}

fn once() -> u32 {
    1
}

impl Inbound {
    /// Something that is told once, with a good token.
    #[must_use]
    pub fn new(to: impl Into<String>, tell: Telling) -> Self {
        Self { to: to.into(), tell, from: somebody(), conversation: None, times: once(), forge: Forgery::default() }
    }

    /// Done by somebody.
    #[must_use]
    pub fn from(self, user: impl Into<String>) -> Self {
        Self { from: user.into(), ..self }
    }

    /// Told so many times.
    #[must_use]
    pub fn times(self, times: u32) -> Self {
        Self { times, ..self }
    }

    /// With something that is not right.
    #[must_use]
    pub fn forged(self, forge: Forgery) -> Self {
        Self { forge, ..self }
    }
}
