//! Creating conversations: 1:1 chats, and posts in channels. What is taken and what is refused was measured on the
//! real service by Microsoft (microsoft/teams.net, "Create conversation API behavior", April 2026).

use std::fmt::Write;

use hyper::StatusCode;
use hyper::body::Bytes;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::activity::{check_activity, read_object, string_at};
use super::conditions::Condition;
use super::matching::{Operation, Subject};
use super::record::{Envelope, Letter};
use super::reply::{Refusal, Reply, json};
use super::route::looks_like_conversation;
use super::state::{Books, Known, Shared};
use super::windows::Row;

/// A request to create a conversation, checked as far as it can be without the books.
pub(super) struct Creating {
    tenant: String,
    place: Place,
    /// The first message.
    activity: Option<Bytes>,
    envelope: Envelope,
}

enum Place {
    /// A post in this channel.
    Channel(String),
    /// The 1:1 chat with this member, by whatever id the request named them.
    Personal(String),
}

impl Creating {
    pub(super) fn read(body: &[u8], envelope: Envelope) -> Result<Self, Refusal> {
        let body = read_object(body)?;
        let tenant = string_at(&body, "/tenantId")
            .or_else(|| string_at(&body, "/channelData/tenant/id"))
            .ok_or(Condition::NoTenant)?
            .to_owned();
        let activity = read_activity(&body)?;
        let place = if let Some(channel) = string_at(&body, "/channelData/channel/id") {
            // Without a first message there is nothing to post.
            if activity.is_none() {
                return Err(Condition::BadCreation.into());
            }
            if !looks_like_conversation(channel) {
                return Err(Condition::BadConversationId.into());
            }
            Place::Channel(channel.to_owned())
        } else {
            Place::Personal(one_member(&body)?.to_owned())
        };
        Ok(Self { tenant, place, activity, envelope })
    }

    /// The conversation it would answer with, or post into; and the member.
    pub(super) fn subject(&self, shared: &Shared, books: &Books) -> Subject {
        let (conversation, user) = match &self.place {
            Place::Channel(channel) => (channel.clone(), None),
            Place::Personal(member) => {
                let user = books.register.person(member).map_or(member.as_str(), |person| &person.id);
                (personal_id(&shared.settings.app_id, &self.tenant, user), Some(user))
            }
        };
        books.subject(Operation::Create, &conversation, user, Some(&self.tenant))
    }

    pub(super) fn carry_out(self, shared: &Shared, subject: &Subject) -> Result<Reply, Refusal> {
        let Self { tenant, place, activity, envelope } = self;
        let conversation = subject.conversation.clone().unwrap_or_default();
        let mut books = shared.books();
        books.let_in(shared, Row::Create, subject)?;
        let user = match place {
            Place::Channel(_) => {
                books.may_speak(&conversation)?;
                None
            }
            Place::Personal(member) => Some(meet(shared, &books, &member, &tenant)?),
        };
        let known = user.is_some() && books.known.contains_key(&conversation);
        books.counts.conversations_created += u64::from(!known);
        if let (false, Some(user)) = (known, &user) {
            books.known.insert(conversation.clone(), Known { tenant: tenant.clone(), user: user.clone() });
        }
        let in_channel = user.is_none();
        let taken = activity.map(|activity| {
            let letter =
                Letter { conversation: conversation.clone(), tenant, user, reply_to: None, activity, envelope };
            books.record.take(letter, shared.clock.now(), shared.moment_us())
        });
        drop(books);
        if let Some((seq, _)) = taken {
            shared.announce(seq);
        }
        let body = match taken {
            Some((_, id)) if in_channel => {
                json!({ "id": format!("{conversation};messageid={id}"), "activityId": id.to_string() })
            }
            // A first message in a 1:1 chat is delivered and its id is not told.
            _ => json!({ "id": conversation }),
        };
        Ok(json(StatusCode::CREATED, &body))
    }
}

/// The id by which a member is on record, if the bot may have a chat with them.
fn meet(shared: &Shared, books: &Books, member: &str, tenant: &str) -> Result<String, Refusal> {
    let Some(person) = books.register.person(member) else {
        let strict = books.register.directory().strict;
        return if strict { Err(Condition::Guest.into()) } else { Ok(member.to_owned()) };
    };
    let own = person.tenant_id.as_deref().unwrap_or(&shared.settings.tenant_id);
    if person.is_outsider() || !own.eq_ignore_ascii_case(tenant) {
        return Err(Condition::Guest.into());
    }
    if !person.installed {
        return Err(Condition::NotInstalled.into());
    }
    Ok(person.id.clone())
}

fn read_activity(body: &Value) -> Result<Option<Bytes>, Refusal> {
    match body.get("activity") {
        None | Some(Value::Null) => Ok(None),
        Some(activity) if activity.is_object() => {
            let text = activity.to_string();
            check_activity(activity, text.as_bytes())?;
            Ok(Some(Bytes::from(text)))
        }
        Some(_) => Err(Condition::BadPayload.into()),
    }
}

/// The one member of a 1:1 conversation. Group chats cannot be created by a bot.
fn one_member(body: &Value) -> Result<&str, Refusal> {
    let group = body.get("isGroup").and_then(Value::as_bool).unwrap_or(false);
    let member = match body.get("members").and_then(Value::as_array).map(Vec::as_slice) {
        Some([member]) if !group => string_at(member, "/id").ok_or(Condition::BadCreation)?,
        _ => return Err(Condition::BadCreation.into()),
    };
    let is_guid = |id: &str| Uuid::try_parse(id).is_ok();
    match member.strip_prefix("29:") {
        // The short form is another bot's view of the person, if anybody's.
        Some(rest) if is_guid(rest) => Err(Condition::UndecryptableUser.into()),
        Some(rest) if !rest.is_empty() => Ok(member),
        None if is_guid(member) => Ok(member),
        // Mail addresses and user principal names among others.
        _ => Err(Condition::Guest.into()),
    }
}

/// The id of the 1:1 conversation of an app with a user: always the same, also after a restart of the emulator.
pub(super) fn personal_id(app_id: &str, tenant: &str, user: &str) -> String {
    let mut hash = Sha256::new();
    for part in [app_id.to_ascii_lowercase(), tenant.to_ascii_lowercase(), user.to_owned()] {
        hash.update(part);
        // So that two parts cannot pass for one.
        hash.update([0]);
    }
    let mut id = "a:1".to_owned();
    for byte in hash.finalize() {
        // Writing to a string cannot fail.
        let _ = write!(id, "{byte:02x}");
    }
    id
}
