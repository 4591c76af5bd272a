//! To whom: `to` and `except_people`.

use crate::domain::document::{Table, Value, excerpt};
use crate::domain::nearest::nearest;
use crate::domain::problem::{Code, Problem};
use crate::domain::recipient::Address;
use crate::domain::schedule::model::{Audience, Target};

const EXAMPLES: &str = "write \"everyone\", \"group:NAME\" or an address such as \"ana@contoso.example\"";

/// Kinds of recipients that the design promises and that are not there yet.
const LATER: [&str; 5] = ["team:", "channel:", "chat:", "event:", "19:"];

pub(super) fn read(table: &mut Table<'_>) -> Option<Audience> {
    table.missing("to", "it does not say to whom", format!("add `to`; {EXAMPLES}"));
    let to = table.value("to");
    let except = table.value("except_people");
    let except_people = except.map(|value| read_all(&value, read_except)).unwrap_or_default();

    let value = to?;
    let targets = read_all(&value, |value, text| read_target(text).map_err(|refused| refused.at(value)));
    if value.items().is_empty() {
        value.report(Problem::new(Code::NoRecipients, value.span(), "`to` names nobody").with_help(EXAMPLES));
    }
    (!targets.is_empty()).then_some(Audience { to: targets, except_people })
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
    Address::new(text).ok_or_else(|| {
        let message = format!("\"{}\" is not a person", excerpt(text));
        Problem::new(Code::BadRecipient, value.span(), message)
            .with_help("`except_people` takes addresses, such as \"ana@contoso.example\"")
    })
}

/// Why a text is no recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    pub message: String,
    pub help: String,
}

impl Refused {
    fn at(self, value: &Value<'_>) -> Problem {
        Problem::new(Code::BadRecipient, value.span(), self.message).with_help(self.help)
    }
}

/// Understands one entry of `to`; also used for what is given on the command line.
pub fn read_target(text: &str) -> Result<Target, Refused> {
    let text = text.trim();
    if text == "everyone" {
        return Ok(Target::Everyone);
    }
    if let Some(group) = text.strip_prefix("group:") {
        let group = group.trim();
        return if group.is_empty() || group.contains(char::is_control) {
            Err(Refused {
                message: "the group has no name".into(),
                help: "write for example \"group:platform\"".into(),
            })
        } else {
            Ok(Target::Group(group.to_owned()))
        };
    }
    if let Some(address) = Address::new(text) {
        return Ok(Target::Person(address));
    }
    let message = format!("\"{}\" is not understood as a recipient", excerpt(text));
    let help = if let Some(prefix) = LATER.iter().find(|prefix| text.starts_with(**prefix)) {
        format!("`{prefix}` is not supported yet; {EXAMPLES}")
    } else if nearest(text, ["everyone", "everybody", "all", "everyone@"]).is_some() {
        "did you mean \"everyone\"?".into()
    } else if let Some((prefix, name)) = text.split_once(':')
        && nearest(prefix, ["group", "groups"]).is_some()
    {
        format!("did you mean \"group:{}\"?", excerpt(name.trim()))
    } else if !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_')) {
        format!(
            "for a group write \"group:{}\"; for a person the address, such as \"ana@contoso.example\"",
            excerpt(text)
        )
    } else {
        EXAMPLES.into()
    };
    Err(Refused { message, help })
}
