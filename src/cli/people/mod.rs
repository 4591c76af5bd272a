//! `nudged people`: who can be reached, and what is known of them.

// What somebody may be sent.
mod consent;
// Everything, as JSON lines.
mod export;
// People files and exports taken in.
mod import;
// Everybody in a table.
mod list;
// Speaking again to somebody who was marked.
mod revive;
// One person in full.
pub(super) mod show;
// Where somebody lives.
mod zone;

use clap::{Args, Subcommand};

use self::consent::ConsentArgs;
use crate::cli::screen::Screen;
use crate::cli::{Common, Ended};
use crate::domain::consent::Wish;

#[derive(Debug, Args)]
pub(super) struct PeopleArgs {
    #[command(subcommand)]
    command: PeopleCommand,
}

#[derive(Debug, Subcommand)]
enum PeopleCommand {
    /// Take in people from CSV files, Bot Framework conversation references (JSON) or an export
    Import(import::ImportArgs),
    /// List everybody, and whether they can be reached
    List(list::ListArgs),
    /// Show all that is known of somebody: zone and where it comes from, reference, and what is missing
    Show(show::ShowArgs),
    /// Say in which time zone somebody lives, or take that back
    Zone(zone::ZoneArgs),
    /// Speak again to somebody who was marked as unreachable
    Revive(revive::ReviveArgs),
    /// Send somebody nothing more, at all or about one topic
    Stop(ConsentArgs),
    /// Let somebody have messages again
    Start(ConsentArgs),
    /// Write out everybody as JSON lines, which `import` takes back
    Export(export::ExportArgs),
}

pub(super) async fn run(screen: Screen, common: &Common, args: &PeopleArgs) -> Ended {
    match &args.command {
        PeopleCommand::Import(args) => import::run(screen, common, args).await,
        PeopleCommand::List(args) => list::run(screen, common, args).await,
        PeopleCommand::Show(args) => show::run(screen, common, args).await,
        PeopleCommand::Zone(args) => zone::run(screen, common, args).await,
        PeopleCommand::Revive(args) => revive::run(screen, common, args).await,
        PeopleCommand::Stop(args) => consent::run(screen, common, args, Wish::Stop).await,
        PeopleCommand::Start(args) => consent::run(screen, common, args, Wish::Start).await,
        PeopleCommand::Export(args) => export::run(screen, common, args).await,
    }
}
