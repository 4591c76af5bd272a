//! What happens: whom it makes schedules speak to, once however often it is told.

use chrono::{DateTime, TimeDelta, Utc};
use nudged::domain::activity;
use nudged::domain::delivery::{Reason, State};
use nudged::domain::event::{Event, INSTALL, Identity, MEMBER_ADDED};
use nudged::domain::news::{self, Fact, News, TakenIn, Who};
use nudged::domain::recall::{RecallState, Remedy};
use nudged::domain::recipient::{PersonRecord, ServiceOrigin};
use nudged::domain::schedule::model::{CatchUp, Overlap};
use nudged::domain::schedule::when::OncePer;
use nudged::port::event::{EventAnswer, EventReceipt, Refusal};
use nudged::port::recall::RecallOrder;
use nudged::port::store::{EVENTS_ARE_KNOWN_FOR, Pause, PausedBy};
use serde_json::{Value, json};

use crate::Place;
use crate::fixtures::*;

fn event(name: &str, key: &str, time: &str, data: Value) -> Event {
    Event {
        name: name.to_owned(),
        identity: Identity::Key(key.to_owned()),
        at: at(time),
        data,
        people: Vec::new(),
        conversation: None,
    }
}

/// A build failed, says key `key`, by `authors`.
fn failed(key: &str, time: &str, authors: &[&str]) -> Event {
    event("build-failed", key, time, json!({ "authors": authors }))
}

/// Teams tells that the app came to somebody.
fn installed(name: &str, time: &str) -> Event {
    let chat = format!("a:{name}");
    let here = Who { conversation_id: Some(chat.clone()), addresses: Vec::new() };
    Event {
        identity: Identity::About(chat),
        people: vec![here.clone()],
        conversation: Some(here),
        ..event(INSTALL, "", time, json!({}))
    }
}

fn alarm() -> Draft {
    draft("s").on("build-failed", OncePer::Event)
}

fn welcome() -> Draft {
    draft("s").to(&["event:person"]).on(INSTALL, OncePer::Person)
}

impl Ledger {
    async fn happen(&self, event: Event) -> EventReceipt {
        let at = event.at;
        match self.store.happen(event, at).await.expect("taking in") {
            EventAnswer::Taken(receipt) => receipt,
            other => panic!("{other:?}"),
        }
    }

    /// As Teams tells it.
    async fn hear(&self, event: Event) -> TakenIn {
        let (at, news) = (event.at, News { key: None, facts: vec![Fact::Happened(Box::new(event))] });
        self.store.take_in(news, NOWHERE, at).await.expect("taking in")
    }

    /// Whom each occurrence of `s` is for, in the order in which they happened, with the state.
    async fn spoken_to(&self) -> Vec<Vec<(String, State)>> {
        let (occurrences, deliveries) = (self.occurrences("s").await, self.deliveries("s").await);
        let of = |occurrence| {
            let mine = deliveries.iter().filter(move |delivery| delivery.occurrence == occurrence);
            let mut mine: Vec<_> = mine.map(|delivery| (delivery.recipient.clone(), delivery.state)).collect();
            mine.sort();
            mine
        };
        occurrences.iter().map(|occurrence| of(occurrence.occurrence)).collect()
    }
}

fn all(names: &[&str], state: State) -> Vec<(String, State)> {
    names.iter().map(|name| ((*name).to_owned(), state)).collect()
}

fn later(time: &str, by: TimeDelta) -> DateTime<Utc> {
    at(time) + by
}

pub(crate) async fn whom_an_event_is_for_is_woken_when_their_zone_is_known(place: &dyn Place) {
    let nobody_said = PersonRecord { zone: None, ..person("Ana", BERLIN) };
    let ledger = Ledger::with(place, &[nobody_said], &[alarm()]).await;
    ledger.happen(failed("1", "08:00", &[])).await;
    ledger.expand("08:00").await;
    let claim = ledger.claim_one("08:00").await;
    ledger.settle(decided(&claim, "08:00", waiting("09:00", Reason::ZoneUnknown))).await;
    assert_eq!(ledger.claim("08:30").await, []);
    ledger.import(&[person("Ana", BERLIN)], "08:30").await;
    let claim = ledger.claim_one("08:30").await;
    assert_eq!((claim.due_at, claim.zone), (at("08:00"), NOWHERE), "it stays in the one wave there is");
}

pub(crate) async fn an_event_speaks_to_those_who_are_there(place: &dyn Place) {
    let people = [member("Ana", BERLIN, &["g"]), member("Bo", TOKYO, &["g"]), person("Cy", BERLIN)];
    let ledger = Ledger::with(place, &people, &[alarm().to(&["group:g"])]).await;
    let receipt = ledger.happen(failed("1", "08:00", &[])).await;
    assert_eq!((receipt.occurrences.len(), receipt.refused.len(), receipt.is_repetition), (1, 0, false));
    let (occurrence, people) = (receipt.occurrences[0].occurrence, receipt.occurrences[0].people);
    assert_eq!((occurrence, people), (civil("08:00") + TimeDelta::microseconds(1), 2));
    // Before it is expanded and after it, the numbers are the same.
    assert_eq!(ledger.spoken_to().await, [all(&["Ana", "Bo"], State::Planned)]);
    assert_eq!(ledger.expand("08:00").await, made(1, 2));
    assert_eq!(ledger.spoken_to().await, [all(&["Ana", "Bo"], State::Planned)]);
    let claims = ledger.claim("08:00").await;
    assert_eq!(names(&claims), ["Ana", "Bo"]);
    let told = claims[0].event.as_ref().expect("what happened");
    assert_eq!((told.name.as_str(), &told.data), ("build-failed", &json!({ "authors": [] })));
    for claim in &claims {
        ledger.sent(claim, "08:00").await;
    }
    assert_eq!(ledger.spoken_to().await, [all(&["Ana", "Bo"], State::Sent)]);
}

pub(crate) async fn the_same_key_is_the_same_event(place: &dyn Place) {
    let ledger = Ledger::with(place, &[person("Ana", BERLIN)], &[alarm()]).await;
    let first = ledger.happen(failed("1", "08:00", &["x"])).await;
    ledger.store.close().await;
    // Also after a restart, and when nobody listens any more.
    let again = Ledger::new(place).await;
    let second = again.happen(failed("1", "09:00", &["x"])).await;
    assert!(second.is_repetition);
    assert_eq!(EventReceipt { is_repetition: false, ..second }, first);
    assert_eq!(again.occurrences("s").await.len(), 1);
    let other = again.happen(failed("2", "08:00", &["x"])).await;
    assert_eq!(other.occurrences[0].occurrence, civil("08:00") + TimeDelta::microseconds(2), "no two are the same");
}

pub(crate) async fn a_key_says_one_thing(place: &dyn Place) {
    let ledger = Ledger::with(place, &[person("Ana", BERLIN)], &[alarm()]).await;
    ledger.happen(failed("1", "08:00", &["x"])).await;
    let other = ledger.store.happen(failed("1", "08:00", &["y"]), at("08:00")).await.expect("taking in");
    assert_eq!(other, EventAnswer::KeyIsTaken);
    assert_eq!(ledger.occurrences("s").await.len(), 1);
}

pub(crate) async fn nobody_listens_to_what_no_schedule_waits_for(place: &dyn Place) {
    let ledger = Ledger::with(place, &[person("Ana", BERLIN)], &[alarm(), draft("daily")]).await;
    let nobody = ledger.store.happen(event("buld-failed", "1", "08:00", json!({})), at("08:00")).await;
    assert_eq!(nobody.expect("taking in"), EventAnswer::NobodyListens { known: vec!["build-failed".into()] });
    // It is not kept: whoever listens tomorrow hears of what happens tomorrow.
    ledger.sync(&[alarm(), draft("t").on("buld-failed", OncePer::Event)], "08:01").await;
    let heard = ledger.happen(event("buld-failed", "1", "08:02", json!({}))).await;
    assert!(!heard.is_repetition);
    assert_eq!(heard.occurrences.len(), 1);
}

pub(crate) async fn data_names_people_among_the_allowed(place: &dyn Place) {
    let people =
        [member("Ana", BERLIN, &["g"]), member("Bo", TOKYO, &["g"]), person("Cy", BERLIN), member("Di", TOKYO, &["g"])];
    let schedule = alarm().to(&["event:data.authors"]).among(&["group:g"]).except(&["di@x"]);
    let ledger = Ledger::with(place, &people, &[schedule]).await;
    let receipt = ledger.happen(failed("1", "08:00", &["ana@x", "ANA@x", "cy@x", "di@x", "ed@x", "no one"])).await;
    assert_eq!(receipt.occurrences[0].people, 1);
    let refused: Vec<_> = receipt.refused.iter().map(|refused| (refused.who.as_str(), refused.why)).collect();
    let expect = [
        ("cy@x", Refusal::NotAllowedAudience),
        ("di@x", Refusal::Excepted),
        ("ed@x", Refusal::UnknownRecipient),
        ("no one", Refusal::NotAnAddress),
    ];
    assert_eq!(refused, expect);
    assert_eq!(ledger.spoken_to().await, [all(&["Ana"], State::Planned)]);
    // Nobody named is nobody, never everybody.
    let receipt = ledger.happen(failed("2", "08:00", &[])).await;
    assert_eq!((receipt.occurrences.len(), receipt.refused[0].why), (0, Refusal::NobodyNamed));
    let receipt = ledger.happen(failed("3", "08:00", &["cy@x"])).await;
    assert_eq!(receipt.occurrences, []);
    assert_eq!(ledger.occurrences("s").await.len(), 1);
}

pub(crate) async fn a_person_is_welcomed_once_for_ever(place: &dyn Place) {
    let ledger = Ledger::with(place, &[person("Ana", BERLIN), person("Bo", BERLIN)], &[welcome()]).await;
    assert!(ledger.hear(installed("Ana", "08:00")).await.work);
    for time in ["08:00", "08:01", "09:00", "10:00"] {
        assert!(!ledger.hear(installed("Ana", time)).await.work, "{time}");
    }
    ledger.store.close().await;
    let ledger = Ledger::new(place).await;
    ledger.hear(installed("Ana", "12:00")).await;
    // An edit is no reason to welcome anybody again.
    ledger.sync(&[welcome().except(&["cy@x"])], "12:30").await;
    ledger.hear(installed("Ana", "13:00")).await;
    assert_eq!(ledger.spoken_to().await, [all(&["Ana"], State::Planned)]);
    ledger.hear(installed("Bo", "13:00")).await;
    assert_eq!(ledger.spoken_to().await.len(), 2);
}

pub(crate) async fn teams_tells_one_install_in_several_activities(place: &dyn Place) {
    let schedule = draft("s").to(&["event:person"]).on(INSTALL, OncePer::Event);
    let ledger = Ledger::with(place, &[person("Ana", BERLIN), person("Bo", BERLIN)], &[schedule]).await;
    ledger.hear(installed("Ana", "08:05")).await;
    ledger.hear(installed("Ana", "08:05")).await;
    // The order is not guaranteed.
    ledger.hear(installed("Ana", "08:04")).await;
    ledger.hear(installed("Bo", "08:05")).await;
    assert_eq!(ledger.spoken_to().await.len(), 2);
    // Each install counts, says the schedule; and this is another one.
    ledger.hear(installed("Ana", "09:00")).await;
    assert_eq!(ledger.spoken_to().await.len(), 3);
}

pub(crate) async fn an_install_in_a_team_is_about_the_team(place: &dyn Place) {
    let there = draft("s").to(&["event:conversation"]).on(INSTALL, OncePer::Person);
    let each = draft("each").to(&["event:person"]).on(INSTALL, OncePer::Person);
    let ledger = Ledger::with(place, &[person("Ana", BERLIN)], &[there, each]).await;
    let team = installed("Ana", "08:00");
    let receipt = ledger.happen(Event { people: Vec::new(), ..team }).await;
    let schedules: Vec<_> = receipt.occurrences.iter().map(|occurrence| occurrence.schedule.as_str()).collect();
    assert_eq!(schedules, ["s"]);
    // Who joins later is welcomed by another event.
    let joined = Event { name: MEMBER_ADDED.into(), ..installed("Ana", "08:00") };
    let answer = ledger.store.happen(joined, at("08:00")).await.expect("taking in");
    assert_eq!(answer, EventAnswer::NobodyListens { known: vec![INSTALL.into()] });
}

pub(crate) async fn events_of_one_schedule_do_not_supersede_each_other(place: &dyn Place) {
    let schedule = alarm().backlog(Overlap::Supersede, CatchUp::Latest);
    let ledger = Ledger::with(place, &[person("Ana", BERLIN)], &[schedule]).await;
    ledger.happen(failed("1", "08:00", &[])).await;
    ledger.happen(failed("2", "08:01", &[])).await;
    ledger.expand("08:02").await;
    let claims = ledger.claim("08:02").await;
    assert_eq!(claims.iter().map(|claim| claim.later_is_due).collect::<Vec<_>>(), [false, false]);
}

pub(crate) async fn an_event_does_not_supersede_what_is_planned(place: &dyn Place) {
    let ledger = Ledger::with(place, &[person("Ana", BERLIN)], &[alarm()]).await;
    ledger.plan(&[plan("s", &[wave("09:00", BERLIN)])], "07:00").await;
    ledger.happen(failed("1", "08:01", &[])).await;
    ledger.expand("08:02").await;
    let claims = ledger.claim("08:02").await;
    assert_eq!(claims.iter().map(|claim| claim.later_is_due).collect::<Vec<_>>(), [false, false]);
    // Nor the reverse.
    ledger.plan(&[plan("s", &[wave("09:00", BERLIN), wave("09:05", BERLIN)])], "08:03").await;
    for claim in &claims {
        ledger.release(claim).await;
    }
    ledger.expand("08:06").await;
    let claims = ledger.claim("08:06").await;
    let superseded: Vec<_> = claims.iter().map(|claim| (claim.event.is_some(), claim.later_is_due)).collect();
    assert_eq!(superseded, [(false, true), (true, false), (false, false)]);
}

pub(crate) async fn planning_leaves_events_alone(place: &dyn Place) {
    let ledger = Ledger::with(place, &[person("Ana", BERLIN)], &[alarm()]).await;
    ledger.happen(failed("1", "08:00", &[])).await;
    ledger.happen(failed("2", "08:01", &[])).await;
    ledger.expand("08:00").await;
    // The whole of what is open, and it is nothing; then something of that day.
    let nothing = ledger.plan(&[plan("s", &[])], "08:00").await;
    assert_eq!((nothing.withdrawn_waves, nothing.cancelled_deliveries), (0, 0));
    ledger.plan(&[plan("s", &[wave("09:00", BERLIN)])], "08:00").await;
    ledger.plan(&[plan("s", &[wave("10:00", BERLIN)])], "08:00").await;
    ledger.import(&[person("Ana", TOKYO)], "08:00").await;
    ledger.expand("08:01").await;
    let events: Vec<_> = ledger.spoken_to().await.into_iter().take(2).collect();
    assert_eq!(events, [all(&["Ana"], State::Planned), all(&["Ana"], State::Planned)]);
    for claim in ledger.claim("08:01").await {
        ledger.sent(&claim, "08:01").await;
    }
    // Who heard of the event has not had what comes at ten.
    ledger.import(&[person("Ana", BERLIN)], "08:30").await;
    ledger.expand("09:00").await;
    assert_eq!(ledger.claim_one("09:00").await.occurrence, civil("10:00"));
}

pub(crate) async fn what_is_invited_is_never_given_up(place: &dyn Place) {
    let ledger = Ledger::with(place, &[person("Ana", BERLIN)], &[alarm()]).await;
    ledger.happen(failed("1", "08:00", &[])).await;
    let days_later = later("08:00", TimeDelta::days(5));
    assert_eq!(ledger.store.abandon(days_later).await.expect("giving up"), []);
    ledger.store.expand_due(days_later, days_later, u32::MAX).await.expect("expanding");
    let delivery = ledger.deliveries("s").await.remove(0);
    assert_eq!((delivery.state, delivery.reason), (State::Expired, Some(Reason::TooLate)));
}

pub(crate) async fn an_exception_counts_until_the_last_moment(place: &dyn Place) {
    let people = [person("Ana", BERLIN), person("Bo", BERLIN), person("Cy", BERLIN)];
    let ledger = Ledger::with(place, &people, &[alarm()]).await;
    ledger.happen(failed("1", "08:00", &[])).await;
    ledger.sync(&[alarm().except(&["bo@x"])], "07:59").await;
    ledger.expand("08:00").await;
    assert_eq!(ledger.spoken_to().await, [all(&["Ana", "Cy"], State::Planned)]);
    ledger.sync(&[alarm().except(&["bo@x", "cy@x"])], "08:00").await;
    ledger.expand("08:00").await;
    let mut expect = all(&["Ana"], State::Planned);
    expect.extend(all(&["Cy"], State::Cancelled));
    assert_eq!(ledger.spoken_to().await, [expect]);
}

pub(crate) async fn who_joins_later_was_not_there(place: &dyn Place) {
    let ledger = Ledger::with(place, &[person("Ana", BERLIN)], &[alarm()]).await;
    ledger.happen(failed("1", "08:00", &[])).await;
    ledger.expand("08:00").await;
    ledger.import(&[person("Bo", BERLIN)], "08:10").await;
    ledger.expand("08:10").await;
    assert_eq!(ledger.spoken_to().await, [all(&["Ana"], State::Planned)]);
}

pub(crate) async fn two_who_are_one_get_it_once(place: &dyn Place) {
    // The schedule names somebody by an id of whom an import knows the address.
    let people = [person("Mira", BERLIN)];
    let ledger = Ledger::with(place, &people, &[alarm().to(&["29:mira", "everyone"])]).await;
    let receipt = ledger.happen(failed("1", "08:00", &[])).await;
    assert_eq!(receipt.occurrences[0].people, 2);
    ledger.expand("08:00").await;
    // Then they write, and it is one person.
    let told = json!({
        "type": "message", "id": "1", "channelId": "msteams", "timestamp": "2027-03-01T08:00:30Z", "text": "Hello",
        "serviceUrl": "https://smba.trafficmanager.net/emea/", "from": { "id": "29:mira", "name": "Mira" },
        "recipient": { "id": "28:bot" }, "conversation": { "id": "a:Mira", "conversationType": "personal" },
    });
    let activity = activity::read(told.to_string().as_bytes()).expect("an activity");
    let news = news::of(&activity, ServiceOrigin::Heard, at("08:01"));
    ledger.store.take_in(news, NOWHERE, at("08:01")).await.expect("taking in");
    ledger.expand("08:01").await;
    let states: Vec<_> = ledger.spoken_to().await.remove(0).into_iter().map(|(_, state)| state).collect();
    assert_eq!(states, [State::Cancelled, State::Planned]);
    assert_eq!(ledger.claim_one("08:01").await.recipient.name, "Mira");
}

pub(crate) async fn who_turns_out_to_be_left_out_gets_no_more_of_it(place: &dyn Place) {
    let ledger = Ledger::new(place).await;
    let schedules = vec![alarm().except(&["mira@x"]).build()];
    ledger.store.reload(in_force(schedules, BERLIN, at("07:00"))).await.expect("syncing");
    let hear = async |id: &str, email: Option<&str>| {
        let told = json!({
            "type": "message", "id": id, "channelId": "msteams", "timestamp": "2027-03-01T08:00:30Z", "text": "Hello",
            "serviceUrl": "https://smba.trafficmanager.net/emea/", "recipient": { "id": "28:bot" },
            "from": { "id": "29:mira", "name": "Mira", "userPrincipalName": email },
            "conversation": { "id": "a:mira", "conversationType": "personal" },
        });
        let activity = activity::read(told.to_string().as_bytes()).expect("an activity");
        let news = news::of(&activity, ServiceOrigin::Heard, at("08:01"));
        ledger.store.take_in(news, BERLIN, at("08:01")).await.expect("taking in");
    };
    hear("1", None).await;
    ledger.happen(failed("1", "08:02", &[])).await;
    ledger.expand("08:02").await;
    assert_eq!(ledger.spoken_to().await, [all(&["Mira"], State::Planned)]);
    hear("2", Some("mira@x")).await;
    ledger.expand("08:03").await;
    assert_eq!(ledger.spoken_to().await, [all(&["Mira"], State::Cancelled)]);
}

pub(crate) async fn an_event_of_a_paused_schedule_waits(place: &dyn Place) {
    let ledger = Ledger::with(place, &[person("Ana", BERLIN)], &[alarm()]).await;
    let pause = Pause { schedule: name("s"), why: "x".into(), by: PausedBy::Operator, not_believed: None };
    ledger.store.pause(pause, at("07:00")).await.expect("pausing");
    ledger.happen(failed("1", "08:00", &[])).await;
    ledger.expand("08:00").await;
    assert_eq!(ledger.claim("08:00").await, []);
    ledger.store.resume(name("s"), at("09:00")).await.expect("resuming");
    ledger.claim_one("08:30").await;
}

pub(crate) async fn an_event_of_a_missing_schedule_waits_and_is_accounted_for(place: &dyn Place) {
    let ledger = Ledger::with(place, &[person("Ana", BERLIN)], &[alarm()]).await;
    ledger.sync(&[], "07:55").await;
    ledger.happen(failed("1", "08:00", &[])).await;
    assert_eq!(ledger.expand("08:00").await, made(0, 0));
    // It comes back: an editor had renamed the file for a moment.
    ledger.sync(&[alarm()], "08:01").await;
    assert_eq!(ledger.expand("08:01").await, made(1, 1));
    ledger.sync(&[], "08:02").await;
    ledger.happen(failed("2", "08:03", &[])).await;
    ledger.store.retire_missing(at("08:12"), at("08:12")).await.expect("retiring");
    assert_eq!(ledger.spoken_to().await, [all(&["Ana"], State::Cancelled), all(&["Ana"], State::Cancelled)]);
    let nobody = ledger.store.happen(failed("3", "08:13", &[]), at("08:13")).await.expect("taking in");
    assert_eq!(nobody, EventAnswer::NobodyListens { known: Vec::new() });
}

pub(crate) async fn too_many_named_people_stop_an_event(place: &dyn Place) {
    let people = [person("Ana", BERLIN), person("Bo", BERLIN), person("Cy", BERLIN)];
    let schedule = alarm().to(&["event:data.authors"]).among(&["everyone"]).max_people(2);
    let ledger = Ledger::with(place, &people, &[schedule]).await;
    ledger.happen(failed("1", "08:00", &["ana@x", "bo@x"])).await;
    ledger.happen(failed("2", "08:01", &["ana@x", "bo@x", "cy@x"])).await;
    let expanded = ledger.expand("08:01").await;
    assert_eq!(expanded.too_many.iter().map(|too_many| too_many.people).collect::<Vec<_>>(), [3]);
    let expect = [all(&["Ana", "Bo"], State::Planned), all(&["Ana", "Bo", "Cy"], State::Skipped)];
    assert_eq!(ledger.spoken_to().await, expect);
}

/// Each name costs looks in the one transaction that writes, and data comes from outside.
pub(crate) async fn an_event_that_names_more_than_a_thousand_speaks_to_none_of_them(place: &dyn Place) {
    let ledger =
        Ledger::with(place, &[person("Ana", BERLIN)], &[alarm().to(&["event:data.authors"]).among(&["everyone"])])
            .await;
    let strangers: Vec<String> = (0..1_000).map(|n| format!("p{n}@x")).collect();
    let named: Vec<&str> = strangers.iter().map(String::as_str).chain(["ana@x"]).collect();
    let receipt = ledger.happen(failed("1", "08:00", &named)).await;
    let refused: Vec<_> = receipt.refused.iter().map(|refused| (refused.who.as_str(), refused.why)).collect();
    assert_eq!((receipt.occurrences.len(), refused), (0, vec![("data.authors", Refusal::TooManyNamed)]));
    let receipt = ledger.happen(failed("2", "08:01", &named[1..])).await;
    let unknown = receipt.refused.iter().filter(|refused| refused.why == Refusal::UnknownRecipient);
    assert_eq!((receipt.occurrences.len(), receipt.refused.len(), unknown.count()), (1, 999, 999));
}

pub(crate) async fn an_event_can_be_recalled_before_it_is_expanded(place: &dyn Place) {
    let people = [member("Ana", BERLIN, &["g"]), person("Bo", BERLIN)];
    let ledger = Ledger::with(place, &people, &[alarm().to(&["group:g"])]).await;
    let occurrence = ledger.happen(failed("1", "08:00", &[])).await.occurrences[0].occurrence;
    let order =
        RecallOrder { schedule: name("s"), occurrence: Some(occurrence), who: Vec::new(), remedy: Remedy::Delete };
    let report = ledger.store.begin_recall(order, at("08:00")).await.expect("recalling").expect("a recall");
    assert_eq!(report.counts.into_iter().collect::<Vec<_>>(), [(RecallState::Unsent, 1)]);
    ledger.expand("08:00").await;
    assert_eq!(ledger.spoken_to().await, [all(&["Ana"], State::Cancelled)]);
}

pub(crate) async fn the_life_of_a_schedule_bounds_its_events(place: &dyn Place) {
    let schedule = |from: &str, until: &str| {
        let mut schedule = (*alarm().build()).clone();
        (schedule.when.from, schedule.when.until) = (Some(civil(from)), Some(civil(until)));
        std::sync::Arc::new(schedule)
    };
    let ledger = Ledger::with(place, &[person("Ana", BERLIN)], &[]).await;
    ledger.store.reload(in_force(vec![schedule("08:00", "09:00")], NOWHERE, at("07:00"))).await.expect("syncing");
    for (time, listens) in [("07:59", false), ("08:00", true), ("09:00", true), ("09:01", false)] {
        let answer = ledger.store.happen(failed(time, time, &[]), at(time)).await.expect("taking in");
        assert_eq!(matches!(answer, EventAnswer::Taken(_)), listens, "{time}");
    }
}

pub(crate) async fn an_event_is_known_for_ninety_days(place: &dyn Place) {
    let ledger = Ledger::with(place, &[person("Ana", BERLIN)], &[alarm()]).await;
    ledger.happen(failed("1", "08:00", &[])).await;
    let prune = async |now: DateTime<Utc>| ledger.store.prune(at("00:00"), now).await.expect("pruning");
    // What waits to be expanded keeps it, however old it is.
    assert_eq!(prune(later("09:00", EVENTS_ARE_KNOWN_FOR * 2)).await, 0);
    ledger.expand("08:00").await;
    assert_eq!(prune(later("09:00", EVENTS_ARE_KNOWN_FOR)).await, 0);
    assert!(ledger.happen(failed("1", "09:00", &[])).await.is_repetition);
    assert_eq!(prune(later("09:01", EVENTS_ARE_KNOWN_FOR)).await, 1);
    assert!(!ledger.happen(failed("1", "09:00", &[])).await.is_repetition);
    // What it was about is not known any more; whom it was for is.
    assert_eq!(ledger.spoken_to().await.len(), 2);
}

pub(crate) async fn a_forgotten_event_is_not_taken_for_a_later_one(place: &dyn Place) {
    let ledger = Ledger::with(place, &[person("Ana", BERLIN)], &[alarm()]).await;
    ledger.happen(failed("1", "08:00", &["bo"])).await;
    ledger.expand("08:00").await;
    let about_bo = ledger.claim_one("08:00").await;
    ledger.sent(&about_bo, "08:00").await;
    let much_later = later("09:01", EVENTS_ARE_KNOWN_FOR);
    assert_eq!(ledger.store.prune(at("00:00"), much_later).await.expect("pruning"), 1);
    // The first after that may get the number of the one that was forgotten.
    ledger.happen(Event { at: much_later, ..failed("2", "08:00", &["cy"]) }).await;
    let shown = ledger.store.delivered(about_bo.id).await.expect("asked").expect("it was sent");
    assert_eq!(shown.event, None, "what it was about is not known any more, and nothing else takes its place");
}
