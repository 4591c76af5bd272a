//! The logs of conversations. There are as many as got something within an hour, and most of them got one message: such a
//! one rests as no more than the hash of its name and a moment, so that a large run does not fill the memory.

use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash as _, Hasher as _};
use std::sync::Arc;
use std::time::Duration;

use super::log::Log;
use crate::domain::time::Moment;

#[derive(Debug, Default)]
pub(super) struct Conversations {
    awake: HashMap<Arc<str>, Log>,
    /// Until when the one request may have arrived that each got. Two names with one hash would be off by one request.
    resting: HashMap<u64, Moment>,
}

impl Conversations {
    /// The log of a conversation that is awake. One request fills no window, so the others need not be asked.
    pub(super) fn get(&self, name: &str) -> Option<&Log> {
        self.awake.get(name)
    }

    pub(super) fn get_mut(&mut self, name: &str) -> Option<&mut Log> {
        self.awake.get_mut(name)
    }

    /// The log of a conversation, which is awake from now on.
    pub(super) fn wake(&mut self, name: &Arc<str>) -> &mut Log {
        let resting = &mut self.resting;
        self.awake
            .entry(Arc::clone(name))
            .or_insert_with_key(|name| resting.remove(&hash(name)).map(Log::of_one).unwrap_or_default())
    }

    /// Forgets what is out of the `longest` window, and lets rest what can.
    pub(super) fn sweep(&mut self, longest: Duration, now: Moment) {
        let resting = &mut self.resting;
        resting.retain(|_, arrived_by| arrived_by.after(longest) > now);
        self.awake.retain(|name, log| {
            log.forget(longest, now);
            if let Some(arrived_by) = log.only_one(now) {
                resting.insert(hash(name), arrived_by);
                return false;
            }
            !log.is_empty(now)
        });
    }

    #[cfg(test)]
    pub(super) fn count(&self) -> (usize, usize) {
        (self.awake.len(), self.resting.len())
    }
}

/// The same in every run: nobody can gain anything by two names with one hash.
fn hash(name: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    hasher.finish()
}
