//! What is answered to somebody who speaks of their zone. Where a language has no sentences, English ones.

use chrono_tz::Tz;

/// An answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ZoneAnswer {
    Chosen(Tz),
    /// The own choice is taken back, and this one counts now.
    Auto(Tz),
    /// This one counts.
    Now(Tz),
    /// Nobody knows that zone; perhaps this one was meant.
    Unclear(Option<Tz>),
}

/// The sentences of one language; `{}` is the place of a zone.
struct Sentences {
    /// The primary language subtag.
    language: &'static str,
    chosen: &'static str,
    auto: &'static str,
    now: &'static str,
    unclear: &'static str,
    near: &'static str,
}

const ENGLISH: Sentences = Sentences {
    language: "en",
    chosen: "Your messages go by the clock of {} from now on. To go by your Teams client again, write **zone auto**.",
    auto: "Your messages go by what Teams and your organisation say of your time zone: {} at present.",
    now: "Your messages go by the clock of {}. To change that, write for example **zone Europe/Paris**.",
    unclear: "I don't know that time zone. Write a region and a city, for example **zone Europe/Paris**.",
    near: "I don't know that time zone. If you mean this one, write **zone {}**.",
};

const SENTENCES: &[Sentences] = &[
    ENGLISH,
    Sentences {
        language: "de",
        chosen: "Deine Nachrichten richten sich ab jetzt nach der Uhr von {}. Damit wieder dein Teams-Client zählt, schreib \
                 **zone auto**.",
        auto: "Deine Nachrichten richten sich nach dem, was Teams und deine Organisation über deine Zeitzone sagen: \
               zurzeit {}.",
        now: "Deine Nachrichten richten sich nach der Uhr von {}. Um das zu ändern, schreib zum Beispiel \
              **zone Europe/Paris**.",
        unclear: "Diese Zeitzone kenne ich nicht. Schreib eine Region und eine Stadt, zum Beispiel **zone Europe/Paris**.",
        near: "Diese Zeitzone kenne ich nicht. Wenn du diese meinst, schreib **zone {}**.",
    },
    Sentences {
        language: "fr",
        chosen: "Vos messages suivent désormais l’horloge de {}. Pour suivre à nouveau votre client Teams, écrivez \
                 **zone auto**.",
        auto: "Vos messages suivent le fuseau horaire que Teams et votre organisation indiquent : {} actuellement.",
        now: "Vos messages suivent l’horloge de {}. Pour changer cela, écrivez par exemple **zone Europe/Paris**.",
        unclear: "Je ne connais pas ce fuseau horaire. Écrivez une région et une ville, par exemple **zone Europe/Paris**.",
        near: "Je ne connais pas ce fuseau horaire. Si vous pensez à celui-ci, écrivez **zone {}**.",
    },
    Sentences {
        language: "es",
        chosen: "A partir de ahora tus mensajes siguen el reloj de {}. Para volver a seguir tu cliente de Teams, escribe \
                 **zone auto**.",
        auto: "Tus mensajes siguen la zona horaria que indican Teams y tu organización: ahora {}.",
        now: "Tus mensajes siguen el reloj de {}. Para cambiarlo, escribe por ejemplo **zone Europe/Paris**.",
        unclear: "No conozco esa zona horaria. Escribe una región y una ciudad, por ejemplo **zone Europe/Paris**.",
        near: "No conozco esa zona horaria. Si te refieres a esta, escribe **zone {}**.",
    },
];

impl ZoneAnswer {
    /// In the language of the tag, or in English. Markdown, as Teams takes it.
    #[must_use]
    pub fn in_language(self, tag: Option<&str>) -> String {
        let primary = tag.and_then(|tag| tag.split(['-', '_']).next()).unwrap_or_default();
        let known = SENTENCES.iter().find(|sentences| sentences.language.eq_ignore_ascii_case(primary));
        let s = known.unwrap_or(&ENGLISH);
        let about = |sentence: &str, zone: Tz| sentence.replace("{}", &zone.name().replace('_', "\\_"));
        match self {
            Self::Chosen(zone) => about(s.chosen, zone),
            Self::Auto(zone) => about(s.auto, zone),
            Self::Now(zone) => about(s.now, zone),
            Self::Unclear(Some(near)) => about(s.near, near),
            Self::Unclear(None) => s.unclear.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_answer_says_to_write_is_understood() {
        let zone = Tz::America__New_York;
        for sentences in SENTENCES {
            let language = Some(sentences.language);
            for answer in [ZoneAnswer::Chosen(zone), ZoneAnswer::Now(zone), ZoneAnswer::Unclear(None)] {
                let text = answer.in_language(language);
                let to_write = text.split("**").nth(1).expect("what to write");
                assert!(crate::domain::zone_wish::wish(to_write).is_some(), "{text}");
            }
            let near = ZoneAnswer::Unclear(Some(zone)).in_language(language).replace('\\', "");
            let to_write = near.split("**").nth(1).expect("what to write");
            assert_eq!(super::super::wish(to_write), Some(super::super::ZoneWish::Choose(zone)), "{near}");
        }
        assert!(ZoneAnswer::Auto(zone).in_language(Some("de-CH")).contains("zurzeit America/New\\_York"));
    }
}
