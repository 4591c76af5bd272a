//! An event, taken down.

use std::fmt::Debug;

use chrono::{DateTime, Utc};
use serde_json::Value;
use tracing::field::{Field, Visit};
use tracing::{Event, Level};

use super::mask::masked;

/// One event.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Line {
    pub(super) at: DateTime<Utc>,
    pub(super) level: Level,
    pub(super) message: String,
    /// In the order in which they were written.
    pub(super) fields: Vec<(&'static str, Value)>,
}

impl Line {
    pub(super) fn of(event: &Event<'_>, at: DateTime<Utc>) -> Self {
        let mut line = Self { at, level: *event.metadata().level(), message: String::new(), fields: Vec::new() };
        event.record(&mut line);
        line
    }

    /// Takes out of it what names a person.
    pub(super) fn mask(&mut self) {
        self.message = masked(&self.message, false);
        for (name, value) in &mut self.fields {
            if let Value::String(text) = value {
                // What an import refuses is quoted, with whatever it calls a person.
                *text = masked(text, *name == "refused");
            }
        }
    }

    fn put(&mut self, field: &Field, value: Value) {
        match (field.name(), value) {
            ("message", Value::String(text)) => self.message = text,
            // What came by way of the `log` crate says from where with these.
            (name, _) if name.starts_with("log.") => {}
            (name, value) => self.fields.push((name, value)),
        }
    }
}

/// Without line breaks and other controls: one event is one line.
fn plain(text: &str) -> String {
    text.trim_end().chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.put(field, Value::String(plain(&format!("{value:?}"))));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, Value::String(plain(value)));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }
}
