use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use super::checks::judge;
use super::facts::{CredentialSeen, DaemonSeen, Facts, LedgerSeen};
use super::*;
use crate::adapter::machine::{ClockKeeping, Room};
use crate::adapter::zones::Sources;
use crate::domain::credential::{Credential, CredentialKind};
use crate::domain::recipient::{Unreachable, ZoneSource};
use crate::port::desk::{BackupStatus, EndpointStatus, HeldBackFile, PausedSchedule, Reach, RemovedSchedule};
use crate::port::line::{LineReport, Step};
use crate::port::vitals::{CrowdFigures, Organ, Queue, QueueFigures};

fn at(text: &str) -> DateTime<Utc> {
    text.parse().expect("an instant")
}

fn credential(ends_at: &str, unusable: Option<&str>, now: DateTime<Utc>) -> CredentialSeen {
    let credential = Credential {
        kind: CredentialKind::Secret,
        ends_at: Some(at(ends_at)),
        unusable: unusable.map(str::to_owned),
        exposed: None,
    };
    let note = credential.note(now);
    CredentialSeen { credential, note }
}

fn well() -> Facts {
    let now = at("2027-03-01T09:00:00Z");
    Facts {
        now,
        daemon: DaemonSeen::Runs {
            version: "0.1.0".into(),
            started_at: at("2027-02-27T22:00:00Z"),
            hangs: None,
            trouble: None,
            endpoint: Some(EndpointStatus {
                listens_on: "http://127.0.0.1:3978/api/messages".into(),
                heard: 31,
                last_heard_at: Some(at("2027-03-01T08:12:00Z")),
                refused: 0,
                last_refused_at: None,
                trouble: None,
            }),
        },
        ledger: Ok(LedgerSeen {
            held_back: Vec::new(),
            paused: Vec::new(),
            removed: Vec::new(),
            queues: vec![QueueFigures { queue: Queue::Normal, due: 2, oldest_since: Some(at("2027-03-01T08:59:59Z")) }],
            crowd: CrowdFigures {
                references: vec![(Reach::Unreachable(Unreachable::Blocked), 3), (Reach::Conversation, 1_204)],
                zone_sources: vec![(ZoneSource::Client, 1_207)],
            },
            zones: vec![Tz::Europe__Paris],
        }),
        ledger_bytes: Some(41_300_000),
        state_dir: "/var/lib/nudged".into(),
        room: Ok(Room { free_bytes: 12_300_000_000, free_files: 1_000_000 }),
        backups: Some(BackupStatus {
            last_at: Some(at("2027-03-01T03:40:00Z")),
            bytes: Some(40_100_000),
            path: Some("/var/backups/nudged/nudged-20270301T034000Z.db".into()),
            trouble: None,
        }),
        credential: Ok(credential("2027-12-31T00:00:00Z", None, now)),
        line: Ok(LineReport {
            token: Step::Ok { detail: "good for 58 min".into() },
            host: Some("smba.trafficmanager.net".into()),
            connector: Step::Ok { detail: "41 ms".into() },
        }),
        has_endpoint: true,
        clock: ClockKeeping::Synchronised,
        zone_data: Sources { used: "2027a".into(), system: Some("2027a".into()) },
        differing: Vec::new(),
    }
}

/// Everything that can be wrong at once.
fn ill() -> Facts {
    let now = at("2027-03-01T09:00:00Z");
    let well = well();
    Facts {
        daemon: DaemonSeen::Runs {
            version: "0.1.0".into(),
            started_at: at("2027-02-10T00:00:00Z"),
            hangs: Some(Organ::Dispatcher),
            trouble: Some("the identity provider refused the bot's credentials: AADSTS7000222: The provided client secret keys for app are expired".into()),
            endpoint: Some(EndpointStatus {
                listens_on: "http://127.0.0.1:3978/api/messages".into(),
                heard: 31,
                last_heard_at: Some(at("2027-02-17T08:12:00Z")),
                refused: 0,
                last_refused_at: None,
                trouble: None,
            }),
        },
        ledger: Ok(LedgerSeen {
            held_back: vec![HeldBackFile {
                file: "/etc/nudged/schedules/standup.toml".into(),
                last_good_in_use: true,
                problems: vec!["3:1: N003 unknown key".into()],
                schedules: vec!["standup".into()],
            }],
            paused: vec![PausedSchedule {
                schedule: "standup".into(),
                since: at("2027-02-28T08:00:00Z"),
                why: "12 of 40 could not be reached: the person blocked the bot".into(),
            }],
            removed: Vec::new(),
            queues: vec![QueueFigures { queue: Queue::Bulk, due: 90_000, oldest_since: Some(at("2027-03-01T08:00:00Z")) }],
            crowd: CrowdFigures {
                references: vec![(Reach::Unreachable(Unreachable::Uninstalled), 30), (Reach::NoReference, 2), (Reach::Conversation, 70)],
                zone_sources: Vec::new(),
            },
            zones: vec![Tz::America__Vancouver],
        }),
        room: Ok(Room { free_bytes: 9_000_000, free_files: 20 }),
        backups: Some(BackupStatus { last_at: Some(at("2027-02-20T03:40:00Z")), bytes: None, path: None, trouble: Some("no room".into()) }),
        credential: Ok(credential("2027-03-01T00:00:00Z", None, now)),
        line: Ok(LineReport {
            token: Step::Failed { why: "the token service: AADSTS7000222: The provided client secret keys are expired".into() },
            host: Some("smba.trafficmanager.net".into()),
            connector: Step::Failed { why: "dns error: failed to lookup address information".into() },
        }),
        clock: ClockKeeping::NotSynchronised,
        zone_data: Sources { used: "2027a".into(), system: Some("2024a".into()) },
        differing: vec![Tz::America__Vancouver],
        ..well
    }
}

#[track_caller]
fn lines(checks: &[Check]) -> String {
    let text = format!("{}\n{}", shown(checks), summary(checks));
    for line in text.lines() {
        assert!(line.chars().count() <= WIDTH, "{line}");
    }
    text
}

#[test]
fn one_who_is_well_is_told_so() {
    let checks = judge(&well());
    assert!(checks.iter().all(|check| check.found == Found::Ok && check.cure.is_none()), "{checks:?}");
    insta::assert_snapshot!(lines(&checks));
}

#[test]
fn what_is_wrong_comes_with_its_cure() {
    let checks = judge(&ill());
    for check in checks.iter().filter(|check| check.name != "ledger") {
        assert!(check.found > Found::Ok && check.cure.is_some(), "{check:?}");
    }
    insta::assert_snapshot!(lines(&checks));
}

#[test]
fn without_a_daemon_and_a_ledger_it_says_what_it_could_not_look_at() {
    let facts = Facts {
        daemon: DaemonSeen::None,
        ledger: Err("the ledger /var/lib/nudged/nudged.db is damaged".into()),
        ledger_bytes: None,
        backups: None,
        credential: Err("it is not said where the bot's secret is".into()),
        line: Err("it is not said where the bot's secret is".into()),
        has_endpoint: false,
        clock: ClockKeeping::NobodySays,
        zone_data: Sources { used: "2027a".into(), system: None },
        ..well()
    };
    insta::assert_snapshot!(lines(&judge(&facts)));
}

#[test]
fn who_may_not_ask_is_not_told_that_no_daemon_runs() {
    let facts = Facts {
        daemon: DaemonSeen::Denied("this user may not use the daemon's socket".into()),
        ledger: Err("the daemon did not say".into()),
        ..well()
    };
    let checks = judge(&facts);
    let of = |name: &str| checks.iter().find(|check| check.name == name).expect("it is there");
    assert_eq!((of("daemon").found, of("ledger").found), (Found::Fail, Found::Skip));
    assert!(!of("daemon").cure.as_ref().expect("a cure").contains("start"), "{:?}", of("daemon"));
}

#[test]
fn the_ledger_has_the_cure_of_what_is_wrong_with_it() {
    let why = "/var/lib/nudged can't be read and written by this user; use the user that runs nudged";
    let facts = Facts { daemon: DaemonSeen::None, ledger: Err(why.into()), ..well() };
    let checks = judge(&facts);
    let ledger = checks.iter().find(|check| check.name == "ledger").expect("it is there");
    assert_eq!(ledger.cure.as_deref(), Some("use the user that runs nudged"));
}

#[test]
fn each_has_its_threshold() {
    let found =
        |facts: &Facts, name: &str| judge(facts).into_iter().find(|check| check.name == name).map(|it| it.found);
    let newest = |at_: &str| BackupStatus { last_at: Some(at(at_)), ..BackupStatus::default() };
    for (last, expect) in [
        ("2027-02-28T07:00:00Z", Found::Ok),
        ("2027-02-28T06:59:59Z", Found::Warn),
        ("2027-02-26T09:00:00Z", Found::Warn),
        ("2027-02-26T08:59:59Z", Found::Fail),
    ] {
        assert_eq!(found(&Facts { backups: Some(newest(last)), ..well() }, "backup"), Some(expect), "{last}");
    }
    for (free_bytes, expect) in [(512 << 20, Found::Ok), ((512 << 20) - 1, Found::Warn), ((64 << 20) - 1, Found::Fail)]
    {
        let room = Ok(Room { free_bytes, free_files: 1_000 });
        assert_eq!(found(&Facts { room, ..well() }, "space"), Some(expect), "{free_bytes}");
    }
    for (end, expect) in [
        ("2027-04-01T00:00:00Z", Found::Ok),
        ("2027-03-31T00:00:00Z", Found::Warn),
        ("2027-03-02T09:00:01Z", Found::Warn),
        ("2027-03-02T09:00:00Z", Found::Fail),
    ] {
        let credential = Ok(credential(end, None, well().now));
        assert_eq!(found(&Facts { credential, ..well() }, "credential"), Some(expect), "{end}");
    }
    let unusable =
        Ok(credential("2027-12-31T00:00:00Z", Some("the bot's secret in /x is empty; write it"), well().now));
    assert_eq!(found(&Facts { credential: unusable, ..well() }, "credential"), Some(Found::Fail));
}

#[test]
fn a_schedule_that_no_file_has_is_told_while_it_can_come_back() {
    let mut facts = well();
    let gone = RemovedSchedule {
        schedule: "lunch".into(),
        since: at("2027-03-01T08:58:00Z"),
        cancelled_at: at("2027-03-01T09:08:00Z"),
    };
    facts.ledger.as_mut().expect("the ledger").removed = vec![gone];
    let files = judge(&facts).into_iter().find(|check| check.name == "files").expect("the check");
    let finding = "no file has lunch any more; what is open is cancelled at 2027-03-01 09:08Z";
    assert_eq!((files.found, files.finding.as_str()), (Found::Warn, finding));
}
