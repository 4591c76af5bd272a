//! Whom to ask: the daemon where one answers, else the store itself.

use std::sync::Arc;

use crate::adapter::clock::SystemClock;
use crate::adapter::control::{AdminError, ControlClient, TokenFileError};
use crate::adapter::endpoint::BindError;
use crate::adapter::entropy::SystemEntropy;
use crate::adapter::files::DirectoryLibrary;
use crate::adapter::sqlite::{OpenError, is_begun};
use crate::adapter::teams::TrustedHosts;
use crate::adapter::zones::ZoneData;
use crate::cli::screen::Screen;
use crate::cli::{Common, Exit, settings};
use crate::config::Config;
use crate::daemon::{self, OwnedStore, StartError};
use crate::engine::catalog::CatalogKeeper;
use crate::engine::desk::FrontDesk;
use crate::port::desk::{Desk, DeskError};

/// A desk, and what it stands on.
pub(super) struct AnyDesk {
    pub desk: Arc<dyn Desk>,
    /// Held while the store is read directly, so that no daemon starts meanwhile.
    owned: Option<OwnedStore>,
}

impl AnyDesk {
    /// Whether a daemon answers.
    pub(super) fn is_daemon(&self) -> bool {
        self.owned.is_none()
    }

    /// Lets go of the store.
    pub(super) async fn close(self) {
        if let Some(owned) = self.owned {
            owned.store.close().await;
        }
    }
}

/// Why nobody can be asked, and which end that means.
pub(super) struct NobodyToAsk {
    pub(super) why: String,
    pub(super) exit: Exit,
}

impl NobodyToAsk {
    /// Says it, where nothing can be done without.
    pub(super) fn say(self, screen: Screen) -> Exit {
        screen.error(self.why);
        self.exit
    }
}

impl From<DeskError> for NobodyToAsk {
    fn from(error: DeskError) -> Self {
        Self { exit: exit(&error), why: error.to_string() }
    }
}

/// The daemon's desk, or one over the store where no daemon is running.
pub(super) async fn open(screen: Screen, common: &Common) -> Result<AnyDesk, Exit> {
    let config = settings::load(screen, common)?;
    reach(&config).await.map_err(|nobody| nobody.say(screen))
}

/// The same, as this configuration has it.
async fn reach(config: &Config) -> Result<AnyDesk, NobodyToAsk> {
    match knock(config).await? {
        Some(desk) => Ok(desk),
        None => without_daemon(config),
    }
}

/// The same, for those who only look: where nothing has begun yet there is nobody, and nothing begins.
pub(super) async fn reach_if_any(config: &Config) -> Result<Option<AnyDesk>, NobodyToAsk> {
    match knock(config).await? {
        Some(desk) => Ok(Some(desk)),
        None if is_begun(&daemon::ledger(&config.state_dir)) => without_daemon(config).map(Some),
        None => Ok(None),
    }
}

async fn knock(config: &Config) -> Result<Option<AnyDesk>, NobodyToAsk> {
    let client = ControlClient::new(&config.socket)?;
    match client.knock().await {
        Ok(()) => Ok(Some(AnyDesk { desk: Arc::new(client), owned: None })),
        // A daemon may run, so the store is not to be looked at.
        Err(error @ DeskError::Denied(_)) => Err(error.into()),
        Err(_) => Ok(None),
    }
}

fn without_daemon(config: &Config) -> Result<AnyDesk, NobodyToAsk> {
    let socket = config.socket.display();
    let owned = daemon::open_store(&config.state_dir).map_err(|error| match (start_exit(&error), error) {
        (_, StartError::AlreadyRunning(_)) => {
            let why = format!(
                "a daemon holds the store but does not answer on {socket}; it may be starting or stopping, its log says more"
            );
            NobodyToAsk { why, exit: Exit::DaemonNotReachable }
        }
        // They may well be allowed to ask a daemon.
        (Exit::NotPermitted, error) => {
            let why = format!("no daemon answers on {socket}, and {error}");
            NobodyToAsk { why, exit: Exit::NotPermitted }
        }
        (exit, error) => NobodyToAsk { exit, why: error.to_string() },
    })?;
    Ok(AnyDesk { desk: Arc::new(over_store(config, &owned)), owned: Some(owned) })
}

/// A desk over the store itself.
pub(super) fn over_store(config: &Config, owned: &OwnedStore) -> FrontDesk {
    let clock = Arc::new(SystemClock::new());
    let library = Arc::new(DirectoryLibrary::new(config.schedules.clone()));
    let zones = Arc::new(ZoneData::newest());
    // An entry that is no host ends the start of the daemon and is named there. Until then nothing beyond the cloud is trusted.
    let trusted = TrustedHosts::new(config.bot.cloud, &config.bot.trusted_hosts)
        .unwrap_or_else(|_| TrustedHosts::of_cloud(config.bot.cloud));
    let keeper = CatalogKeeper::new(library, Arc::clone(&owned.store), clock.clone(), zones, config.fallback_zone);
    FrontDesk {
        store: Arc::clone(&owned.store),
        clock,
        entropy: Arc::new(SystemEntropy),
        keeper: Arc::new(keeper),
        schedules: config.schedules.clone(),
        house_zones: config.zones.clone(),
        zones: Arc::new(ZoneData::newest()),
        house_quiet_hours: config.quiet_hours.clone(),
        service_urls: Arc::new(trusted),
        daemon: None,
    }
}

/// The daemon's desk only.
pub(super) async fn daemon_only(screen: Screen, common: &Common) -> Result<ControlClient, Exit> {
    let config = settings::load(screen, common)?;
    let client = ControlClient::new(&config.socket).map_err(|error| failed(screen, &error))?;
    client.knock().await.map_err(|error| failed(screen, &error))?;
    Ok(client)
}

/// Says what the desk could not do.
pub(super) fn failed(screen: Screen, error: &DeskError) -> Exit {
    screen.error(error.to_string());
    exit(error)
}

fn exit(error: &DeskError) -> Exit {
    match error {
        DeskError::BadRequest(_) => Exit::Usage,
        DeskError::NoDaemon(_) => Exit::DaemonNotReachable,
        DeskError::Denied(_) => Exit::NotPermitted,
        DeskError::NotFound(_) | DeskError::Failed(_) => Exit::Failed,
    }
}

/// Which end a failed start means.
pub(super) fn start_exit(error: &StartError) -> Exit {
    match error {
        StartError::AlreadyRunning(_) | StartError::Store(_) | StartError::Ticker(_) => Exit::TryAgain,
        StartError::Directory { source, .. }
        | StartError::Socket { source, .. }
        | StartError::Endpoint(BindError::Listen { source, .. })
        | StartError::Admin(
            AdminError::Listen { source, .. } | AdminError::Token(TokenFileError::Unreadable { source, .. }),
        ) => io_exit(source.kind()),
        StartError::Credential(why) => why.io_kind().map_or(Exit::Invalid, io_exit),
        StartError::NoCredential(_)
        | StartError::Client(_)
        | StartError::Endpoint(BindError::OpenIdUrl(_) | BindError::Client(_))
        | StartError::Admin(
            AdminError::NotLoopback(_) | AdminError::Token(TokenFileError::Open(_) | TokenFileError::NoToken(_)),
        ) => Exit::Invalid,
        StartError::Open(error) => open_exit(error),
    }
}

/// Only what may be over by itself is worth another start.
fn open_exit(error: &OpenError) -> Exit {
    match error {
        OpenError::NotADatabase { .. }
        | OpenError::OfAnotherProgram { .. }
        | OpenError::Newer { .. }
        | OpenError::NotAFile { .. }
        | OpenError::Damaged { .. }
        | OpenError::LogWithoutLedger { .. }
        | OpenError::HalfRestored { .. }
        | OpenError::NoWriteAheadLog { .. } => Exit::Invalid,
        OpenError::Denied { .. } => Exit::NotPermitted,
        OpenError::ReadOnly { .. } | OpenError::Locked { .. } | OpenError::NoRoom { .. } => Exit::TryAgain,
        OpenError::DiskFails { .. } | OpenError::Failed { .. } => Exit::Failed,
    }
}

fn io_exit(kind: std::io::ErrorKind) -> Exit {
    match kind {
        std::io::ErrorKind::PermissionDenied => Exit::NotPermitted,
        std::io::ErrorKind::NotFound | std::io::ErrorKind::AlreadyExists | std::io::ErrorKind::NotADirectory => {
            Exit::Invalid
        }
        _ => Exit::Failed,
    }
}
