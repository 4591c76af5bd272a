//! What those ask who watch over the daemon: the service manager, monitors, a doctor.

use std::sync::Arc;
use std::time::Duration;

use super::Outside;
use crate::adapter::process::OwnProcess;
use crate::config::Config;
use crate::engine::catalog::CatalogKeeper;
use crate::engine::desk::Running;
use crate::engine::meter::Meter;
use crate::engine::metered::Metered;
use crate::engine::pulse::{Lately, Pulse};
use crate::engine::sender::Sender;
use crate::engine::vitals::{Kept, VitalSigns};
use crate::port::clock::Clock;
use crate::port::connector::Connector;
use crate::port::credentials::Credentials;
use crate::port::line::Line;
use crate::port::vitals::Vitals;

/// The connector with a meter on it.
pub(super) fn metered(connector: Arc<dyn Connector>, clock: &Arc<dyn Clock>) -> (Arc<Meter>, Arc<dyn Connector>) {
    let meter = Arc::<Meter>::default();
    let metered = Metered { connector, meter: Arc::clone(&meter), clock: Arc::clone(clock) };
    (meter, Arc::new(metered))
}

pub(super) fn pulse(config: &Config, sender: &Sender, credentials: &Arc<dyn Credentials>) -> Arc<Pulse> {
    Arc::new(Pulse {
        store: Arc::clone(&sender.store),
        clock: Arc::clone(&sender.clock),
        health: Arc::clone(&sender.health),
        credentials: Arc::clone(credentials),
        work: Arc::clone(&sender.work),
        longest_request: config.limits.request_timeout * 2 + Duration::from_secs(30),
        lately: Lately::default(),
    })
}

pub(super) fn vitals(
    running: Running,
    pulse: &Arc<Pulse>,
    outside: &Outside,
    keeper: &Arc<CatalogKeeper>,
    line: Arc<dyn Line>,
) -> Arc<dyn Vitals> {
    Arc::new(VitalSigns {
        store: Arc::clone(&keeper.store),
        keeper: Arc::clone(keeper),
        zones: Arc::clone(&outside.zones),
        running,
        pulse: Arc::clone(pulse),
        line,
        process: Arc::new(OwnProcess),
        queues: Kept::default(),
        crowd: Kept::default(),
    })
}
