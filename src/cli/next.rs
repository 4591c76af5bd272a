//! `nudged next`: what is due, in local time and UTC.

use std::num::NonZeroUsize;

use chrono::{DateTime, NaiveDateTime, NaiveTime, TimeDelta, Utc};
use chrono_tz::Tz;
use clap::Args;
use serde::Serialize;

use crate::adapter::clock::SystemClock;
use crate::adapter::zones::ZoneData;
use crate::cli::ledger::Ledger;
use crate::cli::problems::{FILES_SHOWN, more_files};
use crate::cli::screen::Screen;
use crate::cli::world::{Sources, World, includes};
use crate::cli::{Common, Ended, Exit, times};
use crate::domain::delivery::Reason;
use crate::domain::document::civil::Civil;
use crate::domain::plan::{PlannedWave, Window, plan};
use crate::domain::schedule::model::Schedule;
use crate::domain::schedule::when::Trigger;
use crate::domain::time::{ClockNote, ZoneRules};
use crate::engine::foresight::{Prospect, foresee, has_stopped};
use crate::port::clock::Clock;
use crate::port::desk::{OccurrenceStatus, PersonView, WaveStatus};

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  nudged next\n  nudged next --for ana@contoso.example --days 7\n  \
                        nudged next --schedules schedules --zone Asia/Kolkata --zone America/New_York --json\n\n\
                        With a configuration the people who are known give the zones, and what is paused or \
                        cancelled is marked. --schedules works on files alone.")]
pub(super) struct NextArgs {
    #[command(flatten)]
    sources: Sources,
    /// Show this zone; may be given several times
    #[arg(long, value_name = "ZONE", value_parser = zone)]
    zone: Vec<Tz>,
    /// Only what this person gets, on their own clock
    #[arg(long, value_name = "WHO", conflicts_with = "zone")]
    r#for: Option<String>,
    /// How many days ahead
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=3660))]
    days: u16,
    /// From this date or instant on, UTC [default: now]
    #[arg(long, value_parser = instant)]
    from: Option<DateTime<Utc>>,
    /// Up to this date or instant, UTC [default: --days later]
    #[arg(long, value_parser = instant)]
    until: Option<DateTime<Utc>>,
    /// Take this for the present time
    #[arg(long, value_parser = instant)]
    now: Option<DateTime<Utc>>,
    /// At most so many rows [default: 40; with --json all]
    #[arg(long, value_parser = rows)]
    limit: Option<NonZeroUsize>,
}

fn zone(text: &str) -> Result<Tz, String> {
    crate::domain::document::zone::read(text, 0..0, None)
        .map_err(|problem| problem.help.map_or(problem.message.clone(), |help| format!("{}; {help}", problem.message)))
}

/// A date or a time, in UTC unless it says otherwise.
pub(super) fn instant(text: &str) -> Result<DateTime<Utc>, String> {
    match Civil::read(text) {
        Ok(Civil::Date(date)) => Ok(date.and_time(NaiveTime::MIN).and_utc()),
        Ok(Civil::DateTime(at)) => Ok(at.and_utc()),
        Ok(Civil::Instant(at)) => Ok(at.to_utc()),
        Ok(Civil::Time(_)) => Err("write a date as well, such as 2027-03-01T09:00".into()),
        Err(fault) => Err(format!("{}; {}", fault.message, fault.help)),
    }
}

/// One row, and one item of `--json`.
#[derive(Debug, Serialize)]
struct Item {
    schedule: String,
    occurrence: NaiveDateTime,
    zone: Tz,
    due_at: DateTime<Utc>,
    /// How many known people it reaches; absent where nobody is known.
    people: Option<usize>,
    note: Option<ClockNote>,
    /// Why nothing will be sent: to anybody, or to the person who is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    left_out: Option<Reason>,
    /// Whether it waits for an operator to let the schedule go on.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    paused: bool,
    /// Whether it is of the last good version of a file that is held back.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    last_good: bool,
}

impl Item {
    /// What is to be known besides, in words.
    fn notes(&self) -> String {
        let left_out = self.left_out.map(|reason| format!("left out: {}", reason.explain()));
        let notes = [
            left_out,
            self.paused.then(|| format!("paused until `nudged resume {}`", self.schedule)),
            self.last_good.then(|| "the last good version of its file".to_owned()),
            self.note.map(|note| times::note(note).to_owned()),
        ];
        notes.into_iter().flatten().collect::<Vec<_>>().join("; ")
    }
}

#[derive(Debug, Serialize)]
struct Listing {
    schema: &'static str,
    items: Vec<Item>,
    /// What is due when something happens.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    events: Vec<Awaited>,
}

/// A schedule that waits for an event.
#[derive(Debug, Serialize)]
struct Awaited {
    schedule: String,
    event: String,
    after_seconds: u64,
}

fn rows(text: &str) -> Result<NonZeroUsize, String> {
    text.parse().map_err(|_| "write a whole number from 1 on".to_owned())
}

pub(super) async fn run(screen: Screen, common: &Common, args: &NextArgs) -> Ended {
    let now = args.now.unwrap_or_else(|| SystemClock::new().now());
    let from = args.from.unwrap_or(now);
    let until = args.until.unwrap_or(from + TimeDelta::days(i64::from(args.days)));
    if until < from {
        screen.error(format!("--until ({}) is before --from ({})", times::utc(until), times::utc(from)));
        return Err(Exit::Usage);
    }
    let world = World::look(screen, common, &args.sources, None).await?;
    let only = args.r#for.as_deref().map(|who| world.crowd.find(screen, who)).transpose()?;
    let zones = zones(screen, args, &world, only);
    let rules = ZoneData::newest();
    // Onward plans what is due after an instant; `from` itself is wanted too.
    let window = Window::Onward { after: from - TimeDelta::milliseconds(1), until };
    if only.is_none() {
        world.crowd.tell_empty_targets(screen, world.schedules.iter().map(AsRef::as_ref));
    }
    let look = Look { world: &world, only, rules: &rules, now };
    let mut items: Vec<_> = world
        .schedules
        .iter()
        .filter(|schedule| only.is_none_or(|person| includes(schedule, person)))
        .flat_map(|schedule| look.items(schedule, &plan(schedule, &zones, &rules, window)))
        .filter(|item| item.people != Some(0) || !args.zone.is_empty())
        .collect();
    // Whom these speak to the files do not say, so for one person nothing can be said.
    if let Some(ledger) = world.ledger.as_ref().filter(|_| only.is_none()) {
        let in_force = ledger.in_force_otherwise(&world.schedules);
        items.extend(in_force.into_iter().flat_map(|it| planned(ledger, it, &args.zone, from, until)));
    }
    items.sort_by(|a, b| (a.due_at, &a.schedule, a.zone.name()).cmp(&(b.due_at, &b.schedule, b.zone.name())));
    let limit = args.limit.map_or(if screen.json { usize::MAX } else { 40 }, NonZeroUsize::get);
    let left_out = items.len().saturating_sub(limit);
    items.truncate(limit);
    let events = awaited(&world, only);
    let is_otherwise = world.ledger.as_ref().is_some_and(|ledger| tell_held_back(screen, ledger, only.is_some()));
    let exit = if world.is_incomplete || is_otherwise { Exit::Invalid } else { Exit::Done };

    if screen.json {
        screen.json(&Listing { schema: "nudged.next/1", items, events });
        return Ok(exit);
    }
    if items.is_empty() {
        // Of what is left out nobody can say it.
        if exit == Exit::Done {
            screen.data(format!("nothing is due before {}", times::utc(until)));
        }
        tell_events(screen, &events);
        return Ok(exit);
    }
    let rows: Vec<_> = items
        .iter()
        .map(|item| {
            vec![
                times::local(item.due_at, item.zone, &rules),
                item.zone.name().to_owned(),
                times::utc_beside(item.due_at, item.zone, &rules),
                times::ahead_by(item.due_at, now),
                item.people.map_or_else(|| "?".into(), |people| people.to_string()),
                item.schedule.clone(),
                item.notes(),
            ]
        })
        .collect();
    screen.table(&["LOCAL TIME", "ZONE", "UTC", "IN", "PEOPLE", "SCHEDULE", "NOTE"], &rows);
    if left_out > 0 {
        screen.say(format!("{left_out} more; see them with --limit"));
    }
    tell_events(screen, &events);
    Ok(exit)
}

/// The schedules that wait for events. Whom they speak to is known then, so for one person nothing can be said.
fn awaited(world: &World, only: Option<&PersonView>) -> Vec<Awaited> {
    let of = |schedule: &Schedule| match &schedule.when.trigger {
        Trigger::Event(event) if only.is_none() => Some(Awaited {
            schedule: schedule.name.to_string(),
            event: event.name.clone(),
            after_seconds: event.after.as_secs(),
        }),
        Trigger::Event(_)
        | Trigger::Once(_)
        | Trigger::Instant { .. }
        | Trigger::Calendar(_)
        | Trigger::Elapsed { .. }
        | Trigger::Cron(_)
        | Trigger::Rule(_) => None,
    };
    world.schedules.iter().filter_map(|schedule| of(schedule)).collect()
}

/// Says where something else is in force than the files say. Returns whether that is so.
fn tell_held_back(screen: Screen, ledger: &Ledger, is_for_one: bool) -> bool {
    let files: Vec<_> = ledger.going_on().map(|file| file.file.as_str()).collect();
    let how = if is_for_one { "see `nudged why SCHEDULE WHO`" } else { "shown for two days; see `nudged status`" };
    for file in files.iter().take(FILES_SHOWN) {
        screen.say(format!("{file} is held back and its last good version goes on, {how}"));
    }
    if let Some(more) = more_files(files.len()) {
        screen.say(format!("held back: {more}"));
    }
    !files.is_empty()
}

fn tell_events(screen: Screen, events: &[Awaited]) {
    for Awaited { schedule, event, after_seconds } in events {
        let after = match after_seconds {
            0 => String::new(),
            seconds => format!(
                ", {} later",
                times::span(
                    TimeDelta::try_seconds(i64::try_from(*seconds).unwrap_or(i64::MAX)).unwrap_or(TimeDelta::MAX)
                )
            ),
        };
        screen.data(format!("when {event} happens{after}: {schedule}"));
    }
}

/// The zones asked for, else those of the person or the people.
fn zones(screen: Screen, args: &NextArgs, world: &World, only: Option<&PersonView>) -> Vec<Tz> {
    if let Some(person) = only {
        return vec![person.zone];
    }
    if !args.zone.is_empty() {
        return args.zone.clone();
    }
    if world.crowd.people.is_empty() {
        let zone = world.crowd.fallback_zone.name();
        screen.say(format!("nobody's zone is known; shown for {zone} (choose others with --zone or --people)"));
    }
    world.crowd.zones()
}

/// What every item rests on.
struct Look<'a> {
    world: &'a World,
    only: Option<&'a PersonView>,
    rules: &'a dyn ZoneRules,
    now: DateTime<Utc>,
}

impl Look<'_> {
    fn items(&self, schedule: &Schedule, waves: &[PlannedWave]) -> Vec<Item> {
        // To count an audience is a look at everybody, so it is counted for what is due alone.
        let is_too_many = !waves.is_empty() && self.world.crowd.is_too_many(schedule);
        let is_paused =
            self.world.ledger.as_ref().is_some_and(|ledger| ledger.paused(schedule.name.as_str()).is_some());
        let item = |wave: &PlannedWave| Item {
            schedule: schedule.name.to_string(),
            occurrence: wave.occurrence,
            zone: wave.zone,
            due_at: wave.due_at,
            people: self.people(schedule, wave),
            note: wave.note,
            left_out: self.left_out(schedule, wave, is_too_many),
            paused: is_paused,
            last_good: false,
        };
        waves.iter().map(item).collect()
    }

    fn people(&self, schedule: &Schedule, wave: &PlannedWave) -> Option<usize> {
        let crowd = &self.world.crowd;
        match self.only {
            Some(_) => Some(1),
            None if crowd.people.is_empty() => None,
            None => Some(crowd.reached(schedule, wave).filter(|person| !has_stopped(schedule, person)).count()),
        }
    }

    fn left_out(&self, schedule: &Schedule, wave: &PlannedWave, is_too_many: bool) -> Option<Reason> {
        let ledger = self.world.ledger.as_ref();
        if ledger.is_some_and(|ledger| ledger.is_cancelled(schedule.name.as_str(), wave.occurrence)) {
            return Some(Reason::CancelledByOperator);
        }
        let of_all = is_too_many.then_some(Reason::TooManyPeople);
        let prospect = Prospect { occurrence: wave.occurrence, due_at: wave.due_at, expire_at: wave.expire_at };
        let quiet = &self.world.house_quiet_hours;
        let of_one = |person| foresee(schedule, prospect, person, quiet, self.rules, self.now).left_out;
        of_all.or_else(|| self.only.and_then(of_one))
    }
}

/// What is planned of a schedule that is in force and not in the files, as far as the plan goes.
fn planned(
    ledger: &Ledger,
    it: &OccurrenceStatus,
    zones: &[Tz],
    from: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Vec<Item> {
    let is_wanted = |wave: &&WaveStatus| {
        (from..=until).contains(&wave.due_at) && (zones.is_empty() || zones.contains(&wave.zone)) && wave.people > 0
    };
    let item = |wave: &WaveStatus| Item {
        schedule: it.schedule.clone(),
        occurrence: it.occurrence,
        zone: wave.zone,
        due_at: wave.due_at,
        people: usize::try_from(wave.people).ok(),
        note: None,
        left_out: ledger.is_cancelled(&it.schedule, it.occurrence).then_some(Reason::CancelledByOperator),
        paused: ledger.paused(&it.schedule).is_some(),
        last_good: true,
    };
    it.waves.iter().filter(is_wanted).map(item).collect()
}
