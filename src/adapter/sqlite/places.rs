//! The places that deliveries take among those that a person may get on one local day.

use chrono::{DateTime, NaiveDate, Utc};
use rusqlite::{Connection, named_params};

use super::fault::Fault;
use crate::domain::id::{DeliveryId, RecipientId};

const TAKE: &str = "
    INSERT INTO day_places (delivery_id, recipient_id, day)
    SELECT :delivery, :recipient, :day
    WHERE (SELECT count(*) FROM day_places WHERE recipient_id = :recipient AND day = :day AND delivery_id <> :delivery)
        < :most
    ON CONFLICT (delivery_id) DO UPDATE SET day = excluded.day";

pub(super) fn take(
    conn: &Connection,
    delivery: DeliveryId,
    recipient: RecipientId,
    day: NaiveDate,
    most: u32,
) -> Result<bool, Fault> {
    let taken = conn.prepare_cached(TAKE)?.execute(named_params! {
        ":delivery": delivery.0, ":recipient": recipient.0, ":day": day.to_string(), ":most": most,
    })?;
    Ok(taken > 0)
}

/// Certainly nothing of the delivery arrived, and nothing will.
pub(super) fn give_back(conn: &Connection, delivery: DeliveryId) -> Result<(), Fault> {
    conn.prepare_cached("DELETE FROM day_places WHERE delivery_id = ?1")?.execute([delivery.0])?;
    Ok(())
}

/// Forgets the days before an instant.
pub(super) fn forget(conn: &Connection, before: DateTime<Utc>) -> Result<(), Fault> {
    conn.prepare_cached("DELETE FROM day_places WHERE day < ?1")?.execute([before.date_naive().to_string()])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::sql::assert_scans_nothing;
    use super::*;

    #[test]
    fn a_place_costs_what_the_day_holds() {
        assert_scans_nothing(TAKE);
    }
}
