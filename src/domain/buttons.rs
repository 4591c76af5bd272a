//! Buttons below a message: done, later, no more.
//!
//! They stand on an Adaptive Card as `Action.Execute`, which Teams answers at once with the card's new state, and for
//! clients that don't know it as `Action.Submit` (Microsoft's pages on universal actions for Adaptive Cards, read in
//! November 2026). What a button says it is for is not believed: who pressed it, the verified activity says.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, NaiveDateTime, NaiveTime, TimeDelta, Utc};
use chrono_tz::Tz;
use serde_json::{Value, json};

use crate::domain::consent::Topic;
use crate::domain::document::span::TimeSpan;
use crate::domain::id::DeliveryId;
use crate::domain::message::{Said, carded};
use crate::domain::time::{ClockChangePolicy, ZoneRules, resolve};

// What buttons are called, in the languages of people.
mod words;

pub use words::{Outcome, not_yours, stopped};

/// Teams shows so many and hides the rest behind a menu. From Microsoft's page on the design of Adaptive Cards, read in
/// November 2026.
pub const MOST: usize = 6;

/// The longest snooze.
const LONGEST: Duration = Duration::from_hours(24 * 30);

/// The version of cards that knows `Action.Execute` in Teams.
const VERSION: &str = "1.5";

/// The buttons of a schedule, from left to right.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Buttons(pub Vec<Press>);

/// What pressing a button asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Press {
    Done,
    Snooze(Later),
    /// No more messages about the topic.
    Stop,
}

/// What a button says of its message. The number alone would not do: a ledger that was put back from a backup gives
/// to other messages what it gave before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    pub delivery: DeliveryId,
    /// The civil time that is the identity of the occurrence.
    pub occurrence: NaiveDateTime,
    pub topic: Topic,
}

/// When a message is to come again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Later {
    /// So long after the press.
    After(Duration),
    /// At that time on the next day of the recipient's wall clock.
    Tomorrow(NaiveTime),
}

impl Later {
    /// `1h`, `90m` or `tomorrow 09:00`; a minute at least and 30 days at most.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Some(time) = text.strip_prefix("tomorrow ") {
            return NaiveTime::parse_from_str(time.trim(), "%H:%M").ok().map(Self::Tomorrow);
        }
        let length = TimeSpan::read(text)?.length;
        (length >= Duration::from_mins(1) && length <= LONGEST && length.as_secs().is_multiple_of(60))
            .then_some(Self::After(length))
    }

    /// The instant that is meant by somebody who presses at `now` in `zone`. A time that the clock skips there comes later
    /// by the size of the gap; of one that it shows twice the first is meant.
    #[must_use]
    pub fn from(self, now: DateTime<Utc>, zone: Tz, rules: &dyn ZoneRules) -> Option<DateTime<Utc>> {
        match self {
            Self::After(length) => now.checked_add_signed(TimeDelta::from_std(length).ok()?),
            Self::Tomorrow(time) => {
                let tomorrow = rules.civil(now, zone).date().succ_opt()?.and_time(time);
                resolve(tomorrow, zone, rules, ClockChangePolicy::default()).map(|resolved| resolved.at)
            }
        }
    }
}

impl fmt::Display for Later {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tomorrow(time) => write!(f, "tomorrow {}", time.format("%H:%M")),
            Self::After(length) => match (length.as_secs() / 3600, length.as_secs() / 60 % 60) {
                (0, minutes) => write!(f, "{minutes}m"),
                (hours, 0) => write!(f, "{hours}h"),
                (hours, minutes) => write!(f, "{hours}h{minutes}m"),
            },
        }
    }
}

impl Press {
    /// As it stands in the data of a button.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "done" => Some(Self::Done),
            "stop" => Some(Self::Stop),
            _ => Later::read(text.strip_prefix("snooze ")?).map(Self::Snooze),
        }
    }

    #[must_use]
    pub fn verb(self) -> Verb {
        match self {
            Self::Done => Verb::Done,
            Self::Snooze(_) => Verb::Snooze,
            Self::Stop => Verb::Stop,
        }
    }
}

impl fmt::Display for Press {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Snooze(later) => write!(f, "snooze {later}"),
            Self::Done | Self::Stop => f.write_str(self.verb().as_str()),
        }
    }
}

/// The kind of a press.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verb {
    Done,
    Snooze,
    Stop,
}

impl Verb {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Snooze => "snooze",
            Self::Stop => "stop",
        }
    }
}

impl Buttons {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether one of them stops the topic, so that the message need not say how.
    #[must_use]
    pub fn can_stop(&self) -> bool {
        self.0.contains(&Press::Stop)
    }

    /// The message with its buttons, in the language of the tag.
    #[must_use]
    pub fn put_below(&self, said: Said, stamp: &Stamp, language: Option<&str>) -> Said {
        if self.is_empty() {
            return said;
        }
        let actions: Vec<Value> = self.0.iter().map(|press| action(*press, stamp, language)).collect();
        on_card(said, json!({ "type": "ActionSet", "actions": actions }))
    }
}

fn action(press: Press, stamp: &Stamp, language: Option<&str>) -> Value {
    let title = words::title(press, language);
    let Stamp { delivery, occurrence, topic } = stamp;
    let data = json!({
        "nudged": { "delivery": delivery, "occurrence": occurrence, "topic": topic, "choice": press.to_string() },
    });
    json!({
        "type": "Action.Execute", "title": title, "verb": format!("nudged.{}", press.verb().as_str()), "data": data,
        "fallback": { "type": "Action.Submit", "title": title, "data": data },
    })
}

/// The message with `line` where its buttons were.
#[must_use]
pub fn with_line(said: Said, line: &str) -> Said {
    on_card(said, json!({ "type": "TextBlock", "text": line, "wrap": true, "weight": "Bolder", "spacing": "Medium" }))
}

/// A card that says `line` and no more.
#[must_use]
pub fn line_alone(line: &str) -> Said {
    carded::text(line, None)
}

/// The message as a card with one element more at its end.
fn on_card(said: Said, element: Value) -> Said {
    let said = match said {
        Said::Text(text) => carded::text(&text, None),
        Said::Card { .. } => said,
    };
    let Said::Card { summary, mut card } = said else { return said };
    if let Some(root) = card.as_object_mut() {
        // What the element needs counts, and Teams shows cards up to this version.
        root.insert("version".to_owned(), json!(VERSION));
        if let Some(body) = root.entry("body").or_insert_with(|| json!([])).as_array_mut() {
            body.push(element);
        }
    }
    Said::Card { summary, card }
}

#[cfg(test)]
mod tests;
