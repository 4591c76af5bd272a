//! Who waits for the end of quiet hours is looked at again when it may come earlier.

use chrono_tz::Tz;
use nudged::domain::delivery::Reason;
use nudged::domain::plan::PlannedWave;
use nudged::domain::quiet::QuietHours;
use nudged::domain::recipient::{Details, PersonRecord};

use crate::Place;
use crate::fixtures::*;

/// Ana is due at 09:00 in Berlin, which is 08:00 in UTC, or in such a wave, and waits for `reason` until 08:50.
async fn held(place: &dyn Place, wave: PlannedWave, reason: Reason) -> Ledger {
    let now = if wave.zone == BERLIN { "08:00" } else { "08:30" };
    let ledger = Ledger::with(place, &[person("ana", BERLIN)], &[draft("s")]).await;
    ledger.plan(&[plan("s", &[wave])], "00:00").await;
    ledger.expand(now).await;
    let claim = ledger.claim_one(now).await;
    ledger.settle(decided(&claim, now, waiting("08:50", reason))).await;
    assert_eq!(ledger.claim("08:40").await, []);
    ledger
}

async fn held_in_berlin(place: &dyn Place, reason: Reason) -> Ledger {
    held(place, wave("09:00", BERLIN), reason).await
}

async fn is_claimed(ledger: &Ledger) -> bool {
    !ledger.claim("08:40").await.is_empty()
}

fn with_quiet_hours(hours: &str) -> PersonRecord {
    let quiet_hours = QuietHours::read(hours);
    PersonRecord { details: Details { quiet_hours, ..Details::default() }, ..person("ana", BERLIN) }
}

pub(crate) async fn a_move_ends_the_waiting_for_quiet_hours(place: &dyn Place) {
    let ledger = held_in_berlin(place, Reason::QuietHours).await;
    ledger.import(&[person("ana", TOKYO)], "08:40").await;
    assert!(!is_claimed(&ledger).await, "nobody knows yet when she is due there");
    ledger.plan(&[plan("s", &[wave("09:00", TOKYO)])], "08:40").await;
    assert_eq!(ledger.delivery("s", "09:00", "ana").await.not_before, Some(at("00:00")));
    assert!(is_claimed(&ledger).await);

    let place = place.another();
    let ledger = held(place.as_ref(), wave_for_all("08:30"), Reason::QuietHours).await;
    ledger.import(&[person("ana", TOKYO)], "08:40").await;
    assert!(is_claimed(&ledger).await, "one wave for all, and quiet hours on each clock");
}

pub(crate) async fn a_wave_that_moves_ends_the_waiting_for_quiet_hours(place: &dyn Place) {
    let ledger = held_in_berlin(place, Reason::QuietHours).await;
    ledger.plan(&[plan("s", &[later(wave("09:00", BERLIN), -LATE / 2)])], "08:40").await;
    assert!(is_claimed(&ledger).await);
}

pub(crate) async fn other_quiet_hours_of_a_person_end_the_waiting_for_them(place: &dyn Place) {
    let ledger = held_in_berlin(place, Reason::QuietHours).await;
    ledger.import(&[with_quiet_hours("22:00-06:00")], "08:40").await;
    let claim = ledger.claim_one("08:40").await;
    ledger.settle(decided(&claim, "08:40", waiting("08:50", Reason::QuietHours))).await;
    ledger.import(&[PersonRecord { language: Some("de".into()), ..with_quiet_hours("22:00-06:00") }], "08:40").await;
    assert!(!is_claimed(&ledger).await, "they are as they were");
}

pub(crate) async fn an_edit_ends_the_waiting_for_quiet_hours(place: &dyn Place) {
    let ledger = held_in_berlin(place, Reason::QuietHours).await;
    ledger.sync(&[draft("s").topic("t")], "08:40").await;
    assert!(is_claimed(&ledger).await);
}

pub(crate) async fn who_waits_for_another_try_waits_on(place: &dyn Place) {
    let ledger = held_in_berlin(place, Reason::Throttled).await;
    ledger.sync(&[draft("s").topic("t")], "08:40").await;
    ledger.import(&[with_quiet_hours("22:00-06:00")], "08:40").await;
    ledger.plan(&[plan("s", &[wave("09:00", BERLIN), wave("09:00", TOKYO)])], "08:40").await;
    ledger.import(&[person("ana", TOKYO)], "08:40").await;
    assert_eq!(ledger.delivery("s", "09:00", "ana").await.not_before, Some(at("08:50")));
}

/// Else it would be claimed again at once, and again.
pub(crate) async fn who_is_to_wait_where_no_wave_will_come_waits(place: &dyn Place) {
    let ledger = Ledger::with(place, &[person("ana", BERLIN)], &[draft("s")]).await;
    ledger.plan(&[plan("s", &[wave("09:00", BERLIN)])], "00:00").await;
    ledger.expand("08:00").await;
    ledger.import(&[person("ana", Tz::Asia__Kolkata)], "08:00").await;
    let claim = ledger.claim_one("08:00").await;
    ledger.settle(decided(&claim, "08:00", waiting("08:50", Reason::QuietHours))).await;
    assert!(!is_claimed(&ledger).await);
}
