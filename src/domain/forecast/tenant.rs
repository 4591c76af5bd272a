//! The course of one tenant's queue, from event to event: something falls due, is finished, expires.
//!
//! Schedules that share a stream equally need not be looked at one by one. The stream of a priority has a measure of its
//! own, how much each of its schedules has got since the beginning; a load whose turn comes at the measure `m` is finished
//! at `m` plus what it takes, whoever comes and goes meanwhile.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};

use chrono::{DateTime, TimeDelta, Timelike, Utc};

use super::{Budget, Forecast, Load};
use crate::domain::id::ScheduleName;
use crate::domain::schedule::model::Priority;

/// How much of a budget goes at once after a pause: a window of one second is empty then.
const BURST: f64 = 1.0;

/// A number that can be ordered: none here is not a number.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Number(f64);

impl Eq for Number {}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

/// The earliest first, each with the load it is about.
type Agenda = BinaryHeap<Reverse<(Number, usize)>>;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Stage {
    /// Not due, or behind another of its schedule.
    Waiting,
    /// It is its schedule's turn with it; finished at this measure of its stream.
    Running {
        until: f64,
    },
    Over,
}

/// The schedules of one priority.
#[derive(Default)]
struct Stream<'a> {
    /// How many calls each of those that run has got so far.
    measure: f64,
    /// How many run.
    running: usize,
    /// When they are finished. May hold some that are over by now.
    ends: Agenda,
    lanes: BTreeMap<&'a ScheduleName, Lane>,
}

#[derive(Default)]
struct Lane {
    is_running: bool,
    behind: VecDeque<usize>,
}

pub(super) struct Course<'a> {
    loads: &'a [&'a Load],
    stages: Vec<Stage>,
    ends: Vec<Forecast>,
    streams: [Stream<'a>; 3],
    /// Seconds since `origin`.
    clock: f64,
    origin: DateTime<Utc>,
    per_second: f64,
    arrivals: Agenda,
    expiries: Agenda,
}

impl<'a> Course<'a> {
    pub(super) fn new(loads: &'a [&'a Load], now: DateTime<Utc>, budget: Budget) -> Self {
        let opens_at = budget.quiet_until.map_or(now, |until| until.max(now));
        let seconds = |at: DateTime<Utc>| (at - now).as_seconds_f64();
        let agenda = |at: &dyn Fn(&Load) -> DateTime<Utc>| -> Agenda {
            loads.iter().enumerate().map(|(index, load)| Reverse((Number(seconds(at(load))), index))).collect()
        };
        // Of what goes on already, half a window has gone on average.
        let goes_on = budget.quiet_until.is_none() && loads.iter().any(|load| load.due_at < now);
        Self {
            loads,
            stages: vec![Stage::Waiting; loads.len()],
            ends: vec![Forecast::default(); loads.len()],
            streams: Default::default(),
            clock: if goes_on { -BURST / 2.0 } else { f64::MIN },
            origin: now,
            per_second: budget.per_second.max(f64::MIN_POSITIVE),
            arrivals: agenda(&|load| load.due_at.max(opens_at)),
            expiries: agenda(&|load| load.expire_at),
        }
    }

    /// Goes on until nothing is left. Returns what became of each load.
    pub(super) fn run(mut self) -> Vec<Forecast> {
        loop {
            let top = self.streams.iter().position(|stream| stream.running > 0);
            let Some(top) = top else {
                if !self.begin() {
                    return self.ends;
                }
                continue;
            };
            let next = |agenda: &Agenda| agenda.peek().map_or(f64::INFINITY, |Reverse((at, _))| at.0);
            let stream = &mut self.streams[top];
            while stream.ends.peek().is_some_and(|Reverse((_, load))| self.stages[*load] == Stage::Over) {
                stream.ends.pop();
            }
            #[expect(clippy::cast_precision_loss, reason = "a number of schedules")]
            let each = self.per_second / stream.running as f64;
            let finished_at = self.clock + (next(&stream.ends) - stream.measure) / each;
            let at = finished_at.min(next(&self.arrivals)).min(next(&self.expiries)).max(self.clock);
            stream.measure += (at - self.clock) * each;
            self.clock = at;
            if finished_at <= at {
                if let Some(Reverse((_, load))) = stream.ends.pop() {
                    self.finish(load);
                }
            } else if next(&self.arrivals) <= at {
                self.arrive();
            } else {
                self.expire();
            }
        }
    }

    /// Nothing runs: goes on to where something falls due, a window ahead of it. Returns whether there is anything.
    fn begin(&mut self) -> bool {
        let Some(Reverse((due, _))) = self.arrivals.peek().copied() else { return false };
        while self.arrivals.peek().is_some_and(|Reverse((at, _))| *at <= due) {
            self.arrive();
        }
        self.clock = self.clock.max(due.0 - BURST);
        true
    }

    /// The next load falls due.
    fn arrive(&mut self) {
        let Some(Reverse((at, load))) = self.arrivals.pop() else { return };
        let is_over = (self.loads[load].expire_at - self.origin).as_seconds_f64() < at.0;
        if is_over && self.stages[load] == Stage::Waiting {
            self.give_up(load, calls(self.loads[load]));
        }
        let schedule = &self.loads[load].schedule;
        let lane = self.stream(load).lanes.entry(schedule).or_default();
        lane.behind.push_back(load);
        if !lane.is_running {
            self.next_of_lane(load);
        }
    }

    /// The next one of the lane of `load` has its turn.
    fn next_of_lane(&mut self, load: usize) {
        let schedule = &self.loads[load].schedule;
        loop {
            let stream = &mut self.streams[rank(self.loads[load].priority)];
            let Some(lane) = stream.lanes.get_mut(schedule) else { return };
            let next = lane.behind.pop_front();
            let was_running = std::mem::replace(&mut lane.is_running, next.is_some());
            stream.running = stream.running + usize::from(next.is_some()) - usize::from(was_running);
            let Some(next) = next else { return };
            if self.stages[next] == Stage::Waiting {
                let until = stream.measure + calls(self.loads[next]);
                self.stages[next] = Stage::Running { until };
                stream.ends.push(Reverse((Number(until), next)));
                return;
            }
        }
    }

    fn finish(&mut self, load: usize) {
        self.stages[load] = Stage::Over;
        self.ends[load].finished_at = Some(self.instant().max(self.loads[load].due_at));
        self.next_of_lane(load);
    }

    /// The next load expires, if it is not over yet. What of it has left by then has left.
    fn expire(&mut self) {
        let Some(Reverse((_, load))) = self.expiries.pop() else { return };
        match self.stages[load] {
            Stage::Over => {}
            Stage::Waiting => self.give_up(load, calls(self.loads[load])),
            Stage::Running { until } => {
                let left = until - self.stream(load).measure;
                self.give_up(load, left);
                if self.ends[load].too_late < self.loads[load].messages {
                    self.ends[load].finished_at = Some(self.instant());
                }
                self.next_of_lane(load);
            }
        }
    }

    /// So many calls of a load are never made.
    fn give_up(&mut self, load: usize, left: f64) {
        self.stages[load] = Stage::Over;
        let Load { messages, .. } = self.loads[load];
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "people"
        )]
        let too_late = (left / calls(self.loads[load]) * *messages as f64).round() as u64;
        self.ends[load].too_late = too_late.min(*messages);
    }

    fn stream(&mut self, load: usize) -> &mut Stream<'a> {
        &mut self.streams[rank(self.loads[load].priority)]
    }

    /// The present, to the second: the model is no better than that.
    fn instant(&self) -> DateTime<Utc> {
        #[expect(clippy::cast_possible_truncation, reason = "milliseconds of some years")]
        let since = TimeDelta::milliseconds((self.clock * 1000.0).round() as i64 + 500);
        let at = self.origin.checked_add_signed(since).unwrap_or(DateTime::<Utc>::MAX_UTC);
        at.with_nanosecond(0).unwrap_or(at)
    }
}

#[expect(clippy::cast_precision_loss, reason = "a number of people")]
fn calls(load: &Load) -> f64 {
    load.calls.max(load.messages) as f64
}

/// The lowest is the most urgent.
fn rank(priority: Priority) -> usize {
    match priority {
        Priority::Critical => 0,
        Priority::Normal => 1,
        Priority::Bulk => 2,
    }
}
