//! A status for people, within 80 columns.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use crate::cli::problems::{FILES_SHOWN, more_files};
use crate::cli::prose::paragraph;
use crate::cli::screen::one_line;
use crate::cli::{recall, times};
use crate::domain::delivery::State;
use crate::domain::lateness::Lateness;
use crate::domain::recall::RecallState;
use crate::domain::time::ZoneRules;
use crate::port::desk::{
    BackupStatus, DaemonStatus, DeliveryStatus, EndpointStatus, OccurrenceStatus, RateStatus, RemovedSchedule, Status,
};
use crate::port::recall::RecallCounts;

/// All of it. `zone` is that of whoever reads it.
pub(super) fn told(status: &Status, schedule: Option<&str>, zone: Tz, rules: &dyn ZoneRules) -> String {
    let mut lines = Vec::new();
    let mut say = |text: String| lines.push(paragraph(&text, 0));
    match &status.daemon {
        Some(daemon) => tell_daemon(&mut say, daemon, status),
        None => say("no daemon is running; this is what the ledger says".to_owned()),
    }
    for file in status.held_back.iter().take(FILES_SHOWN) {
        let instead = if file.last_good_in_use { "its last good version is in use" } else { "none of it is in use" };
        say(format!("held back: {} ({instead})", file.file));
        for problem in &file.problems {
            say(format!("- {problem}"));
        }
    }
    if let Some(more) = more_files(status.held_back.len()) {
        say(format!("held back: {more}"));
    }
    for team in &status.teams {
        if let Some(trouble) = &team.trouble {
            let known = team.read_at.map_or_else(String::new, |at| format!("; known as of {}", times::utc(at)));
            say(format!("team {}: {trouble}{known}", team.team));
        }
    }
    for paused in &status.paused {
        say(format!("PAUSED: {} since {}: {}", paused.schedule, times::utc(paused.since), paused.why));
        say(format!("-> `nudged resume {}` lets it go on", paused.schedule));
    }
    for RemovedSchedule { schedule, since, cancelled_at } in &status.removed {
        let (since, end) = (times::utc(*since), times::utc(*cancelled_at));
        say(format!("REMOVED: no file has {schedule} since {since}; what is open of it is cancelled at {end}"));
        say("-> put it back into a file before then, if that was not meant".to_owned());
    }
    if status.occurrences.is_empty() {
        say(schedule.map_or_else(
            || "no occurrence is planned, open or lately ended".into(),
            |name| format!("no occurrence of \"{name}\" is planned, open or lately ended"),
        ));
        return lines.join("\n");
    }
    lines.push(String::new());
    lines.push(occurrences(&status.occurrences, Some((status.now, zone)), rules));
    if status.omitted > 0 {
        lines.push(String::new());
        let words = format!("{} more, further from now; see them with --limit", status.omitted);
        lines.push(paragraph(&words, 0));
    }
    if !status.deliveries.is_empty() {
        lines.push(String::new());
        lines.extend(status.deliveries.iter().map(|delivery| delivery_lines(delivery, rules)));
    }
    lines.join("\n")
}

fn tell_daemon(say: &mut impl FnMut(String), daemon: &DaemonStatus, status: &Status) {
    let next = daemon.next_due_at.map_or_else(
        || "nothing due within 48 h".into(),
        |at| format!("next at {} ({})", times::utc(at), times::distance(at, status.now)),
    );
    let plural = if daemon.schedules == 1 { "" } else { "s" };
    say(format!("nudged {} runs (pid {}); {} schedule{plural}; {next}", daemon.version, daemon.pid, daemon.schedules));
    if let Some(line) = pace(daemon.rate, status.lateness) {
        say(line);
    }
    if let Some(trouble) = &daemon.trouble {
        say(format!("CANNOT SEND: {trouble}; deliveries wait"));
    }
    if let Some(note) = daemon.credentials.as_ref().and_then(|credentials| credentials.note.as_deref()) {
        say(format!("credential: {note}"));
    }
    if let Some(endpoint) = &daemon.endpoint {
        tell_endpoint(say, endpoint);
    }
    if let Some(backups) = &daemon.backups {
        say(backups_line(backups, status.now));
    }
}

/// `sending 48.9 a second, of 50 for each tenant; in 24 h half within 0.8 s, 99 of 100 within 6.1 s`.
fn pace(rate: Option<RateStatus>, lateness: Option<Lateness>) -> Option<String> {
    let rate = rate.map(|rate| {
        let tenths = rate.requests * 10 / u64::from(rate.seconds.max(1));
        let per_second = format!("{}.{}", tenths / 10, tenths % 10);
        format!("sending {per_second} a second, of {} for each tenant", rate.limit_per_second)
    });
    let late = lateness.map(|it| format!("in 24 h {} sent, {}", it.messages, late(it)));
    let parts: Vec<String> = rate.into_iter().chain(late).collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

/// `half within 0.8 s of their time, 99 of 100 within 6.1 s`.
fn late(lateness: Lateness) -> String {
    let seconds = |ms: u64| match ms {
        0..60_000 => format!("{}.{} s", ms / 1000, ms % 1000 / 100),
        _ => times::span(chrono::TimeDelta::milliseconds(i64::try_from(ms).unwrap_or(i64::MAX))),
    };
    format!("half within {} of their time, 99 of 100 within {}", seconds(lateness.p50_ms), seconds(lateness.p99_ms))
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
fn tell_endpoint(say: &mut impl FnMut(String), endpoint: &EndpointStatus) {
    let heard = endpoint.last_heard_at.map_or_else(
        || "nothing heard yet".to_owned(),
        |at| format!("{} heard, last at {}", endpoint.heard, times::utc(at)),
    );
    let refused = endpoint.last_refused_at.map_or_else(String::new, |at| {
        format!("; {} refused that were not from Teams for this bot, last at {}", endpoint.refused, times::utc(at))
    });
    say(format!("endpoint {}: {heard}{refused}", endpoint.listens_on));
    if let Some(trouble) = &endpoint.trouble {
        say(format!("endpoint: {trouble}; keys that are known stay good"));
    }
}

/// Occurrences, whose numbers add up to their audience. With the present and a zone it says also when what is open will be
/// finished.
pub(in crate::cli) fn occurrences(
    occurrences: &[OccurrenceStatus],
    now: Option<(DateTime<Utc>, Tz)>,
    rules: &dyn ZoneRules,
) -> String {
    let blocks: Vec<String> = occurrences.iter().map(|occurrence| block(occurrence, now, rules)).collect();
    blocks.join("\n")
}

fn block(occurrence: &OccurrenceStatus, now: Option<(DateTime<Utc>, Tz)>, rules: &dyn ZoneRules) -> String {
    let mut lines = Vec::new();
    let counts: Vec<String> = State::ALL
        .into_iter()
        .filter_map(|state| Some((state, occurrence.counts.get(&state).filter(|count| **count > 0)?)))
        .map(|(state, count)| format!("{count} {state}"))
        .collect();
    let when = times::civil(occurrence.occurrence);
    let twice = match occurrence.possible_duplicates {
        0 => String::new(),
        count => format!("; {count} maybe twice"),
    };
    let test = if occurrence.test { " (test)" } else { "" };
    let (schedule, audience, counts) = (&occurrence.schedule, occurrence.audience, counts.join(", "));
    let head = match audience {
        0 => format!("{schedule}{test}  {when}: nobody is in its audience"),
        1 => format!("{schedule}{test}  {when}: 1 recipient: {counts}{twice}"),
        many => format!("{schedule}{test}  {when}: {many} people: {counts}{twice}"),
    };
    lines.push(paragraph(&head, 0));
    if let Some(lateness) = occurrence.lateness {
        lines.push(paragraph(&late(lateness), 2));
    }
    if let (Some(at), Some((now, zone))) = (occurrence.finished_at, now) {
        let words = format!("done about {}, {}", times::ahead(at, now, zone, rules), zone.name());
        lines.push(paragraph(&words, 2));
    }
    for reason in &occurrence.reasons {
        let words = format!("{} {}: {}", reason.count, reason.state, reason.reason.explain_in(reason.state));
        lines.push(paragraph(&words, 2));
        lines.push(paragraph(&format!("-> {}", reason.reason.cure_in(reason.state)), 4));
    }
    if let Some(recalled) = recalled(&occurrence.recalled) {
        lines.push(paragraph(&format!("recalled: {recalled}"), 2));
    }
    if occurrence.too_late > 0 {
        let words = format!("about {} will expire before their turn comes", occurrence.too_late);
        lines.push(paragraph(&words, 2));
        lines.push(paragraph("-> raise `late`, or split the audience", 4));
    }
    lines.join("\n")
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

fn delivery_lines(delivery: &DeliveryStatus, rules: &dyn ZoneRules) -> String {
    let mut notes = Vec::new();
    if let Some(reason) = delivery.reason {
        let detail = delivery.detail.as_deref().map_or_else(String::new, |it| format!(": {}", one_line(it, 60)));
        notes.push(format!("{reason}{detail}"));
    }
    if delivery.possible_duplicate {
        notes.push("possible duplicate".to_owned());
    }
    if let Some(recall) = delivery.recall.filter(|recall| recall.state != RecallState::Unsent) {
        let done = if recall.deletes { "deleted" } else { "replaced" };
        let why = recall.reason.map_or_else(String::new, |reason| format!(" ({reason})"));
        notes.push(format!("recall: {}{why}", recall::result(recall.state, done)));
    }
    let due = times::local(delivery.due_at, delivery.zone, rules);
    let who = one_line(&delivery.recipient, 60);
    let head = format!("{}: {who}, {due} {} = {}", delivery.state, delivery.zone.name(), times::utc(delivery.due_at));
    let head = paragraph(&head, 0);
    if notes.is_empty() { head } else { format!("{head}\n{}", paragraph(&notes.join("; "), 2)) }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::adapter::zones::ZoneData;
    use crate::domain::delivery::Reason;
    use crate::port::desk::{Counts, HeldBackFile, PausedSchedule, ReasonCount};

    fn status() -> Status {
        let now: DateTime<Utc> = "2027-03-01T09:05:00Z".parse().expect("an instant");
        let due_at = now - TimeDelta::minutes(5);
        let lateness = Some(Lateness { messages: 270, p50_ms: 800, p99_ms: 66_000 });
        let counts =
            [(State::Planned, 120), (State::Sending, 12), (State::Sent, 270), (State::Skipped, 8), (State::Failed, 2)];
        let delivery = |recipient: &str, state, reason, detail: Option<&str>| DeliveryStatus {
            schedule: "standup".into(),
            occurrence: "2027-03-01T09:00:00".parse().expect("a civil time"),
            recipient: recipient.into(),
            address: None,
            zone: Tz::Europe__Lisbon,
            due_at,
            state,
            reason,
            detail: detail.map(str::to_owned),
            attempts: 1,
            possible_duplicate: false,
            sent_at: None,
            not_before: None,
            recall: None,
        };
        Status {
            schema: Status::SCHEMA.to_owned(),
            now,
            daemon: Some(DaemonStatus {
                version: "0.1.0".into(),
                pid: 4711,
                started_at: now - TimeDelta::hours(30),
                schedules: 3,
                next_due_at: Some(now + TimeDelta::minutes(55)),
                rate: Some(RateStatus { requests: 489, seconds: 10, limit_per_second: 50 }),
                trouble: None,
                credentials: None,
                endpoint: None,
                backups: None,
            }),
            held_back: vec![HeldBackFile {
                file: "/etc/nudged/schedules/lunch.toml".into(),
                last_good_in_use: true,
                problems: vec!["6:9: N101 unknown time zone \"Europe/Pariss\"; did you mean \"Europe/Paris\"?".into()],
                schedules: vec!["lunch".into()],
            }],
            paused: vec![PausedSchedule {
                schedule: "retro".into(),
                since: now - TimeDelta::hours(2),
                why: "the office is closed".into(),
            }],
            removed: vec![RemovedSchedule {
                schedule: "brunch".into(),
                since: now - TimeDelta::minutes(4),
                cancelled_at: now + TimeDelta::minutes(6),
            }],
            teams: Vec::new(),
            omitted: 5_720,
            occurrences: vec![OccurrenceStatus {
                schedule: "standup".into(),
                occurrence: "2027-03-01T09:00:00".parse().expect("a civil time"),
                test: false,
                audience: 412,
                counts: Counts::from(counts),
                possible_duplicates: 3,
                reasons: vec![
                    ReasonCount::new(State::Skipped, Reason::OptedOut, 8),
                    ReasonCount::new(State::Failed, Reason::NotAllowed, 2),
                ],
                waves: Vec::new(),
                recalled: RecallCounts::new(),
                lateness,
                finished_at: Some(now + TimeDelta::minutes(28)),
                too_late: 5,
            }],
            lateness,
            deliveries: vec![
                delivery("Ana Silva", State::Sent, None, None),
                delivery(
                    "Bo Berg",
                    State::Failed,
                    Some(Reason::NotAllowed),
                    Some("The bot is not allowed to post here"),
                ),
            ],
        }
    }

    #[test]
    fn a_status_fits_the_screen_and_says_what_to_do() {
        let told = told(&status(), Some("standup"), Tz::Europe__Berlin, &ZoneData::newest());
        assert!(told.lines().all(|line| line.chars().count() <= 80), "80 columns:\n{told}");
        insta::assert_snapshot!(told);
    }
}
