//! Tells the service manager what comes next, and that everything is alive: but only when it has just been seen to be.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio_util::sync::CancellationToken;

use crate::adapter::systemd::ServiceManager;
use crate::engine::catalog::CatalogCell;
use crate::engine::pulse::Pulse;

/// How often the status line is written anew.
const STATUS_EVERY: Duration = Duration::from_mins(1);

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
