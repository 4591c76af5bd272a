//! How many instructions the paths take on which the daemon spends its life. On a machine that others use too, times are
//! noise, and counts of instructions are not: so these are what is guarded.
//!
//! `cargo bench --bench paths` runs each path under Valgrind, twice as often the second time, so that what happens once
//! falls out of the difference; it prints the table, and fails where a path takes more than [`TOLERANCE`] percent more
//! than `instructions.tsv` says. `cargo bench --bench paths -- --record` writes that file anew.
//!
//! `cargo bench --bench paths -- --growth` prints what a message costs the ledger against how many people, schedules and
//! zones it holds.
//!
//! Another compiler makes other code, so the file names the one that it was recorded with, and with any other the table
//! is printed and nothing fails.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it prints a table")]

mod growth;
mod ledger;
mod pure;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path as File, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use ledger::World;

/// In percent. Counts differ by some hundredths from run to run, where threads meet.
const TOLERANCE: f64 = 10.0;

/// Something that is done again and again.
struct Path {
    name: &'static str,
    /// One of what it is counted for.
    each: &'static str,
    /// How often it is done in the shorter run.
    times: usize,
    run: fn(usize),
}

const PATHS: [Path; 5] = [
    Path { name: "check", each: "schedule read from its file", times: 200, run: pure::check },
    Path { name: "plan", each: "wave planned, 48 h in 40 zones", times: 2_000, run: pure::plan_waves },
    Path { name: "render", each: "message", times: 500, run: pure::render },
    Path { name: "permit", each: "request within its windows", times: 2_000, run: pure::permit },
    Path { name: "ledger", each: "message claimed, begun and settled", times: 512, run: send },
];

/// To be there costs the same in the shorter run and in the longer, in which each gets a message.
const USUAL: World = World { people: 1024, schedules: 1, zones: 1 };

fn send(times: usize) {
    wait_for(async {
        let folder = tempfile::tempdir().expect("a folder");
        let ledger = ledger::filled(&folder.path().join("nudged.db"), USUAL).await;
        ledger.send(times).await;
        ledger.close().await;
    });
}

fn wait_for(work: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(work);
}

fn main() -> ExitCode {
    // Cargo says what it runs it as.
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => guard(false),
        ["--record"] => guard(true),
        ["--growth"] => {
            growth::show();
            ExitCode::SUCCESS
        }
        [growth::ROLE, ref world @ ..] => {
            growth::be(world);
            ExitCode::SUCCESS
        }
        [name, times] => {
            let path = PATHS.iter().find(|path| path.name == name).expect("a path of this name");
            (path.run)(times.parse().expect("a number"));
            ExitCode::SUCCESS
        }
        _ => panic!("nothing, --record, --growth, or the name of a path and how often: not {words:?}"),
    }
}

fn guard(record: bool) -> ExitCode {
    let compiler = compiler();
    let recorded = std::fs::read_to_string(recorded_at()).unwrap_or_default();
    let (by, recorded) = read(&recorded);
    let is_held = by == compiler && !record;
    let mut text = format!("# instructions for each; recorded with\t{compiler}\n");
    let mut worse = 0;
    println!("{:<8} {:>12} {:>12} {:>8}  for each", "path", "instructions", "recorded", "change");
    for path in &PATHS {
        let count = |times: usize| instructions(&[path.name, &times.to_string()]);
        let each = count(path.times * 2).saturating_sub(count(path.times)) / path.times as u64;
        writeln!(text, "{}\t{each}", path.name).expect("a string takes it");
        let before = recorded.get(path.name).copied();
        #[expect(clippy::cast_precision_loss, reason = "a percentage")]
        let change = before.map(|before| (each as f64 / before as f64 - 1.0) * 100.0);
        println!(
            "{:<8} {each:>12} {:>12} {:>8}  {}",
            path.name,
            before.map_or_else(|| "-".to_owned(), |before| before.to_string()),
            change.map_or_else(|| "-".to_owned(), |change| format!("{change:+.1} %")),
            path.each
        );
        worse += usize::from(is_held && change.is_none_or(|change| change > TOLERANCE));
    }
    if record {
        std::fs::write(recorded_at(), text).expect("written");
        println!("recorded with {compiler}");
    } else if !is_held {
        println!("recorded with another compiler ({by}), so nothing is held against it");
    } else if worse > 0 {
        eprintln!("{worse} paths take over {TOLERANCE} % more than recorded: mend them, or say why and record anew");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn recorded_at() -> PathBuf {
    File::new(env!("CARGO_MANIFEST_DIR")).join("benches/paths/instructions.tsv")
}

/// With which compiler it was recorded, and how many instructions each path took.
fn read(text: &str) -> (String, BTreeMap<&str, u64>) {
    let mut lines = text.lines().filter_map(|line| line.split_once('\t'));
    let by = lines.next().map_or_else(String::new, |(_, by)| by.to_owned());
    (by, lines.map(|(name, count)| (name, count.parse().expect("a count"))).collect())
}

fn compiler() -> String {
    let output = Command::new("rustc").arg("--version").output().expect("the compiler runs");
    String::from_utf8(output.stdout).expect("text").trim().to_owned()
}

/// What Valgrind counts while this program does what it is told.
fn instructions(words: &[&str]) -> u64 {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe().expect("this program"))
        .args(words)
        .stdin(Stdio::null())
        .output()
        .expect("Valgrind runs; it is Debian's package valgrind");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let count = said.lines().find_map(|line| line.split_once("Collected : ")).expect("a count of instructions").1;
    count.trim().parse().expect("a number")
}
