//! A million people: how long until a schedule for all of them is planned and its wave expanded, what an idle daemon costs
//! that knows them, and how soon one sends that starts with a million open rows.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use chrono_tz::{TZ_VARIANTS, Tz};
use nudged::port::clock::Clock;
use rusqlite::{Connection, OpenFlags};

use crate::common::process::{memory, processor_time};
use crate::rig::{Rig, Running};
use crate::table::{Row, Runs};

const ZONES: usize = 40;
const SCHEDULES: usize = 10_000;
const PER_FILE: usize = 100;

/// For how long an idle daemon is looked at.
const IDLE_FOR: Duration = Duration::from_mins(1);

pub(crate) async fn rows(runs: usize, people: usize) -> Vec<Row> {
    let (mut imports, mut percents, mut idle_mib) = (Runs::default(), Runs::default(), Runs::default());
    let mut rig = Rig::fast(1_000_000, Duration::ZERO).await;
    for run in 0..runs {
        if run > 0 {
            rig = Rig::fast(1_000_000, Duration::ZERO).await;
        }
        let began = rig.clock.moment();
        import(&rig, people);
        imports.push(rig.clock.moment().since(began).as_secs_f64());
        let idle = idle(&rig).await;
        percents.push(idle.processor.as_secs_f64() / IDLE_FOR.as_secs_f64() * 100.0);
        idle_mib.push(idle.mib);
    }
    let (mut expands, mut mib, mut starts) = (Runs::default(), Runs::default(), Runs::default());
    let (mut baselines, mut ratios) = (Runs::default(), Runs::default());
    // Over and over in the last ledger, so that the rows of all are open when the daemon starts.
    for run in 0..runs {
        // Within the ten minutes in which a wave is expanded at once, and late enough that nothing of it is sent here.
        let is_last = run + 1 == runs;
        let expand = expand(&rig, run, if is_last { 90 } else { 540 }, people).await;
        let baseline = raw_inserts(&rig.path(&format!("raw-{run}.db")), people, &rig);
        expands.push(expand.took.as_secs_f64());
        mib.push(expand.most_mib);
        baselines.push(baseline.as_secs_f64());
        ratios.push(expand.took.as_secs_f64() / baseline.as_secs_f64());
    }
    for _ in 0..runs {
        starts.push(start(&rig).await.as_secs_f64());
    }
    vec![
        Row {
            what: format!("import of {people} people"),
            goal: "-".into(),
            measured: imports.show(1, " s"),
            baseline: String::new(),
            ratio: String::new(),
            is_met: true,
        },
        Row {
            what: format!("plan and expand a wave of {people} in {ZONES} zones"),
            goal: "10 s".into(),
            measured: expands.show(1, " s"),
            baseline: baselines.show(1, " s of bare inserts"),
            ratio: ratios.show(1, ""),
            is_met: expands.median() <= 10.0,
        },
        Row {
            what: "memory after that, at most".into(),
            goal: "64 MiB".into(),
            measured: mib.show(0, " MiB"),
            baseline: String::new(),
            ratio: String::new(),
            is_met: mib.median() <= 64.0,
        },
        Row {
            what: format!("idle with {people} people and {SCHEDULES} schedules"),
            goal: "0.1 %, 50 MiB".into(),
            measured: format!("{}, {}", percents.show(3, " %"), idle_mib.show(0, " MiB")),
            baseline: String::new(),
            ratio: String::new(),
            is_met: percents.median() < 0.1 && idle_mib.median() <= 50.0,
        },
        Row {
            what: format!("start to first request, {} open rows", people * runs),
            goal: "2 s".into(),
            measured: starts.show(2, " s"),
            baseline: String::new(),
            ratio: String::new(),
            is_met: starts.median() <= 2.0,
        },
    ]
}

fn import(rig: &Rig, people: usize) {
    let zones: Vec<Tz> = TZ_VARIANTS.iter().copied().filter(|zone| zone.name().contains('/')).step_by(13).collect();
    // A file may have 64 MiB.
    for from in (0..people).step_by(500_000) {
        let mut csv = String::from("teams_id,name,zone,conversation_id,groups\n");
        for n in from..people.min(from + 500_000) {
            let zone = zones[n % ZONES].name();
            // A thousand teams, for the schedules that speak to one.
            writeln!(csv, "29:person-{n},Person {n},{zone},a:conversation-{n},team-{}", n % 1000).expect("written");
        }
        rig.write("people.csv", &csv);
        rig.run_ok(&["people", "import", rig.path("people.csv").to_str().expect("a plain path")]);
    }
}

struct Idle {
    processor: Duration,
    mib: f64,
}

struct Expand {
    took: Duration,
    most_mib: f64,
}

async fn idle(rig: &Rig) -> Idle {
    for file in 0..SCHEDULES / PER_FILE {
        let mut text = String::new();
        for n in 0..PER_FILE {
            let team = (file * PER_FILE + n) % 1000;
            // Every day but one, in four months' time: they are planned for, and nothing is due.
            write!(
                text,
                "[schedule.s{file}-{n}]\nto = \"group:team-{team}\"\nevery = \"day\"\nat = \"09:00\"\n\
                 from = {}\ntext = \"Hello {{{{ person.first_name }}}}\"\n",
                (rig.clock.now() + TimeDelta::days(120)).date_naive()
            )
            .expect("written");
        }
        rig.write(&schedule_file(file), &text);
    }
    let daemon = rig.start().await;
    until_quiet(&rig.clock, &daemon).await;
    let before = processor_time(daemon.id());
    rig.clock.sleep(IDLE_FOR).await;
    let idle = Idle { processor: processor_time(daemon.id()).saturating_sub(before), mib: memory(daemon.id()).now_mib };
    for file in 0..SCHEDULES / PER_FILE {
        std::fs::remove_file(rig.path(&schedule_file(file))).expect("removed");
    }
    rig.run_ok(&["reload", "--prune"]);
    daemon.stop();
    idle
}

fn schedule_file(file: usize) -> String {
    format!("schedules/file-{file:03}.toml")
}

async fn expand(rig: &Rig, run: usize, in_seconds: i64, people: usize) -> Expand {
    let daemon = rig.start().await;
    until_quiet(&rig.clock, &daemon).await;
    let name = format!("all-{run}");
    let at = rig.in_seconds(in_seconds);
    let began = rig.clock.moment();
    rig.schedule_once(&name, at, "max_people = 2000000\nlate = \"12h\"\n");
    rig.run_ok(&["reload"]);
    let ledger = ledger(rig);
    rig.until("the wave is expanded", || {
        let sql = "SELECT count(*) FROM waves w JOIN schedules s ON s.id = w.schedule_id
                   WHERE s.name = ?1 AND w.expanded_at IS NOT NULL";
        ledger.query_row(sql, [&name], |row| row.get::<_, u32>(0)).expect("a count") == 1
    })
    .await;
    let expand = Expand { took: rig.clock.moment().since(began), most_mib: memory(daemon.id()).most_mib };
    let rows = "SELECT count(*) FROM deliveries";
    let rows: u32 = ledger.query_row(rows, [], |row| row.get(0)).expect("a count");
    assert_eq!(usize::try_from(rows), Ok(people * (run + 1)));
    daemon.stop();
    expand
}

/// Waits until it has not been on a processor for a fifth of a second.
async fn until_quiet(clock: &Arc<dyn Clock>, daemon: &Running) {
    let mut before = Duration::MAX;
    while processor_time(daemon.id()) != before {
        before = processor_time(daemon.id());
        clock.sleep(Duration::from_millis(200)).await;
    }
}

fn ledger(rig: &Rig) -> Connection {
    let path = rig.path("state/nudged.db");
    Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).expect("the ledger")
}

/// From the start of the process to its first request, when all of them are due.
async fn start(rig: &Rig) -> Duration {
    let due: i64 = ledger(rig)
        .query_row("SELECT min(not_before) FROM deliveries WHERE state = 'planned'", [], |row| row.get(0))
        .expect("an instant");
    rig.until("they are due", || rig.clock.now().timestamp_micros() > due).await;
    let before = *rig.emulator.watch().borrow();
    let began = rig.clock.moment();
    let daemon = rig.start().await;
    rig.until_taken(before + 1).await;
    let took = rig.clock.moment().since(began);
    daemon.kill();
    took
}

/// The same number of rows into a table of the same columns and indexes, in one transaction and with nothing asked.
fn raw_inserts(path: &Path, people: usize, rig: &Rig) -> Duration {
    let shape = ledger(rig);
    let mut statement = shape
        .prepare("SELECT sql FROM sqlite_master WHERE tbl_name = 'deliveries' AND sql IS NOT NULL ORDER BY type DESC")
        .expect("the schema");
    let schema: Vec<String> =
        statement.query_map([], |row| row.get(0)).expect("the schema").collect::<Result<_, _>>().expect("texts");
    let conn = Connection::open(path).expect("a database");
    conn.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -16384; PRAGMA foreign_keys = OFF;",
    )
    .expect("set up");
    for sql in schema {
        conn.execute_batch(&sql).expect("made");
    }
    let began = rig.clock.moment();
    conn.execute(
        "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ?1)
         INSERT INTO deliveries (occurrence_id, recipient_id, wave_id, queue, lane, state, due_at, expire_at, planned_at, not_before)
         SELECT 1, n, 1, 'normal', 1, 'planned', 1800000000000000, 1800043200000000, 1799990000000000, 1800000000000000 FROM n",
        [i64::try_from(people).expect("a count")],
    )
    .expect("written");
    rig.clock.moment().since(began)
}
