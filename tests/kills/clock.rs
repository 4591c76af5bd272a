//! The wall clock is set, the machine sleeps: the real binary under libfaketime (P1, P4).
//!
//! libfaketime gives one process another answer to "what time is it". What it can't do is said here, since it is not tried
//! here: the kernel's timers go on by the true clock, so the daemon's alarm (`TFD_TIMER_CANCEL_ON_SET`) does not ring when
//! the clock is set, and SIGHUP wakes it in its place; the monotonic clock stays the true one, as it does when somebody sets
//! the wall clock; and a suspended machine is a stopped process (SIGSTOP) whose wall clock has gone on.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use nudged::domain::delivery::State;
use nudged::emulator::{Settings, Windows};

use crate::ledger::{Delivery, Ledger};
use crate::rig::{Pace, Rig, Running};
use crate::say;
use crate::scene::ledger_path;

const PEOPLE: usize = 40;

/// A rig whose daemons live in another time.
struct Faked {
    rig: Rig,
    library: PathBuf,
}

/// Where Debian and others put it: in a directory named after the machine, or right below.
fn library() -> Option<PathBuf> {
    let below = std::fs::read_dir("/usr/lib").ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    let places = below.chain([PathBuf::from("/usr/lib"), PathBuf::from("/usr/lib64")]);
    places.map(|place| place.join("faketime/libfaketime.so.1")).find(|path| path.exists())
}

impl Faked {
    /// `None` where there is no libfaketime.
    async fn new(latency: Duration) -> Option<Self> {
        Self::at_pace(latency, 2000).await
    }

    async fn at_pace(latency: Duration, per_tenant_per_second: u32) -> Option<Self> {
        let Some(library) = library() else {
            say(
                "NOT CHECKED: steps of the wall clock and sleep, for want of libfaketime (Debian: apt-get install faketime)",
            );
            return None;
        };
        let settings = Settings { windows: Windows::Off, latency, ..Settings::default() };
        let rig = Rig::with(settings, Pace { per_tenant_per_second, senders: 8 }).await;
        rig.import_crowd(PEOPLE);
        let faked = Self { rig, library };
        faked.set(TimeDelta::zero());
        Some(faked)
    }

    /// Sets the daemon's wall clock so far off the true one.
    fn set(&self, off: TimeDelta) {
        self.rig.write("clock.new", &format!("{:+}", off.num_seconds()));
        std::fs::rename(self.rig.path("clock.new"), self.rig.path("clock")).expect("renamed");
    }

    fn command(&self) -> Command {
        let mut command = self.rig.command(&["run"]);
        command.env("LD_PRELOAD", &self.library).env("FAKETIME_TIMESTAMP_FILE", self.rig.path("clock"));
        command.env("FAKETIME_NO_CACHE", "1").env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        command
    }

    async fn start(&self) -> Running {
        let daemon = self.rig.spawn(&mut self.command());
        let socket = self.rig.path("state/nudged.sock");
        self.rig.until("the daemon answers", || std::os::unix::net::UnixStream::connect(&socket).is_ok()).await;
        daemon
    }

    /// Sets the clock and wakes the daemon, as the kernel would.
    fn step(&self, daemon: &Running, off: TimeDelta) {
        self.set(off);
        daemon.signal("HUP");
    }

    /// Has somebody else get a message now, so that whatever was to leave before it has left.
    async fn until_all_quiet(&self, daemon: &Running, name: &str, off: TimeDelta) {
        let at = (self.rig.clock.now() + off - TimeDelta::seconds(1)).format("%Y-%m-%dT%H:%M:%SZ");
        let text = format!("[schedule.{name}]\nto = \"29:person-0\"\nat = {at}\nzone = \"UTC\"\ntext = \"{name}\"\n");
        self.rig.write(&format!("schedules/{name}.toml"), &text);
        daemon.signal("HUP");
        self.rig
            .until("it is quiet", || self.rows().iter().any(|row| row.schedule == name && row.state == State::Sent))
            .await;
    }

    fn once(&self, name: &str, at: DateTime<Utc>, more: &str) {
        self.rig.schedule_once(name, at, more);
    }

    fn rows(&self) -> Vec<Delivery> {
        Ledger::open(&ledger_path(&self.rig)).map(|ledger| ledger.rows()).unwrap_or_default()
    }

    /// The deliveries of a schedule that are in `state`.
    fn count(&self, schedule: &str, state: State) -> usize {
        self.rows().iter().filter(|row| row.schedule == schedule && row.state == state).count()
    }

    fn assert_no_doubts(&self) {
        let in_doubt: Vec<_> = self.rows().into_iter().filter(Delivery::is_in_doubt).collect();
        assert!(in_doubt.is_empty(), "{in_doubt:?}");
    }

    /// How many messages have arrived that say `Hello`: all but those of [`Faked::until_all_quiet`].
    fn hellos(&self) -> usize {
        let texts = self.rig.messages().into_iter().filter_map(|message| message.text);
        texts.filter(|text| text.starts_with("Hello")).count()
    }
}

/// What was jumped over is late, not on time: it is sent within its limit, and expires beyond it.
#[tokio::test(flavor = "multi_thread")]
async fn a_step_forward_makes_things_late() {
    let Some(faked) = Faked::new(Duration::ZERO).await else { return };
    let due = faked.rig.in_seconds(2 * 3600);
    faked.once("patient", due, "late = \"2h\"\n");
    faked.once("strict", due, "late = \"30m\"\n");
    let daemon = faked.start().await;
    faked.step(&daemon, TimeDelta::hours(3));
    faked.rig.until("late ones are sent", || faked.count("patient", State::Sent) == PEOPLE).await;
    faked.rig.until("the others expire", || faked.count("strict", State::Expired) == PEOPLE).await;
    daemon.stop();
    assert_eq!(faked.hellos(), PEOPLE);
    faked.assert_no_doubts();
}

/// Leases run by the wall clock; a request under way is not taken for abandoned when that is set forward.
#[tokio::test(flavor = "multi_thread")]
async fn a_step_forward_while_requests_are_under_way_doubles_nothing() {
    let Some(faked) = Faked::new(Duration::from_millis(1500)).await else { return };
    faked.once("crowd", faked.rig.in_seconds(-1), "late = \"3h\"\n");
    let daemon = faked.start().await;
    faked.rig.until_taken(1).await;
    faked.step(&daemon, TimeDelta::hours(1));
    faked.rig.until("everybody has theirs", || faked.count("crowd", State::Sent) == PEOPLE).await;
    daemon.stop();
    assert_eq!(faked.hellos(), PEOPLE);
    faked.assert_no_doubts();
}

/// What was sent stays sent, however often its hour comes again.
#[tokio::test(flavor = "multi_thread")]
async fn a_step_back_fires_nothing_again() {
    let Some(faked) = Faked::new(Duration::ZERO).await else { return };
    faked.once("single", faked.rig.in_seconds(-1), "");
    let at = faked.rig.in_seconds(-60).format("%-M %-H");
    let daily = format!(
        "[schedule.daily]\nto = \"everyone\"\ncron = \"{at} * * *\"\nzone = \"UTC\"\nlate = \"1h\"\ntext = \"Hello\"\n"
    );
    faked.rig.write("schedules/daily.toml", &daily);
    let daemon = faked.start().await;
    let all = || faked.count("single", State::Sent) + faked.count("daily", State::Sent);
    faked.rig.until("both are sent", || all() == 2 * PEOPLE).await;
    for (number, hours) in [-2, 0, -24, 0].into_iter().enumerate() {
        let off = TimeDelta::hours(hours);
        faked.step(&daemon, off);
        faked.until_all_quiet(&daemon, &format!("quiet{number}"), off).await;
        assert_eq!(faked.hellos(), 2 * PEOPLE, "after the clock was set to {hours} h");
    }
    daemon.stop();
    faked.assert_no_doubts();
}

/// What a sender has in its hands already is not sent either, when its hour has not come any more.
#[tokio::test(flavor = "multi_thread")]
async fn a_step_back_stops_what_waits_for_its_turn() {
    let Some(faked) = Faked::at_pace(Duration::ZERO, 8).await else { return };
    faked.once("crowd", faked.rig.in_seconds(-1), "");
    let daemon = faked.start().await;
    faked.rig.until_taken(8).await;
    let off = TimeDelta::hours(-1);
    faked.set(off);
    let before = faked.hellos();
    faked.until_all_quiet(&daemon, "quiet", off).await;
    let after = faked.hellos();
    // Twice that many were in hand and waited for the limit; some may have been beyond their last look at the clock.
    assert!(after <= before + 4, "{} left after the clock was set back", after - before);
    faked.step(&daemon, TimeDelta::zero());
    faked.rig.until("the rest follows", || faked.count("crowd", State::Sent) == PEOPLE).await;
    daemon.stop();
    assert_eq!(faked.hellos(), PEOPLE);
    faked.assert_no_doubts();
}

/// Killed in the middle, and started a day earlier: nothing leaves before its hour comes again, and then only the rest.
#[tokio::test(flavor = "multi_thread")]
async fn killed_and_started_a_day_earlier_it_waits_for_its_hour() {
    let Some(faked) = Faked::new(Duration::from_millis(100)).await else { return };
    faked.once("crowd", faked.rig.in_seconds(-1), "on_unknown = \"hold\"\n");
    let daemon = faked.start().await;
    faked.rig.until_taken(10).await;
    daemon.kill();
    let yesterday = TimeDelta::days(-1);
    faked.set(yesterday);
    let before = faked.hellos();
    assert!(before < PEOPLE, "it was killed in the middle");
    let daemon = faked.start().await;
    faked.until_all_quiet(&daemon, "quiet", yesterday).await;
    assert_eq!(faked.hellos(), before, "a day early");
    faked.step(&daemon, TimeDelta::zero());
    let over = || faked.count("crowd", State::Sent) + faked.count("crowd", State::Unknown);
    faked.rig.until("everybody is accounted for", || over() == PEOPLE).await;
    daemon.stop();
    assert!(faked.count("crowd", State::Unknown) <= 8, "no more than were under way");
    let copies = faked.rig.copies();
    assert!(copies.iter().all(|(id, copies)| *copies == 1 || id == "a:conversation-0"), "{copies:?}");
}

/// The machine sleeps for two hours in the middle: what was answered meanwhile counts, and the rest is too late.
#[tokio::test(flavor = "multi_thread")]
async fn who_slept_through_the_limit_sends_nothing_more() {
    let Some(faked) = Faked::new(Duration::from_millis(400)).await else { return };
    faked.once("crowd", faked.rig.in_seconds(-1), "late = \"1h\"\n");
    let daemon = faked.start().await;
    faked.rig.until_taken(10).await;
    daemon.signal("STOP");
    faked.set(TimeDelta::hours(2));
    daemon.signal("CONT");
    daemon.signal("HUP");
    let sent = || faked.count("crowd", State::Sent);
    faked.rig.until("it is over", || sent() + faked.count("crowd", State::Expired) == PEOPLE).await;
    daemon.stop();
    assert!((10..PEOPLE).contains(&sent()), "{} were sent", sent());
    assert_eq!(faked.hellos(), sent(), "what Teams took, the ledger knows");
    faked.assert_no_doubts();
}
