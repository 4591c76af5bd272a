//! Speaking again to somebody who was marked as unreachable.

use clap::Args;

use crate::cli::people::zone::tell;
use crate::cli::screen::Screen;
use crate::cli::{Common, Ended, Exit, desk};
use crate::port::people::PersonQuery;

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  nudged people revive ana@contoso.example\n\n\
                        It lifts the mark that the person blocked the bot, that the app is not installed, and the like. \
                        If Teams says it again, the mark comes back. A person's own STOP is no such mark.")]
pub(super) struct ReviveArgs {
    /// An address, the id of a conversation, or a name
    who: String,
}

pub(super) async fn run(screen: Screen, common: &Common, args: &ReviveArgs) -> Ended {
    let any = desk::open(screen, common).await?;
    let asked = any.desk.revive(PersonQuery { who: args.who.clone() }).await;
    any.close().await;
    let change = asked.map_err(|error| desk::failed(screen, &error))?;
    tell(screen, &change, "there was no mark to lift");
    Ok(Exit::Done)
}
