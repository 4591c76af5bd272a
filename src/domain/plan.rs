//! (schedule, zones, window) → waves.
//!
//! An occurrence is planned when its sending window is still open somewhere: in a zone where it has closed already,
//! its recipients are accounted for as `expired: past-when-planned` rather than forgotten. An occurrence that is over
//! everywhere is history, and planning does not invent history.

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use chrono_tz::Tz;

use crate::domain::recurrence::{instant, occurrences};
use crate::domain::schedule::model::{Schedule, WhoseClock};
use crate::domain::time::{ClockNote, ZoneRules};

/// The part of one occurrence whose recipients share a zone. It has exactly one due instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedWave {
    /// The civil time that is the identity of the occurrence.
    pub occurrence: NaiveDateTime,
    /// Whose clock gave the due instant.
    pub zone: Tz,
    pub recipients: WaveRecipients,
    pub due_at: DateTime<Utc>,
    /// After this nothing of it may be sent.
    pub expire_at: DateTime<Utc>,
    pub note: Option<ClockNote>,
}

/// Who of the audience is in a wave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WaveRecipients {
    /// Those who live in the wave's zone.
    OfZone,
    /// The whole audience, wherever they live.
    All,
}

/// Which waves to plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// Everything that is still open at `now`, up to `until`: for a new or changed schedule, zone or zone rule.
    Open { now: DateTime<Utc>, until: DateTime<Utc> },
    /// What is due after `after`, up to `until`: the ordinary step onward from the last mark.
    Onward { after: DateTime<Utc>, until: DateTime<Utc> },
}

/// No clock on earth is further from UTC than this, with room for the largest gap or fold.
const FARTHEST: TimeDelta = TimeDelta::hours(15);

/// The waves of `schedule` in `window`, in the order of their due instants. `zones` are those in which recipients
/// live.
#[must_use]
pub fn plan(schedule: &Schedule, zones: &[Tz], rules: &dyn ZoneRules, window: Window) -> Vec<PlannedWave> {
    let late = TimeDelta::from_std(schedule.policies.late).unwrap_or(TimeDelta::MAX);
    let (earliest_due, until) = match window {
        Window::Open { now, until } => (now.checked_sub_signed(late).unwrap_or(DateTime::<Utc>::MIN_UTC), until),
        Window::Onward { after, until } => (after, until),
    };
    let start = earliest_due.naive_utc().checked_sub_signed(FARTHEST).unwrap_or(NaiveDateTime::MIN);
    let end = until.naive_utc().checked_add_signed(FARTHEST).unwrap_or(NaiveDateTime::MAX);

    let mut waves = Vec::new();
    for occurrence in occurrences(&schedule.when, start, end) {
        let first = waves.len();
        let mut is_open = false;
        for (zone, recipients) in clocks(schedule.when.clock, zones) {
            let Some(resolved) = instant(&schedule.when, occurrence, zone, rules) else { continue };
            let due_at = resolved.at;
            let expire_at = due_at.checked_add_signed(late).unwrap_or(DateTime::<Utc>::MAX_UTC);
            let wanted = match window {
                Window::Open { now, .. } => {
                    is_open |= expire_at >= now;
                    due_at <= until
                }
                Window::Onward { after, .. } => {
                    is_open = true;
                    due_at > after && due_at <= until
                }
            };
            if wanted {
                waves.push(PlannedWave { occurrence, zone, recipients, due_at, expire_at, note: resolved.note });
            }
        }
        if !is_open {
            waves.truncate(first);
        }
    }
    waves.sort_by_key(|wave| (wave.due_at, wave.occurrence, wave.zone.name()));
    waves
}

/// The clocks on which a schedule is due, each with those whom it serves.
fn clocks(clock: WhoseClock, zones: &[Tz]) -> impl Iterator<Item = (Tz, WaveRecipients)> + '_ {
    let (one, each) = match clock {
        WhoseClock::Zone(zone) => (Some((zone, WaveRecipients::All)), &[][..]),
        WhoseClock::Recipient => (None, zones),
    };
    one.into_iter().chain(each.iter().map(|zone| (*zone, WaveRecipients::OfZone)))
}
