//! The ladder of zones: which of all that was said of a person's zone counts, and why the rest does not.
//!
//! One voice for each source is kept, the newest. The better source wins; what a client said counts only for a while,
//! because a client that has fallen silent may have been left behind in a drawer in another country.

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::domain::recipient::ZoneSource;

/// Something that was said of a person's zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ZoneEvidence {
    /// Never a group or the fallback: those are the configuration's and have no time.
    pub source: ZoneSource,
    pub zone: Tz,
    pub said_at: DateTime<Utc>,
}

impl ZoneEvidence {
    /// Whether this takes the place of what the same source said before. Of two that were said at once the first stays,
    /// so that what is told again changes nothing.
    #[must_use]
    pub fn replaces(&self, before: &ZoneEvidence) -> bool {
        self.said_at > before.said_at
    }
}

/// What the configuration says of zones, besides the fallback zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HouseZones {
    /// The zones of groups. Of a person who is in several of them, the first one here counts.
    pub groups: Vec<(String, Tz)>,
    /// How long a client is believed.
    pub client_max_age: TimeDelta,
}

impl HouseZones {
    /// 90 days: longer than a leave, shorter than a posting abroad.
    pub const CLIENT_MAX_AGE: TimeDelta = TimeDelta::days(90);
}

impl Default for HouseZones {
    fn default() -> Self {
        Self { groups: Vec::new(), client_max_age: Self::CLIENT_MAX_AGE }
    }
}

/// The zone that counts, with what speaks for it and what does not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resolved {
    pub zone: Tz,
    pub source: ZoneSource,
    /// When it was said; `None` for what the configuration says.
    pub said_at: Option<DateTime<Utc>>,
    /// In the order of the ladder.
    pub passed_over: Vec<PassedOver>,
}

/// Something that was said and does not count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PassedOver {
    pub source: ZoneSource,
    pub zone: Tz,
    pub said_at: Option<DateTime<Utc>>,
    pub why: WhyNot,
}

/// Why it does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
pub enum WhyNot {
    /// A better source says something.
    Outranked { by: ZoneSource },
    /// A client said it longer ago than clients are believed.
    TooOld { max_days: i64 },
}

/// Goes down the ladder. `group` is the zone that the configuration gives to a group of this person.
#[must_use]
pub fn resolve(
    evidence: &[ZoneEvidence],
    group: Option<Tz>,
    fallback: Tz,
    now: DateTime<Utc>,
    client_max_age: TimeDelta,
) -> Resolved {
    let said = evidence.iter().map(|it| (it.source, it.zone, Some(it.said_at)));
    let mut voices: Vec<_> = said.chain(group.map(|zone| (ZoneSource::Group, zone, None))).collect();
    voices
        .sort_by_key(|(source, zone, said_at)| (std::cmp::Reverse(*source), std::cmp::Reverse(*said_at), zone.name()));
    let mut resolved =
        Resolved { zone: fallback, source: ZoneSource::Fallback, said_at: None, passed_over: Vec::new() };
    for (source, zone, said_at) in voices {
        let why = if source == ZoneSource::Client && said_at.is_some_and(|at| now - at > client_max_age) {
            WhyNot::TooOld { max_days: client_max_age.num_days() }
        } else if resolved.source == ZoneSource::Fallback {
            (resolved.zone, resolved.source, resolved.said_at) = (zone, source, said_at);
            continue;
        } else {
            WhyNot::Outranked { by: resolved.source }
        };
        resolved.passed_over.push(PassedOver { source, zone, said_at, why });
    }
    resolved
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALL: [ZoneSource; 4] = [ZoneSource::Directory, ZoneSource::Client, ZoneSource::Operator, ZoneSource::Own];
    const ZONES: [Tz; 4] = [Tz::Europe__Berlin, Tz::Asia__Tokyo, Tz::America__Denver, Tz::UTC];
    const LIMIT: TimeDelta = HouseZones::CLIENT_MAX_AGE;

    fn now() -> DateTime<Utc> {
        "2027-03-01T12:00:00Z".parse().expect("an instant")
    }

    fn said(source: ZoneSource, zone: Tz, days_ago: i64) -> ZoneEvidence {
        ZoneEvidence { source, zone, said_at: now() - TimeDelta::days(days_ago) }
    }

    fn check(evidence: &[ZoneEvidence], group: Option<Tz>, expect: (Tz, ZoneSource)) -> Vec<WhyNot> {
        let resolved = resolve(evidence, group, Tz::UTC, now(), LIMIT);
        assert_eq!((resolved.zone, resolved.source), expect, "{evidence:?} {group:?}");
        resolved.passed_over.into_iter().map(|passed| passed.why).collect()
    }

    #[test]
    fn a_persons_own_choice_beats_everything() {
        let [own, operator] = [said(ZoneSource::Own, ZONES[1], 900), said(ZoneSource::Operator, ZONES[0], 800)];
        let [client, directory] = [said(ZoneSource::Client, ZONES[2], 0), said(ZoneSource::Directory, ZONES[0], 1)];
        let outranked = |by| WhyNot::Outranked { by };
        let all = [client, directory, own, operator];
        let why = check(&all, Some(ZONES[2]), (ZONES[1], ZoneSource::Own));
        assert_eq!(why, [outranked(ZoneSource::Own); 4]);
        check(&[client, directory, operator], None, (ZONES[0], ZoneSource::Operator));
        check(&[client, directory], Some(ZONES[0]), (ZONES[2], ZoneSource::Client));
        check(&[directory], Some(ZONES[2]), (ZONES[0], ZoneSource::Directory));
        check(&[], Some(ZONES[2]), (ZONES[2], ZoneSource::Group));
        check(&[], None, (Tz::UTC, ZoneSource::Fallback));
    }

    #[test]
    fn a_client_is_believed_for_its_time_and_not_longer() {
        let directory = said(ZoneSource::Directory, ZONES[0], 900);
        assert_eq!(check(&[said(ZoneSource::Client, ZONES[1], 90)], None, (ZONES[1], ZoneSource::Client)), []);
        let old = said(ZoneSource::Client, ZONES[1], 91);
        let too_old = WhyNot::TooOld { max_days: 90 };
        assert_eq!(check(&[old], None, (Tz::UTC, ZoneSource::Fallback)), [too_old]);
        assert_eq!(check(&[old, directory], None, (ZONES[0], ZoneSource::Directory)), [too_old]);
        // Of a client whose clock is ahead, or after ours was set back.
        check(&[said(ZoneSource::Client, ZONES[1], -5)], None, (ZONES[1], ZoneSource::Client));
    }

    fn any_evidence() -> impl Strategy<Value = Vec<ZoneEvidence>> {
        let one = (proptest::sample::select(&ALL[..]), proptest::sample::select(&ZONES[..]), -10_i64..400);
        proptest::collection::vec(one, 0..6)
            .prop_map(|all| all.into_iter().map(|(source, zone, days)| said(source, zone, days)).collect())
    }

    proptest! {
        #[test]
        fn nothing_that_was_said_gets_lost(evidence in any_evidence(), group in any::<bool>()) {
            let group = group.then_some(Tz::Asia__Tokyo);
            let resolved = resolve(&evidence, group, Tz::UTC, now(), LIMIT);
            let counted = usize::from(resolved.source != ZoneSource::Fallback);
            prop_assert_eq!(counted + resolved.passed_over.len(), evidence.len() + usize::from(group.is_some()));
            for passed in &resolved.passed_over {
                match passed.why {
                    WhyNot::Outranked { by } => prop_assert!(passed.source <= by && by == resolved.source),
                    WhyNot::TooOld { .. } => prop_assert_eq!(passed.source, ZoneSource::Client),
                }
            }
        }

        #[test]
        fn the_order_of_what_was_said_does_not_matter(evidence in any_evidence()) {
            let mut turned = evidence.clone();
            turned.reverse();
            let resolve = |evidence: &[ZoneEvidence]| resolve(evidence, None, Tz::UTC, now(), LIMIT);
            prop_assert_eq!(resolve(&evidence), resolve(&turned));
        }

        #[test]
        fn the_newest_of_a_source_stays_in_whatever_order_it_comes(days in proptest::collection::vec(0_i64..50, 1..6)) {
            let keep = |mut kept: ZoneEvidence, rest: &[i64]| {
                for days in rest {
                    let next = said(ZoneSource::Client, Tz::UTC, *days);
                    if next.replaces(&kept) {
                        kept = next;
                    }
                }
                kept.said_at
            };
            let newest = now() - TimeDelta::days(*days.iter().min().expect("there is one"));
            prop_assert_eq!(keep(said(ZoneSource::Client, Tz::UTC, days[0]), &days[1..]), newest);
        }
    }
}
