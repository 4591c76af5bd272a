//! One run: a world that a seed makes, what happens in it that the seed decides, and what must be true of it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nudged::domain::id::ScheduleName;
use nudged::port::store::StoreError;
use tempfile::TempDir;

use crate::sim::audit;
use crate::sim::chance::Chance;
use crate::sim::clock::Time;
use crate::sim::generation::{Folder, Generation, Handles, RESTART, Rhythm, Surroundings, new_life};
use crate::sim::life::Frailty;
use crate::sim::panics;
use crate::sim::teams::{Teams, Weather};
use crate::sim::truth::{Counts, Placed, Span, Truth};
use crate::sim::world::{FALLBACK, World};

/// What may happen in a run at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a kind of trouble of its own")]
pub(crate) struct Mood {
    /// People move, choose and block; files change; messages are taken back.
    pub(crate) people: bool,
    pub(crate) clock: bool,
    pub(crate) daemon: bool,
    pub(crate) outages: bool,
    pub(crate) weather: Weather,
    pub(crate) frailty: Frailty,
}

impl Mood {
    fn new(chance: &Chance) -> Self {
        let calm = Self {
            people: chance.hits(50),
            clock: false,
            daemon: false,
            outages: false,
            weather: Weather { slow: chance.pick(&[0, 30]), ..Weather::default() },
            frailty: Frailty { slow_disk: chance.pick(&[0, 0, 10]), ..Frailty::default() },
        };
        if chance.hits(25) {
            return calm;
        }
        Self {
            people: chance.hits(70),
            clock: chance.hits(40),
            daemon: chance.hits(60),
            outages: chance.hits(30),
            weather: Weather {
                throttled: chance.pick(&[0, 0, 10, 50]),
                in_doubt: chance.pick(&[0, 10, 30]),
                refused: chance.pick(&[0, 10]),
                slow: chance.pick(&[0, 30]),
            },
            frailty: Frailty {
                lives: chance.pick(&[0, 0, 60, 200, 500]),
                disk_errors: chance.pick(&[0, 0, 10]),
                slow_disk: chance.pick(&[0, 0, 10]),
            },
        }
    }

    /// Nothing goes wrong: what is due comes, once, in time.
    pub(crate) fn is_calm(&self) -> bool {
        let Self { people: _, clock, daemon, outages, weather, frailty } = *self;
        let is_well = !(clock || daemon || outages) && frailty.lives == 0 && frailty.disk_errors == 0;
        is_well && weather == Weather { slow: weather.slow, ..Weather::default() }
    }
}

/// What came of a run.
#[derive(Debug, Clone, Default)]
pub(crate) struct Report {
    pub(crate) seed: u64,
    pub(crate) violations: Vec<String>,
    /// The last that happened, where something went wrong.
    pub(crate) lines: Vec<String>,
    /// Two runs of one seed have the same.
    pub(crate) print: u64,
    pub(crate) steps: u64,
    pub(crate) requests: u64,
    pub(crate) copies: u64,
    pub(crate) crashes: u64,
    pub(crate) hours: u64,
    pub(crate) counts: Counts,
    /// Deliveries in the ledger, by their states.
    pub(crate) rows: BTreeMap<String, u64>,
}

/// A run that goes on.
pub(crate) struct Run {
    pub(crate) world: World,
    pub(crate) mood: Mood,
    pub(crate) chance: Chance,
    pace: Pace,
    pub(crate) around: Surroundings,
    files: BTreeMap<String, String>,
    ledger: PathBuf,
    generation: Option<Generation>,
    generations: u32,
    frailty: Frailty,
    _folder: TempDir,
}

/// One run. Nothing of it depends on anything but the seed.
pub(crate) fn run(seed: u64) -> Report {
    let chance = Chance::new(seed, "mood");
    let mood = Mood::new(&chance);
    let often = Pace {
        minutes: &[0, 1, 5, 12, 25, 45],
        senders: chance.pick(&[1, 4, 16]),
        rhythm: Rhythm { plans: 6, upkeeps: 7 },
        // So that waves for more are expanded in parts, between which everything can happen.
        expand_at_once: 7,
        tell: Box::new(|_| {}),
    };
    run_in(World::new(seed), seed, mood, often)
}

/// How things go in a run.
pub(crate) struct Pace {
    /// Something happens after one of these.
    pub(crate) minutes: &'static [usize],
    /// How many requests may be under way at once.
    pub(crate) senders: usize,
    pub(crate) rhythm: Rhythm,
    /// About how many people are looked at in one act that expands waves.
    pub(crate) expand_at_once: u32,
    /// Is told the hour.
    pub(crate) tell: Box<dyn Fn(chrono::DateTime<chrono::Utc>) + Send>,
}

/// A run in a world that has been made already.
pub(crate) fn run_in(world: World, seed: u64, mood: Mood, pace: Pace) -> Report {
    panics::count();
    let chance = Chance::new(seed, "acts");
    let time = Time::new(seed, world.begins_at);
    let truth = Arc::new(Mutex::new(Truth::default()));
    let clock = Arc::clone(&time);
    let runtime =
        tokio::runtime::Builder::new_current_thread().on_thread_park(move || clock.go_on()).build().expect("a runtime");
    let teams = Teams::new(seed, Arc::clone(&time), Arc::clone(&truth), world.per_second, mood.weather);
    let folder = audit::new_folder();
    let mut run = Run {
        ledger: audit::new_ledger(folder.path()),
        around: Surroundings {
            time: Arc::clone(&time),
            truth: Arc::clone(&truth),
            teams: Arc::new(teams),
            folder: Arc::new(Folder::default()),
            store_chance: Arc::new(Chance::new(seed, "store")),
            entropy: Arc::new(Chance::new(seed, "entropy")),
            per_second: world.per_second,
            senders: pace.senders,
            rhythm: pace.rhythm,
            expand_at_once: pace.expand_at_once,
        },
        frailty: mood.frailty,
        world,
        mood,
        chance,
        pace,
        files: BTreeMap::new(),
        generation: None,
        generations: 0,
        _folder: folder,
    };
    // A task of its own: the hook that lets time go on is not called for the sake of what a runtime was started with.
    let drive = runtime.spawn(async move {
        run.drive().await;
        run
    });
    let run = runtime.block_on(drive).expect("no run panics");
    let rows = audit::at_the_end(&run);
    let mut truth = run.truth();
    let panics = panics::counted();
    if panics > 0 {
        truth.violation(time.mono(), format!("{panics} of its tasks panicked; what they said stands above"));
    }
    let arrived: u64 = truth.sent.iter().filter(|sent| sent.has_arrived).count() as u64;
    Report {
        seed,
        violations: truth.violations.clone(),
        lines: truth.lines().cloned().collect(),
        print: truth.print(),
        steps: truth.step,
        requests: truth.sent.len() as u64,
        copies: arrived - truth.arrivals().len() as u64,
        crashes: truth.crashes,
        hours: time.mono().as_secs() / 3600,
        counts: truth.counts,
        rows,
    }
}

impl Run {
    pub(crate) fn truth(&self) -> MutexGuard<'_, Truth> {
        self.around.truth.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn drive(&mut self) {
        self.begin().await;
        let ends_at = Duration::from_secs((self.world.ends_at - self.world.begins_at).num_seconds().unsigned_abs());
        while self.around.time.mono() < ends_at && self.truth().violations.is_empty() {
            (self.pace.tell)(self.wall());
            // Outages last for hours, not for days.
            let longest = if self.is_out() { 60 } else { usize::MAX };
            let minutes = self.chance.pick(self.pace.minutes).min(longest);
            let seconds = 1 + self.chance.below(60) + 60 * minutes;
            self.pass(Duration::from_secs(seconds as u64)).await;
            self.act().await;
        }
        self.come_to_rest().await;
    }

    async fn begin(&mut self) {
        for plan in self.world.plans.clone() {
            self.write(plan.root(), &plan.toml());
            self.truth().plans.insert(plan.root().to_owned(), vec![Span { until: Duration::MAX, value: plan }]);
        }
        for person in &self.world.people {
            let lives = vec![Span { until: Duration::MAX, value: person.zone }];
            let mut truth = self.around.truth.lock().unwrap_or_else(PoisonError::into_inner);
            truth.zones.insert(person.name.clone(), lives);
            if !person.is_placed {
                truth.unplaced.insert(person.name.clone(), Placed::NotYet);
            }
        }
        self.start().await;
        let records: Vec<_> = self.world.people.iter().map(crate::sim::world::Person::record).collect();
        self.surely(move |handles| {
            let records = records.clone();
            async move {
                let report = handles.store.import_people(records, FALLBACK, handles.clock.now()).await?;
                assert_eq!(report.refused, [""; 0]);
                handles.planner.pass().await?;
                handles.work.notify_one();
                Ok(())
            }
        })
        .await;
    }

    /// All trouble ends, and everything that is due comes to its end.
    async fn come_to_rest(&mut self) {
        self.truth().note(self.around.time.mono(), "all trouble ends");
        self.frailty = Frailty::default();
        *self.around.teams.weather.lock().unwrap_or_else(PoisonError::into_inner) = (Weather::default(), None);
        self.kill_and_start().await;
        for plan in self.world.plans.clone() {
            self.write(plan.root(), &plan.toml());
        }
        self.reload().await;
        for plan in self.world.plans.clone() {
            self.let_go(ScheduleName::new(&plan.name).expect("a name")).await;
        }
        let longest = self.world.plans.iter().map(|plan| plan.late + plan.jitter).max().unwrap_or_default();
        self.pass(longest + Duration::from_mins(10)).await;
        if let Some(generation) = &mut self.generation {
            generation.stop().await;
        }
    }

    /// Whether Teams can't be reached at all, or refuses everything.
    pub(crate) fn is_out(&self) -> bool {
        self.around.teams.weather.lock().unwrap_or_else(PoisonError::into_inner).1.is_some()
    }

    /// The file of a schedule says this now.
    pub(crate) fn write(&mut self, name: &str, text: &str) {
        self.files.insert(format!("{name}.toml"), text.to_owned());
        let files = self.files.clone().into_iter().filter(|(_, text)| !text.is_empty()).collect();
        *self.around.folder.0.lock().unwrap_or_else(PoisonError::into_inner) = files;
    }

    /// Time passes. A daemon that dies meanwhile is started again.
    pub(crate) async fn pass(&mut self, span: Duration) {
        let until = self.around.time.mono() + span;
        loop {
            let Some(left) = until.checked_sub(self.around.time.mono()).filter(|left| !left.is_zero()) else { return };
            let life = self.generation.as_ref().map(|generation| Arc::clone(&generation.life)).expect("a daemon");
            tokio::select! {
                biased;
                () = life.death.notified() => self.bury_and_start().await,
                () = self.around.time.pass(left) => return,
            }
        }
    }

    /// Starts a daemon, as often as it takes.
    async fn start(&mut self) {
        loop {
            self.generations += 1;
            self.truth().forget_silences();
            let life = new_life(&self.around, self.generations, self.frailty);
            let started = {
                let (around, life) = (&self.around, Arc::clone(&life));
                tokio::select! {
                    biased;
                    () = life.death.notified() => None,
                    started = Generation::start(around, Arc::clone(&life), &self.ledger) => started.ok(),
                }
            };
            self.truth()
                .note(self.around.time.mono(), &format!("daemon {} starts: {}", self.generations, started.is_some()));
            if let Some(generation) = started {
                self.generation = Some(generation);
                return;
            }
            life.die();
            self.truth().died(self.generations);
            self.around.time.pass(RESTART).await;
        }
    }

    async fn bury_and_start(&mut self) {
        if let Some(mut dead) = self.generation.take() {
            dead.kill().await;
        }
        self.truth().died(self.generations);
        self.around.time.pass(RESTART).await;
        if self.frailty != Frailty::default() && self.chance.hits(30) {
            let minutes = self.chance.pick(&[1, 10, 100]);
            self.around.time.pass(Duration::from_mins(minutes)).await;
        }
        self.start().await;
    }

    pub(crate) async fn kill_and_start(&mut self) {
        self.bury_and_start().await;
    }

    pub(crate) async fn stop_and_start(&mut self) {
        if let Some(mut generation) = self.generation.take() {
            let life = Arc::clone(&generation.life);
            tokio::select! {
                biased;
                () = life.death.notified() => {}
                () = generation.stop() => {}
            }
            self.generation = Some(generation);
        }
        self.bury_and_start().await;
    }

    /// Does something to the world, by as many daemons as it takes.
    pub(crate) async fn surely<T, F>(&mut self, act: impl Fn(Handles) -> F) -> T
    where
        T: Send + 'static,
        F: Future<Output = Result<T, StoreError>> + Send + 'static,
    {
        loop {
            let generation = self.generation.as_mut().expect("a daemon");
            let doing = act(generation.handles.clone());
            match generation.does(doing).await {
                Some(Ok(done)) => return done,
                Some(Err(_)) => self.around.time.pass(Duration::from_secs(1)).await,
                None => self.bury_and_start().await,
            }
        }
    }

    /// How many daemons there have been.
    pub(crate) fn generations(&self) -> u32 {
        self.generations
    }

    pub(crate) fn wall(&self) -> chrono::DateTime<chrono::Utc> {
        self.around.time.wall()
    }

    pub(crate) fn ledger(&self) -> &std::path::Path {
        &self.ledger
    }
}
