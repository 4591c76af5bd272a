//! `renamed_from`: what a schedule was called before. What was sent is known by the name, so without it a new name is another
//! schedule, and would say the same to the same people once more.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::domain::document::{Table, excerpt};
use crate::domain::id::ScheduleName;
use crate::domain::problem::{Code, Place, Problem, Source};
use crate::domain::schedule::model::{Origin, Renamed, Schedule};

pub(super) fn read(table: &mut Table<'_>, source: &Source, own_name: &str) -> Option<Renamed> {
    let text = table.text("renamed_from")?;
    let place = source.place(text.span.start);
    let Some(from) = ScheduleName::new(text.value) else {
        let message = format!("`{}` can't have been the name of a schedule", excerpt(text.value));
        let help = "write the name as it stood behind `schedule.`, such as renamed_from = \"standup\"";
        table.report(Problem::new(Code::BadRename, text.span, message).with_help(help));
        return None;
    };
    if from.as_str() == own_name {
        let message = format!("`{from}` is the name that it has now");
        let help = "write the name that it had before, or remove `renamed_from`";
        table.report(Problem::new(Code::BadRename, text.span, message).with_help(help));
        return None;
    }
    Some(Renamed { from, place })
}

/// A `renamed_from` that can't be, because of what other schedules say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedRename {
    pub file: Arc<str>,
    place: Place,
    message: String,
    help: &'static str,
}

impl RefusedRename {
    /// The problem, in the file in which the schedule stands.
    #[must_use]
    pub fn problem(&self, source: &Source) -> Problem {
        let start = source.offset(self.place);
        let end = source.text[start..].find('\n').map_or(source.text.len(), |newline| start + newline);
        Problem::new(Code::BadRename, start..end, self.message.as_str()).with_help(self.help)
    }
}

/// Those that name a schedule that is still there, and those that name one which another schedule claims to have been as
/// well. All places are named.
#[must_use]
pub fn refused_renames<'a>(schedules: impl IntoIterator<Item = &'a Schedule>) -> Vec<RefusedRename> {
    let mut by_name: BTreeMap<&ScheduleName, &Origin> = BTreeMap::new();
    let mut renames: Vec<(&Schedule, &Renamed)> = Vec::new();
    for schedule in schedules {
        by_name.entry(&schedule.name).or_insert(&schedule.origin);
        renames.extend(schedule.renamed.as_ref().map(|renamed| (schedule, renamed)));
    }
    let mut first_of: BTreeMap<&ScheduleName, (&Schedule, Place)> = BTreeMap::new();
    let mut refused = Vec::new();
    for (schedule, Renamed { from, place }) in renames {
        let mut refuse = |message, help| {
            refused.push(RefusedRename { file: Arc::clone(&schedule.origin.file), place: *place, message, help });
        };
        if let Some(there) = by_name.get(from) {
            let message = format!("`{from}` is still there: {}", at(&there.file, there.place));
            refuse(message, "remove that one, or remove `renamed_from` here");
            continue;
        }
        match first_of.get(from) {
            None => {
                first_of.insert(from, (schedule, *place));
            }
            Some((first, where_it_stands)) => {
                let message = format!(
                    "two schedules say that they were `{from}`: {} and {}",
                    at(&first.origin.file, *where_it_stands),
                    at(&schedule.origin.file, *place)
                );
                refuse(message, "remove `renamed_from` from the one that is new");
            }
        }
    }
    refused
}

fn at(file: &str, Place { line, column }: Place) -> String {
    format!("{file}:{line}:{column}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::schedule::parse;
    use crate::domain::supplies::Supplies;

    fn schedule(name: &str, more: &str) -> String {
        format!("[schedule.{name}]\nto = \"everyone\"\nevery = \"day\"\nat = \"09:00\"\ntext = \"Hi\"\n{more}\n")
    }

    #[track_caller]
    fn check(text: &str, expect: &[&str]) {
        let source = Source::new("a.toml", text);
        let (schedules, mut problems) = parse::parse(&source, &Supplies::none());
        problems.extend(refused_renames(&schedules).iter().map(|refused| refused.problem(&source)));
        let lines: Vec<_> = problems.iter().map(|problem| problem.line(&source)).collect();
        assert_eq!(lines, expect);
    }

    #[test]
    fn a_schedule_says_what_it_was_called() {
        let source = Source::new("a.toml", schedule("new", "renamed_from = \"old\""));
        let (schedules, problems) = parse::parse(&source, &Supplies::none());
        assert_eq!(problems, []);
        let renamed = schedules[0].renamed.as_ref().expect("a name");
        assert_eq!((renamed.from.as_str(), renamed.place), ("old", Place { line: 6, column: 16 }));
    }

    #[test]
    fn nonsense_is_named_with_its_cure() {
        check(&schedule("new", "renamed_from = \"old\""), &[]);
        check(
            &schedule("new", "renamed_from = \"new\""),
            &[
                "6:16: N125 `new` is the name that it has now; write the name that it had before, or remove `renamed_from`",
            ],
        );
        check(
            &schedule("new", "renamed_from = \"an old one\""),
            &["6:16: N125 `an old one` can't have been the name of a schedule; write the name as it stood behind \
               `schedule.`, such as renamed_from = \"standup\""],
        );
        check(
            &format!("{}{}", schedule("old", ""), schedule("new", "renamed_from = \"old\"")),
            &["12:16: N125 `old` is still there: a.toml:1:1; remove that one, or remove `renamed_from` here"],
        );
        check(
            &format!("{}{}", schedule("b", "renamed_from = \"old\""), schedule("c", "renamed_from = \"old\"")),
            &["12:16: N125 two schedules say that they were `old`: a.toml:6:16 and a.toml:12:16; remove \
               `renamed_from` from the one that is new"],
        );
    }
}
