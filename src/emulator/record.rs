//! The record of messages: what was taken, what became of it since.

use std::collections::VecDeque;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use hyper::body::Bytes;
use serde::Serialize;
use serde_json::Value;

use super::activity::string_at;
use super::route::thread_of;

/// One message that arrived, as it stands now.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReceivedMessage {
    /// The number of the message, from 1, in order of arrival.
    pub seq: u64,
    /// The id it was answered with: milliseconds since 1970 in digits, strictly increasing.
    pub activity_id: String,
    /// Decoded.
    pub conversation_id: String,
    /// From `channelData.tenant.id` or `conversation.tenantId` of the activity, else of the conversation if it is
    /// known, else the emulator's own.
    pub tenant_id: String,
    /// Whom the conversation was created for; if it was not created here, the activity's `recipient.id`.
    pub user_id: Option<String>,
    /// What it replies to: the activity id in the path, else the activity's `replyToId`.
    pub reply_to: Option<String>,
    /// What the wall clock showed on arrival.
    pub arrived_at: DateTime<Utc>,
    /// What the monotonic clock showed on arrival, in microseconds.
    pub arrived_moment_us: u64,
    /// The activity's `text`.
    pub text: Option<String>,
    /// The activity's `summary`: what notifications show of a card.
    pub summary: Option<String>,
    /// The whole activity, as it came with the last change.
    pub activity: Value,
    /// How often it was changed.
    pub edits: u32,
    /// When it was last changed.
    pub edited_at: Option<DateTime<Utc>>,
    /// When it was deleted. What it said last stays on record.
    pub deleted_at: Option<DateTime<Utc>>,
    /// The path of the request that brought it, still encoded.
    pub path: String,
    /// The `User-Agent` of that request, empty if there was none.
    pub user_agent: String,
}

/// What is kept of a request whatever it asks for.
#[derive(Debug, Clone)]
pub(super) struct Envelope {
    pub path: String,
    pub user_agent: String,
}

/// A message that may be taken.
#[derive(Debug, Clone)]
pub(super) struct Letter {
    pub conversation: String,
    pub tenant: String,
    pub user: Option<String>,
    pub reply_to: Option<String>,
    /// JSON: it was parsed once when the request was read.
    pub activity: Bytes,
    pub envelope: Envelope,
}

/// A message on record. The activity stays in bytes, which take a fraction of the room of a parsed one and cost
/// nothing until somebody looks.
#[derive(Debug, Clone)]
pub(super) struct Taken {
    seq: u64,
    activity_id: u64,
    arrived_at: DateTime<Utc>,
    arrived_moment_us: u64,
    letter: Letter,
    edits: u32,
    edited_at: Option<DateTime<Utc>>,
    deleted_at: Option<DateTime<Utc>>,
}

/// The last messages that were taken, in order of arrival.
pub(super) struct Record {
    kept: VecDeque<Arc<Taken>>,
    most: usize,
    taken: u64,
    last_activity_id: u64,
}

impl Taken {
    /// Whether it is of this conversation, and for this user; of a channel are its threads as well.
    pub(super) fn is_of(&self, conversation: Option<&str>, user: Option<&str>) -> bool {
        let found = self.letter.conversation.as_str();
        conversation.is_none_or(|wanted| wanted == found || wanted == thread_of(found))
            && (user.is_none() || user == self.letter.user.as_deref())
    }

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
            reply_to: letter.reply_to.clone(),
            arrived_at: self.arrived_at,
            arrived_moment_us: self.arrived_moment_us,
            text: string_at(&activity, "/text").map(str::to_owned),
            summary: string_at(&activity, "/summary").map(str::to_owned),
            activity,
            edits: self.edits,
            edited_at: self.edited_at,
            deleted_at: self.deleted_at,
            path: letter.envelope.path.clone(),
            user_agent: letter.envelope.user_agent.clone(),
        }
    }
}

impl Record {
    /// A record that keeps the last `most` messages.
    pub(super) fn new(most: usize) -> Self {
        Self { kept: VecDeque::new(), most, taken: 0, last_activity_id: 0 }
    }

    /// Takes a message. Returns its number and its activity id.
    pub(super) fn take(&mut self, letter: Letter, arrived_at: DateTime<Utc>, arrived_moment_us: u64) -> (u64, u64) {
        let now_ms = u64::try_from(arrived_at.timestamp_millis()).unwrap_or(0);
        // Two messages in one millisecond, or a wall clock that was set back, must not share an id.
        self.last_activity_id = now_ms.max(self.last_activity_id + 1);
        self.taken += 1;
        let (seq, activity_id) = (self.taken, self.last_activity_id);
        // The bytes are a part of what the connection read at once, and would keep all of that.
        let letter = Letter { activity: Bytes::copy_from_slice(&letter.activity), ..letter };
        let taken = Taken {
            seq,
            activity_id,
            arrived_at,
            arrived_moment_us,
            letter,
            edits: 0,
            edited_at: None,
            deleted_at: None,
        };
        self.kept.push_back(Arc::new(taken));
        while self.kept.len() > self.most {
            self.kept.pop_front();
        }
        (seq, activity_id)
    }

    /// The message of that id in the thread of `conversation`, unless it was deleted or is no longer kept. A post is
    /// found under its channel's id and under that of its own thread.
    fn find(&mut self, conversation: &str, activity_id: &str) -> Option<&mut Taken> {
        let id: u64 = activity_id.parse().ok()?;
        // Ids only ever increase.
        let index = self.kept.binary_search_by_key(&id, |taken| taken.activity_id).ok()?;
        let taken = &self.kept[index];
        let here = thread_of(&taken.letter.conversation) == thread_of(conversation) && taken.deleted_at.is_none();
        // Whoever is looking at the message meanwhile goes on seeing it as it was.
        here.then(|| Arc::make_mut(&mut self.kept[index]))
    }

    /// Gives a message another body. Whether there is such a message.
    pub(super) fn edit(&mut self, conversation: &str, activity_id: &str, activity: &[u8], at: DateTime<Utc>) -> bool {
        let Some(taken) = self.find(conversation, activity_id) else { return false };
        taken.letter.activity = Bytes::copy_from_slice(activity);
        taken.edits += 1;
        taken.edited_at = Some(at);
        true
    }

    /// Puts up a tombstone. Whether there is such a message.
    pub(super) fn delete(&mut self, conversation: &str, activity_id: &str, at: DateTime<Utc>) -> bool {
        let Some(taken) = self.find(conversation, activity_id) else { return false };
        taken.deleted_at = Some(at);
        true
    }

    /// At most `limit` messages with a number above `after`.
    pub(super) fn page(&self, after: u64, limit: usize) -> Vec<Arc<Taken>> {
        let start = self.kept.partition_point(|taken| taken.seq <= after);
        self.kept.iter().skip(start).take(limit).cloned().collect()
    }

    pub(super) fn clear(&mut self) {
        self.kept = VecDeque::new();
    }

    /// How many were ever taken.
    pub(super) fn taken(&self) -> u64 {
        self.taken
    }
}
