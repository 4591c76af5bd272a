//! Replies: messages of nudged's own that answer a person, or ask them something. They are no deliveries.
//!
//! ```text
//! waiting ──sending durable──▶ sending ─┬▶ sent
//!    ▲                                  ├▶ dropped: in doubt, refused, or no longer worth it
//!    └──── nothing arrived, try again ──┘
//! ```
//!
//! What was asked for is done already when a reply is written, so a reply is worth little: one that may have arrived is
//! not sent again, and after some minutes it is given up. Nobody waits for a question, so it comes after all replies.

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;

use crate::domain::backoff;
use crate::domain::schedule::model::Priority;
use crate::domain::verdict::Verdict;

/// The state of a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ReplyState {
    Waiting,
    /// A request may have left.
    Sending,
    Sent,
    /// Nothing more is tried.
    Dropped,
}

impl ReplyState {
    pub const ALL: [ReplyState; 4] = [Self::Waiting, Self::Sending, Self::Sent, Self::Dropped];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Sending => "sending",
            Self::Sent => "sent",
            Self::Dropped => "dropped",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

impl fmt::Display for ReplyState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a reply is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A message of its own. Sent twice it would be there twice.
    Message,
    /// A line in a message that is there already. It may be put there again without harm.
    Line,
    /// A message of its own for which nobody waits.
    Question,
}

impl Form {
    /// For how long it is tried.
    #[must_use]
    pub fn worth(self) -> TimeDelta {
        match self {
            Self::Message | Self::Line => TimeDelta::minutes(10),
            // Many may be asked behind one message; later than this it would be out of the blue, and perhaps at night.
            Self::Question => TimeDelta::hours(1),
        }
    }

    /// Who goes first of those who make requests.
    #[must_use]
    pub fn priority(self) -> Priority {
        match self {
            // Somebody waits for it.
            Self::Message | Self::Line => Priority::Critical,
            Self::Question => Priority::Normal,
        }
    }
}

/// What becomes of a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplySettlement {
    Sent,
    Waiting { not_before: DateTime<Utc> },
    Dropped,
}

/// What the answer to attempt number `attempt` means. `draw` is a random number in `[0, 1)` that spreads the retries.
#[must_use]
pub fn settle(
    form: Form,
    attempt: u32,
    asked_at: DateTime<Utc>,
    verdict: &Verdict,
    now: DateTime<Utc>,
    draw: f64,
) -> ReplySettlement {
    let after = match (verdict, form) {
        (Verdict::Delivered { .. }, _) => return ReplySettlement::Sent,
        (Verdict::Permanent { .. } | Verdict::Recreate { .. } | Verdict::Elsewhere { .. }, _)
        | (Verdict::Unknown { .. }, Form::Message | Form::Question) => return ReplySettlement::Dropped,
        // Nothing arrived, or it does no harm to repeat it.
        (Verdict::Retry { after, .. }, _) | (Verdict::Unknown { after, .. }, Form::Line) => after.unwrap_or_default(),
        (Verdict::OurFault { .. }, _) => std::time::Duration::ZERO,
    };
    let wait = backoff::delay(backoff::Pace::Transient, attempt, draw).max(after);
    postponed(form, asked_at, TimeDelta::from_std(wait).unwrap_or(TimeDelta::MAX), now)
        .map_or(ReplySettlement::Dropped, |not_before| ReplySettlement::Waiting { not_before })
}

/// The instant `wait` from now, as long as the reply is worth it then. No reply waits for longer than it is worth, also
/// where it was asked for before the clock was set back.
#[must_use]
pub fn postponed(form: Form, asked_at: DateTime<Utc>, wait: TimeDelta, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let at = now.checked_add_signed(wait)?;
    (wait.max(at - asked_at) <= form.worth()).then_some(at)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::delivery::Reason;

    #[test]
    fn a_reply_arrives_once_or_not_at_all() {
        let asked_at = DateTime::UNIX_EPOCH;
        let check = |form: Form, seconds: i64, verdict: &Verdict, expect: ReplySettlement| {
            let now = asked_at + TimeDelta::seconds(seconds);
            assert_eq!(settle(form, 1, asked_at, verdict, now, 0.0), expect, "{form:?} {verdict:?}");
        };
        let in_seconds = |seconds| ReplySettlement::Waiting { not_before: asked_at + TimeDelta::seconds(seconds) };
        let throttled = |secs| Verdict::Retry { reason: Reason::Throttled, after: Some(Duration::from_secs(secs)) };
        let doubt = Verdict::Unknown { reason: Reason::NoAnswer, after: None };
        let busy = Verdict::Unknown { reason: Reason::ServerError, after: Some(Duration::from_secs(30)) };
        check(Form::Message, 0, &Verdict::Delivered { activity_id: None }, ReplySettlement::Sent);
        check(Form::Message, 0, &throttled(30), in_seconds(30));
        check(Form::Message, 590, &throttled(30), ReplySettlement::Dropped);
        check(Form::Message, 0, &doubt, ReplySettlement::Dropped);
        check(Form::Message, -7200, &throttled(30), in_seconds(-7170));
        check(Form::Message, -7200, &throttled(601), ReplySettlement::Dropped);
        check(Form::Line, 0, &doubt, in_seconds(1));
        check(Form::Line, 0, &busy, in_seconds(30));
        check(Form::Question, 0, &doubt, ReplySettlement::Dropped);
        check(Form::Question, 590, &throttled(30), in_seconds(620));
        check(Form::Question, 3590, &throttled(30), ReplySettlement::Dropped);
        check(Form::Message, 0, &Verdict::Permanent { reason: Reason::Blocked }, ReplySettlement::Dropped);
    }
}
