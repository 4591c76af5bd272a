use serde_json::json;

use super::*;

fn reading(change: impl FnOnce(&mut Value)) -> Result<Activity, Unreadable> {
    let mut told = json!({
        "type": "message", "id": "1785750001234", "timestamp": "2026-08-03T09:40:01.234Z", "channelId": "msteams",
        "serviceUrl": "https://smba.trafficmanager.net/emea/t/", "text": "stop",
        "from": { "id": "29:mira", "name": "Mira Keller", "aadObjectId": "aaaaaaaa-0000-4000-8000-000000000001" },
        "recipient": { "id": "28:bot", "name": "nudged" },
        "conversation": { "id": "a:1", "conversationType": "personal", "tenantId": "t-of-conversation" },
        "channelData": {},
    });
    change(&mut told);
    read(told.to_string().as_bytes())
}

fn read_with(change: impl FnOnce(&mut Value)) -> Activity {
    reading(change).expect("an activity")
}

#[test]
fn without_these_nothing_makes_sense() {
    for (key, without) in [("type", "type"), ("channelId", "channelId"), ("conversation", "conversation")] {
        let read = reading(|told| drop(told.as_object_mut().expect("an object").remove(key)));
        assert_eq!(read, Err(Unreadable::Without(without)));
    }
    let read = reading(|told| told["conversation"]["id"] = json!("a b"));
    assert_eq!(read, Err(Unreadable::Without("conversation.id")));
}

#[test]
fn each_value_is_taken_from_where_it_is_said_best() {
    let told = read_with(|_| {});
    assert_eq!(told.tenant_id.as_deref(), Some("t-of-conversation"));
    assert_eq!(told.client, Client::default());
    let told = read_with(|told| {
        told["channelData"]["tenant"]["id"] = json!("t-of-data");
        told["entities"] = json!([
            { "type": "QuotedReply" },
            { "type": "clientInfo", "locale": "de-CH", "country": "CH", "timezone": "Europe/Zurich" },
        ]);
    });
    assert_eq!(told.tenant_id.as_deref(), Some("t-of-data"));
    let expect = Client { language: Some("de-CH".into()), zone: Some(Tz::Europe__Zurich), country: Some("ch".into()) };
    assert_eq!(told.client, expect);
    let told = read_with(|told| {
        told["localTimezone"] = json!("Asia/Tokyo");
        told["locale"] = json!("ja-JP");
        told["entities"] = json!([{ "type": "clientInfo", "locale": "de-CH", "timezone": "Europe/Zurich" }]);
    });
    assert_eq!((told.client.zone, told.client.language.as_deref()), (Some(Tz::Asia__Tokyo), Some("ja-JP")));
    // A zone that nobody knows is none.
    assert_eq!(read_with(|told| told["localTimezone"] = json!("Moon/Base")).client.zone, None);
}

#[test]
fn the_mention_of_the_bot_is_not_what_was_said() {
    let check = |text: &str, mentioned: &str, expect: &str| {
        let told = read_with(|told| {
            told["text"] = json!(text);
            told["entities"] =
                json!([{ "type": "mention", "text": "<at>nudged</at>", "mentioned": { "id": mentioned } }]);
        });
        let Happening::Message { text, .. } = told.happening else { panic!("{told:?}") };
        assert_eq!(text, expect);
    };
    check("<at>nudged</at> stop", "28:bot", "stop");
    check("<at>nudged</at>&nbsp;stop\n", "28:bot", "stop");
    check("<at>nudged</at> stop", "28:other", "<at>nudged</at> stop");
}

#[test]
fn the_form_of_an_id_says_more_than_what_a_conversation_is_called() {
    let check = |id: &str, called: &str, expect: Option<RecipientKind>| {
        let told = read_with(|told| told["conversation"] = json!({ "id": id, "conversationType": called }));
        assert_eq!(told.conversation.kind, expect, "{id} {called}");
    };
    check("a:1", "personal", Some(RecipientKind::Person));
    check("19:meeting_x@thread.v2", "personal", Some(RecipientKind::GroupChat));
    check("19:x@thread.tacv2;messageid=1", "channel", Some(RecipientKind::Channel));
    check("x", "personal", Some(RecipientKind::Person));
    check("x", "hologram", None);
}

#[test]
fn what_happened_is_told_in_several_ways() {
    let check = |kind: &str, more: Value, expect: Happening| {
        let told = read_with(|told| {
            told["type"] = json!(kind);
            for (key, value) in more.as_object().expect("an object") {
                told[key] = value.clone();
            }
        });
        assert_eq!(told.happening, expect, "{kind} {more}");
    };
    let installed = |is_upgrade| Happening::Installed { is_upgrade };
    check("installationUpdate", json!({ "action": "add" }), installed(false));
    check("installationUpdate", json!({ "action": "add-upgrade" }), installed(true));
    check("installationUpdate", json!({ "action": "remove" }), Happening::Removed);
    let coming_back = Happening::Other("installationUpdate remove-upgrade".into());
    check("installationUpdate", json!({ "action": "remove-upgrade" }), coming_back);
    let bot_and_person = json!([{ "id": "28:bot" }, { "id": "29:mira" }]);
    check("conversationUpdate", json!({ "membersAdded": bot_and_person }), installed(false));
    check("conversationUpdate", json!({ "membersRemoved": bot_and_person }), Happening::Removed);
    let bo = Account { id: Some("29:bo".into()), ..Account::default() };
    let people = json!([{ "id": "29:bo" }, { "id": "28:another-bot" }]);
    check("conversationUpdate", json!({ "membersAdded": people }), Happening::Joined(vec![bo.clone()]));
    check("conversationUpdate", json!({ "membersRemoved": people }), Happening::Left(vec![bo]));
    let event = |event: &str| json!({ "channelData": { "eventType": event } });
    check("conversationUpdate", event("channelRenamed"), Happening::Channel(ChannelChange::Named));
    check("conversationUpdate", event("channelDeleted"), Happening::Channel(ChannelChange::Deleted));
    check("conversationUpdate", event("teamRenamed"), Happening::Team(TeamChange::Named));
    check("conversationUpdate", event("teamHardDeleted"), Happening::Team(TeamChange::Deleted));
    check("conversationUpdate", event("teamSang"), Happening::Other("conversationUpdate teamSang".into()));
    check("typing", json!({}), Happening::Other("typing".into()));
}

#[test]
fn who_installed_the_bot_is_found_where_nobody_did_it() {
    let told = read_with(|told| {
        told["type"] = json!("conversationUpdate");
        told["from"] = json!({ "id": "28:bot" });
        told["membersAdded"] = json!([{ "id": "28:bot" }, { "id": "29:mira" }]);
    });
    assert_eq!(told.from.id.as_deref(), Some("29:mira"));
}
