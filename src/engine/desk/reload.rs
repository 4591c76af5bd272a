//! Schedule files that are read again because somebody asks.

use super::FrontDesk;
use crate::port::desk::DeskError;
use crate::port::reload::{ReloadRequest, ReloadVerdict};

impl FrontDesk {
    /// What a reload would do can be asked of the ledger as well; without a daemon it is what its start will do.
    pub(super) async fn reload_files(&self, request: ReloadRequest) -> Result<ReloadVerdict, DeskError> {
        let Some(running) = &self.daemon else {
            if request.dry_run {
                return Ok(self.keeper.reload_as_asked(request).await?);
            }
            return Err(DeskError::NoDaemon("schedules come into force with a running daemon".into()));
        };
        let verdict = self.keeper.reload_as_asked(request).await?;
        if !request.dry_run {
            running.replan.notify_one();
        }
        Ok(verdict)
    }
}
