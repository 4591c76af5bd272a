use std::collections::HashSet;

use reqwest::header::RETRY_AFTER;
use reqwest::{Method, StatusCode};
use serde_json::json;

use super::rig::{ANA, CHANNEL, CHAT, Rig, TOO_LONG, refused};
use crate::emulator::{Condition, Directory, Operation, Person, Placement, Settings, Windows};

#[tokio::test]
async fn each_condition_is_answered_with_its_status_and_its_body() {
    let rig = Rig::with(Settings { windows: Windows::Off, ..Settings::default() }).await;
    for condition in Condition::ALL.iter().copied() {
        let conversation = format!("a:1{condition}");
        rig.emulator.put_condition(Placement::new(condition).in_conversation(&conversation));
        let response = rig.try_say(&conversation, "refused").await.unwrap();
        // What is said to a send of somebody without the app is another sentence than to a creation.
        let expect = if condition == Condition::NotInstalled { Condition::NotInRoster } else { condition };
        assert_eq!(response.status().as_u16(), condition.status(), "{condition}");
        let retry_after = response.headers().get(RETRY_AFTER).map(|value| value.to_str().unwrap().parse().unwrap());
        assert_eq!(retry_after, condition.retry_after(), "{condition}");
        assert_eq!(response.text().await.unwrap(), expect.body(), "{condition}");
    }
    assert_eq!(rig.texts(), [""; 0]);
    assert_eq!(rig.emulator.figures().conditions_met, Condition::ALL.len() as u64);
}

#[tokio::test]
async fn a_condition_holds_where_it_was_put_until_it_is_lifted() {
    let rig = Rig::start().await;
    let chat = rig.create(ANA).await.1["id"].as_str().unwrap().to_owned();
    let blocked = json!({ "condition": "blocked", "conversation": chat });
    let (status, body) = rig.control(Method::POST, "/emulator/conditions", Some(blocked.clone())).await;
    assert_eq!((status, &body), (StatusCode::CREATED, &blocked));
    for _ in 0..2 {
        let answer = rig.say(&chat, "hello").await;
        refused(&answer, 403, "ConversationBlockedByUser", "User blocked the conversation with the bot.");
    }
    assert_eq!(rig.say(CHAT, "elsewhere").await.0, StatusCode::CREATED);

    let put = json!({ "condition": "not_installed", "user": ANA });
    rig.control(Method::POST, "/emulator/conditions", Some(put.clone())).await;
    let (_, listed) = rig.control(Method::GET, "/emulator/conditions", None).await;
    assert_eq!(listed["in_force"], json!([blocked, put]));
    let named: HashSet<_> =
        listed["conditions"].as_array().unwrap().iter().map(|row| row["condition"].as_str().unwrap()).collect();
    assert!(Condition::ALL.iter().all(|condition| named.contains(condition.name())));

    let lift = async |query: &str| rig.control(Method::DELETE, &format!("/emulator/conditions{query}"), None).await;
    assert_eq!(lift("?condition=blocked").await, (StatusCode::OK, json!({ "lifted": 1 })));
    let answer = rig.create(ANA).await;
    refused(&answer, 403, "ForbiddenOperationException", "Bot isn't installed in user's personal scope");
    assert_eq!(rig.say(&chat, "hello").await.1["error"]["code"], json!("BotNotInConversationRoster"));
    assert_eq!(lift("?condition=none").await.0, StatusCode::BAD_REQUEST);
    assert_eq!(lift("?conversatoin=a").await.0, StatusCode::BAD_REQUEST);
    assert_eq!(lift("").await.1, json!({ "lifted": 1 }));
    assert_eq!(rig.say(&chat, "hello").await.0, StatusCode::CREATED);
}

#[tokio::test]
async fn a_condition_that_makes_no_sense_is_refused() {
    let rig = Rig::start().await;
    for put in [
        json!({}),
        json!({ "condition": "haunted" }),
        json!({ "condition": "blocked", "conversatoin": "a:1" }),
        json!({ "condition": "blocked", "share": -0.1 }),
        json!({ "condition": "blocked", "times": 0 }),
        json!({ "condition": "blocked", "operation": "token" }),
    ] {
        let (status, _) = rig.control(Method::POST, "/emulator/conditions", Some(put.clone())).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{put}");
    }
}

#[tokio::test]
async fn a_good_conversation_may_be_lost_for_a_while() {
    let rig = Rig::start().await;
    rig.emulator.put_condition(Placement::new(Condition::Flaky404).in_conversation(CHAT));
    assert_eq!(rig.say(CHAT, "lost").await.0, StatusCode::NOT_FOUND);
    assert_eq!(rig.say(CHAT, "once").await.0, StatusCode::CREATED);
    rig.emulator.put_condition(Placement::new(Condition::FlakyDecrypt).in_conversation(CHAT).times(2));
    for expect in [400, 400, 201] {
        assert_eq!(rig.say(CHAT, "twice").await.0.as_u16(), expect);
    }
}

#[tokio::test]
async fn a_condition_may_hold_for_a_tenant_a_person_or_an_operation() {
    let rig = Rig::start().await;
    let aad = "c0000000-0000-4000-8000-00000000000c";
    let person = Person { aad_object_id: Some(aad.to_owned()), ..Person::new(ANA) };
    rig.emulator.set_directory(Directory { people: vec![person], ..Directory::default() }).unwrap();
    let chat = rig.create(ANA).await.1["id"].as_str().unwrap().to_owned();

    rig.emulator.put_condition(Placement::new(Condition::Blocked).for_user(aad).on(Operation::Send));
    assert_eq!(rig.say(&chat, "to Ana, by another of her ids").await.0, StatusCode::FORBIDDEN);
    assert_eq!(rig.create(aad).await.0, StatusCode::CREATED);
    rig.emulator.lift_conditions(|placement| placement.condition == Condition::Blocked);
    assert_eq!(rig.say(&chat, "hello").await.0, StatusCode::CREATED);

    let tenant = Settings::default().tenant_id.to_uppercase();
    rig.emulator.put_condition(Placement::new(Condition::AdminDisabled).in_tenant(&tenant));
    assert_eq!(rig.say(CHAT, "in the tenant").await.0, StatusCode::FORBIDDEN);
    let elsewhere = json!({ "type": "message", "channelData": { "tenant": { "id": "another" } } });
    assert_eq!(rig.post(&super::rig::activities(CHAT), &elsewhere).await.0, StatusCode::CREATED);
}

#[tokio::test]
async fn a_condition_of_a_channel_holds_for_its_threads_and_not_the_other_way_round() {
    let rig = Rig::start().await;
    let thread = format!("{CHANNEL};messageid=17");
    rig.emulator.put_condition(Placement::new(Condition::NotEnoughPermissions).in_conversation(&thread));
    assert_eq!(rig.say(CHANNEL, "a post").await.0, StatusCode::CREATED);
    assert_eq!(rig.say(&thread, "a reply").await.0, StatusCode::FORBIDDEN);
    rig.emulator.lift_conditions(|_| true);
    rig.emulator.put_condition(Placement::new(Condition::NotEnoughPermissions).in_conversation(CHANNEL));
    assert_eq!(rig.say(CHANNEL, "a post").await.0, StatusCode::FORBIDDEN);
    assert_eq!(rig.say(&thread, "a reply").await.0, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_condition_may_hold_for_a_share_of_requests_and_always_the_same_one() {
    let pattern = async || {
        let rig = Rig::with(Settings { windows: Windows::Off, ..Settings::default() }).await;
        rig.emulator.put_condition(Placement::new(Condition::Unavailable).share(0.3).seed(7));
        let mut refusals = Vec::new();
        for n in 0..100 {
            refusals.push(rig.say(&format!("a:{n}"), "hello").await.0 == StatusCode::SERVICE_UNAVAILABLE);
        }
        refusals
    };
    let first = tokio::time::timeout(TOO_LONG, pattern()).await.unwrap();
    let count = first.iter().filter(|refused| **refused).count();
    assert!((20..=40).contains(&count), "{count} of 100");
    assert_eq!(pattern().await, first);
}

#[tokio::test]
async fn a_condition_comes_after_the_limits_and_takes_up_their_room() {
    let rig = Rig::start().await;
    rig.emulator.put_condition(Placement::new(Condition::Blocked).in_conversation(CHAT));
    for expect in [403, 403, 403, 403, 403, 403, 403, 429] {
        assert_eq!(rig.say(CHAT, "hello").await.0.as_u16(), expect);
    }
}
