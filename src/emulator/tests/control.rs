use reqwest::{Method, StatusCode};
use serde_json::json;

use super::rig::{ANA, CHANNEL, CHAT, Rig, encoded};

#[tokio::test]
async fn the_record_is_read_in_pages_and_cleared() {
    let rig = Rig::start().await;
    for text in ["one", "two", "three"] {
        rig.say(CHAT, text).await;
    }
    let texts = async |query: &str| {
        let (status, body) = rig.control(Method::GET, &format!("/emulator/messages{query}"), None).await;
        assert_eq!(status, StatusCode::OK, "{query}: {body}");
        let messages = body["messages"].as_array().unwrap().clone();
        messages.iter().map(|message| message["text"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(texts("").await, ["one", "two", "three"]);
    assert_eq!(texts("?after=1").await, ["two", "three"]);
    assert_eq!(texts("?limit=1&after=1").await, ["two"]);
    assert_eq!(rig.control(Method::GET, "/emulator/messages?after=x", None).await.0, StatusCode::BAD_REQUEST);

    let (_, body) = rig.control(Method::GET, "/emulator/messages?limit=1", None).await;
    let mut fields: Vec<_> = body["messages"][0].as_object().unwrap().keys().cloned().collect();
    fields.sort();
    let expect = [
        "activity",
        "activity_id",
        "arrived_at",
        "arrived_moment_us",
        "conversation_id",
        "deleted_at",
        "edited_at",
        "edits",
        "path",
        "reply_to",
        "seq",
        "summary",
        "tenant_id",
        "text",
        "user_agent",
        "user_id",
    ];
    assert_eq!(fields, expect);
    assert_eq!(body["messages"][0]["arrived_at"], json!("2026-11-23T09:00:00Z"));

    assert_eq!(rig.control(Method::DELETE, "/emulator/messages", None).await.0, StatusCode::NO_CONTENT);
    assert_eq!(texts("").await, [""; 0]);
    rig.say(CHAT, "four").await;
    assert_eq!(texts("?after=3").await, ["four"], "numbers are not given out again");
    assert_eq!(*rig.emulator.watch().borrow(), 4);
}

#[tokio::test]
async fn the_record_of_one_conversation_or_one_person_can_be_asked_for() {
    let rig = Rig::start().await;
    let chat = rig.create(ANA).await.1["id"].as_str().unwrap().to_owned();
    let thread = format!("{CHANNEL};messageid=17");
    for (n, conversation) in [CHAT, &chat, CHANNEL, &thread, &chat, CHAT].into_iter().enumerate() {
        rig.say(conversation, &n.to_string()).await;
    }
    for (query, expect) in [
        (format!("conversation={CHAT}"), vec!["0", "5"]),
        (format!("user={ANA}"), vec!["1", "4"]),
        (format!("user={ANA}&limit=1"), vec!["1"]),
        (format!("user={ANA}&after=2"), vec!["4"]),
        (format!("conversation={}", encoded(CHANNEL)), vec!["2", "3"]),
        (format!("conversation={}", encoded(&thread)), vec!["3"]),
        (format!("conversation={CHAT}&user={ANA}"), vec![]),
    ] {
        let (_, body) = rig.control(Method::GET, &format!("/emulator/messages?{query}"), None).await;
        let texts: Vec<_> = body["messages"].as_array().unwrap().iter().map(|message| &message["text"]).collect();
        assert_eq!(texts, expect, "{query}");
    }
}

#[tokio::test]
async fn figures_and_health_are_answered_and_not_counted() {
    let rig = Rig::start().await;
    rig.say(CHAT, "hello").await;
    assert_eq!(rig.control(Method::GET, "/healthz", None).await.0, StatusCode::OK);
    assert_eq!(rig.control(Method::PUT, "/healthz", None).await.0, StatusCode::METHOD_NOT_ALLOWED);
    let (_, figures) = rig.control(Method::GET, "/emulator/figures", None).await;
    assert_eq!(figures, serde_json::to_value(rig.emulator.figures()).unwrap());
    assert_eq!((&figures["requests"], &figures["messages_taken"]), (&json!(3), &json!(1)), "{figures}");
}

#[tokio::test]
async fn faults_are_added_listed_and_removed() {
    let rig = Rig::start().await;
    let rule = json!({
        "match": { "conversation": CHAT, "operation": "send" },
        "times": 3,
        "do": { "status": 503, "code": "ServiceError", "retry_after": 2, "when": "before" },
    });
    assert_eq!(
        rig.control(Method::POST, "/emulator/faults", Some(rule.clone())).await,
        (StatusCode::CREATED, rule.clone())
    );
    let all = json!({ "do": { "cut": "after" } });
    assert_eq!(rig.control(Method::POST, "/emulator/faults", Some(all)).await.0, StatusCode::CREATED);
    let (_, listed) = rig.control(Method::GET, "/emulator/faults", None).await;
    assert_eq!(listed, json!({ "faults": [rule, { "match": {}, "do": { "cut": "after" } }] }));
    assert_eq!(rig.say(CHAT, "hello").await.0, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(rig.control(Method::DELETE, "/emulator/faults", None).await.0, StatusCode::NO_CONTENT);
    assert_eq!(rig.say(CHAT, "hello").await.0, StatusCode::CREATED);
}

#[tokio::test]
async fn a_rule_that_makes_no_sense_is_refused() {
    let rig = Rig::start().await;
    for rule in [
        json!({}),
        json!({ "do": {} }),
        json!({ "do": { "status": 503, "cut": "before" } }),
        json!({ "do": { "status": 99 } }),
        json!({ "do": { "delay_ms": 5, "code": "ServiceError" } }),
        json!({ "do": { "cut": "sometimes" } }),
        json!({ "do": { "cut": "before", "when": "after" } }),
        json!({ "do": { "cut": "before" }, "times": 0 }),
        json!({ "do": { "cut": "before" }, "share": 1.5 }),
        json!({ "do": { "status": 429, "retry_after": 5, "retry_after_most": 4 } }),
        json!({ "do": { "status": 429, "retry_after_most": 4 } }),
        json!({ "do": { "spoil": "half", "when": "after" } }),
        json!({ "do": { "slow_body_ms": 5, "spoil": "half" } }),
        json!({ "do": { "cut": "before" }, "evry": 2 }),
        json!({ "do": { "cut": "before" }, "match": { "operation": "upload" } }),
    ] {
        let (status, body) = rig.control(Method::POST, "/emulator/faults", Some(rule.clone())).await;
        assert_eq!((status, &body["error"]["code"]), (StatusCode::BAD_REQUEST, &json!("BadRequest")), "{rule}");
    }
    assert_eq!(rig.say(CHAT, "hello").await.0, StatusCode::CREATED);
}
