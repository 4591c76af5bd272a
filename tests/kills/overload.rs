//! Bad times: far more due at once than can be sent, and a Connector that hangs, drips or talks nonsense. Memory and file
//! descriptors stay bounded, everybody is accounted for, and a stop ends in time during all of it.
//!
//! `NUDGED_CROWD=1000000 cargo test --release --test kills overload -- --nocapture` has a million people due at once.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use nudged::domain::delivery::State;
use nudged::emulator::{Effect, Fault, Operation, When};

use crate::garbage::{Madhouse, Way, conversation};
use crate::ledger::Ledger;
use crate::meter::Meter;
use crate::rig::{Rig, read};
use crate::scene::ledger_path;
use crate::stopping::{hurried, rows};
use crate::{SENDERS, asked_for, references, say};

/// How many are due at once without being asked.
const CROWD: u64 = 20_000;

/// Two megabytes for each thousand senders would be much; what is beyond this grows with the load. The debug build of the
/// binary takes a third more than the released one.
const MOST_MIB: u64 = 192;

/// The ledger, its log, the socket, timers, the runtime's own; and two for each sender, since a connection that is given up
/// may end a little later.
const MOST_DESCRIPTORS: usize = 64 + 2 * SENDERS;

const STOPS_WITHIN: Duration = Duration::from_secs(20);

fn check(meter: Meter) {
    assert!(meter.mib <= MOST_MIB, "{} MiB at most, and {MOST_MIB} are allowed", meter.mib);
    assert!(
        meter.descriptors <= MOST_DESCRIPTORS,
        "{} descriptors, and {MOST_DESCRIPTORS} are allowed",
        meter.descriptors
    );
}

/// A crowd is due at once, more than can be sent in an hour. It is stopped in the middle, and everybody is accounted for.
#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_due_at_once_stays_within_bounds() {
    let crowd = asked_for("NUDGED_CROWD", CROWD);
    let rig = Rig::fast(5000, Duration::from_millis(5)).await;
    let began = rig.clock.moment();
    import_lines(&rig, crowd);
    let imported = rig.clock.moment().since(began);
    rig.schedule_once("crowd", rig.in_seconds(-1), "");
    let daemon = rig.start().await;
    let mut meter = Meter::default();
    let goal = (crowd / 20).max(2000);
    let taken = rig.emulator.watch();
    rig.until("some have theirs", || {
        meter.look(&daemon);
        *taken.borrow() >= goal
    })
    .await;
    meter.look(&daemon);
    let stopping = rig.clock.moment();
    daemon.stop();
    let stopped = rig.clock.moment().since(stopping);
    assert!(stopped < STOPS_WITHIN, "the stop took {stopped:?}");
    check(meter);

    let ledger = Ledger::open(&ledger_path(&rig)).expect("a ledger");
    let of = |state: &str| {
        let count = ledger.number_of("SELECT count(*) FROM deliveries WHERE state = ?1", state);
        u64::try_from(count.expect("a number")).expect("a count")
    };
    assert_eq!(of("sent"), *rig.emulator.watch().borrow(), "what Teams took, the ledger knows");
    assert_eq!(of("sent") + of("planned") + of("waiting"), crowd, "everybody is in one state");
    say(&format!(
        "{crowd} people taken in within {} s, all due at once, stopped after {}: at most {} MiB and {} descriptors; \
         the stop took {} ms",
        imported.as_secs(),
        of("sent"),
        meter.mib,
        meter.descriptors,
        stopped.as_millis()
    ));
}

/// References, one a line: these are read piece by piece, however many there are.
fn import_lines(rig: &Rig, count: u64) {
    rig.write("people.jsonl", &references(rig, count));
    rig.run_ok(&["people", "import", rig.path("people.jsonl").to_str().expect("a plain path")]);
}

/// Nobody ever answers. Each delivery costs one time-out and no more, and what is held by it stays bounded.
#[tokio::test(flavor = "multi_thread")]
async fn a_connector_that_hangs_for_ever_holds_little() {
    let rig = hurried(Duration::ZERO, "on_unknown = \"hold\"\n").await;
    rig.emulator.add_fault(Fault::new(Effect::Hang(When::Before)).on(Operation::Send));
    let daemon = rig.start().await;
    let mut meter = Meter::default();
    let unknown = || rows(&rig).iter().filter(|row| row.state == State::Unknown).count();
    rig.until("two rounds of time-outs are over", || {
        meter.look(&daemon);
        unknown() >= 2 * SENDERS
    })
    .await;
    daemon.stop();
    check(meter);
    let left: Vec<_> =
        rows(&rig).into_iter().filter(|row| !matches!(row.state, State::Unknown | State::Planned)).collect();
    assert!(left.is_empty(), "{left:?}");
    say(&format!("a Connector that hangs: at most {} MiB and {} descriptors", meter.mib, meter.descriptors));
}

/// Whatever nonsense comes back, each delivery comes to what can be known of it; little is kept of it, and nothing is asked
/// twice.
#[tokio::test(flavor = "multi_thread")]
async fn nonsense_is_survived() {
    const EACH: usize = 6;
    let madhouse = Madhouse::open().await;
    let rig = hurried(Duration::ZERO, "").await;
    let config = read(&rig.path("nudged.toml"));
    let config = config.replace(&rig.emulator.service_url(), &format!("http://{}/teams/", madhouse.address));
    let config = config.replace("trusted_hosts = [", &format!("trusted_hosts = [\"{}\", ", madhouse.address));
    rig.write("nudged.toml", &config);
    std::fs::remove_file(rig.path("schedules/crowd.toml")).expect("it was there");
    let mut csv = String::from("teams_id,name,zone,conversation_id,groups\n");
    for way in Way::ALL {
        for n in 0..EACH {
            writeln!(csv, "29:{way:?}-{n},{way:?},Europe/Paris,{},patients", conversation(way, n)).expect("written");
        }
    }
    rig.write("patients.csv", &csv);
    rig.run_ok(&["people", "import", rig.path("patients.csv").to_str().expect("a plain path")]);
    let at = rig.in_seconds(-1).format("%Y-%m-%dT%H:%M:%SZ");
    let schedule = "to = \"group:patients\"\nzone = \"UTC\"\ntext = \"Hello\"\non_unknown = \"hold\"\n";
    rig.write("schedules/patients.toml", &format!("[schedule.patients]\nat = {at}\n{schedule}"));

    let daemon = rig.start().await;
    let mut meter = Meter::default();
    let is_over = || {
        let rows = rows(&rig);
        rows.len() == Way::ALL.len() * EACH && rows.iter().all(|row| row.state.is_final())
    };
    rig.until("it is over", || {
        meter.look(&daemon);
        is_over()
    })
    .await;
    daemon.stop();
    check(meter);
    let mut found: BTreeMap<Way, BTreeMap<State, usize>> = BTreeMap::new();
    for row in rows(&rig) {
        let way = Way::ALL.into_iter().find(|way| row.key.conversation.starts_with(&format!("a:{way:?}-")));
        *found.entry(way.expect("one of them")).or_default().entry(row.state).or_default() += 1;
    }
    for (way, states) in &found {
        assert_eq!(*states, BTreeMap::from([(way.comes_to(), EACH)]), "{way:?}");
    }
    let asked = madhouse.answered().len();
    assert_eq!(asked, Way::ALL.len() * EACH, "each was asked once");
    say(&format!("{asked} answers of nonsense: at most {} MiB and {} descriptors", meter.mib, meter.descriptors));
}
