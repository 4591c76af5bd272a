//! The dispatcher, its senders and the limits together, in virtual time: a ledger, a connector that takes everything, and
//! a clock that is moved by hand.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use nudged::adapter::zones::ZoneData;
use nudged::domain::message::Said;
use nudged::domain::policy::Downtime;
use nudged::domain::rate::{Book, Windows};
use nudged::domain::recipient::{Address, PersonRecord, RecipientKind, Reference};
use nudged::domain::time::Moment;
use nudged::domain::verdict::{Answer, Evidence, Verdict};
use nudged::engine::dispatcher::{Dispatcher, EXPAND_AT_ONCE};
use nudged::engine::health::Health;
use nudged::engine::limiter::Limiter;
use nudged::engine::posting::Turns;
use nudged::engine::sender::Sender;
use nudged::engine::watch::Watch;
use nudged::port::clock::{Clock, Woke};
use nudged::port::connector::{Channel, Connector, Conversation, MemberPage, OutgoingActivity, Posted, Team};
use nudged::port::entropy::Entropy;
use nudged::port::store::Store;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::rig::{Rig, at};
use crate::zones::says_where;

/// How far the clock is moved at a time.
const STEP: Duration = Duration::from_millis(20);

/// A clock that stands still until it is moved. Who waits for it is woken then.
struct SteppedClock {
    began_at: DateTime<Utc>,
    elapsed: watch::Sender<Duration>,
}

impl SteppedClock {
    fn step(&self) {
        self.elapsed.send_modify(|elapsed| *elapsed += STEP);
    }
}

#[async_trait]
impl Clock for SteppedClock {
    fn now(&self) -> DateTime<Utc> {
        self.began_at + *self.elapsed.borrow()
    }

    fn moment(&self) -> Moment {
        Moment(*self.elapsed.borrow())
    }

    async fn sleep_until(&self, at: DateTime<Utc>) -> Woke {
        self.sleep((at - self.now()).to_std().unwrap_or_default()).await;
        Woke::OnTime
    }

    async fn sleep(&self, span: Duration) {
        let until = *self.elapsed.borrow() + span;
        // It fails only when there is no clock any more.
        let _ = self.elapsed.subscribe().wait_for(|elapsed| *elapsed >= until).await;
    }
}

/// A connector that takes everything at once, and remembers when.
struct Teams {
    clock: Arc<SteppedClock>,
    taken: Mutex<Vec<(DateTime<Utc>, String)>>,
}

#[async_trait]
impl Connector for Teams {
    async fn continue_conversation(&self, _: &Reference, activity: &OutgoingActivity) -> Answer {
        let text = match &activity.said {
            Said::Text(text) => text.clone(),
            Said::Card { summary, .. } => summary.clone(),
        };
        self.taken.lock().expect("nobody panics with it").push((self.clock.now(), text));
        Answer { verdict: Verdict::Delivered { activity_id: None }, evidence: Evidence::default() }
    }

    async fn create_conversation(&self, _: &Reference) -> Result<Conversation, Answer> {
        unreachable!("everybody has a conversation")
    }

    async fn post_in_channel(&self, _: &Reference, _: &OutgoingActivity) -> Posted {
        unreachable!("there are only people")
    }

    async fn update_activity(&self, _: &Reference, _: &str, _: &OutgoingActivity) -> Answer {
        unreachable!("nothing is updated")
    }

    async fn delete_activity(&self, _: &Reference, _: &str) -> Answer {
        unreachable!("nothing is deleted")
    }

    async fn members(&self, _: &Reference, _: Option<&str>) -> Result<MemberPage, Answer> {
        unreachable!("no roster is read")
    }

    async fn channels(&self, _: &Reference) -> Result<Vec<Channel>, Answer> {
        unreachable!("no channel is looked for")
    }

    async fn team(&self, _: &Reference) -> Result<Team, Answer> {
        unreachable!("no team is looked for")
    }
}

struct NoChance;

impl Entropy for NoChance {
    fn draw(&self) -> f64 {
        0.5
    }
}

/// What was taken, and when, of a ledger that is served for `seconds`.
async fn serve(rig: &Rig, from: DateTime<Utc>, seconds: u64) -> Vec<(DateTime<Utc>, String)> {
    let clock = Arc::new(SteppedClock { began_at: from, elapsed: watch::Sender::new(Duration::ZERO) });
    let teams = Arc::new(Teams { clock: Arc::clone(&clock), taken: Mutex::default() });
    let (health, work) = (Arc::new(Health::new(clock.clone())), Arc::new(Notify::new()));
    let sender = Sender {
        store: Arc::clone(&rig.store),
        connector: teams.clone(),
        limiter: Arc::new(Limiter::new(Book::new(Windows::published(50)), 64, clock.clone())),
        catalog: rig.catalog(),
        zones: Arc::new(ZoneData::newest()),
        clock: clock.clone(),
        entropy: Arc::new(NoChance),
        health: Arc::clone(&health),
        meter: Arc::default(),
        watch: Arc::new(Watch::new(clock.clone())),
        threads: Turns::default(),
        places: Arc::default(),
        work: Arc::clone(&work),
        questions: Arc::default(),
        home_tenant: Some(Arc::from("home")),
        downtime: Downtime { since: None, until: from },
        house_quiet_hours: Vec::new(),
        per_person_per_day: None,
        house_stop: None,
    };
    let dispatcher = Dispatcher {
        store: Arc::clone(&rig.store),
        clock: clock.clone(),
        sender: Arc::new(sender),
        health,
        work,
        clock_stepped: Arc::new(Notify::new()),
        term: rig.term(),
        senders: 64,
        expand_at_once: EXPAND_AT_ONCE,
    };
    let stop = CancellationToken::new();
    let mut serving = JoinSet::new();
    serving.spawn(dispatcher.run(stop.clone()));
    for _ in 0..Duration::from_secs(seconds).as_millis() / STEP.as_millis() {
        settle_down(rig.store.as_ref()).await;
        clock.step();
    }
    settle_down(rig.store.as_ref()).await;
    stop.cancel();
    serving.join_all().await;
    let taken = teams.taken.lock().expect("nobody panics with it");
    taken.clone()
}

/// Lets everybody come as far as they get without the time: the store answers in the order in which it is asked, so its
/// answer to us comes after those to everybody who asked before.
async fn settle_down(store: &dyn Store) {
    for _ in 0..4 {
        for _ in 0..8 {
            tokio::task::yield_now().await;
        }
        store.next_wake(Duration::ZERO, DateTime::<Utc>::MIN_UTC).await.expect("an answer");
    }
}

/// The instants at which messages with a text left, as offsets from `from`.
fn of(text: &str, taken: &[(DateTime<Utc>, String)], from: DateTime<Utc>) -> Vec<TimeDelta> {
    taken.iter().filter(|(_, said)| said == text).map(|(at, _)| *at - from).collect()
}

/// Everybody gets the crowd's message at nine; a team of three gets its own five seconds later.
#[tokio::test]
async fn a_stand_up_does_not_wait_for_a_crowd_of_its_tenant() {
    let rig = Rig::new("2027-03-01T00:00").await;
    let names: Vec<_> = (0..5000).map(|n| format!("p{n}")).collect();
    let people: Vec<_> = names.iter().map(|name| (name.as_str(), chrono_tz::Tz::UTC)).collect();
    rig.people(&people).await;
    rig.file_says(
        "[schedule.crowd]\nto = \"everyone\"\nat = 2027-03-01T09:00:00\ntext = \"crowd\"\n\
         [schedule.stand-up]\nto = [\"p1@x\", \"p2@x\", \"p3@x\"]\nat = 2027-03-01T09:00:05\ntext = \"stand-up\"\n",
    )
    .await;
    rig.now_is(at("2027-03-01T08:59"));
    rig.expand().await;
    let nine = at("2027-03-01T09:00");
    let taken = serve(&rig, nine, 9).await;
    let crowd = of("crowd", &taken, nine);
    assert!(crowd.len() >= 400, "the budget is used meanwhile: {}", crowd.len());
    for at in &crowd {
        let in_a_second = crowd.iter().filter(|other| *other > &(*at - TimeDelta::seconds(1)) && *other <= at).count();
        assert!(in_a_second <= 50, "{in_a_second} in the second before {at}");
    }
    let stand_up = of("stand-up", &taken, nine);
    assert_eq!(stand_up.len(), 3);
    for at in stand_up {
        assert!(at >= TimeDelta::seconds(5) && at <= TimeDelta::seconds(8), "{at}");
    }
}

/// What was held for Ben's zone leaves at once when he says it, as fast as his chat takes it. What is due a moment later
/// waits for what is before it, and no longer.
#[tokio::test]
async fn what_was_held_for_a_zone_keeps_nothing_else_from_leaving() {
    const HELD: usize = 12;
    let rig = Rig::new("2027-03-01T06:00").await;
    let reference = Reference { conversation_id: Some("a:ben".into()), ..Reference::default() };
    let addresses = vec![Address::new("ben@x").expect("an address")];
    rig.import(vec![PersonRecord { addresses, reference, ..PersonRecord::new(RecipientKind::Person) }]).await;
    let held = |n| {
        format!(
            "[schedule.held-{n}]\nto = \"everyone\"\nat = 2027-03-01T09:00:00\ntext = \"held\"\nzone_unknown = \"hold\"\n"
        )
    };
    let next = "[schedule.next]\nto = \"everyone\"\nat = 2027-03-01T09:10:01\ntext = \"next\"\n";
    rig.file_says(&(0..HELD).map(held).chain([next.to_owned()]).collect::<String>()).await;
    rig.now_is(at("2027-03-01T09:00"));
    assert_eq!(rig.go_round().await, []);
    let ten_past = at("2027-03-01T09:10");
    rig.now_is(ten_past);
    says_where(&rig, "a:ben", chrono_tz::Tz::UTC).await;
    let taken = serve(&rig, ten_past, 20).await;
    assert_eq!(of("held", &taken, ten_past).len(), HELD);
    let next = of("next", &taken, ten_past);
    assert!(matches!(next.as_slice(), [at] if *at <= TimeDelta::seconds(8)), "{next:?}");
}
