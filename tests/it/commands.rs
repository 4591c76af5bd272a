//! What a person types, and what comes back.

use std::fs::File;

use serde_json::Value;

use crate::rig::{Rig, binary, count};

const FIVE_MISTAKES: &str = r#"# five mistakes
[schedule.stand-up]
to    = "everyone"
every = "weekday"
at    = "09:00"
zone  = "Europe/Pariss"
titel = "Daily stand-up"
from  = 2026-02-30
text  = "Good morning {{ person.firstname }}."

[schedule.report]
to   = "group:ops"
cron = "0 25 * * mon"
text = "Report, please."
"#;

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}

/// An unknown zone, a misspelt key, an impossible date, an unknown template name and a bad cron: all five in one go.
#[test]
fn check_reports_everything_at_once() {
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::write(directory.path().join("bad.toml"), FIVE_MISTAKES).expect("written");
    let output = binary().args(["check", "bad.toml"]).current_dir(directory.path()).output().expect("it runs");
    assert_eq!(output.status.code(), Some(78));
    insta::assert_snapshot!(text(&output.stdout));

    let output = binary().args(["check", "bad.toml", "--json"]).current_dir(directory.path()).output().expect("runs");
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(report["schema"], "nudged.check/1");
    let problems = report["problems"].as_array().expect("problems");
    let codes: Vec<_> = problems.iter().map(|problem| problem["code"].as_str().expect("a code")).collect();
    assert_eq!(codes, ["N101", "N003", "N103", "N131", "N108"]);
    assert_eq!((&problems[0]["line"], &problems[0]["column"]), (&Value::from(6), &Value::from(9)));
}

/// Twenty mistakes of twenty kinds, in the files of one directory. What is printed is read by people who can't program.
#[test]
fn twenty_mistakes_are_explained_at_once() {
    let directory = tempfile::tempdir().expect("a directory");
    for (name, text) in TWENTY_MISTAKES {
        std::fs::write(directory.path().join(name), text).expect("written");
    }
    let run = |args: &[&str]| binary().args(args).current_dir(directory.path()).output().expect("it runs");
    let output = run(&["check", "."]);
    assert_eq!(output.status.code(), Some(78));
    insta::assert_snapshot!(text(&output.stdout));

    let report: Value = serde_json::from_slice(&run(&["check", ".", "--json"]).stdout).expect("JSON");
    let problems = report["problems"].as_array().expect("problems");
    assert_eq!(problems.len(), 20);
    for problem in problems {
        for key in ["file", "line", "column", "end", "code", "severity", "message", "help"] {
            assert!(!problem[key].is_null(), "{key} of {problem}");
        }
        let line = format!("{}: {}; {}", problem["code"], problem["message"], problem["help"]).replace(['"', '\\'], "");
        let shown = text(&output.stdout).replace(['"', '\\'], "");
        assert!(shown.contains(&line), "the same words in both: {line}");
    }
}

const TWENTY_MISTAKES: [(&str, &str); 4] = [
    (
        "1-when.toml",
        r#"[schedule.retro]
to    = "everyone"
every = "fortnight"
at    = "09:00"
text  = "Retro!"

[schedule.rent]
to    = "everyone"
every = "month"
on    = "last firday"
at    = "10:00"
text  = "Rent is due."

[schedule.birthday]
to    = "everyone"
every = "year"
on    = "02-30"
at    = "08:00"
text  = "Happy birthday!"

[schedule.backup]
to    = "everyone"
cron  = "0 9 13 * fri"
text  = "Backups."

[schedule.review]
to    = "everyone"
rrule = "FREQ=MONTHLI;BYDAY=1MO"
from  = 2027-01-04T10:00:00
text  = "Review."

[schedule.launch]
to    = "everyone"
at    = 2027-05-01T09:00:00+02:00
text  = "We are live."

[schedule.party]
to    = "everyone"
at    = 2027-12-24
text  = "Party!"
"#,
    ),
    (
        "2-who.toml",
        r#"[schedule.lunch]
to    = ["grup:platform", "ana.contoso.example"]
every = "weekday"
at    = "12:00"
text  = "Lunch."

[schedule.nobody]
every = "day"
at    = "12:00"
text  = "Anybody there?"
"#,
    ),
    (
        "3-what.toml",
        r#"[schedule.Good Morning]
to    = "everyone"
every = "weekday"
at    = "08:00"
text  = "Good morning."

[schedule.greeting]
to    = "everyone"
every = "weekday"
at    = "08:00"
text  = "Hi {{ person.fist_name }}, it is {{ local.weekday | uper }}."

[schedule.empty]
to    = "everyone"
every = "weekday"
at    = "08:00"
text  = ""
"#,
    ),
    (
        "4-how.toml",
        r#"[schedule.policies]
to       = "everyone"
every    = "weekday"
at       = "08:00"
zone     = "Europa/Berlin"
except   = "calendar:germany"
late     = "half an hour"
priority = "urgent"
tilte    = "Policies"
from     = 2027-06-01
until    = 2027-01-01
text     = "Hello."
"#,
    ),
];

/// On files alone, with the keys that programs rely on.
#[test]
fn next_shows_what_a_clock_change_does() {
    let directory = tempfile::tempdir().expect("a directory");
    let night =
        "[schedule.night]\nto = \"everyone\"\nevery = \"day\"\nat = \"02:30\"\nuntil = 2027-03-14\ntext = \"Hello\"\n";
    std::fs::write(directory.path().join("night.toml"), night).expect("written");
    let run = |args: &[&str]| binary().args(args).current_dir(directory.path()).output().expect("it runs");
    let output = run(&[
        "next",
        "--schedules",
        ".",
        "--zone",
        "Europe/Berlin",
        "--zone",
        "America/New_York",
        "--from",
        "2027-03-13T12:00",
        "--until",
        "2028-01-01",
        "--now",
        "2027-03-01",
        "--json",
    ]);
    let listing: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(listing["schema"], "nudged.next/1");
    let item = |zone: &str, due_at: &str, note: Value| {
        serde_json::json!({"schedule": "night", "occurrence": "2027-03-14T02:30:00", "zone": zone, "due_at": due_at,
                           "people": null, "note": note})
    };
    let expect = [
        item("Europe/Berlin", "2027-03-14T01:30:00Z", Value::Null),
        item("America/New_York", "2027-03-14T07:30:00Z", "shifted-over-gap".into()),
    ];
    assert_eq!(listing["items"], Value::from(expect.to_vec()));
    // One broken file does not hide the others.
    std::fs::write(directory.path().join("broken.toml"), "[schedule.x]\n").expect("written");
    let output = run(&["next", "--schedules", ".", "--from", "2027-03-13", "--days", "1"]);
    assert_eq!(output.status.code(), Some(78));
    assert!(text(&output.stdout).contains("night"), "{}", text(&output.stdout));
    assert!(text(&output.stderr).contains("broken.toml is left out: 3 to mend"), "{}", text(&output.stderr));
}

const PEOPLE: &str = "email,name,zone,language,groups,conversation_id,service_url\n\
    ana@contoso.example,Ana Silva,Europe/Lisbon,pt,team,a:1,https://smba.trafficmanager.net/emea/\n\
    bob@contoso.example,Bob Stone,America/New_York,en,team,a:2,https://smba.trafficmanager.net/emea/\n\
    eve@contoso.example,Eve Long,Europe/Lisbon,pt,team,,\n\
    kim@contoso.example,Kim Park,Asia/Seoul,ko,other,a:4,https://smba.trafficmanager.net/emea/\n";

/// On files alone: who, when by each clock, who is left out and why, when it is finished, and the very words.
#[test]
fn preview_says_exactly_who_gets_what() {
    let directory = tempfile::tempdir().expect("a directory");
    let night = "[schedule.night]\ntitle = \"Night shift\"\nto = [\"group:team\", \"zoe@contoso.example\"]\nevery = \"day\"\n\
        at = \"02:30\"\ntext = \"Hi {{ person.first_name }}, it is {{ local.time }}.\"\n";
    std::fs::write(directory.path().join("night.toml"), night).expect("written");
    std::fs::write(directory.path().join("people.csv"), PEOPLE).expect("written");
    let run = |args: &[&str]| {
        let files = ["--schedules", "night.toml", "--people", "people.csv", "--now", "2027-03-13T20:00:00Z"];
        binary().arg("preview").args(args).args(files).current_dir(directory.path()).output().expect("it runs")
    };
    let output = run(&["night"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    insta::assert_snapshot!(text(&output.stdout));

    let preview: Value = serde_json::from_slice(&run(&["night", "--who", "bob stone", "--json"]).stdout).expect("JSON");
    assert_eq!(preview["schema"], "nudged.preview/1");
    assert_eq!(preview["recipients"].as_array().map(Vec::len), Some(1));
    assert_eq!(preview["recipients"][0]["local"], "2027-03-14T03:30:00");
    assert_eq!(preview["recipients"][0]["text"], "Hi Bob, it is 03:30.");
    assert_eq!(preview["finished_at"], "2027-03-14T07:30:00Z");
    let output = run(&["nigth"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("did you mean \"night\"?"), "{}", text(&output.stderr));
    assert_eq!(run(&["night", "--who", "kim park"]).status.code(), Some(1), "not in the audience");
}

/// A group that is written wrong has nobody in it, and that is no reason to be silent.
#[test]
fn a_group_in_which_nobody_is_known_to_be_is_named() {
    let directory = tempfile::tempdir().expect("a directory");
    let lunch =
        "[schedule.lunch]\nto = [\"group:team\", \"group:nosuch\"]\nevery = \"day\"\nat = \"12:00\"\ntext = \"Hi\"\n";
    std::fs::write(directory.path().join("lunch.toml"), lunch).expect("written");
    std::fs::write(directory.path().join("people.csv"), PEOPLE).expect("written");
    for args in [&["preview", "lunch"][..], &["next"]] {
        let files = ["--schedules", ".", "--people", "people.csv", "--now", "2027-03-13T20:00:00Z"];
        let output = binary().args(args).args(files).current_dir(directory.path()).output().expect("it runs");
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let talk = text(&output.stderr);
        assert!(talk.contains("\"lunch\" speaks to group:nosuch, and nobody is known to be in it\n"), "{talk}");
        assert!(!talk.contains("group:team"), "{talk}");
    }
}

/// Two files that are good alone and not together.
#[test]
fn check_names_both_places_of_a_double_name() {
    let directory = tempfile::tempdir().expect("a directory");
    let schedule = "[schedule.same]\nto = \"everyone\"\nevery = \"day\"\nat = \"09:00\"\ntext = \"Hello\"\n";
    for name in ["one.toml", "two.toml"] {
        std::fs::write(directory.path().join(name), schedule).expect("written");
    }
    let output = binary().args(["check", "one.toml", "two.toml"]).current_dir(directory.path()).output().expect("runs");
    assert_eq!(output.status.code(), Some(78));
    let shown = text(&output.stdout);
    assert!(shown.contains("one.toml:1:1 and two.toml:1:1"), "{shown}");
}

#[test]
fn warnings_fail_only_when_strict() {
    let directory = tempfile::tempdir().expect("a directory");
    let past = "[schedule.past]\nto = \"everyone\"\nat = 2020-01-01T09:00:00\ntext = \"Hello\"\n";
    std::fs::write(directory.path().join("past.toml"), past).expect("written");
    let check = |args: &[&str]| binary().arg("check").args(args).current_dir(directory.path()).output().expect("runs");
    let lenient = check(&["past.toml"]);
    assert_eq!(lenient.status.code(), Some(0));
    assert!(text(&lenient.stdout).contains("warning N106"), "{}", text(&lenient.stdout));
    assert_eq!(check(&["past.toml", "--strict"]).status.code(), Some(3));
    assert_eq!(check(&["nowhere.toml"]).status.code(), Some(78));
}

#[test]
fn next_works_on_files_alone() {
    let directory = tempfile::tempdir().expect("a directory");
    let night = "[schedule.night]\nto = \"everyone\"\nevery = \"day\"\nat = \"02:30\"\ntext = \"Hello\"\n";
    std::fs::write(directory.path().join("night.toml"), night).expect("written");
    let output = binary()
        .args([
            "next",
            "--schedules",
            ".",
            "--zone",
            "America/New_York",
            "--from",
            "2027-03-14",
            "--until",
            "2027-03-16",
        ])
        .arg("--json")
        .current_dir(directory.path())
        .output()
        .expect("it runs");
    let listing: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(
        listing,
        serde_json::json!({ "schema": "nudged.next/1", "items": [
            { "schedule": "night", "occurrence": "2027-03-14T02:30:00", "zone": "America/New_York",
              "due_at": "2027-03-14T07:30:00Z", "people": null, "note": "shifted-over-gap" },
            { "schedule": "night", "occurrence": "2027-03-15T02:30:00", "zone": "America/New_York",
              "due_at": "2027-03-15T06:30:00Z", "people": null, "note": null },
        ]})
    );
}

/// The good ones run, the broken one is named; its last good version goes on, over a restart too.
#[tokio::test(flavor = "multi_thread")]
async fn a_broken_file_is_held_back_and_its_last_good_version_goes_on() {
    let rig = Rig::new().await;
    rig.import_crowd(1);
    rig.schedule_once("good", rig.in_seconds(-1), "");
    rig.write("schedules/bad.toml", FIVE_MISTAKES);
    let daemon = rig.start().await;
    rig.until_taken(1).await;
    let status = rig.status(None);
    let held = &status["held_back"][0];
    assert!(held["file"].as_str().expect("a file").ends_with("bad.toml"), "{held}");
    assert_eq!(held["last_good_in_use"], false);
    assert_eq!(held["problems"].as_array().expect("problems").len(), 5);
    assert!(held["problems"][0].as_str().expect("a line").starts_with("6:9: N101 unknown time zone"), "{held}");
    assert!(daemon.log().contains("schedule file held back"), "{}", daemon.log());

    let due_at = rig.in_seconds(3600);
    rig.schedule_once("later", due_at, "");
    daemon.signal("HUP");
    rig.until("it is planned", || rig.status(None)["occurrences"].as_array().expect("a list").len() == 2).await;
    rig.write("schedules/later.toml", "[schedule.later]\nto = everyone\n");
    daemon.stop();
    let daemon = rig.start().await;
    let status = rig.status(None);
    assert_eq!(status["held_back"][1]["last_good_in_use"], true, "{}", status["held_back"]);
    assert_eq!(count(&status, "planned"), 1, "what was planned of it is still planned");
    daemon.stop();
}

/// A message to somebody, now; it is a schedule like any other.
#[tokio::test(flavor = "multi_thread")]
async fn send_sends_now() {
    let rig = Rig::new().await;
    rig.import_crowd(2);
    let send = |to: &str, text: &str| rig.output(&["send", "--to", to, "--text", text]);
    assert_eq!(send("everyone", "Hello").status.code(), Some(69), "no daemon");
    // That a schedule speaks of somebody makes nobody known.
    let bob = "[schedule.bob]\nto = \"bob@contoso.example\"\nat = 2999-01-01T09:00:00\ntext = \"Hi\"\n";
    rig.write("schedules/bob.toml", bob);
    let daemon = rig.start().await;
    let lunch = send("everyone", "Lunch, {{ person.first_name }}!\n\"Really\"");
    assert!(lunch.status.success(), "{lunch:?}");
    let name = text(&lunch.stdout).trim().to_owned();
    rig.until_taken(2).await;
    rig.until("the ledger knows", || count(&rig.status(Some(&name)), "sent") == 2).await;
    assert_eq!(rig.messages()[0].text.as_deref(), Some("Lunch, Person!\n\"Really\""));

    let wrong = send("everyone", "Hello {{ nobody }}");
    assert_eq!(wrong.status.code(), Some(2), "{wrong:?}");
    assert!(text(&wrong.stderr).contains("nobody"), "{wrong:?}");
    assert_eq!(send("grup:x", "Hello").status.code(), Some(2));
    let nobody = send("bob@contoso.example", "Hello");
    assert_eq!(nobody.status.code(), Some(1), "{nobody:?}");
    assert!(text(&nobody.stderr).contains("nobody is known as \"bob@contoso.example\""), "{nobody:?}");
    daemon.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn people_come_from_csv_and_from_references() {
    let rig = Rig::new().await;
    rig.write(
        "people.csv",
        "id,name,zone,groups\nana@contoso.example,Ana,Europe/Paris,platform\nbob,Bob,Europe/Paris,\n",
    );
    let path = rig.path("people.csv");
    let output = rig.output(&["people", "import", path.to_str().expect("a plain path")]);
    assert_eq!(output.status.code(), Some(4), "{output:?}");
    assert!(text(&output.stdout).contains("1 added"), "{output:?}");
    assert!(text(&output.stderr).contains("people.csv:3:1"), "the bad row is named: {output:?}");

    rig.write(
        "references.json",
        r#"[{ "channelId": "msteams", "serviceUrl": "https://smba.trafficmanager.net/emea/",
              "user": { "id": "29:ana", "name": "Ana", "email": "ana@contoso.example" },
              "bot": { "id": "28:app" },
              "conversation": { "id": "a:ana", "conversationType": "personal", "tenantId": "t" } }]"#,
    );
    let path = rig.path("references.json");
    assert!(rig.run_ok(&["people", "import", path.to_str().expect("a plain path")]).contains("1 updated"));
    let people: Value = serde_json::from_str(&rig.run_ok(&["people", "list", "--json"])).expect("JSON");
    assert_eq!(people["schema"], "nudged.people/1");
    let ana = &people["people"][0];
    assert_eq!(people["people"].as_array().expect("a list").len(), 1);
    assert_eq!((&ana["zone"], &ana["reach"]["state"]), (&Value::from("Europe/Paris"), &Value::from("conversation")));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_at_the_start_is_said_with_the_right_code() {
    let rig = Rig::new().await;
    let run = || rig.output(&["run"]);
    rig.write("bot-secret", " \n");
    assert_eq!(run().status.code(), Some(78));
    std::fs::remove_file(rig.path("bot-secret")).expect("removed");
    let output = run();
    assert_eq!(output.status.code(), Some(78), "{output:?}");
    assert!(text(&output.stderr).contains("the bot's secret can't be read"), "{output:?}");
    rig.write("bot-secret", "x");
    std::fs::create_dir(rig.path("state")).expect("made");
    rig.write("state/nudged.db", "this is no database, and somebody may want it back");
    let output = run();
    assert_eq!(output.status.code(), Some(78), "{output:?}");
    assert!(crate::rig::read(&rig.path("state/nudged.db")).starts_with("this is no database"), "it is left alone");
    rig.write("nudged.toml", "fallback_zone = \"Nowhere\"\n");
    assert_eq!(run().status.code(), Some(78));
    assert_eq!(binary().arg("frobnicate").output().expect("it runs").status.code(), Some(2));
}

/// On a full disk half an export is there, and whoever asked for it must learn that from the exit code.
#[tokio::test(flavor = "multi_thread")]
async fn what_stdout_does_not_take_is_said_once_and_is_a_failure() {
    let rig = Rig::new().await;
    rig.import_crowd(3);
    rig.schedule_once("hello", rig.in_seconds(3600), "");
    let commands: [&[&str]; 8] = [
        &["people", "list"],
        &["people", "export"],
        &["export", "--csv"],
        &["next"],
        &["next", "--json"],
        &["check"],
        &["status"],
        &["man"],
    ];
    for args in commands {
        let full = File::options().write(true).open("/dev/full").expect("there is one");
        let output = rig.command(args).stdout(full).output().expect("it runs");
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{args:?}: {said}");
        assert_eq!(
            said.matches("can't be written").count() + said.matches("could not be").count(),
            1,
            "{args:?}: {said}"
        );
        // A reader that went away has what it wanted.
        let (reader, gone) = std::io::pipe().expect("a pipe");
        drop(reader);
        let output = rig.command(args).stdout(gone).output().expect("it runs");
        let said = text(&output.stderr);
        assert!(!said.contains("can't be written"), "{args:?}: {said}");
    }
}
