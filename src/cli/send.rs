//! `nudged send`: a message to people, now.

use clap::Args;

use crate::cli::screen::Screen;
use crate::cli::{Common, Ended, Exit, desk};
use crate::port::desk::{Desk, SendRequest};

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  nudged send --to ana@contoso.example --text 'The build is green.'\n  \
                        nudged send --to group:platform --to group:field --text 'Lunch!'\n  \
                        nudged send --to channel:Operations/Releases --text 'Version 7 is out.'\n\n\
                        The text is a template like those in schedules. The message becomes a schedule of its own, \
                        whose name is printed: `nudged status NAME` tells what became of it.")]
pub(super) struct SendArgs {
    /// A person, group:NAME, team:NAME, channel:TEAM/CHANNEL, chat:ID or everyone; may be given several times
    #[arg(long, required = true, value_name = "WHO")]
    to: Vec<String>,
    /// The text, in Markdown as Teams takes it
    #[arg(long)]
    text: String,
}

pub(super) async fn run(screen: Screen, common: &Common, args: &SendArgs) -> Ended {
    let daemon = desk::daemon_only(screen, common).await?;
    let request = SendRequest { to: args.to.clone(), text: args.text.clone() };
    let receipt = daemon.send(request).await.map_err(|error| desk::failed(screen, &error))?;
    if screen.json {
        screen.json(&receipt);
    } else {
        screen.data(&receipt.schedule);
        screen.say(format!("queued; see `nudged status {}`", receipt.schedule));
    }
    Ok(Exit::Done)
}
