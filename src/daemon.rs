//! new → start → stop. The one place that names every adapter and owns every task.
//!
//! Starting goes in this order, and each step can fail before the next has an effect: lock → store → take over what a
//! dead daemon held → schedules → first plan → socket → loops. Stopping goes backwards: claim no more, let requests in
//! flight finish, give the rest back, close the store.

// Tells the service manager what comes next, and that everything is alive.
mod attendant;
mod connector;
mod doors;
// What those ask who watch over the daemon.
mod watchers;

use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::adapter::control::AdminError;
use crate::adapter::endpoint::BindError;
use crate::adapter::sqlite::{BackupDirectory, OpenError, SqliteStore, give_to_its_owner};
use crate::adapter::systemd::ServiceManager;
use crate::adapter::teams::{SetupError, Unusable};
use crate::config::{Backups, Config};
use crate::domain::id::Term;
use crate::domain::policy::Downtime;
use crate::domain::rate::{Book, Windows};
use crate::domain::time::ZoneRules;
use crate::engine::backups::DailyBackups;
use crate::engine::catalog::CatalogKeeper;
use crate::engine::chores::Chores;
use crate::engine::credentials::CredentialWatch;
use crate::engine::desk::{FrontDesk, Running};
use crate::engine::dispatcher::{Dispatcher, EXPAND_AT_ONCE};
use crate::engine::ear::Listener;
use crate::engine::health::Health;
use crate::engine::inquiry::Inquirer;
use crate::engine::introductions::Introductions;
use crate::engine::limiter::Limiter;
use crate::engine::planner::{LastPass, Planner};
use crate::engine::posting::Turns;
use crate::engine::recaller::Recaller;
use crate::engine::reloader::Reloader;
use crate::engine::replier::Replier;
use crate::engine::rosters::Rosters;
use crate::engine::sender::Sender;
use crate::engine::shown::Shown;
use crate::engine::watch::Watch;
use crate::port::clock::Clock;
use crate::port::connector::Connector;
use crate::port::credentials::Credentials;
use crate::port::desk::{Desk, HeldBackFile};
use crate::port::ear::ServiceUrls;
use crate::port::entropy::Entropy;
use crate::port::library::{FileWatch, Library};
use crate::port::line::Line;
use crate::port::reload::ReloadRequest;
use crate::port::store::{Rescued, Store, StoreError, TakeOver};
use crate::port::ticker::{Ticker, TickerError};
use crate::port::zones::ZoneDatabase;

pub use attendant::Attendant;
pub use connector::{identity, line};

use doors::Doors;

/// What comes in from outside and may be another thing in a rehearsal: time, chance, zone rules, files, beats.
#[derive(Clone)]
pub struct Outside {
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    pub zones: Arc<dyn ZoneDatabase>,
    pub library: Arc<dyn Library>,
    /// `None` where files are read again only when somebody asks for it.
    pub files: Option<Arc<dyn FileWatch>>,
    pub ticker: Arc<dyn Ticker>,
}

/// Why a daemon did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("another nudged is running on {}", .0.display())]
    AlreadyRunning(PathBuf),
    #[error("the state directory {} can't be used: {source}; {}", path.display(), directory_cure(source.kind()))]
    Directory { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Credential(#[from] Unusable),
    #[error("it is not said where {0}")]
    NoCredential(&'static str),
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the Teams client could not be made: {0}")]
    Client(#[from] SetupError),
    #[error("the socket {} can't be made: {source}", path.display())]
    Socket { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Endpoint(#[from] BindError),
    #[error(transparent)]
    Admin(#[from] AdminError),
    #[error(transparent)]
    Ticker(#[from] TickerError),
}

/// What to do about a state directory that can't be used.
fn directory_cure(kind: io::ErrorKind) -> &'static str {
    match kind {
        io::ErrorKind::PermissionDenied => "use the user that runs nudged, or give the directory to this one",
        io::ErrorKind::ReadOnlyFilesystem => "mount its disk for writing again",
        // A file, or a link that leads nowhere, bears its name.
        io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory => {
            "it must be a directory: move away what is there, or name another state_dir"
        }
        _ => "make it, and give it to the user that runs nudged",
    }
}

/// The store of a state directory, held by one process at a time.
pub struct OwnedStore {
    pub store: Arc<dyn Store>,
    /// Locked as long as this lives; the kernel lets go of it when the process ends, however it ends.
    _lock: File,
}

/// Where the ledger of a state directory is.
#[must_use]
pub fn ledger(state_dir: &Path) -> PathBuf {
    state_dir.join("nudged.db")
}

/// Opens the store in `state_dir`, unless somebody else has it.
pub fn open_store(state_dir: &Path) -> Result<OwnedStore, StartError> {
    let lock = lock(state_dir)?;
    let store = SqliteStore::open(&ledger(state_dir))?;
    Ok(OwnedStore { store: Arc::new(store), _lock: lock })
}

/// Keeps everybody else from the ledger of `state_dir`, as long as what is returned lives.
pub fn lock(state_dir: &Path) -> Result<File, StartError> {
    let failed = |source| StartError::Directory { path: state_dir.to_owned(), source };
    // People's names and addresses are in it: for its owner only.
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(state_dir).map_err(failed)?;
    let path = state_dir.join("nudged.lock");
    let lock = File::options().create(true).truncate(false).write(true).open(&path).map_err(|source| {
        let is_its_own = source.kind() == io::ErrorKind::PermissionDenied && path.exists();
        if is_its_own { OpenError::Denied { path: path.clone(), source }.into() } else { failed(source) }
    })?;
    give_to_its_owner(&path).map_err(failed)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(StartError::AlreadyRunning(state_dir.to_owned())),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

/// A running daemon.
pub struct Daemon {
    store: OwnedStore,
    desk: Arc<FrontDesk>,
    keeper: Arc<CatalogKeeper>,
    replan: Arc<Notify>,
    ticker: Arc<dyn Ticker>,
    tasks: JoinSet<&'static str>,
    stop: CancellationToken,
}

impl Daemon {
    /// Starts everything. When it returns, the first plan is made and the daemon serves.
    pub async fn start(config: &Config, outside: Outside) -> Result<Self, StartError> {
        let clock = Arc::clone(&outside.clock);
        let _told = attendant::tell_of_start(&clock);
        let (identity, connector) = connector::connector(config, &clock)?;
        let credentials: Arc<dyn Credentials> = identity;
        let line: Arc<dyn Line> = Arc::clone(&connector) as Arc<dyn Line>;
        let (meter, connector) = watchers::metered(connector, &clock);
        let owned = wait_for_store(config, clock.as_ref()).await?;
        let store = Arc::clone(&owned.store);
        let started_at = clock.now();
        let taken = take_over(store.as_ref(), config, started_at).await?;
        let downtime = Downtime { since: taken.went_round_at, until: started_at };

        let keeper = keeper(config, &outside, &store);
        let schedules = keeper.reload().await?.schedules.len();
        let health = Arc::new(Health::new(Arc::clone(&clock)));
        let planner = Arc::new(Planner {
            store: Arc::clone(&store),
            clock: Arc::clone(&clock),
            zones: Arc::clone(&outside.zones),
            catalog: keeper.cell(),
            health: Arc::clone(&health),
            last: LastPass::of_another(downtime.since),
        });
        planner.pass().await?;

        let [work, replan, recall, reply, strangers] = std::array::from_fn(|_| Arc::new(Notify::new()));
        let limiter = limiter(config, &clock);
        let shown = shown(config, &outside, &keeper);
        let service_urls = doors::service_urls(config)?;
        let home: Arc<str> = Arc::from(config.bot.tenant_id.as_str());
        let ear = Listener {
            store: Arc::clone(&store),
            clock: Arc::clone(&clock),
            fallback_zone: config.fallback_zone,
            work: Arc::clone(&work),
            replan: Arc::clone(&replan),
            replies: Arc::clone(&reply),
            strangers: Arc::clone(&strangers),
            shown: Arc::clone(&shown),
            service_urls: Arc::clone(&service_urls),
            home_tenant: Some(Arc::clone(&home)),
        };
        let doors = Doors::make(config, &clock, Arc::new(ear)).await?;
        let backups = backups(config, &clock);
        let running = Running {
            version: env!("CARGO_PKG_VERSION"),
            pid: std::process::id(),
            started_at,
            health: Arc::clone(&health),
            meter,
            credentials: Arc::clone(&credentials),
            limiter,
            home,
            watch: Arc::new(Watch::new(Arc::clone(&clock))),
            endpoint: doors.endpoint_watch(),
            backups: backups.clone(),
            ear: doors.ear(),
            work: Arc::clone(&work),
            replan: Arc::clone(&replan),
            recall: Arc::clone(&recall),
        };
        let sender = Arc::new(sender(config, &outside, connector, &keeper, &running, downtime, reply));
        let desk = Arc::new(desk(config, &outside, &keeper, service_urls, running.clone()));
        let rosters = rosters(&sender, config, &replan);
        let introductions = introductions(&rosters, strangers);
        let recaller = recaller(config, &sender, recall);
        let replier = replier(&sender, shown);
        let (recall, reply) = (Arc::clone(&recaller.bell), Arc::clone(&replier.bell));
        let pulse = watchers::pulse(config, &sender, &credentials);
        let vitals = watchers::vitals(running, &pulse, &outside, &keeper, line);
        let attendant = Attendant::new(pulse, keeper.cell());
        let chores = chores(config, &introductions, &rosters, planner, credentials, taken.term);
        let chores = Chores { backups, recall, reply, ..chores };
        let dispatcher = dispatcher(config, sender, &replan, taken.term);
        // One beat of each kind: more of a kind would do the same work again.
        let (bell, beats) = mpsc::channel(4);
        outside.ticker.start(bell).await?;

        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        tasks.spawn(named("dispatcher", dispatcher.run(stop.clone())));
        tasks.spawn(named("rosters", rosters.run(stop.clone())));
        tasks.spawn(named("introductions", introductions.run(stop.clone())));
        if let Some(files) = outside.files {
            let (keeper, clock, replan) = (Arc::clone(&keeper), Arc::clone(&clock), Arc::clone(&replan));
            tasks.spawn(named("reloader", Reloader { files, keeper, clock, replan }.run(stop.clone())));
        }
        tasks.spawn(named("recaller", recaller.run(stop.clone())));
        tasks.spawn(named("replier", replier.run(stop.clone())));
        tasks.spawn(named("chores", chores.run(beats, stop.clone())));
        doors.open(&mut tasks, &(Arc::clone(&desk) as Arc<dyn Desk>), &vitals, &stop);
        tasks.spawn(named("attendant", attendant.run(stop.clone())));
        tracing::info!(
            version = env!("CARGO_PKG_VERSION"),
            schedules,
            zone_data = &*outside.zones.version(),
            term = taken.term.0,
            "nudged serves"
        );
        Ok(Self { store: owned, desk, keeper, replan, ticker: outside.ticker, tasks, stop })
    }

    /// The desk, for whoever lives in the same process.
    #[must_use]
    pub fn desk(&self) -> Arc<dyn Desk> {
        Arc::clone(&self.desk) as Arc<dyn Desk>
    }

    /// Files that are held back.
    #[must_use]
    pub fn held_back(&self) -> Vec<HeldBackFile> {
        self.keeper.cell().current().held_back.clone()
    }

    /// Reads the schedule files again.
    pub async fn reload(&self) -> Result<(), StoreError> {
        self.keeper.reload_as_asked(ReloadRequest::default()).await?;
        self.replan.notify_one();
        Ok(())
    }

    /// Waits until a task ends that should not. Which one it was is the answer.
    pub async fn ended_early(&mut self) -> String {
        match self.tasks.join_next().await {
            Some(Ok(name)) => format!("{name} ended"),
            Some(Err(error)) => error.to_string(),
            None => "nothing is running".into(),
        }
    }

    /// Stops: no new claims; requests in flight finish; what has not left is given back; the store is closed.
    pub async fn stop(mut self) {
        tracing::info!("stopping");
        ServiceManager.stopping();
        self.stop.cancel();
        self.ticker.stop().await;
        while let Some(joined) = self.tasks.join_next().await {
            if let Err(error) = joined {
                tracing::error!(%error, "a task ended badly");
            }
        }
        self.store.store.close().await;
        tracing::info!("stopped");
    }
}

/// A task that says who it was when it ends.
async fn named(name: &'static str, task: impl Future<Output = ()>) -> &'static str {
    task.await;
    name
}

fn keeper(config: &Config, outside: &Outside, store: &Arc<dyn Store>) -> Arc<CatalogKeeper> {
    let (library, zones) = (Arc::clone(&outside.library), Arc::clone(&outside.zones));
    let (store, clock) = (Arc::clone(store), Arc::clone(&outside.clock));
    Arc::new(CatalogKeeper::new(library, store, clock, zones, config.fallback_zone))
}

fn desk(
    config: &Config,
    outside: &Outside,
    keeper: &Arc<CatalogKeeper>,
    service_urls: Arc<dyn ServiceUrls>,
    running: Running,
) -> FrontDesk {
    FrontDesk {
        store: Arc::clone(&keeper.store),
        clock: Arc::clone(&outside.clock),
        entropy: Arc::clone(&outside.entropy),
        keeper: Arc::clone(keeper),
        schedules: config.schedules.clone(),
        house_zones: config.zones.clone(),
        zones: Arc::clone(&outside.zones) as Arc<dyn ZoneRules>,
        house_quiet_hours: config.quiet_hours.clone(),
        service_urls,
        daemon: Some(running),
    }
}

/// How long a start waits for whoever holds the store: a command that looks into it takes moments, a daemon for ever.
const STORE_PATIENCE: Duration = Duration::from_secs(5);

async fn wait_for_store(config: &Config, clock: &dyn Clock) -> Result<OwnedStore, StartError> {
    let began = clock.moment();
    loop {
        match open_store(&config.state_dir) {
            Err(StartError::AlreadyRunning(_)) if clock.moment().since(began) < STORE_PATIENCE => {
                clock.sleep(Duration::from_millis(100)).await;
            }
            opened => return opened,
        }
    }
}

/// Takes over what a dead daemon held, and makes known what the configuration says of zones.
async fn take_over(store: &dyn Store, config: &Config, now: DateTime<Utc>) -> Result<TakeOver, StoreError> {
    let taken = store.take_over(now).await?;
    tell_rescued(taken.rescued);
    let movers = store.keep_house_zones(config.zones.clone(), config.fallback_zone, now).await?;
    if movers > 0 {
        tracing::info!(movers, "the configuration says another zone of them than before");
    }
    Ok(taken)
}

fn tell_rescued(rescued: Rescued) {
    if rescued != Rescued::default() {
        tracing::warn!(
            released = rescued.released,
            to_resend = rescued.to_resend,
            unknown = rescued.unknown,
            "the last run did not end cleanly; what it held has been rescued"
        );
    }
}

/// What stands in messages that were sent, for whoever presses a button or takes them back.
fn shown(config: &Config, outside: &Outside, keeper: &CatalogKeeper) -> Arc<Shown> {
    Arc::new(Shown {
        catalog: keeper.cell(),
        zones: Arc::clone(&outside.zones) as Arc<dyn ZoneRules>,
        house_stop: config.stop.clone(),
    })
}

/// The limits that all who make requests share.
fn limiter(config: &Config, clock: &Arc<dyn Clock>) -> Arc<Limiter> {
    let book = Book::new(Windows::published(config.limits.per_tenant_per_second));
    Arc::new(Limiter::new(book, config.limits.senders, Arc::clone(clock)))
}

fn sender(
    config: &Config,
    outside: &Outside,
    connector: Arc<dyn Connector>,
    keeper: &CatalogKeeper,
    running: &Running,
    downtime: Downtime,
    questions: Arc<Notify>,
) -> Sender {
    Sender {
        store: Arc::clone(&keeper.store),
        connector,
        limiter: Arc::clone(&running.limiter),
        catalog: keeper.cell(),
        zones: Arc::clone(&outside.zones) as Arc<dyn ZoneRules>,
        clock: Arc::clone(&outside.clock),
        entropy: Arc::clone(&outside.entropy),
        health: Arc::clone(&running.health),
        meter: Arc::clone(&running.meter),
        watch: Arc::clone(&running.watch),
        places: Arc::default(),
        threads: Turns::default(),
        work: Arc::clone(&running.work),
        questions,
        home_tenant: Some(Arc::clone(&running.home)),
        downtime,
        house_stop: config.stop.clone(),
        house_quiet_hours: config.quiet_hours.clone(),
        per_person_per_day: config.limits.per_person_per_day,
    }
}

/// The reader of rosters. It speaks to Teams as the sender does, within the same limits.
fn rosters(sender: &Sender, config: &Config, replan: &Arc<Notify>) -> Rosters {
    Rosters {
        store: Arc::clone(&sender.store),
        inquirer: Inquirer {
            connector: Arc::clone(&sender.connector),
            limiter: Arc::clone(&sender.limiter),
            clock: Arc::clone(&sender.clock),
            home_tenant: sender.home_tenant.clone(),
        },
        fallback_zone: config.fallback_zone,
        wanted: Arc::default(),
        work: Arc::clone(&sender.work),
        replan: Arc::clone(replan),
        unknown: Mutex::default(),
    }
}

/// It asks as the reader of rosters does.
fn introductions(rosters: &Rosters, wanted: Arc<Notify>) -> Introductions {
    Introductions {
        store: Arc::clone(&rosters.store),
        inquirer: rosters.inquirer.clone(),
        fallback_zone: rosters.fallback_zone,
        wanted,
        work: Arc::clone(&rosters.work),
        replan: Arc::clone(&rosters.replan),
    }
}

/// It speaks to Teams as the sender does, within the same limits.
fn replier(sender: &Sender, shown: Arc<Shown>) -> Replier {
    Replier {
        store: Arc::clone(&sender.store),
        connector: Arc::clone(&sender.connector),
        limiter: Arc::clone(&sender.limiter),
        clock: Arc::clone(&sender.clock),
        entropy: Arc::clone(&sender.entropy),
        health: Arc::clone(&sender.health),
        places: Arc::clone(&sender.places),
        shown,
        work: Arc::clone(&sender.work),
        bell: Arc::clone(&sender.questions),
        home_tenant: sender.home_tenant.clone(),
    }
}

/// It shares everything with the sender, above all the limits.
fn recaller(config: &Config, sender: &Sender, bell: Arc<Notify>) -> Recaller {
    Recaller {
        store: Arc::clone(&sender.store),
        connector: Arc::clone(&sender.connector),
        limiter: Arc::clone(&sender.limiter),
        catalog: Arc::clone(&sender.catalog),
        zones: Arc::clone(&sender.zones),
        clock: Arc::clone(&sender.clock),
        entropy: Arc::clone(&sender.entropy),
        health: Arc::clone(&sender.health),
        places: Arc::clone(&sender.places),
        work: Arc::clone(&sender.work),
        bell,
        home_tenant: sender.home_tenant.clone(),
        house_stop: sender.house_stop.clone(),
        senders: config.limits.senders,
    }
}

fn dispatcher(config: &Config, sender: Arc<Sender>, replan: &Arc<Notify>, term: Term) -> Dispatcher {
    Dispatcher {
        store: Arc::clone(&sender.store),
        clock: Arc::clone(&sender.clock),
        health: Arc::clone(&sender.health),
        work: Arc::clone(&sender.work),
        clock_stepped: Arc::clone(replan),
        term,
        senders: config.limits.senders,
        expand_at_once: EXPAND_AT_ONCE,
        sender,
    }
}

/// The daily backups, where the configuration says where they go.
fn backups(config: &Config, clock: &Arc<dyn Clock>) -> Option<Arc<DailyBackups>> {
    let Backups { directory, keep, at: _ } = config.backups.clone()?;
    let directory = BackupDirectory::new(ledger(&config.state_dir), directory);
    Some(Arc::new(DailyBackups::new(Arc::new(directory), Arc::clone(clock), keep)))
}

fn chores(
    config: &Config,
    introductions: &Introductions,
    rosters: &Rosters,
    planner: Arc<Planner>,
    credentials: Arc<dyn Credentials>,
    term: Term,
) -> Chores {
    Chores {
        store: Arc::clone(&rosters.store),
        clock: Arc::clone(&rosters.inquirer.clock),
        planner,
        credentials: CredentialWatch::new(credentials, Arc::clone(&rosters.inquirer.clock)),
        backups: None,
        work: Arc::clone(&rosters.work),
        replan: Arc::clone(&rosters.replan),
        rosters: Arc::clone(&rosters.wanted),
        strangers: Arc::clone(&introductions.wanted),
        recall: Arc::default(),
        reply: Arc::default(),
        fallback_zone: config.fallback_zone,
        keep_attempts: TimeDelta::from_std(config.keep_attempts).unwrap_or(TimeDelta::MAX),
        term,
    }
}
