//! What is said.

use crate::domain::document::{Table, Value, excerpt};
use crate::domain::problem::{Code, Problem};
use crate::domain::schedule::model::Message;
use crate::domain::template::{Template, UnknownName, VOCABULARY};

pub(super) fn read(table: &mut Table<'_>) -> Option<Message> {
    let why = table.text("why").map(|why| why.value.to_owned());
    let text = read_text(table)?;
    Some(Message { text, why })
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
