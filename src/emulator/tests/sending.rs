use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::RETRY_AFTER;
use serde_json::json;
use tokio::task::JoinSet;

use super::rig::{ANA, CHANNEL, CHAT, HandClock, Rig, activities, read, refused};
use crate::emulator::{Effect, Fault, Settings, Success, When, Windows};

#[tokio::test]
async fn a_message_is_taken_with_all_that_it_came_with() {
    let rig = Rig::start().await;
    let id = rig.create(ANA).await.1["id"].as_str().unwrap().to_owned();
    rig.clock.advance(Duration::from_millis(2500));
    let activity = json!({ "type": "message", "text": "Good morning", "channelData": { "ours": [1, 2] } });
    let (status, body) = rig.post(&activities(&id), &activity).await;
    assert_eq!(status, StatusCode::CREATED);

    let messages = rig.emulator.messages();
    let [message] = messages.as_slice() else { panic!("{messages:?}") };
    let start_ms = HandClock::start().timestamp_millis();
    assert_eq!(message.activity_id, (start_ms + 2500).to_string());
    assert_eq!(body, json!({ "id": message.activity_id }));
    assert_eq!((message.seq, &message.conversation_id), (1, &id));
    assert_eq!(message.tenant_id, Settings::default().tenant_id);
    assert_eq!(message.user_id.as_deref(), Some(ANA));
    assert_eq!(message.arrived_at, HandClock::start() + Duration::from_millis(2500));
    assert_eq!(message.arrived_moment_us, 2_500_000);
    assert_eq!(message.text.as_deref(), Some("Good morning"));
    assert_eq!(message.activity, activity);
    assert_eq!(message.path, format!("/teams/{}", activities(&id)));
    assert_eq!(message.user_agent, "rig/1");
}

#[tokio::test]
async fn of_a_card_the_summary_is_on_record() {
    let rig = Rig::start().await;
    let card =
        json!({ "contentType": "application/vnd.microsoft.card.adaptive", "content": { "type": "AdaptiveCard" } });
    let activity = json!({ "type": "message", "summary": "News", "attachments": [card] });
    assert_eq!(rig.post(&activities(CHAT), &activity).await.0, StatusCode::CREATED);
    let messages = rig.emulator.messages();
    let [message] = messages.as_slice() else { panic!("{messages:?}") };
    assert_eq!((message.text.as_deref(), message.summary.as_deref()), (None, Some("News")));
    assert_eq!(message.activity["attachments"][0], card);
}

#[tokio::test]
async fn ids_increase_within_a_millisecond_and_over_many_connections() {
    let rig = Rig::with(Settings { windows: Windows::Off, ..Settings::default() }).await;
    // The clock stands still, so only the count keeps them apart.
    let mut sends = JoinSet::new();
    for _ in 0..40 {
        let url = format!("{}{}", rig.emulator.service_url(), activities(CHAT));
        let activity = json!({ "type": "message", "text": "hello" });
        sends.spawn(rig.client.post(url).bearer_auth(&rig.token).json(&activity).send());
    }
    while let Some(answer) = sends.join_next().await {
        assert_eq!(answer.unwrap().unwrap().status(), StatusCode::CREATED);
    }
    assert_eq!(*rig.emulator.watch().borrow(), 40);
    let messages = rig.emulator.messages();
    let ids: Vec<u64> = messages.iter().map(|message| message.activity_id.parse().unwrap()).collect();
    assert!(ids.is_sorted_by(|a, b| a < b), "{ids:?}");
    assert!(messages.iter().map(|message| message.seq).eq(1..=40));
}

#[tokio::test]
async fn the_tenant_and_the_user_are_read_from_the_activity_if_it_names_them() {
    let rig = Rig::start().await;
    for (activity, tenant, user) in [
        (json!({ "type": "message", "channelData": { "tenant": { "id": "t1" } } }), "t1", None),
        (
            json!({ "type": "message", "conversation": { "tenantId": "t2" }, "recipient": { "id": ANA } }),
            "t2",
            Some(ANA),
        ),
        (json!({ "type": "message" }), &*Settings::default().tenant_id, None),
    ] {
        rig.post(&activities(CHAT), &activity).await;
        let message = rig.emulator.messages().pop().unwrap();
        assert_eq!((&*message.tenant_id, message.user_id.as_deref()), (tenant, user));
    }
}

#[tokio::test]
async fn a_reply_to_an_activity_that_never_was_is_taken() {
    let rig = Rig::start().await;
    let path = format!("{}/3c5e9d0e-no-such-activity", activities(CHAT));
    let (status, _) = rig.post(&path, &json!({ "type": "message", "text": "continued" })).await;
    assert_eq!(status, StatusCode::CREATED);
    assert_eq!(rig.texts(), ["continued"]);
}

#[tokio::test]
async fn the_answer_to_typing_has_no_body() {
    let rig = Rig::start().await;
    let answer = rig.post(&activities(CHAT), &json!({ "type": "typing" })).await;
    assert_eq!(answer, (StatusCode::CREATED, serde_json::Value::Null));
}

#[tokio::test]
async fn an_id_must_be_encoded_and_look_like_one() {
    let rig = Rig::start().await;
    let hello = json!({ "type": "message", "text": "hello" });
    for id in ["19%3Ax%40thread.tacv2;messageid=1", "19%3Ax@thread.tacv2", "28%3Abot", "x%zz"] {
        let answer = rig.post(&format!("v3/conversations/{id}/activities"), &hello).await;
        refused(&answer, 400, "BadSyntax", "Bad format of conversation ID");
    }
    for path in ["/v3/conversations/a%3A1/activities", "v3//conversations", "v3/conversations/a%3A1/activities/"] {
        assert_eq!(rig.post(path, &hello).await.0, StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(rig.texts(), [""; 0]);
    let thread = format!("{CHANNEL};messageid=1");
    assert_eq!(rig.say(&thread, "hello").await.0, StatusCode::CREATED);
    assert_eq!(rig.emulator.messages()[0].conversation_id, thread);
    assert_eq!(rig.emulator.messages()[0].path, format!("/teams/{}", activities(&thread)));
}

#[tokio::test]
async fn a_body_that_is_no_message_is_refused() {
    let rig = Rig::start().await;
    refused(&rig.post(&activities(CHAT), &json!("hello")).await, 400, "BadSyntax", "Payload is incorrect");
    let untyped = rig.post(&activities(CHAT), &json!({ "text": "hello" })).await;
    refused(&untyped, 400, "MissingProperty", "The activity has no type");
    // 30 bytes or so of JSON around it: 51,100 characters of two bytes fit, 51,200 do not, whatever their UTF-8 is.
    for (character, count, expect) in [("x", 51_100, 201), ("x", 51_200, 413), ("é", 51_100, 201), ("é", 51_200, 413)]
    {
        let (status, _) = rig.say(CHAT, &character.repeat(count)).await;
        assert_eq!(status.as_u16(), expect, "{count} × {character}");
    }
    assert_eq!(rig.emulator.messages().len(), 2);
}

#[tokio::test]
async fn over_the_limit_a_message_is_not_taken_and_the_client_is_told_for_how_long() {
    let rig = Rig::start().await;
    for _ in 0..7 {
        assert_eq!(rig.say(CHAT, "hello").await.0, StatusCode::CREATED);
    }
    rig.clock.advance(Duration::from_millis(900));
    let response = rig.try_say(CHAT, "too much").await.unwrap();
    assert_eq!(response.headers()[RETRY_AFTER], "1", "0.1 s, rounded up");
    refused(&read(response).await, 429, "Throttled", "Too many requests");
    assert_eq!(rig.say("a:1another", "elsewhere").await.0, StatusCode::CREATED);

    rig.clock.advance(Duration::from_millis(100));
    assert_eq!(rig.say(CHAT, "in time").await.0, StatusCode::CREATED);
    let response = rig.try_say(CHAT, "the ninth in two seconds").await.unwrap();
    assert_eq!(response.headers()[RETRY_AFTER], "1");

    assert_eq!(rig.emulator.messages().len(), 9);
    let figures = rig.emulator.figures();
    assert_eq!((figures.throttled, figures.messages_taken), (2, 9));
    assert_eq!(figures.refused, [(429, 2)].into());
    // A token, and the calls above.
    assert_eq!(figures.requests, 12);
}

#[tokio::test]
async fn the_limit_of_a_tenant_counts_sends_and_creates_together() {
    let rig = Rig::start().await;
    for n in 0..25 {
        assert_eq!(rig.say(&format!("a:{n}"), "hello").await.0, StatusCode::CREATED);
        assert_eq!(rig.create(&format!("29:{n}")).await.0, StatusCode::CREATED);
    }
    assert_eq!(rig.create("29:one more").await.0, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(read(rig.ask_token(&[]).await).await.0, StatusCode::OK, "tokens are not counted");
    assert_eq!(rig.emulator.figures().busiest_second[&Settings::default().tenant_id], 51);
    assert_eq!(rig.emulator.figures().conversations_created, 25);
    rig.clock.advance(Duration::from_secs(1));
    assert_eq!(rig.create("29:one more").await.0, StatusCode::CREATED);
}

#[tokio::test]
async fn other_limits_can_be_set() {
    let rig = Rig::with(Settings { windows: Windows::TenantPerSecond(2), ..Settings::default() }).await;
    for expect in [201, 201, 429] {
        assert_eq!(rig.say(CHAT, "hello").await.0.as_u16(), expect);
    }
}

#[tokio::test]
async fn an_answer_tells_what_it_can_be_found_by() {
    let rig = Rig::start().await;
    let response = rig.try_say(CHAT, "hello").await.unwrap();
    assert_eq!(response.headers()["content-type"], "application/json; charset=utf-8");
    assert_eq!(response.headers()["server"], "Microsoft-HTTPAPI/2.0");
    let first = response.headers()["ms-cv"].clone();
    assert_ne!(rig.try_say(CHAT, "hello").await.unwrap().headers()["ms-cv"], first);
}

#[tokio::test]
async fn latency_holds_the_answer_back_and_not_the_message() {
    let latency = Duration::from_millis(20);
    let mut rig = Rig::without_token(Settings { latency, ..Settings::default() }).await;
    let pass = async {
        rig.clock.slept_on(1).await;
        rig.clock.advance(latency);
    };
    let ((), granted) = tokio::join!(pass, rig.ask_token(&[]));
    rig.keep_token(granted).await;

    let mut watch = rig.emulator.watch();
    let sending = rig.say(CHAT, "hello");
    let mut sending = std::pin::pin!(sending);
    tokio::select! {
        answer = sending.as_mut() => panic!("too early: {answer:?}"),
        taken = watch.wait_for(|taken| *taken == 1) => assert!(taken.is_ok()),
    }
    rig.clock.slept_on(2).await;
    rig.clock.advance(latency);
    assert_eq!(sending.await.0, StatusCode::CREATED);
}

#[tokio::test]
async fn success_has_three_shapes() {
    for (success, expect) in [(Success::Usual, 201), (Success::Ok, 200), (Success::AcceptedEmpty, 202)] {
        let rig = Rig::with(Settings { success, ..Settings::default() }).await;
        let (status, body) = rig.say(CHAT, "hello").await;
        let id = &rig.emulator.messages()[0].activity_id;
        let expect_body = if expect == 202 { serde_json::Value::Null } else { json!({ "id": id }) };
        assert_eq!((status.as_u16(), body), (expect, expect_body));
    }
}

#[tokio::test]
async fn two_requests_for_one_conversation_may_be_refused_to_overlap() {
    let latency = Duration::from_millis(20);
    for (refuse_overlap, expect) in [(true, 412), (false, 201)] {
        let settings = Settings { refuse_overlap, ..Settings::default() };
        let rig = Rig::with(settings).await;
        rig.emulator.add_fault(Fault::new(Effect::Delay { span: latency, when: When::Before }).times(1));
        let mut first = Box::pin(rig.say(CHAT, "first"));
        tokio::select! {
            answer = first.as_mut() => panic!("too early: {answer:?}"),
            () = rig.clock.slept_on(1) => {}
        }
        assert_eq!(rig.say(CHAT, "meanwhile").await.0.as_u16(), expect);
        assert_eq!(rig.say("a:1another", "elsewhere").await.0, StatusCode::CREATED);
        rig.clock.advance(latency);
        assert_eq!(first.await.0, StatusCode::CREATED);
        assert_eq!(rig.say(CHAT, "afterwards").await.0, StatusCode::CREATED);
    }
}
