//! `nudged status`: where every delivery stands.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use clap::Args;

use crate::adapter::zones::{ZoneData, of_reader};
use crate::cli::screen::{Screen, one_line};
use crate::cli::{Common, Ended, Exit, desk, recall, times};
use crate::domain::delivery::State;
use crate::domain::recall::RecallState;
use crate::port::desk::{BackupStatus, Counts, DeliveryStatus, EndpointStatus, OccurrenceStatus, Status};
use crate::port::recall::RecallCounts;
use crate::port::store::StatusQuery;

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  nudged status\n  nudged status standup\n  nudged status --json | jq .occurrences\n\n\
                        Without a daemon the ledger is read directly, and the exit code is 69."
)]
pub(super) struct StatusArgs {
    /// Only this schedule, with every recipient
    schedule: Option<String>,
}

pub(super) async fn run(screen: Screen, common: &Common, args: &StatusArgs) -> Ended {
    let any = desk::open(screen, common).await?;
    let query = StatusQuery { schedule: args.schedule.clone() };
    let asked = any.desk.status(query).await;
    let exit = if any.is_daemon() { Exit::Done } else { Exit::DaemonNotReachable };
    any.close().await;
    let status = asked.map_err(|error| desk::failed(screen, &error))?;
    if screen.json {
        screen.json(&status);
    } else {
        tell(screen, &status, args.schedule.as_deref());
    }
    Ok(exit)
}

/// The status for people. Also what the demo ends with.
pub(super) fn tell(screen: Screen, status: &Status, schedule: Option<&str>) {
    match &status.daemon {
        Some(daemon) => {
            let next = daemon.next_due_at.map_or_else(
                || "nothing due within 48 h".into(),
                |at| format!("next at {} ({})", times::utc(at), times::distance(at, status.now)),
            );
            screen.data(format!(
                "nudged {} runs (pid {}); {} schedule{}; {next}",
                daemon.version,
                daemon.pid,
                daemon.schedules,
                if daemon.schedules == 1 { "" } else { "s" }
            ));
            if let Some(trouble) = &daemon.trouble {
                screen.data(format!("CANNOT SEND: {trouble}; deliveries wait"));
            }
            if let Some(note) = daemon.credentials.as_ref().and_then(|credentials| credentials.note.as_deref()) {
                screen.data(format!("credential: {note}"));
            }
            if let Some(endpoint) = &daemon.endpoint {
                tell_endpoint(screen, endpoint);
            }
            if let Some(backups) = &daemon.backups {
                screen.data(backups_line(backups, status.now));
            }
        }
        None => screen.data("no daemon is running; this is what the ledger says"),
    }
    for file in &status.held_back {
        let instead = if file.last_good_in_use { "its last good version is in use" } else { "none of it is in use" };
        screen.data(format!("held back: {} ({instead})", file.file));
        for problem in &file.problems {
            screen.data(format!("  {problem}"));
        }
    }
    for team in &status.teams {
        if let Some(trouble) = &team.trouble {
            let known = team.read_at.map_or_else(String::new, |at| format!("; known as of {}", times::utc(at)));
            screen.data(format!("team {}: {trouble}{known}", team.team));
        }
    }
    for paused in &status.paused {
        screen.data(format!("PAUSED: {} since {}: {}", paused.schedule, times::utc(paused.since), paused.why));
        screen.data(format!("  `nudged resume {}` lets it go on", paused.schedule));
    }
    if status.occurrences.is_empty() {
        screen.data(schedule.map_or_else(
            || "no occurrence is planned, open or lately ended".into(),
            |name| format!("no occurrence of \"{name}\" is planned, open or lately ended"),
        ));
        return;
    }
    screen.data("");
    occurrences(screen, &status.occurrences, Some(status.now));
    if !status.deliveries.is_empty() {
        screen.data("");
        deliveries(screen, &status.deliveries);
    }
}

/// How old the newest backup is, and what is wrong.
fn backups_line(backups: &BackupStatus, now: DateTime<Utc>) -> String {
    let last = match (backups.last_at, &backups.path) {
        (Some(at), Some(path)) => {
            format!("backup: {} ({}), {}", times::utc(at), times::distance(at, now), path.display())
        }
        (None, _) | (_, None) => "backup: none has been seen yet".to_owned(),
    };
    match &backups.trouble {
        Some(trouble) => format!("{last}; TROUBLE: {trouble}"),
        None => last,
    }
}

/// Whether Teams reaches the bot.
fn tell_endpoint(screen: Screen, endpoint: &EndpointStatus) {
    let heard = endpoint.last_heard_at.map_or_else(
        || "nothing heard yet".to_owned(),
        |at| format!("{} heard, last at {}", endpoint.heard, times::utc(at)),
    );
    let refused = endpoint.last_refused_at.map_or_else(String::new, |at| {
        format!("; {} refused that were not from Teams for this bot, last at {}", endpoint.refused, times::utc(at))
    });
    screen.data(format!("endpoint {}: {heard}{refused}", endpoint.listens_on));
    if let Some(trouble) = &endpoint.trouble {
        screen.data(format!("endpoint: {trouble}; keys that are known stay good"));
    }
}

/// A table of occurrences whose rows add up. With the present, it says also when what is open will be finished.
pub(super) fn occurrences(screen: Screen, occurrences: &[OccurrenceStatus], now: Option<DateTime<Utc>>) {
    const COLUMNS: [(&str, &[State]); 8] = [
        ("PLANNED", &[State::Planned]),
        ("IN HAND", &[State::Claimed, State::Sending, State::Waiting]),
        ("SENT", &[State::Sent]),
        ("SKIPPED", &[State::Skipped]),
        ("FAILED", &[State::Failed]),
        ("UNKNOWN", &[State::Unknown]),
        ("EXPIRED", &[State::Expired]),
        ("CANCELLED", &[State::Cancelled]),
    ];
    let sum = |counts: &Counts, states: &[State]| states.iter().filter_map(|state| counts.get(state)).sum::<u64>();
    // A column in which nothing stands is left out, so that the rest can be read.
    let used: Vec<_> = COLUMNS
        .iter()
        .filter(|(_, states)| occurrences.iter().any(|occurrence| sum(&occurrence.counts, states) > 0))
        .collect();
    let doubt = occurrences.iter().any(|occurrence| occurrence.possible_duplicates > 0);
    let mut header = vec!["SCHEDULE", "OCCURRENCE", "AUDIENCE"];
    header.extend(used.iter().map(|(name, _)| *name));
    if doubt {
        header.push("MAYBE TWICE");
    }
    let zone = of_reader();
    let done_about = format!("DONE ABOUT ({})", zone.name());
    let now = now.filter(|_| occurrences.iter().any(|occurrence| occurrence.finished_at.is_some()));
    if now.is_some() {
        header.push(&done_about);
    }
    let rules = ZoneData::newest();
    let rows = occurrences.iter().map(|occurrence| {
        let mut row = vec![
            occurrence.schedule.clone(),
            occurrence.occurrence.format("%a %Y-%m-%d %H:%M").to_string(),
            occurrence.audience.to_string(),
        ];
        row.extend(used.iter().map(|(_, states)| sum(&occurrence.counts, states).to_string()));
        if doubt {
            row.push(occurrence.possible_duplicates.to_string());
        }
        if let Some(now) = now {
            row.push(occurrence.finished_at.map_or_else(String::new, |at| times::ahead(at, now, zone, &rules)));
        }
        row
    });
    screen.table(&header, rows.collect());
    for occurrence in occurrences {
        for reason in &occurrence.reasons {
            screen.data(format!(
                "  {} {}: {} {} ({})",
                occurrence.schedule,
                occurrence.occurrence.format("%Y-%m-%d %H:%M"),
                reason.count,
                reason.state,
                reason.reason.explain()
            ));
        }
        if let Some(recalled) = recalled(&occurrence.recalled) {
            screen.data(format!(
                "  {} {}: recalled: {recalled}",
                occurrence.schedule,
                occurrence.occurrence.format("%Y-%m-%d %H:%M")
            ));
        }
        if occurrence.too_late > 0 {
            screen.data(format!(
                "  {} {}: about {} will expire before their turn comes; raise `late`, or split the audience",
                occurrence.schedule,
                occurrence.occurrence.format("%Y-%m-%d %H:%M"),
                occurrence.too_late
            ));
        }
    }
}

/// How far the recall of an occurrence is. What was not sent yet is among the reasons already.
fn recalled(counts: &RecallCounts) -> Option<String> {
    let parts: Vec<_> = counts
        .iter()
        .filter(|(state, _)| **state != RecallState::Unsent)
        .map(|(state, count)| format!("{count} {}", recall::result(*state, "taken back")))
        .collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn deliveries(screen: Screen, deliveries: &[DeliveryStatus]) {
    let rules = ZoneData::newest();
    let place = |delivery: &DeliveryStatus, zone: Tz| times::local(delivery.due_at, zone, &rules);
    let rows = deliveries.iter().map(|delivery| {
        let mut note = delivery.reason.map_or_else(String::new, |reason| reason.as_str().to_owned());
        if let Some(detail) = &delivery.detail {
            note = format!("{note}: {}", one_line(detail, 60));
        }
        if delivery.possible_duplicate {
            note.push_str(if note.is_empty() { "possible duplicate" } else { " (possible duplicate)" });
        }
        if let Some(recall) = delivery.recall.filter(|recall| recall.state != RecallState::Unsent) {
            let done = if recall.deletes { "deleted" } else { "replaced" };
            let comma = if note.is_empty() { "" } else { "; " };
            let why = recall.reason.map_or_else(String::new, |reason| format!(" ({reason})"));
            note = format!("{note}{comma}recall: {}{why}", recall::result(recall.state, done));
        }
        vec![
            one_line(&delivery.recipient, 60),
            place(delivery, delivery.zone),
            delivery.zone.name().to_owned(),
            times::utc(delivery.due_at),
            delivery.state.to_string(),
            note,
        ]
    });
    screen.table(&["RECIPIENT", "DUE, LOCAL TIME", "ZONE", "UTC", "STATE", "WHY"], rows.collect());
}
