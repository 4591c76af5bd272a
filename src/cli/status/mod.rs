//! `nudged status`: where every delivery stands.

// Which of very many are shown.
mod bound;
mod told;

use std::io::{self, IsTerminal as _};
use std::time::Duration;

use clap::Args;

pub(super) use self::told::occurrences;
use self::told::told;
use crate::adapter::clock::SystemClock;
use crate::adapter::zones::{ZoneData, of_reader};
use crate::cli::screen::Screen;
use crate::cli::{Common, Ended, Exit, desk};
use crate::port::clock::Clock as _;
use crate::port::store::StatusQuery;

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  nudged status\n  nudged status standup\n  nudged status --watch\n  nudged status --json | jq .occurrences\n\n\
                        Without a daemon the ledger is read directly, and the exit code is 69."
)]
pub(super) struct StatusArgs {
    /// Only this schedule, with every recipient
    schedule: Option<String>,
    /// At most so many occurrences: what is open first, then what is nearest to now [default: 40, or all with --json]
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Show it again every two seconds, until Ctrl-C; only where a person is looking
    #[arg(long)]
    watch: bool,
}

/// How often a status is shown that is watched.
const LOOK_EVERY: Duration = Duration::from_secs(2);

pub(super) async fn run(screen: Screen, common: &Common, args: &StatusArgs) -> Ended {
    let is_watched = args.watch && !screen.json && io::stdout().is_terminal();
    let clock = SystemClock::new();
    loop {
        let any = desk::open(screen, common).await?;
        let query = StatusQuery { schedule: args.schedule.clone() };
        let asked = any.desk.status(query).await;
        let exit = if any.is_daemon() { Exit::Done } else { Exit::DaemonNotReachable };
        any.close().await;
        let mut status = asked.map_err(|error| desk::failed(screen, &error))?;
        bound::bound(&mut status, args.limit.unwrap_or(if screen.json { usize::MAX } else { 40 }));
        if is_watched {
            screen.clear();
        }
        if screen.json {
            screen.json(&status);
        } else {
            screen.data(told(&status, args.schedule.as_deref(), of_reader(), &ZoneData::newest()));
        }
        if !is_watched || exit != Exit::Done {
            return Ok(exit);
        }
        clock.sleep(LOOK_EVERY).await;
    }
}
