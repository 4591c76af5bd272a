//! `nudged.toml`, checked once into values that cannot be wrong.
//!
//! Reading it is pure: the directory it stands in and the environment come in as values. Secrets are not read here;
//! the configuration only says in which file they are, and never holds one itself.

// `[backup]`.
mod backup;
mod bot;
// `[endpoint]` and `[admin]`.
mod listeners;
// What it says of zones.
mod zones;

use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono_tz::Tz;

pub use backup::Backups;
pub use bot::{Bot, BotCredential, BotKind, IdentityService};
pub use listeners::{Admin, Endpoint, Tenants};

use crate::domain::document::{self, Placed, Table, quiet};
use crate::domain::ladder::HouseZones;
use crate::domain::problem::{Code, Problem, Severity, Source};
use crate::domain::quiet::QuietHours;
use crate::domain::rate::PER_TENANT_PER_SECOND;
use crate::domain::template::{Form, Template};

/// Everything an operator decides.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where the store lives.
    pub state_dir: PathBuf,
    /// The directory of the schedule files.
    pub schedules: PathBuf,
    /// The socket on which the daemon answers the commands.
    pub socket: PathBuf,
    /// The zone of people of whom none is known.
    pub fallback_zone: Tz,
    /// The zones of groups, and how long a Teams client is believed.
    pub zones: HouseZones,
    pub bot: Bot,
    /// Where Teams calls the bot; `None` where it does not.
    pub endpoint: Option<Endpoint>,
    /// Where programs on this machine may call; `None` where only the socket answers.
    pub admin: Option<Admin>,
    pub limits: Limits,
    /// When nobody is to be disturbed, on each recipient's own clock, except by what is critical.
    pub quiet_hours: Vec<QuietHours>,
    /// How long attempts are kept.
    pub keep_attempts: Duration,
    /// Where the daily backups go; `None` where there are none.
    pub backups: Option<Backups>,
    /// How to stop a message whose schedule does not say it.
    pub stop: Option<Template>,
    pub log: Log,
}

/// How fast, and how patient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Requests a second for one tenant, all conversations together.
    pub per_tenant_per_second: usize,
    /// Requests under way at most.
    pub senders: usize,
    /// Messages that a person may get on one day of their own calendar; `None` for as many as there are.
    pub per_person_per_day: Option<u32>,
    /// From the first byte of a request to the last of its answer.
    pub request_timeout: Duration,
}

/// What is logged, and how it looks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    pub format: LogFormat,
    pub level: LogLevel,
    /// Whether addresses and ids of people stand in it as they are.
    pub shows_people: bool,
}

/// How a line of the log looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// To the journal where the service manager leads there, else for people.
    Auto,
    /// To the journal, with a field for each value.
    Journal,
    Human,
    Json,
}

/// From which level on lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

impl LogLevel {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            LogLevel::Error => "error",
            LogLevel::Warn => "warn",
            LogLevel::Info => "info",
            LogLevel::Debug => "debug",
            LogLevel::Trace => "trace",
        }
    }
}

/// A configuration, and what is odd but not wrong in it.
pub type Checked = (Config, Vec<Problem>);

impl Config {
    /// Reads and checks `source`, which stands in `directory`. `env` looks up environment variables: those by which
    /// the service manager tells a service its directories.
    pub fn parse(
        source: &Source,
        directory: &Path,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Checked, Vec<Problem>> {
        let (config, problems) = document::read(&source.text, |document| {
            let mut root = document.root();
            let config = read(&mut root, directory, env);
            root.finish(LATER);
            config
        });
        match config {
            Some(config) if problems.iter().all(|problem| problem.severity() == Severity::Warning) => {
                Ok((config, problems))
            }
            Some(_) | None => Err(problems),
        }
    }
}

/// Keys that are promised but not there yet.
const LATER: &[&str] = &["cards", "calendars"];

/// Where the configuration of an installed nudged is.
const INSTALLED: &str = "/etc/nudged";

const ZONE_HELP: &str = "add the zone of people of whom none is known, such as fallback_zone = \"Europe/Berlin\"";

fn read(root: &mut Table<'_>, directory: &Path, env: &dyn Fn(&str) -> Option<String>) -> Option<Config> {
    let path = |given: Option<Placed<&str>>| given.map(|given| directory.join(given.value));
    // systemd may name several directories, separated by colons; the first one is the service's own.
    let from_env = |name: &str| env(name).and_then(|dirs| dirs.split(':').next().map(PathBuf::from));
    // An installed nudged has its places, and the commands that an operator types must find the daemon there without
    // the service manager's help.
    let installed = |place: &str| (directory == Path::new(INSTALLED)).then(|| PathBuf::from(place));
    let state_dir = path(root.text("state_dir"))
        .or_else(|| from_env("STATE_DIRECTORY"))
        .or_else(|| installed("/var/lib/nudged"))
        .unwrap_or_else(|| directory.join("state"));
    let schedules = path(root.text("schedules")).unwrap_or_else(|| directory.join("schedules"));
    let socket = path(root.text("socket"))
        .or_else(|| from_env("RUNTIME_DIRECTORY").map(|dir| dir.join("nudged.sock")))
        .or_else(|| installed("/run/nudged/nudged.sock"))
        .unwrap_or_else(|| state_dir.join("nudged.sock"));
    let fallback_zone = root.zone("fallback_zone");
    let zones = zones::read(root);
    root.missing("fallback_zone", "`fallback_zone` is missing", ZONE_HELP);
    root.missing("bot", "it does not say who the bot is", "add [bot] with app_id and tenant_id below it");
    let bot = root.table("bot").and_then(|mut table| {
        let bot = bot::read(&mut table, directory, env);
        table.finish(&[]);
        bot
    });
    let endpoint = root.table("endpoint").map(|mut table| {
        let endpoint = listeners::read_endpoint(&mut table);
        table.finish(&[]);
        endpoint
    });
    let admin = root.table("admin").map(|mut table| {
        let admin = listeners::read_admin(&mut table, directory);
        table.finish(&[]);
        admin
    });
    let limits = read_limits(root);
    let quiet_hours = root.value("quiet_hours").and_then(|value| quiet::read(&value)).unwrap_or_default();
    let keep_attempts = read_retention(root);
    let backups = root.table("backup").map(|mut table| {
        let backups = backup::read(&mut table, directory);
        table.finish(&[]);
        backups
    });
    let stop = read_messages(root);
    let log = read_log(root);
    Some(Config {
        state_dir,
        schedules,
        socket,
        fallback_zone: fallback_zone?.value,
        zones,
        bot: bot?,
        // Absent is right; wrong is wrong.
        endpoint: match endpoint {
            Some(read) => Some(read?),
            None => None,
        },
        admin: match admin {
            Some(read) => Some(read?),
            None => None,
        },
        limits,
        quiet_hours,
        keep_attempts,
        backups: match backups {
            Some(read) => Some(read?),
            None => None,
        },
        stop,
        log,
    })
}

fn read_limits(root: &mut Table<'_>) -> Limits {
    let default = Limits {
        per_tenant_per_second: PER_TENANT_PER_SECOND,
        senders: 64,
        per_person_per_day: None,
        request_timeout: Duration::from_mins(1),
    };
    let Some(mut table) = root.table("limits") else { return default };
    let count = |placed: Option<Placed<i64>>, default: usize| {
        placed.and_then(|placed| usize::try_from(placed.value).ok()).unwrap_or(default)
    };
    let limits = Limits {
        per_tenant_per_second: count(
            table.integer("per_tenant_per_second", 1..=1_000_000),
            default.per_tenant_per_second,
        ),
        senders: count(table.integer("senders", 1..=1024), default.senders),
        per_person_per_day: table
            .integer("per_person_per_day", 1..=10_000)
            .and_then(|most| u32::try_from(most.value).ok()),
        request_timeout: match table.time_span("request_timeout") {
            // The lease of a claim is five minutes, and a request must end well before it.
            Some(span) if (Duration::from_millis(10)..=Duration::from_mins(2)).contains(&span.value) => span.value,
            Some(span) => {
                table.report(
                    Problem::new(Code::BadSetting, span.span, "`request_timeout` must not be longer than 2 minutes")
                        .with_help("write request_timeout = \"60s\""),
                );
                default.request_timeout
            }
            None => default.request_timeout,
        },
    };
    table.finish(&[]);
    limits
}

fn read_retention(root: &mut Table<'_>) -> Duration {
    const DEFAULT: Duration = Duration::from_hours(90 * 24);
    let Some(mut table) = root.table("retention") else { return DEFAULT };
    let attempts = table.time_span("attempts").map_or(DEFAULT, |span| span.value);
    table.finish(&[]);
    attempts
}

/// Nothing is said where nothing is written: what nudged can't do, it does not promise.
fn read_messages(root: &mut Table<'_>) -> Option<Template> {
    let mut table = root.table("messages")?;
    let stop = match (table.text("stop"), table.value("stop")) {
        (Some(text), Some(value)) => Template::read(text.value, Form::Markdown, |range| value.part(range))
            .map_err(|problems| problems.into_iter().for_each(|problem| table.report(problem)))
            .ok(),
        _ => None,
    };
    table.finish(&["say"]);
    stop
}

fn read_log(root: &mut Table<'_>) -> Log {
    let formats = [
        ("auto", LogFormat::Auto),
        ("journal", LogFormat::Journal),
        ("human", LogFormat::Human),
        ("json", LogFormat::Json),
    ];
    let people = [("masked", false), ("shown", true)];
    let levels = [LogLevel::Error, LogLevel::Warn, LogLevel::Info, LogLevel::Debug, LogLevel::Trace]
        .map(|level| (level.as_str(), level));
    let mut log = Log { format: LogFormat::Auto, level: LogLevel::Info, shows_people: false };
    if let Some(mut table) = root.table("log") {
        log.format = table.word("format", &formats).map_or(log.format, |format| format.value);
        log.level = table.word("level", &levels).map_or(log.level, |level| level.value);
        log.shows_people = table.word("people", &people).map_or(log.shows_people, |people| people.value);
        table.finish(&[]);
    }
    log
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
fallback_zone = "Europe/Berlin"
[bot]
app_id = "99999999-8888-4777-8666-555555555555"
tenant_id = "11111111-2222-4333-8444-555555555555"
secret_file = "bot-secret"
"#;

    fn parse(text: &str, directory: &str, env: &[(&str, &str)]) -> Result<Config, Vec<String>> {
        let source = Source::new("nudged.toml", text);
        let env = |name: &str| env.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        Config::parse(&source, Path::new(directory), &env)
            .map(|(config, _)| config)
            .map_err(|problems| problems.iter().map(|problem| problem.line(&source)).collect())
    }

    #[test]
    fn defaults_are_beside_the_file() {
        let config = parse(GOOD, "/home/ana", &[]).expect("good");
        assert_eq!(config.state_dir, Path::new("/home/ana/state"));
        assert_eq!(config.socket, Path::new("/home/ana/state/nudged.sock"));
        assert_eq!(config.schedules, Path::new("/home/ana/schedules"));
        assert_eq!((config.limits.per_tenant_per_second, config.limits.senders), (50, 64));
    }

    #[test]
    fn a_stop_is_said_when_it_is_written() {
        let with = |text: &str| parse(&format!("{GOOD}[messages]\nstop = \"{text}\"\n"), "/", &[]);
        assert!(parse(GOOD, "/", &[]).expect("good").stop.is_none());
        let stop = with("Reply STOP, {{ person.first_name }}.").expect("good").stop.expect("it is written");
        assert_eq!(stop.as_str(), "Reply STOP, {{ person.first_name }}.");
        let problems = with("{{ person.firstname }}").expect_err("no such name");
        assert_eq!(
            problems,
            ["8:12: N131 unknown name `person.firstname` in the text; did you mean `person.first_name`?"]
        );
    }

    #[test]
    fn quiet_hours_and_the_daily_limit_are_the_operators() {
        let config = parse(GOOD, "/home/ana", &[]).expect("good");
        assert_eq!((config.quiet_hours, config.limits.per_person_per_day), (Vec::new(), None));
        let text = format!("quiet_hours = [\"20:00-08:00\"]\n{GOOD}[limits]\nper_person_per_day = 5\n");
        let config = parse(&text, "/home/ana", &[]).expect("good");
        let shown: Vec<_> = config.quiet_hours.iter().map(ToString::to_string).collect();
        assert_eq!((shown, config.limits.per_person_per_day), (vec!["20:00-08:00".to_owned()], Some(5)));
        let wrong = format!("quiet_hours = \"night\"\n{GOOD}[limits]\nper_person_per_day = 0\n");
        let problems = parse(&wrong, "/home/ana", &[]).expect_err("both are wrong");
        assert_eq!(problems.len(), 2, "{problems:?}");
    }

    #[test]
    fn people_are_masked_in_the_log_unless_it_is_said() {
        let log = |text: &str| parse(&format!("{GOOD}{text}"), "/", &[]).map(|config| config.log);
        assert!(!log("").expect("good").shows_people);
        let shown = log("[log]\nformat = \"journal\"\npeople = \"shown\"\n").expect("good");
        assert_eq!((shown.format, shown.shows_people), (LogFormat::Journal, true));
        log("[log]\npeople = \"some\"\n").expect_err("no such word");
    }

    #[test]
    fn backups_are_made_where_it_is_said() {
        assert_eq!(parse(GOOD, "/", &[]).expect("good").backups, None);
        let config = parse(&format!("{GOOD}[backup]\ndirectory = \"copies\"\n"), "/etc/nudged", &[]).expect("good");
        let backups = config.backups.expect("it is said");
        assert_eq!((backups.directory, backups.keep), (PathBuf::from("/etc/nudged/copies"), 7));
        let text = format!("{GOOD}[backup]\ndirectory = \"/copies\"\nkeep = 30\nat = 01:15:00\n");
        let backups = parse(&text, "/etc/nudged", &[]).expect("good").backups.expect("it is said");
        assert_eq!((backups.keep, backups.at.to_string()), (30, "01:15:00".to_owned()));
        let problems = parse(&format!("{GOOD}[backup]\nkeep = 0\nat = \"noon\"\n"), "/", &[]).expect_err("wrong");
        insta::assert_snapshot!(problems.join("\n"));
    }

    #[test]
    fn groups_have_zones_in_the_order_of_the_file() {
        let config = parse(GOOD, "/", &[]).expect("good");
        assert_eq!(config.zones, HouseZones::default());
        let groups = "[groups.warehouse]\nzone = \"Asia/Tokyo\"\n[groups.\"back office\"]\nzone = \"Europe/Paris\"\n";
        let text = format!("client_zone_max_age = \"30 days\"\n{GOOD}{groups}");
        let config = parse(&text, "/", &[]).expect("good");
        let of = |name: &str, zone| (name.to_owned(), zone);
        assert_eq!(config.zones.groups, [of("warehouse", Tz::Asia__Tokyo), of("back office", Tz::Europe__Paris)]);
        assert_eq!(config.zones.client_max_age, chrono::TimeDelta::days(30));
        let problems = parse(&format!("{GOOD}[groups.x]\nzon = \"Asia/Tokyo\"\n"), "/", &[]).expect_err("a slip");
        assert_eq!(
            problems,
            [
                "7:1: N004 the group `x` has no zone; write zone = \"Europe/Berlin\" below its header",
                "8:1: N003 unknown key `zon`; did you mean `zone`?"
            ]
        );
    }

    #[test]
    fn the_service_manager_says_where_things_are() {
        let without_secret = GOOD.replace("secret_file = \"bot-secret\"\n", "");
        let env = [
            ("STATE_DIRECTORY", "/var/lib/nudged"),
            ("RUNTIME_DIRECTORY", "/run/nudged"),
            ("CREDENTIALS_DIRECTORY", "/run/credentials/nudged.service"),
        ];
        let config = parse(&without_secret, "/etc/nudged", &env).expect("good");
        assert_eq!(config.state_dir, Path::new("/var/lib/nudged"));
        assert_eq!(config.socket, Path::new("/run/nudged/nudged.sock"));
        let secret = PathBuf::from("/run/credentials/nudged.service/bot-secret");
        assert_eq!(config.bot.credential, BotCredential::Secret { file: Some(secret), expires_on: None });
        // The operator's shell has none of these, and means the same daemon.
        let typed = parse(&without_secret, "/etc/nudged", &[]).expect("good");
        assert_eq!((typed.state_dir, typed.socket), (config.state_dir, config.socket));
    }

    #[test]
    fn everything_that_is_wrong_comes_at_once() {
        let text = r#"
fallback_zone = "Europe/Berlinn"
shedules = "x"
[bot]
app_id = "me"
secret = "hunter2"
login_url = "http://login.example"
trusted_hosts = ["a b"]
[limits]
senders = 0
request_timeout = "1h"
[log]
level = "loud"
"#;
        let problems = parse(text, "/home/ana", &[]).expect_err("all wrong");
        insta::assert_snapshot!(problems.join("\n"));
        assert!(!problems.join(" ").contains("hunter2"), "a secret never comes out again");
    }

    /// Each key that CONFIGURATION.md names is one that is read, below the header that it stands under.
    #[test]
    fn the_reference_names_no_key_that_nobody_reads() {
        let mut section = String::new();
        let mut keys = 0;
        for line in include_str!("../../CONFIGURATION.md").lines() {
            if let Some(heading) = line.strip_prefix("## ") {
                section = heading.strip_prefix('`').map_or_else(String::new, |rest| rest.replace('`', "\n"));
            }
            let Some(cell) = line.strip_prefix("| `").and_then(|line| line.split(" |").next()) else { continue };
            // `[groups.NAME]` `zone` brings its own header.
            let cell = cell.trim_end_matches('`').replace("` `", "\n");
            let text = format!("{section}{cell} = 0\n");
            let problems = parse(&text, "/", &[]).expect_err("it is not all of a configuration");
            assert!(problems.iter().all(|problem| !problem.contains("unknown key")), "{text}{problems:?}");
            keys += 1;
        }
        assert!(keys > 35, "the reference has {keys} keys");
        parse(GOOD, "/", &[]).expect("good");
    }
}
