//! JSON of which one knows where each text stands. What is JSON and what is not, serde says; this only walks through
//! what serde has understood, and so may be short.

use std::ops::Range;

use serde_json::Value;

/// A value and the bytes from which it was read.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Json {
    pub(super) what: What,
    pub(super) span: Range<usize>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum What {
    Text(String),
    List(Vec<Json>),
    /// In the order of the file; of two entries with one name the last one counts.
    Table(Vec<(String, Json)>),
    /// `null`, `true`, `false` or a number.
    Other(Value),
}

impl Json {
    pub(super) fn get(&self, key: &str) -> Option<&Json> {
        let What::Table(entries) = &self.what else { return None };
        entries.iter().rev().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    pub(super) fn as_text(&self) -> Option<&str> {
        match &self.what {
            What::Text(text) => Some(text),
            What::List(_) | What::Table(_) | What::Other(_) => None,
        }
    }
}

/// Reads a text that is JSON; `Err` is the place at which it is not, and why.
pub(super) fn read(text: &str) -> Result<Json, (usize, String)> {
    if let Err(error) = serde_json::from_str::<Value>(text) {
        let words = error.to_string();
        let why = words.split(" at line ").next().unwrap_or(&words).to_owned();
        return Err((offset(text, error.line(), error.column()), why));
    }
    let mut walk = Walk { text, at: 0 };
    walk.value().ok_or_else(|| (walk.at.min(text.len()), "it is not understood".to_owned()))
}

/// Where a part of a text stands, which was read from `raw`, quotes and escapes and all. The whole where that can't
/// be told.
pub(super) fn part(raw: &str, part: Range<usize>) -> Range<usize> {
    let mut places = Vec::new();
    let mut at = 1;
    let end = raw.len().saturating_sub(1);
    while at < end {
        let Some(c) = raw[at..].chars().next() else { break };
        let length = if c == '\\' { escape_length(&raw[at..end]) } else { c.len_utf8() };
        let piece = format!("\"{}\"", &raw[at..at + length]);
        let bytes = serde_json::from_str::<String>(&piece).map_or(0, |decoded| decoded.len());
        places.extend(std::iter::repeat_n(at, bytes));
        at += length;
    }
    places.push(end);
    match (places.get(part.start), places.get(part.end)) {
        (Some(start), Some(end)) if start <= end => *start..*end,
        _ => 0..raw.len(),
    }
}

/// Of the escape at the beginning of `raw`; a pair of surrogates is one.
fn escape_length(raw: &str) -> usize {
    let one = |raw: &str| if raw[1..].starts_with('u') { 6 } else { 2 };
    let first = one(raw);
    let code = raw.get(2..6).and_then(|digits| u16::from_str_radix(digits, 16).ok());
    let is_high = first == 6 && code.is_some_and(|code| (0xd800..0xdc00).contains(&code));
    (if is_high { 12 } else { first }).min(raw.len())
}

/// The byte at a line and a column, both counted from 1, the column in bytes.
fn offset(text: &str, line: usize, column: usize) -> usize {
    let start: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let mut at = (start + column.saturating_sub(1)).min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

struct Walk<'t> {
    text: &'t str,
    at: usize,
}

impl Walk<'_> {
    /// serde refuses what lies more than 128 values deep, so this goes no deeper.
    fn value(&mut self) -> Option<Json> {
        let next = self.peek()?;
        let start = self.at;
        let what = match next {
            b'{' => What::Table(self.entries()?),
            b'[' => What::List(self.items()?),
            b'"' => What::Text(self.string()?),
            _ => {
                let length = self.text[start..].find([',', ']', '}', ' ', '\t', '\r', '\n']);
                self.at = length.map_or(self.text.len(), |length| start + length);
                What::Other(serde_json::from_str(&self.text[start..self.at]).ok()?)
            }
        };
        Some(Json { what, span: start..self.at })
    }

    fn entries(&mut self) -> Option<Vec<(String, Json)>> {
        let mut entries = Vec::new();
        self.at += 1;
        loop {
            match self.peek()? {
                b'}' => {
                    self.at += 1;
                    return Some(entries);
                }
                b'"' => {
                    let name = self.string()?;
                    self.peek().filter(|byte| *byte == b':')?;
                    self.at += 1;
                    entries.push((name, self.value()?));
                }
                _ => self.at += 1,
            }
        }
    }

    fn items(&mut self) -> Option<Vec<Json>> {
        let mut items = Vec::new();
        self.at += 1;
        loop {
            match self.peek()? {
                b']' => {
                    self.at += 1;
                    return Some(items);
                }
                b',' => self.at += 1,
                _ => items.push(self.value()?),
            }
        }
    }

    fn string(&mut self) -> Option<String> {
        let start = self.at;
        let mut escaped = false;
        let length = self.text[start + 1..].bytes().position(|byte| {
            let ends = byte == b'"' && !escaped;
            escaped = byte == b'\\' && !escaped;
            ends
        })?;
        self.at = start + length + 2;
        serde_json::from_str(&self.text[start..self.at]).ok()
    }

    /// The next byte that is no white space.
    fn peek(&mut self) -> Option<u8> {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n']).len();
        self.text.as_bytes().get(self.at).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(json: &Json) -> Value {
        match &json.what {
            What::Text(text) => Value::from(text.as_str()),
            What::List(items) => items.iter().map(plain).collect(),
            What::Table(entries) => entries.iter().map(|(key, value)| (key.clone(), plain(value))).collect(),
            What::Other(value) => value.clone(),
        }
    }

    #[test]
    fn it_reads_what_serde_reads() {
        for text in [
            r#"{"a": [1, -2.5e3, true, null, "x\"]}", {}], "b": {"c": "\ud83d\ude00\u00e9\\"} }"#,
            " [ ] ",
            "\"\"",
            "\r\n{ \"a\" :\t{ } , \"a\": [[ ]] }\n",
            "12",
        ] {
            let read = read(text).expect("it is JSON");
            assert_eq!(plain(&read), serde_json::from_str::<Value>(text).expect("it is JSON"), "{text}");
        }
    }

    #[test]
    fn a_fault_has_a_place() {
        let check = |text: &str, at: usize, why: &str| assert_eq!(read(text), Err((at, why.to_owned())), "{text}");
        check("{\n  \"é\": x\n}", 10, "expected value");
        check("{\"a\": 1,}", 8, "trailing comma");
        check("", 0, "EOF while parsing a value");
    }

    #[test]
    fn parts_are_found_behind_escapes() {
        let check = |raw: &str, word: &str, expect: &str| {
            let text: String = serde_json::from_str(raw).expect("a string");
            let at = text.find(word).expect("the word is in it");
            assert_eq!(&raw[part(raw, at..at + word.len())], expect, "{raw}");
        };
        check(r#""say hello now""#, "hello", "hello");
        check(r#""\"\u00e9\ud83d\ude00 hello\n""#, "hello", "hello");
        check(r#""a\u0062c""#, "b", r"\u0062");
    }
}
