//! The heart-beat of the chores. A beat is a hint, never a promise: it may come late, twice or not at all, so every
//! chore is idempotent and reads its own durable mark.

use async_trait::async_trait;
use tokio::sync::mpsc;

/// What a beat asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beat {
    /// Plan the waves of the next hours; rescue what a lease left behind. Every minute.
    Plan,
    /// Remove what is older than the retention; stop believing clients that have been silent for too long. Daily.
    Prune,
    /// Let the store tidy itself, and look when the credential ends. Hourly.
    Upkeep,
    /// Back the ledger up. Daily, at the time that the operator says, where they say one.
    Backup,
}

#[derive(Debug, thiserror::Error)]
#[error("the heart-beat could not be started: {0}")]
pub struct TickerError(pub String);

/// Rings `bell` for each beat until [`Ticker::stop`]. A full bell loses the beat: the one in it does the same work.
#[async_trait]
pub trait Ticker: Send + Sync {
    async fn start(&self, bell: mpsc::Sender<Beat>) -> Result<(), TickerError>;

    async fn stop(&self);
}
