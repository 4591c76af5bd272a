//! What a text may say of an event: its name, and anything in its data. What stands there is known when it happens, so a
//! path that leads nowhere is found when the text is made for somebody, and fails that message with the path.

use std::collections::BTreeMap;

use minijinja::{Value, context};
use serde_json::Value as Json;

use super::lexer::{self, Role};
use crate::domain::event::EventFacts;

/// The names that stand for an event. Below the second, any path.
pub(super) const NAMES: [&str; 2] = ["event.name", "event.data"];

/// Whether a text speaks of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SpeaksOf {
    Event,
    NoEvent,
}

impl SpeaksOf {
    pub(super) fn read(text: &str) -> Self {
        let speaks = lexer::words(text).any(|word| word.role == Role::Name && is_name(&word.name));
        if speaks { SpeaksOf::Event } else { SpeaksOf::NoEvent }
    }
}

/// Whether a name is one of an event.
pub(super) fn is_name(name: &str) -> bool {
    let [own, data] = NAMES;
    name == own || name.strip_prefix(data).is_some_and(|path| path.is_empty() || path.starts_with('.'))
}

pub(super) fn value(event: &EventFacts) -> Value {
    context! { name => event.name.as_str(), data => known(&event.data) }
}

/// What is null is not known, so that a text which uses it fails instead of saying "none".
fn known(json: &Json) -> Value {
    match json {
        Json::Null => Value::UNDEFINED,
        Json::Bool(flag) => Value::from(*flag),
        Json::String(text) => Value::from(text.as_str()),
        Json::Number(number) => match number.as_i64() {
            Some(whole) => Value::from(whole),
            None => number.as_f64().map_or(Value::UNDEFINED, Value::from),
        },
        Json::Array(items) => Value::from(items.iter().filter(|item| !item.is_null()).map(known).collect::<Vec<_>>()),
        Json::Object(entries) => {
            let entries = entries.iter().filter(|(_, value)| !value.is_null());
            Value::from(entries.map(|(key, value)| (key.clone(), known(value))).collect::<BTreeMap<_, _>>())
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::id::ScheduleName;
    use crate::domain::message::size;
    use crate::domain::template::{Facts, RenderError, Template};

    fn render(text: &str) -> Result<String, RenderError> {
        let template = Template::parse(text).expect("a template");
        assert_eq!(template.unknown_names(), [], "{text}");
        assert!(template.speaks_of_event(), "{text}");
        let event = EventFacts {
            name: "build-failed".into(),
            data: json!({
                "build": { "id": 7, "url": "https://ci.example/7", "note": null },
                "authors": ["Ana *Boss*", null, "Bo"],
                "log": "x".repeat(60_000),
            }),
        };
        let (recipient, schedule) = (size::longest_person(), ScheduleName::new("s").expect("a name"));
        let at = chrono::NaiveDateTime::default();
        let facts = Facts {
            recipient: &recipient,
            schedule: &schedule,
            title: "S",
            occurrence: at,
            local: at,
            event: Some(&event),
        };
        template.render(&facts)
    }

    #[test]
    fn a_text_may_say_what_happened() {
        let check = |text: &str, expect: &str| assert_eq!(render(text).as_deref(), Ok(expect), "{text}");
        check("{{ event.name }} {{ event.data.build.id }}", "build-failed 7");
        // Data is data, wherever it comes from.
        check("{% for who in event.data.authors %}{{ who }};{% endfor %}", r"Ana \*Boss\*;Bo;");
        check("{{ event.data.build.note | default(\"none\") }}", "none");
        check("{{ event.data[\"build\"][\"id\"] }}", "7");
    }

    #[test]
    fn whoever_tells_of_an_event_keeps_nobody_busy() {
        assert_eq!(render("{{ event.data.log | length }}").as_deref(), Ok("60000"));
        assert_eq!(render("{{ event.data.log | list | sort | first }}"), Err(RenderError::Endless));
        assert_eq!(render("{{ event.data | string | length }}{{ event.data | string }}"), Err(RenderError::Endless));
    }

    #[test]
    fn a_path_that_leads_nowhere_is_named() {
        let check = |text: &str, path: &str| {
            assert_eq!(render(text), Err(RenderError::Unknown(path.to_owned())), "{text}");
        };
        check("{{ event.data.build.nr }}", "event.data.build.nr");
        check("{{ event.data.build.note }}", "event.data.build.note");
        check("{{ event.data.job.id }}", "event.data.job.id");
        check("{% if event.data.urgent %}!{% endif %}", "event.data.urgent");
    }

    #[test]
    fn a_near_miss_is_still_one() {
        let template = Template::parse("{{ evnt.data.id }} {{ event.nme }}").expect("a template");
        let unknown: Vec<_> = template.unknown_names().iter().map(|name| name.nearest.as_deref()).collect();
        assert_eq!(unknown, [None, Some("event.name")]);
        assert!(!Template::parse("The event.name").expect("a template").speaks_of_event());
    }
}
