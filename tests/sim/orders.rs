//! What operators do in a world: files that change, are renamed and go; schedules that are held; messages that are taken
//! back, cancelled, tested and sent again.

use chrono::{NaiveTime, TimeDelta};
use nudged::domain::delivery::State;
use nudged::domain::id::ScheduleName;
use nudged::domain::recall::Remedy;
use nudged::domain::schedule::model::Target;
use nudged::port::recall::RecallOrder;
use nudged::port::rehearsal::TestOrder;
use nudged::port::reload::{Change, ReloadRequest};
use nudged::port::store::{Pause, PausedBy};
use nudged::port::trouble::{CancelOrder, Retried, RetryOrder};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use crate::sim::acts::{LAG, end_all_but_last};
use crate::sim::plan::{Plan, root};
use crate::sim::run::Run;
use crate::sim::truth::{Key, Span};

/// So long is waited for something to leave.
const SOON: Duration = Duration::from_mins(15);

/// So long a test may wait for its turn, as where an operator asks for one.
const TEST_OPEN_FOR: TimeDelta = TimeDelta::minutes(10);

impl Run {
    pub(crate) async fn a_file_changes(&mut self) {
        let Some(number) = self.plan_to_touch() else { return };
        let mut plan = self.world.plans[number].clone();
        let mut text = None;
        match self.chance.below(6) {
            0 => text = Some(format!("{}this is no TOML", plan.toml())),
            1 => text = Some(String::new()),
            2 => plan = plan.renamed(),
            _ => plan = self.edited(plan),
        }
        self.note(&format!("the file of {} changes: {text:?} {plan:?}", plan.name));
        let text = text.unwrap_or_else(|| {
            let edited = Span { until: Duration::MAX, value: plan.clone() };
            self.truth().plans.entry(plan.root().to_owned()).or_default().push(edited);
            self.world.plans[number] = plan.clone();
            plan.toml()
        });
        self.write(plan.root(), &text);
        self.read_the_files().await;
        let until = self.around.time.mono() + LAG;
        end_all_but_last(self.truth().plans.get_mut(plan.root()), until);
    }

    fn edited(&self, mut plan: Plan) -> Plan {
        plan.edition += 1;
        if let Some(time) = plan.when.time_of_day().filter(|_| self.chance.hits(60)) {
            let minutes = TimeDelta::minutes(self.chance.pick(&[-90, -30, -7, 5, 30, 60, 120]));
            let (moved, _) = NaiveTime::overflowing_add_signed(time, minutes);
            *time = moved;
        }
        if self.chance.hits(30) {
            plan.late = Duration::from_mins(self.chance.pick(&[2, 30, 120]));
        }
        plan
    }

    /// Reads the files again, and plans.
    pub(crate) async fn reload(&mut self) {
        self.surely(|handles| async move {
            handles.keeper.reload().await?;
            handles.planner.pass().await?;
            handles.work.notify_one();
            Ok(())
        })
        .await;
    }

    /// Reads the files again as an operator does, who may look first what it will do.
    async fn read_the_files(&mut self) {
        if self.chance.hits(60) {
            return self.reload().await;
        }
        let (looks_first, prune) = (self.chance.hits(50), self.chance.hits(30));
        let told = if looks_first { Some(self.reload_as_asked(true, prune).await) } else { None };
        let done = self.reload_as_asked(false, prune).await;
        // A daemon that dies in between reads the files when it starts, and then there is nothing left to change.
        if let Some(told) = told.filter(|told| told.0 == done.0 && told.1 != done.1) {
            let what = format!("a dry run told {:?}, and then it was {:?}", told.1, done.1);
            self.truth().violation(self.around.time.mono(), what);
        }
    }

    /// Says which daemon did it, and what becomes of which schedule.
    async fn reload_as_asked(&mut self, dry_run: bool, prune: bool) -> (u32, Vec<(String, Change)>) {
        let verdict = self
            .surely(move |handles| async move {
                let verdict = handles.keeper.reload_as_asked(ReloadRequest { dry_run, prune, tried: None }).await?;
                handles.replan.notify_one();
                Ok(verdict)
            })
            .await;
        let told = verdict.changes.into_iter().map(|change| (change.schedule, change.change)).collect();
        (self.generations(), told)
    }

    /// As if a disk were not mounted: what is in force goes on.
    pub(crate) async fn the_folder_is_gone_for_a_moment(&mut self) {
        self.note("the folder is gone");
        let files = std::mem::take(&mut *self.around.folder.0.lock().unwrap_or_else(PoisonError::into_inner));
        self.reload().await;
        self.pass(Duration::from_mins(12)).await;
        *self.around.folder.0.lock().unwrap_or_else(PoisonError::into_inner) = files;
        self.note("the folder is there again");
        self.reload().await;
    }

    /// A schedule to touch; every other time, if one comes soon, one of which a request is just leaving.
    async fn plan_to_stop(&mut self) -> Option<usize> {
        if self.chance.hits(50) {
            let (leaving, time) = (Arc::clone(&self.truth().leaving), Arc::clone(&self.around.time));
            tokio::select! {
                biased;
                () = leaving.notified() => {}
                () = time.pass(SOON) => {}
            }
            let truth = self.truth();
            let goes_out = |plan: &Plan| !plan.is_plain && truth.going_out().contains(plan.root());
            let going_out = self.world.plans.iter().position(goes_out);
            drop(truth);
            if going_out.is_some() {
                return going_out;
            }
        }
        self.plan_to_touch()
    }

    pub(crate) async fn an_occurrence_is_cancelled(&mut self) {
        let Some(number) = self.plan_to_stop().await else { return };
        let schedule = ScheduleName::new(&self.world.plans[number].name).expect("a name");
        let on = self.chance.hits(30).then(|| self.wall().date_naive());
        self.note(&format!("{schedule} is cancelled: {on:?}"));
        self.surely(move |handles| {
            let order = CancelOrder { schedule: schedule.clone(), on, dry_run: false };
            async move {
                // There may be nothing of it.
                drop(handles.store.cancel(order, handles.clock.now()).await?);
                Ok(())
            }
        })
        .await;
    }

    /// Of any schedule and on anybody, also those to whom nothing else may happen: what they get does not change by it.
    pub(crate) async fn a_message_is_tested(&mut self) {
        let schedule = ScheduleName::new(&self.chance.pick(&self.world.plans).name).expect("a name");
        let person = self.chance.pick(&self.world.people);
        self.note(&format!("{schedule} is tested on {}", person.name));
        let truth = Arc::clone(&self.around.truth);
        self.surely(move |handles| {
            let (schedule, person, truth) = (schedule.clone(), person.clone(), Arc::clone(&truth));
            async move {
                for recipient in handles.store.find_people(person.address().as_str()).await? {
                    truth.lock().unwrap_or_else(PoisonError::into_inner).tests.are_on(recipient, &person.name);
                    let now = handles.clock.now();
                    let order = TestOrder { schedule: schedule.clone(), recipient, expire_at: now + TEST_OPEN_FOR };
                    handles.store.rehearse(order, now).await?;
                }
                handles.work.notify_one();
                Ok(())
            }
        })
        .await;
    }

    pub(crate) async fn what_went_wrong_is_sent_again(&mut self) {
        let Some((key, which)) = self.something_wrong() else { return };
        let Some(plan) = self.world.plans.iter().find(|plan| plan.root() == key.0) else { return };
        let schedule = ScheduleName::new(&plan.name).expect("a name");
        let (late, on) = (plan.late + plan.jitter, self.chance.hits(50).then(|| key.1.date()));
        let late = self.chance.hits(50).then(|| TimeDelta::from_std(late).expect("some minutes"));
        let person = self.world.people.iter().find(|person| person.name == key.2).filter(|_| self.chance.hits(50));
        let who: Vec<Target> = person.map(|person| Target::Person(person.address())).into_iter().collect();
        self.note(&format!("{schedule} is sent again: {which:?} {on:?} {who:?} {late:?}"));
        self.surely(move |handles| {
            let (schedule, who, now) = (schedule.clone(), who.clone(), handles.clock.now());
            let order =
                RetryOrder { schedule, who, on, which, late_until: late.map(|late| now + late), dry_run: false };
            async move {
                drop(handles.store.retry(order, now).await?);
                handles.work.notify_one();
                Ok(())
            }
        })
        .await;
    }

    /// One of the messages that failed, or of which nobody knows.
    fn something_wrong(&self) -> Option<(Key, Retried)> {
        let truth = self.truth();
        let count = truth.in_trouble().len();
        if count == 0 {
            return None;
        }
        let sent = truth.in_trouble().nth(self.chance.below(count))?;
        let which = if sent.settled == Some(State::Failed) { Retried::Failed } else { Retried::Unknown };
        Some((sent.key.clone(), which))
    }

    pub(crate) async fn a_schedule_is_held_or_let_go(&mut self) {
        let Some(number) = self.plan_to_touch() else { return };
        let schedule = ScheduleName::new(&self.world.plans[number].name).expect("a name");
        let is_held = self.truth().held.contains_key(root(schedule.as_str()));
        self.note(&format!("{schedule} is held: {}", !is_held));
        if is_held {
            self.let_go(schedule).await;
            return;
        }
        self.surely(move |handles| {
            let pause =
                Pause { schedule: schedule.clone(), why: "why not".into(), by: PausedBy::Operator, not_believed: None };
            async move {
                // It may not be known yet, or be gone.
                drop(handles.store.pause(pause, handles.clock.now()).await);
                Ok(())
            }
        })
        .await;
    }

    /// Lets a schedule go on.
    pub(crate) async fn let_go(&mut self, schedule: ScheduleName) {
        self.surely(move |handles| {
            let schedule = schedule.clone();
            async move {
                handles.watch.resume(handles.store.as_ref(), schedule, handles.clock.now()).await?;
                handles.work.notify_one();
                Ok(())
            }
        })
        .await;
    }

    pub(crate) async fn an_occurrence_is_recalled(&mut self) {
        let Some(number) = self.plan_to_stop().await else { return };
        let schedule = ScheduleName::new(&self.world.plans[number].name).expect("a name");
        self.note(&format!("the last of {schedule} is recalled"));
        self.surely(move |handles| {
            let order =
                RecallOrder { schedule: schedule.clone(), occurrence: None, who: Vec::new(), remedy: Remedy::Delete };
            async move {
                drop(handles.store.begin_recall(order, handles.clock.now()).await?);
                handles.recall.notify_one();
                Ok(())
            }
        })
        .await;
    }
}
