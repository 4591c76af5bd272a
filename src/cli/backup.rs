//! `nudged backup`: a copy of the ledger, also while the daemon works.
//!
//! It reads the ledger itself instead of asking the daemon: the copy belongs to whoever asks for it, stands where they may
//! write, and is to be had also of a daemon that hangs.

use std::io;
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use crate::adapter::clock::SystemClock;
use crate::adapter::sqlite::{CopyError, back_up, backup_name, make_backup_directory};
use crate::cli::screen::Screen;
use crate::cli::{Common, Ended, Exit, settings};
use crate::daemon;
use crate::port::clock::Clock;

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  nudged backup\n  nudged backup --to /mnt/usb/ledger.db\n\n\
                  The copy is complete, checked and durable when the command ends. Nobody waits for it: senders go on. \
                  Only its owner may read it. `nudged restore` puts it in the ledger's place.")]
pub(super) struct BackupArgs {
    /// The file to make [default: a new one in the directory that `[backup]` names]
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
    /// Replace the file where it is an earlier backup
    #[arg(long, requires = "to")]
    force: bool,
}

/// What was made.
#[derive(Debug, Serialize)]
struct Made {
    schema: &'static str,
    path: PathBuf,
    bytes: u64,
    seconds: f64,
}

pub(super) fn run(screen: Screen, common: &Common, args: &BackupArgs) -> Ended {
    let config = settings::load(screen, common)?;
    let clock = SystemClock::new();
    let (began, now) = (clock.moment(), clock.now());
    let path = match (&args.to, &config.backups) {
        (Some(file), _) => file.clone(),
        (None, Some(backups)) => backups.directory.join(backup_name(now)),
        (None, None) => {
            screen.error("it is not said where to: add --to FILE, or [backup] with a directory to the configuration");
            return Err(Exit::Usage);
        }
    };
    let ledger = daemon::ledger(&config.state_dir);
    // Who names a file has a place for it.
    let directory = config.backups.filter(|_| args.to.is_none()).map(|backups| backups.directory);
    let made = directory.map_or(Ok(()), |directory| make_backup_directory(&directory));
    let bytes = made.and_then(|()| back_up(&ledger, &path, args.force, now)).map_err(|error| {
        screen.error(error.to_string());
        match &error {
            // As for whoever opens it.
            CopyError::NotOurs(path) | CopyError::Damaged { path, .. } | CopyError::Newer { path, .. }
                if *path == ledger =>
            {
                Exit::Invalid
            }
            _ => exit(&error),
        }
    })?;
    let seconds = clock.moment().since(began).as_secs_f64();
    let made = Made { schema: "nudged.backup/1", path, bytes, seconds };
    if screen.json {
        screen.json(&made);
    } else {
        screen.data(format!("{} ({bytes} bytes, checked, in {seconds:.1} s)", made.path.display()));
    }
    Ok(Exit::Done)
}

/// Which end it means that a copy was not made.
pub(super) fn exit(error: &CopyError) -> Exit {
    match error {
        CopyError::Exists(_) | CopyError::Itself(_) => Exit::Usage,
        CopyError::Failed { source, .. } if is_denied(source.as_ref()) => Exit::NotPermitted,
        CopyError::NoLedger(_)
        | CopyError::NotOurs(_)
        | CopyError::Newer { .. }
        | CopyError::Damaged { .. }
        | CopyError::Failed { .. } => Exit::Failed,
    }
}

fn is_denied(error: &(dyn std::error::Error + Send + Sync + 'static)) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
}
