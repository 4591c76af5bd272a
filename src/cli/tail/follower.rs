//! What of the ledger has been shown already.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};

use crate::domain::id::DeliveryId;
use crate::port::export::LedgerRow;

/// An end is written down a little after its instant, and ends of one moment in any order. So what ended shortly before the
/// newest is looked at again; what takes the ledger longer than this, as with a disk that hangs, may be passed over.
const LOOKED_BEHIND: TimeDelta = TimeDelta::seconds(2);

/// Where somebody is who follows what ends.
#[derive(Debug)]
pub(super) struct Follower {
    /// Nothing before this is shown any more.
    from: DateTime<Utc>,
    /// The newest end that was seen, or the present while there is none.
    newest: DateTime<Utc>,
    /// What was shown of the time that is looked at again. A delivery that is sent again ends again, at another instant.
    shown: BTreeSet<(DateTime<Utc>, DeliveryId)>,
}

impl Follower {
    /// Behind these, which have just been shown: the newest, and up to `most` of them.
    pub(super) fn behind(now: DateTime<Utc>, shown: &[LedgerRow], most: u32) -> Self {
        let is_all = u32::try_from(shown.len()).is_ok_and(|shown| shown < most);
        let shown: BTreeSet<_> = shown.iter().filter_map(end).collect();
        let newest = shown.last().map_or(now, |(at, _)| *at);
        let looked_behind = newest - LOOKED_BEHIND;
        let from = match shown.first() {
            // Whatever else turns up was written down since.
            _ if is_all => looked_behind,
            Some((oldest, _)) => looked_behind.max(*oldest + TimeDelta::microseconds(1)),
            None => now,
        };
        Self { from, newest, shown }
    }

    /// Since when is to be asked for.
    pub(super) fn since(&self) -> DateTime<Utc> {
        self.from.max(self.newest - LOOKED_BEHIND)
    }

    /// Those that have not been shown. `now` is the present of whoever answered: where the clock was set back, it is gone on
    /// from there.
    pub(super) fn news<'a>(&mut self, now: DateTime<Utc>, rows: &'a [LedgerRow]) -> Vec<&'a LedgerRow> {
        let news: Vec<_> = rows.iter().filter(|row| end(row).is_some_and(|end| self.shown.insert(end))).collect();
        self.newest = rows.iter().filter_map(end).map(|(at, _)| at).fold(self.newest, DateTime::max).min(now);
        self.from = self.from.min(now);
        let since = self.since();
        self.shown.retain(|(at, _)| *at >= since);
        news
    }
}

fn end(row: &LedgerRow) -> Option<(DateTime<Utc>, DeliveryId)> {
    Some((row.ended_at?, row.delivery))
}

#[cfg(test)]
mod tests {
    use chrono_tz::Tz;

    use super::*;
    use crate::domain::delivery::State;
    use crate::domain::event::Cause;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + second, 0).expect("an instant")
    }

    fn ended(delivery: i64, second: i64) -> LedgerRow {
        LedgerRow {
            delivery: DeliveryId(delivery),
            schedule: "standup".into(),
            occurrence: at(0).naive_utc(),
            cause: Cause::Plan,
            recipient: "Ana".into(),
            address: None,
            zone: Tz::UTC,
            due_at: at(0),
            state: State::Sent,
            reason: None,
            detail: None,
            attempts: 1,
            possible_duplicate: false,
            sent_at: None,
            ended_at: Some(at(second)),
            activity_id: None,
            status: None,
            error_code: None,
            correlation_id: None,
        }
    }

    #[track_caller]
    fn check(follower: &mut Follower, now: i64, rows: &[LedgerRow], expect: &[i64]) {
        let rows: Vec<_> = rows.iter().filter(|row| row.ended_at >= Some(follower.since())).cloned().collect();
        let news: Vec<_> = follower.news(at(now), &rows).iter().map(|row| row.delivery.0).collect();
        assert_eq!(news, expect);
    }

    #[test]
    fn each_end_is_shown_once_also_one_that_was_written_late() {
        let mut follower = Follower::behind(at(100), &[ended(1, 90)], 10);
        check(&mut follower, 101, &[ended(1, 90)], &[]);
        check(&mut follower, 101, &[ended(1, 90), ended(3, 101)], &[3]);
        check(&mut follower, 102, &[ended(2, 100), ended(3, 101)], &[2]);
        check(&mut follower, 102, &[ended(2, 100), ended(3, 101)], &[]);
        // It was sent again.
        check(&mut follower, 110, &[ended(3, 101), ended(2, 110)], &[2]);
    }

    #[test]
    fn what_was_before_the_first_lines_is_not_shown() {
        let mut follower = Follower::behind(at(100), &[ended(2, 99)], 1);
        check(&mut follower, 100, &[ended(1, 98), ended(2, 99)], &[]);
        let mut follower = Follower::behind(at(100), &[], 0);
        check(&mut follower, 100, &[ended(1, 99)], &[]);
    }

    #[test]
    fn what_was_written_down_since_the_first_lines_is_shown() {
        let mut follower = Follower::behind(at(100), &[], 10);
        check(&mut follower, 100, &[ended(1, 99)], &[1]);
        let mut follower = Follower::behind(at(100), &[ended(2, 99)], 10);
        check(&mut follower, 100, &[ended(1, 98), ended(2, 99)], &[1]);
        let mut follower = Follower::behind(at(100), &[ended(1, 97), ended(3, 99)], 2);
        check(&mut follower, 100, &[ended(2, 98), ended(3, 99)], &[2]);
    }

    #[test]
    fn a_clock_that_is_set_back_hides_nothing() {
        let mut follower = Follower::behind(at(100), &[ended(1, 100)], 1);
        check(&mut follower, 40, &[ended(1, 100)], &[]);
        check(&mut follower, 41, &[ended(2, 41), ended(1, 100)], &[2]);
    }
}
