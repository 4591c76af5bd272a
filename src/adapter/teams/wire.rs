//! The shapes on the wire, and nothing else. Absent fields are left out, never `null`.
//!
//! Sources, read in November 2026: Microsoft's Bot Framework REST API reference (Connector), the Teams page on
//! sending proactive messages, the Activity protocol specification, and Microsoft's own measurements of "create
//! conversation" in the Teams SDK for .NET (April 2026).

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

use crate::domain::bounds;
use crate::domain::message::Said;
use crate::port::connector::Member;

/// An account with nothing but its id.
#[derive(Debug, Serialize)]
pub(super) struct Account<'a> {
    pub(super) id: &'a str,
}

/// A person. One integration got 403 until the Entra id was there (its report of April 2026), so it is sent when
/// known; Teams needs neither.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Person<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) aad_object_id: Option<&'a str>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ConversationAccount<'a> {
    pub(super) id: &'a str,
    pub(super) tenant_id: &'a str,
}

#[derive(Debug, Serialize)]
pub(super) struct Tenant<'a> {
    pub(super) id: &'a str,
}

/// What is Teams' own in an activity, or in the request for a conversation.
#[derive(Debug, Serialize)]
pub(super) struct ChannelData<'a> {
    /// The channel in which a thread is begun. A team's id stands for its General channel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) channel: Option<Account<'a>>,
    pub(super) tenant: Tenant<'a>,
}

impl<'a> ChannelData<'a> {
    pub(super) fn of_tenant(id: &'a str) -> Self {
        Self { channel: None, tenant: Tenant { id } }
    }
}

/// The body of `POST …/v3/conversations/{id}/activities`: the canonical send.
///
/// It has no `id`, `timestamp`, `serviceUrl` or `replyToId`: the Activity protocol (A2031, A2041, A2302) advises
/// senders against the first three, and with a `replyToId` the classic SDKs post to an activity that never existed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Message<'a> {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    #[serde(flatten)]
    pub(super) content: Content<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) locale: Option<&'a str>,
    pub(super) from: Account<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) recipient: Option<Person<'a>>,
    pub(super) conversation: ConversationAccount<'a>,
    pub(super) channel_data: ChannelData<'a>,
}

/// What is said: a text or a card. Of an activity with both, Teams makes two posts and answers without an id.
#[derive(Debug, Serialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
pub(super) enum Content<'a> {
    Text {
        text: &'a str,
        /// Always said, since the protocol's default is plain text while Teams behaves otherwise.
        text_format: &'static str,
    },
    Card {
        /// What notifications and lists of chats show.
        summary: &'a str,
        attachments: [Attachment<'a>; 1],
    },
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Attachment<'a> {
    pub(super) content_type: &'static str,
    pub(super) content: &'a serde_json::Value,
}

impl<'a> Content<'a> {
    pub(super) fn of(said: &'a Said) -> Self {
        match said {
            Said::Text(text) => Self::Text { text, text_format: "markdown" },
            Said::Card { summary, card } => Self::Card {
                summary,
                attachments: [Attachment { content_type: "application/vnd.microsoft.card.adaptive", content: card }],
            },
        }
    }
}

/// The body of `POST …/v3/conversations` for a 1:1 conversation. Without an `activity` it is a create-or-get that
/// says nothing; with one, the activity would be delivered each time.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct NewConversation<'a> {
    pub(super) is_group: bool,
    pub(super) bot: Account<'a>,
    /// Exactly one: the `29:` id, or the Entra object id.
    pub(super) members: [Account<'a>; 1],
    pub(super) tenant_id: &'a str,
    pub(super) channel_data: ChannelData<'a>,
}

/// The body of `POST …/v3/conversations` for a new post in a channel. Without the activity Teams answers `BadSyntax`;
/// each such request makes a post.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ChannelPost<'a> {
    pub(super) is_group: bool,
    pub(super) bot: Account<'a>,
    pub(super) tenant_id: &'a str,
    pub(super) channel_data: ChannelData<'a>,
    pub(super) activity: Post<'a>,
}

/// The first message of a thread. Where it goes and who says it stands around it.
#[derive(Debug, Serialize)]
pub(super) struct Post<'a> {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    #[serde(flatten)]
    pub(super) content: Content<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) locale: Option<&'a str>,
}

/// The answer to [`NewConversation`] and [`ChannelPost`].
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CreatedConversation {
    pub(super) id: String,
    /// Only of a post in a channel.
    #[serde(default)]
    pub(super) activity_id: Option<String>,
    #[serde(default)]
    pub(super) service_url: Option<String>,
}

/// A page of `GET …/v3/conversations/{id}/pagedmembers`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MemberList {
    #[serde(default)]
    pub(super) members: Vec<ListedMember>,
    #[serde(default)]
    pub(super) continuation_token: Option<String>,
}

/// A member. The Entra id comes under either of two names, depending on who answers.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ListedMember {
    #[serde(deserialize_with = "id")]
    id: String,
    #[serde(default, deserialize_with = "id_if_any")]
    aad_object_id: Option<String>,
    #[serde(default, deserialize_with = "id_if_any")]
    object_id: Option<String>,
    #[serde(default, deserialize_with = "name_if_any")]
    name: Option<String>,
    #[serde(default, deserialize_with = "id_if_any")]
    email: Option<String>,
    #[serde(default, deserialize_with = "id_if_any")]
    user_principal_name: Option<String>,
    #[serde(default, deserialize_with = "id_if_any")]
    tenant_id: Option<String>,
    #[serde(default, deserialize_with = "id_if_any")]
    user_role: Option<String>,
}

impl From<ListedMember> for Member {
    fn from(listed: ListedMember) -> Self {
        Self {
            user_id: listed.id,
            entra_object_id: listed.aad_object_id.or(listed.object_id),
            name: listed.name,
            email: listed.email,
            user_principal_name: listed.user_principal_name,
            tenant_id: listed.tenant_id,
            role: listed.user_role,
        }
    }
}

/// The answer of `GET …/v3/teams/{id}/conversations`.
#[derive(Debug, Deserialize)]
pub(super) struct ChannelList {
    #[serde(default)]
    pub(super) conversations: Vec<Listed>,
}

/// A channel in a list.
#[derive(Debug, Deserialize)]
pub(super) struct Listed {
    #[serde(deserialize_with = "id")]
    pub(super) id: String,
    #[serde(default, deserialize_with = "name_of_channel")]
    pub(super) name: Option<String>,
}

/// The answer of `GET …/v3/teams/{id}`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TeamDetails {
    #[serde(deserialize_with = "id")]
    pub(super) id: String,
    #[serde(default, deserialize_with = "name_if_any")]
    pub(super) name: Option<String>,
    #[serde(default, deserialize_with = "id_if_any")]
    pub(super) aad_group_id: Option<String>,
}

/// An id without which nothing makes sense: where it can't be one, the answer can't be read.
fn id<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let said = String::deserialize(from)?;
    bounds::id(&said).map(str::to_owned).ok_or_else(|| D::Error::custom("this is no id"))
}

fn id_if_any<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    Ok(Option::<String>::deserialize(from)?.as_deref().and_then(bounds::id).map(str::to_owned))
}

fn name_if_any<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    Ok(Option::<String>::deserialize(from)?.as_deref().and_then(bounds::name).map(str::to_owned))
}

/// Only General has none: a name that can't be one must not make General of another channel.
fn name_of_channel<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let Some(said) = Option::<String>::deserialize(from)? else { return Ok(None) };
    bounds::name(&said).map(|name| Some(name.to_owned())).ok_or_else(|| D::Error::custom("this is no name"))
}
