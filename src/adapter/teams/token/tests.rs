//! When tokens are asked for, by whom, and how often.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::ExposeSecret;
use serde_json::json;
use tokio::task::JoinSet;

use super::super::http::{Doors, Limits};
use super::super::identity::Identity;
use super::super::stand_in::{APP, HOME, SCOPE, SECRET, StandIn, StillClock, form, reply, reply_with};
use super::super::trust::TrustedHosts;
use super::*;
use crate::domain::delivery::Reason;
use crate::domain::verdict::Verdict;
use crate::port::clock::Clock;

struct Bench {
    login: StandIn,
    clock: Arc<StillClock>,
    tokens: Arc<Tokens>,
    secret_file: PathBuf,
}

impl Bench {
    async fn new() -> Self {
        let login = StandIn::start().await;
        let clock = Arc::new(StillClock::default());
        let limits = Limits {
            request_timeout: Duration::from_secs(20),
            connect_timeout: Duration::from_secs(5),
            connections: 4,
        };
        let url = TrustedHosts::check_configured(&login.url()).expect("a loopback URL");
        let secret_file = login.secret_file();
        let issuer = Issuer {
            identity: Arc::new(Identity::Secret { file: secret_file.clone(), expires_on: None }),
            endpoint: url.below(&[HOME, "oauth2", "v2.0", "token"]).expect("a path"),
            app_id: APP.to_owned(),
            scope: SCOPE.to_owned(),
            timeout: Duration::from_secs(20),
            doors: Arc::new(Doors::new(limits).expect("a client")),
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
        };
        Self { login, clock, tokens: Arc::new(Tokens::new(issuer)), secret_file }
    }

    async fn get(&self) -> String {
        self.tokens.get().await.expect("a token").secret().expose_secret().to_owned()
    }

    async fn fail(&self) -> Answer {
        self.tokens.get().await.expect_err("no token")
    }

    /// Waits, without a clock, until this many token requests arrived.
    async fn arrived(&self, count: usize) {
        while self.login.logins().len() < count {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn a_hundred_callers_make_one_request() {
    let bench = Bench::new().await;
    let held = bench.login.hold_logins().await;
    let mut callers = JoinSet::new();
    for _ in 0..100 {
        let tokens = Arc::clone(&bench.tokens);
        callers.spawn(async move { tokens.get().await.map(|token| token.secret().expose_secret().to_owned()) });
    }
    bench.arrived(1).await;
    drop(held);
    let got = callers.join_all().await;
    assert!(got.iter().all(|token| token.as_deref() == Ok("token-1")), "{got:?}");
    assert_eq!(bench.login.logins().len(), 1);
}

#[tokio::test]
async fn a_hundred_callers_share_one_failure() {
    let bench = Bench::new().await;
    bench.login.script_login(reply(400, &json!({ "error": "invalid_client" })));
    let held = bench.login.hold_logins().await;
    let mut callers = JoinSet::new();
    for _ in 0..100 {
        let tokens = Arc::clone(&bench.tokens);
        callers.spawn(async move { tokens.get().await.map(|_| ()).map_err(|answer| answer.verdict) });
    }
    bench.arrived(1).await;
    drop(held);
    let refused = Err(Verdict::OurFault { reason: Reason::TokenRefused });
    assert!(callers.join_all().await.iter().all(|got| *got == refused));
    assert_eq!(bench.login.logins().len(), 1);
}

#[tokio::test]
async fn a_dropped_leader_is_replaced() {
    let bench = Bench::new().await;
    let held = bench.login.hold_logins().await;
    let mut leader = JoinSet::new();
    let tokens = Arc::clone(&bench.tokens);
    leader.spawn(async move { tokens.get().await.map(|_| ()) });
    bench.arrived(1).await;
    let tokens = Arc::clone(&bench.tokens);
    let mut follower = JoinSet::new();
    follower.spawn(async move { tokens.get().await.map(|_| ()) });
    tokio::task::yield_now().await;
    leader.shutdown().await;
    bench.arrived(2).await;
    drop(held);
    assert_eq!(follower.join_all().await, [Ok(())]);
    assert_eq!(bench.get().await, "token-2");
}

#[tokio::test]
async fn a_token_is_renewed_five_minutes_early() {
    let bench = Bench::new().await;
    assert_eq!(bench.get().await, "token-1");
    bench.clock.advance(3600 - 301);
    assert_eq!(bench.get().await, "token-1");
    bench.clock.advance(1);
    assert_eq!(bench.get().await, "token-2");
    assert_eq!(bench.get().await, "token-2");
}

#[tokio::test]
async fn a_short_lived_token_is_renewed_at_half_its_life() {
    let bench = Bench::new().await;
    bench.login.script_login(reply(200, &json!({ "access_token": "short", "expires_in": 60 })));
    assert_eq!(bench.get().await, "short");
    bench.clock.advance(29);
    assert_eq!(bench.get().await, "short");
    bench.clock.advance(1);
    assert_eq!(bench.get().await, "token-2");
}

#[tokio::test]
async fn an_old_token_serves_while_its_successor_cannot_be_had() {
    let bench = Bench::new().await;
    bench.get().await;
    bench.clock.advance(3300);
    bench.login.script_login(reply(503, &json!({})));
    assert_eq!(bench.get().await, "token-1");
    assert_eq!(bench.get().await, "token-1");
    assert_eq!(bench.login.logins().len(), 2, "the failure is remembered");
    bench.clock.advance(300);
    bench.login.script_login(reply(503, &json!({})));
    assert_eq!(bench.fail().await.verdict, Verdict::OurFault { reason: Reason::TokenUnavailable });
    bench.clock.advance(5);
    assert_eq!(bench.get().await, "token-4");
}

#[tokio::test]
async fn a_refusal_is_remembered_for_a_minute() {
    let bench = Bench::new().await;
    let refusal = json!({
        "error": "invalid_client",
        "error_description": format!("AADSTS7000215: Invalid client secret. {SECRET}\r\nTrace ID: 1"),
        "error_codes": [7_000_215]
    });
    bench.login.script_login(reply(401, &refusal));
    let answer = bench.fail().await;
    assert_eq!(answer.verdict, Verdict::OurFault { reason: Reason::TokenRefused });
    assert_eq!(answer.evidence.status, Some(401));
    assert_eq!(answer.evidence.error_code.as_deref(), Some("invalid_client"));
    assert_eq!(
        answer.evidence.detail.as_deref(),
        Some("the token service: AADSTS7000215: Invalid client secret. [secret] Trace ID: 1")
    );
    bench.clock.advance(59);
    assert_eq!(bench.fail().await, answer);
    assert_eq!(bench.login.logins().len(), 1);
    bench.clock.advance(1);
    assert_eq!(bench.get().await, "token-2");
}

#[tokio::test]
async fn the_wait_that_the_service_asks_for_is_honoured_within_reason() {
    let bench = Bench::new().await;
    let check = async |status: u16, after: &str, seconds: u64| {
        bench.login.script_login(reply_with(status, "retry-after", after, "{}"));
        let count = bench.login.logins().len();
        bench.fail().await;
        bench.clock.advance(seconds - 1);
        bench.fail().await;
        assert_eq!(bench.login.logins().len(), count + 1, "{status} {after}");
        bench.clock.advance(1);
        let token = bench.tokens.get().await.expect("a token");
        bench.tokens.invalidate(&token);
    };
    check(429, "17", 17).await;
    check(429, "soon", 5).await;
    check(503, "0", 1).await;
    check(400, "90", 90).await;
    check(400, "10", 60).await;
    check(429, "999999", 3600).await;
}

#[tokio::test]
async fn an_answer_without_a_token_is_a_failure_that_passes() {
    let bench = Bench::new().await;
    bench.login.script_login(reply(200, &json!({ "access_token": "hidden" })));
    let answer = bench.fail().await;
    assert_eq!(answer.verdict, Verdict::OurFault { reason: Reason::TokenUnavailable });
    let detail = answer.evidence.detail.expect("a sentence");
    assert_eq!(detail, "the token service: the answer holds no token with a lifetime", "and nothing of the answer");
    bench.clock.advance(5);
    assert_eq!(bench.get().await, "token-2");
}

#[tokio::test]
async fn a_service_that_is_not_there_just_now_refuses_nothing() {
    let bench = Bench::new().await;
    bench.login.script_login(reply(400, &json!({ "error": "temporarily_unavailable" })));
    assert_eq!(bench.fail().await.verdict, Verdict::OurFault { reason: Reason::TokenUnavailable });
    bench.clock.advance(5);
    assert_eq!(bench.get().await, "token-2");
}

#[tokio::test]
async fn a_secret_that_is_replaced_while_it_is_refused_is_tried_at_once() {
    let bench = Bench::new().await;
    let refused = || reply(401, &json!({ "error": "invalid_client", "error_description": "AADSTS7000215: no" }));
    bench.login.script_login(refused());
    let refusal = bench.fail().await;
    assert_eq!(refusal.verdict, Verdict::OurFault { reason: Reason::TokenRefused });
    assert_eq!(bench.fail().await, refusal);

    // Wrong again: the new one is tried once and remembered too.
    std::fs::write(&bench.secret_file, "the-second").expect("written");
    bench.login.script_login(refused());
    bench.fail().await;
    bench.fail().await;
    std::fs::write(&bench.secret_file, "the-third\n").expect("written");
    assert_eq!(bench.get().await, "token-3");
    let shown: Vec<_> = bench.login.logins().iter().map(|login| form(login, "client_secret")).collect();
    assert_eq!(shown, [SECRET, "the-second", "the-third"]);
}

#[tokio::test]
async fn a_file_that_cannot_be_used_is_said_and_makes_no_request() {
    let bench = Bench::new().await;
    std::fs::remove_file(&bench.secret_file).expect("removed");
    let answer = bench.fail().await;
    assert_eq!(answer.verdict, Verdict::OurFault { reason: Reason::CredentialUnusable });
    let path = bench.secret_file.display();
    let detail = answer.evidence.detail.expect("a sentence");
    assert!(detail.starts_with(&format!("the bot's secret can't be read from {path}: No such file")), "{detail}");

    std::fs::write(&bench.secret_file, "hunter2 hunter3").expect("written");
    let detail = bench.fail().await.evidence.detail.expect("a sentence");
    assert!(detail.contains("is not one plain word") && !detail.contains("hunter"), "{detail}");
    assert!(bench.login.logins().is_empty());

    std::fs::write(&bench.secret_file, SECRET).expect("written");
    assert_eq!(bench.get().await, "token-1");
}

#[tokio::test]
async fn a_token_service_that_asked_for_silence_gets_it_whatever_becomes_of_the_file() {
    let bench = Bench::new().await;
    bench.login.script_login(reply_with(429, "retry-after", "30", "{}"));
    bench.fail().await;
    std::fs::write(&bench.secret_file, "another").expect("written");
    bench.clock.advance(29);
    bench.fail().await;
    assert_eq!(bench.login.logins().len(), 1);
    bench.clock.advance(1);
    assert_eq!(bench.get().await, "token-2");
}

#[tokio::test]
async fn a_secret_that_is_replaced_while_its_token_is_good_is_shown_the_next_time() {
    let bench = Bench::new().await;
    assert_eq!(bench.get().await, "token-1");
    std::fs::write(&bench.secret_file, "the-second").expect("written");
    assert_eq!(bench.get().await, "token-1", "nothing is asked for without need");
    bench.clock.advance(3600);
    assert_eq!(bench.get().await, "token-2");
    assert_eq!(form(&bench.login.logins()[1], "client_secret"), "the-second");
}

#[tokio::test]
async fn only_the_token_that_failed_is_thrown_away() {
    let bench = Bench::new().await;
    let first = bench.tokens.get().await.expect("a token");
    bench.tokens.invalidate(&first);
    assert_eq!(bench.get().await, "token-2");
    bench.tokens.invalidate(&first);
    assert_eq!(bench.get().await, "token-2");
    assert!(!format!("{first:?}").contains("token-1"), "{first:?}");
}
