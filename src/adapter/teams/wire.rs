//! The shapes on the wire, and nothing else. Absent fields are left out, never `null`.
//!
//! Sources, read in November 2026: Microsoft's Bot Framework REST API reference (Connector), the Teams page on
//! sending proactive messages, the Activity protocol specification, and Microsoft's own measurements of "create
//! conversation" in the Teams SDK for .NET (April 2026).

use serde::{Deserialize, Serialize};

use crate::domain::message::Said;

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

/// What is Teams' own in an activity.
#[derive(Debug, Serialize)]
pub(super) struct ChannelData<'a> {
    pub(super) tenant: Tenant<'a>,
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

/// The answer to [`NewConversation`].
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CreatedConversation {
    pub(super) id: String,
    #[serde(default)]
    pub(super) service_url: Option<String>,
}
