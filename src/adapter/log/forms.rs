//! How a line looks.

use std::fmt::Write as _;

use chrono::SecondsFormat;
use serde_json::Value;
use tracing::Level;

use super::line::Line;

/// The message and its values: `waves expanded waves=3`.
pub(super) fn said(line: &Line) -> String {
    let mut said = line.message.clone();
    for (name, value) in &line.fields {
        // A string takes everything.
        let _ = match value {
            Value::String(text) if is_word(text) => write!(said, " {name}={text}"),
            other => write!(said, " {name}={other}"),
        };
    }
    said
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || c == '"')
}

/// For people.
pub(super) fn human(line: &Line, has_time: bool, has_colour: bool) -> String {
    let time =
        if has_time { format!("{} ", line.at.to_rfc3339_opts(SecondsFormat::Millis, true)) } else { String::new() };
    let (before, after) = match line.level {
        Level::ERROR if has_colour => ("\x1b[31m", "\x1b[0m"),
        Level::WARN if has_colour => ("\x1b[33m", "\x1b[0m"),
        _ => ("", ""),
    };
    format!("{time}{before}{:>5}{after} {}", line.level, said(line))
}

/// One object: time, level and message, and then the values by their names.
pub(super) fn json(line: &Line) -> String {
    let time = Value::from(line.at.to_rfc3339_opts(SecondsFormat::Micros, true));
    let level = Value::from(line.level.as_str().to_ascii_lowercase());
    let message = Value::from(line.message.as_str());
    let own = [("time", &time), ("level", &level), ("message", &message)];
    let mut object = String::from("{");
    for (name, value) in own.into_iter().chain(line.fields.iter().map(|(name, value)| (*name, value))) {
        let comma = if object.len() > 1 { "," } else { "" };
        // A string takes everything.
        let _ = write!(object, "{comma}{}:{value}", Value::from(name));
    }
    object.push('}');
    object
}

/// As the journal's native protocol has it: a field a line. The message holds the values too, since that is what
/// `journalctl` shows; and each has a field, for `journalctl NUDGED_SCHEDULE=standup`.
///
/// From systemd's page on the native journal protocol (read in November 2026). Values with line breaks would need another
/// form; a line has none.
pub(super) fn journal(line: &Line) -> String {
    let priority = match line.level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        _ => 7,
    };
    let mut fields = format!("MESSAGE={}\nPRIORITY={priority}\nSYSLOG_IDENTIFIER=nudged\n", said(line));
    for (name, value) in &line.fields {
        let name: String =
            name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect();
        let _ = match value {
            Value::String(text) => writeln!(fields, "NUDGED_{name}={text}"),
            other => writeln!(fields, "NUDGED_{name}={other}"),
        };
    }
    fields
}
