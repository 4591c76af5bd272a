//! What nudged answers to commands, in the languages of people. Where a language has no sentences, English ones.

use crate::domain::consent::Topic;

/// An answer to a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// `None` means everything, here and below.
    Stopped(Option<Topic>),
    WasStopped(Option<Topic>),
    Started(Option<Topic>),
    WasStarted(Option<Topic>),
    /// The topic goes on, but everything is stopped.
    AllIsStopped,
    /// Nobody writes to them about a topic of this name; perhaps this one was meant.
    NoSuchTopic {
        near: Option<Topic>,
    },
    Help,
}

/// The sentences of one language; `{}` is the place of a topic.
struct Sentences {
    /// The primary language subtag.
    language: &'static str,
    stopped: &'static str,
    stopped_topic: &'static str,
    was_stopped: &'static str,
    was_stopped_topic: &'static str,
    started: &'static str,
    started_topic: &'static str,
    was_started: &'static str,
    was_started_topic: &'static str,
    all_is_stopped: &'static str,
    no_such_topic: &'static str,
    near: &'static str,
    help: &'static str,
}

const ENGLISH: Sentences = Sentences {
    language: "en",
    stopped: "You will get no more messages from me. To get them again, write **start**.",
    stopped_topic: "You will get no more messages about “{}”. To get them again, write **start {}**.",
    was_stopped: "I had stopped already. To get messages again, write **start**.",
    was_stopped_topic: "Messages about “{}” were stopped already. To get them again, write **start {}**.",
    started: "You will get messages from me again. To stop them, write **stop**.",
    started_topic: "You will get messages about “{}” again. To stop them, write **stop {}**.",
    was_started: "Nothing is stopped. To stop all messages, write **stop**.",
    was_started_topic: "Messages about “{}” are not stopped. To stop them, write **stop {}**.",
    all_is_stopped: "All messages are stopped. To get them again, write **start**.",
    no_such_topic: "I know no topic of that name, so nothing has changed.",
    near: "Did you mean “{}”?",
    help: "Write **stop** to get no more messages from me, **stop** and a topic to stop one topic, and **start** to get \
           them again.",
};

const SENTENCES: &[Sentences] = &[
    ENGLISH,
    Sentences {
        language: "de",
        stopped: "Du bekommst keine Nachrichten mehr von mir. Um sie wieder zu bekommen, schreib **start**.",
        stopped_topic: "Du bekommst keine Nachrichten mehr zu „{}“. Um sie wieder zu bekommen, schreib **start {}**.",
        was_stopped: "Alles war schon gestoppt. Um wieder Nachrichten zu bekommen, schreib **start**.",
        was_stopped_topic: "Nachrichten zu „{}“ waren schon gestoppt. Um sie wieder zu bekommen, schreib **start {}**.",
        started: "Du bekommst wieder Nachrichten von mir. Um sie zu stoppen, schreib **stopp**.",
        started_topic: "Du bekommst wieder Nachrichten zu „{}“. Um sie zu stoppen, schreib **stopp {}**.",
        was_started: "Es ist nichts gestoppt. Um alle Nachrichten zu stoppen, schreib **stopp**.",
        was_started_topic: "Nachrichten zu „{}“ sind nicht gestoppt. Um sie zu stoppen, schreib **stopp {}**.",
        all_is_stopped: "Alle Nachrichten sind gestoppt. Um sie wieder zu bekommen, schreib **start**.",
        no_such_topic: "Ein Thema mit diesem Namen kenne ich nicht; es hat sich nichts geändert.",
        near: "Meintest du „{}“?",
        help: "Schreib **stopp**, um keine Nachrichten mehr von mir zu bekommen, **stopp** mit einem Thema, um nur dieses \
               zu stoppen, und **start**, um sie wieder zu bekommen.",
    },
    Sentences {
        language: "fr",
        stopped: "Vous ne recevrez plus de messages de ma part. Pour les recevoir à nouveau, écrivez **start**.",
        stopped_topic: "Vous ne recevrez plus de messages sur « {} ». Pour les recevoir à nouveau, écrivez **start {}**.",
        was_stopped: "Tout était déjà arrêté. Pour recevoir à nouveau des messages, écrivez **start**.",
        was_stopped_topic: "Les messages sur « {} » étaient déjà arrêtés. Pour les recevoir à nouveau, écrivez **start {}**.",
        started: "Vous recevrez à nouveau mes messages. Pour les arrêter, écrivez **stop**.",
        started_topic: "Vous recevrez à nouveau les messages sur « {} ». Pour les arrêter, écrivez **stop {}**.",
        was_started: "Rien n’est arrêté. Pour arrêter tous les messages, écrivez **stop**.",
        was_started_topic: "Les messages sur « {} » ne sont pas arrêtés. Pour les arrêter, écrivez **stop {}**.",
        all_is_stopped: "Tous les messages sont arrêtés. Pour les recevoir à nouveau, écrivez **start**.",
        no_such_topic: "Je ne connais aucun sujet de ce nom ; rien n’a changé.",
        near: "Vouliez-vous dire « {} » ?",
        help: "Écrivez **stop** pour ne plus recevoir de messages de ma part, **stop** et un sujet pour n’arrêter que \
               celui-ci, et **start** pour les recevoir à nouveau.",
    },
    Sentences {
        language: "es",
        stopped: "No recibirás más mensajes míos. Para volver a recibirlos, escribe **start**.",
        stopped_topic: "No recibirás más mensajes sobre «{}». Para volver a recibirlos, escribe **start {}**.",
        was_stopped: "Ya estaba todo parado. Para volver a recibir mensajes, escribe **start**.",
        was_stopped_topic: "Los mensajes sobre «{}» ya estaban parados. Para volver a recibirlos, escribe **start {}**.",
        started: "Volverás a recibir mis mensajes. Para pararlos, escribe **parar**.",
        started_topic: "Volverás a recibir mensajes sobre «{}». Para pararlos, escribe **parar {}**.",
        was_started: "No hay nada parado. Para parar todos los mensajes, escribe **parar**.",
        was_started_topic: "Los mensajes sobre «{}» no están parados. Para pararlos, escribe **parar {}**.",
        all_is_stopped: "Todos los mensajes están parados. Para volver a recibirlos, escribe **start**.",
        no_such_topic: "No conozco ningún tema con ese nombre; no ha cambiado nada.",
        near: "¿Querías decir «{}»?",
        help: "Escribe **parar** para no recibir más mensajes míos, **parar** y un tema para parar solo ese, y **start** \
               para volver a recibirlos.",
    },
];

impl Answer {
    /// In the language of the tag, or in English. Markdown, as Teams takes it.
    #[must_use]
    pub fn in_language(&self, tag: Option<&str>) -> String {
        let primary = tag.and_then(|tag| tag.split(['-', '_']).next()).unwrap_or_default();
        let known = SENTENCES.iter().find(|sentences| sentences.language.eq_ignore_ascii_case(primary));
        let s = known.unwrap_or(&ENGLISH);
        match self {
            Self::Stopped(topic) => about(topic.as_ref(), s.stopped, s.stopped_topic),
            Self::WasStopped(topic) => about(topic.as_ref(), s.was_stopped, s.was_stopped_topic),
            Self::Started(topic) => about(topic.as_ref(), s.started, s.started_topic),
            Self::WasStarted(topic) => about(topic.as_ref(), s.was_started, s.was_started_topic),
            Self::AllIsStopped => s.all_is_stopped.to_owned(),
            Self::NoSuchTopic { near: None } => s.no_such_topic.to_owned(),
            Self::NoSuchTopic { near: Some(near) } => {
                format!("{} {}", s.no_such_topic, about(Some(near), s.no_such_topic, s.near))
            }
            Self::Help => s.help.to_owned(),
        }
    }
}

fn about(topic: Option<&Topic>, everything: &str, one: &str) -> String {
    match topic {
        None => everything.to_owned(),
        // Of what a topic may be made of, only this means anything in Markdown.
        Some(topic) => one.replace("{}", &topic.as_str().replace('_', "\\_")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::consent::{Command, command};

    #[test]
    fn answers_are_in_the_language_of_the_person() {
        let check = |tag: Option<&str>, begins: &str| {
            let text = Answer::Stopped(None).in_language(tag);
            assert!(text.starts_with(begins), "{tag:?}: {text}");
        };
        check(None, "You will get no more");
        check(Some("tlh"), "You will get no more");
        check(Some("DE-at"), "Du bekommst keine");
        check(Some("fr_CA"), "Vous ne recevrez plus");
        check(Some("es-419"), "No recibirás más");
    }

    #[test]
    fn what_an_answer_says_to_write_is_understood() {
        let topic = Topic::new("my_news").expect("a topic");
        for sentences in SENTENCES {
            let answers = [
                Answer::Stopped(None),
                Answer::Stopped(Some(topic.clone())),
                Answer::WasStopped(Some(topic.clone())),
                Answer::Started(None),
                Answer::Started(Some(topic.clone())),
                Answer::WasStarted(Some(topic.clone())),
                Answer::AllIsStopped,
            ];
            for answer in answers {
                let text = answer.in_language(Some(sentences.language)).replace('\\', "");
                let said = text.split("**").nth(1).expect("what to write");
                let wants_to_stop = matches!(answer, Answer::Started(_) | Answer::WasStarted(_));
                let about = match &answer {
                    Answer::Stopped(topic)
                    | Answer::WasStopped(topic)
                    | Answer::Started(topic)
                    | Answer::WasStarted(topic) => topic.clone(),
                    Answer::AllIsStopped | Answer::NoSuchTopic { .. } | Answer::Help => None,
                };
                let expect = if wants_to_stop { Command::Stop(about) } else { Command::Start(about) };
                assert_eq!(command(said), Some(expect), "{text}");
            }
            let help = Answer::Help.in_language(Some(sentences.language));
            assert!(help.split("**").skip(1).step_by(2).all(|said| command(said).is_some()), "{help}");
        }
    }
}
