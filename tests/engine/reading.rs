//! How schedule files are read: soon after a change, one reading after the other, and without waiting for a directory that
//! hangs.

use std::pin::pin;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use nudged::adapter::zones::ZoneData;
use nudged::domain::problem::Source;
use nudged::engine::catalog::CatalogKeeper;
use nudged::engine::planner::{LastPass, Planner};
use nudged::engine::reloader::Reloader;
use nudged::port::clock::Clock as _;
use nudged::port::library::{FileWatch, Library, Shelf};
use nudged::port::reload::ReloadRequest;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::reloading::{daily, reload, rig};
use crate::rig::{Rig, SetClock};

/// Schedule files of which somebody notes when they are read.
struct Noted {
    clock: Arc<SetClock>,
    read_at: Mutex<Vec<DateTime<Utc>>>,
}

#[async_trait]
impl Library for Noted {
    async fn read(&self) -> Shelf {
        self.read_at.lock().expect("nobody panics with it").push(self.clock.now());
        Shelf::default()
    }
}

/// Changes that the test tells.
#[derive(Default)]
struct Told(Notify);

#[async_trait]
impl FileWatch for Told {
    async fn changed(&self) {
        self.0.notified().await;
    }
}

/// How long after the first change the files are read, where more changes follow every 50 ms or none does.
async fn read_after(changes_go_on: bool) -> TimeDelta {
    let rig = Rig::new("2027-03-01T08:00").await;
    let began = rig.clock.now();
    let files = Arc::new(Noted { clock: rig.clock.clone(), read_at: Mutex::default() });
    let zones = Arc::new(ZoneData::newest());
    let keeper = CatalogKeeper::new(files.clone(), rig.store.clone(), rig.clock.clone(), zones, Tz::UTC);
    let told = Arc::new(Told::default());
    let reloader =
        Reloader { files: told.clone(), keeper: Arc::new(keeper), clock: rig.clock.clone(), replan: Arc::default() };
    let time_goes_by = async {
        told.0.notify_one();
        for step in 1..100 {
            for _ in 0..10 {
                tokio::task::yield_now().await;
            }
            if let Some(read_at) = files.read_at.lock().expect("nobody panics with it").first() {
                return *read_at - began;
            }
            rig.clock.set(began + TimeDelta::milliseconds(50) * step);
            if changes_go_on {
                told.0.notify_one();
            }
        }
        panic!("they are never read");
    };
    tokio::select! {
        after = time_goes_by => after,
        () = reloader.run(CancellationToken::new()) => panic!("it ends when it is told to"),
    }
}

/// Schedule files that are read when the test says what is in them.
struct Asked(mpsc::Sender<oneshot::Sender<Shelf>>);

#[async_trait]
impl Library for Asked {
    async fn read(&self) -> Shelf {
        let (answer, answered) = oneshot::channel();
        self.0.send(answer).await.expect("the test listens");
        answered.await.expect("the test answers, or the reading is given up")
    }
}

fn shelf(text: &str) -> Shelf {
    Shelf { files: vec![Source::new("a.toml", text)], ..Shelf::default() }
}

/// A keeper, and where it asks for the files.
fn asking(rig: &Rig) -> (Arc<CatalogKeeper>, mpsc::Receiver<oneshot::Sender<Shelf>>) {
    let (ask, asked) = mpsc::channel(4);
    let zones = Arc::new(ZoneData::newest());
    let keeper = CatalogKeeper::new(Arc::new(Asked(ask)), rig.store.clone(), rig.clock.clone(), zones, Tz::UTC);
    (Arc::new(keeper), asked)
}

/// A disk of another machine that is gone answers never. What the ledger has of the files is all that sending needs.
#[tokio::test]
async fn a_directory_that_hangs_holds_up_neither_plans_nor_a_start() {
    let rig = rig("2027-03-01T00:00").await;
    rig.files_are(&[("a.toml", &daily("s", "09:00", ""))]);
    reload(&rig).await;
    let (keeper, mut asked) = asking(&rig);
    let planner = Planner {
        store: rig.store.clone(),
        clock: rig.clock.clone(),
        zones: Arc::new(ZoneData::newest()),
        catalog: keeper.cell(),
        health: rig.planner.health.clone(),
        last: LastPass::default(),
    };
    let names = || keeper.cell().current().schedules.keys().map(ToString::to_string).collect::<Vec<_>>();

    let mut start = pin!(keeper.reload());
    rig.waits(&mut start).await;
    let hangs = asked.recv().await.expect("it is read");
    rig.now_is(rig.clock.now() + TimeDelta::seconds(30));
    let catalog = rig.at_once(start).await.expect("the ledger is well");
    assert_eq!(names(), ["s"], "what was good goes on");
    assert!(catalog.held_back[0].last_good_in_use, "{catalog:?}");
    drop(hangs);

    let mut again = pin!(keeper.reload_as_asked(ReloadRequest::default()));
    rig.waits(&mut again).await;
    rig.at_once(planner.pass()).await.expect("planning");
    let sent = "[schedule.sent]\nto = \"everyone\"\nat = 2027-03-02T09:00:00Z\nzone = \"UTC\"\ntext = \"Hello\"\n";
    rig.at_once(keeper.add(&Source::new("send:sent", sent))).await.expect("added");
    rig.now_is(rig.clock.now() + TimeDelta::seconds(30));
    let verdict = rig.at_once(again).await.expect("reloading");
    assert_eq!((verdict.held_back.len(), verdict.changes), (1, vec![]), "it is told, and changes nothing");
    assert_eq!(names(), ["s", "sent"]);
}

#[tokio::test]
async fn what_was_read_first_does_not_win_over_what_was_read_later() {
    let rig = rig("2027-03-01T00:00").await;
    let (keeper, mut asked) = asking(&rig);
    let mut both = pin!(async {
        let [one, other] = std::array::from_fn(|_| keeper.reload_as_asked(ReloadRequest::default()));
        tokio::join!(one, other)
    });
    rig.waits(&mut both).await;
    let first = asked.recv().await.expect("it is read");
    assert!(asked.try_recv().is_err(), "one after the other");
    first.send(shelf(&daily("first", "09:00", ""))).expect("it waits");
    rig.waits(&mut both).await;
    let second = asked.recv().await.expect("it is read");
    second.send(shelf(&daily("second", "09:00", ""))).expect("it waits");
    let (one, other) = both.await;
    one.and(other).expect("reloading");
    let names: Vec<_> = keeper.cell().current().schedules.keys().map(ToString::to_string).collect();
    assert_eq!(names, ["second"]);
}

#[tokio::test]
async fn a_stop_does_not_wait_for_a_directory_that_hangs() {
    let rig = rig("2027-03-01T00:00").await;
    let (keeper, mut asked) = asking(&rig);
    let files = Arc::new(Told::default());
    let reloader = Reloader { files: files.clone(), keeper, clock: rig.clock.clone(), replan: Arc::default() };
    let stop = CancellationToken::new();
    let mut running = pin!(reloader.run(stop.clone()));
    files.0.notify_one();
    rig.waits(&mut running).await;
    rig.now_is(rig.clock.now() + TimeDelta::seconds(1));
    rig.waits(&mut running).await;
    let _hangs = asked.try_recv().expect("it is read");
    stop.cancel();
    rig.at_once(running).await;
}

/// On a clock that the test moves: of the two seconds within which an edit is in force, half a second at least is left for the
/// reading, also in the middle of a checkout that does not end.
#[tokio::test]
async fn what_was_saved_is_read_in_time() {
    assert_eq!(read_after(false).await, TimeDelta::milliseconds(300));
    let after = read_after(true).await;
    assert!((1200..=1500).contains(&after.num_milliseconds()), "{after}");
}
