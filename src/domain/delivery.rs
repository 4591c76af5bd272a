//! The life of one delivery: one occurrence for one recipient.
//!
//! ```text
//! planned ──claim──▶ claimed ──attempt durable──▶ sending ─┬▶ sent
//!  ▲ │ │                │ ▲                                ├▶ waiting (not before …) ──claim──▶ claimed
//!  │ │ └ too late ▶ expired │                              ├▶ failed, skipped, expired (reason)
//!  │ └ policy ▶ skipped   │ │                              └▶ unknown
//!  └──── released ────────┘ └── on_unknown = "resend": waiting, marked as a possible duplicate
//! ```
//!
//! What has not left yet (planned, claimed, waiting) can be cancelled: by an edit, or by a [recall](super::recall).

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::domain::backoff;
use crate::domain::recipient::RecipientKind;
use crate::domain::schedule::model::OnUnknown;
use crate::domain::verdict::Verdict;

// A delivery in the hands of a sender.
mod claim;
// What to do about each reason.
mod cure;
// What a reason means in the state that it led to.
mod in_state;
// Why a delivery is in the state it is in.
mod reason;
// A claim for tests.
#[cfg(test)]
pub(crate) mod sample;

pub use claim::{Claim, Earlier, Original, RosterState};
pub use reason::Reason;

/// The state of a delivery. It is in exactly one, from the moment it exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It exists and waits for its due instant.
    Planned,
    /// A daemon holds it and is about to send it. Nothing has left yet.
    Claimed,
    /// A request may have left.
    Sending,
    /// It was tried or held up, and waits for its next try.
    Waiting,
    /// Teams took it.
    Sent,
    /// Deliberately not sent.
    Skipped,
    /// Cannot be sent.
    Failed,
    /// It may or may not have been delivered; a person decides.
    Unknown,
    /// Not sent in time.
    Expired,
    /// No longer wanted: its schedule changed or went away, or it was recalled.
    Cancelled,
}

impl State {
    pub const ALL: [State; 10] = [
        State::Planned,
        State::Claimed,
        State::Sending,
        State::Waiting,
        State::Sent,
        State::Skipped,
        State::Failed,
        State::Unknown,
        State::Expired,
        State::Cancelled,
    ];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            State::Planned => "planned",
            State::Claimed => "claimed",
            State::Sending => "sending",
            State::Waiting => "waiting",
            State::Sent => "sent",
            State::Skipped => "skipped",
            State::Failed => "failed",
            State::Unknown => "unknown",
            State::Expired => "expired",
            State::Cancelled => "cancelled",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// Whether nothing more happens to a delivery in this state of its own accord.
    #[must_use]
    pub fn is_final(self) -> bool {
        match self {
            State::Planned | State::Claimed | State::Sending | State::Waiting => false,
            State::Sent | State::Skipped | State::Failed | State::Unknown | State::Expired | State::Cancelled => true,
        }
    }

    /// Whether a daemon has it in its hands.
    #[must_use]
    pub fn is_held(self) -> bool {
        match self {
            State::Claimed | State::Sending => true,
            State::Planned
            | State::Waiting
            | State::Sent
            | State::Skipped
            | State::Failed
            | State::Unknown
            | State::Expired
            | State::Cancelled => false,
        }
    }

    /// Whether the recipient may have the message, or have had it: nobody can take it back.
    #[must_use]
    pub fn may_have_arrived(self) -> bool {
        match self {
            State::Sent | State::Unknown => true,
            // Of these two it is not known yet.
            State::Claimed | State::Sending => false,
            State::Planned | State::Waiting | State::Skipped | State::Failed | State::Expired | State::Cancelled => {
                false
            }
        }
    }

    /// Whether it is an end that an operator may want to look at.
    #[must_use]
    pub fn wants_a_look(self) -> bool {
        match self {
            State::Failed | State::Unknown | State::Expired => true,
            State::Planned
            | State::Claimed
            | State::Sending
            | State::Waiting
            | State::Sent
            | State::Skipped
            | State::Cancelled => false,
        }
    }

    /// The states that a delivery may be in just before this one. A store changes a state only from these, so the
    /// picture at the top of this page is enforced in one place.
    #[must_use]
    pub fn comes_from(self) -> &'static [State] {
        match self {
            // Released: a claim given back before anything left.
            State::Planned => &[State::Claimed],
            State::Claimed => &[State::Planned, State::Waiting],
            State::Sending => &[State::Claimed],
            State::Sent => &[State::Sending],
            // From planned and waiting: a policy about the whole occurrence, found when more people came to it.
            State::Skipped => &[State::Planned, State::Waiting, State::Claimed, State::Sending],
            // From claimed: a policy or a missing precondition, found before anything left.
            State::Waiting | State::Failed | State::Expired => &[State::Claimed, State::Sending],
            // From planned and waiting: the ledger was restored, and has not seen what became of it.
            State::Unknown => &[State::Planned, State::Waiting, State::Claimed, State::Sending],
            // From claimed: taken out of a sender's hands before anything left, by a recall, a cancel, or because its
            // recipient turned out to be another one.
            State::Cancelled => &[State::Planned, State::Waiting, State::Claimed],
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What becomes of a delivery after a decision or an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settlement {
    Sent { activity_id: Option<String> },
    Waiting { not_before: DateTime<Utc>, reason: Reason, possible_duplicate: bool },
    Skipped(Reason),
    Failed(Reason),
    Unknown(Reason),
    Expired(Reason),
}

impl Settlement {
    #[must_use]
    pub fn state(&self) -> State {
        match self {
            Settlement::Sent { .. } => State::Sent,
            Settlement::Waiting { .. } => State::Waiting,
            Settlement::Skipped(_) => State::Skipped,
            Settlement::Failed(_) => State::Failed,
            Settlement::Unknown(_) => State::Unknown,
            Settlement::Expired(_) => State::Expired,
        }
    }

    /// Whether certainly nothing arrived and nothing will.
    #[must_use]
    pub fn is_over_for_sure(&self) -> bool {
        match self {
            Settlement::Skipped(_) | Settlement::Failed(_) | Settlement::Expired(_) => true,
            Settlement::Sent { .. } | Settlement::Waiting { .. } | Settlement::Unknown(_) => false,
        }
    }

    #[must_use]
    pub fn reason(&self) -> Option<Reason> {
        match self {
            Settlement::Sent { .. } => None,
            Settlement::Waiting { reason, .. }
            | Settlement::Skipped(reason)
            | Settlement::Failed(reason)
            | Settlement::Unknown(reason)
            | Settlement::Expired(reason) => Some(*reason),
        }
    }
}

/// How often a delivery with an unknown outcome is sent again before a person must look.
pub const MAX_ATTEMPTS_IN_DOUBT: u32 = 4;

/// In how many occurrences in a row Teams must not know a recipient's conversation before the reference is given up.
pub const LOST_IN_A_ROW: u32 = 3;

/// How far apart those must be: several messages that fall due together say no more than one.
pub const LOST_APART: TimeDelta = TimeDelta::hours(1);

/// The waits before a message that may have arrived is sent again. Teams can take a while to answer what it has already
/// delivered, so an early copy is the likeliest duplicate; and a server that has fallen over takes minutes to get up.
const RESEND_AFTER: [Duration; MAX_ATTEMPTS_IN_DOUBT as usize - 1] =
    [Duration::from_secs(10), Duration::from_mins(1), Duration::from_mins(5)];

/// What a verdict means for a delivery whose attempt number `claim.attempts + 1` it is. `draw` is a random number in
/// `[0, 1)` that spreads the retries.
#[must_use]
pub fn settle(claim: &Claim, verdict: Verdict, now: DateTime<Utc>, draw: f64) -> Settlement {
    let attempt = claim.attempts + 1;
    match verdict {
        Verdict::Delivered { activity_id } => Settlement::Sent { activity_id },
        Verdict::Recreate { reason, after } => match lost(claim, reason) {
            Lost::TryAgain(reason) => {
                let wait = backoff::delay(backoff::Pace::Transient, attempt, draw).max(after.unwrap_or_default());
                wait_or_give_up(claim, now, wait, reason)
            }
            Lost::GiveUp(reason) => give_up(claim, Settlement::Failed(reason)),
        },
        Verdict::Elsewhere { reason, .. } => give_up(claim, Settlement::Failed(reason)),
        Verdict::Retry { reason, after } => {
            let wait = backoff::delay(backoff::Pace::Transient, attempt, draw).max(after.unwrap_or_default());
            wait_or_give_up(claim, now, wait, reason)
        }
        Verdict::OurFault { reason } => {
            let wait = backoff::delay(backoff::Pace::OurFault, attempt, draw);
            wait_or_give_up(claim, now, wait, reason)
        }
        Verdict::Permanent { reason } => {
            let end =
                if reason.unreachable().is_some() { Settlement::Skipped(reason) } else { Settlement::Failed(reason) };
            give_up(claim, end)
        }
        Verdict::Unknown { reason, after } => match claim.on_unknown {
            OnUnknown::Hold => Settlement::Unknown(reason),
            OnUnknown::Resend => {
                let Some(wait) = RESEND_AFTER.get(claim.doubts as usize) else { return Settlement::Unknown(reason) };
                // Chance spreads those who met the same outage.
                let wait = *wait + wait.mul_f64(draw.clamp(0.0, 1.0) / 2.0);
                let not_before = later(now, wait.max(after.unwrap_or_default()));
                if not_before > claim.expire_at {
                    Settlement::Unknown(reason)
                } else {
                    Settlement::Waiting { not_before, reason, possible_duplicate: true }
                }
            }
        },
    }
}

/// What becomes of a delivery whose conversation Teams does not find.
enum Lost {
    TryAgain(Reason),
    GiveUp(Reason),
}

/// The stages are kept as the reason of the waiting, so that they survive a restart, and that a delivery which was also
/// throttled does not run through them sooner. An id that Teams can't read is asked for anew at once; one that it does
/// not find is first tried again as it is.
fn lost(claim: &Claim, reason: Reason) -> Lost {
    match (reason, claim.waited_for) {
        (Reason::ConversationNotFound, Some(Reason::ConversationNotFound)) => Lost::TryAgain(Reason::ConversationLost),
        (Reason::ConversationNotFound, Some(Reason::ConversationLost)) => Lost::GiveUp(reason),
        (reason, before) if before == Some(reason) => Lost::GiveUp(reason),
        (reason, _) => Lost::TryAgain(reason),
    }
}

/// What becomes of an attempt whose verdict is not believed because too many others met the same: it waits, unless
/// the message was, or may have been, delivered.
#[must_use]
pub fn doubted(claim: &Claim, verdict: &Verdict, now: DateTime<Utc>) -> Settlement {
    let waits =
        |reason: Reason| Settlement::Waiting { not_before: now, reason, possible_duplicate: claim.possible_duplicate };
    match verdict {
        Verdict::Permanent { reason } => waits(*reason),
        // An id that could not be found is not asked for anew: it may well be right.
        Verdict::Recreate { .. } => waits(Reason::TryAgain),
        Verdict::Elsewhere { .. }
        | Verdict::Delivered { .. }
        | Verdict::Retry { .. }
        | Verdict::OurFault { .. }
        | Verdict::Unknown { .. } => settle(claim, verdict.clone(), now, 0.0),
    }
}

/// Whether the conversation is to be asked for once more before `claim` is sent: Teams does not find it, and it is that
/// of a person who is known. Group chats and channels can't be asked for.
#[must_use]
pub fn asks_again(claim: &Claim) -> bool {
    let is_person = claim.recipient.kind == RecipientKind::Person
        && (claim.reference.user_id.is_some() || claim.reference.entra_object_id.is_some());
    is_person && matches!(claim.waited_for, Some(Reason::ConversationLost | Reason::ForeignConversation))
}

/// Whether `claim` begins a new thread in its channel, although `thread` goes on there: Teams does not have that any
/// more. It goes on with one that somebody else has begun since.
#[must_use]
pub fn begins_anew(claim: &Claim, thread: &str) -> bool {
    was_turned_away(claim) && claim.tried_in.as_deref().is_none_or(|tried| tried == thread)
}

/// Whether Teams did not have the thread of the last attempt.
#[must_use]
pub fn was_turned_away(claim: &Claim) -> bool {
    let gone = [Reason::ThreadGone, Reason::ConversationLost, Reason::ForeignConversation];
    claim.waited_for.is_some_and(|reason| gone.contains(&reason))
}

/// What becomes of a delivery whose daemon ended while an attempt was under way, after `doubts` others in doubt. A delivery that ends
/// the daemon each time must not be sent for ever, so the same bound holds as for answers that never came.
#[must_use]
pub fn interrupted(on_unknown: OnUnknown, doubts: u32, now: DateTime<Utc>) -> Settlement {
    let reason = Reason::Interrupted;
    match on_unknown {
        OnUnknown::Resend if doubts + 1 < MAX_ATTEMPTS_IN_DOUBT => {
            Settlement::Waiting { not_before: now, reason, possible_duplicate: true }
        }
        OnUnknown::Resend | OnUnknown::Hold => Settlement::Unknown(reason),
    }
}

fn wait_or_give_up(claim: &Claim, now: DateTime<Utc>, wait: Duration, reason: Reason) -> Settlement {
    let not_before = later(now, wait);
    if not_before <= claim.expire_at {
        Settlement::Waiting { not_before, reason, possible_duplicate: claim.possible_duplicate }
    } else {
        give_up(claim, Settlement::Expired(Reason::TooLate))
    }
}

/// `end`, unless an earlier copy may have arrived: then the end would claim too much, and all that is known is that
/// it is unknown.
fn give_up(claim: &Claim, end: Settlement) -> Settlement {
    match end.reason() {
        Some(reason) if claim.possible_duplicate => Settlement::Unknown(reason),
        Some(_) | None => end,
    }
}

/// `now + wait`, at the end of time where that is out of range.
fn later(now: DateTime<Utc>, wait: Duration) -> DateTime<Utc> {
    TimeDelta::from_std(wait).ok().and_then(|wait| now.checked_add_signed(wait)).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(change: impl FnOnce(&mut Claim), verdict: impl Into<Verdict>, expect: &Settlement) {
        let verdict = verdict.into();
        let mut claim = sample::claim();
        change(&mut claim);
        let now = claim.due_at;
        assert_eq!(&settle(&claim, verdict.clone(), now, 0.0), expect, "{verdict:?}");
    }

    fn waiting(seconds: i64, reason: Reason, possible_duplicate: bool) -> Settlement {
        let not_before = sample::claim().due_at + TimeDelta::seconds(seconds);
        Settlement::Waiting { not_before, reason, possible_duplicate }
    }

    #[test]
    fn what_each_verdict_means() {
        let retry = |reason, secs: Option<u64>| Verdict::Retry { reason, after: secs.map(Duration::from_secs) };
        check(
            |_| {},
            Verdict::Delivered { activity_id: Some("1".into()) },
            &Settlement::Sent { activity_id: Some("1".into()) },
        );
        check(|_| {}, retry(Reason::Throttled, None), &waiting(1, Reason::Throttled, false));
        // Retry-After is a floor: longer than the backoff it holds, shorter it does not shorten.
        check(|_| {}, retry(Reason::Throttled, Some(30)), &waiting(30, Reason::Throttled, false));
        check(|c| c.attempts = 5, retry(Reason::Throttled, Some(2)), &waiting(32, Reason::Throttled, false));
        check(|_| {}, retry(Reason::Throttled, Some(7200)), &Settlement::Expired(Reason::TooLate));
        check(
            |c| c.possible_duplicate = true,
            retry(Reason::Throttled, Some(7200)),
            &Settlement::Unknown(Reason::TooLate),
        );
        check(|_| {}, Verdict::OurFault { reason: Reason::AuthRefused }, &waiting(15, Reason::AuthRefused, false));
        check(|_| {}, Verdict::Permanent { reason: Reason::Refused }, &Settlement::Failed(Reason::Refused));
        check(|_| {}, Verdict::Permanent { reason: Reason::Blocked }, &Settlement::Skipped(Reason::Blocked));
        check(
            |c| c.possible_duplicate = true,
            Verdict::Permanent { reason: Reason::Refused },
            &Settlement::Unknown(Reason::Refused),
        );
    }

    #[test]
    fn a_conversation_that_is_not_found_is_given_up_in_three_steps() {
        let not_found =
            || Verdict::Recreate { reason: Reason::ConversationNotFound, after: Some(Duration::from_secs(30)) };
        let after = |reason| move |claim: &mut Claim| claim.waited_for = Some(reason);
        check(|_| {}, not_found(), &waiting(30, Reason::ConversationNotFound, false));
        check(after(Reason::Throttled), not_found(), &waiting(30, Reason::ConversationNotFound, false));
        check(after(Reason::ConversationNotFound), not_found(), &waiting(30, Reason::ConversationLost, false));
        let given_up = Settlement::Failed(Reason::ConversationNotFound);
        check(after(Reason::ConversationLost), not_found(), &given_up);

        let unreadable = || Verdict::Recreate { reason: Reason::ForeignConversation, after: None };
        check(|_| {}, unreadable(), &waiting(1, Reason::ForeignConversation, false));
        check(after(Reason::ForeignConversation), unreadable(), &Settlement::Failed(Reason::ForeignConversation));
        let asks = |reason| {
            let mut claim = sample::claim();
            claim.waited_for = reason;
            assert!(!asks_again(&claim), "of whom no id is known");
            claim.reference.user_id = Some("29:1".into());
            asks_again(&claim)
        };
        assert!(!asks(None) && !asks(Some(Reason::ConversationNotFound)));
        assert!(asks(Some(Reason::ConversationLost)) && asks(Some(Reason::ForeignConversation)));
    }

    #[test]
    fn doubt_is_never_called_sent_or_failed() {
        let after = |seconds: Option<u64>| Verdict::Unknown {
            reason: Reason::NoAnswer,
            after: seconds.map(Duration::from_secs),
        };
        let doubt = after(None);
        check(|_| {}, doubt.clone(), &waiting(10, Reason::NoAnswer, true));
        check(|c| c.on_unknown = OnUnknown::Hold, doubt.clone(), &Settlement::Unknown(Reason::NoAnswer));
        check(|c| c.attempts = 40, doubt.clone(), &waiting(10, Reason::NoAnswer, true));
        check(|c| c.doubts = 2, doubt.clone(), &waiting(300, Reason::NoAnswer, true));
        check(|c| c.doubts = MAX_ATTEMPTS_IN_DOUBT - 1, doubt.clone(), &Settlement::Unknown(Reason::NoAnswer));
        check(|c| c.expire_at = c.due_at, doubt, &Settlement::Unknown(Reason::NoAnswer));
        // Retry-After is a floor here too.
        check(|_| {}, after(Some(120)), &waiting(120, Reason::NoAnswer, true));
        check(|c| c.doubts = 2, after(Some(120)), &waiting(300, Reason::NoAnswer, true));
        check(|_| {}, after(Some(7200)), &Settlement::Unknown(Reason::NoAnswer));
    }

    #[test]
    fn a_crash_loop_ends_in_doubt_and_not_in_a_flood() {
        let now = sample::claim().due_at;
        let states = (0..6).map(|doubts| interrupted(OnUnknown::Resend, doubts, now).state());
        let (wait, doubt) = (State::Waiting, State::Unknown);
        assert_eq!(states.collect::<Vec<_>>(), [wait, wait, wait, doubt, doubt, doubt]);
        assert_eq!(interrupted(OnUnknown::Hold, 0, now), Settlement::Unknown(Reason::Interrupted));
    }

    #[test]
    fn the_states_fit_together() {
        for state in State::ALL {
            assert_eq!(State::parse(state.as_str()), Some(state));
            for before in state.comes_from() {
                assert!(!before.is_final(), "{before} is final, yet {state} comes from it");
            }
        }
        for reason in Reason::ALL {
            assert_eq!(Reason::parse(reason.as_str()), Some(*reason));
        }
    }
}
