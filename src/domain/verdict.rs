//! What an answer from Teams means for a delivery. The table from status codes and error bodies to verdicts stands
//! with the client that reads them, in `adapter::teams::verdict`.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::delivery::Reason;

/// What is made of a `Retry-After` that asks for more. The longest window of the published limits is an hour, so after an
/// hour of silence no limit is full any more. A year, or a date by another clock, would silence a tenant until somebody
/// wonders; like this it costs one request an hour that is refused.
pub const LONGEST_RETRY_AFTER: Duration = Duration::from_hours(1);

/// What the answer to an attempt means. Each has one consequence, in [`crate::domain::delivery::settle`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Teams took the message. The id is missing when it answered 202 with an empty body.
    Delivered { activity_id: Option<String> },
    /// Nothing was delivered, and the same request may succeed later.
    Retry {
        reason: Reason,
        /// What `Retry-After` asked for, up to [`LONGEST_RETRY_AFTER`]. It is a floor: waiting may be longer, never shorter.
        after: Option<Duration>,
    },
    /// Nothing was delivered: Teams does not find, or can't read, the conversation's id. It says so of valid ids too,
    /// now and then; so the same id is tried again, then the conversation is asked for once more, and then it is given up.
    Recreate { reason: Reason, after: Option<Duration> },
    /// Nothing was delivered: the conversation is served from another place.
    Elsewhere {
        /// What to call it when no other place is known.
        reason: Reason,
        /// The service URL to ask next, where there is one that has not just been asked.
        instead: Option<String>,
    },
    /// Nothing was delivered, and the same request will never succeed.
    Permanent { reason: Reason },
    /// Nothing was delivered, and the cause is our own set-up: credentials, registration, configuration. The
    /// recipient is not to blame, so the delivery waits.
    OurFault { reason: Reason },
    /// It may or may not have been delivered: the request left and no trustworthy answer came back. What came back may still
    /// say how long to wait.
    Unknown { reason: Reason, after: Option<Duration> },
}

/// A verdict with the evidence for it, as the ledger keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub verdict: Verdict,
    pub evidence: Evidence,
}

impl Answer {
    /// A verdict reached without asking Teams.
    #[must_use]
    pub fn without_request(verdict: Verdict, detail: impl Into<String>) -> Self {
        Self { verdict, evidence: Evidence { detail: Some(detail.into()), ..Evidence::default() } }
    }
}

/// What was seen on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Evidence {
    /// The HTTP status, if any answer came.
    pub status: Option<u16>,
    /// The error code of the body, such as `ConversationNotFound`.
    pub error_code: Option<String>,
    /// The `MS-CV` header, for which Microsoft's support asks.
    pub correlation_id: Option<String>,
    /// A sentence for people: the error message of the body, or what went wrong on our side. Never a secret.
    pub detail: Option<String>,
}
