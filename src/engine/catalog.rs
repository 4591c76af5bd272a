//! The schedules in force, and the files that are held back.
//!
//! A file is accepted or refused whole. Of a refused one the last good version goes on, which the store keeps, so that
//! it outlives a restart too: a reminder must not fall silent because of a typing mistake elsewhere in its file.
//! `assemble` decides what comes into force; the store brings it into force in one act; then everybody sees it. All that
//! can fail has happened by then.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use tokio::sync::{Mutex, MutexGuard};

use crate::domain::id::ScheduleName;
use crate::domain::problem::Source;
use crate::domain::schedule::model::Schedule;
use crate::domain::schedule::parse;
use crate::domain::supplies::Supplies;
use crate::engine::planner::{MISSING_GRACE, PlanMaker};
use crate::port::clock::Clock;
use crate::port::desk::HeldBackFile;
use crate::port::library::{Library, Shelf};
use crate::port::reload::{Change, Guard, Reload, ReloadManner, ReloadRequest, ReloadVerdict, ScheduleChange};
use crate::port::store::{Document, Store, StoreError};
use crate::port::vitals::Reloads;
use crate::port::zones::ZoneDatabase;

// (files, last good versions) → what comes into force.
mod assemble;
// Files and schedules that go all at once.
mod guard;
// The supplies, as they are and as they were.
mod pantry;

use assemble::{Assembled, assemble};

/// The names under which the store keeps the last good version of each file.
pub const LAST_GOOD: &str = "file:";
/// The names under which the store keeps the last good version of each supply, by its path.
pub const LAST_GOOD_SUPPLY: &str = "supply:";
/// The names under which the store keeps schedules that `nudged send` made.
pub const SENDS: &str = "send:";

/// The schedules in force, and the files that are held back.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    pub schedules: BTreeMap<ScheduleName, Arc<Schedule>>,
    pub held_back: Vec<HeldBackFile>,
    /// Schedules that go on although their files are gone, until somebody says that it is meant.
    pub guard: Option<Guard>,
}

impl Catalog {
    /// The names of the schedules in force.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.schedules.keys().map(ScheduleName::as_str)
    }

    /// How many schedules files have. What `nudged send` made is one as well until it is over, and not what is meant by that.
    #[must_use]
    pub fn of_files(&self) -> u64 {
        self.schedules.values().filter(|schedule| !schedule.origin.file.starts_with(SENDS)).count() as u64
    }
}

/// The catalog that everybody sees, exchanged whole.
#[derive(Debug, Default)]
pub struct CatalogCell {
    current: RwLock<Arc<Catalog>>,
    /// Held by whoever changes the catalog and by whoever plans from it: a plan from the catalog before would withdraw
    /// what the reload has just planned.
    turn: Mutex<()>,
}

impl CatalogCell {
    #[must_use]
    pub fn current(&self) -> Arc<Catalog> {
        // A panic while a pointer is exchanged leaves the old one or the new one.
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn replace(&self, catalog: Catalog) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(catalog);
    }

    #[must_use]
    pub fn get(&self, name: &ScheduleName) -> Option<Arc<Schedule>> {
        self.current().schedules.get(name).cloned()
    }

    /// Nobody else changes the catalog, or plans from it, until what is returned is dropped.
    pub(super) async fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().await
    }
}

/// Keeps the catalog: the only one who changes it and makes it known to the store.
pub struct CatalogKeeper {
    pub library: Arc<dyn Library>,
    pub store: Arc<dyn Store>,
    pub clock: Arc<dyn Clock>,
    pub zones: Arc<dyn ZoneDatabase>,
    pub fallback_zone: Tz,
    cell: Arc<CatalogCell>,
    reloads: RwLock<Reloads>,
}

impl CatalogKeeper {
    #[must_use]
    pub fn new(
        library: Arc<dyn Library>,
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        zones: Arc<dyn ZoneDatabase>,
        fallback_zone: Tz,
    ) -> Self {
        Self { library, store, clock, zones, fallback_zone, cell: Arc::default(), reloads: RwLock::default() }
    }

    /// The catalog that everybody sees.
    #[must_use]
    pub fn cell(&self) -> Arc<CatalogCell> {
        Arc::clone(&self.cell)
    }

    /// How the files were last read.
    #[must_use]
    pub fn reloads(&self) -> Reloads {
        *self.reloads.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes down how a reading ended.
    fn note_reload<T>(&self, reloaded: Result<T, StoreError>) -> Result<T, StoreError> {
        let catalog = self.cell.current();
        let is_whole = reloaded.is_ok() && catalog.held_back.is_empty() && catalog.guard.is_none();
        // A plain value that no panic leaves half-changed.
        let mut reloads = self.reloads.write().unwrap_or_else(PoisonError::into_inner);
        reloads.is_last_whole = is_whole;
        if is_whole {
            reloads.last_whole_at = Some(self.clock.now());
        }
        reloaded
    }

    /// Reads the files and the kept documents, without changing anything.
    pub async fn read(&self) -> Result<Catalog, StoreError> {
        Ok(self.assemble(false).await?.catalog)
    }

    /// Reads the files and the kept documents, keeps each good file as the new last good one, and puts what came of it
    /// into force, without counting what that does.
    pub async fn reload(&self) -> Result<Arc<Catalog>, StoreError> {
        let _turn = self.cell.turn().await;
        let assembled = self.assemble(false).await?;
        assembled.tell();
        let reloaded = self.put_into_force(assembled, ReloadManner::Uncounted, self.clock.now()).await;
        self.note_reload(reloaded)?;
        Ok(self.cell.current())
    }

    /// Reads the files again and says what came of it, or what would come of it.
    pub async fn reload_as_asked(&self, request: ReloadRequest) -> Result<ReloadVerdict, StoreError> {
        self.answer(None, request.dry_run, request.prune).await
    }

    /// Says what would come of these files in place of those in the directory.
    pub async fn try_files(&self, found: &Shelf, prune: bool) -> Result<ReloadVerdict, StoreError> {
        self.answer(Some(found), true, prune).await
    }

    async fn answer(&self, tried: Option<&Shelf>, dry_run: bool, prune: bool) -> Result<ReloadVerdict, StoreError> {
        let _turn = self.cell.turn().await;
        let assembled = match tried {
            Some(found) => self.assemble_from(found, prune).await?,
            None => self.assemble(prune).await?,
        };
        let manner = if dry_run { ReloadManner::DryRun } else { ReloadManner::Counted };
        if !dry_run {
            assembled.tell();
        }
        let now = self.clock.now();
        let schedules = assembled.catalog.of_files();
        let Catalog { held_back, guard, .. } = assembled.catalog.clone();
        let changes = self.put_into_force(assembled, manner, now).await;
        let mut changes = if dry_run { changes } else { self.note_reload(changes) }?;
        // What `nudged send` made goes by itself when it is over, and no file says anything of it.
        changes.retain(|change| !change.file.starts_with(SENDS));
        let is_removal = changes.iter().any(|change| change.change == Change::Removed);
        let verdict = ReloadVerdict {
            schema: ReloadVerdict::SCHEMA.to_owned(),
            now,
            dry_run,
            schedules,
            changes,
            cancelled_at: is_removal.then(|| now + MISSING_GRACE),
            held_back,
            guard,
        };
        if !dry_run {
            log(&verdict);
        }
        Ok(verdict)
    }

    /// Keeps the schedules of a text that somebody sent and puts them into force. The text has been checked.
    pub async fn add(&self, source: &Source) -> Result<(), StoreError> {
        let _turn = self.cell.turn().await;
        let mut catalog = Catalog::clone(&self.cell.current());
        let (schedules, _) = parse::parse(source, &Supplies::none());
        catalog.schedules.extend(schedules.into_iter().map(|schedule| (schedule.name.clone(), Arc::new(schedule))));
        let newly_good = vec![(source.name.to_string(), Arc::clone(&source.text))];
        let mut assembled = Assembled::default();
        (assembled.catalog, assembled.newly_good) = (catalog, newly_good);
        self.put_into_force(assembled, ReloadManner::Uncounted, self.clock.now()).await?;
        Ok(())
    }

    /// With `prune`, schedules may go in any number.
    async fn assemble(&self, prune: bool) -> Result<Assembled, StoreError> {
        self.assemble_from(&self.library.read().await, prune).await
    }

    async fn assemble_from(&self, found: &Shelf, prune: bool) -> Result<Assembled, StoreError> {
        let kept = self.store.documents(LAST_GOOD).await?;
        let kept_supplies = self.store.documents(LAST_GOOD_SUPPLY).await?;
        let sends = self.store.documents(SENDS).await?;
        Ok(assemble(found, &kept, &kept_supplies, &sends, self.zones.as_ref(), prune))
    }

    async fn put_into_force(
        &self,
        assembled: Assembled,
        manner: ReloadManner,
        now: DateTime<Utc>,
    ) -> Result<Vec<ScheduleChange>, StoreError> {
        let Assembled { catalog, newly_good, gone, .. } = assembled;
        let keep = |(name, text): (String, Arc<str>)| Document { name, text: text.to_string(), kept_at: now };
        let reload = Reload {
            keep: newly_good.into_iter().map(keep).collect(),
            forget: gone,
            schedules: catalog.schedules.values().cloned().collect(),
            fallback_zone: self.fallback_zone,
            now,
            planning: Arc::new(PlanMaker { zones: Arc::clone(&self.zones), zones_since: None, now }),
            manner,
        };
        let changes = self.store.reload(reload).await?;
        match manner {
            ReloadManner::Uncounted | ReloadManner::Counted => self.cell.replace(catalog),
            ReloadManner::DryRun => {}
        }
        Ok(changes)
    }
}

fn log(verdict: &ReloadVerdict) {
    let count = |change: Change| verdict.changes.iter().filter(|it| it.change == change).count();
    let moved: u64 = verdict.changes.iter().flat_map(|change| &change.moved).map(|moved| moved.people).sum();
    tracing::info!(
        schedules = verdict.schedules,
        held_back = verdict.held_back.len(),
        added = count(Change::Added) + count(Change::Returned),
        changed = count(Change::Changed),
        renamed = count(Change::Renamed),
        removed = count(Change::Removed),
        moved_deliveries = moved,
        "schedule files read again"
    );
}
