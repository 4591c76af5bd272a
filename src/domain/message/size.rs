//! How large a message becomes at most, measured before anybody gets it.
//!
//! Teams takes about 100 KB for a message, counted as UTF-16 over its JSON, and advises to keep the message itself at or
//! below 80 KB (Microsoft's page on the size of agent messages, read in November 2026). What is larger is answered
//! with 413, at nine o'clock on Monday. So each variant is made once for somebody of whom everything is as long as it
//! may be, and measured.

use chrono::NaiveDate;

use super::{Content, Said};
use crate::domain::buttons::{Buttons, Stamp};
use crate::domain::consent::Topic;
use crate::domain::id::{DeliveryId, RecipientId, ScheduleName};
use crate::domain::language;
use crate::domain::recipient::{Details, Recipient, RecipientKind, ZoneSource};
use crate::domain::template::{Facts, RenderError};

/// The most that is sent, in bytes of UTF-16.
pub const LIMIT: usize = 80 * 1024;
/// From here on a warning is due: four fifths of it.
pub const NEARLY: usize = LIMIT / 5 * 4;

/// What the envelope takes at most: ids, tenant, bot, names of fields.
const ENVELOPE: usize = 4 * 1024;

/// The longest name that Entra ID keeps (`displayName`).
const NAME: usize = 256;
/// The longest e-mail address (RFC 5321, with the angle brackets taken off).
const EMAIL: usize = 254;

/// How many bytes of UTF-16 the message takes for somebody of whom everything is as long as it may be.
pub fn largest(
    content: &Content,
    buttons: &Buttons,
    schedule: &ScheduleName,
    title: &str,
) -> Result<usize, RenderError> {
    let recipient = longest_person();
    // A Wednesday in September: the longest name of a weekday.
    let at = NaiveDate::from_ymd_opt(2026, 9, 30).and_then(|date| date.and_hms_opt(22, 22, 22)).unwrap_or_default();
    let facts = Facts { recipient: &recipient, schedule, title, occurrence: at, local: at, event: None };
    let said = content.render(&facts, None, !buttons.is_empty())?;
    let topic = Topic::new(&"e".repeat(Topic::MAX_LENGTH)).unwrap_or_else(|| Topic::from(schedule));
    Ok(measure(&buttons.put_below(said, &Stamp { delivery: DeliveryId(i64::MAX), occurrence: at, topic }, None)))
}

pub(crate) fn longest_person() -> Recipient {
    // Half of it the first name, half of it the last one, with the letters that are most often met.
    let half = "e".repeat((NAME - 1) / 2);
    Recipient {
        id: RecipientId(0),
        kind: RecipientKind::Person,
        name: format!("{half} {half}"),
        email: Some(format!("{}@contoso.example", "e".repeat(EMAIL - "@contoso.example".len()))),
        zone: chrono_tz::Tz::America__Argentina__ComodRivadavia,
        zone_source: ZoneSource::Fallback,
        language: Some("e".repeat(language::LONGEST)),
        details: Details::default(),
    }
}

fn measure(said: &Said) -> usize {
    said.as_json().to_string().encode_utf16().count() * 2 + ENVELOPE
}
