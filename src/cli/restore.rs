//! `nudged restore`: a backup in the place of the ledger.

use std::io::{self, BufRead, IsTerminal};
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;

use crate::adapter::clock::SystemClock;
use crate::adapter::sqlite::{OldLedger, Restored, restore};
use crate::cli::prose::WIDTH;
use crate::cli::screen::{Screen, folded};
use crate::cli::{Common, Ended, Exit, backup, desk, settings, times};
use crate::daemon::{self, StartError};
use crate::port::clock::Clock;

#[derive(Debug, Args)]
#[command(
    after_help = "Stop the daemon first. Nothing is deleted: what stood in the ledger's place is moved aside.\n\n\
                  A backup does not know what was sent after it was made. So nothing that was due until now is sent by \
                  itself: it is listed as unknown (restored), and what is due later goes on. Stops and people are taken \
                  over from the old ledger where that can still be read; pauses, recalls, zones and events that came after \
                  the backup have to be said again."
)]
pub(super) struct RestoreArgs {
    /// A file that `nudged backup` made
    file: PathBuf,
    /// Go ahead without asking
    #[arg(long)]
    yes: bool,
}

/// What was done.
#[derive(Debug, Serialize)]
struct Told<'a> {
    schema: &'static str,
    ledger: &'a Path,
    #[serde(flatten)]
    restored: &'a Restored,
}

pub(super) fn run(screen: Screen, common: &Common, args: &RestoreArgs) -> Ended {
    let config = settings::load(screen, common)?;
    let ledger = daemon::ledger(&config.state_dir);
    // Held until the end, so that no daemon starts meanwhile.
    let _lock = daemon::lock(&config.state_dir).map_err(|error| {
        match &error {
            StartError::AlreadyRunning(_) => screen.error(format!("{error}; stop it first, then restore")),
            _ => screen.error(error.to_string()),
        }
        desk::start_exit(&error)
    })?;
    if let Err(error) = std::fs::File::open(&args.file) {
        let file = args.file.display();
        screen.error(format!("nothing was restored: {file} can't be read: {error}; check the path and its rights"));
        return Err(if error.kind() == io::ErrorKind::PermissionDenied { Exit::NotPermitted } else { Exit::Failed });
    }
    if !args.yes {
        confirm(screen, &ledger, &args.file)?;
    }
    let now = SystemClock::new().now();
    let restored = restore(&ledger, &args.file, config.fallback_zone, now).map_err(|error| {
        screen.error(format!("nothing was restored: {error}"));
        backup::exit(&error)
    })?;
    if screen.json {
        screen.json(&Told { schema: "nudged.restore/1", ledger: &ledger, restored: &restored });
    } else {
        screen.data(told(&ledger, &restored));
    }
    Ok(Exit::Done)
}

fn confirm(screen: Screen, ledger: &Path, file: &Path) -> Result<(), Exit> {
    if !io::stdin().is_terminal() {
        screen.error("nothing was restored, since nobody can be asked here; add --yes to go ahead");
        return Err(Exit::Usage);
    }
    screen.prompt(format!(
        "Put {} in the place of {}? What was due until now is not sent by itself then. [y/N] ",
        file.display(),
        ledger.display()
    ));
    let mut answer = String::new();
    // What can't be read is no yes.
    let _ = io::stdin().lock().read_line(&mut answer);
    if matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes") {
        return Ok(());
    }
    screen.say("nothing was restored");
    Err(Exit::Failed)
}

/// What was done, what is in doubt, and what an operator has to look after.
fn told(ledger: &Path, restored: &Restored) -> String {
    let since = restored.made_at.map_or_else(|| "it was made".to_owned(), times::utc);
    let mut lines = vec![format!("{} is restored as of {since}", ledger.display())];
    lines.extend(restored.set_aside.iter().map(|path| format!("what stood there is now {}", path.display())));
    lines.push(match restored.in_doubt {
        0 => "nothing that was open in it was due by now".to_owned(),
        1 => "1 delivery was due by now: it is unknown (restored) and not sent by itself".to_owned(),
        many => format!("{many} deliveries were due by now: they are unknown (restored) and not sent by themselves"),
    });
    match &restored.old_ledger {
        None => {}
        Some(OldLedger::Read(taken)) => {
            lines.push(format!(
                "from the old ledger: {} stops and starts, and {} people, that the backup did not know",
                taken.choices, taken.people
            ));
            lines.extend(taken.refused.iter().map(|why| format!("  not taken over: {why}")));
        }
        Some(OldLedger::Unreadable(why)) => {
            lines.push(format!(
                "ATTENTION: the old ledger could not be read ({why}); whoever said STOP after {since} will get messages \
                 again: say it for them with `nudged people stop`"
            ));
        }
    }
    lines.push(format!("pauses, recalls, zones and events that came after {since} have to be said again"));
    lines.iter().map(|line| folded(line, WIDTH, 2)).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapter::sqlite::TakenOver;

    #[test]
    fn a_restore_says_what_is_in_doubt_and_what_is_lost() {
        let restored = Restored {
            made_at: "2026-12-01T03:40:00Z".parse().ok(),
            in_doubt: 12,
            set_aside: vec!["/var/lib/nudged/nudged.db.before-restore-20261201T100000Z".into()],
            old_ledger: Some(OldLedger::Read(TakenOver { people: 2, choices: 3, refused: Vec::new() })),
        };
        let unreadable = Restored {
            in_doubt: 0,
            old_ledger: Some(OldLedger::Unreadable("it is damaged".into())),
            ..restored.clone()
        };
        let ledger = Path::new("/var/lib/nudged/nudged.db");
        insta::assert_snapshot!(format!("{}\n\n{}", told(ledger, &restored), told(ledger, &unreadable)));
    }
}
