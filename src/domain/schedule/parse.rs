//! How schedules are read from a file: the schedules that are right, and all problems of the rest at once.

use std::fmt::Write;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::model::{Message, OnUnknown, Origin, Policies, Priority, Schedule, Trigger, When, WhoseClock};
use crate::domain::document::{self, Placed, Table, Value, excerpt, zone};
use crate::domain::id::{Revision, ScheduleName};
use crate::domain::problem::{Code, Problem, Severity, Source};
use crate::domain::template::{Template, UnknownName, VOCABULARY};
use crate::domain::time::{ClockChangePolicy, FoldPolicy, GapPolicy};

mod ahead;
mod audience;
mod cron;
mod duplicates;
mod trigger;

pub use ahead::{nothing_ahead, nothing_ahead_problem};
pub use audience::{Refused, read_target};
pub use duplicates::{Duplicate, duplicates};

/// Keys that the design of the file promises and that are not there yet.
const LATER: &[&str] = &[
    "after",
    "buttons",
    "calendar",
    "canary",
    "card",
    "catch_up",
    "days",
    "event",
    "except",
    "jitter",
    "max_people",
    "missing_day",
    "once_per",
    "overlap",
    "quiet_hours",
    "rrule",
    "say",
    "summary",
    "thread",
    "topic",
    "zone_unknown",
];

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
pub fn accept(source: &Source) -> Result<Accepted, Vec<Problem>> {
    let (schedules, problems) = parse(source);
    if problems.iter().any(|problem| problem.severity() == Severity::Error) {
        Err(problems)
    } else {
        Ok(Accepted { schedules, warnings: problems })
    }
}

/// The schedules of a file that could be read, and everything that is wrong with it, in the order of the file.
#[must_use]
pub fn parse(source: &Source) -> (Vec<Schedule>, Vec<Problem>) {
    let (schedules, mut problems) = document::read(&source.text, |document| {
        let mut root = document.root();
        let mut schedules = Vec::new();
        if let Some(mut table) = root.table("schedule") {
            for (name, value) in table.entries() {
                schedules.extend(read_entry(source, &name, &value));
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
fn read_entry(source: &Source, name: &Placed<&str>, value: &Value<'_>) -> Option<Schedule> {
    let Some(mut table) = value.table() else {
        let message = format!("`{}` does not belong to a schedule", excerpt(name.value));
        value.report(Problem::new(Code::WrongType, name.span.clone(), message).with_help(NO_HEADER));
        return None;
    };
    let revision = revision(name.value, value);
    let checked_name = read_name(&table, name);
    let header = table.span();
    let schedule = read_schedule(&mut table);
    table.finish(LATER);
    let (title, when, audience, policies, message) = schedule?;
    Some(Schedule {
        name: checked_name?,
        title,
        origin: Origin { file: Arc::clone(&source.name), place: source.place(header.start) },
        revision,
        when,
        audience,
        policies,
        message,
    })
}

type Parts = (Option<String>, When, super::model::Audience, Policies, Message);

/// Every part is read before any is missed, so that all problems come at once.
fn read_schedule(table: &mut Table<'_>) -> Option<Parts> {
    let title = table.text("title").map(|title| title.value.to_owned());
    let audience = audience::read(table);
    let when = read_when(table);
    let late = table.time_span("late");
    let priorities = [("critical", Priority::Critical), ("normal", Priority::Normal), ("bulk", Priority::Bulk)];
    let priority = table.word("priority", &priorities).map_or(Priority::default(), |word| word.value);
    let in_doubt = [("resend", OnUnknown::Resend), ("hold", OnUnknown::Hold)];
    let on_unknown = table.word("on_unknown", &in_doubt).map_or(OnUnknown::default(), |word| word.value);
    let why = table.text("why").map(|why| why.value.to_owned());
    let text = read_text(table);

    let when = when?;
    let default = match when.trigger {
        Trigger::Once(_) | Trigger::Instant(_) => Policies::LATE_ONCE,
        Trigger::Calendar(_) | Trigger::Elapsed { .. } | Trigger::Cron(_) => Policies::LATE_RECURRING,
    };
    let late = late.map_or(default, |late| late.value);
    Some((title, when, audience?, Policies { late, priority, on_unknown }, Message { text: text?, why }))
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

fn read_when(table: &mut Table<'_>) -> Option<When> {
    let clock = read_clock(table);
    let from = trigger::read_bound(table, "from", trigger::Bound::Begin);
    let until = trigger::read_bound(table, "until", trigger::Bound::End);
    let trigger = trigger::read(table, clock.as_ref().ok(), from.as_ref());
    if let (Some(from), Some(until)) = (&from, &until)
        && until.value < from.value
    {
        table.report(
            Problem::new(Code::EndsBeforeItBegins, until.span.clone(), "`until` is before `from`")
                .with_help("change one of the two; `until` is the last day, or the last moment, on which it is sent"),
        );
    }
    let gaps = [("shift", GapPolicy::Shift), ("first-valid", GapPolicy::FirstValid), ("skip", GapPolicy::Skip)];
    let gap = table.word("dst_gap", &gaps).map_or(GapPolicy::default(), |word| word.value);
    let folds = [("first", FoldPolicy::First), ("second", FoldPolicy::Second)];
    let fold = table.word("dst_fold", &folds).map_or(FoldPolicy::default(), |word| word.value);
    Some(When {
        trigger: trigger?,
        clock: clock.ok()?.value,
        from: from.map(|from| from.value),
        until: until.map(|until| until.value),
        clock_changes: ClockChangePolicy { gap, fold },
    })
}

/// That the zone was named and not understood.
struct BadZone;

/// Whose clock: each recipient's own where nothing is said.
fn read_clock(table: &mut Table<'_>) -> Result<Placed<WhoseClock>, BadZone> {
    const RECIPIENT: &str = "recipient";
    if !table.has("zone") {
        return Ok(Placed { value: WhoseClock::Recipient, span: table.span() });
    }
    let text = table.text("zone").ok_or(BadZone)?;
    if text.value == RECIPIENT {
        return Ok(Placed { value: WhoseClock::Recipient, span: text.span });
    }
    match zone::read(text.value, text.span.clone(), Some(RECIPIENT)) {
        Ok(zone) => {
            if let Some(warning) = zone::without_seasons(zone, text.span.clone()) {
                table.report(warning);
            }
            Ok(Placed { value: WhoseClock::Zone(zone), span: text.span })
        }
        Err(problem) => {
            table.report(problem);
            Err(BadZone)
        }
    }
}

fn read_text(table: &mut Table<'_>) -> Option<Template> {
    table.missing("text", "there is nothing to say", "add text = \"Good morning {{ person.first_name }}\"");
    let text = table.text("text")?;
    let value = table.value("text")?;
    if text.value.trim().is_empty() {
        table.report(
            Problem::new(Code::EmptyText, text.span, "`text` is empty")
                .with_help("write what is to be said, such as text = \"Good morning {{ person.first_name }}\""),
        );
        return None;
    }
    match Template::parse(text.value) {
        Ok(template) => {
            let unknown = template.unknown_names();
            for name in unknown {
                table.report(unknown_name(name, &value));
            }
            unknown.is_empty().then_some(template)
        }
        Err(problem) => {
            let mut shown = Problem::new(Code::BadTemplate, value.part(problem.range), problem.message);
            shown.help = problem.help;
            table.report(shown);
            None
        }
    }
}

fn unknown_name(unknown: &UnknownName, value: &Value<'_>) -> Problem {
    let what = if unknown.is_filter { "filter" } else { "name" };
    let help = match &unknown.nearest {
        Some(nearest) => format!("did you mean `{nearest}`?"),
        None if unknown.is_filter => {
            "remove it; `upper`, `lower` and `default(\"…\")` are among those that exist".into()
        }
        None => format!("the names are {}", VOCABULARY.join(", ")),
    };
    let message = format!("unknown {what} `{}` in the text", excerpt(&unknown.name));
    Problem::new(Code::UnknownTemplateName, value.part(unknown.range.clone()), message).with_help(help)
}

/// The fingerprint of what a schedule says, whatever its comments and layout.
fn revision(name: &str, value: &Value<'_>) -> Revision {
    let mut canonical = format!("{}:{name}=", name.len());
    value.write_canonical(&mut canonical);
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
