//! Backups of the ledger, in the place where the daily ones go.

use std::path::PathBuf;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

/// A backup that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backup {
    pub path: PathBuf,
    pub made_at: DateTime<Utc>,
    pub bytes: u64,
}

/// Why there is no backup, in words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BackupError(pub String);

/// Where the daily backups are.
#[async_trait]
pub trait Backups: Send + Sync {
    /// Those that are complete, the oldest first.
    async fn list(&self) -> Result<Vec<Backup>, BackupError>;

    /// Makes one of the ledger as it is now. Senders go on meanwhile.
    async fn make(&self, now: DateTime<Utc>) -> Result<Backup, BackupError>;

    /// Removes one for good.
    async fn remove(&self, backup: &Backup) -> Result<(), BackupError>;
}
