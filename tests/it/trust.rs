//! Tokens go only to trusted hosts (P7).

use nudged::emulator::{Inbound, Telling};
use serde_json::{Value, json};

use crate::calling::{Called, TOKEN};
use crate::rig::{Rig, count, read};

/// A reference whose service URL points elsewhere since the configuration trusts fewer hosts: no request leaves, the delivery
/// fails with that reason.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_never_goes_to_a_stranger() {
    let rig = Rig::new().await;
    let stranger = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    stranger.set_nonblocking(true).expect("it can be asked without waiting");
    let elsewhere = stranger.local_addr().expect("an address");
    rig.write(
        "people.csv",
        &format!(
            "teams_id,name,zone,conversation_id,service_url\n\
             29:ana,Ana,Europe/Paris,a:ana,http://{elsewhere}/teams/\n\
             29:bob,Bob,Europe/Paris,a:bob,https://smba.trafficmanager.net.evil.example/teams/\n\
             29:cid,Cid,Europe/Paris,a:cid,\n"
        ),
    );
    let config = read(&rig.path("nudged.toml"));
    let stranger_too = format!("trusted_hosts = [\"{elsewhere}\", \"smba.trafficmanager.net.evil.example\", ");
    rig.write("nudged.toml", &config.replace("trusted_hosts = [", &stranger_too));
    rig.run_ok(&["people", "import", rig.path("people.csv").to_str().expect("a plain path")]);
    rig.write("nudged.toml", &config);
    rig.schedule_once("hello", rig.in_seconds(-1), "");
    let daemon = rig.start().await;
    rig.until("all three are settled", || {
        let status = rig.status(None);
        count(&status, "failed") + count(&status, "sent") == 3
    })
    .await;
    daemon.stop();
    let status = rig.status(Some("hello"));
    assert_eq!((count(&status, "failed"), count(&status, "sent")), (2, 1));
    let reasons = &status["occurrences"][0]["reasons"];
    let found: Vec<_> = reasons.as_array().expect("a list").iter().map(|it| (&it["reason"], &it["count"])).collect();
    assert_eq!(found, [(&serde_json::json!("untrusted-host"), &serde_json::json!(2))]);
    assert!(stranger.accept().is_err(), "nobody knocked at the stranger's door");
    assert_eq!(rig.copies().keys().collect::<Vec<_>>(), ["a:cid"]);
}

const EVIL: &str = "https://evil.example/teams/";

/// What is known of how to reach Ana.
fn service_url(rig: &Rig) -> Value {
    let known: Value = serde_json::from_str(&rig.run_ok(&["people", "list", "--json"])).expect("JSON");
    assert_eq!(known["people"].as_array().map(Vec::len), Some(1), "{known}");
    known["people"][0]["service"]["url"].clone()
}

/// By no way into the ledger does a place to which nothing would be sent take that of one that works.
#[tokio::test(flavor = "multi_thread")]
async fn a_reference_that_works_is_not_lost_to_one_that_leads_to_a_stranger() {
    let called = Called::new().await;
    let rig = &called.rig;
    let daemon = called.start().await;
    let install = Inbound::new(&called.endpoint, Telling::Install).from("29:1ana");
    assert_eq!(rig.emulator.tell(&install).await.remove(0).status, Some(200));
    let known: Value = serde_json::from_str(&rig.run_ok(&["people", "show", "29:1ana", "--json"])).expect("JSON");
    let (works, chat) = (service_url(rig), &known["reference"]["conversation_id"]);
    assert!(works.is_string() && chat.is_string(), "{known}");

    // By a file: refused and told, with the cure.
    let reference = json!({ "channelId": "msteams", "serviceUrl": EVIL, "user": { "id": "29:1ana" },
                            "conversation": { "id": chat, "conversationType": "personal" } });
    rig.write("references.json", &reference.to_string());
    let output = rig.output(&["people", "import", rig.path("references.json").to_str().expect("a plain path")]);
    assert_eq!(output.status.code(), Some(4), "{output:?}");
    let talk = String::from_utf8(output.stderr).expect("text");
    let says = "not taken in: 29:1ana: nothing would be sent to its service URL: its host evil.example is not among the \
                trusted hosts; if it is right, add its host to trusted_hosts below [bot]\n";
    assert_eq!(talk, says);

    // By another bot.
    let (status, said) = called.post("/v1/references", TOKEN, reference.to_string()).await;
    assert_eq!((status, said["refused"].as_array().map(Vec::len)), (200, Some(1)), "{said}");

    // By an activity, with a token that is good for it: what she says counts, and not where.
    let told = json!({
        "type": "message", "id": "f:1", "channelId": "msteams", "text": "stop", "serviceUrl": EVIL,
        "timestamp": rig.in_seconds(0).to_rfc3339(), "from": { "id": "29:1ana" }, "recipient": { "id": "28:bot" },
        "conversation": { "id": chat, "conversationType": "personal" },
        "channelData": { "tenant": { "id": "b0000000-0000-4000-8000-00000000000b" } },
    });
    let answer = rig.emulator.tell(&Inbound::new(&called.endpoint, Telling::Activity(told))).await.remove(0);
    assert_eq!(answer.status, Some(200), "{answer:?}");
    assert_eq!(service_url(rig), works);
    assert!(daemon.log().contains("a service URL that was told is not kept"), "{}", daemon.log());
    // Her stop is answered where she can be reached.
    rig.until_taken(1).await;
    daemon.stop();
}
