//! How late is a message of a due second when no limit stands in the way, and how does that compare with the fastest
//! way there is: a bare loop over the same HTTP client, with the same concurrency, against the same server, in the same
//! run?
//!
//! `cargo bench --bench lateness` prints the table. Times are of this machine; the ratio is what counts.

#![allow(clippy::print_stdout, reason = "it prints a table")]

#[path = "../tests/it/rig.rs"]
#[allow(dead_code, unreachable_pub, reason = "the tests use more of it")]
mod rig;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use rig::Rig;

const PEOPLE: usize = 1000;
const SENDERS: usize = 64;
const RUNS: usize = 5;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("threads");
    runtime.block_on(measure());
}

async fn measure() {
    println!(
        "{PEOPLE} messages due in one second, {SENDERS} at once, no limit in the way; milliseconds after the due instant"
    );
    println!(
        "{:>4}  {:>8} {:>8} {:>8} {:>8}   {:>16} {:>8}",
        "run", "p50", "p90", "p99", "max", "bare loop, all", "ratio"
    );
    let mut worst = Vec::new();
    for run in 1..=RUNS {
        let rig = Rig::fast(1_000_000, Duration::ZERO).await;
        let lateness = daemon(&rig).await;
        let bare = bare_loop(&rig).await;
        let p = |percent: usize| lateness[(lateness.len() * percent / 100).min(lateness.len() - 1)];
        let max = lateness[lateness.len() - 1];
        println!(
            "{run:>4}  {:>8.1} {:>8.1} {:>8.1} {max:>8.1}   {bare:>16.1} {:>8.2}",
            p(50),
            p(90),
            p(99),
            max / bare
        );
        worst.push(p(99));
    }
    worst.sort_by(f64::total_cmp);
    println!(
        "p99 of {RUNS} runs: best {:.1}, median {:.1}, worst {:.1} (goal: 250)",
        worst[0],
        worst[RUNS / 2],
        worst[RUNS - 1]
    );
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
