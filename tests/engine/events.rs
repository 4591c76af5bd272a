//! What happens, from Teams' telling to the message: a welcome comes once, and nothing that happened is forgotten.

use chrono::TimeDelta;
use chrono_tz::Tz;
use nudged::domain::activity;
use nudged::domain::delivery::{Reason, State};
use nudged::domain::news;
use nudged::domain::recipient::ServiceOrigin;
use nudged::port::clock::Clock;
use serde_json::{Value, json};

use crate::rig::{Rig, at};
use crate::zones::says_where;

const WELCOME: &str = "[schedule.welcome]\nevent = \"install\"\nafter = \"10m\"\ntext = \"Welcome\"\n";

/// What Teams says when somebody installs the app: one of the two activities, or the other, or one again.
fn install(who: &str, id: &str, time: &str) -> Value {
    json!({
        "type": "installationUpdate", "action": "add", "id": id, "channelId": "msteams",
        "timestamp": format!("{time}:00.000Z"), "serviceUrl": "https://smba.trafficmanager.net/emea/",
        "from": { "id": format!("29:{who}"), "name": who },
        "recipient": { "id": "28:bot" },
        "conversation": { "id": format!("a:{who}"), "conversationType": "personal", "tenantId": "home" },
    })
}

fn added(who: &str, id: &str, time: &str) -> Value {
    let mut told = install(who, id, time);
    told["type"] = json!("conversationUpdate");
    told["membersAdded"] = json!([{ "id": "28:bot" }]);
    told
}

async fn hear(rig: &Rig, told: &Value) {
    let activity = activity::read(told.to_string().as_bytes()).expect("an activity");
    let news = news::of(&activity, ServiceOrigin::Heard, rig.clock.now());
    rig.store.take_in(news, Tz::UTC, rig.clock.now()).await.expect("taken in");
}

async fn later(rig: &Rig, time: &str) -> Vec<String> {
    rig.now_is(at(time));
    rig.plan().await;
    rig.go_round().await.into_iter().map(|(_, who)| who).collect()
}

#[tokio::test]
async fn five_installs_a_restart_and_a_reinstall_are_one_welcome() {
    let mut rig = Rig::new("2027-03-01T08:00").await;
    rig.file_says(WELCOME).await;
    for (told, id) in
        [(install as fn(&str, &str, &str) -> Value, "f:1"), (added, "f:2"), (install, "f:1"), (added, "f:3")]
    {
        hear(&rig, &told("Ana", id, "2027-03-01T08:00")).await;
    }
    hear(&rig, &install("Ana", "f:4", "2027-03-01T08:01")).await;
    assert_eq!(later(&rig, "2027-03-01T08:09").await, [""; 0], "it comes ten minutes later");
    rig.down_until(at("2027-03-01T08:12")).await;
    assert_eq!(later(&rig, "2027-03-01T08:12").await, ["Ana"]);
    // Uninstalled and installed again, another day.
    let mut removed = install("Ana", "f:5", "2027-03-02T08:00");
    removed["action"] = json!("remove");
    rig.now_is(at("2027-03-02T08:00"));
    hear(&rig, &removed).await;
    rig.now_is(at("2027-03-02T08:30"));
    hear(&rig, &install("Ana", "f:6", "2027-03-02T08:30")).await;
    hear(&rig, &install("Bo", "f:7", "2027-03-02T08:30")).await;
    assert_eq!(later(&rig, "2027-03-02T09:00").await, ["Bo"]);
    assert_eq!(rig.occurrences().await.len(), 2);
}

#[tokio::test]
async fn a_welcome_is_for_those_who_come_from_now_on() {
    let rig = Rig::new("2027-03-01T08:00").await;
    rig.file_says("").await;
    hear(&rig, &install("Ana", "f:1", "2027-03-01T08:00")).await;
    rig.file_says(WELCOME).await;
    assert_eq!(later(&rig, "2027-03-01T08:30").await, [""; 0]);
    hear(&rig, &install("Ana", "f:2", "2027-03-01T08:30")).await;
    assert_eq!(later(&rig, "2027-03-01T08:40").await, ["Ana"]);
    // Under another name it is another schedule. Nobody is welcomed for that; who installs again is.
    rig.file_says(&WELCOME.replace("schedule.welcome", "schedule.hello")).await;
    assert_eq!(later(&rig, "2027-03-01T09:00").await, [""; 0]);
}

#[tokio::test]
async fn an_upgrade_is_no_install() {
    let rig = Rig::new("2027-03-01T08:00").await;
    rig.file_says(WELCOME).await;
    let mut upgrade = install("Ana", "f:1", "2027-03-01T08:00");
    upgrade["action"] = json!("add-upgrade");
    hear(&rig, &upgrade).await;
    assert_eq!(later(&rig, "2027-03-01T08:30").await, [""; 0]);
}

#[tokio::test]
async fn an_edit_and_a_zone_leave_what_happened_alone() {
    let rig = Rig::new("2027-03-01T08:00").await;
    rig.people(&[("Ana", Tz::Asia__Tokyo)]).await;
    rig.file_says(WELCOME).await;
    hear(&rig, &install("Ana", "f:1", "2027-03-01T08:00")).await;
    rig.file_says(&WELCOME.replace("Welcome", "Hello")).await;
    rig.people(&[("Ana", Tz::Europe__Berlin)]).await;
    rig.expand().await;
    // Now it has a calendar, and what happened before is still to be said.
    rig.file_says(
        "[schedule.welcome]\nto = \"everyone\"\nevery = \"day\"\nat = \"08:11\"\nzone = \"UTC\"\ntext = \"Hi\"\n",
    )
    .await;
    assert_eq!(later(&rig, "2027-03-01T08:12").await, ["Ana", "Ana"]);
}

/// Its one instant is for everybody, so no wave of her own zone ever comes to take it along.
#[tokio::test]
async fn who_is_held_gets_what_an_event_says_once_their_zone_is_known() {
    let rig = Rig::new("2027-03-01T08:00").await;
    rig.file_says(&format!("{WELCOME}zone_unknown = \"hold\"\n")).await;
    hear(&rig, &install("Ana", "f:1", "2027-03-01T08:00")).await;
    assert_eq!(later(&rig, "2027-03-01T08:10").await, [""; 0]);
    let delivery = rig.deliveries("welcome").await.remove(0);
    assert_eq!((delivery.state, delivery.reason), (State::Waiting, Some(Reason::ZoneUnknown)));
    rig.now_is(at("2027-03-01T08:20"));
    says_where(&rig, "a:Ana", Tz::Europe__Berlin).await;
    assert_eq!(later(&rig, "2027-03-01T08:20").await, ["Ana"]);
}

#[tokio::test]
async fn an_app_that_is_gone_by_then_welcomes_nobody() {
    let rig = Rig::new("2027-03-01T08:00").await;
    rig.file_says(WELCOME).await;
    hear(&rig, &install("Ana", "f:1", "2027-03-01T08:00")).await;
    let mut removed = install("Ana", "f:2", "2027-03-01T08:05");
    removed["action"] = json!("remove");
    rig.now_is(at("2027-03-01T08:05"));
    hear(&rig, &removed).await;
    assert_eq!(later(&rig, "2027-03-01T08:30").await, [""; 0]);
    let delivery = rig.deliveries("welcome").await.remove(0);
    assert_eq!((delivery.state, delivery.reason), (State::Skipped, Some(Reason::Uninstalled)));
    assert_eq!(delivery.due_at, at("2027-03-01T08:00") + TimeDelta::minutes(10));
}

#[tokio::test]
async fn who_joins_a_team_is_welcomed_once() {
    let rig = Rig::new("2027-03-01T08:00").await;
    rig.file_says("[schedule.new]\nevent = \"member-added\"\ntext = \"Hello, {{ event.data.team.name }}\"\n").await;
    let mut joined = install("Ana", "f:1", "2027-03-01T08:00");
    joined["type"] = json!("conversationUpdate");
    joined["membersAdded"] = json!([{ "id": "29:Bo", "aadObjectId": "11111111-2222-4333-8444-555555555555" }]);
    joined["conversation"] = json!({ "id": "19:t@thread.tacv2", "conversationType": "channel", "tenantId": "home" });
    joined["channelData"] = json!({
        "eventType": "teamMemberAdded", "team": { "id": "19:t@thread.tacv2", "name": "Ops" }, "tenant": { "id": "home" },
    });
    for id in ["f:1", "f:1", "f:2"] {
        joined["id"] = json!(id);
        hear(&rig, &joined).await;
    }
    rig.expand().await;
    let deliveries = rig.deliveries("new").await;
    assert_eq!(deliveries.len(), 1, "not Ana, and Bo once: {deliveries:?}");
    assert_eq!(deliveries[0].address.as_deref(), Some("11111111-2222-4333-8444-555555555555"));
}
