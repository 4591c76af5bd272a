//! Stops, replies and buttons, from Teams' telling to the request: through the real ear, sender and replier.

use chrono_tz::Tz;
use nudged::domain::activity;
use nudged::domain::delivery::{Reason, State};
use nudged::domain::message::Said;
use nudged::domain::rate::Operation;
use nudged::domain::schedule::model::Priority;
use nudged::domain::verdict::Verdict;
use nudged::engine::limiter::Request;
use nudged::port::clock::Clock;
use nudged::port::ear::{Ear, Reply, Via};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::rig::{Rig, at};

const DAILY: &str = "[schedule.standup]\nto = \"everyone\"\nevery = \"day\"\nat = 09:00:00\ntext = \"Hello at {{ local.time }}\"\n\
                     buttons = [\"done\", \"snooze: 1h\", \"stop\"]\n";

/// What Ana tells the bot in her chat.
async fn hear(rig: &Rig, kind: &str, id: &str, parts: &Value) -> Reply {
    let mut all = json!({
        "type": kind, "id": id, "channelId": "msteams", "timestamp": rig.clock.now().to_rfc3339(),
        "serviceUrl": "https://smba.trafficmanager.net/emea/", "from": { "id": "29:ana" }, "recipient": { "id": "28:bot" },
        "conversation": { "id": "a:ana", "conversationType": "personal" },
    });
    for (key, value) in parts.as_object().expect("an object") {
        all[key] = value.clone();
    }
    let activity = activity::read(all.to_string().as_bytes()).expect("an activity");
    rig.listener().hear(activity, Via::Endpoint).await.expect("heard")
}

/// The requests since it was asked last, wherever they went.
fn requests(rig: &Rig) -> Vec<String> {
    let place = " at https://smba.trafficmanager.net/emea/";
    rig.teams.asked().into_iter().map(|asked| asked.trim_end_matches(place).to_owned()).collect()
}

async fn type_in(rig: &Rig, text: &str, id: &str) {
    hear(rig, "message", id, &json!({ "text": text })).await;
}

/// Presses the button `number` of the message that was sent last, as Teams does it.
async fn press(rig: &Rig, said: &Said, number: usize, id: &str) -> Reply {
    let Said::Card { card, .. } = said else { panic!("a message with buttons is a card: {said:?}") };
    let actions = card["body"].as_array().and_then(|body| body.last()).expect("a last element");
    let action = &actions["actions"][number];
    let value = json!({ "action": { "type": "Action.Execute", "verb": action["verb"], "data": action["data"] } });
    hear(rig, "invoke", id, &json!({ "name": "adaptiveCard/action", "value": value })).await
}

/// What is said to whoever pressed, where the card stays as it is.
fn toast(reply: &Reply) -> &str {
    let Reply::Invoke(body) = reply else { panic!("{reply:?}") };
    assert_eq!(body["type"], "application/vnd.microsoft.activity.message");
    body["value"].as_str().expect("a text")
}

/// The last line of the card that was answered.
fn line(reply: &Reply) -> String {
    let Reply::Invoke(body) = reply else { panic!("{reply:?}") };
    assert_eq!(body["statusCode"], 200);
    assert_eq!(body["type"], "application/vnd.microsoft.card.adaptive");
    let last = body["value"]["body"].as_array().and_then(|body| body.last()).expect("a last element");
    last["text"].as_str().expect("a line").to_owned()
}

/// Ana, and a schedule for every day at nine; it is nine.
async fn nine_o_clock() -> Rig {
    let rig = Rig::new("2027-03-01T08:00").await;
    rig.people(&[("ana", Tz::UTC)]).await;
    rig.file_says(DAILY).await;
    rig.now_is(at("2027-03-01T09:00"));
    rig.expand().await;
    rig
}

async fn next_day(rig: &Rig, day: &str) {
    rig.now_is(at(&format!("{day}T09:00")));
    rig.plan().await;
    rig.expand().await;
    rig.deliver().await;
}

#[tokio::test]
async fn who_says_stop_gets_one_reply_and_nothing_more_until_they_say_start() {
    let rig = nine_o_clock().await;
    for id in ["1", "1", "2"] {
        type_in(&rig, "STOP", id).await;
        rig.reply().await;
    }
    assert_eq!(requests(&rig), ["send a:ana"], "the reply, once");
    rig.deliver().await;
    assert_eq!(requests(&rig), Vec::<String>::new(), "no request for what is due");
    let delivery = rig.deliveries("standup").await.remove(0);
    assert_eq!((delivery.state, delivery.reason), (State::Skipped, Some(Reason::OptedOut)));
    type_in(&rig, "start", "3").await;
    rig.reply().await;
    next_day(&rig, "2027-03-02").await;
    assert_eq!(requests(&rig), ["send a:ana", "send a:ana"], "a reply, and the message of the next day");
}

#[tokio::test]
async fn a_stop_counts_for_what_waits_for_its_permit() {
    let rig = nine_o_clock().await;
    let elsewhere = Request {
        tenant: "home".into(),
        conversation: "a:somebody".into(),
        operation: Operation::Send,
        priority: Priority::Normal,
    };
    let held = rig.limiter().permit(&elsewhere).await.ok();
    let waiting = rig.deliver();
    tokio::pin!(waiting);
    // The claim is asked for first, and the ledger does one thing after the other.
    tokio::select! {
        biased;
        () = &mut waiting => panic!("there is one connection, and it is taken"),
        () = type_in(&rig, "stop standup", "1") => {}
    }
    drop(held);
    waiting.await;
    rig.deliver().await;
    assert_eq!(requests(&rig), Vec::<String>::new());
    let delivery = rig.deliveries("standup").await.remove(0);
    assert_eq!((delivery.state, delivery.reason), (State::Skipped, Some(Reason::OptedOut)));
}

#[tokio::test]
async fn a_reply_without_an_answer_holds_nobody_up() {
    let rig = nine_o_clock().await;
    rig.teams.falls_silent_in("a:ana");
    type_in(&rig, "help", "1").await;
    let (replier, stop) = (rig.replier(2), CancellationToken::new());
    let round = replier.go_round(&stop);
    tokio::pin!(round);
    tokio::select! {
        over = &mut round => panic!("Ana's is still on its way: {over:?}"),
        () = rig.teams.rung.notified() => {}
    }
    let of_ben = json!({
        "text": "help", "from": { "id": "29:ben" }, "conversation": { "id": "a:ben", "conversationType": "personal" },
    });
    hear(&rig, "message", "2", &of_ben).await;
    replier.bell.notify_one();
    tokio::select! {
        over = &mut round => panic!("Ana's is still on its way: {over:?}"),
        () = rig.teams.rung.notified() => {}
    }
    assert_eq!(requests(&rig), ["send a:ana", "send a:ben"]);
}

#[tokio::test]
async fn a_reply_is_tried_again_only_where_nothing_arrived() {
    let rig = nine_o_clock().await;
    let throttled = Verdict::Retry { reason: Reason::Throttled, after: Some(std::time::Duration::from_secs(30)) };
    let doubt = Verdict::Unknown { reason: Reason::NoAnswer, after: None };
    rig.teams.answers(&[throttled, doubt]);
    type_in(&rig, "help", "1").await;
    rig.reply().await;
    rig.reply().await;
    assert_eq!(requests(&rig), ["send a:ana"], "not before it is time");
    rig.now_is(rig.clock.now() + chrono::TimeDelta::seconds(31));
    rig.reply().await;
    rig.now_is(rig.clock.now() + chrono::TimeDelta::minutes(5));
    rig.reply().await;
    assert_eq!(requests(&rig), ["send a:ana"], "what may have arrived is not sent again");
}

#[tokio::test]
async fn a_snooze_comes_an_hour_later_and_says_the_same() {
    let rig = nine_o_clock().await;
    rig.deliver().await;
    let said = rig.teams.said().remove(0);
    rig.now_is(at("2027-03-01T09:10"));
    assert_eq!(line(&press(&rig, &said, 1, "f:1").await), "Snoozed until Mon 10:10");
    // Told again, with the same id or another, it is answered the same.
    assert_eq!(line(&press(&rig, &said, 1, "f:1").await), "Snoozed until Mon 10:10");
    rig.now_is(at("2027-03-01T09:11"));
    assert_eq!(line(&press(&rig, &said, 1, "f:2").await), "Snoozed until Mon 10:10");
    for (time, expect) in [("2027-03-01T10:09", 0), ("2027-03-01T10:10", 1), ("2027-03-01T10:11", 0)] {
        rig.now_is(at(time));
        rig.expand().await;
        rig.deliver().await;
        let said = rig.teams.said();
        assert_eq!(said.len(), expect, "{time}");
        for said in said {
            let Said::Card { summary, .. } = said else { panic!("a card") };
            assert_eq!(summary, "Hello at 09:00");
        }
    }
}

#[tokio::test]
async fn done_and_stop_are_shown_in_the_card() {
    let rig = nine_o_clock().await;
    rig.deliver().await;
    let said = rig.teams.said().remove(0);
    press(&rig, &said, 1, "f:1").await;
    assert_eq!(line(&press(&rig, &said, 0, "f:2").await), "✓ Done");
    rig.now_is(at("2027-03-01T10:00"));
    rig.expand().await;
    rig.deliver().await;
    assert_eq!(rig.teams.said(), Vec::new(), "what was put off is done");
    assert_eq!(line(&press(&rig, &said, 2, "f:3").await), "Stopped");
    next_day(&rig, "2027-03-02").await;
    assert_eq!(rig.teams.said(), Vec::new());
}

#[tokio::test]
async fn an_older_clients_press_updates_the_message() {
    let rig = nine_o_clock().await;
    rig.deliver().await;
    requests(&rig);
    let Said::Card { card, .. } = rig.teams.said().remove(0) else { panic!("a card") };
    let data = card["body"][1]["actions"][0]["fallback"]["data"].clone();
    assert_eq!(hear(&rig, "message", "5", &json!({ "value": data })).await, Reply::Heard);
    rig.reply().await;
    assert_eq!(requests(&rig), ["update 1"]);
    let Said::Card { card, .. } = rig.teams.said().remove(0) else { panic!("a card") };
    let texts: Vec<_> = card["body"].as_array().expect("a body").iter().map(|it| it["text"].as_str()).collect();
    assert_eq!(texts, [Some("Hello at 09:00"), Some("✓ Done")], "and no buttons");
}

/// Else an answer that is late could leave the older press in the place of the newer one.
#[tokio::test]
async fn of_one_message_one_press_at_a_time_is_shown() {
    let rig = nine_o_clock().await;
    rig.deliver().await;
    requests(&rig);
    rig.teams.rung.notified().await;
    let Said::Card { card, .. } = rig.teams.said().remove(0) else { panic!("a card") };
    let submit = async |number: usize, id: &str| {
        let data = card["body"][1]["actions"][number]["fallback"]["data"].clone();
        hear(&rig, "message", id, &json!({ "value": data })).await;
    };
    rig.teams.falls_silent_in("a:ana");
    submit(1, "5").await;
    let (replier, stop) = (rig.replier(2), CancellationToken::new());
    let round = replier.go_round(&stop);
    tokio::pin!(round);
    tokio::select! {
        over = &mut round => panic!("the snooze is still on its way: {over:?}"),
        () = rig.teams.rung.notified() => {}
    }
    submit(0, "6").await;
    replier.bell.notify_one();
    let a_while = async {
        for _ in 0..100 {
            rig.store.probe().await.expect("a well store");
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        over = &mut round => panic!("the snooze is still on its way: {over:?}"),
        () = a_while => assert_eq!(requests(&rig), ["update 1"]),
    }
    rig.teams.speaks_again();
    round.await.expect("a round");
    assert_eq!(requests(&rig), ["update 1"]);
    let Some(Said::Card { card, .. }) = rig.teams.said().pop() else { panic!("a card") };
    assert_eq!(card["body"][1]["text"], "✓ Done");
}

#[tokio::test]
async fn a_button_of_somebody_elses_message_does_nothing() {
    let rig = nine_o_clock().await;
    rig.people(&[("ben", Tz::UTC)]).await;
    rig.deliver().await;
    let said = rig.teams.said().remove(0);
    let Said::Card { mut card, summary } = said else { panic!("a card") };
    for number in 0..3 {
        card["body"][1]["actions"][number]["data"]["nudged"]["delivery"] = json!(4711);
    }
    let said = Said::Card { card, summary };
    for number in 0..2 {
        let reply = press(&rig, &said, number, &format!("f:{number}")).await;
        assert_eq!(toast(&reply), "This message is not for you, so nothing has changed.");
    }
    // Whoever says stop is heard, and about themselves.
    assert_eq!(toast(&press(&rig, &said, 2, "f:2").await), "Stopped");
    rig.now_is(at("2027-03-02T09:00"));
    rig.plan().await;
    rig.expand().await;
    rig.deliver().await;
    let mut states: Vec<_> = rig.deliveries("standup").await.into_iter().map(|it| (it.recipient, it.state)).collect();
    states.retain(|(_, state)| *state == State::Skipped);
    assert_eq!(states, [("ana".to_owned(), State::Skipped)]);
}

/// In a Web Chat anybody may call themselves what they like.
#[tokio::test]
async fn a_button_that_is_pressed_elsewhere_than_in_teams_does_nothing() {
    let rig = nine_o_clock().await;
    type_in(&rig, "good morning", "0").await;
    rig.deliver().await;
    let said = rig.teams.said().remove(0);
    let Said::Card { card, .. } = &said else { panic!("a card") };
    let elsewhere = |value: Value| json!({ "channelId": "webchat", "name": "adaptiveCard/action", "value": value });
    let stop = card["body"][1]["actions"][2]["data"].clone();
    let invoke = elsewhere(json!({ "action": { "type": "Action.Execute", "data": stop } }));
    assert_eq!(hear(&rig, "invoke", "1", &invoke).await, Reply::NotUnderstood);
    assert_eq!(hear(&rig, "message", "2", &elsewhere(stop)).await, Reply::Heard);
    next_day(&rig, "2027-03-02").await;
    assert_eq!(rig.teams.said().len(), 1, "nobody has stopped");
}
