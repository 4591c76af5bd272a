use proptest::prelude::*;

use super::*;
use crate::domain::id::{RecipientId, ScheduleName};
use crate::domain::problem::Source;
use crate::domain::recipient::{Details, Recipient, RecipientKind, ZoneSource};

fn problems(text: &str) -> Vec<String> {
    let source = Source::new("x.json", text);
    let (card, problems) = Card::read(text);
    let has_error = problems.iter().any(|problem| problem.severity() == Severity::Error);
    assert_eq!(card.is_none(), has_error, "{text}");
    problems.iter().map(|problem| problem.line(&source)).collect()
}

fn render(text: &str, name: &str, footer: Option<&str>) -> Value {
    try_render(text, name, footer).expect("rendered")
}

fn try_render(text: &str, name: &str, footer: Option<&str>) -> Result<Value, RenderError> {
    let (card, problems) = Card::read(text);
    assert!(problems.is_empty(), "{problems:?}");
    let recipient = Recipient {
        id: RecipientId(1),
        kind: RecipientKind::Person,
        name: name.into(),
        email: Some("ana+x@contoso.example".into()),
        zone: chrono_tz::Tz::UTC,
        zone_source: ZoneSource::Operator,
        language: None,
        details: Details::default(),
    };
    let schedule = ScheduleName::new("welcome").expect("a name");
    let at = "2026-12-01T09:00:00".parse().expect("a civil time");
    let facts =
        Facts { recipient: &recipient, schedule: &schedule, title: "Welcome", occurrence: at, local: at, event: None };
    card.expect("a card").render(&facts, footer)
}

#[test]
fn values_are_put_into_every_text_and_never_break_the_json() {
    let card = r#"{ "type": "AdaptiveCard", "version": "1.5",
        "body": [
            { "type": "TextBlock", "text": "Hi **{{ person.name }}**", "id": "{{ person.name }}", "wrap": true },
            { "type": "FactSet", "facts": [{ "title": "Who", "value": "{{ person.name }}" }] },
            { "type": "Image", "url": "https://x.example/?who={{ person.email }}", "altText": "{{ person.name }}" }
        ],
        "actions": [{ "type": "Action.Submit", "title": "I am {{ person.name }}", "data": { "n": 1 } }] }"#;
    let name = r#"*A* "B" \"#;
    assert_eq!(
        render(card, name, None),
        json!({ "type": "AdaptiveCard", "version": "1.5",
            "body": [
                { "type": "TextBlock", "text": r#"Hi **\*A\* "B" \\**"#, "id": name, "wrap": true },
                { "type": "FactSet", "facts": [{ "title": "Who", "value": r#"\*A\* "B" \\"# }] },
                { "type": "Image", "url": "https://x.example/?who=ana%2Bx%40contoso.example", "altText": name }
            ],
            "actions": [{ "type": "Action.Submit", "title": format!("I am {name}"), "data": { "n": 1 } }] })
    );
}

#[test]
fn a_footer_stands_below_the_rest() {
    let footer = json!({ "type": "TextBlock", "text": "why", "wrap": true, "isSubtle": true, "size": "Small",
        "spacing": "Medium" });
    let card =
        r#"{ "type": "AdaptiveCard", "version": "1.5", "body": [{ "type": "Image", "url": "https://x.example" }] }"#;
    assert_eq!(render(card, "Ana", Some("why"))["body"][1], footer);
    let only_buttons = r#"{ "type": "AdaptiveCard", "version": "1.5", "actions": [{ "type": "Action.Submit" }] }"#;
    assert_eq!(render(only_buttons, "Ana", Some("why"))["body"], json!([footer]));
}

#[test]
fn what_is_no_card_is_explained() {
    let check = |text: &str, expect: &[&str]| assert_eq!(problems(text), expect, "{text}");
    let with_body = |rest: &str| format!("{{ \"body\": [{{}}], {rest} }}");
    check(
        "{ \"type\": \"AdaptiveCard\"\n  \"version\": \"1.5\" }",
        &["2:3: N134 this is not JSON: expected `,` or `}`; look for a missing quote, comma or bracket just before it"],
    );
    check("[]", &["1:1: N134 a card is a JSON object; begin with { and end with }"]);
    check(
        "{}",
        &[
            "1:1: N134 the card does not say that it is one; write \"type\": \"AdaptiveCard\" at the top",
            "1:1: N134 the card does not say its version; write \"version\": \"1.5\" at the top",
            "1:1: N132 the card shows nothing; add for example \"body\": [{ \"type\": \"TextBlock\", \"text\": \"Hello\", \"wrap\": true }]",
        ],
    );
    check(
        &with_body("\"type\": \"Hero\", \"version\": \"one\""),
        &[
            "1:25: N134 only cards of the type AdaptiveCard are supported; write \"type\": \"AdaptiveCard\" at the top",
            "1:44: N134 this is no version of a card; write \"version\": \"1.5\" at the top",
        ],
    );
    check(
        &with_body("\"type\": \"AdaptiveCard\", \"version\": \"1.6\""),
        &[
            "1:52: N135 Teams shows cards up to version 1.5, and of a newer one perhaps nothing; write \"1.5\" and leave out what is newer",
        ],
    );
    check(
        "{ \"type\": \"AdaptiveCard\", \"version\": \"1.4\", \"body\": 5 }",
        &["1:53: N134 `body` must be a list; write \"body\": [ … ]"],
    );
}

#[test]
fn templates_are_checked_at_their_place() {
    let card = |text: &str| {
        format!(
            "{{ \"type\": \"AdaptiveCard\", \"version\": \"1.5\", \"body\": [\n{{ \"type\": \"TextBlock\",\n  \"text\": \"{text}\" }}] }}"
        )
    };
    let check = |text: &str, expect: &[&str]| assert_eq!(problems(&card(text)), expect, "{text}");
    check(
        r"\u00e9 {{ person.firstname }} \n {{ person.name | uper }}",
        &[
            "3:22: N131 unknown name `person.firstname` in the text; did you mean `person.first_name`?",
            "3:62: N131 unknown filter `uper` in the text; did you mean `upper`?",
        ],
    );
    check(
        "Hi {{ person.name",
        &[
            "3:25: N130 unexpected end of input, expected end of variable block; close it with }} right after the name, as in {{ person.first_name }}",
        ],
    );
    check(
        "{{DATE(2027-03-01T09:00:00Z, SHORT)}}",
        &[
            "3:29: N130 unexpected identifier, expected `,`; for the card's own function write {% raw %}{{DATE(…)}}{% endraw %}",
        ],
    );
    check("{% raw %}{{DATE(2027-03-01T09:00:00Z, SHORT)}}{% endraw %}", &[]);
}

#[test]
fn no_card_grows_without_end() {
    let text = "{% for a in person.name %}{% for b in person.name %}xxxxxxxxxx{% endfor %}{% endfor %}";
    let block = format!("{{ \"type\": \"TextBlock\", \"text\": \"{text}\" }}");
    let card =
        format!("{{ \"type\": \"AdaptiveCard\", \"version\": \"1.5\", \"body\": [{}] }}", vec![block; 100].join(", "));
    assert!(try_render(&card, "Ana", None).is_ok());
    assert_eq!(try_render(&card, &"x".repeat(60), None), Err(RenderError::TooLong));
    assert_eq!(Card::read(&" ".repeat(300_000)).1[0].code, Code::TooLarge);
}

proptest! {
    /// Whatever the text, problems lie inside it and read well.
    #[test]
    fn any_text_is_survived(text in "([\\[\\]{}:,\" \n\\\\]|[a-z0-9é😀]|\\\\u00e9|\\{\\{|\\}\\}|\"type\"|\"AdaptiveCard\"){0,60}") {
        let (_, problems) = Card::read(&text);
        for problem in problems {
            prop_assert!(text.get(problem.span.clone()).is_some(), "{:?} outside of {:?}", problem, text);
        }
    }

    #[test]
    fn any_text_of_a_card_is_survived(text in "([a-z é😀|.%#]|\\\\u00e9|\\\\n|\\\\ud83d\\\\ude00|\\{\\{|\\}\\}|\\{%|%\\}|person){0,30}") {
        let card = format!("{{ \"type\": \"AdaptiveCard\", \"version\": \"1.5\", \"body\": [\"{text}\"] }}");
        let (_, problems) = Card::read(&card);
        for problem in problems {
            prop_assert!(card.get(problem.span.clone()).is_some(), "{:?} outside of {:?}", problem, card);
        }
    }
}
