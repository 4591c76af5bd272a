//! The ledger, looked at from outside: by triggers that see each change as it is made, and by questions at the end.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use chrono::{DateTime, NaiveDateTime, Utc};
use chrono_tz::Tz;
use nudged::adapter::sqlite::SqliteStore;
use rusqlite::Connection;
use tempfile::TempDir;

use crate::sim::plan::Plan;
use crate::sim::run::Run;
use crate::sim::truth::{End, Key};

/// What no change of the ledger may do, whoever makes it.
const GUARDS: &str = "
    CREATE TABLE sim_faults (what TEXT NOT NULL) STRICT;
    CREATE TRIGGER sim_final BEFORE UPDATE OF state ON deliveries
    WHEN OLD.state IN ('sent', 'failed', 'unknown') AND NEW.state <> OLD.state BEGIN
        INSERT INTO sim_faults VALUES ('delivery ' || OLD.id || ' was final: ' || OLD.state || ' became ' || NEW.state);
    END;
    CREATE TRIGGER sim_sending BEFORE UPDATE OF state ON deliveries
    WHEN OLD.state = 'sending' AND NEW.state IN ('planned', 'claimed', 'cancelled') BEGIN
        INSERT INTO sim_faults VALUES ('delivery ' || OLD.id || ' was sending and became ' || NEW.state);
    END;
    CREATE TRIGGER sim_leaves BEFORE UPDATE OF state ON deliveries
    WHEN NEW.state = 'sending' AND OLD.state <> 'claimed' BEGIN
        INSERT INTO sim_faults VALUES ('delivery ' || OLD.id || ' is sending and was ' || OLD.state);
    END;
    CREATE TRIGGER sim_doubt BEFORE UPDATE ON deliveries
    WHEN OLD.possible_duplicate = 1
        AND (NEW.possible_duplicate = 0 OR NEW.state IN ('failed', 'skipped', 'expired')) BEGIN
        INSERT INTO sim_faults VALUES ('delivery ' || OLD.id || ' was in doubt and became ' || NEW.state);
    END;
    CREATE TRIGGER sim_gone BEFORE DELETE ON deliveries BEGIN
        INSERT INTO sim_faults VALUES ('delivery ' || OLD.id || ' vanished');
    END;
    CREATE TRIGGER sim_mark BEFORE UPDATE OF planned_until ON plan_marks
    WHEN NEW.planned_until < OLD.planned_until BEGIN
        INSERT INTO sim_faults VALUES ('the mark of schedule ' || OLD.schedule_id || ' went back');
    END;
    CREATE TRIGGER sim_term BEFORE UPDATE OF term ON daemon WHEN NEW.term <> OLD.term + 1 BEGIN
        INSERT INTO sim_faults VALUES ('term ' || OLD.term || ' became ' || NEW.term);
    END;";

/// In memory, where there is such a place.
pub(crate) fn new_folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() }.expect("a folder")
}

/// An empty ledger with its guards, made once.
static EMPTY: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let folder = new_folder();
    let path = folder.path().join("ledger.db");
    drop(SqliteStore::open(&path).expect("a ledger"));
    let guarded = Connection::open(&path).expect("the ledger");
    guarded.execute_batch(GUARDS).expect("guards");
    guarded.close().expect("a tidy end");
    std::fs::read(&path).expect("the file")
});

/// An empty ledger.
pub(crate) fn new_ledger(folder: &Path) -> PathBuf {
    let path = folder.join("ledger.db");
    std::fs::write(&path, &*EMPTY).expect("room");
    path
}

/// One row of the ledger.
struct Row {
    state: String,
    possible_duplicate: bool,
    expire_at: DateTime<Utc>,
}

/// What must be true when everything that was due has come to its end.
/// Returns how many deliveries there are in each state.
pub(crate) fn at_the_end(run: &Run) -> BTreeMap<String, u64> {
    let ledger = Connection::open(run.ledger()).expect("the ledger");
    let mut wrong = faults(&ledger);
    let rows = rows(&ledger);
    wrong.extend(unfinished(run, &rows));
    wrong.extend(untrue(run, &rows));
    wrong.extend(vanished(run, &rows));
    let at = run.around.time.mono();
    for what in wrong {
        run.truth().violation(at, what);
    }
    let mut states = BTreeMap::new();
    for row in rows.into_values() {
        *states.entry(row.state).or_default() += 1;
    }
    states
}

fn faults(ledger: &Connection) -> Vec<String> {
    let mut statement = ledger.prepare("SELECT what FROM sim_faults").expect("the guards");
    let faults = statement.query_map([], |row| row.get(0)).expect("faults");
    faults.collect::<Result<_, _>>().expect("words")
}

fn rows(ledger: &Connection) -> BTreeMap<Key, Row> {
    const ALL: &str = "
        SELECT s.name, o.civil, r.name, d.state, d.possible_duplicate, d.expire_at
        FROM deliveries d JOIN occurrences o ON o.id = d.occurrence_id JOIN schedules s ON s.id = o.schedule_id
            JOIN recipients r ON r.id = d.recipient_id";
    let mut statement = ledger.prepare(ALL).expect("the tables");
    let rows = statement.query_map([], |row| {
        let civil: String = row.get(1)?;
        let occurrence: NaiveDateTime = civil.parse().expect("a civil time");
        let expire_at = DateTime::from_timestamp_micros(row.get(5)?).expect("an instant");
        let found = Row { state: row.get(3)?, possible_duplicate: row.get(4)?, expire_at };
        Ok(((row.get(0)?, occurrence, row.get(2)?), found))
    });
    rows.expect("rows").collect::<Result<_, _>>().expect("rows")
}

/// P2: what is over is in a final state.
fn unfinished(run: &Run, rows: &BTreeMap<Key, Row>) -> Vec<String> {
    let now = run.wall();
    let is_open = |row: &Row| ["planned", "claimed", "sending", "waiting"].contains(&row.state.as_str());
    let open = rows.iter().filter(|(_, row)| is_open(row) && row.expire_at < now);
    open.map(|(key, row)| format!("P2: over since {} and still {}: {key:?}", row.expire_at, row.state)).collect()
}

/// P1, P3: what the ledger says is what has happened.
fn untrue(run: &Run, rows: &BTreeMap<Key, Row>) -> Vec<String> {
    let truth = run.truth();
    let (arrivals, doubted) = (truth.arrivals(), truth.doubted());
    let delivered: BTreeSet<&Key> =
        truth.sent.iter().filter(|sent| sent.end == End::Delivered).map(|sent| &sent.key).collect();
    let mut wrong = Vec::new();
    for (key, copies) in &arrivals {
        let Some(row) = rows.get(*key) else {
            wrong.push(format!("P2: it arrived, and the ledger does not know it: {key:?}"));
            continue;
        };
        let is_said = match row.state.as_str() {
            "sent" | "unknown" => true,
            // A recall takes back what may have arrived, too.
            "cancelled" => doubted.contains(key),
            _ => false,
        };
        if !is_said {
            wrong.push(format!("P3: it arrived, and the ledger calls it {}: {key:?}", row.state));
        }
        if *copies > 1 && !row.possible_duplicate {
            wrong.push(format!("P3: {copies} copies arrived, and no mark says so: {key:?}"));
        }
    }
    for (key, row) in rows {
        if row.state == "sent" && !delivered.contains(key) {
            wrong.push(format!("P3: called sent, and nobody said so: {key:?}"));
        }
        if row.state == "unknown" && !doubted.contains(key) {
            wrong.push(format!("P3: called unknown, and there was no doubt: {key:?}"));
        }
    }
    wrong
}

/// P2, P4: what must have come of schedules that nobody touched, by the oracle's own reckoning.
fn vanished(run: &Run, rows: &BTreeMap<Key, Row>) -> Vec<String> {
    let (begins, now) = (run.world.begins_at, run.wall());
    let truth = run.truth();
    let mut wrong = Vec::new();
    for plan in run.world.plans.iter().filter(|plan| plan.is_plain && !truth.held.contains_key(&plan.name)) {
        let occurrences = plan.occurrences(begins, now);
        for person in run.world.people.iter().filter(|person| plan.is_for(person)) {
            let zones: Vec<Tz> = truth.zones[&person.name].iter().map(|span| span.value).collect();
            for &occurrence in &occurrences {
                if !is_certain(plan, occurrence, &zones, begins, now) {
                    continue;
                }
                let key = (plan.name.clone(), occurrence, person.name.clone());
                match rows.get(&key) {
                    None => wrong.push(format!("P2: nobody accounts for {key:?}")),
                    Some(row)
                        if person.is_plain && run.mood.is_calm() && row.state != "sent" && plan.quiet.is_none() =>
                    {
                        wrong.push(format!("P2: nothing went wrong, and it is {}: {key:?}", row.state));
                    }
                    Some(_) => {}
                }
            }
        }
    }
    wrong
}

/// Whether an occurrence began and ended within the run, wherever its recipient lived.
fn is_certain(plan: &Plan, occurrence: NaiveDateTime, zones: &[Tz], begins: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    let margin = chrono::TimeDelta::minutes(1);
    zones.iter().all(|zone| {
        plan.due(occurrence, *zone).is_some_and(|due| due > begins + margin && plan.over(due) + margin < now)
    })
}
