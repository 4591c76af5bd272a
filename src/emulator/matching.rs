//! Which requests a rule or a condition is about, and whose turn it is.

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use super::chance::{Dice, Share};
use super::route::thread_of;

/// What a request wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Operation {
    /// Send into a conversation, or reply there.
    Send,
    /// Create a conversation.
    Create,
    /// Change a message.
    Update,
    /// Delete a message.
    Delete,
    /// Ask who is in a conversation: all, page by page, or one.
    Members,
    /// Ask about a team, or for its channels.
    Team,
    /// Get a token, from the token service or as a managed identity.
    Token,
    /// Get the `OpenID` document, or the keys with which activities are signed.
    Keys,
}

/// Which requests a rule is about. What is not given matches everything.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Matching {
    /// A conversation id, decoded; for questions about a team, the team's. A channel's means its threads as well. A
    /// creation matches by the conversation it would answer with, or by the channel it would post into.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation: Option<String>,
    /// The member a conversation is created for; in a send, the member it was created for, else the activity's
    /// `recipient.id`. Whom the directory knows may be named by any of their ids.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The tenant of the conversation; of a token request, the tenant in its path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<Operation>,
}

/// What rules are matched against.
#[derive(Debug, Clone)]
pub(super) struct Subject {
    pub operation: Operation,
    pub conversation: Option<String>,
    /// All ids of the person it is about, as far as they are known.
    pub user: Vec<String>,
    pub tenant: String,
}

impl Matching {
    fn covers(&self, subject: &Subject) -> bool {
        self.operation.is_none_or(|operation| operation == subject.operation)
            && self.conversation.as_deref().is_none_or(|wanted| {
                let found = subject.conversation.as_deref().unwrap_or_default();
                wanted == found || wanted == thread_of(found)
            })
            && self.user.as_ref().is_none_or(|user| subject.user.contains(user))
            && self.tenant.as_ref().is_none_or(|tenant| tenant.eq_ignore_ascii_case(&subject.tenant))
    }
}

/// When something acts, and how often it has.
pub(super) struct Turns {
    matching: Matching,
    times: Option<NonZeroU32>,
    every: Option<NonZeroU32>,
    share: Option<Share>,
    pub dice: Dice,
    matched: u64,
    acted: u32,
}

impl Turns {
    pub(super) fn new(
        matching: Matching,
        times: Option<NonZeroU32>,
        every: Option<NonZeroU32>,
        share: Option<Share>,
        seed: u64,
    ) -> Self {
        Self { matching, times, every, share, dice: Dice::new(seed), matched: 0, acted: 0 }
    }

    /// Counts the request if it matches, and says whether it is its turn.
    pub(super) fn take(&mut self, subject: &Subject) -> bool {
        if !self.matching.covers(subject) {
            return false;
        }
        self.matched += 1;
        let due = self.every.is_none_or(|every| self.matched.is_multiple_of(u64::from(every.get())))
            && self.share.is_none_or(|share| self.dice.happens(share));
        self.acted += u32::from(due);
        due
    }

    pub(super) fn used_up(&self) -> bool {
        self.times.is_some_and(|times| self.acted >= times.get())
    }
}
