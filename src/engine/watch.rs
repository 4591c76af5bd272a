//! Watches each schedule for recipients who can't be reached in great number, see [`crate::domain::surge`].

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::domain::id::{RecipientId, ScheduleName};
use crate::domain::surge::{Surge, TooManyLost};
use crate::domain::time::Moment;
use crate::domain::verdict::Verdict;
use crate::engine::sender::LEASE;
use crate::port::clock::Clock;
use crate::port::store::{Paused, PausedBy, Store, StoreError};

/// For how long the verdicts about a schedule are believed after a person has let it go on.
const BELIEVED_FOR: Duration = Duration::from_hours(24);

/// From so many schedules on those are forgotten of which nothing was seen lately: each message that is sent by hand is a
/// schedule of its own.
const MANY: usize = 1000;

/// What is known of each schedule since the start.
pub struct Watch {
    clock: Arc<dyn Clock>,
    schedules: Mutex<HashMap<ScheduleName, Watched>>,
}

enum Watched {
    /// So far nothing is odd.
    Normal(Surge),
    /// Too many were lost: nothing more leaves, and what is said of anybody is not believed, until all that was in flight
    /// is over. By then the ledger holds the schedule, and only what people can see holds it for longer.
    Doubted { until: Moment },
    /// Somebody has looked: what Teams says is believed until then.
    Believed { until: Moment },
}

impl Watched {
    /// Whether there is nothing to remember any more.
    fn is_over(&self, now: Moment) -> bool {
        match self {
            Watched::Normal(surge) => surge.is_over(now),
            Watched::Doubted { until } | Watched::Believed { until } => *until <= now,
        }
    }
}

/// What to make of a verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credit {
    Believed,
    /// It is one too many: the schedule is to be paused.
    OneTooMany(TooManyLost),
    /// The schedule is in doubt already.
    Doubted,
}

impl Watch {
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, schedules: Mutex::default() }
    }

    /// Takes in a verdict about a recipient of a schedule.
    pub fn saw(&self, schedule: &ScheduleName, recipient: RecipientId, verdict: &Verdict) -> Credit {
        let now = self.clock.moment();
        let mut schedules = self.schedules();
        if schedules.len() > MANY && !schedules.contains_key(schedule) {
            schedules.retain(|_, watched| !watched.is_over(now));
        }
        let watched = schedules.entry(schedule.clone()).or_insert_with(|| Watched::Normal(Surge::default()));
        if watched.is_over(now) {
            *watched = Watched::Normal(Surge::default());
        }
        match watched {
            Watched::Normal(surge) => match surge.saw(recipient, verdict, now) {
                None => Credit::Believed,
                Some(too_many) => {
                    *watched = Watched::Doubted { until: now.after(LEASE) };
                    Credit::OneTooMany(too_many)
                }
            },
            Watched::Doubted { .. } => Credit::Doubted,
            Watched::Believed { .. } => Credit::Believed,
        }
    }

    /// Begins anew with a schedule: what was seen of it does not count any more.
    pub fn forget(&self, schedule: &ScheduleName) {
        self.schedules().remove(schedule);
    }

    /// Whether nothing more of a schedule is to be sent for now.
    #[must_use]
    pub fn is_doubted(&self, schedule: &ScheduleName) -> bool {
        let now = self.clock.moment();
        matches!(self.schedules().get(schedule), Some(Watched::Doubted { until }) if *until > now)
    }

    /// Lets a held schedule go on. Where too many of it were lost, somebody has looked. Returns whether that is a change.
    pub async fn resume(
        &self,
        store: &dyn Store,
        schedule: ScheduleName,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let is_ours = |paused: &Paused| paused.schedule == schedule && paused.by == PausedBy::Watch;
        let has_looked = store.paused().await?.iter().any(is_ours);
        let changed = store.resume(schedule.clone(), now).await?;
        // It may have come into doubt meanwhile: then its pause is still to come, or has just been ended with the other one.
        if has_looked || self.is_doubted(&schedule) {
            self.believe(schedule);
        }
        Ok(changed)
    }

    fn believe(&self, schedule: ScheduleName) {
        let until = self.clock.moment().after(BELIEVED_FOR);
        self.schedules().insert(schedule, Watched::Believed { until });
    }

    /// Plain values that no panic leaves half-changed.
    fn schedules(&self) -> MutexGuard<'_, HashMap<ScheduleName, Watched>> {
        self.schedules.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
