//! `nudged reload`: reads the schedule files again, or says what that would do.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::adapter::files::read_directory;
use crate::cli::problems::{FILES_SHOWN, more_files};
use crate::cli::prose::WIDTH;
use crate::cli::screen::{Screen, folded, grouped};
use crate::cli::{Common, Ended, Exit, desk, times};
use crate::domain::problem::Source;
use crate::domain::shift::{Hour, Moved};
use crate::port::desk::{Desk as _, HeldBackFile};
use crate::port::reload::{Change, ReloadRequest, ReloadVerdict, ScheduleChange, TriedFile, TriedFiles};

/// So many moves of one schedule are told one by one: a message every quarter of an hour has a hundred.
const MOVES_SHOWN: usize = 6;

#[derive(Debug, Args)]
#[command(
    after_help = "The daemon reads its files by itself when they change; this waits, and says what came of it. A \
                        file with a mistake is held back and its last good version goes on: then this ends with 78. \
                        A dry run does all of it and takes it back, so it says what a reload does; without a daemon, \
                        what the next start does. A running daemon reads a saved file at once, so edit a copy of the \
                        whole directory and try that with --files; its files are named as if they were in \
                        place.\n\nA reload that would take away more than a fifth of the schedules, \
                        and five at least, or all files at once, holds them: a disk that is not mounted must not look \
                        like \"cancel everything\". --prune says that it is meant.\n\n\
                        Examples:\n  nudged reload\n  nudged reload --dry-run --files ~/schedules\n  nudged reload --prune"
)]
pub(super) struct ReloadArgs {
    /// Only say what would be done
    #[arg(long)]
    dry_run: bool,
    /// With --dry-run: a directory of files to try, such as a copy that was edited
    #[arg(long, value_name = "DIR", requires = "dry_run")]
    files: Option<PathBuf>,
    /// Let schedules go however many they are, and calendars
    #[arg(long)]
    prune: bool,
}

pub(super) async fn run(screen: Screen, common: &Common, args: &ReloadArgs) -> Ended {
    let tried = args.files.as_deref().map(|directory| tried(screen, directory)).transpose()?;
    let request = ReloadRequest { dry_run: args.dry_run, prune: args.prune, tried };
    let asked = if args.dry_run {
        let any = desk::open(screen, common).await?;
        let asked = any.desk.reload(request).await;
        any.close().await;
        asked
    } else {
        desk::daemon_only(screen, common).await?.reload(request).await
    };
    let verdict = asked.map_err(|error| desk::failed(screen, &error))?;
    if screen.json {
        screen.json(&verdict);
    } else {
        screen.data(told(&verdict, args.files.as_deref()));
    }
    Ok(if verdict.held_back.is_empty() { Exit::Done } else { Exit::Invalid })
}

/// Every file of a directory that is tried. One that can't be read would look like one that is removed.
fn tried(screen: Screen, directory: &Path) -> Result<TriedFiles, Exit> {
    let cannot = |name: &str, why: &str| {
        screen.error(format!("{name} can't be read: {why}; check the path and its rights"));
        Exit::Failed
    };
    let shelf = read_directory(directory);
    if let Some(file) = shelf.unreadable.first() {
        return Err(cannot(&file.name, &file.why));
    }
    let below = |source: &Source| {
        let path = Path::new(&*source.name);
        let path = path.strip_prefix(directory).unwrap_or(path).display().to_string();
        TriedFile { path, text: source.text.to_string() }
    };
    let mut supplies = Vec::new();
    for supply in &shelf.supplies {
        let source = supply.text.as_ref().map_err(|file| cannot(&file.name, &file.why))?;
        supplies.push(TriedFile { path: supply.path.clone(), text: source.text.to_string() });
    }
    Ok(TriedFiles { schedules: shelf.files.iter().map(below).collect(), supplies })
}

/// The verdict for people, on the files of `tried` where these were asked about.
fn told(verdict: &ReloadVerdict, tried: Option<&Path>) -> String {
    let mut said = String::new();
    match tried {
        Some(directory) => {
            let words = format!(
                "a dry run, nothing was done; the files of {} in place of those in force do this:",
                directory.display()
            );
            said.push_str(&folded(&words, WIDTH, 4));
            said.push('\n');
        }
        None if verdict.dry_run => said.push_str("a dry run, nothing was done; a reload does this:\n"),
        None => {}
    }
    for change in &verdict.changes {
        tell_change(&mut said, change, verdict);
    }
    for file in verdict.held_back.iter().take(FILES_SHOWN) {
        tell_held_back(&mut said, file);
    }
    if let Some(more) = more_files(verdict.held_back.len()) {
        // A string takes it.
        let _ = writeln!(said, "! {more}");
    }
    said.push_str(&summary(verdict));
    said
}

fn tell_change(said: &mut String, change: &ScheduleChange, verdict: &ReloadVerdict) {
    let mark = match change.change {
        Change::Added | Change::Returned => '+',
        Change::Changed => '~',
        Change::Renamed => '=',
        Change::Removed => '-',
    };
    let who = match &change.renamed_from {
        Some(old) => format!("{mark} {old} is {} from now on ({})", change.schedule, change.file),
        None => format!("{mark} {} ({})", change.schedule, change.file),
    };
    said.push_str(&folded(&who, WIDTH, 4));
    said.push('\n');
    let mut line = |people: u64, what: &str| {
        // A string takes it.
        let _ = writeln!(said, "  {:>9} {what}", grouped(people));
    };
    for moved in change.moved.iter().take(MOVES_SHOWN) {
        line(moved.people, &hours(moved));
    }
    if change.moved.len() > MOVES_SHOWN {
        let rest = change.moved[MOVES_SHOWN..].iter().map(|moved| moved.people).sum();
        line(rest, "move at other hours");
    }
    if change.added > 0 {
        line(change.added, if change.change == Change::Returned { "go on" } else { "are new" });
    }
    if let (Change::Removed, Some(at)) = (change.change, verdict.cancelled_at) {
        line(change.cancelled, &format!("cancelled at {}, unless it is back by then", times::utc(at)));
    } else if change.cancelled > 0 {
        line(change.cancelled, "cancelled");
    }
    for past in &change.past {
        line(past.people, &format!("too late: that hour is over in {}", past.zone.name()));
    }
}

/// `move 09:00 → 09:30, each on their own clock`.
fn hours(moved: &Moved) -> String {
    let at = |hour: Hour| times::time(hour.time);
    match (moved.from.zone, moved.to.zone) {
        (None, None) => format!("move {} → {}, each on their own clock", at(moved.from), at(moved.to)),
        (Some(before), Some(after)) if before == after => {
            format!("move {} → {} in {}", at(moved.from), at(moved.to), after.name())
        }
        (before, after) => {
            let clock = |zone: Option<chrono_tz::Tz>| zone.map_or("their own clock", chrono_tz::Tz::name);
            format!("move {} on {} → {} on {}", at(moved.from), clock(before), at(moved.to), clock(after))
        }
    }
}

fn tell_held_back(said: &mut String, file: &HeldBackFile) {
    let instead = if file.last_good_in_use { "its last good version goes on" } else { "nothing of it is in force" };
    said.push_str(&folded(&format!("! {} is held back; {instead}", file.file), WIDTH, 4));
    said.push('\n');
    for problem in &file.problems {
        // What is about the whole file has no line.
        let space = if problem.starts_with(|c: char| c.is_ascii_digit()) { "" } else { " " };
        said.push_str(&folded(&format!("  {}:{space}{problem}", file.file), WIDTH, 4));
        said.push('\n');
    }
}

/// `1 added, 1 changed`, and on a line of its own `12 schedules in force, 1 file held back`.
fn summary(verdict: &ReloadVerdict) -> String {
    let count = |kinds: &[Change]| verdict.changes.iter().filter(|change| kinds.contains(&change.change)).count();
    let kinds: [(&[Change], &str); 4] = [
        (&[Change::Added, Change::Returned], "added"),
        (&[Change::Changed], "changed"),
        (&[Change::Renamed], "renamed"),
        (&[Change::Removed], "removed"),
    ];
    let counted = kinds.iter().map(|(kinds, word)| (count(kinds), word)).filter(|(count, _)| *count > 0);
    let parts: Vec<_> = counted.map(|(count, word)| format!("{count} {word}")).collect();
    let parts = if parts.is_empty() { "nothing changes".to_owned() } else { parts.join(", ") };
    let in_force = if verdict.schedules == 1 { "schedule" } else { "schedules" };
    let held = match verdict.held_back.len() {
        0 => String::new(),
        1 => ", 1 file held back".to_owned(),
        many => format!(", {many} files held back"),
    };
    format!("{parts}\n{} {in_force} in force{held}", verdict.schedules)
}

#[cfg(test)]
mod tests {
    use chrono_tz::Tz;

    use super::*;
    use crate::port::reload::PastIn;

    fn hour(time: &str, zone: Option<Tz>) -> Hour {
        Hour { time: format!("{time}:00").parse().expect("a time"), zone }
    }

    fn change(schedule: &str, change: Change) -> ScheduleChange {
        ScheduleChange {
            schedule: schedule.to_owned(),
            change,
            file: "schedules/team.toml".to_owned(),
            renamed_from: None,
            moved: Vec::new(),
            added: 0,
            cancelled: 0,
            past: Vec::new(),
        }
    }

    fn verdict() -> ReloadVerdict {
        let berlin = Some(Tz::Europe__Berlin);
        let moved = |from, to, people| Moved { from, to, people };
        ReloadVerdict {
            schema: ReloadVerdict::SCHEMA.to_owned(),
            now: "2027-03-01T10:05:00Z".parse().expect("an instant"),
            dry_run: true,
            schedules: 12,
            changes: vec![
                ScheduleChange { cancelled: 37, ..change("outing", Change::Removed) },
                ScheduleChange {
                    moved: vec![
                        moved(hour("09:00", None), hour("09:30", None), 1204),
                        moved(hour("15:00", None), hour("15:00", berlin), 3),
                        moved(hour("16:00", berlin), hour("16:30", berlin), 2),
                    ],
                    added: 4,
                    cancelled: 1,
                    past: vec![PastIn { zone: Tz::Asia__Tokyo, people: 10 }],
                    ..change("standup", Change::Changed)
                },
                ScheduleChange { renamed_from: Some("promotion".into()), ..change("promo", Change::Renamed) },
                ScheduleChange { added: 96, ..change("retro", Change::Added) },
                ScheduleChange { added: 2, ..change("review", Change::Returned) },
            ],
            cancelled_at: Some("2027-03-01T10:15:00Z".parse().expect("an instant")),
            held_back: vec![HeldBackFile {
                file: "schedules/bad.toml".into(),
                last_good_in_use: true,
                problems: vec!["5:8: N101 there is no time zone `Europe/Pariss`; did you mean Europe/Paris?".into()],
                schedules: vec!["bad".into()],
            }],
            guard: None,
        }
    }

    #[test]
    fn a_plan_says_what_becomes_of_deliveries() {
        let told = told(&verdict(), None);
        assert!(told.lines().all(|line| line.chars().count() <= WIDTH), "{told}");
        insta::assert_snapshot!(told);
    }

    #[test]
    fn where_nothing_changes_it_says_so() {
        let nothing = ReloadVerdict {
            dry_run: false,
            schedules: 1,
            changes: Vec::new(),
            cancelled_at: None,
            held_back: Vec::new(),
            ..verdict()
        };
        assert_eq!(told(&nothing, None), "nothing changes\n1 schedule in force");
    }
}
