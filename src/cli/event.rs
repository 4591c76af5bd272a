//! `nudged event`: tells the daemon that something has happened.

use std::path::Path;

use clap::Args;
use serde_json::{Value, json};

use crate::adapter::clock::SystemClock;
use crate::adapter::entropy::SystemEntropy;
use crate::cli::screen::{Screen, one_line};
use crate::cli::{Common, Ended, Exit, desk, times};
use crate::port::clock::Clock;
use crate::port::desk::Desk;
use crate::port::entropy::Entropy;
use crate::port::event::{EventReceipt, EventRequest};

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  nudged event build-failed --key 4711 \\\n    --data '{\"authors\": [\"ana@contoso.example\"]}'\n  \
                        nudged event order-shipped --key A-17 --data @order.json\n\n\
                        Schedules with event = \"NAME\" speak then. The same key with the same data is the same event, \
                        so a script that is not sure may ask again. Programs do the same over HTTP: \
                        POST /v1/events/NAME with the header Idempotency-Key."
)]
pub(super) struct EventArgs {
    /// The name of the event, as schedules write it
    name: String,
    /// What is known of it, a JSON object, or @FILE with one
    #[arg(long, value_name = "JSON")]
    data: Option<String>,
    /// What tells this event from others of the name [default: a new one]
    #[arg(long)]
    key: Option<String>,
}

pub(super) async fn run(screen: Screen, common: &Common, args: &EventArgs) -> Ended {
    let data = read(args.data.as_deref()).map_err(|words| {
        screen.error(words);
        Exit::Usage
    })?;
    let key = args.key.clone().unwrap_or_else(new_key);
    let daemon = desk::daemon_only(screen, common).await?;
    let request = EventRequest { name: args.name.clone(), key, data };
    let receipt = daemon.event(request).await.map_err(|error| desk::failed(screen, &error))?;
    if screen.json {
        screen.json(&receipt);
    } else {
        show(screen, &receipt);
    }
    Ok(if receipt.refused.is_empty() { Exit::Done } else { Exit::SomeRecipientsFailed })
}

fn new_key() -> String {
    format!("cli {} {}", SystemClock::new().now().to_rfc3339(), SystemEntropy.draw())
}

fn read(data: Option<&str>) -> Result<Value, String> {
    let (text, from) = match data {
        None => return Ok(json!({})),
        Some(data) => match data.strip_prefix('@') {
            None => (data.to_owned(), "--data".to_owned()),
            Some(file) => {
                let text = std::fs::read_to_string(Path::new(file))
                    .map_err(|error| format!("{file} can't be read: {error}"))?;
                (text, file.to_owned())
            }
        },
    };
    serde_json::from_str(&text).map_err(|error| format!("{from} is not JSON: {error}"))
}

fn show(screen: Screen, receipt: &EventReceipt) {
    let rows: Vec<_> = receipt
        .occurrences
        .iter()
        .map(|made| vec![made.schedule.clone(), times::civil(made.occurrence), made.people.to_string()])
        .collect();
    if rows.is_empty() {
        screen.data("it speaks to nobody");
    } else {
        screen.table(&["SCHEDULE", "OCCURRENCE (UTC)", "PEOPLE"], &rows);
    }
    for refused in &receipt.refused {
        screen.say(format!("{}: not to {}: {}", refused.schedule, one_line(&refused.who, 60), refused.why.explain()));
    }
    if receipt.is_repetition {
        screen.say("this is what was answered before to the same key");
    }
}
