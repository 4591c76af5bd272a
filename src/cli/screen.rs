//! The only place that prints. Data goes to stdout, talk to stderr; colour is never the message.

use std::borrow::Cow;
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Serialize;
use unicode_width::UnicodeWidthStr;

use crate::cli::prose::{WIDTH, paragraph, unparted};

/// A text that may be long or hold line breaks, fit for one line of at most `width` characters.
pub(super) fn one_line(text: &str, width: usize) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    let line = words.collect::<Vec<_>>().join(" ");
    if line.chars().count() <= width {
        return line;
    }
    let kept: String = line.chars().take(width.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

/// A text in exactly `width` columns of the screen: filled up, or shortened.
pub(super) fn in_width(text: &str, width: usize) -> String {
    let line = one_line(text, usize::MAX);
    let mut shown = line.clone();
    while shown.width() > width {
        // Room for the mark that something is missing.
        shown = line.chars().take(shown.chars().count().saturating_sub(2)).chain(['…']).collect();
    }
    shown.push_str(&" ".repeat(width - shown.width()));
    shown
}

/// A line as several, each of at most `width` characters where its words allow it; those behind the first are moved in
/// by `indent`. What stands in front of the first word stays.
pub(super) fn folded(line: &str, width: usize, indent: usize) -> String {
    let begin = line.len() - line.trim_start().len();
    let (mut text, mut used) = (line[..begin].to_owned(), begin);
    for (at, word) in unparted(line[begin..].split(' ')).iter().enumerate() {
        let length = word.chars().count();
        if at > 0 && used + 1 + length > width {
            text.push('\n');
            text.push_str(&" ".repeat(indent));
            used = indent;
        } else if at > 0 {
            text.push(' ');
            used += 1;
        }
        text.push_str(word);
        used += length;
    }
    text
}

/// A text as a terminal may get it. Names and answers come from outside, and control characters in them could rename the
/// window, hide what stands there or type for the operator; those that turn the direction of a text around could have a line
/// say something else. Line breaks and tabs stay.
fn harmless(text: &str) -> Cow<'_, str> {
    let is_harmful = |c: char| (c.is_control() && !matches!(c, '\n' | '\t')) || is_turn(c);
    if text.contains(is_harmful) { Cow::Owned(text.replace(is_harmful, "\u{fffd}")) } else { Cow::Borrowed(text) }
}

/// The same of an excerpt of our own, with its colours.
fn in_colour(excerpt: &str) -> String {
    let mut shown = String::with_capacity(excerpt.len());
    let mut rest = excerpt;
    while let Some(at) = rest.find('\x1b') {
        let length = colour(&rest[at..]);
        let end = at + length.unwrap_or(1);
        shown.push_str(&harmless(&rest[..at]));
        shown.push_str(if length.is_some() { &rest[at..end] } else { "\u{fffd}" });
        rest = &rest[end..];
    }
    shown + &harmless(rest)
}

/// Whether a character overrides, embeds or isolates a direction. The plain marks, which names in Arabic and Hebrew have, do
/// not: they last for no more than their place.
fn is_turn(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The name of a file, fit for one line: a line break in it must not look like the next message.
pub(super) fn plain_name(name: &str) -> Cow<'_, str> {
    let is_harmful = |c: char| c.is_control() || is_turn(c);
    if name.contains(is_harmful) { Cow::Owned(name.replace(is_harmful, "\u{fffd}")) } else { Cow::Borrowed(name) }
}

/// The length of the sequence at the beginning of the text that changes the colour, if there is one.
fn colour(text: &str) -> Option<usize> {
    let parameters = text.strip_prefix("\x1b[")?;
    let end = parameters.find(|c: char| !c.is_ascii_digit() && c != ';')?;
    parameters[end..].starts_with('m').then_some("\x1b[".len() + end + "m".len())
}

/// Rows under a header, in columns. What would end beyond the width of a screen stands below its row, moved in; so a long
/// reason costs the other rows nothing. Where all columns would not fit, neither does a long name: its row is moved alone.
pub(super) fn aligned(header: &[&str], rows: &[Vec<String>], width: usize) -> String {
    let header: Vec<String> = header.iter().map(|&name| name.to_owned()).collect();
    let widest = |column: usize| {
        let cells = std::iter::once(&header).chain(rows).filter_map(|row| row.get(column));
        cells.map(|cell| cell.width()).max().unwrap_or_default()
    };
    let natural: Vec<usize> = (0..header.len().saturating_sub(1)).map(widest).collect();
    let is_roomy = natural.iter().map(|column| column + GAP).sum::<usize>() < width;
    let mut begins = vec![0];
    for column in natural {
        let column = if is_roomy { column } else { column.min(COLUMN) };
        begins.push(begins.last().copied().unwrap_or_default() + column + GAP);
    }
    let all = std::iter::once(&header).chain(rows);
    let lines: Vec<String> = all.map(|row| in_columns(row, &begins, width)).collect();
    lines.join("\n")
}

/// How wide a table may be: as whoever looks says, else as narrow screens are. A program that reads has no screen, and each row
/// is one line.
pub(super) fn width() -> usize {
    let said = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    match said {
        Some(columns) => NARROWEST.max(columns),
        None if io::stdout().is_terminal() => WIDTH,
        None => usize::MAX,
    }
}

/// With less than this nothing could be read.
const NARROWEST: usize = 40;

/// Between two columns.
const GAP: usize = 2;

/// How wide a column is at most where there is no room for all of them: a date with its time, and most zones.
const COLUMN: usize = 20;

/// One row: the cells that fit at their places, and the others below.
fn in_columns(row: &[String], begins: &[usize], width: usize) -> String {
    let mut line = String::new();
    let mut cells = row.iter().zip(begins).peekable();
    while let Some((cell, begin)) = cells.peek() {
        let behind = if line.is_empty() { 0 } else { line.width() + GAP };
        let at = behind.max(**begin);
        if at + cell.width() > width {
            break;
        }
        // An empty cell leaves its place to a long one before it.
        if !cell.is_empty() {
            line.push_str(&" ".repeat(at - line.width()));
            line.push_str(cell);
        }
        cells.next();
    }
    let below: Vec<&str> = cells.map(|(cell, _)| cell.as_str()).filter(|cell| !cell.is_empty()).collect();
    if below.is_empty() { line } else { format!("{line}\n{}", paragraph(&below.join("; "), 4)) }
}

/// `12,345`.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Whether stdout, of which a process has one, refused something. What came behind it would have a hole before it.
static HAS_FAILED: AtomicBool = AtomicBool::new(false);

/// Where a command shows its results.
#[derive(Debug, Clone, Copy)]
pub(super) struct Screen {
    /// Print JSON rather than text for people.
    pub(super) json: bool,
}

#[expect(clippy::unused_self, reason = "to print is a right that a command is given with its screen")]
impl Screen {
    /// One line, or several, of data.
    pub(super) fn data(self, text: impl AsRef<str>) {
        if HAS_FAILED.load(Ordering::Relaxed) {
            return;
        }
        let mut out = io::stdout().lock();
        // Programs get what there is, so that an export comes back without loss.
        let text = if out.is_terminal() { harmless(text.as_ref()) } else { Cow::Borrowed(text.as_ref()) };
        self.note(writeln!(out, "{text}"));
    }

    /// Whether stdout took all that it was given.
    pub(super) fn is_all_out(self) -> bool {
        if !HAS_FAILED.load(Ordering::Relaxed) {
            self.note(io::stdout().flush());
        }
        !HAS_FAILED.load(Ordering::Relaxed)
    }

    /// Says that stdout took no more. A reader that went away (`| head`) wants no more.
    fn note(self, written: io::Result<()>) {
        let Err(error) = written else { return };
        if error.kind() != ErrorKind::BrokenPipe {
            HAS_FAILED.store(true, Ordering::Relaxed);
            self.error(format!("stdout can't be written: {error}; what is there is not complete"));
        }
    }

    /// A part of a file with colours of our own. What comes from the file has pictures in the place of ESC.
    pub(super) fn excerpt(self, text: &str) {
        let mut out = io::stdout().lock();
        let text = if out.is_terminal() { Cow::Owned(in_colour(text)) } else { Cow::Borrowed(text) };
        let _ = writeln!(out, "{text}");
    }

    /// One line of data that goes on: whoever follows has it at once, and whoever is gone is noticed.
    pub(super) fn stream(self, line: &str) -> io::Result<()> {
        let mut out = io::stdout().lock();
        let line = if out.is_terminal() { harmless(line) } else { Cow::Borrowed(line) };
        writeln!(out, "{line}").and_then(|()| out.flush())
    }

    /// The same of a value as JSON.
    pub(super) fn stream_json(self, value: &impl Serialize) -> io::Result<()> {
        self.stream(&serde_json::to_string(value)?)
    }

    /// One line, or several, of talk.
    pub(super) fn say(self, text: impl AsRef<str>) {
        let _ = writeln!(io::stderr().lock(), "{}", harmless(text.as_ref()));
    }

    /// A question, to be answered on the same line.
    pub(super) fn prompt(self, text: impl AsRef<str>) {
        let mut talk = io::stderr().lock();
        let _ = write!(talk, "{}", text.as_ref()).and_then(|()| talk.flush());
    }

    /// Empties the screen, for what takes the place of what stood there. Only where a person is looking.
    pub(super) fn clear(self) {
        let mut out = io::stdout().lock();
        if out.is_terminal() {
            let _ = write!(out, "\x1b[2J\x1b[H").and_then(|()| out.flush());
        }
    }

    /// How far something is: one line that the next one takes the place of. Only where a person is looking.
    pub(super) fn progress(self, text: &str) {
        if io::stderr().is_terminal() {
            self.prompt(format!("\r\x1b[2K{text}"));
        }
    }

    /// Wipes the line away that says how far something is.
    pub(super) fn end_progress(self) {
        self.progress("");
    }

    /// An error, with its causes.
    pub(super) fn error(self, text: impl AsRef<str>) {
        self.say(format!("nudged: {}", text.as_ref()));
    }

    /// A value as JSON, on one line unless a person is looking.
    pub(super) fn json(self, value: &impl Serialize) {
        let printed =
            if io::stdout().is_terminal() { serde_json::to_string_pretty(value) } else { serde_json::to_string(value) };
        match printed {
            Ok(text) => self.data(text),
            Err(error) => self.error(format!("the answer could not be written: {error}")),
        }
    }

    /// A value as one line of JSON.
    pub(super) fn json_line(self, value: &impl Serialize) {
        match serde_json::to_string(value) {
            Ok(text) => self.data(text),
            Err(error) => self.error(format!("the answer could not be written: {error}")),
        }
    }

    /// Rows under a header, in columns.
    pub(super) fn table(self, header: &[&str], rows: &[Vec<String>]) {
        self.data(aligned(header, rows, width()));
    }

    /// Whether colour may be used on stdout.
    #[must_use]
    pub(super) fn has_colour(self) -> bool {
        io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_folded_between_words() {
        let check = |line: &str, expect: &str| assert_eq!(folded(line, 12, 4), expect, "{line:?}");
        check("short", "short");
        check("  one two three four", "  one two\n    three\n    four");
        check("a-word-that-is-too-long it is", "a-word-that-is-too-long\n    it is");
    }

    #[test]
    fn what_does_not_fit_stands_below_its_row() {
        let row = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
        let long = "no: neither a conversation nor a Teams or Entra id is known; import a reference";
        let rows = [row(["Ana", "Europe/Lisbon", "yes"]), row(["Bo", "Asia/Tokyo", long]), row(["東京", "UTC", ""])];
        let expect = "NAME  ZONE           REACHABLE\n\
                      Ana   Europe/Lisbon  yes\n\
                      Bo    Asia/Tokyo\n    \
                      no: neither a conversation nor a Teams or Entra id is known; import a\n    reference\n\
                      東京  UTC";
        assert_eq!(aligned(&["NAME", "ZONE", "REACHABLE"], &rows, WIDTH), expect);
    }

    #[test]
    fn a_long_name_moves_its_own_row_alone() {
        let row = |zone: &str| ["Mon 2027-03-01 09:00", zone, "12:00Z", "3 h 0 min", "1", "standup"].map(str::to_owned);
        let rows = [row("Europe/Berlin").to_vec(), row("America/Argentina/ComodRivadavia").to_vec()];
        let header = ["LOCAL TIME", "ZONE", "UTC", "IN", "PEOPLE", "SCHEDULE"];
        let table = aligned(&header, &rows, WIDTH);
        let expect = "LOCAL TIME            ZONE                  UTC     IN         PEOPLE  SCHEDULE\n\
                      Mon 2027-03-01 09:00  Europe/Berlin         12:00Z  3 h 0 min  1       standup\n\
                      Mon 2027-03-01 09:00  America/Argentina/ComodRivadavia  12:00Z  3 h 0 min  1\n    standup";
        assert_eq!(table, expect);
        // Where nothing is too long, each row is one line.
        assert_eq!(aligned(&header, &rows, usize::MAX).lines().count(), 3);
    }

    #[test]
    fn a_name_fills_its_columns() {
        let check = |text: &str, expect: &str| assert_eq!(in_width(text, 6), expect, "{text:?}");
        check("Ana", "Ana   ");
        check("Ana\nRuiz", "Ana R…");
        check("東京支社", "東京… ");
    }

    #[test]
    fn large_numbers_can_be_read() {
        let check = |number: u64, expect: &str| assert_eq!(grouped(number), expect);
        check(0, "0");
        check(999, "999");
        check(1204, "1,204");
        check(1_000_000, "1,000,000");
    }

    #[test]
    fn nobody_writes_into_the_operators_terminal() {
        let check = |text: &str, expect: &str| assert_eq!(harmless(text), expect, "{text:?}");
        check("Ana\tRuiz\nBo 😀 é\u{301}", "Ana\tRuiz\nBo 😀 é\u{301}");
        check("\x1b]0;title\x07", "\u{fffd}]0;title\u{fffd}");
        check("\x1b[2J\x1b[1;1H", "\u{fffd}[2J\u{fffd}[1;1H");
        check("one\rtwo\u{8}\u{7f}\u{9b}2J", "one\u{fffd}two\u{fffd}\u{fffd}\u{fffd}2J");
        check("\x1b", "\u{fffd}");
        check("\x1b[31", "\u{fffd}[31");
        check("moc.\u{202e}elpmaxe\u{2069}", "moc.\u{fffd}elpmaxe\u{fffd}");
        check("\u{200f}שלום", "\u{200f}שלום");
        check("\x1b[8mhidden\x1b[0m", "\u{fffd}[8mhidden\u{fffd}[0m");
    }

    #[test]
    fn an_excerpt_has_the_colours_that_we_give_it_and_no_others() {
        let check = |text: &str, expect: &str| assert_eq!(in_colour(text), expect, "{text:?}");
        check("\x1b[1m\x1b[38;5;9merror\x1b[0m", "\x1b[1m\x1b[38;5;9merror\x1b[0m");
        check("a\u{9b}2J\x1b[31\x1b[2J", "a\u{fffd}2J\u{fffd}[31\u{fffd}[2J");
        check("plain", "plain");
        let source = crate::domain::problem::Source::new("x.toml", "a = '\x1b[8m\u{9b}8m'\n");
        let problem = crate::domain::problem::Problem::new(crate::domain::problem::Code::Syntax, 0..1, "wrong");
        let excerpt = crate::cli::problems::excerpt(&source, &problem, true).expect("there is text");
        let shown = in_colour(&excerpt);
        assert!(excerpt.contains("\x1b[") && !shown.contains("\x1b[8m") && !shown.contains('\u{9b}'), "{shown:?}");
    }
}
