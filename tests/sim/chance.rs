//! Chance that a seed decides. Each part of a run draws from a stream of its own, so that one draw more in one place
//! does not change what happens in all others.

use std::sync::{Mutex, PoisonError};

use nudged::port::entropy::Entropy;

/// A stream of numbers (`SplitMix64`).
pub(crate) struct Chance(Mutex<u64>);

impl Chance {
    /// The stream called `name` of a seed.
    pub(crate) fn new(seed: u64, name: &str) -> Self {
        let start = name.bytes().fold(seed ^ 0x9e37_79b9_7f4a_7c15, |state, byte| mix(state ^ u64::from(byte)));
        Self(Mutex::new(start))
    }

    fn next(&self) -> u64 {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(*state)
    }

    /// A number below `bound`.
    pub(crate) fn below(&self, bound: usize) -> usize {
        usize::try_from(self.next() % bound.max(1) as u64).unwrap_or_default()
    }

    /// A number from `least` to `most`.
    pub(crate) fn between(&self, least: usize, most: usize) -> usize {
        least + self.below(most - least + 1)
    }

    /// Whether it happens that happens in `percent` of a hundred cases.
    pub(crate) fn hits(&self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// One of them.
    pub(crate) fn pick<T: Clone>(&self, items: &[T]) -> T {
        items[self.below(items.len())].clone()
    }
}

impl Entropy for Chance {
    fn draw(&self) -> f64 {
        // 32 bits are exact in a float.
        let bits = u32::try_from(self.next() >> 32).unwrap_or_default();
        f64::from(bits) / (f64::from(u32::MAX) + 1.0)
    }
}

fn mix(mut state: u64) -> u64 {
    state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ (state >> 31)
}
