//! `nudged recall`: takes back what was sent.

use std::fmt::Write as _;
use std::io::{self, BufRead as _, IsTerminal as _};
use std::path::PathBuf;
use std::time::Duration;

use chrono::NaiveDateTime;
use clap::Args;

use crate::adapter::clock::SystemClock;
use crate::adapter::control::ControlClient;
use crate::adapter::files::read_text;
use crate::adapter::zones::ZoneData;
use crate::cli::prose::{WIDTH, paragraph};
use crate::cli::screen::{Screen, aligned, folded, grouped, one_line, width};
use crate::cli::{Common, Ended, Exit, desk, times};
use crate::domain::id::RecallId;
use crate::domain::recall::{RecallState, Remedy};
use crate::domain::time::ZoneRules;
use crate::port::clock::Clock as _;
use crate::port::desk::{Desk as _, RecallQuery, RecallRequest};
use crate::port::recall::{RecallReport, RecalledMessage};

/// How often it is asked how far a recall is.
const ASK_EVERY: Duration = Duration::from_millis(250);

#[derive(Debug, Args)]
#[command(after_help = "Without --occurrence it is the latest of which anything has been sent, which is the one that \
                        is going out just now if one is. What of it has not been sent yet is cancelled, so that \
                        nothing more arrives, also nothing by a later edit of the schedule. It says what it will do \
                        and asks; --yes does not ask. Messages are taken back at the pace of the limits; that goes on \
                        without this command and over a restart. Asking again tries again what failed.\n\n\
                        Examples:\n  nudged recall standup --dry-run\n  \
                        nudged recall standup --yes\n  \
                        nudged recall standup --occurrence 2026-12-01T09:00 --who group:field\n  \
                        nudged recall standup --replace 'At {{ occurrence.time }} in room 2.'")]
pub(super) struct RecallArgs {
    /// The schedule whose messages are taken back
    schedule: String,
    /// Which of its occurrences, by its time on the clock, such as 2026-12-01T09:00
    #[arg(long, value_name = "TIME", value_parser = read_occurrence)]
    occurrence: Option<NaiveDateTime>,
    /// Only from these: a person or group:NAME; may be given several times
    #[arg(long, value_name = "WHO")]
    who: Vec<String>,
    /// Put this text in the place of the messages, instead of deleting them
    #[arg(long, value_name = "TEXT")]
    replace: Option<String>,
    /// Like --replace, with the text of a file
    #[arg(long, value_name = "FILE", conflicts_with = "replace")]
    replace_file: Option<PathBuf>,
    /// Only say what would be done
    #[arg(long)]
    dry_run: bool,
    /// Do not ask first
    #[arg(long)]
    yes: bool,
    /// Do not wait for the end
    #[arg(long)]
    no_wait: bool,
}

fn read_occurrence(text: &str) -> Result<NaiveDateTime, String> {
    ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S%.f"]
        .into_iter()
        .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())
        .ok_or_else(|| "write it as in 2026-12-01T09:00, without a zone".to_owned())
}

pub(super) async fn run(screen: Screen, common: &Common, args: &RecallArgs) -> Ended {
    let remedy = remedy(screen, args)?;
    let daemon = desk::daemon_only(screen, common).await?;
    let failed = |error| desk::failed(screen, &error);
    let mut request = RecallRequest {
        schedule: args.schedule.clone(),
        occurrence: args.occurrence,
        who: args.who.clone(),
        remedy,
        dry_run: true,
    };
    if args.dry_run || !args.yes {
        let plan = daemon.recall(request.clone()).await.map_err(failed)?;
        if args.dry_run && screen.json {
            screen.json(&plan);
            return Ok(Exit::Done);
        }
        let lines = announce(&plan);
        if args.dry_run {
            screen.data(lines);
            return Ok(Exit::Done);
        }
        screen.say(lines);
        confirm(screen, &request.remedy)?;
        // What was agreed to, whatever has become the latest one meanwhile.
        request.occurrence = Some(plan.occurrence);
    }
    request.dry_run = false;
    let begun = daemon.recall(request).await.map_err(failed)?;
    let Some(recall) = begun.recall else {
        screen.error("the daemon did not say which recall it began; see `nudged status SCHEDULE`");
        return Err(Exit::Failed);
    };
    if args.yes {
        screen.say(announce(&begun));
    }
    let report = if args.no_wait {
        daemon.recall_report(RecallQuery { recall, in_full: true }).await.map_err(failed)?
    } else {
        wait(screen, &daemon, recall).await?
    };
    if screen.json {
        screen.json(&report);
    } else {
        screen.data(told(&report, &ZoneData::newest(), width()));
    }
    Ok(if report.count(RecallState::is_left_standing) > 0 { Exit::SomeRecipientsFailed } else { Exit::Done })
}

fn remedy(screen: Screen, args: &RecallArgs) -> Result<Remedy, Exit> {
    match (&args.replace, &args.replace_file) {
        (Some(text), _) => Ok(Remedy::Replace(text.clone())),
        (None, Some(file)) => match read_text(file) {
            Ok(source) => Ok(Remedy::Replace(source.text.to_string())),
            Err(error) => {
                screen.error(error.to_string());
                Err(Exit::Failed)
            }
        },
        (None, None) => Ok(Remedy::Delete),
    }
}

/// What a recall does, or would do.
fn announce(plan: &RecallReport) -> String {
    let verb = plan.remedy.verb();
    let count = |state| plan.counts.get(&state).copied().unwrap_or_default();
    let mut said = format!("{}, occurrence {}:", plan.schedule, times::civil(plan.occurrence));
    let mut line = |number: u64, one: &str, many: &str| {
        if number > 0 {
            let words = if number == 1 { one } else { many };
            let line = format!("  {:>7}  {}", grouped(number), words.replace("{verb}", verb));
            said.push('\n');
            said.push_str(&folded(&line, WIDTH, 11));
        }
    };
    line(count(RecallState::Pending), "message was sent: {verb} it", "messages were sent: {verb} them");
    line(
        count(RecallState::Awaiting),
        "message is being sent just now: {verb} it as soon as its id is known",
        "messages are being sent just now: {verb} them as soon as their ids are known",
    );
    line(
        count(RecallState::NoId),
        "message arrived or may have, without an id: it cannot be recalled",
        "messages arrived or may have, without an id: they cannot be recalled",
    );
    line(count(RecallState::Unsent), "message was not sent yet: cancel it", "messages were not sent yet: cancel them");
    line(count(RecallState::Gone), "message is deleted already", "messages are deleted already");
    line(
        plan.possible_duplicates,
        "of these may have arrived twice: only the copy whose id is known can be recalled",
        "of these may have arrived twice: only the copies whose ids are known can be recalled",
    );
    if let Some(other) = plan.moved_to {
        let moved = format!(
            "An edit has moved it to {}, which is not recalled by this; to stop that too:",
            times::civil(other)
        );
        // A string takes it.
        let _ = write!(
            said,
            "\n{}\n  nudged recall {} --occurrence {}",
            paragraph(&moved, 0),
            plan.schedule,
            other.format("%Y-%m-%dT%H:%M:%S")
        );
    }
    said
}

/// Asks whoever sits there.
fn confirm(screen: Screen, remedy: &Remedy) -> Result<(), Exit> {
    if !io::stdin().is_terminal() {
        screen.error("nothing has been recalled, since nobody can be asked here; add --yes to go ahead");
        return Err(Exit::Usage);
    }
    let mut verb = remedy.verb().to_owned();
    verb[..1].make_ascii_uppercase();
    screen.prompt(format!("{verb} and cancel? Messages go on being sent until you say yes. [y/N] "));
    let mut answer = String::new();
    // What can't be read is no yes.
    let _ = io::stdin().lock().read_line(&mut answer);
    if matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes") {
        return Ok(());
    }
    screen.say("nothing has been recalled");
    Err(Exit::Failed)
}

/// Waits for the end of a recall, and shows how far it is.
async fn wait(screen: Screen, daemon: &ControlClient, recall: RecallId) -> Result<RecallReport, Exit> {
    let clock = SystemClock::new();
    loop {
        let report = daemon.recall_report(RecallQuery { recall, in_full: false }).await;
        let report = report.map_err(|error| {
            screen.end_progress();
            let exit = desk::failed(screen, &error);
            screen.say("the recall goes on when the daemon is back; `nudged status SCHEDULE` tells how far it is");
            exit
        })?;
        if report.is_over() {
            screen.end_progress();
            let full = daemon.recall_report(RecallQuery { recall, in_full: true }).await;
            return full.map_err(|error| desk::failed(screen, &error));
        }
        screen.progress(&progress(&report));
        clock.sleep(ASK_EVERY).await;
    }
}

fn progress(report: &RecallReport) -> String {
    let open = report.count(|state| !state.is_final());
    let sent = report.count(|state| state != RecallState::Unsent && state != RecallState::NoId);
    let failed = report.count(|state| state == RecallState::Failed);
    let failures = if failed > 0 { format!(", {} failed", grouped(failed)) } else { String::new() };
    format!("{} of {} {}{failures}", grouped(sent - open - failed), grouped(sent), report.remedy.done())
}

/// The report for people.
fn told(report: &RecallReport, rules: &dyn ZoneRules, width: usize) -> String {
    let rows: Vec<_> = report.messages.iter().map(|message| row(message, &report.remedy, rules)).collect();
    let table = aligned(&["RECIPIENT", "SENT, LOCAL TIME", "ZONE", "RESULT", "WHY"], &rows, width);
    format!("{table}\n\n{}", summary(report))
}

fn row(message: &RecalledMessage, remedy: &Remedy, rules: &dyn ZoneRules) -> Vec<String> {
    let mut why = message.reason.map_or_else(String::new, |reason| reason.as_str().to_owned());
    if let Some(detail) = &message.detail {
        let colon = if why.is_empty() { "" } else { ": " };
        why = format!("{why}{colon}{}", one_line(detail, 60));
    }
    if message.possible_duplicate {
        why.push_str(if why.is_empty() { "another copy may be there" } else { " (another copy may be there)" });
    }
    vec![
        one_line(&message.recipient, 60),
        message.sent_at.map_or_else(String::new, |at| times::local(at, message.zone, rules)),
        message.zone.name().to_owned(),
        result(message.state, remedy.done()).to_owned(),
        why,
    ]
}

/// Where the recall of a message stands, in words. `done` is what has been done with it at its end.
pub(super) fn result(state: RecallState, done: &'static str) -> &'static str {
    match state {
        RecallState::Awaiting => "being sent",
        RecallState::Pending => "to be taken back",
        RecallState::Done => done,
        RecallState::Gone => "gone already",
        RecallState::NoId => "can't: no id",
        RecallState::Failed => "failed",
        RecallState::Unsent => "not sent",
    }
}

/// `1,201 deleted, 96 not sent, 3 can't: no id`.
fn summary(report: &RecallReport) -> String {
    let parts: Vec<_> = report
        .counts
        .iter()
        .map(|(state, count)| format!("{} {}", grouped(*count), result(*state, report.remedy.done())))
        .collect();
    let line = format!("{}, occurrence {}: {}", report.schedule, times::civil(report.occurrence), parts.join(", "));
    paragraph(&line, 0)
}

#[cfg(test)]
mod tests {
    use chrono_tz::Tz;

    use super::*;
    use crate::domain::delivery::Reason;
    use crate::port::recall::RecallCounts;

    #[test]
    fn an_occurrence_is_read_as_people_write_it() {
        let check = |text: &str, expect: Option<&str>| {
            let read = read_occurrence(text).ok().map(|civil| civil.to_string());
            assert_eq!(read.as_deref(), expect, "{text}");
        };
        check("2026-12-01T09:00", Some("2026-12-01 09:00:00"));
        check("2026-12-01 09:00:30", Some("2026-12-01 09:00:30"));
        check("2026-12-01T09:00Z", None);
        check("09:00", None);
    }

    fn report() -> RecallReport {
        let at = |text: &str| text.parse().expect("an instant");
        let message = |recipient: &str, zone, sent_at: Option<&str>, state| RecalledMessage {
            recipient: recipient.to_owned(),
            address: None,
            zone,
            sent_at: sent_at.map(at),
            state,
            reason: None,
            detail: None,
            attempts: 1,
            possible_duplicate: false,
            not_before: None,
        };
        let (paris, kolkata) = (Tz::Europe__Paris, Tz::Asia__Kolkata);
        let messages = vec![
            message("Ana Ruiz", paris, Some("2027-03-01T08:00:01Z"), RecallState::Done),
            RecalledMessage {
                possible_duplicate: true,
                ..message("Bo Chen", paris, Some("2027-03-01T08:00:00Z"), RecallState::Done)
            },
            RecalledMessage {
                reason: Some(Reason::Blocked),
                detail: Some("User blocked\nthe conversation".into()),
                ..message("Cem Ak", kolkata, Some("2027-03-01T03:30:00Z"), RecallState::Failed)
            },
            message("Dee Iyer", kolkata, Some("2027-03-01T03:30:00Z"), RecallState::Gone),
            message("Eva Holm", paris, Some("2027-03-01T08:00:00Z"), RecallState::NoId),
            message("Finn Dahl", paris, None, RecallState::Unsent),
        ];
        let mut counts = RecallCounts::new();
        for message in &messages {
            *counts.entry(message.state).or_default() += 1;
        }
        RecallReport {
            schema: RecallReport::SCHEMA.to_owned(),
            recall: Some(RecallId(1)),
            asked_at: at("2027-03-01T08:03:00Z"),
            schedule: "standup".to_owned(),
            occurrence: "2027-03-01T09:00:00".parse().expect("a civil time"),
            moved_to: None,
            remedy: Remedy::Delete,
            counts,
            possible_duplicates: 1,
            messages,
        }
    }

    #[test]
    fn a_report_has_a_result_for_each() {
        insta::assert_snapshot!(told(&report(), &ZoneData::newest(), WIDTH));
    }

    #[test]
    fn it_says_what_it_will_do() {
        use RecallState::{Awaiting, Gone, NoId, Pending, Unsent};
        let counts = [(Pending, 1204), (Awaiting, 1), (NoId, 3), (Unsent, 96), (Gone, 2)].into_iter().collect();
        let moved_to = Some("2027-03-01T10:30:00".parse().expect("a civil time"));
        insta::assert_snapshot!(announce(&RecallReport { moved_to, counts, ..report() }));
    }

    #[test]
    fn it_says_how_far_it_is() {
        use RecallState::{Done, Failed, Gone, NoId, Pending, Unsent};
        let check = |counts: &[(RecallState, u64)], expect: &str| {
            let counts = counts.iter().copied().collect();
            assert_eq!(progress(&RecallReport { counts, ..report() }), expect);
        };
        check(&[(Pending, 1000), (Done, 200), (Gone, 4), (NoId, 3), (Unsent, 96)], "204 of 1,204 deleted");
        check(&[(Pending, 10), (Failed, 2)], "0 of 12 deleted, 2 failed");
    }
}
