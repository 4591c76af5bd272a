//! `nudged man`: the manual, for whoever has no package that brought it.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;

use super::manual::{self, Page};
use super::screen::Screen;
use super::{Ended, Exit};

#[derive(Debug, Args)]
#[command(after_help = "To read one: nudged man schedule | man -l -")]
pub(super) struct ManArgs {
    /// Which page
    #[arg(value_enum, default_value_t = Page::Nudged, conflicts_with = "to")]
    page: Page,
    /// Write all pages into this directory, with one for each command
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
}

pub(super) fn run(screen: Screen, args: &ManArgs) -> Ended {
    let failed = |error: std::io::Error| {
        screen.error(format!("the manual could not be written: {error}"));
        Exit::Failed
    };
    let Some(directory) = &args.to else {
        let page = manual::one(args.page).map_err(failed)?;
        std::io::stdout().write_all(&page.roff).map_err(failed)?;
        return Ok(Exit::Done);
    };
    std::fs::create_dir_all(directory).map_err(failed)?;
    for page in manual::all().map_err(failed)? {
        std::fs::write(directory.join(page.file), page.roff).map_err(failed)?;
    }
    Ok(Exit::Done)
}
