//! When keys are fetched, by a clock that is set by hand.

use std::collections::VecDeque;
use std::sync::Mutex;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use tokio::task::JoinSet;

use super::*;
use crate::adapter::serving::hand::HandClock;

/// Publishes what it is told to; then always the last of it.
struct Press {
    editions: Mutex<VecDeque<Result<Vec<&'static str>, &'static str>>>,
    fetched: watch::Sender<u32>,
}

#[async_trait]
impl Source for Press {
    async fn fetch(&self) -> Result<KeySet, String> {
        self.fetched.send_modify(|fetched| *fetched += 1);
        let mut editions = self.editions.lock().expect("unbroken");
        let edition = if editions.len() > 1 { editions.pop_front() } else { editions.front().cloned() };
        let ids = edition.expect("something to publish")?;
        let n = URL_SAFE_NO_PAD.encode([0xff; 256]);
        let key = |id| json!({ "kty": "RSA", "kid": id, "n": n, "e": "AQAB", "endorsements": ["msteams"] });
        let keys: Vec<_> = ids.into_iter().map(key).collect();
        KeySet::read(json!({ "keys": keys }).to_string().as_bytes()).map_err(|why| why.to_string())
    }
}

struct Rig {
    clock: Arc<HandClock>,
    press: Arc<Press>,
    keys: Arc<Keyring>,
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

impl Rig {
    fn start(editions: impl IntoIterator<Item = Result<Vec<&'static str>, &'static str>>) -> Self {
        let clock = Arc::new(HandClock::default());
        let editions = Mutex::new(editions.into_iter().collect());
        let press = Arc::new(Press { editions, fetched: watch::Sender::default() });
        let keys = Arc::new(Keyring::new(Arc::clone(&clock) as Arc<dyn Clock>));
        let (stop, mut tasks) = (CancellationToken::new(), JoinSet::new());
        let (of_task, source, stopping) = (Arc::clone(&keys), Arc::clone(&press), stop.clone());
        tasks.spawn(async move { of_task.run(&*source, stopping).await });
        Self { clock, press, keys, stop, tasks }
    }

    async fn ask(&self, id: &str) -> Result<(), Refusal> {
        self.keys.key(id).await.map(|_| ())
    }

    fn fetches(&self) -> u32 {
        *self.press.fetched.borrow()
    }
}

#[tokio::test]
async fn keys_are_there_for_the_first_who_asks() {
    let rig = Rig::start([Ok(vec!["a"])]);
    assert_eq!((rig.ask("a").await, rig.fetches()), (Ok(()), 1));
}

#[tokio::test]
async fn a_flood_of_invented_keys_is_at_most_one_fetch_a_minute() {
    let rig = Rig::start([Ok(vec!["a"])]);
    for minute in 1..=5 {
        for n in 0..200 {
            assert_eq!(rig.ask(&format!("forged-{n}")).await, Err(Refusal::UnknownKey));
        }
        assert_eq!((rig.ask("a").await, rig.fetches()), (Ok(()), minute));
        // One rest for each fetch, and one wait for the next.
        rig.clock.slept_on(2 * minute - 1).await;
        rig.clock.advance(REST);
        rig.clock.slept_on(2 * minute).await;
    }
}

#[tokio::test]
async fn many_who_miss_a_key_at_once_are_one_fetch() {
    let rig = Rig::start([Ok(vec!["a"]), Ok(vec!["a", "b"])]);
    rig.clock.slept_on(1).await;
    rig.clock.advance(REST);
    rig.clock.slept_on(2).await;
    let mut asking = JoinSet::new();
    for _ in 0..100 {
        let keys = Arc::clone(&rig.keys);
        asking.spawn(async move { keys.key("b").await.map(|_| ()) });
    }
    // So many wait as may; the others are asked to come again, and hold nobody's place meanwhile.
    let found = asking.join_all().await;
    assert_eq!(found.iter().filter(|found| found.is_ok()).count(), MOST_WAITING);
    assert!(found.iter().all(|found| matches!(found, Ok(()) | Err(Refusal::NoKeys))), "{found:?}");
    assert_eq!(rig.fetches(), 2);
}

#[tokio::test]
async fn a_key_that_is_published_no_more_is_no_longer_good() {
    let rig = Rig::start([Ok(vec!["a"]), Ok(vec!["b"])]);
    assert_eq!(rig.ask("a").await, Ok(()));
    rig.clock.slept_on(1).await;
    rig.clock.advance(REST);
    rig.clock.slept_on(2).await;
    assert_eq!(rig.ask("b").await, Ok(()));
    assert_eq!(rig.ask("a").await, Err(Refusal::UnknownKey));
}

#[tokio::test]
async fn keys_are_fetched_twice_a_day_though_nobody_asks() {
    let rig = Rig::start([Ok(vec!["a"])]);
    rig.clock.slept_on(1).await;
    rig.clock.advance(REST);
    rig.clock.slept_on(2).await;
    rig.clock.advance(SERVE_FOR.saturating_sub(REST));
    rig.clock.slept_on(3).await;
    assert_eq!(rig.fetches(), 2);
}

#[tokio::test]
async fn an_outage_locks_out_nobody_whose_key_is_known() {
    let rig = Rig::start([Ok(vec!["a"]), Err("the directory is down")]);
    rig.clock.slept_on(1).await;
    rig.clock.advance(REST);
    rig.clock.slept_on(2).await;
    assert_eq!(rig.ask("b").await, Err(Refusal::UnknownKey));
    assert_eq!(rig.keys.trouble().as_deref(), Some("the directory is down"));
    assert_eq!(rig.ask("a").await, Ok(()));
    // Days of it.
    for round in 0..1_000 {
        rig.clock.slept_on(3 + 2 * round).await;
        rig.clock.advance(REST);
        rig.clock.slept_on(4 + 2 * round).await;
        rig.clock.advance(TRY_AGAIN.saturating_sub(REST));
    }
    assert_eq!(rig.ask("a").await, Ok(()));
}

#[tokio::test]
async fn without_any_keys_nobody_can_tell_and_it_is_tried_again() {
    let rig = Rig::start([Err("no route"), Ok(vec!["a"])]);
    assert_eq!(rig.ask("a").await, Err(Refusal::NoKeys));
    rig.clock.slept_on(1).await;
    rig.clock.advance(REST);
    rig.clock.slept_on(2).await;
    assert_eq!(rig.ask("a").await, Ok(()));
    assert_eq!(rig.keys.trouble(), None);
}

#[tokio::test]
async fn whoever_waits_when_it_stops_gets_an_answer() {
    let mut rig = Rig::start([Ok(vec!["a"])]);
    rig.clock.slept_on(1).await;
    rig.stop.cancel();
    rig.tasks.join_next().await;
    assert_eq!(rig.ask("b").await, Err(Refusal::UnknownKey));
}
