//! Where a part of a text stands in the file, when the text was written in quotes, with escapes, or over many lines.

use std::ops::Range;

/// The bytes of `raw` (a TOML string as it stands in the file, quotes and all) that became `part` of `text`, the
/// string that TOML understood. The whole of `raw` when that can't be told.
pub(super) fn locate(raw: &str, text: &str, part: Range<usize>) -> Range<usize> {
    let whole = 0..raw.len();
    let Some(places) = places(raw, text) else { return whole };
    match (places.get(part.start), places.get(part.end)) {
        (Some(start), Some(end)) if start <= end && raw.is_char_boundary(*start) && raw.is_char_boundary(*end) => {
            *start..*end
        }
        _ => whole,
    }
}

/// For each byte of `text`, and for its end, where it comes from in `raw`.
fn places(raw: &str, text: &str) -> Option<Vec<usize>> {
    let (opening, escapes) = match raw.as_bytes() {
        [b'"', b'"', b'"', ..] if raw.len() >= 6 => (3, true),
        [b'\'', b'\'', b'\'', ..] if raw.len() >= 6 => (3, false),
        [b'"', ..] if raw.len() >= 2 => (1, true),
        [b'\'', ..] if raw.len() >= 2 => (1, false),
        _ => return None,
    };
    let end = raw.len() - opening;
    let mut at = opening;
    if opening == 3 {
        // A line break right after the opening quotes does not belong to the text.
        at += if raw[at..].starts_with("\r\n") { 2 } else { usize::from(raw[at..].starts_with('\n')) };
    }
    let mut places = Vec::with_capacity(text.len() + 1);
    let mut decoded = String::with_capacity(text.len());
    while at < end {
        let c = raw[at..].chars().next()?;
        let (becomes, length) = if c == '\\' && escapes { escape(&raw[at..end])? } else { (Some(c), c.len_utf8()) };
        if let Some(c) = becomes {
            places.extend(std::iter::repeat_n(at, c.len_utf8()));
            decoded.push(c);
        }
        at += length;
    }
    places.push(end);
    // TOML has the last word on what a string means; where we differ, nothing is claimed.
    (decoded == text).then_some(places)
}

/// What the escape at the beginning of `raw` stands for, if for anything, and how long it is.
fn escape(raw: &str) -> Option<(Option<char>, usize)> {
    let letter = raw[1..].chars().next()?;
    let coded = |digits: usize| {
        let code = u32::from_str_radix(raw.get(2..2 + digits)?, 16).ok()?;
        Some((Some(char::from_u32(code)?), 2 + digits))
    };
    match letter {
        'b' => Some((Some('\u{8}'), 2)),
        't' => Some((Some('\t'), 2)),
        'n' => Some((Some('\n'), 2)),
        'f' => Some((Some('\u{c}'), 2)),
        'r' => Some((Some('\r'), 2)),
        'e' => Some((Some('\u{1b}'), 2)),
        '"' | '\\' => Some((Some(letter), 2)),
        'x' => coded(2),
        'u' => coded(4),
        'U' => coded(8),
        // A backslash at the end of a line swallows the break and what follows of white space.
        _ => {
            let rest = raw[1..].trim_start_matches([' ', '\t', '\r', '\n']);
            (rest.len() < raw.len() - 1).then_some((None, raw.len() - rest.len()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(raw: &str, word: &str, expect: &str) {
        let value = toml::de::DeValue::parse(raw).expect("a TOML string");
        let text = value.get_ref().as_str().expect("a string");
        let at = text.find(word).expect("the word is in the text");
        let got = locate(raw, text, at..at + word.len());
        assert_eq!(&raw[got], expect, "{raw}");
    }

    #[test]
    fn words_are_found_behind_quotes_escapes_and_line_breaks() {
        check(r#""say hello now""#, "hello", "hello");
        check("'say hello now'", "hello", "hello");
        check(r#""\t\u00e9\"hello\"""#, "hello", "hello");
        check("\"\"\"\nfirst\nhello\n\"\"\"", "hello", "hello");
        check("\"\"\"\r\nfirst \\\r\n   hello\"\"\"", "hello", "hello");
        check("'''\nit's hello'''", "hello", "hello");
        check(r#""a\u0062c""#, "b", r"\u0062");
    }
}
