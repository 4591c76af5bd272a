//! Answers to what people ask. The same desk stands in the daemon and, where none is running, in the command itself,
//! over the same store.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use tokio::sync::Notify;

use crate::domain::credential::Credential;
use crate::domain::id::ScheduleName;
use crate::domain::ladder::HouseZones;
use crate::domain::nearest::nearest;
use crate::domain::problem::{Severity, Source};
use crate::domain::quiet::QuietHours;
use crate::domain::recipient::PersonRecord;
use crate::domain::schedule::model::{Schedule, Target};
use crate::domain::schedule::parse;
use crate::domain::supplies::Supplies;
use crate::domain::time::ZoneRules;
use crate::engine::backups::DailyBackups;
use crate::engine::catalog::{Catalog, CatalogKeeper, SENDS};
use crate::engine::health::Health;
use crate::engine::limiter::Limiter;
use crate::engine::meter::Meter;
use crate::engine::outlook::outlook;
use crate::engine::planner::MISSING_GRACE;
use crate::engine::watch::Watch;
use crate::port::clock::Clock;
use crate::port::credentials::Credentials;
use crate::port::desk::{
    ConsentRequest, CredentialStatus, DaemonStatus, Desk, DeskError, ForwardReceipt, ImportReport, OccurrenceStatus,
    PauseRequest, People, RateStatus, RecallQuery, RecallRequest, RemovedSchedule, SendReceipt, SendRequest, Status,
};
use crate::port::ear::{Ear, ServiceUrls};
use crate::port::endpoint::Endpoint;
use crate::port::entropy::Entropy;
use crate::port::event::{EventReceipt, EventRequest};
use crate::port::export::{LedgerPage, LedgerQuery};
use crate::port::people::{ExportPage, ExportQuery, PersonChange, PersonFile, PersonQuery, ZoneOrder};
use crate::port::recall::RecallReport;
use crate::port::rehearsal::{TestReceipt, TestRequest};
use crate::port::reload::{ReloadRequest, ReloadVerdict};
use crate::port::store::{Missing, Pause, PausedBy, RATE_OVER, StatusQuery, Store, StoreError};
use crate::port::tail::{TailPage, TailQuery};
use crate::port::trouble::{CancelReport, CancelRequest, Failures, FailuresQuery, RetryReport, RetryRequest};
use crate::port::why::{Why, WhyQuery};

// What the operator says on somebody's behalf.
mod consent;
// What programs say has happened.
mod event;
// What another bot forwards.
mod forward;
// What is asked about single people.
mod people;
// What is asked about recalls.
mod recall;
// What is tested.
mod rehearsal;
// What happens, for whoever follows it.
mod tail;
// What went wrong, what is sent again, and what is cancelled.
mod trouble;
// Why somebody gets a message, or does not.
mod why;
// Schedule files that are read again.
mod reload;

pub use people::nobody;

/// How long an occurrence that has ended is still shown.
const SHOWN_FOR: TimeDelta = TimeDelta::hours(24);

/// An import is one act of the store for so many people at a time, so that sending goes on meanwhile.
const IMPORTED_AT_ONCE: usize = 5_000;

/// So many people, or deliveries, are one part of an export: some megabytes.
const EXPORTED_AT_ONCE: usize = 5_000;

/// The desk.
pub struct FrontDesk {
    pub store: Arc<dyn Store>,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    pub keeper: Arc<CatalogKeeper>,
    /// The directory of the schedule files, with which their names begin.
    pub schedules: PathBuf,
    /// What the configuration says of zones.
    pub house_zones: HouseZones,
    pub zones: Arc<dyn ZoneRules>,
    /// The quiet hours of the configuration.
    pub house_quiet_hours: Vec<QuietHours>,
    /// Where conversations may be that somebody tells of.
    pub service_urls: Arc<dyn ServiceUrls>,
    /// `None` where no daemon is running.
    pub daemon: Option<Running>,
}

/// What the desk knows of the daemon that it stands in.
#[derive(Clone)]
pub struct Running {
    pub version: &'static str,
    pub pid: u32,
    pub started_at: DateTime<Utc>,
    pub health: Arc<Health>,
    pub meter: Arc<Meter>,
    pub limiter: Arc<Limiter>,
    /// The tenant of people of whom no other is known.
    pub home: Arc<str>,
    pub credentials: Arc<dyn Credentials>,
    pub watch: Arc<Watch>,
    /// Where Teams calls, if it does.
    pub endpoint: Option<Arc<dyn Endpoint>>,
    /// `None` where no backups are made by themselves.
    pub backups: Option<Arc<DailyBackups>>,
    /// Takes in what another bot forwards.
    pub ear: Arc<dyn Ear>,
    /// Rung when there may be something new to dispatch.
    pub work: Arc<Notify>,
    /// Rung when what is to be planned has changed.
    pub replan: Arc<Notify>,
    /// Rung when there is something to take back.
    pub recall: Arc<Notify>,
}

fn told(credential: &Credential, now: DateTime<Utc>) -> CredentialStatus {
    CredentialStatus { kind: credential.kind, expires_at: credential.ends_at, note: credential.note(now) }
}

/// What `nudged send` made goes by itself when it is over, and never stood in a file.
fn removed(missing: Vec<Missing>) -> Vec<RemovedSchedule> {
    let of_files = missing.into_iter().filter(|missing| !missing.file.starts_with(SENDS));
    let told = of_files.map(|Missing { schedule, since, file: _ }| RemovedSchedule {
        schedule,
        since,
        cancelled_at: since + MISSING_GRACE,
    });
    told.collect()
}

impl From<StoreError> for DeskError {
    fn from(error: StoreError) -> Self {
        DeskError::Failed(error.to_string())
    }
}

impl FrontDesk {
    /// The schedules in force; those of the files where nobody has put any into force.
    async fn catalog(&self) -> Result<Arc<Catalog>, DeskError> {
        Ok(match &self.daemon {
            Some(_) => self.keeper.cell().current(),
            None => Arc::new(self.keeper.read().await?),
        })
    }

    /// A daemon has made known what the configuration says of zones when it started. Without one it may have changed since.
    async fn keep_house_zones(&self) -> Result<(), DeskError> {
        if self.daemon.is_none() {
            let now = self.clock.now();
            self.store.keep_house_zones(self.house_zones.clone(), self.keeper.fallback_zone, now).await?;
        }
        Ok(())
    }

    /// The schedule of this name, or what to write instead.
    async fn schedule(&self, name: &str) -> Result<ScheduleName, DeskError> {
        let catalog = self.catalog().await?;
        let known = ScheduleName::new(name).filter(|known| catalog.schedules.contains_key(known));
        known.ok_or_else(|| DeskError::NotFound(unknown_schedule(name, catalog.names())))
    }

    /// Refuses a name that nobody knows: that there is nothing of it would be true, and no answer.
    async fn must_be_known(&self, name: &str) -> Result<(), DeskError> {
        let catalog = self.catalog().await?;
        if catalog.names().any(|known| known == name) || self.has_heard_of(name).await? {
            return Ok(());
        }
        Err(DeskError::NotFound(unknown_schedule(name, catalog.names())))
    }

    /// Makes a schedule of a request and checks it as if a person had written it.
    fn write(&self, request: &SendRequest) -> Result<(String, Source, Vec<Schedule>), DeskError> {
        let now = self.clock.now();
        // Two sends of one name would be one send, so chance has to tell a great many of them apart.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is below 2^48")]
        let tail = (self.entropy.draw() * 281_474_976_710_656.0) as u64;
        let name = format!("send-{}-{tail:012x}", now.format("%Y%m%dT%H%M%SZ"));
        let text = toml::Value::from(request.text.as_str());
        let to = toml::Value::from(request.to.clone());
        let at = now.to_rfc3339_opts(SecondsFormat::Secs, true);
        let written = format!("[schedule.{name}]\nto = {to}\nat = {at}\nzone = \"UTC\"\ntext = {text}\n");
        let (source, schedules) = checked(&format!("{SENDS}{name}"), written)?;
        Ok((name, source, schedules))
    }

    /// Refuses people and groups of whom nobody is known: whoever sends a message now looks whether it went.
    async fn must_be_there(&self, target: &Target) -> Result<(), DeskError> {
        match target {
            Target::Group(group) if self.store.group_size(group).await? == 0 => {
                let words = format!("nobody is in the group \"{group}\"; `nudged people list` shows the groups");
                Err(DeskError::NotFound(words))
            }
            Target::Person(address) => self.must_be_met(address.as_str()).await,
            Target::Everyone | Target::Group(_) | Target::Team(_) | Target::Conversation(_) | Target::Event(_) => {
                Ok(())
            }
        }
    }
}

/// That nobody knows a schedule, and which one was probably meant.
pub fn unknown_schedule<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    match nearest(name, known) {
        Some(near) => format!("there is no schedule \"{name}\"; did you mean \"{near}\"?"),
        None => format!("there is no schedule \"{name}\"; `nudged next --days 365` lists what is due within a year"),
    }
}

/// A schedule that a request became, checked as if a person had written it.
fn checked(name: &str, written: String) -> Result<(Source, Vec<Schedule>), DeskError> {
    let source = Source::new(name, written);
    let (schedules, problems) = parse::parse(&source, &Supplies::none());
    if let Some(problem) = problems.iter().find(|problem| problem.severity() == Severity::Error) {
        let help = problem.help.as_ref().map_or_else(String::new, |help| format!("; {help}"));
        return Err(DeskError::BadRequest(format!("{}: {}{help}", problem.code, problem.message)));
    }
    Ok((source, schedules))
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
        let catalog = self.catalog().await?;
        let asked_for = query.schedule.clone();
        let mut ledger = self.store.status(query, now - SHOWN_FOR, now).await?;
        if let Some(name) = asked_for
            && ledger.occurrences.is_empty()
            && !catalog.schedules.keys().any(|known| known.as_str() == name)
        {
            return Err(DeskError::NotFound(unknown_schedule(&name, catalog.names())));
        }
        self.look_ahead(&mut ledger.occurrences).await?;
        let daemon = match &self.daemon {
            None => None,
            Some(running) => Some(DaemonStatus {
                version: running.version.to_owned(),
                pid: running.pid,
                started_at: running.started_at,
                schedules: catalog.of_files(),
                rate: Some(RateStatus {
                    requests: ledger.requests_lately,
                    seconds: u32::try_from(RATE_OVER.num_seconds()).unwrap_or(u32::MAX),
                    limit_per_second: running.limiter.per_tenant().max as u64,
                }),
                next_due_at: self.store.next_wake(Duration::ZERO, DateTime::<Utc>::MIN_UTC).await?,
                trouble: running.health.trouble(),
                credentials: Some(told(&running.credentials.look(), now)),
                endpoint: running.endpoint.as_ref().map(|endpoint| endpoint.status()),
                backups: running.backups.as_ref().map(|backups| backups.status()),
            }),
        };
        Ok(Status {
            schema: Status::SCHEMA.to_owned(),
            now,
            daemon,
            held_back: catalog.held_back.clone(),
            teams: self.store.named_teams().await?.into_iter().map(Into::into).collect(),
            paused: self.store.paused().await?.into_iter().map(Into::into).collect(),
            removed: removed(ledger.missing),
            occurrences: ledger.occurrences,
            omitted: 0,
            lateness: ledger.lateness,
            deliveries: ledger.deliveries,
        })
    }

    async fn people(&self) -> Result<People, DeskError> {
        Ok(People { schema: People::SCHEMA.to_owned(), people: self.store.people().await? })
    }

    async fn person(&self, query: PersonQuery) -> Result<PersonFile, DeskError> {
        self.show_person(&query.who).await
    }

    async fn order_zone(&self, order: ZoneOrder) -> Result<PersonChange, DeskError> {
        self.change_zone(&order).await
    }

    async fn revive(&self, query: PersonQuery) -> Result<PersonChange, DeskError> {
        self.revive_person(&query.who).await
    }

    async fn export_people(&self, query: ExportQuery) -> Result<ExportPage, DeskError> {
        Ok(self.store.export_people(query.after, EXPORTED_AT_ONCE).await?)
    }

    async fn import_people(&self, records: Vec<PersonRecord>) -> Result<ImportReport, DeskError> {
        self.keep_house_zones().await?;
        let mut report = ImportReport::default();
        let records = self.reachable(records, &mut report.refused);
        for chunk in records.chunks(IMPORTED_AT_ONCE) {
            let now = self.clock.now();
            let part = self.store.import_people(chunk.to_vec(), self.keeper.fallback_zone, now).await?;
            report.added += part.added;
            report.updated += part.updated;
            report.unchanged += part.unchanged;
            report.refused.extend(part.refused);
            report.notes.extend(part.notes);
        }
        if let Some(running) = &self.daemon {
            running.replan.notify_one();
        }
        Ok(report)
    }

    async fn why(&self, query: WhyQuery) -> Result<Why, DeskError> {
        self.explain(query).await
    }

    async fn failures(&self, query: FailuresQuery) -> Result<Failures, DeskError> {
        self.list_failures(query).await
    }

    async fn retry(&self, request: RetryRequest) -> Result<RetryReport, DeskError> {
        self.send_again(request).await
    }

    async fn export(&self, query: LedgerQuery) -> Result<LedgerPage, DeskError> {
        let (asked_for, is_first) = (query.schedule.clone(), query.after == 0);
        let page = self.store.ledger_page(query, EXPORTED_AT_ONCE).await?;
        if let Some(name) = asked_for.filter(|_| is_first && page.deliveries.is_empty()) {
            self.must_be_known(&name).await?;
        }
        Ok(page)
    }

    async fn tail(&self, query: TailQuery) -> Result<TailPage, DeskError> {
        self.follow(query).await
    }

    async fn test(&self, request: TestRequest) -> Result<TestReceipt, DeskError> {
        self.rehearse(request).await
    }

    async fn cancel(&self, request: CancelRequest) -> Result<CancelReport, DeskError> {
        self.cancel_occurrences(request).await
    }

    async fn send(&self, request: SendRequest) -> Result<SendReceipt, DeskError> {
        let Some(running) = &self.daemon else {
            return Err(DeskError::NoDaemon("a message can only be sent by a running daemon".into()));
        };
        let (name, source, schedules) = self.write(&request)?;
        for target in schedules.iter().flat_map(|schedule| &schedule.audience.to) {
            self.must_be_there(target).await?;
        }
        self.keeper.add(&source).await?;
        running.replan.notify_one();
        Ok(SendReceipt { schema: SendReceipt::SCHEMA.to_owned(), schedule: name })
    }

    async fn forward(&self, activity: Vec<u8>) -> Result<ForwardReceipt, DeskError> {
        self.take_forwarded(&activity).await
    }

    async fn event(&self, request: EventRequest) -> Result<EventReceipt, DeskError> {
        self.take_event(request).await
    }

    async fn recall(&self, request: RecallRequest) -> Result<RecallReport, DeskError> {
        self.begin_recall(request).await
    }

    async fn recall_report(&self, query: RecallQuery) -> Result<RecallReport, DeskError> {
        self.report_recall(query).await
    }

    async fn consent(&self, request: ConsentRequest) -> Result<bool, DeskError> {
        self.choose(request).await
    }

    async fn reload(&self, request: ReloadRequest) -> Result<ReloadVerdict, DeskError> {
        self.reload_files(request).await
    }

    async fn pause(&self, request: PauseRequest) -> Result<bool, DeskError> {
        let schedule = self.schedule(&request.schedule).await?;
        let why = request.why.unwrap_or_else(|| "paused by an operator".to_owned());
        if why.contains(char::is_control) {
            return Err(DeskError::BadRequest("the reason must be one line without control characters".into()));
        }
        let pause = Pause { schedule, why, by: PausedBy::Operator, not_believed: None };
        Ok(self.store.pause(pause, self.clock.now()).await?)
    }

    async fn resume(&self, schedule: String) -> Result<bool, DeskError> {
        // A paused schedule may have lost its file meanwhile; it can be let go all the same.
        let paused = self.store.paused().await?.into_iter().find(|paused| paused.schedule.as_str() == schedule);
        let schedule = match paused {
            Some(paused) => paused.schedule,
            None => self.schedule(&schedule).await?,
        };
        let now = self.clock.now();
        let Some(running) = &self.daemon else { return Ok(self.store.resume(schedule, now).await?) };
        let changed = running.watch.resume(self.store.as_ref(), schedule, now).await?;
        running.work.notify_one();
        Ok(changed)
    }
}
