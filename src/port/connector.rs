//! Microsoft Teams, as the engine sees it: operations whose outcome is a value.
//!
//! The SDKs run a callback inside an adapter pipeline, and an error in it vanishes in the turn-error handler. Here
//! nothing is thrown and nothing is swallowed: whatever happened is an [`Answer`].

use async_trait::async_trait;

use crate::domain::message::Said;
use crate::domain::recipient::{Address, Reference};
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

/// What became of a new post in a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posted {
    pub answer: Answer,
    /// The thread that the post began: the conversation in which replies to it are made. `None` when nothing was
    /// posted, or when Teams did not say.
    pub thread: Option<Conversation>,
}

/// Somebody in a conversation, as Teams lists them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The `29:` id.
    pub user_id: String,
    pub entra_object_id: Option<String>,
    pub name: Option<String>,
    pub email: Option<String>,
    pub user_principal_name: Option<String>,
    pub tenant_id: Option<String>,
    /// `user` or `anonymous`, as far as Teams says it.
    pub role: Option<String>,
}

impl Member {
    /// Everything by which they are known. Ids do not change, so they come first.
    #[must_use]
    pub fn addresses(&self) -> Vec<Address> {
        let texts = [
            self.entra_object_id.as_deref(),
            Some(self.user_id.as_str()),
            self.user_principal_name.as_deref(),
            self.email.as_deref(),
        ];
        let mut addresses: Vec<Address> = Vec::new();
        for address in texts.into_iter().flatten().filter_map(Address::of_person) {
            if !addresses.contains(&address) {
                addresses.push(address);
            }
        }
        addresses
    }
}

/// One page of a roster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberPage {
    pub members: Vec<Member>,
    /// What to ask for the next page with; `None` on the last one.
    pub continuation: Option<String>,
}

/// A channel of a team.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channel {
    pub id: String,
    /// General has none, and its id is that of the team.
    pub name: Option<String>,
}

/// A team.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Team {
    /// `19:…@thread.tacv2`: also the id of its General channel.
    pub id: String,
    pub name: Option<String>,
    /// The id of the Microsoft 365 group behind it.
    pub entra_group_id: Option<String>,
}

/// The Bot Connector. Each call is one request, or none at all: what can be repeated, and when, its caller decides.
#[async_trait]
pub trait Connector: Send + Sync {
    /// Posts `activity` into the conversation of `reference`, which must have a conversation id.
    async fn continue_conversation(&self, reference: &Reference, activity: &OutgoingActivity) -> Answer;

    /// Creates the 1:1 conversation with the person of `reference`, or finds it again: Teams answers the same id
    /// each time. Nothing is said in it. On failure the answer says what it means for the delivery.
    async fn create_conversation(&self, reference: &Reference) -> Result<Conversation, Answer>;

    /// Begins a thread in `channel`, whose conversation id is that of the channel or, for General, of the team.
    /// Unlike a 1:1 creation it says something each time, so its outcome can be unknown.
    async fn post_in_channel(&self, channel: &Reference, activity: &OutgoingActivity) -> Posted;

    /// Puts `activity` in the place of one that this bot sent. It may be repeated without harm.
    async fn update_activity(&self, reference: &Reference, activity_id: &str, activity: &OutgoingActivity) -> Answer;

    /// Takes back an activity that this bot sent. It may be repeated without harm.
    async fn delete_activity(&self, reference: &Reference, activity_id: &str) -> Answer;

    /// One page of who is in a conversation; for a team, its id is the conversation's.
    async fn members(&self, conversation: &Reference, continuation: Option<&str>) -> Result<MemberPage, Answer>;

    /// The channels of a team, whose id is the conversation id of `team`.
    async fn channels(&self, team: &Reference) -> Result<Vec<Channel>, Answer>;

    /// What a team is called.
    async fn team(&self, team: &Reference) -> Result<Team, Answer>;
}
