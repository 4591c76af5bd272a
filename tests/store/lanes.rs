//! Who is claimed first when more is due than there is room for.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use nudged::domain::delivery::Claim;
use nudged::domain::recipient::{PersonRecord, Reference};
use nudged::domain::schedule::model::Priority;
use nudged::domain::share::{Room, Rooms};

use crate::Place;
use crate::fixtures::*;

/// Somebody of a tenant, in a group.
fn of_tenant(name: &str, tenant: Option<&str>, group: &str) -> PersonRecord {
    let known = member(name, BERLIN, &[group]);
    let reference = Reference { tenant_id: tenant.map(str::to_owned), ..known.reference };
    PersonRecord { reference, ..known }
}

fn crowd(count: usize, tenant: Option<&str>, group: &str) -> Vec<PersonRecord> {
    (0..count).map(|n| of_tenant(&format!("{group}-{n}"), tenant, group)).collect()
}

/// A ledger in which each of the schedules is due at 08:00 for the group of its name.
async fn due(place: &dyn Place, people: &[PersonRecord], schedules: &[(&str, Priority)]) -> Ledger {
    let drafts: Vec<_> = schedules
        .iter()
        .map(|(name, priority)| draft(name).to(&[&format!("group:{name}")]).priority(*priority))
        .collect();
    let ledger = Ledger::with(place, people, &drafts).await;
    let plans: Vec<_> = schedules.iter().map(|(name, _)| plan(name, &[wave("09:00", BERLIN)])).collect();
    ledger.plan(&plans, "00:00").await;
    ledger.expand("08:00").await;
    ledger
}

async fn claim(ledger: &Ledger, rooms: Rooms) -> Vec<Claim> {
    ledger.store.claim_due(ledger.term, at("08:00"), rooms, LEASE).await.expect("claiming")
}

/// How many claims there are of each schedule.
fn by_schedule(claims: &[Claim]) -> BTreeMap<&str, usize> {
    let mut counts = BTreeMap::new();
    for claim in claims {
        *counts.entry(claim.schedule.as_str()).or_default() += 1;
    }
    counts
}

const NORMAL: Priority = Priority::Normal;

pub(crate) async fn a_crowd_leaves_room_for_other_schedules(place: &dyn Place) {
    let people = [crowd(50, None, "crowd"), crowd(3, None, "stand-up"), crowd(30, None, "tea")].concat();
    let ledger = due(place, &people, &[("crowd", NORMAL), ("stand-up", NORMAL), ("tea", NORMAL)]).await;
    let claims = claim(&ledger, Rooms::for_anybody(21)).await;
    assert_eq!(by_schedule(&claims), BTreeMap::from([("crowd", 9), ("stand-up", 3), ("tea", 9)]));
    let first: Vec<_> = claims[..3].iter().map(|claim| claim.schedule.as_str()).collect();
    assert_eq!(first, ["crowd", "stand-up", "tea"], "they are sent in this order, so each goes in turn");
    let rest = claim(&ledger, Rooms::for_anybody(1000)).await;
    assert_eq!(by_schedule(&rest), BTreeMap::from([("crowd", 41), ("tea", 21)]));
}

pub(crate) async fn a_crowd_leaves_room_for_other_tenants(place: &dyn Place) {
    let people = [crowd(20, Some("a"), "a-1"), crowd(20, Some("a"), "a-2"), crowd(20, Some("b"), "b-1")].concat();
    let ledger = due(place, &people, &[("a-1", NORMAL), ("a-2", NORMAL), ("b-1", NORMAL)]).await;
    let claims = claim(&ledger, Rooms::for_anybody(20)).await;
    // Not a third for each: it is the tenants that are equal.
    assert_eq!(by_schedule(&claims), BTreeMap::from([("a-1", 5), ("a-2", 5), ("b-1", 10)]));
}

pub(crate) async fn a_tenant_has_the_room_it_is_given(place: &dyn Place) {
    let groups = [("quiet", "q"), ("busy", "b"), ("free", "f")];
    let people: Vec<_> = groups.iter().flat_map(|(group, tenant)| crowd(20, Some(tenant), group)).collect();
    let ledger = due(place, &people, &groups.map(|(group, _)| (group, NORMAL))).await;
    let own = HashMap::from([(Arc::from("q"), 0), (Arc::from("b"), 3)]);
    let rooms = |all| Rooms { ordinary: Room { all, each: 10, own: own.clone() }, ..Rooms::for_anybody(0) };
    assert_eq!(by_schedule(&claim(&ledger, rooms(9)).await), BTreeMap::from([("busy", 3), ("free", 6)]));
    assert_eq!(by_schedule(&claim(&ledger, rooms(100)).await), BTreeMap::from([("busy", 3), ("free", 10)]));
}

pub(crate) async fn who_is_of_no_known_tenant_is_at_home(place: &dyn Place) {
    let people = [crowd(9, Some("home"), "said"), crowd(9, None, "unsaid"), crowd(9, Some("b"), "other")].concat();
    let ledger = due(place, &people, &[("said", NORMAL), ("unsaid", NORMAL), ("other", NORMAL)]).await;
    let room = Room { all: 100, each: 4, own: HashMap::new() };
    let rooms = Rooms { critical: Room::of(0), ordinary: room, home: Arc::from("home") };
    let claims = claim(&ledger, rooms).await;
    assert_eq!(by_schedule(&claims), BTreeMap::from([("said", 2), ("unsaid", 2), ("other", 4)]));
}

pub(crate) async fn a_critical_one_never_waits_for_a_crowd(place: &dyn Place) {
    let people = [crowd(50, Some("a"), "crowd"), crowd(1, Some("a"), "alarm"), crowd(9, Some("a"), "bulk")].concat();
    let schedules = [("crowd", NORMAL), ("alarm", Priority::Critical), ("bulk", Priority::Bulk)];
    let ledger = due(place, &people, &schedules).await;
    let nothing_left = Room { own: HashMap::from([(Arc::from("a"), 0)]), ..Room::of(10) };
    let rooms = Rooms { ordinary: nothing_left, ..Rooms::for_anybody(10) };
    assert_eq!(by_schedule(&claim(&ledger, rooms).await), BTreeMap::from([("alarm", 1)]));
    let claims = claim(&ledger, Rooms::for_anybody(40)).await;
    assert_eq!(by_schedule(&claims), BTreeMap::from([("crowd", 40)]), "bulk comes after all that is more urgent");
}

/// Ten thousand schedules for one person each: whoever has waited longest is served first, and nobody is left out.
pub(crate) async fn ten_thousand_lanes_all_get_their_turn(place: &dyn Place) {
    const LANES: usize = 10_000;
    let names: Vec<_> = (0..LANES).map(|n| format!("s-{n:05}")).collect();
    let drafts: Vec<_> = names.iter().map(|name| draft(name)).collect();
    let ledger = Ledger::with(place, &[person("ana", BERLIN)], &drafts).await;
    let plans: Vec<_> = names.iter().map(|name| plan(name, &[wave("09:00", BERLIN)])).collect();
    ledger.plan(&plans, "00:00").await;
    ledger.expand("08:00").await;
    let mut seen = Vec::new();
    for _ in 0..4 {
        let claims = claim(&ledger, Rooms::for_anybody(LANES / 4)).await;
        seen.extend(claims.into_iter().map(|claim| claim.schedule.to_string()));
    }
    assert_eq!(seen, names);
}

/// What is due already waits for room, and that is no instant to wake at.
pub(crate) async fn the_next_wake_is_after_what_waits_for_room(place: &dyn Place) {
    let people = [crowd(5, None, "crowd"), crowd(2, None, "later")].concat();
    let drafts = ["crowd", "later"].map(|name| draft(name).to(&[&format!("group:{name}")]));
    let ledger = Ledger::with(place, &people, &drafts).await;
    let plans = [plan("crowd", &[wave("09:00", BERLIN)]), plan("later", &[wave("09:05", BERLIN)])];
    ledger.plan(&plans, "00:00").await;
    ledger.expand("08:05").await;
    let next = async |after| ledger.store.next_wake(Duration::ZERO, at(after)).await.expect("the next wake-up");
    assert_eq!(next("07:59").await, Some(at("08:00")));
    assert_eq!(next("08:00").await, Some(at("08:05")));
    assert_eq!(next("08:05").await, None);
}

pub(crate) async fn a_delivery_that_comes_back_keeps_its_lane(place: &dyn Place) {
    let people = [crowd(4, Some("a"), "crowd"), crowd(1, Some("b"), "other")].concat();
    let ledger = due(place, &people, &[("crowd", NORMAL), ("other", NORMAL)]).await;
    for claim in claim(&ledger, Rooms::for_anybody(100)).await {
        ledger.release(&claim).await;
    }
    assert_eq!(by_schedule(&claim(&ledger, Rooms::for_anybody(2)).await), BTreeMap::from([("crowd", 1), ("other", 1)]));
    // Not meant, meant again.
    ledger.sync(&[draft("crowd").to(&["group:crowd"])], "08:00").await;
    let drafts = [draft("crowd").to(&["group:crowd"]), draft("other").to(&["group:other"])];
    ledger.sync(&drafts, "08:00").await;
    assert_eq!(by_schedule(&claim(&ledger, Rooms::for_anybody(100)).await), BTreeMap::from([("crowd", 3)]));
}
