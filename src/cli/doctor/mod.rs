//! `nudged doctor`: everything that keeps messages from arriving, or soon will, each with its cure.

mod checks;
mod facts;

use clap::Args;
use serde::Serialize;

use crate::cli::screen::Screen;
use crate::cli::{Common, Ended, Exit, settings};
use checks::{Check, Found};

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  nudged doctor\n  nudged doctor --json | jq '.checks[] | select(.found == \"fail\")'\n\n\
                  It asks the running daemon, and without one looks into the ledger itself. It fetches a token and \
                  knocks at the Connector's door; it sends no message. The exit code is 1 when a check fails."
)]
pub(super) struct DoctorArgs {}

/// What `--json` prints.
#[derive(Serialize)]
struct Report<'a> {
    schema: &'static str,
    /// The worst of the checks.
    found: Found,
    checks: &'a [Check],
}

const SCHEMA: &str = "nudged.doctor/1";

pub(super) async fn run(screen: Screen, common: &Common, _args: &DoctorArgs) -> Ended {
    let config = settings::load(screen, common)?;
    let facts = facts::gather(&config).await;
    let checks = checks::judge(&facts);
    let worst = checks.iter().map(|check| check.found).max().unwrap_or(Found::Skip);
    if screen.json {
        screen.json(&Report { schema: SCHEMA, found: worst, checks: &checks });
    } else {
        screen.data(shown(&checks));
        screen.say(summary(&checks));
    }
    Ok(if worst == Found::Fail { Exit::Failed } else { Exit::Done })
}

/// Characters of a line at most.
const WIDTH: usize = 80;

/// Where findings begin.
const INDENT: usize = 18;

/// What a cure begins with.
const MARK: &str = "> ";

/// A line for each finding and one for its cure, aligned; what is longer goes on below.
fn shown(checks: &[Check]) -> String {
    let mut lines = Vec::new();
    for check in checks {
        let head = format!("{:<5} {:<11} ", check.found.as_str(), check.name);
        let finding = wrapped(&check.finding, WIDTH - INDENT);
        let cure = check.cure.iter().flat_map(|cure| wrapped(cure, WIDTH - INDENT - MARK.len()));
        let cure = cure.enumerate().map(|(at, line)| format!("{}{line}", if at == 0 { MARK } else { "  " }));
        for (at, line) in finding.into_iter().chain(cure).enumerate() {
            let head = if at == 0 { head.as_str() } else { "" };
            lines.push(format!("{head:<INDENT$}{line}"));
        }
    }
    lines.join("\n")
}

/// The words of a text, in lines of that width. A word that is longer has a line of its own.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            Some(_) | None => lines.push(word.to_owned()),
        }
    }
    lines
}

fn summary(checks: &[Check]) -> String {
    let of = |found: Found| checks.iter().filter(|check| check.found == found).count();
    format!(
        "{} well, {} to look at, {} failed, {} skipped",
        of(Found::Ok),
        of(Found::Warn),
        of(Found::Fail),
        of(Found::Skip)
    )
}

#[cfg(test)]
mod tests;
