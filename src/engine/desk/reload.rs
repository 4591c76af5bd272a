//! Schedule files that are read again because somebody asks.

use super::FrontDesk;
use crate::port::desk::DeskError;
use crate::port::reload::{ReloadRequest, ReloadVerdict};

impl FrontDesk {
    /// What a reload would do can be asked of the ledger as well; without a daemon it is what its start will do.
    pub(super) async fn reload_files(&self, mut request: ReloadRequest) -> Result<ReloadVerdict, DeskError> {
        if let Some(tried) = request.tried.take() {
            if !request.dry_run {
                let words =
                    "files that are tried come into force by no reload; put them into the directory of the schedules";
                return Err(DeskError::BadRequest(words.into()));
            }
            return Ok(self.keeper.try_files(&tried.on_shelf(&self.schedules), request.prune).await?);
        }
        let (dry_run, is_running) = (request.dry_run, self.daemon.is_some());
        if !dry_run && !is_running {
            return Err(DeskError::NoDaemon("schedules come into force with a running daemon".into()));
        }
        let verdict = self.keeper.reload_as_asked(request).await?;
        if let (Some(running), false) = (&self.daemon, dry_run) {
            running.replan.notify_one();
        }
        Ok(verdict)
    }
}
