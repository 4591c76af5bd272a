//! What is in the hands of senders, and for how much more there is room.
//!
//! Each tenant has a room of its own: what its budget sends in a moment. So a crowd of one tenant takes neither the
//! senders nor the memory of another, and who comes later to a tenant that has a crowd waits for that moment and not for
//! the crowd.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::task::{JoinError, JoinSet};

use crate::domain::rate::{Slowed, Window};
use crate::domain::schedule::model::Priority;
use crate::domain::share::Room;

/// How many windows of a tenant are claimed ahead. With less, a window might stay empty while the next claims are
/// fetched; with more, who comes later waits longer.
const WINDOWS_AHEAD: usize = 2;

/// How much each tenant may have in hand, of `all` that there may be: two windows at best, less where Teams has slowed
/// it down, and nothing where it asked for silence.
pub(super) fn size(all: usize, per_tenant: Window, slowed: &[Slowed]) -> Room {
    let ahead = |allowance: usize| allowance.saturating_mul(WINDOWS_AHEAD).min(all);
    let own = slowed.iter().map(|slowed| {
        let may_send = if slowed.quiet_until.is_some() { 0 } else { slowed.allowance };
        (Arc::clone(&slowed.tenant), ahead(may_send))
    });
    Room { all, each: ahead(per_tenant.max), own: own.collect() }
}

/// The senders at work. Critical deliveries and others are counted apart, so that each have room of their own.
#[derive(Default)]
pub(super) struct InHand {
    tasks: JoinSet<()>,
    pub(super) critical: Tally,
    pub(super) ordinary: Tally,
}

impl InHand {
    /// Has `work` done for a delivery of `tenant`, and counts it until then.
    pub(super) fn take(
        &mut self,
        tenant: &Arc<str>,
        priority: Priority,
        work: impl Future<Output = ()> + Send + 'static,
    ) {
        let tally = match priority {
            Priority::Critical => &mut self.critical,
            Priority::Normal | Priority::Bulk => &mut self.ordinary,
        };
        let counted = tally.count(tenant);
        // All that a sending keeps in mind is some kilobytes, which the spawning would move from place to place.
        let work = Box::pin(work);
        self.tasks.spawn(async move {
            work.await;
            drop(counted);
        });
    }

    /// Waits until a sender has ended; for ever where none is at work. Cancel-safe.
    pub(super) async fn one_ended(&mut self) -> Result<(), JoinError> {
        match self.tasks.join_next().await {
            Some(joined) => joined,
            None => std::future::pending().await,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }
}

type Counter = Arc<AtomicUsize>;

/// How much is in hand, in all and for each tenant.
#[derive(Default)]
pub(super) struct Tally {
    all: Counter,
    tenants: HashMap<Arc<str>, Counter>,
}

/// One delivery, counted as long as this lives.
struct Counted {
    of: [Counter; 2],
}

impl Drop for Counted {
    fn drop(&mut self) {
        for counter in &self.of {
            counter.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

/// A room in which there is no more.
pub(super) struct Filled {
    counter: Counter,
    /// With no more than this in it, it is worth fetching more: each fetching costs about as much, however much it brings.
    worth_at: usize,
}

impl Filled {
    pub(super) fn has_room(&self) -> bool {
        self.counter.load(Ordering::SeqCst) <= self.worth_at
    }
}

impl Tally {
    fn count(&mut self, tenant: &Arc<str>) -> Counted {
        let own = self.tenants.entry(Arc::clone(tenant)).or_default();
        let of = [Arc::clone(&self.all), Arc::clone(own)];
        for counter in &of {
            counter.fetch_add(1, Ordering::SeqCst);
        }
        Counted { of }
    }

    /// What is left of rooms of this `size`.
    pub(super) fn room(&mut self, size: &Room) -> Room {
        self.tenants.retain(|_, counter| counter.load(Ordering::SeqCst) > 0);
        let mut left = size.clone();
        left.all = left.all.saturating_sub(self.all.load(Ordering::SeqCst));
        for (tenant, counter) in &self.tenants {
            let own = size.of_tenant(tenant).saturating_sub(counter.load(Ordering::SeqCst));
            left.own.insert(Arc::clone(tenant), own);
        }
        left
    }

    /// The rooms of this `size` of which nothing is `left`, so that something may have stayed outside. That of a silent
    /// tenant is not among them: it has none. What is left is judged by what was given and taken, and not by what is in
    /// hand by now: a sender may have ended meanwhile.
    pub(super) fn filled(&self, size: &Room, left: &Room) -> Vec<Filled> {
        let filled = |counter: &Counter, size: usize, left: usize, worth_at: usize| {
            (size > 0 && left == 0).then(|| Filled { counter: Arc::clone(counter), worth_at })
        };
        let of_tenant = |(name, counter): (&Arc<str>, &Counter)| {
            let size = size.of_tenant(name);
            // Earlier than where the senders are the limit: what a tenant's budget does not use in time is lost.
            filled(counter, size, left.of_tenant(name), size - size.div_ceil(4))
        };
        let all = filled(&self.all, size.all, left.all, size.all / 2);
        all.into_iter().chain(self.tenants.iter().filter_map(of_tenant)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::Moment;

    fn slowed(tenant: &str, allowance: usize, is_quiet: bool) -> Slowed {
        Slowed { tenant: Arc::from(tenant), allowance, quiet_until: is_quiet.then(Moment::default) }
    }

    #[test]
    fn each_tenant_has_a_room_of_its_own() {
        let window = Window::new(5, 1);
        let size = size(64, window, &[slowed("slow", 2, false), slowed("quiet", 2, true)]);
        let mut tally = Tally::default();
        let (crowd, quiet) = (Arc::from("crowd"), Arc::from("quiet"));
        let mut counted: Vec<_> = (0..8).map(|_| tally.count(&crowd)).collect();
        counted.push(tally.count(&quiet));
        let mut room = tally.room(&size);
        let left = ["crowd", "slow", "quiet", "other"].map(|tenant| room.of_tenant(tenant));
        assert_eq!((room.all, left), (55, [2, 4, 0, 10]));
        room.take(&crowd, 2);
        // Two come, and one has ended before anybody looks.
        counted.extend([tally.count(&crowd), tally.count(&crowd)]);
        counted.drain(..1);
        let filled = tally.filled(&size, &room);
        assert_eq!(filled.len(), 1, "of those that have a room, the crowd's was filled");
        counted.drain(..1);
        assert!(!filled[0].has_room());
        counted.drain(..1);
        assert!(filled[0].has_room());
    }

    #[test]
    fn no_tenant_has_more_room_than_there_is() {
        assert_eq!(size(64, Window::new(1_000_000, 1), &[]).each, 64);
    }
}
