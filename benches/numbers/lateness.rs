//! How late is a message of a due second when no limit stands in the way, and how does that compare with the fastest
//! way there is: a bare loop over the same HTTP client, with the same concurrency, against the same server, in the same
//! run?

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::rig::Rig;
use crate::table::{Row, Runs};

const PEOPLE: usize = 1000;
const SENDERS: usize = 64;

/// The 99th hundredth comes no later than this, in milliseconds.
const GOAL: f64 = 250.0;

pub(crate) async fn rows(runs: usize) -> Vec<Row> {
    let (mut medians, mut p99s, mut bares, mut ratios) =
        (Runs::default(), Runs::default(), Runs::default(), Runs::default());
    for _ in 0..runs {
        let rig = Rig::fast(1_000_000, Duration::ZERO).await;
        let lateness = daemon(&rig).await;
        let bare = bare_loop(&rig).await;
        let percentile = |percent: usize| lateness[(lateness.len() * percent / 100).min(lateness.len() - 1)];
        medians.push(percentile(50));
        p99s.push(percentile(99));
        bares.push(bare);
        ratios.push(lateness[lateness.len() - 1] / bare);
    }
    vec![
        Row {
            what: format!("lateness of {PEOPLE} in one second, p50"),
            goal: "-".into(),
            measured: medians.show(0, " ms"),
            baseline: String::new(),
            ratio: String::new(),
            is_met: true,
        },
        Row {
            what: "the same, p99; ratio: the last of all".into(),
            goal: format!("{GOAL} ms"),
            measured: p99s.show(0, " ms"),
            baseline: format!("{} for all", bares.show(0, " ms")),
            ratio: ratios.show(1, ""),
            is_met: p99s.median() <= GOAL,
        },
    ]
}

/// Milliseconds from the due instant to the arrival of each message, ascending.
async fn daemon(rig: &Rig) -> Vec<f64> {
    rig.import_crowd(PEOPLE);
    let due_at = rig.in_seconds(4);
    let due_at = due_at - chrono::TimeDelta::nanoseconds(i64::from(due_at.timestamp_subsec_nanos()));
    rig.schedule_once("second", due_at, "");
    let daemon = rig.start().await;
    rig.until_taken(PEOPLE as u64).await;
    daemon.stop();
    #[expect(clippy::cast_precision_loss, reason = "microseconds of a few seconds")]
    let ms = |span: chrono::TimeDelta| span.num_microseconds().expect("a short span") as f64 / 1000.0;
    let mut lateness: Vec<f64> = rig.messages().iter().map(|message| ms(message.arrived_at - due_at)).collect();
    lateness.sort_by(f64::total_cmp);
    assert!(lateness[0] >= 0.0, "a message came {} ms before its instant", -lateness[0]);
    lateness
}

/// Milliseconds that a bare loop takes for as many messages: no ledger, no limits, no token but one.
async fn bare_loop(rig: &Rig) -> f64 {
    let settings = nudged::emulator::Settings::default();
    let client = reqwest::Client::builder().tls_certs_only([]).http1_only().build().expect("a client");
    let token: serde_json::Value = client
        .post(format!("{}/{}/oauth2/v2.0/token", rig.emulator.base_url(), settings.tenant_id))
        .form(&[
            ("grant_type", "client_credentials"),
            ("client_id", &settings.app_id),
            ("client_secret", &settings.app_secret),
            ("scope", "https://api.botframework.com/.default"),
        ])
        .send()
        .await
        .expect("an answer")
        .json()
        .await
        .expect("a token");
    let token = token["access_token"].as_str().expect("a token").to_owned();
    let places = Arc::new(Semaphore::new(SENDERS));
    let began = rig.clock.moment();
    let mut sends = JoinSet::new();
    for n in 0..PEOPLE {
        let place = Arc::clone(&places).acquire_owned().await.expect("never closed");
        let url = format!("{}v3/conversations/a%3Aconversation-{n}/activities", rig.emulator.service_url());
        let request =
            client.post(url).bearer_auth(&token).json(&serde_json::json!({ "type": "message", "text": "Hello" }));
        sends.spawn(async move {
            let answer = request.send().await.expect("an answer");
            assert!(answer.status().is_success(), "{}", answer.status());
            drop(place);
        });
    }
    sends.join_all().await;
    rig.clock.moment().since(began).as_secs_f64() * 1000.0
}
