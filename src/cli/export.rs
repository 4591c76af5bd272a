//! `nudged export`: the ledger, one delivery a line.

use chrono::{DateTime, SecondsFormat, Utc};
use clap::Args;
use serde::Serialize;

use crate::adapter::clock::SystemClock;
use crate::cli::failures::{Since, since};
use crate::cli::screen::Screen;
use crate::cli::{Common, Ended, Exit, desk};
use crate::port::clock::Clock as _;
use crate::port::export::{LedgerQuery, LedgerRow};

#[derive(Debug, Args)]
#[command(
    after_help = "Instants are in UTC; `occurrence` is the time on the clock of `zone`. With --json each line is \
                        one delivery.\n\n\
                        Examples:\n  nudged export --csv > ledger.csv\n  nudged export --csv --schedule standup --since 7d"
)]
pub(super) struct ExportArgs {
    /// As CSV with a header, which is what there is; --json writes JSON lines
    #[arg(long)]
    csv: bool,
    /// Only this schedule
    #[arg(long, value_name = "NAME")]
    schedule: Option<String>,
    /// Only what was due since then: a span such as 2h or 7d, or a time in UTC
    #[arg(long, value_name = "TIME", value_parser = since)]
    since: Option<Since>,
}

/// What each line of `--json` is.
const SCHEMA: &str = "nudged.delivery/1";

/// A line of `--json`.
#[derive(Debug, Serialize)]
pub(super) struct Line<'a> {
    pub(super) schema: &'static str,
    #[serde(flatten)]
    pub(super) row: &'a LedgerRow,
}

const HEADER: &str = "delivery,schedule,occurrence,cause,recipient,address,zone,due_at,state,reason,detail,attempts,\
                      possible_duplicate,sent_at,ended_at,activity_id,status,error_code,correlation_id";

pub(super) async fn run(screen: Screen, common: &Common, args: &ExportArgs) -> Ended {
    if screen.json && args.csv {
        screen.error("--csv and --json are two forms of the same; choose one");
        return Err(Exit::Usage);
    }
    let any = desk::open(screen, common).await?;
    let since = args.since.map(|since| since.instant(SystemClock::new().now()));
    let mut query = LedgerQuery { schedule: args.schedule.clone(), since, after: 0 };
    let ended = loop {
        match any.desk.export(query.clone()).await {
            Ok(page) => {
                if query.after == 0 && !screen.json {
                    screen.data(HEADER);
                }
                for row in &page.deliveries {
                    if screen.json {
                        screen.json_line(&Line { schema: SCHEMA, row });
                    } else {
                        screen.data(line(row));
                    }
                }
                match page.next {
                    Some(next) => query.after = next,
                    None => break Ok(Exit::Done),
                }
            }
            Err(error) => break Err(desk::failed(screen, &error)),
        }
    };
    any.close().await;
    ended
}

fn line(row: &LedgerRow) -> String {
    let at =
        |at: Option<DateTime<Utc>>| at.map_or_else(String::new, |at| at.to_rfc3339_opts(SecondsFormat::Millis, true));
    let word = |value: serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let cells = [
        row.delivery.to_string(),
        row.schedule.clone(),
        row.occurrence.format("%Y-%m-%dT%H:%M:%S%.f").to_string(),
        word(serde_json::json!(row.cause)),
        row.recipient.clone(),
        text(&row.address),
        row.zone.name().to_owned(),
        at(Some(row.due_at)),
        row.state.to_string(),
        row.reason.map_or_else(String::new, |reason| reason.to_string()),
        text(&row.detail),
        row.attempts.to_string(),
        row.possible_duplicate.to_string(),
        at(row.sent_at),
        at(row.ended_at),
        text(&row.activity_id),
        row.status.map_or_else(String::new, |status| status.to_string()),
        text(&row.error_code),
        text(&row.correlation_id),
    ];
    cells.iter().map(|cell| quoted(cell)).collect::<Vec<_>>().join(",")
}

/// A cell as RFC 4180 has it. What a spreadsheet would take for a formula gets an apostrophe in front: names and answers
/// come from outside.
fn quoted(cell: &str) -> String {
    let is_formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let cell = if is_formula { format!("'{cell}") } else { cell.to_owned() };
    if cell.contains(['"', ',', '\n', '\r']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell }
}

#[cfg(test)]
mod tests {
    use chrono_tz::Tz;

    use super::*;
    use crate::domain::delivery::{Reason, State};
    use crate::domain::event::Cause;
    use crate::domain::id::DeliveryId;

    #[test]
    fn a_row_has_a_cell_for_each_column_and_no_formula() {
        let row = LedgerRow {
            delivery: DeliveryId(7),
            schedule: "standup".into(),
            occurrence: "2027-03-01T09:00:00".parse().expect("a civil time"),
            cause: Cause::Plan,
            recipient: "Silva, \"Ana\"".into(),
            address: Some("=cmd()".into()),
            zone: Tz::Europe__Lisbon,
            due_at: "2027-03-01T09:00:00Z".parse().expect("an instant"),
            state: State::Failed,
            reason: Some(Reason::TooLarge),
            detail: Some("two\nlines".into()),
            attempts: 1,
            possible_duplicate: false,
            sent_at: None,
            ended_at: Some("2027-03-01T09:00:01.250Z".parse().expect("an instant")),
            activity_id: None,
            status: Some(413),
            error_code: Some("MessageSizeTooBig".into()),
            correlation_id: Some("8f1d".into()),
        };
        let expect = "7,standup,2027-03-01T09:00:00,plan,\"Silva, \"\"Ana\"\"\",'=cmd(),Europe/Lisbon,\
                      2027-03-01T09:00:00.000Z,failed,too-large,\"two\nlines\",1,false,,2027-03-01T09:00:01.250Z,,413,\
                      MessageSizeTooBig,8f1d";
        assert_eq!(line(&row), expect);
        assert_eq!(HEADER.split(',').count(), 19);
    }
}
