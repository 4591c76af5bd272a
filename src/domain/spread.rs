//! Jitter: people of one wave are not all due at once, but spread over a span.
//!
//! Where somebody stands in the span follows from who they are and from the occurrence, and from nothing else: so it is
//! the same after a restart, in a preview and for whoever asks. It is whole-number arithmetic that stays within 63 bits
//! and never takes the remainder of a negative number, so every database computes the same; the ledger does it for a
//! million people in one statement.

use std::time::Duration;

use chrono::{NaiveDateTime, TimeDelta};
use sha2::{Digest, Sha256};

use crate::domain::id::{RecipientId, ScheduleName};

/// How the people of one occurrence are spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Spread {
    /// In whole milliseconds.
    jitter_ms: i64,
    salt: i64,
}

impl Spread {
    /// A longer one would be another day.
    pub const LONGEST: Duration = Duration::from_hours(24);

    /// A prime. Numbers of recipients and salts are taken modulo this.
    pub const MODULUS: i64 = 2_147_483_647;
    /// The modulus divided by the golden ratio: neighbouring numbers land far apart.
    pub const FACTOR: i64 = 1_327_217_885;

    /// The spread of one occurrence of a schedule over `jitter`, at most [`Spread::LONGEST`].
    #[must_use]
    pub fn of(schedule: &ScheduleName, occurrence: NaiveDateTime, jitter: Duration) -> Self {
        if jitter.is_zero() {
            return Self::default();
        }
        let digest = Sha256::digest(format!("{schedule} {occurrence:?}").as_bytes());
        let number = digest.iter().take(7).fold(0_i64, |number, byte| number << 8 | i64::from(*byte));
        Self::from_parts(jitter, number % Self::MODULUS)
    }

    fn from_parts(jitter: Duration, salt: i64) -> Self {
        let jitter_ms = i64::try_from(jitter.min(Self::LONGEST).as_millis()).unwrap_or_default();
        Self { jitter_ms, salt }
    }

    /// The span over which people are spread.
    #[must_use]
    pub fn jitter(self) -> TimeDelta {
        TimeDelta::milliseconds(self.jitter_ms)
    }

    /// What makes it another spread than that of the next occurrence; not negative and less than [`Spread::MODULUS`].
    #[must_use]
    pub fn salt(self) -> i64 {
        self.salt
    }

    /// How long after the due instant of the wave `recipient` is due.
    #[must_use]
    pub fn offset(self, recipient: RecipientId) -> TimeDelta {
        // Squared, and twice, or people whose numbers have a common step would stand in few places.
        let place = self.mix(self.mix(recipient.0 % Self::MODULUS));
        TimeDelta::milliseconds(place * self.jitter_ms / Self::MODULUS)
    }

    fn mix(self, number: i64) -> i64 {
        let moved = (number * Self::FACTOR + self.salt) % Self::MODULUS;
        moved * moved % Self::MODULUS
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn spread(day: u32, jitter: Duration) -> Spread {
        let occurrence = chrono::NaiveDate::from_ymd_opt(2027, 3, day).and_then(|day| day.and_hms_opt(9, 0, 0));
        Spread::of(&ScheduleName::new("standup").expect("a name"), occurrence.expect("a time"), jitter)
    }

    #[test]
    fn it_is_the_same_for_ever() {
        // A ledger keeps deliveries that were spread by an earlier release.
        let offsets: Vec<_> = [1, 2, 3, 1_000_000, i64::MAX]
            .map(|id| spread(1, Duration::from_mins(15)).offset(RecipientId(id)).num_milliseconds())
            .into();
        assert_eq!(offsets, [843_620, 528_209, 2547, 666_725, 843_620]);
    }

    #[test]
    fn another_day_is_another_order() {
        let first = |day| (1..100).min_by_key(|id| spread(day, Duration::from_mins(15)).offset(RecipientId(*id)));
        let firsts: std::collections::BTreeSet<_> = (1..20).map(first).collect();
        assert!(firsts.len() > 10, "{firsts:?}");
    }

    #[test]
    fn nobody_waits_without_jitter() {
        assert_eq!(spread(1, Duration::ZERO), Spread::default());
        assert_eq!(Spread::default().offset(RecipientId(7)), TimeDelta::zero());
    }

    proptest! {
        /// Whoever the people are, one after another or every so many, each tenth of the span gets its tenth of them.
        #[test]
        fn people_are_spread_evenly(
            first in 1_i64..1_000_000_000_000,
            step in 1_i64..1000,
            salt in 0..Spread::MODULUS,
            jitter_ms in 1000_u64..=86_400_000,
        ) {
            let spread = Spread::from_parts(Duration::from_millis(jitter_ms), salt);
            let mut tenths = [0; 10];
            for number in 0..5000 {
                let offset = spread.offset(RecipientId(first + number * step));
                prop_assert!(offset >= TimeDelta::zero() && offset < spread.jitter());
                let tenth = offset.num_milliseconds() * 10 / spread.jitter().num_milliseconds();
                tenths[usize::try_from(tenth).expect("small")] += 1;
            }
            prop_assert!(tenths.iter().all(|people| (350..=650).contains(people)), "{:?}", tenths);
        }
    }
}
