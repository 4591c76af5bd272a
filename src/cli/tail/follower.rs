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
    /// Behind these, which have just been shown.
    pub(super) fn behind(now: DateTime<Utc>, shown: &[LedgerRow]) -> Self {
        let shown: BTreeSet<_> = shown.iter().filter_map(end).collect();
        let newest = shown.last().map_or(now, |(at, _)| *at);
        Self { from: newest, newest, shown }
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
