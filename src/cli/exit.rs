//! What a command's end means to whoever started it.

use std::process::ExitCode;

/// The exit codes. They are documented and stable; a code not listed here means failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    Done = 0,
    Failed = 1,
    Usage = 2,
    /// Warnings, with `--strict`.
    Warnings = 3,
    SomeRecipientsFailed = 4,
    DaemonNotReachable = 69,
    TryAgain = 75,
    NotPermitted = 77,
    /// Configuration, schedule or ledger invalid. The service manager does not restart on it.
    Invalid = 78,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}
