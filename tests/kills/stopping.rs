//! Signals in bad moments: SIGTERM while Teams does not answer, or answers slowly; SIGHUP upon SIGHUP.

use std::time::Duration;

use nudged::domain::delivery::State;
use nudged::emulator::{Effect, Fault, Operation, Settings, When, Windows};

use crate::SENDERS;
use crate::ledger::{Delivery, Ledger};
use crate::rig::{Pace, Rig, read};
use crate::scene::ledger_path;

const PEOPLE: usize = 200;

/// What a stop may take beyond the requests in flight, on a machine that does ten other things.
const BESIDES: Duration = Duration::from_secs(10);

/// A daemon with a crowd to serve at once, whose requests end after two seconds.
pub(crate) async fn hurried(latency: Duration, more: &str) -> Rig {
    let settings = Settings { windows: Windows::Off, latency, ..Settings::default() };
    let senders = u32::try_from(SENDERS).expect("small");
    let rig = Rig::with(settings, Pace { per_tenant_per_second: 2000, senders }).await;
    let config = read(&rig.path("nudged.toml"));
    rig.write("nudged.toml", &format!("{config}request_timeout = \"2s\"\n"));
    rig.import_crowd(PEOPLE);
    rig.schedule_once("crowd", rig.in_seconds(-1), more);
    rig
}

pub(crate) fn rows(rig: &Rig) -> Vec<Delivery> {
    Ledger::open(&ledger_path(rig)).expect("a ledger").rows()
}

fn count(rows: &[Delivery], is_so: impl Fn(&Delivery) -> bool) -> usize {
    rows.iter().filter(|row| is_so(row)).count()
}

/// Nobody answers: the stop waits for the requests in flight and for nothing else, and says of each that it is in doubt.
#[tokio::test(flavor = "multi_thread")]
async fn a_stop_while_teams_hangs_takes_one_time_out() {
    let rig = hurried(Duration::ZERO, "on_unknown = \"hold\"\n").await;
    rig.emulator.add_fault(Fault::new(Effect::Hang(When::After)).on(Operation::Send));
    let daemon = rig.start().await;
    rig.until_taken(SENDERS as u64).await;
    let began = rig.clock.moment();
    daemon.stop();
    let took = rig.clock.moment().since(began);
    assert!(took < Duration::from_secs(2) + BESIDES, "the stop took {took:?}");

    let rows = rows(&rig);
    let arrived = rig.messages().len();
    assert_eq!(rows.len(), PEOPLE);
    assert_eq!(count(&rows, |row| row.state == State::Unknown), arrived, "each that left is in doubt, and no other");
    assert_eq!(count(&rows, |row| row.state == State::Planned), PEOPLE - arrived, "what has not left waits");
}

/// Teams is slow, not dead: what is in flight is finished, and nothing is in doubt.
#[tokio::test(flavor = "multi_thread")]
async fn a_stop_while_teams_is_slow_finishes_what_is_in_flight() {
    let rig = hurried(Duration::from_millis(1200), "").await;
    let daemon = rig.start().await;
    rig.until_taken(SENDERS as u64).await;
    let began = rig.clock.moment();
    daemon.stop();
    let took = rig.clock.moment().since(began);
    assert!(took < Duration::from_secs(2) + BESIDES, "the stop took {took:?}");

    let rows = rows(&rig);
    let arrived = rig.messages().len();
    assert!((SENDERS..PEOPLE).contains(&arrived), "{arrived} arrived");
    assert_eq!(count(&rows, |row| row.state == State::Sent), arrived);
    assert_eq!(count(&rows, |row| row.state == State::Planned), PEOPLE - arrived);
    assert_eq!(count(&rows, Delivery::is_in_doubt), 0);
}

/// A file that changes while the files are being read is read all the same: no SIGHUP is lost on a reload.
#[tokio::test(flavor = "multi_thread")]
async fn a_second_sighup_during_a_reload_is_not_lost() {
    let rig = Rig::new().await;
    rig.import_crowd(1);
    let daemon = rig.start().await;
    let far = rig.in_seconds(24 * 3600);
    let known = |name: &str| {
        let ledger = crate::ledger::Ledger::open(&crate::scene::ledger_path(&rig)).expect("a ledger");
        ledger.number_of("SELECT count(*) FROM schedules WHERE name = ?1", name) == Some(1)
    };
    for round in 0..12 {
        // The reload that follows takes a while, and the next file comes in the middle of it.
        rig.schedule_once(&format!("first{round}"), far, "");
        daemon.signal("HUP");
        rig.schedule_once(&format!("second{round}"), far, "");
        daemon.signal("HUP");
        rig.until("the second file is read", || known(&format!("second{round}"))).await;
    }
    daemon.stop();
}
