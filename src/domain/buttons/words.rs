//! What buttons are called, and what is said once one was pressed, in the languages of people. Where a language is not
//! here, it is English.

use std::fmt;

use chrono::{DateTime, Datelike, NaiveDateTime, Utc};

use super::{Later, Press};
use crate::domain::recipient::Recipient;
use crate::domain::time::ZoneRules;

/// What stands in the place of the buttons once one was pressed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Done,
    Snoozed {
        until: DateTime<Utc>,
    },
    Stopped,
    /// There is nothing any more that could be put off.
    Over,
}

impl Outcome {
    /// Reads what [`Outcome`] writes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "done" => Some(Self::Done),
            "stopped" => Some(Self::Stopped),
            "over" => Some(Self::Over),
            _ => Some(Self::Snoozed { until: text.strip_prefix("snoozed until ")?.parse().ok()? }),
        }
    }

    /// For whoever reads it, on their own clock.
    #[must_use]
    pub fn line(&self, reader: &Recipient, rules: &dyn ZoneRules) -> String {
        let words = words(reader.language.as_deref());
        match self {
            Self::Done => format!("✓ {}", words.done),
            Self::Stopped => words.stopped.to_owned(),
            Self::Over => words.over.to_owned(),
            Self::Snoozed { until } => words.snoozed.replace("{}", &words.clock(rules.civil(*until, reader.zone))),
        }
    }
}

/// As the ledger keeps it.
impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done => f.write_str("done"),
            Self::Stopped => f.write_str("stopped"),
            Self::Over => f.write_str("over"),
            Self::Snoozed { until } => write!(f, "snoozed until {}", until.to_rfc3339()),
        }
    }
}

/// To somebody who pressed the button of a message that is not theirs.
#[must_use]
pub fn not_yours(language: Option<&str>) -> &'static str {
    words(language).not_yours
}

/// To somebody who stopped what a message is about that can't be shown once more.
#[must_use]
pub fn stopped(language: Option<&str>) -> &'static str {
    words(language).stopped
}

/// What a button is called.
pub(super) fn title(press: Press, language: Option<&str>) -> String {
    let words = words(language);
    match press {
        Press::Done => words.done.to_owned(),
        Press::Stop => words.stop.to_owned(),
        Press::Snooze(later) => {
            let when = match later {
                Later::Tomorrow(time) => format!("{} {}", words.tomorrow, time.format("%H:%M")),
                Later::After(_) => later.to_string(),
            };
            words.snooze.replace("{}", &when)
        }
    }
}

struct Words {
    /// The primary language subtag.
    language: &'static str,
    done: &'static str,
    stop: &'static str,
    snooze: &'static str,
    tomorrow: &'static str,
    snoozed: &'static str,
    stopped: &'static str,
    over: &'static str,
    not_yours: &'static str,
    /// From Monday on, as short as people write them.
    weekdays: &'static str,
}

impl Words {
    /// `Tue 14:30`
    fn clock(&self, at: NaiveDateTime) -> String {
        let day = self.weekdays.split(' ').nth(at.weekday().num_days_from_monday() as usize).unwrap_or_default();
        format!("{day} {}", at.format("%H:%M"))
    }
}

/// Norwegian is written as `nb`, `nn` or `no`.
fn words(tag: Option<&str>) -> &'static Words {
    let primary = tag.and_then(|tag| tag.split(['-', '_']).next()).unwrap_or_default().to_lowercase();
    let primary = if ["no", "nn"].contains(&primary.as_str()) { "nb" } else { primary.as_str() };
    WORDS.iter().find(|words| words.language == primary).unwrap_or(&WORDS[0])
}

/// One language in a line or two.
macro_rules! words {
    ($($language:literal: $done:literal $stop:literal $snooze:literal $tomorrow:literal $snoozed:literal $stopped:literal
       $over:literal $weekdays:literal $not_yours:literal;)*) => {
        &[$(Words {
            language: $language, done: $done, stop: $stop, snooze: $snooze, tomorrow: $tomorrow, snoozed: $snoozed,
            stopped: $stopped, over: $over, weekdays: $weekdays, not_yours: $not_yours,
        },)*]
    };
}

const WORDS: &[Words] = words! {
    "en": "Done" "Stop" "Snooze {}" "until tomorrow" "Snoozed until {}" "Stopped" "No longer sent"
        "Mon Tue Wed Thu Fri Sat Sun" "This message is not for you, so nothing has changed.";
    "de": "Erledigt" "Stopp" "Später: {}" "morgen" "Verschoben auf {}" "Gestoppt" "Wird nicht mehr gesendet"
        "Mo Di Mi Do Fr Sa So" "Diese Nachricht ist nicht für dich; es hat sich nichts geändert.";
    "fr": "Fait" "Arrêter" "Plus tard : {}" "demain" "Reporté à {}" "Arrêté" "N’est plus envoyé"
        "lun. mar. mer. jeu. ven. sam. dim." "Ce message n’est pas pour vous ; rien n’a changé.";
    "es": "Hecho" "Parar" "Más tarde: {}" "mañana" "Pospuesto hasta {}" "Parado" "Ya no se envía"
        "lun mar mié jue vie sáb dom" "Este mensaje no es para ti; no ha cambiado nada.";
    "it": "Fatto" "Ferma" "Più tardi: {}" "domani" "Rinviato a {}" "Fermato" "Non viene più inviato"
        "lun mar mer gio ven sab dom" "Questo messaggio non è per te; non è cambiato nulla.";
    "pt": "Feito" "Parar" "Mais tarde: {}" "amanhã" "Adiado para {}" "Parado" "Não é mais enviado"
        "seg ter qua qui sex sáb dom" "Esta mensagem não é para você; nada mudou.";
    "nl": "Klaar" "Stop" "Later: {}" "morgen" "Uitgesteld tot {}" "Gestopt" "Wordt niet meer verzonden"
        "ma di wo do vr za zo" "Dit bericht is niet voor jou; er is niets veranderd.";
    "pl": "Gotowe" "Zatrzymaj" "Później: {}" "jutro" "Odłożono do {}" "Zatrzymano" "Nie jest już wysyłane"
        "pon. wt. śr. czw. pt. sob. niedz." "Ta wiadomość nie jest dla Ciebie; nic się nie zmieniło.";
    "sv": "Klart" "Stoppa" "Senare: {}" "i morgon" "Uppskjutet till {}" "Stoppat" "Skickas inte längre"
        "mån tis ons tors fre lör sön" "Det här meddelandet är inte till dig; inget har ändrats.";
    "da": "Færdig" "Stop" "Senere: {}" "i morgen" "Udskudt til {}" "Stoppet" "Sendes ikke længere"
        "man tirs ons tors fre lør søn" "Denne besked er ikke til dig; intet er ændret.";
    "nb": "Ferdig" "Stopp" "Senere: {}" "i morgen" "Utsatt til {}" "Stoppet" "Sendes ikke lenger"
        "man. tirs. ons. tors. fre. lør. søn." "Denne meldingen er ikke til deg; ingenting er endret.";
    "fi": "Valmis" "Lopeta" "Myöhemmin: {}" "huomenna" "Lykätty: {}" "Lopetettu" "Ei enää lähetetä"
        "ma ti ke to pe la su" "Tämä viesti ei ole sinulle; mikään ei muuttunut.";
    "cs": "Hotovo" "Zastavit" "Později: {}" "zítra" "Odloženo na {}" "Zastaveno" "Už se neposílá"
        "po út st čt pá so ne" "Tato zpráva není pro vás; nic se nezměnilo.";
    "ja": "完了" "停止" "後で: {}" "明日" "{} まで延期しました" "停止しました" "今後は送信されません"
        "月 火 水 木 金 土 日" "このメッセージはあなた宛てではないため、何も変更されていません。";
    "zh": "完成" "停止" "稍后: {}" "明天" "已推迟到 {}" "已停止" "不再发送"
        "周一 周二 周三 周四 周五 周六 周日" "此消息不是发给您的，未做任何更改。";
    "ko": "완료" "중지" "나중에: {}" "내일" "{}까지 미뤘습니다" "중지됨" "더 이상 전송되지 않습니다"
        "월 화 수 목 금 토 일" "이 메시지는 본인에게 온 것이 아니므로 변경된 내용이 없습니다.";
    "tr": "Tamam" "Durdur" "Sonra: {}" "yarın" "Ertelendi: {}" "Durduruldu" "Artık gönderilmiyor"
        "Pzt Sal Çar Per Cum Cmt Paz" "Bu ileti sizin için değil; hiçbir şey değişmedi.";
    "uk": "Готово" "Зупинити" "Пізніше: {}" "завтра" "Відкладено до {}" "Зупинено" "Більше не надсилається"
        "пн вт ср чт пт сб нд" "Це повідомлення не для вас; нічого не змінено.";
    "ru": "Готово" "Остановить" "Позже: {}" "завтра" "Отложено до {}" "Остановлено" "Больше не отправляется"
        "пн вт ср чт пт сб вс" "Это сообщение не для вас; ничего не изменилось.";
};

#[cfg(test)]
mod tests {
    use chrono::{NaiveDate, NaiveTime};

    use super::*;

    #[test]
    fn buttons_speak_the_language_of_their_reader() {
        let check = |language: Option<&str>, press: &str, expect: &str| {
            assert_eq!(title(Press::parse(press).expect("a press"), language), expect);
        };
        check(None, "done", "Done");
        check(Some("de-CH"), "done", "Erledigt");
        check(Some("tlh"), "stop", "Stop");
        check(Some("no"), "stop", "Stopp");
        check(None, "snooze 1h", "Snooze 1h");
        check(None, "snooze tomorrow 09:00", "Snooze until tomorrow 09:00");
        check(Some("fr"), "snooze tomorrow 09:00", "Plus tard : demain 09:00");
    }

    #[test]
    fn what_the_ledger_keeps_is_read_again() {
        let until = DateTime::from_timestamp_micros(1_803_894_600_000_001).expect("an instant");
        for outcome in [Outcome::Done, Outcome::Stopped, Outcome::Over, Outcome::Snoozed { until }] {
            assert_eq!(Outcome::parse(&outcome.to_string()), Some(outcome));
        }
        assert_eq!(Outcome::parse("snoozed until doomsday"), None);
    }

    #[test]
    fn every_language_knows_every_day() {
        let monday = NaiveDate::from_ymd_opt(2027, 3, 1).expect("a day").and_time(NaiveTime::MIN);
        for words in WORDS {
            assert_eq!(words.weekdays.split(' ').count(), 7, "{}", words.language);
            assert!(words.snooze.contains("{}") && words.snoozed.contains("{}"), "{}", words.language);
            assert!(words.clock(monday).ends_with(" 00:00"), "{}", words.language);
        }
    }
}
