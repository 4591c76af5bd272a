//! What Teams tells, from the JSON of an activity to the ledger.

use nudged::domain::activity;
use nudged::domain::delivery::{Claim, Reason, State};
use nudged::domain::news::{self, TakenIn};
use nudged::domain::recipient::{PersonRecord, RecipientKind, Reference, ServiceOrigin, Unreachable};
use nudged::port::connector::Conversation;
use nudged::port::desk::{PersonView, Reach};
use serde_json::{Value, json};

use crate::Place;
use crate::conversations;
use crate::fixtures::*;

const TENANT: &str = "11111111-2222-4333-8444-555555555555";
const HOST: &str = "https://smba.trafficmanager.net/emea/";
const ENTRA: &str = "aaaaaaaa-0000-4000-8000-000000000001";
const GENERAL: &str = "19:teamGeneral@thread.tacv2";
const OPS: &str = "19:opsChannel@thread.tacv2";

/// An activity of the kind, id and time, in the given conversation, with what else `parts` say.
fn activity(kind: &str, id: &str, time: &str, conversation: &Value, parts: &Value) -> Value {
    let mut all = json!({
        "type": kind, "id": id, "timestamp": format!("2027-03-01T{time}:00.100Z"), "channelId": "msteams",
        "serviceUrl": format!("{HOST}{TENANT}/"), "conversation": conversation,
        "from": { "id": "29:mira", "name": "Mira Keller", "aadObjectId": ENTRA },
        "recipient": { "id": "28:bot", "name": "nudged" },
        "channelData": { "tenant": { "id": TENANT } },
    });
    for (key, value) in parts.as_object().expect("an object") {
        all[key] = value.clone();
    }
    all
}

fn chat() -> Value {
    json!({ "id": "a:mira", "conversationType": "personal", "tenantId": TENANT })
}

fn team_channel() -> Value {
    json!({ "id": GENERAL, "conversationType": "channel", "isGroup": true, "tenantId": TENANT })
}

fn message(id: &str, time: &str, text: &str) -> Value {
    activity("message", id, time, &chat(), &json!({ "text": text, "locale": "de-CH" }))
}

fn install(id: &str, time: &str) -> Value {
    let added = json!([{ "id": "28:bot" }, { "id": "29:mira", "aadObjectId": ENTRA }]);
    activity("conversationUpdate", id, time, &chat(), &json!({ "membersAdded": added }))
}

fn installation(id: &str, time: &str, action: &str) -> Value {
    activity("installationUpdate", id, time, &chat(), &json!({ "action": action }))
}

fn about_team(event: &str, parts: &Value) -> Value {
    let mut all = parts.clone();
    all["channelData"]["eventType"] = json!(event);
    all["channelData"]["tenant"] = json!({ "id": TENANT });
    if all["channelData"]["team"].is_null() {
        all["channelData"]["team"] = json!({ "id": GENERAL, "name": "Logistics", "aadGroupId": "b" });
    }
    all
}

fn into_team(id: &str, time: &str, name: &str) -> Value {
    let parts = json!({
        "membersAdded": [{ "id": "28:bot" }],
        "channelData": {
            "settings": { "selectedChannel": { "id": OPS } }, "team": { "id": GENERAL, "name": name },
        },
    });
    activity("conversationUpdate", id, time, &team_channel(), &about_team("teamMemberAdded", &parts))
}

async fn hear(ledger: &Ledger, told: &Value, now: &str) -> TakenIn {
    let read = activity::read(told.to_string().as_bytes()).expect("an activity");
    let news = news::of(&read, ServiceOrigin::Heard, at(now));
    ledger.store.take_in(news, NOWHERE, at(now)).await.expect("taken in")
}

async fn people(ledger: &Ledger) -> Vec<PersonView> {
    ledger.store.people().await.expect("people")
}

async fn the_one(ledger: &Ledger, kind: RecipientKind) -> PersonView {
    let mut all: Vec<_> = people(ledger).await.into_iter().filter(|it| it.kind == kind).collect();
    assert_eq!(all.len(), 1, "{all:#?}");
    all.remove(0)
}

/// How `who` would be spoken to.
async fn claim_of(ledger: &Ledger, who: &str, now: &str) -> Claim {
    let schedule = format!("s{}", now.replace(':', ""));
    ledger.sync(&[draft(&schedule).to(&[who])], now).await;
    ledger.plan(&[plan(&schedule, &[wave_for_all(now)])], now).await;
    ledger.expand(now).await;
    let claim = ledger.claim_one(now).await;
    ledger.release(&claim).await;
    claim
}

pub(crate) async fn an_install_makes_somebody_reachable(place: &dyn Place) {
    let ledger = Ledger::new(place).await;
    assert_eq!(hear(&ledger, &install("f:1", "08:00"), "08:00").await.added, 1);
    let mira = the_one(&ledger, RecipientKind::Person).await;
    assert_eq!(mira.name, "Mira Keller");
    assert_eq!(mira.addresses, [ENTRA, "29:mira"]);
    assert_eq!(mira.reach, Reach::Conversation);
    let claim = claim_of(&ledger, "everyone", "09:00").await;
    let expect = Reference {
        service_url: Some(format!("{HOST}{TENANT}/")),
        conversation_id: Some("a:mira".into()),
        tenant_id: Some(TENANT.into()),
        bot_id: Some("28:bot".into()),
        user_id: Some("29:mira".into()),
        entra_object_id: Some(ENTRA.into()),
    };
    assert_eq!(claim.reference, expect);
    assert_eq!(mira.service.map(|service| service.origin), Some(ServiceOrigin::Heard));
}

pub(crate) async fn told_again_nothing_changes(place: &dyn Place) {
    let ledger = Ledger::new(place).await;
    hear(&ledger, &install("f:1", "08:00"), "08:00").await;
    let before = people(&ledger).await;
    let again = hear(&ledger, &install("f:1", "08:00"), "08:01").await;
    assert!(again.is_repetition);
    let with_another_id = hear(&ledger, &install("f:2", "08:00"), "08:02").await;
    assert_eq!((with_another_id.is_repetition, with_another_id.added, with_another_id.updated), (false, 0, 0));
    hear(&ledger, &installation("f:3", "08:00", "add"), "08:02").await;
    assert_eq!(people(&ledger).await, before);
}

pub(crate) async fn an_edit_of_a_message_is_no_repetition(place: &dyn Place) {
    let ledger = Ledger::new(place).await;
    hear(&ledger, &message("1785750001234", "08:00", "hello"), "08:00").await;
    let edit = activity("messageUpdate", "1785750001234", "08:01", &chat(), &json!({}));
    assert!(!hear(&ledger, &edit, "08:01").await.is_repetition);
}

pub(crate) async fn an_uninstall_counts_until_they_are_heard_again(place: &dyn Place) {
    let ledger = Ledger::new(place).await;
    hear(&ledger, &install("f:1", "08:00"), "08:00").await;
    hear(&ledger, &installation("f:2", "08:10", "remove"), "08:10").await;
    let gone = Reach::Unreachable(Unreachable::Uninstalled);
    assert_eq!(the_one(&ledger, RecipientKind::Person).await.reach, gone);
    assert_eq!(claim_of(&ledger, "everyone", "08:20").await.unreachable, Some(Unreachable::Uninstalled));
    // What was said before it, and is told late, does not lift it.
    hear(&ledger, &message("1", "08:05", "hello"), "08:30").await;
    assert_eq!(the_one(&ledger, RecipientKind::Person).await.reach, gone);
    hear(&ledger, &message("2", "08:40", "hello"), "08:40").await;
    assert_eq!(the_one(&ledger, RecipientKind::Person).await.reach, Reach::Conversation);
    // And an uninstall that is told late does not count against it.
    hear(&ledger, &installation("f:3", "08:35", "remove"), "08:50").await;
    assert_eq!(the_one(&ledger, RecipientKind::Person).await.reach, Reach::Conversation);
}

pub(crate) async fn replacing_the_app_is_no_uninstall(place: &dyn Place) {
    let ledger = Ledger::new(place).await;
    hear(&ledger, &install("f:1", "08:00"), "08:00").await;
    hear(&ledger, &installation("f:2", "08:10", "remove-upgrade"), "08:10").await;
    hear(&ledger, &installation("f:3", "08:10", "add-upgrade"), "08:10").await;
    assert_eq!(the_one(&ledger, RecipientKind::Person).await.reach, Reach::Conversation);
}

pub(crate) async fn being_heard_lifts_what_teams_answered(place: &dyn Place) {
    let ledger = Ledger::new(place).await;
    hear(&ledger, &install("f:1", "08:00"), "08:00").await;
    ledger.sync(&[draft("s").to(&["everyone"])], "08:10").await;
    ledger.plan(&[plan("s", &[wave_for_all("08:20")])], "08:10").await;
    ledger.expand("08:20").await;
    let claim = ledger.claim_one("08:20").await;
    let failed = nudged::domain::delivery::Settlement::Failed(Reason::Blocked);
    ledger.send(&claim, "08:20", failed).await;
    assert_eq!(the_one(&ledger, RecipientKind::Person).await.reach, Reach::Unreachable(Unreachable::Blocked));
    hear(&ledger, &message("2", "08:40", "hello"), "08:40").await;
    assert_eq!(the_one(&ledger, RecipientKind::Person).await.reach, Reach::Conversation);
}

pub(crate) async fn other_surfaces_change_no_reference(place: &dyn Place) {
    let ledger = Ledger::new(place).await;
    hear(&ledger, &install("f:1", "08:00"), "08:00").await;
    for surface in ["msteams:copilot", "webchat", "emulator"] {
        let elsewhere = json!({ "id": "a:copilot", "conversationType": "personal", "tenantId": TENANT });
        let parts = json!({ "channelId": surface, "serviceUrl": "https://other.example/", "text": "hello" });
        hear(&ledger, &activity("message", surface, "08:10", &elsewhere, &parts), "08:10").await;
    }
    let claim = claim_of(&ledger, "everyone", "08:20").await;
    assert_eq!(claim.reference.conversation_id.as_deref(), Some("a:mira"));
    assert_eq!(claim.reference.service_url, Some(format!("{HOST}{TENANT}/")));
    assert_eq!(people(&ledger).await.len(), 1);
}

/// In a Web Chat anybody may call themselves what they like, also by the id or the mail address of somebody else.
pub(crate) async fn what_does_not_come_by_teams_is_believed_about_nobody(place: &dyn Place) {
    let ledger = Ledger::new(place).await;
    let imported = PersonRecord { reference: Reference::default(), ..member("mira", BERLIN, &["platform"]) };
    ledger.import(&[imported], "07:00").await;
    hear(&ledger, &install("f:1", "08:00"), "08:00").await;
    hear(&ledger, &into_team("f:2", "08:00", "Logistics"), "08:00").await;
    ledger.sync(&[draft("s").to(&["team:Logistics"])], "08:00").await;
    let joined = about_team("", &json!({ "membersAdded": [{ "id": "29:bo" }] }));
    hear(&ledger, &activity("conversationUpdate", "f:3", "08:10", &team_channel(), &joined), "08:10").await;
    let before = (people(&ledger).await, ledger.store.named_teams().await.expect("teams"));
    let talk = json!({ "id": "webchat-1", "conversationType": "personal" });
    let namesake = json!({ "tenant": { "id": TENANT }, "team": { "id": OPS, "name": "Logistics" } });
    let ours = json!({ "tenant": { "id": TENANT }, "team": { "id": GENERAL }, "eventType": "teamDeleted" });
    for (id, kind, mut parts) in [
        ("1", "message", json!({ "text": "stop", "localTimezone": "Asia/Tokyo", "locale": "ja-JP" })),
        ("2", "message", json!({ "text": "zone Asia/Tokyo" })),
        ("3", "message", json!({ "text": "hello", "channelData": namesake })),
        ("4", "message", json!({ "text": "hello", "from": { "id": "somebody-new" } })),
        ("5", "conversationUpdate", json!({ "channelData": ours })),
        ("6", "conversationUpdate", json!({ "channelData": ours, "membersAdded": [{ "id": "29:mira" }] })),
        ("7", "conversationUpdate", json!({ "channelData": ours, "membersRemoved": [{ "id": "29:bo" }] })),
    ] {
        parts["channelId"] = json!("webchat");
        let by_mail = json!({ "id": "mira@x", "name": "Eve" });
        parts["from"] = parts.get("from").cloned().unwrap_or(by_mail);
        let taken = hear(&ledger, &activity(kind, id, "08:20", &talk, &parts), "08:20").await;
        assert_eq!(taken, TakenIn::default(), "{kind} {id}");
    }
    assert_eq!((people(&ledger).await, ledger.store.named_teams().await.expect("teams")), before);
}

pub(crate) async fn what_is_said_in_a_channel_is_not_the_persons_chat(place: &dyn Place) {
    let ledger = Ledger::new(place).await;
    let thread = json!({ "id": format!("{OPS};messageid=17"), "conversationType": "channel", "isGroup": true });
    let parts = about_team("", &json!({ "text": "<at>nudged</at> hello" }));
    hear(&ledger, &activity("message", "1", "08:00", &thread, &parts), "08:00").await;
    let mira = the_one(&ledger, RecipientKind::Person).await;
    assert_eq!(mira.reach, Reach::CanBeCreated, "no chat was created by learning");
    assert_eq!(mira.service.map(|service| service.origin), Some(ServiceOrigin::Heard), "where it would be created");
    let channel = the_one(&ledger, RecipientKind::Channel).await;
    assert_eq!(channel.reach, Reach::Conversation);
    assert_eq!(claim_of(&ledger, OPS, "08:10").await.reference.conversation_id.as_deref(), Some(OPS));
    // And in their chat they are the same person, who is one of everyone now.
    hear(&ledger, &install("f:1", "08:20"), "08:20").await;
    assert_eq!(the_one(&ledger, RecipientKind::Person).await.reach, Reach::Conversation);
    assert_eq!(claim_of(&ledger, "everyone", "08:30").await.reference.conversation_id.as_deref(), Some("a:mira"));
}

pub(crate) async fn a_group_chat_has_its_reference_and_name(place: &dyn Place) {
    let ledger = Ledger::new(place).await;
    let talk = json!({ "id": "19:meeting_x@thread.v2", "conversationType": "groupChat", "name": "Launch" });
    hear(&ledger, &activity("installationUpdate", "f:1", "08:00", &talk, &json!({ "action": "add" })), "08:00").await;
    let chat = the_one(&ledger, RecipientKind::GroupChat).await;
    assert_eq!((chat.name.as_str(), chat.reach), ("Launch", Reach::Conversation));
    // The id of a meeting that calls itself personal is none: nobody's own chat.
    let wrong = json!({ "id": "19:meeting_y@thread.v2", "conversationType": "personal" });
    hear(&ledger, &activity("conversationUpdate", "f:2", "08:00", &wrong, &json!({})), "08:00").await;
    assert_eq!(the_one(&ledger, RecipientKind::Person).await.reach, Reach::CanBeCreated);
}

pub(crate) async fn a_team_has_names_for_its_channels_and_loses_them(place: &dyn Place) {
    let ledger = Ledger::new(place).await;
    hear(&ledger, &into_team("f:1", "08:00", "Logistics"), "08:00").await;
    let about = |event: &str, id: &str, name: &str| {
        let told = json!({ "id": id, "conversationType": "channel", "isGroup": true });
        let parts = json!({ "channelData": { "channel": { "id": id, "name": name } } });
        activity("conversationUpdate", &format!("f:{event}{name}"), "08:05", &told, &about_team(event, &parts))
    };
    hear(&ledger, &about("channelCreated", OPS, "night-shift"), "08:05").await;
    let names = |people: Vec<PersonView>| -> Vec<String> {
        people.into_iter().filter(|it| it.kind == RecipientKind::Channel).flat_map(|it| it.addresses).collect()
    };
    let by_id = format!("channel:{GENERAL}/night-shift");
    assert_eq!(names(people(&ledger).await), ["channel:logistics/night-shift".to_owned(), by_id]);
    hear(&ledger, &about("channelRenamed", OPS, "Day Shift"), "08:06").await;
    assert!(names(people(&ledger).await).contains(&"channel:logistics/day shift".to_owned()));
    let renamed = json!({ "channelData": { "team": { "id": GENERAL, "name": "Supply" } } });
    let renamed = activity("conversationUpdate", "f:9", "08:07", &team_channel(), &about_team("teamRenamed", &renamed));
    hear(&ledger, &renamed, "08:07").await;
    assert!(names(people(&ledger).await).contains(&"channel:supply/day shift".to_owned()));
    let claim = claim_of(&ledger, "channel:Supply/Day Shift", "08:10").await;
    assert_eq!(claim.reference.conversation_id.as_deref(), Some(OPS));

    // Out of the team, and back.
    let parts = json!({ "membersRemoved": [{ "id": "28:bot" }], "channelData": { "team": { "id": GENERAL } } });
    let parts = about_team("teamMemberRemoved", &parts);
    hear(&ledger, &activity("conversationUpdate", "f:10", "08:20", &team_channel(), &parts), "08:20").await;
    let reaches = |people: Vec<PersonView>| -> Vec<Reach> {
        people.into_iter().filter(|it| it.kind == RecipientKind::Channel).map(|it| it.reach).collect()
    };
    let lost = Reach::Unreachable(Unreachable::Uninstalled);
    assert!(reaches(people(&ledger).await).iter().all(|reach| *reach == lost), "{:#?}", people(&ledger).await);
    hear(&ledger, &into_team("f:11", "08:30", "Supply"), "08:30").await;
    assert!(
        reaches(people(&ledger).await).iter().all(|reach| *reach == Reach::Conversation),
        "{:#?}",
        people(&ledger).await
    );
    hear(&ledger, &about("channelDeleted", OPS, "Day Shift"), "08:31").await;
}

pub(crate) async fn who_joins_a_team_is_one_of_its_members(place: &dyn Place) {
    let ledger = Ledger::new(place).await;
    hear(&ledger, &into_team("f:1", "08:00", "Logistics"), "08:00").await;
    ledger.sync(&[draft("s").to(&["team:Logistics"])], "08:00").await;
    ledger.plan(&[plan("s", &[wave_for_all("09:00")])], "08:00").await;
    let people_of = |key: &str, ids: &[&str]| {
        let accounts: Vec<Value> = ids.iter().map(|id| json!({ "id": id })).collect();
        about_team("", &json!({ key: accounts }))
    };
    let joined = people_of("membersAdded", &["29:bo", "29:cy"]);
    hear(&ledger, &activity("conversationUpdate", "f:2", "08:10", &team_channel(), &joined), "08:10").await;
    ledger.store.expand_due(at("09:00"), at("08:55"), u32::MAX).await.expect("expanding");
    assert_eq!(ledger.counts("s", "09:00").await, [(State::Planned, 2)]);
    let left = people_of("membersRemoved", &["29:bo"]);
    hear(&ledger, &activity("conversationUpdate", "f:3", "08:56", &team_channel(), &left), "08:56").await;
    ledger.store.expand_due(at("09:00"), at("08:57"), u32::MAX).await.expect("expanding");
    assert_eq!(ledger.counts("s", "09:00").await, [(State::Planned, 1), (State::Cancelled, 1)]);
}

pub(crate) async fn who_came_to_a_team_or_left_it_is_not_undone_by_what_is_told_late(place: &dyn Place) {
    let ledger = Ledger::new(place).await;
    hear(&ledger, &into_team("f:1", "08:00", "Logistics"), "08:00").await;
    let change = async |id: &str, time: &str, now: &str, key: &str, who: &str| {
        let parts = about_team("", &json!({ key: [{ "id": who }] }));
        hear(&ledger, &activity("conversationUpdate", id, time, &team_channel(), &parts), now).await;
        let views = people(&ledger).await;
        let view = views.iter().find(|view| view.addresses.contains(&who.to_owned()));
        view.map_or(0, |view| view.groups.len())
    };
    // By its id, and by its name.
    assert_eq!(change("f:2", "08:10", "08:10", "membersAdded", "29:bo").await, 2);
    assert_eq!(change("f:3", "08:20", "08:20", "membersRemoved", "29:bo").await, 0);
    assert_eq!(change("f:4", "08:10", "08:30", "membersAdded", "29:bo").await, 0, "told again under another id");
    assert_eq!(change("f:5", "08:40", "08:40", "membersAdded", "29:bo").await, 2);
    assert_eq!(change("f:6", "08:20", "08:45", "membersRemoved", "29:bo").await, 2);
    // A roster that was read since knows better than what is told again.
    assert_eq!(change("f:10", "08:46", "08:47", "membersRemoved", "29:bo").await, 0);
    conversations::keep(&ledger, conversations::roster(GENERAL, "Logistics", &["bo"]), "08:48").await;
    assert_eq!(change("f:11", "08:46", "08:49", "membersRemoved", "29:bo").await, 2);
    // Of somebody who was not known before.
    assert_eq!(change("f:7", "08:50", "08:50", "membersRemoved", "29:cy").await, 0);
    assert_eq!(change("f:8", "08:49", "08:55", "membersAdded", "29:cy").await, 0);
    assert_eq!(change("f:9", "09:00", "09:00", "membersAdded", "29:cy").await, 2);
}

pub(crate) async fn a_new_name_is_not_undone_by_what_is_told_late(place: &dyn Place) {
    let ledger = Ledger::new(place).await;
    hear(&ledger, &into_team("f:1", "08:00", "Logistics"), "08:00").await;
    let name = async |id: &str, time: &str, team: &str, channel: &str| {
        let told = json!({ "id": OPS, "conversationType": "channel", "isGroup": true });
        let data = json!({ "channel": { "id": OPS, "name": channel }, "team": { "id": GENERAL, "name": team } });
        let parts = about_team("channelRenamed", &json!({ "channelData": data }));
        hear(&ledger, &activity("conversationUpdate", id, time, &told, &parts), "09:00").await;
        let names = the_one(&ledger, RecipientKind::Channel).await.addresses;
        names.into_iter().filter(|name| !name.contains(GENERAL)).collect::<Vec<_>>()
    };
    assert_eq!(name("f:2", "08:10", "Logistics", "night-shift").await, ["channel:logistics/night-shift"]);
    assert_eq!(name("f:3", "08:20", "Supply", "Day Shift").await, ["channel:supply/day shift"]);
    assert_eq!(name("f:4", "08:10", "Logistics", "night-shift").await, ["channel:supply/day shift"]);
    assert_eq!(name("f:5", "08:30", "Logistics", "Day Shift").await, ["channel:logistics/day shift"]);
}

pub(crate) async fn what_an_operator_wrote_stays(place: &dyn Place) {
    let ledger = Ledger::new(place).await;
    let record = PersonRecord {
        language: Some("en".into()),
        addresses: vec![address("mira@contoso.example"), address(ENTRA)],
        name: Some("Mira K.".into()),
        reference: Reference::default(),
        ..person("mira", BERLIN)
    };
    ledger.import(&[record], "07:00").await;
    hear(&ledger, &message("1", "08:00", "hello"), "08:00").await;
    let mira = the_one(&ledger, RecipientKind::Person).await;
    assert_eq!((mira.name.as_str(), mira.language.as_deref(), mira.zone), ("Mira K.", Some("en"), BERLIN));
    assert_eq!(mira.addresses, ["mira@contoso.example", ENTRA, "29:mira"]);
    assert_eq!(
        claim_of(&ledger, "mira@contoso.example", "08:10").await.reference.conversation_id.as_deref(),
        Some("a:mira")
    );
}

pub(crate) async fn what_was_told_may_be_told_anew(place: &dyn Place) {
    let ledger = Ledger::new(place).await;
    hear(&ledger, &message("1", "08:00", "hello"), "08:00").await;
    let told = |id: &str, time: &str, name: &str, locale: &str| {
        let from = json!({ "id": "29:mira", "name": name, "aadObjectId": ENTRA });
        activity("message", id, time, &chat(), &json!({ "from": from, "locale": locale }))
    };
    hear(&ledger, &told("2", "08:10", "Mira Meier", "fr-CH"), "08:10").await;
    // An older one comes late.
    hear(&ledger, &told("3", "08:05", "Mira Keller", "de-CH"), "08:20").await;
    let mira = the_one(&ledger, RecipientKind::Person).await;
    assert_eq!((mira.name.as_str(), mira.language.as_deref()), ("Mira Meier", Some("fr-CH")));
}

pub(crate) async fn two_names_that_turn_out_to_be_one_person_get_one_message(place: &dyn Place) {
    let ledger = Ledger::new(place).await;
    // A schedule names both, and nobody knew that they are one.
    ledger.sync(&[draft("s").to(&["29:mira", ENTRA])], "07:00").await;
    ledger.plan(&[plan("s", &[wave_for_all("09:00")])], "07:00").await;
    ledger.store.expand_due(at("09:00"), at("08:55"), u32::MAX).await.expect("expanding");
    assert_eq!(ledger.counts("s", "09:00").await, [(State::Planned, 2)]);
    hear(&ledger, &install("f:1", "08:56"), "08:56").await;
    ledger.store.expand_due(at("09:00"), at("08:57"), u32::MAX).await.expect("expanding");
    assert_eq!(ledger.counts("s", "09:00").await, [(State::Planned, 1), (State::Cancelled, 1)]);
    let claim = ledger.claim_one("09:00").await;
    assert_eq!(claim.reference.conversation_id.as_deref(), Some("a:mira"));
    the_one(&ledger, RecipientKind::Person).await;
}

/// A sender creates the conversation of each of two names when they turn out to be one person.
pub(crate) async fn who_turns_out_to_be_somebody_else_gets_nothing_that_is_in_hand_for_them(place: &dyn Place) {
    for names in [["29:mira", ENTRA], [ENTRA, "29:mira"]] {
        let ledger = Ledger::new(place.another().as_ref()).await;
        ledger.sync(&[draft("s").to(&names)], "07:00").await;
        ledger.plan(&[plan("s", &[wave_for_all("09:00")])], "07:00").await;
        ledger.expand("09:00").await;
        let claims = ledger.claim("09:00").await;
        assert_eq!(claims.len(), 2);
        hear(&ledger, &install("f:1", "09:01"), "09:01").await;
        ledger.expand("09:01").await;
        let mut sent = 0;
        for claim in &claims {
            let conversation = Conversation { conversation_id: "a:mira".into(), service_url: None };
            ledger.store.remember_conversation(claim.recipient.id, conversation).await.expect("remembering");
            let marked = ledger.store.mark_sending(claim.id, claim.term, at("09:01"), LEASE).await;
            sent += usize::from(marked.is_ok());
            ledger.release(claim).await;
        }
        assert_eq!((sent, ledger.claim("09:02").await), (1, vec![]));
        let heard = hear(&ledger, &message("1", "09:03", "hello"), "09:03").await;
        assert_eq!(heard.refused, [""; 0], "the chat is that of one person");
    }
}

pub(crate) async fn everything_told_is_there_after_the_ledger_is_opened_again(place: &dyn Place) {
    let ledger = Ledger::new(place).await;
    hear(&ledger, &install("f:1", "08:00"), "08:00").await;
    hear(&ledger, &into_team("f:2", "08:00", "Logistics"), "08:00").await;
    let before = people(&ledger).await;
    ledger.store.close().await;
    let ledger = Ledger::new(place).await;
    assert_eq!(people(&ledger).await, before);
    assert!(hear(&ledger, &install("f:1", "08:00"), "08:01").await.is_repetition);
}

pub(crate) async fn a_mail_address_that_was_given_to_somebody_new_makes_no_two_people_one(place: &dyn Place) {
    let ledger = Ledger::new(place).await;
    let told = |id: &str, entra: &str, user: &str, chat: &str| {
        let from =
            json!({ "id": user, "name": user, "aadObjectId": entra, "userPrincipalName": "desk@contoso.example" });
        let chat = json!({ "id": chat, "conversationType": "personal", "tenantId": TENANT });
        activity("message", id, "08:00", &chat, &json!({ "from": from }))
    };
    hear(&ledger, &told("1", ENTRA, "29:mira", "a:mira"), "08:00").await;
    let other = "aaaaaaaa-0000-4000-8000-000000000002";
    hear(&ledger, &told("2", other, "29:noor", "a:noor"), "08:01").await;
    let mut seen: Vec<_> = people(&ledger).await.into_iter().map(|it| (it.name, it.reach)).collect();
    seen.sort_by(|a, b| a.0.cmp(&b.0));
    let reached = |name: &str| (name.to_owned(), Reach::Conversation);
    assert_eq!(seen, [reached("29:mira"), reached("29:noor")]);
}

/// Imported by mail address, and then in a chat of their own: one person as soon as something says both.
pub(crate) async fn who_was_imported_by_mail_is_one_with_their_chat_once_both_are_told(place: &dyn Place) {
    let ledger = Ledger::new(place).await;
    let imported = PersonRecord { reference: Reference::default(), ..member("mira", BERLIN, &["platform"]) };
    ledger.import(&[imported], "07:00").await;
    hear(&ledger, &install("f:1", "08:00"), "08:00").await;
    assert_eq!(people(&ledger).await.len(), 2, "an install says no mail address");
    let from = json!({ "id": "29:mira", "aadObjectId": ENTRA, "userPrincipalName": "mira@x" });
    hear(&ledger, &activity("message", "2", "08:10", &chat(), &json!({ "from": from })), "08:10").await;
    let mira = the_one(&ledger, RecipientKind::Person).await;
    assert_eq!((mira.reach, mira.zone, &mira.groups[..]), (Reach::Conversation, BERLIN, &["platform".to_owned()][..]));
    assert_eq!((mira.name.as_str(), mira.addresses.contains(&"mira@x".to_owned())), ("mira", true));
    assert_eq!(claim_of(&ledger, "group:platform", "09:00").await.reference.conversation_id.as_deref(), Some("a:mira"));
}

/// Somebody of the house writes where another tenant is at home.
pub(crate) async fn a_chat_in_another_tenant_says_nothing_of_how_somebody_is_reached(place: &dyn Place) {
    let ledger = Ledger::new(place).await;
    hear(&ledger, &install("f:1", "08:00"), "08:00").await;
    let group = json!({ "id": "19:far@thread.v2", "conversationType": "groupChat", "tenantId": "far" });
    let parts = json!({
        "serviceUrl": "https://smba.trafficmanager.net/far/", "recipient": { "id": "28:far" },
        "channelData": { "tenant": { "id": "far" } },
    });
    hear(&ledger, &activity("message", "2", "08:10", &group, &parts), "08:10").await;
    let reached = claim_of(&ledger, "29:mira", "09:00").await.reference;
    let expect = Reference {
        service_url: Some(format!("{HOST}{TENANT}/")),
        conversation_id: Some("a:mira".to_owned()),
        tenant_id: Some(TENANT.to_owned()),
        bot_id: Some("28:bot".to_owned()),
        user_id: Some("29:mira".to_owned()),
        entra_object_id: Some(ENTRA.to_owned()),
    };
    assert_eq!(reached, expect);
}

pub(crate) async fn what_is_taken_away_elsewhere_is_still_there_in_teams(place: &dyn Place) {
    let ledger = Ledger::new(place).await;
    hear(&ledger, &install("f:1", "08:00"), "08:00").await;
    let elsewhere = json!({ "id": "a:copilot", "conversationType": "personal", "tenantId": TENANT });
    let parts = json!({ "channelId": "m365copilot", "action": "remove" });
    hear(&ledger, &activity("installationUpdate", "f:2", "08:10", &elsewhere, &parts), "08:10").await;
    assert_eq!(the_one(&ledger, RecipientKind::Person).await.reach, Reach::Conversation);
}

/// A bot that passes on all that it hears passes on its own proactive turns too.
pub(crate) async fn an_echo_of_our_own_turn_is_nobody_speaking(place: &dyn Place) {
    let ledger = Ledger::new(place).await;
    hear(&ledger, &install("f:1", "08:00"), "08:00").await;
    hear(&ledger, &installation("f:2", "08:10", "remove"), "08:10").await;
    let echo = activity("event", "e:1", "08:20", &chat(), &json!({ "name": "ContinueConversation" }));
    hear(&ledger, &echo, "08:20").await;
    let gone = Reach::Unreachable(Unreachable::Uninstalled);
    assert_eq!(the_one(&ledger, RecipientKind::Person).await.reach, gone);
}
