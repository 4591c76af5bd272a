//! People files taken in: CSV, conversation references, and our own exports.
//!
//! A file with one JSON value on each line is taken in part by part, however long it is; any other is read whole.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use clap::Args;

use crate::adapter::files::{as_text, read_text};
use crate::cli::problems::{ProblemView, render};
use crate::cli::screen::Screen;
use crate::cli::{Common, Ended, Exit, desk};
use crate::domain::import::{self, PeopleFile};
use crate::domain::problem::{Problem, Source};
use crate::port::desk::{Desk, ImportReport};
use crate::port::library::UnreadableFile;

/// So many lines are taken in at once.
const LINES_AT_ONCE: usize = 5_000;

#[derive(Debug, Args)]
#[command(
    after_help = "CSV columns: id (or email, upn, entra_id, teams_id), name, zone, directory_zone, language, groups \
                        (separated by ;), country, quiet_hours, conversation_id, service_url, tenant_id; of a channel team, team_id and channel. \
                        directory_zone may be a Windows name, such as \"W. Europe Standard Time\".\n\n\
                        JSON: one reference, a list, or one on each line; also what `nudged people export` wrote.\n\n\
                        What a file does not say stays as it is known. Rows that are wrong are reported; the others are \
                        taken in.\n\nExamples:\n  nudged people import people.csv\n  nudged people import references.json"
)]
pub(super) struct ImportArgs {
    #[arg(required = true)]
    files: Vec<PathBuf>,
}

/// What came of all files so far.
#[derive(Default)]
struct Sum {
    report: ImportReport,
    problems: Vec<(Source, Problem)>,
    /// How many rows or references were left out for what is wrong with them.
    left_out: u64,
}

pub(super) async fn run(screen: Screen, common: &Common, args: &ImportArgs) -> Ended {
    let any = desk::open(screen, common).await?;
    let mut sum = Sum::default();
    let mut ended = Ok(());
    for file in &args.files {
        ended = take_in(screen, any.desk.as_ref(), file, &mut sum).await;
        if ended.is_err() {
            break;
        }
    }
    any.close().await;
    screen.end_progress();
    let Sum { report, problems, left_out } = sum;
    let not_taken_in = left_out + report.refused.len() as u64;
    let is_clean = problems.is_empty() && report.refused.is_empty();
    if screen.json && ended.is_ok() {
        let problems: Vec<_> = problems.iter().map(|(source, problem)| ProblemView::new(source, problem)).collect();
        screen.json(&serde_json::json!({
            "schema": "nudged.import/1",
            "added": report.added,
            "updated": report.updated,
            "unchanged": report.unchanged,
            "not_taken_in": not_taken_in,
            "refused": report.refused,
            "notes": report.notes,
            "problems": problems,
        }));
    } else if ended.is_ok() || report != ImportReport::default() || left_out > 0 {
        // What came in before a file that can't be read has come in.
        for (source, problem) in &problems {
            screen.say(render(source, problem));
        }
        tell(screen, &report, not_taken_in);
    }
    ended?;
    Ok(if is_clean { Exit::Done } else { Exit::SomeRecipientsFailed })
}

async fn take_in(screen: Screen, desk: &dyn Desk, path: &Path, sum: &mut Sum) -> Result<(), Exit> {
    let name = path.display().to_string();
    let unreadable = |file: &UnreadableFile| {
        screen.error(file.to_string());
        Exit::Failed
    };
    let cannot = |error: io::Error| {
        unreadable(&UnreadableFile::new(name.as_str(), error.to_string(), "check the path and its rights"))
    };
    if !is_json_lines(path).map_err(cannot)? {
        let source = read_text(path).map_err(|file| unreadable(&file))?;
        return give(screen, desk, source, sum).await;
    }
    let mut lines = BufReader::new(File::open(path).map_err(cannot)?);
    let mut before = 0;
    loop {
        let part = read_lines(&mut lines).map_err(cannot)?;
        if part.is_empty() {
            return Ok(());
        }
        // The lines before it are empty in this source, so that each problem stands in the line that it has in the file.
        let is_blank = part.trim_ascii().is_empty();
        let mut lines_so_far = vec![b'\n'; before];
        lines_so_far.extend(part);
        let source = as_text(&name, lines_so_far).map_err(|file| unreadable(&file))?;
        before = source.text.matches('\n').count();
        if !is_blank {
            give(screen, desk, source, sum).await?;
        }
        screen.progress(&format!("{before} lines taken in"));
    }
}

/// Whether the first line that says anything is a whole JSON object.
fn is_json_lines(path: &Path) -> io::Result<bool> {
    // A pipe or a device could be read for ever.
    if !std::fs::metadata(path)?.is_file() {
        return Ok(false);
    }
    let mut file = BufReader::new(File::open(path)?);
    let mut line = Vec::new();
    while file.read_until(b'\n', &mut line)? > 0 {
        if !line.trim_ascii().is_empty() {
            let value = serde_json::from_slice::<serde_json::Value>(&line);
            return Ok(value.is_ok_and(|value| value.is_object()));
        }
        line.clear();
    }
    Ok(false)
}

fn read_lines(lines: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut part = Vec::new();
    for _ in 0..LINES_AT_ONCE {
        if lines.read_until(b'\n', &mut part)? == 0 {
            break;
        }
    }
    Ok(part)
}

/// Reads what the source says and has it taken in.
async fn give(screen: Screen, desk: &dyn Desk, source: Source, sum: &mut Sum) -> Result<(), Exit> {
    let PeopleFile { people, problems, left_out } = import::people_file(&source);
    sum.problems.extend(problems.into_iter().map(|problem| (source.clone(), problem)));
    sum.left_out += left_out;
    let report = desk.import_people(people).await.map_err(|error| desk::failed(screen, &error))?;
    sum.report.added += report.added;
    sum.report.updated += report.updated;
    sum.report.unchanged += report.unchanged;
    sum.report.refused.extend(report.refused);
    sum.report.notes.extend(report.notes);
    Ok(())
}

fn tell(screen: Screen, report: &ImportReport, not_taken_in: u64) {
    for note in &report.notes {
        screen.say(format!("note: {note}"));
    }
    for refused in &report.refused {
        screen.say(format!("not taken in: {refused}"));
    }
    screen.data(format!(
        "{} added, {} updated, {} unchanged, {not_taken_in} not taken in",
        report.added, report.updated, report.unchanged
    ));
}
