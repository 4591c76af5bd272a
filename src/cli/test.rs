//! `nudged test`: sends a schedule's message to one person now, and says what became of it.

use std::time::Duration;

use chrono::NaiveDateTime;
use clap::Args;

use crate::adapter::clock::SystemClock;
use crate::adapter::zones::ZoneData;
use crate::cli::screen::Screen;
use crate::cli::{Common, Ended, Exit, desk, why};
use crate::domain::delivery::State;
use crate::port::clock::Clock as _;
use crate::port::desk::Desk as _;
use crate::port::rehearsal::TestRequest;
use crate::port::why::{Account, Why, WhyQuery};

/// How often it is asked what became of it, and how often at most.
const ASK_EVERY: Duration = Duration::from_millis(250);
const ASK_AT_MOST: u32 = 120;

#[derive(Debug, Args)]
#[command(
    after_help = "It is sent past quiet hours, holidays and daily limits, but not to who stopped it or can't be \
                        reached. It is accounted for as a test: who gets it now gets the real one as well.\n\n\
                        Examples:\n  nudged test standup --to me@contoso.example"
)]
pub(super) struct TestArgs {
    /// The schedule
    schedule: String,
    /// Who gets it: an address, the id of a conversation, or a name
    #[arg(long, value_name = "WHO")]
    to: String,
}

pub(super) async fn run(screen: Screen, common: &Common, args: &TestArgs) -> Ended {
    let daemon = desk::daemon_only(screen, common).await?;
    let failed = |error| desk::failed(screen, &error);
    let request = TestRequest { schedule: args.schedule.clone(), to: args.to.clone() };
    let receipt = daemon.test(request).await.map_err(failed)?;
    let clock = SystemClock::new();
    let mut told: Option<Why> = None;
    for _ in 0..ASK_AT_MOST {
        // Of that date there may be more than is told at once.
        let occurrence = Some(receipt.occurrence);
        let query = WhyQuery { schedule: args.schedule.clone(), who: args.to.clone(), on: None, occurrence };
        let mut why = daemon.why(query).await.map_err(failed)?;
        why.accounts.retain(|account| story_state(account, receipt.occurrence).is_some());
        let is_over = why.accounts.iter().filter_map(|it| story_state(it, receipt.occurrence)).any(State::is_final);
        told = Some(why);
        if is_over {
            break;
        }
        clock.sleep(ASK_EVERY).await;
    }
    let state = told.iter().flat_map(|why| &why.accounts).find_map(|it| story_state(it, receipt.occurrence));
    if screen.json {
        screen.json(&serde_json::json!({
            "schema": receipt.schema, "schedule": receipt.schedule, "occurrence": receipt.occurrence, "state": state,
        }));
    } else if let Some(why) = told.filter(|why| !why.accounts.is_empty()) {
        screen.data(why::told(&why, &ZoneData::newest()));
    } else {
        screen.data(format!("it waits for its turn; `nudged status {}` tells what becomes of it", args.schedule));
    }
    Ok(if state == Some(State::Sent) { Exit::Done } else { Exit::SomeRecipientsFailed })
}

/// The state of the delivery of this occurrence, if the account tells of it.
fn story_state(account: &Account, occurrence: NaiveDateTime) -> Option<State> {
    match account {
        Account::Delivery(story) if story.occurrence == occurrence => Some(story.state),
        Account::Delivery(_) | Account::Coming(_) | Account::Absent(_) => None,
    }
}
