//! Who stopped what, and what they are answered.

use chrono::TimeDelta;
use nudged::domain::activity;
use nudged::domain::consent::{Choice, Way, Wish};
use nudged::domain::delivery::{Claim, Reason, Settlement, State};
use nudged::domain::news::{self, TakenIn, Who};
use nudged::domain::recipient::{PersonRecord, RecipientKind, Reference, ServiceOrigin};
use nudged::domain::reply::ReplySettlement;
use nudged::port::reply::{ReplyOutcome, Says};
use nudged::port::store::StoreError;
use serde_json::{Value, json};

use crate::Place;
use crate::fixtures::*;

const GROUP: &str = "19:crew@thread.v2";

/// A message of Ana's in a conversation, told at that time.
fn said(conversation: &str, text: &str, id: &str, time: &str, parts: &Value) -> Value {
    let mut all = json!({
        "type": "message", "id": id, "timestamp": format!("2027-03-01T{time}:00Z"), "channelId": "msteams",
        "serviceUrl": "https://smba.example/", "conversation": { "id": conversation }, "text": text,
        "from": { "id": "29:ana", "name": "ana" }, "recipient": { "id": "28:bot" }, "locale": "de-DE",
    });
    for (key, value) in parts.as_object().expect("an object") {
        all[key] = value.clone();
    }
    all
}

async fn hear(ledger: &Ledger, told: &Value, now: &str) -> TakenIn {
    let read = activity::read(told.to_string().as_bytes()).expect("an activity");
    let news = news::of(&read, ServiceOrigin::Heard, at(now));
    ledger.store.take_in(news, NOWHERE, at(now)).await.expect("taken in")
}

/// Ana types it in her chat.
async fn type_in(ledger: &Ledger, text: &str, time: &str) -> TakenIn {
    let told = said("a:ana", text, &format!("{text} {time}").replace(' ', "-"), time, &json!({}));
    hear(ledger, &told, time).await
}

/// The texts of the replies that are to be sent; they are sent with that.
async fn replies(ledger: &Ledger, now: &str) -> Vec<String> {
    let due = ledger.store.replies_due(at(now), 10).await.expect("replies");
    let mut texts = Vec::new();
    for task in due.tasks {
        let Says::Text(text) = task.says else { panic!("{task:?}") };
        texts.push(text);
        let settlement = ReplySettlement::Sent;
        ledger.store.settle_reply(ReplyOutcome { reply: task.reply, at: at(now), settlement }).await.expect("settling");
    }
    texts
}

/// Ana in Berlin, and two schedules with topics of their own, due at 10:00 and 10:15 there.
async fn two_topics(place: &dyn Place) -> Ledger {
    let schedules = [draft("standup"), draft("lunch").topic("Food and more")];
    let ledger = Ledger::with(place, &[person("ana", BERLIN)], &schedules).await;
    let plans = [plan("standup", &[wave("10:00", BERLIN)]), plan("lunch", &[wave("10:15", BERLIN)])];
    ledger.plan(&plans, "00:10").await;
    ledger.expand("09:30").await;
    ledger
}

/// The schedules of which claims say that Ana stopped them.
async fn opted_out(ledger: &Ledger) -> Vec<(String, bool)> {
    let claims = ledger.claim("09:30").await;
    for claim in &claims {
        ledger.release(claim).await;
    }
    let mut all: Vec<_> = claims.iter().map(|claim| (claim.schedule.to_string(), claim.opted_out)).collect();
    all.sort();
    all
}

async fn check(ledger: &Ledger, standup: bool, lunch: bool) {
    assert_eq!(opted_out(ledger).await, [("lunch".to_owned(), lunch), ("standup".to_owned(), standup)]);
}

pub(crate) async fn who_says_stop_is_left_alone_until_they_say_start(place: &dyn Place) {
    let ledger = two_topics(place).await;
    check(&ledger, false, false).await;
    type_in(&ledger, "STOP", "09:01").await;
    check(&ledger, true, true).await;
    type_in(&ledger, "Start!", "09:02").await;
    check(&ledger, false, false).await;
}

pub(crate) async fn a_topic_is_stopped_alone(place: &dyn Place) {
    let ledger = two_topics(place).await;
    type_in(&ledger, "stop  Food and more", "09:01").await;
    check(&ledger, false, true).await;
    type_in(&ledger, "stop standup", "09:02").await;
    check(&ledger, true, true).await;
    // A start of one topic leaves the other, and one for everything ends both.
    type_in(&ledger, "start standup", "09:03").await;
    check(&ledger, false, true).await;
    type_in(&ledger, "stop standup", "09:04").await;
    type_in(&ledger, "start", "09:05").await;
    check(&ledger, false, false).await;
    // A topic does not go on while everything is stopped.
    type_in(&ledger, "stop", "09:06").await;
    type_in(&ledger, "start standup", "09:07").await;
    check(&ledger, true, true).await;
    assert!(replies(&ledger, "09:08").await.last().expect("a reply").starts_with("Alle Nachrichten sind gestoppt"));
}

pub(crate) async fn nothing_is_stopped_by_a_guess(place: &dyn Place) {
    let ledger = two_topics(place).await;
    type_in(&ledger, "stop standdup", "09:01").await;
    check(&ledger, false, false).await;
    let replies = replies(&ledger, "09:01").await;
    assert_eq!(replies.len(), 1);
    assert!(replies[0].contains("Meintest du „standup“?"), "{replies:?}");
    let taken = type_in(&ledger, "please don't stop", "09:02").await;
    assert!(!taken.reply, "a sentence is no command");
    check(&ledger, false, false).await;
}

pub(crate) async fn a_stop_holds_what_is_in_hand(place: &dyn Place) {
    let ledger = two_topics(place).await;
    let claims: Vec<Claim> = ledger.claim("09:20").await;
    type_in(&ledger, "stop standup", "09:21").await;
    for claim in &claims {
        let marked = ledger.store.mark_sending(claim.id, claim.term, at("09:21"), LEASE).await;
        if claim.schedule.as_str() == "standup" {
            assert!(matches!(marked, Err(StoreError::LostClaim(_))), "nothing leaves after a stop: {marked:?}");
            ledger.release(claim).await;
        } else {
            marked.expect("the other topic goes on");
        }
    }
    assert_eq!(opted_out(&ledger).await, [("standup".to_owned(), true)]);
}

pub(crate) async fn a_command_is_answered_once(place: &dyn Place) {
    let ledger = two_topics(place).await;
    let stop = said("a:ana", "stop", "1", "09:00", &json!({}));
    assert!(hear(&ledger, &stop, "09:00").await.reply);
    assert!(hear(&ledger, &stop, "09:00").await.is_repetition);
    // Redelivered, it may have another id.
    assert!(!hear(&ledger, &said("a:ana", "stop", "2", "09:00", &json!({})), "09:01").await.reply);
    assert!(!hear(&ledger, &said("a:ana", "Stopp!", "3", "09:04", &json!({})), "09:04").await.reply);
    let texts = replies(&ledger, "09:04").await;
    assert_eq!(texts.len(), 1);
    assert!(texts[0].starts_with("Du bekommst keine Nachrichten mehr"), "{texts:?}");
    // What changes something is answered, and so is who asks again after a while.
    assert!(hear(&ledger, &said("a:ana", "start", "4", "09:05", &json!({})), "09:05").await.reply);
    assert!(hear(&ledger, &said("a:ana", "stop", "5", "09:06", &json!({})), "09:06").await.reply);
    assert!(hear(&ledger, &said("a:ana", "stop", "6", "09:30", &json!({})), "09:30").await.reply);
    assert!(hear(&ledger, &said("a:ana", "help", "7", "09:30", &json!({})), "09:30").await.reply);
    assert!(!hear(&ledger, &said("a:ana", "?", "8", "09:31", &json!({})), "09:31").await.reply);
    assert_eq!(replies(&ledger, "09:31").await.len(), 4);
}

pub(crate) async fn what_was_said_last_counts(place: &dyn Place) {
    let ledger = two_topics(place).await;
    type_in(&ledger, "start", "09:01").await;
    type_in(&ledger, "stop", "09:05").await;
    // Said before, told after.
    let late = said("a:ana", "start", "late", "09:03", &json!({}));
    assert!(!hear(&ledger, &late, "09:06").await.reply);
    check(&ledger, true, true).await;
}

pub(crate) async fn an_operator_speaks_for_others(place: &dyn Place) {
    let ledger = two_topics(place).await;
    let choose = async |who: &str, wish, name: Option<&str>, time: &str| {
        let who = Who { conversation_id: None, addresses: vec![address(who)] };
        let choice = Choice { wish, topic: name.map(topic), way: Way::Operator, at: at(time) };
        ledger.store.choose(who, choice).await.expect("choosing")
    };
    assert_eq!(choose("nobody@x", Wish::Stop, None, "08:00").await, None);
    assert_eq!(choose("ana@x", Wish::Stop, Some("standup"), "08:01").await, Some(true));
    assert_eq!(choose("ana@x", Wish::Stop, Some("standup"), "08:02").await, Some(false));
    check(&ledger, true, false).await;
    assert_eq!(choose("ana@x", Wish::Start, None, "08:03").await, Some(true));
    assert_eq!(choose("ana@x", Wish::Start, None, "08:04").await, Some(false));
    check(&ledger, false, false).await;
    assert_eq!(replies(&ledger, "08:05").await, Vec::<String>::new(), "whoever asked knows");
}

pub(crate) async fn in_a_chat_only_what_mentions_the_bot_is_said_to_it(place: &dyn Place) {
    let crew = PersonRecord {
        reference: Reference { conversation_id: Some(GROUP.to_owned()), ..Reference::default() },
        addresses: Vec::new(),
        ..PersonRecord::new(RecipientKind::GroupChat)
    };
    let schedules = [draft("crew").to(&[GROUP]), draft("ana").to(&["ana@x"])];
    let ledger = Ledger::with(place, &[crew, person("ana", NOWHERE)], &schedules).await;
    let waves = [wave_for_all("09:00")];
    ledger.plan(&[plan("crew", &waves), plan("ana", &waves)], "00:10").await;
    ledger.expand("09:00").await;
    let expect = |crew: bool| [("ana".to_owned(), false), ("crew".to_owned(), crew)];
    hear(&ledger, &said(GROUP, "stop", "1", "09:00", &json!({})), "09:00").await;
    assert_eq!(opted_out(&ledger).await, expect(false), "people talk to each other");
    let mention = json!([{ "type": "mention", "text": "<at>Bot</at>", "mentioned": { "id": "28:bot" } }]);
    hear(&ledger, &said(GROUP, "<at>Bot</at> stop", "2", "09:01", &json!({ "entities": mention })), "09:01").await;
    assert_eq!(opted_out(&ledger).await, expect(true), "and the chat is meant, not who said it");
}

pub(crate) async fn a_reply_in_doubt_is_not_sent_again(place: &dyn Place) {
    let ledger = two_topics(place).await;
    type_in(&ledger, "stop", "09:01").await;
    let due = ledger.store.replies_due(at("09:01"), 10).await.expect("replies");
    assert_eq!(due.tasks[0].reference.conversation_id.as_deref(), Some("a:ana"));
    assert!(ledger.store.mark_replying(due.tasks[0].reply).await.expect("marking"));
    assert!(!ledger.store.mark_replying(due.tasks[0].reply).await.expect("marking"), "it is under way");
    check(&ledger, true, true).await;
    ledger.store.take_over(at("09:02")).await.expect("taking over");
    assert_eq!(replies(&ledger, "09:02").await, Vec::<String>::new());
}

pub(crate) async fn a_reply_waits_as_long_as_it_is_told_to(place: &dyn Place) {
    let ledger = two_topics(place).await;
    type_in(&ledger, "stop", "09:01").await;
    let due = ledger.store.replies_due(at("09:01"), 10).await.expect("replies");
    let not_before = at("09:01") + TimeDelta::seconds(30);
    let outcome = ReplyOutcome {
        reply: due.tasks[0].reply,
        at: at("09:01"),
        settlement: ReplySettlement::Waiting { not_before },
    };
    ledger.store.settle_reply(outcome).await.expect("settling");
    let due = ledger.store.replies_due(at("09:01"), 10).await.expect("replies");
    assert_eq!((due.tasks, due.next_at), (Vec::new(), Some(not_before)));
    assert_eq!(replies(&ledger, "09:02").await.len(), 1);
}

/// What was never tried has no instant to wait for, and nothing waits for longer than it is worth.
pub(crate) async fn a_clock_that_is_set_back_holds_no_reply_up(place: &dyn Place) {
    let ledger = two_topics(place).await;
    type_in(&ledger, "stop", "09:01").await;
    let due = async |now| ledger.store.replies_due(at(now), 10).await.expect("replies");
    let [task] = due("07:00").await.tasks.try_into().expect("one reply");
    let outcome = ReplyOutcome {
        reply: task.reply,
        at: at("09:01"),
        settlement: ReplySettlement::Waiting { not_before: at("09:08") },
    };
    ledger.store.settle_reply(outcome).await.expect("settling");
    let work = due("08:58").await;
    assert_eq!((work.tasks.len(), work.next_at), (0, Some(at("09:08"))), "ten minutes may be waited");
    assert_eq!(due("08:57").await.tasks.len(), 1);
    assert_eq!(due("07:00").await.tasks.len(), 1);
}

pub(crate) async fn who_was_only_named_stays_stopped_once_they_are_met(place: &dyn Place) {
    const ENTRA: &str = "aaaaaaaa-0000-4000-8000-000000000001";
    let ledger = Ledger::with(place, &[], &[draft("s").to(&[ENTRA, "29:ana"])]).await;
    let who = Who { conversation_id: None, addresses: vec![address(ENTRA)] };
    let choice = Choice { wish: Wish::Stop, topic: None, way: Way::Operator, at: at("08:00") };
    assert_eq!(ledger.store.choose(who, choice).await.expect("choosing"), Some(true));
    let from = json!({ "from": { "id": "29:ana", "name": "ana", "aadObjectId": ENTRA } });
    hear(&ledger, &said("a:ana", "hello", "1", "08:30", &from), "08:30").await;
    ledger.plan(&[plan("s", &[wave_for_all("09:00")])], "08:40").await;
    ledger.expand("09:00").await;
    let claims = ledger.claim("09:00").await;
    let reached: Vec<_> = claims.iter().filter(|claim| claim.reference.conversation_id.is_some()).collect();
    assert_eq!(reached.len(), 1, "{claims:#?}");
    assert!(reached[0].opted_out);
}

pub(crate) async fn what_is_skipped_says_so(place: &dyn Place) {
    let ledger = two_topics(place).await;
    type_in(&ledger, "stop", "08:01").await;
    let claim = ledger.claim("09:20").await.remove(0);
    let skipped = Settlement::Skipped(Reason::OptedOut);
    ledger.settle(decided(&claim, "09:20", skipped)).await;
    let state = ledger.state("standup", "10:00", "ana").await;
    assert_eq!(state, (State::Skipped, Some(Reason::OptedOut)));
}

pub(crate) async fn a_stop_that_is_told_late_does_not_undo_a_start(place: &dyn Place) {
    let ledger = two_topics(place).await;
    type_in(&ledger, "start", "09:05").await;
    let late = |text: &str, id: &str| said("a:ana", text, id, "09:03", &json!({}));
    for (text, id) in [("stop", "1"), ("stop standup", "2")] {
        assert!(!hear(&ledger, &late(text, id), "09:06").await.reply, "{text}: it is out of date");
        check(&ledger, false, false).await;
    }
    type_in(&ledger, "stop standup", "09:07").await;
    check(&ledger, true, false).await;
}

/// The topics that somebody of this name stopped.
async fn stopped(ledger: &Ledger, who: &str) -> Vec<String> {
    let people = ledger.store.people().await.expect("people");
    let person = people.into_iter().find(|person| person.name == who).expect("somebody");
    person.stops.into_iter().filter_map(|stop| stop.topic).map(|topic| topic.as_str().to_owned()).collect()
}

pub(crate) async fn nobody_learns_by_a_guess_what_others_get(place: &dyn Place) {
    let people = [person("ana", BERLIN), person("ben", BERLIN)];
    let others = [draft("lay-offs").to(&["ben@x"]), draft("salary").except(&["ana@x"]), draft("layoff").to(&["ana@x"])];
    let ledger = Ledger::with(place, &people, &others).await;
    type_in(&ledger, "stop nothing", "09:00").await;
    let unknown = replies(&ledger, "09:00").await;
    let guesses = [("lay-offs", "09:11"), ("salary", "09:22"), ("salry", "09:33")];
    for (guess, now) in guesses {
        type_in(&ledger, &format!("stop {guess}"), now).await;
        let told = replies(&ledger, now).await;
        assert!(!told.concat().contains("salary") && !told.concat().contains("lay-offs"), "{guess}: {told:?}");
        assert!(told[0].starts_with(&unknown[0]), "{guess}: {told:?}");
    }
    assert_eq!(stopped(&ledger, "ana").await, Vec::<String>::new());
    type_in(&ledger, "stop lay-off", "09:44").await;
    let told = replies(&ledger, "09:44").await;
    assert!(told[0].contains("Meintest du „layoff“?"), "of those that are near, the one that is hers: {told:?}");
}

pub(crate) async fn a_topic_is_stopped_by_who_got_something_about_it(place: &dyn Place) {
    let ledger = two_topics(place).await;
    ledger
        .sync(&[draft("standup").to(&["ben@x"]), draft("lunch").topic("Food and more").to(&["ben@x"])], "09:35")
        .await;
    type_in(&ledger, "stop standup", "09:36").await;
    assert_eq!(stopped(&ledger, "ana").await, ["standup"], "it was on its way to her");
}
