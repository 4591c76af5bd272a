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

pub use csv::people_from_csv;
pub use reference::{EXPORT, export_line, people_from_references};

/// Reads a people file of either form; which one it is shows in its first character.
#[must_use]
pub fn people(source: &Source) -> (Vec<PersonRecord>, Vec<Problem>) {
    let content = source.text.trim_start_matches('\u{feff}').trim_start();
    if content.starts_with(['{', '[']) { people_from_references(source) } else { people_from_csv(source) }
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
