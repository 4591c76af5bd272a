//! One sliding log: what was sent into one bucket, and until when its windows are full.

use std::collections::VecDeque;
use std::time::Duration;

use crate::domain::time::Moment;

/// How far beyond what they wait for somebody is sent away. Nobody knows here whether those to whom moments were promised
/// still want them, so whoever asks again and again must not put off everybody else ever further.
const FURTHEST: Duration = Duration::from_mins(1);

/// At most `max` requests in any `span`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    pub max: usize,
    pub span: Duration,
}

impl Window {
    #[must_use]
    pub const fn new(max: usize, seconds: u64) -> Self {
        Self { max, span: Duration::from_secs(seconds) }
    }
}

/// What to wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotYet {
    /// Ask again at this moment.
    Until(Moment),
    /// The window is full of requests whose answers are out: ask again when one of them is here.
    UntilAnAnswer,
}

/// What was sent into one bucket.
#[derive(Debug, Default)]
pub(super) struct Log {
    in_flight: usize,
    /// Until when each answered request may have arrived, ascending.
    arrived_by: VecDeque<Moment>,
    /// Teams asked for silence until then.
    quiet_until: Moment,
    /// The last of the moments that were promised to those who were sent away.
    promised: Moment,
}

impl Log {
    pub(super) fn check(&self, windows: &[Window], now: Moment) -> Result<(), NotYet> {
        if self.quiet_until > now {
            return Err(NotYet::Until(self.quiet_until));
        }
        let mut wait = None;
        for window in windows {
            let gone = self.gone(window.span, now);
            let counted = self.arrived_by.len() - gone + self.in_flight;
            if counted < window.max {
                continue;
            }
            // So many must leave before there is room for one more; those in flight cannot.
            let must_leave = counted - window.max;
            let Some(last_to_leave) = self.arrived_by.get(gone + must_leave) else {
                return Err(NotYet::UntilAnAnswer);
            };
            wait = wait.max(Some(last_to_leave.after(window.span)));
        }
        wait.map_or(Ok(()), |until| Err(NotYet::Until(until)))
    }

    /// How many have left a window of `span`: a request does so at the very moment `arrived_by + span`.
    fn gone(&self, span: Duration, now: Moment) -> usize {
        self.arrived_by.partition_point(|by| by.after(span) <= now)
    }

    /// Whether one of the windows holds half of what it may, or more.
    pub(super) fn is_half_full(&self, windows: &[Window], now: Moment) -> bool {
        let counted = |window: &Window| self.arrived_by.len() - self.gone(window.span, now) + self.in_flight;
        windows.iter().any(|window| 2 * counted(window) >= window.max)
    }

    pub(super) fn granted(&mut self) {
        self.in_flight += 1;
    }

    pub(super) fn cancelled(&mut self) {
        self.in_flight -= 1;
    }

    pub(super) fn answered(&mut self, arrived_by: Moment) {
        self.in_flight -= 1;
        let at = self.arrived_by.partition_point(|by| *by <= arrived_by);
        self.arrived_by.insert(at, arrived_by);
    }

    /// Nothing is sent before `until`.
    pub(super) fn silence(&mut self, until: Moment) {
        self.quiet_until = self.quiet_until.max(until);
    }

    pub(super) fn quiet_until(&self, now: Moment) -> Option<Moment> {
        (self.quiet_until > now).then_some(self.quiet_until)
    }

    /// A moment for one who is sent away: not before `until`, and `pace` after the one before as long as that is not too far.
    pub(super) fn promise(&mut self, until: Moment, pace: Duration) -> Moment {
        self.promised = until.max(self.promised.after(pace)).min(until.after(FURTHEST));
        self.promised
    }

    /// A log that holds one request.
    pub(super) fn of_one(arrived_by: Moment) -> Self {
        Self { arrived_by: VecDeque::from([arrived_by]), ..Self::default() }
    }

    /// Until when its one request may have arrived, where there is nothing else in it.
    pub(super) fn only_one(&self, now: Moment) -> Option<Moment> {
        let is_at_rest = self.in_flight == 0 && self.quiet_until <= now && self.promised <= now;
        self.arrived_by.front().copied().filter(|_| is_at_rest && self.arrived_by.len() == 1)
    }

    pub(super) fn forget(&mut self, longest: Duration, now: Moment) {
        let gone = self.gone(longest, now);
        self.arrived_by.drain(..gone);
    }

    pub(super) fn is_empty(&self, now: Moment) -> bool {
        self.in_flight == 0 && self.arrived_by.is_empty() && self.quiet_until <= now && self.promised <= now
    }
}

/// How far apart requests are that go on for a minute. The windows of an hour are reached by whoever goes on for longer,
/// and are named then.
pub(super) fn pace(windows: &[Window]) -> Duration {
    let short = windows.iter().filter(|window| window.span <= Duration::from_mins(1));
    short.map(|window| window.span / u32::try_from(window.max.max(1)).unwrap_or(u32::MAX)).max().unwrap_or_default()
}

pub(super) fn longest(windows: &[Window]) -> Duration {
    windows.iter().map(|window| window.span).max().unwrap_or_default()
}
