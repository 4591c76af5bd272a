//! May this delivery be sent now? Asked once more when it is in the hands of a sender, because a person may have
//! moved, left or blocked the bot since it was planned, and the clock has gone on.

use chrono::{DateTime, TimeDelta, Utc};

use crate::domain::delivery::{Claim, Earlier, Reason, Settlement};
use crate::domain::recipient::Route;

/// How long to wait until it is known what becomes of the same message at its earlier hour. A sender holds a delivery
/// for seconds, or as long as it waits for the limits.
const EARLIER_IN_HAND: TimeDelta = TimeDelta::seconds(10);

/// The answer, with its reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Send it this way.
    Send(Route),
    /// Its instant has not come: the wall clock was set back since it was claimed. Give it back.
    NotYet,
    /// It is over without a request.
    Settle(Settlement),
}

/// The decision for `claim` at `now`. `home_tenant` is the bot's own.
#[must_use]
pub fn decide(claim: &Claim, now: DateTime<Utc>, home_tenant: Option<&str>) -> Decision {
    if now < claim.due_at {
        return Decision::NotYet;
    }
    match claim.earlier {
        Earlier::Nothing => {}
        Earlier::InHand => {
            let (reason, possible_duplicate) = (Reason::EarlierInHand, claim.possible_duplicate);
            let not_before = now + EARLIER_IN_HAND;
            return Decision::Settle(Settlement::Waiting { not_before, reason, possible_duplicate });
        }
        Earlier::Served => return Decision::Settle(skip(claim, Reason::ServedBeforeEdit)),
    }
    if now > claim.expire_at {
        return Decision::Settle(if claim.possible_duplicate {
            // An earlier copy may have arrived, so "expired" would claim too much.
            Settlement::Unknown(Reason::TooLate)
        } else if claim.planned_at > claim.expire_at {
            Settlement::Expired(Reason::PastWhenPlanned)
        } else {
            Settlement::Expired(Reason::TooLate)
        });
    }
    if let Some(why) = claim.unreachable {
        return Decision::Settle(skip(claim, Reason::from(why)));
    }
    match claim.reference.route(home_tenant) {
        Some(route) => Decision::Send(route),
        None if claim.is_known => Decision::Settle(skip(claim, Reason::NoReference)),
        None => Decision::Settle(skip(claim, Reason::UnknownRecipient)),
    }
}

/// Skipped, unless an earlier copy may have arrived.
fn skip(claim: &Claim, reason: Reason) -> Settlement {
    if claim.possible_duplicate { Settlement::Unknown(reason) } else { Settlement::Skipped(reason) }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::delivery::sample::claim;
    use crate::domain::recipient::{Reference, Unreachable};

    fn check(change: impl FnOnce(&mut Claim), minutes_after_due: i64, expect: &Decision) {
        let mut claim = claim();
        change(&mut claim);
        let now = claim.due_at + chrono::TimeDelta::minutes(minutes_after_due);
        assert_eq!(&decide(&claim, now, Some("home")), expect);
    }

    fn settle(settlement: Settlement) -> Decision {
        Decision::Settle(settlement)
    }

    #[test]
    fn each_decision_has_its_reason() {
        let send = Decision::Send(claim().reference.route(Some("home")).expect("the sample can be reached"));
        check(|_| {}, 0, &send);
        check(|_| {}, 60, &send);
        check(|_| {}, -1, &Decision::NotYet);
        check(|_| {}, 61, &settle(Settlement::Expired(Reason::TooLate)));
        let late_comer = |claim: &mut Claim| claim.planned_at = claim.expire_at + Duration::from_secs(1);
        check(late_comer, 61, &settle(Settlement::Expired(Reason::PastWhenPlanned)));
        check(|c| c.possible_duplicate = true, 61, &settle(Settlement::Unknown(Reason::TooLate)));
        check(|c| c.earlier = Earlier::Served, 0, &settle(Settlement::Skipped(Reason::ServedBeforeEdit)));
        let in_doubt_too = |c: &mut Claim| {
            c.earlier = Earlier::Served;
            c.possible_duplicate = true;
        };
        check(in_doubt_too, 0, &settle(Settlement::Unknown(Reason::ServedBeforeEdit)));
        let until_it_is_known = Settlement::Waiting {
            not_before: claim().due_at + EARLIER_IN_HAND,
            reason: Reason::EarlierInHand,
            possible_duplicate: false,
        };
        check(|c| c.earlier = Earlier::InHand, 0, &settle(until_it_is_known));
        check(|c| c.unreachable = Some(Unreachable::Blocked), 0, &settle(Settlement::Skipped(Reason::Blocked)));
        check(|c| c.reference = Reference::default(), 0, &settle(Settlement::Skipped(Reason::NoReference)));
        let stranger = |c: &mut Claim| {
            c.reference = Reference::default();
            c.is_known = false;
        };
        check(stranger, 0, &settle(Settlement::Skipped(Reason::UnknownRecipient)));
    }
}
