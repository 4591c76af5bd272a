//! What the watchdog, `/healthz` and `/readyz` go by: each organ that can fail, failing.

use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use nudged::daemon::Attendant;
use nudged::domain::credential::{Credential, CredentialKind};
use nudged::domain::delivery::{Reason, State};
use nudged::domain::time::Moment;
use nudged::domain::verdict::Verdict;
use nudged::engine::dispatcher::{Dispatcher, EXPAND_AT_ONCE};
use nudged::engine::health::Health;
use nudged::engine::pulse::{Lately, Pulse};
use nudged::port::clock::{Clock, Woke};
use nudged::port::credentials::Credentials;
use nudged::port::vitals::{Need, Organ};
use rusqlite::Connection;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::rig::{Rig, at};

/// A credential that ends in a year, and may become unusable.
struct Paper(Mutex<Credential>);

impl Credentials for Paper {
    fn look(&self) -> Credential {
        self.0.lock().expect("no panic with it").clone()
    }
}

/// Time passes when somebody naps for a moment. Who would wait for longer waits for ever.
struct Naps {
    began_at: DateTime<Utc>,
    elapsed: Mutex<Duration>,
}

#[async_trait]
impl Clock for Naps {
    fn now(&self) -> DateTime<Utc> {
        self.began_at + *self.elapsed.lock().expect("no panic with it")
    }

    fn moment(&self) -> Moment {
        Moment(*self.elapsed.lock().expect("no panic with it"))
    }

    async fn sleep_until(&self, _: DateTime<Utc>) -> Woke {
        unreachable!("a pulse has no hours")
    }

    async fn sleep(&self, span: Duration) {
        if span >= Duration::from_secs(1) {
            std::future::pending::<()>().await;
        }
        *self.elapsed.lock().expect("no panic with it") += span;
    }
}

fn paper() -> Arc<Paper> {
    let ends_at = Some(at("2028-03-01T08:00"));
    Arc::new(Paper(Mutex::new(Credential { kind: CredentialKind::Secret, ends_at, unusable: None, exposed: None })))
}

fn pulse(rig: &Rig, clock: Arc<dyn Clock>, health: Arc<Health>, credentials: Arc<Paper>) -> Pulse {
    Pulse {
        store: rig.store.clone(),
        clock,
        health,
        credentials,
        work: Arc::new(Notify::new()),
        longest_request: Duration::from_mins(2),
        lately: Lately::default(),
    }
}

fn dispatcher(rig: &Rig, pulse: &Pulse) -> Dispatcher {
    Dispatcher {
        store: rig.store.clone(),
        clock: rig.clock.clone(),
        sender: Arc::clone(&rig.sender),
        health: rig.planner.health.clone(),
        work: Arc::clone(&pulse.work),
        clock_stepped: Arc::default(),
        term: rig.term(),
        senders: 4,
        expand_at_once: EXPAND_AT_ONCE,
    }
}

/// From now on there is no room for what `changes` of the ledger.
pub(crate) fn full_for(rig: &Rig, changes: &str) {
    let disk = Connection::open(rig.ledger()).expect("the ledger");
    let full = format!("CREATE TRIGGER full BEFORE {changes} BEGIN SELECT RAISE(ABORT, 'the disk is full'); END");
    disk.execute_batch(&full).expect("a full disk");
}

#[tokio::test]
async fn a_planner_that_makes_no_passes_is_found() {
    let rig = Rig::new("2027-03-01T08:00").await;
    rig.plan().await;
    let pulse = pulse(&rig, rig.clock.clone(), rig.planner.health.clone(), paper());
    rig.now_is(rig.clock.now() + TimeDelta::minutes(7) + TimeDelta::seconds(1));
    assert_eq!(pulse.hangs().await, Some(Organ::Planner));
    assert_eq!(pulse.lacks().await, [Need::Plan]);
    rig.plan().await;
    assert_eq!(pulse.hangs().await, Some(Organ::Planner), "what was found holds for some seconds");
    rig.now_is(rig.clock.now() + TimeDelta::seconds(5));
    assert_eq!(pulse.lacks().await, []);
}

#[tokio::test]
async fn a_dispatcher_that_is_rung_and_does_not_go_round_is_found() {
    let rig = Rig::new("2027-03-01T08:00").await;
    let clock = Arc::new(Naps { began_at: at("2027-03-01T08:00"), elapsed: Mutex::default() });
    let health = Arc::new(Health::new(clock.clone()));
    assert_eq!(pulse(&rig, clock.clone(), health, paper()).hangs().await, Some(Organ::Dispatcher));
    // The ledger may take as long as the dispatcher may. `WatchdogSec=` of the unit is 60 s.
    let (limit, longest) = (Duration::from_mins(1), clock.moment().0 * 2);
    assert!(Pulse::interval(limit) + longest < limit, "what answers in time is fed in time");
}

/// Whatever hung for a part of a minute is well again when the watchdog would fire; a second interval would be too long.
#[tokio::test]
async fn what_hangs_is_looked_at_again_at_once() {
    let rig = Rig::new("2027-03-01T08:00").await;
    rig.plan().await;
    let pulse = pulse(&rig, rig.clock.clone(), rig.planner.health.clone(), paper());
    let stop = CancellationToken::new();
    let mut running = JoinSet::new();
    running.spawn(dispatcher(&rig, &pulse).run(stop.clone()));
    let mut beat = pin!(pulse.beat(Duration::from_secs(15)));
    rig.waits(&mut beat).await;
    rig.now_is(at("2027-03-01T08:08"));
    rig.waits(&mut beat).await;
    rig.plan().await;
    let mut waited = TimeDelta::zero();
    loop {
        tokio::select! {
            biased;
            () = &mut beat => break,
            () = rig.turns() => waited += TimeDelta::milliseconds(500),
        }
        assert!(waited < TimeDelta::seconds(3), "it waits for longer than a moment");
        rig.now_is(at("2027-03-01T08:08") + waited);
    }
    stop.cancel();
    running.join_all().await;
}

#[tokio::test]
async fn a_stop_does_not_wait_for_a_pulse() {
    let rig = Rig::new("2027-03-01T08:00").await;
    rig.plan().await;
    let pulse = Arc::new(pulse(&rig, rig.clock.clone(), rig.planner.health.clone(), paper()));
    let stop = CancellationToken::new();
    let mut running = pin!(Attendant::new(pulse.clone(), rig.catalog()).run(stop.clone()));
    rig.waits(&mut running).await;
    rig.now_is(at("2027-03-01T08:01"));
    tokio::select! {
        () = &mut running => panic!("nobody stops it"),
        () = pulse.work.notified() => {}
    }
    // There is no dispatcher any more that could go round.
    stop.cancel();
    rig.at_once(running).await;
}

#[tokio::test]
async fn a_request_without_an_end_is_found() {
    let rig = Rig::new("2027-03-01T08:00").await;
    rig.people(&[("ana", Tz::UTC)]).await;
    rig.file_says("[schedule.s]\nto = \"everyone\"\nevery = \"day\"\nat = \"09:00\"\ntext = \"Hello\"\n").await;
    rig.now_is(at("2027-03-01T09:00"));
    rig.plan().await;
    rig.expand().await;
    rig.teams.falls_silent_in("a:ana");
    let pulse = pulse(&rig, rig.clock.clone(), rig.planner.health.clone(), paper());
    let rung = rig.teams.rung.notified();
    let found = async {
        rung.await;
        rig.now_is(rig.clock.now() + TimeDelta::minutes(2));
        rig.now_is(rig.clock.now() + TimeDelta::seconds(1));
        pulse.hangs().await
    };
    tokio::select! {
        () = rig.deliver() => panic!("there is no answer"),
        found = found => assert_eq!(found, Some(Organ::Senders)),
    }
}

#[tokio::test]
async fn a_ledger_that_is_closed_is_found() {
    let rig = Rig::new("2027-03-01T08:00").await;
    rig.plan().await;
    let pulse = pulse(&rig, rig.clock.clone(), rig.planner.health.clone(), paper());
    rig.store.close().await;
    assert_eq!(pulse.hangs().await, Some(Organ::Store));
    assert_eq!(pulse.lacks().await, [Need::Store]);
}

/// A watchdog that fires would lose what Teams has answered while nothing could be written, for no better disk.
#[tokio::test]
async fn a_full_disk_is_told_of_and_is_no_reason_to_die() {
    let rig = Rig::new("2027-03-01T08:00").await;
    rig.plan().await;
    full_for(&rig, "UPDATE ON daemon");
    let health = rig.planner.health.clone();
    let pulse = pulse(&rig, rig.clock.clone(), health.clone(), paper());
    let stop = CancellationToken::new();
    let mut running = JoinSet::new();
    running.spawn(dispatcher(&rig, &pulse).run(stop.clone()));
    for minute in 1..=3 {
        rig.now_is(at("2027-03-01T08:00") + TimeDelta::minutes(minute));
        let time_passes = async {
            loop {
                // Everybody who asked the ledger before has an answer now.
                rig.store.next_wake(Duration::ZERO, at("2027-03-01T08:00")).await.expect("it can be read");
                rig.now_is(rig.clock.now() + TimeDelta::milliseconds(20));
            }
        };
        let found = tokio::select! {
            found = pulse.hangs() => found,
            () = time_passes => unreachable!("it has no end"),
        };
        assert_eq!(found, None, "minute {minute}");
        assert_eq!(pulse.lacks().await, [Need::Store]);
    }
    stop.cancel();
    rig.now_is(at("2027-03-01T09:00"));
    running.join_all().await;
}

/// The ledger takes a write of the pulse, and no claim.
#[tokio::test]
async fn a_claim_that_fails_is_told_of() {
    let rig = Rig::new("2027-03-01T08:00").await;
    rig.people(&[("ana", Tz::UTC)]).await;
    rig.file_says("[schedule.s]\nto = \"everyone\"\nevery = \"day\"\nat = \"09:00\"\ntext = \"Hello\"\n").await;
    rig.plan().await;
    full_for(&rig, "UPDATE OF lease_until ON deliveries");
    let pulse = pulse(&rig, rig.clock.clone(), rig.planner.health.clone(), paper());
    let rounds = async |dispatcher: Dispatcher| {
        let (health, stop) = (rig.planner.health.clone(), CancellationToken::new());
        let before = health.rounds().dispatcher;
        let mut running = JoinSet::new();
        running.spawn(dispatcher.run(stop.clone()));
        while health.rounds().dispatcher == before {
            // Whoever asked the ledger before has an answer now.
            rig.store.next_wake(Duration::ZERO, rig.clock.now()).await.expect("it can be read");
        }
        stop.cancel();
        rig.now_is(rig.clock.now() + TimeDelta::seconds(5));
        running.join_all().await;
    };
    rounds(dispatcher(&rig, &pulse)).await;
    assert_eq!(pulse.lacks().await, [], "nothing is due");
    rig.now_is(at("2027-03-01T09:00"));
    rig.plan().await;
    rounds(dispatcher(&rig, &pulse)).await;
    assert_eq!(pulse.lacks().await, [Need::Store]);
}

#[tokio::test]
async fn nothing_is_ready_before_the_first_plan() {
    let rig = Rig::new("2027-03-01T08:00").await;
    let pulse = pulse(&rig, rig.clock.clone(), rig.planner.health.clone(), paper());
    assert_eq!(pulse.lacks().await, [Need::Plan]);
}

#[tokio::test]
async fn a_credential_that_can_not_be_used_or_is_refused_is_found() {
    let rig = Rig::new("2027-03-01T08:00").await;
    rig.people(&[("ana", Tz::UTC)]).await;
    rig.file_says("[schedule.s]\nto = \"everyone\"\nevery = \"day\"\nat = \"09:00\"\ntext = \"Hello\"\n").await;
    let paper = paper();
    let pulse = pulse(&rig, rig.clock.clone(), rig.planner.health.clone(), paper.clone());
    assert_eq!(pulse.lacks().await, []);

    paper.0.lock().expect("no panic with it").unusable = Some("it is empty".into());
    rig.now_is(rig.clock.now() + TimeDelta::seconds(5));
    assert_eq!(pulse.lacks().await, [Need::Credential]);
    paper.0.lock().expect("no panic with it").unusable = None;
    paper.0.lock().expect("no panic with it").ends_at = Some(rig.clock.now());
    rig.now_is(rig.clock.now() + TimeDelta::seconds(5));
    assert_eq!(pulse.lacks().await, [Need::Credential], "it is over");

    paper.0.lock().expect("no panic with it").ends_at = None;
    rig.now_is(at("2027-03-01T09:00"));
    rig.plan().await;
    rig.expand().await;
    rig.teams.answers(&[Verdict::OurFault { reason: Reason::TokenRefused }]);
    rig.deliver().await;
    assert_eq!(pulse.lacks().await, [Need::Credential], "it is refused");
}

/// Counting is a part of settling: whoever sends has counted.
#[tokio::test]
async fn outcomes_are_counted_by_state_and_reason() {
    let rig = Rig::new("2027-03-01T08:00").await;
    rig.people(&[("ana", Tz::UTC), ("ben", Tz::UTC), ("cem", Tz::UTC)]).await;
    rig.file_says("[schedule.s]\nto = \"everyone\"\nevery = \"day\"\nat = \"09:00\"\ntext = \"Hello\"\n").await;
    rig.now_is(at("2027-03-01T09:00") + TimeDelta::seconds(2));
    rig.plan().await;
    rig.expand().await;
    let blocked = Verdict::Permanent { reason: Reason::Blocked };
    let busy = Verdict::Retry { reason: Reason::Busy, after: None };
    rig.teams.answers(&[Verdict::Delivered { activity_id: None }, blocked, busy]);
    rig.deliver().await;
    let counted = rig.meter().read();
    assert_eq!(counted.deliveries, [(State::Sent, None, 1), (State::Skipped, Some(Reason::Blocked), 1)]);
    assert_eq!(counted.retries, [(Reason::Busy, 1)]);
    let normal = &counted.lateness[1].1;
    assert_eq!((normal.counts.iter().sum::<u64>(), normal.sum), (1, Duration::from_secs(2)));
}
