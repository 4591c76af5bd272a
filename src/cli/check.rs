//! `nudged check`: every problem at once, with its place and its cure.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::PathBuf;

use chrono::{DateTime, TimeDelta, Utc};
use clap::Args;
use serde::Serialize;

use crate::adapter::clock::SystemClock;
use crate::adapter::files::read_paths;
use crate::adapter::zones::ZoneData;
use crate::cli::problems::{ProblemView, show};
use crate::cli::screen::Screen;
use crate::cli::world::Crowd;
use crate::cli::{Common, Ended, Exit, settings};
use crate::domain::id::ScheduleName;
use crate::domain::plan::{Window, plan};
use crate::domain::problem::{Code, Problem, Severity, Source};
use crate::domain::schedule::model::Schedule;
use crate::domain::schedule::parse::{self, Duplicate};
use crate::port::clock::Clock;

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  nudged check schedules/\n  nudged check --strict standup.toml\n  \
                        nudged check - < standup.toml")]
pub(super) struct CheckArgs {
    /// Files, directories, or - for standard input [default: the configured directory, else ./schedules]
    paths: Vec<PathBuf>,
    /// Let warnings fail, with exit code 3
    #[arg(long)]
    strict: bool,
    /// Check against these people whether everybody can be reached in time, as `people import` reads them
    /// [default: the people who are known, where the configured directory is checked]
    #[arg(long, value_name = "FILE")]
    people: Option<PathBuf>,
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Report {
    schema: &'static str,
    files: Vec<FileReport>,
    problems: Vec<ProblemView>,
}

#[derive(Debug, Serialize)]
struct FileReport {
    file: String,
    schedules: usize,
    errors: usize,
    warnings: usize,
}

struct Checked {
    source: Source,
    schedules: usize,
    problems: Vec<Problem>,
}

impl Checked {
    fn count(&self, severity: Severity) -> usize {
        self.problems.iter().filter(|problem| problem.severity() == severity).count()
    }
}

pub(super) async fn run(screen: Screen, common: &Common, args: &CheckArgs) -> Ended {
    let crowd = crowd(screen, common, args).await?;
    let checked = check_all(sources(screen, common, args)?, &crowd);
    let sum = |severity| checked.iter().map(|file| file.count(severity)).sum::<usize>();
    let (errors, warnings) = (sum(Severity::Error), sum(Severity::Warning));
    if screen.json {
        screen.json(&report(&checked));
    } else {
        for file in &checked {
            tell(screen, file);
        }
        screen.data(format!(
            "{}: {}, {}",
            counted(checked.len(), "file"),
            counted(errors, "error"),
            counted(warnings, "warning")
        ));
    }
    if errors > 0 {
        Ok(Exit::Invalid)
    } else if warnings > 0 && args.strict {
        Ok(Exit::Warnings)
    } else {
        Ok(Exit::Done)
    }
}

/// The texts to check. One that can't be read is a text with that problem.
fn sources(screen: Screen, common: &Common, args: &CheckArgs) -> Result<Vec<(Source, Vec<Problem>)>, Exit> {
    let mut paths = args.paths.clone();
    if paths.is_empty() {
        let config = settings::load_if_any(screen, common)?;
        paths.push(config.map_or_else(|| "schedules".into(), |config| config.schedules));
    }
    let mut sources = Vec::new();
    for path in paths {
        if path.as_os_str() == "-" {
            let mut text = String::new();
            let read = std::io::stdin().lock().read_to_string(&mut text);
            let unreadable = read.err().map(|error| unreadable(&error.to_string()));
            sources.push((Source::new("<stdin>", text), unreadable.into_iter().collect()));
            continue;
        }
        let found = read_paths(&[path]);
        sources.extend(found.files.into_iter().map(|source| (source, Vec::new())));
        sources
            .extend(found.unreadable.into_iter().map(|file| (Source::new(file.name, ""), vec![unreadable(&file.why)])));
    }
    Ok(sources)
}

fn unreadable(why: &str) -> Problem {
    Problem::new(Code::Unreadable, 0..0, format!("this can't be read: {why}"))
        .with_help("check the path and its rights")
}

/// The people for whom it is checked whether everybody can be reached in time.
async fn crowd(screen: Screen, common: &Common, args: &CheckArgs) -> Result<Crowd, Exit> {
    let is_configured = args.paths.is_empty() || common.config.is_some();
    let config = if is_configured { settings::load_if_any(screen, common)? } else { None };
    match (&args.people, &config) {
        (Some(file), _) => Crowd::of_file(screen, file, config.as_ref()),
        (None, Some(config)) => Crowd::known(screen, common, config).await,
        (None, None) => Ok(Crowd::nobody()),
    }
}

/// How far ahead it is looked for an occurrence that is too large.
const AHEAD: TimeDelta = TimeDelta::days(8);

/// The warning that the next occurrence of a schedule can't be sent in time.
fn overload(
    schedule: &Schedule,
    source: &Source,
    crowd: &Crowd,
    rules: &ZoneData,
    now: DateTime<Utc>,
) -> Option<Problem> {
    let window = Window::Onward { after: now, until: now + AHEAD };
    let waves = plan(schedule, &crowd.zones(), rules, window);
    let next = waves.first()?.occurrence;
    let of_next = waves.into_iter().filter(|wave| wave.occurrence == next);
    let counted: Vec<_> = of_next
        .map(|wave| {
            let people = crowd.reached(schedule, &wave).count() as u64;
            (wave, people)
        })
        .collect();
    parse::overload(schedule, source, &counted, crowd.per_second)
}

fn check_all(sources: Vec<(Source, Vec<Problem>)>, crowd: &Crowd) -> Vec<Checked> {
    let now = SystemClock::new().now();
    let rules = ZoneData::newest();
    let mut names: BTreeMap<ScheduleName, Schedule> = BTreeMap::new();
    let mut checked = Vec::new();
    for (source, mut problems) in sources {
        let (schedules, found) = parse::parse(&source);
        let count = schedules.len();
        // A text that could not be read has said so; that it is empty is no news.
        if problems.is_empty() {
            problems = found;
        }
        for schedule in &schedules {
            if let Some(first) = names.get(&schedule.name) {
                problems.push(Duplicate::new(first, schedule).problem(&source));
            }
            if parse::nothing_ahead(schedule, now) {
                problems.push(parse::nothing_ahead_problem(schedule, &source));
            }
            if !crowd.people.is_empty() {
                problems.extend(overload(schedule, &source, crowd, &rules, now));
            }
        }
        for schedule in schedules {
            names.entry(schedule.name.clone()).or_insert(schedule);
        }
        problems.sort_by_key(|problem| problem.span.start);
        checked.push(Checked { source, schedules: count, problems });
    }
    checked
}

fn tell(screen: Screen, file: &Checked) {
    show(screen, &file.source, &file.problems);
    if file.count(Severity::Error) == 0 {
        screen.data(format!("{}: ok, {}", file.source.name, counted(file.schedules, "schedule")));
    }
}

fn report(checked: &[Checked]) -> Report {
    Report {
        schema: "nudged.check/1",
        files: checked
            .iter()
            .map(|file| FileReport {
                file: file.source.name.to_string(),
                schedules: file.schedules,
                errors: file.count(Severity::Error),
                warnings: file.count(Severity::Warning),
            })
            .collect(),
        problems: checked
            .iter()
            .flat_map(|file| file.problems.iter().map(|problem| ProblemView::new(&file.source, problem)))
            .collect(),
    }
}

fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}
