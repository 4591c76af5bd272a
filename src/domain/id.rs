//! Names and row ids. Each is a type of its own, so that one can never be passed where another is meant.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A row id of the store. It is a number with a kind; nothing is ever computed from it.
macro_rules! row_id {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

row_id!(
    /// One delivery: one occurrence for one recipient.
    DeliveryId
);
row_id!(
    /// One recipient: a person, a group chat or a channel.
    RecipientId
);
row_id!(
    /// One attempt: one request for a delivery.
    AttemptId
);
row_id!(
    /// One recall: what was asked for about one occurrence.
    RecallId
);
row_id!(
    /// One reply: a message that answers a person.
    ReplyId
);

/// The name of a schedule: its identity for ever, whatever file it stands in.
///
/// ASCII letters, digits, `-` and `_`, beginning with a letter or digit, at most 80 characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct ScheduleName(String);

impl ScheduleName {
    pub const MAX_LENGTH: usize = 80;

    /// `None` when `name` is not made as described above.
    #[must_use]
    pub fn new(name: &str) -> Option<Self> {
        let mut chars = name.chars();
        let starts_well = chars.next().is_some_and(|c| c.is_ascii_alphanumeric());
        let goes_on_well = chars.all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
        (starts_well && goes_on_well && name.len() <= Self::MAX_LENGTH).then(|| Self(name.to_owned()))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ScheduleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A fingerprint of what a schedule says. Equal revisions mean the same schedule, whatever its comments and layout.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct Revision(pub String);

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Who holds a claim: a number that grows each time a daemon takes over the store. A write that carries an old term
/// is refused, so a daemon that lost its lease cannot change what its successor owns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Term(pub i64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedule_names_are_plain_words() {
        for good in ["standup", "town-hall", "a", "7-days", "Retro_2"] {
            assert!(ScheduleName::new(good).is_some(), "{good} should be a name");
        }
        let long = "x".repeat(81);
        for bad in ["", "-a", "a b", "ä", "a.b", "a/b", long.as_str()] {
            assert!(ScheduleName::new(bad).is_none(), "{bad:?} should not be a name");
        }
    }
}
