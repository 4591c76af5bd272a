//! Messages are taken back at the pace of the limits, each as often as it takes, and the rest is not sent.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use nudged::domain::delivery::{Reason, State};
use nudged::domain::id::RecallId;
use nudged::domain::message::Said;
use nudged::domain::rate::{Book, Windows};
use nudged::domain::recall::{RecallState, Remedy};
use nudged::domain::recipient::Reference;
use nudged::domain::share::Rooms;
use nudged::domain::template::Template;
use nudged::domain::verdict::{Answer, Evidence, Verdict};
use nudged::engine::dispatcher::LEAD;
use nudged::engine::health::Health;
use nudged::engine::limiter::Limiter;
use nudged::engine::posting::Turns;
use nudged::engine::recaller::Recaller;
use nudged::engine::sender::{LEASE, Sender};
use nudged::engine::watch::Watch;
use nudged::port::clock::Clock;
use nudged::port::connector::{Channel, Connector, Conversation, MemberPage, OutgoingActivity, Posted, Team};
use nudged::port::entropy::Entropy;
use nudged::port::recall::{RecallOrder, RecallReport};
use tokio::sync::{Notify, Semaphore, watch};
use tokio::task::{AbortHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::pulse::full_for;
use crate::rig::{Rig, at};

const NINE: &str = "2027-03-01T09:00";

/// A request to take a message back.
#[derive(Debug, Clone, PartialEq)]
struct Asked {
    at: DateTime<Utc>,
    /// Whose message it is.
    who: String,
    activity_id: String,
    /// What takes its place.
    text: Option<String>,
}

/// A Teams that takes every message, and answers to what is taken back as it was told to.
struct Script {
    clock: Arc<dyn Clock>,
    answers: Mutex<HashMap<String, VecDeque<Verdict>>>,
    /// Whether the token is refused, whatever is asked.
    refuses: AtomicBool,
    /// Whether the next request to take a message back panics.
    breaks: AtomicBool,
    asked: watch::Sender<Vec<Asked>>,
    /// One for each request of either kind that may be answered.
    gate: Semaphore,
    /// How many messages are on their way to it.
    sending: watch::Sender<usize>,
}

impl Script {
    fn new(clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self {
            clock,
            answers: Mutex::default(),
            refuses: AtomicBool::default(),
            breaks: AtomicBool::default(),
            asked: watch::Sender::default(),
            gate: Semaphore::new(Semaphore::MAX_PERMITS),
            sending: watch::Sender::default(),
        })
    }

    /// The next answers about the message of this person; after them it is done.
    fn answers(&self, who: &str, verdicts: &[Verdict]) {
        let mut answers = self.answers.lock().expect("nobody panics with it");
        answers.entry(who.to_owned()).or_default().extend(verdicts.iter().cloned());
    }

    fn asked(&self) -> Vec<Asked> {
        self.asked.borrow().clone()
    }

    async fn wait(&self) {
        self.gate.acquire().await.expect("it is never closed").forget();
    }

    async fn take_back(&self, reference: &Reference, activity_id: &str, text: Option<String>) -> Answer {
        let conversation = reference.conversation_id.as_deref().expect("a conversation");
        let who = conversation.trim_start_matches("a:").to_owned();
        let asked = Asked { at: self.clock.now(), who: who.clone(), activity_id: activity_id.to_owned(), text };
        self.asked.send_modify(|all| all.push(asked));
        self.wait().await;
        assert!(!self.breaks.swap(false, Ordering::SeqCst), "a request that breaks");
        if self.refuses.load(Ordering::SeqCst) {
            return answer(Verdict::OurFault { reason: Reason::TokenRefused });
        }
        let scripted = self.answers.lock().expect("nobody panics with it").get_mut(&who).and_then(VecDeque::pop_front);
        answer(scripted.unwrap_or(Verdict::Delivered { activity_id: None }))
    }
}

fn answer(verdict: Verdict) -> Answer {
    Answer { verdict, evidence: Evidence::default() }
}

#[async_trait]
impl Connector for Script {
    async fn continue_conversation(&self, reference: &Reference, _: &OutgoingActivity) -> Answer {
        self.sending.send_modify(|count| *count += 1);
        self.wait().await;
        let activity_id = reference.conversation_id.as_ref().map(|id| format!("sent into {id}"));
        answer(Verdict::Delivered { activity_id })
    }

    async fn update_activity(&self, reference: &Reference, activity_id: &str, activity: &OutgoingActivity) -> Answer {
        let Said::Text(text) = activity.said.clone() else { panic!("a text takes its place: {activity:?}") };
        self.take_back(reference, activity_id, Some(text)).await
    }

    async fn delete_activity(&self, reference: &Reference, activity_id: &str) -> Answer {
        self.take_back(reference, activity_id, None).await
    }

    async fn create_conversation(&self, _: &Reference) -> Result<Conversation, Answer> {
        panic!("everybody has a conversation")
    }

    async fn post_in_channel(&self, _: &Reference, _: &OutgoingActivity) -> Posted {
        panic!("nothing is posted in channels")
    }

    async fn members(&self, _: &Reference, _: Option<&str>) -> Result<MemberPage, Answer> {
        panic!("nobody asks for members")
    }

    async fn channels(&self, _: &Reference) -> Result<Vec<Channel>, Answer> {
        panic!("nobody asks for channels")
    }

    async fn team(&self, _: &Reference) -> Result<Team, Answer> {
        panic!("nobody asks for teams")
    }
}

/// No chance at all.
struct Certain;

impl Entropy for Certain {
    fn draw(&self) -> f64 {
        0.0
    }
}

/// A daemon's recaller, with a sender that shares its limits.
struct Scene {
    rig: Rig,
    script: Arc<Script>,
    sender: Arc<Sender>,
    bell: Arc<Notify>,
    stop: CancellationToken,
    /// Recallers that run.
    recallers: JoinSet<()>,
}

impl Scene {
    /// At nine in Berlin a message is due for these people; it is nine.
    async fn new(people: &[&str], per_second: usize) -> Self {
        let rig = Rig::new("2027-02-28T12:00").await;
        let people: Vec<_> = people.iter().map(|name| (*name, Tz::Europe__Berlin)).collect();
        rig.people(&people).await;
        rig.file_says("[schedule.s]\nto = \"everyone\"\nevery = \"day\"\nat = \"09:00\"\ntext = \"Hello\"\n").await;
        rig.now_is(at("2027-03-01T08:00"));
        rig.plan().await;
        rig.expand().await;
        let clock = Arc::clone(&rig.clock) as Arc<dyn Clock>;
        let script = Script::new(Arc::clone(&clock));
        let sender = Sender {
            store: Arc::clone(&rig.store),
            connector: Arc::clone(&script) as Arc<dyn Connector>,
            limiter: Arc::new(Limiter::new(Book::new(Windows::published(per_second)), 64, Arc::clone(&clock))),
            catalog: rig.keeper.cell(),
            zones: Arc::new(nudged::adapter::zones::ZoneData::newest()),
            clock: Arc::clone(&clock),
            entropy: Arc::new(Certain),
            health: Arc::new(Health::new(Arc::clone(&clock))),
            meter: Arc::default(),
            watch: Arc::new(Watch::new(clock)),
            threads: Turns::default(),
            places: Arc::default(),
            work: Arc::new(Notify::new()),
            questions: Arc::default(),
            home_tenant: Some("home".into()),
            downtime: rig.downtime,
            house_quiet_hours: Vec::new(),
            per_person_per_day: None,
            house_stop: Some(Template::parse("Write STOP").expect("a template")),
        };
        let (sender, bell) = (Arc::new(sender), Arc::new(Notify::new()));
        Self { rig, script, sender, bell, stop: CancellationToken::new(), recallers: JoinSet::new() }
    }

    /// Hands everything that is due to the sender.
    async fn send_due(&self) -> JoinSet<()> {
        let now = self.rig.clock.now();
        self.rig.store.expand_due(now + LEAD, now, u32::MAX).await.expect("expanding");
        let claims = self.rig.store.claim_due(self.rig.term, now, Rooms::for_anybody(1000), LEASE).await;
        let deliver = |claim| {
            let (sender, stop) = (Arc::clone(&self.sender), self.stop.clone());
            async move { sender.deliver(claim, &stop).await }
        };
        claims.expect("claiming").into_iter().map(deliver).collect()
    }

    /// Sends everything that is due.
    async fn sent(&self) {
        let mut deliveries = self.send_due().await;
        while !deliveries.is_empty() {
            // The limits hold for sending as well.
            self.pass(TimeDelta::milliseconds(100)).await;
            while let Some(ended) = deliveries.try_join_next() {
                ended.expect("the sender ends well");
            }
        }
    }

    fn recaller(&mut self) -> AbortHandle {
        let sender = &self.sender;
        let recaller = Recaller {
            store: Arc::clone(&sender.store),
            connector: Arc::clone(&sender.connector),
            limiter: Arc::clone(&sender.limiter),
            catalog: Arc::clone(&sender.catalog),
            zones: Arc::clone(&sender.zones),
            clock: Arc::clone(&sender.clock),
            entropy: Arc::clone(&sender.entropy),
            health: Arc::clone(&sender.health),
            places: Arc::clone(&sender.places),
            work: Arc::clone(&sender.work),
            bell: Arc::clone(&self.bell),
            home_tenant: sender.home_tenant.clone(),
            house_stop: sender.house_stop.clone(),
            senders: 64,
        };
        self.recallers.spawn(recaller.run(self.stop.clone()))
    }

    async fn recall(&self, remedy: Remedy) -> RecallId {
        let schedule = nudged::domain::id::ScheduleName::new("s").expect("a name");
        let order = RecallOrder { schedule, occurrence: None, who: Vec::new(), remedy };
        let begun = self.rig.store.begin_recall(order, self.rig.clock.now()).await.expect("recalling");
        self.bell.notify_one();
        begun.expect("something to recall").recall.expect("its number")
    }

    async fn report(&self, recall: RecallId) -> RecallReport {
        self.rig.store.recall_report(recall, true).await.expect("a report").expect("it exists")
    }

    /// Lets the clock go on, and everybody do what they do then.
    async fn pass(&self, span: TimeDelta) {
        // Whoever waits for the store has had a turn or two.
        for _ in 0..3 {
            self.rig.store.probe().await.expect("a well store");
            tokio::task::yield_now().await;
        }
        self.rig.clock.set(self.rig.clock.now() + span);
    }

    /// Lets the clock go on until the recall is over.
    async fn over(&self, recall: RecallId) -> RecallReport {
        self.over_in_steps_of(TimeDelta::milliseconds(100), recall).await
    }

    async fn over_in_steps_of(&self, step: TimeDelta, recall: RecallId) -> RecallReport {
        loop {
            let report = self.report(recall).await;
            if report.is_over() {
                return report;
            }
            self.pass(step).await;
        }
    }
}

fn states(report: &RecallReport) -> Vec<(&str, RecallState)> {
    report.messages.iter().map(|message| (message.recipient.as_str(), message.state)).collect()
}

#[tokio::test]
async fn everybodys_message_is_deleted_at_the_pace_of_the_limits() {
    let names: Vec<_> = (10..40).map(|number| format!("p{number}")).collect();
    let people: Vec<_> = names.iter().map(String::as_str).collect();
    let mut scene = Scene::new(&people, 5).await;
    scene.sent().await;
    scene.recaller();
    let recall = scene.recall(Remedy::Delete).await;
    let report = scene.over(recall).await;
    assert_eq!(report.counts.into_iter().collect::<Vec<_>>(), [(RecallState::Done, 30)]);

    let asked = scene.script.asked();
    let mut who: Vec<_> = asked.iter().map(|asked| asked.who.as_str()).collect();
    who.sort_unstable();
    assert_eq!(who, people, "each of them once");
    for asked in &asked {
        assert_eq!((asked.activity_id.as_str(), &asked.text), (&*format!("sent into a:{}", asked.who), &None));
    }
    for window in asked.windows(6) {
        assert!(window[5].at - window[0].at >= TimeDelta::seconds(1), "six within a second: {window:?}");
    }
    let took = asked[29].at - asked[0].at;
    assert!(took <= TimeDelta::seconds(8), "and no slower than need be: {took}");
}

#[tokio::test]
async fn a_text_takes_its_place_as_each_recipient_gets_it() {
    let mut scene = Scene::new(&["ana", "bo"], 50).await;
    scene.sent().await;
    scene.recaller();
    let text = "Not {{ occurrence.time }}, {{ person.first_name }}: see [{{ schedule.title }}](https://x.example).";
    let recall = scene.recall(Remedy::Replace(text.into())).await;
    scene.over(recall).await;
    let mut asked = scene.script.asked();
    asked.sort_by(|a, b| a.who.cmp(&b.who));
    let texts: Vec<_> = asked.into_iter().filter_map(|asked| asked.text).collect();
    let expect = |name: &str| format!("Not 09:00, {name}: see [s](https://x.example).\n\n*Write STOP*");
    assert_eq!(texts, [expect("ana"), expect("bo")]);
}

#[tokio::test]
async fn a_text_that_can_not_be_made_for_somebody_fails_for_them_alone() {
    let mut scene = Scene::new(&["ana"], 50).await;
    scene.sent().await;
    scene.recaller();
    // Nobody here has a language.
    let recall = scene.recall(Remedy::Replace("{{ person.language }}".into())).await;
    let report = scene.over(recall).await;
    assert_eq!(states(&report), [("ana", RecallState::Failed)]);
    assert_eq!(report.messages[0].reason, Some(Reason::TemplateFailed));
    assert_eq!(scene.script.asked(), []);
}

#[tokio::test]
async fn each_answer_has_its_consequence() {
    let mut scene = Scene::new(&["blocked", "done", "gone", "lost", "slow"], 50).await;
    scene.sent().await;
    let retry = |reason, seconds| Verdict::Retry { reason, after: Some(Duration::from_secs(seconds)) };
    scene.script.answers("gone", &[Verdict::Permanent { reason: Reason::ActivityNotFound }]);
    scene.script.answers("blocked", &[Verdict::Permanent { reason: Reason::Blocked }]);
    scene.script.answers("slow", &[retry(Reason::Busy, 30), retry(Reason::Busy, 1)]);
    scene.script.answers("lost", &[Verdict::Unknown { reason: Reason::NoAnswer, after: None }]);
    scene.recaller();
    let recall = scene.recall(Remedy::Delete).await;
    let report = scene.over(recall).await;
    let (done, gone, failed) = (RecallState::Done, RecallState::Gone, RecallState::Failed);
    let expect = [("blocked", failed), ("done", done), ("gone", gone), ("lost", done), ("slow", done)];
    assert_eq!(states(&report), expect);
    assert_eq!(report.messages.iter().map(|it| it.attempts).collect::<Vec<_>>(), [1, 1, 1, 2, 3]);
    assert_eq!(report.messages[0].reason, Some(Reason::Blocked));

    let of =
        |who: &str| scene.script.asked().into_iter().filter(|it| it.who == who).map(|it| it.at).collect::<Vec<_>>();
    let slow = of("slow");
    assert!(slow[1] - slow[0] >= TimeDelta::seconds(30), "what Teams asks for is a floor: {slow:?}");
    let lost = of("lost");
    assert!(lost[1] - lost[0] >= TimeDelta::seconds(1), "{lost:?}");
}

/// One tenant, one limit: a 429 for one is a pause for all.
#[tokio::test]
async fn a_pause_that_teams_asks_for_is_everybodys() {
    let names: Vec<_> = (10..30).map(|number| format!("p{number}")).collect();
    let people: Vec<_> = names.iter().map(String::as_str).collect();
    let mut scene = Scene::new(&people, 2).await;
    scene.sent().await;
    for name in &people {
        let throttled = Verdict::Retry { reason: Reason::Throttled, after: Some(Duration::from_secs(20)) };
        scene.script.answers(name, &[throttled]);
    }
    scene.recaller();
    let recall = scene.recall(Remedy::Delete).await;
    scene.pass(TimeDelta::zero()).await;
    while scene.script.asked().len() < 5 {
        scene.pass(TimeDelta::milliseconds(500)).await;
    }
    let asked = scene.script.asked();
    assert!(asked[4].at - asked[0].at >= TimeDelta::seconds(40), "two, a pause, two, a pause: {asked:#?}");
    assert!(!scene.report(recall).await.is_over());
}

/// It is looked at again after an hour. What stands further ahead is taken for what was put there before the clock was
/// set back, and would be tried again and again.
#[tokio::test]
async fn what_is_sent_away_waits_no_longer_than_anything_waits() {
    let mut scene = Scene::new(&["ana", "bo"], 50).await;
    scene.sent().await;
    let after = Some(Duration::from_hours(2));
    scene.script.answers("ana", &[Verdict::Retry { reason: Reason::Throttled, after }]);
    scene.recaller();
    let recall = scene.recall(Remedy::Delete).await;
    let asked_at = scene.rig.clock.now();
    for _ in 0..5 {
        scene.pass(TimeDelta::zero()).await;
    }
    let not_before: Vec<_> = scene.report(recall).await.messages.iter().map(|it| it.not_before).collect();
    assert_eq!(not_before, [Some(asked_at + TimeDelta::hours(1)); 2]);
    scene.over_in_steps_of(TimeDelta::minutes(5), recall).await;
    let asked: Vec<_> = scene.script.asked().into_iter().map(|asked| asked.at - asked_at).collect();
    assert_eq!(asked.len(), 3, "{asked:?}");
    assert!(asked[1] >= TimeDelta::hours(2), "the silence is kept all the same: {asked:?}");
}

/// What is on its way when the recall begins is taken back as soon as it has arrived, and what waits is not sent.
#[tokio::test]
async fn what_is_on_its_way_is_taken_back_when_it_has_arrived() {
    let mut scene = Scene::new(&["ana", "bo", "cy"], 2).await;
    let gate = scene.script.gate.forget_permits(Semaphore::MAX_PERMITS);
    let deliveries = scene.send_due().await;
    // The third waits for the limit of two in a second.
    let mut sending = scene.script.sending.subscribe();
    sending.wait_for(|count| *count == 2).await.expect("the script lives");
    scene.recaller();
    let recall = scene.recall(Remedy::Delete).await;
    let begun = scene.report(recall).await;
    let count = |state| begun.counts.get(&state).copied().unwrap_or_default();
    assert_eq!([count(RecallState::Awaiting), count(RecallState::Unsent)], [2, 1]);
    assert_eq!(scene.script.asked(), []);

    scene.script.gate.add_permits(gate);
    let over = scene.over(recall).await;
    deliveries.join_all().await;
    let count = |state| over.counts.get(&state).copied().unwrap_or_default();
    assert_eq!([count(RecallState::Done), count(RecallState::Unsent)], [2, 1]);
    assert_eq!(*sending.borrow(), 2, "the third never left");
    let occurrences = scene.rig.occurrences().await;
    let nine = occurrences.iter().find(|it| it.occurrence == at(NINE).naive_utc()).expect("nine");
    assert_eq!(
        nine.counts.iter().map(|(state, count)| (*state, *count)).collect::<Vec<_>>(),
        [(State::Sent, 2), (State::Cancelled, 1)]
    );
}

/// It ends without an answer, as if killed: its successor makes the request again.
#[tokio::test]
async fn what_was_cut_off_goes_on_in_the_next_daemon() {
    let mut scene = Scene::new(&["ana"], 50).await;
    scene.sent().await;
    let gate = scene.script.gate.forget_permits(Semaphore::MAX_PERMITS);
    let first = scene.recaller();
    let recall = scene.recall(Remedy::Delete).await;
    let mut asked = scene.script.asked.subscribe();
    asked.wait_for(|asked| asked.len() == 1).await.expect("the script lives");
    first.abort();
    let ended = scene.recallers.join_next().await.expect("the first one");
    assert!(ended.expect_err("it was cut off").is_cancelled());

    scene.script.gate.add_permits(gate);
    scene.recaller();
    assert_eq!(states(&scene.over(recall).await), [("ana", RecallState::Done)]);
    assert_eq!(scene.script.asked().len(), 2);
}

#[tokio::test]
async fn it_stops_after_what_is_under_way() {
    let mut scene = Scene::new(&["ana", "bo", "cy"], 2).await;
    scene.sent().await;
    let gate = scene.script.gate.forget_permits(Semaphore::MAX_PERMITS);
    let recaller = scene.recaller();
    let recall = scene.recall(Remedy::Delete).await;
    let mut asked = scene.script.asked.subscribe();
    while asked.borrow().len() < 2 {
        scene.pass(TimeDelta::milliseconds(100)).await;
    }
    scene.stop.cancel();
    scene.pass(TimeDelta::zero()).await;
    assert!(!recaller.is_finished(), "two requests are under way");
    scene.script.gate.add_permits(gate);
    scene.recallers.join_next().await.expect("it was running").expect("it ends well");
    assert_eq!(asked.borrow_and_update().len(), 2, "the third is left for the next start");
    let report = scene.report(recall).await;
    assert_eq!(report.counts.into_iter().collect::<Vec<_>>(), [(RecallState::Pending, 1), (RecallState::Done, 2)]);
}

/// Else the watchdog would end a daemon whose senders know what nobody else does.
#[tokio::test]
async fn what_has_an_answer_does_not_wait_for_one_while_the_disk_is_full() {
    let mut scene = Scene::new(&["ana"], 50).await;
    scene.sent().await;
    full_for(&scene.rig, "UPDATE ON recalled");
    scene.recaller();
    scene.recall(Remedy::Delete).await;
    while scene.script.asked().is_empty() {
        scene.pass(TimeDelta::milliseconds(100)).await;
    }
    scene.pass(TimeDelta::minutes(10)).await;
    assert_eq!(scene.sender.health.requests().len(), 1, "its outcome is not stored");
    assert_eq!(scene.sender.health.oldest_request(), None);
}

#[tokio::test]
async fn what_is_recalled_again_while_it_is_in_hand_is_done_again() {
    let mut scene = Scene::new(&["ana"], 50).await;
    scene.sent().await;
    let gate = scene.script.gate.forget_permits(Semaphore::MAX_PERMITS);
    scene.recaller();
    scene.recall(Remedy::Replace("New".into())).await;
    let mut asked = scene.script.asked.subscribe();
    asked.wait_for(|asked| asked.len() == 1).await.expect("the script lives");
    let again = scene.recall(Remedy::Delete).await;
    for _ in 0..5 {
        scene.pass(TimeDelta::seconds(1)).await;
    }
    scene.script.gate.add_permits(gate);
    for _ in 0..20 {
        scene.pass(TimeDelta::seconds(1)).await;
    }
    assert_eq!(states(&scene.report(again).await), [("ana", RecallState::Done)]);
    let texts: Vec<_> = scene.script.asked().into_iter().map(|asked| asked.text.is_some()).collect();
    assert_eq!(texts, [true, false], "replaced, and then deleted");
}

/// With a token that Teams refuses nothing can be done for anybody, so nobody is tried for nothing.
#[tokio::test]
async fn while_the_bot_can_do_nothing_it_knocks_now_and_then() {
    let names: Vec<_> = (10..40).map(|number| format!("p{number}")).collect();
    let people: Vec<_> = names.iter().map(String::as_str).collect();
    let mut scene = Scene::new(&people, 50).await;
    scene.sent().await;
    scene.script.refuses.store(true, Ordering::SeqCst);
    scene.recaller();
    let recall = scene.recall(Remedy::Delete).await;
    // What is in hand when it shows is answered; from then on it is quiet.
    for _ in 0..20 {
        scene.pass(TimeDelta::milliseconds(500)).await;
    }
    let before = scene.script.asked().len();
    for _ in 0..60 {
        scene.pass(TimeDelta::seconds(1)).await;
    }
    let knocks = scene.script.asked().len() - before;
    assert!((1..=5).contains(&knocks), "now and then, and more and more rarely: {knocks}");
    scene.script.refuses.store(false, Ordering::SeqCst);
    let report = scene.over_in_steps_of(TimeDelta::seconds(5), recall).await;
    assert_eq!(report.counts.into_iter().collect::<Vec<_>>(), [(RecallState::Done, 30)]);
}

/// One that ended badly is left to the next daemon. It takes up nobody's place, also where there is only one.
#[tokio::test]
async fn a_message_that_breaks_its_request_holds_up_no_other() {
    let mut scene = Scene::new(&["ana", "bo"], 50).await;
    scene.sent().await;
    scene.script.refuses.store(true, Ordering::SeqCst);
    scene.recaller();
    let recall = scene.recall(Remedy::Delete).await;
    while scene.script.asked().len() < 2 {
        scene.pass(TimeDelta::milliseconds(100)).await;
    }
    scene.pass(TimeDelta::zero()).await;
    // From now on one request at a time finds out whether the bot is well again.
    scene.script.refuses.store(false, Ordering::SeqCst);
    scene.script.breaks.store(true, Ordering::SeqCst);
    for _ in 0..120 {
        scene.pass(TimeDelta::seconds(1)).await;
    }
    let report = scene.report(recall).await;
    assert_eq!(report.counts.into_iter().collect::<Vec<_>>(), [(RecallState::Pending, 1), (RecallState::Done, 1)]);
    assert_eq!(scene.script.asked().len(), 4, "the one that broke is not tried again");
}
