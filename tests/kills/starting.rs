//! Killed half-way through what changes much at once: a new schema, an import.

use std::process::Stdio;
use std::time::Duration;

use rusqlite::Connection;

use crate::chance::Draw;
use crate::ledger::Ledger;
use crate::rig::Rig;
use crate::scene::ledger_path;
use crate::{asked_for, references, say};

/// The schema as the first nudged that had recalls wrote it. Steps, once released, never change.
const OLD: [&str; 5] = [
    include_str!("../../src/adapter/sqlite/0001_init.sql"),
    include_str!("../../src/adapter/sqlite/0002_policies.sql"),
    include_str!("../../src/adapter/sqlite/0003_people.sql"),
    include_str!("../../src/adapter/sqlite/0004_trouble.sql"),
    include_str!("../../src/adapter/sqlite/0005_recall.sql"),
];

/// Enough rows for a step over all of them to take a while.
const ROWS: i64 = 20_000;

/// A ledger of five steps in which everybody waits for a message in the year 2100.
fn write_old_ledger(rig: &Rig) {
    std::fs::create_dir_all(rig.path("state")).expect("made");
    let conn = Connection::open(ledger_path(rig)).expect("a database");
    conn.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA application_id = 0x6e756467; PRAGMA user_version = 5; BEGIN;",
    )
    .expect("ours");
    for step in OLD {
        conn.execute_batch(step).expect("a step");
    }
    conn.execute_batch(&format!(
        "INSERT INTO schedules (id, name, revision, origin, fires_once, priority, on_unknown)
            VALUES (1, 'old', 'r', 'file old.toml', 0, 'normal', 'resend');
         INSERT INTO occurrences (id, schedule_id, civil) VALUES (1, 1, '2100-03-01T09:00:00');
         INSERT INTO waves
            (id, occurrence_id, schedule_id, zone, recipients, due_at, expire_at, planned_at, to_expand, has_rows)
            VALUES (1, 1, 1, 'UTC', 'all', 4107574800000000, 4107578400000000, 0, 0, 1);
         WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {ROWS})
         INSERT INTO recipients (id, kind, zone, zone_source, is_known, tenant_id)
            SELECT n, 'person', 'Asia/Tokyo', 'operator', 1, 't' || (n % 7) FROM n;
         INSERT INTO deliveries
            (occurrence_id, recipient_id, wave_id, queue, state, due_at, expire_at, planned_at, not_before)
            SELECT 1, id, 1, 'normal', 'planned', 4107574800000000, 4107578400000000, 0, 4107574800000000 FROM recipients;
         COMMIT;"
    ))
    .expect("rows");
}

/// Each step is there as a whole or not at all, and no row is lost on the way.
#[tokio::test(flavor = "multi_thread")]
async fn a_new_schema_survives_kills_half_way() {
    let lives = asked_for("NUDGED_KILLS", 115) / 8;
    let mut draw = Draw::new(asked_for("NUDGED_KILLS_SEED", 1));
    let rig = Rig::new().await;
    let newest = {
        rig.start().await.stop();
        let ledger = Ledger::open(&ledger_path(&rig)).expect("a ledger");
        ledger.number("PRAGMA user_version").expect("a number")
    };
    std::fs::remove_dir_all(rig.path("state")).expect("removed");
    write_old_ledger(&rig);
    let (mut half_way, mut kills) = (0, 0);
    let mut before = 5;
    for life in 0..lives {
        if before == newest {
            std::fs::remove_dir_all(rig.path("state")).expect("removed");
            write_old_ledger(&rig);
            before = 5;
        }
        let daemon = rig.spawn(&mut rig.command(&["run"]));
        if life % 2 == 0 {
            rig.clock.sleep(Duration::from_micros(draw.between(10_000, 250_000))).await;
        } else {
            let goal = i64::try_from(draw.between(6, 10)).expect("small");
            let watching = Ledger::open(&ledger_path(&rig)).expect("a ledger");
            while watching.number("PRAGMA user_version") < Some(goal) {
                tokio::task::yield_now().await;
            }
        }
        daemon.kill();
        kills += 1;
        let ledger = Ledger::open(&ledger_path(&rig)).expect("a ledger");
        let version = ledger.number("PRAGMA user_version").expect("a number");
        assert!((before..=newest).contains(&version), "from {before} to {version}");
        half_way += i32::from(version > 5 && version < newest);
        before = version;
        assert_eq!(ledger.integrity(), "ok");
        assert_eq!(ledger.number("SELECT count(*) FROM deliveries WHERE state = 'planned'"), Some(ROWS));
        let in_a_lane = "SELECT count(*) FROM deliveries WHERE lane > 1 << 32";
        assert_eq!(ledger.number(in_a_lane), (version >= 6).then_some(ROWS), "the sixth step is whole");
    }
    rig.start().await.stop();
    let ledger = Ledger::open(&ledger_path(&rig)).expect("a ledger");
    assert_eq!(ledger.number("PRAGMA user_version"), Some(newest));
    say(&format!("{kills} kills during the change of a schema, {half_way} of them left it half-way, 0 rows lost"));
}

/// Whoever imports and is killed imports again, and everybody is there once. Five thousand lines are taken in together.
#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_was_killed_is_simply_repeated() {
    const PEOPLE: i64 = 6_000;
    const TOGETHER: i64 = 5_000;
    let mut draw = Draw::new(asked_for("NUDGED_KILLS_SEED", 1));
    let rig = Rig::new().await;
    rig.write("people.jsonl", &references(&rig, PEOPLE.unsigned_abs()));
    let file = rig.path("people.jsonl");
    let args = ["people", "import", file.to_str().expect("a plain path")];
    let began = rig.clock.moment();
    rig.run_ok(&args);
    let whole = u64::try_from(rig.clock.moment().since(began).as_micros()).expect("short");
    std::fs::remove_dir_all(rig.path("state")).expect("removed");
    let mut partly = Vec::new();
    for with_daemon in [false, true, false] {
        let daemon = if with_daemon { Some(rig.start().await) } else { None };
        let mut command = rig.command(&args);
        let mut typed = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it runs");
        rig.clock.sleep(Duration::from_micros(draw.between(whole / 4, whole))).await;
        typed.kill().expect("killed");
        typed.wait().expect("gone");
        drop(daemon);
        let Some(ledger) = Ledger::open(&ledger_path(&rig)) else { continue };
        assert_eq!(ledger.integrity(), "ok");
        let people = ledger.number("SELECT count(*) FROM recipients").expect("a number");
        assert!(people % TOGETHER == 0 || people == PEOPLE, "{people} of {PEOPLE} were taken in");
        partly.push(people);
        let half =
            ledger.number("SELECT count(*) FROM recipients WHERE id NOT IN (SELECT recipient_id FROM addresses)");
        assert_eq!(half, Some(0), "nobody is there without an address");
    }
    rig.run_ok(&args);
    let ledger = Ledger::open(&ledger_path(&rig)).expect("a ledger");
    assert_eq!(ledger.number("SELECT count(*) FROM recipients"), Some(PEOPLE));
    say(&format!("imports killed with so many of {PEOPLE} people taken in: {partly:?}"));
}
