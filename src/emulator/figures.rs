//! Counts of what happened.

use std::collections::BTreeMap;

use serde::Serialize;

/// What has been counted since the start. Calls of the control interface are not in it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Figures {
    /// Requests that came to the token service or to the Connector, whatever became of them.
    pub requests: u64,
    /// Tokens given out.
    pub tokens_issued: u64,
    /// New 1:1 conversations, and posts created in channels. Getting an existing conversation does not count.
    pub conversations_created: u64,
    /// Messages taken.
    pub messages_taken: u64,
    /// Changes of messages.
    pub messages_edited: u64,
    /// Messages deleted.
    pub messages_deleted: u64,
    /// Requests refused by the rate limits. They are in `refused` too, under 429.
    pub throttled: u64,
    /// How often a fault rule acted.
    pub faults_acted: u64,
    /// Requests refused by a condition that was put somewhere.
    pub conditions_met: u64,
    /// Answers with a status of 400 and above, by status. A cut connection has no status.
    pub refused: BTreeMap<u16, u64>,
    /// The most Connector calls that came in any one second, by tenant. Those that were then refused by the limits
    /// are in it; those that were stopped earlier (bad token, bad request, fault) are not.
    pub busiest_second: BTreeMap<String, u64>,
}

/// The counts that are kept under the lock.
#[derive(Default)]
pub(super) struct Counts {
    pub tokens_issued: u64,
    pub conversations_created: u64,
    pub messages_edited: u64,
    pub messages_deleted: u64,
    pub throttled: u64,
    pub faults_acted: u64,
    pub conditions_met: u64,
    pub refused: BTreeMap<u16, u64>,
}

impl Counts {
    pub(super) fn show(&self, requests: u64, taken: u64, busiest_second: BTreeMap<String, u64>) -> Figures {
        Figures {
            requests,
            tokens_issued: self.tokens_issued,
            conversations_created: self.conversations_created,
            messages_taken: taken,
            messages_edited: self.messages_edited,
            messages_deleted: self.messages_deleted,
            throttled: self.throttled,
            faults_acted: self.faults_acted,
            conditions_met: self.conditions_met,
            refused: self.refused.clone(),
            busiest_second,
        }
    }
}
