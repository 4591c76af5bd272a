//! People of whose clock nobody said anything.

use chrono_tz::Tz;
use nudged::domain::activity;
use nudged::domain::delivery::{Reason, State};
use nudged::domain::ladder::ZoneEvidence;
use nudged::domain::message::Said;
use nudged::domain::news::{Fact, News, Who};
use nudged::domain::recipient::{Address, PersonRecord, RecipientKind, Reference, ZoneSource};
use nudged::domain::verdict::Verdict;
use nudged::port::clock::Clock;
use nudged::port::ear::{Ear, Reply, Via};
use serde_json::{Value, json};

use crate::rig::{Rig, at};

const HELD: &str = "[schedule.s]\nto = \"everyone\"\nat = 2027-03-01T09:00:00\nlate = \"1h\"\ntext = \"Hello\"\n";

/// Ada, of whose zone nothing is known, and a schedule that holds for her; the fallback zone is UTC.
async fn ada(zone_unknown: &str) -> Rig {
    let rig = Rig::new("2027-03-01T06:00").await;
    let reference = Reference { conversation_id: Some("a:ada".into()), ..Reference::default() };
    let ada = PersonRecord {
        addresses: vec![Address::new("ada@x").expect("an address")],
        name: Some("ada".into()),
        reference,
        ..PersonRecord::new(RecipientKind::Person)
    };
    rig.import(vec![ada]).await;
    rig.file_says(&format!("{HELD}zone_unknown = \"{zone_unknown}\"\n")).await;
    rig
}

/// The client of whoever has that chat says where they are.
pub(crate) async fn says_where(rig: &Rig, chat: &str, zone: Tz) {
    let now = rig.clock.now();
    let who = Who { conversation_id: Some(chat.into()), addresses: Vec::new() };
    let said = ZoneEvidence { source: ZoneSource::Client, zone, said_at: now };
    let news = News { key: None, facts: vec![Fact::ZoneTold { who, said }] };
    let taken = rig.store.take_in(news, Tz::UTC, now).await.expect("taking in");
    assert!(taken.work && taken.replan, "{taken:?}");
}

/// Her client says where she is.
async fn says(rig: &Rig, zone: Tz) {
    says_where(rig, "a:ada", zone).await;
}

async fn ends(rig: &Rig, state: State, reason: Option<Reason>) {
    let deliveries = rig.deliveries("s").await;
    let ends: Vec<_> = deliveries.iter().map(|it| (it.state, it.reason)).collect();
    assert_eq!(ends, [(state, reason)]);
}

#[tokio::test]
async fn the_fallback_zone_counts_where_nothing_else_is_said() {
    let rig = ada("default").await;
    rig.now_is(at("2027-03-01T09:00"));
    assert_eq!(rig.go_round().await.len(), 1);
}

#[tokio::test]
async fn who_is_left_out_has_the_reason() {
    let rig = ada("skip").await;
    rig.now_is(at("2027-03-01T09:00"));
    assert_eq!(rig.go_round().await, []);
    ends(&rig, State::Skipped, Some(Reason::ZoneUnknown)).await;
}

#[tokio::test]
async fn who_is_held_gets_it_at_their_own_nine_once_that_is_known() {
    let rig = ada("hold").await;
    rig.now_is(at("2027-03-01T09:00"));
    assert_eq!(rig.go_round().await, []);
    ends(&rig, State::Waiting, Some(Reason::ZoneUnknown)).await;
    rig.now_is(at("2027-03-01T09:30"));
    says(&rig, Tz::America__Denver).await;
    // The dispatcher may be faster than the planner, who does not know yet that somebody lives there.
    assert_eq!(rig.go_round().await, []);
    rig.plan().await;
    assert_eq!(rig.go_round().await, []);
    rig.now_is(at("2027-03-01T16:00"));
    assert_eq!(rig.go_round().await.len(), 1, "nine in Denver");
    ends(&rig, State::Sent, None).await;
}

#[tokio::test]
async fn who_lives_in_the_fallback_zone_after_all_gets_it_at_once() {
    let rig = ada("hold").await;
    rig.now_is(at("2027-03-01T09:00"));
    assert_eq!(rig.go_round().await, []);
    rig.now_is(at("2027-03-01T09:10"));
    says(&rig, Tz::UTC).await;
    assert_eq!(rig.go_round().await.len(), 1);
}

#[tokio::test]
async fn who_is_held_in_vain_expires_with_the_reason() {
    let rig = ada("hold").await;
    rig.now_is(at("2027-03-01T09:00"));
    assert_eq!(rig.go_round().await, []);
    rig.now_is(at("2027-03-01T10:01"));
    assert_eq!(rig.go_round().await, []);
    ends(&rig, State::Expired, Some(Reason::ZoneUnknown)).await;
}

/// It is what the cure of `zone-unknown` says.
#[tokio::test]
async fn who_is_held_gets_it_at_once_when_the_schedule_holds_no_longer() {
    for (edit, said) in [("zone_unknown = \"default\"", 1), ("zone = \"UTC\"", 1), ("zone_unknown = \"skip\"", 0)] {
        let rig = ada("hold").await;
        rig.now_is(at("2027-03-01T09:00"));
        assert_eq!(rig.go_round().await, []);
        rig.now_is(at("2027-03-01T09:30"));
        rig.file_says(&format!("{HELD}{edit}\n")).await;
        assert_eq!(rig.go_round().await.len(), said, "{edit}");
        assert!(rig.deliveries("s").await[0].state.is_final(), "{edit}");
    }
}

/// A snooze has one instant as well, and nobody plans it.
#[tokio::test]
async fn a_snooze_for_who_is_held_comes_once_their_zone_is_known() {
    let rig = ada("hold").await;
    let id = rig.store.find_people("ada@x").await.expect("looking").remove(0);
    let order = async |zone| rig.store.order_zone(id, zone, Tz::UTC, rig.clock.now()).await.expect("ordering");
    assert!(order(Some(Tz::UTC)).await);
    rig.now_is(at("2027-03-01T09:00"));
    rig.expand().await;
    let claim = rig.claim().await.remove(0);
    rig.send(&claim).await;
    let data = json!({ "nudged": { "delivery": claim.id.0, "choice": "snooze 1h" } });
    let value = json!({ "action": { "type": "Action.Execute", "verb": "nudged", "data": data } });
    presses(&rig, "invoke", "29:ada", json!({ "name": "adaptiveCard/action", "value": value })).await;
    assert!(order(None).await, "what was said of her zone is taken back");
    rig.now_is(at("2027-03-01T10:00"));
    assert_eq!(rig.go_round().await, []);
    rig.now_is(at("2027-03-01T10:10"));
    says(&rig, Tz::Europe__Berlin).await;
    assert_eq!(rig.go_round().await.len(), 1);
}

const DAILY: &str = "[schedule.s]\nto = \"everyone\"\nevery = \"day\"\nat = \"09:00\"\ntext = \"Hello\"\n\
                     zone_unknown = \"ask\"\n\
                     [schedule.t]\nto = \"everyone\"\nevery = \"day\"\nat = \"09:00\"\ntext = \"Hello again\"\n\
                     zone_unknown = \"ask\"\n";

/// Ada's rig with two daily schedules that ask.
async fn asking() -> Rig {
    let rig = ada("default").await;
    rig.file_says(DAILY).await;
    rig
}

/// What Ada gets when it is nine on that day, in two words.
async fn nine_o_clock(rig: &Rig, day: &str) -> Vec<&'static str> {
    rig.now_is(at(&format!("{day}T09:00")));
    rig.plan().await;
    rig.expand().await;
    rig.deliver().await;
    // Replies are looked for until there are none.
    rig.reply().await;
    rig.teams.said().iter().map(kind).collect()
}

fn kind(said: &Said) -> &'static str {
    match said {
        Said::Text(_) => "message",
        Said::Card { .. } => "question",
    }
}

/// She presses the button of the question.
async fn presses(rig: &Rig, kind: &str, from: &str, parts: Value) -> Reply {
    let mut all = json!({
        "type": kind, "id": "f:1", "channelId": "msteams", "timestamp": rig.clock.now().to_rfc3339(), "locale": "en-GB",
        "serviceUrl": "https://smba.trafficmanager.net/emea/", "from": { "id": from }, "recipient": { "id": "28:bot" },
        "conversation": { "id": "a:ada", "conversationType": "personal" },
    });
    for (key, value) in parts.as_object().expect("an object") {
        all[key] = value.clone();
    }
    let activity = activity::read(all.to_string().as_bytes()).expect("an activity");
    rig.listener().hear(activity, Via::Endpoint).await.expect("heard")
}

/// She chooses a zone in a client that knows `Action.Execute`; the body of the answer.
async fn chooses(rig: &Rig, zone: &str) -> Value {
    let data = json!({ "nudged": { "ask": "zone" }, "zone": zone });
    let value = json!({ "action": { "type": "Action.Execute", "verb": "nudged.zone", "data": data } });
    let parts = json!({ "name": "adaptiveCard/action", "value": value });
    match presses(rig, "invoke", "29:ada", parts).await {
        Reply::Invoke(body) => body,
        other => panic!("{other:?}"),
    }
}

async fn zone_of_ada(rig: &Rig) -> (Tz, ZoneSource) {
    let people = rig.store.people().await.expect("people");
    let ada = people.iter().find(|it| it.name == "ada").expect("she is there");
    (ada.zone, ada.zone_source)
}

#[tokio::test]
async fn behind_the_first_message_comes_one_question_and_behind_the_others_none() {
    let rig = asking().await;
    assert_eq!(nine_o_clock(&rig, "2027-03-01").await, ["message", "message", "question"]);
    assert_eq!(nine_o_clock(&rig, "2027-03-02").await, ["message", "message"]);
    assert_eq!(nine_o_clock(&rig, "2027-03-30").await, ["message", "message"]);
    assert_eq!(nine_o_clock(&rig, "2027-03-31").await, ["message", "message", "question"]);
}

#[tokio::test]
async fn nothing_is_asked_behind_what_may_not_have_arrived() {
    let rig = asking().await;
    let doubt = || Verdict::Unknown { reason: Reason::NoAnswer, after: None };
    rig.teams.answers(&[doubt(), doubt()]);
    assert_eq!(nine_o_clock(&rig, "2027-03-01").await, ["message", "message"]);
}

#[tokio::test]
async fn who_answers_lives_there_from_then_on_and_is_not_asked_again() {
    let rig = asking().await;
    nine_o_clock(&rig, "2027-03-01").await;
    rig.now_is(at("2027-03-01T13:30"));
    for _ in 0..2 {
        let body = chooses(&rig, "Europe/Paris").await;
        assert_eq!(
            (&body["statusCode"], &body["type"]),
            (&json!(200), &json!("application/vnd.microsoft.card.adaptive"))
        );
        let line = &body["value"]["body"][0]["text"];
        assert_eq!(line, "Your time zone is Europe/Paris; it is 14:30 there.");
    }
    assert_eq!(zone_of_ada(&rig).await, (Tz::Europe__Paris, ZoneSource::Own));
    rig.reply().await;
    assert_eq!(rig.teams.said(), [], "the card says it, and no message");
    assert_eq!(rig.store.zones().await.expect("zones"), [Tz::Europe__Paris]);
    rig.now_is(at("2027-04-11T07:00"));
    rig.plan().await;
    rig.expand().await;
    rig.deliver().await;
    rig.reply().await;
    assert_eq!(rig.teams.said().iter().map(kind).collect::<Vec<_>>(), ["message", "message"], "nine in Paris");
}

#[tokio::test]
async fn what_is_no_zone_changes_nothing_and_is_answered_with_what_to_write() {
    let rig = asking().await;
    nine_o_clock(&rig, "2027-03-01").await;
    let body = chooses(&rig, "Mars/Olympus").await;
    assert_eq!(body["type"], "application/vnd.microsoft.activity.message");
    let text = "I don't know that time zone. Write a region and a city, for example zone Europe/Paris.";
    assert_eq!(body["value"], text);
    assert_eq!(zone_of_ada(&rig).await, (Tz::UTC, ZoneSource::Fallback));
}

#[tokio::test]
async fn an_older_client_submits_and_gets_one_reply() {
    let rig = asking().await;
    nine_o_clock(&rig, "2027-03-01").await;
    let value = json!({ "nudged": { "ask": "zone" }, "zone": "Asia/Tokyo" });
    for id in ["1", "1", "2"] {
        let reply = presses(&rig, "message", "29:ada", json!({ "id": id, "value": value })).await;
        assert!(matches!(reply, Reply::Heard), "{reply:?}");
        rig.reply().await;
    }
    assert_eq!(zone_of_ada(&rig).await, (Tz::Asia__Tokyo, ZoneSource::Own));
    assert_eq!(rig.teams.said().len(), 1);
}

#[tokio::test]
async fn whoever_pressed_it_is_meant_and_not_whom_the_data_names() {
    let rig = asking().await;
    nine_o_clock(&rig, "2027-03-01").await;
    chooses(&rig, "Europe/Paris").await;
    let value = json!({ "nudged": { "ask": "zone", "who": "29:ada" }, "who": "29:ada", "zone": "Asia/Tokyo" });
    presses(
        &rig,
        "message",
        "29:eve",
        json!({ "id": "9", "value": value, "conversation": { "id": "a:eve", "conversationType": "personal" } }),
    )
    .await;
    assert_eq!(zone_of_ada(&rig).await, (Tz::Europe__Paris, ZoneSource::Own));
}
