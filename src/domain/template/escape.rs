//! Data on its way into a message.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Everything but what RFC 3986 calls unreserved.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Writes `value` as a part of an address.
pub(super) fn url(out: &mut dyn fmt::Write, value: &str) -> fmt::Result {
    write!(out, "{}", utf8_percent_encode(value, RESERVED))
}

/// Writes `value` as a part of a line.
pub(super) fn plain(out: &mut dyn fmt::Write, value: &str) -> fmt::Result {
    value.chars().try_for_each(|c| out.write_char(if breaks_line(c) { ' ' } else { c }))
}

fn breaks_line(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

/// Writes `value` so that Teams shows it as it is: no emphasis, no link, no mention, no heading or list.
///
/// Teams reads a Markdown of its own, so only those characters are escaped which may mean something there; a name
/// such as `Anne-Marie O'Neil` stays as it is. A value is a part of a line, so it has no line breaks.
pub(super) fn markdown(out: &mut dyn fmt::Write, value: &str) -> fmt::Result {
    let digits = value.bytes().take_while(u8::is_ascii_digit).count();
    for (at, c) in value.char_indices() {
        match c {
            // `<at>` is a mention and `&lt;at>` would be one again after one more decoding, so all three go.
            '<' => out.write_str("&lt;")?,
            '>' => out.write_str("&gt;")?,
            '&' => out.write_str("&amp;")?,
            '\\' | '`' | '*' | '_' | '[' | ']' | '~' | '#' | '|' => {
                out.write_char('\\')?;
                out.write_char(c)?;
            }
            // Only at the beginning of a line do these begin a list.
            '-' | '+' if at == 0 && value[1..].starts_with(' ') => {
                out.write_char('\\')?;
                out.write_char(c)?;
            }
            '.' | ')' if at == digits && digits > 0 && value[at + 1..].starts_with(' ') => {
                out.write_char('\\')?;
                out.write_char(c)?;
            }
            c if breaks_line(c) => out.write_char(' ')?,
            c => out.write_char(c)?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn data_never_becomes_markup() {
        let check = |value: &str, expect: &str| {
            let mut out = String::new();
            super::markdown(&mut out, value).expect("a string takes everything");
            assert_eq!(out, expect);
        };
        check("Anne-Marie O'Neil (Paris)", "Anne-Marie O'Neil (Paris)");
        check("2026-12-01 09:00", "2026-12-01 09:00");
        check("*Boss* __x__ `y`", r"\*Boss\* \_\_x\_\_ \`y\`");
        check("[x](https://evil.example)", r"\[x\](https://evil.example)");
        check("<at>Everyone</at>", "&lt;at&gt;Everyone&lt;/at&gt;");
        check("&lt;at&gt;", "&amp;lt;at&amp;gt;");
        check("# Boss", r"\# Boss");
        check("- item", r"\- item");
        check("1. item", r"1\. item");
        check("a\n# b", r"a \# b");
        check(r"back\slash", r"back\\slash");
    }

    #[test]
    fn other_forms_have_other_rules() {
        let check = |value: &str, line: &str, url: &str| {
            let (mut as_line, mut as_url) = (String::new(), String::new());
            super::plain(&mut as_line, value).expect("a string takes everything");
            super::url(&mut as_url, value).expect("a string takes everything");
            assert_eq!((as_line.as_str(), as_url.as_str()), (line, url), "{value:?}");
        };
        check("Ana *Boss*", "Ana *Boss*", "Ana%20%2ABoss%2A");
        check("a\nb", "a b", "a%0Ab");
        check("ana+x@contoso.example", "ana+x@contoso.example", "ana%2Bx%40contoso.example");
        check("Zoë-1_~.", "Zoë-1_~.", "Zo%C3%AB-1_~.");
    }
}
