//! A TOML document read value by value, collecting every problem on the way.
//!
//! Every file that people write for nudged is read with this. A reader asks a [`Table`] for the keys it knows; a value
//! of the wrong type becomes a problem and counts as absent; and [`Table::finish`] reports the keys that nobody asked
//! for. So a reader never stops at the first problem, and the same mistake reads the same in every file.
//!
//! A key whose value is not TOML is *damaged*: that has been said once and is not said again as a missing key, a wrong
//! type or a conflict.

use std::cell::RefCell;
use std::ops::Range;
use std::time::Duration;

use chrono_tz::Tz;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use self::civil::{Civil, CivilFault};
use self::span::TimeSpan;
use self::syntax::{Fault, FaultKind, Mended};
use crate::domain::nearest::nearest;
use crate::domain::problem::{Code, Problem};

// Dates and ranges of dates.
pub mod dates;
// Dates and times of day.
pub mod civil;
// Quiet hours.
pub mod quiet;
mod quoted;
// Spans of time.
pub mod span;
mod syntax;
// Time zones.
pub mod zone;

/// A text as it may stand in a message of one line: its beginning, without control characters.
#[must_use]
pub fn excerpt(text: &str) -> String {
    civil::excerpt(text)
}

/// A value and the bytes of the file from which it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed<T> {
    pub value: T,
    pub span: Range<usize>,
}

/// So many problems of a file are told. Nobody reads more, and to make some hundred thousand would take minutes.
const MOST_PROBLEMS: usize = 200;

/// Reads a document: `reader` takes from it what it needs, and everything that turned out to be wrong comes back in
/// the order of the file, each thing once. As much is read as possible, whatever the text; of one with too many values
/// nothing.
pub fn read<T>(text: &str, reader: impl FnOnce(&Document<'_>) -> T) -> (T, Vec<Problem>) {
    let excess = syntax::excess(text);
    let text = if excess.is_some() { "" } else { text };
    let mended = Mended::new(text);
    let (root, faults, problems) = mended.parse();
    let document = Document { text, root, mended: &mended, faults, problems: RefCell::new(problems) };
    let value = reader(&document);
    let mut problems = excess.map_or_else(|| document.problems.into_inner(), |excess| vec![excess]);
    problems.sort_by_key(|problem| (problem.span.start, problem.span.end, problem.code));
    problems.dedup();
    if problems.len() > MOST_PROBLEMS {
        // A file that is refused for what comes late is refused all the same.
        let rest = problems.split_off(MOST_PROBLEMS);
        problems.extend(rest.iter().rev().max_by_key(|problem| problem.severity()).map(and_more));
    }
    (value, problems)
}

/// What takes the place of a problem, and of all that come behind it.
fn and_more(first: &Problem) -> Problem {
    Problem::new(first.code, first.span.clone(), "more than this is wrong")
        .with_help("mend what is told, and look again")
}

/// A document, and all that is wrong with it.
pub struct Document<'t> {
    text: &'t str,
    root: DeTable<'t>,
    mended: &'t Mended<'t>,
    faults: Vec<Fault>,
    problems: RefCell<Vec<Problem>>,
}

impl Document<'_> {
    /// The table that is the document itself.
    #[must_use]
    pub fn root(&self) -> Table<'_> {
        Table { document: self, entries: &self.root, span: 0..0, known: Vec::new() }
    }

    /// Adds a problem. Its span is cut to what lies in the text.
    pub fn report(&self, mut problem: Problem) {
        problem.span = syntax::inside(self.text, problem.span);
        self.problems.borrow_mut().push(problem);
    }

    /// The bytes of the file at which something stands that was parsed.
    fn span(&self, span: Range<usize>) -> Range<usize> {
        self.mended.original(span)
    }
}

/// A table of a document, and which of its keys have been asked for.
pub struct Table<'d> {
    document: &'d Document<'d>,
    entries: &'d DeTable<'d>,
    span: Range<usize>,
    known: Vec<&'static str>,
}

impl<'d> Table<'d> {
    /// The bytes of the header `[…]`, or of the whole table where it is written inline.
    #[must_use]
    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// The document that this is a part of.
    #[must_use]
    pub fn document(&self) -> &'d Document<'d> {
        self.document
    }

    /// Adds a problem to the document.
    pub fn report(&self, problem: Problem) {
        self.document.report(problem);
    }

    /// Whether `key` is there, in whatever state.
    pub fn has(&mut self, key: &'static str) -> bool {
        self.know(key);
        self.entries.contains_key(key)
    }

    /// The value of `key`; `None` when it is absent or damaged.
    pub fn value(&mut self, key: &'static str) -> Option<Value<'d>> {
        self.know(key);
        let (key, value) = self.entries.get_key_value(key)?;
        let value = Value { document: self.document, key: key.get_ref(), key_span: key.span(), toml: value };
        (!value.is_damaged()).then_some(value)
    }

    /// A text.
    pub fn text(&mut self, key: &'static str) -> Option<Placed<&'d str>> {
        let value = self.value(key)?;
        let Some(text) = value.text() else {
            value.wrong_type("a text in quotes", None);
            return None;
        };
        Some(Placed { value: text, span: value.span() })
    }

    /// A whole number from `range`.
    pub fn integer(&mut self, key: &'static str, range: std::ops::RangeInclusive<i64>) -> Option<Placed<i64>> {
        let value = self.value(key)?;
        let (least, most) = (range.start(), range.end());
        match value.integer() {
            Some(number) if range.contains(&number) => Some(Placed { value: number, span: value.span() }),
            Some(number) => {
                let message = format!("`{key}` can't be {number}");
                self.report(
                    Problem::new(Code::BadSetting, value.span(), message)
                        .with_help(format!("write a number from {least} to {most}")),
                );
                None
            }
            None => {
                value.wrong_type(
                    "a whole number",
                    Some(format!("write a number from {least} to {most}, without quotes")),
                );
                None
            }
        }
    }

    /// `true` or `false`.
    pub fn boolean(&mut self, key: &'static str) -> Option<Placed<bool>> {
        let value = self.value(key)?;
        let Some(boolean) = value.boolean() else {
            value.wrong_type("true or false", Some(format!("write {key} = true or {key} = false, without quotes")));
            return None;
        };
        Some(Placed { value: boolean, span: value.span() })
    }

    /// One of a few words, each with what it means.
    pub fn word<T: Copy>(&mut self, key: &'static str, words: &[(&'static str, T)]) -> Option<Placed<T>> {
        let text = self.text(key)?;
        if let Some((_, meaning)) = words.iter().find(|(word, _)| *word == text.value) {
            return Some(Placed { value: *meaning, span: text.span });
        }
        let all = words.iter().map(|(word, _)| *word);
        let help = match nearest(text.value, all.clone()) {
            Some(word) => format!("did you mean \"{word}\"?"),
            None => format!("write {}", one_of(all)),
        };
        let message = format!("`{key}` can't be \"{}\"", excerpt(text.value));
        self.report(Problem::new(Code::UnknownWord, text.span, message).with_help(help));
        None
    }

    /// A span of time such as `"90m"`.
    pub fn time_span(&mut self, key: &'static str) -> Option<Placed<Duration>> {
        let value = self.value(key)?;
        let Some(text) = value.text() else {
            value.wrong_type("a span of time in quotes", Some(span::EXAMPLES.into()));
            return None;
        };
        let Some(span) = TimeSpan::read(text) else {
            let message = format!("\"{}\" is not understood as a span of time", excerpt(text));
            self.report(Problem::new(Code::BadSpan, value.span(), message).with_help(span::EXAMPLES));
            return None;
        };
        Some(Placed { value: span.length, span: value.span() })
    }

    /// A time zone, with a warning where it is not a place.
    pub fn zone(&mut self, key: &'static str) -> Option<Placed<Tz>> {
        let text = self.text(key)?;
        match zone::read(text.value, text.span.clone(), None) {
            Ok(zone) => {
                if let Some(warning) = zone::without_seasons(zone, text.span.clone()) {
                    self.report(warning);
                }
                Some(Placed { value: zone, span: text.span })
            }
            Err(problem) => {
                self.report(problem);
                None
            }
        }
    }

    /// A table.
    pub fn table(&mut self, key: &'static str) -> Option<Table<'d>> {
        let value = self.value(key)?;
        let table = value.table();
        if table.is_none() {
            value.wrong_type("a table", Some(format!("write [{key}] on a line of its own, and its keys below")));
        }
        table
    }

    /// Every entry of a table whose keys are names that the writer chose. Entries that are damaged are left out.
    pub fn entries(&mut self) -> Vec<(Placed<&'d str>, Value<'d>)> {
        let mut entries = Vec::new();
        for (key, value) in self.entries {
            let value = Value { document: self.document, key: key.get_ref(), key_span: key.span(), toml: value };
            if !value.is_damaged() {
                entries.push((Placed { value: value.key, span: self.document.span(key.span()) }, value));
            }
        }
        entries
    }

    /// Reports that `key` must be there and is not; unless it is there but damaged, or a damaged value may have
    /// swallowed it.
    pub fn missing(&mut self, key: &'static str, message: impl Into<String>, help: impl Into<String>) {
        if self.has(key) || self.may_have_lost_keys() {
            return;
        }
        self.report(Problem::new(Code::MissingKey, self.span(), message).with_help(help));
    }

    /// Whether a value that was not closed may have taken other keys with it.
    #[must_use]
    pub fn may_have_lost_keys(&self) -> bool {
        self.entries.iter().any(|(key, value)| {
            let value = Value { document: self.document, key: key.get_ref(), key_span: key.span(), toml: value };
            value.table().is_none() && value.is_damaged() && self.document.text[value.span()].trim_end().contains('\n')
        })
    }

    /// Reports every key that nobody asked for. `later` are keys that are promised but not there yet.
    pub fn finish(self, later: &[&str]) {
        let help = format!("the keys here are {}", self.known.join(", "));
        self.finish_with(later, &help);
    }

    /// Like [`Table::finish`], with another help for a key that is near to none.
    pub fn finish_with(self, later: &[&str], otherwise: &str) {
        for (key, value) in self.entries {
            let name = key.get_ref().as_ref();
            let value = Value { document: self.document, key: name, key_span: key.span(), toml: value };
            if name.is_empty()
                || self.known.contains(&name)
                || value.faults().any(|fault| fault.kind == FaultKind::NoValue)
            {
                continue;
            }
            let help = if later.contains(&name) {
                format!("`{name}` is not supported yet; remove it")
            } else {
                match nearest(name, self.known.iter().chain(later).copied()) {
                    Some(promised) if later.contains(&promised) => {
                        format!("did you mean `{promised}`? it is not supported yet; remove it")
                    }
                    Some(known) => format!("did you mean `{known}`?"),
                    None => otherwise.to_owned(),
                }
            };
            let message = format!("unknown key `{}`", excerpt(name));
            self.report(Problem::new(Code::UnknownKey, self.document.span(key.span()), message).with_help(help));
        }
    }

    fn know(&mut self, key: &'static str) {
        if !self.known.contains(&key) {
            self.known.push(key);
        }
    }
}

/// A value of a table or of a list.
#[derive(Clone)]
pub struct Value<'d> {
    document: &'d Document<'d>,
    key: &'d str,
    key_span: Range<usize>,
    toml: &'d Spanned<DeValue<'d>>,
}

impl<'d> Value<'d> {
    /// The bytes of the file from which it was read.
    #[must_use]
    pub fn span(&self) -> Range<usize> {
        self.document.span(self.toml.span())
    }

    /// The key under which it stands.
    #[must_use]
    pub fn key(&self) -> &'d str {
        self.key
    }

    /// The bytes of the file from which a part of [`Value::text`] was read.
    #[must_use]
    pub fn part(&self, part: Range<usize>) -> Range<usize> {
        let span = self.span();
        let Some(text) = self.text() else { return span };
        let located = quoted::locate(&self.document.text[span.clone()], text, part);
        span.start + located.start..span.start + located.end
    }

    #[must_use]
    pub fn text(&self) -> Option<&'d str> {
        self.toml.get_ref().as_str()
    }

    #[must_use]
    pub fn integer(&self) -> Option<i64> {
        let integer = self.toml.get_ref().as_integer()?;
        i64::from_str_radix(integer.as_str(), integer.radix()).ok()
    }

    #[must_use]
    pub fn boolean(&self) -> Option<bool> {
        self.toml.get_ref().as_bool()
    }

    #[must_use]
    pub fn table(&self) -> Option<Table<'d>> {
        let entries = self.toml.get_ref().as_table()?;
        Some(Table { document: self.document, entries, span: self.span(), known: Vec::new() })
    }

    #[must_use]
    pub fn is_list(&self) -> bool {
        self.toml.get_ref().is_array()
    }

    /// The entries of a list; `None` when this is none.
    #[must_use]
    pub fn list(&self) -> Option<Vec<Value<'d>>> {
        self.is_list().then(|| self.items())
    }

    /// The entries of a list; anything else is a list of one.
    #[must_use]
    pub fn items(&self) -> Vec<Value<'d>> {
        match self.toml.get_ref().as_array() {
            Some(array) => array.iter().map(|toml| Value { toml, ..self.clone() }).collect(),
            None => vec![self.clone()],
        }
    }

    /// A date or a time, in quotes or not. What is neither becomes a problem and `None`.
    #[must_use]
    pub fn civil(&self) -> Option<Civil> {
        let (read, quoted) = match self.toml.get_ref() {
            DeValue::Datetime(value) => (civil::from_toml(value), false),
            DeValue::String(text) => (Civil::read(text), true),
            _ => {
                self.wrong_type(
                    "a date or a time",
                    Some("write a time as in \"09:00\", and a date with a time as in 2026-12-01T09:00:00".into()),
                );
                return None;
            }
        };
        match read {
            Ok(civil) => Some(civil),
            Err(CivilFault { code, range, message, help }) => {
                let span = if quoted { self.part(range) } else { self.span() };
                self.document.report(Problem::new(code, span, message).with_help(help));
                None
            }
        }
    }

    /// Adds a problem to the document.
    pub fn report(&self, problem: Problem) {
        self.document.report(problem);
    }

    /// Reports that this must be something else.
    pub fn wrong_type(&self, expected: &str, help: Option<String>) {
        let raw = &self.document.text[self.span()];
        let scalar = !matches!(self.toml.get_ref(), DeValue::Array(_) | DeValue::Table(_));
        let help = help.unwrap_or_else(|| {
            if scalar {
                format!("write {} = \"{}\"", self.key, excerpt(raw))
            } else {
                format!("write {} = \"…\"", self.key)
            }
        });
        let message = format!("`{}` must be {expected}, not {}", excerpt(self.key), self.kind());
        self.document.report(Problem::new(Code::WrongType, self.span(), message).with_help(help));
    }

    /// What this is, in words.
    fn kind(&self) -> &'static str {
        match self.toml.get_ref() {
            DeValue::String(_) => "a text",
            DeValue::Integer(_) | DeValue::Float(_) => "a number",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date or a time",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        }
    }

    /// What the value says, whatever its layout: equal values have equal canonical forms.
    pub fn write_canonical(&self, out: &mut String) {
        write_canonical(self.toml.get_ref(), out);
    }

    /// What is wrong in the lines of this key and its value.
    fn faults(&self) -> impl Iterator<Item = &'d Fault> + use<'d> {
        let key = self.document.span(self.key_span.clone());
        let end = self.span().end.max(key.end);
        self.document.faults.iter().filter(move |fault| key.start <= fault.at && fault.line <= end)
    }

    /// A table written below its header is damaged only when the header repeats another one: then it holds keys of
    /// both. A fault inside of it is the affair of the key where it is.
    fn is_damaged(&self) -> bool {
        let below_header = self.document.text[self.span()].starts_with('[') && self.toml.get_ref().is_table();
        if below_header || self.toml.get_ref().is_table() && self.toml.span() == self.key_span {
            return self.faults().any(|fault| fault.kind == FaultKind::SecondHeader && below_header);
        }
        self.faults().next().is_some()
    }
}

/// `a`, `b` or `c`, each in quotes.
#[must_use]
pub fn one_of<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let mut quoted: Vec<String> = words.into_iter().map(|word| format!("\"{word}\"")).collect();
    let Some(last) = quoted.pop() else { return String::new() };
    if quoted.is_empty() { last } else { format!("{} or {last}", quoted.join(", ")) }
}

fn write_canonical(value: &DeValue<'_>, out: &mut String) {
    use std::fmt::Write;
    // Writing to a string can't fail. Every text is written with its length, so no two values look alike.
    let _ = match value {
        DeValue::String(text) => write!(out, "s{}:{text};", text.len()),
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => write!(out, "i{number};"),
            Err(_) => write!(out, "i{number};"),
        },
        DeValue::Float(number) => write!(out, "f{number};"),
        DeValue::Boolean(boolean) => write!(out, "b{boolean};"),
        DeValue::Datetime(at) => write!(out, "d{at};"),
        DeValue::Array(items) => {
            out.push('[');
            for item in items {
                write_canonical(item.get_ref(), out);
            }
            out.push(']');
            Ok(())
        }
        DeValue::Table(entries) => {
            let mut entries: Vec<_> = entries.iter().map(|(key, value)| (key.get_ref().as_ref(), value)).collect();
            entries.sort_by_key(|(key, _): &(&str, _)| *key);
            out.push('{');
            for (key, value) in entries {
                let _ = write!(out, "{}:{key}=", key.len());
                write_canonical(value.get_ref(), out);
            }
            out.push('}');
            Ok(())
        }
    };
}

#[cfg(test)]
mod tests;
