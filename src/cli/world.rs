//! What commands that look ahead know: the schedules as they stand in the files, and the people as far as anybody knows
//! them.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::NaiveDateTime;
use chrono_tz::Tz;
use clap::Args;

use crate::adapter::files::{read_directory, read_named, read_text};
use crate::adapter::zones::ZoneData;
use crate::cli::desk::NobodyToAsk;
use crate::cli::ledger::Ledger;
use crate::cli::problems::{FILES_SHOWN, more_files, show};
use crate::cli::screen::Screen;
use crate::cli::{Common, Exit, desk, settings};
use crate::config::Config;
use crate::domain::conversation::{ChannelPlace, Standing, team_group};
use crate::domain::delivery::Reason;
use crate::domain::import;
use crate::domain::plan::{PlannedWave, WaveRecipients};
use crate::domain::problem::Severity;
use crate::domain::quiet::QuietHours;
use crate::domain::rate::PER_TENANT_PER_SECOND;
use crate::domain::recipient::{Address, AddressKind, PersonRecord, ServiceOrigin, ZoneSource};
use crate::domain::schedule::model::{Schedule, Target};
use crate::domain::schedule::parse::{self, KnownNames};
use crate::domain::template::Template;
use crate::engine::desk::nobody;
use crate::port::desk::{DeskError, PersonView, Reach, Service};
use crate::port::library::Shelf;

/// Where to look.
#[derive(Debug, Args)]
pub(super) struct Sources {
    /// Read these schedule files, without a daemon or a store
    #[arg(long, value_name = "DIR")]
    pub(super) schedules: Option<PathBuf>,
    /// Take the people from this file, as `people import` reads it, without a daemon or a store
    #[arg(long, value_name = "FILE")]
    pub(super) people: Option<PathBuf>,
}

/// Schedules and people.
pub(super) struct World {
    pub(super) schedules: Vec<Arc<Schedule>>,
    pub(super) crowd: Crowd,
    /// How to stop a message whose schedule does not say it.
    pub(super) house_stop: Option<Template>,
    /// The quiet hours of the configuration.
    pub(super) house_quiet_hours: Vec<QuietHours>,
    /// Whether a file was left out for what is wrong with it.
    pub(super) is_incomplete: bool,
    /// What happened so far and what was ordered; `None` where the files and the people were given.
    pub(super) ledger: Option<Ledger>,
}

impl World {
    /// Reads the files, and asks for the people and the ledger where a file or a configuration says where they are. Of the
    /// ledger, `about` one schedule alone where there is one.
    pub(super) async fn look(
        screen: Screen,
        common: &Common,
        sources: &Sources,
        about: Option<&str>,
    ) -> Result<Self, Exit> {
        let on_files_alone = sources.schedules.is_some() && common.config.is_none();
        let config = if on_files_alone { None } else { settings::load_if_any(screen, common)? };
        let files = match (&sources.schedules, &config) {
            (Some(named), _) => read_named(named),
            (None, Some(config)) => read_directory(&config.schedules),
            (None, None) => read_directory(Path::new("schedules")),
        };
        let (schedules, is_incomplete) = read_schedules(screen, &files);
        let (crowd, ledger) = match (&sources.people, &config) {
            (Some(file), _) => (Crowd::of_file(screen, file, config.as_ref())?, None),
            (None, Some(config)) => ask(config, about).await.map_err(|nobody| nobody.say(screen))?,
            (None, None) => (Crowd::nobody(), None),
        };
        if ledger.is_none() {
            screen.say("no ledger is looked at: who stopped, what is paused, cancelled or sent already");
        }
        let crowd = crowd.with_conversations_of(&schedules);
        let (house_stop, house_quiet_hours) =
            config.map_or((None, Vec::new()), |config| (config.stop, config.quiet_hours));
        Ok(Self { schedules, crowd, house_stop, house_quiet_hours, is_incomplete, ledger })
    }

    /// Why nobody gets any more of an occurrence, where that is so.
    pub(super) fn over_for(&self, schedule: &Schedule, occurrence: NaiveDateTime) -> Option<Reason> {
        if self.ledger.as_ref().is_some_and(|ledger| ledger.is_cancelled(schedule.name.as_str(), occurrence)) {
            return Some(Reason::CancelledByOperator);
        }
        self.crowd.is_too_many(schedule).then_some(Reason::TooManyPeople)
    }
}

/// The people and the ledger, as the daemon or the store knows them. Before the first start nobody is known.
async fn ask(config: &Config, about: Option<&str>) -> Result<(Crowd, Option<Ledger>), NobodyToAsk> {
    let Some(any) = desk::reach_if_any(config).await? else { return Ok((Crowd::empty(config), None)) };
    let asked = async {
        let people = any.desk.people().await?.people;
        Ok((Crowd { people, ..Crowd::empty(config) }, Some(Ledger::ask(any.desk.as_ref(), about).await?)))
    };
    let asked: Result<_, DeskError> = asked.await;
    any.close().await;
    Ok(asked?)
}

/// The people, as far as anybody knows them.
pub(super) struct Crowd {
    pub(super) people: Vec<PersonView>,
    /// The zone of people of whom none is known.
    pub(super) fallback_zone: Tz,
    /// How many messages a second the bot may send to one tenant.
    pub(super) per_second: usize,
}

impl Crowd {
    pub(super) fn nobody() -> Self {
        Self { people: Vec::new(), fallback_zone: Tz::UTC, per_second: PER_TENANT_PER_SECOND }
    }

    /// The people of a file, in the circumstances of a configuration.
    pub(super) fn of_file(screen: Screen, file: &Path, config: Option<&Config>) -> Result<Self, Exit> {
        let mut crowd = config.map_or_else(Self::nobody, Self::empty);
        crowd.people = read_people(screen, file, crowd.fallback_zone)?;
        Ok(crowd)
    }

    /// The people whom the daemon or the store knows.
    pub(super) async fn known(config: &Config) -> Result<Self, NobodyToAsk> {
        let Some(any) = desk::reach_if_any(config).await? else { return Ok(Self::empty(config)) };
        let asked = any.desk.people().await;
        any.close().await;
        let people = asked?.people;
        Ok(Self { people, ..Self::empty(config) })
    }

    fn empty(config: &Config) -> Self {
        Self {
            people: Vec::new(),
            fallback_zone: config.fallback_zone,
            per_second: config.limits.per_tenant_per_second,
        }
    }

    /// With the channels and chats that schedules name by their ids: to write there, nothing else need be known.
    fn with_conversations_of(mut self, schedules: &[Arc<Schedule>]) -> Self {
        for target in schedules.iter().flat_map(|schedule| &schedule.audience.to) {
            let Target::Conversation(address) = target else { continue };
            let is_known = |person: &PersonView| person.addresses.iter().any(|known| known == address.as_str());
            if address.kind() == AddressKind::Conversation && !self.people.iter().any(is_known) {
                self.people.push(view(PersonRecord::of_conversation(address), self.fallback_zone));
            }
        }
        self
    }

    /// The zones in which people live, or the fallback zone where nobody is known.
    pub(super) fn zones(&self) -> Vec<Tz> {
        let mut zones: Vec<Tz> = self.people.iter().map(|person| person.zone).collect();
        if zones.is_empty() {
            zones.push(self.fallback_zone);
        }
        zones.sort_by_key(|zone| zone.name());
        zones.dedup();
        zones
    }

    /// The recipients of the audience whom a wave reaches.
    pub(super) fn reached<'a>(
        &'a self,
        schedule: &'a Schedule,
        wave: &'a PlannedWave,
    ) -> impl Iterator<Item = &'a PersonView> {
        let is_there = |person: &&PersonView| match wave.recipients {
            WaveRecipients::All | WaveRecipients::Invited => true,
            WaveRecipients::OfZone => person.zone == wave.zone,
        };
        self.people.iter().filter(is_there).filter(|person| includes(schedule, person))
    }

    /// By what people are known whom more than a schedule speaks of.
    pub(super) fn known_names(&self) -> KnownNames<'_> {
        let met = || self.people.iter().filter(|person| person.is_met());
        KnownNames {
            addresses: met().flat_map(|person| &person.addresses).map(String::as_str).collect(),
            groups: met().flat_map(|person| &person.groups).map(String::as_str).collect(),
        }
    }

    /// How many people the schedule speaks to, whatever becomes of it for each.
    fn audience(&self, schedule: &Schedule) -> usize {
        let known = self.people.iter().filter(|person| includes(schedule, person)).count();
        known + self.strangers(schedule).count()
    }

    /// Says which groups and teams the schedules name in which nobody is known to be: a slip of the pen, perhaps. Where nobody
    /// is known at all, that says nothing.
    pub(super) fn tell_empty_targets<'a>(&self, screen: Screen, schedules: impl Iterator<Item = &'a Schedule>) {
        if self.people.is_empty() {
            return;
        }
        let groups: HashSet<&str> = self.people.iter().flat_map(|it| &it.groups).map(String::as_str).collect();
        let is_empty = |target: &&Target| match target {
            Target::Group(group) => !groups.contains(group.as_str()),
            Target::Team(team) => !groups.contains(team_group(team).as_str()),
            Target::Everyone | Target::Person(_) | Target::Conversation(_) | Target::Event(_) => false,
        };
        let named = schedules.flat_map(|schedule| schedule.audience.to.iter().map(move |target| (schedule, target)));
        let empty: Vec<_> = named.filter(|(_, target)| is_empty(target)).collect();
        for (schedule, target) in empty.iter().take(FILES_SHOWN) {
            screen.say(format!("\"{}\" speaks to {target}, and nobody is known to be in it", schedule.name));
        }
        if empty.len() > FILES_SHOWN {
            screen.say(format!("{} more speak to groups or teams in which nobody is known", empty.len() - FILES_SHOWN));
        }
    }

    /// Whether the schedule speaks to more people than it may.
    pub(super) fn is_too_many(&self, schedule: &Schedule) -> bool {
        schedule.policies.max_people.is_some_and(|most| self.audience(schedule) > most.get() as usize)
    }

    /// Those whom the schedule names and nobody knows.
    pub(super) fn strangers<'a>(&'a self, schedule: &'a Schedule) -> impl Iterator<Item = &'a Address> {
        let is_known = |address: &Address| {
            self.people.iter().any(|person| person.addresses.iter().any(|known| known == address.as_str()))
        };
        let named = schedule.audience.to.iter().filter_map(|target| match target {
            Target::Person(address) | Target::Conversation(address) => Some(address),
            Target::Everyone | Target::Group(_) | Target::Team(_) | Target::Event(_) => None,
        });
        named.filter(move |address| !is_known(address) && !schedule.audience.except_people.contains(address))
    }

    /// Who is meant by `who`: an address or a name.
    pub(super) fn find(&self, screen: Screen, who: &str) -> Result<&PersonView, Exit> {
        let address = Address::new(who);
        let is_meant = |person: &&PersonView| {
            let has_address =
                address.as_ref().is_some_and(|address| person.addresses.iter().any(|known| known == address.as_str()));
            has_address || person.name.eq_ignore_ascii_case(who)
        };
        self.people.iter().find(is_meant).ok_or_else(|| {
            screen.error(nobody(who, self.people.iter().flat_map(PersonView::names)));
            Exit::Failed
        })
    }
}

pub(super) fn includes(schedule: &Schedule, person: &PersonView) -> bool {
    let addresses: Vec<_> = person.addresses.iter().filter_map(|address| Address::new(address)).collect();
    schedule.audience.includes(person.is_one_of_everyone(), &addresses, &person.groups)
}

/// The schedules that can be read, and whether there are others. What is wrong with those is said.
fn read_schedules(screen: Screen, found: &Shelf) -> (Vec<Arc<Schedule>>, bool) {
    let supplies = found.understand(&ZoneData::newest());
    let mut wrong: Vec<String> = found.unreadable.iter().map(ToString::to_string).collect();
    let mut schedules = Vec::new();
    for source in &found.files {
        match parse::accept(source, &supplies) {
            Ok(accepted) => schedules.extend(accepted.schedules.into_iter().map(Arc::new)),
            Err(problems) => {
                let errors = problems.iter().filter(|problem| problem.severity() == Severity::Error).count();
                wrong.push(format!("{} is left out: {errors} to mend; see `nudged check`", source.name));
            }
        }
    }
    for line in wrong.iter().take(FILES_SHOWN) {
        screen.error(line);
    }
    if let Some(more) = more_files(wrong.len()) {
        screen.error(format!("left out: {more}"));
    }
    (schedules, !wrong.is_empty())
}

fn read_people(screen: Screen, file: &Path, fallback_zone: Tz) -> Result<Vec<PersonView>, Exit> {
    let source = read_text(file).map_err(|error| {
        screen.error(error.to_string());
        Exit::Failed
    })?;
    let (records, problems) = import::people(&source);
    if !problems.is_empty() {
        let talk = Screen { json: false };
        show(talk, &source, &problems);
        return Err(Exit::Invalid);
    }
    Ok(records.into_iter().map(|record| view(record, fallback_zone)).collect())
}

/// A recipient as the store would know them after an import.
fn view(record: PersonRecord, fallback_zone: Tz) -> PersonView {
    let reach = match record.reference.route(record.kind, Some("home")) {
        None => Reach::NoReference,
        Some(_) if record.reference.conversation_id.is_some() => Reach::Conversation,
        Some(_) => Reach::CanBeCreated,
    };
    // Schedules may name a conversation by its id as well.
    let by_id = record.reference.conversation_id.as_deref().and_then(Address::new);
    let by_id = by_id.filter(|address| !record.addresses.contains(address));
    let addresses: Vec<_> = record.addresses.iter().chain(&by_id).map(ToString::to_string).collect();
    let title = record.channel.as_ref().and_then(ChannelPlace::title);
    PersonView {
        kind: record.kind,
        name: record.name.or(title).or_else(|| addresses.first().cloned()).unwrap_or_default(),
        addresses,
        zone: record.zone.unwrap_or(fallback_zone),
        zone_source: if record.zone.is_some() { ZoneSource::Operator } else { ZoneSource::Fallback },
        language: record.language,
        details: record.details,
        groups: record.groups.unwrap_or_default(),
        is_only_named: record.kept.as_ref().is_some_and(|kept| !kept.is_known),
        standing: Standing::Member,
        service: record.reference.service_url.map(|url| Service { url, origin: ServiceOrigin::Imported }),
        reach,
        stops: record.kept.map(|kept| kept.stops).unwrap_or_default(),
    }
}
