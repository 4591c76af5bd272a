//! Buttons that are pressed.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use nudged::domain::activity;
use nudged::domain::buttons::Outcome;
use nudged::domain::delivery::{Claim, Reason, Settlement, State};
use nudged::domain::news::{Fact, TakenIn};
use nudged::domain::press::{self, Effect};
use nudged::domain::recall::Remedy;
use nudged::domain::reply::ReplySettlement;
use nudged::domain::schedule::model::Priority;
use nudged::port::recall::RecallOrder;
use nudged::port::reply::{ReplyOutcome, ReplyTask, Says};
use nudged::port::trouble::CancelOrder;
use serde_json::{Value, json};

use crate::Place;
use crate::fixtures::*;

/// Somebody presses a button of a message, `until` then where it is a snooze. It is a button that says only its number.
async fn press(ledger: &Ledger, who: &str, claim: &Claim, choice: &str, now: &str, until: &str) -> TakenIn {
    let data = json!({ "delivery": claim.id.0, "choice": choice });
    press_of(ledger, who, data, Some("1"), now, until).await
}

/// Somebody presses a button that says this, of the message to which Teams gave that id.
pub(crate) async fn press_of(
    ledger: &Ledger,
    who: &str,
    data: Value,
    within: Option<&str>,
    now: &str,
    until: &str,
) -> TakenIn {
    let invoke = json!({
        "type": "invoke", "name": "adaptiveCard/action", "id": format!("f:{now}"), "channelId": "msteams",
        "timestamp": at(now).to_rfc3339(), "serviceUrl": "https://smba.example/",
        "conversation": { "id": format!("a:{who}") }, "from": { "id": format!("29:{who}") },
        "recipient": { "id": "28:bot" }, "replyToId": within,
        "value": { "action": { "data": { "nudged": data } } },
    });
    take_in(ledger, &invoke.to_string(), now, until).await
}

/// As the ear does it: the activity itself is not a part of the test.
async fn take_in(ledger: &Ledger, told: &str, now: &str, until: &str) -> TakenIn {
    let activity = activity::read(told.as_bytes()).expect("an activity");
    let mut pressed = press::read(&activity, at(now)).expect("a press");
    pressed.until = Some(at(until));
    let mut news = nudged::domain::news::of(&activity, nudged::domain::recipient::ServiceOrigin::Heard, at(now));
    news.key = None;
    news.facts.push(Fact::Pressed(Box::new(pressed)));
    ledger.store.take_in(news, NOWHERE, at(now)).await.expect("taken in")
}

/// Ana and Ben in Berlin got the message of 09:00 there.
async fn delivered(place: &dyn Place) -> (Ledger, Claim) {
    let ledger = Ledger::with(place, &[person("ana", BERLIN), person("ben", BERLIN)], &[draft("s")]).await;
    ledger.plan(&[plan("s", &[wave("09:00", BERLIN)])], "00:10").await;
    ledger.expand("08:00").await;
    let claims = ledger.claim("08:00").await;
    for claim in &claims {
        ledger.sent(claim, "08:00").await;
    }
    let of_ana = claims.into_iter().find(|claim| claim.recipient.name == "ana").expect("Ana's");
    (ledger, of_ana)
}

fn took(taken: &TakenIn) -> Outcome {
    match &taken.effect {
        Some(Effect::Took(outcome)) => outcome.clone(),
        other => panic!("{other:?}"),
    }
}

fn snoozed(until: &str) -> Outcome {
    Outcome::Snoozed { until: at(until) }
}

pub(crate) async fn a_snooze_comes_again_for_that_one_and_speaks_of_the_same(place: &dyn Place) {
    let (ledger, of_ana) = delivered(place).await;
    assert_eq!(took(&press(&ledger, "ana", &of_ana, "snooze 1h", "08:30", "09:30").await), snoozed("09:30"));
    ledger.expand("09:30").await;
    let again = ledger.claim_one("09:30").await;
    assert_eq!((again.recipient.name.as_str(), again.due_at, again.expire_at), ("ana", at("09:30"), at("10:30")));
    assert_eq!(again.speaks_of(), (civil("09:00"), at("08:00")), "the message of nine o'clock");
    ledger.sent(&again, "09:30").await;
    // What came again can be put off again, and still speaks of the first.
    press(&ledger, "ana", &again, "snooze 1h", "09:40", "10:40").await;
    ledger.expand("10:40").await;
    let third = ledger.claim_one("10:40").await;
    assert_eq!(third.speaks_of(), (civil("09:00"), at("08:00")));
}

pub(crate) async fn a_press_told_again_changes_nothing_and_is_answered_the_same(place: &dyn Place) {
    let (ledger, of_ana) = delivered(place).await;
    press(&ledger, "ana", &of_ana, "snooze 1h", "08:30", "09:30").await;
    let again = press(&ledger, "ana", &of_ana, "snooze 2 days", "08:31", "10:31").await;
    assert_eq!(took(&again), snoozed("09:30"), "it has been put off already");
    ledger.expand("09:30").await;
    assert_eq!(ledger.claim("09:30").await.len(), 1);
    assert_eq!(took(&press(&ledger, "ana", &of_ana, "done", "09:31", "09:31").await), Outcome::Done);
    assert_eq!(took(&press(&ledger, "ana", &of_ana, "done", "09:32", "09:32").await), Outcome::Done);
    assert_eq!(took(&press(&ledger, "ana", &of_ana, "snooze 1h", "09:33", "10:33").await), Outcome::Done);
}

pub(crate) async fn done_ends_what_was_put_off(place: &dyn Place) {
    let (ledger, of_ana) = delivered(place).await;
    press(&ledger, "ana", &of_ana, "snooze 1h", "08:30", "09:30").await;
    ledger.expand("09:20").await;
    press(&ledger, "ana", &of_ana, "done", "08:40", "08:40").await;
    ledger.expand("09:30").await;
    assert_eq!(ledger.claim("09:30").await, Vec::new());
    let deliveries = ledger.deliveries("s").await;
    let cancelled = deliveries.iter().filter(|it| it.state == State::Cancelled).map(|it| it.reason);
    assert_eq!(cancelled.collect::<Vec<_>>(), [Some(Reason::Done)], "and it is accounted for");
}

pub(crate) async fn the_button_that_stops_is_a_stop(place: &dyn Place) {
    let (ledger, of_ana) = delivered(place).await;
    assert_eq!(took(&press(&ledger, "ana", &of_ana, "stop", "08:30", "08:30").await), Outcome::Stopped);
    assert_eq!(took(&press(&ledger, "ana", &of_ana, "snooze 1h", "08:31", "09:31").await), Outcome::Stopped);
    ledger.plan(&[plan("s", &[wave("09:00", BERLIN), wave("10:00", BERLIN)])], "08:40").await;
    ledger.expand("09:00").await;
    let mut stopped: Vec<_> =
        ledger.claim("09:00").await.iter().map(|it| (it.recipient.name.clone(), it.opted_out)).collect();
    stopped.sort();
    assert_eq!(stopped, [("ana".to_owned(), true), ("ben".to_owned(), false)]);
}

pub(crate) async fn nobody_presses_for_somebody_else(place: &dyn Place) {
    let (ledger, of_ana) = delivered(place).await;
    for choice in ["done", "stop", "snooze 1h"] {
        let taken = press(&ledger, "ben", &of_ana, choice, "08:30", "09:30").await;
        assert_eq!(taken.effect, Some(Effect::NotYours), "{choice}");
        let stranger = Claim { id: nudged::domain::id::DeliveryId(4711), ..of_ana.clone() };
        let taken = press(&ledger, "ana", &stranger, choice, "08:30", "09:30").await;
        assert_eq!(taken.effect, Some(Effect::NotYours), "{choice}");
    }
    ledger.expand("09:40").await;
    assert_eq!(ledger.claim("09:40").await, Vec::new());
    assert_eq!(ledger.store.replies_due(at("09:40"), 10).await.expect("replies").tasks, Vec::new());
}

pub(crate) async fn what_was_not_sent_has_no_buttons(place: &dyn Place) {
    let ledger = Ledger::with(place, &[person("ana", BERLIN)], &[draft("s")]).await;
    ledger.plan(&[plan("s", &[wave("09:00", BERLIN)])], "00:10").await;
    ledger.expand("08:00").await;
    let of_ana = ledger.claim_one("08:00").await;
    // Whoever presses can change the number of the button.
    let presses_all = async |what: &str| {
        for choice in ["snooze 1m", "done", "stop"] {
            let taken = press(&ledger, "ana", &of_ana, choice, "08:01", "08:02").await;
            assert_eq!(taken.effect, Some(Effect::NotYours), "{choice} while it is {what}");
        }
    };
    presses_all("claimed").await;
    ledger.release(&of_ana).await;
    presses_all("planned").await;
    let order = CancelOrder { schedule: name("s"), on: None, dry_run: false };
    ledger.store.cancel(order, at("08:01")).await.expect("cancelling").expect("something to cancel");
    presses_all("cancelled").await;
    ledger.expand("08:03").await;
    assert_eq!(ledger.claim("08:03").await, []);
}

pub(crate) async fn a_request_under_way_may_have_been_pressed(place: &dyn Place) {
    let ledger = Ledger::with(place, &[person("ana", BERLIN)], &[draft("s")]).await;
    ledger.plan(&[plan("s", &[wave("09:00", BERLIN)])], "00:10").await;
    ledger.expand("08:00").await;
    let of_ana = ledger.claim_one("08:00").await;
    ledger.mark(&of_ana, "08:00").await;
    assert_eq!(took(&press(&ledger, "ana", &of_ana, "done", "08:01", "08:01").await), Outcome::Done);
}

pub(crate) async fn a_number_that_comes_again_is_not_taken_for_the_message(place: &dyn Place) {
    let (ledger, of_ana) = delivered(place).await;
    // What the button says of its message besides the number, and the message that Teams says it stands in.
    let check = async |occurrence: Option<&str>, topic: &str, within: Option<&str>, is_it: bool| {
        let data = match occurrence {
            Some(occurrence) => {
                json!({ "delivery": of_ana.id.0, "choice": "done", "occurrence": occurrence, "topic": topic })
            }
            None => json!({ "delivery": of_ana.id.0, "choice": "done" }),
        };
        let expect = if is_it { Effect::Took(Outcome::Done) } else { Effect::NotYours };
        let taken = press_of(&ledger, "ana", data, within, "08:30", "08:30").await;
        assert_eq!(taken.effect, Some(expect), "{occurrence:?} {topic} {within:?}");
    };
    let (this, other) = (Some("2027-03-01T09:00:00"), Some("2027-02-28T09:00:00"));
    check(other, "s", Some("7"), false).await;
    check(other, "s", None, false).await;
    check(this, "t", Some("7"), false).await;
    // Clients have been seen to name another message than the one that was pressed.
    check(this, "s", Some("7"), true).await;
    check(this, "s", None, true).await;
    check(this, "before an edit", Some("1"), true).await;
    // Older buttons say their number alone.
    check(None, "", Some("7"), false).await;
    check(None, "", None, true).await;
    check(None, "", Some("1"), true).await;
}

pub(crate) async fn a_second_copy_has_buttons_too(place: &dyn Place) {
    let ledger = Ledger::with(place, &[person("ana", BERLIN)], &[draft("s")]).await;
    ledger.plan(&[plan("s", &[wave("09:00", BERLIN)])], "00:10").await;
    ledger.expand("08:00").await;
    let first = ledger.claim_one("08:00").await;
    let doubt = Settlement::Waiting { not_before: at("08:01"), reason: Reason::NoAnswer, possible_duplicate: true };
    ledger.send(&first, "08:00", doubt).await;
    let data = json!({ "delivery": first.id.0, "choice": "snooze 1h" });
    let taken = press_of(&ledger, "ana", data.clone(), Some("0"), "08:00", "09:00").await;
    assert_eq!(took(&taken), snoozed("09:00"), "it arrived after all");
    let second = ledger.claim_one("08:01").await;
    ledger.sent(&second, "08:01").await;
    let taken = press_of(&ledger, "ana", data, Some("0"), "08:02", "09:02").await;
    assert_eq!(took(&taken), snoozed("09:00"), "of the first copy nobody knows the id");
}

pub(crate) async fn a_stop_counts_where_it_was_pressed_though_its_message_is_not_known(place: &dyn Place) {
    let people = [person("ana", BERLIN), person("ben", BERLIN)];
    let ledger = Ledger::with(place, &people, &[draft("s"), draft("t").topic("news")]).await;
    ledger.plan(&[plan("s", &[wave("09:00", BERLIN)])], "00:10").await;
    ledger.expand("08:00").await;
    let claims = ledger.claim("08:00").await;
    for claim in &claims {
        ledger.sent(claim, "08:00").await;
    }
    let of_ana = claims.iter().find(|claim| claim.recipient.name == "ana").expect("Ana's");
    // Ben's card of yesterday has the number that is Ana's by now.
    let stop = |number: i64, topic: &str| {
        let yesterday = "2027-02-28T09:00:00";
        json!({ "delivery": number, "choice": "stop", "occurrence": yesterday, "topic": topic })
    };
    let presses =
        async |number, topic: &str, now: &str| press_of(&ledger, "ben", stop(number, topic), Some("7"), now, now).await;
    let taken = presses(of_ana.id.0, "news", "08:30").await;
    assert_eq!((taken.effect, taken.reply), (Some(Effect::Stopped), true));
    let again = presses(of_ana.id.0, "news", "08:31").await;
    assert_eq!((again.effect, again.reply), (Some(Effect::Stopped), false), "told again");
    let stops = async |who: &str| {
        let people = ledger.store.people().await.expect("people");
        let person = people.into_iter().find(|person| person.name == who).expect("somebody");
        person.stops.into_iter().map(|stop| stop.topic).collect::<Vec<_>>()
    };
    assert_eq!(stops("ben").await, [Some(topic("news"))]);
    assert_eq!(presses(4711, "s", "08:32").await.effect, Some(Effect::Stopped), "a number that nothing has");
    assert_eq!(presses(4711, "no such topic", "08:33").await.effect, Some(Effect::NotYours));
    assert_eq!(stops("ben").await, [Some(topic("news")), Some(topic("s"))]);
    assert_eq!(stops("ana").await, []);
}

/// Ana presses a button as an older client tells it: as the message `id`. A snooze ends at half past nine.
async fn submit(ledger: &Ledger, claim: &Claim, choice: &str, id: &str, now: &str) -> TakenIn {
    let told = json!({
        "type": "message", "id": id, "channelId": "msteams", "timestamp": at(now).to_rfc3339(),
        "serviceUrl": "https://smba.example/", "conversation": { "id": "a:ana" }, "from": { "id": "29:ana" },
        "recipient": { "id": "28:bot" }, "replyToId": "1",
        "value": { "nudged": { "delivery": claim.id.0, "choice": choice } },
    });
    take_in(ledger, &told.to_string(), now, "09:30").await
}

async fn replies(ledger: &Ledger, now: &str) -> Vec<ReplyTask> {
    ledger.store.replies_due(at(now), 10).await.expect("replies").tasks
}

pub(crate) async fn what_an_older_client_submits_is_shown_in_the_message(place: &dyn Place) {
    let (ledger, of_ana) = delivered(place).await;
    assert!(submit(&ledger, &of_ana, "snooze 1h", "2", "08:30").await.reply);
    assert!(!submit(&ledger, &of_ana, "snooze 1h", "3", "08:31").await.reply, "told again, it is shown already");
    let work = ledger.store.replies_due(at("08:31"), 10).await.expect("replies");
    assert_eq!(work.tasks.len(), 1);
    let Says::Within(shown, outcome) = &work.tasks[0].says else { panic!("{work:?}") };
    assert_eq!(*outcome, snoozed("09:30"));
    let expect: (Option<&str>, DateTime<Utc>) = (Some("1"), at("08:00"));
    assert_eq!((shown.activity_id.as_deref(), shown.due_at), expect);
    assert_eq!(work.tasks[0].reference.conversation_id.as_deref(), Some("a:ana"));
}

/// A text that an operator put there is not to be written over, nor anything put there again.
pub(crate) async fn a_press_shows_nothing_in_a_message_that_was_recalled(place: &dyn Place) {
    let (ledger, of_ana) = delivered(place).await;
    assert!(submit(&ledger, &of_ana, "snooze 1h", "2", "08:30").await.reply);
    let written = replies(&ledger, "08:30").await.remove(0);
    let remedy = Remedy::Replace("Room is B12".into());
    let order = RecallOrder { schedule: name("s"), occurrence: None, who: Vec::new(), remedy };
    ledger.store.begin_recall(order, at("08:31")).await.expect("asked").expect("there is one");
    assert!(!ledger.store.mark_replying(written.reply).await.expect("marking"), "it was read before the recall");
    assert_eq!(replies(&ledger, "08:31").await, []);
    let taken = submit(&ledger, &of_ana, "done", "3", "08:32").await;
    assert_eq!((took(&taken), taken.reply), (Outcome::Done, false), "an old view still has buttons, and they count");
    assert_eq!(replies(&ledger, "08:32").await, []);
}

pub(crate) async fn a_press_that_comes_to_be_shown_late_is_not_put_over_a_later_one(place: &dyn Place) {
    let (ledger, of_ana) = delivered(place).await;
    submit(&ledger, &of_ana, "snooze 1h", "2", "08:30").await;
    let first = replies(&ledger, "08:30").await.remove(0);
    assert!(ledger.store.mark_replying(first.reply).await.expect("marking"));
    submit(&ledger, &of_ana, "done", "3", "08:30").await;
    let settle = async |reply, settlement| {
        let outcome = ReplyOutcome { reply, at: at("08:30"), settlement };
        ledger.store.settle_reply(outcome).await.expect("settling");
    };
    settle(first.reply, ReplySettlement::Waiting { not_before: at("08:31") }).await;
    let second = replies(&ledger, "08:30").await.remove(0);
    assert!(ledger.store.mark_replying(second.reply).await.expect("marking"));
    settle(second.reply, ReplySettlement::Sent).await;
    assert!(!ledger.store.mark_replying(first.reply).await.expect("marking"));
    assert_eq!(replies(&ledger, "08:31").await, []);
}

pub(crate) async fn a_recall_takes_back_what_was_put_off_and_is_not_about_it(place: &dyn Place) {
    let (ledger, of_ana) = delivered(place).await;
    press(&ledger, "ana", &of_ana, "snooze 1h", "08:30", "09:30").await;
    ledger.expand("09:30").await;
    let again = ledger.claim_one("09:30").await;
    ledger.sent(&again, "09:30").await;
    press(&ledger, "ana", &again, "snooze 1h", "09:40", "10:40").await;
    let latest = RecallOrder { schedule: name("s"), occurrence: None, who: Vec::new(), remedy: Remedy::Delete };
    let report = ledger.store.begin_recall(latest, at("09:50")).await.expect("asked").expect("there is one");
    assert_eq!(report.occurrence, civil("09:00"), "what everybody got, not what one wanted later");
    ledger.expand("10:40").await;
    assert_eq!(ledger.claim("10:40").await, Vec::new());
    let shown = ledger.store.delivered(of_ana.id).await.expect("asked").expect("it was sent");
    assert!(shown.is_recalled, "and a press brings nothing of it back");
}

/// In UTC, the zone that the wave of a snooze has by its form: elsewhere it would not be taken for a later one of theirs.
pub(crate) async fn a_snooze_does_not_supersede_what_is_planned(place: &dyn Place) {
    let ledger = Ledger::with(place, &[person("ana", Tz::UTC), person("ben", Tz::UTC)], &[draft("s")]).await;
    let waves = ["07:00", "09:00"].map(|time| wave(time, Tz::UTC));
    ledger.plan(&[plan("s", &waves)], "00:10").await;
    ledger.expand("07:00").await;
    let claims = ledger.claim("07:00").await;
    for claim in &claims {
        ledger.sent(claim, "07:00").await;
    }
    let of_ana = claims.into_iter().find(|claim| claim.recipient.name == "ana").expect("Ana's");
    press(&ledger, "ana", &of_ana, "snooze 1h", "08:30", "09:30").await;
    ledger.expand("09:31").await;
    let mut claims: Vec<_> =
        ledger.claim("09:31").await.into_iter().map(|it| (it.due_at, it.recipient.name, it.later_is_due)).collect();
    claims.sort();
    let of = |name: &str, due: &str| (at(due), name.to_owned(), false);
    assert_eq!(claims, [of("ana", "09:00"), of("ben", "09:00"), of("ana", "09:30")]);
}

pub(crate) async fn a_recall_takes_the_snoozed_copy_along(place: &dyn Place) {
    let (ledger, of_ana) = delivered(place).await;
    press(&ledger, "ana", &of_ana, "snooze 1h", "08:30", "09:30").await;
    ledger.expand("09:30").await;
    let again = ledger.claim_one("09:30").await;
    ledger.sent(&again, "09:30").await;
    let order =
        RecallOrder { schedule: name("s"), occurrence: Some(civil("09:00")), who: Vec::new(), remedy: Remedy::Delete };
    ledger.store.begin_recall(order, at("09:40")).await.expect("a recall").expect("there is something");
    let work = ledger.store.recall_due(at("09:40"), 10).await.expect("work");
    let mut due: Vec<_> = work.tasks.iter().map(|task| task.delivery).collect();
    due.sort();
    assert_eq!(due.len(), 3, "Ana's, Ben's, and the copy that Ana got later");
    assert!(due.contains(&again.id));
}

pub(crate) async fn what_is_taken_away_for_good_is_not_put_off(place: &dyn Place) {
    let (ledger, of_ana) = delivered(place).await;
    ledger.sync(&[], "08:10").await;
    ledger.store.retire_missing(at("08:20"), at("08:20")).await.expect("retired");
    assert_eq!(took(&press(&ledger, "ana", &of_ana, "snooze 1h", "08:30", "09:30").await), Outcome::Over);
    ledger.expand("09:30").await;
    assert_eq!(ledger.claim("09:30").await, Vec::new());
    ledger.sync(&[draft("s")], "08:40").await;
    let taken = press(&ledger, "ana", &of_ana, "snooze 1h", "08:50", "09:50").await;
    assert_eq!(took(&taken), snoozed("09:50"), "a schedule that came back");
}

pub(crate) async fn what_was_edited_since_is_known_to_be(place: &dyn Place) {
    let (ledger, of_ana) = delivered(place).await;
    let is_outdated = async || ledger.store.delivered(of_ana.id).await.expect("read").expect("it is there").is_outdated;
    ledger.sync(&[draft("s")], "08:10").await;
    assert!(!is_outdated().await, "nothing has changed");
    ledger.sync(&[draft("s").priority(Priority::Critical)], "08:20").await;
    assert!(is_outdated().await);
}
