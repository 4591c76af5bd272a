//! Which occurrences are shown where there are very many: a schedule may fire every minute.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};

use crate::domain::delivery::State;
use crate::port::desk::{OccurrenceStatus, Status};

/// Leaves at most `limit` occurrences: what is open, then what is nearest to now. They stay in their order.
pub(super) fn bound(status: &mut Status, limit: usize) {
    if status.occurrences.len() <= limit {
        return;
    }
    let now = status.now;
    let mut by_rank: Vec<usize> = (0..status.occurrences.len()).collect();
    by_rank.sort_by_key(|at| rank(&status.occurrences[*at], now));
    let kept: BTreeSet<usize> = by_rank.into_iter().take(limit).collect();
    let (mut at, mut shown) = (0, BTreeSet::new());
    status.occurrences.retain(|occurrence| {
        let is_kept = kept.contains(&at);
        at += 1;
        if is_kept {
            shown.insert((occurrence.schedule.clone(), occurrence.occurrence));
        } else {
            status.omitted += 1;
        }
        is_kept
    });
    status.deliveries.retain(|delivery| shown.contains(&(delivery.schedule.clone(), delivery.occurrence)));
}

/// Open ones first; then by the time between now and the nearest instant at which it is due somewhere.
fn rank(occurrence: &OccurrenceStatus, now: DateTime<Utc>) -> (bool, TimeDelta) {
    let has = |state| occurrence.counts.get(&state).is_some_and(|count| *count > 0);
    let is_due = occurrence.waves.iter().any(|wave| wave.people > 0 && wave.due_at <= now);
    let is_open = (is_due && has(State::Planned)) || has(State::Claimed) || has(State::Sending) || has(State::Waiting);
    let nearest = occurrence.waves.iter().map(|wave| (wave.due_at - now).abs()).min();
    (!is_open, nearest.unwrap_or_else(|| (occurrence.occurrence.and_utc() - now).abs()))
}

#[cfg(test)]
mod tests {
    use chrono_tz::Tz;

    use super::*;
    use crate::port::desk::{Counts, WaveStatus};
    use crate::port::recall::RecallCounts;

    fn at(minute: i64) -> DateTime<Utc> {
        "2027-03-01T09:00:00Z".parse::<DateTime<Utc>>().expect("an instant") + TimeDelta::minutes(minute)
    }

    fn occurrence(minute: i64, state: State) -> OccurrenceStatus {
        let due_at = at(minute);
        let expire_at = due_at + TimeDelta::hours(1);
        OccurrenceStatus {
            schedule: "pulse".into(),
            occurrence: due_at.naive_utc(),
            test: false,
            audience: 1,
            counts: Counts::from([(state, 1)]),
            possible_duplicates: 0,
            reasons: Vec::new(),
            waves: vec![WaveStatus { zone: Tz::UTC, due_at, expire_at, people: 1, expanded: true }],
            recalled: RecallCounts::new(),
            lateness: None,
            finished_at: None,
            too_late: 0,
        }
    }

    #[test]
    fn what_is_open_stays_then_what_is_nearest() {
        let mut occurrences: Vec<_> = (-100..0).map(|minute| occurrence(minute, State::Sent)).collect();
        occurrences[3].counts = Counts::from([(State::Waiting, 1)]);
        occurrences.push(occurrence(0, State::Planned));
        occurrences.extend((1..100).map(|minute| occurrence(minute, State::Planned)));
        let status = |limit| {
            let mut status = Status {
                schema: Status::SCHEMA.to_owned(),
                now: at(0),
                daemon: None,
                held_back: Vec::new(),
                paused: Vec::new(),
                removed: Vec::new(),
                teams: Vec::new(),
                occurrences: occurrences.clone(),
                omitted: 0,
                lateness: None,
                deliveries: Vec::new(),
            };
            bound(&mut status, limit);
            let minutes = status.occurrences.iter().map(|it| (it.occurrence.and_utc() - at(0)).num_minutes());
            (minutes.collect::<Vec<_>>(), status.omitted)
        };
        assert_eq!(status(4), (vec![-97, -1, 0, 1], 196));
        assert_eq!(status(200).1, 0, "all of them fit");
    }
}
