//! Where somebody lives, by the word of the operator.

use chrono_tz::Tz;
use clap::Args;

use crate::adapter::zones::ZoneData;
use crate::cli::people::show::told;
use crate::cli::screen::Screen;
use crate::cli::{Common, Ended, Exit, desk};
use crate::domain::document::zone;
use crate::port::people::{PersonChange, ZoneOrder};

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  nudged people zone ana@contoso.example Europe/Lisbon\n  \
                        nudged people zone ana@contoso.example --clear\n\n\
                        What a person chose themselves counts more. What is open moves along, and nothing is sent twice.")]
pub(super) struct ZoneArgs {
    /// An address, the id of a conversation, or a name
    who: String,
    /// The IANA zone, such as Europe/Lisbon; `auto` is the same as --clear
    #[arg(required_unless_present = "clear", conflicts_with = "clear")]
    zone: Option<String>,
    /// Take back what an operator or an import said; what else is said counts again
    #[arg(long)]
    clear: bool,
}

pub(super) async fn run(screen: Screen, common: &Common, args: &ZoneArgs) -> Ended {
    let zone = match &args.zone {
        Some(name) if !name.eq_ignore_ascii_case("auto") => Some(read(screen, name)?),
        Some(_) | None => None,
    };
    let any = desk::open(screen, common).await?;
    let asked = any.desk.order_zone(ZoneOrder { who: args.who.clone(), zone }).await;
    any.close().await;
    let change = asked.map_err(|error| desk::failed(screen, &error))?;
    tell(screen, &change, "nothing is another than before");
    Ok(Exit::Done)
}

fn read(screen: Screen, name: &str) -> Result<Tz, Exit> {
    zone::read(name, 0..0, None).map_err(|problem| {
        let help = problem.help.map_or_else(String::new, |help| format!("; {help}"));
        screen.error(format!("{}{help}", problem.message));
        Exit::Usage
    })
}

/// What became of somebody, in full.
pub(super) fn tell(screen: Screen, change: &PersonChange, unchanged: &str) {
    if screen.json {
        screen.json(change);
        return;
    }
    if !change.changed {
        screen.say(unchanged);
    }
    screen.data(told(&change.file, &ZoneData::newest()));
}
