//! `nudged people`: who can be reached.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::adapter::files::read_text;
use crate::cli::consent::{self, ConsentArgs};
use crate::cli::problems::{ProblemView, render};
use crate::cli::screen::{Screen, one_line};
use crate::cli::{Common, Ended, Exit, desk};
use crate::domain::consent::Wish;
use crate::domain::delivery::Reason;
use crate::domain::import;
use crate::domain::problem::Source;
use crate::domain::recipient::ZoneSource;
use crate::port::desk::{ImportReport, PersonView, Reach};

#[derive(Debug, Args)]
pub(super) struct PeopleArgs {
    #[command(subcommand)]
    command: PeopleCommand,
}

#[derive(Debug, Subcommand)]
enum PeopleCommand {
    /// Take in people from CSV files, or from Bot Framework conversation references (JSON)
    #[command(after_help = "CSV columns: id (or email, upn, entra_id, teams_id), name, zone, language, groups \
                            (separated by ;),\nconversation_id, service_url, tenant_id; of a channel team, team_id and channel.\nJSON: one reference, a list, \
                            or one on each line.\nWhat a file does not say stays as it is known. Rows that are wrong \
                            are reported; the others are taken in.\n\nExamples:\n  nudged people import people.csv\n  \
                            nudged people import references.json")]
    Import {
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// List everybody, and whether they can be reached
    List,
    /// Send somebody nothing more, at all or about one topic
    Stop(ConsentArgs),
    /// Let somebody have messages again
    Start(ConsentArgs),
}

pub(super) async fn run(screen: Screen, common: &Common, args: &PeopleArgs) -> Ended {
    match &args.command {
        PeopleCommand::Import { files } => import_files(screen, common, files).await,
        PeopleCommand::List => list(screen, common).await,
        PeopleCommand::Stop(args) => consent::run(screen, common, args, Wish::Stop).await,
        PeopleCommand::Start(args) => consent::run(screen, common, args, Wish::Start).await,
    }
}

async fn import_files(screen: Screen, common: &Common, files: &[PathBuf]) -> Ended {
    let mut records = Vec::new();
    let mut problems: Vec<(Source, crate::domain::problem::Problem)> = Vec::new();
    for file in files {
        let source = read_text(file).map_err(|error| {
            screen.error(format!("{} can't be read: {}", error.name, error.why));
            Exit::Failed
        })?;
        let (found, wrong) = import::people(&source);
        records.extend(found);
        problems.extend(wrong.into_iter().map(|problem| (source.clone(), problem)));
    }
    let any = desk::open(screen, common).await?;
    let asked = any.desk.import_people(records).await;
    any.close().await;
    let report = asked.map_err(|error| desk::failed(screen, &error))?;
    let is_clean = problems.is_empty() && report.refused.is_empty();
    if screen.json {
        let problems: Vec<_> = problems.iter().map(|(source, problem)| ProblemView::new(source, problem)).collect();
        screen.json(&serde_json::json!({
            "schema": "nudged.import/1",
            "added": report.added,
            "updated": report.updated,
            "unchanged": report.unchanged,
            "refused": report.refused,
            "problems": problems,
        }));
    } else {
        for (source, problem) in &problems {
            screen.say(render(source, problem, false));
        }
        tell_import(screen, &report);
    }
    Ok(if is_clean { Exit::Done } else { Exit::SomeRecipientsFailed })
}

fn tell_import(screen: Screen, report: &ImportReport) {
    for refused in &report.refused {
        screen.say(format!("not taken in: {refused}"));
    }
    screen.data(format!(
        "{} added, {} updated, {} unchanged, {} not taken in",
        report.added,
        report.updated,
        report.unchanged,
        report.refused.len()
    ));
}

async fn list(screen: Screen, common: &Common) -> Ended {
    let any = desk::open(screen, common).await?;
    let asked = any.desk.people().await;
    any.close().await;
    let people = asked.map_err(|error| desk::failed(screen, &error))?;
    if screen.json {
        screen.json(&people);
        return Ok(Exit::Done);
    }
    if people.people.is_empty() {
        screen.data("nobody is known yet; take people in with `nudged people import FILE`");
        return Ok(Exit::Done);
    }
    let rows = people.people.iter().map(row).collect();
    screen.table(&["NAME", "ADDRESS", "ZONE", "GROUPS", "REACHABLE"], rows);
    Ok(Exit::Done)
}

fn row(person: &PersonView) -> Vec<String> {
    let zone = match person.zone_source {
        ZoneSource::Own | ZoneSource::Operator | ZoneSource::Client | ZoneSource::Directory => {
            person.zone.name().to_owned()
        }
        ZoneSource::Group => format!("{} (group)", person.zone.name()),
        ZoneSource::Fallback => format!("{} (fallback)", person.zone.name()),
    };
    let reach = match person.reach {
        Reach::Conversation | Reach::CanBeCreated if !person.standing.is_member() => {
            "as a guest of a team, where a schedule says so".to_owned()
        }
        Reach::Conversation => "yes".to_owned(),
        Reach::CanBeCreated => "yes, by a new chat".to_owned(),
        Reach::NoReference => format!("no: {}", Reason::NoReference.explain()),
        Reach::Unreachable(why) => format!("no: {}", Reason::from(why).explain()),
    };
    vec![
        one_line(&person.name, 48),
        one_line(person.addresses.first().map_or("", String::as_str), 48),
        zone,
        one_line(&person.groups.join(", "), 48),
        reach,
    ]
}
