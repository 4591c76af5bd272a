//! Buttons that were pressed.

use rusqlite::{Connection, OptionalExtension};

use super::events;
use super::fault::Fault;
use super::person::{COLUMN_COUNT, Person};
use super::rows::Of;
use super::sql::Sql;
use crate::domain::id::{DeliveryId, ScheduleName};
use crate::port::reply::Delivered;

static DELIVERED: Sql = Sql::new(
    "
    SELECT {person}, s.id, s.name, o.id, o.civil, d.id, d.due_at, d.activity_id, o.event_id
    FROM deliveries d
        CROSS JOIN occurrences o ON o.id = d.occurrence_id CROSS JOIN schedules s ON s.id = o.schedule_id
        CROSS JOIN recipients r ON r.id = d.recipient_id
    WHERE d.id = ?1",
);

/// A message that was sent; `None` where there is no such delivery.
pub(super) fn delivered(conn: &Connection, delivery: DeliveryId) -> Result<Option<Delivered>, Fault> {
    const OWN: usize = COLUMN_COUNT;
    let mut statement = conn.prepare_cached(DELIVERED.get())?;
    let read = statement.query_row([delivery.0], |row| {
        Ok((|| {
            let name: String = row.get(OWN + 1)?;
            let schedule = Of { table: "schedules", id: row.get(OWN)? };
            let occurrence = Of { table: "occurrences", id: row.get(OWN + 2)? };
            let of = Of { table: "deliveries", id: row.get(OWN + 4)? };
            Ok(Delivered {
                delivery: DeliveryId(of.id),
                schedule: ScheduleName::new(&name).ok_or_else(|| schedule.corrupt("name", &name))?,
                occurrence: occurrence.civil(row, OWN + 3, "civil")?,
                due_at: of.instant(row, OWN + 5, "due_at")?,
                recipient: Person::read(row)?.recipient,
                activity_id: row.get(OWN + 6)?,
                event: match row.get(OWN + 7)? {
                    Some(id) => events::facts(conn, id)?,
                    None => None,
                },
            })
        })())
    });
    read.optional()?.transpose()
}

#[cfg(test)]
mod tests {
    use super::super::sql::assert_scans_nothing;
    use super::*;

    #[test]
    fn a_press_costs_one_delivery() {
        assert_scans_nothing(DELIVERED.get());
    }
}
