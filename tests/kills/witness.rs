//! What came to Teams, told by the other side: the emulator, which knows nothing of the ledger.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use nudged::emulator::Emulator;

/// One message for one person, as both sides can name it. The text says the schedule and the occurrence, and nothing
/// else: see [`TEXT`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) text: String,
    pub(crate) conversation: String,
}

/// What every schedule of these tests says. [`TEXT_OF_EVENT`] is for those that wait for an event.
pub(crate) const TEXT: &str = "{{ schedule.name }}@{{ occurrence.date | safe }}T{{ occurrence.time | safe }}";

pub(crate) const TEXT_OF_EVENT: &str = "{{ schedule.name }}@{{ event.data.number }}";

/// One message that arrived.
#[derive(Debug, Clone)]
pub(crate) struct Arrival {
    pub(crate) activity_id: String,
    pub(crate) at: DateTime<Utc>,
}

/// Everything that has arrived so far.
#[derive(Default)]
pub(crate) struct Witness {
    pub(crate) arrivals: BTreeMap<Key, Vec<Arrival>>,
    /// What is no message of a schedule: answers to people.
    pub(crate) replies: BTreeMap<String, usize>,
    last: u64,
}

impl Witness {
    /// Writes down what has arrived since the last time, and says whose it was.
    pub(crate) fn look(&mut self, emulator: &Emulator) -> Vec<Key> {
        let mut new = Vec::new();
        for message in emulator.messages_after(self.last, usize::MAX) {
            self.last = message.seq;
            let text = message.text.unwrap_or_default();
            if !text.contains('@') {
                *self.replies.entry(message.conversation_id).or_default() += 1;
                continue;
            }
            let key = Key { text, conversation: message.conversation_id };
            let arrival = Arrival { activity_id: message.activity_id, at: message.arrived_at };
            self.arrivals.entry(key.clone()).or_default().push(arrival);
            new.push(key);
        }
        new
    }

    /// How many arrived that somebody had already.
    pub(crate) fn duplicates(&self) -> usize {
        self.arrivals.values().map(|arrivals| arrivals.len() - 1).sum()
    }

    pub(crate) fn count(&self) -> usize {
        self.arrivals.values().map(Vec::len).sum()
    }
}
