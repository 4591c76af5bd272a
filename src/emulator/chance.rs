//! Chance that comes out the same each time: a share of requests, drawn from a seed.

use serde::{Deserialize, Serialize};

const MILLION: u32 = 1_000_000;

/// A part of all requests, from 0 (none) to 1 (all of them), kept in millionths so that it can be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Share(u32);

impl Share {
    /// `part` of all requests; what lies outside 0 to 1 counts as the nearer end.
    #[must_use]
    pub fn of(part: f64) -> Self {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0 to 1,000,000")]
        let millionths = (part.clamp(0.0, 1.0) * f64::from(MILLION)).round() as u32;
        Self(millionths)
    }
}

impl TryFrom<f64> for Share {
    type Error = &'static str;

    fn try_from(part: f64) -> Result<Self, Self::Error> {
        if (0.0..=1.0).contains(&part) { Ok(Self::of(part)) } else { Err("a share is between 0 and 1") }
    }
}

impl From<Share> for f64 {
    fn from(share: Share) -> Self {
        Self::from(share.0) / Self::from(MILLION)
    }
}

/// Numbers from a seed, by `SplitMix64` (Steele, Lea and Flood, 2014). The same seed gives the same numbers on every
/// machine and in every version, so a rehearsal can be repeated.
#[derive(Debug, Clone)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, or 0 if that is 0.
    fn below(&mut self, bound: u64) -> u64 {
        let scaled = (u128::from(self.roll()) * u128::from(bound)) >> 64;
        // The product of two 64-bit numbers, shifted by 64, has 64 bits at most.
        u64::try_from(scaled).unwrap_or(u64::MAX)
    }

    /// Whether this request is of those that `share` means.
    pub(super) fn happens(&mut self, share: Share) -> bool {
        self.below(u64::from(MILLION)) < u64::from(share.0)
    }

    /// A number from `least` to `most`, both included.
    pub(super) fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.below(most.saturating_sub(least).saturating_add(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_requests_is_that_share_and_the_same_one_each_time() {
        let draw = |seed| {
            let mut dice = Dice::new(seed);
            (0..10_000).map(|_| dice.happens(Share::of(0.3))).collect::<Vec<_>>()
        };
        let count = draw(7).into_iter().filter(|happens| *happens).count();
        assert!((2_850..=3_150).contains(&count), "{count} of 10,000");
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }

    #[test]
    fn nothing_and_everything_are_exact() {
        let mut dice = Dice::new(1);
        assert!((0..1000).all(|_| !dice.happens(Share::of(0.0)) && dice.happens(Share::of(1.0))));
        assert!((0..1000).all(|_| (3..=5).contains(&dice.between(3, 5))));
        assert_eq!(dice.between(4, 4), 4);
    }
}
