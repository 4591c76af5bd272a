//! A recipient as it is read from the ledger.

use rusqlite::Row;

use super::fault::Fault;
use super::rows::Of;
use crate::domain::conversation::Standing;
use crate::domain::id::RecipientId;
use crate::domain::quiet::QuietHours;
use crate::domain::recipient::{Details, Recipient, Reference, ServiceOrigin, Unreachable};

/// The columns that [`Person::read`] expects at the beginning of a result, of the recipient `r`.
pub(super) const COLUMNS: &str = "
    r.id, r.kind,
    coalesce(
        r.name,
        (SELECT address FROM addresses WHERE recipient_id = r.id ORDER BY position LIMIT 1),
        r.conversation_id,
        ''
    ),
    (SELECT address FROM addresses WHERE recipient_id = r.id AND instr(address, '@') > 1 AND instr(address, ':') = 0
        ORDER BY position LIMIT 1),
    r.zone, r.zone_source, r.language, r.is_known, r.unreachable,
    r.service_url, r.conversation_id, r.tenant_id, r.bot_id, r.user_id, r.entra_object_id,
    r.quiet_hours, r.country, r.service_url_origin, r.standing";

/// How many they are.
pub(super) const COLUMN_COUNT: usize = 19;

/// All that is known of a recipient.
pub(super) struct Person {
    pub recipient: Recipient,
    pub is_known: bool,
    pub unreachable: Option<Unreachable>,
    pub reference: Reference,
    pub service_origin: Option<ServiceOrigin>,
    /// What rosters say, as long as no import has mentioned them.
    pub standing: Standing,
}

impl Person {
    pub(super) fn read(row: &Row<'_>) -> Result<Self, Fault> {
        let of = Of { table: "recipients", id: row.get(0)? };
        let is_known: bool = row.get(7)?;
        let standing = of.word_if_any(row, 18, "standing")?.filter(|_| !is_known).unwrap_or_default();
        Ok(Self {
            recipient: Recipient {
                id: RecipientId(of.id),
                kind: of.word(row, 1, "kind")?,
                name: row.get(2)?,
                email: row.get(3)?,
                zone: of.zone(row, 4, "zone")?,
                zone_source: of.word(row, 5, "zone_source")?,
                language: row.get(6)?,
                details: Details { quiet_hours: quiet_hours(of, row)?, country: row.get(16)? },
            },
            is_known,
            standing,
            service_origin: of.word_if_any(row, 17, "service_url_origin")?,
            unreachable: of.word_if_any(row, 8, "unreachable")?,
            reference: Reference {
                service_url: row.get(9)?,
                conversation_id: row.get(10)?,
                tenant_id: row.get(11)?,
                bot_id: row.get(12)?,
                user_id: row.get(13)?,
                entra_object_id: row.get(14)?,
            },
        })
    }
}

fn quiet_hours(of: Of, row: &Row<'_>) -> Result<Option<QuietHours>, Fault> {
    let text: Option<String> = row.get(15)?;
    text.map(|text| QuietHours::read(&text).ok_or_else(|| of.corrupt("quiet_hours", &text))).transpose()
}
