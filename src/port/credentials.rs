//! What the bot proves itself with, for whoever watches over it.

use crate::domain::credential::Credential;

/// Where the bot's credential is.
pub trait Credentials: Send + Sync {
    /// What there is to say about it now. It reads the files of the credential anew, so it is no question for a busy
    /// loop.
    fn look(&self) -> Credential;
}
