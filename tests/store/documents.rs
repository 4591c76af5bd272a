//! Documents, pruning, and the life of the store itself.

use std::time::Duration;

use nudged::domain::delivery::{Reason, State};
use nudged::port::reload::Reload;
use nudged::port::store::{Document, StoreError};

use crate::Place;
use crate::fixtures::*;

fn document(name: &str, text: &str, kept_at: &str) -> Document {
    Document { name: name.to_owned(), text: text.to_owned(), kept_at: at(kept_at) }
}

pub(crate) async fn documents_are_kept_and_found_by_prefix(place: &dyn Place) {
    let ledger = Ledger::new(place).await;
    for (name, text) in [("file/b", "1"), ("file/a", "2"), ("send/a", "3"), ("file%", "4"), ("file/b", "5")] {
        ledger.keep(document(name, text, "00:00"), &[]).await;
    }
    let find = async |prefix| ledger.store.documents(prefix).await.expect("documents");
    assert_eq!(find("file/").await, [document("file/a", "2", "00:00"), document("file/b", "5", "00:00")]);
    assert_eq!(find("file%").await.len(), 1, "no character has a meaning of its own");
    assert_eq!(find("").await.len(), 4);
    assert_eq!(find("none").await, []);
    let forget = ["file/b", "none"].map(str::to_owned).into();
    ledger.store.reload(Reload { forget, ..in_force(Vec::new(), NOWHERE, at("00:00")) }).await.expect("forgetting");
    assert_eq!(find("file/").await, [document("file/a", "2", "00:00")]);
}

pub(crate) async fn pruning_keeps_what_is_needed(place: &dyn Place) {
    let people = ["ana", "bo"].map(|name| person(name, BERLIN));
    let drafts = [draft("once").once_from("send/1"), draft("daily").once_from("file/a")];
    let drafts = [drafts[0].clone(), crate::fixtures::Draft { once: false, ..drafts[1].clone() }];
    let ledger = Ledger::with(place, &people, &drafts).await;
    for name in ["send/1", "file/a", "send/2"] {
        ledger.keep(document(name, "", "00:00"), &drafts).await;
    }
    ledger.plan(&[plan("once", &[wave("09:00", BERLIN)]), plan("daily", &[wave("09:00", BERLIN)])], "00:00").await;
    ledger.expand("08:00").await;
    let claims = ledger.claim("08:00").await;
    for claim in &claims[1..] {
        ledger.sent(claim, "08:00").await;
    }
    let under_way = ledger.mark(&claims[0], "08:00").await;
    let prune = async |before| ledger.store.prune(at(before), at(before)).await.expect("pruning");
    assert_eq!(prune("08:00").await, 0);
    assert_eq!(prune("08:30").await, 3, "three attempts have ended, one has not");
    assert_eq!(prune("08:30").await, 0);
    ledger.settle(attempted(&claims[0], under_way, "08:31", sent())).await;
    assert_eq!(prune("10:00").await, 2, "the last attempt, and the document of what fires once and is over");
    let left: Vec<_> = ledger.store.documents("").await.expect("documents").into_iter().map(|it| it.name).collect();
    assert_eq!(left, ["file/a", "send/2"], "one still fires, and of the other nothing is known");
    // The keys stay: nothing is sent again.
    assert_eq!(ledger.counts("once", "09:00").await, [(State::Sent, 2)]);
    ledger.store.upkeep().await.expect("upkeep");
    ledger.store.probe().await.expect("a probe");
}

pub(crate) async fn a_closed_store_says_so(place: &dyn Place) {
    let ledger = Ledger::new(place).await;
    let store = ledger.store;
    // What was asked before is finished.
    let (asked, ()) = tokio::join!(store.probe(), store.close());
    assert!(asked.is_ok() || matches!(asked, Err(StoreError::Closed)), "{asked:?}");
    assert!(matches!(store.probe().await, Err(StoreError::Closed)));
    assert!(matches!(store.people().await, Err(StoreError::Closed)));
    store.close().await;
}

pub(crate) async fn everything_is_there_after_reopening(place: &dyn Place) {
    let people = [person("ana", BERLIN), person("bo", BERLIN), person("kei", TOKYO), person("lee", DENVER)];
    let ledger = Ledger::with(place, &people, &[draft("s")]).await;
    ledger.plan(&[plan("s", &[BERLIN, TOKYO, DENVER].map(|zone| wave("09:00", zone)))], "00:00").await;
    ledger.store.expand_due(at("08:00"), at("00:00"), u32::MAX).await.expect("expanding");
    let claims = ledger.claim("08:00").await;
    ledger.send(&claims[0], "08:00", waiting("08:10", Reason::Throttled)).await;
    ledger.sent(&claims[1], "08:00").await;
    ledger.keep(document("d", "text", "08:00"), &[draft("s")]).await;
    let before = (
        ledger.deliveries("s").await,
        ledger.occurrences("s").await,
        ledger.store.people().await.expect("people"),
        ledger.store.plan_marks().await.expect("marks"),
        ledger.store.documents("").await.expect("documents"),
        ledger.next_wake(Duration::ZERO).await,
    );
    ledger.store.close().await;

    let ledger = Ledger { store: place.open(), term: ledger.term };
    let after = (
        ledger.deliveries("s").await,
        ledger.occurrences("s").await,
        ledger.store.people().await.expect("people"),
        ledger.store.plan_marks().await.expect("marks"),
        ledger.store.documents("").await.expect("documents"),
        ledger.next_wake(Duration::ZERO).await,
    );
    assert_eq!(after, before);
    let take_over = ledger.store.take_over(at("08:01")).await.expect("taking over");
    assert!(take_over.term > ledger.term, "a term is never used again");
    assert_eq!(take_over.rescued.released, 1);
}
