//! What beats ask for: planning, rescue, pruning, the ageing of zones, upkeep, a look at the credential, backups. All of
//! it is idempotent, so a lost, late or doubled beat does no harm; and because a beat may be lost for ever, planning also
//! happens when none has come for a while.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::domain::id::Term;
use crate::engine::backups::DailyBackups;
use crate::engine::credentials::CredentialWatch;
use crate::engine::planner::Planner;
use crate::port::clock::Clock;
use crate::port::store::{Store, StoreError};
use crate::port::ticker::Beat;

/// After this long without a beat, planning happens without one.
const SILENCE: Duration = Duration::from_mins(5);

/// A plan that failed is made again after this: who has moved meanwhile has no wave of their new zone before it is.
const AGAIN: Duration = Duration::from_secs(5);

/// The caretaker.
pub struct Chores {
    pub store: Arc<dyn Store>,
    pub clock: Arc<dyn Clock>,
    pub planner: Arc<Planner>,
    pub credentials: CredentialWatch,
    /// `None` where the operator wants none.
    pub backups: Option<Arc<DailyBackups>>,
    /// Rung after planning: there may be something new to dispatch.
    pub work: Arc<Notify>,
    /// Rings when planning is wanted at once.
    pub replan: Arc<Notify>,
    /// Rung after planning, so that rosters are looked after.
    pub rosters: Arc<Notify>,
    /// Rung with it, so that strangers are asked for.
    pub strangers: Arc<Notify>,
    /// Rung with it as well, should nobody have rung for a recall or a reply: neither is to wait for the next start.
    pub recall: Arc<Notify>,
    pub reply: Arc<Notify>,
    /// The zone of people of whom none is known.
    pub fallback_zone: Tz,
    /// How long attempts are kept.
    pub keep_attempts: TimeDelta,
    pub term: Term,
}

impl Chores {
    /// Runs until `stop`.
    pub async fn run(self, mut beats: mpsc::Receiver<Beat>, stop: CancellationToken) {
        self.credentials.look();
        // A disk for backups may hang for ever, and nothing else waits for it: not the plan, and not the stop.
        let mut backups = JoinSet::new();
        if let Some(daily) = self.backups.clone() {
            backups.spawn(async move { daily.look().await });
        }
        loop {
            let beat = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                Some(ended) = backups.join_next() => {
                    if let Err(error) = ended {
                        tracing::error!(%error, "a backup ended badly");
                    }
                    continue;
                }
                Some(beat) = beats.recv() => beat,
                () = self.replan.notified() => Beat::Plan,
                () = self.clock.sleep(SILENCE) => {
                    tracing::warn!(minutes = SILENCE.as_secs() / 60, "no beat came; planning without one");
                    Beat::Plan
                }
            };
            if let Some(daily) = self.backups.clone().filter(|_| backups.is_empty()) {
                match beat {
                    Beat::Backup => drop(backups.spawn(async move { daily.at_its_time().await })),
                    Beat::Upkeep => drop(backups.spawn(async move { daily.if_overdue().await })),
                    Beat::Plan | Beat::Prune => {}
                }
            }
            if let Err(error) = self.work_off(beat).await {
                tracing::error!(?beat, %error, "a chore failed; it is tried again");
                if beat == Beat::Plan {
                    self.planner.health.planner_ended();
                    tokio::select! {
                        biased;
                        () = stop.cancelled() => return,
                        () = self.clock.sleep(AGAIN) => self.replan.notify_one(),
                    }
                }
            }
        }
    }

    /// Whose Teams client has been silent for too long may live elsewhere by what else is said of them.
    async fn age_zones(&self, now: DateTime<Utc>) -> Result<(), StoreError> {
        let movers = self.store.age_zones(self.fallback_zone, now).await?;
        if movers > 0 {
            tracing::info!(movers, "the zones that Teams clients had said are too old; others count in their place");
            self.planner.pass().await?;
            self.work.notify_one();
        }
        Ok(())
    }

    async fn work_off(&self, beat: Beat) -> Result<(), StoreError> {
        let now = self.clock.now();
        match beat {
            Beat::Plan => {
                let rescued = self.store.rescue(self.planner.health.requests(), now).await?;
                if rescued != crate::port::store::Rescued::default() {
                    tracing::warn!(?rescued, term = self.term.0, "rescued what was held beyond its lease");
                }
                self.planner.pass().await?;
                self.work.notify_one();
                self.rosters.notify_one();
                self.strangers.notify_one();
                self.recall.notify_one();
                self.reply.notify_one();
            }
            Beat::Prune => {
                let rows = self.store.prune(now - self.keep_attempts, now).await?;
                tracing::info!(rows, "old attempts pruned");
                self.age_zones(now).await?;
            }
            Beat::Upkeep => {
                self.credentials.look();
                self.store.upkeep().await?;
            }
            // It has a task of its own.
            Beat::Backup => {}
        }
        Ok(())
    }
}
