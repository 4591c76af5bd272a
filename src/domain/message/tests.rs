use super::*;
use crate::domain::buttons::Press;
use crate::domain::id::{RecipientId, ScheduleName};
use crate::domain::recipient::{Details, Recipient, RecipientKind, ZoneSource};

fn template(text: &str) -> Template {
    Template::parse(text).expect("a template")
}

fn content(text: &str) -> Content {
    Content { body: Body::Text(template(text)), why: None, stop: None }
}

fn card() -> Body {
    let card =
        r#"{ "type": "AdaptiveCard", "version": "1.5", "body": [{ "type": "Image", "url": "https://x.example" }] }"#;
    Body::Card { card: Card::read(card).0.expect("a card"), summary: template("News for {{ person.name }}") }
}

fn render(message: &Message, language: Option<&str>, house_stop: Option<&str>) -> Said {
    let recipient = Recipient {
        id: RecipientId(1),
        kind: RecipientKind::Person,
        name: "Ana".into(),
        email: None,
        zone: chrono_tz::Tz::UTC,
        zone_source: ZoneSource::Operator,
        language: language.map(str::to_owned),
        details: Details::default(),
    };
    let schedule = ScheduleName::new("news").expect("a name");
    let at = "2026-12-01T09:00:00".parse().expect("a civil time");
    let facts =
        Facts { recipient: &recipient, schedule: &schedule, title: "News", occurrence: at, local: at, event: None };
    message.render(&facts, house_stop.map(template).as_ref()).expect("rendered")
}

#[test]
fn everybody_is_spoken_to_in_their_own_language_if_it_is_there() {
    let variant = |tag: &str, text: &str| (LanguageTag::read(tag).expect("a tag"), content(text));
    let variants = vec![variant("fr", "Bonjour"), variant("pt-BR", "Oi")];
    let message = Message { own: content("Hello"), variants, buttons: Buttons::default() };
    let check = |language: Option<&str>, expect: &str| {
        assert_eq!(render(&message, language, None), Said::Text(expect.into()), "{language:?}");
    };
    check(None, "Hello");
    check(Some("fr"), "Bonjour");
    check(Some("fr-CA"), "Bonjour");
    check(Some("pt-BR"), "Oi");
    check(Some("pt"), "Hello");
    check(Some("nonsense!"), "Hello");
}

#[test]
fn a_footer_says_why_and_how_to_stop() {
    let check = |why: Option<&str>, stop: Option<&str>, house_stop: Option<&str>, expect: &str| {
        let own = Content { why: why.map(template), stop: stop.map(template), ..content("Hello\n") };
        let message = Message { own, variants: Vec::new(), buttons: Buttons::default() };
        assert_eq!(render(&message, None, house_stop), Said::Text(expect.into()));
    };
    check(None, None, None, "Hello");
    check(Some("You are {{ person.name }}."), None, None, "Hello\n\n*You are Ana.*");
    check(Some("Because.\n"), Some("Say\nstop."), Some("no"), "Hello\n\n*Because. Say stop.*");
    check(None, None, Some("Reply STOP."), "Hello\n\n*Reply STOP.*");
    // An empty one of its own silences the one of the house.
    check(None, Some(""), Some("Reply STOP."), "Hello");
}

#[test]
fn a_card_has_a_summary_and_its_footer_inside() {
    let own = Content { body: card(), why: Some(template("Because.")), stop: None };
    let message = Message { own, variants: Vec::new(), buttons: Buttons::default() };
    let Said::Card { summary, card } = render(&message, None, None) else { panic!("a card") };
    assert_eq!(summary, "News for Ana");
    assert_eq!(card["body"][1]["text"], "Because.");
}

#[test]
fn a_button_that_stops_says_how_to_stop() {
    let check = |buttons: &[Press], stop: Option<&str>, expect: &[&str]| {
        let own = Content { why: Some(template("Because.")), stop: stop.map(template), ..content("Hello") };
        let message = Message { own, variants: Vec::new(), buttons: Buttons(buttons.to_vec()) };
        let Said::Card { card, .. } = render(&message, None, Some("Reply STOP.")) else { panic!("a card") };
        let blocks = card["body"].as_array().expect("a body").iter().map(|block| block["text"].as_str());
        assert_eq!(blocks.map(Option::unwrap_or_default).collect::<Vec<_>>(), expect);
    };
    check(&[Press::Done], None, &["Hello", "Because. Reply STOP."]);
    check(&[Press::Done, Press::Stop], None, &["Hello", "Because."]);
    check(&[Press::Stop], Some("Or write stop."), &["Hello", "Because. Or write stop."]);
}

#[test]
fn the_largest_message_is_measured_in_utf_16() {
    let measure = |text: &str| {
        let schedule = ScheduleName::new("news").expect("a name");
        size::largest(&content(text), &Buttons::default(), &schedule, "News").expect("measured")
    };
    let nothing = measure("");
    assert_eq!(measure("abc") - nothing, 6);
    // Two bytes of UTF-8 and two of UTF-16; four of each; and JSON writes two characters for a line break.
    assert_eq!(measure("é") - nothing, 2);
    assert_eq!(measure("😀") - nothing, 4);
    assert_eq!(measure("a\nb") - nothing, 8);
    assert_eq!(measure("{{ person.name }}") - nothing, 2 * 255);
    assert_eq!(measure("{{ person.email }}") - nothing, 2 * 254);
}
