//! Answers to what people ask. The same desk stands in the daemon and, where none is running, in the command itself,
//! over the same store.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use tokio::sync::Notify;

use crate::domain::problem::{Severity, Source};
use crate::domain::recipient::PersonRecord;
use crate::domain::schedule::parse;
use crate::domain::supplies::Supplies;
use crate::engine::catalog::{CatalogKeeper, SENDS};
use crate::engine::health::Health;
use crate::engine::limiter::Limiter;
use crate::engine::outlook::outlook;
use crate::port::clock::Clock;
use crate::port::desk::{
    DaemonStatus, Desk, DeskError, ImportReport, OccurrenceStatus, People, SendReceipt, SendRequest, Status,
};
use crate::port::entropy::Entropy;
use crate::port::store::{StatusQuery, Store, StoreError};

/// How long an occurrence that has ended is still shown.
const SHOWN_FOR: TimeDelta = TimeDelta::hours(24);

/// An import is one act of the store for so many people at a time, so that sending goes on meanwhile.
const IMPORTED_AT_ONCE: usize = 5_000;

/// The desk.
pub struct FrontDesk {
    pub store: Arc<dyn Store>,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    pub keeper: Arc<CatalogKeeper>,
    /// `None` where no daemon is running.
    pub daemon: Option<Running>,
}

/// What the desk knows of the daemon that it stands in.
pub struct Running {
    pub version: &'static str,
    pub pid: u32,
    pub started_at: DateTime<Utc>,
    pub health: Arc<Health>,
    pub limiter: Arc<Limiter>,
    /// The tenant of people of whom no other is known.
    pub home: Arc<str>,
    /// Rung when what is to be planned has changed.
    pub replan: Arc<Notify>,
}

impl From<StoreError> for DeskError {
    fn from(error: StoreError) -> Self {
        DeskError::Failed(error.to_string())
    }
}

impl FrontDesk {
    /// Makes a schedule of a request and checks it as if a person had written it.
    fn write(&self, request: &SendRequest) -> Result<(String, Source), DeskError> {
        let now = self.clock.now();
        // Two sends of one name would be one send, so chance has to tell a great many of them apart.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is below 2^48")]
        let tail = (self.entropy.draw() * 281_474_976_710_656.0) as u64;
        let name = format!("send-{}-{tail:012x}", now.format("%Y%m%dT%H%M%SZ"));
        let text = toml::Value::from(request.text.as_str());
        let to = toml::Value::from(request.to.clone());
        let at = now.to_rfc3339_opts(SecondsFormat::Secs, true);
        let written = format!("[schedule.{name}]\nto = {to}\nat = {at}\nzone = \"UTC\"\ntext = {text}\n");
        let source = Source::new(format!("{SENDS}{name}"), written);
        let (_, problems) = parse::parse(&source, &Supplies::none());
        if let Some(problem) = problems.iter().find(|problem| problem.severity() == Severity::Error) {
            let help = problem.help.as_ref().map_or_else(String::new, |help| format!("; {help}"));
            return Err(DeskError::BadRequest(format!("{}: {}{help}", problem.code, problem.message)));
        }
        Ok((name, source))
    }
}

impl FrontDesk {
    /// Says of each occurrence when it will be finished, where a daemon is sending.
    async fn look_ahead(&self, occurrences: &mut [OccurrenceStatus]) -> Result<(), DeskError> {
        let Some(running) = self.daemon.as_ref().filter(|running| running.health.trouble().is_none()) else {
            return Ok(());
        };
        let (store, clock) = (self.store.as_ref(), self.clock.as_ref());
        let outlook = outlook(store, &running.limiter, clock, Arc::clone(&running.home)).await?;
        for it in occurrences {
            if let Some(forecast) = outlook.get(&(it.schedule.clone(), it.occurrence)) {
                (it.finished_at, it.too_late) = (forecast.finished_at, forecast.too_late);
            }
        }
        Ok(())
    }
}

#[async_trait]
impl Desk for FrontDesk {
    async fn status(&self, query: StatusQuery) -> Result<Status, DeskError> {
        let now = self.clock.now();
        let catalog = match &self.daemon {
            Some(_) => self.keeper.cell().current(),
            // Nobody has put anything into force, so the files are looked at.
            None => Arc::new(self.keeper.read().await?),
        };
        let mut ledger = self.store.status(query, now - SHOWN_FOR, now).await?;
        self.look_ahead(&mut ledger.occurrences).await?;
        let daemon = match &self.daemon {
            None => None,
            Some(running) => Some(DaemonStatus {
                version: running.version.to_owned(),
                pid: running.pid,
                started_at: running.started_at,
                schedules: catalog.schedules.len() as u64,
                next_due_at: self.store.next_wake(Duration::ZERO, DateTime::<Utc>::MIN_UTC).await?,
                trouble: running.health.trouble(),
            }),
        };
        Ok(Status {
            schema: Status::SCHEMA.to_owned(),
            now,
            daemon,
            held_back: catalog.held_back.clone(),
            occurrences: ledger.occurrences,
            deliveries: ledger.deliveries,
        })
    }

    async fn people(&self) -> Result<People, DeskError> {
        Ok(People { schema: People::SCHEMA.to_owned(), people: self.store.people().await? })
    }

    async fn import_people(&self, records: Vec<PersonRecord>) -> Result<ImportReport, DeskError> {
        let mut report = ImportReport::default();
        for chunk in records.chunks(IMPORTED_AT_ONCE) {
            let now = self.clock.now();
            let part = self.store.import_people(chunk.to_vec(), self.keeper.fallback_zone, now).await?;
            report.added += part.added;
            report.updated += part.updated;
            report.unchanged += part.unchanged;
            report.refused.extend(part.refused);
        }
        if let Some(running) = &self.daemon {
            running.replan.notify_one();
        }
        Ok(report)
    }

    async fn send(&self, request: SendRequest) -> Result<SendReceipt, DeskError> {
        let Some(running) = &self.daemon else {
            return Err(DeskError::NoDaemon("a message can only be sent by a running daemon".into()));
        };
        let (name, source) = self.write(&request)?;
        self.keeper.add(&source).await?;
        running.replan.notify_one();
        Ok(SendReceipt { schedule: name })
    }
}
