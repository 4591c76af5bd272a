//! What people and Teams tell the real binary, and what comes of it: durable before it is answered, once, and obeyed.

use nudged::emulator::{BotAnswer, Inbound, Telling};
use serde_json::{Value, json};

use crate::calling::Called;

const TENANT: &str = "b0000000-0000-4000-8000-00000000000b";
const GENERAL: &str = "19:teamGeneral@thread.tacv2";
const OPS: &str = "19:opsChannel@thread.tacv2";

impl Called {
    async fn tell(&self, inbound: Inbound) -> BotAnswer {
        self.rig.emulator.tell(&inbound).await.remove(0)
    }

    async fn says(&self, who: &str, text: &str) {
        let inbound = Inbound::new(&self.endpoint, Telling::Message(text.into())).from(who);
        assert_eq!(self.tell(inbound).await.status, Some(200));
    }

    /// An activity of one's own, by somebody in a conversation.
    async fn activity(&self, kind: &str, id: &str, conversation: Value, more: Value) {
        let mut told = json!({
            "type": kind, "id": id, "channelId": "msteams", "timestamp": "2026-08-03T09:39:00.100Z",
            "serviceUrl": self.rig.emulator.service_url(),
            "from": { "id": "29:1mira", "name": "Mira Keller", "aadObjectId": "aaaaaaaa-0000-4000-8000-000000000001" },
            "recipient": { "id": "28:bot", "name": "nudged" },
            "conversation": conversation, "channelData": { "tenant": { "id": TENANT } },
        });
        for (key, value) in more.as_object().expect("an object") {
            told[key] = value.clone();
        }
        let answer = self.tell(Inbound::new(&self.endpoint, Telling::Activity(told))).await;
        assert_eq!(answer.status, Some(200), "{answer:?}");
    }

    fn texts(&self) -> Vec<String> {
        self.rig.messages().into_iter().filter_map(|message| message.text).collect()
    }

    fn people_json(&self) -> Vec<Value> {
        let listed: Value = serde_json::from_str(&self.rig.run_ok(&["people", "list", "--json"])).expect("JSON");
        listed["people"].as_array().expect("people").clone()
    }
}

/// Each is killed the moment its 200 is there, and everything is there after the restart.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_answered_with_200_outlives_kill_9() {
    let called = Called::new().await;
    let chat = json!({ "id": "a:1mira", "conversationType": "personal", "tenantId": TENANT });
    let group = json!({ "id": "19:launch@thread.v2", "conversationType": "groupChat", "name": "Launch" });
    let channel = json!({ "id": GENERAL, "conversationType": "channel", "isGroup": true, "tenantId": TENANT });
    let team = |event: &str| {
        json!({
            "eventType": event, "tenant": { "id": TENANT }, "team": { "id": GENERAL, "name": "Logistics" },
            "channel": { "id": OPS, "name": "night-shift" },
        })
    };
    let added = json!({ "membersAdded": [{ "id": "28:bot" }, { "id": "29:1mira" }] });
    let into_team = json!({ "membersAdded": [{ "id": "28:bot" }], "channelData": team("teamMemberAdded") });
    let created = json!({ "channelData": team("channelCreated") });
    let joined = json!({ "membersAdded": [{ "id": "29:1bo" }], "channelData": team("teamMemberAdded") });
    let zoned = json!({ "text": "hello", "localTimezone": "Asia/Tokyo", "locale": "ja-JP" });
    let told = [
        ("conversationUpdate", chat.clone(), added, "a person", "\"kind\":\"person\""),
        ("message", chat.clone(), zoned, "their zone", "\"zone\":\"Asia/Tokyo\""),
        ("message", chat.clone(), json!({ "text": "STOP" }), "their stop", "\"stop"),
        ("installationUpdate", group, json!({ "action": "add" }), "a group chat", "19:launch@thread.v2"),
        ("conversationUpdate", channel.clone(), into_team, "a team", GENERAL),
        ("conversationUpdate", channel.clone(), created, "a channel", "channel:logistics/night-shift"),
        ("conversationUpdate", channel, joined, "who joined", "29:1bo"),
        ("installationUpdate", chat, json!({ "action": "remove" }), "the uninstall", "uninstalled"),
    ];
    for (number, (kind, conversation, more, what, expect)) in told.into_iter().enumerate() {
        let daemon = called.start().await;
        called.activity(kind, &format!("f:{number}"), conversation, more).await;
        daemon.kill();
        let daemon = called.start().await;
        let known = called.rig.run_ok(&["people", "export"]);
        assert!(known.contains(expect), "{what} is lost: {known}");
        daemon.kill();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn five_installs_a_restart_and_a_reinstall_make_one_welcome() {
    let called = Called::new().await;
    called.rig.write("schedules/welcome.toml", "[schedule.welcome]\nevent = \"install\"\ntext = \"Welcome\"\n");
    let daemon = called.start().await;
    let install = || Inbound::new(&called.endpoint, Telling::Install).from("29:1ana");
    let answers = called.rig.emulator.tell(&install().times(5)).await;
    assert!(answers.iter().all(|answer| answer.status == Some(200)), "{answers:?}");
    called.rig.until_taken(1).await;
    daemon.stop();
    let daemon = called.start().await;
    called.tell(install()).await;
    called.tell(Inbound::new(&called.endpoint, Telling::Uninstall).from("29:1ana")).await;
    called.tell(install()).await;
    // Somebody else is welcomed after that, so whatever was to come of it has come.
    called.tell(install().from("29:1ben")).await;
    called.rig.until_taken(2).await;
    daemon.stop();
    assert_eq!(called.texts(), ["Welcome", "Welcome"]);
    assert_eq!(called.rig.copies().values().copied().collect::<Vec<_>>(), [1, 1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_said_stop_gets_one_confirmation_and_nothing_else_until_start() {
    let called = Called::new().await;
    let daemon = called.start().await;
    called.tell(Inbound::new(&called.endpoint, Telling::Install).from("29:1ana")).await;
    called.says("29:1ana", "Stop!").await;
    called.says("29:1ana", "stop").await;
    called.rig.until_taken(1).await;
    called.rig.schedule_once("first", called.rig.in_seconds(-1), "");
    daemon.signal("HUP");
    called
        .rig
        .until("it is skipped", || called.rig.status(Some("first"))["deliveries"][0]["state"] == json!("skipped"))
        .await;
    assert_eq!(called.rig.status(Some("first"))["deliveries"][0]["reason"], json!("opted-out"));
    assert_eq!(called.texts().len(), 1, "{:?}", called.texts());

    called.says("29:1ana", "START").await;
    called.rig.until_taken(2).await;
    called.rig.schedule_once("second", called.rig.in_seconds(-1), "");
    daemon.signal("HUP");
    called.rig.until_taken(3).await;
    daemon.stop();
    let texts = called.texts();
    assert!(texts.last().is_some_and(|text| text.starts_with("Hello")), "{texts:?}");
    assert_eq!(called.rig.status(Some("first"))["deliveries"][0]["state"], json!("skipped"), "it does not come back");
}

/// The zone that somebody chose beats what their client says.
#[tokio::test(flavor = "multi_thread")]
async fn an_own_choice_of_zone_beats_the_client() {
    let called = Called::new().await;
    let daemon = called.start().await;
    called.tell(Inbound::new(&called.endpoint, Telling::Install).from("29:1ana")).await;
    called.says("29:1ana", "zone Asia/Kathmandu").await;
    let zoned = json!({
        "text": "hello", "localTimezone": "Asia/Tokyo", "from": { "id": "29:1ana" },
        "timestamp": called.rig.in_seconds(0).to_rfc3339(),
    });
    let chat = called.people_json()[0]["addresses"].clone();
    assert!(chat.to_string().contains("29:1ana"), "{chat}");
    let talk = json!({ "id": "a:1other", "conversationType": "personal", "tenantId": TENANT });
    called.activity("message", "m:1", talk, zoned).await;
    let person = &called.people_json()[0];
    assert_eq!((&person["zone"], &person["zone_source"]), (&json!("Asia/Kathmandu"), &json!("own")));
    let shown = called.rig.run_ok(&["people", "show", "29:1ana"]);
    assert!(shown.contains("Asia/Kathmandu") && shown.contains("Asia/Tokyo"), "{shown}");
    daemon.stop();
}
