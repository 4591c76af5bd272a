//! Each way of not being Teams, or not meaning this bot: refused with a bare status, and without any effect.

use std::time::Duration;

use nudged::emulator::{Algorithm, Forgery, Inbound, KeyOf, Telling};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::rig::{Rig, rest};

fn forge(change: impl FnOnce(&mut Forgery)) -> Forgery {
    let mut forgery = Forgery::default();
    change(&mut forgery);
    forgery
}

#[tokio::test]
async fn a_forged_signature() {
    Rig::start().await.refuses(forge(|forge| forge.key = KeyOf::Stranger), 401).await;
}

#[tokio::test]
async fn a_signature_that_was_damaged() {
    let rig = Rig::start().await;
    let (good, _) = rig.emulator.write_inbound(&rig.message("x"));
    let last = if good.ends_with('A') { 'Q' } else { 'A' };
    let damaged = format!("{}{last}", &good[..good.len() - 1]);
    rig.refuses(forge(|forge| forge.authorization = Some(damaged)), 401).await;
}

#[tokio::test]
async fn an_expired_token() {
    Rig::start().await.refuses(forge(|forge| forge.expires_in = Some(-300)), 401).await;
}

#[tokio::test]
async fn a_token_that_expired_while_it_was_kept() {
    let rig = Rig::start().await;
    let (kept, _) = rig.emulator.write_inbound(&rig.message("x"));
    rig.clock.advance(Duration::from_mins(65));
    rig.refuses(forge(|forge| forge.authorization = Some(kept)), 401).await;
}

#[tokio::test]
async fn a_token_that_is_not_good_yet() {
    Rig::start().await.refuses(forge(|forge| forge.starts_in = Some(301)), 401).await;
}

#[tokio::test]
async fn a_good_token_replayed_with_an_activity_of_another_service_url() {
    let rig = Rig::start().await;
    let (good, body) = rig.emulator.write_inbound(&rig.message("x"));
    let mut activity: Value = serde_json::from_str(&body).expect("JSON");
    activity["serviceUrl"] = json!("https://evil.example/teams/");
    let replayed =
        Inbound::new(&rig.url, Telling::Activity(activity)).forged(forge(|forge| forge.authorization = Some(good)));
    let answer = rig.tell(&replayed).await;
    assert_eq!((answer.status, answer.body.as_str()), (Some(403), ""));
    rig.nothing_happened().await;
}

#[tokio::test]
async fn a_wrong_audience() {
    Rig::start()
        .await
        .refuses(forge(|forge| forge.aud = Some("c0000000-0000-4000-8000-00000000000c".into())), 401)
        .await;
}

#[tokio::test]
async fn a_token_of_an_agent_that_speaks_to_agents() {
    Rig::start().await.refuses(forge(|forge| forge.aud = Some("https://api.botframework.com".into())), 401).await;
}

#[tokio::test]
async fn a_wrong_issuer() {
    let issuer = "https://sts.windows.net/d6d49420-f39b-4df7-a1dc-d59a935871db/";
    Rig::start().await.refuses(forge(|forge| forge.iss = Some(issuer.into())), 401).await;
}

#[tokio::test]
async fn a_claim_of_another_service_url() {
    Rig::start().await.refuses(forge(|forge| forge.serviceurl = Some("https://smba.example/".into())), 403).await;
}

#[tokio::test]
async fn no_claim_of_a_service_url() {
    Rig::start().await.refuses(forge(|forge| forge.serviceurl = Some(String::new())), 403).await;
}

#[tokio::test]
async fn a_key_that_is_endorsed_for_another_channel() {
    Rig::start().await.refuses(forge(|forge| forge.key = KeyOf::Webchat), 403).await;
}

#[tokio::test]
async fn an_activity_of_a_channel_that_the_key_is_not_endorsed_for() {
    let rig = Rig::start().await;
    let (_, body) = rig.emulator.write_inbound(&rig.message("x"));
    let mut activity: Value = serde_json::from_str(&body).expect("JSON");
    activity["channelId"] = json!("webchat");
    let answer = rig.tell(&Inbound::new(&rig.url, Telling::Activity(activity))).await;
    assert_eq!(answer.status, Some(403));
    rig.nothing_happened().await;
}

#[tokio::test]
async fn an_unknown_key() {
    Rig::start().await.refuses(forge(|forge| forge.kid = Some("nobody's".into())), 401).await;
}

#[tokio::test]
async fn no_signature_at_all() {
    Rig::start().await.refuses(forge(|forge| forge.alg = Algorithm::None), 401).await;
}

#[tokio::test]
async fn the_public_key_as_a_shared_secret() {
    Rig::start().await.refuses(forge(|forge| forge.alg = Algorithm::HS256), 401).await;
}

#[tokio::test]
async fn a_token_longer_than_any() {
    let long = format!("Bearer {}", "a".repeat(8 * 1024 + 1));
    Rig::start().await.refuses(forge(|forge| forge.authorization = Some(long)), 401).await;
}

#[tokio::test]
async fn a_head_longer_than_any() {
    let rig = Rig::start().await;
    let long = format!("POST /api/messages HTTP/1.1\r\nhost: bot\r\nauthorization: Bearer {}", "a".repeat(64 * 1024));
    let answer = rig.raw(long.as_bytes()).await;
    // The end of the connection is an answer as well: the rest of that head is still on its way.
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431 "), "{answer}");
    rig.nothing_happened().await;
}

#[tokio::test]
async fn no_header() {
    Rig::start().await.refuses(forge(|forge| forge.authorization = Some(String::new())), 401).await;
}

#[tokio::test]
async fn the_basic_scheme() {
    Rig::start().await.refuses(forge(|forge| forge.authorization = Some("Basic YW5hOnNlY3JldA==".into())), 401).await;
}

#[tokio::test]
async fn two_tokens_of_which_one_is_good() {
    let rig = Rig::start().await;
    let (head, body) = rig.head("authorization: Bearer a.b.c\r\n");
    let answer = rig.raw(format!("{head}content-length: {}\r\n\r\n{body}", body.len()).as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    rig.nothing_happened().await;
}

#[tokio::test]
async fn a_tenant_that_is_not_allowed() {
    let rig = Rig::start().await;
    let (_, body) = rig.emulator.write_inbound(&rig.message("x"));
    for tenant in [json!("f0000000-0000-4000-8000-00000000000f"), Value::Null] {
        let mut activity: Value = serde_json::from_str(&body).expect("JSON");
        activity["channelData"]["tenant"]["id"] = tenant.clone();
        activity["conversation"]["tenantId"] = tenant;
        let answer = rig.tell(&Inbound::new(&rig.url, Telling::Activity(activity))).await;
        assert_eq!(answer.status, Some(403));
    }
    rig.nothing_happened().await;
}

#[tokio::test]
async fn a_get() {
    let rig = Rig::start().await;
    let (head, _) = rig.head("\r\n");
    let answer = rig.raw(head.replacen("POST", "GET", 1).as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 405 ") && answer.contains("allow: POST"), "{answer}");
    rig.nothing_happened().await;
}

#[tokio::test]
async fn another_path() {
    let rig = Rig::start().await;
    let (head, body) = rig.head("");
    for path in ["/", "/api/messages/", "/api/messages/x", "//api/messages", "/API/messages"] {
        let head = head.replacen("/api/messages", path, 1);
        let answer = rig.raw(format!("{head}content-length: {}\r\n\r\n{body}", body.len()).as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 404 "), "{path}: {answer}");
    }
    rig.nothing_happened().await;
}

#[tokio::test]
async fn a_wrong_content_type() {
    let rig = Rig::start().await;
    let (head, body) = rig.head("");
    for declared in ["text/plain", "application/json-patch+json", "application/json\r\ncontent-encoding: gzip"] {
        let head = head.replacen("application/json", declared, 1);
        let answer = rig.raw(format!("{head}content-length: {}\r\n\r\n{body}", body.len()).as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 415 "), "{declared}: {answer}");
    }
    rig.nothing_happened().await;
}

#[tokio::test]
async fn a_body_larger_than_any_whether_it_is_announced_or_not() {
    let rig = Rig::start().await;
    let (head, _) = rig.head("");
    let announced = rig.raw(format!("{head}content-length: 262145\r\n\r\n").as_bytes()).await;
    assert!(announced.starts_with("HTTP/1.1 413 "), "{announced}");
    let mut stream = TcpStream::connect(rig.address).await.expect("it listens");
    stream.write_all(format!("{head}transfer-encoding: chunked\r\n\r\n").as_bytes()).await.expect("it reads");
    let piece = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
    for _ in 0..4 {
        stream.write_all(piece.as_bytes()).await.expect("it reads");
    }
    stream.write_all(b"1\r\nx\r\n").await.expect("it reads");
    let streamed = rest(&mut stream).await;
    assert!(streamed.starts_with("HTTP/1.1 413 "), "{streamed}");
    rig.nothing_happened().await;
}

#[tokio::test]
async fn what_is_no_activity_is_told_so_only_to_those_who_have_a_token() {
    let rig = Rig::start().await;
    for body in ["", "not JSON", "[]", "{}", r#"{"type":"message","channelId":"msteams"}"#] {
        let telling = Inbound::new(&rig.url, Telling::Body(body.into()));
        assert_eq!(rig.tell(&telling).await.status, Some(400), "{body}");
        let stranger = telling.forged(forge(|forge| forge.key = KeyOf::Stranger));
        assert_eq!(rig.tell(&stranger).await.status, Some(401), "{body}");
    }
    rig.nothing_happened().await;
}

#[tokio::test]
async fn a_body_that_does_not_come() {
    let rig = Rig::start().await;
    let (head, body) = rig.head("");
    let mut stream = TcpStream::connect(rig.address).await.expect("it listens");
    let half = &body[..body.len() / 2];
    let sent = format!("{head}content-length: {}\r\n\r\n{half}", body.len());
    stream.write_all(sent.as_bytes()).await.expect("it reads");
    rig.clock.somebody_waits(Duration::from_secs(10)).await;
    rig.clock.advance(Duration::from_secs(10));
    let answer = rest(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    rig.nothing_happened().await;
}

#[tokio::test]
async fn a_head_that_does_not_come() {
    let rig = Rig::start().await;
    let mut stream = TcpStream::connect(rig.address).await.expect("it listens");
    stream.write_all(b"POST /api/messages HTTP/1.1\r\nhost: b").await.expect("it reads");
    rig.clock.somebody_waits(Duration::from_secs(30)).await;
    rig.clock.advance(Duration::from_secs(30));
    let answer = rest(&mut stream).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408 "), "{answer}");
    rig.nothing_happened().await;
}

#[tokio::test]
async fn a_stranger_is_answered_before_the_body_has_come() {
    let rig = Rig::start().await;
    let (head, _) = rig.head("");
    let head = head.replacen("Bearer ", "Bearer x", 1);
    let answer = rig.raw(format!("{head}content-length: 200000\r\n\r\n").as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    rig.nothing_happened().await;
}
