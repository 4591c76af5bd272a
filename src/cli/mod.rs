//! One file for each command. Commands decide what to ask and how to say the answer; what is true is decided elsewhere.

mod backup;
mod cancel;
mod check;
mod completions;
mod demo;
mod desk;
mod doctor;
mod emulator;
mod event;
mod exit;
mod export;
mod failures;
mod ledger;
mod man;
mod manual;
mod next;
mod pause;
mod people;
mod preview;
mod problems;
mod prose;
mod recall;
mod reload;
mod restore;
mod retry;
mod run;
mod screen;
mod send;
mod settings;
mod status;
mod tail;
mod test;
mod times;
mod usage;
mod why;
mod world;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, CommandFactory, Parser, Subcommand};

pub use exit::Exit;

use screen::Screen;

pub use why::told as why_in_words;

/// Scheduled messages to Microsoft Teams, each at its recipient's own local hour.
#[derive(Debug, Parser)]
#[command(
    name = "nudged",
    version,
    max_term_width = 80,
    arg_required_else_help = true,
    after_help = "Exit codes: 0 done; 1 failed; 2 usage; 3 warnings with --strict; 4 some recipients failed; \
                  69 daemon not reachable; 75 try again; 77 not permitted; 78 config, schedule or ledger invalid."
)]
pub struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

/// What every command understands.
#[derive(Debug, Clone, Args)]
struct Common {
    /// The configuration file [default: /etc/nudged/nudged.toml]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print JSON instead of text
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the daemon: send what is due, until stopped
    Run(run::RunArgs),
    /// See a whole day go by in about a minute, against a built-in stand-in for Teams
    Demo(demo::DemoArgs),
    /// Check schedule files: every problem at once, with its place and its cure
    Check(check::CheckArgs),
    /// Show what is due next, in local time and UTC
    Next(next::NextArgs),
    /// Show exactly who gets what, when, and who is left out and why
    Preview(preview::PreviewArgs),
    /// Show where every delivery stands
    Status(status::StatusArgs),
    /// Explain why somebody gets a message, got it, or did not
    Why(why::WhyArgs),
    /// List what failed, expired or is unknown, with what to do about it
    Failures(failures::FailuresArgs),
    /// Follow what happens to deliveries, one line each
    Tail(tail::TailArgs),
    /// Send again what failed
    Retry(retry::RetryArgs),
    /// End what has not left yet of an occurrence
    Cancel(cancel::CancelArgs),
    /// Write the ledger as CSV or JSON lines, one delivery a line
    Export(export::ExportArgs),
    /// Send a schedule's message to one person now, as a test
    Test(test::TestArgs),
    /// Read the schedule files again, and say what that changes
    Reload(reload::ReloadArgs),
    /// Hold a schedule: nothing of it is sent until it is resumed
    Pause(pause::PauseArgs),
    /// Let a paused schedule go on
    Resume(pause::ResumeArgs),
    /// Send a message to people now
    Send(send::SendArgs),
    /// Say that something has happened, so that the schedules speak that wait for it
    Event(event::EventArgs),
    /// Take back what was sent: delete it, or put another text in its place
    Recall(recall::RecallArgs),
    /// Import and list the people who can be reached
    People(people::PeopleArgs),
    /// Find what keeps messages from arriving, or soon will, with its cure
    Doctor(doctor::DoctorArgs),
    /// Copy the ledger, also while the daemon works
    Backup(backup::BackupArgs),
    /// Put a backup in the place of the ledger
    Restore(restore::RestoreArgs),
    /// Run a stand-in for Teams on this machine, for rehearsals and tests
    Emulator(emulator::EmulatorArgs),
    /// Print the manual: of the program, of nudged.toml, of schedule files
    Man(man::ManArgs),
    /// Print what a shell needs to complete commands
    Completions(completions::CompletionsArgs),
}

/// Runs one command line.
#[must_use]
pub fn main() -> Exit {
    let parsed = Cli::try_parse();
    if let Some(wrong) = usage::wrong(&parsed) {
        Screen { json: false }.error(wrong);
        return Exit::Usage;
    }
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are answers, not errors; clap knows which goes where.
            let asked_for = !error.use_stderr();
            return if error.print().is_ok() && asked_for { Exit::Done } else { Exit::Usage };
        }
    };
    let screen = Screen { json: cli.common.json };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            screen.error(format!("no threads could be started: {error}"));
            return Exit::TryAgain;
        }
    };
    let exit = runtime.block_on(async {
        match cli.command {
            Command::Run(args) => run::run(screen, &cli.common, &args).await,
            Command::Demo(args) => demo::run(screen, &args).await,
            Command::Check(args) => check::run(screen, &cli.common, &args).await,
            Command::Next(args) => next::run(screen, &cli.common, &args).await,
            Command::Preview(args) => preview::run(screen, &cli.common, &args).await,
            Command::Status(args) => status::run(screen, &cli.common, &args).await,
            Command::Why(args) => why::run(screen, &cli.common, &args).await,
            Command::Failures(args) => failures::run(screen, &cli.common, &args).await,
            Command::Tail(args) => tail::run(screen, &cli.common, &args).await,
            Command::Retry(args) => retry::run(screen, &cli.common, &args).await,
            Command::Cancel(args) => cancel::run(screen, &cli.common, &args).await,
            Command::Export(args) => export::run(screen, &cli.common, &args).await,
            Command::Test(args) => test::run(screen, &cli.common, &args).await,
            Command::Reload(args) => reload::run(screen, &cli.common, &args).await,
            Command::Pause(args) => pause::pause(screen, &cli.common, &args).await,
            Command::Resume(args) => pause::resume(screen, &cli.common, &args).await,
            Command::Send(args) => send::run(screen, &cli.common, &args).await,
            Command::Event(args) => event::run(screen, &cli.common, &args).await,
            Command::Recall(args) => recall::run(screen, &cli.common, &args).await,
            Command::People(args) => people::run(screen, &cli.common, &args).await,
            Command::Doctor(args) => doctor::run(screen, &cli.common, &args).await,
            Command::Backup(args) => backup::run(screen, &cli.common, &args),
            Command::Restore(args) => restore::run(screen, &cli.common, &args),
            Command::Emulator(args) => emulator::run(screen, &args).await,
            Command::Man(args) => man::run(screen, &args),
            Command::Completions(args) => completions::run(screen, &args),
        }
    });
    // A backup whose disk hangs must not keep the process from its end; what it makes has no name before it is whole.
    runtime.shutdown_timeout(LAST_WORDS);
    // Whatever else is to be said: what was asked for is not there.
    if screen.is_all_out() { exit.unwrap_or_else(|exit| exit) } else { Exit::Failed }
}

/// How long work on other threads has to end once everything else has.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// The definition of the command line, for its own tests and for documentation.
#[must_use]
pub fn definition() -> clap::Command {
    Cli::command()
}

/// A command that has said what went wrong ends with its code.
type Ended = Result<Exit, Exit>;

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_well_formed() {
        super::definition().debug_assert();
    }
}
