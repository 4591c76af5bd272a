//! The ledger, looked at from outside: by triggers that see each change as it is made, and by questions at the end.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use nudged::adapter::sqlite::SqliteStore;
use nudged::domain::delivery::State;
use nudged::domain::id::DeliveryId;
use rusqlite::Connection;
use tempfile::TempDir;

use crate::sim::acts::LAG;
use crate::sim::plan::{Plan, When, root};
use crate::sim::run::Run;
use crate::sim::truth::{End, Key, Placed, Truth};

/// Every change of a delivery is written down as it is made, whoever makes it, to be judged later: that costs the least.
/// What must never be of other tables is a fault at once.
const GUARDS: &str = "
    CREATE TABLE sim_faults (what TEXT NOT NULL) STRICT;
    CREATE TABLE sim_changes (
        number INTEGER PRIMARY KEY, delivery INTEGER NOT NULL, was TEXT NOT NULL, becomes TEXT NOT NULL,
        was_in_doubt INTEGER NOT NULL, is_in_doubt INTEGER NOT NULL
    ) STRICT;
    CREATE TRIGGER sim_change BEFORE UPDATE OF state, possible_duplicate ON deliveries
    WHEN NEW.state <> OLD.state OR NEW.possible_duplicate <> OLD.possible_duplicate BEGIN
        INSERT INTO sim_changes (delivery, was, becomes, was_in_doubt, is_in_doubt)
        VALUES (OLD.id, OLD.state, NEW.state, OLD.possible_duplicate, NEW.possible_duplicate);
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

/// How one delivery changed.
struct Changed {
    number: i64,
    delivery: DeliveryId,
    was: State,
    becomes: State,
    was_in_doubt: bool,
    is_in_doubt: bool,
}

impl Changed {
    /// Whether it came out of a state that is final but for an operator who asks.
    fn is_retry(&self) -> bool {
        matches!(self.was, State::Failed | State::Unknown) && self.becomes == State::Planned
    }

    /// What no change may do.
    fn fault(&self) -> Option<String> {
        let Self { delivery, was, becomes, was_in_doubt, is_in_doubt, .. } = *self;
        let is_for_good = matches!(was, State::Sent | State::Failed | State::Unknown);
        let may_have_left = matches!(becomes, State::Planned | State::Claimed | State::Cancelled);
        let calls_it_certain = matches!(becomes, State::Failed | State::Skipped | State::Expired);
        if is_for_good && was != becomes && !self.is_retry() {
            Some(format!("{delivery} was final: {was} became {becomes}"))
        } else if was == State::Unknown && self.is_retry() && !is_in_doubt {
            Some(format!("{delivery} was unknown, and is sent again without a mark"))
        } else if was == State::Sending && may_have_left {
            Some(format!("{delivery} was sending and became {becomes}"))
        } else if becomes == State::Sending && was != State::Claimed && was != becomes {
            Some(format!("{delivery} is sending and was {was}"))
        } else if was_in_doubt && (!is_in_doubt || calls_it_certain) {
            Some(format!("{delivery} was in doubt and became {becomes}"))
        } else {
            None
        }
    }
}

/// The changes after the first `up_to`.
fn changes(ledger: &Connection, up_to: i64) -> Vec<Changed> {
    const LATER: &str = "
        SELECT number, delivery, was, becomes, was_in_doubt, is_in_doubt FROM sim_changes WHERE number > ?1";
    let mut statement = ledger.prepare(LATER).expect("the guards");
    let changes = statement.query_map([up_to], |row| {
        let state = |column| row.get(column).map(|word: String| State::parse(&word).expect("a state"));
        Ok(Changed {
            number: row.get(0)?,
            delivery: DeliveryId(row.get(1)?),
            was: state(2)?,
            becomes: state(3)?,
            was_in_doubt: row.get(4)?,
            is_in_doubt: row.get(5)?,
        })
    });
    changes.expect("changes").collect::<Result<_, _>>().expect("changes")
}

/// Which deliveries came out of a final state after the first `up_to` changes, and how many changes there are by now.
pub(crate) fn retried(ledger: &Path, up_to: i64) -> (i64, Vec<DeliveryId>) {
    let ledger = Connection::open(ledger).expect("the ledger");
    let changes = changes(&ledger, up_to);
    let retried = changes.iter().filter(|change| change.is_retry()).map(|change| change.delivery);
    (changes.last().map_or(up_to, |last| last.number), retried.collect())
}

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
    /// Whether the ledger knows it for a test.
    is_test: bool,
}

/// What must be true when everything that was due has come to its end.
/// Returns how many deliveries there are in each state.
pub(crate) fn at_the_end(run: &Run) -> BTreeMap<String, u64> {
    let ledger = Connection::open(run.ledger()).expect("the ledger");
    let mut wrong = faults(&ledger);
    let (_, by_themselves) = retried(run.ledger(), run.truth().retried_up_to);
    wrong.extend(by_themselves.iter().map(|delivery| format!("P1: {delivery} is sent again, and nobody asked for it")));
    let rows = rows(&ledger, &mut wrong);
    wrong.extend(unfinished(run, &rows));
    wrong.extend(untrue(run, &rows));
    wrong.extend(vanished(run, &rows));
    wrong.extend(untested(run, &rows));
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
    let faults: Vec<String> = faults.collect::<Result<_, _>>().expect("words");
    faults.into_iter().chain(changes(ledger, 0).iter().filter_map(Changed::fault)).collect()
}

/// All deliveries. A schedule has one for each key, whatever it was called in between.
fn rows(ledger: &Connection, wrong: &mut Vec<String>) -> BTreeMap<Key, Row> {
    const ALL: &str = "
        SELECT s.name, o.civil, r.name, d.state, d.possible_duplicate,
            max(d.expire_at, coalesce(d.open_until, d.expire_at)), o.cause = 'test'
        FROM deliveries d JOIN occurrences o ON o.id = d.occurrence_id JOIN schedules s ON s.id = o.schedule_id
            JOIN recipients r ON r.id = d.recipient_id";
    let mut statement = ledger.prepare(ALL).expect("the tables");
    let found = statement.query_map([], |row| {
        let (name, civil): (String, String) = (row.get(0)?, row.get(1)?);
        let occurrence: NaiveDateTime = civil.parse().expect("a civil time");
        let expire_at = DateTime::from_timestamp_micros(row.get(5)?).expect("an instant");
        let found = Row { state: row.get(3)?, possible_duplicate: row.get(4)?, expire_at, is_test: row.get(6)? };
        Ok(((root(&name).to_owned(), occurrence, row.get(2)?), found))
    });
    let mut rows = BTreeMap::new();
    for (key, row) in found.expect("rows").map(|row| row.expect("a row")) {
        if rows.insert(key.clone(), row).is_some() {
            wrong.push(format!("P1: two deliveries for {key:?}"));
        }
    }
    rows
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
    let (truth, now) = (run.truth(), run.wall());
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
            // In doubt, and tried again at a later hour: an operator asked for it, and its recipient has moved west.
            "planned" | "waiting" => row.possible_duplicate && row.expire_at >= now,
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
    // Also where nothing goes wrong the last daemon but one is killed, perhaps in the middle of a request.
    let doubted = truth.doubted();
    let mut wrong = Vec::new();
    for plan in run.world.plans.iter().filter(|plan| plan.is_plain && !truth.held.contains_key(&plan.name)) {
        let occurrences =
            if plan.when == When::Event { events(&truth, plan, rows) } else { plan.occurrences(begins, now) };
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
                        if person.is_plain
                            && run.mood.is_calm()
                            && row.state != "sent"
                            && !doubted.contains(&key)
                            && plan.quiet.is_none()
                            && is_served(plan, occurrence, &zones, truth.unplaced.get(&person.name).copied()) =>
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

/// The occurrences that events made.
fn events(truth: &Truth, plan: &Plan, rows: &BTreeMap<Key, Row>) -> Vec<NaiveDateTime> {
    let of_plan = rows.keys().filter(|key| key.0 == plan.name && !truth.tests.mean(key));
    of_plan.map(|key| key.1).collect::<BTreeSet<_>>().into_iter().collect()
}

/// Whether who lived in these zones, the first of them until `placed` says otherwise, must have got an occurrence where nothing
/// went wrong. Whoever moved may have missed one of two that were due together.
fn is_served(plan: &Plan, occurrence: NaiveDateTime, zones: &[Tz], placed: Option<Placed>) -> bool {
    let placed_at = match placed.filter(|_| plan.zone.is_none()) {
        None => return true,
        Some(Placed::NotYet) => return !plan.holds_for_zone,
        Some(Placed::At(at)) => at,
    };
    if !plan.keeps_all && plan.when != When::Event {
        return false;
    }
    let margin = TimeDelta::from_std(LAG).expect("a short time");
    let ends = |zone: &Tz| plan.due(occurrence, *zone).map(|due| plan.over(due));
    let is_in_time = |zone: Option<&Tz>| zone.and_then(ends).is_some_and(|over| placed_at + margin < over);
    let was_sent = || ends(&zones[0]).is_some_and(|over| over + margin < placed_at);
    is_in_time(zones.last()) && (!plan.holds_for_zone || is_in_time(zones.first()))
        || !plan.holds_for_zone && was_sent()
}

/// What was asked for as a test is there as one, for that one person; and nothing else is a test.
fn untested(run: &Run, rows: &BTreeMap<Key, Row>) -> Vec<String> {
    let truth = run.truth();
    let odd = rows.iter().filter_map(|(key, row)| truth.tests.look(key, row.is_test));
    let missing = truth.tests.keys().filter(|key| !rows.contains_key(key));
    odd.chain(missing.map(|key| format!("P2: nobody accounts for the test {key:?}"))).collect()
}

/// Whether an occurrence began and ended within the run, wherever its recipient lived.
fn is_certain(plan: &Plan, occurrence: NaiveDateTime, zones: &[Tz], begins: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    let margin = TimeDelta::minutes(1);
    zones.iter().all(|zone| {
        plan.due(occurrence, *zone).is_some_and(|due| due > begins + margin && plan.over(due) + margin < now)
    })
}
