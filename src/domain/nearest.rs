//! The nearest right word for a misspelt one.

use strsim::damerau_levenshtein;

/// A word longer than this was never meant to be one of ours, and comparing it would only cost time.
const LONGEST: usize = 64;

/// The candidate that was most probably meant by `word`, or `None` when none is near enough. Upper and lower case are
/// the same, and so are `-`, `_` and a space. Of two that are equally near, the first one wins.
#[must_use]
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    near(word, candidates).first().copied()
}

/// All candidates that may have been meant, the nearest first.
#[must_use]
pub fn near<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let word = plain(word);
    if word.is_empty() || word.chars().count() > LONGEST {
        return Vec::new();
    }
    let far = |candidate: &str| distance(&word, &plain(candidate));
    let mut near: Vec<_> = candidates.into_iter().filter_map(|candidate| Some((far(candidate)?, candidate))).collect();
    near.sort_by_key(|(distance, _)| *distance);
    near.into_iter().map(|(_, candidate)| candidate).collect()
}

/// Like [`nearest`], for names with parts, such as `Europe/Paris` or `person.name`: the last part alone is enough
/// (`Pariss`, `firstname`), and a right last part with a wrong beginning is (`Europa/Paris`).
#[must_use]
pub fn nearest_name<'a>(
    word: &str,
    separator: char,
    candidates: impl IntoIterator<Item = &'a str> + Clone,
) -> Option<&'a str> {
    let last = |name: &'a str| name.rsplit(separator).next().unwrap_or(name);
    nearest(word, candidates.clone()).or_else(|| {
        let word = plain(word.rsplit(separator).next().unwrap_or(word));
        if word.chars().count() < 3 || word.chars().count() > LONGEST {
            return None;
        }
        candidates
            .into_iter()
            .filter_map(|candidate| Some((distance(&word, &plain(last(candidate)))?, candidate)))
            // Among names with the same last part, the one with fewer parts is the better known.
            .min_by_key(|(distance, candidate)| (*distance, candidate.matches(separator).count()))
            .map(|(_, candidate)| candidate)
    })
}

/// What of two words is compared.
fn plain(word: &str) -> String {
    word.trim().to_lowercase().replace(['-', ' '], "_")
}

/// How many letters must change, when that is few enough for the length of the word.
fn distance(word: &str, candidate: &str) -> Option<usize> {
    let length = word.chars().count().min(candidate.chars().count());
    // Lengths that differ too much can't be near: spares the work for most candidates.
    let allowed = (length / 3).clamp(1, 3);
    if word.chars().count().abs_diff(candidate.chars().count()) > allowed {
        return None;
    }
    let distance = damerau_levenshtein(word, candidate);
    // A word of one or two letters is not near to another one only because it is short.
    (distance <= allowed && distance < length).then_some(distance)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(word: &str, candidates: &[&str], expect: Option<&str>) {
        assert_eq!(nearest(word, candidates.iter().copied()), expect, "{word:?}");
    }

    #[test]
    fn a_slip_of_the_finger_is_recognised() {
        let keys = ["quiet_hours", "title", "text", "to", "until"];
        check("quite_hours", &keys, Some("quiet_hours"));
        check("Quiet-Hours", &keys, Some("quiet_hours"));
        check("titel", &keys, Some("title"));
        check("txet", &keys, Some("text"));
        check("untill", &keys, Some("until"));
        check("colour", &keys, None);
        check("x", &keys, None);
        check("", &keys, None);
        check(&"title".repeat(1000), &keys, None);
    }

    #[test]
    fn the_last_part_of_a_name_is_enough() {
        let check = |word: &str, expect: Option<&str>| {
            let zones = chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name());
            assert_eq!(nearest_name(word, '/', zones), expect, "{word:?}");
        };
        check("Europe/Pariss", Some("Europe/Paris"));
        check("europe/paris", Some("Europe/Paris"));
        check("Pariss", Some("Europe/Paris"));
        check("Europa/Berlin", Some("Europe/Berlin"));
        check("new york", Some("America/New_York"));
        check("Tokio", Some("Asia/Tokyo"));
        check("Frankfurt am Main", None);
    }
}
