//! The ledger by itself: how many messages a second it claims, begins and settles, 64 at a time, beside SQLite that makes the
//! same changes to the same rows in as many transactions, and asks nothing.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use nudged::adapter::clock::SystemClock;
use nudged::port::clock::Clock;
use rusqlite::{Connection, params};

use crate::ledger::{AT_ONCE, World, filled};
use crate::table::{Row, Runs};

const MESSAGES: usize = 40_000;

pub(crate) async fn rows(runs: usize) -> Vec<Row> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let (mut ours, mut bares, mut ratios) = (Runs::default(), Runs::default(), Runs::default());
    for _ in 0..runs {
        let folder = tempfile::tempdir().expect("a folder");
        let (ledger, copy) = (folder.path().join("nudged.db"), folder.path().join("copy.db"));
        let world = World { people: MESSAGES, schedules: 1, zones: 1 };
        filled(&ledger, world).await.close().await;
        std::fs::copy(&ledger, &copy).expect("copied");
        let (ours_took, bare_took) = (sent_by_nudged(&ledger, &clock).await, sent_by_hand(&copy, &clock));
        let rate = |took: Duration| f64::from(u32::try_from(MESSAGES).expect("small")) / took.as_secs_f64();
        ours.push(rate(ours_took));
        bares.push(rate(bare_took));
        ratios.push(rate(ours_took) / rate(bare_took) * 100.0);
    }
    vec![Row {
        what: format!("the ledger by itself, {AT_ONCE} at a time"),
        goal: "-".into(),
        measured: ours.show(0, "/s"),
        baseline: bares.show(0, "/s of bare SQLite"),
        ratio: ratios.show(0, " %"),
        is_met: true,
    }]
}

async fn sent_by_nudged(path: &Path, clock: &Arc<dyn Clock>) -> Duration {
    let ledger = crate::ledger::opened(path).await;
    let began = clock.moment();
    ledger.send(MESSAGES).await;
    let took = clock.moment().since(began);
    ledger.close().await;
    took
}

/// Three transactions for each group, as there are at least behind 64 senders.
fn sent_by_hand(path: &Path, clock: &Arc<dyn Clock>) -> Duration {
    let mut conn = Connection::open(path).expect("a database");
    conn.execute_batch("PRAGMA synchronous = FULL; PRAGMA cache_size = -4096;").expect("set up");
    let began = clock.moment();
    for _ in 0..MESSAGES.div_ceil(AT_ONCE) {
        let group: Vec<i64> = {
            let mut some = conn
                .prepare_cached(
                    "SELECT id FROM deliveries WHERE queue = 'normal' AND state IN ('planned', 'waiting') LIMIT ?1",
                )
                .expect("a statement");
            some.query_map([i64::try_from(AT_ONCE).expect("small")], |row| row.get(0))
                .expect("rows")
                .collect::<Result<_, _>>()
                .expect("ids")
        };
        let claiming = "UPDATE deliveries SET state = 'claimed', term = 1, lease_until = ?2 WHERE id = ?1";
        each(&mut conn, &[claiming], &group);
        let beginning = [
            "UPDATE deliveries SET state = 'sending', lease_until = ?2 WHERE id = ?1",
            "INSERT INTO attempts (delivery_id, term, started_at) VALUES (?1, 1, ?2)",
        ];
        each(&mut conn, &beginning, &group);
        let settling = [
            "UPDATE deliveries SET state = 'sent', activity_id = '1785000000000', sent_at = ?2, ended_at = ?2,
                attempts = 1, term = NULL, lease_until = NULL WHERE id = ?1",
            "UPDATE attempts SET ended_at = ?2, state = 'sent', status = 201, latency_us = 20000
             WHERE delivery_id = ?1 AND ended_at IS NULL",
        ];
        each(&mut conn, &settling, &group);
    }
    clock.moment().since(began)
}

/// Runs the statements for each of a group, in one transaction.
fn each(conn: &mut Connection, statements: &[&str], group: &[i64]) {
    const AT: i64 = 1_795_424_400_000_000;
    let transaction = conn.transaction().expect("begun");
    for id in group {
        for sql in statements {
            transaction.prepare_cached(sql).expect("a statement").execute(params![id, AT]).expect("changed");
        }
    }
    transaction.commit().expect("durable");
}
