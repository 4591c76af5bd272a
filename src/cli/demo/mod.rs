//! `nudged demo`: the main job in one command. The real daemon, a real SQLite file, real HTTP to the emulator, the
//! shipped schedules, people around the globe; only the hours go by faster.

mod shipped;

use std::collections::HashMap;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use clap::Args;

use crate::adapter::clock::{AcceleratedClock, SystemClock};
use crate::adapter::entropy::SystemEntropy;
use crate::adapter::files::{DirectoryLibrary, read_directory};
use crate::adapter::ticker::CronTicker;
use crate::adapter::zones::ZoneData;
use crate::cli::screen::{Screen, one_line};
use crate::cli::{Ended, Exit, desk, status, times};
use crate::config::{Bot, BotCredential, BotKind, Config, Limits, Log, LogFormat, LogLevel};
use crate::daemon::{Daemon, Outside};
use crate::domain::cloud::Cloud;
use crate::domain::delivery::State;
use crate::domain::import;
use crate::domain::ladder::HouseZones;
use crate::domain::problem::Source;
use crate::domain::recipient::PersonRecord;
use crate::domain::time::ZoneRules;
use crate::emulator::{self, Emulator, ReceivedMessage};
use crate::port::clock::Clock;
use crate::port::desk::{OccurrenceStatus, Status};
use crate::port::library::Library;
use crate::port::store::StatusQuery;

use shipped::ShippedSchedules;

/// The day that goes by. It begins while it is still Sunday in most places, so that Monday morning comes to everybody:
/// first to those just west of the date line, last to those just east of it.
const BEGINS_AT: &str = "2027-02-28T17:00:00Z";
const HOURS: u32 = 30;
/// How many seconds of the day go by in one of ours: the thirty hours take 48 s.
const SPEED: u32 = 2250;

#[derive(Debug, Args)]
#[command(after_help = "It is Monday, 1 March 2027, all around the globe. Nothing leaves this machine.")]
pub(super) struct DemoArgs {
    /// Use the schedules of this directory instead of the shipped ones
    #[arg(long, value_name = "DIR")]
    schedules: Option<PathBuf>,
    /// Use the true clock, and go on until Ctrl-C
    #[arg(long)]
    real_time: bool,
}

pub(super) async fn run(screen: Screen, args: &DemoArgs) -> Ended {
    if let Some(directory) = &args.schedules {
        must_have_schedules(screen, directory)?;
    }
    let directory = std::env::temp_dir().join(format!("nudged-demo-{}", std::process::id()));
    let ended = go(screen, args, &directory).await;
    if let Err(error) = std::fs::remove_dir_all(&directory) {
        screen.say(format!("{} could not be removed: {error}", directory.display()));
    }
    ended
}

/// A day on which nothing could happen is none to look at.
fn must_have_schedules(screen: Screen, directory: &Path) -> Result<(), Exit> {
    let found = read_directory(directory);
    if !found.files.is_empty() {
        return Ok(());
    }
    let why = found.unreadable.first().map_or_else(
        || format!("no schedule file is in {}; their names end with .toml", directory.display()),
        ToString::to_string,
    );
    screen.error(why);
    Err(Exit::Failed)
}

async fn go(screen: Screen, args: &DemoArgs, directory: &Path) -> Ended {
    let failed = |what: &str, error: &dyn std::fmt::Display| {
        screen.error(format!("{what}: {error}"));
        Exit::Failed
    };
    let begins_at: DateTime<Utc> = BEGINS_AT.parse().map_err(|error| failed("the demo's date", &error))?;
    let ends_at = begins_at + TimeDelta::hours(i64::from(HOURS));
    let clock: Arc<dyn Clock> =
        if args.real_time { Arc::new(SystemClock::new()) } else { Arc::new(AcceleratedClock::new(begins_at, SPEED)) };

    std::fs::create_dir_all(directory).map_err(|error| failed("a place for the demo", &error))?;
    let settings = emulator::Settings::default();
    let config = config(&settings, directory);
    write_secret(&secret_file(directory), &settings.app_secret).map_err(|error| failed("the secret", &error))?;
    let emulator =
        Emulator::start(settings, Arc::clone(&clock)).await.map_err(|error| failed("the emulator", &error))?;
    let config = aimed_at(config, &emulator)?;

    let zones = Arc::new(ZoneData::newest());
    let library: Arc<dyn Library> = match &args.schedules {
        Some(directory) => Arc::new(DirectoryLibrary::new(directory.clone())),
        None => Arc::new(ShippedSchedules),
    };
    let outside = Outside {
        clock: Arc::clone(&clock),
        entropy: Arc::new(SystemEntropy),
        zones: zones.clone(),
        library,
        files: None,
        ticker: Arc::new(CronTicker::default()),
    };
    let daemon = Daemon::start(&config, outside).await.map_err(|error| failed("the daemon", &error))?;
    let people = people();
    let show = Show { screen, rules: zones, people: by_teams_id(&people) };
    let desk = daemon.desk();
    desk.import_people(people.clone()).await.map_err(|error| desk::failed(screen, &error))?;
    show.curtain(&people, args, &daemon);

    let mut arrivals = emulator.watch();
    let mut seen = 0;
    let the_end = async {
        if args.real_time {
            // Without a way to be told, it ends at once rather than never.
            let _ = tokio::signal::ctrl_c().await;
        } else {
            clock.sleep_until(ends_at).await;
        }
    };
    tokio::pin!(the_end);
    loop {
        tokio::select! {
            () = &mut the_end => break,
            changed = arrivals.changed() => if changed.is_err() { break },
        }
        seen = show.new_messages(&emulator, seen);
    }
    show.new_messages(&emulator, seen);

    let status = desk.status(StatusQuery::default()).await.map_err(|error| desk::failed(screen, &error))?;
    let figures = emulator.figures();
    daemon.stop().await;
    emulator.stop().await;
    let adds_up = show.summary(&status, figures.messages_taken);
    Ok(if adds_up { Exit::Done } else { Exit::Failed })
}

fn secret_file(directory: &Path) -> PathBuf {
    directory.join("bot-secret")
}

/// Even that of a stand-in: the daemon says so of any secret that everybody can read.
fn write_secret(path: &Path, secret: &str) -> io::Result<()> {
    OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?.write_all(secret.as_bytes())
}

fn config(settings: &emulator::Settings, directory: &Path) -> Config {
    let nowhere = || url::Url::parse("http://127.0.0.1/").expect("this is a URL");
    Config {
        state_dir: directory.join("state"),
        schedules: directory.join("schedules"),
        socket: directory.join("nudged.sock"),
        fallback_zone: Tz::UTC,
        zones: HouseZones::default(),
        bot: Bot {
            app_id: settings.app_id.clone(),
            tenant_id: settings.tenant_id.clone(),
            kind: BotKind::SingleTenant,
            cloud: Cloud::Public,
            credential: BotCredential::Secret { file: Some(secret_file(directory)), expires_on: None },
            login_url: nowhere(),
            scope: Cloud::Public.addresses().scope.to_owned(),
            service_url: None,
            trusted_hosts: Vec::new(),
        },
        endpoint: None,
        admin: None,
        limits: Limits {
            per_tenant_per_second: 50,
            senders: 64,
            per_person_per_day: None,
            request_timeout: Duration::from_mins(1),
        },
        quiet_hours: Vec::new(),
        keep_attempts: Duration::from_hours(24 * 90),
        backups: None,
        stop: None,
        log: Log { format: LogFormat::Auto, level: LogLevel::Warn, shows_people: false },
    }
}

fn aimed_at(mut config: Config, emulator: &Emulator) -> Result<Config, Exit> {
    let parse = |text: String| url::Url::parse(&text).map_err(|_| Exit::Failed);
    config.bot.login_url = parse(emulator.base_url())?;
    config.bot.service_url = Some(parse(emulator.service_url())?);
    config.bot.trusted_hosts = vec![emulator.address().to_string()];
    Ok(config)
}

fn people() -> Vec<PersonRecord> {
    let source = Source::new("people.csv", include_str!("people.csv"));
    import::people(&source).0
}

fn by_teams_id(people: &[PersonRecord]) -> HashMap<String, PersonRecord> {
    people.iter().filter_map(|person| Some((person.reference.user_id.clone()?, person.clone()))).collect()
}

struct Show {
    screen: Screen,
    rules: Arc<ZoneData>,
    people: HashMap<String, PersonRecord>,
}

impl Show {
    fn curtain(&self, people: &[PersonRecord], args: &DemoArgs, daemon: &Daemon) {
        let zones: std::collections::BTreeSet<_> =
            people.iter().filter_map(|person| person.zone).map(Tz::name).collect();
        let pace = if args.real_time {
            "on the true clock; Ctrl-C ends it".to_owned()
        } else {
            format!("{HOURS} hours in {} seconds", HOURS * 3600 / SPEED)
        };
        self.screen.say(format!("{} people in {} zones, {pace}\n", people.len(), zones.len()));
        for file in daemon.held_back() {
            self.screen.say(format!("held back: {}: {}", file.file, file.problems.join(", ")));
        }
    }

    /// Shows what has arrived after message `seen`, and returns the number of the last one shown.
    fn new_messages(&self, emulator: &Emulator, seen: u64) -> u64 {
        let arrived = emulator.messages_after(seen, usize::MAX);
        for message in &arrived {
            self.screen.data(self.line(message));
        }
        arrived.last().map_or(seen, |message| message.seq)
    }

    /// Local time, zone, UTC, name, text.
    fn line(&self, message: &ReceivedMessage) -> String {
        let person = message.user_id.as_ref().and_then(|id| self.people.get(id));
        let zone = person.and_then(|person| person.zone).unwrap_or(Tz::UTC);
        let name = person.and_then(|person| person.name.as_deref()).unwrap_or("?");
        // Of a card one sees what a notification shows.
        let text = match (&message.text, &message.summary) {
            (Some(text), _) => one_line(text, 90),
            (None, Some(summary)) => format!("[card] {}", one_line(summary, 83)),
            (None, None) => String::new(),
        };
        format!(
            "{}  {:<20}  {}  {:<18}  {text}",
            self.rules.civil(message.arrived_at, zone).format("%a %H:%M"),
            zone.name(),
            message.arrived_at.format("%H:%MZ"),
            name,
        )
    }

    /// What became of everything, and whether it adds up.
    fn summary(&self, status: &Status, messages_taken: u64) -> bool {
        let began: Vec<OccurrenceStatus> = status
            .occurrences
            .iter()
            .filter(|occurrence| occurrence.counts.keys().any(|state| *state != State::Planned))
            .cloned()
            .collect();
        self.screen.data(format!("\nUp to {}:", times::utc(status.now)));
        self.screen.data(status::occurrences(&began, None, self.rules.as_ref()));
        let audience: u64 = began.iter().map(|occurrence| occurrence.audience).sum();
        let in_states: u64 = began.iter().flat_map(|occurrence| occurrence.counts.values()).sum();
        let sent: u64 = began.iter().filter_map(|occurrence| occurrence.counts.get(&State::Sent)).sum();
        let adds_up = began.iter().all(|occurrence| occurrence.counts.values().sum::<u64>() == occurrence.audience)
            && sent == messages_taken
            && sent > 0;
        let verdict = if adds_up { "it adds up" } else { "IT DOES NOT ADD UP" };
        self.screen.data(format!(
            "\n{audience} deliveries in {} occurrences, {in_states} in exactly one state, {sent} sent, \
             {messages_taken} received by the stand-in for Teams: {verdict}",
            began.len()
        ));
        adds_up
    }
}
