//! What repeats itself: of a warning or an error that comes again and again, the first few are shown, and the others are one
//! line a minute with their number. A store that fails under a thousand deliveries must not fill the journal with it.

use std::collections::HashMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::Value;
use tracing::Level;

use super::line::Line;
use crate::domain::time::Moment;

/// For so long the same is counted together.
const WINDOW: Duration = Duration::from_mins(1);

/// So many of the same are shown first.
const SHOWN: u64 = 5;

/// Different ones at a time; more are shown as they come.
const KINDS: usize = 256;

/// Numbers by which otherwise equal events differ.
const NUMBERS: [&str; 6] = ["delivery", "recipient", "recall", "reply", "occurrence", "attempt"];

/// What comes again and again.
#[derive(Default)]
pub(super) struct Folding {
    kinds: HashMap<Kind, Fold>,
}

/// What makes two events the same.
#[derive(PartialEq, Eq, Hash)]
struct Kind {
    message: String,
    fields: Vec<(&'static str, String)>,
}

struct Fold {
    began_at: Moment,
    came: u64,
    /// The first, without its number.
    line: Line,
}

fn is_common(field: &(&'static str, Value)) -> bool {
    !NUMBERS.contains(&field.0)
}

impl Folding {
    /// Counts the line. Returns whether it is shown.
    pub(super) fn admits(&mut self, line: &Line, now: Moment) -> bool {
        // Levels are ordered by how much they let through.
        if line.level > Level::WARN {
            return true;
        }
        let common = line.fields.iter().filter(|field| is_common(field));
        let kind = Kind {
            message: line.message.clone(),
            fields: common.map(|(name, value)| (*name, value.to_string())).collect(),
        };
        if self.kinds.len() == KINDS && !self.kinds.contains_key(&kind) {
            return true;
        }
        let fold = self.kinds.entry(kind).or_insert_with(|| {
            let fields = line.fields.iter().filter(|field| is_common(field)).cloned().collect();
            Fold { began_at: now, came: 0, line: Line { fields, ..line.clone() } }
        });
        fold.came += 1;
        fold.came <= SHOWN
    }

    /// What is to be said of the minutes that are over.
    pub(super) fn over(&mut self, now: Moment, at: DateTime<Utc>) -> Vec<Line> {
        let over = self.kinds.extract_if(|_, fold| now.since(fold.began_at) >= WINDOW);
        let mut lines: Vec<Line> =
            over.filter_map(|(_, fold)| fold.summary()).map(|line| Line { at, ..line }).collect();
        lines.sort_by(|one, other| one.message.cmp(&other.message));
        lines
    }

    /// What is still to be said when it ends.
    pub(super) fn all(&mut self) -> Vec<Line> {
        self.kinds.drain().filter_map(|(_, fold)| fold.summary()).collect()
    }
}

impl Fold {
    fn summary(self) -> Option<Line> {
        let untold = self.came.saturating_sub(SHOWN);
        let Line { message, .. } = &self.line;
        let message = format!("{message} (… {untold} times more in {} s)", WINDOW.as_secs());
        (untold > 0).then_some(Line { message, ..self.line })
    }
}
