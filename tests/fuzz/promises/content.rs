//! Texts and cards: whatever is accepted is made for anybody within bounds, and nobody's name changes what a card is made of.

use chrono::NaiveDateTime;
use nudged::domain::card::Card;
use nudged::domain::id::{RecipientId, ScheduleName};
use nudged::domain::message::{Body, Content, Said};
use nudged::domain::problem::Source;
use nudged::domain::recipient::{Details, Recipient, RecipientKind, ZoneSource};
use nudged::domain::template::{Facts, Form, Template};
use serde_json::Value;

use super::assert_inside;

/// Bytes that a text may become.
const LONGEST: usize = 128 << 10;

/// A name that is markup wherever something could be: Markdown, HTML as Teams takes it, JSON, our own tags.
const HOSTILE: &str = "\"}],[*b*](http://x.example)\\<at>all</at>`{{ person.email }}\u{202e}\r\n# h";

/// A text of a message, a summary or an address.
pub fn text(text: &str) {
    for form in [Form::Markdown, Form::Plain, Form::Url] {
        let source = Source::new("x.md", text);
        match Template::read(text, form, |range| range) {
            Ok(template) => {
                for name in ["Ana", HOSTILE, ""] {
                    let made = with_facts(name, |facts| template.render(facts)).unwrap_or_default();
                    assert!(made.len() <= LONGEST, "{text:?}");
                }
                if form == Form::Markdown {
                    let content = Content { body: Body::Text(template.clone()), why: Some(template), stop: None };
                    let _ = with_facts(HOSTILE, |facts| content.render(facts, None, true));
                }
            }
            Err(problems) => {
                assert!(!problems.is_empty(), "{text:?}");
                assert_inside(&source, &problems);
            }
        }
    }
}

/// An Adaptive Card.
pub fn card(text: &str) {
    let source = Source::new("x.json", text);
    let (card, problems) = Card::read(text);
    assert_inside(&source, &problems);
    let Some(card) = card else {
        assert!(!problems.is_empty(), "{text:?}");
        return;
    };
    let made = |name: &str| with_facts(name, |facts| card.render(facts, Some("Because.")));
    if let (Ok(plain), Ok(hostile)) = (made("Ana"), made(HOSTILE)) {
        assert!(is_alike(&plain, &hostile), "{text:?}");
    }
    let summary = Template::parse("{{ person.name }}").expect("a template");
    let content = Content { body: Body::Card { card, summary }, why: None, stop: None };
    if let Ok(Said::Card { summary, .. }) = with_facts(HOSTILE, |facts| content.render(facts, None, false)) {
        assert!(!summary.contains(['\r', '\n']), "{summary:?}");
    }
}

/// Whether two cards differ in their texts only.
fn is_alike(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::String(_), Value::String(_)) => true,
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| is_alike(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().zip(other).all(|((key, one), (as_key, other))| key == as_key && is_alike(one, other))
        }
        (one, other) => one == other,
    }
}

fn with_facts<T>(name: &str, make: impl FnOnce(&Facts<'_>) -> T) -> T {
    let recipient = Recipient {
        id: RecipientId(1),
        kind: RecipientKind::Person,
        name: name.into(),
        email: Some("ana@contoso.example".into()),
        zone: chrono_tz::Tz::UTC,
        zone_source: ZoneSource::Operator,
        language: Some("en".into()),
        details: Details::default(),
    };
    let schedule = ScheduleName::new("news").expect("a name");
    let at: NaiveDateTime = "2026-12-01T09:00:00".parse().expect("a civil time");
    make(&Facts { recipient: &recipient, schedule: &schedule, title: HOSTILE, occurrence: at, local: at, event: None })
}
