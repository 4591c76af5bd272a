//! `nudged completions`: what the Tab key does in a shell.

use std::io::Write;

use clap::Args;
use clap_complete::Shell;

use super::screen::Screen;
use super::{Ended, Exit};

#[derive(Debug, Args)]
#[command(after_help = "For bash: nudged completions bash > /usr/share/bash-completion/completions/nudged")]
pub(super) struct CompletionsArgs {
    /// For which shell
    #[arg(value_enum)]
    shell: Shell,
}

pub(super) fn run(screen: Screen, args: &CompletionsArgs) -> Ended {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut super::definition(), "nudged", &mut script);
    match std::io::stdout().write_all(&script) {
        Ok(()) => Ok(Exit::Done),
        Err(error) => {
            screen.error(format!("the script could not be written: {error}"));
            Err(Exit::Failed)
        }
    }
}
