//! Commands: what people type to the bot, in their languages.
//!
//! Only a whole message is a command. "Please don't stop" is none, and nor is a sentence that happens to begin with
//! one of the words: what follows a word must be short enough to be a topic.

use unicode_normalization::UnicodeNormalization;

use super::Topic;

/// What somebody asks of the bot.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Command {
    /// With what they wrote behind it; `None` means everything.
    Stop(Option<Topic>),
    Start(Option<Topic>),
    /// What can be said.
    Help,
}

impl Command {
    /// In a few words of nudged's own: the same command has the same ones, in whatever language it was typed.
    #[must_use]
    pub fn about(&self) -> String {
        let about = |verb: &str, topic: &Option<Topic>| match topic {
            None => verb.to_owned(),
            Some(topic) => format!("{verb} {topic}"),
        };
        match self {
            Self::Stop(topic) => about("stop", topic),
            Self::Start(topic) => about("start", topic),
            Self::Help => "help".to_owned(),
        }
    }
}

/// Of more words than these behind a command, the message is a sentence and no command.
const MOST_WORDS: usize = 4;

/// A kind of command with its words, in the order of the languages: en, de, fr, es, it, pt, nl, pl, sv, da, nb, fi, cs, ja,
/// zh, ko, tr, uk, ru.
const STOP: &[&str] = &[
    "stop",
    "unsubscribe",
    "opt out",
    "opt-out",
    "optout", //
    "stopp",
    "stoppen",
    "abmelden",
    "abbestellen",
    "aufhören", //
    "arrêter",
    "arreter",
    "arrête",
    "arrêt",
    "arret",
    "désabonner",
    "désinscrire", //
    "parar",
    "para",
    "detener",
    "alto",
    "baja",
    "darse de baja", //
    "basta",
    "ferma",
    "fermare",
    "disiscrivi",
    "annulla iscrizione", //
    "pare",
    "cancelar inscrição",
    "descadastrar", //
    "afmelden",
    "uitschrijven", //
    "zatrzymaj",
    "wypisz",
    "rezygnuję", //
    "stoppa",
    "sluta",
    "avregistrera", //
    "stands",
    "afmeld",
    "frameld", //
    "stans",
    "meld av", //
    "seis",
    "lopeta",
    "pysäytä", //
    "zastavit",
    "zastav",
    "odhlásit", //
    "停止",
    "ストップ",
    "やめて",
    "配信停止", //
    "停",
    "退订",
    "退訂",
    "取消订阅",
    "取消訂閱", //
    "중지",
    "정지",
    "그만",
    "수신거부",
    "수신 거부", //
    "dur",
    "durdur",
    "abonelikten çık", //
    "стоп",
    "зупинити",
    "зупини",
    "відписатися", //
    "остановить",
    "останови",
    "отписаться",
    "хватит",
];

const START: &[&str] = &[
    "start",
    "unstop",
    "subscribe",
    "resume",
    "opt in",
    "opt-in", //
    "starten",
    "anmelden",
    "abonnieren",
    "fortsetzen", //
    "démarrer",
    "demarrer",
    "commencer",
    "reprendre",
    "abonner", //
    "empezar",
    "iniciar",
    "comenzar",
    "reanudar",
    "alta", //
    "inizia",
    "avvia",
    "riprendi",
    "iscrivi", //
    "começar",
    "comecar",
    "retomar", //
    "aanmelden",
    "hervat",
    "hervatten", //
    "wznów",
    "rozpocznij",
    "zapisz", //
    "starta",
    "börja",
    "återuppta", //
    "genoptag",
    "tilmeld", //
    "gjenoppta",
    "meld på", //
    "aloita",
    "jatka", //
    "spustit",
    "obnovit",
    "začít",
    "přihlásit", //
    "開始",
    "スタート",
    "再開", //
    "开始",
    "恢复",
    "恢復",
    "订阅",
    "訂閱", //
    "시작",
    "재개",
    "구독", //
    "başla",
    "başlat",
    "devam et", //
    "старт",
    "почати",
    "відновити",
    "підписатися", //
    "начать",
    "возобновить",
    "подписаться",
];

const HELP: &[&str] = &[
    "help",
    "?",
    "hilfe",
    "aide",
    "ayuda",
    "aiuto",
    "ajuda",
    "hulp",
    "pomoc",
    "hjälp",
    "hjælp",
    "hjelp",
    "apua",
    "ohje",
    "nápověda",
    "ヘルプ",
    "帮助",
    "幫助",
    "도움말",
    "yardım",
    "допомога",
    "помощь",
];

/// What means every topic.
const ALL: &[&str] = &[
    "all",
    "everything",
    "alles",
    "alle",
    "tout",
    "todo",
    "todos",
    "tutto",
    "tutti",
    "tudo",
    "wszystko",
    "allt",
    "alt",
    "kaikki",
    "vše",
    "všechno",
    "すべて",
    "全て",
    "全部",
    "모두",
    "전부",
    "hepsi",
    "tümü",
    "усе",
    "все",
    "всё",
];

/// The command that a whole message is, if it is one. Case, punctuation around it and a leading slash do not matter.
#[must_use]
pub fn command(text: &str) -> Option<Command> {
    let text = plain(text);
    if HELP.contains(&text.as_str()) {
        return Some(Command::Help);
    }
    about(&text, STOP, Command::Stop).or_else(|| about(&text, START, Command::Start))
}

/// The command about what follows, where the message begins with one of the words. The longest word that fits counts.
fn about(text: &str, words: &[&str], command: fn(Option<Topic>) -> Command) -> Option<Command> {
    let rests = words.iter().filter_map(|word| text.strip_prefix(word));
    let rests = rests.filter(|rest| rest.is_empty() || rest.starts_with([' ', ':']));
    let rest = plain(rests.min_by_key(|rest| rest.len())?);
    if rest.is_empty() || ALL.contains(&rest.as_str()) {
        return Some(command(None));
    }
    if rest.split(' ').count() > MOST_WORDS {
        return None;
    }
    Topic::new(&rest).map(|topic| command(Some(topic)))
}

/// In small letters, with single spaces, and without what stands around the words. Full-width letters, letters whose
/// accents are characters of their own and characters without a width are how keyboards and clipboards differ, not people.
fn plain(text: &str) -> String {
    let has_no_width =
        |c: &char| matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{2064}' | '\u{feff}');
    let text: String = text.nfkc().filter(|c| !has_no_width(c)).collect();
    let is_around = |c: char| {
        let is_meant = c.is_alphanumeric() || c == '?';
        !is_meant
    };
    let words: Vec<String> = text.split_whitespace().map(str::to_lowercase).collect();
    let joined = words.join(" ");
    let bare = joined.trim_matches(is_around);
    // A question mark alone asks for help; behind a word it is punctuation.
    if bare.chars().all(|c| c == '?') {
        bare.chars().take(1).collect()
    } else {
        bare.trim_matches('?').trim().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: Option<&Command>) {
        assert_eq!(command(text).as_ref(), expect, "{text:?}");
    }

    fn topic(text: &str) -> Topic {
        Topic::new(text).expect("a topic")
    }

    #[test]
    fn only_a_whole_message_is_a_command() {
        let stop = Command::Stop(None);
        for text in ["stop", "STOP", " Stop. ", "stop!!", "\"stop\"", "/stop", "Stop all", "STOP: everything", "stop?"]
        {
            check(text, Some(&stop));
        }
        for text in ["ＳＴＯＰ", "st\u{200b}op", "\u{feff}stop", "ArreTer", "arre\u{302}ter", "ＳＴＯＰ！"] {
            check(text, Some(&stop));
        }
        check("stop standup", Some(&Command::Stop(Some(topic("standup")))));
        check("Stop: Company  News!", Some(&Command::Stop(Some(topic("company news")))));
        check("start standup", Some(&Command::Start(Some(topic("standup")))));
        check("start", Some(&Command::Start(None)));
        check("?", Some(&Command::Help));
        check("Help!", Some(&Command::Help));
        for text in [
            "",
            "please don't stop",
            "don't stop",
            "stopping",
            "nonstop",
            "stop it now or I will leave",
            "start a new ticket for the printer",
            "stop a/b",
            "stops",
            "!",
            "👍",
        ] {
            check(text, None);
        }
    }

    #[test]
    fn people_are_understood_in_their_languages() {
        let stops = [
            "stop",
            "Abmelden",
            "Arrêter",
            "PARAR",
            "Basta",
            "parar",
            "stoppen",
            "zatrzymaj",
            "sluta",
            "stands",
            "stans",
            "lopeta",
            "zastavit",
            "停止",
            "退订",
            "중지",
            "dur",
            "стоп",
            "Остановить",
        ];
        for text in stops {
            check(text, Some(&Command::Stop(None)));
        }
        let starts = [
            "start",
            "Anmelden",
            "Démarrer",
            "empezar",
            "inizia",
            "começar",
            "aanmelden",
            "wznów",
            "starta",
            "genoptag",
            "gjenoppta",
            "aloita",
            "spustit",
            "開始",
            "开始",
            "시작",
            "başla",
            "старт",
            "НАЧАТЬ",
        ];
        for text in starts {
            check(text, Some(&Command::Start(None)));
        }
        for text in ["Hilfe", "aide", "ayuda", "ヘルプ", "帮助", "도움말", "помощь"] {
            check(text, Some(&Command::Help));
        }
        check("opt out", Some(&Command::Stop(None)));
        check("stop alles", Some(&Command::Stop(None)));
        check("停止 全部", Some(&Command::Stop(None)));
        check("停止 standup", Some(&Command::Stop(Some(topic("standup")))));
        check("стоп новости", Some(&Command::Stop(Some(topic("новости")))));
    }

    #[test]
    fn no_word_means_two_things() {
        for word in STOP.iter().chain(START).chain(HELP) {
            let times = [STOP, START, HELP].iter().filter(|words| words.contains(word)).count();
            assert_eq!(times, 1, "{word}");
            assert!(command(word).is_some(), "{word}");
        }
    }
}
