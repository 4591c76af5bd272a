//! Everybody in a table.

use clap::Args;

use crate::cli::screen::{Screen, one_line};
use crate::cli::{Common, Ended, Exit, desk};
use crate::domain::delivery::Reason;
use crate::domain::recipient::ZoneSource;
use crate::port::desk::{PersonView, Reach};

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  nudged people list\n  nudged people list --group platform --unreachable")]
pub(super) struct ListArgs {
    /// Only those who can't be reached
    #[arg(long)]
    unreachable: bool,
    /// Only the members of this group; of a team, team:NAME
    #[arg(long, value_name = "GROUP")]
    group: Option<String>,
}

pub(super) async fn run(screen: Screen, common: &Common, args: &ListArgs) -> Ended {
    let any = desk::open(screen, common).await?;
    let asked = any.desk.people().await;
    any.close().await;
    let mut people = asked.map_err(|error| desk::failed(screen, &error))?;
    let is_nobody_known = people.people.is_empty();
    people.people.retain(|person| is_meant(args, person));
    if screen.json {
        screen.json(&people);
        return Ok(Exit::Done);
    }
    if people.people.is_empty() {
        screen.data(if is_nobody_known {
            "nobody is known yet; take people in with `nudged people import FILE`"
        } else {
            "nobody is meant by that; `nudged people list` shows everybody"
        });
        return Ok(Exit::Done);
    }
    let rows: Vec<_> = people.people.iter().map(row).collect();
    screen.table(&["NAME", "ADDRESS", "ZONE", "GROUPS", "REACHABLE"], &rows);
    Ok(Exit::Done)
}

fn is_meant(args: &ListArgs, person: &PersonView) -> bool {
    let is_in_group = args.group.as_ref().is_none_or(|group| person.groups.contains(group));
    let can_be_reached = matches!(person.reach, Reach::Conversation | Reach::CanBeCreated);
    is_in_group && !(args.unreachable && can_be_reached)
}

fn row(person: &PersonView) -> Vec<String> {
    let zone = match person.zone_source {
        ZoneSource::Own | ZoneSource::Operator | ZoneSource::Client | ZoneSource::Directory => {
            person.zone.name().to_owned()
        }
        ZoneSource::Group => format!("{} (group)", person.zone.name()),
        ZoneSource::Fallback => format!("{} (fallback)", person.zone.name()),
    };
    vec![
        one_line(&person.name, 48),
        one_line(person.addresses.first().map_or("", String::as_str), 48),
        zone,
        one_line(&person.groups.join(", "), 48),
        reach(person),
    ]
}

/// Whether somebody can be reached, and if not, why.
pub(super) fn reach(person: &PersonView) -> String {
    match person.reach {
        Reach::Conversation | Reach::CanBeCreated if !person.standing.is_member() => {
            "as a guest of a team, where a schedule says so".to_owned()
        }
        Reach::Conversation => "yes".to_owned(),
        Reach::CanBeCreated => "yes, by a new chat".to_owned(),
        Reach::NoReference => format!("no: {}", Reason::NoReference.explain()),
        Reach::Unreachable(why) => format!("no: {}", Reason::from(why).explain()),
    }
}
