use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::rig::{CHANNEL, CHAT, HandClock, Rig, activities, refused};
use crate::emulator::{ReceivedMessage, Settings};

impl Rig {
    async fn edit(&self, conversation: &str, id: &str, text: &str) -> (StatusCode, Value) {
        let body = json!({ "type": "message", "text": text });
        self.call(Method::PUT, &format!("{}/{id}", activities(conversation)), Some(&body)).await
    }

    async fn remove(&self, conversation: &str, id: &str) -> (StatusCode, Value) {
        self.call(Method::DELETE, &format!("{}/{id}", activities(conversation)), None).await
    }

    async fn say_and_get_id(&self, conversation: &str, text: &str) -> String {
        self.say(conversation, text).await.1["id"].as_str().unwrap().to_owned()
    }

    fn only_message(&self) -> ReceivedMessage {
        let mut messages = self.emulator.messages();
        assert_eq!(messages.len(), 1, "{messages:?}");
        messages.remove(0)
    }
}

#[tokio::test]
async fn a_change_is_on_record_as_the_message_that_it_is_now() {
    let rig = Rig::start().await;
    let id = rig.say_and_get_id(CHAT, "Tonight at 20:00").await;
    let fresh = rig.only_message();
    assert_eq!((fresh.edits, fresh.edited_at, fresh.deleted_at), (0, None, None));

    rig.clock.advance(Duration::from_mins(5));
    assert_eq!(rig.edit(CHAT, &id, "Tonight at 21:00").await, (StatusCode::OK, json!({ "id": id })));
    let now = rig.only_message();
    assert_eq!((now.text.as_deref(), now.edits), (Some("Tonight at 21:00"), 1));
    assert_eq!(now.edited_at, Some(HandClock::start() + Duration::from_mins(5)));
    assert_eq!((&now.activity_id, now.arrived_at, now.seq), (&id, HandClock::start(), 1));

    rig.edit(CHAT, &id, "Tonight at 22:00").await;
    assert_eq!(rig.only_message().edits, 2);
    let figures = rig.emulator.figures();
    assert_eq!((figures.messages_taken, figures.messages_edited, figures.messages_deleted), (1, 2, 0));
}

#[tokio::test]
async fn a_deleted_message_leaves_a_tombstone_and_cannot_be_changed() {
    let rig = Rig::start().await;
    let id = rig.say_and_get_id(CHAT, "hello").await;
    rig.clock.advance(Duration::from_secs(1));
    assert_eq!(rig.remove(CHAT, &id).await, (StatusCode::OK, Value::Null));
    let tombstone = rig.only_message();
    assert_eq!(tombstone.deleted_at, Some(HandClock::start() + Duration::from_secs(1)));
    assert_eq!(tombstone.text.as_deref(), Some("hello"), "what it said last");
    for answer in [rig.remove(CHAT, &id).await, rig.edit(CHAT, &id, "again").await] {
        refused(&answer, 404, "ActivityNotFoundInConversation", "Activity not found in conversation");
    }
    assert_eq!(rig.emulator.figures().messages_deleted, 1);
}

#[tokio::test]
async fn only_a_message_of_that_conversation_is_found() {
    let rig = Rig::start().await;
    let id = rig.say_and_get_id(CHAT, "hello").await;
    for (conversation, activity) in [("a:1another", id.as_str()), (CHAT, "1"), (CHAT, "no-number"), (CHAT, "%2F")] {
        let answer = rig.edit(conversation, activity, "changed").await;
        refused(&answer, 404, "ActivityNotFoundInConversation", "Activity not found in conversation");
        let answer = rig.remove(conversation, activity).await;
        refused(&answer, 404, "ActivityNotFoundInConversation", "Activity not found in conversation");
    }
    assert_eq!(rig.texts(), ["hello"]);
    let untyped = rig.call(Method::PUT, &format!("{}/{id}", activities(CHAT)), Some(&json!({ "text": "x" }))).await;
    refused(&untyped, 400, "MissingProperty", "The activity has no type");
}

#[tokio::test]
async fn a_post_and_its_replies_are_changed_through_the_channel_and_through_the_thread() {
    let rig = Rig::start().await;
    let post = json!({
        "isGroup": true,
        "channelData": { "channel": { "id": CHANNEL } },
        "tenantId": Settings::default().tenant_id,
        "activity": { "type": "message", "text": "Release train" },
    });
    let created = rig.post("v3/conversations", &post).await.1;
    let (thread, root) = (created["id"].as_str().unwrap(), created["activityId"].as_str().unwrap());
    let reply = rig.say_and_get_id(thread, "a reply").await;
    assert_eq!(rig.edit(thread, root, "Release bus").await.0, StatusCode::OK);
    assert_eq!(rig.edit(CHANNEL, root, "Release tram").await.0, StatusCode::OK);
    assert_eq!(rig.edit(thread, &reply, "a better reply").await.0, StatusCode::OK);
    assert_eq!(rig.remove(CHANNEL, &reply).await.0, StatusCode::OK);
    assert_eq!(rig.texts(), ["Release tram", "a better reply"]);
}

#[tokio::test]
async fn what_a_message_replies_to_is_on_record() {
    let rig = Rig::start().await;
    let root = rig.say_and_get_id(CHAT, "root").await;
    let text = json!({ "type": "message", "text": "below" });
    rig.post(&format!("{}/{root}", activities(CHAT)), &text).await;
    rig.post(&activities(CHAT), &json!({ "type": "message", "text": "named", "replyToId": "17" })).await;
    let replies: Vec<_> = rig.emulator.messages().into_iter().map(|message| message.reply_to).collect();
    assert_eq!(replies, [None, Some(root), Some("17".to_owned())]);
}

#[tokio::test]
async fn changing_has_no_window_of_its_own_and_counts_for_the_tenant() {
    let rig = Rig::start().await;
    let id = rig.say_and_get_id(CHAT, "0").await;
    for n in 1..50 {
        assert_eq!(rig.edit(CHAT, &id, &n.to_string()).await.0, StatusCode::OK, "{n}");
    }
    assert_eq!(rig.edit(CHAT, &id, "50").await.0, StatusCode::TOO_MANY_REQUESTS);
    rig.clock.advance(Duration::from_secs(1));
    assert_eq!(rig.edit(CHAT, &id, "50").await.0, StatusCode::OK);
}
