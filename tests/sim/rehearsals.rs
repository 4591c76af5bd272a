//! What operators have tested: one message each, for one person, now. It takes the place of nothing, and nothing else
//! takes its own.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use nudged::domain::id::RecipientId;
use nudged::port::rehearsal::TestOrder;

use crate::sim::plan::root;
use crate::sim::truth::Key;

/// A message that an operator wanted to see.
#[derive(Debug, Clone)]
struct Test {
    name: String,
    asked_at: DateTime<Utc>,
    expire_at: DateTime<Utc>,
}

impl Test {
    /// Whether whoever asked for it may still look for it.
    fn is_timely(&self, at: DateTime<Utc>, slack: TimeDelta) -> bool {
        at >= self.asked_at && at <= self.expire_at + slack
    }
}

/// All of them.
#[derive(Default)]
pub(crate) struct Tests {
    /// By schedule and occurrence.
    asked: BTreeMap<(String, NaiveDateTime), Test>,
    /// What those are called whom something is tested on.
    names: HashMap<RecipientId, String>,
}

impl Tests {
    /// Whom an operator means who tests something on this recipient.
    pub(crate) fn are_on(&mut self, recipient: RecipientId, name: &str) {
        self.names.insert(recipient, name.to_owned());
    }

    /// A test has become an occurrence of its own.
    pub(crate) fn begin(&mut self, order: &TestOrder, occurrence: NaiveDateTime, asked_at: DateTime<Utc>) {
        let name = self.names.get(&order.recipient).cloned().unwrap_or_default();
        let test = Test { name, asked_at, expire_at: order.expire_at };
        self.asked.insert((root(order.schedule.as_str()).to_owned(), occurrence), test);
    }

    /// Whether this occurrence is one.
    pub(crate) fn has(&self, schedule: &str, occurrence: NaiveDateTime) -> bool {
        self.asked.contains_key(&(schedule.to_owned(), occurrence))
    }

    /// Whether this delivery belongs to one.
    pub(crate) fn mean(&self, (schedule, occurrence, _): &Key) -> bool {
        self.has(schedule, *occurrence)
    }

    /// Whether a delivery that belongs to one may leave at this instant.
    pub(crate) fn may_leave(&self, key: &Key, at: DateTime<Utc>, slack: TimeDelta) -> bool {
        self.asked.get(&(key.0.clone(), key.1)).is_some_and(|test| test.is_timely(at, slack))
    }

    /// What is wrong with a delivery that is called a test, or is not.
    pub(crate) fn look(&self, key: &Key, is_called_one: bool) -> Option<String> {
        let asked = self.asked.get(&(key.0.clone(), key.1));
        let is_wrong = is_called_one != asked.is_some() || asked.is_some_and(|test| test.name != key.2);
        is_wrong.then(|| format!("P1: called a test: {is_called_one}, and asked for was {asked:?}: {key:?}"))
    }

    /// The deliveries that there must be.
    pub(crate) fn keys(&self) -> impl Iterator<Item = Key> {
        self.asked.iter().map(|((schedule, occurrence), test)| (schedule.clone(), *occurrence, test.name.clone()))
    }
}
