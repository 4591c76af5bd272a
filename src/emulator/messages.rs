//! Taking messages, and the record of them.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use hyper::StatusCode;
use hyper::body::Bytes;
use serde::Serialize;
use serde_json::{Value, json};

use super::reply::{Refusal, Reply, empty, json};
use super::state::{Books, Shared};
use super::windows::Call;

/// Teams takes about 100 KB in a message, counted as UTF-16 (dossier §9.2).
const MOST_UTF16_BYTES: usize = 100 * 1024;

/// One message that arrived.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReceivedMessage {
    /// The number of the message, from 1, in order of arrival.
    pub seq: u64,
    /// The id it was answered with: milliseconds since 1970 in digits, strictly increasing.
    pub activity_id: String,
    /// Decoded.
    pub conversation_id: String,
    /// From `channelData.tenant.id` or `conversation.tenantId` of the activity, else of the conversation if it was
    /// created here, else the emulator's own.
    pub tenant_id: String,
    /// Whom the conversation was created for; if it was not created here, the activity's `recipient.id`.
    pub user_id: Option<String>,
    /// What the wall clock showed on arrival.
    pub arrived_at: DateTime<Utc>,
    /// What the monotonic clock showed on arrival, in microseconds.
    pub arrived_moment_us: u64,
    /// The activity's `text`.
    pub text: Option<String>,
    /// The activity's `summary`: what notifications show of a card.
    pub summary: Option<String>,
    /// The whole activity, as it came.
    pub activity: Value,
    /// The path of the request, still encoded.
    pub path: String,
    /// The `User-Agent` of the request, empty if there was none.
    pub user_agent: String,
}

/// What is kept of a request whatever it asks for.
#[derive(Debug, Clone)]
pub(super) struct Envelope {
    pub path: String,
    pub user_agent: String,
}

/// A message on record. The activity stays in bytes, which take a fraction of the room of a parsed one and cost
/// nothing until somebody looks.
pub(super) struct Taken {
    seq: u64,
    activity_id: u64,
    arrived_at: DateTime<Utc>,
    arrived_moment_us: u64,
    letter: Letter,
}

/// A message that may be taken.
pub(super) struct Letter {
    pub conversation: String,
    pub tenant: String,
    pub user: Option<String>,
    /// JSON: it was parsed once when the request was read.
    pub activity: Bytes,
    pub envelope: Envelope,
}

/// The messages that were taken, in order of arrival.
#[derive(Default)]
pub(super) struct Record {
    kept: Vec<Arc<Taken>>,
    taken: u64,
    last_activity_id: u64,
}

impl Taken {
    pub(super) fn show(&self) -> ReceivedMessage {
        let letter = &self.letter;
        // It was parsed before it was taken, so it parses.
        let activity: Value = serde_json::from_slice(&letter.activity).unwrap_or_default();
        ReceivedMessage {
            seq: self.seq,
            activity_id: self.activity_id.to_string(),
            conversation_id: letter.conversation.clone(),
            tenant_id: letter.tenant.clone(),
            user_id: letter.user.clone(),
            arrived_at: self.arrived_at,
            arrived_moment_us: self.arrived_moment_us,
            text: string_at(&activity, "/text").map(str::to_owned),
            summary: string_at(&activity, "/summary").map(str::to_owned),
            activity,
            path: letter.envelope.path.clone(),
            user_agent: letter.envelope.user_agent.clone(),
        }
    }
}

impl Record {
    /// Takes a message. Returns its number and its activity id.
    pub(super) fn take(&mut self, letter: Letter, arrived_at: DateTime<Utc>, arrived_moment_us: u64) -> (u64, u64) {
        let now_ms = u64::try_from(arrived_at.timestamp_millis()).unwrap_or(0);
        // Two messages in one millisecond, or a wall clock that was set back, must not share an id.
        self.last_activity_id = now_ms.max(self.last_activity_id + 1);
        self.taken += 1;
        let (seq, activity_id) = (self.taken, self.last_activity_id);
        self.kept.push(Arc::new(Taken { seq, activity_id, arrived_at, arrived_moment_us, letter }));
        (seq, activity_id)
    }

    /// At most `limit` messages with a number above `after`.
    pub(super) fn page(&self, after: u64, limit: usize) -> Vec<Arc<Taken>> {
        let start = self.kept.partition_point(|taken| taken.seq <= after);
        self.kept.iter().skip(start).take(limit).cloned().collect()
    }

    pub(super) fn clear(&mut self) {
        self.kept = Vec::new();
    }

    /// How many were ever taken.
    pub(super) fn taken(&self) -> u64 {
        self.taken
    }
}

/// A request to send, checked as far as it can be without the books.
pub(super) struct Sending {
    conversation: String,
    tenant: Option<String>,
    recipient: Option<String>,
    typing: bool,
    activity: Bytes,
    envelope: Envelope,
}

impl Sending {
    pub(super) fn read(conversation: String, body: Bytes, envelope: Envelope) -> Result<Self, Refusal> {
        let activity = read_object(&body)?;
        check_activity(&activity, &body)?;
        let own = |pointer| string_at(&activity, pointer).map(str::to_owned);
        Ok(Self {
            conversation,
            tenant: own("/channelData/tenant/id").or_else(|| own("/conversation/tenantId")),
            recipient: own("/recipient/id"),
            typing: string_at(&activity, "/type") == Some("typing"),
            activity: body,
            envelope,
        })
    }

    pub(super) fn conversation(&self) -> &str {
        &self.conversation
    }

    /// Whom the message is for, as far as is known.
    pub(super) fn user(&self, books: &Books) -> Option<String> {
        let known = books.known.get(&self.conversation).map(|known| known.user.clone());
        known.or_else(|| self.recipient.clone())
    }

    pub(super) fn carry_out(self, shared: &Shared) -> Result<Reply, Refusal> {
        let mut books = shared.books();
        let user = self.user(&books);
        let tenant = self
            .tenant
            .or_else(|| books.known.get(&self.conversation).map(|known| known.tenant.clone()))
            .unwrap_or_else(|| shared.settings.tenant_id.clone());
        books.admit(shared, Call::Send, &self.conversation, &tenant)?;
        let letter =
            Letter { conversation: self.conversation, tenant, user, activity: self.activity, envelope: self.envelope };
        let (seq, id) = books.record.take(letter, shared.clock.now(), shared.moment_us());
        drop(books);
        shared.announce(seq);
        // The answer to a typing indicator has no body (dossier §2.2, notes).
        Ok(if self.typing {
            empty(StatusCode::CREATED)
        } else {
            json(StatusCode::CREATED, &json!({ "id": id.to_string() }))
        })
    }
}

/// Parses a body that must be a JSON object.
pub(super) fn read_object(body: &[u8]) -> Result<Value, Refusal> {
    let value = serde_json::from_slice::<Value>(body).ok().filter(Value::is_object);
    value.ok_or_else(|| Refusal::bad_syntax("Payload is incorrect"))
}

/// Checks an activity, and its size in JSON.
pub(super) fn check_activity(activity: &Value, body: &[u8]) -> Result<(), Refusal> {
    if string_at(activity, "/type").is_none() {
        return Err(Refusal::new(StatusCode::BAD_REQUEST, "MissingProperty", "The activity has no type"));
    }
    // A byte of UTF-8 is at most one unit of UTF-16, so most bodies need not be counted.
    let too_big = body.len() * 2 > MOST_UTF16_BYTES
        && String::from_utf8_lossy(body).encode_utf16().count() * 2 > MOST_UTF16_BYTES;
    if too_big {
        return Err(Refusal::too_big());
    }
    Ok(())
}

/// The text at a JSON pointer, if it is there and not empty.
pub(super) fn string_at<'value>(value: &'value Value, pointer: &str) -> Option<&'value str> {
    value.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty())
}
