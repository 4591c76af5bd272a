//! The files, read again when they change.
//!
//! A change is believed when nothing more has changed for a moment: an editor writes in several steps, and a checkout
//! many files. What is read in the middle of a step all the same is broken, and its last good version goes on; or it is whole
//! and says less, and what is missing waits for its grace. Either way the next step is a change as well, and the files are
//! read once more.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::engine::catalog::CatalogKeeper;
use crate::port::clock::Clock;
use crate::port::library::FileWatch;
use crate::port::reload::ReloadRequest;

/// So long nothing has changed before the files are read.
const QUIET: Duration = Duration::from_millis(300);

/// Where changes do not end, the files are read after this all the same. With the time that reading takes, an edit is in
/// force within two seconds.
const AT_MOST: Duration = Duration::from_millis(1200);

/// When the store failed, it is tried again after this.
const AGAIN: Duration = Duration::from_secs(10);

/// Reads the files again when they change.
pub struct Reloader {
    pub files: Arc<dyn FileWatch>,
    pub keeper: Arc<CatalogKeeper>,
    pub clock: Arc<dyn Clock>,
    /// Rung when schedules have come into force.
    pub replan: Arc<Notify>,
}

impl Reloader {
    /// Runs until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.settled() => {}
            }
            // The next start reads the files anyway, and a directory that hangs must not hold up a stop.
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.reload() => {}
            }
            self.replan.notify_one();
        }
    }

    /// Reads the files, until the store is well enough to take in what they say.
    async fn reload(&self) {
        while let Err(error) = self.keeper.reload_as_asked(ReloadRequest::default()).await {
            tracing::error!(%error, "the schedule files could not be read again; it is tried once more");
            self.clock.sleep(AGAIN).await;
        }
    }

    /// Waits until something has changed, and then until nothing changes any more.
    async fn settled(&self) {
        self.files.changed().await;
        let began = self.clock.moment();
        while self.clock.moment().since(began) < AT_MOST {
            tokio::select! {
                () = self.files.changed() => {}
                () = self.clock.sleep(QUIET) => return,
            }
        }
    }
}
