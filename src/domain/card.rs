//! Adaptive Cards: JSON in which every text is a template.
//!
//! A value is put into the *parsed* card, so no name can break its JSON. How a value is escaped depends on what Teams
//! makes of the text (<https://adaptivecards.io/explorer/>): the `text` of a `TextBlock` and the facts of a `FactSet` are
//! Markdown, an address is percent-encoded, and everything else is shown as it is.
//!
//! Cards have functions of their own in double braces, `{{DATE(…)}}` and `{{TIME(…)}}`. Here these braces are ours; who
//! needs those writes them inside of `{% raw %}…{% endraw %}`.

use std::ops::Range;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::domain::message::carded::footer_block;
use crate::domain::problem::{Code, Problem, Severity};
use crate::domain::template::{Facts, Form, RenderError, Template};

mod json;

use self::json::{Json, What};

/// The newest version that Teams shows of cards that bots send. From Microsoft's card reference, read in November
/// 2026.
const NEWEST: (u32, u32) = (1, 5);

/// Larger than this in bytes, a card is not read: Teams takes no message of 100 KB.
const LONGEST: usize = 256 * 1024;

/// Keys that hold an address.
const ADDRESSES: [&str; 3] = ["url", "iconUrl", "backgroundImage"];

/// A card that has been understood. A clone shares what was understood.
#[derive(Debug, Clone)]
pub struct Card {
    root: Arc<Node>,
}

/// A card with its texts as templates. What holds no template is kept as the JSON that it is.
#[derive(Debug)]
enum Node {
    Plain(Value),
    Text(Template),
    List(Vec<Node>),
    Table(Vec<(String, Node)>),
}

impl Card {
    /// Reads a card, and everything that is wrong with it, in the order of the text.
    #[must_use]
    pub fn read(text: &str) -> (Option<Self>, Vec<Problem>) {
        if text.len() > LONGEST {
            let message = format!("the card is larger than {} KiB, and Teams takes no such message", LONGEST >> 10);
            let problem = Problem::new(Code::TooLarge, 0..0, message).with_help("shorten it, or link to a page");
            return (None, vec![problem]);
        }
        let root = match json::read(text) {
            Ok(root) => root,
            Err((at, why)) => {
                let end = text[at..].chars().next().map_or(at, |c| at + c.len_utf8());
                let problem = Problem::new(Code::BadCard, at..end, format!("this is not JSON: {why}"))
                    .with_help("look for a missing quote, comma or bracket just before it");
                return (None, vec![problem]);
            }
        };
        let mut reader = Reader { text, problems: check(&root) };
        let node = reader.node(&root, Place::default());
        let mut problems = reader.problems;
        problems.sort_by_key(|problem| problem.span.start);
        let is_good = problems.iter().all(|problem| problem.severity() == Severity::Warning);
        (is_good.then(|| Self { root: Arc::new(node) }), problems)
    }

    /// Whether any of its texts speaks of an event.
    #[must_use]
    pub fn speaks_of_event(&self) -> bool {
        self.root.speaks_of_event()
    }

    /// The card for one recipient and one occurrence. `footer` is Markdown and stands below all the rest.
    pub fn render(&self, facts: &Facts<'_>, footer: Option<&str>) -> Result<Value, RenderError> {
        let mut left = LONGEST;
        let mut card = render(&self.root, facts, &mut left)?;
        if let (Some(footer), Some(card)) = (footer, card.as_object_mut()) {
            let body = card.entry("body").or_insert_with(|| json!([]));
            if let Some(body) = body.as_array_mut() {
                body.push(footer_block(footer));
            }
        }
        Ok(card)
    }
}

impl Node {
    fn speaks_of_event(&self) -> bool {
        match self {
            Node::Plain(_) => false,
            Node::Text(template) => template.speaks_of_event(),
            Node::List(items) => items.iter().any(Node::speaks_of_event),
            Node::Table(entries) => entries.iter().any(|(_, value)| value.speaks_of_event()),
        }
    }
}

/// `left` is how many bytes its texts may still become.
fn render(node: &Node, facts: &Facts<'_>, left: &mut usize) -> Result<Value, RenderError> {
    Ok(match node {
        Node::Plain(value) => value.clone(),
        Node::Text(template) => {
            let text = template.render(facts)?;
            *left = left.checked_sub(text.len()).ok_or(RenderError::TooLong)?;
            Value::from(text)
        }
        Node::List(items) => {
            Value::Array(items.iter().map(|item| render(item, facts, left)).collect::<Result<_, _>>()?)
        }
        Node::Table(entries) => {
            let rendered = entries.iter().map(|(key, value)| Ok((key.clone(), render(value, facts, left)?)));
            Value::Object(rendered.collect::<Result<_, RenderError>>()?)
        }
    })
}

/// What must be right about the card as a whole.
fn check(root: &Json) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut report = |code, span: &Range<usize>, message: &str, help: &str| {
        problems.push(Problem::new(code, span.clone(), message).with_help(help));
    };
    let start = root.span.start..root.span.start + 1;
    if !matches!(root.what, What::Table(_)) {
        report(Code::BadCard, &root.span, "a card is a JSON object", "begin with { and end with }");
        return problems;
    }
    let type_help = "write \"type\": \"AdaptiveCard\" at the top";
    match root.get("type") {
        None => report(Code::BadCard, &start, "the card does not say that it is one", type_help),
        Some(kind) if kind.as_text() != Some("AdaptiveCard") => {
            report(Code::BadCard, &kind.span, "only cards of the type AdaptiveCard are supported", type_help);
        }
        Some(_) => {}
    }
    let version_help = "write \"version\": \"1.5\" at the top";
    match root.get("version") {
        None => report(Code::BadCard, &start, "the card does not say its version", version_help),
        Some(version) => match version.as_text().and_then(read_version) {
            None => report(Code::BadCard, &version.span, "this is no version of a card", version_help),
            Some(read) if read > NEWEST => report(
                Code::CardTooNew,
                &version.span,
                "Teams shows cards up to version 1.5, and of a newer one perhaps nothing",
                "write \"1.5\" and leave out what is newer",
            ),
            Some(_) => {}
        },
    }
    if let Some(body) = root.get("body")
        && !matches!(body.what, What::List(_))
    {
        report(Code::BadCard, &body.span, "`body` must be a list", "write \"body\": [ … ]");
    }
    let is_empty =
        |key: &str| root.get(key).is_none_or(|list| matches!(&list.what, What::List(items) if items.is_empty()));
    if is_empty("body") && is_empty("actions") {
        let help = "add for example \"body\": [{ \"type\": \"TextBlock\", \"text\": \"Hello\", \"wrap\": true }]";
        report(Code::EmptyText, &start, "the card shows nothing", help);
    }
    problems
}

fn read_version(text: &str) -> Option<(u32, u32)> {
    let (major, minor) = text.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// Where in a card a value stands, as far as it matters to what it means.
#[derive(Clone, Copy, Default)]
struct Place<'c> {
    key: &'c str,
    /// The `type` of the table around it.
    kind: Option<&'c str>,
    in_facts: bool,
}

impl Place<'_> {
    fn form(self) -> Form {
        match (self.key, self.kind) {
            ("text", Some("TextBlock")) => Form::Markdown,
            ("title" | "value", _) if self.in_facts => Form::Markdown,
            (key, _) if ADDRESSES.contains(&key) => Form::Url,
            _ => Form::Plain,
        }
    }
}

struct Reader<'t> {
    text: &'t str,
    problems: Vec<Problem>,
}

impl Reader<'_> {
    fn node(&mut self, json: &Json, place: Place<'_>) -> Node {
        match &json.what {
            What::Other(value) => Node::Plain(value.clone()),
            What::Text(text) => self.text(text, &json.span, place.form()),
            What::List(items) => {
                let items: Vec<Node> = items.iter().map(|item| self.node(item, place)).collect();
                match items.iter().map(Node::as_plain).collect::<Option<Vec<&Value>>>() {
                    Some(plain) => Node::Plain(plain.into_iter().cloned().collect()),
                    None => Node::List(items),
                }
            }
            What::Table(entries) => {
                let kind = json.get("type").and_then(Json::as_text);
                let in_facts = place.key == "facts";
                let entries: Vec<(String, Node)> = entries
                    .iter()
                    .map(|(key, value)| (key.clone(), self.node(value, Place { key, kind, in_facts })))
                    .collect();
                let plain = entries.iter().map(|(key, node)| Some((key.clone(), node.as_plain()?.clone())));
                match plain.collect::<Option<serde_json::Map<_, _>>>() {
                    Some(plain) => Node::Plain(Value::Object(plain)),
                    None => Node::Table(entries),
                }
            }
        }
    }

    fn text(&mut self, text: &str, span: &Range<usize>, form: Form) -> Node {
        if !["{{", "{%", "{#"].iter().any(|mark| text.contains(mark)) {
            return Node::Plain(Value::from(text));
        }
        let place = |range: Range<usize>| {
            let part = json::part(&self.text[span.clone()], range);
            span.start + part.start..span.start + part.end
        };
        match Template::read(text, form, place) {
            Ok(template) => Node::Text(template),
            Err(mut problems) => {
                if text.contains("{{DATE(") || text.contains("{{TIME(") {
                    for problem in &mut problems {
                        problem.help =
                            Some("for the card's own function write {% raw %}{{DATE(…)}}{% endraw %}".into());
                    }
                }
                self.problems.append(&mut problems);
                Node::Plain(Value::Null)
            }
        }
    }
}

impl Node {
    fn as_plain(&self) -> Option<&Value> {
        match self {
            Node::Plain(value) => Some(value),
            Node::Text(_) | Node::List(_) | Node::Table(_) => None,
        }
    }
}

#[cfg(test)]
mod tests;
