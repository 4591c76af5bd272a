//! What the caretaker does when a chore fails.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use nudged::domain::credential::{Credential, CredentialKind};
use nudged::domain::time::Moment;
use nudged::engine::chores::Chores;
use nudged::engine::credentials::CredentialWatch;
use nudged::engine::planner::{LastPass, Planner};
use nudged::port::clock::{Clock, Woke};
use nudged::port::credentials::Credentials;
use nudged::port::ticker::Beat;
use rusqlite::Connection;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::rig::{Rig, SetClock, at};

/// A clock on which time passes when the test says so: it tells each nap, and how to end it.
struct Told {
    clock: Arc<SetClock>,
    naps: mpsc::Sender<(Duration, oneshot::Sender<()>)>,
}

#[async_trait]
impl Clock for Told {
    fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    fn moment(&self) -> Moment {
        self.clock.moment()
    }

    async fn sleep_until(&self, _: DateTime<Utc>) -> Woke {
        unreachable!("a chore has no hours")
    }

    async fn sleep(&self, span: Duration) {
        let (end, ended) = oneshot::channel();
        self.naps.send((span, end)).await.expect("the test listens");
        ended.await.expect("the test ends each nap, or the nap is given up");
    }
}

struct GoodSecret;

impl Credentials for GoodSecret {
    fn look(&self) -> Credential {
        Credential { kind: CredentialKind::Secret, ends_at: None, unusable: None, exposed: None }
    }
}

fn chores(rig: &Rig, clock: Arc<dyn Clock>) -> Chores {
    let planner = Planner {
        store: rig.store.clone(),
        clock: rig.clock.clone(),
        zones: rig.planner.zones.clone(),
        catalog: rig.catalog(),
        health: rig.planner.health.clone(),
        last: LastPass::default(),
    };
    Chores {
        store: rig.store.clone(),
        clock: clock.clone(),
        planner: Arc::new(planner),
        credentials: CredentialWatch::new(Arc::new(GoodSecret), clock),
        backups: None,
        work: Arc::default(),
        replan: Arc::default(),
        rosters: Arc::default(),
        strangers: Arc::default(),
        recall: Arc::default(),
        reply: Arc::default(),
        fallback_zone: Tz::UTC,
        keep_attempts: TimeDelta::days(30),
        term: rig.term(),
    }
}

/// Whoever took something in may have died before they rang.
#[tokio::test]
async fn what_nobody_rang_for_is_looked_for_with_the_next_beat() {
    let rig = Rig::new("2027-03-01T00:00").await;
    let chores = chores(&rig, rig.clock.clone());
    let bells = [&chores.work, &chores.rosters, &chores.strangers, &chores.recall, &chores.reply].map(Arc::clone);
    let (bell, beats) = mpsc::channel(1);
    bell.send(Beat::Plan).await.expect("the chores listen");
    let rung = async {
        for bell in bells {
            bell.notified().await;
        }
    };
    tokio::select! {
        () = chores.run(beats, CancellationToken::new()) => panic!("nobody stops it"),
        () = rig.at_once(rung) => {}
    }
}

/// Who moved while the disk was full would be served on the old clock until the next beat, which may be minutes away.
#[tokio::test]
async fn a_plan_that_failed_is_made_again_after_five_seconds() {
    let rig = Rig::new("2027-03-01T00:00").await;
    rig.file_says("[schedule.s]\nto = \"everyone\"\nevery = \"day\"\nat = \"09:00\"\ntext = \"Hello\"\n").await;
    rig.people(&[("ana", Tz::Europe__Lisbon)]).await;
    let disk = Connection::open(rig.ledger()).expect("the ledger");
    let full = "CREATE TRIGGER full BEFORE INSERT ON waves BEGIN SELECT RAISE(ABORT, 'the disk is full'); END";
    disk.execute_batch(full).expect("a full disk");

    let (naps, mut told) = mpsc::channel(1);
    let clock = Arc::new(Told { clock: Arc::clone(&rig.clock), naps });
    let (work, stop) = (Arc::new(Notify::new()), CancellationToken::new());
    let chores = Chores { work: Arc::clone(&work), ..chores(&rig, clock) };
    let (bell, beats) = mpsc::channel(1);
    rig.now_is(at("2027-03-01T00:08"));
    bell.send(Beat::Plan).await.expect("the chores listen");
    let mut running = JoinSet::new();
    running.spawn(chores.run(beats, stop.clone()));

    let (span, end) = told.recv().await.expect("it waits");
    assert_eq!(span, Duration::from_secs(5), "it does not wait for the next beat");
    assert!(rig.occurrences().await.is_empty(), "nothing could be planned");
    assert_eq!(rig.planner.health.planner_silent_for(), Duration::ZERO, "it does not hang: it was answered");
    assert_eq!(rig.planner.health.planned_before(), Some(Duration::from_mins(8)), "and nothing is planned");
    disk.execute_batch("DROP TRIGGER full").expect("room again");
    end.send(()).expect("it waits still");
    work.notified().await;
    let waves: Vec<_> = rig.occurrences().await.into_iter().flat_map(|it| it.waves).map(|wave| wave.due_at).collect();
    assert_eq!(waves, [at("2027-03-01T09:00"), at("2027-03-02T09:00")], "it is planned, and nobody had to ask");
    stop.cancel();
    running.join_all().await;
}
