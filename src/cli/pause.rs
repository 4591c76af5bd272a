//! `nudged pause` and `nudged resume`: hold a schedule, and let it go on.

use clap::Args;

use crate::cli::screen::Screen;
use crate::cli::{Common, Ended, Exit, desk};
use crate::port::desk::PauseRequest;

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  nudged pause standup\n  nudged pause standup --why 'the office is closed'\n\n\
                        What is due meanwhile waits, and expires where its lateness limit says so. \
                        A schedule also pauses itself when too many of its recipients can't be reached all at once.")]
pub(super) struct PauseArgs {
    /// The schedule
    schedule: String,
    /// Why, for whoever wonders
    #[arg(long, value_name = "TEXT")]
    why: Option<String>,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  nudged resume standup\n\n\
                        If it paused itself because too many could not be reached, what Teams says of its recipients \
                        is believed from now on for a day: whoever is not reachable is marked so.")]
pub(super) struct ResumeArgs {
    /// The schedule
    schedule: String,
}

pub(super) async fn pause(screen: Screen, common: &Common, args: &PauseArgs) -> Ended {
    let any = desk::open(screen, common).await?;
    let request = PauseRequest { schedule: args.schedule.clone(), why: args.why.clone() };
    let asked = any.desk.pause(request).await;
    any.close().await;
    let changed = asked.map_err(|error| desk::failed(screen, &error))?;
    tell(screen, &args.schedule, changed, "is paused", "was paused already");
    Ok(Exit::Done)
}

pub(super) async fn resume(screen: Screen, common: &Common, args: &ResumeArgs) -> Ended {
    let any = desk::open(screen, common).await?;
    let asked = any.desk.resume(args.schedule.clone()).await;
    any.close().await;
    let changed = asked.map_err(|error| desk::failed(screen, &error))?;
    tell(screen, &args.schedule, changed, "goes on", "was not paused");
    Ok(Exit::Done)
}

fn tell(screen: Screen, schedule: &str, changed: bool, done: &str, already: &str) {
    if screen.json {
        screen.json(&serde_json::json!({ "schema": "nudged.pause/1", "schedule": schedule, "changed": changed }));
    } else {
        screen.data(format!("{schedule} {}", if changed { done } else { already }));
    }
}
