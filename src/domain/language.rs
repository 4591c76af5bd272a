//! Languages of people, as BCP 47 writes them (RFC 5646), and the choice among what there is (RFC 4647, section 3.4).

use std::fmt;

use crate::domain::nearest::nearest;

/// A language tag such as `fr` or `pt-BR`, written as RFC 5646 advises. Equal tags are equal whatever their case was.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LanguageTag(String);

/// The longest tag that is read. RFC 5646 (section 4.4.1) reckons with 35.
pub const LONGEST: usize = 35;

/// Every two-letter code of ISO 639-1.
const CODES: &str = "aa ab ae af ak am an ar as av ay az ba be bg bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de dv \
    dz ee el en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie ig ii ik io is it \
    iu ja jv ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml mn mr ms mt my na nb \
    nd ne ng nl nn no nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se sg si sk sl sm sn so sq sr ss \
    st su sv sw ta te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo za zh zu";

/// What people write for a language that has another code: its name, its country.
const MEANT: [(&str, &str); 37] = [
    ("arabic", "ar"),
    ("chinese", "zh"),
    ("cn", "zh-CN"),
    ("cz", "cs"),
    ("czech", "cs"),
    ("danish", "da"),
    ("deutsch", "de"),
    ("dk", "da"),
    ("dutch", "nl"),
    ("eng", "en"),
    ("english", "en"),
    ("finnish", "fi"),
    ("fra", "fr"),
    ("francais", "fr"),
    ("french", "fr"),
    ("gb", "en-GB"),
    ("ger", "de"),
    ("german", "de"),
    ("gr", "el"),
    ("greek", "el"),
    ("hindi", "hi"),
    ("hungarian", "hu"),
    ("italian", "it"),
    ("jp", "ja"),
    ("japanese", "ja"),
    ("korean", "ko"),
    ("mx", "es-MX"),
    ("norwegian", "no"),
    ("polish", "pl"),
    ("portuguese", "pt"),
    ("romanian", "ro"),
    ("russian", "ru"),
    ("spanish", "es"),
    ("swedish", "sv"),
    ("turkish", "tr"),
    ("ukrainian", "uk"),
    ("us", "en-US"),
];

/// Why a text is no tag, with what was probably meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoLanguage {
    pub meant: Option<&'static str>,
}

impl LanguageTag {
    /// Reads a tag. Its language must be one that ISO 639-1 lists, or have three letters.
    pub fn read(text: &str) -> Result<Self, NoLanguage> {
        let text = text.trim();
        let mut parts = text.split(['-', '_']);
        let language = parts.next().unwrap_or_default().to_lowercase();
        let meant = |text: &str| {
            let text = text.to_lowercase();
            let exact = MEANT.iter().find(|(word, _)| *word == text);
            let near = || nearest(&text, MEANT.iter().map(|(word, _)| *word).filter(|word| word.len() > 3));
            let near = || near().and_then(|word| MEANT.iter().find(|(other, _)| *other == word));
            NoLanguage { meant: exact.or_else(near).map(|(_, tag)| *tag) }
        };
        if let Some((_, tag)) = MEANT.iter().find(|(word, _)| *word == language) {
            return Err(NoLanguage { meant: Some(tag) });
        }
        let is_known = match language.len() {
            2 => CODES.split(' ').any(|code| code == language),
            3 => language.chars().all(|c| c.is_ascii_lowercase()),
            _ => false,
        };
        if !is_known || text.len() > LONGEST {
            return Err(meant(&language));
        }
        let mut tag = language;
        for part in parts {
            let is_plain = (1..=8).contains(&part.len()) && part.chars().all(|c| c.is_ascii_alphanumeric());
            if !is_plain {
                return Err(NoLanguage { meant: None });
            }
            tag.push('-');
            tag.push_str(&as_usual(part));
        }
        Ok(Self(tag))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for LanguageTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A region in capitals, a script with one, all else small.
fn as_usual(part: &str) -> String {
    let small = part.to_lowercase();
    match part.len() {
        2 => part.to_uppercase(),
        4 if part.starts_with(|c: char| c.is_ascii_alphabetic()) => small[..1].to_uppercase() + &small[1..],
        _ => small,
    }
}

/// The one of `available` that fits `wanted` best: the tag itself, else with its last part cut off, and so on. Another
/// region of the same language does not fit: `pt-PT` is not what somebody reads who asks for `pt-BR`.
pub fn lookup<'a, T>(wanted: &str, available: &'a [(LanguageTag, T)]) -> Option<&'a T> {
    let wanted = wanted.trim().replace('_', "-").to_lowercase();
    let mut rest = wanted.as_str();
    loop {
        let found = available.iter().find(|(tag, _)| tag.0.eq_ignore_ascii_case(rest));
        if let Some((_, found)) = found {
            return Some(found);
        }
        rest = rest.rsplit_once('-')?.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_read_and_written_as_usual() {
        let check = |text: &str, expect: Result<&str, Option<&str>>| {
            let got = LanguageTag::read(text);
            assert_eq!(got.as_ref().map(LanguageTag::as_str).map_err(|no| no.meant), expect, "{text}");
        };
        check("fr", Ok("fr"));
        check("PT-br", Ok("pt-BR"));
        check("zh_hant_tw", Ok("zh-Hant-TW"));
        check("es-419", Ok("es-419"));
        check("fil", Ok("fil"));
        check("de-CH-1996", Ok("de-CH-1996"));
        check("french", Err(Some("fr")));
        check("frensh", Err(Some("fr")));
        check("jp", Err(Some("ja")));
        check("us", Err(Some("en-US")));
        for nonsense in ["", "x", "xx", "f1", "fr-", "fr--CA", "fr-écosse", "fr-abcdefghi", "the language of love"] {
            check(nonsense, Err(None));
        }
    }

    #[test]
    fn the_nearest_parent_is_chosen() {
        let available: Vec<(LanguageTag, &str)> = ["pt", "pt-BR", "zh-Hant", "de-CH"]
            .into_iter()
            .map(|tag| (LanguageTag::read(tag).expect("a tag"), tag))
            .collect();
        let check = |wanted: &str, expect: Option<&str>| {
            assert_eq!(lookup(wanted, &available).copied(), expect, "{wanted}");
        };
        check("pt-BR", Some("pt-BR"));
        check("pt-br", Some("pt-BR"));
        check("pt_BR", Some("pt-BR"));
        check("pt-PT", Some("pt"));
        check("PT", Some("pt"));
        check("zh-Hant-TW", Some("zh-Hant"));
        check("zh-Hans", None);
        check("de-CH-x-phonebk", Some("de-CH"));
        check("de", None);
        check("de-DE", None);
        check("", None);
    }
}
