//! The books of the two sides, held against each other: after each kill, while nobody runs, and when all is settled.
//!
//! After a kill the ledger may say less than the witness knows, but never something else: whatever arrived is `sent`, or
//! `sending`, or said to be in doubt. What was `sending` is in doubt from then on, and nothing else is.

use std::collections::{BTreeMap, BTreeSet};

use chrono::DateTime;
use nudged::domain::delivery::State;
use nudged::emulator::Emulator;

use crate::SENDERS;
use crate::ledger::{Delivery, Ledger};
use crate::witness::{Key, Witness};

/// From the last look at the clock before a request leaves to its arrival, on a machine that does ten other things.
const ON_THE_WAY_US: i64 = 5_000_000;

/// What a schedule promised: so many people, and whether anybody may get two.
#[derive(Debug, Clone)]
pub(crate) struct Promise {
    /// What the texts of its messages begin with; one occurrence of one schedule.
    pub(crate) text: String,
    pub(crate) people: usize,
}

/// Schedules whose name begins with this leave what is in doubt to a person.
pub(crate) const HOLDS: &str = "hold";

/// Schedules whose name begins with this are over after a second. Where no daemon came to plan one before that, it is
/// history, and nobody is accounted for; where one did, everybody is.
pub(crate) const BRIEF: &str = "brief";

#[derive(Default)]
pub(crate) struct Books {
    pub(crate) witness: Witness,
    /// The attempts that were under way when their daemon was killed.
    interrupted: BTreeMap<Key, BTreeSet<i64>>,
    /// Schedules of which an operator had sent again what was in doubt.
    pub(crate) retried: BTreeSet<String>,
    in_doubt: BTreeSet<Key>,
    sending: Vec<Delivery>,
    /// The most requests that were under way at any kill.
    pub(crate) most_in_flight: usize,
    /// The sum of them over all kills.
    pub(crate) in_flight: usize,
}

impl Books {
    /// A daemon was killed and no other has started yet. What has arrived since the one before.
    pub(crate) fn after_kill(&mut self, ledger: &Ledger, emulator: &Emulator) -> Vec<Key> {
        let arrived = self.witness.look(emulator);
        for key in &arrived {
            let Some(row) = ledger.delivery(key) else { panic!("{key:?} arrived and is no delivery") };
            let is_known = matches!(row.state, State::Sent | State::Sending);
            assert!(is_known || self.interrupted.contains_key(key), "{key:?} arrived, and the ledger says {row:?}");
            let copies = self.witness.arrivals.get(key).map_or(0, Vec::len);
            let is_held = row.schedule.starts_with(HOLDS) && !self.retried.contains(&row.schedule);
            assert!(copies == 1 || !is_held, "{row:?} arrived {copies} times although it is to be held");
        }
        self.compare_doubts(ledger);
        let sending = ledger.sending();
        // Whose answer has come has given their place to the next, and their outcome may not be durable yet.
        assert!(sending.len() <= 2 * SENDERS, "{} were under way, with {SENDERS} senders", sending.len());
        for row in &sending {
            let attempt = row.attempt.unwrap_or_else(|| panic!("{row:?} is sending without an attempt"));
            self.interrupted.entry(row.key.clone()).or_default().insert(attempt);
        }
        self.most_in_flight = self.most_in_flight.max(sending.len());
        self.in_flight += sending.len();
        self.sending = sending;
        arrived
    }

    /// A daemon was asked to stop, and has: nothing is in the air.
    pub(crate) fn after_stop(&mut self, ledger: &Ledger, emulator: &Emulator) -> Vec<Key> {
        let arrived = self.after_kill(ledger, emulator);
        assert!(self.sending.is_empty(), "a clean stop left {:?}", self.sending);
        let claimed = ledger.number("SELECT count(*) FROM deliveries WHERE state = 'claimed'");
        assert_eq!(claimed, Some(0), "a clean stop gives back what has not left");
        arrived
    }

    /// What is in doubt is what was under way at a kill, neither more nor less.
    fn compare_doubts(&mut self, ledger: &Ledger) {
        let in_doubt: BTreeMap<Key, Delivery> =
            ledger.in_doubt().into_iter().map(|row| (row.key.clone(), row)).collect();
        for (key, row) in &in_doubt {
            assert!(self.interrupted.contains_key(key), "nothing of it was under way at a kill: {row:?}");
        }
        for key in &self.in_doubt {
            assert!(in_doubt.contains_key(key), "{key:?} was in doubt, and is no more");
        }
        for before in &self.sending {
            if in_doubt.contains_key(&before.key) {
                continue;
            }
            // The next daemon may have been killed before it took anything over.
            let row = ledger.delivery(&before.key);
            let is_as_it_was =
                row.as_ref().is_some_and(|row| row.state == State::Sending && row.attempt == before.attempt);
            assert!(is_as_it_was, "{before:?} was under way at a kill and is now {row:?}");
        }
        self.in_doubt = in_doubt.into_keys().collect();
    }

    /// Everything that was due has been settled.
    pub(crate) fn close(&mut self, ledger: &Ledger, emulator: &Emulator, promises: &[Promise]) -> Closed {
        self.witness.look(emulator);
        assert_eq!(ledger.integrity(), "ok");
        let all = ledger.rows();
        let count = all.len();
        let rows: BTreeMap<Key, Delivery> = all.into_iter().map(|row| (row.key.clone(), row)).collect();
        assert_eq!(rows.len(), count, "a key is there twice");
        let mut states: BTreeMap<State, usize> = BTreeMap::new();
        let mut people: BTreeMap<&str, usize> = BTreeMap::new();
        let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
        for row in rows.values() {
            self.check(row);
            *states.entry(row.state).or_default() += 1;
            *people.entry(occurrence_of(&row.key.text)).or_default() += 1;
            if let Some(reason) = &row.reason {
                *reasons.entry(format!("{}: {reason}", row.state)).or_default() += 1;
            }
        }
        for promise in promises {
            let found = people.get(promise.text.as_str()).copied().unwrap_or_default();
            if found == 0 && promise.text.starts_with(BRIEF) {
                continue;
            }
            assert_eq!(found, promise.people, "the states of {} must add up to its audience", promise.text);
        }
        for key in self.witness.arrivals.keys() {
            let row = rows.get(key).unwrap_or_else(|| panic!("{key:?} arrived and is no delivery"));
            // What was in doubt and is recalled is cancelled, with its mark; the recall says that no id is known of it.
            let is_recalled_in_doubt = row.state == State::Cancelled && row.possible_duplicate;
            assert!(matches!(row.state, State::Sent | State::Unknown) || is_recalled_in_doubt, "{row:?} arrived");
        }
        Closed { deliveries: rows.len(), states, reasons }
    }

    /// One delivery when all is over.
    fn check(&self, row: &Delivery) {
        let none = Vec::new();
        let arrivals = self.witness.arrivals.get(&row.key).unwrap_or(&none);
        let interrupted = self.interrupted.get(&row.key).map_or(0, BTreeSet::len);
        if row.state == State::Sent {
            assert!(!arrivals.is_empty(), "lost: {row:?} has not arrived");
            let is_one_of_them = arrivals.iter().any(|arrival| Some(&arrival.activity_id) == row.activity_id.as_ref());
            assert!(is_one_of_them, "{row:?} has the id of another message: {arrivals:?}");
        }
        assert!(arrivals.len() <= 1 + interrupted, "{row:?} arrived {} times", arrivals.len());
        if arrivals.len() > 1 {
            assert!(row.is_in_doubt(), "{row:?} arrived {} times and is not marked", arrivals.len());
        }
        assert_eq!(row.is_in_doubt(), interrupted > 0, "{row:?} was under way at {interrupted} kills");
        for arrival in arrivals {
            let at = arrival.at.timestamp_micros();
            let show = || DateTime::from_timestamp_micros(row.due_at);
            assert!(at >= row.due_at, "{row:?} was due at {:?} and came at {}", show(), arrival.at);
            assert!(at <= row.expire_at + ON_THE_WAY_US, "{row:?} came at {}, too late", arrival.at);
        }
    }
}

/// `name@…` of a schedule that fires once is its name; what comes again is told apart by its time or number.
fn occurrence_of(text: &str) -> &str {
    let (name, _) = text.split_once('@').unwrap_or((text, ""));
    if ["tick", "tock", "ping"].contains(&name) { text } else { name }
}

/// What a run came to.
pub(crate) struct Closed {
    pub(crate) deliveries: usize,
    pub(crate) states: BTreeMap<State, usize>,
    pub(crate) reasons: BTreeMap<String, usize>,
}
