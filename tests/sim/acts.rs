//! What happens to a world: to its people, its clock and its daemon. What its operators do stands in [`super::orders`].

use std::sync::PoisonError;
use std::time::Duration;

use chrono::TimeDelta;
use nudged::domain::consent::{Choice, Topic, Way, Wish};
use nudged::domain::event::{Event, Identity};
use nudged::domain::news::Who;
use nudged::port::store::PlanChange;

use crate::sim::plan::When;
use crate::sim::run::Run;
use crate::sim::teams::Outage;
use crate::sim::truth::{Placed, Span};
use crate::sim::world::{FALLBACK, Person};

/// How long what came in between still counts: a plan follows an edit within moments, where nothing dies over it.
pub(crate) const LAG: Duration = Duration::from_mins(2);

impl Run {
    /// Something happens.
    pub(crate) async fn act(&mut self) {
        let chance = &self.chance;
        let eventful = self.mood.people;
        if self.is_out() && chance.hits(40) {
            return self.teams_goes_or_comes_back();
        }
        match chance.below(26) {
            0..=2 if eventful => self.somebody_moves().await,
            3 | 4 if eventful => self.somebody_chooses().await,
            5 if eventful => self.somebody_blocks_or_comes_back().await,
            6..=8 if eventful => self.a_file_changes().await,
            9 if eventful => self.a_schedule_is_held_or_let_go().await,
            10 if eventful => self.an_occurrence_is_recalled().await,
            11 | 12 => self.something_happens().await,
            13 if self.mood.clock => self.the_clock_is_set(),
            14 if self.mood.clock => self.the_machine_sleeps(),
            15 if self.mood.daemon => self.the_daemon_stops_and_starts().await,
            16 if self.mood.daemon => self.the_daemon_is_killed().await,
            17 if self.mood.outages => self.teams_goes_or_comes_back(),
            18 if eventful => self.an_occurrence_is_cancelled().await,
            19..=21 if eventful => self.what_went_wrong_is_sent_again().await,
            22 if eventful => self.the_folder_is_gone_for_a_moment().await,
            23 => self.a_message_is_tested().await,
            24 => self.somebody_says_where_they_live().await,
            _ => self.planning_again_changes_nothing().await,
        }
    }

    pub(crate) fn note(&self, what: &str) {
        self.truth().note(self.around.time.mono(), what);
    }

    fn plain_no_more(&self) -> Option<Person> {
        let people: Vec<Person> = self.world.people.iter().filter(|person| !person.is_plain).cloned().collect();
        (!people.is_empty()).then(|| self.chance.pick(&people))
    }

    pub(crate) fn plan_to_touch(&self) -> Option<usize> {
        let plans: Vec<usize> = (0..self.world.plans.len()).filter(|plan| !self.world.plans[*plan].is_plain).collect();
        (!plans.is_empty()).then(|| self.chance.pick(&plans))
    }

    async fn somebody_moves(&mut self) {
        let Some(person) = self.plain_no_more() else { return };
        self.lives_elsewhere(person).await;
    }

    /// Somebody of whom nobody knew. Nothing has to go wrong for that.
    async fn somebody_says_where_they_live(&mut self) {
        let unknown: Vec<Person> = self.world.people.iter().filter(|person| !person.is_placed).cloned().collect();
        if !unknown.is_empty() {
            let person = self.chance.pick(&unknown);
            self.lives_elsewhere(person).await;
        }
    }

    async fn lives_elsewhere(&mut self, mut person: Person) {
        person.zone = self.chance.pick(&self.world.zones);
        person.is_placed = true;
        self.note(&format!("{} moves to {}", person.name, person.zone));
        let now = self.wall();
        if let Some(placed @ Placed::NotYet) = self.truth().unplaced.get_mut(&person.name) {
            *placed = Placed::At(now);
        }
        let moved = Span { until: Duration::MAX, value: person.zone };
        self.truth().zones.entry(person.name.clone()).or_default().push(moved);
        if let Some(known) = self.world.people.iter_mut().find(|known| known.name == person.name) {
            (known.zone, known.is_placed) = (person.zone, true);
        }
        let record = person.record();
        self.surely(move |handles| {
            let record = record.clone();
            async move {
                handles.store.import_people(vec![record], FALLBACK, handles.clock.now()).await?;
                handles.replan.notify_one();
                handles.work.notify_one();
                Ok(())
            }
        })
        .await;
        let until = self.around.time.mono() + LAG;
        let mut truth = self.truth();
        end_all_but_last(truth.zones.get_mut(&person.name), until);
    }

    async fn somebody_chooses(&mut self) {
        let Some(person) = self.plain_no_more() else { return };
        let wish = if self.chance.hits(60) { Wish::Stop } else { Wish::Start };
        let topic = self.chance.hits(50).then(|| self.chance.pick(&self.world.plans).name);
        self.note(&format!("{} says {wish:?} to {topic:?}", person.name));
        self.surely(move |handles| {
            let who = Who { conversation_id: None, addresses: vec![person.address()] };
            let topic = topic.as_deref().and_then(Topic::new);
            async move {
                let choice = Choice { wish, topic, way: Way::Operator, at: handles.clock.now() };
                handles.store.choose(who, choice).await?;
                handles.work.notify_one();
                Ok(())
            }
        })
        .await;
    }

    async fn somebody_blocks_or_comes_back(&mut self) {
        let Some(person) = self.plain_no_more() else { return };
        let is_blocked = {
            let mut blocked = self.around.teams.blocked.lock().unwrap_or_else(PoisonError::into_inner);
            let before = blocked.len();
            blocked.retain(|name| *name != person.name);
            if blocked.len() == before {
                blocked.push(person.name.clone());
            }
            blocked.len() > before
        };
        self.note(&format!("{} blocks the bot: {is_blocked}", person.name));
        if is_blocked {
            return;
        }
        self.surely(move |handles| {
            let address = person.address();
            async move {
                for recipient in handles.store.find_people(address.as_str()).await? {
                    handles.store.revive(recipient).await?;
                }
                handles.work.notify_one();
                Ok(())
            }
        })
        .await;
    }

    async fn something_happens(&mut self) {
        let waiting: Vec<String> = self
            .world
            .plans
            .iter()
            .filter(|plan| plan.when == When::Event)
            .map(|plan| plan.root().to_owned())
            .collect();
        if waiting.is_empty() {
            return;
        }
        let name = self.chance.pick(&waiting);
        let key = self.chance.below(6).to_string();
        self.note(&format!("event {name} {key}"));
        let at = self.around.time.wall();
        self.surely(move |handles| {
            let identity = Identity::Key(key.clone());
            let data = serde_json::json!({});
            let event = Event { name: name.clone(), identity, at, data, people: Vec::new(), conversation: None };
            async move {
                handles.store.happen(event, handles.clock.now()).await?;
                handles.work.notify_one();
                Ok(())
            }
        })
        .await;
    }

    fn the_clock_is_set(&mut self) {
        let seconds = self.chance.pick(&[-7200, -1800, -60, -2, 3, 90, 1500, 3600]);
        self.note(&format!("the clock is set by {seconds} s"));
        self.around.time.step(TimeDelta::seconds(seconds));
    }

    fn the_machine_sleeps(&mut self) {
        let minutes = self.chance.pick(&[1, 20, 100]);
        self.note(&format!("the machine sleeps for {minutes} min"));
        self.around.time.step(TimeDelta::minutes(minutes));
    }

    async fn the_daemon_stops_and_starts(&mut self) {
        self.note("the daemon stops");
        self.stop_and_start().await;
    }

    async fn the_daemon_is_killed(&mut self) {
        self.note("the daemon is killed");
        self.kill_and_start().await;
    }

    fn teams_goes_or_comes_back(&mut self) {
        let outage = self.chance.pick(&[Outage::NoConnection, Outage::Unavailable, Outage::TokenRefused]);
        let mut weather = self.around.teams.weather.lock().unwrap_or_else(PoisonError::into_inner);
        weather.1 = if weather.1.is_some() { None } else { Some(outage) };
        let now = weather.1;
        drop(weather);
        self.note(&format!("outage: {now:?}"));
    }

    async fn planning_again_changes_nothing(&mut self) {
        let again = self
            .surely(|handles| async move {
                handles.planner.pass().await?;
                handles.planner.pass().await
            })
            .await;
        if again != PlanChange::default() {
            let at = self.around.time.mono();
            self.truth().violation(at, format!("planned again, and it changed something: {again:?}"));
        }
    }
}

pub(crate) fn end_all_but_last<T>(spans: Option<&mut Vec<Span<T>>>, until: Duration) {
    let Some((_, earlier)) = spans.and_then(|spans| spans.split_last_mut()) else { return };
    for span in earlier {
        span.until = span.until.min(until);
    }
}
