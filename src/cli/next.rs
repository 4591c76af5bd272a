//! `nudged next`: what is due, in local time and UTC.

use chrono::{DateTime, NaiveDateTime, NaiveTime, TimeDelta, Utc};
use chrono_tz::Tz;
use clap::Args;
use serde::Serialize;

use crate::adapter::clock::SystemClock;
use crate::adapter::zones::ZoneData;
use crate::cli::screen::Screen;
use crate::cli::world::{Sources, World, includes};
use crate::cli::{Common, Ended, Exit, times};
use crate::domain::document::civil::Civil;
use crate::domain::plan::{PlannedWave, Window, plan};
use crate::domain::schedule::model::Schedule;
use crate::domain::schedule::when::Trigger;
use crate::domain::time::ClockNote;
use crate::port::clock::Clock;
use crate::port::desk::PersonView;

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  nudged next\n  nudged next --for ana@contoso.example --days 7\n  \
                        nudged next --schedules schedules --zone Asia/Kolkata --zone America/New_York --json\n\n\
                        With a configuration the people who are known give the zones. --schedules works on files \
                        alone.")]
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
    #[arg(long)]
    limit: Option<usize>,
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

pub(super) async fn run(screen: Screen, common: &Common, args: &NextArgs) -> Ended {
    let now = args.now.unwrap_or_else(|| SystemClock::new().now());
    let from = args.from.unwrap_or(now);
    let until = args.until.unwrap_or(from + TimeDelta::days(i64::from(args.days)));
    if until < from {
        screen.error(format!("--until ({}) is before --from ({})", times::utc(until), times::utc(from)));
        return Err(Exit::Usage);
    }
    let world = World::look(screen, common, &args.sources).await?;
    let only = args.r#for.as_deref().map(|who| world.crowd.find(screen, who)).transpose()?;
    let zones = zones(screen, args, &world, only);
    let rules = ZoneData::newest();
    // Onward plans what is due after an instant; `from` itself is wanted too.
    let window = Window::Onward { after: from - TimeDelta::milliseconds(1), until };
    let mut items: Vec<_> = world
        .schedules
        .iter()
        .filter(|schedule| only.is_none_or(|person| includes(schedule, person)))
        .flat_map(|schedule| {
            let waves = plan(schedule, &zones, &rules, window);
            waves.into_iter().map(|wave| item(&world, only, schedule, &wave)).collect::<Vec<_>>()
        })
        .filter(|item| item.people != Some(0) || !args.zone.is_empty())
        .collect();
    items.sort_by(|a, b| (a.due_at, &a.schedule, a.zone.name()).cmp(&(b.due_at, &b.schedule, b.zone.name())));
    let limit = args.limit.unwrap_or(if screen.json { usize::MAX } else { 40 });
    let left_out = items.len().saturating_sub(limit);
    items.truncate(limit);
    let events = awaited(&world, only);
    let exit = if world.is_incomplete { Exit::Invalid } else { Exit::Done };

    if screen.json {
        screen.json(&Listing { schema: "nudged.next/1", items, events });
        return Ok(exit);
    }
    if items.is_empty() {
        screen.data(format!("nothing is due before {}", times::utc(until)));
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
                item.note.map_or("", times::note).to_owned(),
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
        | Trigger::Instant(_)
        | Trigger::Calendar(_)
        | Trigger::Elapsed { .. }
        | Trigger::Cron(_)
        | Trigger::Rule(_) => None,
    };
    world.schedules.iter().filter_map(|schedule| of(schedule)).collect()
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

fn item(world: &World, only: Option<&PersonView>, schedule: &Schedule, wave: &PlannedWave) -> Item {
    let people = match only {
        Some(_) => Some(1),
        None if world.crowd.people.is_empty() => None,
        None => Some(world.crowd.reached(schedule, wave).count()),
    };
    Item {
        schedule: schedule.name.to_string(),
        occurrence: wave.occurrence,
        zone: wave.zone,
        due_at: wave.due_at,
        people,
        note: wave.note,
    }
}
