//! A disk that fails at the Nth call, for every N (P1, P2, P3).
//!
//! A child process, which is this test again, lives through the [`scenario`] on a disk that `shim.c` makes fail: at one
//! call, for a while or for good, or the power is cut there. Which acts were answered as done it writes down outside of
//! that disk. Afterwards the ledger is opened again on a good disk, and must be, row for row, the one that so many acts
//! make on a good disk: one act more is allowed where the child was not told what became of it, and never a part of one.
//!
//! Why a shim below SQLite and not fail points in the store: the promise is about what the disk holds, so the faults
//! have to come from where the disk is, in the middle of a page, a log or a synchronisation, in an order that nobody
//! chose. What the store's own code does between two calls is a crash, and those are among the faults ("kill").
//!
//! `NUDGED_FAULTS=all` tries every call with every kind, `OneError` every call with that kind, `OneError@1009` that fault alone;
//! without it the kinds take turns.

// What the child does.
mod scenario;
// What the ledger holds, as text.
mod state;

use std::fmt;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use nudged::port::store::StatusQuery;
use tempfile::TempDir;

use crate::fixtures::at;
use scenario::{ACTS, Failure, World};

/// With this the shim ends a child whose power it cuts.
const POWER_IS_OFF: i32 = 86;

/// For how many calls a fault lasts that passes.
const A_WHILE: u32 = 12;

/// With so many failures there is no need to look for more.
const ENOUGH: usize = 5;

/// What goes wrong, and where.
#[derive(Debug, Clone, Copy)]
struct Fault {
    kind: Kind,
    /// The call, from 1.
    at: u32,
}

/// The kinds of faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// One call fails with EIO, and what it should have synchronised is lost for good.
    OneError,
    /// So does every call from there on.
    NothingButErrors,
    /// The disk is full for a while: a short write, then ENOSPC.
    FullForAWhile,
    /// The disk stays full.
    Full,
    /// The file system is remounted read-only, as after an error of the disk.
    ReadOnly,
    /// Calls are interrupted by signals for a while.
    Interrupted,
    /// Bytes cannot be read for once.
    Unreadable,
    /// The power goes, and with it all that was not synchronised.
    PowerCut,
    /// The power goes, and any part of what was not synchronised stays, in sectors.
    TornPowerCut,
    /// SIGKILL: what was written stays.
    Kill,
}

impl Kind {
    const ALL: [Kind; 10] = [
        Kind::OneError,
        Kind::NothingButErrors,
        Kind::FullForAWhile,
        Kind::Full,
        Kind::ReadOnly,
        Kind::Interrupted,
        Kind::Unreadable,
        Kind::PowerCut,
        Kind::TornPowerCut,
        Kind::Kill,
    ];

    /// The shim's word, and for how many calls; 0 means for good.
    fn for_shim(self) -> (&'static str, u32) {
        match self {
            Kind::OneError => ("eio", 1),
            Kind::NothingButErrors => ("eio", 0),
            Kind::FullForAWhile => ("short", A_WHILE),
            Kind::Full => ("full", 0),
            Kind::ReadOnly => ("readonly", 0),
            Kind::Interrupted => ("eintr", A_WHILE),
            Kind::Unreadable => ("read", 1),
            Kind::PowerCut => ("cut", 1),
            Kind::TornPowerCut => ("torn", 1),
            Kind::Kill => ("kill", 1),
        }
    }

    /// How the child must end.
    fn ends(self) -> End {
        match self {
            Kind::OneError | Kind::FullForAWhile | Kind::Interrupted | Kind::Unreadable => End::Everything,
            Kind::NothingButErrors | Kind::Full | Kind::ReadOnly => End::GivesUp,
            Kind::PowerCut | Kind::TornPowerCut | Kind::Kill => End::Dies,
        }
    }
}

/// How a child ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// Every act is done in the end, some at a second try.
    Everything,
    /// An act fails again and again, and nothing hangs.
    GivesUp,
    /// In the middle of an act.
    Dies,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} at call {}", self.kind, self.at)
    }
}

/// The shim, and what the ledger is after each act on a good disk.
struct Bench {
    folder: TempDir,
    /// After so many acts; the first one opens the ledger.
    states: Vec<String>,
    /// In the middle of acts whose parts are durable one by one.
    between: Vec<String>,
    /// Calls that can change something, and calls that read.
    calls: (u32, u32),
}

/// In memory where there is such a place: the shim knows what is durable, so the disk need not.
fn folder() -> TempDir {
    TempDir::new_in("/dev/shm").or_else(|_| TempDir::new()).expect("a folder")
}

impl Bench {
    fn new() -> Self {
        let folder = folder();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/store/faults/shim.c");
        let built = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-o"])
            .arg(folder.path().join("shim.so"))
            .arg(source)
            .arg("-ldl")
            .output()
            .expect("a C compiler, `cc`; with Debian: apt install gcc libc6-dev");
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        let mut bench = Self { folder, states: Vec::new(), between: Vec::new(), calls: (0, 0) };
        bench.live_well();
        bench
    }

    /// Once without any fault, to learn what is right and how many calls there are.
    fn live_well(&mut self) {
        let place = folder();
        let count = self.folder.path().join("count");
        let status = self.child(&place).env("FAULT_COUNT", &count).env(KEEP_STATES, "1").status();
        assert!(status.expect("the child").success(), "{}", acknowledged(&place));
        let counted = std::fs::read_to_string(count).expect("the shim has counted");
        let mut numbers = counted.split_whitespace().map(|number| number.parse().expect("a number"));
        self.calls = (numbers.next().expect("writes"), numbers.next().expect("reads"));
        assert!(self.calls.0 > 100 && self.calls.1 > 10, "the shim sees what SQLite does: {:?}", self.calls);
        self.between = [1, 2].map(|part| read(&between(&place.path().join("disk"), part))).into();
        self.states = (1..=ACTS.len()).map(|done| read(&place.path().join(format!("state-{done}")))).collect();
    }

    fn child(&self, place: &TempDir) -> Command {
        let disk = place.path().join("disk");
        std::fs::create_dir(&disk).expect("a folder");
        let mut child = Command::new(std::env::current_exe().expect("this test"));
        child
            .args(["--ignored", "--exact", "faults::lives_on_a_failing_disk", "--nocapture"])
            .env("LD_PRELOAD", self.folder.path().join("shim.so"))
            .env("FAULT_DIR", disk)
            .env(CHILD, place.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        child
    }

    /// A backup that was made is there and whole; and nothing else ever has its name.
    fn check_backup(&self, copy: &Path, acknowledged: &str) -> Result<(), String> {
        let made = ACTS.iter().position(|(name, _)| *name == "back up").expect("there is such an act");
        if !copy.exists() {
            let is_promised = acknowledged.contains("done back up");
            return if is_promised { Err("the backup is gone".to_owned()) } else { Ok(()) };
        }
        let state = state::reopened(copy).map_err(|error| format!("the backup is no good: {error}"))?;
        // It says when it was made, and in nothing else differs from the ledger.
        let rest =
            |state: &str| state.lines().filter(|line| !line.starts_with("daemon")).collect::<Vec<_>>().join("\n");
        let right = rest(&self.states[made]);
        if rest(&state) == right {
            Ok(())
        } else {
            Err(format!("the backup is another: {}", state::difference(&right, &state)))
        }
    }

    /// Has a child meet the fault, and looks at what is left. Says how many acts were answered, how many failures there
    /// were, and whether the last act is there although nobody was told.
    fn meet(&self, fault: Fault) -> Result<Met, String> {
        let place = folder();
        let (word, lasts) = fault.kind.for_shim();
        let ends = fault.kind.ends();
        let child = self
            .child(&place)
            .env("FAULT_KIND", word)
            .env("FAULT_AT", fault.at.to_string())
            .env("FAULT_FOR", lasts.to_string())
            .env("FAULT_SEED", fault.at.to_string())
            .env(TRIES, if ends == End::Everything { "40" } else { "2" })
            .stderr(Stdio::piped())
            .output()
            .map_err(|error| error.to_string())?;
        let acknowledged = acknowledged(&place);
        let said = || format!("{acknowledged}\n{}", String::from_utf8_lossy(&child.stderr));
        if child.status.code() != Some(POWER_IS_OFF) {
            return Err(format!("the child ended with {}: {}", child.status, said()));
        }
        let lines = |word: &str| acknowledged.lines().filter(|line| line.starts_with(word)).count();
        let met = Met { done: lines("done"), failures: lines("failed"), unsaid: false };
        match ends {
            End::Everything if met.done < ACTS.len() => return Err(format!("not everything is done: {}", said())),
            End::GivesUp if met.failures == 0 && met.done < ACTS.len() => {
                return Err(format!("nothing failed, yet it gave up: {}", said()));
            }
            // A full disk or one that may not be written can still be read.
            End::GivesUp if fault.kind != Kind::NothingButErrors && lines("unreadable") > 0 => {
                return Err(format!("it can't be read any more: {}", said()));
            }
            End::Everything | End::GivesUp | End::Dies => {}
        }
        self.check_backup(&scenario::copy(&place.path().join("disk/ledger.db")), &acknowledged)?;
        let state = state::reopened(&place.path().join("disk/ledger.db"))
            .map_err(|error| format!("after {} acts: {error}: {}", met.done, said()))?;
        // Without any act there is a new ledger, as after the first one.
        let right = |done: usize| self.states.get(done.saturating_sub(1));
        if Some(&state) == right(met.done) {
            return Ok(met);
        }
        if ends != End::Everything && (Some(&state) == right(met.done + 1) || self.between.contains(&state)) {
            return Ok(Met { unsaid: true, ..met });
        }
        let differs = state::difference(right(met.done).map_or("", String::as_str), &state);
        Err(format!("after {} acts the ledger is another one: {differs}: {}", met.done, said()))
    }
}

/// What became of a child.
#[derive(Debug, Clone, Copy)]
struct Met {
    done: usize,
    failures: usize,
    /// Whether the act during which it ended is there, although nobody was told.
    unsaid: bool,
}

/// Where a state in the middle of an act is kept.
fn between(disk: &Path, part: u32) -> PathBuf {
    disk.with_file_name(format!("state-between-{part}"))
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What the child wrote down. Nothing when it did not come so far.
fn acknowledged(place: &TempDir) -> String {
    std::fs::read_to_string(place.path().join("acknowledged")).unwrap_or_default()
}

/// Which calls have their turn with which kinds. Without being asked for more, every call has one kind: they take turns.
fn faults(calls: (u32, u32)) -> Vec<Fault> {
    let wanted = std::env::var("NUDGED_FAULTS").unwrap_or_default();
    let (word, call) = wanted.split_once('@').map_or((&*wanted, None), |(word, call)| (word, Some(call)));
    if let Some(kind) = Kind::ALL.into_iter().find(|kind| format!("{kind:?}") == word) {
        let of_kind = if kind == Kind::Unreadable { calls.1 } else { calls.0 };
        let call = call.map(|call| call.parse().expect("the number of a call"));
        return call.map_or(1..=of_kind, |call| call..=call).map(|at| Fault { kind, at }).collect();
    }
    let all = wanted == "all";
    assert!(all || wanted.is_empty(), "NUDGED_FAULTS is all or a kind of fault, and not {wanted}");
    let kinds: Vec<_> = Kind::ALL.into_iter().filter(|kind| *kind != Kind::Unreadable).collect();
    let of_call = |at: u32| if all { kinds.clone() } else { vec![kinds[at as usize % kinds.len()]] };
    let faults = (1..=calls.0).flat_map(|at| of_call(at).into_iter().map(move |kind| Fault { kind, at }));
    // What fails to be read is reported by SQLite as it is, and there are many reads; so a part of them tells enough.
    let step = if all { 1 } else { 13 };
    faults.chain((1..=calls.1).step_by(step).map(|at| Fault { kind: Kind::Unreadable, at })).collect()
}

#[test]
fn whatever_the_disk_does_the_ledger_keeps_what_it_said() {
    let bench = Bench::new();
    let faults = faults(bench.calls);
    let (next, results) = (AtomicUsize::new(0), Mutex::new(Vec::<(Fault, Result<Met, String>)>::new()));
    let is_hopeless = || results.lock().expect("no panic").iter().filter(|(_, met)| met.is_err()).count() >= ENOUGH;
    let workers = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some(fault) = faults.get(next.fetch_add(1, Ordering::Relaxed))
                    && !is_hopeless()
                {
                    let met = bench.meet(*fault).map_err(|error| format!("{fault}: {error}"));
                    results.lock().expect("no panic").push((*fault, met));
                }
            });
        }
    });
    let results = results.into_inner().expect("no panic");
    let first = results.iter().position(|(_, met)| met.is_err());
    let wrong: Vec<_> = results.iter().filter_map(|(_, met)| met.as_ref().err().map(String::as_str)).collect();
    assert!(first.is_none(), "first after {} faults:\n{}", first.unwrap_or(0) + 1, wrong.join("\n"));
    let mut log = std::io::stderr().lock();
    for kind in Kind::ALL {
        let of_kind: Vec<_> = results.iter().filter(|(fault, _)| fault.kind == kind).collect();
        if of_kind.is_empty() {
            continue;
        }
        let met: Vec<_> = of_kind.iter().filter_map(|(_, met)| met.as_ref().ok()).collect();
        let failures: usize = met.iter().map(|met| met.failures).sum();
        let unsaid = met.iter().filter(|met| met.unsaid).count();
        let figures = format!("{} faults, {failures} acts failed, {unsaid} were done but not answered", met.len());
        writeln!(log, "{kind:?}: {figures}").expect("stderr");
        // A shim that does nothing finds nothing.
        assert!(kind.ends() != End::GivesUp || failures > 0, "{kind:?} fails nothing");
    }
}

/// The folder in which the child writes down what it was told, with the folder of its disk in it.
const CHILD: &str = "NUDGED_FAULTS_CHILD";
/// How often it tries an act.
const TRIES: &str = "NUDGED_FAULTS_TRIES";
/// That it is to keep what the ledger holds after each act.
const KEEP_STATES: &str = "NUDGED_FAULTS_STATES";

#[tokio::test]
#[ignore = "every `cargo test` and CI run it, through whatever_the_disk_does_the_ledger_keeps_what_it_said: once for each fault, as a child on a disk that fails"]
async fn lives_on_a_failing_disk() {
    let Some(place) = std::env::var_os(CHILD).map(PathBuf::from) else { return };
    let tries: u32 = std::env::var(TRIES).map_or(1, |tries| tries.parse().expect("a number"));
    let keeps_states = std::env::var_os(KEEP_STATES).is_some();
    let mut world = World::new(place.join("disk/ledger.db"));
    if keeps_states {
        world.keeps_between = Some(|ledger, part| {
            let folder = ledger.parent().expect("the disk");
            std::fs::write(between(folder, part), state::of(ledger)).expect("a state");
        });
    }
    let mut told = File::create(place.join("acknowledged")).expect("a file outside of the disk");
    for (number, (name, act)) in ACTS.iter().enumerate() {
        if !does(&mut told, &mut world, name, *act, tries).await {
            let query = StatusQuery { schedule: None };
            if let Ok(store) = world.store()
                && let Err(error) = store.status(query, at("00:00"), at("00:00")).await
            {
                writeln!(told, "unreadable: {error}").expect("a good disk");
            }
            break;
        }
        if keeps_states {
            std::fs::write(place.join(format!("state-{}", number + 1)), state::of(&world.path)).expect("a state");
        }
    }
    if !keeps_states {
        // The shim hears this and cuts the power, so that nothing counts that is not durable.
        drop(File::open(place.join("disk/power-off")));
    }
}

/// Does one act, and says whether it is done at last.
async fn does(told: &mut File, world: &mut World, name: &str, act: scenario::ActFn, tries: u32) -> bool {
    for _ in 0..tries {
        let result: Result<(), Failure> = act(world).await;
        match result {
            Ok(()) => {
                writeln!(told, "done {name}").expect("a good disk");
                return true;
            }
            Err(error) => writeln!(told, "failed {name}: {error}").expect("a good disk"),
        }
    }
    false
}
