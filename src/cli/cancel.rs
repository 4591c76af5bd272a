//! `nudged cancel`: ends what has not left yet of an occurrence.

use std::io::{self, BufRead as _, IsTerminal as _};

use chrono::NaiveDate;
use clap::Args;

use crate::cli::prose::paragraph;
use crate::cli::screen::Screen;
use crate::cli::{Common, Ended, Exit, desk, times};
use crate::port::desk::Desk;
use crate::port::trouble::{CancelReport, CancelRequest, CancelledOccurrence};

#[derive(Debug, Args)]
#[command(
    after_help = "Without --on it is the occurrence that is going out, or else the next one. What has left stays: \
                        `nudged recall` takes it back. It says what it will do and asks; --yes does not ask. It can't \
                        be undone, also not by an edit of the schedule. To stop a schedule for a while: `nudged pause`.\
                        \n\n\
                        Examples:\n  nudged cancel standup --dry-run\n  nudged cancel standup --on 2026-12-24 --yes"
)]
pub(super) struct CancelArgs {
    /// The schedule
    schedule: String,
    /// All of this date, as it stands in the schedule, such as 2026-12-24
    #[arg(long, value_name = "DATE", value_parser = times::date)]
    on: Option<NaiveDate>,
    /// Only say what would be done
    #[arg(long)]
    dry_run: bool,
    /// Do not ask first
    #[arg(long)]
    yes: bool,
}

pub(super) async fn run(screen: Screen, common: &Common, args: &CancelArgs) -> Ended {
    let any = desk::open(screen, common).await?;
    let ended = cancel(screen, any.desk.as_ref(), args).await;
    any.close().await;
    ended
}

async fn cancel(screen: Screen, desk: &dyn Desk, args: &CancelArgs) -> Ended {
    let failed = |error| desk::failed(screen, &error);
    let request = CancelRequest { schedule: args.schedule.clone(), on: args.on, dry_run: true };
    if args.dry_run || !args.yes {
        let plan = desk.cancel(request.clone()).await.map_err(failed)?;
        if args.dry_run {
            tell(screen, &plan);
            return Ok(Exit::Done);
        }
        screen.say(told(&plan));
        confirm(screen)?;
    }
    let done = desk.cancel(CancelRequest { dry_run: false, ..request }).await.map_err(failed)?;
    tell(screen, &done);
    Ok(Exit::Done)
}

fn confirm(screen: Screen) -> Result<(), Exit> {
    if !io::stdin().is_terminal() {
        screen.error("nothing has been cancelled, since nobody can be asked here; add --yes to go ahead");
        return Err(Exit::Usage);
    }
    screen.prompt("Cancel? [y/N] ");
    let mut answer = String::new();
    // What can't be read is no yes.
    let _ = io::stdin().lock().read_line(&mut answer);
    if matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes") {
        return Ok(());
    }
    screen.say("nothing has been cancelled");
    Err(Exit::Failed)
}

fn tell(screen: Screen, report: &CancelReport) {
    if screen.json {
        screen.json(report);
    } else {
        screen.data(told(report));
    }
}

fn told(report: &CancelReport) -> String {
    let verb = if report.dry_run { "to cancel" } else { "cancelled" };
    let line = |found: &CancelledOccurrence| {
        let out = match found.out {
            0 => String::new(),
            out => format!("; {out} have left already, `nudged recall` takes them back"),
        };
        let when = times::civil(found.occurrence);
        paragraph(&format!("{}, occurrence {when}: {} {verb}{out}", report.schedule, found.cancelled), 0)
    };
    report.occurrences.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cancel_says_what_ends_and_what_has_left() {
        let occurrence = |time: &str, cancelled, out| CancelledOccurrence {
            occurrence: format!("2026-12-24T{time}:00").parse().expect("a civil time"),
            cancelled,
            out,
        };
        let report = CancelReport {
            schema: CancelReport::SCHEMA.to_owned(),
            schedule: "standup".into(),
            dry_run: false,
            occurrences: vec![occurrence("09:00", 12, 3), occurrence("16:00", 15, 0)],
        };
        let told = told(&report);
        assert!(told.lines().all(|line| line.chars().count() <= 80), "80 columns:\n{told}");
        insta::assert_snapshot!(told);
        assert_eq!(serde_json::to_value(&report).expect("JSON")["schema"], "nudged.cancel/1");
    }
}
