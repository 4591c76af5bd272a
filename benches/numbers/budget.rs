//! How much of a tenant's budget does a large run use, does Teams ever refuse, was the forecast right, and does memory
//! stay flat?
//!
//! The daemon with a real ledger sends over real HTTP to the stand-in for Teams, which enforces every published window in
//! a process of its own, so that its records are not in the daemon's memory. Both live on one clock that is faster than
//! the machine's: its hours, its windows and its waits all go by as many times as fast. (A request takes its real time, so
//! on that clock it is as many times as slow.)
//!
//! `BUDGET_PEOPLE` (100000), `BUDGET_SPEED` (5) and `BUDGET_LATENCY_MS` (0, of the fast clock) may be set in the environment.

use std::fs;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use nudged::adapter::clock::SystemClock;
use nudged::adapter::entropy::SystemEntropy;
use nudged::adapter::files::DirectoryLibrary;
use nudged::adapter::ticker::CronTicker;
use nudged::adapter::zones::ZoneData;
use nudged::daemon::{Daemon, Outside};
use nudged::domain::import;
use nudged::domain::problem::Source;
use nudged::domain::time::Moment;
use nudged::emulator::{Emulator, Settings};
use nudged::port::clock::{Clock, Woke};
use nudged::port::desk::{Desk, OccurrenceStatus};
use nudged::port::store::StatusQuery;

use crate::common::process::memory;
use crate::common::{Teams, config, number};
use crate::table::{Row, Runs};

/// What this program is told to be one run.
pub(crate) const ROLE: &str = "budget-run";

const PER_SECOND: f64 = 50.0;

/// The size of a run, from the environment.
#[derive(Clone, Copy)]
struct Size {
    people: u32,
    speed: u32,
    latency: Duration,
}

impl Size {
    fn of_environment() -> Self {
        Self {
            people: number("BUDGET_PEOPLE", 100_000),
            speed: number("BUDGET_SPEED", 5).max(1),
            latency: Duration::from_millis(number("BUDGET_LATENCY_MS", 0)),
        }
    }
}

/// A clock of which everything goes `speed` times as fast as on the machine's, in every process that began it at once.
struct FastClock {
    real: SystemClock,
    began: DateTime<Utc>,
    speed: u32,
}

impl FastClock {
    fn new(began: DateTime<Utc>, speed: u32) -> Self {
        Self { real: SystemClock::new(), began, speed }
    }
}

#[async_trait]
impl Clock for FastClock {
    fn now(&self) -> DateTime<Utc> {
        let speed = i32::try_from(self.speed).expect("a small number");
        self.began + (self.real.now() - self.began) * speed
    }

    fn moment(&self) -> Moment {
        Moment(self.real.moment().0 * self.speed)
    }

    async fn sleep_until(&self, at: DateTime<Utc>) -> Woke {
        while let Ok(left) = (at - self.now()).to_std()
            && !left.is_zero()
        {
            self.sleep(left).await;
        }
        Woke::OnTime
    }

    async fn sleep(&self, span: Duration) {
        self.real.sleep(span / self.speed).await;
    }
}

/// That other process. It says where it listens, and then a line when the first message has come, the tenth part of them,
/// and all.
pub(crate) async fn be_teams(began: &str) {
    let (size, began) = (Size::of_environment(), began.parse().expect("an instant"));
    let settings = Settings { latency: size.latency, ..Settings::default() };
    let emulator = Emulator::start(settings, Arc::new(FastClock::new(began, size.speed))).await.expect("it starts");
    println!("{}", emulator.address());
    let mut taken = emulator.watch();
    for count in [1, (size.people / 10).max(1), size.people].map(u64::from) {
        taken.wait_for(|taken| *taken >= count).await.expect("it lives");
        let last = &emulator.messages_after(count - 1, 1)[0];
        println!("{} {}", last.arrived_at.to_rfc3339(), emulator.figures().throttled);
    }
}

/// When the last of the next number of messages came, and how many were refused by then.
fn mark(teams: &mut Teams) -> (DateTime<Utc>, f64) {
    let line = teams.line();
    let (at, throttled) = line.split_once(' ').expect("two words");
    (at.parse().expect("an instant"), throttled.parse().expect("a number"))
}

/// What came of one run.
struct Went {
    /// The part of the budget that was used.
    used: f64,
    /// How many requests were refused.
    throttled: f64,
    /// How wrongly its end was foreseen at the start and at a tenth, in percent of how long it took.
    early: f64,
    later: f64,
    at_tenth_mib: f64,
    at_end_mib: f64,
}

impl Went {
    /// One run in a process of its own, so that its memory is nobody else's.
    async fn in_a_process() -> Self {
        let program = std::env::current_exe().expect("this program");
        let mut command = Command::new(program);
        command.arg(ROLE).stdin(Stdio::null()).stderr(Stdio::inherit());
        let output = tokio::task::spawn_blocking(move || command.output()).await.expect("no panic").expect("it runs");
        assert!(output.status.success(), "{}", output.status);
        let said = String::from_utf8(output.stdout).expect("text");
        let numbers: Vec<f64> = said.split_whitespace().map(|word| word.parse().expect("a number")).collect();
        let [used, throttled, early, later, at_tenth_mib, at_end_mib] = numbers[..] else { panic!("{said:?}") };
        Self { used, throttled, early, later, at_tenth_mib, at_end_mib }
    }
}

/// That other process. It says in numbers what came of it.
pub(crate) async fn be() {
    let Went { used, throttled, early, later, at_tenth_mib, at_end_mib } = run(Size::of_environment()).await;
    println!("{used} {throttled} {early} {later} {at_tenth_mib} {at_end_mib}");
}

async fn run(size: Size) -> Went {
    let began = SystemClock::new().now();
    let clock: Arc<dyn Clock> = Arc::new(FastClock::new(began, size.speed));
    let mut teams = Teams::start(&[&began.to_rfc3339()]);
    let directory = tempfile::tempdir().expect("a directory");
    let config = config(directory.path(), &teams.line(), "");
    let outside = Outside {
        clock: Arc::clone(&clock),
        entropy: Arc::new(SystemEntropy),
        zones: Arc::new(ZoneData::newest()),
        library: Arc::new(DirectoryLibrary::new(config.schedules.clone())),
        files: None,
        ticker: Arc::new(CronTicker::default()),
    };
    let daemon = Daemon::start(&config, outside).await.expect("the daemon starts");
    let desk = daemon.desk();
    import_crowd(desk.as_ref(), size.people).await;

    // Time enough of ours to turn the wave into deliveries.
    let due_at = clock.now() + TimeDelta::seconds(10) * i32::try_from(size.speed).expect("a small number");
    let at = due_at.format("%Y-%m-%dT%H:%M:%SZ");
    let text =
        format!("[schedule.run]\nto = \"everyone\"\nat = {at}\nzone = \"UTC\"\nlate = \"12h\"\ntext = \"Hello\"\n");
    fs::write(config.schedules.join("run.toml"), text).expect("a schedule");
    daemon.reload().await.expect("the schedule is read");

    let (first, _) = mark(&mut teams);
    let at_first = status(desk.as_ref()).await.finished_at;
    let (_, _) = mark(&mut teams);
    let at_tenth = status(desk.as_ref()).await.finished_at;
    let at_tenth_mib = memory(std::process::id()).most_mib;
    let (last, throttled) = mark(&mut teams);
    let at_end_mib = memory(std::process::id()).most_mib;
    daemon.stop().await;

    let took = (last - first).as_seconds_f64();
    // The first window may go at once, so as many less take time.
    let used = (f64::from(size.people) - PER_SECOND).max(1.0) / took / PER_SECOND;
    let error =
        |said: Option<DateTime<Utc>>| said.map_or(f64::INFINITY, |said| (said - last).as_seconds_f64() / took * 100.0);
    Went { used, throttled, early: error(at_first), later: error(at_tenth), at_tenth_mib, at_end_mib }
}

pub(crate) async fn rows(runs: usize) -> Vec<Row> {
    let people = Size::of_environment().people;
    let (mut used, mut throttled, mut early, mut later) =
        (Runs::default(), Runs::default(), Runs::default(), Runs::default());
    let (mut at_tenth, mut at_end, mut growths) = (Runs::default(), Runs::default(), Runs::default());
    for _ in 0..runs {
        let went = Went::in_a_process().await;
        used.push(went.used * 100.0);
        throttled.push(went.throttled);
        early.push(went.early);
        later.push(went.later);
        at_tenth.push(went.at_tenth_mib);
        at_end.push(went.at_end_mib);
        growths.push(went.at_end_mib / went.at_tenth_mib);
    }
    vec![
        Row {
            what: format!("a run of {people} at {PER_SECOND} a second: budget used"),
            goal: "95 %".into(),
            measured: used.show(1, " %"),
            baseline: format!("{PER_SECOND}/s"),
            ratio: used.show(1, " %"),
            is_met: used.median() >= 95.0,
        },
        Row {
            what: "refused with 429".into(),
            goal: "0".into(),
            measured: throttled.show(0, ""),
            baseline: String::new(),
            ratio: String::new(),
            is_met: throttled.greatest() == 0.0,
        },
        Row {
            what: "forecast of its end, at the start and at a tenth".into(),
            goal: "within 5 %".into(),
            measured: format!("{}, {}", early.show(1, " %"), later.show(1, " %")),
            baseline: String::new(),
            ratio: String::new(),
            is_met: [early, later].iter().all(|errors| errors.least() >= -5.0 && errors.greatest() <= 5.0),
        },
        Row {
            what: "memory at most, at a tenth and at the end".into(),
            goal: "-".into(),
            measured: format!("{}, {}", at_tenth.show(0, " MiB"), at_end.show(0, " MiB")),
            baseline: String::new(),
            ratio: growths.show(2, ""),
            is_met: true,
        },
    ]
}

async fn import_crowd(desk: &dyn Desk, people: u32) {
    const AT_ONCE: u32 = 5000;
    for from in (0..people).step_by(AT_ONCE as usize) {
        let lines =
            (from..people.min(from + AT_ONCE)).map(|n| format!("29:person-{n},Person {n},a:conversation-{n}\n"));
        let csv = format!("teams_id,name,conversation_id\n{}", lines.collect::<String>());
        let (records, problems) = import::people(&Source::new("people.csv", csv));
        assert!(problems.is_empty(), "{problems:?}");
        desk.import_people(records).await.expect("people");
    }
}

async fn status(desk: &dyn Desk) -> OccurrenceStatus {
    let status = desk.status(StatusQuery::default()).await.expect("a status");
    status.occurrences.into_iter().next().expect("the occurrence")
}
