//! Who says stop is left alone: through the real binary to the emulator, told by a bot that passes on what it hears.

use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

use crate::rig::{Rig, count};

const PEOPLE: &str = "teams_id,name,zone,conversation_id\n29:ana,Ana Ruiz,Europe/Madrid,a:ana\n";

/// What Ana tells the bot in her chat.
async fn tell(rig: &Rig, kind: &str, id: &str, parts: &Value) -> Value {
    let mut all = json!({
        "type": kind, "id": id, "channelId": "msteams", "timestamp": rig.clock.now().to_rfc3339(),
        "serviceUrl": rig.emulator.service_url(), "from": { "id": "29:ana" }, "recipient": { "id": "28:bot" },
        "conversation": { "id": "a:ana", "conversationType": "personal" }, "locale": "es-ES",
    });
    for (key, value) in parts.as_object().expect("an object") {
        all[key] = value.clone();
    }
    let client = Client::builder().unix_socket(rig.path("state/nudged.sock")).build().expect("a client");
    let response = client.post("http://nudged/v1/activities").body(all.to_string()).send().await.expect("an answer");
    assert_eq!(response.status(), StatusCode::OK);
    serde_json::from_slice(&response.bytes().await.expect("a body")).expect("JSON")
}

async fn rig() -> Rig {
    let rig = Rig::new().await;
    rig.write("people.csv", PEOPLE);
    rig.run_ok(&["people", "import", rig.path("people.csv").to_str().expect("a plain path")]);
    rig
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_is_answered_once_and_kept_over_a_kill_until_a_start() {
    let rig = rig().await;
    let daemon = rig.start().await;
    for id in ["1", "1", "2"] {
        tell(&rig, "message", id, &json!({ "text": "Parar" })).await;
    }
    rig.until_taken(1).await;
    daemon.kill();
    let daemon = rig.start().await;
    rig.run_ok(&["send", "--to", "29:ana", "--text", "First"]);
    rig.until("it is skipped", || count(&rig.status(None), "skipped") == 1).await;
    tell(&rig, "message", "3", &json!({ "text": "empezar" })).await;
    rig.until_taken(2).await;
    rig.run_ok(&["send", "--to", "29:ana", "--text", "Second"]);
    rig.until_taken(3).await;
    // And the operator, on her behalf.
    assert_eq!(rig.run_ok(&["people", "stop", "29:ana"]), "29:ana gets no more messages\n");
    rig.run_ok(&["send", "--to", "29:ana", "--text", "Third"]);
    rig.until("it is skipped", || count(&rig.status(None), "skipped") == 2).await;
    daemon.stop();
    let texts: Vec<String> = rig.messages().into_iter().map(|it| it.text.expect("a text")).collect();
    assert!(texts[0].starts_with("No recibirás más mensajes"), "{texts:?}");
    assert!(texts[1].starts_with("Volverás a recibir"), "{texts:?}");
    assert_eq!(texts[2..], ["Second"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_button_is_pressed_and_the_message_says_so() {
    let rig = rig().await;
    rig.schedule_once("tea", rig.in_seconds(1), "buttons = [\"done\", \"snooze: 1h\"]\n");
    let daemon = rig.start().await;
    rig.until_taken(1).await;
    rig.until("the ledger knows", || count(&rig.status(Some("tea")), "sent") == 1).await;
    let card = rig.messages()[0].activity["attachments"][0]["content"].clone();
    let data = card["body"][1]["actions"][0]["fallback"]["data"].clone();
    assert!(data["nudged"]["delivery"].is_i64(), "{card}");
    tell(&rig, "message", "1", &json!({ "value": data })).await;
    rig.until("the message is updated", || rig.messages()[0].activity.to_string().contains("✓ Hecho")).await;
    daemon.stop();
}
