//! Activities: what Teams tells a bot, as far as nudged understands it.
//!
//! The shapes are those of the Bot Framework activity schema and of Microsoft's pages on conversation events in Teams,
//! read in November 2026. Reading is total: whatever the JSON holds, the result is an [`Activity`] or one reason why
//! there is none. A field that is missing, of a wrong type, or longer than anything Teams sends is a field that is not
//! known, unless nothing makes sense without it.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde_json::Value;

use crate::domain::recipient::{Address, RecipientKind};

// JSON → activity.
mod read;

pub use read::{Unreadable, read};

/// The channel of the Bot Framework by which Teams speaks, as `channelId` names it. What comes by another one comes to
/// nothing: in a Web Chat anybody may call themselves what they like, also by the address of somebody else.
pub const TEAMS: &str = "msteams";

/// One thing that Teams told the bot.
#[derive(Debug, Clone, PartialEq)]
pub struct Activity {
    /// Redelivered, it may have another one.
    pub id: Option<String>,
    /// When Teams says that it happened.
    pub at: Option<DateTime<Utc>>,
    /// `channelId`: [`TEAMS`], or another one.
    pub surface: String,
    /// Where the Connector of this conversation listens.
    pub service_url: Option<String>,
    /// Who did it.
    pub from: Account,
    /// `28:` and the app id: to whom it was told.
    pub bot_id: Option<String>,
    pub conversation: ConversationTold,
    pub tenant_id: Option<String>,
    pub team: Option<TeamTold>,
    pub channel: Option<ChannelTold>,
    pub client: Client,
    pub happening: Happening,
}

/// Somebody, as Teams names them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Account {
    /// `29:…` of a person, `28:…` of a bot.
    pub id: Option<String>,
    pub entra_object_id: Option<String>,
    pub name: Option<String>,
    /// The user principal name or e-mail address, where an activity has it.
    pub principal_name: Option<String>,
}

impl Account {
    /// Everything by which this person is known, the ids first: they do not change. None for a bot.
    #[must_use]
    pub fn addresses(&self) -> Vec<Address> {
        let texts = [&self.entra_object_id, &self.id, &self.principal_name];
        let mut addresses: Vec<Address> = Vec::new();
        for address in texts.into_iter().flatten().filter_map(|text| Address::of_person(text)) {
            if !addresses.contains(&address) {
                addresses.push(address);
            }
        }
        addresses
    }
}

/// Where it happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConversationTold {
    /// With `;messageid=…` in a thread of a channel.
    pub id: String,
    /// What Teams calls it, else what the form of the id says.
    pub kind: Option<RecipientKind>,
    /// Of a group chat that has one.
    pub name: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TeamTold {
    /// `19:…@thread.tacv2`.
    pub id: String,
    pub name: Option<String>,
    pub entra_group_id: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelTold {
    pub id: String,
    pub name: Option<String>,
}

/// What the Teams client says of itself and of the person before it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Client {
    /// BCP 47.
    pub language: Option<String>,
    pub zone: Option<Tz>,
    /// ISO 3166-1, two letters in lower case.
    pub country: Option<String>,
}

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Happening {
    /// Somebody wrote to the bot, or pressed a button that submits.
    Message {
        /// Without the mention of the bot.
        text: String,
        /// Whether the bot is mentioned.
        mentions_bot: bool,
        /// What a button submitted.
        value: Option<Value>,
        /// The activity id of the message whose button it was.
        reply_to: Option<String>,
    },
    /// Something that expects its answer in the response.
    Invoke { name: String, value: Value, reply_to: Option<String> },
    /// The bot came into the conversation; an upgrade of the app says so as well.
    Installed { is_upgrade: bool },
    /// The bot was taken out of the conversation. An upgrade that replaces it is none.
    Removed,
    /// People came; the bot is not among them.
    Joined(Vec<Account>),
    /// People left.
    Left(Vec<Account>),
    /// Something about a channel that the activity names.
    Channel(ChannelChange),
    /// Something about the team that the activity names.
    Team(TeamChange),
    /// Nothing that nudged acts on, by its type or event. Where and by whom it was told is worth knowing all the same.
    Other(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChannelChange {
    /// Created, restored or renamed: its name is the one told.
    Named,
    Deleted,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TeamChange {
    /// Renamed, restored or unarchived: its name is the one told.
    Named,
    Archived,
    Deleted,
}

/// The invoke of a card's button.
pub const CARD_ACTION: &str = "adaptiveCard/action";

/// A button of a card that was pressed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CardAction<'a> {
    /// Of a client that executes; one that submits sends the data alone.
    pub verb: Option<&'a str>,
    pub data: &'a Value,
    /// The message whose button it was, as the client of whoever pressed says it.
    pub reply_to: Option<&'a str>,
    /// Whether the card's new state can be answered at once.
    pub waits_for_answer: bool,
}

impl Happening {
    /// The button that was pressed, if that is what happened. Teams tells it as an invoke that waits for the card's new
    /// state, or, of an older client, as a message with the data of the button (Microsoft's pages on universal actions and
    /// on card actions, read in November 2026).
    #[must_use]
    pub fn card_action(&self) -> Option<CardAction<'_>> {
        match self {
            Happening::Invoke { name, value, reply_to } if name == CARD_ACTION => {
                let action = value.get("action")?;
                let verb = action.get("verb").and_then(Value::as_str);
                let data = action.get("data")?;
                Some(CardAction { verb, data, reply_to: reply_to.as_deref(), waits_for_answer: true })
            }
            Happening::Message { value: Some(data), reply_to, .. } => {
                Some(CardAction { verb: None, data, reply_to: reply_to.as_deref(), waits_for_answer: false })
            }
            Happening::Invoke { .. }
            | Happening::Message { value: None, .. }
            | Happening::Installed { .. }
            | Happening::Removed
            | Happening::Joined(_)
            | Happening::Left(_)
            | Happening::Channel(_)
            | Happening::Team(_)
            | Happening::Other(_) => None,
        }
    }

    /// What it is, in a word.
    #[must_use]
    pub fn word(&self) -> &str {
        match self {
            Happening::Message { .. } => "message",
            Happening::Invoke { .. } => "invoke",
            Happening::Installed { .. } => "installed",
            Happening::Removed => "removed",
            Happening::Joined(_) => "joined",
            Happening::Left(_) => "left",
            Happening::Channel(_) => "channel",
            Happening::Team(_) => "team",
            Happening::Other(what) => what,
        }
    }
}

#[cfg(test)]
mod tests;
