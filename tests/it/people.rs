//! What is known of people, and what an operator says of them.

use std::fmt::Write as _;
use std::io::{Read, Write as _};
use std::os::unix::net::UnixStream;

use serde_json::Value;

use crate::rig::{Rig, read};

const CSV: &str = "email,name,zone,directory_zone,country,groups,conversation_id\n\
    ana@contoso.example,Ana Silva,,GMT Standard Time,PT,docks,a:1\n\
    bob@contoso.example,Bob Stone,America/New_York,,,docks,\n\
    eve@contoso.example,Eve Long,,,,night,a:3\n";

async fn rig() -> Rig {
    let rig = Rig::new().await;
    rig.write("people.csv", CSV);
    import(&rig, "people.csv");
    rig
}

fn import(rig: &Rig, file: &str) -> String {
    rig.run_ok(&["people", "import", rig.path(file).to_str().expect("a plain path")])
}

fn json(rig: &Rig, args: &[&str]) -> Value {
    serde_json::from_str(&rig.run_ok(&[args, &["--json"]].concat())).expect("JSON")
}

/// The zone of somebody and who said it.
fn zone_of(file: &Value) -> (&str, &str) {
    let person = &file["person"];
    (person["zone"].as_str().expect("a zone"), person["zone_source"].as_str().expect("a source"))
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("text")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operator_says_where_somebody_lives_and_takes_it_back() {
    let rig = rig().await;
    let ana = json(&rig, &["people", "show", "ana@contoso.example"]);
    assert_eq!((ana["schema"].as_str(), zone_of(&ana)), (Some("nudged.person/1"), ("Europe/Lisbon", "directory")));
    let typo = rig.output(&["people", "zone", "Ana Silva", "Europe/Pariss"]);
    assert_eq!(typo.status.code(), Some(2), "{typo:?}");
    assert!(text(&typo.stderr).contains("did you mean \"Europe/Paris\"?"), "{typo:?}");
    let changed = json(&rig, &["people", "zone", "ana silva", "Europe/Paris"]);
    assert_eq!((changed["schema"].as_str(), &changed["changed"]), (Some("nudged.person-change/1"), &Value::from(true)));
    assert_eq!(zone_of(&changed["file"]), ("Europe/Paris", "operator"));
    assert_eq!(changed["file"]["passed_over"][0]["why"]["by"], "operator");
    let shown = rig.run_ok(&["people", "show", "a:1"]);
    assert!(shown.contains("Europe/Paris (given by the operator"), "{shown}");
    assert!(shown.contains("passed over: the directory has Europe/Lisbon"), "{shown}");
    let cleared = json(&rig, &["people", "zone", "Ana Silva", "--clear"]);
    assert_eq!(zone_of(&cleared["file"]), ("Europe/Lisbon", "directory"));
    assert_eq!(json(&rig, &["people", "revive", "Ana Silva"])["changed"], false);

    let stranger = rig.output(&["people", "show", "ana@contoso.exampel"]);
    assert_eq!(stranger.status.code(), Some(1), "{stranger:?}");
    assert!(text(&stranger.stderr).contains("did you mean \"ana@contoso.example\"?"), "{stranger:?}");
    let listed = json(&rig, &["people", "list", "--group", "docks", "--unreachable"]);
    assert_eq!(listed["people"].as_array().map(Vec::len), Some(1), "{listed}");
    assert_eq!(listed["people"][0]["name"], "Bob Stone");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_of_the_configuration_has_a_zone() {
    let rig = rig().await;
    let config = read(&rig.path("nudged.toml"));
    rig.write("nudged.toml", &format!("{config}[groups.night]\nzone = \"Asia/Tokyo\"\n"));
    import(&rig, "people.csv");
    assert_eq!(zone_of(&json(&rig, &["people", "show", "Eve Long"])), ("Asia/Tokyo", "group"));
}

/// Out of one ledger and into another, by the real commands.
#[tokio::test(flavor = "multi_thread")]
async fn an_export_is_taken_back() {
    let (rig, other) = (rig().await, Rig::new().await);
    let out = rig.path("people.jsonl");
    let out = out.to_str().expect("a plain path");
    rig.run_ok(&["people", "export", "--out", out]);
    assert_eq!(rig.output(&["people", "export", "--out", out]).status.code(), Some(1), "it is there already");
    let exported = read(&rig.path("people.jsonl"));
    assert_eq!(exported.lines().count(), 3, "{exported}");
    other.write("people.jsonl", &format!("\n{exported}"));
    assert!(import(&other, "people.jsonl").contains("3 added"));
    assert_eq!(other.run_ok(&["people", "export"]), exported);
    // What is wrong is named by its line.
    other.write("people.jsonl", &format!("{exported}{{\"user\":{{}}}}\n"));
    let output = other.output(&["people", "import", other.path("people.jsonl").to_str().expect("a plain path")]);
    assert_eq!(output.status.code(), Some(4), "{output:?}");
    assert!(text(&output.stderr).contains("people.jsonl:4:1"), "{output:?}");
}

/// As another bot would: thousands of references in one request.
#[tokio::test(flavor = "multi_thread")]
async fn references_are_taken_over_the_socket() {
    let rig = Rig::new().await;
    let daemon = rig.start().await;
    let mut lines = String::new();
    for n in 0..2_000 {
        let reference = serde_json::json!({
            "channelId": "msteams", "serviceUrl": "https://smba.trafficmanager.net/emea/", "locale": "de-CH",
            "user": { "id": format!("29:{n}"), "name": format!("Person {n}") }, "bot": { "id": "28:app" },
            "conversation": { "id": format!("a:{n}"), "conversationType": "personal", "tenantId": "t" },
        });
        writeln!(lines, "{reference}").expect("a string takes it");
    }
    lines.push_str("{ \"user\": {} }\n");
    let answer = post(&rig, &lines);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let report: Value = serde_json::from_str(answer.split("\r\n\r\n").nth(1).expect("a body")).expect("JSON");
    assert_eq!((&report["added"], report["refused"].as_array().map(Vec::len)), (&Value::from(2_000), Some(1)));
    assert!(report["refused"][0].as_str().is_some_and(|line| line.starts_with("2001:1:")), "{report}");
    let shown = rig.run_ok(&["people", "show", "29:1999"]);
    assert!(shown.contains("https://smba.trafficmanager.net/emea/ (imported"), "{shown}");
    assert!(post(&rig, "nothing").starts_with("HTTP/1.1 422"));
    daemon.stop();
}

fn post(rig: &Rig, body: &str) -> String {
    let mut socket = UnixStream::connect(rig.path("state/nudged.sock")).expect("the daemon answers");
    let head = format!(
        "POST /v1/references HTTP/1.1\r\nHost: nudged\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    socket.write_all(head.as_bytes()).and_then(|()| socket.write_all(body.as_bytes())).expect("it is taken");
    let mut answer = String::new();
    socket.read_to_string(&mut answer).expect("an answer");
    answer
}
