use reqwest::StatusCode;
use serde_json::{Value, json};

use super::rig::{ANA, CHANNEL, Rig, personal, refused};
use crate::emulator::Settings;

const CREATE: &str = "v3/conversations";

/// A body with one field set, or removed where the value is null.
fn with(mut body: Value, field: &str, value: Value) -> Value {
    let fields = body.as_object_mut().unwrap();
    fields.remove(field);
    if !value.is_null() {
        fields.insert(field.to_owned(), value);
    }
    body
}

#[tokio::test]
async fn creating_twice_gives_one_conversation_also_after_a_restart() {
    let first = Rig::start().await;
    let (status, body) = first.create(ANA).await;
    assert_eq!(status, StatusCode::CREATED);
    assert!(body["id"].as_str().unwrap().starts_with("a:1"), "{body}");
    assert_eq!(body.as_object().unwrap().len(), 1, "no activityId: {body}");
    assert_eq!(first.create(ANA).await, (status, body.clone()));
    assert_eq!(first.emulator.figures().conversations_created, 1);

    let ben = first.create("29:1ben-pairwise-id").await.1;
    assert_ne!(ben, body);
    let elsewhere = with(personal(ANA), "tenantId", json!("c0000000-0000-4000-8000-00000000000c"));
    assert_ne!(first.post(CREATE, &elsewhere).await.1, body);
    assert_eq!(first.emulator.figures().conversations_created, 3);
    first.emulator.stop().await;

    let second = Rig::start().await;
    assert_eq!(second.create(ANA).await, (status, body.clone()));
    let another = Settings { app_id: "d0000000-0000-4000-8000-00000000000d".to_owned(), ..Settings::default() };
    let id = crate::emulator::conversations::personal_id(&another.app_id, &another.tenant_id, ANA);
    assert_ne!(json!(id), body["id"], "another bot has another conversation");
}

#[tokio::test]
async fn the_tenant_may_stand_in_the_channel_data() {
    let rig = Rig::start().await;
    let tenant = json!({ "tenant": { "id": Settings::default().tenant_id } });
    let body = with(with(personal(ANA), "tenantId", Value::Null), "channelData", tenant);
    assert_eq!(rig.post(CREATE, &body).await, rig.create(ANA).await);
}

#[tokio::test]
async fn what_teams_does_not_create_is_refused() {
    let rig = Rig::start().await;
    let incorrect = "Incorrect conversation creation parameters";
    let identity = "Invalid user identity in provided tenant";
    let two = json!([{ "id": ANA }, { "id": "29:1ben" }]);
    for (body, code, message) in [
        (with(personal(ANA), "tenantId", Value::Null), "BadSyntax", "Could not parse tenant id"),
        (with(personal(ANA), "members", Value::Null), "BadSyntax", incorrect),
        (with(personal(ANA), "members", json!([])), "BadSyntax", incorrect),
        (with(personal(ANA), "members", two), "BadSyntax", incorrect),
        (with(personal(ANA), "isGroup", json!(true)), "BadSyntax", incorrect),
        (personal("ana@contoso.example"), "BadSyntax", identity),
        (personal("29:c0000000-0000-4000-8000-00000000000c"), "BadArgument", "Failed to decrypt pairwise id"),
        (with(personal(ANA), "activity", json!("hello")), "BadSyntax", "Payload is incorrect"),
        (json!([]), "BadSyntax", "Payload is incorrect"),
    ] {
        refused(&rig.post(CREATE, &body).await, 400, code, message);
    }
    assert_eq!(rig.create("c0000000-0000-4000-8000-00000000000c").await.0, StatusCode::CREATED, "an Entra object id");
    assert_eq!(rig.emulator.figures().conversations_created, 1);
}

#[tokio::test]
async fn a_first_message_is_delivered_each_time_and_its_id_is_not_told() {
    let rig = Rig::start().await;
    let hello = with(personal(ANA), "activity", json!({ "type": "message", "text": "hello" }));
    let (status, body) = rig.post(CREATE, &hello).await;
    assert_eq!(status, StatusCode::CREATED);
    assert_eq!(body.as_object().unwrap().len(), 1, "{body}");
    rig.post(CREATE, &hello).await;
    let messages = rig.emulator.messages();
    assert_eq!(rig.texts(), ["hello", "hello"]);
    assert_eq!(json!(messages[0].conversation_id), body["id"]);
    assert_eq!(messages[0].user_id.as_deref(), Some(ANA));
}

#[tokio::test]
async fn a_channel_post_needs_a_message_and_is_never_the_same_twice() {
    let rig = Rig::start().await;
    let post = json!({
        "isGroup": true,
        "channelData": { "channel": { "id": CHANNEL } },
        "tenantId": Settings::default().tenant_id,
        "activity": { "type": "message", "text": "Release train" },
    });
    let (status, first) = rig.post(CREATE, &post).await;
    assert_eq!(status, StatusCode::CREATED);
    let id = first["activityId"].as_str().unwrap();
    assert_eq!(first["id"], json!(format!("{CHANNEL};messageid={id}")));
    assert_ne!(rig.post(CREATE, &post).await.1, first);
    assert_eq!(rig.say(first["id"].as_str().unwrap(), "a reply").await.0, StatusCode::CREATED);
    assert_eq!(rig.texts(), ["Release train", "Release train", "a reply"]);
    assert_eq!(rig.emulator.messages()[0].conversation_id, CHANNEL);

    let silent = with(post.clone(), "activity", Value::Null);
    refused(&rig.post(CREATE, &silent).await, 400, "BadSyntax", "Incorrect conversation creation parameters");
    let nowhere = with(post, "channelData", json!({ "channel": { "id": "general" } }));
    refused(&rig.post(CREATE, &nowhere).await, 400, "BadSyntax", "Bad format of conversation ID");
}
