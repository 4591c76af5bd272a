//! Creating conversations: 1:1 chats (dossier §2.3) and posts in channels (dossier §2.4).

use std::fmt::Write;

use hyper::StatusCode;
use hyper::body::Bytes;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::messages::{Envelope, Letter, check_activity, read_object, string_at};
use super::reply::{Refusal, Reply, json};
use super::route::looks_like_conversation;
use super::state::{Known, Shared};
use super::windows::Call;

/// A request to create a conversation, checked as far as it can be without the books.
pub(super) struct Creating {
    /// The 1:1 conversation that will be answered with, or the channel that will be posted into.
    conversation: String,
    tenant: String,
    /// The member of a 1:1 conversation; none for a channel.
    user: Option<String>,
    /// The first message.
    activity: Option<Bytes>,
    envelope: Envelope,
}

impl Creating {
    pub(super) fn read(app_id: &str, body: &[u8], envelope: Envelope) -> Result<Self, Refusal> {
        let body = read_object(body)?;
        let tenant = string_at(&body, "/tenantId")
            .or_else(|| string_at(&body, "/channelData/tenant/id"))
            .ok_or_else(|| Refusal::bad_syntax("Could not parse tenant id"))?
            .to_owned();
        let activity = read_activity(&body)?;
        let (conversation, user) = if let Some(channel) = string_at(&body, "/channelData/channel/id") {
            // Without a first message there is nothing to post.
            if activity.is_none() {
                return Err(incorrect());
            }
            if !looks_like_conversation(channel) {
                return Err(Refusal::bad_syntax("Bad format of conversation ID"));
            }
            (channel.to_owned(), None)
        } else {
            let member = one_member(&body)?;
            (personal_id(app_id, &tenant, member), Some(member.to_owned()))
        };
        Ok(Self { conversation, tenant, user, activity, envelope })
    }

    pub(super) fn conversation(&self) -> &str {
        &self.conversation
    }

    pub(super) fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    pub(super) fn carry_out(self, shared: &Shared) -> Result<Reply, Refusal> {
        let Self { conversation, tenant, user, activity, envelope } = self;
        let mut books = shared.books();
        books.admit(shared, Call::Create, &conversation, &tenant)?;
        let new = user.as_ref().is_none_or(|_| !books.known.contains_key(&conversation));
        if new {
            books.counts.conversations_created += 1;
        }
        if let (true, Some(user)) = (new, &user) {
            books.known.insert(conversation.clone(), Known { tenant: tenant.clone(), user: user.clone() });
        }
        let in_channel = user.is_none();
        let taken = activity.map(|activity| {
            let letter = Letter { conversation: conversation.clone(), tenant, user, activity, envelope };
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

fn incorrect() -> Refusal {
    Refusal::bad_syntax("Incorrect conversation creation parameters")
}

fn read_activity(body: &Value) -> Result<Option<Bytes>, Refusal> {
    match body.get("activity") {
        None | Some(Value::Null) => Ok(None),
        Some(activity) if activity.is_object() => {
            let text = activity.to_string();
            check_activity(activity, text.as_bytes())?;
            Ok(Some(Bytes::from(text)))
        }
        Some(_) => Err(Refusal::bad_syntax("Payload is incorrect")),
    }
}

/// The one member of a 1:1 conversation. Group chats cannot be created by a bot.
fn one_member(body: &Value) -> Result<&str, Refusal> {
    let group = body.get("isGroup").and_then(Value::as_bool).unwrap_or(false);
    let member = match body.get("members").and_then(Value::as_array).map(Vec::as_slice) {
        Some([member]) if !group => string_at(member, "/id").ok_or_else(incorrect)?,
        _ => return Err(incorrect()),
    };
    let is_guid = |id: &str| Uuid::try_parse(id).is_ok();
    match member.strip_prefix("29:") {
        // The short form is another bot's view of the person, if anybody's.
        Some(rest) if is_guid(rest) => {
            Err(Refusal::new(StatusCode::BAD_REQUEST, "BadArgument", "Failed to decrypt pairwise id"))
        }
        Some(rest) if !rest.is_empty() => Ok(member),
        None if is_guid(member) => Ok(member),
        // Mail addresses and user principal names among others.
        _ => Err(Refusal::bad_syntax("Invalid user identity in provided tenant")),
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
