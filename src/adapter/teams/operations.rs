//! The operations of the Connector, each with its request and with what its answer says besides a verdict.
//!
//! Paths and bodies are those of Microsoft's Bot Framework REST API reference (Connector) and of the Teams page "Get
//! Teams-specific context for your bot", both read in November 2026.

use async_trait::async_trait;
use reqwest::Method;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::client::TeamsConnector;
use super::http::{LIST_BYTES_MAX, Reply, WORD_BYTES_MAX};
use super::trust::TrustedUrl;
use super::wire::{
    Account, ChannelData, ChannelList, ChannelPost, Content, ConversationAccount, CreatedConversation, Listed,
    MemberList, Message, NewConversation, Person, Post, Tenant,
};
use crate::domain::delivery::Reason;
use crate::domain::recipient::Reference;
use crate::domain::verdict::{Answer, Evidence, Verdict};
use crate::port::connector::{Channel, Connector, Conversation, MemberPage, OutgoingActivity, Posted, Team};

/// How many members a page of a roster has. Teams takes less than 50 for 50 and more than 500 for 500.
const PAGE_SIZE: &str = "500";

impl TeamsConnector {
    /// The address of an operation, below the service URL of `reference`.
    fn place(&self, reference: &Reference, segments: &[&str]) -> Result<(TrustedUrl, TrustedUrl), Answer> {
        let service = self.service(reference)?;
        let url = service.below(segments).ok_or_else(|| no_reference("an id is empty or only dots"))?;
        Ok((service, url))
    }

    async fn send(
        &self,
        method: Method,
        reference: &Reference,
        activity_id: Option<&str>,
        activity: &OutgoingActivity,
    ) -> Result<Answer, Answer> {
        let conversation_id = conversation_of(reference)?;
        let mut segments = vec!["v3", "conversations", conversation_id, "activities"];
        segments.extend(activity_id);
        let (service, url) = self.place(reference, &segments)?;
        let tenant = self.tenant(reference);
        let person = Person { id: reference.user_id.as_deref(), aad_object_id: reference.entra_object_id.as_deref() };
        let message = Message {
            kind: "message",
            content: Content::of(&activity.said),
            locale: activity.locale.as_deref(),
            from: self.bot(reference),
            recipient: (person.id.is_some() || person.aad_object_id.is_some()).then_some(person),
            conversation: ConversationAccount { id: conversation_id, tenant_id: tenant },
            channel_data: ChannelData::of_tenant(tenant),
        };
        let reply = self.exchange(method, &url, Some(&message), WORD_BYTES_MAX).await?;
        Ok(self.answer(&reply, &service))
    }

    async fn delete(&self, reference: &Reference, activity_id: &str) -> Result<Answer, Answer> {
        let segments = ["v3", "conversations", conversation_of(reference)?, "activities", activity_id];
        let (service, url) = self.place(reference, &segments)?;
        let reply = self.exchange(Method::DELETE, &url, None::<&()>, WORD_BYTES_MAX).await?;
        Ok(self.answer(&reply, &service))
    }

    async fn create(&self, reference: &Reference) -> Result<Conversation, Answer> {
        let member = reference.user_id.as_deref().or(reference.entra_object_id.as_deref());
        let member = member.ok_or_else(|| no_reference("neither a Teams nor an Entra id"))?;
        let tenant = self.tenant(reference);
        let body = NewConversation {
            is_group: false,
            bot: self.bot(reference),
            members: [Account { id: member }],
            tenant_id: tenant,
            channel_data: ChannelData::of_tenant(tenant),
        };
        let (answer, created) = self.post_new(reference, &body).await?;
        created.ok_or_else(|| {
            let detail = Some("the conversation was created, but the answer does not say which".to_owned());
            Answer {
                verdict: Verdict::Unknown { reason: Reason::ServerError, after: None },
                evidence: Evidence { detail, ..answer.evidence },
            }
        })
    }

    async fn begin_thread(&self, channel: &Reference, activity: &OutgoingActivity) -> Result<Posted, Answer> {
        let channel_id = conversation_of(channel)?;
        let tenant = self.tenant(channel);
        let body = ChannelPost {
            is_group: true,
            bot: self.bot(channel),
            tenant_id: tenant,
            channel_data: ChannelData { channel: Some(Account { id: channel_id }), tenant: Tenant { id: tenant } },
            activity: Post {
                kind: "message",
                content: Content::of(&activity.said),
                locale: activity.locale.as_deref(),
            },
        };
        let (answer, thread) = self.post_new(channel, &body).await?;
        Ok(Posted { answer, thread })
    }

    /// Asks for a new conversation. The conversation is missing where Teams took the request and did not say which.
    async fn post_new<B: Serialize>(
        &self,
        reference: &Reference,
        body: &B,
    ) -> Result<(Answer, Option<Conversation>), Answer> {
        let (service, url) = self.place(reference, &["v3", "conversations"])?;
        let reply = self.exchange(Method::POST, &url, Some(body), WORD_BYTES_MAX).await?;
        let mut answer = self.answer(&reply, &service);
        let Verdict::Delivered { activity_id } = &mut answer.verdict else { return Err(answer) };
        let created = read::<CreatedConversation>(&reply).filter(|created| !created.id.is_empty());
        // The `id` of such an answer is that of the conversation.
        *activity_id = created.as_ref().and_then(|created| created.activity_id.clone());
        let conversation = created.map(|created| Conversation {
            conversation_id: created.id,
            service_url: created.service_url.filter(|named| self.is_elsewhere(named, &service)),
        });
        Ok((answer, conversation))
    }

    /// Reads a list. Reading does nothing, so whatever went wrong may simply be tried again.
    async fn list<L: DeserializeOwned>(&self, asked: Result<(TrustedUrl, TrustedUrl), Answer>) -> Result<L, Answer> {
        let (service, url) = asked?;
        let reply = self.exchange(Method::GET, &url, None::<&()>, LIST_BYTES_MAX).await.map_err(harmless)?;
        let answer = self.answer(&reply, &service);
        if !matches!(answer.verdict, Verdict::Delivered { .. }) {
            return Err(harmless(answer));
        }
        read(&reply).ok_or_else(|| {
            let detail = Some("the answer is not the list that was asked for".to_owned());
            Answer {
                verdict: Verdict::Retry { reason: Reason::ServerError, after: None },
                evidence: Evidence { detail, ..answer.evidence },
            }
        })
    }
}

fn conversation_of(reference: &Reference) -> Result<&str, Answer> {
    reference.conversation_id.as_deref().ok_or_else(|| no_reference("no conversation id"))
}

fn no_reference(detail: &str) -> Answer {
    Answer::without_request(Verdict::Permanent { reason: Reason::NoReference }, detail)
}

fn read<T: DeserializeOwned>(reply: &Reply) -> Option<T> {
    let bytes = reply.body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&reply.body);
    serde_json::from_slice(bytes).ok()
}

/// The answer to a request that says nothing to anybody: where a message would be in doubt, this may be repeated.
fn harmless(answer: Answer) -> Answer {
    match answer.verdict {
        Verdict::Unknown { reason, after } => {
            Answer { verdict: Verdict::Retry { reason, after }, evidence: answer.evidence }
        }
        Verdict::Delivered { .. }
        | Verdict::Retry { .. }
        | Verdict::Recreate { .. }
        | Verdict::Elsewhere { .. }
        | Verdict::Permanent { .. }
        | Verdict::OurFault { .. } => answer,
    }
}

#[async_trait]
impl Connector for TeamsConnector {
    async fn continue_conversation(&self, reference: &Reference, activity: &OutgoingActivity) -> Answer {
        self.send(Method::POST, reference, None, activity).await.unwrap_or_else(|answer| answer)
    }

    async fn create_conversation(&self, reference: &Reference) -> Result<Conversation, Answer> {
        self.create(reference).await.map_err(harmless)
    }

    async fn post_in_channel(&self, channel: &Reference, activity: &OutgoingActivity) -> Posted {
        self.begin_thread(channel, activity).await.unwrap_or_else(|answer| Posted { answer, thread: None })
    }

    async fn update_activity(&self, reference: &Reference, activity_id: &str, activity: &OutgoingActivity) -> Answer {
        self.send(Method::PUT, reference, Some(activity_id), activity).await.map_err(harmless).unwrap_or_else(|it| it)
    }

    async fn delete_activity(&self, reference: &Reference, activity_id: &str) -> Answer {
        harmless(self.delete(reference, activity_id).await.unwrap_or_else(|answer| answer))
    }

    async fn members(&self, conversation: &Reference, continuation: Option<&str>) -> Result<MemberPage, Answer> {
        let id = conversation_of(conversation)?;
        let mut query = vec![("pageSize", PAGE_SIZE)];
        query.extend(continuation.map(|token| ("continuationToken", token)));
        let place = self.place(conversation, &["v3", "conversations", id, "pagedmembers"]);
        let list: MemberList = self.list(place.map(|(service, url)| (service, url.asking(&query)))).await?;
        Ok(MemberPage {
            members: list.members.into_iter().map(Into::into).collect(),
            continuation: list.continuation_token.filter(|token| !token.is_empty()),
        })
    }

    async fn channels(&self, team: &Reference) -> Result<Vec<Channel>, Answer> {
        let id = conversation_of(team)?;
        let list: ChannelList = self.list(self.place(team, &["v3", "teams", id, "conversations"])).await?;
        Ok(list.conversations.into_iter().map(|Listed { id, name }| Channel { id, name }).collect())
    }

    async fn team(&self, team: &Reference) -> Result<Team, Answer> {
        let id = conversation_of(team)?;
        let details: super::wire::TeamDetails = self.list(self.place(team, &["v3", "teams", id])).await?;
        Ok(Team { id: details.id, name: details.name, entra_group_id: details.aad_group_id })
    }
}
