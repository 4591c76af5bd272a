//! Whatever happens in whatever order: one row for each key, sums that equal the audience, final states that stay.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{NaiveDateTime, TimeDelta};
use nudged::domain::delivery::{Claim, Reason, Settlement, State};
use nudged::domain::recall::{RecallSettlement, Remedy};
use nudged::domain::schedule::model::Target;
use nudged::domain::share::Rooms;
use nudged::port::recall::{NoRecall, RecallOrder, RecallOutcome, RecallReport};
use nudged::port::store::StoreError;
use nudged::port::trouble::{CancelOrder, CancelReport, NothingThere, Retried, RetryOrder, RetryReport};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::Place;
use crate::fixtures::*;

/// Something that happens. Numbers choose among what there is at that moment.
#[derive(Debug, Clone)]
enum Act {
    Import { person: usize, zone: usize, groups: u8 },
    Sync { present: u8, audience: usize },
    Plan { schedule: usize, hours: u8, zones: u8, minutes: i64, replaces: bool },
    Expand,
    Claim { limit: usize },
    Release { claim: usize },
    Mark { claim: usize },
    Settle { claim: usize, settlement: usize },
    Rescue,
    TakeOver,
    Retire,
    Recall { schedule: usize, hour: usize, who: Option<usize> },
    TakeBack { settlement: usize },
    Cancel { schedule: usize, is_of_day: bool },
    Retry { schedule: usize, which: Retried, is_late: bool },
    Wait { minutes: i64 },
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        2 => (0..4_usize, 0..3_usize, 0..4_u8).prop_map(|(person, zone, groups)| Act::Import { person, zone, groups }),
        1 => (0..8_u8, 0..4_usize).prop_map(|(present, audience)| Act::Sync { present, audience }),
        3 => (0..2_usize, 1..8_u8, 1..8_u8, 0..3_i64, any::<bool>()).prop_map(
            |(schedule, hours, zones, minutes, replaces)| Act::Plan { schedule, hours, zones, minutes, replaces }
        ),
        4 => Just(Act::Expand),
        4 => (1..6_usize).prop_map(|limit| Act::Claim { limit }),
        1 => (0..9_usize).prop_map(|claim| Act::Release { claim }),
        5 => (0..9_usize).prop_map(|claim| Act::Mark { claim }),
        5 => (0..9_usize, 0..7_usize).prop_map(|(claim, settlement)| Act::Settle { claim, settlement }),
        1 => Just(Act::Rescue),
        1 => Just(Act::TakeOver),
        1 => Just(Act::Retire),
        1 => (0..2_usize, 0..3_usize, prop::option::of(0..4_usize))
            .prop_map(|(schedule, hour, who)| Act::Recall { schedule, hour, who }),
        1 => (0..4_usize).prop_map(|settlement| Act::TakeBack { settlement }),
        1 => (0..2_usize, any::<bool>()).prop_map(|(schedule, is_of_day)| Act::Cancel { schedule, is_of_day }),
        2 => (0..2_usize, any::<bool>(), any::<bool>()).prop_map(|(schedule, is_doubt, is_late)| Act::Retry {
            schedule,
            which: if is_doubt { Retried::Unknown } else { Retried::Failed },
            is_late,
        }),
        3 => (1..90_i64).prop_map(|minutes| Act::Wait { minutes }),
    ]
}

const SCHEDULES: [&str; 2] = ["s", "t"];
const ZONES: [chrono_tz::Tz; 3] = [BERLIN, TOKYO, DENVER];
const HOURS: [&str; 3] = ["09:00", "10:00", "15:00"];

/// One delivery, as people see it.
type Key = (&'static str, NaiveDateTime, String);

struct World {
    ledger: Ledger,
    now: chrono::DateTime<chrono::Utc>,
    /// Claims in our hands, with the attempt when there is one.
    claims: Vec<(Claim, Option<nudged::domain::id::AttemptId>)>,
    last: BTreeMap<Key, (State, Option<Reason>)>,
    /// What Teams took.
    taken: BTreeSet<i64>,
    /// What was recalled: of everybody, or of one person.
    recalled: BTreeSet<(&'static str, NaiveDateTime, Option<String>)>,
    /// What was cancelled.
    cancelled: BTreeSet<(&'static str, NaiveDateTime)>,
}

pub(crate) fn run(place: impl Fn() -> Box<dyn Place>) {
    let mut runner = TestRunner::new(Config { cases: 48, failure_persistence: None, ..Config::default() });
    let acts = proptest::collection::vec(act(), 1..60);
    let outcome = runner.run(&acts, |acts| {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let place = place();
        runtime.block_on(async {
            let ledger =
                Ledger::with(&*place, &[person("p0", BERLIN), person("p1", TOKYO)], &SCHEDULES.map(draft)).await;
            let now = at("00:00");
            let mut world = World {
                ledger,
                now,
                claims: Vec::new(),
                last: BTreeMap::new(),
                taken: BTreeSet::new(),
                recalled: BTreeSet::new(),
                cancelled: BTreeSet::new(),
            };
            for act in &acts {
                world.perform(act).await;
                world.check(act).await;
            }
            world.ledger.store.close().await;
        });
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

impl World {
    async fn perform(&mut self, act: &Act) {
        let (store, now) = (self.ledger.store.clone(), self.now);
        match act {
            Act::Import { person, zone, groups } => {
                let groups: Vec<&str> =
                    ["g", "h"].into_iter().filter(|it| groups & (1 << u8::from(*it == "h")) != 0).collect();
                let record = member(&format!("p{person}"), ZONES[*zone], &groups);
                store.import_people(vec![record], NOWHERE, now).await.expect("importing");
            }
            Act::Sync { present, audience } => {
                let to: &[&str] =
                    [&["everyone"][..], &["group:g"], &["p0@x", "p3@x", "group:h"], &["group:g", "p1@x"]][*audience];
                let drafts = SCHEDULES.iter().enumerate().filter(|(bit, _)| present & (1 << bit) != 0);
                let schedules = drafts.map(|(_, name)| draft(name).to(to).build()).collect();
                store.reload(in_force(schedules, NOWHERE, now)).await.expect("syncing");
            }
            Act::Plan { schedule, hours, zones, minutes, replaces } => {
                let mut waves = Vec::new();
                for (hour, time) in HOURS.iter().enumerate().filter(|(bit, _)| hours & (1 << bit) != 0) {
                    if hour == 2 && *zones == 7 {
                        waves.push(wave_for_all(time));
                        continue;
                    }
                    for (_, zone) in ZONES.iter().enumerate().filter(|(bit, _)| zones & (1 << bit) != 0) {
                        waves.push(later(wave(time, *zone), TimeDelta::minutes(*minutes)));
                    }
                }
                let mut plan = plan(SCHEDULES[*schedule], &waves);
                if !replaces {
                    plan.replaces = None;
                }
                store.record_plans(vec![plan], now).await.expect("planning");
            }
            Act::Expand => {
                store.expand_due(now + TimeDelta::minutes(10), now, u32::MAX).await.expect("expanding");
            }
            Act::Claim { limit } => {
                let claims =
                    store.claim_due(self.ledger.term, now, Rooms::for_anybody(*limit), LEASE).await.expect("claiming");
                for claim in claims {
                    assert!(claim.due_at <= now, "{claim:?} is claimed before it is due");
                    assert!(!self.taken.contains(&claim.id.0), "{claim:?} was sent already");
                    let schedule =
                        SCHEDULES.into_iter().find(|it| *it == claim.schedule.as_str()).expect("one of them");
                    let was = &self.cancelled;
                    assert!(!was.contains(&(schedule, claim.occurrence)), "{claim:?} was cancelled");
                    let who = claim.recipient.email.clone().expect("an address");
                    assert!(!self.is_recalled(&(schedule, claim.occurrence, who)), "{claim:?} was recalled");
                    self.claims.retain(|(held, _)| held.id != claim.id);
                    self.claims.push((claim, None));
                }
            }
            Act::Release { claim } if !self.claims.is_empty() => {
                let (claim, _) = &self.claims[claim % self.claims.len()];
                store.release(claim.term, vec![claim.id]).await.expect("releasing");
            }
            Act::Mark { claim } if !self.claims.is_empty() => {
                let index = claim % self.claims.len();
                let (claim, attempt) = &mut self.claims[index];
                match store.mark_sending(claim.id, claim.term, now, LEASE).await {
                    Ok(id) => *attempt = Some(id),
                    Err(StoreError::LostClaim(_)) => {}
                    Err(error) => panic!("{error}"),
                }
            }
            Act::Settle { claim, settlement } if !self.claims.is_empty() => {
                let (claim, attempt) = self.claims.swap_remove(claim % self.claims.len());
                self.settle(&claim, attempt, *settlement).await;
            }
            Act::Release { .. } | Act::Mark { .. } | Act::Settle { .. } => {}
            Act::Rescue => {
                store.rescue(Vec::new(), now).await.expect("rescuing");
            }
            Act::TakeOver => self.ledger.term = store.take_over(now).await.expect("taking over").term,
            Act::Retire => {
                store.retire_missing(now, now).await.expect("retiring");
            }
            Act::Recall { schedule, hour, who } => self.recall(SCHEDULES[*schedule], HOURS[*hour], *who).await,
            Act::TakeBack { settlement } => self.take_back(*settlement).await,
            Act::Cancel { schedule, is_of_day } => self.cancel(SCHEDULES[*schedule], *is_of_day).await,
            Act::Retry { schedule, which, is_late } => self.retry(SCHEDULES[*schedule], *which, *is_late).await,
            Act::Wait { minutes } => self.now += TimeDelta::minutes(*minutes),
        }
    }

    async fn settle(&mut self, claim: &Claim, attempt: Option<nudged::domain::id::AttemptId>, settlement: usize) {
        let not_before = self.now + TimeDelta::minutes(3);
        let settlement = match settlement {
            0 | 1 => sent(),
            2 => Settlement::Waiting {
                not_before,
                reason: Reason::Throttled,
                possible_duplicate: claim.possible_duplicate,
            },
            3 => Settlement::Waiting { not_before, reason: Reason::NoAnswer, possible_duplicate: true },
            4 => Settlement::Failed(Reason::Refused),
            5 => Settlement::Expired(Reason::TooLate),
            _ => Settlement::Unknown(Reason::NoAnswer),
        };
        let is_sent = settlement.state() == State::Sent;
        let outcome = match attempt {
            Some(attempt) => attempted(claim, attempt, "00:00", settlement),
            None => decided(claim, "00:00", settlement),
        };
        let outcome = nudged::port::store::Outcome { at: self.now, ..outcome };
        match self.ledger.store.settle(outcome).await {
            Ok(()) if is_sent => assert!(self.taken.insert(claim.id.0), "{claim:?} was sent twice"),
            Ok(()) | Err(StoreError::LostClaim(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }

    async fn recall(&mut self, schedule: &'static str, hour: &str, who: Option<usize>) {
        let who = who.map(|person| address(&format!("p{person}@x")));
        let order = RecallOrder {
            schedule: name(schedule),
            occurrence: Some(civil(hour)),
            who: who.clone().map(Target::Person).into_iter().collect(),
            remedy: Remedy::Delete,
        };
        let tried = self.ledger.store.try_recall(order.clone(), self.now).await.expect("trying out");
        let begun = self.ledger.store.begin_recall(order, self.now).await.expect("recalling");
        let counts = |report: &Result<RecallReport, NoRecall>| report.clone().map(|report| report.counts);
        assert_eq!(counts(&tried), counts(&begun), "a trial says what is going to happen");
        if begun.is_ok() {
            self.recalled.insert((schedule, civil(hour), who.map(|who| who.to_string())));
        }
    }

    async fn cancel(&mut self, schedule: &'static str, is_of_day: bool) {
        let on = is_of_day.then(|| civil("00:00").date());
        let order = CancelOrder { schedule: name(schedule), on, dry_run: true };
        let tried = self.ledger.store.cancel(order.clone(), self.now).await.expect("trying out");
        let order = CancelOrder { dry_run: false, ..order };
        let done = self.ledger.store.cancel(order, self.now).await.expect("cancelling");
        let found = |report: &Result<CancelReport, NothingThere>| report.clone().map(|report| report.occurrences);
        assert_eq!(found(&tried), found(&done), "a trial says what is going to happen");
        self.cancelled.extend(found(&done).into_iter().flatten().map(|found| (schedule, found.occurrence)));
    }

    async fn retry(&mut self, schedule: &'static str, which: Retried, is_late: bool) {
        let late_until = is_late.then(|| self.now + TimeDelta::minutes(30));
        let order =
            RetryOrder { schedule: name(schedule), who: Vec::new(), on: None, which, late_until, dry_run: true };
        let tried = self.ledger.store.retry(order.clone(), self.now).await.expect("trying out");
        let order = RetryOrder { dry_run: false, ..order };
        let done = self.ledger.store.retry(order, self.now).await.expect("retrying");
        let told = |report: Result<RetryReport, NothingThere>| {
            report.map(|report| (report.occurrences, report.retried, report.too_late, report.not_meant))
        };
        assert_eq!(told(tried), told(done), "a trial says what is going to happen");
    }

    async fn take_back(&mut self, settlement: usize) {
        let work = self.ledger.store.recall_due(self.now, 100).await.expect("what is due");
        for task in &work.tasks {
            assert!(self.taken.contains(&task.delivery.0), "{task:?} was never taken");
        }
        let Some(task) = work.tasks.into_iter().next() else { return };
        let not_before = self.now + TimeDelta::minutes(3);
        let settlement = match settlement {
            0 | 1 => RecallSettlement::Done,
            2 => RecallSettlement::Failed(Reason::Refused),
            _ => RecallSettlement::Again { not_before, reason: Reason::Throttled },
        };
        let (recall, delivery, at) = (task.recall, task.delivery, self.now);
        let outcome = RecallOutcome { recall, delivery, at, settlement, detail: None };
        self.ledger.store.settle_recall(outcome).await.expect("settling");
    }

    /// Whether a recall meant this delivery.
    fn is_recalled(&self, key: &Key) -> bool {
        let (schedule, occurrence, who) = key.clone();
        self.recalled.contains(&(schedule, occurrence, None))
            || self.recalled.contains(&(schedule, occurrence, Some(who)))
    }

    async fn check(&mut self, act: &Act) {
        for schedule in SCHEDULES {
            // This checks sums and keys.
            for delivery in self.ledger.deliveries(schedule).await {
                let key = (schedule, delivery.occurrence, delivery.address.expect("an address"));
                let now = (delivery.state, delivery.reason);
                if let Some(before) = self.last.insert(key.clone(), now) {
                    let is_for_good = matches!(before.1, Some(Reason::Recalled | Reason::CancelledByOperator));
                    let revived = before.0 == State::Cancelled
                        && !is_for_good
                        && matches!(now, (State::Planned | State::Expired, _) | (_, Some(Reason::ServedBeforeEdit)));
                    let sealed = before.0 == State::Cancelled
                        && !is_for_good
                        && matches!(now, (State::Cancelled, Some(Reason::Recalled | Reason::CancelledByOperator)));
                    let retried = match act {
                        Act::Retry { which, .. } => before.0 == which.state() && now == (State::Planned, None),
                        _ => false,
                    };
                    assert!(
                        !before.0.is_final() || before == now || revived || sealed || retried,
                        "{key:?}: {before:?} → {now:?} by {act:?}"
                    );
                    let is_doubt = retried && before.0 == State::Unknown;
                    assert!(!is_doubt || delivery.possible_duplicate, "{key:?} may come twice, and nothing says so");
                }
                let held = matches!(delivery.state, State::Claimed | State::Sending);
                assert!(!held || delivery.not_before.is_some());
            }
        }
    }
}
