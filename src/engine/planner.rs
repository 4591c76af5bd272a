//! Schedules → waves, over a rolling horizon.
//!
//! A pass is idempotent and reads its own durable mark, so it may run at any time, twice, or late: at start, on every
//! beat, after an import, after the wall clock was stepped. Most passes find nothing to do.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;

use crate::domain::plan::{Window, count_between, meant, plan};
use crate::domain::schedule::model::Schedule;
use crate::domain::schedule::when::WhoseClock;
use crate::engine::catalog::{Catalog, CatalogCell};
use crate::engine::cores;
use crate::engine::health::Health;
use crate::port::clock::Clock;
use crate::port::reload::Planning;
use crate::port::store::{PlanChange, PlanMark, Retired, SchedulePlan, Store, StoreError};
use crate::port::zones::ZoneDatabase;

/// How far ahead waves are planned.
pub const HORIZON: TimeDelta = TimeDelta::hours(48);

/// How far the horizon may have come nearer before it is pushed out again. A pass in between has nothing to do.
const SLACK: TimeDelta = TimeDelta::hours(1);

/// For how long a schedule may be missing before what is open of it is cancelled: an editor's rename or a checkout is
/// no deletion.
pub const MISSING_GRACE: TimeDelta = TimeDelta::minutes(10);

/// For how long after they were over occurrences are accounted for person by person. A daemon that was away for longer
/// says once for each schedule how many there were before that: rows of which nobody could have got anything would fill
/// the ledger, a quarter-hourly schedule for a thousand people nearly a million of them in a week.
const ACCOUNTED_FOR: TimeDelta = TimeDelta::hours(48);

/// How many schedules are planned, and their plans stored, together.
const BATCH: usize = 500;

/// Plans.
pub struct Planner {
    pub store: Arc<dyn Store>,
    pub clock: Arc<dyn Clock>,
    pub zones: Arc<dyn ZoneDatabase>,
    pub catalog: Arc<CatalogCell>,
    pub health: Arc<Health>,
    pub last: LastPass,
}

/// What was planned by the last pass. One comes each minute, and as long as it would be made of the same, ten thousand
/// schedules need not be looked at to find that nothing is to do.
#[derive(Default)]
pub struct LastPass {
    /// When a daemon before this one was last seen.
    before: Option<DateTime<Utc>>,
    planned: Mutex<Option<Planned>>,
}

struct Planned {
    at: DateTime<Utc>,
    catalog: Weak<Catalog>,
    people_zones: Vec<Tz>,
    zone_data: Arc<str>,
    /// Every schedule is planned at least up to here.
    until: DateTime<Utc>,
}

impl LastPass {
    /// Before the first pass of a daemon: when another one was last seen, if there was any.
    #[must_use]
    pub fn of_another(seen_at: Option<DateTime<Utc>>) -> Self {
        Self { before: seen_at, planned: Mutex::default() }
    }

    /// Since when zones may have come for which nothing is planned.
    fn at(&self) -> Option<DateTime<Utc>> {
        self.lock().as_ref().map(|planned| planned.at).or(self.before)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Planned>> {
        self.planned.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a pass at `now` would find nothing to do. If so, it has been one.
    fn covers(&self, catalog: &Arc<Catalog>, people_zones: &[Tz], zone_data: &str, now: DateTime<Utc>) -> bool {
        self.lock().as_mut().is_some_and(|planned| {
            let is_the_same = planned.catalog.as_ptr() == Arc::as_ptr(catalog)
                && planned.people_zones == people_zones
                && &*planned.zone_data == zone_data
                && planned.until >= now + HORIZON - SLACK
                && !is_beyond(planned.until, now);
            if is_the_same {
                planned.at = now;
            }
            is_the_same
        })
    }

    fn keep(&self, planned: Planned) {
        *self.lock() = Some(planned);
    }
}

impl Planner {
    /// One pass over all schedules.
    pub async fn pass(&self) -> Result<PlanChange, StoreError> {
        let _turn = self.catalog.turn().await;
        let now = self.clock.now();
        let retired = self.store.retire_missing(now - MISSING_GRACE, now).await?;
        if retired != Retired::default() {
            let Retired { schedules, waves, deliveries } = retired;
            tracing::info!(
                schedules,
                waves,
                deliveries,
                "removed schedules are over; what was open of them is cancelled"
            );
        }
        if let Some(refreshed) = self.zones.refresh() {
            tracing::warn!(
                before = &*refreshed.before,
                now = &*refreshed.now,
                "newer time-zone data; what is open is planned anew"
            );
        }
        let long_over = now - ACCOUNTED_FOR;
        let abandoned = self.store.abandon(long_over).await?;
        let mut passed_over: HashMap<_, _> =
            abandoned.into_iter().map(|abandoned| (abandoned.schedule, abandoned.occurrences)).collect();
        let people_zones = self.store.zones().await?;
        let catalog = self.catalog.current();
        let zone_data = self.zones.version();
        if passed_over.is_empty() && self.last.covers(&catalog, &people_zones, &zone_data, now) {
            self.health.planner_passed();
            return Ok(PlanChange::default());
        }
        let marks = self.store.plan_marks().await?;
        let marks: HashMap<_, _> = marks.into_iter().map(|mark| (mark.schedule.clone(), mark)).collect();
        let mut total = PlanChange::default();
        let mut planned_until = DateTime::<Utc>::MAX_UTC;
        let schedules: Vec<&Arc<Schedule>> = catalog.schedules.values().collect();
        let is_beyond = |schedule: &&&Arc<Schedule>| {
            marks.get(&schedule.name).is_some_and(|mark| is_beyond(mark.planned_until, now))
        };
        let beyond = schedules.iter().filter(is_beyond).count();
        if beyond > 0 {
            tracing::warn!(
                schedules = beyond, %now,
                "the wall clock was days ahead when these were planned; they are planned anew from now on"
            );
        }
        let maker = PlanMaker { zones: Arc::clone(&self.zones), zones_since: self.last.at(), now };
        for batch in schedules.chunks(BATCH) {
            let plan = |schedule: &&Arc<Schedule>| maker.plan(schedule, marks.get(&schedule.name), &people_zones);
            let plans = cores::map(batch, plan);
            for (schedule, planned) in batch.iter().zip(&plans) {
                let until = match planned {
                    Some(planned) => Some(planned.planned_until),
                    None => marks.get(&schedule.name).map(|mark| mark.planned_until),
                };
                planned_until = planned_until.min(until.unwrap_or(DateTime::<Utc>::MIN_UTC));
            }
            for (schedule, _) in batch.iter().zip(&plans).filter(|(_, planned)| planned.is_some()) {
                let Some(mark) = marks.get(&schedule.name) else { continue };
                let accounted_from = earliest_due(schedule, now);
                if mark.planned_until < accounted_from {
                    let missed = count_between(schedule, self.zones.as_ref(), mark.planned_until, accounted_from);
                    *passed_over.entry(mark.schedule.clone()).or_default() += missed as u64;
                }
            }
            let plans: Vec<SchedulePlan> = plans.into_iter().flatten().collect();
            if !plans.is_empty() {
                add(&mut total, self.store.record_plans(plans, now).await?);
            }
        }
        for (schedule, occurrences) in passed_over.into_iter().filter(|(_, occurrences)| *occurrences > 0) {
            tracing::warn!(
                %schedule, occurrences, over_before = %long_over,
                "nudged was away for so long that these are not accounted for person by person; nobody got them"
            );
        }
        if total != PlanChange::default() {
            tracing::info!(
                added = total.added_waves,
                moved = total.moved_waves,
                withdrawn = total.withdrawn_waves,
                cancelled = total.cancelled_deliveries,
                "waves planned"
            );
        }
        let catalog = Arc::downgrade(&catalog);
        self.last.keep(Planned { at: now, catalog, people_zones, zone_data, until: planned_until });
        self.health.planner_passed();
        Ok(total)
    }
}

/// Makes plans, and keeps none: what the planner and a reload have in common.
pub struct PlanMaker {
    pub zones: Arc<dyn ZoneDatabase>,
    /// Since when people may have come in zones for which nothing is planned, where that is not only now.
    pub zones_since: Option<DateTime<Utc>>,
    pub now: DateTime<Utc>,
}

impl Planning for PlanMaker {
    fn plans(&self, schedules: &[(Arc<Schedule>, Option<PlanMark>)], zones: &[Tz]) -> Vec<SchedulePlan> {
        let plan = |(schedule, mark): &(Arc<Schedule>, Option<PlanMark>)| self.plan(schedule, mark.as_ref(), zones);
        cores::map(schedules, plan).into_iter().flatten().collect()
    }
}

impl PlanMaker {
    /// What is to be planned of one schedule, if anything.
    fn plan(&self, schedule: &Arc<Schedule>, mark: Option<&PlanMark>, people_zones: &[Tz]) -> Option<SchedulePlan> {
        let now = self.now;
        let signature = signature(schedule, people_zones, &self.zones.version());
        let until = now + HORIZON;
        let is_same = mark.is_some_and(|mark| mark.signature == signature);
        let (window, planned_until) = match mark.filter(|mark| !is_beyond(mark.planned_until, now)) {
            Some(mark) if is_same && mark.planned_until >= until - SLACK => return None,
            Some(mark) if is_same => {
                (Window::Onward { after: mark.planned_until.max(earliest_due(schedule, now)), until }, until)
            }
            mark => {
                // The mark does not go back with the wall clock. And what fell due after it, or in zones that are new,
                // while nobody planned, is accounted for although it may be over everywhere.
                let until = mark.map_or(until, |mark| mark.planned_until.max(until));
                let planned_until = mark.map_or(now, |mark| mark.planned_until);
                let zones_since = mark.filter(|mark| differs_in_zones_alone(&mark.signature, &signature));
                let zones_since = zones_since.and(self.zones_since).unwrap_or(now);
                let since = planned_until.min(zones_since).clamp(now - ACCOUNTED_FOR, now);
                (Window::Open { now: since, until }, until)
            }
        };
        Some(SchedulePlan {
            schedule: schedule.name.clone(),
            signature,
            planned_until,
            replaces: (!is_same).then(|| meant(schedule, self.zones.as_ref(), window)),
            waves: plan(schedule, people_zones, self.zones.as_ref(), window),
        })
    }
}

/// Whether only a clock that was days ahead can have planned up to `until`. What it passed over as long gone stands in no
/// plan, see [`earliest_due`], and is still to come: what it says of how far is planned is not true.
fn is_beyond(until: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    until > now + HORIZON + ACCOUNTED_FOR
}

/// What fell due before this was over more than [`ACCOUNTED_FOR`] ago.
fn earliest_due(schedule: &Schedule, now: DateTime<Utc>) -> DateTime<Utc> {
    (now - ACCOUNTED_FOR).checked_sub_signed(schedule.policies.open_for()).unwrap_or(DateTime::<Utc>::MIN_UTC)
}

/// What a plan is made from. Another release may hash otherwise; then everything open is planned once more, which
/// changes nothing.
fn signature(schedule: &Schedule, people_zones: &[Tz], data_version: &str) -> String {
    let mut zones = DefaultHasher::new();
    match schedule.when.clock {
        WhoseClock::Recipient => people_zones.hash(&mut zones),
        WhoseClock::Zone(zone) => zone.hash(&mut zones),
    }
    format!("{} {data_version} {:016x}", schedule.revision, zones.finish())
}

/// Whether the same schedule was planned with the same data, for people in other zones.
fn differs_in_zones_alone(one: &str, other: &str) -> bool {
    let all_else = |signature: &str| signature.rsplit_once(' ').map(|(all_else, _)| all_else.to_owned());
    one != other && all_else(one) == all_else(other)
}

fn add(total: &mut PlanChange, more: PlanChange) {
    total.added_waves += more.added_waves;
    total.moved_waves += more.moved_waves;
    total.withdrawn_waves += more.withdrawn_waves;
    total.cancelled_deliveries += more.cancelled_deliveries;
}
