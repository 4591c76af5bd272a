//! What is said: `text`, `text_file` or `card`, with `why` and `stop`, and `say` for other languages.

use std::ops::Range;

use super::beside::Beside;
use super::buttons;
use crate::domain::buttons::Buttons;
use crate::domain::document::{Placed, Table, Value, excerpt};
use crate::domain::id::ScheduleName;
use crate::domain::language::LanguageTag;
use crate::domain::message::{Body, Content, Message, size};
use crate::domain::problem::{Code, Problem};
use crate::domain::supplies::{Kind, Understood};
use crate::domain::template::{Form, RenderError, Template};

/// The keys that say what is said. One of them is enough.
const BODIES: [&str; 3] = ["text", "text_file", "card"];

/// What is said, and where its body stands.
struct Written {
    content: Content,
    span: Range<usize>,
}

pub(super) fn read(table: &mut Table<'_>, beside: &Beside<'_>, name: &str) -> Option<Message> {
    let title = table.text("title").map_or(name, |title| title.value);
    let own = read_content(table, beside);
    let variants = read_variants(table, beside);
    let buttons = buttons::read(table);
    let own = own?;
    if !table.has("event") {
        for written in std::iter::once(&own).chain(variants.iter().map(|(_, written)| written)) {
            if written.content.speaks_of_event() {
                let message = "this speaks of an event, and the schedule does not wait for one";
                let help = "add event = \"NAME\" in the place of a time, or take `event.…` out";
                table.report(Problem::new(Code::UnknownTemplateName, written.span.clone(), message).with_help(help));
            }
        }
    }
    if let Some(name) = ScheduleName::new(name) {
        for written in std::iter::once(&own).chain(variants.iter().map(|(_, written)| written)) {
            // How large it becomes is known when it happens.
            if !written.content.speaks_of_event() {
                check_size(table, written, &buttons, &name, title);
            }
        }
    }
    let own = own.content;
    let variants = variants.into_iter().map(|(tag, Written { content, .. })| {
        // What a variant does not say again is said as the schedule says it.
        let why = content.why.or_else(|| own.why.clone());
        let stop = content.stop.or_else(|| own.stop.clone());
        (tag, Content { why, stop, ..content })
    });
    Some(Message { variants: variants.collect(), own, buttons })
}

/// What is said in one language. Every part is read before any is missed.
fn read_content(table: &mut Table<'_>, beside: &Beside<'_>) -> Option<Written> {
    let why = read_line(table, "why", Form::Markdown);
    let stop = read_line(table, "stop", Form::Markdown);
    let summary = read_line(table, "summary", Form::Plain);
    let present: Vec<&'static str> = BODIES.into_iter().filter(|key| table.has(key)).collect();
    if !has_one_body(table, &present) {
        return None;
    }
    let body = match present.first().copied() {
        Some("card") => {
            table.missing(
                "summary",
                "a card needs a summary, which notifications and lists of chats show",
                "add summary = \"…\"",
            );
            if let (Some(text), Some(value)) = (table.text("summary"), table.value("summary"))
                && text.value.trim().is_empty()
            {
                value.report(
                    Problem::new(Code::EmptyText, text.span, "`summary` is empty")
                        .with_help("write the line that notifications are to show"),
                );
                return None;
            }
            match (&beside.read(table, "card", Kind::Card)?.understood, summary) {
                (Understood::Card(card), Some(summary)) => Some(Body::Card { card: card.clone(), summary }),
                _ => None,
            }
        }
        Some("text_file") => match &beside.read(table, "text_file", Kind::Text)?.understood {
            Understood::Text(text) => Some(Body::Text(text.clone())),
            Understood::Card(_) | Understood::Calendar(_) | Understood::Not => None,
        },
        Some(_) | None => read_text(table).map(Body::Text),
    };
    let span = present.first().and_then(|key| table.value(key)).map_or(table.span(), |value| value.span());
    Some(Written { content: Content { body: body?, why, stop }, span })
}

/// Whether exactly one key says what is said; else that is a problem.
fn has_one_body(table: &mut Table<'_>, present: &[&'static str]) -> bool {
    match present {
        [] => {
            table.missing("text", "there is nothing to say", "add text = \"Good morning {{ person.first_name }}\"");
            false
        }
        [one] => {
            if *one != "card"
                && let Some(summary) = table.value("summary")
            {
                table.report(
                    Problem::new(Code::Conflict, summary.span(), "`summary` stands without `card`")
                        .with_help("remove it; a text is its own summary"),
                );
            }
            true
        }
        [first, others @ ..] => {
            let has_card = present.contains(&"card");
            let help = if has_card {
                "remove one of the two: Teams makes two posts of a text with a card; for the line in notifications \
                 write `summary`"
            } else {
                "remove one of the two"
            };
            for other in others {
                if let Some(value) = table.value(other) {
                    let message = format!("`{first}` already says what is said, so `{other}` can't stand beside it");
                    table.report(Problem::new(Code::Conflict, value.span(), message).with_help(help));
                }
            }
            false
        }
    }
}

fn read_text(table: &mut Table<'_>) -> Option<Template> {
    let text = table.text("text")?;
    if text.value.trim().is_empty() {
        table.report(
            Problem::new(Code::EmptyText, text.span, "`text` is empty")
                .with_help("write what is to be said, such as text = \"Good morning {{ person.first_name }}\""),
        );
        return None;
    }
    read_line(table, "text", Form::Markdown)
}

/// A template.
fn read_line(table: &mut Table<'_>, key: &'static str, form: Form) -> Option<Template> {
    let text = table.text(key)?;
    let value = table.value(key)?;
    match Template::read(text.value, form, |range| value.part(range)) {
        Ok(template) => Some(template),
        Err(problems) => {
            for problem in problems {
                table.report(problem);
            }
            None
        }
    }
}

/// Every `[schedule.NAME.say.LANGUAGE]` that is right.
fn read_variants(table: &mut Table<'_>, beside: &Beside<'_>) -> Vec<(LanguageTag, Written)> {
    const HELP: &str = "write a header of its own, such as [schedule.standup.say.fr], and `text` below it";
    let Some(value) = table.value("say") else { return Vec::new() };
    let Some(mut languages) = value.table() else {
        value.wrong_type("a table", Some(HELP.into()));
        return Vec::new();
    };
    let mut variants: Vec<(LanguageTag, Written)> = Vec::new();
    for (name, value) in languages.entries() {
        let tag = read_tag(&name, &value);
        let Some(mut table) = value.table() else {
            if tag.is_some() {
                value.wrong_type("a table", Some(HELP.into()));
            }
            continue;
        };
        let written = read_content(&mut table, beside);
        buttons::refuse(&mut table);
        table.finish(&[]);
        match (tag, written) {
            (Some(tag), _) if variants.iter().any(|(other, _)| *other == tag) => {
                let message = format!("the language {tag} is there already");
                table_conflict(&value, &name, message);
            }
            (Some(tag), Some(written)) => variants.push((tag, written)),
            _ => {}
        }
    }
    variants
}

fn table_conflict(value: &Value<'_>, name: &Placed<&str>, message: String) {
    value.report(Problem::new(Code::Conflict, name.span.clone(), message).with_help("remove one of the two"));
}

fn read_tag(name: &Placed<&str>, value: &Value<'_>) -> Option<LanguageTag> {
    LanguageTag::read(name.value)
        .map_err(|no| {
            let help = match no.meant {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => "write its code, such as fr, de or pt-BR".to_owned(),
            };
            let message = format!("`{}` is not understood as a language", excerpt(name.value));
            value.report(Problem::new(Code::BadLanguage, name.span.clone(), message).with_help(help));
        })
        .ok()
}

fn check_size(table: &Table<'_>, written: &Written, buttons: &Buttons, name: &ScheduleName, title: &str) {
    const HELP: &str = "shorten it, or link to a page";
    let limit = size::LIMIT >> 10;
    let (code, message) = match size::largest(&written.content, buttons, name, title) {
        Ok(bytes) if bytes > size::LIMIT => {
            let message = format!("this message becomes up to {} KB, and Teams takes {limit}", bytes.div_ceil(1024));
            (Code::TooLarge, message)
        }
        Ok(bytes) if bytes > size::NEARLY => {
            let message = format!("this message becomes up to {} KB, and Teams takes {limit}", bytes.div_ceil(1024));
            (Code::NearlyTooLarge, message)
        }
        Ok(_) => return,
        Err(RenderError::TooLong) => {
            (Code::TooLarge, format!("this message becomes larger than the {limit} KB that Teams takes"))
        }
        Err(error) => {
            let problem = Problem::new(Code::BadTemplate, written.span.clone(), format!("for a long name, {error}"));
            table.report(problem.with_help("shorten the loops"));
            return;
        }
    };
    table.report(Problem::new(code, written.span.clone(), message).with_help(HELP));
}
