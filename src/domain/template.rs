//! Message texts: strict about unknown names.
//!
//! A text is a minijinja template that may speak of the [vocabulary](VOCABULARY) and of nothing else. What is put into
//! a text by `{{ … }}` is data, and data must not become markup: a person who is called `*Boss*` gets a message that
//! says `*Boss*`. So every value is escaped on its way into the text for what the text becomes ([`Form`]), unless the
//! writer marks it with `| safe`.

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, LazyLock};

use chrono::{NaiveDate, NaiveDateTime, NaiveTime};
use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior, Value, context};

use crate::domain::event::EventFacts;
use crate::domain::id::ScheduleName;
use crate::domain::nearest::{nearest, nearest_name};
use crate::domain::recipient::Recipient;

mod civil;
// The form in which texts are run.
mod compiled;
mod escape;
// What a text may say of an event.
mod event;
// What a text may do.
mod language;
mod lexer;
// A template, or its problems at their places.
mod read;

use self::civil::Civil;
use self::event::SpeaksOf;
use self::lexer::Role;

/// Every name that a text may use. Weekdays are English whatever the recipient's language, so that a text can choose by
/// them.
pub const VOCABULARY: [&str; 14] = [
    "person.name",
    "person.first_name",
    "person.last_name",
    "person.email",
    "person.zone",
    "person.language",
    "schedule.name",
    "schedule.title",
    "occurrence.date",
    "occurrence.time",
    "occurrence.weekday",
    "local.date",
    "local.time",
    "local.weekday",
];

/// Steps that one message may take. A text that anybody means takes hundreds; a loop that never ends stops here.
const FUEL: u64 = 20_000;

/// The bytes into which most messages fit.
const USUAL_LENGTH: usize = 4 * 1024;

/// What a text becomes, and so how values are put into it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Form {
    /// Markdown as Teams takes it: what may mean something there is escaped.
    #[default]
    Markdown,
    /// A line that is shown as it is, such as a summary or the title of a button.
    Plain,
    /// An address: values are percent-encoded.
    Url,
}

impl Form {
    /// The name under which a text is kept in its own environment. The formatter knows by it what to escape.
    fn name(self) -> &'static str {
        match self {
            Form::Markdown => "text",
            Form::Plain => "line",
            Form::Url => "url",
        }
    }

    fn of_name(name: &str) -> Self {
        [Form::Plain, Form::Url].into_iter().find(|form| form.name() == name).unwrap_or_default()
    }
}

/// A message text that has been parsed. A clone shares what was parsed.
#[derive(Clone)]
pub struct Template {
    parsed: Arc<Parsed>,
}

struct Parsed {
    text: Arc<str>,
    form: Form,
    unknown_names: Vec<UnknownName>,
    speaks_of: SpeaksOf,
}

/// What a template may speak of.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    pub recipient: &'a Recipient,
    pub schedule: &'a ScheduleName,
    pub title: &'a str,
    /// The civil time that is the identity of the occurrence.
    pub occurrence: NaiveDateTime,
    /// The due instant on the recipient's own clock.
    pub local: NaiveDateTime,
    /// What happened, where that is why it is sent.
    pub event: Option<&'a EventFacts>,
}

/// Why a text is no template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct TemplateProblem {
    /// The bytes of the text that are wrong.
    pub range: Range<usize>,
    pub message: String,
    pub help: Option<String>,
}

/// A name in a text that nudged does not know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownName {
    pub name: String,
    /// Where it stands first.
    pub range: Range<usize>,
    /// The known name that was probably meant.
    pub nearest: Option<String>,
    /// Whether it stands behind a `|`, and so would be a filter and not a fact.
    pub is_filter: bool,
}

/// Why a text could not be made for a recipient.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// A fact is not known for this recipient, and the text has no `default` for it.
    #[error(
        "the text uses {0}, which is not known for this recipient; write for example {{{{ {0} | default(\"…\") }}}}"
    )]
    Unknown(String),
    /// The text takes too many steps.
    #[error("the text takes too long to make; is there a loop in it?")]
    Endless,
    /// The text becomes longer than any message may be.
    #[error("the text becomes too long; is there a loop in it?")]
    TooLong,
    /// Anything else.
    #[error("the text could not be made: {0}")]
    Failed(String),
}

impl Template {
    /// Parses a text. Names that are not in the vocabulary are no reason to fail: see [`Template::unknown_names`].
    pub fn parse(text: &str) -> Result<Self, TemplateProblem> {
        Self::parse_as(text, Form::Markdown)
    }

    /// Like [`Template::parse`], for a text that becomes something else than Markdown.
    pub fn parse_as(text: &str, form: Form) -> Result<Self, TemplateProblem> {
        // Before minijinja compiles it: compiling computes what is constant.
        language::check(text)?;
        let environment = compiled::compile(text, form).map_err(|error| TemplateProblem::from_error(text, &error))?;
        // A plain sentence has no names and nothing that could go wrong, except its length.
        let is_plain = text.len() < 1024 && !text.contains('{');
        let unknown_names = if is_plain { Vec::new() } else { unknown_names(text, &environment, form) };
        let speaks_of = SpeaksOf::read(text);
        // What an event brings is not known before it comes.
        if !is_plain && unknown_names.is_empty() && speaks_of == SpeaksOf::NoEvent {
            rehearse(&environment, form).map_err(|error| TemplateProblem::from_error(text, &error))?;
        }
        Ok(Self { parsed: Arc::new(Parsed { text: text.into(), form, unknown_names, speaks_of }) })
    }

    /// The text as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.parsed.text
    }

    /// Every name in the text that nudged does not know, once, in the order of the text.
    #[must_use]
    pub fn unknown_names(&self) -> &[UnknownName] {
        &self.parsed.unknown_names
    }

    /// Whether it speaks of an event, so that only a schedule with one can say it.
    #[must_use]
    pub fn speaks_of_event(&self) -> bool {
        self.parsed.speaks_of == SpeaksOf::Event
    }

    /// The text for one recipient and one occurrence.
    pub fn render(&self, facts: &Facts<'_>) -> Result<String, RenderError> {
        let Parsed { text, form, .. } = &*self.parsed;
        let made = compiled::recall(text, *form).and_then(|environment| try_render(&environment, *form, facts));
        made.map_err(|error| match error.kind() {
            ErrorKind::UndefinedError => {
                RenderError::Unknown(self.blamed(&error).unwrap_or_else(|| "something".into()))
            }
            ErrorKind::OutOfFuel => RenderError::Endless,
            ErrorKind::WriteFailure => RenderError::TooLong,
            _ => RenderError::Failed(in_words(&error)),
        })
    }

    /// The name in the text of which an error complains.
    fn blamed(&self, error: &Error) -> Option<String> {
        let range = error.range()?;
        let text = &self.parsed.text;
        let known = lexer::words(text)
            .filter(|word| word.range.end > range.start && word.range.start < range.end)
            .find(|word| VOCABULARY.contains(&word.name.as_str()) || event::is_name(&word.name))
            .map(|word| word.name);
        known.or_else(|| text.get(range).map(|part| part.trim().to_owned()))
    }
}

/// Writes into a buffer that is full at some point. Most messages fit into the small one, and making a text has
/// no effect, so a longer one is simply made again.
fn try_render(environment: &Environment<'_>, form: Form, facts: &Facts<'_>) -> Result<String, Error> {
    let template = environment.get_template(form.name())?;
    let values = values(facts);
    let render = |length: usize| {
        let mut buffer = vec![0_u8; length];
        let mut rest: &mut [u8] = &mut buffer;
        template.render_captured_to(values.clone(), &mut rest)?;
        let unused = rest.len();
        buffer.truncate(length - unused);
        String::from_utf8(buffer).map_err(|_| Error::new(ErrorKind::BadSerialization, "the text is no text"))
    };
    match render(USUAL_LENGTH) {
        Err(error) if error.kind() == ErrorKind::WriteFailure => render(language::LONGEST_OUTPUT),
        rendered => rendered,
    }
}

/// Makes the text once for an invented person: mistakes that only show when it runs are found now, and not at
/// nine o'clock on Monday.
fn rehearse(environment: &Environment<'_>, form: Form) -> Result<(), Error> {
    let recipient = Recipient {
        id: crate::domain::id::RecipientId(0),
        kind: crate::domain::recipient::RecipientKind::Person,
        name: "Ana Silva".into(),
        email: Some("ana@contoso.example".into()),
        zone: chrono_tz::Tz::UTC,
        zone_source: crate::domain::recipient::ZoneSource::Fallback,
        language: Some("en".into()),
        details: crate::domain::recipient::Details::default(),
    };
    let Some(schedule) = ScheduleName::new("rehearsal") else { return Ok(()) };
    let at = NaiveDate::default().and_time(NaiveTime::MIN);
    let facts = Facts {
        recipient: &recipient,
        schedule: &schedule,
        title: "Rehearsal",
        occurrence: at,
        local: at,
        event: None,
    };
    try_render(environment, form, &facts).map(drop)
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Template").field(&self.parsed.text).finish()
    }
}

impl TemplateProblem {
    fn from_error(text: &str, error: &Error) -> Self {
        let range = error
            .range()
            .filter(|range| range.start <= range.end && text.get(range.clone()).is_some())
            .unwrap_or(0..text.len());
        let help = match error.kind() {
            ErrorKind::SyntaxError if error.detail().is_some_and(|detail| detail.contains("end of variable block")) => {
                Some("close it with }} right after the name, as in {{ person.first_name }}".to_owned())
            }
            ErrorKind::SyntaxError => Some("a name is put in as in {{ person.first_name }}".to_owned()),
            ErrorKind::OutOfFuel => Some("shorten the loops".to_owned()),
            ErrorKind::WriteFailure => Some("shorten it, or link to a page".to_owned()),
            _ => None,
        };
        Self { range, message: in_words(error), help }
    }
}

/// What minijinja has to say, in one line.
fn in_words(error: &Error) -> String {
    if error.kind() == ErrorKind::OutOfFuel {
        return "the text takes too long to make".into();
    }
    if error.kind() == ErrorKind::WriteFailure {
        return "the text becomes too long".into();
    }
    let detail = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
    detail.lines().next().unwrap_or_default().to_owned()
}

/// The rules that hold for every text.
static RULES: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    environment.set_debug(false);
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    environment.set_formatter(|out, state, value| {
        // A condition without an else is nothing, on purpose.
        if value.is_undefined() {
            return Ok(());
        }
        let text = value.to_string();
        let written = match Form::of_name(state.name()) {
            _ if value.is_safe() => out.write_str(&text),
            Form::Markdown => escape::markdown(out, &text),
            Form::Plain => escape::plain(out, &text),
            Form::Url => escape::url(out, &text),
        };
        written.map_err(Error::from)
    });
    // None of these means anything in a message, and each shows the inside of the machine or repeats without end.
    for function in ["debug", "range", "dict", "namespace"] {
        environment.remove_global(function);
    }
    for filter in [
        "escape",
        "e",
        "pprint",
        "tojson",
        "attr",
        "map",
        "selectattr",
        "rejectattr",
        "groupby",
        "format",
        "indent",
        "batch",
        "slice",
        "chain",
        "zip",
    ] {
        environment.remove_filter(filter);
    }
    language::bound_filters(&mut environment);
    environment
});

/// Filters that a text may use, for the nearest right one.
const FILTERS: [&str; 24] = [
    "safe",
    "default",
    "d",
    "lower",
    "upper",
    "title",
    "capitalize",
    "replace",
    "trim",
    "join",
    "split",
    "lines",
    "length",
    "count",
    "first",
    "last",
    "reverse",
    "sort",
    "list",
    "string",
    "int",
    "float",
    "round",
    "abs",
];

fn values(facts: &Facts<'_>) -> Value {
    let recipient = facts.recipient;
    let (first_name, last_name) = names(&recipient.name);
    // A fact that is not known is left out, so that a text which uses it fails instead of leaving a gap.
    let known = |value: &Option<String>| value.clone().map_or(Value::UNDEFINED, Value::from);
    context! {
        person => context! {
            name => recipient.name.as_str(),
            first_name => first_name,
            last_name => last_name,
            email => known(&recipient.email),
            zone => recipient.zone.name(),
            language => known(&recipient.language),
        },
        schedule => context! { name => facts.schedule.as_str(), title => facts.title },
        occurrence => Value::from_object(Civil(facts.occurrence)),
        local => Value::from_object(Civil(facts.local)),
        event => facts.event.map_or(Value::UNDEFINED, event::value),
    }
}

/// The first name and the rest. A name with a comma has its last part first, as directories write it.
fn names(name: &str) -> (&str, &str) {
    if let Some((last, first)) = name.split_once(',')
        && !first.trim().is_empty()
    {
        return (first.trim(), last.trim());
    }
    match name.trim().split_once(char::is_whitespace) {
        Some((first, rest)) => (first, rest.trim()),
        None => (name.trim(), ""),
    }
}

fn unknown_names(text: &str, environment: &Environment<'_>, form: Form) -> Vec<UnknownName> {
    let Ok(template) = environment.get_template(form.name()) else { return Vec::new() };
    let globals: Vec<&str> = environment.globals().map(|(name, _)| name).collect();
    let is_known = |name: &str| VOCABULARY.contains(&name) || event::is_name(name) || globals.contains(&name);
    let words: Vec<lexer::Word> = lexer::words(text).collect();
    let mut unknown: Vec<UnknownName> = template
        .undeclared_variables(true)
        .into_iter()
        .filter(|name| !is_known(name))
        .map(|name| {
            let place = words.iter().find(|word| word.role == Role::Name && word.name == name);
            UnknownName {
                range: place.map_or(0..text.len(), |word| word.range.clone()),
                nearest: nearest_known(&name),
                is_filter: false,
                name,
            }
        })
        .collect();
    for word in words.iter().filter(|word| word.role == Role::Filter) {
        let seen = unknown.iter().any(|other| other.is_filter && other.name == word.name);
        if !seen && !FILTERS.contains(&word.name.as_str()) {
            unknown.push(UnknownName {
                name: word.name.clone(),
                range: word.range.clone(),
                nearest: nearest(&word.name, FILTERS).map(str::to_owned),
                is_filter: true,
            });
        }
    }
    unknown.sort_by(|a, b| (a.range.start, &a.name).cmp(&(b.range.start, &b.name)));
    unknown
}

/// The name that was meant: a near one, or for a family such as `person` its first member.
fn nearest_known(name: &str) -> Option<String> {
    let all = VOCABULARY.into_iter().chain(event::NAMES);
    let member = all.clone().find(|known| known.split('.').next() == Some(name));
    let known = member.or_else(|| nearest_name(name, '.', all))?;
    Some(known.to_owned())
}

#[cfg(test)]
mod tests;
