//! `nudged next`: what is due, in local time and UTC.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, NaiveDateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use clap::Args;
use serde::Serialize;

use crate::adapter::clock::SystemClock;
use crate::adapter::files::read_directory;
use crate::adapter::zones::ZoneData;
use crate::cli::problems::show;
use crate::cli::screen::Screen;
use crate::cli::{Common, Ended, Exit, desk, settings, times};
use crate::domain::plan::{PlannedWave, WaveRecipients, Window, plan};
use crate::domain::problem::Severity;
use crate::domain::recipient::{Address, RecipientKind};
use crate::domain::schedule::model::Schedule;
use crate::domain::schedule::parse;
use crate::domain::time::ClockNote;
use crate::port::clock::Clock;
use crate::port::desk::PersonView;

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  nudged next\n  nudged next --for ana@contoso.example --days 7\n  \
                        nudged next --schedules schedules --zone Asia/Kolkata --zone America/New_York --json\n\n\
                        With a configuration the people who are known give the zones. --schedules works on files \
                        alone.")]
pub(super) struct NextArgs {
    /// Read these schedule files, without a daemon or a store
    #[arg(long, value_name = "DIR")]
    schedules: Option<PathBuf>,
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

fn instant(text: &str) -> Result<DateTime<Utc>, String> {
    if let Ok(at) = text.parse::<DateTime<Utc>>() {
        return Ok(at);
    }
    if let Ok(at) = text.parse::<NaiveDateTime>() {
        return Ok(at.and_utc());
    }
    text.parse::<NaiveDate>()
        .ok()
        .and_then(|date| date.and_hms_opt(0, 0, 0))
        .map(|at| at.and_utc())
        .ok_or_else(|| "write a date such as 2027-03-01, or an instant such as 2027-03-01T09:00:00Z".into())
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
}

/// Who there is, as far as it matters to when.
struct World {
    schedules: Vec<Arc<Schedule>>,
    zones: Vec<Tz>,
    people: Vec<PersonView>,
    only: Option<PersonView>,
}

pub(super) async fn run(screen: Screen, common: &Common, args: &NextArgs) -> Ended {
    let now = args.now.unwrap_or_else(|| SystemClock::new().now());
    let from = args.from.unwrap_or(now);
    let until = args.until.unwrap_or(from + TimeDelta::days(i64::from(args.days)));
    let world = world(screen, common, args).await?;
    let rules = ZoneData::newest();
    // Onward plans what is due after an instant; `from` itself is wanted too.
    let window = Window::Onward { after: from - TimeDelta::milliseconds(1), until };
    let mut items: Vec<_> = world
        .schedules
        .iter()
        .filter(|schedule| world.concerns(schedule))
        .flat_map(|schedule| {
            let waves = plan(schedule, &world.zones, &rules, window);
            waves.into_iter().map(|wave| world.item(schedule, &wave)).collect::<Vec<_>>()
        })
        .filter(|item| item.people != Some(0))
        .collect();
    items.sort_by(|a, b| (a.due_at, &a.schedule, a.zone.name()).cmp(&(b.due_at, &b.schedule, b.zone.name())));
    let limit = args.limit.unwrap_or(if screen.json { usize::MAX } else { 40 });
    let left_out = items.len().saturating_sub(limit);
    items.truncate(limit);

    if screen.json {
        screen.json(&Listing { schema: "nudged.next/1", items });
        return Ok(Exit::Done);
    }
    if items.is_empty() {
        screen.data(format!("nothing is due before {}", times::utc(until)));
        return Ok(Exit::Done);
    }
    let rows = items
        .iter()
        .map(|item| {
            vec![
                times::local(item.due_at, item.zone, &rules),
                item.zone.name().to_owned(),
                times::utc(item.due_at),
                times::distance(item.due_at, now),
                item.people.map_or_else(|| "?".into(), |people| people.to_string()),
                item.schedule.clone(),
                item.note.map_or("", note).to_owned(),
            ]
        })
        .collect();
    screen.table(&["LOCAL TIME", "ZONE", "UTC", "IN", "PEOPLE", "SCHEDULE", "NOTE"], rows);
    if left_out > 0 {
        screen.say(format!("{left_out} more; see them with --limit"));
    }
    Ok(Exit::Done)
}

impl World {
    fn concerns(&self, schedule: &Schedule) -> bool {
        self.only.as_ref().is_none_or(|person| includes(schedule, person))
    }

    fn item(&self, schedule: &Schedule, wave: &PlannedWave) -> Item {
        let reached = |person: &&PersonView| {
            let is_there = match wave.recipients {
                WaveRecipients::All => true,
                WaveRecipients::OfZone => person.zone == wave.zone,
            };
            is_there && includes(schedule, person)
        };
        let people = match &self.only {
            Some(_) => Some(1),
            None if self.people.is_empty() => None,
            None => Some(self.people.iter().filter(reached).count()),
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
}

fn includes(schedule: &Schedule, person: &PersonView) -> bool {
    let addresses: Vec<_> = person.addresses.iter().filter_map(|address| Address::new(address)).collect();
    person.kind == RecipientKind::Person && schedule.audience.includes(&addresses, &person.groups)
}

async fn world(screen: Screen, common: &Common, args: &NextArgs) -> Result<World, Exit> {
    if args.r#for.is_some() && args.schedules.is_some() {
        screen
            .error("--for needs the people who are known, which --schedules leaves out; name a configuration instead");
        return Err(Exit::Usage);
    }
    let config = if args.schedules.is_some() { None } else { settings::load_if_any(screen, common)? };
    if args.r#for.is_some() && config.is_none() {
        screen.error("--for needs the people who are known; name a configuration with --config");
        return Err(Exit::Usage);
    }
    let directory = match (&args.schedules, &config) {
        (Some(directory), _) => directory.clone(),
        (None, Some(config)) => config.schedules.clone(),
        (None, None) => "schedules".into(),
    };
    let schedules = read_schedules(screen, &directory)?;
    let mut people = Vec::new();
    if config.is_some() {
        let any = desk::open(screen, common).await?;
        let asked = any.desk.people().await;
        any.close().await;
        people = asked.map_err(|error| desk::failed(screen, &error))?.people;
    }
    if let Some(who) = &args.r#for {
        let Some(person) = find(&people, who) else {
            screen.error(format!("nobody is known as \"{who}\"; see `nudged people list`"));
            return Err(Exit::Failed);
        };
        return Ok(World { schedules, zones: vec![person.zone], only: Some(person), people });
    }
    let mut zones = args.zone.clone();
    if zones.is_empty() {
        zones = people.iter().map(|person| person.zone).collect();
    }
    if zones.is_empty() {
        zones.push(config.map_or(Tz::UTC, |config| config.fallback_zone));
        screen.say(format!("nobody's zone is known; shown for {} (choose others with --zone)", zones[0].name()));
    }
    zones.sort_by_key(|zone| zone.name());
    zones.dedup();
    Ok(World { schedules, zones, people, only: None })
}

fn read_schedules(screen: Screen, directory: &Path) -> Result<Vec<Arc<Schedule>>, Exit> {
    let found = read_directory(directory);
    let supplies = found.understand();
    let mut is_sound = true;
    for file in &found.unreadable {
        screen.error(format!("{} can't be read: {}", file.name, file.why));
        is_sound = false;
    }
    let mut schedules = Vec::new();
    for source in &found.files {
        let (read, problems) = parse::parse(source, &supplies);
        if problems.iter().any(|problem| problem.severity() == Severity::Error) {
            let talk = Screen { json: true };
            if screen.json {
                talk.error(format!("{} has problems; see `nudged check`", source.name));
            } else {
                show(screen, source, &problems);
            }
            is_sound = false;
        }
        schedules.extend(read.into_iter().map(Arc::new));
    }
    if is_sound { Ok(schedules) } else { Err(Exit::Invalid) }
}

fn find(people: &[PersonView], who: &str) -> Option<PersonView> {
    let address = Address::new(who);
    people
        .iter()
        .find(|person| {
            let has_address =
                address.as_ref().is_some_and(|address| person.addresses.iter().any(|known| known == address.as_str()));
            has_address || person.name.eq_ignore_ascii_case(who)
        })
        .cloned()
}

fn note(note: ClockNote) -> &'static str {
    match note {
        ClockNote::ShiftedOverGap => "this hour does not exist there; moved later by the gap",
        ClockNote::FirstAfterGap => "this hour does not exist there; the first one that does",
        ClockNote::FirstOfTwo => "this hour happens twice there; the first",
        ClockNote::SecondOfTwo => "this hour happens twice there; the second",
    }
}
