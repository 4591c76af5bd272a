use reqwest::{Method, StatusCode};
use serde_json::json;

use super::rig::{CHAT, HandClock, Rig, activities};
use crate::emulator::{Effect, Fault, LoggedRequest, Operation, Settings, TokenSeen, When, Windows};

#[tokio::test]
async fn every_request_is_in_the_log_with_what_it_came_with() {
    let rig = Rig::start().await;
    rig.say(CHAT, "hello").await;
    rig.get("v3/conversations/a%3A1nobody/pagedmembers?pageSize=50").await;
    let log = rig.emulator.requests();
    let shown: Vec<_> = log.iter().map(|request| (request.method.as_str(), request.path.as_str())).collect();
    let token_path = format!("/{}/oauth2/v2.0/token", Settings::default().tenant_id);
    let send_path = format!("/teams/{}", activities(CHAT));
    let ask_path = "/teams/v3/conversations/a%3A1nobody/pagedmembers";
    assert_eq!(shown, [("POST", &*token_path), ("POST", &*send_path), ("GET", ask_path)]);

    let [_, send, ask] = log.as_slice() else { panic!("{log:?}") };
    let LoggedRequest { number, arrived_at, token, status, body_bytes, .. } = send;
    assert_eq!((*number, *arrived_at, *token, *status), (2, HandClock::start(), TokenSeen::Good, Some(201)));
    assert_eq!(*body_bytes, json!({ "type": "message", "text": "hello" }).to_string().len());
    assert_eq!(send.headers["content-type"], "application/json");
    assert_eq!(send.headers["user-agent"], "rig/1");
    assert_eq!((ask.query.as_deref(), ask.status), (Some("pageSize=50"), Some(404)));
}

#[tokio::test]
async fn no_token_and_no_secret_is_in_the_log() {
    let rig = Rig::start().await;
    rig.say(CHAT, "hello").await;
    let url = format!("{}/msi/token?api-version=2019-08-01", rig.emulator.base_url());
    let secret = Settings::default().identity_header;
    rig.client.get(url).header("x-identity-header", &secret).send().await.unwrap();
    let (_, log) = rig.control(Method::GET, "/emulator/requests", None).await;
    let log = log.to_string();
    assert!(log.contains("/msi/token"), "{log}");
    for hidden in [&rig.token, &secret, &Settings::default().app_secret, "authorization"] {
        assert!(!log.contains(hidden), "{hidden}: {log}");
    }
}

#[tokio::test]
async fn a_token_is_judged_and_not_kept() {
    let mut rig = Rig::start().await;
    let good = std::mem::take(&mut rig.token);
    let url = format!("{}{}", rig.emulator.service_url(), activities(CHAT));
    rig.client.post(url).body("{}").send().await.unwrap();
    rig.token = "made-up".to_owned();
    rig.say(CHAT, "unknown").await;
    rig.token = good;
    rig.emulator.revoke_tokens();
    rig.say(CHAT, "expired").await;
    let seen: Vec<_> = rig.emulator.requests().iter().skip(1).map(|request| request.token).collect();
    assert_eq!(seen, [TokenSeen::None, TokenSeen::Unknown, TokenSeen::Expired]);
}

#[tokio::test]
async fn a_request_that_is_cut_has_no_status_and_has_ended() {
    let rig = Rig::start().await;
    rig.emulator.add_fault(Fault::new(Effect::Cut(When::After)).times(1));
    let mut ended = rig.emulator.watch_requests();
    assert!(rig.try_say(CHAT, "cut").await.is_err());
    ended.wait_for(|ended| *ended == 2).await.unwrap();
    assert_eq!(rig.emulator.requests()[1].status, None);
    assert_eq!(rig.texts(), ["cut"]);
}

/// Whoever watches can act between a request and its answer.
#[tokio::test]
async fn an_arrival_is_told_before_there_is_an_answer() {
    let rig = Rig::start().await;
    rig.emulator.add_fault(Fault::new(Effect::Hang(When::After)).on(Operation::Send));
    let mut arrived = rig.emulator.watch_arrivals();
    let before = *arrived.borrow();
    let seen = async {
        arrived.wait_for(|number| *number > before).await.unwrap();
        let log = rig.emulator.requests_after(before, 1);
        (log[0].number, log[0].status)
    };
    tokio::select! {
        seen = seen => assert_eq!(seen, (before + 1, None)),
        answer = rig.try_say(CHAT, "hang") => panic!("it was answered: {answer:?}"),
    }
}

#[tokio::test]
async fn the_record_and_the_log_keep_the_last_ones_and_the_figures_count_all() {
    let settings = Settings { messages_kept: 3, requests_kept: 4, windows: Windows::Off, ..Settings::default() };
    let rig = Rig::with(settings).await;
    let mut ids = Vec::new();
    for n in 0..10 {
        ids.push(rig.say(CHAT, &n.to_string()).await.1["id"].as_str().unwrap().to_owned());
    }
    assert_eq!(rig.texts(), ["7", "8", "9"]);
    assert!(rig.emulator.messages().iter().map(|message| message.seq).eq(8..=10));
    assert!(rig.emulator.requests().iter().map(|request| request.number).eq(8..=11));
    let figures = rig.emulator.figures();
    assert_eq!((figures.messages_taken, figures.requests), (10, 11));
    assert_eq!(*rig.emulator.watch().borrow(), 10);

    let edit = json!({ "type": "message", "text": "changed" });
    for (id, expect) in [(&ids[9], StatusCode::OK), (&ids[6], StatusCode::NOT_FOUND)] {
        let path = format!("{}/{id}", activities(CHAT));
        assert_eq!(rig.call(Method::PUT, &path, Some(&edit)).await.0, expect, "one that is not kept can't be changed");
    }
}

#[tokio::test]
async fn the_log_is_read_in_pages_and_cleared() {
    let rig = Rig::start().await;
    for text in ["one", "two", "three"] {
        rig.say(CHAT, text).await;
    }
    let (_, page) = rig.control(Method::GET, "/emulator/requests?after=1&limit=2", None).await;
    let numbers: Vec<_> =
        page["requests"].as_array().unwrap().iter().map(|request| request["number"].clone()).collect();
    assert_eq!(numbers, [json!(2), json!(3)]);
    assert_eq!(rig.control(Method::DELETE, "/emulator/requests", None).await.0, StatusCode::NO_CONTENT);
    rig.say(CHAT, "four").await;
    let numbers: Vec<_> = rig.emulator.requests().iter().map(|request| (request.number, request.status)).collect();
    assert_eq!(numbers, [(5, Some(201))], "numbers are not given out again");
}
