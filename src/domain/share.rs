//! Who gets how much of what there is: room for claims, shared among tenants and among the schedules of each.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use crate::domain::schedule::model::Priority;

/// How many deliveries may be claimed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rooms {
    /// For critical ones, which have room of their own so that they never wait for a crowd of others.
    pub critical: Room,
    /// For all others.
    pub ordinary: Room,
    /// The tenant of recipients of whom no other is known.
    pub home: Arc<str>,
}

/// Room for all tenants together, and for each of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Room {
    pub all: usize,
    /// For a tenant that is not in `own`.
    pub each: usize,
    pub own: HashMap<Arc<str>, usize>,
}

impl Room {
    /// For `all`, whoever they are for.
    #[must_use]
    pub fn of(all: usize) -> Self {
        Self { all, each: all, own: HashMap::new() }
    }

    #[must_use]
    pub fn of_tenant(&self, tenant: &str) -> usize {
        self.own.get(tenant).copied().unwrap_or(self.each)
    }

    /// So many have been claimed for `tenant`.
    pub fn take(&mut self, tenant: &Arc<str>, taken: usize) {
        self.all = self.all.saturating_sub(taken);
        let own = self.own.entry(Arc::clone(tenant)).or_insert(self.each);
        *own = own.saturating_sub(taken);
    }
}

impl Rooms {
    /// For `all` critical deliveries and as many others, whoever they are for.
    #[must_use]
    pub fn for_anybody(all: usize) -> Self {
        Self { critical: Room::of(all), ordinary: Room::of(all), home: Arc::default() }
    }

    /// The room that deliveries of a priority take.
    pub fn of(&mut self, priority: Priority) -> &mut Room {
        match priority {
            Priority::Critical => &mut self.critical,
            Priority::Normal | Priority::Bulk => &mut self.ordinary,
        }
    }
}

/// Shares `room` out equally. `take` is asked to take up to so many for one taker and says how many it took; one that
/// took less has all it wants, and what it left is shared among the others. Where there is less than one for each, the
/// first in the queue get it. Returns how many were taken; those who may want more are left in the queue, the one that
/// waits longest first.
pub fn share_out<T, E>(
    room: usize,
    takers: &mut VecDeque<T>,
    mut take: impl FnMut(&mut T, usize) -> Result<usize, E>,
) -> Result<usize, E> {
    let mut left = room;
    while left > 0 && !takers.is_empty() {
        let share = (left / takers.len()).max(1);
        for mut taker in takers.drain(..takers.len().min(left)).collect::<Vec<_>>() {
            let taken = take(&mut taker, share)?;
            left -= taken;
            if taken == share {
                takers.push_back(taker);
            }
        }
    }
    Ok(room - left)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use proptest::prelude::*;

    use super::*;

    /// How many each of those who want so many gets, and in all.
    fn shared(room: usize, wants: &[usize]) -> (Vec<usize>, usize) {
        let mut got = vec![0; wants.len()];
        let mut takers: VecDeque<usize> = (0..wants.len()).collect();
        let taken = share_out(room, &mut takers, |taker, most| {
            let taken = most.min(wants[*taker] - got[*taker]);
            got[*taker] += taken;
            Ok::<_, Infallible>(taken)
        });
        (got, taken.unwrap_or_default())
    }

    #[test]
    fn what_one_leaves_goes_to_the_others() {
        let check = |room, wants: &[usize], expect: &[usize]| assert_eq!(shared(room, wants).0, expect, "{wants:?}");
        check(100, &[5000], &[100]);
        check(100, &[5000, 3], &[97, 3]);
        check(100, &[5000, 5000], &[50, 50]);
        check(100, &[5000, 3, 5000], &[49, 3, 48]);
        check(2, &[9, 9, 9], &[1, 1, 0]);
        check(0, &[9], &[0]);
        check(9, &[], &[]);
    }

    #[test]
    fn a_room_is_taken_by_tenants() {
        let mut room = Room::of(10);
        let (one, other) = (Arc::from("one"), Arc::from("other"));
        room.take(&one, 4);
        room.take(&other, 1);
        assert_eq!((room.all, room.of_tenant("one"), room.of_tenant("other"), room.of_tenant("third")), (5, 6, 9, 10));
    }

    proptest! {
        /// Nothing is left that somebody wants; and nobody gets less than another unless it is all they want.
        #[test]
        fn shares_are_equal(room in 0usize..200, wants in prop::collection::vec(0usize..50, 0..20)) {
            let (got, taken) = shared(room, &wants);
            prop_assert_eq!(taken, room.min(wants.iter().sum()));
            prop_assert_eq!(taken, got.iter().sum::<usize>());
            for (mine, want) in got.iter().zip(&wants) {
                prop_assert!(mine == want || got.iter().all(|other| *other <= mine + 1), "{:?} of {:?}", got, wants);
            }
        }
    }
}
