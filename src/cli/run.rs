//! `nudged run`: the daemon.

use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use crate::adapter::clock::SystemClock;
use crate::adapter::entropy::SystemEntropy;
use crate::adapter::files::{DirectoryLibrary, DirectoryWatch};
use crate::adapter::log::{self, Form, People};
use crate::adapter::ticker::CronTicker;
use crate::adapter::zones::ZoneData;
use crate::cli::screen::Screen;
use crate::cli::{Common, Ended, Exit, desk, settings};
use crate::config::{Log, LogFormat};
use crate::daemon::{Daemon, Outside};
use crate::port::clock::Clock;
use crate::port::library::FileWatch;

#[derive(Debug, Args)]
#[command(
    after_help = "SIGTERM and SIGINT stop it: nothing new is claimed, requests in flight finish, the rest is given \
                        back. A second one ends it at once. SIGHUP reads the schedule files again, as does \
                        every change of one, and `nudged reload`."
)]
pub(super) struct RunArgs {}

pub(super) async fn run(screen: Screen, common: &Common, _args: &RunArgs) -> Ended {
    let config = settings::load(screen, common)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let _log = start_log(&config.log, Arc::clone(&clock));
    let files = watch(config.schedules.clone(), clock.as_ref()).await;
    let outside = Outside {
        clock,
        entropy: Arc::new(SystemEntropy),
        zones: Arc::new(ZoneData::newest()),
        library: Arc::new(DirectoryLibrary::new(config.schedules.clone())),
        files,
        ticker: Arc::new(CronTicker::new(config.backups.as_ref().map(|backups| backups.at))),
    };
    // Listened for before anything starts, so that an early stop is a clean one.
    let mut signals = Signals::new().map_err(|error| {
        screen.error(format!("signals can't be listened for: {error}"));
        Exit::Failed
    })?;
    let mut daemon = Daemon::start(&config, outside).await.map_err(|error| {
        screen.error(error.to_string());
        desk::start_exit(&error)
    })?;
    let exit = loop {
        tokio::select! {
            asked = signals.next() => match asked {
                Asked::Stop => break Exit::Done,
                Asked::Reload => tokio::select! {
                    reloaded = daemon.reload() => if let Err(error) = reloaded {
                        tracing::error!(%error, "the schedule files could not be read again");
                    },
                    () = signals.stop_again() => break Exit::Done,
                },
            },
            who = daemon.ended_early() => {
                screen.error(format!("stopping, since something ended that should not: {who}"));
                break Exit::Failed;
            }
        }
    };
    tokio::select! {
        () = daemon.stop() => Ok(exit),
        () = signals.stop_again() => {
            screen.error("stopped at once; what was in flight is unknown");
            Ok(Exit::Failed)
        }
    }
}

/// How long their directory may take to answer when the schedule files begin to be watched.
const WATCHED_WITHIN: Duration = Duration::from_secs(30);

/// Watches the schedule files; from before they are first read, so that no change is missed.
async fn watch(schedules: PathBuf, clock: &dyn Clock) -> Option<Arc<dyn FileWatch>> {
    // A directory that hangs must not keep the daemon from starting: what was good of it is in the ledger.
    let watch = tokio::select! {
        watch = tokio::task::spawn_blocking(|| DirectoryWatch::new(schedules)) => {
            watch.unwrap_or_else(|error| Err(io::Error::other(error)))
        }
        () = clock.sleep(WATCHED_WITHIN) => Err(io::ErrorKind::TimedOut.into()),
    };
    match watch {
        Ok(watch) => Some(Arc::new(watch)),
        Err(error) => {
            tracing::warn!(%error, "schedule files can't be watched; after an edit say `nudged reload`");
            None
        }
    }
}

/// What a signal asks for.
enum Asked {
    Stop,
    Reload,
}

struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    hangup: tokio::signal::unix::Signal,
    /// It was asked for while nobody could do it. What changed since a reading began may not have been read.
    is_reload_due: bool,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
            is_reload_due: false,
        })
    }

    async fn next(&mut self) -> Asked {
        if std::mem::take(&mut self.is_reload_due) { Asked::Reload } else { self.arrives().await }
    }

    async fn arrives(&mut self) -> Asked {
        tokio::select! {
            _ = self.terminate.recv() => Asked::Stop,
            _ = self.interrupt.recv() => Asked::Stop,
            _ = self.hangup.recv() => Asked::Reload,
        }
    }

    /// Waits for a stop; what else is asked for meanwhile is kept for later.
    async fn stop_again(&mut self) {
        while !matches!(self.arrives().await, Asked::Stop) {
            self.is_reload_due = true;
        }
    }
}

/// The log as the configuration has it. The journal adds the time itself; a terminal gets colour.
fn start_log(config: &Log, clock: Arc<dyn Clock>) -> log::Log {
    let filter = EnvFilter::try_from_env("NUDGED_LOG")
        .unwrap_or_else(|_| EnvFilter::new(format!("warn,nudged={}", config.level.as_str())));
    let has_colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let human = Form::Human { has_time: true, has_colour };
    let form = match config.format {
        LogFormat::Json => Form::Json,
        LogFormat::Human => human,
        LogFormat::Journal => Form::Journal,
        LogFormat::Auto if log::is_stderr_the_journal() => Form::Journal,
        LogFormat::Auto => human,
    };
    let people = if config.shows_people { People::Shown } else { People::Masked };
    log::start(form, people, filter, clock)
}
