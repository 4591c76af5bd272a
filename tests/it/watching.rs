//! Those who watch over the daemon: monitors on the loopback, and the doctor.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::net::UnixDatagram;

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::calling::{Called, MONITORS_TOKEN, TOKEN};
use crate::rig::{PATIENCE, Rig};

/// The samples of a scrape.
fn samples(text: &str) -> BTreeMap<&str, f64> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| line.rsplit_once(' ').expect("a sample"))
        .map(|(name, value)| (name, value.parse().expect("a number")))
        .collect()
}

#[tokio::test]
async fn a_monitor_reads_what_was_sent_and_who_is_late_and_nobodys_name() {
    let called = Called::new().await;
    called.rig.import_crowd(3);
    let due = called.rig.clock.now() - TimeDelta::seconds(2);
    called.rig.schedule_once("hello", due, "late = \"1h\"\n");
    let daemon = called.start().await;
    called.rig.until_taken(3).await;

    let scrape = || async {
        let answer = called.get("/metrics").bearer_auth(MONITORS_TOKEN).send().await.expect("an answer");
        assert_eq!(answer.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
        answer.text().await.expect("a text")
    };
    // An outcome is counted when it is durable, which is a moment after the emulator took the message.
    let mut text = scrape().await;
    while samples(&text)["nudged_deliveries_total{state=\"sent\",reason=\"\"}"] < 3.0 {
        text = scrape().await;
    }
    let samples = samples(&text);
    let check = |name: &str, expect: f64| assert_eq!(samples.get(name), Some(&expect), "{name}: {text}");
    check("nudged_delivery_lateness_seconds_count{priority=\"normal\"}", 3.0);
    check("nudged_delivery_lateness_seconds_bucket{priority=\"normal\",le=\"1\"}", 0.0);
    check("nudged_requests_total{operation=\"continue\",result=\"ok\"}", 3.0);
    check("nudged_request_duration_seconds_count{operation=\"continue\"}", 3.0);
    check("nudged_expanded_deliveries_total", 3.0);
    check("nudged_references{state=\"conversation\"}", 3.0);
    check("nudged_recipients_by_zone_source{source=\"operator\"}", 3.0);
    check("nudged_schedules", 1.0);
    check("nudged_reload_last_ok", 1.0);
    check("nudged_ledger_readable", 1.0);
    assert!(samples["nudged_token_expiry_timestamp_seconds"] > 0.0 && samples["process_resident_memory_bytes"] > 0.0);
    for name in ["Person 0", "29:", "a:conversation", "hello"] {
        assert!(!text.contains(name), "{name}: {text}");
    }
    daemon.stop();
}

/// A schema step for millions of deliveries takes longer than systemd waits for a start of which it hears nothing.
#[tokio::test]
async fn a_start_that_takes_long_is_not_ended_by_systemd() {
    let rig = Rig::new().await;
    let systemd = UnixDatagram::bind(rig.path("notify")).expect("a socket");
    systemd.set_read_timeout(Some(PATIENCE)).expect("it can be set");
    let told = || {
        let mut buffer = [0; 4096];
        let length = systemd.recv(&mut buffer).expect("something is told");
        String::from_utf8(buffer[..length].to_vec()).expect("text")
    };
    std::fs::create_dir(rig.path("state")).expect("made");
    let another = File::create(rig.path("state/nudged.lock")).expect("a lock");
    another.lock().expect("locked");
    let daemon = rig.spawn(rig.command(&["run"]).env("NOTIFY_SOCKET", rig.path("notify")));
    assert_eq!(told().trim_end(), "EXTEND_TIMEOUT_USEC=120000000", "while it waits for the ledger");
    drop(another);
    let ready = std::iter::repeat_with(told).find(|told| !told.starts_with("EXTEND_TIMEOUT_USEC=")).expect("more");
    assert!(ready.starts_with("READY=1\nSTATUS=0 schedules; "), "{ready}");
    daemon.stop();
}

#[tokio::test]
async fn health_needs_no_token_and_everything_else_does() {
    let called = Called::new().await;
    let daemon = called.start().await;
    for path in ["/metrics", "/v1/checkup"] {
        assert_eq!(called.get(path).send().await.expect("an answer").status(), 401, "{path}");
    }
    for (path, token, expect) in
        [("/metrics", TOKEN, 200), ("/metrics", MONITORS_TOKEN, 200), ("/v1/status", MONITORS_TOKEN, 401)]
    {
        let answer = called.get(path).bearer_auth(token).send().await.expect("an answer");
        assert_eq!(answer.status(), expect, "{path} with {token}");
    }
    let rebound = called.get("/healthz").header("host", "evil.example").send().await.expect("an answer");
    assert_eq!(rebound.status(), 403);
    let alive = called.get("/healthz").send().await.expect("an answer");
    assert_eq!(alive.status(), 200);
    assert_eq!(alive.json::<Value>().await.expect("JSON"), json!({ "alive": true, "hangs": null }));

    std::fs::remove_file(called.rig.path("bot-secret")).expect("it was there");
    let ready = called.get("/readyz").send().await.expect("an answer");
    assert_eq!(ready.status(), 503);
    assert_eq!(ready.json::<Value>().await.expect("JSON"), json!({ "ready": false, "lacks": ["credential"] }));
    daemon.stop();
}

fn doctor(rig: &Rig) -> (Option<i32>, BTreeMap<String, String>) {
    let output = rig.output(&["doctor", "--json"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    assert_eq!(report["schema"], "nudged.doctor/1");
    let word = |value: &Value| value.as_str().expect("a word").to_owned();
    let checks = report["checks"].as_array().expect("checks");
    (output.status.code(), checks.iter().map(|check| (word(&check["check"]), word(&check["found"]))).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_sees_through_the_daemon_and_without_it() {
    let rig = Rig::new().await;
    rig.import_crowd(2);
    let well = ["ledger", "space", "token", "connector", "time zones", "files", "paused", "queue", "people"];
    let check = |found: &BTreeMap<String, String>, daemon: &str| {
        for name in well {
            assert_eq!(found[name], "ok", "{name}: {found:?}");
        }
        assert_eq!(found["daemon"], daemon, "{found:?}");
    };
    let (exit, found) = doctor(&rig);
    check(&found, "warn");
    assert_eq!((exit, found["sending"].as_str()), (Some(0), "skip"));

    let daemon = rig.start().await;
    let before = rig.messages().len();
    let (exit, found) = doctor(&rig);
    check(&found, "ok");
    assert_eq!((exit, found["sending"].as_str(), found["backup"].as_str()), (Some(0), "ok", "warn"));
    assert_eq!(rig.messages().len(), before, "it says nothing to anybody");

    std::fs::remove_file(rig.path("bot-secret")).expect("it was there");
    let (exit, found) = doctor(&rig);
    assert_eq!((exit, found["credential"].as_str()), (Some(1), "fail"), "{found:?}");
    daemon.stop();
}

/// Everything in which a person can be named is: an import that is refused, a file that is held back, deliveries of each end.
#[tokio::test]
async fn the_log_names_nobody() {
    let rig = Rig::new().await;
    rig.import_crowd(2);
    rig.write(
        "people.csv",
        "email,teams_id,zone,conversation_id\nana@contoso.example,29:ana,Europe/Paris,a:conversation-ana\n",
    );
    rig.run_ok(&["people", "import", rig.path("people.csv").to_str().expect("a plain path")]);
    rig.schedule_once("hello", rig.clock.now() - TimeDelta::seconds(1), "late = \"1h\"\n");
    rig.write(
        "schedules/held.toml",
        "[schedule.held]\nto = \"ana@contoso.example, ben@contoso.example\"\nevery = \"day\"\n",
    );
    let daemon = rig.start_with(&[("NUDGED_LOG", "warn,nudged=trace")]).await;
    rig.until_taken(3).await;
    rig.until("an outcome is told", || daemon.log().contains("delivery settled")).await;
    let log = daemon.log();
    assert!(log.contains("schedule file held back") && log.contains("[person]"), "{log}");
    // A time of day may have "29:" in it.
    for name in ["contoso.example", "29:ana", "29:person", "conversation-"] {
        assert!(!log.contains(name), "{name}: {log}");
    }
    daemon.stop();
}
