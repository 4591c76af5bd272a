//! The schema's numbered steps. `user_version` says how many have been taken.
//!
//! A step, once released, is never edited: the next one is added. Each is one transaction together with its number.

use rusqlite::{Connection, TransactionBehavior};

/// Every step, in order.
pub(super) const ALL: &[&str] = &[
    include_str!("0001_init.sql"),
    include_str!("0002_policies.sql"),
    include_str!("0003_people.sql"),
    include_str!("0004_trouble.sql"),
    include_str!("0005_recall.sql"),
    include_str!("0006_lanes.sql"),
    include_str!("0007_conversations.sql"),
    include_str!("0008_news.sql"),
    include_str!("0009_events.sql"),
    include_str!("0010_consent.sql"),
    include_str!("0011_zones.sql"),
    include_str!("0012_strangers.sql"),
    include_str!("0013_revisions.sql"),
    include_str!("0014_backup.sql"),
    include_str!("0015_seeing.sql"),
    include_str!("0016_pairs.sql"),
    include_str!("0017_tail.sql"),
    include_str!("0018_parts.sql"),
    include_str!("0019_latest.sql"),
];

/// `nudg`, the mark that tells our files from those of other programs.
pub(super) const APPLICATION_ID: i64 = 0x6e75_6467;

/// The number of the schema that this program writes.
pub(super) fn newest() -> i64 {
    i64::try_from(ALL.len()).unwrap_or(i64::MAX)
}

pub(super) fn version(conn: &Connection) -> rusqlite::Result<i64> {
    conn.query_row("PRAGMA user_version", [], |row| row.get(0))
}

/// Takes every step that has not been taken.
pub(super) fn migrate(conn: &mut Connection) -> rusqlite::Result<()> {
    for (number, step) in (1_i64..).zip(ALL) {
        let transaction = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        // Asked inside the transaction: another program may have taken the step meanwhile.
        if version(&transaction)? < number {
            transaction.execute_batch(step)?;
            transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
            transaction.pragma_update(None, "user_version", number)?;
        }
        transaction.commit()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_takes_what_the_one_before_it_left() {
        let mut conn = Connection::open_in_memory().expect("a database");
        conn.execute_batch(ALL[0]).expect("the first schema");
        conn.pragma_update(None, "user_version", 1).expect("its number");
        conn.execute_batch(
            "INSERT INTO schedules (id, name, revision, origin, fires_once, priority, on_unknown)
                VALUES (1, 's', 'r', 'f', 0, 'normal', 'resend');
             INSERT INTO occurrences (id, schedule_id, civil) VALUES (1, 1, '2027-03-01T09:00:00');
             INSERT INTO waves (id, occurrence_id, schedule_id, zone, recipients, due_at, expire_at, planned_at)
                VALUES (1, 1, 1, 'UTC', 'all', 1, 2, 0);
             INSERT INTO recipients (id, kind, zone, zone_source, is_known, tenant_id)
                VALUES (1, 'person', 'UTC', 'fallback', 1, 't'), (2, 'person', 'Asia/Tokyo', 'operator', 1, NULL);
             INSERT INTO deliveries
                (occurrence_id, recipient_id, wave_id, queue, state, due_at, expire_at, planned_at, not_before)
                VALUES (1, 1, 1, 'normal', 'planned', 1, 2, 0, 1), (1, 2, 1, 'normal', 'waiting', 1, 2, 0, 1);",
        )
        .expect("rows of that schema");
        migrate(&mut conn).expect("the newest schema");
        assert_eq!(version(&conn).expect("a number"), newest());
        let kept = "SELECT s.overlap || ' ' || s.catch_up || ' ' || o.is_meant || ' ' || w.jitter
             FROM schedules s JOIN occurrences o ON o.schedule_id = s.id JOIN waves w ON w.occurrence_id = o.id";
        let kept: String = conn.query_row(kept, [], |row| row.get(0)).expect("the rows are still there");
        assert_eq!(kept, "supersede latest 1 0");
        let lanes = "SELECT group_concat((lane >> 32) || '/' || (lane & 0xFFFFFFFF), ' ' ORDER BY id) FROM deliveries";
        let lanes: String = conn.query_row(lanes, [], |row| row.get(0)).expect("what is open has its lane");
        assert_eq!(lanes, "1/1 0/1");
        let said =
            "SELECT group_concat(recipient_id || ' ' || source || ' ' || zone || ' ' || said_at) FROM zone_evidence";
        let said: String = conn.query_row(said, [], |row| row.get(0)).expect("what an import had said");
        assert_eq!(said, "2 operator Asia/Tokyo 0");
    }
}
