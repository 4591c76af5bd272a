//! `nudged preview`: exactly who gets what, when, and who is left out and why.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use clap::Args;
use serde::Serialize;

use crate::adapter::clock::SystemClock;
use crate::adapter::zones::ZoneData;
use crate::cli::prose::paragraph;
use crate::cli::screen::{Screen, one_line};
use crate::cli::world::{Sources, World, includes};
use crate::cli::{Common, Ended, Exit, next, times};
use crate::domain::delivery::Reason;
use crate::domain::document::civil::Civil;
use crate::domain::forecast::{Budget, Forecast, Load, forecast};
use crate::domain::id::{DeliveryId, RecipientId};
use crate::domain::message::Said;
use crate::domain::plan::{PlannedWave, WaveRecipients, Window, plan};
use crate::domain::policy::without_zone;
use crate::domain::quiet::QuietHours;
use crate::domain::recipient::{Address, AddressKind, Recipient};
use crate::domain::recurrence::instant;
use crate::domain::schedule::model::{Schedule, Target, ZoneUnknown};
use crate::domain::schedule::when::{Trigger, WhoseClock};
use crate::domain::template::{Facts, Template};
use crate::domain::time::{ClockNote, ZoneRules};
use crate::engine::desk::unknown_schedule;
use crate::engine::foresight::{Prospect, foresee};
use crate::port::clock::Clock;
use crate::port::desk::{PersonView, Reach};

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  nudged preview stand-up\n  nudged preview stand-up --who ana@contoso.example\n  \
                        nudged preview stand-up --schedules schedules --people people.csv --at 2027-03-14T09:00\n\n\
                        With a configuration the people who are known are meant. --schedules and --people work on \
                        files alone.")]
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
    let world = World::look(screen, common, &args.sources).await?;
    let schedule = find_schedule(screen, &world, &args.schedule)?;
    let rules = ZoneData::newest();
    let waves = waves(schedule, &world, &rules, args.at, now);
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

    let house = House { stop: world.house_stop.as_ref(), quiet_hours: &world.house_quiet_hours };
    let mut rows: Vec<Row> = waves
        .iter()
        .flat_map(|wave| world.crowd.reached(schedule, wave).map(move |person| (wave, person)))
        .filter(|(_, person)| only.is_none_or(|only| only == *person))
        .map(|(wave, person)| row(schedule, wave, person, house, &rules, now))
        .collect();
    if only.is_none() {
        rows.extend(strangers(schedule, &world, &waves, &rules));
    }
    let people: Vec<u64> = waves.iter().map(|wave| people(wave, &rows)).collect();
    let forecast = outlook(schedule, &waves, &rows, now, world.crowd.per_second);
    let limit = args.limit.unwrap_or(if screen.json { usize::MAX } else { 40 });
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
        });
        return Ok(Exit::Done);
    }
    let view = View { screen, schedule, rules: &rules, now, waves: &waves, people: &people, rows: &rows };
    view.head(occurrence);
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
    screen.error(unknown_schedule(name, world.schedules.iter().map(|schedule| schedule.name.as_str())));
    Err(Exit::Failed)
}

/// What the configuration says of every schedule.
#[derive(Clone, Copy)]
struct House<'a> {
    stop: Option<&'a Template>,
    quiet_hours: &'a [QuietHours],
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

fn row(
    schedule: &Schedule,
    wave: &PlannedWave,
    person: &PersonView,
    house: House<'_>,
    rules: &dyn ZoneRules,
    now: DateTime<Utc>,
) -> Row {
    let without_zone = without_zone(schedule, person.kind, person.zone_source);
    let prospect = Prospect { occurrence: wave.occurrence, due_at: wave.due_at, expire_at: wave.expire_at };
    let foresight = foresee(schedule, prospect, person, house.quiet_hours, rules, now);
    let (due_at, left_out) = (foresight.leaves_at, foresight.left_out);
    let local = rules.civil(due_at, person.zone);
    let said = render(schedule, wave, person, rules.civil(wave.due_at, person.zone), house.stop);
    let error = said.as_ref().err().cloned();
    let mut row = Row {
        recipient: person.name.clone(),
        address: person.addresses.first().cloned(),
        zone: person.zone,
        due_at,
        wave_due_at: wave.due_at,
        local,
        is_created: matches!(person.reach, Reach::CanBeCreated),
        held: foresight.is_held,
        asked_for_zone: without_zone == ZoneUnknown::Ask && left_out.is_none() && error.is_none(),
        left_out: left_out.or(error.as_ref().map(|_| Reason::TemplateFailed)),
        detail: error,
        text: None,
        summary: None,
        card: None,
    };
    if let (Ok(said), None) = (said, left_out) {
        row.say(said);
    }
    row
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
    Ok(schedule.message.buttons.put_below(said, DeliveryId(0), recipient.language.as_deref()))
}

/// Recipients whom the schedule names and nobody knows.
fn strangers(schedule: &Schedule, world: &World, waves: &[PlannedWave], rules: &dyn ZoneRules) -> Vec<Row> {
    let is_known = |address: &Address| {
        world.crowd.people.iter().any(|person| person.addresses.iter().any(|known| known == address.as_str()))
    };
    let named = schedule.audience.to.iter().filter_map(|target| match target {
        Target::Person(address) | Target::Conversation(address) => Some(address),
        Target::Everyone | Target::Group(_) | Target::Team(_) | Target::Event(_) => None,
    });
    let Some(occurrence) = waves.first().map(|wave| wave.occurrence) else { return Vec::new() };
    // Until somebody knows better, they are taken to live in the fallback zone.
    let zone = match schedule.when.clock {
        WhoseClock::Recipient => world.crowd.fallback_zone,
        WhoseClock::Zone(zone) => zone,
    };
    let Some(due) = instant(&schedule.when, occurrence, zone, rules) else { return Vec::new() };
    named
        .filter(|address| !is_known(address) && !schedule.audience.except_people.contains(address))
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
            left_out: Some(Reason::UnknownRecipient),
            detail: None,
            text: None,
            summary: None,
            card: None,
        })
        .collect()
}

/// Who gets a message with a wave.
fn getting<'r>(wave: &PlannedWave, rows: &'r [Row]) -> impl Iterator<Item = &'r Row> {
    let goes = |row: &&Row| row.left_out.is_none() && row.wave_due_at == wave.due_at;
    let in_zone = |row: &&Row| match wave.recipients {
        WaveRecipients::All | WaveRecipients::Invited => true,
        WaveRecipients::OfZone => row.zone == wave.zone,
    };
    rows.iter().filter(goes).filter(in_zone)
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

/// What a person sees.
struct View<'a> {
    screen: Screen,
    schedule: &'a Schedule,
    rules: &'a dyn ZoneRules,
    now: DateTime<Utc>,
    waves: &'a [PlannedWave],
    people: &'a [u64],
    rows: &'a [Row],
}

impl View<'_> {
    fn head(&self, occurrence: NaiveDateTime) {
        let schedule = self.schedule;
        let clock = match schedule.when.clock {
            WhoseClock::Recipient => "each recipient's own clock".to_owned(),
            WhoseClock::Zone(zone) => format!("the clock of {}", zone.name()),
        };
        let place = schedule.origin.place;
        self.screen.data(format!(
            "{} ({}:{}){}\n{} on {clock}\n",
            schedule.name,
            schedule.origin.file,
            place.line,
            schedule.title.as_deref().map_or_else(String::new, |title| format!(": {}", one_line(title, 60))),
            times::civil(occurrence),
        ));
        if !schedule.policies.jitter.is_zero() {
            let jitter = times::span(TimeDelta::from_std(schedule.policies.jitter).unwrap_or_default());
            let words = format!("each person up to {jitter} after the times below, as `jitter` says");
            self.screen.data(format!("{}\n", paragraph(&words, 0)));
        }
        let rows: Vec<_> = self
            .waves
            .iter()
            .zip(self.people)
            .filter(|(_, people)| **people > 0 || self.rows.is_empty())
            .map(|(wave, people)| {
                vec![
                    times::local(wave.due_at, wave.zone, self.rules),
                    wave.zone.name().to_owned(),
                    times::utc(wave.due_at),
                    times::ahead_by(wave.due_at, self.now),
                    people.to_string(),
                    wave.note.map_or("", times::note).to_owned(),
                ]
            })
            .collect();
        self.screen.table(&["LOCAL TIME", "ZONE", "UTC", "IN", "PEOPLE", "NOTE"], &rows);
    }

    fn end(&self, forecast: Forecast, per_second: usize) {
        let getting = self.rows.iter().filter(|row| row.left_out.is_none()).count();
        let all = self.rows.len();
        let end = forecast.finished_at.map_or_else(String::new, |at| {
            format!("; the last one about {}, at {per_second} a second, answered within 50 ms", times::utc(at))
        });
        self.screen.data(format!("\n{}", paragraph(&format!("{getting} of {all} get it{end}"), 0)));
        if forecast.too_late > 0 {
            let late = times::span(TimeDelta::from_std(self.schedule.policies.late).unwrap_or_default());
            let words = format!(
                "{} will expire in the queue: it may be {late} late, and that is not long enough; raise `late`, or split \
                 the audience",
                forecast.too_late
            );
            self.screen.data(paragraph(&words, 0));
        }
    }

    fn people(&self, limit: usize) {
        let rows: Vec<_> = self
            .rows
            .iter()
            .take(limit)
            .map(|row| {
                let says = match (&row.detail, row.left_out) {
                    (Some(detail), _) => format!("left out: {detail}"),
                    (None, Some(reason)) => format!("left out: {}", reason.explain()),
                    (None, None) => {
                        let notes = [
                            (row.held, "held until the end of quiet hours"),
                            (row.asked_for_zone, "then asked for their time zone, unless asked in the last 30 days"),
                        ];
                        let notes: Vec<_> =
                            notes.into_iter().filter(|(is_so, _)| *is_so).map(|(_, note)| note).collect();
                        notes.join("; ")
                    }
                };
                let address = row.address.as_deref().unwrap_or_default();
                vec![
                    one_line(&row.recipient, 40),
                    one_line(address, 40),
                    times::civil(row.local),
                    row.zone.name().to_owned(),
                    says,
                ]
            })
            .collect();
        self.screen.data("");
        self.screen.table(&["RECIPIENT", "ADDRESS", "LOCAL TIME", "ZONE", ""], &rows);
        if self.rows.len() > limit {
            self.screen.say(format!("{} more; see them with --limit", self.rows.len() - limit));
        }
    }

    /// The message as the first of those listed gets it.
    fn message(&self) {
        let Some((row, text)) =
            self.rows.iter().find_map(|row| Some((row, row.text.as_ref().or(row.summary.as_ref())?)))
        else {
            return;
        };
        let lines: Vec<_> = text.trim_end().lines().map(|line| format!("  {line}").trim_end().to_owned()).collect();
        let what = if row.card.is_some() { "gets a card, announced as" } else { "gets" };
        self.screen.data(format!("\n{} {what}:\n{}", one_line(&row.recipient, 60), lines.join("\n")));
    }
}
