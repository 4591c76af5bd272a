//! What has really happened in a run, written down by those who see it: the store's wrapper, the model of Teams, whoever
//! acts on the world. What must never happen is looked for here, at the moment at which it would.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::AddAssign;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, NaiveDateTime, NaiveTime, TimeDelta, Utc};
use chrono_tz::Tz;
use nudged::domain::delivery::{Claim, State};
use nudged::domain::id::DeliveryId;
use nudged::port::store::{Outcome, Rescued};
use nudged::port::trouble::{Retried, RetryOrder};
use tokio::sync::Notify;

use crate::sim::civil::local;
use crate::sim::plan::{Plan, root};
use crate::sim::rehearsals::Tests;

/// More acts than are ever made at one instant; beyond them something goes round without end.
const MOST_AT_ONCE: u64 = 200_000;

/// How many of the last lines are kept for whoever must understand a violation.
const LINES: usize = 20_000;

/// From a decision to its request the store is asked once or twice, and may be slow.
pub(crate) const SLACK: Duration = Duration::from_secs(8);

/// One occurrence for one recipient: schedule, civil time, name.
pub(crate) type Key = (String, NaiveDateTime, String);

/// How a request ended, as its daemon saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum End {
    UnderWay,
    /// Its daemon died before it had made the outcome durable.
    Orphaned,
    /// It was told that the message was delivered.
    Delivered,
    /// It was told that certainly nothing was delivered.
    Refused,
    /// It was told nothing that can be trusted.
    InDoubt,
}

/// One request to send a message.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) key: Key,
    pub(crate) generation: u32,
    pub(crate) has_arrived: bool,
    pub(crate) end: End,
    /// In what state it left the delivery, once that was durable.
    pub(crate) settled: Option<State>,
    /// Whether an operator who knew of the doubt has had it sent again since.
    is_forgiven: bool,
}

struct Claimed {
    at: Duration,
    key: Key,
}

/// Something that holds for a while. What came after it holds already while it does not yet hold no more: from the
/// outside one can't tell which of the two a daemon has seen.
#[derive(Debug, Clone)]
pub(crate) struct Span<T> {
    pub(crate) until: Duration,
    pub(crate) value: T,
}

/// Whether somebody has said where one lives of whom nobody knew at first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Placed {
    NotYet,
    At(DateTime<Utc>),
}

/// How often what is seldom has happened.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counts {
    /// Deliveries that were sent again because an operator asked for it.
    pub(crate) retried: u64,
    /// Deliveries that an operator cancelled.
    pub(crate) cancelled: u64,
    /// Schedules that came into force under another name.
    pub(crate) renamed: u64,
    /// Schedules whose file went.
    pub(crate) removed: u64,
    /// Messages that an operator tested on somebody.
    pub(crate) tested: u64,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, more: Self) {
        let Self { retried, cancelled, renamed, removed, tested } = more;
        self.retried += retried;
        self.cancelled += cancelled;
        self.renamed += renamed;
        self.removed += removed;
        self.tested += tested;
    }
}

/// All that is known.
#[derive(Default)]
pub(crate) struct Truth {
    /// Acts of the store so far.
    pub(crate) step: u64,
    /// When the last one was, and how many were made at that instant.
    last: (Duration, u64),
    hash: u64,
    lines: VecDeque<String>,
    pub(crate) violations: Vec<String>,
    pub(crate) zones: BTreeMap<String, Vec<Span<Tz>>>,
    /// Those of whose zone nobody knew at first, and whether somebody has said it since.
    pub(crate) unplaced: BTreeMap<String, Placed>,
    pub(crate) plans: BTreeMap<String, Vec<Span<Plan>>>,
    /// Who stopped what, since which act of the store. An empty topic is everything.
    pub(crate) stops: BTreeMap<(String, String), u64>,
    /// Which schedules are held, since which act of the store.
    pub(crate) held: BTreeMap<String, u64>,
    /// Which occurrences are taken back, since which act of the store.
    pub(crate) recalled: BTreeMap<(String, NaiveDateTime), u64>,
    /// Which occurrences are cancelled, since which act of the store.
    pub(crate) cancelled: BTreeMap<(String, NaiveDateTime), u64>,
    pub(crate) tests: Tests,
    /// How often an operator had what was in doubt sent again, and until when all that they asked for.
    sent_again: BTreeMap<Key, u32>,
    late_until: BTreeMap<Key, DateTime<Utc>>,
    /// How far the ledger's ways out of a final state have been accounted for.
    pub(crate) retried_up_to: i64,
    /// Rung when a request is about to leave.
    pub(crate) leaving: Arc<Notify>,
    pub(crate) counts: Counts,
    claims: HashMap<DeliveryId, Claimed>,
    /// What each task has marked as about to leave, at which act of the store.
    marks: HashMap<tokio::task::Id, (DeliveryId, u64)>,
    /// Of which a request may be under way, with the end of the lease.
    pub(crate) sending: BTreeMap<DeliveryId, DateTime<Utc>>,
    pub(crate) sent: Vec<Sent>,
    /// The numbers of those whose outcome is not durable, and may still become so.
    unsettled: BTreeSet<usize>,
    /// The numbers of those that failed, or of which nobody knows: what an operator may have sent again.
    troubled: BTreeSet<usize>,
    /// Of which a daemon had said that a request leaves, and died before it knew what came of it; whether any left, the
    /// next one can't know.
    orphans: BTreeSet<Key>,
    /// Those of them of which nobody has had the message sent again since.
    mourned: BTreeSet<Key>,
    by_key: BTreeMap<Key, Vec<usize>>,
    by_delivery: HashMap<DeliveryId, Vec<usize>>,
    /// Until when Teams wants to hear nothing from a conversation, and since when.
    silences: BTreeMap<String, (Duration, Duration)>,
    pub(crate) crashes: u64,
}

impl Truth {
    /// One more act of the store.
    pub(crate) fn acts(&mut self, at: Duration) {
        self.step += 1;
        self.last = if self.last.0 == at { (at, self.last.1 + 1) } else { (at, 1) };
        if self.last.1 >= MOST_AT_ONCE {
            let last: Vec<&str> = self.lines.iter().rev().take(60).rev().map(String::as_str).collect();
            panic!("something goes round without end:\n  {}", last.join("\n  "));
        }
    }

    /// Writes a line down.
    pub(crate) fn note(&mut self, at: Duration, line: &str) {
        let mut hasher = DefaultHasher::new();
        (self.hash, at, line).hash(&mut hasher);
        self.hash = hasher.finish();
        if self.lines.len() == LINES {
            self.lines.pop_front();
        }
        self.lines.push_back(format!("{:>12.3} #{} {line}", at.as_secs_f64(), self.step));
    }

    /// What must not happen has happened.
    pub(crate) fn violation(&mut self, at: Duration, what: String) {
        self.note(at, &format!("VIOLATION {what}"));
        self.violations.push(what);
    }

    /// The print of everything that was written down so far.
    pub(crate) fn print(&self) -> u64 {
        self.hash
    }

    pub(crate) fn lines(&self) -> impl Iterator<Item = &String> {
        self.lines.iter()
    }

    pub(crate) fn claimed(&mut self, at: Duration, claims: &[Claim]) {
        for claim in claims {
            let key = (root(claim.schedule.as_str()).to_owned(), claim.occurrence, claim.recipient.name.clone());
            if let Some(wrong) = self.tests.look(&key, claim.is_test) {
                self.violation(at, wrong);
            }
            self.claims.insert(claim.id, Claimed { at, key });
        }
    }

    pub(crate) fn marked(&mut self, task: tokio::task::Id, delivery: DeliveryId, lease_until: DateTime<Utc>) {
        self.marks.insert(task, (delivery, self.step));
        self.sending.insert(delivery, lease_until);
        self.leaving.notify_waiters();
    }

    /// The schedules of which a request may be under way.
    pub(crate) fn going_out(&self) -> BTreeSet<&str> {
        let claimed = self.sending.keys().filter_map(|delivery| self.claims.get(delivery));
        claimed.map(|claimed| claimed.key.0.as_str()).collect()
    }

    /// A daemon has begun, and has found what the one before it left behind.
    pub(crate) fn taken_over(&mut self, at: Duration, rescued: &Rescued) {
        let (found, known) = (rescued.to_resend + rescued.unknown, self.sending.len() as u64);
        if found != known {
            self.violation(at, format!("P3: {known} requests were without an outcome, and {found} are in doubt"));
        }
        for delivery in std::mem::take(&mut self.sending).into_keys() {
            self.mourn(delivery);
        }
        self.orphan(u32::MAX);
    }

    /// What was held too long by nobody has been rescued.
    pub(crate) fn rescued(&mut self, in_hand: &[DeliveryId], now: DateTime<Utc>) {
        let is_over = |delivery: &DeliveryId, lease: &mut DateTime<Utc>| !in_hand.contains(delivery) && *lease < now;
        let over: Vec<DeliveryId> = self.sending.extract_if(.., is_over).map(|(delivery, _)| delivery).collect();
        for delivery in over {
            self.mourn(delivery);
        }
    }

    fn mourn(&mut self, delivery: DeliveryId) {
        let Some(key) = self.claims.get(&delivery).map(|claimed| claimed.key.clone()) else { return };
        self.orphans.insert(key.clone());
        self.mourned.insert(key);
    }

    /// An operator has these sent again. Of what was in doubt they know that it may come twice.
    pub(crate) fn retried(&mut self, at: Duration, deliveries: &[DeliveryId], order: &RetryOrder) {
        self.counts.retried += deliveries.len() as u64;
        for delivery in deliveries {
            let Some(key) = self.claims.get(delivery).map(|claimed| claimed.key.clone()) else { continue };
            self.is_no_test(at, &key.0, key.1);
            self.late_until.insert(key.clone(), order.late_until.unwrap_or(DateTime::<Utc>::MIN_UTC));
            match order.which {
                Retried::Failed => {}
                Retried::Unknown => {
                    for number in self.by_key.get(&key).into_iter().flatten() {
                        self.sent[*number].is_forgiven = true;
                    }
                    self.mourned.remove(&key);
                    *self.sent_again.entry(key).or_default() += 1;
                }
            }
        }
    }

    /// What failed or is unknown, in the order in which it left.
    pub(crate) fn in_trouble(&self) -> impl ExactSizeIterator<Item = &Sent> {
        self.troubled.iter().map(|number| &self.sent[*number])
    }

    /// An order about messages that were planned does not mean a test.
    pub(crate) fn is_no_test(&mut self, at: Duration, schedule: &str, occurrence: NaiveDateTime) {
        if self.tests.has(schedule, occurrence) {
            self.violation(at, format!("P1: a test was taken for what it tests: {schedule} {occurrence}"));
        }
    }

    /// The daemon of this generation has died.
    pub(crate) fn died(&mut self, generation: u32) {
        self.crashes += 1;
        self.orphan(generation);
    }

    fn orphan(&mut self, up_to: u32) {
        let is_orphan = |number: &usize| self.sent[*number].generation <= up_to;
        let orphans: Vec<usize> = self.unsettled.extract_if(.., is_orphan).collect();
        for number in orphans {
            self.sent[number].end = End::Orphaned;
            self.troubled.insert(number);
        }
    }

    /// A request for a message leaves. `walls` are what the wall clock shows, and what it would show had it not been
    /// set a moment ago. Returns its number; `None` for what is no delivery.
    pub(crate) fn leaves(
        &mut self,
        (at, walls): (Duration, &[DateTime<Utc>]),
        generation: u32,
        name: &str,
        text: &str,
    ) -> Option<usize> {
        let (delivery, marked_at) = *self.marks.get(&tokio::task::try_id()?)?;
        let claimed = self.claims.get(&delivery)?;
        let (key, claimed_at) = (claimed.key.clone(), claimed.at);
        let (schedule, occurrence, _) = &key;
        let civil = occurrence.format("%Y-%m-%d|%H:%M");
        self.note(at, &format!("leaves {schedule} {occurrence} {name}"));
        let says = text.split_once('|').map(|(named, rest)| (root(named), rest.starts_with(&format!("{civil}|"))));
        if key.2 != name || says != Some((schedule.as_str(), true)) {
            self.violation(at, format!("delivery {delivery} for {key:?} says {text:?} to {name}"));
        }
        self.look_for_a_second(at, generation, &key);
        let allowed = |what: &str| format!("P4: {what}: {schedule} {occurrence} to {name} at {}", walls[0]);
        if !self.is_timely(&key, claimed_at, walls) {
            self.violation(at, allowed("at the wrong hour"));
        }
        if self.is_held_for_zone(&key, claimed_at) {
            self.violation(at, allowed("of whose zone nobody knows"));
        }
        let stops = ["", schedule].map(|topic| self.stops.get(&(name.to_owned(), topic.to_owned())));
        if stops.into_iter().flatten().any(|since| *since < marked_at) {
            self.violation(at, allowed("to one who opted out"));
        }
        if self.held.get(schedule).is_some_and(|since| *since < marked_at) {
            self.violation(at, allowed("while it is held"));
        }
        if self.recalled.get(&(schedule.clone(), *occurrence)).is_some_and(|since| *since < marked_at) {
            self.violation(at, allowed("although it was recalled"));
        }
        if self.cancelled.get(&(schedule.clone(), *occurrence)).is_some_and(|since| *since < marked_at) {
            self.violation(at, allowed("although it was cancelled"));
        }
        if let Some((since, until)) = self.silences.get(name)
            && at > *since + SLACK
            && at < *until
        {
            self.violation(
                at,
                format!("P5: within the silence that Teams asked for: {schedule} {occurrence} to {name}"),
            );
        }
        let number = self.sent.len();
        self.by_key.entry(key.clone()).or_default().push(number);
        self.by_delivery.entry(delivery).or_default().push(number);
        self.unsettled.insert(number);
        let end = End::UnderWay;
        self.sent.push(Sent { key, generation, has_arrived: false, end, settled: None, is_forgiven: false });
        Some(number)
    }

    /// P1: what has arrived for sure is not sent again, and what may have only where the schedule says so, or an operator.
    fn look_for_a_second(&mut self, at: Duration, generation: u32, key: &Key) {
        let plan = self.plans.get(&key.0).and_then(|plans| plans.last()).map(|span| span.value.clone());
        let holds = plan.as_ref().is_some_and(|plan| plan.hold);
        let mut doubts = 0_u32;
        let mut wrong = (holds && self.mourned.contains(key)).then_some("after a death, though it says hold");
        for number in self.by_key.get(key).into_iter().flatten() {
            let before = &self.sent[*number];
            match before.end {
                End::UnderWay if before.generation == generation => wrong = Some("while one is under way"),
                End::Delivered => wrong = Some("after it was delivered"),
                End::InDoubt | End::Orphaned | End::UnderWay => {
                    doubts += 1;
                    if holds && !before.is_forgiven {
                        wrong = Some("after a doubt, though it says hold");
                    }
                }
                End::Refused => {}
            }
        }
        if doubts >= 4 + self.sent_again.get(key).copied().unwrap_or_default() {
            wrong = Some("after four doubts");
        }
        if plan.is_some_and(|plan| plan.when.is_once_a_day()) && !self.tests.mean(key) {
            let date = key.1.date();
            let bound = |time: NaiveTime| (key.0.clone(), date.and_time(time), String::new());
            let last = NaiveTime::from_hms_opt(23, 59, 59).expect("a time of day");
            let of_date = self.by_key.range(bound(NaiveTime::MIN)..=bound(last));
            let same_date = of_date.filter(|(other, _)| other.2 == key.2 && other.1 != key.1);
            let same_date = same_date.filter(|(other, _)| !self.tests.mean(other));
            let mut numbers = same_date.flat_map(|(_, numbers)| numbers);
            if numbers.any(|number| self.sent[*number].end != End::Refused) {
                wrong = Some("at a second hour of one date");
            }
        }
        if let Some(wrong) = wrong {
            self.violation(at, format!("P1: once more {wrong}: {} {} to {}", key.0, key.1, key.2));
        }
    }

    /// Whether any of what was true since the claim lets the message leave at one of these instants. What is asked for again
    /// keeps the hour at which it was due first, wherever its recipient has moved since.
    fn is_timely(&self, key: &Key, claimed_at: Duration, walls: &[DateTime<Utc>]) -> bool {
        let slack = TimeDelta::from_std(SLACK).expect("a short time");
        if self.tests.mean(key) {
            return walls.iter().any(|wall| self.tests.may_leave(key, *wall, slack));
        }
        let (is_again, late_until) = match self.late_until.get(key) {
            Some(until) => (true, *until),
            None => (false, DateTime::<Utc>::MIN_UTC),
        };
        let plans = self.plans.get(&key.0).into_iter().flatten().filter(|plan| plan.until >= claimed_at);
        let zones = || self.zones.get(&key.2).into_iter().flatten().filter(|zone| is_again || zone.until >= claimed_at);
        plans.flat_map(|plan| zones().map(move |zone| (&plan.value, zone.value))).any(|(plan, zone)| {
            let Some(due) = plan.due(key.1, zone) else { return false };
            let is_quiet = |at: DateTime<Utc>| plan.is_quiet(local(at, zone));
            walls.iter().any(|wall| {
                *wall >= due
                    && *wall <= plan.over(due).max(late_until) + slack
                    && !(is_quiet(*wall) && is_quiet(*wall - slack))
            })
        })
    }

    /// Whether all that was true since the claim has the message wait until somebody knows where its recipient lives.
    fn is_held_for_zone(&self, key: &Key, claimed_at: Duration) -> bool {
        let mut plans = self.plans.get(&key.0).into_iter().flatten().filter(|plan| plan.until >= claimed_at);
        self.unplaced.get(&key.2) == Some(&Placed::NotYet)
            && !self.tests.mean(key)
            && plans.all(|plan| plan.value.holds_for_zone)
    }

    pub(crate) fn arrived(&mut self, at: Duration, number: usize) {
        self.sent[number].has_arrived = true;
        let key = self.sent[number].key.clone();
        self.note(at, &format!("arrived {key:?}"));
    }

    /// The daemon hears what became of a request; `silence` is what Teams asks of its conversation.
    pub(crate) fn answered(&mut self, at: Duration, number: usize, end: End, silence: Option<Duration>) {
        let sent = &mut self.sent[number];
        if sent.end == End::UnderWay {
            sent.end = end;
        }
        let name = sent.key.2.clone();
        self.note(at, &format!("answered {end:?} {name} {silence:?}"));
        if let Some(silence) = silence {
            self.silences.insert(name, (at, at + silence));
        }
    }

    /// A new daemon does not know what Teams asked of the one before.
    pub(crate) fn forget_silences(&mut self) {
        self.silences.clear();
    }

    /// An outcome is durable.
    pub(crate) fn settled(&mut self, at: Duration, outcome: &Outcome) {
        let state = outcome.settlement.state();
        self.sending.remove(&outcome.delivery);
        let Some(key) = self.claims.get(&outcome.delivery).map(|claimed| claimed.key.clone()) else { return };
        let numbers = self.by_delivery.get(&outcome.delivery).map(Vec::as_slice).unwrap_or_default();
        let may_have_arrived = numbers.iter().any(|number| self.sent[*number].end != End::Refused);
        let has_arrived = numbers.iter().any(|number| self.sent[*number].has_arrived);
        if let (Some(last), Some(_)) = (numbers.last(), &outcome.attempt) {
            self.sent[*last].settled = Some(state);
            self.unsettled.remove(last);
            match state {
                State::Failed | State::Unknown => self.troubled.insert(*last),
                _ => self.troubled.remove(last),
            };
        }
        let is_wrong = match state {
            State::Sent => !has_arrived,
            State::Failed | State::Skipped | State::Expired | State::Cancelled => {
                may_have_arrived || self.orphans.contains(&key)
            }
            State::Unknown => !may_have_arrived && !self.orphans.contains(&key),
            State::Planned | State::Claimed | State::Sending | State::Waiting => false,
        };
        if is_wrong {
            self.violation(at, format!("P3: called {state}, which is not what happened: {key:?}"));
        }
    }

    /// The keys of which at least one request has arrived, and how many have.
    pub(crate) fn arrivals(&self) -> BTreeMap<&Key, usize> {
        let mut arrivals = BTreeMap::new();
        for sent in self.sent.iter().filter(|sent| sent.has_arrived) {
            *arrivals.entry(&sent.key).or_default() += 1;
        }
        arrivals
    }

    /// The keys about which there was ever a doubt.
    pub(crate) fn doubted(&self) -> BTreeSet<&Key> {
        let in_doubt = self.sent.iter().filter(|sent| matches!(sent.end, End::InDoubt | End::Orphaned));
        in_doubt.map(|sent| &sent.key).chain(&self.orphans).collect()
    }
}
