//! One daemon after the other on one ledger, put together as `nudged::daemon` does it, with everything outside of it
//! decided by the run.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use chrono::TimeDelta;
use nudged::adapter::sqlite::SqliteStore;
use nudged::domain::credential::{Credential, CredentialKind};
use nudged::domain::policy::Downtime;
use nudged::domain::problem::Source;
use nudged::domain::rate::{Book, Windows};
use nudged::domain::time::ZoneRules;
use nudged::engine::catalog::CatalogKeeper;
use nudged::engine::chores::Chores;
use nudged::engine::credentials::CredentialWatch;
use nudged::engine::dispatcher::Dispatcher;
use nudged::engine::health::Health;
use nudged::engine::inquiry::Inquirer;
use nudged::engine::limiter::Limiter;
use nudged::engine::planner::{LastPass, Planner};
use nudged::engine::posting::Turns;
use nudged::engine::recaller::Recaller;
use nudged::engine::replier::Replier;
use nudged::engine::rosters::Rosters;
use nudged::engine::sender::Sender;
use nudged::engine::shown::Shown;
use nudged::engine::watch::Watch;
use nudged::port::clock::Clock;
use nudged::port::credentials::Credentials;
use nudged::port::entropy::Entropy;
use nudged::port::library::{Library, Shelf};
use nudged::port::store::{Store, StoreError};
use nudged::port::ticker::Beat;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::sim::chance::Chance;
use crate::sim::civil::ZONES;
use crate::sim::clock::{SimClock, Time};
use crate::sim::life::{Frailty, Life};
use crate::sim::store::MortalStore;
use crate::sim::teams::{Teams, Wire};
use crate::sim::truth::Truth;
use crate::sim::world::{FALLBACK, HOME};

/// The schedule files: a name and a text each.
#[derive(Default)]
pub(crate) struct Folder(pub(crate) Mutex<Vec<(String, String)>>);

#[async_trait]
impl Library for Folder {
    async fn read(&self) -> Shelf {
        let files = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let files = files.iter().map(|(name, text)| Source::new(name.clone(), text.clone())).collect();
        Shelf { files, ..Shelf::default() }
    }
}

struct GoodSecret;

impl Credentials for GoodSecret {
    fn look(&self) -> Credential {
        Credential { kind: CredentialKind::Secret, ends_at: None, unusable: None, exposed: None }
    }
}

/// What goes on from one daemon to the next.
pub(crate) struct Surroundings {
    pub(crate) time: Arc<Time>,
    pub(crate) truth: Arc<Mutex<Truth>>,
    pub(crate) teams: Arc<Teams>,
    pub(crate) folder: Arc<Folder>,
    pub(crate) store_chance: Arc<Chance>,
    pub(crate) entropy: Arc<Chance>,
    pub(crate) per_second: usize,
    /// How many requests may be under way at once.
    pub(crate) senders: usize,
    pub(crate) rhythm: Rhythm,
    /// About how many people are looked at in one act that expands waves.
    pub(crate) expand_at_once: u32,
}

/// What an act on the world needs of the daemon that lives.
#[derive(Clone)]
pub(crate) struct Handles {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) keeper: Arc<CatalogKeeper>,
    pub(crate) planner: Arc<Planner>,
    pub(crate) watch: Arc<Watch>,
    pub(crate) work: Arc<Notify>,
    pub(crate) replan: Arc<Notify>,
    pub(crate) recall: Arc<Notify>,
}

/// A daemon.
pub(crate) struct Generation {
    pub(crate) life: Arc<Life>,
    pub(crate) handles: Handles,
    tasks: JoinSet<()>,
    stop: CancellationToken,
}

impl Generation {
    /// A start, which may end in death, too: then it never comes back from here.
    pub(crate) async fn start(around: &Surroundings, life: Arc<Life>, ledger: &Path) -> Result<Self, StoreError> {
        let clock: Arc<dyn Clock> = Arc::new(SimClock(Arc::clone(&around.time)));
        let inner = SqliteStore::open(ledger).expect("a ledger");
        let (time, truth) = (Arc::clone(&around.time), Arc::clone(&around.truth));
        let store: Arc<dyn Store> =
            Arc::new(MortalStore { inner, ledger: ledger.to_owned(), life: Arc::clone(&life), time, truth });
        let started_at = clock.now();
        let taken = store.take_over(started_at).await?;
        let downtime = Downtime { since: taken.went_round_at, until: started_at };
        let keeper =
            CatalogKeeper::new(around.folder.clone(), Arc::clone(&store), Arc::clone(&clock), ZONES.clone(), FALLBACK);
        let keeper = Arc::new(keeper);
        keeper.reload().await?;
        let health = Arc::new(Health::new(Arc::clone(&clock)));
        let planner = Arc::new(Planner {
            store: Arc::clone(&store),
            clock: Arc::clone(&clock),
            zones: ZONES.clone(),
            catalog: keeper.cell(),
            health: Arc::clone(&health),
            last: LastPass::of_another(downtime.since),
        });
        planner.pass().await?;
        let [work, replan, recall, reply] = std::array::from_fn(|_| Arc::new(Notify::new()));
        let watch = Arc::new(Watch::new(Arc::clone(&clock)));
        let handles = Handles { store, clock, keeper, planner, watch, work, replan, recall };

        let sender = Arc::new(sender(around, &life, &handles, downtime, reply));
        let (bell, beats) = mpsc::channel(3);
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        tasks.spawn(dispatcher(around, &handles, Arc::clone(&sender), taken.term).run(stop.clone()));
        let rosters = rosters(&handles, &sender);
        tasks.spawn(chores(&handles, &sender, &rosters, taken.term).run(beats, stop.clone()));
        tasks.spawn(rosters.run(stop.clone()));
        tasks.spawn(recaller(around, &handles, &sender).run(stop.clone()));
        tasks.spawn(replier(&sender).run(stop.clone()));
        tasks.spawn(beat(around.rhythm, bell, Arc::clone(&around.time), stop.clone()));
        Ok(Self { life, handles, tasks, stop })
    }

    /// Ends as systemd asks for it: no new claims, and what is under way finishes.
    pub(crate) async fn stop(&mut self) {
        self.stop.cancel();
        while let Some(ended) = self.tasks.join_next().await {
            ended.expect("no task of a daemon panics");
        }
        self.handles.store.close().await;
    }

    /// Ends as power does.
    pub(crate) async fn kill(&mut self) {
        self.life.die();
        self.tasks.shutdown().await;
        self.handles.store.close().await;
    }

    /// Does something to the world by the daemon that lives. `None` where it dies over it.
    pub(crate) async fn does<T: Send + 'static>(
        &mut self,
        act: impl Future<Output = Result<T, StoreError>> + Send + 'static,
    ) -> Option<Result<T, StoreError>> {
        let mut task = JoinSet::new();
        task.spawn(act);
        tokio::select! {
            biased;
            () = self.life.death.notified() => {
                // For whoever looks for it next.
                self.life.death.notify_one();
                None
            }
            done = task.join_next() => done.map(|done| done.expect("no act panics")),
        }
    }
}

/// A beat comes before anybody misses one: after five minutes without one the chores plan by themselves.
const BEAT: Duration = Duration::from_secs(290);

/// One beat of so many, about one a day, asks for pruning.
const PRUNES: u32 = 298;

/// What beats ask for: most of them for nothing, since each minute's plan, as in earnest, would be most of a run. Whatever
/// happens to people and files has itself planned at once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rhythm {
    /// One beat of so many asks for a plan.
    pub(crate) plans: u32,
    /// And one of so many for upkeep: after it SQLite prepares each statement anew, so it is dear.
    pub(crate) upkeeps: u32,
}

async fn beat(rhythm: Rhythm, bell: mpsc::Sender<Beat>, time: Arc<Time>, stop: CancellationToken) {
    for number in 1_u32.. {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = time.pass(BEAT) => {}
        }
        let beat = match number {
            seldom if seldom.is_multiple_of(PRUNES) => Beat::Prune,
            sometimes if sometimes.is_multiple_of(rhythm.plans) => Beat::Plan,
            sometimes if sometimes.is_multiple_of(rhythm.upkeeps) => Beat::Upkeep,
            // Nothing is to be done, and somebody is there.
            _ => Beat::Backup,
        };
        // A beat that finds no room is lost, as in earnest.
        let _is_lost = bell.try_send(beat).is_err();
    }
}

pub(crate) fn new_life(around: &Surroundings, generation: u32, frailty: Frailty) -> Arc<Life> {
    Arc::new(Life::new(generation, frailty, Arc::clone(&around.store_chance), Arc::clone(&around.time)))
}

fn sender(
    around: &Surroundings,
    life: &Arc<Life>,
    handles: &Handles,
    downtime: Downtime,
    questions: Arc<Notify>,
) -> Sender {
    let windows = Windows::published(around.per_second);
    let limiter = Limiter::new(Book::new(windows), around.senders, Arc::clone(&handles.clock));
    Sender {
        store: Arc::clone(&handles.store),
        connector: Arc::new(Wire { teams: Arc::clone(&around.teams), life: Arc::clone(life) }),
        limiter: Arc::new(limiter),
        catalog: handles.keeper.cell(),
        zones: ZONES.clone(),
        clock: Arc::clone(&handles.clock),
        entropy: Arc::clone(&around.entropy) as Arc<dyn Entropy>,
        health: Arc::clone(&handles.planner.health),
        meter: Arc::default(),
        watch: Arc::clone(&handles.watch),
        places: Arc::default(),
        threads: Turns::default(),
        work: Arc::clone(&handles.work),
        questions,
        home_tenant: Some(HOME.into()),
        downtime,
        house_quiet_hours: Vec::new(),
        per_person_per_day: None,
        house_stop: None,
    }
}

fn dispatcher(
    around: &Surroundings,
    handles: &Handles,
    sender: Arc<Sender>,
    term: nudged::domain::id::Term,
) -> Dispatcher {
    Dispatcher {
        store: Arc::clone(&handles.store),
        clock: Arc::clone(&handles.clock),
        health: Arc::clone(&sender.health),
        work: Arc::clone(&handles.work),
        clock_stepped: Arc::clone(&handles.replan),
        term,
        senders: around.senders,
        expand_at_once: around.expand_at_once,
        sender,
    }
}

fn chores(handles: &Handles, sender: &Sender, rosters: &Rosters, term: nudged::domain::id::Term) -> Chores {
    Chores {
        store: Arc::clone(&handles.store),
        clock: Arc::clone(&handles.clock),
        planner: Arc::clone(&handles.planner),
        credentials: CredentialWatch::new(Arc::new(GoodSecret), Arc::clone(&handles.clock)),
        work: Arc::clone(&handles.work),
        replan: Arc::clone(&handles.replan),
        rosters: Arc::clone(&rosters.wanted),
        strangers: Arc::default(),
        recall: Arc::clone(&handles.recall),
        reply: Arc::clone(&sender.questions),
        backups: None,
        fallback_zone: FALLBACK,
        keep_attempts: TimeDelta::days(30),
        term,
    }
}

fn rosters(handles: &Handles, sender: &Sender) -> Rosters {
    Rosters {
        store: Arc::clone(&handles.store),
        inquirer: Inquirer {
            connector: Arc::clone(&sender.connector),
            limiter: Arc::clone(&sender.limiter),
            clock: Arc::clone(&handles.clock),
            home_tenant: sender.home_tenant.clone(),
        },
        fallback_zone: FALLBACK,
        wanted: Arc::default(),
        work: Arc::clone(&handles.work),
        replan: Arc::clone(&handles.replan),
        unknown: Mutex::default(),
    }
}

fn recaller(around: &Surroundings, handles: &Handles, sender: &Sender) -> Recaller {
    Recaller {
        store: Arc::clone(&handles.store),
        connector: Arc::clone(&sender.connector),
        limiter: Arc::clone(&sender.limiter),
        catalog: handles.keeper.cell(),
        zones: ZONES.clone(),
        clock: Arc::clone(&handles.clock),
        entropy: Arc::clone(&sender.entropy),
        health: Arc::clone(&sender.health),
        places: Arc::clone(&sender.places),
        work: Arc::clone(&handles.work),
        bell: Arc::clone(&handles.recall),
        home_tenant: sender.home_tenant.clone(),
        house_stop: None,
        senders: around.senders,
    }
}

fn replier(sender: &Sender) -> Replier {
    let zones: Arc<dyn ZoneRules> = ZONES.clone();
    Replier {
        store: Arc::clone(&sender.store),
        connector: Arc::clone(&sender.connector),
        limiter: Arc::clone(&sender.limiter),
        clock: Arc::clone(&sender.clock),
        entropy: Arc::clone(&sender.entropy),
        health: Arc::clone(&sender.health),
        places: Arc::clone(&sender.places),
        shown: Arc::new(Shown { catalog: Arc::clone(&sender.catalog), zones, house_stop: None }),
        work: Arc::clone(&sender.work),
        bell: Arc::clone(&sender.questions),
        home_tenant: sender.home_tenant.clone(),
    }
}

/// Five seconds after it ended, systemd starts it again (`RestartSec` in `systemd/nudged.service`).
pub(crate) const RESTART: Duration = Duration::from_secs(5);
