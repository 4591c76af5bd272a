//! Every command, held to what all of them promise: JSON with the version of its schema, text that fits the screen and was
//! looked at, mistakes answered in one line. Walked over the definition of the command line, so that a new command that
//! promises nothing goes red.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use nudged::cli::definition;

use crate::rig::{Rig, binary};

/// How wide a screen may be expected to be.
const WIDTH: usize = 80;

/// What programs get with `--json`.
enum Json {
    /// A value, or a value on each line, with this `schema`. A test looks at it.
    Schema(&'static str),
    /// Nothing else than people, for this reason.
    Nothing(&'static str),
}

/// What people get.
enum Text {
    /// As these snapshots have it, which fit the screen.
    Snapshot(&'static str),
    /// Something that has its own form, for this reason.
    Other(&'static str),
}

use Json::{Nothing, Schema};
use Text::{Other, Snapshot};

/// The answers of commands without a function of their own for the text.
const AT_THE_DESK: &str = "tests/it/snapshots/it__audit__an_hour_at_the_desk.snap";
const OF_A_PERSON: &str =
    "src/cli/people/snapshots/nudged__cli__people__show__tests__a_file_says_what_counts_and_what_does_not.snap";

/// A page of the manual is for a program that fits it to the screen.
const OF_ROFF: &str = "nudged__cli__manual__roff__tests__a_reference_becomes_a_page.snap";

const COMMANDS: &[(&str, Json, Text)] = &[
    ("run", Nothing("it writes no data; [log] has the form of its log"), Other("its log")),
    ("demo", Nothing("it is a show"), Other("it is a show")),
    ("check", Schema("nudged.check/1"), Other("a problem is one line, for editors and grep")),
    ("next", Schema("nudged.next/1"), Snapshot(AT_THE_DESK)),
    (
        "preview",
        Schema("nudged.preview/1"),
        Snapshot("tests/it/snapshots/it__commands__preview_says_exactly_who_gets_what.snap"),
    ),
    (
        "status",
        Schema("nudged.status/1"),
        Snapshot(
            "src/cli/status/snapshots/\
             nudged__cli__status__told__tests__a_status_fits_the_screen_and_says_what_to_do.snap",
        ),
    ),
    ("why", Schema("nudged.why/1"), Snapshot("tests/engine/snapshots/engine__why__failed_for_good.snap")),
    (
        "failures",
        Schema("nudged.failures/1"),
        Snapshot("src/cli/snapshots/nudged__cli__failures__tests__failures_come_with_their_reasons_and_cures.snap"),
    ),
    (
        "tail",
        Schema("nudged.tail/1"),
        Snapshot(
            "src/cli/tail/snapshots/\
             nudged__cli__tail__tests__a_line_says_when_what_to_whom_and_what_became_of_it.snap",
        ),
    ),
    (
        "retry",
        Schema("nudged.retry/1"),
        Snapshot("src/cli/snapshots/nudged__cli__retry__tests__a_retry_says_what_is_sent_and_what_is_left.snap"),
    ),
    (
        "cancel",
        Schema("nudged.cancel/1"),
        Snapshot("src/cli/snapshots/nudged__cli__cancel__tests__a_cancel_says_what_ends_and_what_has_left.snap"),
    ),
    ("export", Schema("nudged.delivery/1"), Other("CSV")),
    // The same words as `why`.
    ("test", Schema("nudged.test/1"), Snapshot("tests/engine/snapshots/engine__why__delivered.snap")),
    (
        "reload",
        Schema("nudged.reload/1"),
        Snapshot("src/cli/snapshots/nudged__cli__reload__tests__a_plan_says_what_becomes_of_deliveries.snap"),
    ),
    ("pause", Schema("nudged.pause/1"), Snapshot(AT_THE_DESK)),
    ("resume", Schema("nudged.pause/1"), Snapshot(AT_THE_DESK)),
    ("send", Schema("nudged.send/1"), Snapshot(AT_THE_DESK)),
    ("event", Schema("nudged.event/1"), Snapshot(AT_THE_DESK)),
    (
        "recall",
        Schema("nudged.recall/1"),
        Snapshot("src/cli/snapshots/nudged__cli__recall__tests__a_report_has_a_result_for_each.snap"),
    ),
    ("people import", Schema("nudged.import/1"), Snapshot(AT_THE_DESK)),
    ("people list", Schema("nudged.people/1"), Snapshot(AT_THE_DESK)),
    ("people show", Schema("nudged.person/1"), Snapshot(OF_A_PERSON)),
    ("people zone", Schema("nudged.person-change/1"), Snapshot(OF_A_PERSON)),
    ("people revive", Schema("nudged.person-change/1"), Snapshot(OF_A_PERSON)),
    ("people stop", Schema("nudged.consent/1"), Snapshot(AT_THE_DESK)),
    ("people start", Schema("nudged.consent/1"), Snapshot(AT_THE_DESK)),
    ("people export", Schema("nudged.export/1"), Other("JSON lines")),
    (
        "doctor",
        Schema("nudged.doctor/1"),
        Snapshot("src/cli/doctor/snapshots/nudged__cli__doctor__tests__what_is_wrong_comes_with_its_cure.snap"),
    ),
    ("backup", Schema("nudged.backup/1"), Snapshot(AT_THE_DESK)),
    (
        "restore",
        Schema("nudged.restore/1"),
        Snapshot(
            "src/cli/snapshots/nudged__cli__restore__tests__a_restore_says_what_is_in_doubt_and_what_is_lost.snap",
        ),
    ),
    ("emulator", Schema("nudged.emulator/1"), Other("a configuration to copy")),
    ("man", Nothing("roff is for a program"), Other("roff")),
    ("completions", Nothing("it is for a shell"), Other("for a shell")),
];

/// The commands that do something, by their names as they are typed.
fn leaves(command: &clap::Command, above: &str) -> Vec<(String, clap::Command)> {
    let mut found = Vec::new();
    for below in command.get_subcommands().filter(|below| below.get_name() != "help") {
        let name = format!("{above} {}", below.get_name()).trim().to_owned();
        if below.has_subcommands() {
            found.extend(leaves(below, &name));
        } else {
            found.push((name, below.clone()));
        }
    }
    found
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The files below a directory whose names end so.
fn of_kind(kind: &str, directory: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).expect("a directory").map(|entry| entry.expect("an entry").path()) {
        if entry.is_dir() {
            of_kind(kind, &entry, into);
        } else if entry.extension().is_some_and(|extension| extension == kind) {
            into.push(entry);
        }
    }
}

/// The text of every test, but not of this one.
fn tests() -> String {
    let mut files = Vec::new();
    of_kind("rs", &root().join("tests"), &mut files);
    files.retain(|file| !file.ends_with("tests/it/audit.rs"));
    let mut text: Vec<String> = files.iter().map(|file| crate::rig::read(file)).collect();
    let mut files = Vec::new();
    of_kind("rs", &root().join("src"), &mut files);
    for file in files {
        let source = crate::rig::read(&file);
        let from = if file.ends_with("tests.rs") { Some(0) } else { source.find("#[cfg(test)]") };
        text.extend(from.map(|from| source[from..].to_owned()));
    }
    text.concat()
}

#[test]
fn every_command_promises_something_and_no_other_does() {
    let there: BTreeSet<String> = leaves(&definition(), "").into_iter().map(|(name, _)| name).collect();
    let promised: BTreeSet<String> = COMMANDS.iter().map(|(name, _, _)| (*name).to_owned()).collect();
    assert_eq!(there, promised, "write the command into COMMANDS, with a test of its JSON and a snapshot of its text");
}

#[test]
fn every_schema_has_a_test() {
    let tests = tests();
    for (command, json, _) in COMMANDS {
        match json {
            Schema(schema) => assert!(tests.contains(&format!("\"{schema}\"")), "{command}: no test knows {schema}"),
            Nothing(why) => assert!(!why.is_empty(), "{command}"),
        }
    }
}

#[test]
fn every_text_fits_the_screen() {
    let mut snapshots = Vec::new();
    of_kind("snap", &root().join("src/cli"), &mut snapshots);
    for (command, _, text) in COMMANDS {
        match text {
            Snapshot(file) => snapshots.push(root().join(file)),
            Other(why) => assert!(!why.is_empty(), "{command}"),
        }
    }
    for file in snapshots.iter().filter(|file| !file.ends_with(OF_ROFF)) {
        let snapshot = crate::rig::read(file);
        let text = snapshot.split_once("\n---\n").expect("a snapshot has a head").1;
        for line in text.lines() {
            assert!(line.chars().count() <= WIDTH, "{}: {line}", file.display());
        }
    }
}

#[test]
fn every_help_fits_the_screen() {
    let mut program = definition();
    program.build();
    let mut all = leaves(&program, "");
    all.push(("nudged".to_owned(), program));
    for (name, mut command) in all {
        for line in command.render_long_help().to_string().lines() {
            assert!(line.chars().count() <= WIDTH, "{name}: {line}");
        }
    }
}

const SCHEDULES: &str = "[schedule.standup]\nto = \"group:platform\"\nevery = \"day\"\nat = \"09:00\"\ntext = \"Hello\"\n\n\
    [schedule.night-watch]\nto = \"everyone\"\nevery = \"day\"\nat = \"02:30\"\ntext = \"Hello\"\n\n\
    [schedule.red-build]\nto = \"group:platform\"\nevent = \"build-failed\"\ntext = \"It is red.\"\n";

const PEOPLE: &str = "id,name,zone,groups,conversation_id\n\
    ana@contoso.example,Ana Ruiz,Europe/Madrid,platform,a:1\n\
    kim.park@contoso.example,Kim Park,America/New_York,platform;field,a:2\n\
    zoe@contoso.example,Zoe,America/Argentina/ComodRivadavia,field,\n";

/// What was typed and what was said.
fn said(rig: &Rig, args: &[&str]) -> String {
    let output = rig.output(args);
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
    let told = format!("$ nudged {}\n{}{}", args.join(" "), text(&output.stdout), text(&output.stderr));
    told.replace(&rig.path("").display().to_string(), "")
}

/// Times, ids and sizes differ from run to run; what they look like does not.
fn masked(told: &str) -> String {
    let mask = |word: &str| match word.split_once("send-") {
        Some((before, id)) => {
            let id: String = id.chars().map(|c| if c.is_ascii_alphanumeric() { '0' } else { c }).collect();
            format!("{before}send-{id}")
        }
        None if ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"].contains(&word) => "Day".to_owned(),
        None => word.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect(),
    };
    let lines = told.lines().map(|line| line.split(' ').map(mask).collect::<Vec<_>>().join(" "));
    lines.map(|line| line + "\n").collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_hour_at_the_desk() {
    let rig = Rig::new().await;
    rig.write("schedules/all.toml", SCHEDULES);
    rig.write("people.csv", PEOPLE);
    let ask = |args: &[&str]| said(&rig, args);
    let (people, backup) = (rig.path("people.csv"), rig.path("ledger.db"));
    let (people, backup) = (people.to_str().expect("plain"), backup.to_str().expect("plain"));
    let mut told = vec![
        ask(&["people", "import", people]),
        ask(&["people", "list"]),
        ask(&["people", "list", "--group", "nobody"]),
        ask(&["next", "--now", "2027-03-13", "--days", "2"]),
        ask(&["next", "--now", "2027-03-13", "--for", "kim park"]),
        ask(&["people", "stop", "ana@contoso.example"]),
        ask(&["people", "start", "ana@contoso.example"]),
        masked(&ask(&["backup", "--to", backup])),
        masked(&ask(&["failures", "standup"])),
    ];
    let daemon = rig.start().await;
    told.extend([
        ask(&["pause", "standup"]),
        ask(&["pause", "standup"]),
        ask(&["resume", "standup"]),
        masked(&ask(&["send", "--to", "kim.park@contoso.example", "--text", "hi"])),
        masked(&ask(&["event", "build-failed"])),
    ]);
    daemon.stop();
    insta::assert_snapshot!("an_hour_at_the_desk", told.join("\n"));
}

/// Whatever is mistyped: nothing on stdout, and one line that says what, and what to do.
#[tokio::test]
async fn every_mistake_is_one_line() {
    let rig = Rig::new().await;
    rig.write("schedules/all.toml", SCHEDULES);
    let mistakes: &[(&[&str], i32, &str)] = &[
        (&["statsu"], 2, "a similar subcommand exists: 'status'"),
        (&["why"], 2, "see `nudged why --help`"),
        (&["status", "stand-up"], 1, "there is no schedule \"stand-up\"; did you mean \"standup\"?"),
        (&["preview", "stand-up"], 1, "there is no schedule \"stand-up\"; did you mean \"standup\"?"),
        (
            &["export", "--schedule", "nowhere"],
            1,
            "there is no schedule \"nowhere\"; `nudged next --days 365` lists what is due within a year",
        ),
        (
            &["failures", "nowhere"],
            1,
            "there is no schedule \"nowhere\"; `nudged next --days 365` lists what is due within a year",
        ),
        (&["failures", "--since", "x"], 2, "write a span such as 2h or 7d"),
        (&["cancel", "standup", "--on", "2027-02-30"], 2, "write a date, such as 2027-03-14"),
        (&["next", "--for", "ana"], 1, "nobody is known as \"ana\"; `nudged people list` shows who is"),
        (&["people", "import", "nowhere.csv"], 1, "check the path and its rights"),
        (&["restore", "nowhere.db"], 1, "check the path and its rights"),
        (&["backup", "--to", "/nowhere/ledger.db"], 1, "check the path, its rights and the room there"),
        (&["tail"], 69, "start it with `nudged run`"),
    ];
    for (args, code, says) in mistakes {
        let output = rig.output(args);
        let talk = String::from_utf8(output.stderr).expect("text");
        assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(*code), &b""[..]), "{args:?}: {talk}");
        assert!(talk.starts_with("nudged: ") && talk.lines().count() == 1 && talk.contains(says), "{args:?}: {talk}");
    }
    let output = binary().args(["status", "--config", "/nowhere/nudged.toml"]).output().expect("it runs");
    assert_eq!(output.status.code(), Some(78));
    assert!(String::from_utf8_lossy(&output.stderr).ends_with("name one with --config\n"));
}

/// A thousand broken files are one fault, and the screen is not for all of them.
#[tokio::test]
async fn many_broken_files_are_counted_and_not_listed() {
    let rig = Rig::new().await;
    for n in 0..1000 {
        rig.write(&format!("schedules/s{n}.toml"), "[schedule.x]\n");
    }
    let output = rig.output(&["next"]);
    let talk = String::from_utf8(output.stderr).expect("text");
    assert!(talk.contains("nudged: left out: 990 more files; `nudged check` names them all"), "{talk}");
    assert!(talk.lines().count() < 15, "{talk}");
    let status = String::from_utf8(rig.output(&["status"]).stdout).expect("text");
    assert!(status.contains("held back: 990 more files; `nudged check` names them all"), "{status}");
    let reload = String::from_utf8(rig.output(&["reload", "--dry-run"]).stdout).expect("text");
    assert!(reload.contains("! 990 more files; `nudged check` names them all"), "{reload}");
}
