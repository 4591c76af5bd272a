//! Names in `to` and `except_people` that are nobody's.

use std::collections::HashSet;
use std::ops::Range;

use super::place::span_of;
use crate::domain::nearest::nearest;
use crate::domain::problem::{Code, Problem, Source};
use crate::domain::schedule::model::{Schedule, Target};

/// Among more names than these no nearest one is looked for: it would take a tenth of a second for each slip.
const LOOKED_THROUGH: usize = 100_000;

/// By what people are known.
#[derive(Debug, Default)]
pub struct KnownNames<'a> {
    pub addresses: HashSet<&'a str>,
    /// Of the groups in which somebody is.
    pub groups: HashSet<&'a str>,
}

/// The warnings that nobody is known by a name that `schedule` speaks to or leaves out: a slip of the pen, or somebody who is
/// still to come. Teams and conversations are not among them, since who is in a team is asked only once a schedule names it.
#[must_use]
pub fn nobody_known(schedule: &Schedule, source: &Source, known: &KnownNames<'_>) -> Vec<Problem> {
    let mut problems = Vec::new();
    for target in &schedule.audience.to {
        let near = match target {
            Target::Person(address) if !known.addresses.contains(address.as_str()) => {
                near(address.as_str(), &known.addresses).map(str::to_owned)
            }
            Target::Group(group) if !known.groups.contains(group.as_str()) => {
                near(group, &known.groups).map(|group| format!("group:{group}"))
            }
            Target::Person(_)
            | Target::Group(_)
            | Target::Everyone
            | Target::Team(_)
            | Target::Conversation(_)
            | Target::Event(_) => continue,
        };
        let help = help(near, "until somebody is, this reaches nobody");
        problems.push(problem("to", &target.to_string(), schedule, source).with_help(help));
    }
    for address in &schedule.audience.except_people {
        if !known.addresses.contains(address.as_str()) {
            let near = near(address.as_str(), &known.addresses).map(str::to_owned);
            let help = help(near, "until somebody is, this leaves out nobody");
            problems.push(problem("except_people", address.as_str(), schedule, source).with_help(help));
        }
    }
    problems
}

fn near<'a>(name: &str, known: &HashSet<&'a str>) -> Option<&'a str> {
    if known.len() > LOOKED_THROUGH {
        return None;
    }
    // In the same order each time, or of two that are equally near now one would be told and now the other.
    let mut known: Vec<&str> = known.iter().copied().collect();
    known.sort_unstable();
    nearest(name, known)
}

fn help(near: Option<String>, otherwise: &str) -> String {
    near.map_or_else(|| otherwise.to_owned(), |near| format!("did you mean \"{near}\"?"))
}

fn problem(key: &'static str, name: &str, schedule: &Schedule, source: &Source) -> Problem {
    let span = span_of(key, schedule, source);
    let span = word_in(&source.text, span, name);
    Problem::new(Code::NobodyKnown, span, format!("nobody is known as \"{name}\""))
}

/// Where `name` stands within `span`, or all of that where it is written in another way.
fn word_in(text: &str, span: Range<usize>, name: &str) -> Range<usize> {
    let Some(value) = text.get(span.clone()) else { return span };
    let quoted = |quote: char| value.to_ascii_lowercase().find(&format!("{quote}{}{quote}", name.to_ascii_lowercase()));
    match quoted('"').or_else(|| quoted('\'')) {
        Some(at) => span.start + at..span.start + at + name.len() + 2,
        None => span,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::schedule::parse::parse;
    use crate::domain::supplies::Supplies;

    #[test]
    fn a_name_that_nobody_has_is_warned_of() {
        let known = KnownNames {
            addresses: HashSet::from(["ana@contoso.example", "bob@contoso.example"]),
            groups: HashSet::from(["platform"]),
        };
        let check = |names: &str, expect: &[&str]| {
            let text = format!("[schedule.x]\n{names}\nevery = \"day\"\nat = \"09:00\"\ntext = \"hi\"\n");
            let source = Source::new("x.toml", text);
            let (schedules, _) = parse(&source, &Supplies::none());
            let problems: Vec<_> =
                nobody_known(&schedules[0], &source, &known).iter().map(|problem| problem.line(&source)).collect();
            assert_eq!(problems, expect, "{names}");
        };
        check("to = [\"Ana@contoso.example\", \"group:platform\", \"team:Ops\"]", &[]);
        check(
            "to = [\"ana@contoso.example\", \"Anna@Contoso.example\", \"group:plattform\"]",
            &[
                "2:30: N126 nobody is known as \"anna@contoso.example\"; did you mean \"ana@contoso.example\"?",
                "2:54: N126 nobody is known as \"group:plattform\"; did you mean \"group:platform\"?",
            ],
        );
        check(
            "to = 'zoe.quince@contoso.example'",
            &["2:6: N126 nobody is known as \"zoe.quince@contoso.example\"; until somebody is, this reaches nobody"],
        );
        check(
            "to = \"everyone\"\nexcept_people = \"zoe.quince@contoso.example\"",
            &["3:17: N126 nobody is known as \"zoe.quince@contoso.example\"; \
               until somebody is, this leaves out nobody"],
        );
    }
}
