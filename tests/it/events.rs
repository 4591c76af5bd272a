//! What happens, told over the socket: through the real binary to the emulator.

use std::path::Path;

use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};

use crate::rig::{Rig, count};

const ALARM: &str = r#"[schedule.alarm]
event = "build-failed"
to = "event:data.authors"
among = "group:platform"
text = "Build {{ event.data.build.id }} failed, {{ person.first_name }}."
"#;

const PEOPLE: &str = "email,teams_id,name,zone,conversation_id,groups\n\
    ana@contoso.example,29:ana,Ana Ruiz,Europe/Madrid,a:ana,platform\n\
    bo@contoso.example,29:bo,Bo Lund,Europe/Oslo,a:bo,platform\n\
    cy@contoso.example,29:cy,Cy Ito,Asia/Tokyo,a:cy,field\n";

async fn rig() -> Rig {
    let rig = Rig::new().await;
    rig.write("people.csv", PEOPLE);
    rig.run_ok(&["people", "import", rig.path("people.csv").to_str().expect("a plain path")]);
    rig.write("schedules/alarm.toml", ALARM);
    rig
}

fn client(socket: &Path) -> Client {
    Client::builder().unix_socket(socket).build().expect("a client")
}

/// Asks as any HTTP client does.
async fn ask(rig: &Rig, method: Method, name: &str, key: Option<&str>, body: &Value) -> (StatusCode, String) {
    let mut request = client(&rig.path("state/nudged.sock"))
        .request(method, format!("http://nudged/v1/events/{name}"))
        .body(body.to_string());
    if let Some(key) = key {
        request = request.header("Idempotency-Key", key);
    }
    let response = request.send().await.expect("an answer");
    (response.status(), response.text().await.expect("a text"))
}

async fn post(rig: &Rig, name: &str, key: &str, body: &Value) -> (StatusCode, String) {
    ask(rig, Method::POST, name, Some(key), body).await
}

/// The official sample's `/api/notify`, done right: only POST, a key, and only those who are allowed.
#[tokio::test(flavor = "multi_thread")]
async fn an_event_speaks_once_to_the_named_ones_among_the_allowed() {
    let rig = rig().await;
    let daemon = rig.start().await;
    let authors = ["ana@contoso.example", "cy@contoso.example", "nobody@contoso.example"];
    let body = json!({ "authors": authors, "build": { "id": 7 } });
    let (status, first) = post(&rig, "build-failed", "7", &body).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{first}");
    let receipt: Value = serde_json::from_str(&first).expect("JSON");
    assert_eq!((&receipt["schema"], &receipt["event"]), (&json!("nudged.event/1"), &json!("build-failed")));
    assert_eq!(
        (&receipt["occurrences"][0]["schedule"], &receipt["occurrences"][0]["people"]),
        (&json!("alarm"), &json!(1))
    );
    let refused: Vec<_> = receipt["refused"].as_array().expect("a list").iter().map(|it| it["why"].clone()).collect();
    assert_eq!(refused, ["not-allowed-audience", "unknown-recipient"]);
    // Killed at any time after its answer, it is neither lost nor doubled.
    daemon.kill();
    let daemon = rig.start().await;
    rig.until_taken(1).await;
    let (status, again) = post(&rig, "build-failed", "7", &body).await;
    assert_eq!((status, again), (StatusCode::OK, first));
    rig.until("the ledger knows", || count(&rig.status(Some("alarm")), "sent") == 1).await;

    let other = json!({ "authors": ["bo@contoso.example"], "build": { "id": 7 } });
    let (status, words) = post(&rig, "build-failed", "7", &other).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(words.contains("this key was used for another \\\"build-failed\\\""), "{words}");
    assert_eq!(post(&rig, "build-failed", "8", &other).await.0, StatusCode::ACCEPTED);
    rig.until_taken(2).await;
    daemon.stop();
    let messages: Vec<_> =
        rig.messages().into_iter().map(|it| (it.conversation_id, it.text.expect("a text"))).collect();
    let say = |to: &str, name: &str| (to.to_owned(), format!("Build 7 failed, {name}."));
    assert_eq!(messages, [say("a:ana", "Ana"), say("a:bo", "Bo")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_makes_no_sense_does_nothing() {
    let rig = rig().await;
    let daemon = rig.start().await;
    let body = json!({ "authors": ["ana@contoso.example"], "build": { "id": 7 } });
    let check = async |method: Method, name: &str, key: Option<&str>, body: &Value, expect: u16, words: &str| {
        let (status, answer) = ask(&rig, method, name, key, body).await;
        assert_eq!(status.as_u16(), expect, "{answer}");
        assert!(answer.contains(words), "{answer}");
    };
    check(Method::GET, "build-failed", Some("1"), &body, 405, "").await;
    check(Method::POST, "build-failed", None, &body, 422, "Idempotency-Key is missing").await;
    check(Method::POST, "buld-failed", Some("1"), &body, 404, "did you mean \\\"build-failed\\\"?").await;
    check(Method::POST, "install", Some("1"), &body, 422, "only Teams says").await;
    check(Method::POST, "build-failed", Some("1"), &json!([]), 422, "JSON object").await;
    let large = json!({ "x": "x".repeat(70_000) });
    check(Method::POST, "build-failed", Some("1"), &large, 413, "64 KiB").await;
    daemon.stop();
    assert!(rig.messages().is_empty());
    assert_eq!(rig.status(None)["occurrences"], json!([]));
}

/// A path that the data does not have fails the message and names the path: a blank never goes out.
#[tokio::test(flavor = "multi_thread")]
async fn a_text_without_its_data_is_not_sent() {
    let rig = rig().await;
    let daemon = rig.start().await;
    let data = json!({ "authors": "ana@contoso.example" }).to_string();
    let told = rig.output(&["event", "build-failed", "--data", &data, "--json"]);
    assert_eq!(told.status.code(), Some(0), "{told:?}");
    rig.until("it has failed", || count(&rig.status(Some("alarm")), "failed") == 1).await;
    let delivery = rig.status(Some("alarm"))["deliveries"][0].clone();
    assert_eq!(delivery["reason"], "template-failed");
    assert!(delivery["detail"].as_str().expect("words").contains("event.data.build.id"), "{delivery}");

    let nobody = rig.output(&["event", "buld-failed"]);
    assert_eq!(nobody.status.code(), Some(1), "{nobody:?}");
    assert!(String::from_utf8_lossy(&nobody.stderr).contains("did you mean \"build-failed\"?"), "{nobody:?}");
    let refused = rig.output(&["event", "build-failed", "--data", r#"{"authors": ["cy@contoso.example"]}"#]);
    assert_eq!(refused.status.code(), Some(4), "{refused:?}");
    assert!(String::from_utf8_lossy(&refused.stderr).contains("not in `among`"), "{refused:?}");
    daemon.stop();
    assert!(rig.messages().is_empty());
    let next = rig.run_ok(&["next"]);
    assert!(next.contains("when build-failed happens: alarm"), "{next}");
    let preview = rig.output(&["preview", "alarm"]);
    assert!(String::from_utf8_lossy(&preview.stderr).contains("when \"build-failed\" happens"), "{preview:?}");
}
