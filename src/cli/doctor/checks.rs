//! What the facts mean. Each check is one function from facts to a finding and, where something is to be done, a cure.

use chrono::TimeDelta;
use serde::Serialize;

use super::facts::{CredentialSeen, DaemonSeen, Facts, LedgerSeen};
use crate::adapter::machine::{ClockKeeping, Room};
use crate::cli::times;
use crate::domain::credential::Nearness;
use crate::port::desk::{BackupStatus, EndpointStatus, Reach};
use crate::port::line::{LineReport, Step};
use crate::port::vitals::{CrowdFigures, Organ, Queue, reach_word};

/// How something was found, the better first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Found {
    /// It can't be looked at here, or is not used.
    Skip,
    Ok,
    Warn,
    /// Messages do not arrive, or certainly will not.
    Fail,
}

impl Found {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Found::Skip => "skip",
            Found::Ok => "ok",
            Found::Warn => "WARN",
            Found::Fail => "FAIL",
        }
    }
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Check {
    #[serde(rename = "check")]
    pub(super) name: &'static str,
    pub(super) found: Found,
    pub(super) finding: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cure: Option<String>,
}

impl Check {
    fn ok(name: &'static str, finding: impl Into<String>) -> Self {
        Self { name, found: Found::Ok, finding: finding.into(), cure: None }
    }

    fn skip(name: &'static str, finding: impl Into<String>) -> Self {
        Self { name, found: Found::Skip, finding: finding.into(), cure: None }
    }

    fn warn(name: &'static str, finding: impl Into<String>, cure: impl Into<String>) -> Self {
        Self { name, found: Found::Warn, finding: finding.into(), cure: Some(cure.into()) }
    }

    fn fail(name: &'static str, finding: impl Into<String>, cure: impl Into<String>) -> Self {
        Self { name, found: Found::Fail, finding: finding.into(), cure: Some(cure.into()) }
    }
}

/// All of them, in an order in which a person would look.
pub(super) fn judge(facts: &Facts) -> Vec<Check> {
    let mut checks = vec![daemon(facts), sending(facts), store(facts), space(facts), backup(facts), credential(facts)];
    checks.extend(line(facts));
    checks.extend([
        endpoint(facts),
        clock(facts),
        zone_data(facts),
        files(facts),
        paused(facts),
        queue(facts),
        people(facts),
    ]);
    checks
}

fn daemon(facts: &Facts) -> Check {
    const NAME: &str = "daemon";
    const RESTART: &str = "look into `journalctl -u nudged`, then `systemctl restart nudged`";
    match &facts.daemon {
        DaemonSeen::Runs { hangs: Some(organ), .. } => {
            let organ = match organ {
                Organ::Planner => "the planner",
                Organ::Senders => "a sender",
                Organ::Store => "the writer of the ledger",
                Organ::Dispatcher => "the dispatcher",
            };
            Check::fail(NAME, format!("{organ} hangs"), RESTART)
        }
        DaemonSeen::Runs { version, started_at, .. } => {
            Check::ok(NAME, format!("version {version}, runs since {}", times::utc(*started_at)))
        }
        DaemonSeen::Silent(why) => Check::fail(NAME, why, RESTART),
        DaemonSeen::Denied(why) => Check::fail(NAME, why, "`sudo nudged doctor`"),
        DaemonSeen::None => {
            Check::warn(NAME, "none runs, so nothing is sent", "`systemctl start nudged`, or `nudged run`")
        }
    }
}

fn sending(facts: &Facts) -> Check {
    const NAME: &str = "sending";
    match &facts.daemon {
        DaemonSeen::Runs { trouble: Some(trouble), .. } => {
            Check::fail(NAME, trouble, "the queue waits and goes on by itself once that is put right")
        }
        DaemonSeen::Runs { trouble: None, .. } => Check::ok(NAME, "nothing keeps the bot from sending"),
        DaemonSeen::Silent(_) | DaemonSeen::Denied(_) | DaemonSeen::None => {
            Check::skip(NAME, "only a running daemon knows")
        }
    }
}

fn store(facts: &Facts) -> Check {
    const NAME: &str = "ledger";
    match (&facts.ledger, &facts.daemon) {
        (Ok(_), _) => {
            let size = facts.ledger_bytes.map_or_else(String::new, |bytes| format!(", {}", bytes_in_words(bytes)));
            Check::ok(NAME, format!("it can be read and written{size}"))
        }
        (Err(why), DaemonSeen::Silent(_) | DaemonSeen::Denied(_)) => Check::skip(NAME, why),
        (Err(why), DaemonSeen::Runs { .. } | DaemonSeen::None) => {
            // Who refused to open it knows the cure.
            let cure = "if it can't be saved: `nudged restore` puts a backup in its place";
            let (finding, cure) = why.split_once("; ").unwrap_or((why, cure));
            Check::fail(NAME, finding, cure)
        }
    }
}

/// A backup on the same disk and the write-ahead log of a large import fit in.
const COMFORTABLE_BYTES: u64 = 512 << 20;
/// Below this the next large import may fill the disk.
const LEAST_BYTES: u64 = 64 << 20;
const LEAST_FILES: u64 = 100;

fn space(facts: &Facts) -> Check {
    const NAME: &str = "space";
    let place = facts.state_dir.display();
    let cure = format!("make room on the file system of {place}");
    let Room { free_bytes, free_files } = match &facts.room {
        Ok(room) => *room,
        Err(why) => return Check::fail(NAME, format!("{place}: {why}"), "make it, and give it to the user of nudged"),
    };
    let free = bytes_in_words(free_bytes);
    let comfortable = COMFORTABLE_BYTES.max(facts.ledger_bytes.unwrap_or_default());
    if free_bytes < LEAST_BYTES || free_files < LEAST_FILES {
        Check::fail(NAME, format!("{free} and {free_files} files are left at {place}"), cure)
    } else if free_bytes < comfortable {
        Check::warn(NAME, format!("{free} are left at {place}, less than is comfortable"), cure)
    } else {
        Check::ok(NAME, format!("{free} are left at {place}"))
    }
}

/// A day, and what a backup and a missed beat may take.
const BACKUP_IS_OLD: TimeDelta = TimeDelta::hours(26);
/// After so many days it is no accident.
const BACKUP_IS_MISSING: TimeDelta = TimeDelta::days(3);

fn backup(facts: &Facts) -> Check {
    const NAME: &str = "backup";
    let Some(BackupStatus { last_at, bytes, trouble, .. }) = &facts.backups else {
        return Check::warn(NAME, "none are made by themselves", "write [backup] with a directory into nudged.toml");
    };
    let age = last_at.map(|at| facts.now - at);
    let last = last_at.map_or_else(
        || "there is none yet".to_owned(),
        |at| {
            let size = bytes.map_or_else(String::new, |bytes| format!(", {}", bytes_in_words(bytes)));
            format!("the newest is of {} ({}){size}", times::utc(at), times::distance(at, facts.now))
        },
    );
    let said = trouble.as_ref().map_or_else(|| last.clone(), |trouble| format!("{last}; {trouble}"));
    let cure = "see the log for why; `nudged backup` makes one now";
    match age {
        Some(age) if age <= BACKUP_IS_OLD && trouble.is_none() => Check::ok(NAME, said),
        Some(age) if age > BACKUP_IS_MISSING => Check::fail(NAME, said, cure),
        Some(_) => Check::warn(NAME, said, cure),
        None => Check::warn(NAME, said, "the daemon makes one a day; `nudged backup` makes one now"),
    }
}

fn credential(facts: &Facts) -> Check {
    const NAME: &str = "credential";
    let CredentialSeen { credential, note } = match &facts.credential {
        Ok(seen) => seen,
        // Under the service manager it is there, and in an operator's shell it need not be.
        Err(why) => return Check::skip(NAME, why),
    };
    let kind = credential.kind.name();
    let Some(note) = note else {
        let until = credential.ends_at.map_or_else(String::new, |at| format!(", good until {}", at.format("%Y-%m-%d")));
        return Check::ok(NAME, format!("{kind}{until}"));
    };
    let (finding, cure) = note.split_once("; ").unwrap_or((note, "see [bot] in nudged.toml"));
    let is_over = credential.nearness(facts.now) >= Nearness::Day;
    if credential.unusable.is_some() || is_over {
        Check::fail(NAME, finding, cure)
    } else {
        let (finding, cure) = note.split_once(": ").filter(|_| credential.ends_at.is_none()).unwrap_or((finding, cure));
        Check::warn(NAME, finding, cure)
    }
}

/// The token, and the Connector.
fn line(facts: &Facts) -> [Check; 2] {
    const TOKEN: &str = "token";
    const CONNECTOR: &str = "connector";
    let LineReport { token, host, connector } = match &facts.line {
        Ok(report) => report,
        Err(why) => return [Check::skip(TOKEN, why), Check::skip(CONNECTOR, "it was not tried")],
    };
    let token = match token {
        Step::Ok { detail } => Check::ok(TOKEN, detail),
        Step::Failed { why } => Check::fail(
            TOKEN,
            why,
            "check app_id, tenant_id and the credential below [bot], and the way out to login_url",
        ),
        Step::Nothing => Check::skip(TOKEN, "none is needed"),
    };
    let host = host.as_deref().unwrap_or("the Connector");
    let connector = match connector {
        Step::Ok { detail } => Check::ok(CONNECTOR, format!("{host} answers, {detail}")),
        Step::Failed { why } => Check::fail(
            CONNECTOR,
            format!("{host}: {why}"),
            "check name resolution, firewall and HTTPS_PROXY on this machine",
        ),
        Step::Nothing => Check::skip(CONNECTOR, "this cloud publishes no address; references name theirs"),
    };
    [token, connector]
}

/// People write, install and press buttons all week.
const SILENCE_IS_ODD: TimeDelta = TimeDelta::days(7);

fn endpoint(facts: &Facts) -> Check {
    const NAME: &str = "endpoint";
    const CURE: &str = "check the messaging endpoint of the bot's registration, and the proxy in front of nudged";
    if !facts.has_endpoint {
        return Check::skip(NAME, "Teams does not call this daemon; [endpoint] would have it");
    }
    let DaemonSeen::Runs { started_at, endpoint: Some(endpoint), .. } = &facts.daemon else {
        return Check::skip(NAME, "only a running daemon knows when Teams last called");
    };
    let EndpointStatus { heard, refused, last_heard_at, trouble, .. } = endpoint;
    if let Some(trouble) = trouble {
        return Check::warn(NAME, trouble, "keys that are known stay good; check the way out to the keys of Teams");
    }
    let Some(last) = last_heard_at else {
        return if *refused > 0 {
            let finding = format!("nothing of Teams was heard, and {refused} requests were refused");
            Check::warn(NAME, finding, "the log says why; app_id and allowed_tenants must be those of the bot")
        } else if facts.now - *started_at > SILENCE_IS_ODD {
            Check::warn(
                NAME,
                format!("nothing heard since the start, {}", times::distance(*started_at, facts.now)),
                CURE,
            )
        } else {
            Check::ok(NAME, format!("nothing heard since the start, {}", times::distance(*started_at, facts.now)))
        };
    };
    let said = format!("{heard} heard, the last {}", times::distance(*last, facts.now));
    if facts.now - *last > SILENCE_IS_ODD { Check::warn(NAME, said, CURE) } else { Check::ok(NAME, said) }
}

fn clock(facts: &Facts) -> Check {
    const NAME: &str = "clock";
    match facts.clock {
        ClockKeeping::Synchronised => Check::ok(NAME, format!("synchronised; it is {}", times::utc(facts.now))),
        ClockKeeping::NotSynchronised => Check::warn(
            NAME,
            format!("nobody keeps it right; it says {}", times::utc(facts.now)),
            "`timedatectl set-ntp true`, or run chrony: messages leave by this clock",
        ),
        ClockKeeping::NobodySays => {
            Check::skip(NAME, format!("nobody here says whether {} is right", times::utc(facts.now)))
        }
    }
}

fn zone_data(facts: &Facts) -> Check {
    const NAME: &str = "time zones";
    let data = &facts.zone_data;
    match &data.system {
        Some(system) if *system == data.used => Check::ok(NAME, format!("the rules of {system}, from the system")),
        Some(system) if facts.differing.is_empty() => {
            Check::ok(NAME, format!("the rules of {}; the system's are of {system}, and say the same", data.used))
        }
        Some(system) => {
            let names: Vec<_> = facts.differing.iter().take(3).map(|zone| zone.name()).collect();
            let more = match facts.differing.len() - names.len() {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            let finding = format!(
                "the rules of {}; the system's of {system} differ within a year for {}{more}",
                data.used,
                names.join(", ")
            );
            Check::warn(NAME, finding, "update the package tzdata, so that other programs show the same hours")
        }
        None => Check::ok(NAME, format!("the rules of {}, from the program; the system has none", data.used)),
    }
}

/// What needs the ledger.
fn of_ledger(name: &'static str, facts: &Facts, judge: impl FnOnce(&LedgerSeen) -> Check) -> Check {
    facts.ledger.as_ref().map_or_else(|_| Check::skip(name, "the ledger did not say"), judge)
}

fn files(facts: &Facts) -> Check {
    const NAME: &str = "files";
    of_ledger(NAME, facts, |ledger| match ledger.held_back.as_slice() {
        [] => match ledger.removed.as_slice() {
            [] => Check::ok(NAME, "every schedule file is used as it stands"),
            [first, rest @ ..] => {
                let more = if rest.is_empty() { String::new() } else { format!(" and {} more", rest.len()) };
                let (name, end) = (&first.schedule, times::utc(first.cancelled_at));
                let finding = format!("no file has {name}{more} any more; what is open is cancelled at {end}");
                Check::warn(NAME, finding, "put it back into a file before then, if that was not meant")
            }
        },
        [first, rest @ ..] => {
            let more = if rest.is_empty() { String::new() } else { format!(" and {} more", rest.len()) };
            let cure = "`nudged check` says what is wrong and where";
            let finding = format!("held back: {}{more}", first.file);
            let is_lost = ledger.held_back.iter().any(|file| !file.last_good_in_use);
            if is_lost { Check::fail(NAME, finding, cure) } else { Check::warn(NAME, finding, cure) }
        }
    })
}

fn paused(facts: &Facts) -> Check {
    const NAME: &str = "paused";
    of_ledger(NAME, facts, |ledger| match ledger.paused.as_slice() {
        [] => Check::ok(NAME, "no schedule is"),
        [first, rest @ ..] => {
            let more = if rest.is_empty() { String::new() } else { format!(" and {} more", rest.len()) };
            let finding = format!("{} since {}{more}: {}", first.schedule, times::utc(first.since), first.why);
            Check::warn(NAME, finding, format!("`nudged resume {}` lets it go on", first.schedule))
        }
    })
}

/// Longer than any silence that Teams usually asks for.
const WAIT_IS_LONG: TimeDelta = TimeDelta::minutes(5);

fn queue(facts: &Facts) -> Check {
    const NAME: &str = "queue";
    of_ledger(NAME, facts, |ledger| {
        let open = ledger.queues.iter().filter(|queue| queue.queue != Queue::Held);
        let due: u64 = open.clone().map(|queue| queue.due).sum();
        let oldest = open.filter_map(|queue| queue.oldest_since).min();
        let Some(oldest) = oldest else { return Check::ok(NAME, "nothing waits that is due") };
        let said = format!("{due} wait that are due, the first since {}", times::utc(oldest));
        if facts.now - oldest > WAIT_IS_LONG {
            Check::warn(NAME, said, "`nudged status` says how far each one is and when it will be done")
        } else {
            Check::ok(NAME, said)
        }
    })
}

/// Some people block every bot. More than a twentieth is worth a look.
const MANY: u64 = 20;

fn people(facts: &Facts) -> Check {
    const NAME: &str = "people";
    of_ledger(NAME, facts, |ledger| {
        let CrowdFigures { references, .. } = &ledger.crowd;
        let (known, lost) = (ledger.crowd.known(), ledger.crowd.unreachable());
        if known == 0 {
            return Check::warn(NAME, "nobody is known", "`nudged people import FILE`, or let people install the app");
        }
        if lost == 0 {
            return Check::ok(NAME, format!("all {known} can be reached"));
        }
        let why: Vec<_> = references
            .iter()
            .filter(|(reach, _)| matches!(reach, Reach::Unreachable(_) | Reach::NoReference))
            .map(|(reach, count)| format!("{count} {}", reach_word(*reach)))
            .collect();
        let said = format!("{lost} of {known} can't be reached: {}", why.join(", "));
        if lost * MANY > known {
            Check::warn(NAME, said, "`nudged people list` says who; `nudged people show` says why")
        } else {
            Check::ok(NAME, said)
        }
    })
}

/// `41 MB`, in thousands.
fn bytes_in_words(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["B", "kB", "MB", "GB"];
    let mut unit = 0;
    let mut value = bytes;
    while value >= 10_000 && unit + 1 < UNITS.len() {
        value /= 1000;
        unit += 1;
    }
    format!("{value} {}", UNITS[unit])
}
