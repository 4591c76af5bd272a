//! Activities with all kinds of damage: fields that are missing, of a wrong type, huge, or nested without end. Reading
//! never panics, what is believed is always whole, and nothing else gets into the ledger.

use std::sync::Arc;

use nudged::adapter::sqlite::SqliteStore;
use nudged::domain::activity;
use nudged::domain::news::News;
use nudged::domain::recipient::RecipientKind;
use nudged::port::desk::Reach;
use nudged::port::store::Store;
use serde_json::{Value, json};

use crate::Draw;
use crate::promises::activity::{now, told};

/// As many as are taken into a ledger, each as a transaction on disk.
const TAKEN_IN: u64 = 1_500;

fn examples() -> Vec<Value> {
    let of = |kind: &str, conversation: Value, data: Value, more: Value| {
        let mut all = json!({
            "type": kind, "id": "f:1", "timestamp": "2026-08-03T09:40:01.234Z", "channelId": "msteams",
            "localTimezone": "Europe/Zurich", "locale": "de-CH",
            "serviceUrl": "https://smba.trafficmanager.net/emea/11111111-2222-4333-8444-555555555555/",
            "from": { "id": "29:mira", "name": "Mira", "aadObjectId": "aaaaaaaa-0000-4000-8000-000000000001" },
            "recipient": { "id": "28:bot", "name": "nudged" },
            "conversation": conversation, "channelData": data,
            "entities": [{ "type": "clientInfo", "locale": "de-CH", "country": "CH", "timezone": "Europe/Zurich" }],
        });
        for (key, value) in more.as_object().cloned().unwrap_or_default() {
            all[key] = value;
        }
        all
    };
    let chat = json!({ "id": "a:1", "conversationType": "personal", "tenantId": "t" });
    let channel = json!({ "id": "19:g@thread.tacv2;messageid=1", "conversationType": "channel", "isGroup": true });
    let group = json!({ "id": "19:x@thread.v2", "conversationType": "groupChat", "name": "Launch" });
    let tenant = json!({ "tenant": { "id": "t" } });
    let team = json!({
        "eventType": "teamMemberAdded", "tenant": { "id": "t" },
        "team": { "id": "19:g@thread.tacv2", "name": "Logistics", "aadGroupId": "b" },
        "channel": { "id": "19:c@thread.tacv2", "name": "night-shift" },
        "settings": { "selectedChannel": { "id": "19:o@thread.tacv2" } },
    });
    let added = json!({ "membersAdded": [{ "id": "28:bot" }, { "id": "29:bo", "aadObjectId": "bbbbbbbb-0000-4000-8000-000000000001" }] });
    let joined = json!({ "membersAdded": [{ "id": "29:bo" }, { "id": "29:cy", "name": "Cy" }] });
    let left = json!({ "membersRemoved": [{ "id": "29:bo" }] });
    let mention = json!({
        "text": "<at>nudged</at> stop",
        "entities": [{ "type": "mention", "text": "<at>nudged</at>", "mentioned": { "id": "28:bot" } }],
    });
    let pressed = json!({
        "name": "adaptiveCard/action", "replyToId": "1785750009999",
        "value": { "action": { "type": "Action.Execute", "verb": "nudged.snooze", "data": { "nudged": { "delivery": 1 } } } },
    });
    vec![
        of("message", chat.clone(), tenant.clone(), json!({ "text": "stop" })),
        of("message", channel.clone(), team.clone(), mention),
        of("conversationUpdate", chat.clone(), tenant.clone(), added.clone()),
        of("conversationUpdate", channel.clone(), team.clone(), added),
        of("conversationUpdate", channel.clone(), team.clone(), joined),
        of("conversationUpdate", channel.clone(), team.clone(), left),
        of("conversationUpdate", channel, team, json!({})),
        of("installationUpdate", group, tenant.clone(), json!({ "action": "remove" })),
        of("invoke", chat, tenant, pressed),
    ]
}

/// Something that no field should be.
fn junk(draw: &mut Draw) -> Value {
    match draw.below(14) {
        0 => Value::Null,
        1 => json!(true),
        2 => json!(-1),
        3 => json!(1.0e300),
        4 => json!(u64::MAX),
        5 => json!(""),
        6 => json!("\u{0}\r\n\u{202e}"),
        7 => json!("29:"),
        8 => json!("x".repeat([5, 600, 3_000, 40_000][draw.below(4)])),
        9 => json!([]),
        10 => json!({}),
        11 => Value::Array(
            (0..[3, 1_500][usize::from(draw.below(20) == 0)]).map(|at| json!({ "id": format!("29:{at}") })).collect(),
        ),
        12 => (0..draw.below(120)).fold(json!("deep"), |inner, _| json!([inner])),
        _ => json!("19:meeting_x@thread.v2"),
    }
}

/// Changes something somewhere in it.
fn damage(draw: &mut Draw, value: &mut Value) {
    if draw.below(4) == 0 {
        *value = junk(draw);
        return;
    }
    match value {
        Value::Object(map) if !map.is_empty() => {
            let keys: Vec<String> = map.keys().cloned().collect();
            let key = &keys[draw.below(keys.len())];
            match draw.below(6) {
                0 => drop(map.remove(key)),
                1 => drop(map.insert(junk(draw).to_string().chars().take(20).collect(), junk(draw))),
                _ => damage(draw, map.get_mut(key).expect("it is there")),
            }
        }
        Value::Array(items) if !items.is_empty() => {
            let at = draw.below(items.len());
            damage(draw, &mut items[at]);
        }
        _ => *value = junk(draw),
    }
}

fn body(draw: &mut Draw, examples: &[Value]) -> Vec<u8> {
    let mut value = examples[draw.below(examples.len())].clone();
    for _ in 0..draw.below(5) {
        damage(draw, &mut value);
    }
    let mut bytes = value.to_string().into_bytes();
    if draw.below(10) == 0 {
        bytes.truncate(draw.below(bytes.len() + 1));
    }
    bytes
}

fn read(draw: &mut Draw, examples: &[Value]) -> Option<News> {
    told(&body(draw, examples))
}

#[test]
fn whatever_is_told() {
    let examples = examples();
    // Each of them is several times the work of a schedule file.
    for case in 0..(crate::cases() / 4).min(25_000) {
        read(&mut Draw::new(case + 1), &examples);
    }
    for bytes in [&b"[]"[..], b"", b"null", b"{", b"{\"type\":", &[0xff; 64]] {
        assert!(activity::read(bytes).is_err());
    }
    let deep = [vec![b'['; 100_000], vec![b']'; 100_000]].concat();
    assert!(activity::read(&deep).is_err());
}

#[tokio::test]
async fn half_a_reference_never_gets_into_the_ledger() {
    let examples = examples();
    let folder = tempfile::tempdir().expect("a folder");
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&folder.path().join("ledger.db")).expect("a ledger"));
    let mut known = 0;
    for case in 0..TAKEN_IN {
        let mut draw = Draw::new(case + 7_919);
        let Some(news) = read(&mut draw, &examples) else { continue };
        let news = News { key: news.key.map(|key| format!("{key} {case}")), ..news };
        store.take_in(news, chrono_tz::UTC, now()).await.expect("whatever it is, the ledger takes it");
    }
    for person in store.people().await.expect("people") {
        known += 1;
        if person.reach == Reach::Conversation {
            assert!(person.service.is_some(), "{person:?}");
        }
        assert!(person.kind != RecipientKind::Person || !person.addresses.is_empty(), "{person:?}");
    }
    assert!(known > 5, "{known} recipients: the examples are not read");
}
