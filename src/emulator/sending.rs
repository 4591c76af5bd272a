//! Sending, replying, changing and deleting.

use hyper::StatusCode;
use hyper::body::Bytes;
use serde_json::{Value, json};

use super::Success;
use super::activity::{check_activity, read_object, string_at};
use super::conditions::Condition;
use super::matching::{Operation, Subject};
use super::record::{Envelope, Letter};
use super::reply::{Refusal, Reply, empty, json};
use super::state::{Books, Shared};
use super::windows::Row;

/// A request to send, checked as far as it can be without the books.
pub(super) struct Sending {
    conversation: String,
    reply_to: Option<String>,
    tenant: Option<String>,
    recipient: Option<String>,
    typing: bool,
    activity: Bytes,
    envelope: Envelope,
}

impl Sending {
    pub(super) fn read(
        conversation: String,
        reply_to: Option<String>,
        body: Bytes,
        envelope: Envelope,
    ) -> Result<Self, Refusal> {
        let activity = read_object(&body)?;
        check_activity(&activity, &body)?;
        let own = |pointer| string_at(&activity, pointer).map(str::to_owned);
        Ok(Self {
            conversation,
            reply_to: reply_to.or_else(|| own("/replyToId")),
            tenant: tenant_of(&activity),
            recipient: own("/recipient/id"),
            typing: string_at(&activity, "/type") == Some("typing"),
            activity: body,
            envelope,
        })
    }

    pub(super) fn subject(&self, books: &Books) -> Subject {
        books.subject(Operation::Send, &self.conversation, self.recipient.as_deref(), self.tenant.as_deref())
    }

    pub(super) fn carry_out(self, shared: &Shared, subject: &Subject) -> Result<Reply, Refusal> {
        let mut books = shared.books();
        books.let_in(shared, Row::Send, subject)?;
        books.may_speak(&self.conversation)?;
        let letter = Letter {
            tenant: subject.tenant.clone(),
            user: books.person_of(&self.conversation).or(self.recipient),
            conversation: self.conversation,
            reply_to: self.reply_to,
            activity: self.activity,
            envelope: self.envelope,
        };
        let (seq, id) = books.record.take(letter, shared.clock.now(), shared.moment_us());
        drop(books);
        shared.announce(seq);
        // The answer to a typing indicator has no body.
        Ok(if self.typing { empty(StatusCode::CREATED) } else { done(shared, StatusCode::CREATED, &id.to_string()) })
    }
}

/// A request to change or to delete one message.
pub(super) struct Editing {
    conversation: String,
    activity_id: String,
    /// What it says from now on; nothing if it is to be deleted.
    activity: Option<Bytes>,
    tenant: Option<String>,
}

impl Editing {
    pub(super) fn update(conversation: String, activity_id: String, body: Bytes) -> Result<Self, Refusal> {
        let activity = read_object(&body)?;
        check_activity(&activity, &body)?;
        Ok(Self { conversation, activity_id, tenant: tenant_of(&activity), activity: Some(body) })
    }

    pub(super) fn delete(conversation: String, activity_id: String) -> Self {
        Self { conversation, activity_id, activity: None, tenant: None }
    }

    pub(super) fn subject(&self, books: &Books) -> Subject {
        let operation = if self.activity.is_some() { Operation::Update } else { Operation::Delete };
        books.subject(operation, &self.conversation, None, self.tenant.as_deref())
    }

    pub(super) fn carry_out(self, shared: &Shared, subject: &Subject) -> Result<Reply, Refusal> {
        let mut books = shared.books();
        books.let_in(shared, Row::Other, subject)?;
        books.may_speak(&self.conversation)?;
        let at = shared.clock.now();
        let changes = self.activity.is_some();
        let found = match self.activity {
            Some(activity) => books.record.edit(&self.conversation, &self.activity_id, &activity, at),
            None => books.record.delete(&self.conversation, &self.activity_id, at),
        };
        if !found {
            return Err(Condition::ActivityNotFound.into());
        }
        if changes {
            books.counts.messages_edited += 1;
            Ok(done(shared, StatusCode::OK, &self.activity_id))
        } else {
            books.counts.messages_deleted += 1;
            Ok(match shared.settings.success {
                Success::Usual | Success::Ok => empty(StatusCode::OK),
                Success::AcceptedEmpty => empty(StatusCode::ACCEPTED),
            })
        }
    }
}

fn tenant_of(activity: &Value) -> Option<String> {
    let own = |pointer| string_at(activity, pointer).map(str::to_owned);
    own("/channelData/tenant/id").or_else(|| own("/conversation/tenantId"))
}

/// Success, in the shape that the settings want.
fn done(shared: &Shared, usual: StatusCode, id: &str) -> Reply {
    match shared.settings.success {
        Success::Usual => json(usual, &json!({ "id": id })),
        Success::Ok => json(StatusCode::OK, &json!({ "id": id })),
        Success::AcceptedEmpty => empty(StatusCode::ACCEPTED),
    }
}
