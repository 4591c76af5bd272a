//! Taking back what was sent, and stopping what was not.

use nudged::domain::delivery::{Claim, Reason, Settlement, State};
use nudged::domain::id::AttemptId;
use nudged::domain::recall::{RecallSettlement, RecallState, Remedy};
use nudged::domain::schedule::model::Target;
use nudged::port::recall::{NoRecall, RecallOrder, RecallOutcome, RecallReport, RecallTask, RecallWork};
use nudged::port::store::{Outcome, SchedulePlan, StoreError};

use crate::Place;
use crate::fixtures::*;

const STOPPED: (State, Option<Reason>) = (State::Cancelled, Some(Reason::Recalled));

fn order(time: &str) -> RecallOrder {
    RecallOrder { schedule: name("s"), occurrence: Some(civil(time)), who: Vec::new(), remedy: Remedy::Delete }
}

fn only(time: &str, who: &[&str]) -> RecallOrder {
    RecallOrder { who: who.iter().map(|who| Target::Person(address(&format!("{who}@x")))).collect(), ..order(time) }
}

fn replace(order: RecallOrder) -> RecallOrder {
    RecallOrder { remedy: Remedy::Replace("New".into()), ..order }
}

fn counts(report: &RecallReport) -> Vec<(RecallState, u64)> {
    report.counts.iter().map(|(state, count)| (*state, *count)).collect()
}

/// Nine in Berlin, which is 08:00 UTC, for these people.
async fn berlin(place: &dyn Place, people: &[&str]) -> Ledger {
    let people: Vec<_> = people.iter().map(|name| person(name, BERLIN)).collect();
    let ledger = Ledger::with(place, &people, &[draft("s")]).await;
    ledger.plan(&[plan("s", &[wave("09:00", BERLIN)])], "00:00").await;
    ledger.expand("08:00").await;
    ledger
}

/// Sends to all who are due; of those named here the answer is another one.
async fn send_all(ledger: &Ledger, now: &str, others: &[(&str, Settlement)]) {
    for claim in ledger.claim(now).await {
        let other = others.iter().find(|(name, _)| *name == claim.recipient.name);
        ledger.send(&claim, now, other.map_or_else(sent, |(_, settlement)| settlement.clone())).await;
    }
}

fn in_doubt(until: &str) -> Settlement {
    Settlement::Waiting { not_before: at(until), reason: Reason::NoAnswer, possible_duplicate: true }
}

impl Ledger {
    async fn try_recall(&self, order: RecallOrder, now: &str) -> Result<RecallReport, NoRecall> {
        self.store.try_recall(order, at(now)).await.expect("trying out")
    }

    async fn recall(&self, order: RecallOrder, now: &str) -> RecallReport {
        self.store.begin_recall(order, at(now)).await.expect("recalling").expect("something to recall")
    }

    async fn no_recall(&self, order: RecallOrder) -> NoRecall {
        let tried = self.try_recall(order.clone(), "08:00").await.expect_err("nothing to try");
        let begun = self.store.begin_recall(order, at("08:00")).await.expect("recalling");
        assert_eq!(begun.expect_err("nothing to recall"), tried, "the trial says the same");
        tried
    }

    async fn recall_due(&self, now: &str) -> RecallWork {
        self.store.recall_due(at(now), 100).await.expect("what is due")
    }

    async fn settle_recall(&self, task: &RecallTask, now: &str, settlement: RecallSettlement) -> bool {
        let (recall, delivery) = (task.recall, task.delivery);
        let outcome = RecallOutcome { recall, delivery, at: at(now), settlement, detail: None };
        self.store.settle_recall(outcome).await.expect("settling")
    }

    /// The report as it stands now, with each message by the name of its recipient.
    async fn standing(&self, report: &RecallReport) -> Vec<(String, RecallState)> {
        let recall = report.recall.expect("a recall that has begun");
        let report = self.store.recall_report(recall, true).await.expect("a report").expect("it exists");
        let listed: u64 = report.counts.values().sum();
        assert_eq!(listed, report.messages.len() as u64, "the numbers fit the list");
        report.messages.into_iter().map(|message| (message.recipient, message.state)).collect()
    }
}

fn named(task: &RecallTask) -> &str {
    &task.recipient.name
}

pub(crate) async fn what_was_sent_is_due_and_the_rest_is_stopped(place: &dyn Place) {
    let people = ["bare", "doubt", "failed", "sent", "unknown", "waiting"].map(|name| person(name, BERLIN));
    let people = people.into_iter().chain([person("lee", DENVER)]).collect::<Vec<_>>();
    let ledger = Ledger::with(place, &people, &[draft("s")]).await;
    ledger.plan(&[plan("s", &[wave("09:00", BERLIN), wave("09:00", DENVER)])], "00:00").await;
    ledger.expand("08:00").await;
    let others = [
        ("bare", Settlement::Sent { activity_id: None }),
        ("doubt", in_doubt("08:10")),
        ("failed", Settlement::Failed(Reason::Refused)),
        ("unknown", Settlement::Unknown(Reason::NoAnswer)),
        ("waiting", waiting("08:10", Reason::Throttled)),
    ];
    send_all(&ledger, "08:00", &others).await;
    ledger.import(&[person("late", BERLIN)], "08:01").await;
    ledger.expand("08:01").await;

    let tried = ledger.try_recall(order("09:00"), "08:02").await.expect("something to recall");
    let expect = [(RecallState::Pending, 1), (RecallState::NoId, 3), (RecallState::Unsent, 3)];
    assert_eq!((tried.recall, counts(&tried)), (None, expect.to_vec()));
    assert_eq!(ledger.state("s", "09:00", "late").await, (State::Planned, None), "a trial changes nothing");

    let begun = ledger.recall(order("09:00"), "08:02").await;
    assert_eq!((counts(&begun), begun.possible_duplicates), (expect.to_vec(), 1));
    let standing = ledger.standing(&begun).await;
    let of = |name: &str| standing.iter().find(|(who, _)| who == name).map(|(_, state)| *state);
    assert_eq!(of("failed"), None, "nothing came of it");
    assert_eq!([of("sent"), of("bare")], [Some(RecallState::Pending), Some(RecallState::NoId)]);
    assert_eq!([of("doubt"), of("unknown")], [Some(RecallState::NoId); 2], "a copy may be there");
    assert_eq!([of("late"), of("lee"), of("waiting")], [Some(RecallState::Unsent); 3]);

    for name in ["doubt", "late", "lee", "waiting"] {
        assert_eq!(ledger.state("s", "09:00", name).await, STOPPED, "{name}");
    }
    assert_eq!(ledger.state("s", "09:00", "sent").await, (State::Sent, None), "what was sent stays history");
    ledger.expand("16:00").await;
    assert_eq!(ledger.claim("16:00").await, [], "nothing is sent any more");
    let due = ledger.recall_due("08:02").await;
    assert_eq!(due.tasks.iter().map(named).collect::<Vec<_>>(), ["sent"]);
    let task = &due.tasks[0];
    assert_eq!((task.activity_id.as_str(), task.attempts, task.asked_at), ("1", 0, at("08:02")));
    assert_eq!(task.reference.conversation_id.as_deref(), Some("a:sent"));
}

pub(crate) async fn a_claim_is_taken_out_of_the_senders_hands(place: &dyn Place) {
    let ledger = berlin(place, &["ana", "bo", "cy", "di"]).await;
    let claims = ledger.claim("08:00").await;
    let begun = ledger.recall(order("09:00"), "08:00").await;
    assert_eq!(counts(&begun), [(RecallState::Unsent, 4)]);
    let [ana, bo, cy, di] = claims.as_slice() else { panic!("four claims: {claims:?}") };
    assert_lost(ledger.store.mark_sending(ana.id, ana.term, at("08:00"), LEASE).await, ana);
    assert_lost(ledger.store.settle(decided(bo, "08:00", waiting("08:10", Reason::QuietHours))).await, bo);
    ledger.release(cy).await;
    ledger.store.postpone(di.term, di.id, at("08:10")).await.expect("postponing");
    for claim in &claims {
        assert_eq!(ledger.state("s", "09:00", &claim.recipient.name).await, STOPPED);
    }
    assert_eq!(ledger.claim("08:30").await, []);
}

/// Sending when the recall begins: what there is to take back is known when the sender lets go.
pub(crate) async fn what_is_being_sent_is_awaited(place: &dyn Place) {
    let endings = [
        ("arrived", sent(), RecallState::Pending),
        ("bare", Settlement::Sent { activity_id: None }, RecallState::NoId),
        ("busy", waiting("08:10", Reason::Throttled), RecallState::Unsent),
        ("doubt", in_doubt("08:10"), RecallState::NoId),
        ("failed", Settlement::Failed(Reason::Refused), RecallState::Unsent),
        ("unknown", Settlement::Unknown(Reason::NoAnswer), RecallState::NoId),
    ];
    let ledger = berlin(place, &endings.each_ref().map(|it| it.0)).await;
    let mut sending = Vec::new();
    for claim in ledger.claim("08:00").await {
        let attempt = ledger.mark(&claim, "08:00").await;
        sending.push((claim, attempt));
    }
    let begun = ledger.recall(order("09:00"), "08:00").await;
    assert_eq!(counts(&begun), [(RecallState::Awaiting, 6)]);
    let work = ledger.recall_due("08:00").await;
    assert_eq!((work.tasks.len(), work.next_at, work.is_awaiting), (0, None, true));

    for (claim, attempt) in &sending {
        let (_, settlement, _) = endings.iter().find(|it| it.0 == claim.recipient.name).expect("its ending");
        ledger.settle(attempted(claim, *attempt, "08:01", settlement.clone())).await;
    }
    let expect: Vec<_> = endings.iter().map(|(name, _, state)| ((*name).to_owned(), *state)).collect();
    assert_eq!(ledger.standing(&begun).await, expect);
    let work = ledger.recall_due("08:01").await;
    assert_eq!((work.tasks.iter().map(named).collect::<Vec<_>>(), work.is_awaiting), (vec!["arrived"], false));
    for name in ["busy", "doubt"] {
        assert_eq!(ledger.state("s", "09:00", name).await, STOPPED, "{name} is not tried again");
    }
    assert_eq!(ledger.claim("08:30").await, []);
}

pub(crate) async fn a_crash_while_sending_is_not_sent_again(place: &dyn Place) {
    let ledger = berlin(place, &["ana"]).await;
    let claim = ledger.claim_one("08:00").await;
    ledger.mark(&claim, "08:00").await;
    let begun = ledger.recall(order("09:00"), "08:00").await;
    ledger.store.take_over(at("08:01")).await.expect("taking over");
    assert_eq!(ledger.standing(&begun).await, [("ana".to_owned(), RecallState::NoId)]);
    let ana = ledger.delivery("s", "09:00", "ana").await;
    assert_eq!((ana.state, ana.reason, ana.possible_duplicate), (State::Cancelled, Some(Reason::Recalled), true));
}

/// The whole of it is in the ledger: a successor finds the same things to do.
pub(crate) async fn a_recall_outlives_its_daemon(place: &dyn Place) {
    let ledger = berlin(place, &["ana", "bo"]).await;
    send_all(&ledger, "08:00", &[]).await;
    let begun = ledger.recall(replace(order("09:00")), "08:01").await;
    let before = ledger.recall_due("08:02").await;
    ledger.settle_recall(&before.tasks[0], "08:02", RecallSettlement::Done).await;
    ledger.store.close().await;

    let store = place.open();
    let term = store.take_over(at("08:03")).await.expect("taking over").term;
    let ledger = Ledger { store, term };
    assert_eq!(ledger.recall_due("08:03").await.tasks, before.tasks[1..]);
    let report = ledger.store.recall_report(begun.recall.expect("its number"), false).await;
    let report = report.expect("a report").expect("it is still known");
    assert_eq!((report.remedy, report.asked_at), (Remedy::Replace("New".into()), at("08:01")));
    assert!(report.messages.is_empty(), "only the numbers were asked for");
}

pub(crate) async fn what_is_recalled_does_not_come_back(place: &dyn Place) {
    let ledger = berlin(place, &["ana", "bo"]).await;
    let claims = ledger.claim("08:00").await;
    ledger.sent(&claims[0], "08:00").await;
    ledger.recall(order("09:00"), "08:01").await;
    let nothing = async |ledger: &Ledger, now: &str, what: &str| {
        ledger.expand(now).await;
        assert_eq!(ledger.claim(now).await, [], "{what}");
    };
    // An edit there and back.
    ledger.plan(&[plan("s", &[])], "08:02").await;
    ledger.plan(&[plan("s", &[wave("09:00", BERLIN)])], "08:03").await;
    nothing(&ledger, "08:04", "an edit and back").await;
    // Another text.
    ledger
        .plan(
            &[nudged::port::store::SchedulePlan { signature: "2".into(), ..plan("s", &[wave("09:00", BERLIN)]) }],
            "08:04",
        )
        .await;
    nothing(&ledger, "08:05", "another text").await;
    // A new-comer, and a zone that gets its wave only now.
    ledger.import(&[person("new", BERLIN), person("lee", DENVER)], "08:06").await;
    ledger.plan(&[plan("s", &[wave("09:00", BERLIN), wave("09:00", DENVER)])], "08:06").await;
    nothing(&ledger, "08:07", "a new-comer").await;
    nothing(&ledger, "16:00", "another zone").await;
    for name in ["new", "lee"] {
        assert_eq!(ledger.state("s", "09:00", name).await, STOPPED, "{name}");
    }
    // A schedule that went away and came back.
    ledger.sync(&[], "16:01").await;
    ledger.store.retire_missing(at("16:20"), at("16:20")).await.expect("retiring");
    ledger.sync(&[draft("s")], "16:21").await;
    ledger.plan(&[plan("s", &[wave("09:00", DENVER)])], "16:21").await;
    nothing(&ledger, "16:22", "a schedule that came back").await;
}

/// A changed time of day is another occurrence, and still the same message.
pub(crate) async fn what_is_recalled_does_not_come_back_at_another_hour(place: &dyn Place) {
    let ledger = berlin(place, &["ana", "bo"]).await;
    let claims = ledger.claim("08:00").await;
    ledger.sent(&claims[0], "08:00").await;
    ledger.recall(order("09:00"), "08:01").await;
    ledger.plan(&[plan("s", &[wave("10:00", BERLIN)])], "08:02").await;
    let tried = ledger.try_recall(order("09:00"), "08:02").await.expect("something to recall");
    assert_eq!(tried.moved_to, Some(civil("10:00")), "it says where the message is now");
    ledger.expand("09:00").await;
    assert_eq!(ledger.claim("09:00").await, []);
    assert_eq!(ledger.counts("s", "10:00").await, [(State::Skipped, 2)]);
    ledger.import(&[person("new", BERLIN)], "09:01").await;
    ledger.expand("09:02").await;
    assert_eq!(ledger.state("s", "10:00", "new").await, STOPPED, "nor to somebody new");
}

/// The report says where the message is now, and that it is not recalled by this.
pub(crate) async fn a_recall_after_an_edit_is_not_about_the_new_hour(place: &dyn Place) {
    let ledger = berlin(place, &["ana"]).await;
    let claim = ledger.claim_one("08:00").await;
    ledger.sent(&claim, "08:00").await;
    ledger.import(&[person("new", BERLIN)], "08:01").await;
    let moved = plan("s", &[wave("10:00", BERLIN)]);
    ledger.plan(std::slice::from_ref(&moved), "08:01").await;
    ledger.recall(order("09:00"), "08:02").await;
    ledger.plan(&[SchedulePlan { replaces: None, ..moved.clone() }], "08:30").await;
    ledger.plan(&[moved], "08:31").await;
    ledger.expand("09:00").await;
    assert_eq!(names(&ledger.claim("09:00").await), ["new"]);
}

pub(crate) async fn only_those_who_are_meant(place: &dyn Place) {
    let people = ["ana", "bo", "cy"].map(|name| person(name, BERLIN)).into_iter().chain([person("lee", DENVER)]);
    let ledger = Ledger::with(place, &people.collect::<Vec<_>>(), &[draft("s")]).await;
    ledger.plan(&[plan("s", &[wave("09:00", BERLIN), wave("09:00", DENVER)])], "00:00").await;
    ledger.expand("08:00").await;
    let ana = ledger.claim("08:00").await.into_iter().find(|claim| claim.recipient.name == "ana").expect("ana");
    ledger.sent(&ana, "08:00").await;
    ledger.store.take_over(at("08:00")).await.expect("taking over");

    let begun = ledger.recall(only("09:00", &["ana", "bo", "lee"]), "08:01").await;
    assert_eq!(counts(&begun), [(RecallState::Pending, 1), (RecallState::Unsent, 2)]);
    let ledger = Ledger { term: ledger.store.take_over(at("08:01")).await.expect("taking over").term, ..ledger };
    assert_eq!(names(&ledger.claim("08:01").await), ["cy"], "the others are served");
    ledger.plan(&[plan("s", &[])], "08:02").await;
    ledger.plan(&[plan("s", &[wave("09:00", BERLIN), wave("09:00", DENVER)])], "08:03").await;
    ledger.import(&[person("new", BERLIN), person("kim", DENVER)], "08:03").await;
    ledger.expand("08:10").await;
    assert_eq!(names(&ledger.claim("08:10").await), ["new"], "and so is who comes later");
    ledger.expand("16:00").await;
    assert_eq!(names(&ledger.claim("16:00").await), ["kim"]);
    assert_eq!(ledger.state("s", "09:00", "lee").await, STOPPED);

    let group = |name: &str| RecallOrder { who: vec![Target::Group(name.into())], ..order("09:00") };
    assert_eq!(ledger.no_recall(group("g")).await, NoRecall::Nobody(Target::Group("g".into())));
    ledger.import(&[member("ana", BERLIN, &["g"])], "08:04").await;
    assert_eq!(counts(&ledger.recall(group("g"), "08:05").await), [(RecallState::Pending, 1)]);
}

/// What an edit had ended before the recall of a person must not be revived by the next one.
pub(crate) async fn what_had_been_cancelled_is_cancelled_for_good(place: &dyn Place) {
    let ledger = berlin(place, &["ana", "bo"]).await;
    let claims = ledger.claim("08:00").await;
    let ana = claims.iter().find(|claim| claim.recipient.name == "ana").expect("ana");
    let attempt = ledger.mark(ana, "08:00").await;
    ledger.release(claims.iter().find(|claim| claim.recipient.name == "bo").expect("bo")).await;
    ledger.plan(&[plan("s", &[])], "08:01").await;
    assert_eq!(ledger.state("s", "09:00", "bo").await, (State::Cancelled, Some(Reason::ScheduleChanged)));
    // Of ana it comes back from its sender after the edit.
    ledger.recall(only("09:00", &["ana", "bo"]), "08:02").await;
    ledger.settle(attempted(ana, attempt, "08:03", waiting("08:04", Reason::Throttled))).await;
    ledger.plan(&[plan("s", &[wave("09:00", BERLIN)])], "08:05").await;
    ledger.expand("08:06").await;
    assert_eq!(ledger.claim("08:06").await, []);
    for name in ["ana", "bo"] {
        assert_eq!(ledger.state("s", "09:00", name).await, STOPPED, "{name}");
    }
}

pub(crate) async fn a_second_recall_takes_the_first_over(place: &dyn Place) {
    let people = ["bad", "done", "due", "gone", "lost"];
    let ledger = berlin(place, &people).await;
    send_all(&ledger, "08:00", &[("lost", Settlement::Sent { activity_id: None })]).await;
    let first = ledger.recall(replace(order("09:00")), "08:01").await;
    let old = ledger.recall_due("08:01").await.tasks;
    for task in &old {
        let settlement = match named(task) {
            "bad" => RecallSettlement::Failed(Reason::Refused),
            "done" => RecallSettlement::Done,
            "gone" => RecallSettlement::Gone,
            _ => continue,
        };
        ledger.settle_recall(task, "08:02", settlement).await;
    }
    let second = ledger.recall(order("09:00"), "08:03").await;
    let standing = |states: [RecallState; 5]| -> Vec<(String, RecallState)> {
        people.iter().map(|name| (*name).to_owned()).zip(states).collect()
    };
    let (pending, gone, no_id) = (RecallState::Pending, RecallState::Gone, RecallState::NoId);
    assert_eq!(ledger.standing(&second).await, standing([pending, pending, pending, gone, no_id]));
    assert_eq!(ledger.standing(&first).await, [], "each message belongs to one of them");

    // The first one's request was under way when the second began: its answer is not the second one's.
    let due = old.iter().find(|task| named(task) == "due").expect("it was due");
    assert!(!ledger.settle_recall(due, "08:04", RecallSettlement::Done).await);
    assert_eq!(ledger.recall_due("08:04").await.tasks.len(), 3);
    for task in ledger.recall_due("08:04").await.tasks {
        assert_eq!((task.remedy.clone(), task.attempts), (Remedy::Delete, 0));
        assert!(ledger.settle_recall(&task, "08:05", RecallSettlement::Done).await);
    }
    assert_eq!(ledger.recall_due("23:00").await, RecallWork::default());

    // What is deleted stays deleted.
    let third = ledger.recall(replace(order("09:00")), "08:06").await;
    assert_eq!(ledger.standing(&third).await, standing([gone, gone, gone, gone, no_id]));
}

pub(crate) async fn a_message_is_tried_until_it_has_an_end(place: &dyn Place) {
    let ledger = berlin(place, &["ana", "bo"]).await;
    send_all(&ledger, "08:00", &[]).await;
    let begun = ledger.recall(order("09:00"), "08:01").await;
    assert_eq!(ledger.store.recall_due(at("08:01"), 1).await.expect("what is due").tasks.len(), 1);
    let tasks = ledger.recall_due("08:01").await.tasks;
    assert_eq!(ledger.recall_due("08:01").await.tasks, tasks, "asked again, the same ones");
    let again = RecallSettlement::Again { not_before: at("08:10"), reason: Reason::Throttled };
    ledger.settle_recall(&tasks[0], "08:02", again).await;
    ledger.settle_recall(&tasks[1], "08:02", RecallSettlement::Postponed { not_before: at("08:05") }).await;
    let work = ledger.recall_due("08:04").await;
    assert_eq!((work.tasks.len(), work.next_at), (0, Some(at("08:05"))));
    let work = ledger.recall_due("08:10").await;
    assert_eq!(
        work.tasks.iter().map(|task| task.attempts).collect::<Vec<_>>(),
        [0, 1],
        "to be sent away is no attempt"
    );
    ledger.settle_recall(&work.tasks[0], "08:10", RecallSettlement::Failed(Reason::Blocked)).await;
    ledger.settle_recall(&work.tasks[1], "08:10", RecallSettlement::Done).await;
    ledger.settle_recall(&work.tasks[1], "08:11", RecallSettlement::Failed(Reason::Refused)).await;
    let report = ledger.store.recall_report(begun.recall.expect("its number"), true).await;
    let messages = report.expect("a report").expect("it exists").messages;
    let seen: Vec<_> = messages.iter().map(|it| (it.state, it.reason, it.attempts, it.not_before)).collect();
    let of = |task: &RecallTask| match named(task) {
        "ana" => 0,
        _ => 1,
    };
    assert_eq!(seen[of(&work.tasks[0])], (RecallState::Failed, Some(Reason::Blocked), 1, None));
    assert_eq!(seen[of(&work.tasks[1])], (RecallState::Done, None, 2, None), "what has ended has ended");
}

/// What was never tried has no instant to wait for, and what waits waits no longer than the longest wait there is.
pub(crate) async fn a_clock_that_is_set_back_holds_no_recall_up(place: &dyn Place) {
    let ledger = berlin(place, &["ana", "bo", "cy"]).await;
    let [ana, bo, cy] = ledger.claim("08:00").await.try_into().expect("three claims");
    ledger.sent(&ana, "08:00").await;
    ledger.sent(&bo, "08:00").await;
    let attempt = ledger.mark(&cy, "08:00").await;
    ledger.recall(order("09:00"), "08:01").await;
    ledger.settle(attempted(&cy, attempt, "08:02", sent())).await;
    let tasks = ledger.recall_due("06:00").await.tasks;
    assert_eq!(tasks.len(), 3, "{tasks:#?}");

    let again = |time| RecallSettlement::Again { not_before: at(time), reason: Reason::Throttled };
    ledger.settle_recall(&tasks[0], "08:03", again("08:50")).await;
    ledger.settle_recall(&tasks[1], "08:03", RecallSettlement::Postponed { not_before: at("08:40") }).await;
    ledger.settle_recall(&tasks[2], "08:03", RecallSettlement::Done).await;
    let due = async |now| {
        let work = ledger.recall_due(now).await;
        (work.tasks.into_iter().map(|task| task.delivery).collect::<Vec<_>>(), work.next_at)
    };
    assert_eq!(due("08:03").await, (vec![], Some(at("08:40"))));
    assert_eq!(due("07:50").await, (vec![], Some(at("08:40"))), "an hour may be waited");
    assert_eq!(due("07:45").await.0, [tasks[0].delivery], "more than that nobody meant");
    assert_eq!(due("06:00").await.0, [tasks[1].delivery, tasks[0].delivery]);
}

pub(crate) async fn the_latest_that_left_is_meant(place: &dyn Place) {
    let ledger = Ledger::with(place, &[person("ana", BERLIN)], &[draft("s")]).await;
    let latest = || RecallOrder { occurrence: None, ..order("09:00") };
    assert_eq!(ledger.no_recall(RecallOrder { schedule: name("t"), ..latest() }).await, NoRecall::UnknownSchedule);
    assert_eq!(ledger.no_recall(latest()).await, NoRecall::NothingSent);
    ledger.plan(&[plan("s", &["09:00", "12:00", "15:00"].map(|time| wave(time, BERLIN)))], "00:00").await;
    assert_eq!(ledger.no_recall(latest()).await, NoRecall::NothingSent, "what is planned has not left");
    let none = NoRecall::UnknownOccurrence { known: Vec::new() };
    assert_eq!(ledger.no_recall(order("10:00")).await, none, "what is planned is not what is looked for");

    ledger.expand("11:00").await;
    for (claim, settlement) in ledger.claim("11:00").await.iter().zip([sent(), sent()]) {
        ledger.send(claim, "11:00", settlement).await;
    }
    let tried = ledger.try_recall(latest(), "11:00").await.expect("the one at noon");
    assert_eq!((tried.occurrence, counts(&tried)), (civil("12:00"), vec![(RecallState::Pending, 1)]));
    // One that is being sent has left.
    ledger.expand("14:00").await;
    let claim = ledger.claim_one("14:00").await;
    assert_eq!(ledger.try_recall(latest(), "14:00").await.map(|it| it.occurrence), Ok(civil("12:00")));
    ledger.mark(&claim, "14:00").await;
    assert_eq!(ledger.try_recall(latest(), "14:00").await.map(|it| it.occurrence), Ok(civil("15:00")));

    let stranger = only("09:00", &["stranger"]);
    assert_eq!(ledger.no_recall(stranger.clone()).await, NoRecall::Nobody(stranger.who[0].clone()));
    ledger.import(&[person("bo", TOKYO)], "14:00").await;
    assert_eq!(ledger.no_recall(only("09:00", &["bo"])).await, NoRecall::NothingThere(civil("09:00")));
}

/// One that is still to come can be stopped before anybody has got it.
pub(crate) async fn what_is_still_to_come_is_stopped_in_advance(place: &dyn Place) {
    let ledger = Ledger::with(place, &[person("ana", BERLIN), person("kei", TOKYO)], &[draft("s")]).await;
    let waves = [wave("09:00", BERLIN), wave("09:00", TOKYO), wave("12:00", BERLIN)];
    ledger.plan(&[plan("s", &waves)], "00:00").await;
    let begun = ledger.recall(order("09:00"), "00:00").await;
    assert_eq!(counts(&begun), [(RecallState::Unsent, 2)]);
    ledger.expand("11:00").await;
    assert_eq!(ledger.claim_one("11:00").await.occurrence, civil("12:00"), "the next one is sent");
    assert_eq!(ledger.counts("s", "09:00").await, [(State::Cancelled, 2)]);
}

pub(crate) async fn a_place_on_the_day_is_given_back(place: &dyn Place) {
    let ledger = berlin(place, &["ana"]).await;
    ledger.plan(&[plan("s", &[wave("09:00", BERLIN), wave("09:30", BERLIN)])], "08:00").await;
    ledger.expand("08:30").await;
    let claims = ledger.claim("08:30").await;
    let day = at("08:00").date_naive();
    let take = async |of: usize| {
        let claim = &claims[of];
        let taken = ledger.store.take_place(claim.id, claim.recipient.id, day, 1).await;
        taken.map_err(|error: StoreError| error.to_string())
    };
    assert_eq!(take(0).await, Ok(true));
    assert_eq!(take(1).await, Ok(false));
    ledger.recall(order("09:00"), "08:31").await;
    assert_eq!(take(1).await, Ok(true), "nothing of the first arrived");
}

/// Whatever is taken back of it: it was there, and counts among the messages of that day.
pub(crate) async fn a_place_on_the_day_stays_taken_by_what_may_have_arrived(place: &dyn Place) {
    let ledger = berlin(place, &["before", "doubt", "during", "unknown"]).await;
    ledger.plan(&[plan("s", &[wave("09:00", BERLIN), wave("10:00", BERLIN)])], "08:00").await;
    let day = at("08:00").date_naive();
    let has_room = async |claim: &Claim| {
        ledger.store.take_place(claim.id, claim.recipient.id, day, 1).await.expect("asking for a place")
    };
    let mut sending = Vec::new();
    for claim in ledger.claim("08:00").await {
        assert!(has_room(&claim).await);
        let attempt = ledger.mark(&claim, "08:00").await;
        sending.push((claim, attempt));
    }
    let end = async |sending: &[(Claim, AttemptId)]| {
        for (claim, attempt) in sending {
            let settlement = match claim.recipient.name.as_str() {
                "doubt" => in_doubt("08:10"),
                "unknown" => Settlement::Unknown(Reason::NoAnswer),
                _ => sent(),
            };
            ledger.settle(attempted(claim, *attempt, "08:01", settlement)).await;
        }
    };
    let (before, during): (Vec<_>, Vec<_>) = sending.into_iter().partition(|(it, _)| it.recipient.name == "before");
    end(&before).await;
    let begun = ledger.recall(order("09:00"), "08:01").await;
    assert_eq!(counts(&begun), [(RecallState::Awaiting, 3), (RecallState::Pending, 1)]);
    end(&during).await;
    for task in ledger.recall_due("08:02").await.tasks {
        ledger.settle_recall(&task, "08:02", RecallSettlement::Done).await;
    }
    ledger.expand("09:00").await;
    let next = ledger.claim("09:00").await;
    assert_eq!(next.len(), 4);
    for claim in next {
        assert!(!has_room(&claim).await, "{}: the first one may have been read", claim.recipient.name);
    }
}

pub(crate) async fn a_message_in_a_thread_is_taken_back_there(place: &dyn Place) {
    let ledger = berlin(place, &["ana", "bo"]).await;
    for claim in ledger.claim("08:00").await {
        let attempt = ledger.mark(&claim, "08:00").await;
        let sent_in = (claim.recipient.name == "ana").then(|| "19:x;messageid=1".to_owned());
        ledger.settle(Outcome { sent_in, ..attempted(&claim, attempt, "08:00", sent()) }).await;
    }
    ledger.recall(order("09:00"), "08:01").await;
    let mut conversations: Vec<_> =
        ledger.recall_due("08:01").await.tasks.into_iter().filter_map(|task| task.reference.conversation_id).collect();
    conversations.sort();
    assert_eq!(conversations, ["19:x;messageid=1", "a:bo"]);
}
