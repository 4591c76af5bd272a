//! Who somebody is whose chat we have. An install tells ids and no e-mail address, and operators write people by just
//! that; so Teams is asked, and what are two rows of one person becomes one.

use chrono::{DateTime, TimeDelta, Utc};

use crate::domain::id::RecipientId;
use crate::domain::news::{Fact, Met, News};
use crate::domain::recipient::{Address, RecipientKind, Reference, ServiceOrigin};

/// Somebody with a chat of whom no name is known by which operators write people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stranger {
    pub recipient: RecipientId,
    pub reference: Reference,
    /// How often Teams has been asked without an answer.
    pub tries: u32,
}

/// How long after the first try that failed the next one is made.
const TRY_AGAIN: TimeDelta = TimeDelta::minutes(5);

/// The longest wait between two tries. It is never given up: as long as somebody is awaited, it may be they.
pub const LONGEST: TimeDelta = TimeDelta::days(7);

/// How long to wait after `tries` that failed before: six times longer each time.
#[must_use]
pub fn wait_after(tries: u32) -> TimeDelta {
    6_i32.checked_pow(tries).and_then(|times| TRY_AGAIN.checked_mul(times)).map_or(LONGEST, |wait| wait.min(LONGEST))
}

/// What it comes to that Teams says by which names the person of this chat goes. How to reach them is known and stays;
/// that they were there just now is not said by it.
#[must_use]
pub fn made(stranger: &Stranger, name: Option<String>, addresses: Vec<Address>, at: DateTime<Utc>) -> News {
    let Reference { conversation_id, tenant_id, user_id, entra_object_id, .. } = stranger.reference.clone();
    let met = Met {
        kind: RecipientKind::Person,
        name,
        addresses,
        reference: Reference { conversation_id, tenant_id, user_id, entra_object_id, ..Reference::default() },
        origin: ServiceOrigin::Answered,
        language: None,
        country: None,
        channel: None,
        at,
        is_present: false,
    };
    News { key: None, facts: vec![Fact::Met(Box::new(met))] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_up_to_a_week() {
        let waits: Vec<_> = (0..7).map(|tries| wait_after(tries).num_minutes()).collect();
        assert_eq!(waits, [5, 30, 180, 1_080, 6_480, 10_080, 10_080]);
        assert_eq!(wait_after(u32::MAX), LONGEST);
    }
}
