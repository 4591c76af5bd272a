//! The published limits, counted by the other side: what has arrived, when. None of the program's own counting is used.

use std::collections::BTreeMap;
use std::time::Duration;

/// "Rate limiting", Teams platform documentation, read in November 2026: requests into one conversation.
const CONVERSATION: [(usize, u64); 4] = [(7, 1), (8, 2), (60, 30), (1800, 3600)];

/// Everything that has arrived, for each conversation and for each tenant.
pub(crate) struct Windows {
    /// The same page says 50 in one second for an app and a tenant; a run may say less.
    per_second: usize,
    arrivals: BTreeMap<String, Vec<Duration>>,
}

impl Windows {
    pub(crate) fn new(per_second: usize) -> Self {
        Self { per_second, arrivals: BTreeMap::new() }
    }

    /// A request arrives. Returns in words which limit it is beyond, if any.
    pub(crate) fn arrives(&mut self, tenant: &str, conversation: &str, at: Duration) -> Option<String> {
        let own = self.arrivals.entry(format!("conversation {conversation}")).or_default();
        own.push(at);
        let of_conversation = beyond(own, &CONVERSATION);
        let all = self.arrivals.entry(format!("tenant {tenant}")).or_default();
        all.push(at);
        let beyond = of_conversation.or_else(|| beyond(all, &[(self.per_second, 1)]));
        beyond.map(|(max, seconds)| format!("more than {max} in {seconds} s at {conversation} of {tenant}"))
    }
}

/// The first limit beyond which the last arrival is. A window is open at its beginning: what arrived exactly its length
/// ago is not in it any more.
fn beyond(arrivals: &[Duration], limits: &[(usize, u64)]) -> Option<(usize, u64)> {
    let last = *arrivals.last()?;
    let is_beyond = |(max, seconds): &&(usize, u64)| {
        let earlier = arrivals.len().checked_sub(1 + max).map(|index| arrivals[index]);
        earlier.is_some_and(|earlier| last < earlier + Duration::from_secs(*seconds))
    };
    limits.iter().find(is_beyond).copied()
}
