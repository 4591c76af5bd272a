//! How the daemon does, for those who watch over it: what its parts know, put together when somebody asks.
//!
//! What costs more than a glance is kept for a while: the queues are as old as [`QUEUES_HOLD_FOR`] at most, and the crowd,
//! for which a million people are looked at, as [`CROWD_HOLDS_FOR`].

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::Mutex;

use crate::domain::time::Moment;
use crate::engine::catalog::CatalogKeeper;
use crate::engine::desk::Running;
use crate::engine::pulse::Pulse;
use crate::port::desk::DeskError;
use crate::port::line::Line;
use crate::port::store::{Store, StoreError};
use crate::port::vitals::{
    Checkup, CredentialFigures, CrowdFigures, EndpointFigures, Figures, LedgerFigures, Life, Process, QueueFigures,
    Readiness, Vitals,
};
use crate::port::zones::ZoneDatabase;

/// Two monitors that ask at once ask the ledger once.
const QUEUES_HOLD_FOR: Duration = Duration::from_secs(5);

/// People come and go slowly, and to count a million of them takes the ledger's reader most of a second.
const CROWD_HOLDS_FOR: Duration = Duration::from_mins(5);

/// Whoever puts it together.
pub struct VitalSigns {
    pub store: Arc<dyn Store>,
    pub keeper: Arc<CatalogKeeper>,
    pub zones: Arc<dyn ZoneDatabase>,
    pub running: Running,
    pub pulse: Arc<Pulse>,
    pub line: Arc<dyn Line>,
    pub process: Arc<dyn Process>,
    pub queues: Kept<(Vec<QueueFigures>, u64)>,
    pub crowd: Kept<CrowdFigures>,
}

/// Something that was found out a while ago. The lock is held while it is found out, so that many who ask are one
/// question.
pub struct Kept<T>(Mutex<Option<(Moment, T)>>);

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<T: Clone> Kept<T> {
    /// What is known, unless it is older than that.
    async fn get<E>(
        &self,
        now: Moment,
        holds_for: Duration,
        find_out: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let mut kept = self.0.lock().await;
        if let Some((_, known)) = kept.as_ref().filter(|(at, _)| now.since(*at) < holds_for) {
            return Ok(known.clone());
        }
        let found = find_out.await?;
        *kept = Some((now, found.clone()));
        Ok(found)
    }
}

impl VitalSigns {
    fn now(&self) -> DateTime<Utc> {
        self.keeper.clock.now()
    }

    async fn queues(&self) -> Result<(Vec<QueueFigures>, u64), StoreError> {
        let find_out = async { Ok((self.store.queues(self.now()).await?, self.store.paused().await?.len() as u64)) };
        self.queues.get(self.keeper.clock.moment(), QUEUES_HOLD_FOR, find_out).await
    }

    async fn crowd(&self) -> Result<CrowdFigures, StoreError> {
        self.crowd.get(self.keeper.clock.moment(), CROWD_HOLDS_FOR, self.store.crowd()).await
    }

    async fn ledger(&self) -> Result<LedgerFigures, StoreError> {
        let (queues, paused) = self.queues().await?;
        Ok(LedgerFigures { queues, paused, crowd: self.crowd().await? })
    }

    fn credential(&self, now: DateTime<Utc>) -> CredentialFigures {
        let credential = self.running.credentials.look();
        let left = self.line.token_left().and_then(|left| TimeDelta::from_std(left).ok());
        CredentialFigures {
            kind: credential.kind,
            is_usable: credential.unusable.is_none(),
            expires_at: credential.ends_at,
            token_expires_at: left.and_then(|left| now.checked_add_signed(left)),
        }
    }
}

#[async_trait]
impl Vitals for VitalSigns {
    async fn life(&self) -> Life {
        Life { hangs: self.pulse.hangs().await }
    }

    async fn readiness(&self) -> Readiness {
        Readiness { lacks: self.pulse.lacks().await }
    }

    async fn figures(&self) -> Figures {
        let ledger =
            self.ledger().await.inspect_err(|error| tracing::warn!(%error, "the ledger gives no figures")).ok();
        let (now, running) = (self.now(), &self.running);
        let catalog = self.keeper.cell().current();
        let rounds = running.health.rounds();
        let endpoint = running.endpoint.as_ref().map(|endpoint| endpoint.status());
        Figures {
            version: running.version,
            started_at: running.started_at,
            now,
            counted: running.meter.read(),
            planning_passes: rounds.planner,
            dispatcher_rounds: rounds.dispatcher,
            oldest_request: running.health.oldest_request(),
            is_blocked: running.health.trouble().is_some(),
            schedules: catalog.of_files(),
            files_held_back: catalog.held_back.len() as u64,
            reloads: self.keeper.reloads(),
            credential: self.credential(now),
            endpoint: endpoint.map(|endpoint| EndpointFigures {
                heard: endpoint.heard,
                refused: endpoint.refused,
                last_heard_at: endpoint.last_heard_at,
            }),
            last_backup_at: running.backups.as_ref().and_then(|backups| backups.status().last_at),
            ledger,
            process: self.process.figures(),
        }
    }

    async fn checkup(&self) -> Result<Checkup, DeskError> {
        Ok(Checkup {
            schema: Checkup::SCHEMA.to_owned(),
            life: self.life().await,
            is_credential_usable: self.running.credentials.look().unusable.is_none(),
            line: self.line.probe().await,
            queues: self.store.queues(self.now()).await?,
            crowd: self.crowd().await?,
            zones: self.store.zones().await?,
            zone_data: self.zones.version().to_string(),
        })
    }
}
