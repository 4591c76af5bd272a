//! Sending: how fast the daemon sends with intent and outcome of each message durable, beside a loop that keeps nothing.

use std::sync::Arc;
use std::time::Duration;

use nudged::adapter::clock::SystemClock;

use crate::bare;
use crate::connector::Connector;
use crate::rig::{Pace, Rig, count, read};
use crate::table::{Row, Runs};

/// How is sent.
#[derive(Debug, Clone, Copy)]
struct Load {
    /// How long the Connector takes for each.
    latency: Duration,
    at_once: u32,
    /// The least part of the bare loop's rate that will do, in percent.
    goal: f64,
}

const LOADS: [Load; 2] = [
    Load { latency: Duration::ZERO, at_once: 64, goal: 60.0 },
    Load { latency: Duration::from_millis(20), at_once: 512, goal: 90.0 },
];

pub(crate) async fn rows(runs: usize, messages: u64) -> Vec<Row> {
    let mut rows = Vec::new();
    for load in LOADS {
        let (mut daemons, mut bares, mut ratios) = (Runs::default(), Runs::default(), Runs::default());
        for _ in 0..runs {
            // In turn, so that what else the machine does meets both.
            let (daemon, bare) = (daemon(load, messages).await, bare_loop(load, messages).await);
            daemons.push(daemon);
            bares.push(bare);
            ratios.push(daemon / bare * 100.0);
        }
        rows.push(Row {
            what: format!("sending, Connector {} ms, {} at once", load.latency.as_millis(), load.at_once),
            goal: format!("{:.0} % of a bare loop", load.goal),
            measured: daemons.show(0, "/s"),
            baseline: bares.show(0, "/s"),
            ratio: ratios.show(0, " %"),
            is_met: ratios.median() >= load.goal,
        });
    }
    rows
}

/// Messages a second.
fn rate(messages: u64, took: Duration) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "some thousands")]
    let messages = messages as f64;
    messages / took.as_secs_f64()
}

async fn bare_loop(load: Load, messages: u64) -> f64 {
    let mut connector = Connector::open(Arc::new(SystemClock::new()), load.latency, messages).await;
    bare::run(&connector.address, messages, load.at_once).await;
    rate(messages, connector.all_taken().await)
}

async fn daemon(load: Load, messages: u64) -> f64 {
    let pace = Pace { per_tenant_per_second: 1_000_000, senders: load.at_once };
    let rig = Rig::with(nudged::emulator::Settings::default(), pace).await;
    let mut connector = Connector::open(Arc::clone(&rig.clock), load.latency, messages).await;
    // The stand-in for Teams gives the token, and nothing else.
    let config = read(&rig.path("nudged.toml"));
    let config = config.replace(&rig.emulator.service_url(), &format!("http://{}/teams/", connector.address));
    let config = config.replace("trusted_hosts = [", &format!("trusted_hosts = [\"{}\", ", connector.address));
    rig.write("nudged.toml", &config);
    rig.import_crowd(usize::try_from(messages).expect("a count"));
    rig.schedule_once("crowd", rig.in_seconds(15), "");
    let daemon = rig.start().await;
    let took = connector.all_taken().await;
    rig.until("all outcomes are durable", || count(&rig.status(Some("crowd")), "sent") == messages).await;
    daemon.stop();
    rate(messages, took)
}
