//! Conditions that are put somewhere: on a conversation, a person, a tenant, or on a share of all requests.

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use super::chance::Share;
use super::conditions::Condition;
use super::matching::{Matching, Operation, Subject, Turns};

/// A condition and where it holds. What is not given matches everything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Placement {
    pub condition: Condition,
    /// A conversation id, decoded. A channel's means its threads as well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation: Option<String>,
    /// Any id of a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// Any but [`Operation::Token`], which is not the Connector's: for that there are faults.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<Operation>,
    /// How many requests it refuses before it is lifted; for ever if not given, once for a condition that passes by
    /// itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<NonZeroU32>,
    /// It refuses this share of the requests that match; all of them if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<Share>,
    /// What the share is drawn from. If not given, the number of the placement since the start, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
}

impl Placement {
    /// The condition everywhere, for ever, or once if it passes by itself.
    #[must_use]
    pub fn new(condition: Condition) -> Self {
        Self {
            condition,
            conversation: None,
            user: None,
            tenant: None,
            operation: None,
            times: None,
            share: None,
            seed: None,
        }
    }

    /// Only in this conversation.
    #[must_use]
    pub fn in_conversation(mut self, id: &str) -> Self {
        self.conversation = Some(id.to_owned());
        self
    }

    /// Only for this person.
    #[must_use]
    pub fn for_user(mut self, id: &str) -> Self {
        self.user = Some(id.to_owned());
        self
    }

    /// Only in this tenant.
    #[must_use]
    pub fn in_tenant(mut self, id: &str) -> Self {
        self.tenant = Some(id.to_owned());
        self
    }

    /// Only for this operation.
    #[must_use]
    pub fn on(mut self, operation: Operation) -> Self {
        self.operation = Some(operation);
        self
    }

    /// Only so often. Zero counts as one.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(NonZeroU32::new(times).unwrap_or(NonZeroU32::MIN));
        self
    }

    /// Only on this share of the requests that match, from 0 to 1, drawn from the seed.
    #[must_use]
    pub fn share(mut self, part: f64) -> Self {
        self.share = Some(Share::of(part));
        self
    }

    /// What the share is drawn from.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }
}

/// The conditions in force, in the order in which they were put there.
#[derive(Default)]
pub(super) struct Placements {
    in_force: Vec<(Placement, Turns)>,
    put: u64,
}

impl Placements {
    pub(super) fn put(&mut self, placement: Placement) {
        self.put += 1;
        let matching = Matching {
            conversation: placement.conversation.clone(),
            user: placement.user.clone(),
            tenant: placement.tenant.clone(),
            operation: placement.operation,
        };
        let times = placement.times.or_else(|| placement.condition.passes().then_some(NonZeroU32::MIN));
        let turns = Turns::new(matching, times, None, placement.share, placement.seed.unwrap_or(self.put));
        self.in_force.push((placement, turns));
    }

    /// Removes those that `which` means, and says how many they were.
    pub(super) fn lift(&mut self, which: impl Fn(&Placement) -> bool) -> usize {
        let before = self.in_force.len();
        self.in_force.retain(|(placement, _)| !which(placement));
        before - self.in_force.len()
    }

    pub(super) fn list(&self) -> Vec<Placement> {
        self.in_force.iter().map(|(placement, _)| placement.clone()).collect()
    }

    /// The first condition that holds for a request, which has then acted once.
    pub(super) fn meet(&mut self, subject: &Subject) -> Option<Condition> {
        let index = self.in_force.iter_mut().position(|(_, turns)| turns.take(subject))?;
        let (placement, turns) = &self.in_force[index];
        let condition = placement.condition;
        if turns.used_up() {
            self.in_force.remove(index);
        }
        Some(condition)
    }
}
