use std::time::Duration;

use reqwest::header::RETRY_AFTER;
use reqwest::{Method, StatusCode};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::rig::{ANA, CHAT, Rig, activities, read, refused};
use crate::emulator::{Answer, Effect, Fault, Operation, Settings, Spoil, When, Windows};

/// How long a test watches an answer not come. A fault that hangs is told from one that cuts by it.
const A_WHILE: Duration = Duration::from_millis(100);

#[tokio::test]
async fn a_status_is_answered_and_nothing_is_taken() {
    let rig = Rig::start().await;
    let answer = Answer { message: Some("Down".to_owned()), retry_after: Some(2), ..Answer::new(503, "ServiceError") };
    rig.emulator.add_fault(Fault::new(answer).on(Operation::Send).times(2));
    for _ in 0..2 {
        let response = rig.try_say(CHAT, "lost").await.unwrap();
        assert_eq!(response.headers()[RETRY_AFTER], "2");
        refused(&read(response).await, 503, "ServiceError", "Down");
    }
    assert_eq!(rig.say(CHAT, "after two").await.0, StatusCode::CREATED);
    assert_eq!(rig.texts(), ["after two"]);
    let figures = rig.emulator.figures();
    assert_eq!((figures.faults_acted, figures.throttled), (2, 0));
    assert_eq!(figures.refused, [(503, 2)].into());
    assert_eq!(figures.busiest_second.into_values().collect::<Vec<_>>(), [1], "what a rule stops takes up no room");
}

#[tokio::test]
async fn a_status_may_come_after_the_message_was_taken() {
    let rig = Rig::start().await;
    let answer = Answer { when: When::After, ..Answer::new(504, "ServiceError") };
    rig.emulator.add_fault(Fault::new(answer).times(1));
    assert_eq!(rig.say(CHAT, "delivered").await.0, StatusCode::GATEWAY_TIMEOUT);
    // Success without a body and without an id, which a client must take as well.
    let accepted = Answer { status: 202, when: When::After, ..Answer::default() };
    rig.emulator.add_fault(Fault::new(accepted).times(1));
    assert_eq!(rig.say(CHAT, "accepted").await, (StatusCode::ACCEPTED, serde_json::Value::Null));
    assert_eq!(rig.texts(), ["delivered", "accepted"]);
}

#[tokio::test]
async fn a_body_is_passed_on_as_it_is() {
    let rig = Rig::start().await;
    let writes_blocked = r#"{"errorCode":209,"message":"{\"subCode\":\"MessageWritesBlocked\"}"}"#;
    for (body, kind) in [(writes_blocked, "application/json"), ("<h1>Bad gateway</h1>", "text/html")] {
        let answer = Answer { status: 403, body: Some(body.to_owned()), ..Answer::default() };
        rig.emulator.add_fault(Fault::new(answer).times(1));
        let response = rig.try_say(CHAT, "hello").await.unwrap();
        assert!(response.headers()["content-type"].to_str().unwrap().starts_with(kind));
        assert_eq!((response.status().as_u16(), response.text().await.unwrap().as_str()), (403, body));
    }
}

#[tokio::test]
async fn a_cut_before_takes_nothing_and_a_cut_after_takes_the_message() {
    let rig = Rig::start().await;
    for (when, text) in [(When::Before, "cut before"), (When::After, "cut after")] {
        rig.emulator.add_fault(Fault::new(Effect::Cut(when)).times(1));
        let error = rig.try_say(CHAT, text).await.unwrap_err();
        assert!(error.is_request() && !error.is_connect(), "{error:?}");
    }
    assert_eq!(rig.texts(), ["cut after"]);
    assert_eq!(rig.say(CHAT, "well again").await.0, StatusCode::CREATED);
    assert_eq!(rig.emulator.figures().refused, [].into());
}

#[tokio::test]
async fn a_cut_leaves_no_byte_of_an_answer() {
    let rig = Rig::start().await;
    for when in [When::Before, When::After] {
        rig.emulator.add_fault(Fault::new(Effect::Cut(when)).times(1));
        let body = json!({ "type": "message", "text": "hello" }).to_string();
        let mut stream = TcpStream::connect(rig.emulator.address()).await.unwrap();
        let head = format!(
            "POST /teams/{} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-length: {}\r\n\r\n{body}",
            activities(CHAT),
            rig.token,
            body.len()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        // The end of the stream or a reset, as the system likes.
        let _ = stream.read_to_end(&mut answer).await;
        assert_eq!(String::from_utf8_lossy(&answer), "");
    }
    assert_eq!(rig.emulator.messages().len(), 1);
}

#[tokio::test]
async fn a_hang_never_answers_and_ends_with_the_emulator() {
    for (when, taken) in [(When::Before, 0), (When::After, 1)] {
        let rig = Rig::start().await;
        rig.emulator.add_fault(Fault::new(Effect::Hang(when)));
        let mut watch = rig.emulator.watch();
        let url = format!("{}{}", rig.emulator.service_url(), activities(CHAT));
        let body = json!({ "type": "message", "text": "hello" });
        let mut sending = Box::pin(rig.client.post(url).bearer_auth(&rig.token).json(&body).send());
        let answer = tokio::time::timeout(A_WHILE, sending.as_mut()).await;
        assert!(answer.is_err(), "{when:?}: {answer:?}");
        assert_eq!(rig.emulator.figures().faults_acted, 1);
        assert_eq!(*watch.borrow_and_update(), taken, "{when:?}");
        rig.emulator.stop().await;
        assert!(sending.await.is_err(), "{when:?}: it was cut, not answered");
    }
}

#[tokio::test]
async fn a_delay_holds_the_message_up_or_only_its_answer() {
    let rig = Rig::start().await;
    let span = Duration::from_millis(500);
    for (slept, (when, taken)) in (1..).zip([(When::Before, 0), (When::After, 2)]) {
        rig.emulator.add_fault(Fault::new(Effect::Delay { span, when }).times(1));
        let mut sending = Box::pin(rig.say(CHAT, "hello"));
        tokio::select! {
            answer = sending.as_mut() => panic!("too early: {answer:?}"),
            () = rig.clock.slept_on(slept) => {}
        }
        assert_eq!(rig.emulator.messages().len(), taken, "{when:?}");
        rig.clock.advance(span);
        assert_eq!(sending.await.0, StatusCode::CREATED);
    }
    assert_eq!(rig.emulator.messages().len(), 2);
}

#[tokio::test]
async fn a_rule_acts_on_what_it_matches() {
    let rig = Rig::start().await;
    let chat = rig.create(ANA).await.1["id"].as_str().unwrap().to_owned();
    let blocked = || Answer::new(403, "ConversationBlockedByUser");

    rig.emulator.add_fault(Fault::new(blocked()).in_conversation("a:1one"));
    assert_eq!(rig.say("a:1one", "").await.0, StatusCode::FORBIDDEN);
    assert_eq!(rig.say("a:1two", "").await.0, StatusCode::CREATED);
    assert_eq!(rig.create(ANA).await.0, StatusCode::CREATED);
    rig.emulator.clear_faults();
    assert_eq!(rig.say("a:1one", "").await.0, StatusCode::CREATED);

    rig.emulator.add_fault(Fault::new(blocked()).in_conversation(&chat).on(Operation::Create));
    assert_eq!(rig.create(ANA).await.0, StatusCode::FORBIDDEN);
    assert_eq!(rig.say(&chat, "").await.0, StatusCode::CREATED);
    rig.emulator.clear_faults();

    rig.emulator.add_fault(Fault::new(blocked()).for_user(ANA));
    assert_eq!(rig.create(ANA).await.0, StatusCode::FORBIDDEN);
    assert_eq!(rig.say(&chat, "").await.0, StatusCode::FORBIDDEN);
    assert_eq!(rig.create("29:1ben").await.0, StatusCode::CREATED);
    rig.emulator.clear_faults();

    rig.emulator.add_fault(Fault::new(Answer::new(429, "slow_down")).on(Operation::Token));
    let (status, body) = read(rig.ask_token(&[]).await).await;
    assert_eq!((status, &body["error"]), (StatusCode::TOO_MANY_REQUESTS, &json!("slow_down")));
    assert_eq!(rig.say(&chat, "").await.0, StatusCode::CREATED);
}

#[tokio::test]
async fn rules_form_a_queue_and_may_act_on_each_nth_request() {
    let rig = Rig::start().await;
    rig.emulator.add_fault(Fault::new(Answer::new(502, "ServiceError")).every(3).times(2));
    rig.emulator.add_fault(Fault::new(Answer::new(412, "PreconditionFailed")).times(1));
    let mut statuses = Vec::new();
    for n in 0..9 {
        statuses.push(rig.say(&format!("a:{n}"), "hello").await.0.as_u16());
    }
    assert_eq!(statuses, [412, 201, 502, 201, 201, 502, 201, 201, 201]);
}

#[tokio::test]
async fn a_refusal_is_told_even_if_a_rule_would_cut_after_the_message() {
    let rig = Rig::start().await;
    for _ in 0..7 {
        rig.say(CHAT, "hello").await;
    }
    rig.emulator.add_fault(Fault::new(Effect::Cut(When::After)));
    assert_eq!(rig.say(CHAT, "hello").await.0, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn a_rule_may_act_on_a_share_of_requests_and_draw_its_retry_after() {
    let rig = Rig::with(Settings { windows: Windows::Off, ..Settings::default() }).await;
    let slow_down = Answer { retry_after: Some(3), retry_after_most: Some(9), ..Answer::new(429, "Throttled") };
    rig.emulator.add_fault(Fault::new(slow_down).on(Operation::Send).share(0.5).seed(1));
    let mut waits = Vec::new();
    for n in 0..100 {
        let response = rig.try_say(&format!("a:{n}"), "hello").await.unwrap();
        if response.status() == StatusCode::TOO_MANY_REQUESTS {
            waits.push(response.headers()[RETRY_AFTER].to_str().unwrap().parse::<u64>().unwrap());
        }
    }
    assert!((35..=65).contains(&waits.len()), "{} of 100", waits.len());
    assert_eq!((waits.iter().min(), waits.iter().max()), (Some(&3), Some(&9)));
}

#[tokio::test]
async fn messages_may_be_taken_and_their_answers_lost_by_share() {
    let rig = Rig::with(Settings { windows: Windows::Off, ..Settings::default() }).await;
    rig.emulator.add_fault(Fault::new(Effect::Cut(When::After)).share(0.2).seed(3));
    let mut lost = 0;
    for n in 0..50 {
        lost += u64::from(rig.try_say(&format!("a:{n}"), "hello").await.is_err());
    }
    assert!((4..=18).contains(&lost), "{lost} of 50");
    assert_eq!((rig.emulator.figures().faults_acted, rig.emulator.figures().messages_taken), (lost, 50));
}

#[tokio::test]
async fn a_slow_body_comes_in_two_halves() {
    let rig = Rig::start().await;
    let span = Duration::from_secs(3);
    rig.emulator.add_fault(Fault::new(Effect::SlowBody(span)));
    let mut response = rig.try_say(CHAT, "hello").await.unwrap();
    assert_eq!(response.status(), StatusCode::CREATED, "the head comes at once");
    let first = response.chunk().await.unwrap().unwrap();
    rig.clock.slept_on(1).await;
    rig.clock.advance(span);
    let second = response.chunk().await.unwrap().unwrap();
    let body: serde_json::Value = serde_json::from_slice(&[first, second].concat()).unwrap();
    assert_eq!(body, json!({ "id": rig.emulator.messages()[0].activity_id }));
}

#[tokio::test]
async fn a_body_may_be_spoilt_after_the_message_was_taken() {
    let rig = Rig::start().await;
    for (spoil, text) in [(Spoil::Half, "half"), (Spoil::Garbage, "garbage"), (Spoil::Html, "html")] {
        rig.emulator.add_fault(Fault::new(Effect::Spoil(spoil)).times(1));
        let response = rig.try_say(CHAT, text).await.unwrap();
        let (status, kind) = (response.status().as_u16(), response.headers()["content-type"].clone());
        let body = response.bytes().await;
        match spoil {
            Spoil::Half => assert!(status == 201 && body.is_err(), "{body:?}"),
            Spoil::Garbage => assert!(status == 201 && std::str::from_utf8(&body.unwrap()).is_err()),
            Spoil::Html => {
                assert!(status == 200 && kind == "text/html; charset=utf-8" && body.unwrap().starts_with(b"<!"));
            }
        }
    }
    assert_eq!(rig.texts(), ["half", "garbage", "html"]);
}

#[tokio::test]
async fn a_rule_may_be_about_a_tenant_and_about_any_operation() {
    let rig = Rig::start().await;
    let id = rig.say(CHAT, "hello").await.1["id"].as_str().unwrap().to_owned();
    let path = format!("{}/{id}", activities(CHAT));
    let body = json!({ "type": "message", "text": "changed" });
    rig.emulator.add_fault(Fault::new(Answer::new(502, "ServiceError")).on(Operation::Update).in_tenant("another"));
    assert_eq!(rig.call(Method::PUT, &path, Some(&body)).await.0, StatusCode::OK);
    let own = Settings::default().tenant_id;
    rig.emulator.add_fault(Fault::new(Answer::new(502, "ServiceError")).on(Operation::Update).in_tenant(&own));
    assert_eq!(rig.call(Method::PUT, &path, Some(&body)).await.0, StatusCode::BAD_GATEWAY);
    assert_eq!(rig.call(Method::DELETE, &path, None).await.0, StatusCode::OK);
}
