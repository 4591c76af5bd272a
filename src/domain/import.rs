//! People files: CSV as a spreadsheet writes it, or the conversation references that a bot has kept, as JSON.
//!
//! A bad row or reference becomes a problem at its place; all others still come out.

use url::Url;

use crate::domain::document::excerpt;
use crate::domain::problem::{Problem, Source};
use crate::domain::recipient::PersonRecord;

mod cells;
mod csv;
mod reference;

pub use reference::{EXPORT, export_line};

/// What a people file says.
#[derive(Debug, Default)]
pub struct PeopleFile {
    pub people: Vec<PersonRecord>,
    pub problems: Vec<Problem>,
    /// How many rows or references are left out for what is wrong with them.
    pub left_out: u64,
}

/// Reads a people file of either form; which one it is shows in its first character.
#[must_use]
pub fn people_file(source: &Source) -> PeopleFile {
    let content = source.text.trim_start_matches('\u{feff}').trim_start();
    if content.starts_with(['{', '[']) { reference::read(source) } else { csv::read(source) }
}

/// The people in such a file, and what is wrong with it.
#[must_use]
pub fn people(source: &Source) -> (Vec<PersonRecord>, Vec<Problem>) {
    let PeopleFile { people, problems, left_out: _ } = people_file(source);
    (people, problems)
}

/// Reads references alone, whatever the first character is.
#[must_use]
pub fn people_from_references(source: &Source) -> (Vec<PersonRecord>, Vec<Problem>) {
    let PeopleFile { people, problems, left_out: _ } = reference::read(source);
    (people, problems)
}

/// Characters of a name at most: no name in a directory has more, and every table and every text has to bear it.
const LONGEST_NAME: usize = 256;

/// What to do about one that has more.
const SHORTER_NAME: &str = "write one of 256 at most";

fn check_name(name: &str) -> Result<(), String> {
    let length = name.chars().count();
    if length > LONGEST_NAME { Err(format!("a name of {length} characters is too long")) } else { Ok(()) }
}

/// Whether a text can be a service URL at all. Whether its host is trusted is asked when something is sent there.
fn check_service_url(text: &str) -> Result<(), String> {
    match Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "https" | "http") && url.has_host() => Ok(()),
        Ok(_) | Err(_) => Err(format!("\"{}\" is not a service URL", excerpt(text))),
    }
}

/// Whether a text is a GUID as Entra writes them.
fn is_guid(text: &str) -> bool {
    text.len() == 36 && uuid::Uuid::try_parse(text).is_ok()
}

#[cfg(test)]
mod tests;
