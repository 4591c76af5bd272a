//! Civil time, zones and instants.
//!
//! Four ideas, never mixed: an **instant** is a [`DateTime<Utc>`]; a **civil time** is a [`NaiveDateTime`] as it
//! stands on a wall clock somewhere; a **zone** is a [`Tz`]; a [`Moment`] is a point on the monotonic clock. The only
//! way from a civil time to an instant is [`resolve`], which always takes a gap rule and a fold rule: no library's
//! own opinion about clock changes is ever used.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, FixedOffset, NaiveDateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

/// A point on the monotonic clock: the time since some fixed but unknown start. It never goes back, and a step of
/// the wall clock does not move it. Rates, timeouts and leases are measured with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Moment(pub Duration);

impl Moment {
    #[must_use]
    pub fn after(self, span: Duration) -> Self {
        Self(self.0.saturating_add(span))
    }

    /// How long from `earlier` to `self`; zero when `earlier` is the later one.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

/// What a zone's clock does at one civil time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LocalTime {
    /// The ordinary case: the civil time happens once.
    Unique(FixedOffset),
    /// The civil time is skipped: the clock jumps over it at `transition`, from `before` to `after`.
    Gap { before: FixedOffset, after: FixedOffset, transition: DateTime<Utc> },
    /// The civil time happens twice: with offset `first`, then again with offset `second`.
    Fold { first: FixedOffset, second: FixedOffset },
}

/// The rules of every zone: where the time-zone data comes from is the adapter's affair.
pub trait ZoneRules: Send + Sync {
    /// What the clock of `zone` does at `civil`. Total: every civil time has an answer in every zone.
    fn local_time(&self, civil: NaiveDateTime, zone: Tz) -> LocalTime;

    /// The offset from UTC that the clock of `zone` shows at `at`.
    fn offset_at(&self, at: DateTime<Utc>, zone: Tz) -> FixedOffset;

    /// The version of the data, for example `2026b`. When it changes, open waves are resolved anew.
    fn version(&self) -> Arc<str>;

    /// What the clock of `zone` shows at `at`.
    fn civil(&self, at: DateTime<Utc>, zone: Tz) -> NaiveDateTime {
        at.with_timezone(&self.offset_at(at, zone)).naive_local()
    }
}

/// What to do with a civil time that a zone's clock skips.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GapPolicy {
    /// Later by the size of the gap: 02:30 becomes 03:30 (RFC 5545 §3.3.5).
    #[default]
    Shift,
    /// The first civil time after the gap: 02:30 becomes 03:00.
    FirstValid,
    /// Not at all.
    Skip,
}

/// Which one to take of a civil time that happens twice. There is no "both": nobody gets the same message twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FoldPolicy {
    #[default]
    First,
    Second,
}

/// Both rules for clock changes, as a schedule states them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ClockChangePolicy {
    pub gap: GapPolicy,
    pub fold: FoldPolicy,
}

/// Why an instant does not show the civil time that was asked for, or shows it one of two times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClockNote {
    /// The civil time does not exist there; moved later by the size of the gap.
    ShiftedOverGap,
    /// The civil time does not exist there; moved to the first one that does.
    FirstAfterGap,
    /// The civil time happens twice there; this is the first.
    FirstOfTwo,
    /// The civil time happens twice there; this is the second.
    SecondOfTwo,
}

/// A civil time resolved in a zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resolved {
    pub at: DateTime<Utc>,
    pub note: Option<ClockNote>,
}

/// The instant at which the clock of `zone` shows `civil`, by the given rules. `None` only when the civil time does
/// not exist there and the rule is [`GapPolicy::Skip`].
#[must_use]
pub fn resolve(civil: NaiveDateTime, zone: Tz, rules: &dyn ZoneRules, policy: ClockChangePolicy) -> Option<Resolved> {
    let resolved = match rules.local_time(civil, zone) {
        LocalTime::Unique(offset) => Resolved { at: with_offset(civil, offset), note: None },
        LocalTime::Gap { before, transition, .. } => match policy.gap {
            GapPolicy::Shift => Resolved { at: with_offset(civil, before), note: Some(ClockNote::ShiftedOverGap) },
            GapPolicy::FirstValid => Resolved { at: transition, note: Some(ClockNote::FirstAfterGap) },
            GapPolicy::Skip => return None,
        },
        LocalTime::Fold { first, second } => match policy.fold {
            FoldPolicy::First => Resolved { at: with_offset(civil, first), note: Some(ClockNote::FirstOfTwo) },
            FoldPolicy::Second => Resolved { at: with_offset(civil, second), note: Some(ClockNote::SecondOfTwo) },
        },
    };
    Some(resolved)
}

/// The instant that a clock `offset` ahead of UTC calls `civil`.
fn with_offset(civil: NaiveDateTime, offset: FixedOffset) -> DateTime<Utc> {
    (civil - TimeDelta::seconds(i64::from(offset.local_minus_utc()))).and_utc()
}

#[cfg(test)]
pub(crate) mod known {
    use chrono::{Offset, TimeZone};

    use super::*;

    /// Zones as chrono-tz knows them: good enough where the rules are old.
    pub(crate) struct KnownRules;

    impl ZoneRules for KnownRules {
        fn local_time(&self, civil: NaiveDateTime, zone: Tz) -> LocalTime {
            match zone.offset_from_local_datetime(&civil) {
                chrono::LocalResult::Single(offset) => LocalTime::Unique(offset.fix()),
                chrono::LocalResult::Ambiguous(first, second) => {
                    LocalTime::Fold { first: first.fix(), second: second.fix() }
                }
                chrono::LocalResult::None => panic!("no gap is asked for here: {civil} {zone}"),
            }
        }

        fn offset_at(&self, at: DateTime<Utc>, zone: Tz) -> FixedOffset {
            zone.offset_from_utc_datetime(&at.naive_utc()).fix()
        }

        fn version(&self) -> Arc<str> {
            "test".into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A zone whose clock jumps from +1 to +2 at 01:00 UTC on 2027-03-28 and back at 01:00 UTC on 2027-10-31.
    struct OneSummer;

    fn hours(h: i32) -> FixedOffset {
        FixedOffset::east_opt(h * 3600).expect("a few hours are a valid offset")
    }

    fn civil(text: &str) -> NaiveDateTime {
        text.parse().expect("a civil time")
    }

    impl ZoneRules for OneSummer {
        fn local_time(&self, at: NaiveDateTime, _: Tz) -> LocalTime {
            if at < civil("2027-03-28T02:00:00") || at >= civil("2027-10-31T03:00:00") {
                LocalTime::Unique(hours(1))
            } else if at < civil("2027-03-28T03:00:00") {
                LocalTime::Gap { before: hours(1), after: hours(2), transition: civil("2027-03-28T01:00:00").and_utc() }
            } else if at < civil("2027-10-31T02:00:00") {
                LocalTime::Unique(hours(2))
            } else {
                LocalTime::Fold { first: hours(2), second: hours(1) }
            }
        }

        fn offset_at(&self, _: DateTime<Utc>, _: Tz) -> FixedOffset {
            hours(1)
        }

        fn version(&self) -> Arc<str> {
            "test".into()
        }
    }

    fn check(local: &str, policy: ClockChangePolicy, expect: Option<(&str, Option<ClockNote>)>) {
        let got = resolve(civil(local), Tz::Europe__Paris, &OneSummer, policy);
        let expect = expect.map(|(at, note)| Resolved { at: civil(at).and_utc(), note });
        assert_eq!(got, expect, "{local} with {policy:?}");
    }

    #[test]
    fn gaps_and_folds_follow_the_written_rule() {
        let rule = |gap, fold| ClockChangePolicy { gap, fold };
        let default = ClockChangePolicy::default();
        check("2027-01-10T09:00:00", default, Some(("2027-01-10T08:00:00", None)));
        check("2027-07-10T09:00:00", default, Some(("2027-07-10T07:00:00", None)));
        check("2027-03-28T02:30:00", default, Some(("2027-03-28T01:30:00", Some(ClockNote::ShiftedOverGap))));
        check(
            "2027-03-28T02:30:00",
            rule(GapPolicy::FirstValid, FoldPolicy::First),
            Some(("2027-03-28T01:00:00", Some(ClockNote::FirstAfterGap))),
        );
        check("2027-03-28T02:30:00", rule(GapPolicy::Skip, FoldPolicy::First), None);
        check("2027-10-31T02:30:00", default, Some(("2027-10-31T00:30:00", Some(ClockNote::FirstOfTwo))));
        check(
            "2027-10-31T02:30:00",
            rule(GapPolicy::Shift, FoldPolicy::Second),
            Some(("2027-10-31T01:30:00", Some(ClockNote::SecondOfTwo))),
        );
    }
}
