//! `nudged run`: the daemon.

use std::io::IsTerminal;
use std::path::Path;
use std::sync::Arc;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::FmtSpan;

use crate::adapter::clock::SystemClock;
use crate::adapter::entropy::SystemEntropy;
use crate::adapter::files::{DirectoryLibrary, DirectoryWatch};
use crate::adapter::ticker::CronTicker;
use crate::adapter::zones::ZoneData;
use crate::cli::screen::Screen;
use crate::cli::{Common, Ended, Exit, desk, settings};
use crate::config::{Log, LogFormat};
use crate::daemon::{Daemon, Outside};
use crate::port::library::FileWatch;

#[derive(Debug, Args)]
#[command(
    after_help = "SIGTERM and SIGINT stop it: nothing new is claimed, requests in flight finish, the rest is given\n\
                        back. A second one ends it at once. SIGHUP reads the schedule files again, as does\n\
                        every change of one, and `nudged reload`."
)]
pub(super) struct RunArgs {}

pub(super) async fn run(screen: Screen, common: &Common, _args: &RunArgs) -> Ended {
    let config = settings::load(screen, common)?;
    start_log(&config.log);
    let outside = Outside {
        clock: Arc::new(SystemClock::new()),
        entropy: Arc::new(SystemEntropy),
        zones: Arc::new(ZoneData::newest()),
        library: Arc::new(DirectoryLibrary::new(config.schedules.clone())),
        files: watch(&config.schedules),
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

/// Watches the schedule files; from before they are first read, so that no change is missed.
fn watch(schedules: &Path) -> Option<Arc<dyn FileWatch>> {
    match DirectoryWatch::new(schedules.to_owned()) {
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

/// Lines to stderr. The journal adds the time itself; a terminal gets colour.
fn start_log(log: &Log) {
    let filter = EnvFilter::try_from_env("NUDGED_LOG")
        .unwrap_or_else(|_| EnvFilter::new(format!("warn,nudged={}", log.level.as_str())));
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_span_events(FmtSpan::NONE)
        .with_target(false)
        .with_ansi(std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none())
        .with_writer(std::io::stderr);
    let has_journal = std::env::var_os("JOURNAL_STREAM").is_some();
    // A log that somebody has started already, in a test, is as good.
    let _ = match log.format {
        LogFormat::Json => lines.json().try_init(),
        LogFormat::Human => lines.try_init(),
        LogFormat::Auto if has_journal => lines.without_time().try_init(),
        LogFormat::Auto => lines.try_init(),
    };
}
