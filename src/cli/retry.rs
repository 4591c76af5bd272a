//! `nudged retry`: sends again what failed, or what nobody knows of.

use chrono::NaiveDate;
use clap::Args;

use crate::cli::prose::paragraph;
use crate::cli::screen::Screen;
use crate::cli::{Common, Ended, Exit, desk, times};
use crate::port::trouble::{Retried, RetryReport, RetryRequest};

#[derive(Debug, Args)]
#[command(
    after_help = "Without --on it is about the occurrence of which something ended so last. What was recalled or \
                        cancelled does not come back, and opt-outs, quiet hours and limits hold as ever. \
                        --unknown sends again what may have arrived: people may get it twice.\n\n\
                        Examples:\n  nudged retry standup\n  nudged retry standup --who ana@contoso.example --late\n  \
                        nudged retry standup --unknown --dry-run"
)]
pub(super) struct RetryArgs {
    /// The schedule
    schedule: String,
    /// Only to these: a person or group:NAME; may be given several times
    #[arg(long, value_name = "WHO")]
    who: Vec<String>,
    /// Only of this date, as it stands in the schedule, such as 2027-03-14
    #[arg(long, value_name = "DATE", value_parser = times::date)]
    on: Option<NaiveDate>,
    #[command(flatten)]
    which: Which,
    /// Also what is past its lateness limit
    #[arg(long)]
    late: bool,
    /// Only say what would be done
    #[arg(long)]
    dry_run: bool,
}

/// Which of them.
#[derive(Debug, Clone, Copy, Args)]
struct Which {
    /// What failed, so that certainly nothing arrived (the default)
    #[arg(long, conflicts_with = "unknown")]
    failed: bool,
    /// What nobody knows of: it may arrive twice
    #[arg(long)]
    unknown: bool,
}

impl From<Which> for Retried {
    fn from(which: Which) -> Self {
        if which.unknown && !which.failed { Retried::Unknown } else { Retried::Failed }
    }
}

pub(super) async fn run(screen: Screen, common: &Common, args: &RetryArgs) -> Ended {
    let any = desk::open(screen, common).await?;
    let request = RetryRequest {
        schedule: args.schedule.clone(),
        who: args.who.clone(),
        on: args.on,
        which: args.which.into(),
        late: args.late,
        dry_run: args.dry_run,
    };
    let asked = any.desk.retry(request).await;
    let runs = any.is_daemon();
    any.close().await;
    let report = asked.map_err(|error| desk::failed(screen, &error))?;
    if screen.json {
        screen.json(&report);
    } else {
        screen.data(told(&report));
    }
    if !runs && report.retried > 0 {
        screen.say("no daemon is running; they are sent when it is");
    }
    Ok(Exit::Done)
}

fn told(report: &RetryReport) -> String {
    let of: Vec<String> = report.occurrences.iter().map(|occurrence| times::civil(*occurrence)).collect();
    let verb = if report.dry_run { "would be sent again" } else { "sent again now" };
    let twice = match report.which {
        Retried::Failed => "",
        Retried::Unknown => ", marked as possible duplicates",
    };
    let mut lines =
        vec![paragraph(&format!("{} of {}: {} {verb}{twice}", report.schedule, of.join(", "), report.retried), 0)];
    if report.too_late > 0 {
        lines
            .push(paragraph(&format!("{} left: past the lateness limit; add --late to send them", report.too_late), 2));
    }
    if report.not_meant > 0 {
        let words = "left: recalled or cancelled, or not meant by the schedule any more";
        lines.push(paragraph(&format!("{} {words}", report.not_meant), 2));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_retry_says_what_is_sent_and_what_is_left() {
        let report = RetryReport {
            schema: RetryReport::SCHEMA.to_owned(),
            schedule: "standup".into(),
            which: Retried::Unknown,
            dry_run: false,
            occurrences: vec!["2027-03-01T09:00:00".parse().expect("a civil time")],
            retried: 3,
            too_late: 2,
            not_meant: 1,
        };
        let told = told(&report);
        assert!(told.lines().all(|line| line.chars().count() <= 80), "80 columns:\n{told}");
        insta::assert_snapshot!(told);
        assert_eq!(serde_json::to_value(&report).expect("JSON")["schema"], "nudged.retry/1");
    }
}
