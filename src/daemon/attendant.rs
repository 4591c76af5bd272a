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

pub(super) struct Attendant {
    pulse: Arc<Pulse>,
    catalog: Arc<CatalogCell>,
}

impl Attendant {
    pub(super) fn new(pulse: Arc<Pulse>, catalog: Arc<CatalogCell>) -> Self {
        Self { pulse, catalog }
    }

    pub(super) async fn run(self, stop: CancellationToken) {
        ServiceManager.ready(&self.status().await);
        let watchdog = ServiceManager.watchdog_interval();
        let interval = watchdog.map_or(STATUS_EVERY, |interval| interval.min(STATUS_EVERY));
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.pulse.clock.sleep(interval) => {}
            }
            match self.pulse.first_sign_of_death().await {
                None => {
                    if watchdog.is_some() {
                        ServiceManager.alive();
                    }
                    ServiceManager.status(&self.status().await);
                }
                Some(dead) => tracing::error!(?dead, "something hangs; the watchdog is not fed"),
            }
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
