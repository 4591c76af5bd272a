//! Where the schedule files are, and what stands beside them.

use async_trait::async_trait;

use crate::domain::problem::Source;
use crate::domain::supplies::Supplies;

/// A file that could not be read, with the reason in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnreadableFile {
    pub name: String,
    pub why: String,
}

/// A file that schedules may refer to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundSupply {
    /// Its path below the directory of the schedules, such as `cards/welcome.json`.
    pub path: String,
    pub text: Result<Source, UnreadableFile>,
}

/// What a look at the schedule files found.
#[derive(Debug, Clone, Default)]
pub struct Shelf {
    /// Every readable file, in the order of the names.
    pub files: Vec<Source>,
    /// What could not be read besides supplies.
    pub unreadable: Vec<UnreadableFile>,
    /// Every supply, in the order of the paths.
    pub supplies: Vec<FoundSupply>,
}

impl Shelf {
    /// The supplies that could be read, understood.
    #[must_use]
    pub fn understand(&self) -> Supplies {
        let readable = |supply: &FoundSupply| Some((supply.path.clone(), supply.text.clone().ok()?));
        Supplies::read(self.supplies.iter().filter_map(readable))
    }
}

/// Tells when the files may be others than before.
#[async_trait]
pub trait FileWatch: Send + Sync {
    /// Waits until something has changed since this was last asked; at first, since the watch began. Cancel-safe.
    async fn changed(&self);
}

/// The schedule files of one directory and those below it, with their supplies.
#[async_trait]
pub trait Library: Send + Sync {
    async fn read(&self) -> Shelf;
}
