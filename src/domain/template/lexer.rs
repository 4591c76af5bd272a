//! Where the names stand in a template. minijinja knows which names a text uses but not where; and of filters it knows
//! only when the text runs. This finds the words inside `{{ … }}` and `{% … %}`; what they mean is left to minijinja.

use std::ops::Range;

/// A name in a template, with its dots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) name: String,
    pub(super) range: Range<usize>,
    pub(super) role: Role,
}

/// As what a word stands there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// The first word of `{% … %}`.
    Tag,
    /// Behind a `|`.
    Filter,
    /// Anything else: a name, an operator, a test.
    Name,
}

/// Every word of every tag.
pub(super) fn words(text: &str) -> impl Iterator<Item = Word> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(open) = text[at..].find('{') {
        let start = at + open;
        let rest = &text[start..];
        at = if rest.starts_with("{#") {
            rest.find("#}").map_or(text.len(), |end| start + end + 2)
        } else if rest.starts_with("{{") {
            words_of(text, start + 2, "}}", false, &mut found)
        } else if rest.starts_with("{%") {
            let before = found.len();
            let end = words_of(text, start + 2, "%}", true, &mut found);
            let is_raw = found.get(before).is_some_and(|word| word.name == "raw");
            // What stands between raw and endraw is text.
            if is_raw { raw_end(text, end) } else { end }
        } else {
            start + 1
        };
    }
    found.into_iter()
}

/// The beginning of the tag that ends a raw block.
fn raw_end(text: &str, from: usize) -> usize {
    let mut at = from;
    while let Some(open) = text[at..].find("{%") {
        let inside = text[at + open + 2..].trim_start_matches(['-', '+']).trim_start();
        if inside.starts_with("endraw") {
            return at + open;
        }
        at += open + 2;
    }
    text.len()
}

/// Collects the words from `start` to `close`; returns where the tag ends.
fn words_of(text: &str, start: usize, close: &str, is_block: bool, found: &mut Vec<Word>) -> usize {
    let begins_word = |c: char| c.is_alphabetic() || c == '_';
    let goes_on = |c: char| c.is_alphanumeric() || c == '_';
    let mut at = start;
    let mut previous = ' ';
    let mut first = is_block;
    while let Some(c) = text[at..].chars().next() {
        if text[at..].starts_with(close) {
            return at + close.len();
        }
        if c == '"' || c == '\'' {
            at = string_end(text, at, c);
            previous = c;
        } else if begins_word(c) && previous != '.' {
            let begin = at;
            at += word_length(&text[at..], goes_on);
            // A dot and a word right behind belong to the name.
            while let Some(next) = text[at..].strip_prefix('.').filter(|rest| rest.starts_with(begins_word)) {
                at += 1 + word_length(next, goes_on);
            }
            let role = if first {
                Role::Tag
            } else if previous == '|' {
                Role::Filter
            } else {
                Role::Name
            };
            found.push(Word { name: text[begin..at].to_owned(), range: begin..at, role });
            first = false;
            previous = 'a';
        } else {
            if !c.is_whitespace() {
                previous = c;
            }
            at += c.len_utf8();
        }
    }
    text.len()
}

fn word_length(text: &str, goes_on: impl Fn(char) -> bool) -> usize {
    text.find(|c: char| !goes_on(c)).unwrap_or(text.len())
}

/// Where the string in quotes that begins at `start` ends.
fn string_end(text: &str, start: usize, quote: char) -> usize {
    let mut escaped = false;
    for (offset, c) in text[start + 1..].char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return start + 1 + offset + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_in_tags_only() {
        let check = |text: &str, expect: &[&str]| {
            let got: Vec<String> = words(text)
                .map(|word| {
                    assert_eq!(&text[word.range.clone()], word.name);
                    format!("{:?} {}", word.role, word.name)
                })
                .collect();
            assert_eq!(got, expect, "{text}");
        };
        check("a {{ person.name }} b { c }", &["Name person.name"]);
        check("{{ person.name|upper | default('x y') }}", &["Name person.name", "Filter upper", "Filter default"]);
        check("{% if a.b == \"c}}\" %}d{% endif %}", &["Tag if", "Name a.b", "Tag endif"]);
        check("{#{{ x }}#}{% raw %}{{ y }}{% endraw %}{{ z }}", &["Tag raw", "Tag endraw", "Name z"]);
        check("{{ x[0].y }}{{- z -}}", &["Name x", "Name z"]);
        check("{{ unclosed", &["Name unclosed"]);
        check("{{ 'it\\'s' }}", &[]);
    }
}
