//! Beats for the chores, from tokio-cron-scheduler.
//!
//! Message times do not ride on it: it keeps a zone's offset from the moment a job was made, ticks twice a second over
//! all jobs, and keeps nothing over a restart. What it does well is to ring a bell in UTC now and then, so that is
//! all it is asked: a small, fixed number of jobs, added one after the other, each of which rings and returns.

use async_trait::async_trait;
use chrono::{NaiveTime, Timelike};
use tokio::sync::{Mutex, mpsc};
use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};

use crate::port::ticker::{Beat, Ticker, TickerError};

/// When each beat rings: six fields, seconds first, in UTC. Off the full hour, when everybody else's jobs run.
const BEATS: [(&str, Beat); 3] =
    [("5 * * * * *", Beat::Plan), ("25 7 * * * *", Beat::Upkeep), ("45 17 3 * * *", Beat::Prune)];

/// The beats of tokio-cron-scheduler.
#[derive(Default)]
pub struct CronTicker {
    /// When backups are made, in UTC; never where it is not said.
    backup_at: Option<NaiveTime>,
    scheduler: Mutex<Option<JobScheduler>>,
}

impl CronTicker {
    /// With a beat for backups, where a time of day in UTC is said.
    #[must_use]
    pub fn new(backup_at: Option<NaiveTime>) -> Self {
        Self { backup_at, scheduler: Mutex::default() }
    }

    /// Every beat with its pattern.
    fn beats(&self) -> Vec<(String, Beat)> {
        let mut beats: Vec<_> = BEATS.iter().map(|(when, beat)| ((*when).to_owned(), *beat)).collect();
        let daily = |at: NaiveTime| format!("{} {} {} * * *", at.second(), at.minute(), at.hour());
        beats.extend(self.backup_at.map(|at| (daily(at), Beat::Backup)));
        beats
    }
}

impl From<JobSchedulerError> for TickerError {
    fn from(error: JobSchedulerError) -> Self {
        TickerError(error.to_string())
    }
}

#[async_trait]
impl Ticker for CronTicker {
    async fn start(&self, bell: mpsc::Sender<Beat>) -> Result<(), TickerError> {
        let scheduler = JobScheduler::new().await?;
        for (when, beat) in self.beats() {
            let bell = bell.clone();
            let job = Job::new_async(when.as_str(), move |_, _| {
                let bell = bell.clone();
                Box::pin(async move {
                    // Full: a beat waits there already, and one pass does the work of both.
                    let _ = bell.try_send(beat);
                })
            })?;
            scheduler.add(job).await?;
        }
        scheduler.start().await?;
        *self.scheduler.lock().await = Some(scheduler);
        Ok(())
    }

    async fn stop(&self) {
        if let Some(mut scheduler) = self.scheduler.lock().await.take()
            && let Err(error) = scheduler.shutdown().await
        {
            tracing::warn!(%error, "the heart-beat did not stop cleanly");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Six fields, UTC, understood by the library as it is: a pattern that it refuses would stop the daemon.
    #[tokio::test]
    async fn every_beat_is_understood() {
        let ticker = CronTicker::new(NaiveTime::from_hms_opt(3, 40, 0));
        let (bell, _ears) = mpsc::channel(1);
        ticker.start(bell).await.expect("it starts");
        ticker.stop().await;
    }
}
