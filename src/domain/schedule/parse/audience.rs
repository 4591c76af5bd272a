//! To whom: `to`, `among`, `except_people` and `guests`.

use super::target::{EXAMPLES, Refused, read_target};
use crate::domain::document::{Table, Value, excerpt};
use crate::domain::event::{self, EventTarget};
use crate::domain::problem::{Code, Problem};
use crate::domain::recipient::Address;
use crate::domain::schedule::model::{Audience, Target};

pub(super) fn read(table: &mut Table<'_>) -> Option<Audience> {
    let event = if table.has("event") { table.value("event").and_then(|value| value.text()) } else { None };
    let is_of_teams = event.is_some_and(event::is_of_teams);
    if !is_of_teams {
        table.missing("to", "it does not say to whom", format!("add `to`; {EXAMPLES}"));
    }
    let to = table.value("to");
    let except = table.value("except_people");
    let except_people = except.map(|value| read_all(&value, read_except)).unwrap_or_default();
    let guests = table.boolean("guests");
    let among = table.value("among");

    let targets = match &to {
        Some(value) => read_to(value, event),
        // Whom it happened to.
        None if is_of_teams && !table.has("to") => vec![Target::Event(EventTarget::Person)],
        None => Vec::new(),
    };
    let among = read_among(among.as_ref(), to.as_ref(), &targets)?;
    if targets.is_empty() {
        return None;
    }
    if let Some(guests) = &guests
        && !targets.iter().chain(&among).any(|target| matches!(target, Target::Team(_) | Target::Group(_)))
    {
        let message = "`guests` is for members of teams, and `to` names no team";
        table.report(Problem::new(Code::Conflict, guests.span.clone(), message).with_help("remove it"));
    }
    Some(Audience { to: targets, among, except_people, guests: guests.is_some_and(|guests| guests.value) })
}

fn read_to(value: &Value<'_>, event: Option<&str>) -> Vec<Target> {
    if value.items().is_empty() {
        value.report(Problem::new(Code::NoRecipients, value.span(), "`to` names nobody").with_help(EXAMPLES));
    }
    read_all(value, |value, text| {
        let target = read_target(text).map_err(|refused| problem(refused, value))?;
        match &target {
            Target::Event(brought) => fits(brought, event).map_err(|refused| problem(refused, value))?,
            Target::Everyone | Target::Group(_) | Target::Team(_) | Target::Person(_) | Target::Conversation(_) => {}
        }
        Ok(target)
    })
}

/// Whether an event of this name brings those along.
fn fits(brought: &EventTarget, event: Option<&str>) -> Result<(), Refused> {
    let refused = |message: String, help: &str| Err(Refused { message, help: help.to_owned() });
    match (brought, event) {
        (_, None) => {
            let message = format!("\"event:{brought}\" is for a schedule with `event`");
            refused(message, "add event = \"NAME\" in the place of a time, or write an address")
        }
        (EventTarget::Person | EventTarget::Conversation, Some(event)) if !event::is_of_teams(event) => {
            let message = format!("\"{}\" happens to nobody and nowhere that Teams knows", excerpt(event));
            refused(message, "write where its data has addresses, such as \"event:data.authors\"")
        }
        (EventTarget::Data(_), Some(event)) if event::is_of_teams(event) => {
            let message = format!("the data of \"{}\" has no addresses", excerpt(event));
            refused(message, "write \"event:person\" or \"event:conversation\"")
        }
        (EventTarget::Person | EventTarget::Conversation | EventTarget::Data(_), Some(_)) => Ok(()),
    }
}

/// Whom the data of an event may name. `None` when it is missing or stands for nothing.
fn read_among(among: Option<&Value<'_>>, to: Option<&Value<'_>>, targets: &[Target]) -> Option<Vec<Target>> {
    const HELP: &str = "write those whom it may name, such as among = \"group:platform\"; \"everyone\" means everybody \
                        who is known";
    let path = targets.iter().find_map(|target| match target {
        Target::Event(EventTarget::Data(path)) => Some(path),
        Target::Event(EventTarget::Person | EventTarget::Conversation)
        | Target::Everyone
        | Target::Group(_)
        | Target::Team(_)
        | Target::Person(_)
        | Target::Conversation(_) => None,
    });
    match (among, path, to) {
        (None, Some(path), Some(to)) => {
            let message = format!("with \"event:{path}\" alone, whoever tells of the event would choose who gets this");
            to.report(Problem::new(Code::NoAllowedAudience, to.span(), message).with_help(HELP));
            None
        }
        (None, _, _) => Some(Vec::new()),
        (Some(among), None, _) if !targets.is_empty() => {
            let message = "`among` is for people whom the data of an event names, and `to` has no such";
            let help = "remove it, or write for example to = \"event:data.authors\"";
            among.report(Problem::new(Code::Conflict, among.span(), message).with_help(help));
            None
        }
        (Some(among), _, _) => {
            if among.items().is_empty() {
                among.report(Problem::new(Code::NoRecipients, among.span(), "`among` names nobody").with_help(HELP));
            }
            let allowed = read_all(among, |value, text| match read_target(text) {
                Ok(Target::Event(brought)) => {
                    let message = format!("\"event:{brought}\" can't say who is allowed");
                    Err(Problem::new(Code::BadRecipient, value.span(), message).with_help(HELP))
                }
                Ok(target) => Ok(target),
                Err(refused) => Err(problem(refused, value)),
            });
            (!allowed.is_empty()).then_some(allowed)
        }
    }
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
