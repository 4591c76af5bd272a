//! (schedule, zones, window) → waves.
//!
//! An occurrence is planned when its sending window is still open somewhere: in a zone where it has closed already,
//! its recipients are accounted for as `expired: past-when-planned` rather than forgotten. An occurrence that is over
//! everywhere is history, and planning does not invent history. For one that comes again "somewhere" is where people live;
//! for one that comes only once it is the whole earth, so that each is either accounted for or warned of by `check`, which
//! does not know where people live.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc};
use chrono_tz::Tz;

use crate::domain::edit::Meant;
use crate::domain::recurrence::{instant, occurrences};
use crate::domain::schedule::model::Schedule;
use crate::domain::schedule::parse;
use crate::domain::schedule::when::WhoseClock;
use crate::domain::spread::Spread;
use crate::domain::time::{ClockNote, ZoneRules};

/// The part of one occurrence whose recipients share a zone. It has exactly one due instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedWave {
    /// The civil time that is the identity of the occurrence.
    pub occurrence: NaiveDateTime,
    /// Whose clock gave the due instant.
    pub zone: Tz,
    pub recipients: WaveRecipients,
    /// When the first of its recipients are due.
    pub due_at: DateTime<Utc>,
    /// After this nothing of it may be sent, also not to the last of its recipients.
    pub expire_at: DateTime<Utc>,
    /// How its recipients are spread after `due_at`.
    pub spread: Spread,
    pub note: Option<ClockNote>,
}

/// Who of the audience is in a wave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WaveRecipients {
    /// Those who live in the wave's zone.
    OfZone,
    /// The whole audience, wherever they live.
    All,
    /// Those who are invited to the occurrence, wherever they live. No plan makes such waves: an event does, or a snooze.
    Invited,
}

/// Which waves to plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// Everything that is still open at `now`, up to `until`: for a new or changed schedule, zone or zone rule.
    Open { now: DateTime<Utc>, until: DateTime<Utc> },
    /// What is due after `after`, up to `until`: the ordinary step onward from the last mark.
    Onward { after: DateTime<Utc>, until: DateTime<Utc> },
}

/// Whether `schedule` fires only once, and nobody has been told that it is over.
fn is_still_told(schedule: &Schedule, window: Window) -> bool {
    match window {
        Window::Open { now, .. } => schedule.when.trigger.fires_once() && !parse::nothing_ahead(schedule, now),
        Window::Onward { .. } => false,
    }
}

impl Window {
    fn until(self) -> DateTime<Utc> {
        match self {
            Window::Open { until, .. } | Window::Onward { until, .. } => until,
        }
    }
}

/// No clock on earth is further from UTC than this, with room for the largest gap or fold.
const FARTHEST: TimeDelta = TimeDelta::hours(15);

/// The waves of `schedule` in `window`, in the order of their due instants. `zones` are those in which recipients
/// live.
#[must_use]
pub fn plan(schedule: &Schedule, zones: &[Tz], rules: &dyn ZoneRules, window: Window) -> Vec<PlannedWave> {
    let until = window.until();
    let (start, end) = civil_times(schedule, window);

    let mut waves = Vec::new();
    for occurrence in occurrences(&schedule.when, rules, start, end) {
        let first = waves.len();
        let mut is_open = is_still_told(schedule, window);
        let spread = Spread::of(&schedule.name, occurrence, schedule.policies.jitter);
        for (zone, recipients) in clocks(schedule.when.clock, zones) {
            let Some(resolved) = instant(&schedule.when, occurrence, zone, rules) else { continue };
            let due_at = resolved.at;
            let expire_at = due_at.checked_add_signed(schedule.policies.open_for()).unwrap_or(DateTime::<Utc>::MAX_UTC);
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
                waves.push(PlannedWave {
                    occurrence,
                    zone,
                    recipients,
                    due_at,
                    expire_at,
                    spread,
                    note: resolved.note,
                });
            }
        }
        if !is_open {
            waves.truncate(first);
        }
    }
    waves.sort_by_key(|wave| (wave.due_at, wave.occurrence, wave.zone.name()));
    waves
}

/// All that `schedule` means on the dates of `window`, whole dates: what an edit is compared with.
#[must_use]
pub fn meant(schedule: &Schedule, rules: &dyn ZoneRules, window: Window) -> Meant {
    let (start, end) = civil_times(schedule, window);
    let (first, last) = (start.date(), end.date());
    let midnight = |date: NaiveDate| date.and_time(NaiveTime::MIN);
    let end = last.succ_opt().map_or(NaiveDateTime::MAX, midnight);
    let times = occurrences(&schedule.when, rules, midnight(first), end);
    Meant { first, last, times: times.filter(|time| time.date() <= last).collect() }
}

/// How many times `schedule` meant between two instants, as read on a clock that shows UTC.
#[must_use]
pub fn count_between(schedule: &Schedule, rules: &dyn ZoneRules, after: DateTime<Utc>, until: DateTime<Utc>) -> usize {
    occurrences(&schedule.when, rules, after.naive_utc(), until.naive_utc()).count()
}

/// From which to which civil time an occurrence can lie that some clock on earth brings into the window.
fn civil_times(schedule: &Schedule, window: Window) -> (NaiveDateTime, NaiveDateTime) {
    let earliest_due = match window {
        Window::Open { now, .. } => {
            now.checked_sub_signed(schedule.policies.open_for()).unwrap_or(DateTime::<Utc>::MIN_UTC)
        }
        Window::Onward { after, .. } => after,
    };
    let start = earliest_due.naive_utc().checked_sub_signed(FARTHEST).unwrap_or(NaiveDateTime::MIN);
    let end = window.until().naive_utc().checked_add_signed(FARTHEST).unwrap_or(NaiveDateTime::MAX);
    (start, end)
}

/// The clocks on which a schedule is due, each with those whom it serves.
fn clocks(clock: WhoseClock, zones: &[Tz]) -> impl Iterator<Item = (Tz, WaveRecipients)> + '_ {
    let (one, each) = match clock {
        WhoseClock::Zone(zone) => (Some((zone, WaveRecipients::All)), &[][..]),
        WhoseClock::Recipient => (None, zones),
    };
    one.into_iter().chain(each.iter().map(|zone| (*zone, WaveRecipients::OfZone)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::problem::Source;
    use crate::domain::schedule::parse;
    use crate::domain::supplies::Supplies;
    use crate::domain::time::known::KnownRules;

    const ZONES: [Tz; 5] =
        [Tz::Pacific__Kiritimati, Tz::Asia__Tokyo, Tz::Asia__Kolkata, Tz::Europe__Paris, Tz::Pacific__Pago_Pago];

    fn schedule(when: &str) -> Schedule {
        let text = format!("[schedule.s]\nto = \"everyone\"\ntext = \"x\"\n{when}\n");
        let (mut schedules, problems) = parse::parse(&Source::new("s.toml", text.as_str()), &Supplies::none());
        assert!(problems.is_empty(), "{problems:?}");
        schedules.remove(0)
    }

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().expect("an instant")
    }

    /// `zone due` of each wave.
    fn check(when: &str, window: Window, expect: &[&str]) {
        let waves = plan(&schedule(when), &ZONES, &KnownRules, window);
        let got: Vec<_> =
            waves.iter().map(|wave| format!("{} {}", wave.zone.name(), wave.due_at.format("%dT%H:%M"))).collect();
        assert_eq!(got, expect, "{when}");
    }

    #[test]
    fn one_civil_hour_is_an_instant_for_each_zone() {
        let window = Window::Open { now: at("2027-02-28T12:00:00Z"), until: at("2027-03-02T12:00:00Z") };
        check(
            "at = 2027-03-01T09:00:00",
            window,
            &[
                "Pacific/Kiritimati 28T19:00",
                "Asia/Tokyo 01T00:00",
                "Asia/Kolkata 01T03:30",
                "Europe/Paris 01T08:00",
                "Pacific/Pago_Pago 01T20:00",
            ],
        );
        check("at = 2027-03-01T09:00:00\nzone = \"Europe/Paris\"", window, &["Europe/Paris 01T08:00"]);
        check("at = 2027-03-01T09:00:00+01:00\nzone = \"UTC\"", window, &["UTC 01T08:00"]);
    }

    #[test]
    fn where_the_hour_has_passed_people_are_accounted_for_as_long_as_it_is_open_somewhere() {
        let open = |now: &str| Window::Open { now: at(now), until: at("2027-03-03T00:00:00Z") };
        let everywhere = &[
            "Pacific/Kiritimati 28T19:00",
            "Asia/Tokyo 01T00:00",
            "Asia/Kolkata 01T03:30",
            "Europe/Paris 01T08:00",
            "Pacific/Pago_Pago 01T20:00",
        ];
        let once = "at = 2027-03-01T09:00:00\nlate = \"1h\"";
        check(once, open("2027-03-01T05:00:00Z"), everywhere);
        check(once, open("2027-03-01T21:00:00Z"), everywhere);
        check(once, open("2027-03-01T22:00:00Z"), everywhere);
        check(once, open("2027-03-01T22:00:01Z"), &[]);
        let daily = "every = \"day\"\nat = \"09:00\"\nuntil = 2027-03-01\nlate = \"1h\"";
        check(daily, open("2027-03-01T21:00:00Z"), everywhere);
        check(daily, open("2027-03-01T21:00:01Z"), &[]);
    }

    /// What comes once is planned as long as `check` does not say that it is over.
    #[test]
    fn a_single_hour_is_planned_or_warned_of() {
        let open = |now: &str| Window::Open { now: at(now), until: at("2027-03-03T00:00:00Z") };
        for when in ["at = 2027-03-01T09:00:00", "at = 2027-03-01T09:00:00\nzone = \"Asia/Kolkata\""] {
            let schedule = schedule(&format!("{when}\nlate = \"1h\""));
            for hour in 0..24 {
                let now = at("2027-03-01T12:00:00Z") + TimeDelta::hours(hour);
                let window = Window::Open { now, until: now + TimeDelta::hours(48) };
                let is_planned = !plan(&schedule, &ZONES, &KnownRules, window).is_empty();
                assert_eq!(is_planned, !parse::nothing_ahead(&schedule, now), "{when} at {now}");
            }
        }
        check("at = 2027-03-01T09:00:00+01:00\nzone = \"UTC\"\nlate = \"1h\"", open("2027-03-01T09:00:01Z"), &[]);
    }

    #[test]
    fn going_on_plans_what_is_due_after_the_mark_and_nothing_twice() {
        let daily = "every = \"day\"\nat = \"09:00\"\nzone = \"Asia/Kolkata\"";
        let onward = |after: &str, until: &str| Window::Onward { after: at(after), until: at(until) };
        check(daily, onward("2027-03-01T03:30:00Z", "2027-03-02T03:30:00Z"), &["Asia/Kolkata 02T03:30"]);
        check(daily, onward("2027-03-02T03:30:00Z", "2027-03-02T04:30:00Z"), &[]);
    }

    proptest! {
        /// In whatever steps the horizon is pushed out, the waves are those of one step: none missing, none twice.
        #[test]
        fn steps_add_up(
            which in 0usize..4,
            steps in prop::collection::vec(1i64..3000, 1..30),
        ) {
            let when = [
                "every = \"day\"\nat = [\"09:00\", \"16:30\"]",
                "every = \"week\"\non = [\"tuesday\", \"sunday\"]\nat = \"23:45\"",
                "every = \"90m\"\nfrom = 2027-01-01T00:00:00",
                "cron = \"30 1,13 * * *\"",
            ];
            let schedule = schedule(when[which]);
            let begin = at("2027-01-04T00:00:00Z");
            let mut mark = begin;
            let mut stepwise = Vec::new();
            for minutes in steps {
                let until = mark + TimeDelta::minutes(minutes);
                stepwise.extend(plan(&schedule, &ZONES, &KnownRules, Window::Onward { after: mark, until }));
                mark = until;
            }
            let mut at_once = plan(&schedule, &ZONES, &KnownRules, Window::Onward { after: begin, until: mark });
            let key = |wave: &PlannedWave| (wave.due_at, wave.occurrence, wave.zone.name());
            stepwise.sort_by_key(key);
            at_once.sort_by_key(key);
            prop_assert_eq!(&stepwise, &at_once);
            let mut keys: Vec<_> = at_once.iter().map(|wave| (wave.occurrence, wave.zone.name())).collect();
            keys.sort_unstable();
            keys.dedup();
            prop_assert_eq!(keys.len(), at_once.len(), "one occurrence has one instant in a zone");
        }
    }
}
