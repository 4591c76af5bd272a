//! What is said, in which language, and what of it reaches one recipient.

use serde_json::{Value, json};

use crate::domain::buttons::Buttons;
use crate::domain::card::Card;
use crate::domain::language::{LanguageTag, lookup};
use crate::domain::template::{Facts, RenderError, Template};

// A text on a card.
pub mod carded;
// How large a message becomes at most.
pub mod size;

/// What a schedule says.
#[derive(Debug, Clone)]
pub struct Message {
    /// What is said to everybody for whose language there is nothing else.
    pub own: Content,
    /// What is said to those who speak a certain language.
    pub variants: Vec<(LanguageTag, Content)>,
    /// The same in every language, as far as their words are not meant.
    pub buttons: Buttons,
}

/// What is said in one language.
#[derive(Debug, Clone)]
pub struct Content {
    pub body: Body,
    /// Why the recipient gets this message, in a sentence.
    pub why: Option<Template>,
    /// How to stop it, in a sentence. Where it is absent, the one of the house is said, if there is one.
    pub stop: Option<Template>,
}

/// A text or a card. Never both: Teams makes two posts of them and returns the id of neither.
#[derive(Debug, Clone)]
pub enum Body {
    /// Markdown as Teams takes it.
    Text(Template),
    Card {
        card: Card,
        /// The line that notifications and lists of chats show.
        summary: Template,
    },
}

/// A message as one recipient gets it.
#[derive(Debug, Clone, PartialEq)]
pub enum Said {
    /// Markdown as Teams takes it.
    Text(String),
    /// An Adaptive Card, and the line for notifications.
    Card { summary: String, card: Value },
}

impl From<Template> for Message {
    fn from(text: Template) -> Self {
        let own = Content { body: Body::Text(text), why: None, stop: None };
        Self { own, variants: Vec::new(), buttons: Buttons::default() }
    }
}

impl Message {
    /// What is said to somebody of this language.
    #[must_use]
    pub fn for_language(&self, language: Option<&str>) -> &Content {
        language.and_then(|language| lookup(language, &self.variants)).unwrap_or(&self.own)
    }

    /// The message for one recipient and one occurrence, without its buttons; with some, it is a card. `house_stop` is
    /// said where the schedule does not say how to stop it, and no button does.
    pub fn render(&self, facts: &Facts<'_>, house_stop: Option<&Template>) -> Result<Said, RenderError> {
        let content = self.for_language(facts.recipient.language.as_deref());
        content.render(facts, house_stop.filter(|_| !self.buttons.can_stop()), !self.buttons.is_empty())
    }
}

impl Content {
    /// Whether any part of it speaks of an event, so that only a schedule with one can say it.
    #[must_use]
    pub fn speaks_of_event(&self) -> bool {
        let body = match &self.body {
            Body::Text(text) => text.speaks_of_event(),
            Body::Card { card, summary } => card.speaks_of_event() || summary.speaks_of_event(),
        };
        body || [&self.why, &self.stop].into_iter().flatten().any(Template::speaks_of_event)
    }

    /// The message for one recipient and one occurrence, with its footer. A text stands on a card where it must.
    pub fn render(&self, facts: &Facts<'_>, house_stop: Option<&Template>, on_card: bool) -> Result<Said, RenderError> {
        let footer = self.footer(facts, house_stop)?;
        Ok(match &self.body {
            Body::Text(text) if on_card => carded::text(&text.render(facts)?, footer.as_deref()),
            Body::Text(text) => {
                let text = text.render(facts)?;
                Said::Text(match footer {
                    Some(footer) => format!("{}\n\n*{footer}*", text.trim_end()),
                    None => text,
                })
            }
            Body::Card { card, summary } => {
                Said::Card { card: card.render(facts, footer.as_deref())?, summary: summary.render(facts)? }
            }
        })
    }

    /// Why, and how to stop it, in one line: emphasis does not reach over the end of a paragraph.
    fn footer(&self, facts: &Facts<'_>, house_stop: Option<&Template>) -> Result<Option<String>, RenderError> {
        let parts = [self.why.as_ref(), self.stop.as_ref().or(house_stop)];
        let rendered = parts.into_iter().flatten().map(|part| part.render(facts)).collect::<Result<Vec<_>, _>>()?;
        let words: Vec<&str> = rendered.iter().flat_map(|part| part.split_whitespace()).collect();
        Ok((!words.is_empty()).then(|| words.join(" ")))
    }
}

impl Said {
    /// What goes over the wire of it, without the envelope: for measuring.
    fn as_json(&self) -> Value {
        match self {
            Said::Text(text) => json!({ "text": text }),
            Said::Card { summary, card } => json!({ "summary": summary, "attachments": [{ "content": card }] }),
        }
    }
}

#[cfg(test)]
mod tests;
