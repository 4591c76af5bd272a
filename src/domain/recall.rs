//! Taking back what was sent.
//!
//! A recall is about one occurrence. Of each of its messages it ends in exactly one of these states:
//!
//! ```text
//! unsent                          nothing has arrived, and nothing will
//! awaiting ──a sender lets go──┬▶ unsent
//!                              ├▶ no-id    it arrived or may have, under an id that nobody knows
//!                              └▶ pending ──request──┬▶ done
//!                                   ▲                ├▶ gone    Teams has not got it any more
//!                                   └── not before … ┴▶ failed
//! ```
//!
//! Both requests (update and delete) may be repeated: they say what is to be, not what is to be done. So nothing here
//! has to be durable before a request leaves, an answer that never came is no doubt, and after a crash the request is
//! simply made again.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::domain::backoff::{self, Pace};
use crate::domain::delivery::{Reason, State};
use crate::domain::verdict::{LONGEST_RETRY_AFTER, Verdict};

/// What becomes of the messages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", content = "text", rename_all = "kebab-case")]
pub enum Remedy {
    /// They are deleted. In channels Teams leaves a line that says so.
    Delete,
    /// This text, a template, takes their place.
    Replace(String),
}

impl Remedy {
    /// What has been done with a message, in a word.
    #[must_use]
    pub fn done(&self) -> &'static str {
        match self {
            Remedy::Delete => "deleted",
            Remedy::Replace(_) => "replaced",
        }
    }

    /// What is to be done with it, in a word.
    #[must_use]
    pub fn verb(&self) -> &'static str {
        match self {
            Remedy::Delete => "delete",
            Remedy::Replace(_) => "replace",
        }
    }
}

/// Where the recall of one message stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RecallState {
    /// Its request was under way when the recall began: what there is to take back is not known yet.
    Awaiting,
    /// To be deleted or replaced.
    Pending,
    /// Deleted or replaced.
    Done,
    /// Teams has not got it any more: it was deleted before.
    Gone,
    /// It arrived or may have arrived, and no id is known under which it could be taken back.
    NoId,
    /// It could not be deleted or replaced, and still stands there.
    Failed,
    /// It had not been sent, and will not be.
    Unsent,
}

impl RecallState {
    pub const ALL: [RecallState; 7] = [
        RecallState::Awaiting,
        RecallState::Pending,
        RecallState::Done,
        RecallState::Gone,
        RecallState::NoId,
        RecallState::Failed,
        RecallState::Unsent,
    ];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            RecallState::Awaiting => "awaiting",
            RecallState::Pending => "pending",
            RecallState::Done => "done",
            RecallState::Gone => "gone",
            RecallState::NoId => "no-id",
            RecallState::Failed => "failed",
            RecallState::Unsent => "unsent",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// Whether nothing more happens to the message on account of this recall.
    #[must_use]
    pub fn is_final(self) -> bool {
        match self {
            RecallState::Awaiting | RecallState::Pending => false,
            RecallState::Done | RecallState::Gone | RecallState::NoId | RecallState::Failed | RecallState::Unsent => {
                true
            }
        }
    }

    /// Whether the message is, or may be, still to be read although the recall is over.
    #[must_use]
    pub fn is_left_standing(self) -> bool {
        match self {
            RecallState::NoId | RecallState::Failed => true,
            RecallState::Awaiting
            | RecallState::Pending
            | RecallState::Done
            | RecallState::Gone
            | RecallState::Unsent => false,
        }
    }
}

impl fmt::Display for RecallState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What is known of a delivery when it is recalled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    pub state: State,
    /// Whether Teams told the id of the message.
    pub has_id: bool,
    /// An earlier attempt has an unknown outcome.
    pub possible_duplicate: bool,
}

/// What an earlier recall did to the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Before {
    pub state: RecallState,
    /// Whether it was to be deleted.
    pub deletes: bool,
}

/// What a recall makes of a delivery; `None` where there is nothing to take back and nothing to stop.
///
/// A delivery that waits or is only claimed is stopped by its being recalled: nothing of it may leave after this.
#[must_use]
pub fn recalled(standing: Standing, before: Option<Before>) -> Option<RecallState> {
    let is_gone = before.is_some_and(|before| match before.state {
        RecallState::Gone => true,
        RecallState::Done => before.deletes,
        // What failed is tried again.
        RecallState::Awaiting
        | RecallState::Pending
        | RecallState::NoId
        | RecallState::Failed
        | RecallState::Unsent => false,
    });
    if is_gone {
        return Some(RecallState::Gone);
    }
    let Standing { state, has_id, possible_duplicate } = standing;
    let nothing_came = if possible_duplicate { RecallState::NoId } else { RecallState::Unsent };
    match state {
        State::Planned | State::Claimed | State::Waiting => Some(nothing_came),
        State::Sending => Some(RecallState::Awaiting),
        State::Sent if has_id => Some(RecallState::Pending),
        State::Sent | State::Unknown => Some(RecallState::NoId),
        State::Skipped | State::Failed | State::Expired | State::Cancelled => {
            possible_duplicate.then_some(RecallState::NoId)
        }
    }
}

/// No message waits for longer before it is looked at again. So one that stands further ahead was put there before the
/// clock was set back, and waits for nothing.
pub const LONGEST_WAIT: Duration = LONGEST_RETRY_AFTER;

/// How long it is tried to take a message back. After a day it has been read.
pub const GIVE_UP_AFTER: TimeDelta = TimeDelta::hours(24);

/// How often Teams must say that it does not find the conversation. It says so of valid ones too, now and then.
const NOT_FOUND_ENOUGH: u32 = 3;

/// What becomes of a message that was pending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecallSettlement {
    Done,
    Gone,
    Failed(Reason),
    /// To be tried again, not before this instant.
    Again {
        not_before: DateTime<Utc>,
        reason: Reason,
    },
    /// The limits have no room for it before this instant. No request was made.
    Postponed {
        not_before: DateTime<Utc>,
    },
}

impl RecallSettlement {
    #[must_use]
    pub fn state(&self) -> RecallState {
        match self {
            RecallSettlement::Done => RecallState::Done,
            RecallSettlement::Gone => RecallState::Gone,
            RecallSettlement::Failed(_) => RecallState::Failed,
            RecallSettlement::Again { .. } | RecallSettlement::Postponed { .. } => RecallState::Pending,
        }
    }

    #[must_use]
    pub fn reason(&self) -> Option<Reason> {
        match self {
            RecallSettlement::Failed(reason) | RecallSettlement::Again { reason, .. } => Some(*reason),
            RecallSettlement::Done | RecallSettlement::Gone | RecallSettlement::Postponed { .. } => None,
        }
    }

    /// Before when it must not be tried again.
    #[must_use]
    pub fn not_before(&self) -> Option<DateTime<Utc>> {
        match self {
            RecallSettlement::Again { not_before, .. } | RecallSettlement::Postponed { not_before } => {
                Some(*not_before)
            }
            RecallSettlement::Done | RecallSettlement::Gone | RecallSettlement::Failed(_) => None,
        }
    }
}

/// What the answer to request number `attempt` (from 1) means for a message whose recall was asked for at `asked_at`.
/// `draw` is a random number in `[0, 1)` that spreads the retries.
#[must_use]
pub fn settle(
    attempt: u32,
    asked_at: DateTime<Utc>,
    verdict: &Verdict,
    now: DateTime<Utc>,
    draw: f64,
) -> RecallSettlement {
    let again = |pace: Pace, floor: Duration, reason: Reason| {
        let not_before = now + backoff::delay(pace, attempt, draw).max(floor).min(LONGEST_WAIT);
        if not_before <= asked_at + GIVE_UP_AFTER {
            RecallSettlement::Again { not_before, reason }
        } else {
            RecallSettlement::Failed(reason)
        }
    };
    match verdict {
        Verdict::Delivered { .. } => RecallSettlement::Done,
        Verdict::Permanent { reason: Reason::ActivityNotFound } => RecallSettlement::Gone,
        Verdict::Permanent { reason } | Verdict::Elsewhere { reason, .. } => RecallSettlement::Failed(*reason),
        Verdict::Recreate { reason, .. } if attempt >= NOT_FOUND_ENOUGH => RecallSettlement::Failed(*reason),
        // In doubt as well: it says what is to be, so saying it twice does no harm.
        Verdict::Retry { reason, after } | Verdict::Recreate { reason, after } | Verdict::Unknown { reason, after } => {
            again(Pace::Transient, after.unwrap_or_default(), *reason)
        }
        Verdict::OurFault { reason } => again(Pace::OurFault, Duration::ZERO, *reason),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(state: State, has_id: bool, possible_duplicate: bool, expect: Option<RecallState>) {
        assert_eq!(recalled(Standing { state, has_id, possible_duplicate }, None), expect, "{state} {has_id}");
    }

    #[test]
    fn what_a_recall_makes_of_each_delivery() {
        for open in [State::Planned, State::Claimed, State::Waiting] {
            check(open, false, false, Some(RecallState::Unsent));
            check(open, false, true, Some(RecallState::NoId));
        }
        check(State::Sending, false, false, Some(RecallState::Awaiting));
        check(State::Sent, true, false, Some(RecallState::Pending));
        check(State::Sent, true, true, Some(RecallState::Pending));
        check(State::Sent, false, false, Some(RecallState::NoId));
        check(State::Unknown, false, false, Some(RecallState::NoId));
        for over in [State::Skipped, State::Failed, State::Expired, State::Cancelled] {
            check(over, false, false, None);
            // A copy may stand there, whatever the delivery ended as.
            check(over, false, true, Some(RecallState::NoId));
        }
    }

    #[test]
    fn a_second_recall_takes_up_what_the_first_left() {
        let check = |before: RecallState, deletes: bool, expect: RecallState| {
            let sent = Standing { state: State::Sent, has_id: true, possible_duplicate: false };
            assert_eq!(recalled(sent, Some(Before { state: before, deletes })), Some(expect), "{before} {deletes}");
        };
        check(RecallState::Failed, true, RecallState::Pending);
        check(RecallState::Pending, false, RecallState::Pending);
        check(RecallState::Awaiting, true, RecallState::Pending);
        check(RecallState::Done, false, RecallState::Pending);
        check(RecallState::Done, true, RecallState::Gone);
        check(RecallState::Gone, false, RecallState::Gone);
    }

    #[test]
    fn what_each_verdict_means() {
        let asked_at: DateTime<Utc> = "2027-03-01T08:00:00Z".parse().expect("an instant");
        let again = |seconds: i64, reason| RecallSettlement::Again {
            not_before: asked_at + TimeDelta::seconds(seconds),
            reason,
        };
        let check = |attempt: u32, verdict: Verdict, expect: RecallSettlement| {
            assert_eq!(settle(attempt, asked_at, &verdict, asked_at, 0.0), expect, "{verdict:?}");
        };
        let retry = |reason, seconds: Option<u64>| Verdict::Retry { reason, after: seconds.map(Duration::from_secs) };
        check(1, Verdict::Delivered { activity_id: None }, RecallSettlement::Done);
        check(1, Verdict::Permanent { reason: Reason::ActivityNotFound }, RecallSettlement::Gone);
        check(1, Verdict::Permanent { reason: Reason::Blocked }, RecallSettlement::Failed(Reason::Blocked));
        check(1, retry(Reason::Throttled, None), again(1, Reason::Throttled));
        check(1, retry(Reason::Throttled, Some(30)), again(30, Reason::Throttled));
        check(4, retry(Reason::Throttled, Some(2)), again(8, Reason::Throttled));
        check(1, retry(Reason::Throttled, Some(7200)), again(3600, Reason::Throttled));
        let not_found =
            || Verdict::Recreate { reason: Reason::ConversationNotFound, after: Some(Duration::from_secs(30)) };
        check(2, not_found(), again(30, Reason::ConversationNotFound));
        check(3, not_found(), RecallSettlement::Failed(Reason::ConversationNotFound));
        let elsewhere = Verdict::Elsewhere { reason: Reason::WrongRegion, instead: None };
        check(1, elsewhere, RecallSettlement::Failed(Reason::WrongRegion));
        check(1, Verdict::OurFault { reason: Reason::TokenRefused }, again(15, Reason::TokenRefused));
        let doubt = |seconds: Option<u64>| Verdict::Unknown {
            reason: Reason::ServerError,
            after: seconds.map(Duration::from_secs),
        };
        check(1, doubt(None), again(1, Reason::ServerError));
        check(1, doubt(Some(120)), again(120, Reason::ServerError));
    }

    #[test]
    fn a_recall_has_an_end() {
        let asked_at: DateTime<Utc> = "2027-03-01T08:00:00Z".parse().expect("an instant");
        let verdict = Verdict::Unknown { reason: Reason::NoAnswer, after: None };
        let (mut now, mut attempt) = (asked_at, 0);
        let end = loop {
            attempt += 1;
            match settle(attempt, asked_at, &verdict, now, 0.5) {
                RecallSettlement::Again { not_before, .. } => now = not_before,
                end => break end,
            }
        };
        assert_eq!(end, RecallSettlement::Failed(Reason::NoAnswer));
        assert!(now > asked_at + GIVE_UP_AFTER - TimeDelta::minutes(10), "not long before a day is over: {now}");
    }

    #[test]
    fn words_are_read_as_they_are_written() {
        for state in RecallState::ALL {
            assert_eq!(RecallState::parse(state.as_str()), Some(state));
            assert_eq!(serde_json::to_value(state).expect("a word"), state.as_str());
            assert!(!state.is_left_standing() || state.is_final(), "{state}");
        }
    }
}
