//! What a doctor sees: through the daemon where one runs, else in the ledger itself. Nothing is judged here.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use crate::adapter::clock::SystemClock;
use crate::adapter::control::ControlClient;
use crate::adapter::machine::{self, ClockKeeping, Room};
use crate::adapter::sqlite::BackupDirectory;
use crate::adapter::zones::{Sources, ZoneData};
use crate::cli::desk;
use crate::config::Config;
use crate::daemon::{self, OwnedStore, StartError};
use crate::domain::credential::Credential;
use crate::port::backup::Backups as _;
use crate::port::clock::Clock;
use crate::port::credentials::Credentials as _;
use crate::port::desk::{
    BackupStatus, Desk, DeskError, EndpointStatus, HeldBackFile, PausedSchedule, RemovedSchedule, Status,
};
use crate::port::line::LineReport;
use crate::port::store::StatusQuery;
use crate::port::vitals::{Checkup, CrowdFigures, Organ, QueueFigures};

/// How long the message bus is waited for.
const CLOCK_WITHIN: Duration = Duration::from_secs(5);

/// Everything that there is to judge.
pub(super) struct Facts {
    pub(super) now: DateTime<Utc>,
    pub(super) daemon: DaemonSeen,
    /// Why the ledger can't be asked, where it can't.
    pub(super) ledger: Result<LedgerSeen, String>,
    pub(super) ledger_bytes: Option<u64>,
    pub(super) state_dir: PathBuf,
    pub(super) room: Result<Room, String>,
    /// `None` where the configuration makes no backups.
    pub(super) backups: Option<BackupStatus>,
    pub(super) credential: Result<CredentialSeen, String>,
    /// Why it could not be tried, where it could not.
    pub(super) line: Result<LineReport, String>,
    /// Whether the configuration has Teams call this daemon.
    pub(super) has_endpoint: bool,
    pub(super) clock: ClockKeeping,
    pub(super) zone_data: Sources,
    /// Zones in use in which the system's data and that in use differ within a year.
    pub(super) differing: Vec<Tz>,
}

/// Whether a daemon runs.
pub(super) enum DaemonSeen {
    Runs {
        version: String,
        started_at: DateTime<Utc>,
        /// Something in it hangs.
        hangs: Option<Organ>,
        /// In words, why it can't send.
        trouble: Option<String>,
        endpoint: Option<EndpointStatus>,
    },
    /// Somebody holds the ledger and does not answer.
    Silent(String),
    /// Whoever looks may not ask whether one runs.
    Denied(String),
    None,
}

/// What the ledger says.
pub(super) struct LedgerSeen {
    pub(super) held_back: Vec<HeldBackFile>,
    pub(super) paused: Vec<PausedSchedule>,
    pub(super) removed: Vec<RemovedSchedule>,
    pub(super) queues: Vec<QueueFigures>,
    pub(super) crowd: CrowdFigures,
    pub(super) zones: Vec<Tz>,
}

/// What the bot proves itself with.
pub(super) struct CredentialSeen {
    pub(super) credential: Credential,
    /// In words, what there is to do about it.
    pub(super) note: Option<String>,
}

/// Looks at everything. What can't be seen is among the facts.
pub(super) async fn gather(config: &Config) -> Facts {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let now = clock.now();
    let asked = match ControlClient::new(&config.socket) {
        Ok(client) => match client.knock().await {
            Ok(()) => ask_daemon(&client, config).await,
            // The secret is not theirs to read either.
            Err(DeskError::Denied(why)) => {
                Asked { credential: Some(Err(UNKNOWN.to_owned())), ..Asked::nothing(DaemonSeen::Denied(why)) }
            }
            Err(_) => look_directly(config, &clock).await,
        },
        Err(_) => look_directly(config, &clock).await,
    };
    let zone_data = ZoneData::newest();
    let zones = asked.ledger.as_ref().map(|ledger| ledger.zones.as_slice()).unwrap_or_default();
    let differing = zone_data.differing(zones, now);
    Facts {
        now,
        daemon: asked.daemon,
        ledger: asked.ledger,
        ledger_bytes: std::fs::metadata(daemon::ledger(&config.state_dir)).ok().map(|file| file.len()),
        state_dir: config.state_dir.clone(),
        room: machine::room(&config.state_dir).map_err(|error| error.to_string()),
        backups: backups(config, asked.backups).await,
        credential: asked.credential.unwrap_or_else(|| own_credential(config, now)),
        line: asked.line,
        has_endpoint: config.endpoint.is_some(),
        clock: clock_keeping(clock.as_ref()).await,
        zone_data: zone_data.sources(),
        differing,
    }
}

/// What one of the two ways found.
struct Asked {
    daemon: DaemonSeen,
    ledger: Result<LedgerSeen, String>,
    line: Result<LineReport, String>,
    backups: Option<BackupStatus>,
    credential: Option<Result<CredentialSeen, String>>,
}

const UNKNOWN: &str = "the daemon did not say";

impl Asked {
    /// Where the daemon can't be asked, and nobody else knows.
    fn nothing(daemon: DaemonSeen) -> Self {
        let (ledger, line) = (Err(UNKNOWN.to_owned()), Err(UNKNOWN.to_owned()));
        Self { daemon, ledger, line, backups: None, credential: None }
    }
}

async fn ask_daemon(client: &ControlClient, config: &Config) -> Asked {
    let asked = tokio::join!(client.status(StatusQuery::default()), client.checkup());
    let (status, checkup) = match asked {
        (Ok(status), Ok(checkup)) => (status, checkup),
        (Err(error), _) | (_, Err(error)) => {
            let why = format!("the daemon on {} does not answer as it should: {error}", config.socket.display());
            return Asked::nothing(DaemonSeen::Silent(why));
        }
    };
    let Status { daemon, held_back, paused, removed, .. } = status;
    let Checkup { queues, crowd, zones, .. } = checkup;
    let ledger = LedgerSeen { held_back, paused, removed, queues, crowd, zones };
    let (daemon, backups, credential) = match daemon {
        None => (DaemonSeen::None, None, None),
        Some(it) => {
            let credential = it.credentials.map(|told| {
                let unusable = told.note.clone().filter(|_| !checkup.is_credential_usable);
                let credential = Credential { kind: told.kind, ends_at: told.expires_at, unusable, exposed: None };
                Ok(CredentialSeen { credential, note: told.note })
            });
            let hangs = checkup.life.hangs;
            let runs = DaemonSeen::Runs {
                version: it.version,
                started_at: it.started_at,
                hangs,
                trouble: it.trouble,
                endpoint: it.endpoint,
            };
            (runs, it.backups, credential)
        }
    };
    Asked { daemon, ledger: Ok(ledger), line: Ok(checkup.line), backups, credential }
}

async fn look_directly(config: &Config, clock: &Arc<dyn Clock>) -> Asked {
    // The line first: a daemon that starts meanwhile waits some seconds for the ledger, and not for Teams.
    let line = match daemon::line(config, clock) {
        Ok(line) => Ok(line.probe().await),
        Err(error) => Err(error.to_string()),
    };
    let (daemon, ledger) = match daemon::open_store(&config.state_dir) {
        Ok(owned) => {
            let ledger = look_into(config, &owned).await;
            owned.store.close().await;
            (DaemonSeen::None, ledger)
        }
        Err(error @ StartError::AlreadyRunning(_)) => {
            let why = format!("{error}, and nobody answers on {}", config.socket.display());
            (DaemonSeen::Silent(why), Err("a daemon holds it".to_owned()))
        }
        Err(error) => (DaemonSeen::None, Err(error.to_string())),
    };
    Asked { daemon, ledger, line, backups: None, credential: None }
}

async fn look_into(config: &Config, owned: &OwnedStore) -> Result<LedgerSeen, String> {
    let store = &owned.store;
    let read = async {
        store.probe().await?;
        let status = desk::over_store(config, owned).status(StatusQuery::default()).await;
        Ok::<_, crate::port::store::StoreError>((
            status,
            store.queues(SystemClock::new().now()).await?,
            store.crowd().await?,
            store.zones().await?,
        ))
    };
    let (status, queues, crowd, zones) = read.await.map_err(|error| error.to_string())?;
    let Status { held_back, paused, removed, .. } = status.map_err(|error| error.to_string())?;
    Ok(LedgerSeen { held_back, paused, removed, queues, crowd, zones })
}

/// As the daemon saw them, else as the directory has them.
async fn backups(config: &Config, seen: Option<BackupStatus>) -> Option<BackupStatus> {
    let configured = config.backups.as_ref()?;
    // A daemon that has just started has not looked yet.
    if let Some(seen) = seen.filter(|seen| seen.last_at.is_some() || seen.trouble.is_some()) {
        return Some(seen);
    }
    let directory = BackupDirectory::new(daemon::ledger(&config.state_dir), configured.directory.clone());
    Some(match directory.list().await {
        Ok(mut there) => there.pop().map_or_else(BackupStatus::default, |newest| BackupStatus {
            last_at: Some(newest.made_at),
            bytes: Some(newest.bytes),
            path: Some(newest.path),
            trouble: None,
        }),
        Err(error) => BackupStatus { trouble: Some(error.to_string()), ..BackupStatus::default() },
    })
}

fn own_credential(config: &Config, now: DateTime<Utc>) -> Result<CredentialSeen, String> {
    let identity = daemon::identity(&config.bot).map_err(|error| error.to_string())?;
    let credential = identity.look();
    let note = credential.note(now);
    Ok(CredentialSeen { credential, note })
}

async fn clock_keeping(clock: &dyn Clock) -> ClockKeeping {
    let asked = tokio::task::spawn_blocking(machine::clock_keeping);
    tokio::select! {
        answer = asked => answer.unwrap_or(ClockKeeping::NobodySays),
        () = clock.sleep(CLOCK_WITHIN) => ClockKeeping::NobodySays,
    }
}
