//! `nudged check`: every problem at once, with its place and its cure.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::{Path, PathBuf};

use chrono::{DateTime, TimeDelta, Utc};
use clap::Args;
use serde::Serialize;

use crate::adapter::clock::SystemClock;
use crate::adapter::control::check_token_file;
use crate::adapter::files::{as_text, is_below, read_directory, read_named};
use crate::adapter::zones::ZoneData;
use crate::cli::problems::{ProblemView, show};
use crate::cli::screen::{Screen, plain_name};
use crate::cli::settings::{Unusable, Usable};
use crate::cli::world::Crowd;
use crate::cli::{Common, Ended, Exit, settings};
use crate::config::Config;
use crate::daemon;
use crate::domain::id::ScheduleName;
use crate::domain::plan::{Window, plan};
use crate::domain::problem::{Problem, Severity, Source};
use crate::domain::quiet::QuietHours;
use crate::domain::schedule::model::Schedule;
use crate::domain::schedule::parse::{self, Duplicate};
use crate::engine::cores;
use crate::port::clock::Clock;
use crate::port::library::{Shelf, UnreadableFile};

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  nudged check schedules/\n  nudged check --strict standup.toml\n  \
                        nudged check - < standup.toml\n\nCards, texts and calendars beside the schedules (cards/, text/, \
                        calendars/) are checked with them.")]
pub(super) struct CheckArgs {
    /// Files, directories, or - for standard input [default: the configured directory, else ./schedules]
    paths: Vec<PathBuf>,
    /// Let warnings fail, with exit code 3
    #[arg(long)]
    strict: bool,
    /// Check against these people whether everybody who is named is known and can be reached in time, as `people import`
    /// reads them
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
    /// `None` where it is a supply or the configuration.
    schedules: Option<usize>,
    problems: Vec<Problem>,
}

impl Checked {
    fn count(&self, severity: Severity) -> usize {
        self.problems.iter().filter(|problem| problem.severity() == severity).count()
    }
}

pub(super) async fn run(screen: Screen, common: &Common, args: &CheckArgs) -> Ended {
    let usable = match configured(common, args) {
        Ok(usable) => usable,
        Err(unusable) => return Err(refuse(screen, unusable)),
    };
    let odd = |source, problems| Checked { source, schedules: None, problems };
    let (config, odd) = usable.map(|usable| (usable.config, odd(usable.source, usable.warnings))).unzip();
    if let Some(config) = &config {
        tell_credential(screen, config);
        tell_tokens(screen, config);
    }
    let crowd = crowd(screen, args, config.as_ref()).await?;
    let house_quiet_hours = config.as_ref().map_or(&[][..], |config| &config.quiet_hours);
    let mut checked = check_all(named(args, config.as_ref()), &crowd, house_quiet_hours);
    if checked.is_empty() {
        screen.say("no schedule file is there: their names end with .toml");
    }
    checked.extend(odd.filter(|odd| !odd.problems.is_empty()));
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

/// What a person named, and what stands there.
struct Named {
    path: PathBuf,
    shelf: Shelf,
}

fn named(args: &CheckArgs, config: Option<&Config>) -> Vec<Named> {
    if args.paths.is_empty() {
        // As the daemon reads it: a file in its place is not what is meant.
        let path = config.map_or_else(|| "schedules".into(), |config| config.schedules.clone());
        return vec![Named { shelf: read_directory(&path), path }];
    }
    let shelf = |path: &Path| if path.as_os_str() == "-" { standard_input() } else { read_named(path) };
    args.paths.iter().map(|path| Named { shelf: shelf(path), path: path.clone() }).collect()
}

/// A text that stands alone: nobody knows beside what.
fn standard_input() -> Shelf {
    let name = "<stdin>";
    let mut bytes = Vec::new();
    let read = std::io::stdin().lock().read_to_end(&mut bytes);
    let read = read.map_err(|error| UnreadableFile::new(name, error.to_string(), "name a file instead"));
    match read.and_then(|_| as_text(name, bytes)) {
        Ok(source) => Shelf { files: vec![source], ..Shelf::default() },
        Err(file) => Shelf { unreadable: vec![file], ..Shelf::default() },
    }
}

/// A text that can't be read, as a text with that problem.
fn unreadable(file: &UnreadableFile) -> Checked {
    let (source, problem) = file.problem();
    Checked { source, schedules: Some(0), problems: vec![problem] }
}

/// The configuration, where the files that are checked are those of a daemon.
fn configured(common: &Common, args: &CheckArgs) -> Result<Option<Usable>, Unusable> {
    let is_configured = args.paths.is_empty() || common.config.is_some();
    if is_configured { settings::read_if_any(common) } else { Ok(None) }
}

/// Says what is wrong with the configuration: without it nobody knows what else there is to check.
fn refuse(screen: Screen, unusable: Unusable) -> Exit {
    if !screen.json {
        return unusable.say(screen);
    }
    let (source, problems, exit) = unusable.problems();
    screen.json(&report(&[Checked { source, schedules: None, problems }]));
    exit
}

/// Says why the bot's credential can't be used. It is no more than a hint and not counted as a warning: whoever checks
/// may not be allowed to read what the daemon reads. Where no file is named, the service manager may hand one over.
fn tell_credential(screen: Screen, config: &Config) {
    if let Ok(identity) = daemon::identity(&config.bot)
        && let Err(why) = identity.check()
    {
        screen.say(format!("note: {why} (the daemon must be able to; you need not)"));
    }
}

/// Says what is wrong with the tokens of the admin API, in the same way.
fn tell_tokens(screen: Screen, config: &Config) {
    let Some(admin) = &config.admin else { return };
    for file in std::iter::once(&admin.token_file).chain(&admin.metrics_token_file) {
        if let Err(why) = check_token_file(file) {
            screen.say(format!("note: {why} (the daemon must be able to; you need not)"));
        }
    }
}

/// The people for whom it is checked whether everybody can be reached in time. Whoever checks may not be allowed to ask who
/// is known, and the files are right or wrong without that.
async fn crowd(screen: Screen, args: &CheckArgs, config: Option<&Config>) -> Result<Crowd, Exit> {
    match (&args.people, config) {
        (Some(file), _) => Crowd::of_file(screen, file, config),
        (None, Some(config)) => Ok(Crowd::known(config).await.unwrap_or_else(|nobody| {
            let why = nobody.why;
            screen.say(format!("note: it is not checked whether everybody is known and can be reached in time: {why}"));
            Crowd::nobody()
        })),
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

/// Where a file lies, whichever way the path to it is written.
fn place(name: &str) -> PathBuf {
    let path = Path::new(name);
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let directory = std::fs::canonicalize(directory).unwrap_or_else(|_| directory.to_owned());
    directory.join(path.file_name().unwrap_or_default())
}

fn check_all(all: Vec<Named>, crowd: &Crowd, house_quiet_hours: &[QuietHours]) -> Vec<Checked> {
    let now = SystemClock::new().now();
    let rules = ZoneData::newest();
    let known = crowd.known_names();
    let mut names: BTreeMap<ScheduleName, Schedule> = BTreeMap::new();
    let mut checked = Vec::new();
    // Two paths may have brought the same file. Two files that are links to one are two: so the daemon sees them.
    let mut before: BTreeSet<PathBuf> = BTreeSet::new();
    for Named { path, mut shelf } in all {
        shelf.files.retain(|source| !before.contains(&place(&source.name)));
        shelf.unreadable.retain(|file| !before.contains(&place(&file.name)));
        let those = shelf.files.iter().map(|source| &*source.name);
        before.extend(those.chain(shelf.unreadable.iter().map(|file| file.name.as_str())).map(place));
        let supplies = shelf.understand(&rules);
        let mut used = BTreeSet::new();
        let parsed = cores::map(&shelf.files, |source| parse::parse(source, &supplies));
        for (source, (schedules, mut problems)) in shelf.files.iter().zip(parsed) {
            for schedule in &schedules {
                if let Some(first) = names.get(&schedule.name) {
                    problems.push(Duplicate::new(first, schedule).problem(source));
                }
                if parse::nothing_ahead(schedule, now) {
                    problems.push(parse::nothing_ahead_problem(schedule, source));
                }
                problems.extend(parse::always_quiet(schedule, source, house_quiet_hours));
                if !crowd.people.is_empty() {
                    problems.extend(parse::nobody_known(schedule, source, &known));
                    problems.extend(overload(schedule, source, crowd, &rules, now));
                }
            }
            problems.sort_by_key(|problem| problem.span.start);
            checked.push(Checked { source: source.clone(), schedules: Some(schedules.len()), problems });
            // A schedule that is not right because of a supply tells only by its text that it uses it.
            let in_text = supplies.iter().map(|(path, _)| path).filter(|path| source.text.contains(path));
            used.extend(in_text.map(str::to_owned));
            used.extend(schedules.iter().flat_map(|schedule| schedule.supplies.iter().cloned()));
            for schedule in schedules {
                names.entry(schedule.name.clone()).or_insert(schedule);
            }
        }
        checked.extend(shelf.unreadable.iter().map(unreadable));
        // Of the supplies those count that were named themselves, and those that somebody uses.
        let counts = |supply: &str, file: &str| is_below(Path::new(file), &path) || used.contains(supply);
        for supply in &shelf.supplies {
            match (&supply.text, supplies.get(&supply.path)) {
                (Err(file), _) if counts(&supply.path, &file.name) => checked.push(unreadable(file)),
                (Ok(source), Some(understood)) if counts(&supply.path, &source.name) => checked.push(Checked {
                    source: source.clone(),
                    schedules: None,
                    problems: understood.problems.clone(),
                }),
                _ => {}
            }
        }
    }
    for refused in parse::refused_renames(names.values()) {
        let of_file = checked.iter_mut().find(|file| file.schedules.is_some() && file.source.name == refused.file);
        if let Some(file) = of_file {
            file.problems.push(refused.problem(&file.source));
            file.problems.sort_by_key(|problem| problem.span.start);
        }
    }
    let mut seen = BTreeSet::new();
    checked.retain(|file| file.schedules.is_some() || seen.insert(place(&file.source.name)));
    checked
}

fn tell(screen: Screen, file: &Checked) {
    show(screen, &file.source, &file.problems);
    if file.count(Severity::Error) == 0 {
        let what = file.schedules.map_or_else(String::new, |count| format!(", {}", counted(count, "schedule")));
        screen.data(format!("{}: ok{what}", plain_name(&file.source.name)));
    }
}

fn report(checked: &[Checked]) -> Report {
    Report {
        schema: "nudged.check/1",
        files: checked
            .iter()
            .map(|file| FileReport {
                file: file.source.name.to_string(),
                schedules: file.schedules.unwrap_or_default(),
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
