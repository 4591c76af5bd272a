//! `nudged tail`: what happens to deliveries, as it happens.

// What of the ledger has been shown already.
mod follower;

use std::io;
use std::time::Duration;

use chrono::{DateTime, Utc};
use clap::Args;

use self::follower::Follower;
use crate::adapter::clock::SystemClock;
use crate::adapter::control::ControlClient;
use crate::cli::export::Line;
use crate::cli::screen::{Screen, in_width};
use crate::cli::{Common, Ended, Exit, desk};
use crate::port::clock::Clock as _;
use crate::port::desk::{Desk as _, DeskError};
use crate::port::export::LedgerRow;
use crate::port::tail::{TailPage, TailQuery};

/// How often it is asked what has ended since.
const ASK_EVERY: Duration = Duration::from_millis(500);

/// So many columns a name has: with the longest reason, a line fills the screen.
const NAME: usize = 13;

#[derive(Debug, Args)]
#[command(
    after_help = "A line is when a delivery ended (UTC), its schedule, its recipient, its state and the reason. Where \
                  the daemon stops, this says so and waits until it is back. With --json each line is one delivery.\n\n\
                  Examples:\n  nudged tail\n  nudged tail --failures --lines 50\n  \
                  nudged tail --schedule standup --json | jq .recipient"
)]
pub(super) struct TailArgs {
    /// Only this schedule
    #[arg(long, value_name = "NAME")]
    schedule: Option<String>,
    /// Only what failed, expired or is unknown
    #[arg(long)]
    failures: bool,
    /// So many of what ended last come first, of the last 24 hours
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(0..=1000))]
    lines: u32,
}

/// Why it ends.
enum Over {
    /// Whoever read it is gone.
    NobodyReads,
    Unwritable(io::Error),
    Asked(DeskError),
}

impl From<io::Error> for Over {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe { Over::NobodyReads } else { Over::Unwritable(error) }
    }
}

impl From<DeskError> for Over {
    fn from(error: DeskError) -> Self {
        Over::Asked(error)
    }
}

pub(super) async fn run(screen: Screen, common: &Common, args: &TailArgs) -> Ended {
    let daemon = desk::daemon_only(screen, common).await?;
    let over = tokio::select! {
        over = follow(screen, &daemon, args) => over,
        _ = tokio::signal::ctrl_c() => return Ok(Exit::Done),
    };
    match over {
        Over::NobodyReads => Ok(Exit::Done),
        Over::Unwritable(error) => {
            screen.error(format!("stdout can't be written: {error}"));
            Err(Exit::Failed)
        }
        Over::Asked(error) => Err(desk::failed(screen, &error)),
    }
}

async fn follow(screen: Screen, daemon: &ControlClient, args: &TailArgs) -> Over {
    let clock = SystemClock::new();
    let mut follower = match begin(screen, daemon, args).await {
        Ok(follower) => follower,
        Err(over) => return over,
    };
    let mut is_there = true;
    loop {
        clock.sleep(ASK_EVERY).await;
        match look(screen, daemon, args, &mut follower).await {
            Ok(()) if is_there => {}
            Ok(()) => {
                screen.say("the daemon is back");
                is_there = true;
            }
            // One that stops lets go of the socket, and of the answer that it was giving.
            Err(Over::Asked(_)) if daemon.knock().await.is_err() => {
                if is_there {
                    screen.say("the daemon has stopped; this goes on when it is back, and ends with Ctrl-C");
                }
                is_there = false;
            }
            Err(over) => return over,
        }
    }
}

fn query(args: &TailArgs) -> TailQuery {
    TailQuery { schedule: args.schedule.clone(), failures: args.failures, since: None, after: 0, newest: args.lines }
}

/// Shows what ended last.
async fn begin(screen: Screen, daemon: &ControlClient, args: &TailArgs) -> Result<Follower, Over> {
    let page = daemon.tail(query(args)).await?;
    for row in &page.deliveries {
        show(screen, row)?;
    }
    Ok(Follower::behind(page.now, &page.deliveries, args.lines))
}

/// Shows what has ended since.
async fn look(screen: Screen, daemon: &ControlClient, args: &TailArgs, follower: &mut Follower) -> Result<(), Over> {
    let mut mark = (follower.since(), 0);
    loop {
        let asked = TailQuery { since: Some(mark.0), after: mark.1, ..query(args) };
        let TailPage { now, deliveries, more, .. } = daemon.tail(asked).await?;
        for row in follower.news(now, &deliveries) {
            show(screen, row)?;
        }
        match deliveries.last().and_then(|last| Some((last.ended_at?, last.delivery.0))).filter(|_| more) {
            Some(last) => mark = last,
            None => return Ok(()),
        }
    }
}

fn show(screen: Screen, row: &LedgerRow) -> io::Result<()> {
    if screen.json { screen.stream_json(&Line { schema: TailPage::SCHEMA, row }) } else { screen.stream(&line(row)) }
}

/// `Mar  1 09:00:02Z  standup         Ana Silva       failed  not-allowed`, within 80 columns.
fn line(row: &LedgerRow) -> String {
    let at: DateTime<Utc> = row.ended_at.unwrap_or(row.due_at);
    let note = match row.reason {
        Some(reason) => reason.as_str(),
        None if row.possible_duplicate => "maybe twice",
        None => "",
    };
    let (schedule, who) = (in_width(&row.schedule, NAME), in_width(&row.recipient, NAME));
    let state = row.state.to_string();
    format!("{}  {schedule}  {who}  {state:<9} {note}", at.format("%b %e %H:%M:%SZ")).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use chrono_tz::Tz;

    use super::*;
    use crate::cli::prose::WIDTH;
    use crate::domain::delivery::{Reason, State};
    use crate::domain::event::Cause;
    use crate::domain::id::DeliveryId;

    fn row(recipient: &str, state: State, reason: Option<Reason>) -> LedgerRow {
        LedgerRow {
            delivery: DeliveryId(7),
            schedule: "standup".into(),
            occurrence: "2027-03-01T09:00:00".parse().expect("a civil time"),
            cause: Cause::Plan,
            recipient: recipient.into(),
            address: None,
            zone: Tz::Europe__Lisbon,
            due_at: "2027-03-01T09:00:00Z".parse().expect("an instant"),
            state,
            reason,
            detail: None,
            attempts: 1,
            possible_duplicate: false,
            sent_at: None,
            ended_at: Some("2027-03-01T09:00:01.250Z".parse().expect("an instant")),
            activity_id: None,
            status: None,
            error_code: None,
            correlation_id: None,
        }
    }

    #[test]
    fn a_line_says_when_what_to_whom_and_what_became_of_it() {
        let rows = [
            row("Ana Silva", State::Sent, None),
            LedgerRow { possible_duplicate: true, ..row("東京支社の皆さん", State::Sent, None) },
            LedgerRow {
                schedule: "send-20261121T233940Z-410ec9708803".into(),
                ..row("maximiliane.mustermann@contoso.example", State::Failed, Some(Reason::NotAllowed))
            },
            row("Bo Berg", State::Skipped, Some(Reason::OptedOut)),
        ];
        insta::assert_snapshot!(rows.iter().map(line).collect::<Vec<_>>().join("\n"));
    }

    #[test]
    fn every_line_fits_the_screen() {
        let who = "maximiliane.mustermann@contoso.example";
        for reason in Reason::ALL {
            let line = line(&row(who, State::Cancelled, Some(*reason)));
            assert!(line.chars().count() <= WIDTH, "{line}");
        }
    }
}
