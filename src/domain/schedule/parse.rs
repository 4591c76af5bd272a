//! How schedules are read from a file: the schedules that are right, and all problems of the rest at once.

use std::fmt::Write;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use self::beside::Beside;
use super::model::{Audience, Origin, Policies, Schedule};
use super::when::When;
use crate::domain::consent::Topic;
use crate::domain::document::{self, Placed, Table, Value, excerpt};
use crate::domain::id::{Revision, ScheduleName};
use crate::domain::message::Message;
use crate::domain::problem::{Code, Problem, Severity, Source};
use crate::domain::supplies::Supplies;
use crate::domain::thread::ThreadPolicy;

mod ahead;
mod audience;
// The supplies that a schedule uses.
mod beside;
mod buttons;
mod capacity;
mod cron;
mod duplicates;
mod except;
mod message;
mod names;
mod nobody;
mod place;
mod policies;
mod quiet;
mod renamed;
mod target;
mod thread;
mod topic;
mod trigger;
mod when;
mod zone_unknown;

pub use ahead::{nothing_ahead, nothing_ahead_problem};
pub use capacity::overload;
pub use duplicates::{Duplicate, duplicates};
pub use names::names_in;
pub use nobody::{KnownNames, nobody_known};
pub use quiet::always_quiet;
pub use renamed::{RefusedRename, refused_renames};
pub use target::{Refused, read_target};

/// Keys that the design of the file promises and that are not there yet.
const LATER: &[&str] = &["canary"];

/// The help for a key that stands outside of a schedule.
const NO_HEADER: &str = "put it below a header with a name, such as [schedule.standup]";

/// The schedules of a file, when nothing is wrong with any of them.
#[derive(Debug, Clone)]
pub struct Accepted {
    pub schedules: Vec<Schedule>,
    /// What is odd but not wrong, in the order of the file.
    pub warnings: Vec<Problem>,
}

/// Reads a file and accepts it as a whole, or not at all: half a file is not what its writer means.
pub fn accept(source: &Source, supplies: &Supplies) -> Result<Accepted, Vec<Problem>> {
    let (schedules, problems) = parse(source, supplies);
    if problems.iter().any(|problem| problem.severity() == Severity::Error) {
        Err(problems)
    } else {
        Ok(Accepted { schedules, warnings: problems })
    }
}

/// The schedules of a file that could be read, and everything that is wrong with it, in the order of the file.
/// `supplies` are what stands beside it.
#[must_use]
pub fn parse(source: &Source, supplies: &Supplies) -> (Vec<Schedule>, Vec<Problem>) {
    let (schedules, mut problems) = document::read(&source.text, |document| {
        let mut root = document.root();
        let mut schedules = Vec::new();
        if let Some(mut table) = root.table("schedule") {
            for (name, value) in table.entries() {
                schedules.extend(read_entry(source, supplies, &name, &value));
            }
        }
        root.finish_with(&[], NO_HEADER);
        schedules
    });
    // What TOML calls a repeated header is to us a repeated name.
    for problem in problems.iter_mut().filter(|problem| problem.code == Code::DuplicateKey) {
        let line = source.text[..problem.span.start].rsplit('\n').next().unwrap_or_default();
        if line.trim() == "[schedule." {
            problem.code = Code::DuplicateName;
        }
    }
    (schedules, problems)
}

/// One `[schedule.NAME]`.
fn read_entry(source: &Source, supplies: &Supplies, name: &Placed<&str>, value: &Value<'_>) -> Option<Schedule> {
    let Some(mut table) = value.table() else {
        let message = format!("`{}` does not belong to a schedule", excerpt(name.value));
        value.report(Problem::new(Code::WrongType, name.span.clone(), message).with_help(NO_HEADER));
        return None;
    };
    let checked_name = read_name(&table, name);
    let header = table.span();
    let beside = Beside::new(supplies);
    let schedule = read_schedule(&mut table, &beside, name.value);
    let topic = topic::read(&mut table);
    let renamed = renamed::read(&mut table, source, name.value);
    table.finish(LATER);
    let revision = revision(name.value, value, &beside);
    let Parts { title, when, audience, policies, thread, message } = schedule?;
    let name = checked_name?;
    Some(Schedule {
        topic: topic.unwrap_or_else(|| Topic::from(&name)),
        name,
        renamed,
        title,
        origin: Origin { file: Arc::clone(&source.name), place: source.place(header.start) },
        revision,
        when,
        audience,
        policies,
        thread,
        message,
        supplies: beside.used(),
    })
}

/// What is written below a header.
struct Parts {
    title: Option<String>,
    when: When,
    audience: Audience,
    policies: Policies,
    thread: Option<ThreadPolicy>,
    message: Message,
}

/// Every part is read before any is missed, so that all problems come at once.
fn read_schedule(table: &mut Table<'_>, beside: &Beside<'_>, name: &str) -> Option<Parts> {
    let title = table.text("title").map(|title| title.value.to_owned());
    let audience = audience::read(table);
    let when = when::read(table, beside);
    let policies = policies::read(table);
    let thread = thread::read(table);
    if let Some(audience) = &audience {
        thread::check(table, audience);
    }
    let message = message::read(table, beside, name);

    let when = when?;
    let policies = policies.with_defaults(&when.trigger);
    quiet::warn(table, &when, &policies);
    zone_unknown::check(table, &when);
    Some(Parts { title, when, audience: audience?, policies, thread, message: message? })
}

fn read_name(table: &Table<'_>, name: &Placed<&str>) -> Option<ScheduleName> {
    let checked = ScheduleName::new(name.value);
    if checked.is_none() {
        let plain: String = name
            .value
            .to_lowercase()
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' })
            .take(ScheduleName::MAX_LENGTH)
            .collect();
        let plain = plain.trim_matches(['-', '_']);
        let plain = if plain.is_empty() { "standup" } else { plain };
        let message = format!("`{}` can't be the name of a schedule", excerpt(name.value));
        let help = format!("use letters, digits, - and _, at most 80, such as [schedule.{plain}]");
        table.report(Problem::new(Code::BadName, name.span.clone(), message).with_help(help));
    }
    checked
}

/// The fingerprint of what a schedule says, whatever its comments and layout, and of the supplies that it uses.
fn revision(name: &str, value: &Value<'_>, beside: &Beside<'_>) -> Revision {
    let mut canonical = format!("{}:{name}=", name.len());
    value.write_canonical(&mut canonical);
    beside.write_canonical(&mut canonical);
    let digest = Sha256::digest(canonical.as_bytes());
    let mut revision = String::with_capacity(16);
    for byte in digest.iter().take(8) {
        // Writing to a string can't fail.
        let _ = write!(revision, "{byte:02x}");
    }
    Revision(revision)
}

#[cfg(test)]
mod tests;
