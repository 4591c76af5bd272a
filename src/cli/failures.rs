//! `nudged failures`: what went wrong, and what can be done about it.

use chrono::{DateTime, TimeDelta, Utc};
use clap::Args;

use crate::adapter::clock::SystemClock;
use crate::cli::prose::{Sheet, paragraph};
use crate::cli::screen::{Screen, one_line};
use crate::cli::{Common, Ended, Exit, desk, next, times};
use crate::port::clock::Clock as _;
use crate::port::export::LedgerRow;
use crate::port::trouble::{Failures, FailuresQuery};

#[derive(Debug, Args)]
#[command(after_help = "What failed, has expired, or of which nobody knows whether it arrived.\n\n\
                        Examples:\n  nudged failures\n  nudged failures standup --since 7d\n  \
                        nudged failures --json | jq '.failures[].correlation_id'")]
pub(super) struct FailuresArgs {
    /// Only this schedule
    schedule: Option<String>,
    /// How far back, such as 2h or 7d, or a time in UTC [default: 24h]
    #[arg(long, value_name = "TIME", value_parser = since)]
    since: Option<Since>,
    /// At most so many are listed; all are counted
    #[arg(long, default_value_t = 20)]
    limit: u32,
}

/// Since when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Since {
    Ago(TimeDelta),
    At(DateTime<Utc>),
}

impl Since {
    pub(super) fn instant(self, now: DateTime<Utc>) -> DateTime<Utc> {
        match self {
            Since::Ago(span) => now.checked_sub_signed(span).unwrap_or(DateTime::<Utc>::MIN_UTC),
            Since::At(at) => at,
        }
    }
}

/// `2h`, `30min`, `7d`, or a date and perhaps a time in UTC.
pub(super) fn since(text: &str) -> Result<Since, String> {
    if let Ok(at) = next::instant(text) {
        return Ok(Since::At(at));
    }
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let span = text[..digits].parse::<u32>().ok().and_then(|number| match text[digits..].trim() {
        "min" | "m" => Some(TimeDelta::minutes(i64::from(number))),
        "h" => Some(TimeDelta::hours(i64::from(number))),
        "d" => Some(TimeDelta::days(i64::from(number))),
        _ => None,
    });
    span.map(Since::Ago)
        .ok_or_else(|| "write a span such as 2h or 7d, or a time in UTC such as 2027-03-01T08:00".into())
}

pub(super) async fn run(screen: Screen, common: &Common, args: &FailuresArgs) -> Ended {
    let any = desk::open(screen, common).await?;
    let since = args.since.map(|since| since.instant(SystemClock::new().now()));
    let query = FailuresQuery { schedule: args.schedule.clone(), since, limit: args.limit };
    let asked = any.desk.failures(query).await;
    any.close().await;
    let failures = asked.map_err(|error| desk::failed(screen, &error))?;
    if screen.json {
        screen.json(&failures);
    } else {
        screen.data(told(&failures, args.schedule.as_deref()));
    }
    Ok(Exit::Done)
}

fn told(failures: &Failures, schedule: Option<&str>) -> String {
    let since = times::utc(failures.since);
    if failures.reasons.is_empty() {
        let of = schedule.map_or_else(String::new, |name| format!(" of \"{name}\""));
        return paragraph(&format!("nothing{of} has failed, expired or become unknown since {since}"), 0);
    }
    let mut lines = vec![format!("{} since {since}:", failures.total()), String::new()];
    for group in &failures.reasons {
        let meaning = group.meaning.as_deref().unwrap_or("no reason is known");
        lines.push(paragraph(&format!("{} {}: {meaning}", group.count, group.state), 2));
        if let Some(cure) = &group.cure {
            lines.push(paragraph(&format!("-> {cure}"), 4));
        }
    }
    for failure in &failures.failures {
        lines.push(String::new());
        lines.push(one(failure));
    }
    let more = failures.total().saturating_sub(failures.failures.len() as u64);
    if more > 0 {
        lines.push(format!("\n{more} more; see them with --limit"));
    }
    lines.join("\n")
}

fn one(failure: &LedgerRow) -> String {
    let who = one_line(&failure.recipient, 40);
    let address = failure.address.as_deref().filter(|address| *address != failure.recipient);
    let address = address.map_or_else(String::new, |address| format!(" <{}>", one_line(address, 50)));
    let ended = failure.ended_at.map_or_else(String::new, times::utc);
    let head = format!("{ended}  {} {}: {who}{address}", failure.state, failure.schedule);
    let mut sheet = Sheet::default();
    let clock = failure.zone.name();
    sheet.say(
        "occurrence",
        &format!("{}, due {} ({clock})", times::civil(failure.occurrence), times::utc(failure.due_at)),
    );
    let reason = failure.reason.map_or("none is known".into(), |reason| reason.explain_in(failure.state));
    let twice = if failure.possible_duplicate { "; two copies may have arrived" } else { "" };
    sheet.say("reason", &format!("{reason}{twice}"));
    if let Some(detail) = &failure.detail {
        sheet.say("", &one_line(detail, 200));
    }
    if failure.attempts > 0 {
        let answer = match (failure.status, &failure.error_code) {
            (Some(status), Some(code)) => format!(", at last {status} {}", one_line(code, 60)),
            (Some(status), None) => format!(", at last {status}"),
            (None, _) => String::new(),
        };
        sheet.say("attempts", &format!("{}{answer}", failure.attempts));
    }
    if let Some(id) = &failure.correlation_id {
        sheet.say("correlation", id);
    }
    format!("{}\n{}", paragraph(&head, 0), sheet.text())
}

#[cfg(test)]
mod tests {
    use chrono_tz::Tz;

    use super::*;
    use crate::domain::delivery::{Reason, State};
    use crate::domain::event::Cause;
    use crate::domain::id::DeliveryId;
    use crate::port::trouble::FailureGroup;

    #[test]
    fn spans_and_instants_are_read() {
        assert_eq!(since("2h"), Ok(Since::Ago(TimeDelta::hours(2))));
        assert_eq!(since("7d"), Ok(Since::Ago(TimeDelta::days(7))));
        assert_eq!(since("30 min"), Ok(Since::Ago(TimeDelta::minutes(30))));
        assert!(matches!(since("2027-03-01"), Ok(Since::At(_))));
        assert!(since("yesterday").is_err());
        assert!(since("5").is_err());
    }

    fn group(state: State, reason: Reason, count: u64) -> FailureGroup {
        let (meaning, cure) = (Some(reason.explain_in(state).into_owned()), Some(reason.cure_in(state).into_owned()));
        FailureGroup { state, reason: Some(reason), count, meaning, cure }
    }

    #[test]
    fn failures_come_with_their_reasons_and_cures() {
        let now: DateTime<Utc> = "2027-03-01T12:00:00Z".parse().expect("an instant");
        let failed = LedgerRow {
            delivery: DeliveryId(7),
            cause: Cause::Plan,
            sent_at: None,
            activity_id: None,
            schedule: "standup".into(),
            occurrence: "2027-03-01T09:00:00".parse().expect("a civil time"),
            recipient: "Ana Silva".into(),
            address: Some("ana@contoso.example".into()),
            zone: Tz::Europe__Lisbon,
            due_at: now - TimeDelta::hours(3),
            ended_at: Some(now - TimeDelta::hours(3) + TimeDelta::seconds(2)),
            state: State::Failed,
            reason: Some(Reason::TooLarge),
            detail: Some("The message is too large for this conversation".into()),
            attempts: 1,
            possible_duplicate: false,
            status: Some(413),
            error_code: Some("MessageSizeTooBig".into()),
            correlation_id: Some("8f1d9a52-3c0e-4b7d-9f57-6f0c2a1be0aa".into()),
        };
        let unknown = LedgerRow {
            recipient: "bo@contoso.example".into(),
            address: Some("bo@contoso.example".into()),
            state: State::Unknown,
            reason: Some(Reason::NoAnswer),
            detail: None,
            attempts: 4,
            possible_duplicate: true,
            status: None,
            error_code: None,
            correlation_id: None,
            ..failed.clone()
        };
        let failures = Failures {
            schema: Failures::SCHEMA.to_owned(),
            now,
            since: now - TimeDelta::hours(24),
            reasons: vec![group(State::Failed, Reason::TooLarge, 12), group(State::Unknown, Reason::NoAnswer, 1)],
            failures: vec![failed, unknown],
        };
        let told = told(&failures, None);
        assert!(told.lines().all(|line| line.chars().count() <= 80), "80 columns:\n{told}");
        insta::assert_snapshot!(told);
        assert_eq!(serde_json::to_value(&failures).expect("JSON")["schema"], "nudged.failures/1");
    }
}
