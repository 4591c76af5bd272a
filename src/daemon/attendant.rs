//! Tells the service manager what comes next, and that everything is alive: but only when it has just been seen to be.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::adapter::systemd::ServiceManager;
use crate::engine::catalog::CatalogCell;
use crate::engine::pulse::Pulse;
use crate::port::clock::Clock;

/// How often the status line is written anew.
const STATUS_EVERY: Duration = Duration::from_mins(1);

/// How often the service manager hears that a start goes on, and how long it is to wait for the next time.
const STARTING_EVERY: Duration = Duration::from_secs(20);
const STARTING_WITHIN: Duration = Duration::from_mins(2);

/// Tells the service manager that the start goes on, as long as what is returned lives. To bring the ledger of a large
/// house to a new schema takes longer than a service may take to start, and would be taken back and begun anew for ever.
///
/// It is a task of its own: whoever opens the ledger has no time for anything else.
pub(super) fn tell_of_start(clock: &Arc<dyn Clock>) -> JoinSet<()> {
    let clock = Arc::clone(clock);
    let mut telling = JoinSet::new();
    telling.spawn(async move {
        loop {
            ServiceManager.starting(STARTING_WITHIN);
            clock.sleep(STARTING_EVERY).await;
        }
    });
    telling
}

/// Stands between what is alive and whoever watches over it.
pub struct Attendant {
    pulse: Arc<Pulse>,
    catalog: Arc<CatalogCell>,
}

impl Attendant {
    #[must_use]
    pub fn new(pulse: Arc<Pulse>, catalog: Arc<CatalogCell>) -> Self {
        Self { pulse, catalog }
    }

    /// Runs until `stop`. Nothing that hangs keeps that waiting.
    pub async fn run(self, stop: CancellationToken) {
        let watchdog = ServiceManager.watchdog();
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.feed(watchdog) => {}
            () = self.tell() => {}
        }
    }

    /// Feeds the watchdog. Where there is none, the pulse is felt all the same, for the log.
    async fn feed(&self, watchdog: Option<Duration>) {
        let interval = watchdog.map_or(STATUS_EVERY, |limit| Pulse::interval(limit).min(STATUS_EVERY));
        loop {
            self.pulse.beat(interval).await;
            if watchdog.is_some() {
                ServiceManager.alive();
            }
        }
    }

    /// Tells what comes next. Not between two meals of the watchdog: the ledger may take its time to answer.
    async fn tell(&self) {
        ServiceManager.ready(&self.status().await);
        loop {
            self.pulse.clock.sleep(STATUS_EVERY).await;
            ServiceManager.status(&self.status().await);
        }
    }

    /// One line on what comes next.
    async fn status(&self) -> String {
        let next = match self.pulse.store.next_wake(Duration::ZERO, DateTime::<Utc>::MIN_UTC).await {
            Ok(Some(at)) => self.coming(at),
            Ok(None) => "nothing due within 48 h".into(),
            Err(error) => format!("store: {error}"),
        };
        let trouble = self.pulse.health.trouble();
        let trouble = trouble.map_or_else(String::new, |trouble| format!("; CANNOT SEND: {trouble}"));
        let schedules = self.catalog.current().schedules.len();
        let plural = if schedules == 1 { "" } else { "s" };
        format!("{schedules} schedule{plural}; {next}{trouble}")
    }

    fn coming(&self, at: DateTime<Utc>) -> String {
        let minutes = (at - self.pulse.clock.now()).num_minutes();
        let when = at.format("%Y-%m-%d %H:%MZ");
        if minutes < 1 {
            "sending".into()
        } else if minutes < 120 {
            format!("next at {when}, in {minutes} min")
        } else {
            format!("next at {when}, in {} h", minutes / 60)
        }
    }
}
