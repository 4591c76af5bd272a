//! Why somebody gets a message, got it, or did not: what the ledger knows, and where it has nothing, what the schedules
//! in force say.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc};
use chrono_tz::Tz;

use crate::domain::consent::Topic;
use crate::domain::delivery::{Reason, State};
use crate::domain::event::Cause;
use crate::domain::id::{RecipientId, ScheduleName};
use crate::domain::plan::{PlannedWave, WaveRecipients, Window, plan};
use crate::domain::recipient::{Address, RecipientKind};
use crate::domain::recurrence::{instant, occurrences};
use crate::domain::schedule::model::Schedule;
use crate::domain::schedule::when::{Exceptions, Trigger, When, WhoseClock};
use crate::domain::time::ZoneRules;
use crate::engine::catalog::Catalog;
use crate::engine::desk::{FrontDesk, unknown_schedule};
use crate::engine::foresight::{Prospect, foresee};
use crate::engine::planner::MISSING_GRACE;
use crate::port::desk::{DeskError, HeldBackFile, PausedSchedule, RemovedSchedule};
use crate::port::people::PersonFile;
use crate::port::why::{Absent, Account, Coming, DeliveryStory, Story, StoryQuery, Why, WhyQuery};

/// How far ahead the next occurrence is looked for: first near, since most schedules fire often.
const AHEAD_DAYS: [i64; 3] = [2, 40, 3 * 366];

/// No recipient has this number.
const NOBODY: RecipientId = RecipientId(0);

impl FrontDesk {
    pub(super) async fn explain(&self, query: WhyQuery) -> Result<Why, DeskError> {
        let now = self.clock.now();
        let catalog = self.catalog().await?;
        let schedule = ScheduleName::new(&query.schedule).and_then(|name| catalog.schedules.get(&name));
        let held_back = held_back(&query.schedule, schedule.map(AsRef::as_ref), &catalog);
        let recipient = match self.find_person(&query.who).await {
            Ok(recipient) => recipient,
            // Of two mistakes the first one is said first.
            Err(_) if schedule.is_none() && held_back.is_none() && !self.has_heard_of(&query.schedule).await? => {
                return Err(DeskError::NotFound(unknown_schedule(&query.schedule, catalog.names())));
            }
            Err(error) => return Err(error),
        };
        let story =
            StoryQuery { schedule: query.schedule.clone(), recipient, on: query.on, occurrence: query.occurrence };
        let story = self.store.story(story, now).await?;
        if schedule.is_none() && held_back.is_none() && !story.is_known {
            return Err(DeskError::NotFound(unknown_schedule(&query.schedule, catalog.names())));
        }
        let person = self.file_of(recipient).await?;
        let paused = self.store.paused().await?.into_iter().map(PausedSchedule::from);
        let topic = schedule.map_or_else(|| Topic::new(&query.schedule), |schedule| Some(schedule.topic.clone()));
        let choices = story.choices.iter().filter(|choice| choice.topic.is_none() || choice.topic == topic).cloned();
        let choices = choices.collect();
        let removed = story.missing_since.filter(|_| schedule.is_none()).map(|since| RemovedSchedule {
            schedule: query.schedule.clone(),
            since,
            cancelled_at: since + MISSING_GRACE,
        });
        let on = query.on.or_else(|| Some(query.occurrence?.date()));
        let accounts = match schedule {
            Some(schedule) => self.accounts(schedule, &person, story, on, now),
            None => of_the_ledger(story, held_back.is_some()),
        };
        Ok(Why {
            schema: Why::SCHEMA.to_owned(),
            now,
            paused: paused.into_iter().find(|paused| paused.schedule == query.schedule),
            in_force: schedule.is_some(),
            schedule: query.schedule,
            person,
            choices,
            removed,
            held_back,
            accounts,
        })
    }

    /// Whether the ledger knows a schedule of this name.
    pub(super) async fn has_heard_of(&self, schedule: &str) -> Result<bool, DeskError> {
        let query = StoryQuery { schedule: schedule.to_owned(), recipient: NOBODY, on: None, occurrence: None };
        Ok(self.store.story(query, self.clock.now()).await?.is_known)
    }

    /// What is to be told of a schedule in force.
    fn accounts(
        &self,
        schedule: &Schedule,
        person: &PersonFile,
        story: Story,
        on: Option<NaiveDate>,
        now: DateTime<Utc>,
    ) -> Vec<Account> {
        let has_open = story.deliveries.iter().any(|delivery| !delivery.state.is_final());
        let has_of_date = on.is_some() && !story.deliveries.is_empty();
        // What comes next is later than what the ledger has, which may be sent and still not be past its limit.
        let last = story.deliveries.iter().map(|delivery| delivery.occurrence).max();
        let ahead = match story.coming {
            Some(coming) => Some(Account::Coming(self.foreseen(schedule, person, coming, now))),
            // What is open is what comes next.
            None if has_open || has_of_date => None,
            None => Some(self.beyond_the_plan(schedule, person, on, last, now)),
        };
        // That an event has brought nothing would not be true of who got something; that nothing more comes is the lesser news.
        let ahead =
            ahead.filter(|ahead| last.is_none() || !matches!(ahead, Account::Absent(Absent::AwaitsEvent { .. })));
        let is_lesser = matches!(ahead, Some(Account::Absent(Absent::NothingAhead)));
        let told = story.deliveries.into_iter();
        let told = told.map(|told| Account::Delivery(Box::new(self.as_things_stand(schedule, person, told, now))));
        if has_open || is_lesser { told.chain(ahead).collect() } else { ahead.into_iter().chain(told).collect() }
    }

    /// What the plan will come to, or why it never will. Of dates that the ledger knows, what is later than `last`.
    fn beyond_the_plan(
        &self,
        schedule: &Schedule,
        person: &PersonFile,
        on: Option<NaiveDate>,
        last: Option<NaiveDateTime>,
        now: DateTime<Utc>,
    ) -> Account {
        if let Some(absent) = not_in_audience(schedule, person) {
            return Account::Absent(absent);
        }
        let zone = person.person.zone;
        let wave = match on {
            Some(date) => self.wave_on(schedule, zone, date).filter(|wave| wave.expire_at >= now),
            None => self.next_wave(schedule, zone, last, now),
        };
        match wave {
            Some(wave) => {
                let coming = Coming {
                    occurrence: wave.occurrence,
                    planned: false,
                    zone: wave.zone,
                    on_own_clock: wave.recipients == WaveRecipients::OfZone,
                    due_at: wave.due_at,
                    expire_at: wave.expire_at,
                    note: wave.note,
                    held_until: None,
                    left_out: None,
                };
                Account::Coming(self.foreseen(schedule, person, coming, now))
            }
            None => Account::Absent(match on {
                Some(date) => self.absent_on(schedule, zone, date),
                None => nothing_ahead(&schedule.when, now),
            }),
        }
    }

    /// The first wave of a recipient in `zone` that is not over, and is later than `last`.
    fn next_wave(
        &self,
        schedule: &Schedule,
        zone: Tz,
        last: Option<NaiveDateTime>,
        now: DateTime<Utc>,
    ) -> Option<PlannedWave> {
        let is_next = |wave: &PlannedWave| wave.expire_at >= now && last.is_none_or(|last| wave.occurrence > last);
        AHEAD_DAYS.into_iter().find_map(|days| {
            let window = Window::Open { now, until: now + TimeDelta::days(days) };
            let waves = plan(schedule, &[zone], self.zones.as_ref(), window);
            waves.into_iter().find(&is_next)
        })
    }

    /// The first wave of a recipient in `zone` on a date.
    fn wave_on(&self, schedule: &Schedule, zone: Tz, date: NaiveDate) -> Option<PlannedWave> {
        let midnight = date.and_time(NaiveTime::MIN).and_utc();
        let around = Window::Onward { after: midnight - TimeDelta::days(2), until: midnight + TimeDelta::days(3) };
        let waves = plan(schedule, &[zone], self.zones.as_ref(), around);
        waves.into_iter().find(|wave| wave.occurrence.date() == date)
    }

    /// Why there is nothing on a date for somebody in the audience.
    fn absent_on(&self, schedule: &Schedule, zone: Tz, date: NaiveDate) -> Absent {
        let when = &schedule.when;
        if let Trigger::Event(event) = &when.trigger {
            return Absent::AwaitsEvent { event: event.name.clone() };
        }
        match (when.from, when.until) {
            (Some(from), _) if date < from.date() => return Absent::BeforeFrom { from },
            (_, Some(until)) if date > until.date() => return Absent::AfterUntil { until },
            _ => {}
        }
        if let Some(occurrence) = first_of(when, self.zones.as_ref(), date) {
            let clock = match when.clock {
                WhoseClock::Recipient => zone,
                WhoseClock::Zone(zone) => zone,
            };
            let rules = self.zones.as_ref();
            if instant(when, occurrence, clock, rules).is_some() {
                return Absent::NoRow { occurrence };
            }
            // Elapsed time may come to another day on the clock than by its own count.
            let always = When { until: None, exceptions: Exceptions::default(), ..when.clone() };
            let Some(due) = instant(&always, occurrence, clock, rules) else {
                return Absent::SkippedInGap { occurrence };
            };
            let off = day_off(&when.exceptions, rules.civil(due.at, clock).date());
            let ended = when.until.map(|until| Absent::AfterUntil { until });
            return off.or(ended).unwrap_or(Absent::NoRow { occurrence });
        }
        let without_exceptions = When { exceptions: Exceptions::default(), ..when.clone() };
        if first_of(&without_exceptions, self.zones.as_ref(), date).is_some()
            && let Some(off) = day_off(&when.exceptions, date)
        {
            return off;
        }
        let end = date.and_time(NaiveTime::MIN) + TimeDelta::days(AHEAD_DAYS[2]);
        let next = occurrences(when, self.zones.as_ref(), date.and_time(NaiveTime::MIN), end).next();
        Absent::NotThatDay { date, next }
    }

    /// With what will become of it where it is open, as things stand. A test passes most policies, and is sent at once.
    fn as_things_stand(
        &self,
        schedule: &Schedule,
        person: &PersonFile,
        story: DeliveryStory,
        now: DateTime<Utc>,
    ) -> DeliveryStory {
        if !matches!(story.state, State::Planned | State::Claimed | State::Waiting) || story.cause == Cause::Test {
            return story;
        }
        let DeliveryStory { occurrence, due_at, expire_at, .. } = story;
        // That its time is over is found out when its turn comes.
        let expire_at = story.open_until.unwrap_or(expire_at).max(expire_at).max(now);
        let (held_until, left_out) = self.policies(schedule, person, Prospect { occurrence, due_at, expire_at }, now);
        // The channels of a team may not be read yet, and for what it waits already is said.
        let is_unread = left_out == Some(Reason::NoReference) && person.person.kind == RecipientKind::Channel;
        let is_said = left_out == story.reason;
        let held_until = held_until.filter(|_| story.state != State::Waiting);
        DeliveryStory { held_until, left_out: left_out.filter(|_| !is_unread && !is_said), ..story }
    }

    /// With what the policies will say, as things stand.
    fn foreseen(&self, schedule: &Schedule, person: &PersonFile, coming: Coming, now: DateTime<Utc>) -> Coming {
        let Coming { occurrence, due_at, expire_at, .. } = coming;
        let (held_until, left_out) = self.policies(schedule, person, Prospect { occurrence, due_at, expire_at }, now);
        Coming { held_until, left_out, ..coming }
    }

    /// Until when quiet hours will hold something, and why nothing of it will be sent.
    fn policies(
        &self,
        schedule: &Schedule,
        person: &PersonFile,
        prospect: Prospect,
        now: DateTime<Utc>,
    ) -> (Option<DateTime<Utc>>, Option<Reason>) {
        let rules = self.zones.as_ref();
        let seen = foresee(schedule, prospect, &person.person, &self.house_quiet_hours, rules, now);
        let is_stopped = person.stops.iter().any(|stop| stop.topic.as_ref().is_none_or(|it| *it == schedule.topic));
        let left_out = if is_stopped { Some(Reason::OptedOut) } else { seen.left_out };
        ((seen.is_held && left_out.is_none()).then_some(seen.leaves_at), left_out)
    }
}

/// The file in which a schedule stands, or should, where that is held back.
fn held_back(name: &str, schedule: Option<&Schedule>, catalog: &Catalog) -> Option<HeldBackFile> {
    let stands_in = |file: &&HeldBackFile| match schedule {
        Some(schedule) => *schedule.origin.file == *file.file,
        None => file.schedules.iter().any(|named| named == name),
    };
    catalog.held_back.iter().find(stands_in).cloned()
}

/// What is to be told of a schedule that is not in force.
fn of_the_ledger(story: Story, is_held_back: bool) -> Vec<Account> {
    let absent = if is_held_back { Absent::HeldBack } else { Absent::NotInForce };
    let told = story.deliveries.into_iter().map(|delivery| Account::Delivery(Box::new(delivery)));
    let has_none = is_held_back.then(|| Account::Absent(absent.clone()));
    // Until it is cancelled it may come back.
    let coming = story.coming.filter(|_| !is_held_back).map(Account::Coming);
    let accounts: Vec<_> = has_none.into_iter().chain(coming).chain(told).collect();
    if accounts.is_empty() { vec![Account::Absent(absent)] } else { accounts }
}

fn not_in_audience(schedule: &Schedule, person: &PersonFile) -> Option<Absent> {
    let view = &person.person;
    let addresses: Vec<_> = view.addresses.iter().filter_map(|address| Address::new(address)).collect();
    let audience = &schedule.audience;
    if let Some(address) = audience.except_people.iter().find(|address| addresses.contains(address)) {
        return Some(Absent::Excepted { address: address.to_string() });
    }
    if audience.includes(view.is_one_of_everyone(), &addresses, &view.groups) {
        return None;
    }
    if let Trigger::Event(event) = &schedule.when.trigger {
        return Some(Absent::AwaitsEvent { event: event.name.clone() });
    }
    Some(Absent::NotInAudience { to: audience.to.iter().map(ToString::to_string).collect() })
}

/// Why nothing comes on a date that is a day off.
fn day_off(exceptions: &Exceptions, date: NaiveDate) -> Option<Absent> {
    if let Some(calendar) = exceptions.calendars.iter().find(|calendar| calendar.contains(date)) {
        return Some(Absent::Holiday { date, calendar: calendar.name.clone() });
    }
    exceptions.dates.contains(&date).then_some(Absent::ExceptedDate { date })
}

fn nothing_ahead(when: &When, now: DateTime<Utc>) -> Absent {
    match (&when.trigger, when.until) {
        (Trigger::Event(event), _) => Absent::AwaitsEvent { event: event.name.clone() },
        (_, Some(until)) if until.and_utc() < now => Absent::AfterUntil { until },
        _ => Absent::NothingAhead,
    }
}

fn first_of(when: &When, rules: &dyn ZoneRules, date: NaiveDate) -> Option<NaiveDateTime> {
    let midnight = date.and_time(NaiveTime::MIN);
    let end = midnight + TimeDelta::days(1) - TimeDelta::nanoseconds(1);
    occurrences(when, rules, midnight, end).next()
}
