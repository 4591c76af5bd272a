//! To whom: `to`, `except_people` and `guests`.

use super::target::{EXAMPLES, Refused, read_target};
use crate::domain::document::{Table, Value, excerpt};
use crate::domain::problem::{Code, Problem};
use crate::domain::recipient::Address;
use crate::domain::schedule::model::{Audience, Target};

pub(super) fn read(table: &mut Table<'_>) -> Option<Audience> {
    table.missing("to", "it does not say to whom", format!("add `to`; {EXAMPLES}"));
    let to = table.value("to");
    let except = table.value("except_people");
    let except_people = except.map(|value| read_all(&value, read_except)).unwrap_or_default();
    let guests = table.boolean("guests");

    let value = to?;
    let targets = read_all(&value, |value, text| read_target(text).map_err(|refused| problem(refused, value)));
    if value.items().is_empty() {
        value.report(Problem::new(Code::NoRecipients, value.span(), "`to` names nobody").with_help(EXAMPLES));
    }
    if targets.is_empty() {
        return None;
    }
    if let Some(guests) = &guests
        && !targets.iter().any(|target| matches!(target, Target::Team(_) | Target::Group(_)))
    {
        let message = "`guests` is for members of teams, and `to` names no team";
        table.report(Problem::new(Code::Conflict, guests.span.clone(), message).with_help("remove it"));
    }
    Some(Audience { to: targets, among: Vec::new(), except_people, guests: guests.is_some_and(|guests| guests.value) })
}

/// A text, or a list of them; each is understood by `read_one`, and nobody is named twice.
fn read_all<T: PartialEq>(value: &Value<'_>, read_one: impl Fn(&Value<'_>, &str) -> Result<T, Problem>) -> Vec<T> {
    let mut found = Vec::new();
    for item in value.items() {
        match item.text().map(|text| read_one(&item, text)) {
            Some(Ok(one)) if found.contains(&one) => {}
            Some(Ok(one)) => found.push(one),
            Some(Err(problem)) => item.report(problem),
            None => item.wrong_type("a text in quotes, or a list of them", Some(EXAMPLES.into())),
        }
    }
    found
}

fn read_except(value: &Value<'_>, text: &str) -> Result<Address, Problem> {
    Address::of_person(text).ok_or_else(|| {
        let message = format!("\"{}\" is not a person", excerpt(text));
        Problem::new(Code::BadRecipient, value.span(), message)
            .with_help("`except_people` takes addresses, such as \"ana@contoso.example\"")
    })
}

fn problem(refused: Refused, value: &Value<'_>) -> Problem {
    Problem::new(Code::BadRecipient, value.span(), refused.message).with_help(refused.help)
}
