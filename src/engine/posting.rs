//! How a claim is said: by which operation of the Connector, and in which conversation.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::OwnedMutexGuard;

use crate::domain::conversation::without_thread;
use crate::domain::delivery::{self, Claim, Reason};
use crate::domain::id::RecipientId;
use crate::domain::rate::Operation;
use crate::domain::recipient::Reference;
use crate::domain::thread::{BegunThread, Thread, ThreadName, ThreadPolicy};
use crate::domain::verdict::{Answer, Verdict};
use crate::port::connector::{Connector, OutgoingActivity, Posted};
use crate::port::store::{Store, StoreError};

/// A way to say something, ready to be gone.
pub struct Posting {
    way: Way,
    /// Nobody else may begin or look up the same thread until the outcome is stored.
    _turn: Option<OwnedMutexGuard<()>>,
}

enum Way {
    /// Into a conversation that is there.
    Continue(Reference),
    /// As a reply in a thread of a channel.
    Reply(Reference),
    /// As a post of its own in a channel, which others may go on with under this name.
    Begin { channel: Reference, thread: Option<ThreadName> },
}

/// What came of a request.
pub struct Said {
    pub answer: Answer,
    /// The thread that it began, where others are to go on with it.
    pub thread: Option<BegunThread>,
    /// The conversation in which it stands, where that is a thread of its recipient's.
    pub sent_in: Option<String>,
}

impl From<Answer> for Said {
    fn from(answer: Answer) -> Self {
        Self { answer, thread: None, sent_in: None }
    }
}

impl Posting {
    /// Into the conversation of `reference`.
    #[must_use]
    pub fn into(reference: Reference) -> Self {
        Self { way: Way::Continue(reference), _turn: None }
    }

    /// What the request goes to.
    #[must_use]
    pub fn reference(&self) -> &Reference {
        match &self.way {
            Way::Continue(reference) | Way::Reply(reference) => reference,
            Way::Begin { channel, .. } => channel,
        }
    }

    /// In which windows it counts.
    #[must_use]
    pub fn operation(&self) -> Operation {
        match &self.way {
            Way::Continue(_) | Way::Reply(_) => Operation::Send,
            Way::Begin { .. } => Operation::Create,
        }
    }

    /// Whose window it takes room in: Teams counts all threads of a channel as one conversation.
    #[must_use]
    pub fn conversation(&self) -> Arc<str> {
        Arc::from(without_thread(self.reference().conversation_id.as_deref().unwrap_or_default()))
    }

    /// Makes the request.
    pub async fn say(&self, connector: &dyn Connector, claim: &Claim, activity: &OutgoingActivity) -> Said {
        match &self.way {
            Way::Continue(reference) => connector.continue_conversation(reference, activity).await.into(),
            Way::Reply(reference) => {
                let mut answer = connector.continue_conversation(reference, activity).await;
                // The post that began the thread was taken away; or this is the second thread that Teams does not have.
                // The next try begins another.
                if answer.verdict == (Verdict::Permanent { reason: Reason::ActivityNotFound })
                    || (matches!(answer.verdict, Verdict::Recreate { .. }) && delivery::was_turned_away(claim))
                {
                    answer.verdict = Verdict::Retry { reason: Reason::ThreadGone, after: None };
                }
                Said { sent_in: reference.conversation_id.clone(), ..answer.into() }
            }
            Way::Begin { channel, thread } => {
                let Posted { answer, thread: begun } = connector.post_in_channel(channel, activity).await;
                let sent_in = begun.as_ref().map(|conversation| conversation.conversation_id.clone());
                let begun = begun.zip(thread.as_ref()).map(|(conversation, name)| BegunThread {
                    name: name.clone(),
                    thread: Thread {
                        conversation_id: conversation.conversation_id,
                        service_url: conversation.service_url,
                        begun_with: claim.speaks_of().0,
                    },
                });
                Said { answer, thread: begun, sent_in }
            }
        }
    }
}

/// Turns at the threads of channels. Two schedules that share a thread may fall due together: one of them begins it, and
/// the other must find it.
#[derive(Default)]
pub struct Turns(Mutex<HashMap<(RecipientId, ThreadName), Weak<Turn>>>);

/// Whoever holds it may begin the thread or look it up.
type Turn = tokio::sync::Mutex<()>;

impl Turns {
    /// How `claim` is said in `channel`, where its schedule speaks in the thread of `policy`.
    pub async fn in_channel(
        &self,
        store: &dyn Store,
        claim: &Claim,
        channel: Reference,
        policy: Option<&ThreadPolicy>,
    ) -> Result<Posting, StoreError> {
        // A test takes the place of nothing: it neither begins a thread nor stands in one.
        let Some(ThreadPolicy { name, new }) = policy.filter(|_| !claim.is_test) else {
            return Ok(Posting { way: Way::Begin { channel, thread: None }, _turn: None });
        };
        let turn = self.turn(claim.recipient.id, name).lock_owned().await;
        let thread = store.thread(claim.recipient.id, name.clone()).await?;
        // What was put off belongs where it stood at first: by its own key it is of the day of the press, in UTC.
        let (occurrence, _) = claim.speaks_of();
        // Teams did not find the thread, or can't read its id, time and again.
        let goes_on = |thread: &Thread| {
            !delivery::begins_anew(claim, &thread.conversation_id) && new.goes_on(thread.begun_with, occurrence)
        };
        let way = match thread.filter(goes_on) {
            Some(thread) => Way::Reply(Reference {
                conversation_id: Some(thread.conversation_id),
                service_url: thread.service_url.or_else(|| channel.service_url.clone()),
                ..channel
            }),
            None => Way::Begin { channel, thread: Some(name.clone()) },
        };
        Ok(Posting { way, _turn: Some(turn) })
    }

    fn turn(&self, channel: RecipientId, name: &ThreadName) -> Arc<Turn> {
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        turns.retain(|_, turn| turn.strong_count() > 0);
        let key = (channel, name.clone());
        let known = turns.get(&key).and_then(Weak::upgrade);
        known.unwrap_or_else(|| {
            let turn = Arc::default();
            turns.insert(key, Arc::downgrade(&turn));
            turn
        })
    }
}
