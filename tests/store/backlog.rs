//! What a claim knows of the rest of the backlog.

use std::time::Duration;

use chrono::TimeDelta;
use nudged::domain::plan::PlannedWave;
use nudged::domain::schedule::model::{CatchUp, Overlap};
use nudged::domain::spread::Spread;
use nudged::domain::time::ClockNote;

use crate::Place;
use crate::fixtures::*;

/// Whether a later one is due, for each claim: schedule, hour and person.
async fn claimed(ledger: &Ledger, now: &str) -> Vec<(String, bool)> {
    let claims = ledger.claim(now).await.into_iter();
    let mut claimed: Vec<_> = claims
        .map(|claim| {
            let hour = claim.occurrence.format("%H");
            (format!("{} {hour} {}", claim.schedule, claim.recipient.name), claim.later_is_due)
        })
        .collect();
    claimed.sort();
    claimed
}

fn expect(claims: &[(&str, bool)]) -> Vec<(String, bool)> {
    claims.iter().map(|(claim, later)| ((*claim).to_owned(), *later)).collect()
}

pub(crate) async fn a_claim_knows_whether_a_later_one_is_due(place: &dyn Place) {
    let ledger = Ledger::with(place, &[person("ana", BERLIN)], &[draft("s")]).await;
    ledger.plan(&[plan("s", &["09:00", "10:00", "11:00"].map(|time| wave(time, BERLIN)))], "00:00").await;
    ledger.store.expand_due(at("09:00"), at("08:59"), u32::MAX).await.expect("expanding ahead");
    let early = ledger.claim_one("08:59").await;
    assert!(!early.later_is_due, "10:00 has a row, and a minute to go");
    ledger.release(&early).await;
    ledger.expand("10:00").await;
    assert_eq!(claimed(&ledger, "10:00").await, expect(&[("s 09 ana", true), ("s 10 ana", true), ("s 11 ana", false)]));
}

pub(crate) async fn a_later_one_counts_for_the_same_person_and_schedule(place: &dyn Place) {
    let people = [member("ana", BERLIN, &["g"]), member("kei", TOKYO, &["g"]), person("lee", DENVER)];
    let ledger = Ledger::with(place, &people, &[draft("s").to(&["group:g"]), draft("t")]).await;
    let nine = [BERLIN, TOKYO, DENVER].map(|zone| wave("09:00", zone));
    ledger.plan(&[plan("s", &nine), plan("t", &[wave_for_all("12:00")])], "00:00").await;
    ledger.expand("00:00").await;
    assert_eq!(claimed(&ledger, "00:00").await, expect(&[("s 09 kei", false)]));
    ledger.store.expand_due(at("12:00"), at("00:00"), u32::MAX).await.expect("expanding");
    let one_each = expect(&[("s 09 ana", false), ("t 12 ana", false), ("t 12 kei", false), ("t 12 lee", false)]);
    assert_eq!(claimed(&ledger, "12:00").await, one_each, "others of the occurrence, or of other schedules");
}

pub(crate) async fn a_later_one_may_be_in_another_wave(place: &dyn Place) {
    let ledger = Ledger::with(place, &[person("ana", BERLIN), person("bo", BERLIN)], &[draft("s")]).await;
    ledger.plan(&[plan("s", &[wave("09:00", BERLIN), wave("08:30", DENVER), wave_for_all("16:00")])], "00:00").await;
    ledger.expand("08:00").await;
    // There is no 09:00 in Denver, so ana's stays in Berlin; her 08:30 comes in Denver, at 15:30 UTC.
    ledger.import(&[person("ana", DENVER)], "08:00").await;
    ledger.expand("15:30").await;
    let first = claimed(&ledger, "15:30").await;
    assert_eq!(first, expect(&[("s 08 ana", false), ("s 09 ana", true), ("s 09 bo", false)]));
    ledger.store.take_over(at("15:31")).await.expect("taking over");
    let ledger = Ledger { term: nudged::domain::id::Term(ledger.term.0 + 1), ..ledger };
    ledger.expand("16:00").await;
    let then = claimed(&ledger, "16:00").await;
    let earlier: Vec<_> = then.iter().filter(|(_, later)| *later).map(|(claim, _)| claim.as_str()).collect();
    assert_eq!(earlier, ["s 08 ana", "s 09 ana", "s 09 bo"], "a wave for all is for everybody");
}

pub(crate) async fn a_later_one_that_is_not_meant_any_more_does_not_count(place: &dyn Place) {
    let ledger = Ledger::with(place, &[person("ana", BERLIN)], &[draft("s")]).await;
    ledger.plan(&[plan("s", &[wave("09:00", BERLIN), wave("09:30", BERLIN)])], "00:00").await;
    ledger.expand("08:30").await;
    ledger.plan(&[plan("s", &[wave("09:00", BERLIN)])], "08:30").await;
    assert!(!ledger.claim_one("08:30").await.later_is_due);

    // Nor does one that was stopped.
    ledger.store.take_over(at("08:30")).await.expect("taking over");
    let ledger = Ledger { term: nudged::domain::id::Term(ledger.term.0 + 1), ..ledger };
    ledger.sync(&[draft("s").max_people(1)], "08:30").await;
    ledger.import(&[person("bo", BERLIN)], "08:30").await;
    ledger.plan(&[plan("s", &[wave("09:00", BERLIN), wave("09:45", BERLIN)])], "08:31").await;
    let ana = ledger.claim_one("08:31").await;
    assert_eq!(ledger.expand("08:45").await.too_many.len(), 2);
    ledger.release(&ana).await;
    assert!(!ledger.claim_one("08:45").await.later_is_due);
}

/// There is no 08:00 that day, so it comes at nine.
pub(crate) async fn of_two_that_a_clock_brings_to_one_instant_the_later_stands_for_both(place: &dyn Place) {
    for jitter in [Duration::ZERO, Duration::from_mins(30)] {
        let place = place.another();
        let eight =
            PlannedWave { note: Some(ClockNote::ShiftedOverGap), ..later(wave("08:00", BERLIN), TimeDelta::hours(1)) };
        let both = [eight, wave("09:00", BERLIN)];
        let both = both.map(|wave| PlannedWave { spread: Spread::of(&name("s"), wave.occurrence, jitter), ..wave });
        let ledger = Ledger::with(place.as_ref(), &[person("ana", BERLIN)], &[draft("s")]).await;
        ledger.plan(&[plan("s", &both)], "00:00").await;
        ledger.expand("08:00").await;
        let mut of_eight = None;
        for minute in 0..30 {
            let claims = claimed(&ledger, &format!("08:{minute:02}")).await;
            of_eight = of_eight.or_else(|| claims.into_iter().find(|(claim, _)| claim == "s 08 ana"));
        }
        assert_eq!(of_eight, Some(("s 08 ana".to_owned(), true)), "{jitter:?}");
    }
}

pub(crate) async fn what_nobody_asks_is_not_looked_up(place: &dyn Place) {
    let drafts = [
        draft("keep-all").backlog(Overlap::Keep, CatchUp::All),
        draft("keep-latest").backlog(Overlap::Keep, CatchUp::Latest),
        draft("take-none").backlog(Overlap::Supersede, CatchUp::None),
    ];
    let ledger = Ledger::with(place, &[person("ana", BERLIN)], &drafts).await;
    for schedule in drafts.each_ref().map(|draft| draft.name.as_str()) {
        ledger.plan(&[plan(schedule, &[wave("09:00", BERLIN), wave("09:30", BERLIN)])], "00:00").await;
    }
    ledger.expand("08:30").await;
    let claims = ledger.claim("08:30").await;
    for claim in &claims {
        let asks = claim.schedule != name("keep-all");
        assert_eq!(claim.later_is_due, asks && claim.occurrence == civil("09:00"), "{claim:?}");
        let said = drafts.iter().find(|draft| name(&draft.name) == claim.schedule).expect("one of them");
        assert_eq!((claim.overlap, claim.catch_up), (said.overlap, said.catch_up));
    }
    assert_eq!(claims.len(), 6);
}

pub(crate) async fn a_successor_hears_when_somebody_was_last_there(place: &dyn Place) {
    let ledger = Ledger::new(place).await;
    let seen = async || ledger.store.take_over(at("12:00")).await.expect("taking over").went_round_at;
    assert_eq!(seen().await, None);
    ledger.expand("08:00").await;
    assert_eq!(seen().await, Some(at("08:00")));
    // The wall clock was set back.
    ledger.expand("07:00").await;
    assert_eq!(seen().await, Some(at("08:00")));
}
