//! From TOML's errors to problems that a writer understands, and from a damaged text to what can still be read of it.
//!
//! The TOML parser recovers from most errors by itself, but stops reading altogether at a key without a value, and
//! takes the lines after an unclosed header for a part of it. Those two are mended in a copy, so that one slip does
//! not hide what is wrong further down; [`Mended`] leads from places in the copy back to places in the file.

use std::borrow::Cow;
use std::ops::Range;

use toml::de::DeTable;

use toml_parser::Source;

use super::civil::{Civil, excerpt};
use super::{MOST_PROBLEMS, and_more};
use crate::domain::problem::{Code, Problem};

/// The words, signs and spaces of a text that is parsed, which takes some two hundred bytes for each. Ten thousand schedules
/// have six hundred thousand.
const MOST_TOKENS: usize = 1_000_000;

/// What is wrong with a text that is too much to be parsed.
pub(super) fn excess(text: &str) -> Option<Problem> {
    // None is shorter than a byte.
    let first = (text.len() > MOST_TOKENS).then(|| Source::new(text).lex().nth(MOST_TOKENS)).flatten()?;
    let place = inside(text, first.span().start()..first.span().end());
    let message = "a file has at most a million words, signs and spaces";
    Some(Problem::new(Code::Unreadable, place, message).with_help("make several of it"))
}

/// A place at which the text is not TOML.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) at: usize,
    /// The beginning of its line.
    pub(super) line: usize,
    pub(super) kind: FaultKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FaultKind {
    /// A key stands there without a value.
    NoValue,
    /// The header of a table that is already there.
    SecondHeader,
    /// Anything else; the value there is not to be trusted.
    Other,
}

/// A text, mended as far as it must be so that the parser gets through.
pub(super) struct Mended<'t> {
    original: &'t str,
    text: Cow<'t, str>,
    /// Where in the original, and how many bytes. Ascending.
    insertions: Vec<(usize, usize)>,
    /// What was wrong at the insertions.
    complaints: Vec<Complaint>,
}

impl<'t> Mended<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let (_, mut errors) = DeTable::parse_recoverable(text);
        errors.retain(|error| cure(error.message()).is_some());
        errors.truncate(MOST_PROBLEMS);
        let mut insertions: Vec<(usize, &str)> = errors
            .iter()
            .filter_map(|error| Some((gap(text, inside(text, error.span()?).start), cure(error.message())?)))
            .collect();
        insertions.sort_unstable();
        insertions.dedup_by_key(|(at, _)| *at);
        let mut mended = Self {
            original: text,
            text: Cow::Borrowed(text),
            insertions: insertions.iter().map(|(at, inserted)| (*at, inserted.len())).collect(),
            complaints: Vec::new(),
        };
        if !insertions.is_empty() {
            mended.text = Cow::Owned(with_insertions(text, &insertions));
            mended.complaints =
                errors.iter().map(|error| Complaint::new(text, error.span(), error.message())).collect();
        }
        mended
    }

    /// The bytes of the file at which something stands that was read from the mended text.
    pub(super) fn original(&self, span: Range<usize>) -> Range<usize> {
        inside(self.original, self.place(span.start)..self.place(span.end))
    }

    fn place(&self, offset: usize) -> usize {
        let mut inserted = 0;
        for (at, length) in &self.insertions {
            if offset <= at + inserted {
                break;
            }
            if offset < at + inserted + length {
                return *at;
            }
            inserted += length;
        }
        offset - inserted
    }

    /// Reads as much as possible, and says everything that is wrong with the form.
    pub(super) fn parse(&self) -> (DeTable<'_>, Vec<Fault>, Vec<Problem>) {
        let (root, errors) = DeTable::parse_recoverable(&self.text);
        let rest = errors
            .iter()
            .map(|error| Complaint::new(self.original, error.span().map(|span| self.original(span)), error.message()));
        let mut complaints: Vec<Complaint> =
            self.complaints.iter().cloned().chain(rest).take(MOST_PROBLEMS + 1).collect();
        let more = (complaints.len() > MOST_PROBLEMS).then(|| complaints.pop()).flatten();
        let faults = complaints.iter().map(|complaint| complaint.fault).collect();
        let mut problems = without_echoes(self.original, complaints);
        problems.extend(more.map(|complaint| and_more(&complaint.problem)));
        (root.into_inner(), faults, problems)
    }
}

/// What to insert where the parser could not go on, so that it can.
fn cure(message: &str) -> Option<&'static str> {
    if message.starts_with("key with no value") || message.starts_with("missing value for key") {
        Some("=0#")
    } else if message.starts_with("unclosed array table") && message.contains("`]]`") {
        Some("]]#")
    } else if message.starts_with("unclosed table") || message.starts_with("unclosed array table") {
        Some("]#")
    } else {
        None
    }
}

/// Where something is missing. A key with a colon behind it, as other formats have it, ends before that.
fn gap(text: &str, at: usize) -> usize {
    text[..at].trim_end_matches([' ', '\t']).strip_suffix(':').map_or(at, str::len)
}

fn with_insertions(text: &str, insertions: &[(usize, &str)]) -> String {
    let mut copy = String::with_capacity(text.len() + 3 * insertions.len());
    let mut done = 0;
    for (at, inserted) in insertions {
        copy.push_str(&text[done..*at]);
        copy.push_str(inserted);
        done = *at;
    }
    copy.push_str(&text[done..]);
    copy
}

/// A span that lies inside `text`, on whole characters.
pub(super) fn inside(text: &str, span: Range<usize>) -> Range<usize> {
    let mut start = span.start.min(text.len());
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    let mut end = span.end.clamp(start, text.len());
    while !text.is_char_boundary(end) {
        end += 1;
    }
    start..end
}

/// The line around `at`, without its line break.
pub(super) fn line_around(text: &str, at: usize) -> Range<usize> {
    let start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    let end = text[at..].find('\n').map_or(text.len(), |newline| at + newline);
    start..end
}

#[derive(Clone)]
struct Complaint {
    fault: Fault,
    problem: Problem,
}

impl Complaint {
    fn new(text: &str, span: Option<Range<usize>>, message: &str) -> Self {
        let span = inside(text, span.unwrap_or_default());
        let problem = explain(text, &span, message);
        let line = line_around(text, span.start);
        let in_header = text[line.clone()].trim_start().starts_with('[');
        let kind = if message.starts_with("key with no value") {
            FaultKind::NoValue
        } else if problem.code == Code::DuplicateKey && in_header {
            FaultKind::SecondHeader
        } else {
            FaultKind::Other
        };
        Self { fault: Fault { at: gap(text, span.start), line: line.start, kind }, problem }
    }
}

/// One slip makes the parser complain several times. Of the complaints about form, the first one of each line is kept;
/// of repeated keys, none that only follow from a repeated header.
fn without_echoes(text: &str, complaints: Vec<Complaint>) -> Vec<Problem> {
    let repeated: Vec<Range<usize>> = complaints
        .iter()
        .filter(|complaint| complaint.fault.kind == FaultKind::SecondHeader)
        .map(|complaint| {
            let header = line_around(text, complaint.fault.at);
            header.end..text[header.end..].find("\n[").map_or(text.len(), |next| header.end + next)
        })
        .collect();
    let mut lines = Vec::new();
    let mut problems = Vec::new();
    for Complaint { problem, .. } in complaints {
        let line = line_around(text, problem.span.start).start;
        let echo = match problem.code {
            Code::Syntax => lines.contains(&line),
            Code::DuplicateKey => repeated.iter().any(|table| table.contains(&problem.span.start)),
            _ => false,
        };
        if !echo {
            lines.push(line);
            problems.push(problem);
        }
    }
    problems
}

/// A parser's message in words that help.
fn explain(text: &str, span: &Range<usize>, message: &str) -> Problem {
    let line = &text[line_around(text, span.start)];
    let key = line.split_once('=').map_or(line, |(key, _)| key).trim();
    let syntax = |message: String, help: &str| Problem::new(Code::Syntax, span.clone(), message).with_help(help);
    let says = |beginning: &str| message.starts_with(beginning);

    if says("duplicate key") {
        let name = &text[span.clone()];
        return if line.trim_start().starts_with('[') {
            let first = text.lines().position(|other| other.trim() == line.trim()).map_or(0, |index| index + 1);
            let message = format!("{} is there already, in line {first}", excerpt(line.trim()));
            Problem::new(Code::DuplicateKey, span.clone(), message).with_help("give it another name, or join the two")
        } else {
            Problem::new(Code::DuplicateKey, span.clone(), format!("`{}` is set twice", excerpt(name)))
                .with_help("remove one of the two")
        };
    }
    if says("string values must be quoted") || says("invalid date") || says("invalid time") || says("invalid offset") {
        return unquoted(text, span, key);
    }
    if says("key with no value") || says("missing value for key") {
        let start = line_around(text, span.start).start;
        let indent = line.len() - line.trim_start().len();
        let word = line.trim_start().split(char::is_whitespace).next().unwrap_or_default();
        let word_span = start + indent..start + indent + word.len();
        if let Some((key, value)) = line.split_once(':').filter(|(key, _)| is_plain(key.trim())) {
            let help = format!("write `{} = {}`", excerpt(key.trim()), as_value(value.trim()));
            return Problem::new(Code::Syntax, word_span, "between a key and its value stands `=`").with_help(help);
        }
        let problem = Problem::new(Code::Syntax, word_span, format!("`{}` has no value", excerpt(word)));
        return problem.with_help(format!("write `{} = …`, or begin the line with # for a comment", excerpt(word)));
    }
    if says("unclosed table") || says("unclosed array table") {
        return syntax(
            "the header is not closed".into(),
            "end it with `]`; names are made of letters, digits, - and _",
        );
    }
    if says("unclosed array") || says("unexpected `=` in array") {
        return syntax("the list is not closed".into(), "end it with `]`");
    }
    if says("missing comma") {
        return syntax("a comma is missing between two entries".into(), "write for example [\"one\", \"two\"]");
    }
    if says("invalid multi-line") {
        return syntax("the text is not closed".into(), "end it with the three quotes that it began with");
    }
    if says("invalid basic string") || says("invalid literal string") {
        return syntax("the text is not closed".into(), "end it with the quote that it began with, on the same line");
    }
    if says("missing escaped value") {
        return syntax(
            "a backslash in \"…\" begins a special character, and this is none".into(),
            "write \\\\ for a backslash, or put the text in '…'",
        );
    }
    if says("unexpected key or value") {
        return syntax(
            "something stands behind the value".into(),
            "put each key on a line of its own; a comment begins with #",
        );
    }
    if says("unexpected leading zero") {
        return syntax("a number does not begin with 0".into(), "for a time, write for example \"09:00\"");
    }
    if says("unquoted keys cannot be empty") {
        return syntax("a name is missing here".into(), "write `name = value`, or [schedule.name] as a header");
    }
    if says("invalid unquoted key") {
        return syntax("this name needs quotes".into(), "use only the letters a to z, digits, - and _");
    }
    Problem::new(Code::Syntax, span.clone(), excerpt(message))
}

/// Whether it is a key as most are.
fn is_plain(key: &str) -> bool {
    key.starts_with(|c: char| c.is_ascii_alphabetic())
        && key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'))
}

/// What somebody wrote as a value elsewhere, as it is written here.
fn as_value(text: &str) -> String {
    let is_value = text.starts_with(['"', '\'', '[', '{']) || matches!(text, "true" | "false");
    if text.is_empty() {
        "…".to_owned()
    } else if is_value || text.parse::<i64>().is_ok() {
        excerpt(text)
    } else {
        format!("\"{}\"", excerpt(text))
    }
}

/// A value that is neither in quotes nor anything else that TOML knows: a date or a time gone wrong, or plain text.
fn unquoted(text: &str, span: &Range<usize>, key: &str) -> Problem {
    let value = &text[span.clone()];
    let trimmed = value.trim();
    if trimmed.is_empty() {
        let message = format!("nothing stands behind `{} =`", excerpt(key));
        return Problem::new(Code::Syntax, span.clone(), message).with_help("give it a value, or remove the line");
    }
    if trimmed.starts_with(|c: char| c.is_ascii_digit())
        && (trimmed.contains([':', '-']) || super::civil::guess_time(trimmed).is_some())
    {
        let Err(fault) = Civil::read(value) else {
            // We are more lenient than TOML, which wants no such thing unquoted.
            let message = format!("`{}` is not understood without quotes", excerpt(trimmed));
            return Problem::new(Code::BadTime, span.clone(), message)
                .with_help(format!("write \"{}\"", excerpt(trimmed)));
        };
        let range = span.start + fault.range.start..span.start + fault.range.end;
        return Problem::new(fault.code, inside(text, range), fault.message).with_help(fault.help);
    }
    let plain = trimmed.trim_matches(['“', '”', '„', '‘', '’', '«', '»', '"', '\'']);
    let message = if plain.len() < trimmed.len() { "these are not plain quotes" } else { "text must stand in quotes" };
    Problem::new(Code::Syntax, span.clone(), message).with_help(format!("write \"{}\"", excerpt(plain)))
}
