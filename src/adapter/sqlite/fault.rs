//! What goes wrong inside an act, before it is known to the port.

use crate::port::store::StoreError;

/// The failure of an act. It becomes a [`StoreError`] where the act's name is known.
#[derive(Debug)]
pub(super) enum Fault {
    Sqlite(rusqlite::Error),
    Store(StoreError),
    /// The act cannot be done, for a reason that is said in words.
    Said(String),
}

impl Fault {
    /// `doing` says what was attempted.
    pub(super) fn while_doing(self, doing: &'static str) -> StoreError {
        match self {
            Fault::Sqlite(error) => StoreError::Failed { doing, source: Box::new(error) },
            Fault::Store(error) => error,
            Fault::Said(words) => StoreError::Failed { doing, source: words.into() },
        }
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Fault::Sqlite(error)
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Fault::Store(error)
    }
}
