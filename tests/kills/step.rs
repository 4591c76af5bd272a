//! Where in its work a daemon is killed. Nothing in the daemon knows of it: the witness sees requests come and go, a second
//! connection sees the ledger, and whoever sees the step kills at once.

use nudged::emulator::LoggedRequest;

/// One place of dying. A step is named after the last thing that had happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Step {
    /// At any moment of the start: the lock, the schema, the taking over, the first plan.
    Starting,
    /// The socket answers.
    Serving,
    /// At any moment of the work.
    Working,
    /// What there is to send was planned.
    Planned,
    /// A wave became deliveries.
    Expanded,
    /// Deliveries were claimed.
    Claimed,
    /// An attempt is durable.
    Sending,
    /// So many outcomes are durable.
    Settled,
    TokenAsked,
    TokenGiven,
    CreationAsked,
    Created,
    /// So many messages have reached Teams, and the last one is not answered.
    SendAsked,
    /// So many answers are on their way back.
    SendAnswered,
    /// Changed files were read and are in force.
    CatalogKept,
    /// A program's event is durable, and may not be answered.
    EventTaken,
    /// A program's event was answered.
    EventAnswered,
    /// A recall is durable.
    RecallBegun,
    DeletionAsked,
    Deleted,
    /// A cancel is durable, and may not be answered.
    CancelKept,
    /// It is durable that what is in doubt is sent again.
    RetryKept,
    /// Somebody said stop, and that was answered.
    StopAnswered,
    /// The answer to a person is about to leave.
    ReplySending,
    /// No kill: it was asked to stop in the middle of sending.
    Stopping,
}

impl Step {
    pub(crate) const ALL: [Step; 25] = [
        Step::Starting,
        Step::Serving,
        Step::Working,
        Step::Planned,
        Step::Expanded,
        Step::Claimed,
        Step::Sending,
        Step::Settled,
        Step::TokenAsked,
        Step::TokenGiven,
        Step::CreationAsked,
        Step::Created,
        Step::SendAsked,
        Step::SendAnswered,
        Step::CatalogKept,
        Step::EventTaken,
        Step::EventAnswered,
        Step::RecallBegun,
        Step::DeletionAsked,
        Step::Deleted,
        Step::CancelKept,
        Step::RetryKept,
        Step::StopAnswered,
        Step::ReplySending,
        Step::Stopping,
    ];
}

/// What a request to the emulator is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asks {
    Token,
    Create,
    Send,
    Delete,
}

impl Asks {
    pub(crate) fn is(self, request: &LoggedRequest) -> bool {
        let path = request.path.as_str();
        match self {
            Asks::Token => path.ends_with("/token"),
            Asks::Create => path.ends_with("/v3/conversations"),
            Asks::Send => request.method == "POST" && path.contains("/activities"),
            Asks::Delete => request.method == "DELETE",
        }
    }
}
