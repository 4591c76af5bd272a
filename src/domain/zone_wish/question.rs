//! The question in which zone somebody lives: a card with a list, and what comes back when its button is pressed.
//!
//! The button is an `Action.Execute`, whose answer takes the place of the card at once, and for clients that don't know
//! that an `Action.Submit` (Microsoft's pages on universal actions and on the inputs of Adaptive Cards, read in November
//! 2026). Either way the data holds what was chosen, and the verified activity says who chose it.

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use serde_json::{Value, json};

use super::words::ZoneAnswer;
use super::{ZoneWish, near, zone_called};
use crate::domain::activity::{CardAction, Happening};
use crate::domain::message::{Said, carded};
use crate::domain::press;
use crate::domain::time::ZoneRules;

/// Nobody is asked more often than that, whatever the number of schedules that would like to know.
pub const ASKED_AGAIN_AFTER: TimeDelta = TimeDelta::days(30);

const VERB: &str = "nudged.zone";

/// The id of the list, and with it the name of what was chosen.
const CHOSEN: &str = "zone";

/// What the data of the button says that it is about.
const ABOUT: &str = "zone";

/// Longer than the name of any zone, in bytes.
const LONGEST_NAME: usize = 64;

/// Where most people live, in the order of the names. Whoever lives elsewhere writes it.
const WELL_KNOWN: [Tz; 42] = [
    Tz::Africa__Cairo,
    Tz::Africa__Johannesburg,
    Tz::Africa__Lagos,
    Tz::Africa__Nairobi,
    Tz::America__Anchorage,
    Tz::America__Argentina__Buenos_Aires,
    Tz::America__Bogota,
    Tz::America__Chicago,
    Tz::America__Denver,
    Tz::America__Halifax,
    Tz::America__Los_Angeles,
    Tz::America__Mexico_City,
    Tz::America__New_York,
    Tz::America__Phoenix,
    Tz::America__Santiago,
    Tz::America__Sao_Paulo,
    Tz::America__Toronto,
    Tz::Asia__Bangkok,
    Tz::Asia__Dhaka,
    Tz::Asia__Dubai,
    Tz::Asia__Hong_Kong,
    Tz::Asia__Jakarta,
    Tz::Asia__Jerusalem,
    Tz::Asia__Karachi,
    Tz::Asia__Kolkata,
    Tz::Asia__Manila,
    Tz::Asia__Riyadh,
    Tz::Asia__Seoul,
    Tz::Asia__Shanghai,
    Tz::Asia__Singapore,
    Tz::Asia__Tokyo,
    Tz::Australia__Perth,
    Tz::Australia__Sydney,
    Tz::Europe__Athens,
    Tz::Europe__Berlin,
    Tz::Europe__Istanbul,
    Tz::Europe__London,
    Tz::Europe__Madrid,
    Tz::Europe__Moscow,
    Tz::Europe__Paris,
    Tz::Pacific__Auckland,
    Tz::Pacific__Honolulu,
];

/// The sentences of one language.
struct Words {
    /// The primary language subtag.
    language: &'static str,
    /// The line for notifications, without Markdown.
    summary: &'static str,
    /// `{}` is the place of the zone that counts so far.
    question: &'static str,
    elsewhere: &'static str,
    choose: &'static str,
    save: &'static str,
    /// `{zone}`, and `{time}` there.
    there: &'static str,
}

const ENGLISH: Words = Words {
    language: "en",
    summary: "In which time zone do you live?",
    question: "Your messages go by the clock of {}, because I don't know your time zone. Where do you live?",
    elsewhere: "If it is not in the list, write a region and a city, for example **zone Europe/Paris**.",
    choose: "Choose a time zone",
    save: "Save",
    there: "Your time zone is {zone}; it is {time} there.",
};

const WORDS: &[Words] = &[
    ENGLISH,
    Words {
        language: "de",
        summary: "In welcher Zeitzone lebst du?",
        question: "Deine Nachrichten richten sich nach der Uhr von {}, weil ich deine Zeitzone nicht kenne. Wo lebst du?",
        elsewhere: "Steht sie nicht in der Liste, schreib eine Region und eine Stadt, zum Beispiel **zone Europe/Paris**.",
        choose: "Zeitzone wählen",
        save: "Speichern",
        there: "Deine Zeitzone ist {zone}; dort ist es {time}.",
    },
    Words {
        language: "fr",
        summary: "Dans quel fuseau horaire vivez-vous ?",
        question: "Vos messages suivent l’horloge de {}, car je ne connais pas votre fuseau horaire. Où vivez-vous ?",
        elsewhere: "S’il n’est pas dans la liste, écrivez une région et une ville, par exemple **zone Europe/Paris**.",
        choose: "Choisissez un fuseau horaire",
        save: "Enregistrer",
        there: "Votre fuseau horaire est {zone} ; il y est {time}.",
    },
    Words {
        language: "es",
        summary: "¿En qué zona horaria vives?",
        question: "Tus mensajes siguen el reloj de {}, porque no conozco tu zona horaria. ¿Dónde vives?",
        elsewhere: "Si no está en la lista, escribe una región y una ciudad, por ejemplo **zone Europe/Paris**.",
        choose: "Elige una zona horaria",
        save: "Guardar",
        there: "Tu zona horaria es {zone}; allí son las {time}.",
    },
];

/// In the language of the tag, or in English.
fn words(tag: Option<&str>) -> &'static Words {
    let primary = tag.and_then(|tag| tag.split(['-', '_']).next()).unwrap_or_default();
    WORDS.iter().find(|words| words.language.eq_ignore_ascii_case(primary)).unwrap_or(&ENGLISH)
}

/// The name of a zone in Markdown.
fn in_markdown(zone: Tz) -> String {
    zone.name().replace('_', "\\_")
}

/// The question, to somebody whose messages go by the clock of `fallback` so far.
#[must_use]
pub fn question(fallback: Tz, language: Option<&str>) -> Said {
    let words = words(language);
    let others = WELL_KNOWN.into_iter().filter(|zone| *zone != fallback);
    let choices: Vec<Value> = std::iter::once(fallback)
        .chain(others)
        .map(|zone| json!({ "title": zone.name().replace('_', " "), "value": zone.name() }))
        .collect();
    let text = |text: &str| json!({ "type": "TextBlock", "text": text, "wrap": true });
    let list = json!({
        "type": "Input.ChoiceSet", "id": CHOSEN, "style": "filtered", "placeholder": words.choose, "choices": choices,
        "isRequired": true, "errorMessage": words.choose,
    });
    let data = json!({ "nudged": { "ask": ABOUT } });
    let save = json!({
        "type": "Action.Execute", "title": words.save, "verb": VERB, "data": data,
        "fallback": { "type": "Action.Submit", "title": words.save, "data": data },
    });
    let body = json!([
        text(&words.question.replace("{}", &in_markdown(fallback))),
        list,
        text(words.elsewhere),
        { "type": "ActionSet", "actions": [save] },
    ]);
    let card = json!({ "type": "AdaptiveCard", "version": "1.5", "body": body });
    Said::Card { summary: words.summary.to_owned(), card }
}

/// What was chosen on the card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Picked {
    pub wish: ZoneWish,
    /// Whether the answer can be shown at once.
    pub waits_for_answer: bool,
}

/// What was chosen, if it was chosen on a card of ours.
pub(super) fn picked(happening: &Happening) -> Option<Picked> {
    let CardAction { verb, data, waits_for_answer, .. } = happening.card_action()?;
    let is_ours = verb.map_or(data["nudged"]["ask"] == ABOUT, |verb| verb == VERB);
    if !is_ours {
        return None;
    }
    Some(Picked { wish: choice(data[CHOSEN].as_str().unwrap_or_default()), waits_for_answer })
}

/// A client may send anything, so what it says was chosen is read like what is typed.
fn choice(name: &str) -> ZoneWish {
    let name = name.trim().to_lowercase();
    if name.len() > LONGEST_NAME {
        return ZoneWish::Unclear(None);
    }
    zone_called(&name).map_or_else(|| ZoneWish::Unclear(near(&name)), ZoneWish::Choose)
}

/// What is to be answered at once to somebody who chose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    pub answer: ZoneAnswer,
    /// BCP 47, when known.
    pub language: Option<String>,
}

impl Answered {
    /// The body that answers the invoke at `now`: a card that takes the place of the question, or, where no zone was
    /// chosen, some words beside it.
    #[must_use]
    pub fn body(&self, now: DateTime<Utc>, rules: &dyn ZoneRules) -> Value {
        let language = self.language.as_deref();
        match self.answer {
            ZoneAnswer::Chosen(zone) | ZoneAnswer::Auto(zone) | ZoneAnswer::Now(zone) => {
                press::card_answer(&there(zone, rules.civil(now, zone), language))
            }
            ZoneAnswer::Unclear(_) => press::toast(&carded::plain(&self.answer.in_language(language))),
        }
    }
}

/// A card that says which zone counts, and what its clock shows.
fn there(zone: Tz, local: NaiveDateTime, language: Option<&str>) -> Value {
    let time = local.format("%H:%M").to_string();
    let line = words(language).there.replace("{zone}", &in_markdown(zone)).replace("{time}", &time);
    json!({
        "type": "AdaptiveCard", "version": "1.5",
        "body": [{ "type": "TextBlock", "text": line, "wrap": true }],
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::activity::CARD_ACTION;

    fn card(fallback: Tz, language: Option<&str>) -> Value {
        let Said::Card { summary, card } = question(fallback, language) else { panic!("a question is a card") };
        assert!(!summary.is_empty());
        card
    }

    fn choices(card: &Value) -> Vec<&str> {
        let choices = card["body"][1]["choices"].as_array().expect("choices");
        choices.iter().map(|choice| choice["value"].as_str().expect("a zone")).collect()
    }

    #[test]
    fn the_question_is_a_card_with_a_list() {
        let card = card(Tz::Europe__Berlin, Some("en"));
        insta::assert_snapshot!(serde_json::to_string_pretty(&card).expect("JSON"));
    }

    #[test]
    fn the_fallback_zone_comes_first_and_every_zone_once() {
        for fallback in [Tz::Europe__Berlin, Tz::America__New_York, Tz::Asia__Kathmandu, Tz::UTC] {
            let card = card(fallback, None);
            let choices = choices(&card);
            assert_eq!(choices[0], fallback.name());
            assert!(choices[1..].is_sorted() && !choices[1..].contains(&fallback.name()), "{choices:?}");
        }
        let card = card(Tz::America__New_York, Some("de-CH"));
        assert_eq!(card["body"][1]["choices"][0]["title"], "America/New York");
        assert!(card["body"][0]["text"].as_str().is_some_and(|text| text.contains("der Uhr von America/New\\_York,")));
    }

    #[test]
    fn what_is_said_to_be_written_is_understood() {
        for words in WORDS {
            let to_write = words.elsewhere.split("**").nth(1).expect("what to write");
            assert_eq!(super::super::wish(to_write), Some(ZoneWish::Choose(Tz::Europe__Paris)), "{to_write}");
            assert!(words.question.contains("{}") && words.there.contains("{zone}") && words.there.contains("{time}"));
        }
    }

    fn invoke(verb: &str, zone: &Value) -> Happening {
        let data = json!({ "nudged": { "ask": "zone" }, "zone": zone });
        let value = json!({ "action": { "type": "Action.Execute", "verb": verb, "data": data } });
        Happening::Invoke { name: CARD_ACTION.to_owned(), value, reply_to: None }
    }

    fn submit(value: Value) -> Happening {
        Happening::Message { text: String::new(), mentions_bot: false, value: Some(value), reply_to: None }
    }

    #[test]
    fn both_kinds_of_buttons_say_what_was_chosen() {
        let card = card(Tz::Asia__Kathmandu, None);
        for zone in choices(&card) {
            let wish = ZoneWish::Choose(zone.parse().expect("a zone"));
            let executed = picked(&invoke(VERB, &json!(zone)));
            assert_eq!(executed, Some(Picked { wish, waits_for_answer: true }));
            let submitted = picked(&submit(json!({ "nudged": { "ask": "zone" }, "zone": zone })));
            assert_eq!(submitted, Some(Picked { wish, waits_for_answer: false }));
        }
    }

    #[test]
    fn what_is_no_zone_is_unclear_and_what_is_not_ours_is_nothing() {
        let check = |zone: Value, near: Option<Tz>| {
            let unclear = Picked { wish: ZoneWish::Unclear(near), waits_for_answer: true };
            assert_eq!(picked(&invoke(VERB, &zone)), Some(unclear), "{zone}");
        };
        check(json!("Europe/Pariss"), Some(Tz::Europe__Paris));
        for zone in [json!("Mars/Olympus"), json!(""), json!(null), json!(7), json!("x".repeat(100_000))] {
            check(zone, None);
        }
        assert_eq!(picked(&invoke("nudged.done", &json!("Europe/Paris"))), None);
        for value in
            [json!({ "zone": "Europe/Paris" }), json!({ "nudged": { "ask": "age" } }), json!("zone"), json!([])]
        {
            assert_eq!(picked(&submit(value.clone())), None, "{value}");
        }
    }
}
