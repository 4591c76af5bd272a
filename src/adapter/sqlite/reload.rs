//! Schedules come into force, all or nothing, and what that changes is told from the ledger before and after.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use rusqlite::Connection;

use super::catalog;
use super::fault::Fault;
use super::people;
use super::plan;
use super::realign;
use super::tally::{Counter, Tally};
use crate::domain::id::ScheduleName;
use crate::domain::schedule::model::Schedule;
use crate::domain::shift::shift;
use crate::port::reload::{Change, PastIn, Reload, ReloadManner, ScheduleChange};
use crate::port::store::PlanMark;

/// So many schedules are planned and their plans recorded together: ten thousand at once would fill the memory.
const BATCH: usize = 500;

pub(super) fn reload(conn: &Connection, reload: &Reload) -> Result<Vec<ScheduleChange>, Fault> {
    match reload.manner {
        ReloadManner::Uncounted | ReloadManner::Counted => put_into_force(conn, reload),
        ReloadManner::DryRun => {
            conn.prepare_cached("SAVEPOINT dry_run")?.execute([])?;
            let changes = put_into_force(conn, reload)?;
            conn.prepare_cached("ROLLBACK TO dry_run")?.execute([])?;
            conn.prepare_cached("RELEASE dry_run")?.execute([])?;
            Ok(changes)
        }
    }
}

/// A schedule for which something changes.
struct Difference<'a> {
    name: String,
    /// `None` of one that is new to the ledger.
    id: Option<i64>,
    change: Change,
    file: String,
    /// `None` of one that is removed.
    schedule: Option<&'a Arc<Schedule>>,
}

fn put_into_force(conn: &Connection, reload: &Reload) -> Result<Vec<ScheduleChange>, Fault> {
    for name in &reload.forget {
        catalog::forget_document(conn, name)?;
    }
    for document in &reload.keep {
        catalog::keep_document(conn, document)?;
    }
    let mut renamed = catalog::rename(conn, &reload.schedules)?;
    let differences = differences(conn, &reload.schedules, &renamed)?;
    let mut counter = match reload.manner {
        ReloadManner::Uncounted => None,
        ReloadManner::Counted | ReloadManner::DryRun => Some(Counter::new(reload.now)),
    };
    let before = tallies(conn, &differences, counter.as_mut())?;

    catalog::sync_schedules(conn, &reload.schedules, reload.fallback_zone, reload.now)?;
    for known in differences.iter().filter_map(|difference| difference.id) {
        realign::after_edit(conn, known, reload.now)?;
    }
    plan_anew(conn, reload, &differences)?;

    if let Some(counter) = &mut counter {
        counter.forget();
    }
    let after = tallies(conn, &differences, counter.as_mut())?;
    let told = differences.into_iter().zip(before.iter().zip(&after));
    Ok(told
        .map(|(difference, (before, after))| {
            let renamed_from = renamed.remove(&difference.name);
            tell(difference, renamed_from, before, after)
        })
        .collect())
}

const KNOWN: &str = "SELECT id, name, revision, origin, missing_since IS NOT NULL FROM schedules ORDER BY name";

struct Known {
    id: i64,
    revision: String,
    origin: String,
    is_missing: bool,
}

/// What differs between the ledger and what is to come into force, in the order of the names.
fn differences<'a>(
    conn: &Connection,
    schedules: &'a [Arc<Schedule>],
    renamed: &BTreeMap<String, String>,
) -> Result<Vec<Difference<'a>>, Fault> {
    let mut statement = conn.prepare_cached(KNOWN)?;
    let known = statement.query_map([], |row| {
        let known = Known { id: row.get(0)?, revision: row.get(2)?, origin: row.get(3)?, is_missing: row.get(4)? };
        Ok((row.get::<_, String>(1)?, known))
    })?;
    let mut known: BTreeMap<String, Known> = known.collect::<Result<_, _>>()?;
    let mut differences = Vec::new();
    for schedule in schedules {
        let name = schedule.name.to_string();
        let before = known.remove(&name);
        let change = match &before {
            None => Change::Added,
            Some(_) if renamed.contains_key(&name) => Change::Renamed,
            Some(before) if before.is_missing => Change::Returned,
            Some(before) if before.revision != schedule.revision.0 => Change::Changed,
            Some(_) => continue,
        };
        let (id, file) = (before.map(|before| before.id), schedule.origin.file.to_string());
        differences.push(Difference { name, id, change, file, schedule: Some(schedule) });
    }
    for (name, gone) in known.into_iter().filter(|(_, known)| !known.is_missing) {
        let (id, file) = (Some(gone.id), gone.origin);
        differences.push(Difference { name, id, change: Change::Removed, file, schedule: None });
    }
    differences.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(differences)
}

/// What is open of each: nothing of what is new, and nothing where nobody asks.
fn tallies(
    conn: &Connection,
    differences: &[Difference<'_>],
    counter: Option<&mut Counter>,
) -> Result<Vec<Tally>, Fault> {
    let Some(counter) = counter else {
        return Ok(differences.iter().map(|_| Tally::default()).collect());
    };
    let tally = |difference: &Difference<'_>| match (difference.id, difference.schedule) {
        (Some(id), _) => counter.tally(conn, id),
        (None, Some(schedule)) => match catalog::find_schedule(conn, schedule.name.as_str())? {
            Some(id) => counter.tally(conn, id),
            None => Ok(Tally::default()),
        },
        (None, None) => Ok(Tally::default()),
    };
    differences.iter().map(tally).collect()
}

/// Plans what comes into force, from what the ledger says by now.
fn plan_anew(conn: &Connection, reload: &Reload, differences: &[Difference<'_>]) -> Result<(), Fault> {
    let wanted: Vec<&Arc<Schedule>> = differences.iter().filter_map(|difference| difference.schedule).collect();
    if wanted.is_empty() {
        return Ok(());
    }
    let zones = people::zones(conn)?;
    let marks = plan::plan_marks(conn)?;
    let mut marks: HashMap<ScheduleName, PlanMark> =
        marks.into_iter().map(|mark| (mark.schedule.clone(), mark)).collect();
    for batch in wanted.chunks(BATCH) {
        let batch: Vec<_> = batch.iter().map(|schedule| (Arc::clone(schedule), marks.remove(&schedule.name))).collect();
        plan::record_plans(conn, &reload.planning.plans(&batch, &zones), reload.now)?;
    }
    Ok(())
}

fn tell(difference: Difference<'_>, renamed_from: Option<String>, before: &Tally, after: &Tally) -> ScheduleChange {
    let Difference { name, change, file, .. } = difference;
    let nothing = ScheduleChange {
        schedule: name,
        change,
        file,
        renamed_from,
        moved: Vec::new(),
        added: 0,
        cancelled: 0,
        past: Vec::new(),
    };
    match change {
        // It stands there until its grace is over.
        Change::Removed => ScheduleChange { cancelled: before.planned.people() + before.of_events, ..nothing },
        // What was held is sent again.
        Change::Returned => {
            ScheduleChange { added: after.planned.people() + after.of_events, past: past(None, after), ..nothing }
        }
        Change::Added | Change::Changed | Change::Renamed => {
            let shift = shift(&before.planned, &after.planned);
            ScheduleChange {
                moved: shift.moved,
                added: shift.added,
                cancelled: shift.cancelled,
                past: past(Some(before), after),
                ..nothing
            }
        }
    }
}

/// For whom it is too late, and was not before.
fn past(before: Option<&Tally>, after: &Tally) -> Vec<PastIn> {
    let was = |zone| before.and_then(|before| before.past.iter().find(|(it, _)| *it == zone));
    let more = after.past.iter().map(|(zone, people)| {
        let was = was(*zone).map_or(0, |(_, people)| *people);
        PastIn { zone: *zone, people: people.saturating_sub(was) }
    });
    more.filter(|past| past.people > 0).collect()
}
