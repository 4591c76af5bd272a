//! A ledger, its catalog and its planner, with a clock that stands still.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use nudged::adapter::sqlite::SqliteStore;
use nudged::adapter::teams::TrustedHosts;
use nudged::adapter::zones::ZoneData;
use nudged::domain::cloud::Cloud;
use nudged::domain::delivery::{Claim, Settlement};
use nudged::domain::id::{ScheduleName, Term};
use nudged::domain::ladder::HouseZones;
use nudged::domain::policy::{Circumstances, Decision, Downtime, decide};
use nudged::domain::problem::Source;
use nudged::domain::rate::{Book, Operation, Windows};
use nudged::domain::recipient::{Address, Details, PersonRecord, RecipientKind, Reference};
use nudged::domain::schedule::model::Priority;
use nudged::domain::share::Rooms;
use nudged::domain::time::Moment;
use nudged::domain::verdict::Evidence;
use nudged::engine::catalog::{CatalogCell, CatalogKeeper};
use nudged::engine::desk::FrontDesk;
use nudged::engine::dispatcher::LEAD;
use nudged::engine::ear::Listener;
use nudged::engine::health::Health;
use nudged::engine::inquiry::Inquirer;
use nudged::engine::introductions::Introductions;
use nudged::engine::limiter::{Limiter, Request};
use nudged::engine::meter::Meter;
use nudged::engine::planner::{LastPass, Planner};
use nudged::engine::posting::Turns;
use nudged::engine::replier::Replier;
use nudged::engine::rosters::Rosters;
use nudged::engine::sender::Sender;
use nudged::engine::shown::Shown;
use nudged::engine::watch::Watch;
use nudged::port::clock::{Clock, Woke};
use nudged::port::desk::{DeliveryStatus, OccurrenceStatus, Reach};
use nudged::port::entropy::Entropy;
use nudged::port::library::{Library, Shelf};
use nudged::port::store::{AttemptEnd, Outcome, StatusQuery, Store};
use tempfile::TempDir;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::outcomes::FakeTeams;

/// A clock that shows what it was set to. Who sleeps wakes when it is set to that time or a later one.
pub(crate) struct SetClock(watch::Sender<DateTime<Utc>>);

impl SetClock {
    pub(crate) fn set(&self, now: DateTime<Utc>) {
        self.0.send_replace(now);
    }
}

#[async_trait]
impl Clock for SetClock {
    fn now(&self) -> DateTime<Utc> {
        *self.0.borrow()
    }

    fn moment(&self) -> Moment {
        Moment((self.now() - DateTime::UNIX_EPOCH).to_std().expect("later than that"))
    }

    async fn sleep_until(&self, at: DateTime<Utc>) -> Woke {
        self.0.subscribe().wait_for(|now| *now >= at).await.expect("the clock lives as long as who asks it");
        Woke::OnTime
    }

    async fn sleep(&self, span: Duration) {
        self.sleep_until(self.now() + span).await;
    }
}

/// Always the same draw.
struct NoChance;

impl Entropy for NoChance {
    fn draw(&self) -> f64 {
        0.0
    }
}

/// The schedule files, by their names.
#[derive(Default)]
pub(crate) struct Files(Mutex<BTreeMap<String, String>>);

#[async_trait]
impl Library for Files {
    async fn read(&self) -> Shelf {
        let files = self.0.lock().expect("nobody panics with it");
        let files = files.iter().map(|(name, text)| Source::new(name.as_str(), text.as_str())).collect();
        Shelf { files, ..Shelf::default() }
    }
}

/// What was sent: the occurrence and to whom.
pub(crate) type Sent = Vec<(NaiveDateTime, String)>;

pub(crate) struct Rig {
    folder: TempDir,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<SetClock>,
    files: Arc<Files>,
    pub(crate) keeper: Arc<CatalogKeeper>,
    pub(crate) planner: Planner,
    pub(crate) term: Term,
    pub(crate) downtime: Downtime,
    pub(crate) teams: Arc<FakeTeams>,
    pub(crate) sender: Arc<Sender>,
    pub(crate) watch: Arc<Watch>,
}

/// `at("2027-03-01T08:00")`, in UTC.
pub(crate) fn at(text: &str) -> DateTime<Utc> {
    format!("{text}:00Z").parse().expect("an instant")
}

impl Rig {
    /// An empty ledger.
    pub(crate) async fn new(now: &str) -> Self {
        let folder = TempDir::new().expect("a folder");
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&folder.path().join("ledger.db")).expect("a ledger"));
        let taken = store.take_over(at(now)).await.expect("taking over");
        let downtime = Downtime { since: taken.went_round_at, until: at(now) };
        let clock = Arc::new(SetClock(watch::Sender::new(at(now))));
        let files = Arc::new(Files::default());
        let keeper =
            CatalogKeeper::new(files.clone(), store.clone(), clock.clone(), Arc::new(ZoneData::newest()), Tz::UTC);
        let keeper = Arc::new(keeper);
        let planner = Planner {
            store: store.clone(),
            clock: clock.clone(),
            zones: Arc::new(ZoneData::newest()),
            catalog: keeper.cell(),
            health: Arc::new(Health::new(clock.clone())),
            last: LastPass::default(),
        };
        let teams = Arc::new(FakeTeams::default());
        let watch = Arc::new(Watch::new(clock.clone()));
        let sender = Arc::new(Sender {
            store: store.clone(),
            connector: teams.clone(),
            limiter: Arc::new(Limiter::new(Book::new(Windows::published(1000)), 1, clock.clone())),
            catalog: keeper.cell(),
            zones: Arc::new(ZoneData::newest()),
            clock: clock.clone(),
            entropy: Arc::new(NoChance),
            health: planner.health.clone(),
            meter: Arc::default(),
            watch: watch.clone(),
            places: Arc::default(),
            threads: Turns::default(),
            work: Arc::default(),
            questions: Arc::default(),
            home_tenant: Some("home".into()),
            downtime,
            house_quiet_hours: Vec::new(),
            per_person_per_day: None,
            house_stop: None,
        });
        Self { folder, store, clock, files, keeper, planner, term: taken.term, downtime, teams, sender, watch }
    }

    pub(crate) fn ledger(&self) -> PathBuf {
        self.folder.path().join("ledger.db")
    }

    /// The daemon ends, and another one starts then.
    pub(crate) async fn down_until(&mut self, now: DateTime<Utc>) {
        self.now_is(now);
        let taken = self.store.take_over(now).await.expect("taking over");
        self.downtime = Downtime { since: taken.went_round_at, until: now };
        self.planner.last = LastPass::of_another(taken.went_round_at);
        self.term = taken.term;
        self.keeper.reload().await.expect("reloading");
        self.plan().await;
    }

    pub(crate) async fn people(&self, people: &[(&str, Tz)]) {
        let record = |(name, zone): &(&str, Tz)| PersonRecord {
            kind: RecipientKind::Person,
            addresses: vec![Address::new(&format!("{name}@x")).expect("an address")],
            name: Some((*name).to_owned()),
            zone: Some(*zone),
            directory_zone: None,
            zones: Vec::new(),
            language: None,
            details: Details::default(),
            groups: None,
            channel: None,
            kept: None,
            reference: Reference {
                conversation_id: Some(format!("a:{name}")),
                user_id: Some(format!("29:{name}")),
                ..Reference::default()
            },
        };
        self.import(people.iter().map(record).collect()).await;
    }

    /// The wall clock shows this now.
    pub(crate) fn now_is(&self, now: DateTime<Utc>) {
        self.clock.set(now);
    }

    /// The file says this now: read, put into force, planned.
    pub(crate) async fn file_says(&self, text: &str) {
        self.files_are(&[("file.toml", text)]);
        let catalog = self.keeper.reload().await.expect("reloading");
        assert!(catalog.held_back.is_empty(), "{:?}", catalog.held_back);
        self.plan().await;
    }

    /// The desk at which operators ask.
    pub(crate) fn desk(&self) -> FrontDesk {
        FrontDesk {
            store: self.store.clone(),
            clock: self.clock.clone(),
            entropy: Arc::new(NoChance),
            keeper: self.keeper.clone(),
            schedules: PathBuf::new(),
            house_zones: HouseZones::default(),
            zones: Arc::new(ZoneData::newest()),
            house_quiet_hours: Vec::new(),
            service_urls: Arc::new(TrustedHosts::of_cloud(Cloud::Public)),
            daemon: None,
        }
    }

    /// The directory has these files now, and nobody has read them.
    pub(crate) fn files_are(&self, files: &[(&str, &str)]) {
        let files = files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
        *self.files.0.lock().expect("nobody panics with it") = files.collect();
    }

    pub(crate) async fn plan(&self) {
        self.planner.pass().await.expect("planning");
    }

    pub(crate) async fn expand(&self) {
        let now = self.clock.now();
        self.store.expand_due(now + LEAD, now, u32::MAX).await.expect("expanding");
    }

    /// One round of a dispatcher whose senders all succeed at once.
    pub(crate) async fn go_round(&self) -> Sent {
        self.expand().await;
        let now = self.clock.now();
        let mut sent = Sent::new();
        loop {
            let claims = self
                .store
                .claim_due(self.term, now, Rooms::for_anybody(1000), Duration::from_mins(5))
                .await
                .expect("claiming");
            if claims.is_empty() {
                return sent;
            }
            for claim in claims {
                let schedule = self.keeper.cell().get(&claim.schedule).expect("a schedule in force");
                let circumstances = Circumstances {
                    schedule: &schedule,
                    zones: self.planner.zones.as_ref(),
                    house_quiet_hours: &[],
                    downtime: &self.downtime,
                    home_tenant: Some("home"),
                };
                match decide(&claim, now, &circumstances) {
                    Decision::Send(_) => {
                        self.send(&claim).await;
                        sent.push((claim.occurrence, claim.recipient.name));
                    }
                    Decision::NotYet => panic!("{claim:?} is not due"),
                    Decision::Settle(settlement) => self.settle(&claim, settlement, None).await,
                }
            }
        }
    }

    pub(crate) async fn send(&self, claim: &Claim) {
        let lease = Duration::from_mins(5);
        let attempt = self.store.mark_sending(claim.id, claim.term, self.clock.now(), lease).await.expect("marking");
        let end = AttemptEnd { attempt, evidence: Evidence::default(), latency: Duration::ZERO };
        self.settle(claim, Settlement::Sent { activity_id: None }, Some(end)).await;
    }

    pub(crate) async fn settle(&self, claim: &Claim, settlement: Settlement, attempt: Option<AttemptEnd>) {
        let at = self.clock.now();
        let outcome = Outcome {
            delivery: claim.id,
            term: claim.term,
            at,
            settlement,
            attempt,
            detail: None,
            thread: None,
            sent_in: None,
        };
        self.store.settle(outcome).await.expect("settling");
    }

    /// Claims what is due.
    pub(crate) async fn claim(&self) -> Vec<Claim> {
        let lease = Duration::from_mins(5);
        let claims = self.store.claim_due(self.term, self.clock.now(), Rooms::for_anybody(1000), lease).await;
        claims.expect("claiming")
    }

    /// Claims what is due and hands it, one after the other, to the sender.
    pub(crate) async fn deliver(&self) {
        for claim in self.claim().await {
            self.sender.deliver(claim, &CancellationToken::new()).await;
        }
    }

    /// Lets time pass, and then delivers what is due.
    pub(crate) async fn pass_minutes(&self, minutes: i64) {
        self.now_is(self.clock.now() + TimeDelta::minutes(minutes));
        self.deliver().await;
    }

    /// The bot's ear.
    pub(crate) fn listener(&self) -> Listener {
        Listener {
            store: self.store.clone(),
            clock: self.clock.clone(),
            fallback_zone: Tz::UTC,
            work: Arc::default(),
            replan: Arc::default(),
            replies: Arc::default(),
            strangers: Arc::default(),
            shown: self.shown(),
            service_urls: Arc::new(TrustedHosts::of_cloud(Cloud::Public)),
            home_tenant: Some("home".into()),
        }
    }

    fn shown(&self) -> Arc<Shown> {
        Arc::new(Shown { catalog: self.keeper.cell(), zones: Arc::new(ZoneData::newest()), house_stop: None })
    }

    /// A replier that has so many requests on their way at once.
    pub(crate) fn replier(&self, at_once: usize) -> Arc<Replier> {
        Arc::new(Replier {
            store: self.store.clone(),
            connector: self.teams.clone(),
            limiter: Arc::new(Limiter::new(Book::new(Windows::published(1000)), at_once, self.clock.clone())),
            clock: self.clock.clone(),
            entropy: Arc::new(NoChance),
            health: self.planner.health.clone(),
            places: self.sender.places.clone(),
            shown: self.shown(),
            work: Arc::default(),
            bell: Arc::default(),
            home_tenant: Some("home".into()),
        })
    }

    /// One round of the replier.
    pub(crate) async fn reply(&self) {
        self.replier(1).go_round(&CancellationToken::new()).await.expect("a round");
    }

    pub(crate) fn meter(&self) -> Arc<Meter> {
        self.sender.meter.clone()
    }

    pub(crate) fn limiter(&self) -> Arc<Limiter> {
        self.sender.limiter.clone()
    }

    pub(crate) async fn import(&self, records: Vec<PersonRecord>) {
        let report = self.store.import_people(records, Tz::UTC, self.clock.now()).await.expect("importing");
        assert_eq!(report.refused, Vec::<String>::new());
    }

    /// One round of the reader of rosters.
    pub(crate) async fn read_rosters(&self) {
        let rosters = Rosters {
            store: self.store.clone(),
            inquirer: self.inquirer(),
            fallback_zone: Tz::UTC,
            wanted: Arc::default(),
            work: Arc::default(),
            replan: Arc::default(),
            unknown: Mutex::default(),
        };
        rosters.pass().await.expect("a round");
    }

    pub(crate) fn inquirer(&self) -> Inquirer {
        Inquirer {
            connector: self.teams.clone(),
            limiter: self.sender.limiter.clone(),
            clock: self.clock.clone(),
            home_tenant: Some("home".into()),
        }
    }

    /// Asks Teams for strangers whose time has come.
    pub(crate) async fn introduce(&self) {
        let introductions = Introductions {
            store: self.store.clone(),
            inquirer: self.inquirer(),
            fallback_zone: Tz::UTC,
            wanted: Arc::default(),
            work: Arc::default(),
            replan: Arc::default(),
        };
        introductions.pass().await.expect("a round");
    }

    /// Teams asks a tenant to be silent for so long.
    pub(crate) async fn silence(&self, tenant: &str, span: Duration) {
        let (operation, priority) = (Operation::Members, Priority::Normal);
        let request = Request { tenant: tenant.into(), conversation: "any".into(), operation, priority };
        let mut permit = self.sender.limiter.permit(&request).await.expect("a tenant that is not silent");
        permit.leaves();
        permit.complete(Some(span));
    }

    /// What `work` comes to without any time going by.
    pub(crate) async fn at_once<T>(&self, work: impl Future<Output = T>) -> T {
        tokio::select! {
            biased;
            done = work => done,
            () = self.turns() => panic!("it waits for the clock"),
        }
    }

    /// Goes on with `work` until it waits for something that does not come by itself.
    pub(crate) async fn waits(&self, work: &mut Pin<&mut impl Future>) {
        tokio::select! {
            biased;
            _ = work => panic!("it waits for nothing"),
            () = self.turns() => {}
        }
    }

    /// Everybody who has something to do, and asks the ledger for it, has come to it by then.
    pub(crate) async fn turns(&self) {
        for _ in 0..100 {
            self.store.probe().await.expect("a well store");
            tokio::task::yield_now().await;
        }
    }

    /// Lets a schedule go on.
    pub(crate) async fn resume(&self, schedule: &str) {
        let schedule = ScheduleName::new(schedule).expect("a name");
        assert!(self.watch.resume(self.store.as_ref(), schedule, self.clock.now()).await.expect("resuming"));
    }

    pub(crate) async fn deliveries(&self, schedule: &str) -> Vec<DeliveryStatus> {
        let query = StatusQuery { schedule: Some(schedule.to_owned()) };
        let status = self.store.status(query, DateTime::<Utc>::MIN_UTC, self.clock.now()).await;
        status.expect("a status").deliveries
    }

    /// Whether everybody can be reached.
    pub(crate) async fn reach(&self) -> Vec<Reach> {
        self.store.people().await.expect("people").into_iter().map(|it| it.reach).collect()
    }

    pub(crate) fn catalog(&self) -> Arc<CatalogCell> {
        self.keeper.cell()
    }

    pub(crate) fn term(&self) -> Term {
        self.term
    }

    /// The occurrences of the ledger since the beginning of time.
    pub(crate) async fn occurrences(&self) -> Vec<OccurrenceStatus> {
        let status = self.store.status(StatusQuery::default(), DateTime::<Utc>::MIN_UTC, self.clock.now()).await;
        status.expect("a status").occurrences
    }
}
