//! How long what Teams tells may be, and of what it may consist, wherever it is told: in an activity or in a list.

/// Longer than any id, address or URL that Teams is known to send.
const LONGEST_ID: usize = 2_048;

/// Longer than any name.
const LONGEST_NAME: usize = 512;

/// A text that says something, and not too much.
#[must_use]
pub fn text(text: &str, longest: usize) -> Option<&str> {
    let text = text.trim();
    (!text.is_empty() && text.len() <= longest).then_some(text)
}

/// A text without anything that could not be shown on one line.
#[must_use]
pub fn name(said: &str) -> Option<&str> {
    text(said, LONGEST_NAME).filter(|text| !text.contains(char::is_control))
}

/// A word: an id, an address or a URL.
#[must_use]
pub fn id(said: &str) -> Option<&str> {
    text(said, LONGEST_ID).filter(|text| text.chars().all(|c| !c.is_control() && !c.is_whitespace()))
}
