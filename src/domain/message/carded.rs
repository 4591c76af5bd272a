//! A text on an Adaptive Card, for messages that need one: buttons stand on cards only.

use serde_json::{Value, json};

use super::Said;

/// Longer than this in characters, a line in a notification is cut.
const LONGEST_SUMMARY: usize = 150;

/// The text on a card, each of its paragraphs as a block of its own. `footer` is Markdown and stands below all the rest.
#[must_use]
pub fn text(text: &str, footer: Option<&str>) -> Said {
    let mut body: Vec<Value> = text
        .split("\n\n")
        .map(str::trim)
        .filter(|paragraph| !paragraph.is_empty())
        .map(|paragraph| json!({ "type": "TextBlock", "text": paragraph, "wrap": true }))
        .collect();
    if let Some(footer) = footer {
        body.push(footer_block(footer));
    }
    let card = json!({ "type": "AdaptiveCard", "version": "1.5", "body": body });
    Said::Card { summary: summary(text), card }
}

/// Why a message comes and how to stop it, below all the rest.
#[must_use]
pub fn footer_block(footer: &str) -> Value {
    json!({
        "type": "TextBlock", "text": footer, "wrap": true, "isSubtle": true, "size": "Small", "spacing": "Medium",
    })
}

/// The first line of a text without its Markdown: notifications show it as it is.
fn summary(text: &str) -> String {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    let line = plain(line.trim_start_matches(['#', '>', ' ']));
    if line.chars().count() <= LONGEST_SUMMARY {
        return line;
    }
    let cut: String = line.chars().take(LONGEST_SUMMARY - 1).collect();
    format!("{}…", cut.trim_end())
}

/// A line without emphasis and addresses, and with what was escaped as it is meant.
#[must_use]
pub fn plain(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' if chars.peek().is_some_and(char::is_ascii_punctuation) => plain.extend(chars.next()),
            '*' | '`' | '[' | '~' => {}
            // An underscore inside of a word is one.
            '_' if plain.ends_with(char::is_alphanumeric) && chars.peek().is_some_and(|c| c.is_alphanumeric()) => {
                plain.push('_');
            }
            '_' => {}
            ']' if chars.peek() == Some(&'(') => while chars.next().is_some_and(|c| c != ')') {},
            ']' => {}
            _ => plain.push(c),
        }
    }
    plain.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notifications_show_the_first_line_as_it_is_meant() {
        let check = |text: &str, expect: &str| assert_eq!(summary(text), expect, "{text}");
        check("Hello", "Hello");
        check("\n\n# **Stand-up** in _5_ minutes\nmore", "Stand-up in 5 minutes");
        check("\\*Boss\\* says snake_case", "*Boss* says snake_case");
        check("See [the page](https://contoso.example/x) now", "See the page now");
        check(&"x".repeat(151), &format!("{}…", "x".repeat(149)));
        check("", "");
    }
}
