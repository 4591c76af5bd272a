//! What does it take to hear everything that Teams tells on a busy morning: is all of it answered and durable, how soon, and
//! does memory stay flat? And what does it cost to verify a token, which is done anew for each activity?
//!
//! The daemon with a real ledger is called over real HTTP by a process of its own, which has the keys. It calls at a steady
//! rate, whether or not answers come, and measures from the instant at which a call was meant to be made, so that a
//! daemon that stalls does not look well. As Teams does, it uses one token for many activities.
//!
//! `cargo bench --bench inbound`, with `INBOUND_PER_SECOND` (1000), `INBOUND_SECONDS` (30) and `INBOUND_PEOPLE` (5000) in the
//! environment.

#![allow(clippy::print_stdout, reason = "it prints a table")]

#[path = "common/mod.rs"]
#[allow(dead_code, unreachable_pub, reason = "the other benches use more of it")]
mod common;

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use nudged::adapter::clock::SystemClock;
use nudged::adapter::entropy::SystemEntropy;
use nudged::adapter::files::DirectoryLibrary;
use nudged::adapter::ticker::CronTicker;
use nudged::adapter::zones::ZoneData;
use nudged::daemon::{Daemon, Outside};
use nudged::emulator::{Emulator, Inbound, Settings, Telling};
use nudged::port::clock::Clock;
use nudged::port::store::StatusQuery;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use common::process::{Memory, memory};
use common::{TEAMS, Teams, config, number, words};

/// The size of a run, from the environment.
#[derive(Clone, Copy)]
struct Size {
    per_second: u32,
    seconds: u32,
    people: u32,
}

impl Size {
    fn of_environment() -> Self {
        Self {
            per_second: number("INBOUND_PER_SECOND", 1000).max(1),
            seconds: number("INBOUND_SECONDS", 30).max(1),
            people: number("INBOUND_PEOPLE", 5000).max(1),
        }
    }

    fn total(self) -> u32 {
        self.per_second * self.seconds
    }
}

fn main() {
    let size = Size::of_environment();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("threads");
    match words().first() {
        Some(role) if role == TEAMS => runtime.block_on(be_teams(size)),
        Some(_) | None => runtime.block_on(measure(size)),
    }
}

/// Says where it is, reads where the bot is, calls it, and says what came of it.
async fn be_teams(size: Size) {
    let clock = Arc::new(SystemClock::new());
    let emulator = Emulator::start(Settings::default(), Arc::<SystemClock>::clone(&clock)).await.expect("it starts");
    println!("{}", verify_cost(&emulator, &clock).await);
    println!("{}", emulator.address());
    let mut bot = String::new();
    std::io::stdin().read_line(&mut bot).expect("a line");
    let bot = bot.trim();
    let client = reqwest::Client::builder()
        .tls_certs_only([])
        .no_proxy()
        .http1_only()
        .timeout(Duration::from_secs(15))
        .build()
        .expect("a client");
    // The first may have to wait for the keys, and is not one of those that are measured.
    let began = clock.moment();
    let first = emulator.tell(&telling(bot, 0, size.people)).await;
    assert_eq!(first[0].status, Some(200), "{first:?}");
    let first = clock.moment().since(began).as_secs_f64() * 1000.0;
    let (mut calls, mut took, mut unanswered) = (JoinSet::new(), Vec::new(), 0);
    let mut token = String::new();
    let began = clock.moment();
    for n in 0..size.total() {
        let meant = Duration::from_secs(1) * n / size.per_second;
        let now = clock.moment().since(began);
        if now < meant {
            clock.sleep(meant.saturating_sub(now)).await;
        }
        let inbound = telling(bot, n, size.people);
        if n % size.per_second == 0 {
            token = emulator.write_inbound(&inbound).0;
        }
        let body = body(&emulator.service_url(), &inbound, n);
        let request = client.post(bot).header("authorization", &token).header("content-type", "application/json");
        let (request, clock) = (request.body(body), Arc::clone(&clock));
        calls.spawn(async move {
            let status = request.send().await.map(|answer| answer.status().as_u16());
            // An invoke that nobody understands is answered with 501.
            let is_answered = matches!(status, Ok(200 | 501));
            is_answered.then(|| (clock.moment().since(began).saturating_sub(meant), meant))
        });
        while let Some(ended) = calls.try_join_next() {
            took.push(ended.expect("no panic"));
        }
        if n == size.total() / 10 {
            println!("a tenth");
        }
    }
    took.extend(calls.join_all().await);
    let seconds = clock.moment().since(began).as_secs_f64();
    let mut answered: Vec<(Duration, Duration)> = Vec::new();
    for one in took {
        match one {
            Some(spans) => answered.push(spans),
            None => unanswered += 1,
        }
    }
    answered.sort_unstable();
    let p = |share: usize| answered[(answered.len() * share / 100).min(answered.len() - 1)].0.as_secs_f64() * 1000.0;
    let late: std::collections::BTreeSet<u64> =
        answered.iter().filter(|(span, _)| span.as_millis() > 100).map(|(_, meant)| meant.as_secs()).collect();
    println!(
        "{:.0} a second; p50 {:.1} ms, p99 {:.1} ms (goal: 100), longest {:.1} ms, the very first {first:.1} ms; {unanswered} not answered (goal: 0); slower than 100 ms in the seconds {late:?}",
        f64::from(size.total()) / seconds,
        p(50),
        p(99),
        p(100)
    );
}

/// The `n`th thing that happens: everybody in turn does one thing, then everybody the next.
fn telling(bot: &str, n: u32, people: u32) -> Inbound {
    let tell = match n / people % 5 {
        0 => Telling::Install,
        1 => Telling::Message("hello".into()),
        2 => Telling::Invoke { name: "composeExtension/query".into(), value: json!({}) },
        3 => Telling::Uninstall,
        _ => Telling::Message("start".into()),
    };
    Inbound::new(bot, tell).from(format!("29:1person-{}", n % people))
}

/// The emulator's own way of writing signs each time, which costs whoever calls more than whoever is called.
fn body(service_url: &str, inbound: &Inbound, n: u32) -> String {
    let settings = Settings::default();
    let mut activity = json!({
        "id": format!("f:{n}"), "channelId": "msteams", "serviceUrl": service_url,
        "from": { "id": inbound.from, "name": "Somebody" },
        "recipient": { "id": format!("28:{}", settings.app_id) },
        "conversation": {
            "id": inbound.from.replace("29:1", "a:1"), "conversationType": "personal", "tenantId": settings.tenant_id,
        },
        "channelData": { "tenant": { "id": settings.tenant_id } },
        "entities": [{ "type": "clientInfo", "locale": "de-CH", "country": "CH", "timezone": "Europe/Zurich" }],
    });
    let said = match &inbound.tell {
        Telling::Install => json!({ "type": "installationUpdate", "action": "add" }),
        Telling::Uninstall => json!({ "type": "installationUpdate", "action": "remove" }),
        Telling::Message(text) => json!({ "type": "message", "text": text }),
        Telling::Invoke { name, value } => json!({ "type": "invoke", "name": name, "value": value }),
        Telling::Activity(value) => value.clone(),
        Telling::Body(_) => Value::Null,
    };
    for (name, value) in said.as_object().into_iter().flatten() {
        activity[name] = value.clone();
    }
    activity.to_string()
}

/// What one verification of a signature takes, in words.
async fn verify_cost(emulator: &Emulator, clock: &SystemClock) -> String {
    const TIMES: u32 = 5_000;
    let (authorization, _) = emulator.write_inbound(&Inbound::new("", Telling::Install));
    let (signed, signature) = authorization["Bearer ".len()..].rsplit_once('.').expect("a token");
    let signature = BASE64_URL_SAFE_NO_PAD.decode(signature).expect("a signature");
    let client = reqwest::Client::builder().tls_certs_only([]).no_proxy().build().expect("a client");
    let keys = client.get(format!("{}/v1/.well-known/keys", emulator.base_url())).send().await.expect("an answer");
    let keys: Value = keys.json().await.expect("JSON");
    let number =
        |name| BASE64_URL_SAFE_NO_PAD.decode(keys["keys"][0][name].as_str().expect("a text")).expect("a number");
    let key = RsaPublicKeyComponents { n: number("n"), e: number("e") };
    let began = clock.moment();
    for _ in 0..TIMES {
        key.verify(&RSA_PKCS1_2048_8192_SHA256, signed.as_bytes(), &signature).expect("it is signed");
    }
    format!("{:.1} µs", clock.moment().since(began).as_secs_f64() * 1e6 / f64::from(TIMES))
}

async fn measure(size: Size) {
    let mut teams = Teams::start(&[]);
    let verify = teams.line();
    let directory = tempfile::tempdir().expect("a directory");
    let address = teams.line();
    let config = config(directory.path(), &address, &ear(&address));
    let outside = Outside {
        clock: Arc::new(SystemClock::new()),
        entropy: Arc::new(SystemEntropy),
        zones: Arc::new(ZoneData::newest()),
        library: Arc::new(DirectoryLibrary::new(config.schedules.clone())),
        files: None,
        ticker: Arc::new(CronTicker::default()),
    };
    let daemon = Daemon::start(&config, outside).await.expect("the daemon starts");
    let desk = daemon.desk();
    let endpoint = || async {
        let status = desk.status(StatusQuery::default()).await.expect("a status");
        status.daemon.and_then(|daemon| daemon.endpoint).expect("an endpoint")
    };
    let at_start = in_words(memory(std::process::id()));
    println!(
        "{} activities of {} people, {} a second; one verification takes {verify}",
        size.total(),
        size.people.min(size.total()),
        size.per_second
    );
    teams.hear(&endpoint().await.listens_on);
    assert_eq!(teams.line(), "a tenth");
    let at_tenth = in_words(memory(std::process::id()));
    println!("{}", teams.line());
    let at_end = in_words(memory(std::process::id()));
    let (heard, people) = (endpoint().await.heard, desk.people().await.expect("people").people.len());
    println!("taken in                {heard} of {}, from {people} people in the ledger", size.total() + 1);
    println!("memory at the start     {at_start}");
    println!("memory at a tenth       {at_tenth}");
    println!("memory at the end       {at_end}");
    daemon.stop().await;
    assert_eq!(u32::try_from(people), Ok(size.people.min(size.total())), "everybody who was told of is in the ledger");
}

/// Where the bot's own ear is, and what it believes.
fn ear(address: &str) -> String {
    format!(
        "[endpoint]\nlisten = \"127.0.0.1:0\"\nopenid_url = \"http://{address}/v1/.well-known/openidconfiguration\"\n"
    )
}

fn in_words(memory: Memory) -> String {
    format!("{:.0} MiB, at most {:.0} MiB", memory.now_mib, memory.most_mib)
}
