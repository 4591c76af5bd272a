//! Which of all that is said of a person's zone counts, and what follows from it.

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use nudged::domain::consent::{Choice, Topic, Way, Whence, Wish};
use nudged::domain::delivery::{Claim, Reason, State};
use nudged::domain::id::RecipientId;
use nudged::domain::ladder::{HouseZones, WhyNot, ZoneEvidence};
use nudged::domain::news::{Fact, Met, News, TakenIn, Who};
use nudged::domain::recipient::{PersonRecord, RecipientKind, Reference, ServiceOrigin, ZoneSource};
use nudged::domain::reply::ReplySettlement;
use nudged::domain::zone_wish::{ASKED_AGAIN_AFTER, ZoneAnswer, ZoneSaid, ZoneWish};
use nudged::port::desk::ImportReport;
use nudged::port::reply::{ReplyOutcome, Says};

use crate::Place;
use crate::fixtures::*;

fn who(name: &str) -> Who {
    Who { conversation_id: None, addresses: vec![address(&format!("{name}@x"))] }
}

async fn hear(ledger: &Ledger, fact: Fact, now: DateTime<Utc>) -> TakenIn {
    let news = News { key: None, facts: vec![fact] };
    ledger.store.take_in(news, NOWHERE, now).await.expect("taking news in")
}

async fn told(ledger: &Ledger, source: ZoneSource, zone: Tz, time: &str) -> TakenIn {
    let said = ZoneEvidence { source, zone, said_at: at(time) };
    hear(ledger, Fact::ZoneTold { who: who("ana"), said }, at(time)).await
}

fn without_zone(name: &str) -> PersonRecord {
    PersonRecord { zone: None, ..person(name, NOWHERE) }
}

/// A ledger that knows ana, and nothing of her zone.
async fn ana(place: &dyn Place) -> Ledger {
    Ledger::with(place, &[without_zone("ana")], &[]).await
}

async fn zone_of(ledger: &Ledger, name: &str) -> (Tz, ZoneSource) {
    let people = ledger.store.people().await.expect("people");
    let found = people.into_iter().find(|it| it.name == name).expect("somebody of this name");
    (found.zone, found.zone_source)
}

pub(crate) async fn a_client_says_where_somebody_lives(place: &dyn Place) {
    let ledger = ana(place).await;
    assert_eq!(zone_of(&ledger, "ana").await, (NOWHERE, ZoneSource::Fallback));
    assert!(told(&ledger, ZoneSource::Client, TOKYO, "08:00").await.work);
    assert_eq!(zone_of(&ledger, "ana").await, (TOKYO, ZoneSource::Client));
    told(&ledger, ZoneSource::Client, DENVER, "09:00").await;
    assert_eq!(zone_of(&ledger, "ana").await, (DENVER, ZoneSource::Client), "she has travelled");
    assert_eq!(ledger.store.zones().await.expect("zones"), [DENVER]);
    let stranger = ZoneEvidence { source: ZoneSource::Client, zone: BERLIN, said_at: at("09:00") };
    let taken = hear(&ledger, Fact::ZoneTold { who: who("nobody"), said: stranger }, at("09:00")).await;
    assert_eq!(taken, TakenIn::default());
}

pub(crate) async fn an_own_choice_beats_the_client_until_it_is_taken_back(place: &dyn Place) {
    let ledger = ana(place).await;
    told(&ledger, ZoneSource::Own, BERLIN, "08:00").await;
    told(&ledger, ZoneSource::Client, TOKYO, "09:00").await;
    ledger.import(&[person("ana", DENVER)], "09:30").await;
    assert_eq!(zone_of(&ledger, "ana").await, (BERLIN, ZoneSource::Own));
    says(&ledger, ZoneWish::Auto, "07:00").await;
    assert_eq!(zone_of(&ledger, "ana").await, (BERLIN, ZoneSource::Own), "she chose after that");
    says(&ledger, ZoneWish::Auto, "10:00").await;
    assert_eq!(zone_of(&ledger, "ana").await, (DENVER, ZoneSource::Operator));
}

/// Ana says something of her zone in her own chat; what is answered.
async fn says(ledger: &Ledger, wish: ZoneWish, time: &str) -> Vec<String> {
    let whence = Whence { conversation_id: Some("a:ana".into()), language: Some("en".into()), ..Whence::default() };
    let said = ZoneSaid { who: who("ana"), wish, at: at(time), whence, waits_for_answer: false };
    hear(ledger, Fact::ZoneSaid(Box::new(said)), at(time)).await;
    let mut texts = Vec::new();
    for task in ledger.store.replies_due(at(time), 10).await.expect("replies").tasks {
        let Says::Text(text) = task.says else { panic!("{task:?}") };
        texts.push(text);
        let settlement = ReplySettlement::Sent;
        ledger
            .store
            .settle_reply(ReplyOutcome { reply: task.reply, at: at(time), settlement })
            .await
            .expect("settling");
    }
    texts
}

pub(crate) async fn a_person_chooses_and_is_answered_once(place: &dyn Place) {
    let ledger = ana(place).await;
    told(&ledger, ZoneSource::Client, TOKYO, "08:00").await;
    let check = |texts: Vec<String>, words: &[&str]| {
        assert_eq!(texts.len(), words.len(), "{texts:?}");
        assert!(texts.iter().zip(words).all(|(text, word)| text.contains(word)), "{texts:?} {words:?}");
    };
    check(says(&ledger, ZoneWish::Ask, "09:00").await, &["by the clock of Asia/Tokyo"]);
    check(says(&ledger, ZoneWish::Choose(BERLIN), "09:01").await, &["Europe/Berlin from now on"]);
    assert_eq!(zone_of(&ledger, "ana").await, (BERLIN, ZoneSource::Own));
    check(says(&ledger, ZoneWish::Choose(BERLIN), "09:02").await, &[]);
    check(says(&ledger, ZoneWish::Unclear(Some(DENVER)), "09:03").await, &["**zone America/Denver**"]);
    check(says(&ledger, ZoneWish::Auto, "09:04").await, &["Asia/Tokyo at present"]);
    assert_eq!(zone_of(&ledger, "ana").await, (TOKYO, ZoneSource::Client));
}

pub(crate) async fn what_is_told_late_or_again_changes_nothing(place: &dyn Place) {
    let ledger = ana(place).await;
    told(&ledger, ZoneSource::Client, TOKYO, "09:00").await;
    let quiet = TakenIn::default();
    assert_eq!(told(&ledger, ZoneSource::Client, DENVER, "08:00").await, quiet, "out of order");
    assert_eq!(told(&ledger, ZoneSource::Client, TOKYO, "09:00").await, quiet, "again");
    assert_eq!(told(&ledger, ZoneSource::Client, DENVER, "09:00").await, quiet, "at the same time, but later");
    assert_eq!(zone_of(&ledger, "ana").await, (TOKYO, ZoneSource::Client));
}

pub(crate) async fn an_import_without_a_zone_leaves_what_was_said(place: &dyn Place) {
    let ledger = ana(place).await;
    told(&ledger, ZoneSource::Client, TOKYO, "09:00").await;
    let unchanged = ImportReport { unchanged: 1, ..ImportReport::default() };
    assert_eq!(ledger.import(&[without_zone("ana")], "10:00").await, unchanged);
    assert_eq!(zone_of(&ledger, "ana").await, (TOKYO, ZoneSource::Client));
    let updated = ImportReport { updated: 1, ..ImportReport::default() };
    assert_eq!(ledger.import(&[person("ana", BERLIN)], "10:00").await, updated);
    assert_eq!(ledger.import(&[person("ana", BERLIN)], "11:00").await, unchanged);
    assert_eq!(ledger.import(&[without_zone("ana")], "11:00").await, unchanged);
    assert_eq!(zone_of(&ledger, "ana").await, (BERLIN, ZoneSource::Operator));
    // What an operator says now counts, also after the clock was set back.
    ledger.import(&[person("ana", DENVER)], "03:00").await;
    assert_eq!(zone_of(&ledger, "ana").await, (DENVER, ZoneSource::Operator));
}

pub(crate) async fn a_client_that_falls_silent_is_no_longer_believed(place: &dyn Place) {
    let ledger = Ledger::with(place, &[without_zone("ana")], &[draft("s")]).await;
    told(&ledger, ZoneSource::Client, TOKYO, "09:00").await;
    let limit = at("09:00") + HouseZones::CLIENT_MAX_AGE;
    let age = async |now| ledger.store.age_zones(NOWHERE, now).await.expect("ageing");
    assert_eq!(age(limit).await, 0);
    assert_eq!(age(limit + TimeDelta::seconds(1)).await, 1);
    assert_eq!(zone_of(&ledger, "ana").await, (NOWHERE, ZoneSource::Fallback));
    assert_eq!(age(limit + TimeDelta::days(1)).await, 0, "that has been done");
    // She is heard again.
    let said = ZoneEvidence { source: ZoneSource::Client, zone: TOKYO, said_at: limit };
    hear(&ledger, Fact::ZoneTold { who: who("ana"), said }, limit + TimeDelta::days(1)).await;
    assert_eq!(zone_of(&ledger, "ana").await, (TOKYO, ZoneSource::Client));
    // Every word makes it younger, also the same one.
    assert_eq!(age(limit + TimeDelta::days(60)).await, 0);
}

pub(crate) async fn a_shorter_patience_with_clients_counts_at_once(place: &dyn Place) {
    let ledger = ana(place).await;
    told(&ledger, ZoneSource::Client, TOKYO, "09:00").await;
    let later = at("09:00") + TimeDelta::days(10);
    let house = |days| HouseZones { client_max_age: TimeDelta::days(days), ..HouseZones::default() };
    let keep = async |days| ledger.store.keep_house_zones(house(days), NOWHERE, later).await.expect("keeping");
    assert_eq!(keep(11).await, 0);
    assert_eq!(keep(9).await, 1);
    assert_eq!(zone_of(&ledger, "ana").await, (NOWHERE, ZoneSource::Fallback));
    assert_eq!((keep(9).await, keep(11).await), (0, 1));
    assert_eq!(zone_of(&ledger, "ana").await, (TOKYO, ZoneSource::Client));
}

pub(crate) async fn a_group_has_a_zone_for_whom_nothing_else_is_said(place: &dyn Place) {
    let people = [
        PersonRecord { zone: None, ..member("ana", NOWHERE, &["docks"]) },
        PersonRecord { zone: None, ..member("bo", NOWHERE, &["docks", "night"]) },
        member("cy", BERLIN, &["docks"]),
    ];
    let ledger = Ledger::with(place, &people, &[]).await;
    let keep = async |groups: &[(&str, Tz)]| {
        let groups = groups.iter().map(|(group, zone)| ((*group).to_owned(), *zone)).collect();
        let house = HouseZones { groups, ..HouseZones::default() };
        ledger.store.keep_house_zones(house, NOWHERE, at("01:00")).await.expect("keeping")
    };
    assert_eq!(keep(&[("night", TOKYO), ("docks", DENVER)]).await, 2);
    let group = ZoneSource::Group;
    assert_eq!(zone_of(&ledger, "ana").await, (DENVER, group));
    assert_eq!(zone_of(&ledger, "bo").await, (TOKYO, group), "the first group of the configuration counts");
    assert_eq!(zone_of(&ledger, "cy").await, (BERLIN, ZoneSource::Operator));
    assert_eq!(keep(&[("night", TOKYO), ("docks", DENVER)]).await, 0, "that is known");
    assert_eq!(keep(&[("docks", DENVER), ("night", TOKYO)]).await, 1);
    assert_eq!(zone_of(&ledger, "bo").await, (DENVER, group));
    // Who leaves the group leaves its zone.
    ledger.import(&[PersonRecord { zone: None, ..member("ana", NOWHERE, &[]) }], "02:00").await;
    assert_eq!(zone_of(&ledger, "ana").await, (NOWHERE, ZoneSource::Fallback));
    assert_eq!(keep(&[]).await, 1);
    assert_eq!(zone_of(&ledger, "bo").await, (NOWHERE, ZoneSource::Fallback));
}

pub(crate) async fn a_directory_counts_less_than_a_client(place: &dyn Place) {
    let ledger = ana(place).await;
    ledger.import(&[PersonRecord { directory_zone: Some(BERLIN), ..without_zone("ana") }], "08:00").await;
    assert_eq!(zone_of(&ledger, "ana").await, (BERLIN, ZoneSource::Directory));
    told(&ledger, ZoneSource::Client, TOKYO, "07:00").await;
    assert_eq!(zone_of(&ledger, "ana").await, (TOKYO, ZoneSource::Client));
}

pub(crate) async fn a_zone_that_is_told_takes_open_deliveries_along(place: &dyn Place) {
    let ledger = Ledger::with(place, &[without_zone("ana")], &[draft("s")]).await;
    ledger.plan(&[plan("s", &[wave("09:00", NOWHERE), wave("09:00", DENVER)])], "00:00").await;
    ledger.expand("09:00").await;
    told(&ledger, ZoneSource::Client, DENVER, "08:00").await;
    let ana = ledger.delivery("s", "09:00", "ana").await;
    assert_eq!((ana.zone, ana.due_at), (DENVER, at("16:00")));
    assert_eq!(ledger.claim("09:00").await, []);
    ledger.expand("16:00").await;
    assert_eq!(names(&ledger.claim("16:00").await), ["ana"], "once");
}

/// A claim of ana's that waits, at 09:00, until her zone is known.
async fn held(place: &dyn Place) -> Ledger {
    let ledger = Ledger::with(place, &[without_zone("ana")], &[draft("s")]).await;
    ledger.plan(&[plan("s", &[wave("09:00", NOWHERE), wave("09:00", DENVER)])], "00:00").await;
    ledger.expand("09:00").await;
    let claim = ledger.claim_one("09:00").await;
    ledger.settle(decided(&claim, "09:00", waiting("10:00", Reason::ZoneUnknown))).await;
    assert_eq!(ledger.claim("09:30").await, []);
    ledger
}

pub(crate) async fn who_waits_for_a_zone_is_woken_when_it_is_known(place: &dyn Place) {
    let ledger = held(place).await;
    // It is the same as the fallback zone, as it turns out.
    assert!(told(&ledger, ZoneSource::Client, NOWHERE, "09:30").await.work);
    let claim = ledger.claim_one("09:31").await;
    assert_eq!((claim.zone, claim.waited_for), (NOWHERE, Some(Reason::ZoneUnknown)));

    let place = place.another();
    let ledger = held(place.as_ref()).await;
    told(&ledger, ZoneSource::Client, DENVER, "09:30").await;
    assert_eq!(ledger.claim("09:31").await, [], "there it is not nine yet");
    let ana = ledger.delivery("s", "09:00", "ana").await;
    assert_eq!((ana.zone, ana.not_before), (DENVER, Some(at("16:00"))));
    ledger.expand("16:00").await;
    assert_eq!(names(&ledger.claim("16:00").await), ["ana"]);
}

pub(crate) async fn a_claim_comes_back_to_a_zone_that_is_known(place: &dyn Place) {
    let ledger = Ledger::with(place, &[without_zone("ana")], &[draft("s")]).await;
    ledger.plan(&[plan("s", &[wave("09:00", NOWHERE)])], "00:00").await;
    ledger.expand("09:00").await;
    let claim = ledger.claim_one("09:00").await;
    told(&ledger, ZoneSource::Client, NOWHERE, "09:00").await;
    ledger.settle(decided(&claim, "09:00", waiting("10:00", Reason::ZoneUnknown))).await;
    assert_eq!(ledger.delivery("s", "09:00", "ana").await.state, State::Waiting);
    assert_eq!(names(&ledger.claim("09:01").await), ["ana"], "what made it wait is over");
}

pub(crate) async fn who_waits_for_a_zone_is_looked_at_again_when_the_schedule_is_edited(place: &dyn Place) {
    let ledger = held(place).await;
    ledger.sync(&[draft("s")], "09:30").await;
    assert_eq!(ledger.claim("09:30").await, [], "it says what it said");
    ledger.sync(&[draft("s").topic("t")], "09:31").await;
    assert_eq!(names(&ledger.claim("09:31").await), ["ana"]);
}

pub(crate) async fn who_is_woken_waits_for_the_limits_as_everybody_does(place: &dyn Place) {
    let ledger = held(place).await;
    told(&ledger, ZoneSource::Client, NOWHERE, "09:30").await;
    let postpone = async |claim: &Claim, until: &str| {
        ledger.store.postpone(ledger.term, claim.id, at(until)).await.expect("postponing");
    };
    postpone(&ledger.claim_one("09:31").await, "09:40").await;
    assert_eq!(ledger.claim("09:39").await, []);
    let claim = ledger.claim_one("09:40").await;
    // She turns out to be elsewhere while it is in hand.
    told(&ledger, ZoneSource::Client, DENVER, "09:41").await;
    postpone(&claim, "09:45").await;
    let ana = ledger.delivery("s", "09:00", "ana").await;
    assert_eq!((ana.zone, ana.not_before), (DENVER, Some(at("16:00"))));
}

async fn id_of(ledger: &Ledger, who: &str) -> RecipientId {
    let found = ledger.store.find_people(who).await.expect("looking");
    assert_eq!(found.len(), 1, "{who}: {found:?}");
    found[0]
}

pub(crate) async fn the_operator_says_and_takes_back(place: &dyn Place) {
    let ledger = ana(place).await;
    told(&ledger, ZoneSource::Client, TOKYO, "08:00").await;
    let ana = id_of(&ledger, "ANA").await;
    assert_eq!([id_of(&ledger, "ana@x").await, id_of(&ledger, "a:ana").await], [ana; 2]);
    assert_eq!(ledger.store.find_people("bo").await.expect("looking"), []);
    let order = async |zone| ledger.store.order_zone(ana, zone, NOWHERE, at("09:00")).await.expect("ordering");
    assert_eq!((order(Some(BERLIN)).await, order(Some(BERLIN)).await), (true, false));
    assert_eq!(zone_of(&ledger, "ana").await, (BERLIN, ZoneSource::Operator));
    assert_eq!((order(None).await, order(None).await), (true, false));
    assert_eq!(zone_of(&ledger, "ana").await, (TOKYO, ZoneSource::Client));
}

pub(crate) async fn a_person_is_shown_with_what_was_passed_over(place: &dyn Place) {
    let ledger = ana(place).await;
    told(&ledger, ZoneSource::Client, TOKYO, "08:00").await;
    let ana = id_of(&ledger, "ana").await;
    let show = async |now| {
        let file = ledger.store.person(ana, NOWHERE, now).await.expect("reading").expect("she is there");
        let passed: Vec<_> = file.passed_over.iter().map(|passed| (passed.zone, passed.why)).collect();
        (file.zone_said_at, passed)
    };
    assert_eq!(show(at("09:00")).await, (Some(at("08:00")), vec![]));
    told(&ledger, ZoneSource::Own, BERLIN, "09:00").await;
    let outranked = WhyNot::Outranked { by: ZoneSource::Own };
    assert_eq!(show(at("09:00")).await, (Some(at("09:00")), vec![(TOKYO, outranked)]));
    let too_old = WhyNot::TooOld { max_days: 90 };
    assert_eq!(show(at("09:00") + TimeDelta::days(412)).await.1, [(TOKYO, too_old)]);
    assert_eq!(ledger.store.person(RecipientId(99), NOWHERE, at("09:00")).await.expect("reading"), None);
}

pub(crate) async fn who_became_one_person_keeps_what_was_said(place: &dyn Place) {
    // A schedule names her by her address; her client speaks before anybody knows that it is the same person.
    let ledger = Ledger::with(place, &[], &[draft("s").to(&["ana@x", "29:ana"])]).await;
    told(&ledger, ZoneSource::Client, TOKYO, "08:00").await;
    let met = Met {
        kind: RecipientKind::Person,
        name: Some("ana".into()),
        addresses: vec![address("29:ana"), address("ana@x")],
        reference: Reference { conversation_id: Some("a:ana".into()), ..Reference::default() },
        origin: ServiceOrigin::Heard,
        language: None,
        country: None,
        channel: None,
        at: at("09:00"),
        is_present: true,
    };
    hear(&ledger, Fact::Met(Box::new(met)), at("09:00")).await;
    assert_eq!(zone_of(&ledger, "ana").await, (TOKYO, ZoneSource::Client));
}

/// Asks ana, and says whether there is a question to send; it is sent.
async fn asks(ledger: &Ledger, now: DateTime<Utc>) -> bool {
    let asked = ledger.store.ask_zone(id_of(ledger, "ana@x").await, now).await.expect("asking");
    let due = ledger.store.replies_due(now, 10).await.expect("replies").tasks;
    assert_eq!(due.iter().map(|task| &task.says).collect::<Vec<_>>(), vec![&Says::WhichZone; usize::from(asked)]);
    for task in due {
        assert_eq!(task.reference.conversation_id.as_deref(), Some("a:ana"));
        assert!(ledger.store.mark_replying(task.reply).await.expect("marking"));
        let outcome = ReplyOutcome { reply: task.reply, at: now, settlement: ReplySettlement::Sent };
        ledger.store.settle_reply(outcome).await.expect("settling");
    }
    asked
}

pub(crate) async fn somebody_is_asked_once_in_thirty_days(place: &dyn Place) {
    let ledger = ana(place).await;
    let first = at("09:00");
    assert!(asks(&ledger, first).await);
    for later in [TimeDelta::zero(), TimeDelta::days(1), ASKED_AGAIN_AFTER - TimeDelta::seconds(1)] {
        assert!(!asks(&ledger, first + later).await, "{later}");
    }
    assert!(asks(&ledger, first + ASKED_AGAIN_AFTER).await);
    assert!(!asks(&ledger, first + ASKED_AGAIN_AFTER + TimeDelta::days(1)).await);
}

pub(crate) async fn nobody_is_asked_in_vain(place: &dyn Place) {
    let ledger = ana(place).await;
    told(&ledger, ZoneSource::Client, TOKYO, "08:00").await;
    assert!(!asks(&ledger, at("09:00")).await, "it is known");

    let other = place.another();
    let ledger = ana(other.as_ref()).await;
    let choose = async |wish, topic, time| {
        let choice = Choice { wish, topic, way: Way::Operator, at: at(time) };
        ledger.store.choose(who("ana"), choice).await.expect("choosing")
    };
    choose(Wish::Stop, None, "08:00").await;
    assert!(!asks(&ledger, at("09:00")).await, "she stopped everything");
    choose(Wish::Start, None, "09:00").await;
    choose(Wish::Stop, Topic::new("standup"), "09:01").await;
    assert!(asks(&ledger, at("10:00")).await, "one topic is not everything");

    let other = place.another();
    let reference = Reference { user_id: Some("29:ana".into()), ..Reference::default() };
    let ledger = Ledger::with(other.as_ref(), &[PersonRecord { reference, ..without_zone("ana") }], &[]).await;
    assert!(!asks(&ledger, at("09:00")).await, "no conversation is known");
}

pub(crate) async fn a_question_that_is_idle_by_then_is_not_sent(place: &dyn Place) {
    let ledger = ana(place).await;
    assert!(ledger.store.ask_zone(id_of(&ledger, "ana@x").await, at("09:00")).await.expect("asking"));
    let due = ledger.store.replies_due(at("09:00"), 10).await.expect("replies").tasks;
    told(&ledger, ZoneSource::Client, TOKYO, "09:01").await;
    assert!(!ledger.store.mark_replying(due[0].reply).await.expect("marking"));
    assert_eq!(ledger.store.replies_due(at("09:02"), 10).await.expect("replies").tasks, []);
}

pub(crate) async fn who_chooses_is_answered_at_once_and_gets_no_message(place: &dyn Place) {
    let ledger = ana(place).await;
    let choose = async |wish, said: &str, heard: &str| {
        let whence = Whence { conversation_id: Some("a:ana".into()), language: Some("de".into()), ..Whence::default() };
        let said = ZoneSaid { who: who("ana"), wish, at: at(said), whence, waits_for_answer: true };
        let taken = hear(&ledger, Fact::ZoneSaid(Box::new(said)), at(heard)).await;
        assert!(!taken.reply, "{taken:?}");
        taken.zone.map(|answered| answered.answer)
    };
    // Told twice, it is answered twice.
    for heard in ["09:00", "09:05"] {
        assert_eq!(choose(ZoneWish::Choose(BERLIN), "09:00", heard).await, Some(ZoneAnswer::Chosen(BERLIN)));
    }
    assert_eq!(zone_of(&ledger, "ana").await, (BERLIN, ZoneSource::Own));
    let unclear = ZoneWish::Unclear(Some(TOKYO));
    assert_eq!(choose(unclear, "09:10", "09:10").await, Some(ZoneAnswer::Unclear(Some(TOKYO))));
    assert_eq!(
        choose(ZoneWish::Choose(DENVER), "08:00", "09:11").await,
        Some(ZoneAnswer::Now(BERLIN)),
        "it comes late"
    );
    assert_eq!(zone_of(&ledger, "ana").await, (BERLIN, ZoneSource::Own));
    assert_eq!(ledger.store.replies_due(at("09:12"), 10).await.expect("replies").tasks, []);
}
