//! What people say to the bot about their own time zone: `zone Europe/Paris`, `timezone Tokyo`, `zone auto`, `zone`; or what
//! they choose on the card that asks for it.
//!
//! Only in their own chat, and of what is written only a whole message counts, as with the other commands.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use crate::domain::activity::{Activity, Happening};
use crate::domain::consent::Whence;
use crate::domain::nearest::nearest_name;
use crate::domain::news::{self, Who};
use crate::domain::recipient::RecipientKind;

// The card that asks for it.
mod question;
// What is answered, in the languages of people.
mod words;

pub use question::{ASKED_AGAIN_AFTER, Answered, question};
pub use words::ZoneAnswer;

/// What somebody wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ZoneWish {
    /// To be reached by this clock, whatever else is said.
    Choose(Tz),
    /// To take their own choice back.
    Auto,
    /// To know which one counts.
    Ask,
    /// A zone that nobody knows, and the one that was probably meant.
    Unclear(Option<Tz>),
}

impl ZoneWish {
    /// In a few words of nudged's own: the same wish has the same ones, however it was typed.
    #[must_use]
    pub fn about(self) -> String {
        match self {
            Self::Choose(zone) => format!("zone {}", zone.name()),
            Self::Auto => "zone auto".to_owned(),
            Self::Ask => "zone".to_owned(),
            Self::Unclear(_) => "zone ?".to_owned(),
        }
    }
}

/// Something that a person said of their own zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZoneSaid {
    pub who: Who,
    pub wish: ZoneWish,
    pub at: DateTime<Utc>,
    /// Where to answer.
    pub whence: Whence,
    /// Whether the answer is that of the invoke itself, and no message is sent.
    pub waits_for_answer: bool,
}

/// What an activity says of the zone of whoever wrote it, if it says anything.
#[must_use]
pub fn said(activity: &Activity, heard_at: DateTime<Utc>) -> Option<ZoneSaid> {
    if activity.conversation.kind != Some(RecipientKind::Person) {
        return None;
    }
    let (who, wish, waits_for_answer) = if let Some(picked) = question::picked(&activity.happening) {
        // Of whoever pressed the button, wherever the card may stand.
        let who = Who { conversation_id: None, addresses: activity.from.addresses() };
        (who, picked.wish, picked.waits_for_answer)
    } else {
        let Happening::Message { text, value: None, .. } = &activity.happening else { return None };
        (news::here(activity), wish(text)?, false)
    };
    let at = activity.at.map_or(heard_at, |at| at.min(heard_at));
    Some(ZoneSaid { who, wish, at, whence: Whence::of(activity), waits_for_answer })
}

/// In English, German, French, Spanish, Italian, Portuguese and Dutch. The longer ones before those that they begin with.
const ZONE: &[&str] = &[
    "time zone",
    "timezone",
    "zone",
    "zeitzone",
    "fuseau horaire",
    "zona horaria",
    "fuso orario",
    "fuso horário",
    "tijdzone",
];

const AUTO: &[&str] = &["auto", "automatic", "automatisch", "automatique", "automático", "automatico"];

/// More words than the name of any city has: such a message is a sentence.
const MOST_WORDS: usize = 4;

fn wish(text: &str) -> Option<ZoneWish> {
    let words: Vec<String> = text.split_whitespace().map(str::to_lowercase).collect();
    let plain = words.join(" ");
    let plain = plain.trim_matches(|c: char| !c.is_alphanumeric() && !matches!(c, '+' | '-'));
    let rest = ZONE.iter().find_map(|word| plain.strip_prefix(word))?;
    if !rest.is_empty() && !rest.starts_with([' ', ':']) {
        return None;
    }
    let name = rest.trim_matches([' ', ':']);
    if name.is_empty() {
        return Some(ZoneWish::Ask);
    }
    if AUTO.contains(&name) {
        return Some(ZoneWish::Auto);
    }
    if name.split(' ').count() > MOST_WORDS {
        return None;
    }
    Some(match zone_called(name) {
        Some(zone) => ZoneWish::Choose(zone),
        None => ZoneWish::Unclear(near(name)),
    })
}

/// The zone of this name or, where that is none, of the city of this name; both in small letters.
fn zone_called(name: &str) -> Option<Tz> {
    let name = name.replace(' ', "_");
    let zones = || chrono_tz::TZ_VARIANTS.into_iter();
    let is_city = |zone: &Tz| zone.name().rsplit_once('/').is_some_and(|(_, city)| city.eq_ignore_ascii_case(&name));
    let cities = zones().filter(is_city);
    zones()
        .find(|zone| zone.name().eq_ignore_ascii_case(&name))
        // Of several, the one with fewer parts is the better known.
        .or_else(|| cities.min_by_key(|zone| zone.name().matches('/').count()))
}

fn near(name: &str) -> Option<Tz> {
    let names = chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name());
    nearest_name(name, '/', names)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_message_is_about_the_zone() {
        let check = |text: &str, expect: Option<ZoneWish>| assert_eq!(wish(text), expect, "{text:?}");
        let paris = Some(ZoneWish::Choose(Tz::Europe__Paris));
        for text in
            ["zone Europe/Paris", " Timezone: europe/paris.", "/zone paris", "ZEITZONE Paris!", "time zone PARIS"]
        {
            check(text, paris);
        }
        check("zone new york", Some(ZoneWish::Choose(Tz::America__New_York)));
        check("fuso horário Sao Paulo", Some(ZoneWish::Choose(Tz::America__Sao_Paulo)));
        check("zone utc", Some(ZoneWish::Choose(Tz::UTC)));
        check("zone Pariss", Some(ZoneWish::Unclear(Some(Tz::Europe__Paris))));
        check("zone the moon", Some(ZoneWish::Unclear(None)));
        check("Zone?", Some(ZoneWish::Ask));
        check("zone auto", Some(ZoneWish::Auto));
        check("Zeitzone: automatisch", Some(ZoneWish::Auto));
        for text in ["", "zones", "my zone", "the zone is Europe/Paris", "zone of the people who never sleep", "stop"] {
            check(text, None);
        }
    }
}
