//! Watches each schedule for recipients who can't be reached in great number, see [`crate::domain::surge`].

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::domain::id::{RecipientId, ScheduleName};
use crate::domain::surge::{Surge, TooManyLost};
use crate::domain::time::Moment;
use crate::domain::verdict::Verdict;
use crate::port::clock::Clock;

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
    /// Too many were lost; what is said of anybody is not believed until somebody has looked.
    Doubted,
    /// Somebody has looked: what Teams says is believed until then.
    Believed { until: Moment },
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
            schedules.retain(|_, watched| match watched {
                Watched::Normal(surge) => !surge.is_over(now),
                Watched::Doubted => true,
                Watched::Believed { until } => *until > now,
            });
        }
        let watched = schedules.entry(schedule.clone()).or_insert_with(|| Watched::Normal(Surge::default()));
        match watched {
            Watched::Normal(surge) => match surge.saw(recipient, verdict, now) {
                None => Credit::Believed,
                Some(too_many) => {
                    *watched = Watched::Doubted;
                    Credit::OneTooMany(too_many)
                }
            },
            Watched::Doubted => Credit::Doubted,
            Watched::Believed { until } => {
                if *until <= now {
                    *watched = Watched::Normal(Surge::default());
                }
                Credit::Believed
            }
        }
    }

    /// Begins anew with a schedule: what was seen of it does not count any more.
    pub fn forget(&self, schedule: &ScheduleName) {
        self.schedules().remove(schedule);
    }

    /// Whether nothing more of a schedule is to be sent for now.
    #[must_use]
    pub fn is_doubted(&self, schedule: &ScheduleName) -> bool {
        matches!(self.schedules().get(schedule), Some(Watched::Doubted))
    }

    /// Somebody has looked, and lets the schedule go on.
    pub fn believe(&self, schedule: ScheduleName) {
        let until = self.clock.moment().after(BELIEVED_FOR);
        self.schedules().insert(schedule, Watched::Believed { until });
    }

    /// Plain values that no panic leaves half-changed.
    fn schedules(&self) -> MutexGuard<'_, HashMap<ScheduleName, Watched>> {
        self.schedules.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
