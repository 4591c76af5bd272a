//! `nudged preview`: exactly who gets what, when, and who is left out and why.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use clap::Args;
use serde::Serialize;

use crate::adapter::clock::SystemClock;
use crate::adapter::zones::ZoneData;
use crate::cli::ledger::Deliveries;
use crate::cli::screen::Screen;
use crate::cli::world::{Sources, World, includes};
use crate::cli::{Common, Ended, Exit, next, times};
use crate::domain::buttons::Stamp;
use crate::domain::delivery::{Reason, State};
use crate::domain::document::civil::Civil;
use crate::domain::forecast::{Budget, Forecast, Load, forecast};
use crate::domain::id::{DeliveryId, RecipientId};
use crate::domain::message::Said;
use crate::domain::plan::{PlannedWave, WaveRecipients, Window, plan};
use crate::domain::policy::without_zone;
use crate::domain::recipient::{Address, AddressKind, Recipient};
use crate::domain::recurrence::instant;
use crate::domain::schedule::model::{Schedule, ZoneUnknown};
use crate::domain::schedule::when::{Trigger, WhoseClock};
use crate::domain::template::{Facts, Template};
use crate::domain::time::{ClockNote, ZoneRules};
use crate::engine::desk::unknown_schedule;
use crate::engine::foresight::{Prospect, foresee};
use crate::port::clock::Clock;
use crate::port::desk::{DeliveryStatus, HeldBackFile, PausedSchedule, PersonView, Reach};

// What a person sees.
mod view;

use view::View;

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  nudged preview stand-up\n  nudged preview stand-up --who ana@contoso.example\n  \
                        nudged preview stand-up --schedules schedules --people people.csv --at 2027-03-14T09:00\n\n\
                        With a configuration the people who are known are meant, and what the ledger knows counts: \
                        who stopped, what is paused, cancelled or sent already. --schedules and --people work on files \
                        alone.")]
pub(super) struct PreviewArgs {
    /// The name of the schedule
    schedule: String,
    #[command(flatten)]
    sources: Sources,
    /// The occurrence at this civil time, such as 2027-03-01T09:00 [default: the next one]
    #[arg(long, value_name = "TIME", value_parser = civil)]
    at: Option<NaiveDateTime>,
    /// Only this person, with the message as they get it
    #[arg(long, value_name = "WHO")]
    who: Option<String>,
    /// Take this for the present time
    #[arg(long, value_parser = next::instant)]
    now: Option<DateTime<Utc>>,
    /// At most so many people are listed [default: 40; with --json all]
    #[arg(long)]
    limit: Option<usize>,
}

fn civil(text: &str) -> Result<NaiveDateTime, String> {
    match Civil::read(text) {
        Ok(Civil::DateTime(at)) => Ok(at),
        Ok(Civil::Date(_) | Civil::Time(_) | Civil::Instant(_)) | Err(_) => {
            Err("write a date and a time of day, such as 2027-03-01T09:00".into())
        }
    }
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Preview {
    schema: &'static str,
    schedule: String,
    occurrence: NaiveDateTime,
    waves: Vec<Wave>,
    recipients: Vec<Row>,
    /// When the last message leaves, at the limits; absent where nobody gets one.
    finished_at: Option<DateTime<Utc>>,
    /// How many can't be reached before the message expires.
    too_late: u64,
    /// Since when nothing of the schedule is sent, and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    paused: Option<PausedSchedule>,
    /// The file in which the schedule stands, where that is held back, so that this is not in force.
    #[serde(skip_serializing_if = "Option::is_none")]
    held_back: Option<HeldBackFile>,
}

#[derive(Debug, Serialize)]
struct Wave {
    zone: Tz,
    due_at: DateTime<Utc>,
    expire_at: DateTime<Utc>,
    people: usize,
    note: Option<ClockNote>,
}

/// One recipient.
#[derive(Debug, Serialize)]
struct Row {
    recipient: String,
    address: Option<String>,
    zone: Tz,
    due_at: DateTime<Utc>,
    /// What the recipient's clock shows then.
    local: NaiveDateTime,
    /// When the wave is due in which the recipient is.
    #[serde(skip)]
    wave_due_at: DateTime<Utc>,
    /// Whether a conversation must be created first, which takes a request more.
    #[serde(skip)]
    is_created: bool,
    /// Whether quiet hours hold it until then.
    held: bool,
    /// Whether they are asked for their time zone behind it, if they were not asked lately.
    asked_for_zone: bool,
    /// How it ended, where the ledger says that it is over for this recipient.
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<State>,
    /// When it was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    sent_at: Option<DateTime<Utc>>,
    /// Why not, for whom is left out.
    left_out: Option<Reason>,
    /// In words, where a reason is not enough.
    detail: Option<String>,
    /// The message in Markdown, where it is a text.
    text: Option<String>,
    /// The line for notifications and the card itself, where it is one.
    summary: Option<String>,
    card: Option<serde_json::Value>,
}

impl Row {
    /// Whether a message is still to leave for this recipient.
    fn is_coming(&self) -> bool {
        self.left_out.is_none() && self.state.is_none()
    }

    /// Takes in what became of it so far.
    fn end_as(&mut self, delivery: &DeliveryStatus) {
        (self.state, self.sent_at, self.left_out) = (Some(delivery.state), delivery.sent_at, delivery.reason);
        (self.held, self.asked_for_zone) = (false, false);
        self.detail = None;
    }

    /// Takes in the message as this recipient gets it.
    fn say(&mut self, said: Said) {
        match said {
            Said::Text(text) => self.text = Some(text),
            Said::Card { summary, card } => (self.summary, self.card) = (Some(summary), Some(card)),
        }
    }
}

pub(super) async fn run(screen: Screen, common: &Common, args: &PreviewArgs) -> Ended {
    let now = args.now.unwrap_or_else(|| SystemClock::new().now());
    let world = World::look(screen, common, &args.sources, Some(&args.schedule)).await?;
    let schedule = find_schedule(screen, &world, &args.schedule)?;
    let rules = ZoneData::newest();
    let waves = waves(schedule, &world, &rules, args.at, now);
    world.crowd.tell_empty_targets(screen, std::iter::once(schedule));
    let Some(occurrence) = waves.first().map(|wave| wave.occurrence) else {
        screen.error(match (&schedule.when.trigger, args.at) {
            (Trigger::Event(event), _) => format!(
                "\"{}\" speaks when \"{}\" happens, and to whom is known then; `nudged status {}` tells what became of it",
                schedule.name, event.name, schedule.name
            ),
            (_, Some(at)) => {
                format!("\"{}\" does not fire at {}; see `nudged next`", schedule.name, times::civil(at))
            }
            (_, None) => format!("nothing of \"{}\" is ahead", schedule.name),
        });
        return Err(Exit::Failed);
    };
    let only = args.who.as_deref().map(|who| world.crowd.find(screen, who)).transpose()?;
    if let Some(person) = only
        && !includes(schedule, person)
    {
        screen.error(format!("{} is not in the audience of \"{}\"", person.name, schedule.name));
        return Err(Exit::Failed);
    }

    let look = Look::new(&world, schedule, occurrence, &rules, now);
    let mut rows: Vec<Row> = waves
        .iter()
        .flat_map(|wave| world.crowd.reached(schedule, wave).map(move |person| (wave, person)))
        .filter(|(_, person)| only.is_none_or(|only| only == *person))
        .map(|(wave, person)| look.row(wave, person))
        .collect();
    if only.is_none() {
        rows.extend(strangers(schedule, &world, &waves, &rules));
    }
    let people: Vec<u64> = waves.iter().map(|wave| people(wave, &rows)).collect();
    let forecast = outlook(schedule, &waves, &rows, now, world.crowd.per_second);
    let limit = args.limit.unwrap_or(if screen.json { usize::MAX } else { 40 });
    let paused = world.ledger.as_ref().and_then(|ledger| ledger.paused(schedule.name.as_str()));
    let held_back = world.ledger.as_ref().and_then(|ledger| ledger.held_back(schedule.name.as_str()));
    if screen.json {
        rows.truncate(limit);
        screen.json(&Preview {
            schema: "nudged.preview/1",
            schedule: schedule.name.to_string(),
            occurrence,
            waves: waves.iter().zip(&people).map(|(wave, people)| shown(wave, *people)).collect(),
            recipients: rows,
            finished_at: forecast.finished_at,
            too_late: forecast.too_late,
            paused: paused.cloned(),
            held_back: held_back.cloned(),
        });
        return Ok(Exit::Done);
    }
    let view = View { screen, schedule, rules: &rules, now, waves: &waves, people: &people, rows: &rows };
    view.head(occurrence, paused, held_back);
    if world.crowd.people.is_empty() {
        screen.say("nobody is known, so only the times are shown; name people with --people or a configuration");
        return Ok(Exit::Done);
    }
    view.end(forecast, world.crowd.per_second);
    view.people(limit);
    view.message();
    Ok(Exit::Done)
}

fn find_schedule<'w>(screen: Screen, world: &'w World, name: &str) -> Result<&'w Schedule, Exit> {
    if let Some(schedule) = world.schedules.iter().find(|schedule| schedule.name.as_str() == name) {
        return Ok(schedule);
    }
    if let Some(file) = world.ledger.as_ref().and_then(|ledger| ledger.held_back(name)) {
        let goes_on = if file.last_good_in_use { "its last good version goes on" } else { "nothing of it is in force" };
        screen.error(format!("\"{name}\" stands in {}, which is held back; {goes_on}; see `nudged status`", file.file));
        return Err(Exit::Invalid);
    }
    screen.error(unknown_schedule(name, world.schedules.iter().map(|schedule| schedule.name.as_str())));
    Err(Exit::Failed)
}

/// How far ahead the next occurrence is looked for.
const AHEAD: TimeDelta = TimeDelta::days(3 * 366);

/// The waves of one occurrence: the one asked for, or the first that is not over everywhere.
fn waves(
    schedule: &Schedule,
    world: &World,
    rules: &dyn ZoneRules,
    at: Option<NaiveDateTime>,
    now: DateTime<Utc>,
) -> Vec<PlannedWave> {
    let zones = world.crowd.zones();
    let around = |at: NaiveDateTime| Window::Onward {
        after: at.and_utc() - TimeDelta::days(3),
        until: at.and_utc() + TimeDelta::days(3),
    };
    let of = |occurrence: NaiveDateTime, waves: Vec<PlannedWave>| {
        waves.into_iter().filter(|wave| wave.occurrence == occurrence).collect()
    };
    if let Some(at) = at {
        return of(at, plan(schedule, &zones, rules, around(at)));
    }
    // A schedule that fires often is found at once; one that fires every four years after a longer look.
    for days in [2, 40, AHEAD.num_days()] {
        let window = Window::Open { now, until: now + TimeDelta::days(days) };
        let waves = plan(schedule, &zones, rules, window);
        let next = waves.iter().filter(|wave| wave.due_at >= now).map(|wave| wave.occurrence).min();
        if let Some(next) = next.or_else(|| waves.iter().map(|wave| wave.occurrence).max()) {
            return of(next, plan(schedule, &zones, rules, around(next)));
        }
    }
    Vec::new()
}

/// What every row rests on.
struct Look<'a> {
    world: &'a World,
    schedule: &'a Schedule,
    rules: &'a dyn ZoneRules,
    now: DateTime<Utc>,
    /// What became of the occurrence so far.
    so_far: Deliveries<'a>,
    /// Why nobody gets any more of the occurrence.
    over_for: Option<Reason>,
}

impl<'a> Look<'a> {
    fn new(
        world: &'a World,
        schedule: &'a Schedule,
        occurrence: NaiveDateTime,
        rules: &'a dyn ZoneRules,
        now: DateTime<Utc>,
    ) -> Self {
        let ledger = world.ledger.as_ref();
        let so_far = ledger.map(|ledger| ledger.deliveries(schedule, occurrence)).unwrap_or_default();
        Self { world, schedule, rules, now, so_far, over_for: world.over_for(schedule, occurrence) }
    }

    fn row(&self, wave: &PlannedWave, person: &PersonView) -> Row {
        let Self { world, schedule, rules, now, .. } = *self;
        let without_zone = without_zone(schedule, person.kind, person.zone_source);
        let prospect = Prospect { occurrence: wave.occurrence, due_at: wave.due_at, expire_at: wave.expire_at };
        let foresight = foresee(schedule, prospect, person, &world.house_quiet_hours, rules, now);
        let (due_at, left_out) = (foresight.leaves_at, self.over_for.or(foresight.left_out));
        let local = rules.civil(due_at, person.zone);
        let said = render(schedule, wave, person, rules.civil(wave.due_at, person.zone), world.house_stop.as_ref());
        let error = said.as_ref().err().cloned();
        let mut row = Row {
            recipient: person.name.clone(),
            address: person.addresses.first().cloned(),
            zone: person.zone,
            due_at,
            wave_due_at: wave.due_at,
            local,
            is_created: matches!(person.reach, Reach::CanBeCreated),
            held: foresight.is_held && left_out.is_none(),
            asked_for_zone: without_zone == ZoneUnknown::Ask && left_out.is_none() && error.is_none(),
            state: None,
            sent_at: None,
            left_out: left_out.or(error.as_ref().map(|_| Reason::TemplateFailed)),
            detail: error,
            text: None,
            summary: None,
            card: None,
        };
        if let (Ok(said), None) = (said, left_out) {
            row.say(said);
        }
        if let Some(delivery) = self.so_far.ended(person) {
            row.end_as(delivery);
        }
        row
    }
}

fn render(
    schedule: &Schedule,
    wave: &PlannedWave,
    person: &PersonView,
    local: NaiveDateTime,
    house_stop: Option<&Template>,
) -> Result<Said, String> {
    let email = person
        .addresses
        .iter()
        .find(|address| Address::new(address).is_some_and(|address| address.kind() == AddressKind::Email));
    let recipient = Recipient {
        id: RecipientId(0),
        kind: person.kind,
        name: person.name.clone(),
        email: email.cloned(),
        zone: person.zone,
        zone_source: person.zone_source,
        language: person.language.clone(),
        details: person.details.clone(),
    };
    let facts = Facts {
        recipient: &recipient,
        schedule: &schedule.name,
        title: schedule.display_title(),
        occurrence: wave.occurrence,
        local,
        event: None,
    };
    let said = schedule.message.render(&facts, house_stop).map_err(|error| error.to_string())?;
    // Nothing has been sent, so the buttons are of no delivery.
    let stamp = Stamp { delivery: DeliveryId(0), occurrence: wave.occurrence, topic: schedule.topic.clone() };
    Ok(schedule.message.buttons.put_below(said, &stamp, recipient.language.as_deref()))
}

/// Recipients whom the schedule names and nobody knows.
fn strangers(schedule: &Schedule, world: &World, waves: &[PlannedWave], rules: &dyn ZoneRules) -> Vec<Row> {
    let Some(occurrence) = waves.first().map(|wave| wave.occurrence) else { return Vec::new() };
    // Until somebody knows better, they are taken to live in the fallback zone.
    let zone = match schedule.when.clock {
        WhoseClock::Recipient => world.crowd.fallback_zone,
        WhoseClock::Zone(zone) => zone,
    };
    let Some(due) = instant(&schedule.when, occurrence, zone, rules) else { return Vec::new() };
    let strangers = world.crowd.strangers(schedule);
    strangers
        .map(|address| Row {
            recipient: address.to_string(),
            address: Some(address.to_string()),
            zone: world.crowd.fallback_zone,
            due_at: due.at,
            wave_due_at: due.at,
            local: rules.civil(due.at, world.crowd.fallback_zone),
            is_created: false,
            held: false,
            asked_for_zone: false,
            state: None,
            sent_at: None,
            left_out: Some(Reason::UnknownRecipient),
            detail: None,
            text: None,
            summary: None,
            card: None,
        })
        .collect()
}

/// Who is in a wave, whatever becomes of it for them.
fn of_wave<'r>(wave: &PlannedWave, rows: &'r [Row]) -> impl Iterator<Item = &'r Row> {
    let in_zone = |row: &&Row| match wave.recipients {
        WaveRecipients::All | WaveRecipients::Invited => true,
        WaveRecipients::OfZone => row.zone == wave.zone,
    };
    rows.iter().filter(|row| row.wave_due_at == wave.due_at).filter(in_zone)
}

/// Who gets a message with a wave.
fn getting<'r>(wave: &PlannedWave, rows: &'r [Row]) -> impl Iterator<Item = &'r Row> {
    of_wave(wave, rows).filter(|row| row.is_coming())
}

fn people(wave: &PlannedWave, rows: &[Row]) -> u64 {
    getting(wave, rows).count() as u64
}

/// When the occurrence is finished, if nothing else is to be sent meanwhile.
fn outlook(
    schedule: &Schedule,
    waves: &[PlannedWave],
    rows: &[Row],
    now: DateTime<Utc>,
    per_second: usize,
) -> Forecast {
    let loads: Vec<Load> = waves.iter().flat_map(|wave| loads(schedule, wave, rows)).collect();
    let budget = Budget::assumed(per_second);
    forecast(&loads, now, |_| budget).into_iter().fold(Forecast::default(), Forecast::and)
}

/// What a wave is to the limits. Who is held by quiet hours falls due when these end; nobody has a tenant here, so all
/// are taken to live in the bot's own.
fn loads(schedule: &Schedule, wave: &PlannedWave, rows: &[Row]) -> Vec<Load> {
    let jitter = wave.spread.jitter();
    let mut by_due_at: BTreeMap<DateTime<Utc>, (u64, u64)> = BTreeMap::new();
    for row in getting(wave, rows) {
        let (messages, calls) = by_due_at.entry(row.due_at).or_default();
        *messages += 1;
        *calls += 1 + u64::from(row.is_created);
    }
    let load = |(due_at, (messages, calls))| Load {
        tenant: Arc::default(),
        schedule: schedule.name.clone(),
        priority: schedule.policies.priority,
        due_at,
        expire_at: wave.expire_at - jitter,
        messages,
        calls,
    };
    by_due_at.into_iter().map(load).flat_map(|load| load.spread_over(jitter)).collect()
}

fn shown(wave: &PlannedWave, people: u64) -> Wave {
    Wave {
        zone: wave.zone,
        due_at: wave.due_at,
        expire_at: wave.expire_at,
        people: usize::try_from(people).unwrap_or(usize::MAX),
        note: wave.note,
    }
}
