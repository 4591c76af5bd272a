//! Everybody as JSON lines, which an import takes back without loss.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::cli::screen::Screen;
use crate::cli::{Common, Ended, Exit, desk};
use crate::domain::import::export_line;
use crate::port::people::ExportQuery;

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  nudged people export --out people.jsonl\n  nudged people export | jq .addresses\n\n\
                        Names, addresses, references, groups, what was said of zones and when, and marks: all that \
                        `nudged people import` takes back. Who is in a team is read from Teams again. The file is for \
                        its owner only; treat it as what it is."
)]
pub(super) struct ExportArgs {
    /// Write to this file, which must not be there yet, instead of stdout
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(super) async fn run(screen: Screen, common: &Common, args: &ExportArgs) -> Ended {
    let mut file = args.out.as_deref().map(|path| create(screen, path)).transpose()?;
    let any = desk::open(screen, common).await?;
    let mut written = 0_usize;
    let mut after = 0;
    let ended = loop {
        let page = match any.desk.export_people(ExportQuery { after }).await {
            Ok(page) => page,
            Err(error) => break Err(desk::failed(screen, &error)),
        };
        let lines: Vec<String> = page.records.iter().map(export_line).collect();
        let done = match &mut file {
            None if lines.is_empty() => Ok(()),
            None => {
                screen.data(lines.join("\n"));
                Ok(())
            }
            Some(file) => lines.iter().try_for_each(|line| writeln!(file, "{line}")),
        };
        if let Err(error) = done {
            break Err(not_written(screen, args, &error));
        }
        written += lines.len();
        screen.progress(&format!("{written} written"));
        match page.next {
            Some(next) => after = next,
            None => break Ok(()),
        }
    };
    any.close().await;
    screen.end_progress();
    ended?;
    if let Some(mut file) = file {
        file.flush().and_then(|()| file.get_ref().sync_all()).map_err(|error| not_written(screen, args, &error))?;
        screen.say(format!("{written} written"));
    }
    Ok(Exit::Done)
}

/// A new file for its owner only: people's names and addresses come into it.
fn create(screen: Screen, path: &Path) -> Result<BufWriter<File>, Exit> {
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    file.map(BufWriter::new).map_err(|error| {
        screen.error(format!("{} can't be written: {error}", path.display()));
        Exit::Failed
    })
}

fn not_written(screen: Screen, args: &ExportArgs, error: &io::Error) -> Exit {
    let path = args.out.as_deref().unwrap_or_else(|| Path::new("stdout"));
    screen.error(format!("{} can't be written: {error}; what is there is not complete", path.display()));
    Exit::Failed
}
