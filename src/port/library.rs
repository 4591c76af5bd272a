//! Where the schedule files are.

use async_trait::async_trait;

use crate::domain::problem::Source;

/// A file that could not be read, with the reason in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnreadableFile {
    pub name: String,
    pub why: String,
}

/// What a look at the schedule files found.
#[derive(Debug, Clone, Default)]
pub struct Shelf {
    /// Every readable file, in the order of the names.
    pub files: Vec<Source>,
    pub unreadable: Vec<UnreadableFile>,
}

/// The schedule files of one directory and those below it.
#[async_trait]
pub trait Library: Send + Sync {
    async fn read(&self) -> Shelf;
}
