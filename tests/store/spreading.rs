//! Jitter: the people of a wave are due one after the other.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use nudged::domain::delivery::{Reason, State};
use nudged::domain::id::RecipientId;
use nudged::domain::plan::PlannedWave;
use nudged::domain::share::Rooms;
use nudged::domain::spread::Spread;

use crate::Place;
use crate::fixtures::*;

const MINUTES: u64 = 30;

/// The wave of a civil time whose people are spread over so many minutes.
fn spread_wave(time: &str, zone: Tz, minutes: u64) -> PlannedWave {
    let wave = wave(time, zone);
    let spread = Spread::of(&name("s"), wave.occurrence, Duration::from_mins(minutes));
    PlannedWave { spread, expire_at: wave.expire_at + spread.jitter(), ..wave }
}

/// Ten people of Berlin and their wave, due from 08:00 UTC on.
async fn ten_in_berlin(place: &dyn Place) -> Ledger {
    let people: Vec<_> = (0..10).map(|number| person(&format!("p{number}"), BERLIN)).collect();
    let ledger = Ledger::with(place, &people, &[draft("s")]).await;
    ledger.plan(&[plan("s", &[spread_wave("09:00", BERLIN, MINUTES)])], "00:00").await;
    ledger
}

/// When each person is due, by name.
async fn dues(ledger: &Ledger) -> BTreeMap<String, DateTime<Utc>> {
    ledger.deliveries("s").await.into_iter().map(|it| (it.recipient, it.due_at)).collect()
}

pub(crate) async fn each_person_has_their_own_instant(place: &dyn Place) {
    let ledger = ten_in_berlin(place).await;
    let foretold = dues(&ledger).await;
    ledger.store.expand_due(at("08:00"), at("07:50"), u32::MAX).await.expect("expanding");
    assert_eq!(dues(&ledger).await, foretold, "a status knows them before they are there");
    let spread = spread_wave("09:00", BERLIN, MINUTES).spread;
    let mut claimed = 0;
    let mut last = at("07:59");
    for minute in 0..=i64::try_from(MINUTES).expect("few") {
        let now = at("08:00") + TimeDelta::minutes(minute);
        for claim in ledger.store.claim_due(ledger.term, now, Rooms::for_anybody(100), LEASE).await.expect("claiming") {
            assert!(claim.due_at <= now && claim.due_at > last, "{claim:?}");
            assert_eq!(claim.due_at, at("08:00") + spread.offset(claim.recipient.id), "as the domain says");
            assert_eq!(claim.expire_at, claim.due_at + LATE, "lateness counts from one's own instant");
            claimed += 1;
        }
        last = now;
    }
    assert_eq!(claimed, 10);
    assert!(foretold.values().max() > foretold.values().min());
}

pub(crate) async fn a_place_in_the_spread_is_kept_wherever_a_delivery_goes(place: &dyn Place) {
    let ledger = ten_in_berlin(place).await;
    let waves = |by| [BERLIN, DENVER].map(|zone| later(spread_wave("09:00", zone, MINUTES), TimeDelta::minutes(by)));
    ledger.plan(&[plan("s", &waves(0))], "00:00").await;
    ledger.store.expand_due(at("08:00"), at("07:50"), u32::MAX).await.expect("expanding");
    let before = dues(&ledger).await;
    let later_by = |hours: i64| before.iter().map(move |(who, due)| (who.clone(), *due + TimeDelta::hours(hours)));
    ledger.plan(&[plan("s", &waves(60))], "07:51").await;
    assert_eq!(dues(&ledger).await, later_by(1).collect(), "the wave moved");
    ledger.plan(&[plan("s", &waves(0))], "07:52").await;
    assert_eq!(dues(&ledger).await, before, "and back");

    let claims = ledger.claim("08:30").await;
    assert_eq!(claims.len(), 10);
    for claim in &claims[1..] {
        ledger.release(claim).await;
    }
    assert_eq!(dues(&ledger).await, before, "what comes back to things as they were");
    let movers: Vec<_> = (0..10).map(|number| person(&format!("p{number}"), DENVER)).collect();
    ledger.import(&movers, "08:31").await;
    ledger.release(&claims[0]).await;
    assert_eq!(dues(&ledger).await, later_by(8).collect(), "everybody moved, one while a sender had theirs");
    let denver: BTreeMap<_, _> =
        ledger.deliveries("s").await.into_iter().map(|it| (it.recipient, it.not_before)).collect();
    assert_eq!(denver, later_by(8).map(|(who, due)| (who, Some(due))).collect());
    let claims = ledger.claim("16:30").await;
    assert!(claims.iter().all(|claim| claim.expire_at == claim.due_at + LATE) && claims.len() == 10, "{claims:?}");
}

pub(crate) async fn an_edited_jitter_is_followed(place: &dyn Place) {
    let ledger = ten_in_berlin(place).await;
    ledger.store.expand_due(at("08:00"), at("07:50"), u32::MAX).await.expect("expanding");
    let (before, wide) = (dues(&ledger).await, spread_wave("09:00", BERLIN, 2 * MINUTES));
    ledger.plan(&[plan("s", &[wide])], "07:51").await;
    let after = dues(&ledger).await;
    for (who, due) in &before {
        let (before, after) = (*due - at("08:00"), after[who] - at("08:00"));
        assert!((after - before * 2).abs() <= TimeDelta::milliseconds(1), "{who}: {before} and {after}");
    }
    ledger.plan(&[plan("s", &[wave("09:00", BERLIN)])], "07:52").await;
    assert!(dues(&ledger).await.values().all(|due| *due == at("08:00")));
    assert_eq!(ledger.claim("08:00").await.len(), 10);
}

/// The lateness of the wave's first person is over at 09:00, that of the last at 09:30.
pub(crate) async fn a_wave_is_open_as_long_as_its_last_person(place: &dyn Place) {
    let ledger = ten_in_berlin(place).await;
    ledger.expand("08:00").await;
    let spread = spread_wave("09:00", BERLIN, MINUTES).spread;
    let last = (1..=10).map(RecipientId).max_by_key(|id| spread.offset(*id)).expect("ten");
    let claims = ledger.claim("08:30").await;
    for claim in claims.iter().filter(|claim| claim.recipient.id != last) {
        ledger.sent(claim, "08:30").await;
    }
    let late = claims.iter().find(|claim| claim.recipient.id == last).expect("the last");
    ledger.release(late).await;
    assert_eq!(ledger.plan(&[plan("s", &[])], "09:10").await.cancelled_deliveries, 1);
    let expect = (State::Cancelled, Some(Reason::ScheduleChanged));
    assert_eq!(ledger.state("s", "09:00", &late.recipient.name).await, expect);
}
