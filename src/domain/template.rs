//! Message texts: parsed once, strict about unknown names.

use chrono::NaiveDateTime;

use crate::domain::id::ScheduleName;
use crate::domain::recipient::Recipient;

/// A message text that has been parsed.
#[derive(Debug, Clone)]
pub struct Template;

/// What a template may speak of.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    pub recipient: &'a Recipient,
    pub schedule: &'a ScheduleName,
    pub title: &'a str,
    /// The civil time that is the identity of the occurrence.
    pub occurrence: NaiveDateTime,
    /// The due instant on the recipient's own clock.
    pub local: NaiveDateTime,
}
#[derive(Debug, thiserror::Error)]
#[error("stub")]
pub struct RenderError;
impl Template {
    pub fn render(&self, _: &Facts<'_>) -> Result<String, RenderError> {
        Err(RenderError)
    }
}
