//! A daemon and an emulator in this process, on one hurried clock.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use nudged::adapter::clock::SystemClock;
use nudged::adapter::entropy::SystemEntropy;
use nudged::adapter::files::DirectoryLibrary;
use nudged::adapter::ticker::CronTicker;
use nudged::adapter::zones::ZoneData;
use nudged::config::Config;
use nudged::daemon::{self, Daemon, Outside};
use nudged::domain::delivery::State;
use nudged::domain::import;
use nudged::domain::problem::Source;
use nudged::domain::time::Moment;
use nudged::emulator::{Emulator, Settings};
use nudged::port::clock::{Clock, Woke};
use nudged::port::desk::{DeliveryStatus, Desk, Status};
use nudged::port::store::StatusQuery;
use tempfile::TempDir;

/// Longer than anything here takes on a busy machine; only a failure ever waits for it.
const PATIENCE: Duration = Duration::from_mins(4);

/// A clock that goes `speed` times as fast as the machine's.
pub(crate) struct HurriedClock {
    real: SystemClock,
    began: Moment,
    begins_at: DateTime<Utc>,
    speed: u32,
}

impl HurriedClock {
    fn new(speed: u32) -> Self {
        let real = SystemClock::new();
        let began = real.moment();
        Self { real, began, begins_at: begins_at(), speed }
    }

    fn gone_by(&self) -> Duration {
        self.real.moment().since(self.began) * self.speed
    }
}

#[async_trait]
impl Clock for HurriedClock {
    fn now(&self) -> DateTime<Utc> {
        self.begins_at + TimeDelta::from_std(self.gone_by()).expect("not so long")
    }

    fn moment(&self) -> Moment {
        Moment(self.gone_by())
    }

    async fn sleep_until(&self, at: DateTime<Utc>) -> Woke {
        while let Ok(left) = (at - self.now()).to_std() {
            if left.is_zero() {
                break;
            }
            self.real.sleep((left / self.speed).max(Duration::from_micros(100))).await;
        }
        Woke::OnTime
    }

    async fn sleep(&self, span: Duration) {
        self.real.sleep(span / self.speed).await;
    }
}

/// When every story begins.
pub(crate) fn begins_at() -> DateTime<Utc> {
    "2027-03-01T08:00:00Z".parse().expect("an instant")
}

pub(crate) struct Rig {
    directory: TempDir,
    pub(crate) clock: Arc<HurriedClock>,
    pub(crate) emulator: Emulator,
    config: Config,
}

impl Rig {
    /// An emulator and a configuration that points to it.
    pub(crate) async fn new(speed: u32, settings: Settings) -> Self {
        let clock = Arc::new(HurriedClock::new(speed));
        let directory = tempfile::tempdir().expect("a directory");
        std::fs::write(directory.path().join("bot-secret"), &settings.app_secret).expect("written");
        std::fs::create_dir(directory.path().join("schedules")).expect("made");
        let (app_id, tenant_id) = (settings.app_id.clone(), settings.tenant_id.clone());
        let emulator = Emulator::start(settings, clock.clone()).await.expect("the emulator starts");
        let (base, service, address) = (emulator.base_url(), emulator.service_url(), emulator.address());
        let text = format!(
            "fallback_zone = \"UTC\"\n[bot]\napp_id = \"{app_id}\"\ntenant_id = \"{tenant_id}\"\n\
             secret_file = \"bot-secret\"\nlogin_url = \"{base}\"\nservice_url = \"{service}\"\n\
             trusted_hosts = [\"{address}\"]\n"
        );
        let config = Config::parse(&Source::new("nudged.toml", text), directory.path(), &|_| None);
        let (config, _) = config.expect("a good configuration");
        Self { directory, clock, emulator, config }
    }

    pub(crate) fn clock_now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path().join(name), text).expect("written");
    }

    /// Starts the daemon with these people. They are in its ledger before it starts, since the clock hurries: whoever is
    /// imported afterwards may be planned for without what the import says of them.
    pub(crate) async fn start(&self, people: &str) -> Daemon {
        let (records, problems) = import::people(&Source::new("people.csv", people));
        assert!(problems.is_empty(), "{problems:?}");
        let owned = daemon::open_store(&self.config.state_dir).expect("a ledger");
        let imported = owned.store.import_people(records, self.config.fallback_zone, self.clock.now()).await;
        assert_eq!(imported.expect("imported").refused, Vec::<String>::new());
        drop(owned);
        let outside = Outside {
            clock: self.clock.clone(),
            entropy: Arc::new(SystemEntropy),
            zones: Arc::new(ZoneData::newest()),
            library: Arc::new(DirectoryLibrary::new(self.config.schedules.clone())),
            files: None,
            ticker: Arc::new(CronTicker::default()),
        };
        Daemon::start(&self.config, outside).await.expect("the daemon starts")
    }

    /// Waits until `is_so`, which is asked again and again.
    pub(crate) async fn until(&self, what: &str, desk: &dyn Desk, is_so: impl Fn(&Status) -> bool) -> Status {
        let began = self.clock.real.moment();
        loop {
            let status = desk.status(StatusQuery::default()).await.expect("a status");
            if is_so(&status) {
                return status;
            }
            assert!(self.clock.real.moment().since(began) < PATIENCE, "still not: {what}\n{status:#?}");
            self.clock.real.sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Whether there are so many deliveries and nothing more happens to any of them.
pub(crate) fn all_final(status: &Status, deliveries: u64) -> bool {
    let counts = || status.occurrences.iter().flat_map(|occurrence| &occurrence.counts);
    counts().map(|(_, count)| count).sum::<u64>() == deliveries && counts().all(|(state, _)| state.is_final())
}

pub(crate) fn count(status: &Status, state: State) -> u64 {
    status.occurrences.iter().filter_map(|occurrence| occurrence.counts.get(&state)).sum()
}

/// Every delivery of a schedule.
pub(crate) async fn deliveries(desk: &dyn Desk, schedule: &str) -> Vec<DeliveryStatus> {
    let query = StatusQuery { schedule: Some(schedule.to_owned()) };
    desk.status(query).await.expect("a status").deliveries
}
