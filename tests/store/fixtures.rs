//! A small world for the suite: people, schedules, plans, and short ways to ask.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, NaiveDateTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use nudged::domain::consent::Topic;
use nudged::domain::delivery::{Claim, Reason, Settlement, State};
use nudged::domain::edit::Meant;
use nudged::domain::id::{AttemptId, Revision, ScheduleName, Term};
use nudged::domain::message::Message;
use nudged::domain::plan::{PlannedWave, WaveRecipients};
use nudged::domain::problem::Place as TextPlace;
use nudged::domain::quiet::InQuietHours;
use nudged::domain::recipient::{Address, Details, PersonRecord, RecipientKind, Reference};
use nudged::domain::schedule::model::{
    Audience, CatchUp, OnUnknown, Origin, Overlap, Policies, Priority, QuietPolicy, Renamed, Schedule, Target,
    ZoneUnknown,
};
use nudged::domain::schedule::parse::read_target;
use nudged::domain::schedule::when::{
    Calendar, Days, EventTrigger, Exceptions, OncePer, Rhythm, Trigger, When, WhoseClock,
};
use nudged::domain::share::Rooms;
use nudged::domain::spread::Spread;
use nudged::domain::template::Template;
use nudged::domain::time::ClockChangePolicy;
use nudged::domain::verdict::Evidence;
use nudged::port::desk::{DeliveryStatus, ImportReport, OccurrenceStatus};
use nudged::port::reload::{Planning, Reload, ReloadManner, ScheduleChange};
use nudged::port::round::Expanded;
use nudged::port::store::{
    AttemptEnd, Document, Outcome, PlanChange, PlanMark, SchedulePlan, StatusQuery, Store, StoreError,
};

use crate::Place;

pub(crate) const BERLIN: Tz = Tz::Europe__Berlin;
pub(crate) const TOKYO: Tz = Tz::Asia__Tokyo;
pub(crate) const DENVER: Tz = Tz::America__Denver;
/// Where nobody lives who told us.
pub(crate) const NOWHERE: Tz = Tz::UTC;

pub(crate) const LEASE: Duration = Duration::from_mins(2);
pub(crate) const LATE: TimeDelta = TimeDelta::hours(1);

/// `at("08:00")` is that time of 2027-03-01, in UTC.
pub(crate) fn at(time: &str) -> DateTime<Utc> {
    civil(time).and_utc()
}

/// `civil("09:00")` is that time of 2027-03-01, on some wall clock.
pub(crate) fn civil(time: &str) -> NaiveDateTime {
    format!("2027-03-01T{time}:00").parse().expect("a time such as 09:00")
}

pub(crate) fn address(text: &str) -> Address {
    Address::new(text).expect("an address")
}

/// A schedule before it is one.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    pub name: String,
    pub to: Vec<Target>,
    pub among: Vec<Target>,
    pub except: Vec<Address>,
    pub priority: Priority,
    pub on_unknown: OnUnknown,
    pub overlap: Overlap,
    pub catch_up: CatchUp,
    pub max_people: Option<NonZeroU32>,
    pub once: bool,
    pub event: Option<(String, OncePer)>,
    pub file: String,
    pub topic: Option<String>,
    pub renamed_from: Option<String>,
}

/// A recurring schedule to everyone.
pub(crate) fn draft(name: &str) -> Draft {
    Draft {
        name: name.to_owned(),
        to: vec![Target::Everyone],
        among: Vec::new(),
        except: Vec::new(),
        priority: Priority::Normal,
        on_unknown: OnUnknown::Resend,
        overlap: Overlap::Supersede,
        catch_up: CatchUp::Latest,
        max_people: None,
        once: false,
        event: None,
        file: "file.toml".to_owned(),
        topic: None,
        renamed_from: None,
    }
}

pub(crate) fn topic(text: &str) -> Topic {
    Topic::new(text).expect("a topic")
}

impl Draft {
    pub(crate) fn to(mut self, to: &[&str]) -> Self {
        let target = |word: &&str| read_target(word).expect("a recipient");
        self.to = to.iter().map(target).collect();
        self
    }

    /// Waits for an event instead of a time.
    pub(crate) fn on(mut self, event: &str, once_per: OncePer) -> Self {
        self.event = Some((event.to_owned(), once_per));
        self
    }

    /// Whom the data of an event may name.
    pub(crate) fn among(mut self, among: &[&str]) -> Self {
        let target = |word: &&str| read_target(word).expect("a recipient");
        self.among = among.iter().map(target).collect();
        self
    }

    pub(crate) fn except(mut self, people: &[&str]) -> Self {
        self.except = people.iter().map(|person| address(person)).collect();
        self
    }

    pub(crate) fn priority(mut self, priority: Priority) -> Self {
        self.priority = priority;
        self
    }

    pub(crate) fn hold(mut self) -> Self {
        self.on_unknown = OnUnknown::Hold;
        self
    }

    pub(crate) fn backlog(mut self, overlap: Overlap, catch_up: CatchUp) -> Self {
        (self.overlap, self.catch_up) = (overlap, catch_up);
        self
    }

    pub(crate) fn max_people(mut self, people: u32) -> Self {
        self.max_people = NonZeroU32::new(people);
        self
    }

    pub(crate) fn topic(mut self, topic: &str) -> Self {
        self.topic = Some(topic.to_owned());
        self
    }

    pub(crate) fn renamed_from(mut self, old: &str) -> Self {
        self.renamed_from = Some(old.to_owned());
        self
    }

    pub(crate) fn once_from(mut self, file: &str) -> Self {
        self.once = true;
        file.clone_into(&mut self.file);
        self
    }

    /// The one place where a [`Schedule`] is made.
    pub(crate) fn build(&self) -> Arc<Schedule> {
        let trigger = if let Some((name, once_per)) = self.event.clone() {
            Trigger::Event(EventTrigger { name, after: Duration::ZERO, once_per })
        } else if self.once {
            Trigger::Once(civil("09:00"))
        } else {
            Trigger::Calendar(Calendar { days: Days::Daily(Rhythm::Each), times: vec![civil("09:00").time()] })
        };
        let renamed = self
            .renamed_from
            .as_deref()
            .map(|from| Renamed { from: name(from), place: TextPlace { line: 1, column: 1 } });
        Arc::new(Schedule {
            name: name(&self.name),
            renamed,
            title: None,
            topic: self.topic.as_deref().map_or_else(|| Topic::from(&name(&self.name)), topic),
            origin: Origin { file: self.file.as_str().into(), place: TextPlace { line: 1, column: 1 } },
            revision: Revision(format!("{self:?}")),
            when: When {
                trigger,
                clock: WhoseClock::Recipient,
                from: None,
                until: None,
                exceptions: Exceptions::default(),
                clock_changes: ClockChangePolicy::default(),
            },
            audience: Audience {
                to: self.to.clone(),
                among: self.among.clone(),
                except_people: self.except.clone(),
                guests: false,
            },
            policies: Policies {
                late: Duration::from_hours(1),
                priority: self.priority,
                on_unknown: self.on_unknown,
                overlap: self.overlap,
                catch_up: self.catch_up,
                jitter: Duration::ZERO,
                max_people: self.max_people,
                quiet_hours: QuietPolicy::House,
                in_quiet_hours: InQuietHours::Hold,
                zone_unknown: ZoneUnknown::Default,
            },
            thread: None,
            message: Message::from(Template::parse("Hello").expect("a plain text is a template")),
            supplies: Vec::new(),
        })
    }
}

pub(crate) fn name(text: &str) -> ScheduleName {
    ScheduleName::new(text).expect("a schedule name")
}

/// A known person with the e-mail address `NAME@x`.
pub(crate) fn person(name: &str, zone: Tz) -> PersonRecord {
    PersonRecord {
        kind: RecipientKind::Person,
        addresses: vec![address(&format!("{name}@x"))],
        name: Some(name.to_owned()),
        zone: Some(zone),
        directory_zone: None,
        zones: Vec::new(),
        language: None,
        details: Details::default(),
        groups: None,
        channel: None,
        kept: None,
        reference: Reference {
            service_url: Some("https://smba.example/".to_owned()),
            conversation_id: Some(format!("a:{name}")),
            ..Reference::default()
        },
    }
}

pub(crate) fn member(name: &str, zone: Tz, groups: &[&str]) -> PersonRecord {
    PersonRecord { groups: Some(groups.iter().map(|&group| group.to_owned()).collect()), ..person(name, zone) }
}

/// The wave of a civil time of the day in a zone.
pub(crate) fn wave(time: &str, zone: Tz) -> PlannedWave {
    let occurrence = civil(time);
    let due_at = zone.from_local_datetime(&occurrence).single().expect("no clock changes that day").to_utc();
    PlannedWave {
        occurrence,
        zone,
        recipients: WaveRecipients::OfZone,
        due_at,
        expire_at: due_at + LATE,
        spread: Spread::default(),
        note: None,
    }
}

/// One wave for everybody, due at that time in UTC.
pub(crate) fn wave_for_all(time: &str) -> PlannedWave {
    PlannedWave { recipients: WaveRecipients::All, ..wave(time, NOWHERE) }
}

pub(crate) fn later(mut wave: PlannedWave, by: TimeDelta) -> PlannedWave {
    wave.due_at += by;
    wave.expire_at += by;
    wave
}

/// The whole of what is open of a schedule.
pub(crate) fn plan(schedule: &str, waves: &[PlannedWave]) -> SchedulePlan {
    let mut waves = waves.to_vec();
    waves.sort_by_key(|wave| wave.due_at);
    SchedulePlan {
        schedule: name(schedule),
        signature: "1".to_owned(),
        planned_until: at("23:00"),
        replaces: Some(meant(&waves)),
        waves,
    }
}

/// What a schedule means on the day: the occurrences of its waves.
pub(crate) fn meant(waves: &[PlannedWave]) -> Meant {
    let day = civil("00:00").date();
    let times: BTreeSet<_> = waves.iter().map(|wave| wave.occurrence).collect();
    Meant { first: day, last: day, times: times.into_iter().collect() }
}

/// What an expansion of so many waves into so many deliveries says.
pub(crate) fn made(waves: u64, deliveries: u64) -> Expanded {
    Expanded { waves, deliveries, too_many: Vec::new(), has_more: false }
}

/// Plans that were made beforehand.
pub(crate) struct Planned(pub Vec<SchedulePlan>);

impl Planning for Planned {
    fn plans(&self, schedules: &[(Arc<Schedule>, Option<PlanMark>)], _zones: &[Tz]) -> Vec<SchedulePlan> {
        let is_wanted = |plan: &&SchedulePlan| schedules.iter().any(|(schedule, _)| schedule.name == plan.schedule);
        self.0.iter().filter(is_wanted).cloned().collect()
    }
}

/// These schedules and no others are to be in force. Nothing is planned: the suite does that by hand.
pub(crate) fn in_force(schedules: Vec<Arc<Schedule>>, fallback_zone: Tz, now: DateTime<Utc>) -> Reload {
    Reload {
        keep: Vec::new(),
        forget: Vec::new(),
        schedules,
        fallback_zone,
        now,
        planning: Arc::new(Planned(Vec::new())),
        manner: ReloadManner::Uncounted,
    }
}

/// A store and short ways to act on it.
pub(crate) struct Ledger {
    pub store: Arc<dyn Store>,
    pub term: Term,
}

impl Ledger {
    /// An empty ledger that has been taken over.
    pub(crate) async fn new(place: &dyn Place) -> Self {
        let store = place.open();
        let term = store.take_over(at("00:00")).await.expect("taking over").term;
        Self { store, term }
    }

    /// A ledger with people and schedules.
    pub(crate) async fn with(place: &dyn Place, people: &[PersonRecord], schedules: &[Draft]) -> Self {
        let ledger = Self::new(place).await;
        let report = ledger.import(people, "00:00").await;
        assert_eq!(report.refused, Vec::<String>::new());
        ledger.sync(schedules, "00:00").await;
        ledger
    }

    pub(crate) async fn import(&self, people: &[PersonRecord], now: &str) -> ImportReport {
        self.store.import_people(people.to_vec(), NOWHERE, at(now)).await.expect("importing")
    }

    pub(crate) async fn sync(&self, schedules: &[Draft], now: &str) {
        self.reload(schedules, &[], ReloadManner::Uncounted, now).await;
    }

    /// Brings schedules into force, with these plans where they are wanted.
    pub(crate) async fn reload(
        &self,
        schedules: &[Draft],
        plans: &[SchedulePlan],
        manner: ReloadManner,
        now: &str,
    ) -> Vec<ScheduleChange> {
        let schedules = schedules.iter().map(Draft::build).collect();
        let reload =
            Reload { planning: Arc::new(Planned(plans.to_vec())), manner, ..in_force(schedules, NOWHERE, at(now)) };
        self.store.reload(reload).await.expect("reloading")
    }

    /// Keeps a document, and leaves these schedules in force.
    pub(crate) async fn keep(&self, document: Document, schedules: &[Draft]) {
        let schedules = schedules.iter().map(Draft::build).collect();
        let reload = Reload { keep: vec![document], ..in_force(schedules, NOWHERE, at("00:00")) };
        self.store.reload(reload).await.expect("keeping");
    }

    pub(crate) async fn plan(&self, plans: &[SchedulePlan], now: &str) -> PlanChange {
        self.store.record_plans(plans.to_vec(), at(now)).await.expect("planning")
    }

    /// Expands what is due by now, in the smallest parts there are: what holds of a wave holds of one in parts, too.
    pub(crate) async fn expand(&self, now: &str) -> Expanded {
        let mut all = Expanded { has_more: true, ..Expanded::default() };
        while all.has_more {
            let part = self.store.expand_due(at(now), at(now), 1).await.expect("expanding");
            all.waves += part.waves;
            all.deliveries += part.deliveries;
            all.too_many.extend(part.too_many);
            all.has_more = part.has_more;
        }
        all
    }

    pub(crate) async fn claim(&self, now: &str) -> Vec<Claim> {
        self.store.claim_due(self.term, at(now), Rooms::for_anybody(100), LEASE).await.expect("claiming")
    }

    /// Claims one delivery, the only one there is to claim.
    pub(crate) async fn claim_one(&self, now: &str) -> Claim {
        let mut claims = self.claim(now).await;
        assert_eq!(claims.len(), 1, "{claims:?}");
        claims.remove(0)
    }

    pub(crate) async fn release(&self, claim: &Claim) {
        self.store.release(claim.term, vec![claim.id]).await.expect("releasing");
    }

    pub(crate) async fn mark(&self, claim: &Claim, now: &str) -> AttemptId {
        self.store.mark_sending(claim.id, claim.term, at(now), LEASE).await.expect("marking")
    }

    pub(crate) async fn settle(&self, outcome: Outcome) {
        self.store.settle(outcome).await.expect("settling");
    }

    /// Sends a claim and settles it.
    pub(crate) async fn send(&self, claim: &Claim, now: &str, settlement: Settlement) {
        let attempt = self.mark(claim, now).await;
        self.settle(attempted(claim, attempt, now, settlement)).await;
    }

    pub(crate) async fn sent(&self, claim: &Claim, now: &str) {
        self.send(claim, now, sent()).await;
    }

    /// The occurrences of a schedule, after checking that the numbers of each fit together.
    pub(crate) async fn occurrences(&self, schedule: &str) -> Vec<OccurrenceStatus> {
        let query = StatusQuery { schedule: Some(schedule.to_owned()) };
        let status = self.store.status(query, at("00:00"), at("00:00")).await.expect("a status");
        let mut listed: BTreeMap<NaiveDateTime, u64> = BTreeMap::new();
        let mut keys = BTreeSet::new();
        for delivery in &status.deliveries {
            *listed.entry(delivery.occurrence).or_default() += 1;
            let key = (delivery.occurrence, delivery.recipient.clone(), delivery.address.clone());
            assert!(keys.insert(key.clone()), "two rows for {key:?}");
        }
        for occurrence in &status.occurrences {
            let sum: u64 = occurrence.counts.values().sum();
            let people: u64 = occurrence.waves.iter().map(|wave| wave.people).sum();
            let listed = listed.get(&occurrence.occurrence).copied().unwrap_or_default();
            let audience = occurrence.audience;
            assert_eq!((sum, people, listed), (audience, audience, audience), "{occurrence:#?}");
        }
        status.occurrences
    }

    /// How many people an occurrence has, and in which states.
    pub(crate) async fn counts(&self, schedule: &str, time: &str) -> Vec<(State, u64)> {
        let occurrences = self.occurrences(schedule).await;
        let found = occurrences.into_iter().find(|occurrence| occurrence.occurrence == civil(time));
        found.map(|occurrence| occurrence.counts.into_iter().collect()).unwrap_or_default()
    }

    /// Every delivery of a schedule, in the order of the status.
    pub(crate) async fn deliveries(&self, schedule: &str) -> Vec<DeliveryStatus> {
        self.occurrences(schedule).await;
        let query = StatusQuery { schedule: Some(schedule.to_owned()) };
        self.store.status(query, at("00:00"), at("00:00")).await.expect("a status").deliveries
    }

    /// The delivery of a person at a civil time.
    pub(crate) async fn delivery(&self, schedule: &str, time: &str, person: &str) -> DeliveryStatus {
        let deliveries = self.deliveries(schedule).await;
        let mut found = deliveries.into_iter().filter(|it| it.occurrence == civil(time) && it.recipient == person);
        found.next().unwrap_or_else(|| panic!("{person} has no delivery of {schedule} at {time}"))
    }

    /// State and reason of that.
    pub(crate) async fn state(&self, schedule: &str, time: &str, person: &str) -> (State, Option<Reason>) {
        let delivery = self.delivery(schedule, time, person).await;
        (delivery.state, delivery.reason)
    }

    pub(crate) async fn next_wake(&self, lead: Duration) -> Option<DateTime<Utc>> {
        self.store.next_wake(lead, DateTime::<Utc>::MIN_UTC).await.expect("the next wake-up")
    }
}

pub(crate) fn sent() -> Settlement {
    Settlement::Sent { activity_id: Some("1".to_owned()) }
}

pub(crate) fn waiting(until: &str, reason: Reason) -> Settlement {
    Settlement::Waiting { not_before: at(until), reason, possible_duplicate: false }
}

/// The outcome of an attempt.
pub(crate) fn attempted(claim: &Claim, attempt: AttemptId, now: &str, settlement: Settlement) -> Outcome {
    let evidence = Evidence { status: Some(201), ..Evidence::default() };
    let attempt = AttemptEnd { attempt, evidence, latency: Duration::from_millis(20) };
    Outcome { attempt: Some(attempt), ..decided(claim, now, settlement) }
}

/// A decision without an attempt.
pub(crate) fn decided(claim: &Claim, now: &str, settlement: Settlement) -> Outcome {
    Outcome {
        delivery: claim.id,
        term: claim.term,
        at: at(now),
        settlement,
        attempt: None,
        detail: None,
        thread: None,
        sent_in: None,
    }
}

#[track_caller]
pub(crate) fn assert_lost<T: std::fmt::Debug>(result: Result<T, StoreError>, claim: &Claim) {
    match result {
        Err(StoreError::LostClaim(id)) => assert_eq!(id, claim.id),
        other => panic!("the claim should be lost: {other:?}"),
    }
}

pub(crate) fn names(claims: &[Claim]) -> Vec<&str> {
    claims.iter().map(|claim| claim.recipient.name.as_str()).collect()
}
