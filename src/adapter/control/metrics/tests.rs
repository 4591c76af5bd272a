use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::*;
use crate::domain::delivery::State;
use crate::domain::recipient::{Unreachable, ZoneSource};
use crate::port::desk::Reach;
use crate::port::vitals::{Call, CallEnd, CrowdFigures, Distribution, EndpointFigures, Queue, QueueFigures, Reloads};

const BOUNDS: &[Duration] = &[Duration::from_millis(250), Duration::from_secs(1)];

fn distribution() -> Distribution {
    Distribution { bounds: BOUNDS, counts: vec![3, 0, 1], sum: Duration::from_millis(2_600) }
}

/// A daemon of which everything is known that can be known.
fn figures() -> Figures {
    let at = |text: &str| text.parse().expect("an instant");
    let now = at("2027-03-01T09:00:30Z");
    Figures {
        version: "1.2.3",
        started_at: at("2027-02-28T00:00:00Z"),
        now,
        counted: Counted {
            deliveries: vec![(State::Sent, None, 4), (State::Skipped, Some(Reason::OptedOut), 1)],
            retries: vec![(Reason::Throttled, 2)],
            lateness: vec![(Priority::Normal, distribution())],
            calls: vec![(Call::Continue, CallEnd::Ok, 4), (Call::Create, CallEnd::OurFault, 1)],
            call_durations: vec![(Call::Continue, distribution())],
            throttled: 2,
            expanded: 7,
        },
        planning_passes: 1_980,
        dispatcher_rounds: 12,
        oldest_request: Some(Duration::from_millis(1_500)),
        is_blocked: false,
        schedules: 3,
        files_held_back: 1,
        reloads: Reloads { is_last_whole: false, last_whole_at: Some(at("2027-02-28T00:00:00Z")) },
        credential: CredentialFigures {
            kind: CredentialKind::Certificate,
            is_usable: true,
            expires_at: Some(at("2027-06-01T00:00:00Z")),
            token_expires_at: Some(at("2027-03-01T09:45:00.250Z")),
        },
        endpoint: Some(EndpointFigures { heard: 5, refused: 1, last_heard_at: Some(now) }),
        last_backup_at: Some(at("2027-03-01T03:40:00Z")),
        ledger: Some(LedgerFigures {
            queues: vec![
                QueueFigures { queue: Queue::Normal, due: 2, oldest_since: Some(at("2027-03-01T09:00:00Z")) },
                QueueFigures { queue: Queue::Held, due: 0, oldest_since: None },
            ],
            paused: 0,
            crowd: CrowdFigures {
                references: vec![(Reach::Conversation, 40), (Reach::Unreachable(Unreachable::Blocked), 2)],
                zone_sources: vec![(ZoneSource::Own, 41), (ZoneSource::Fallback, 1)],
            },
        }),
        process: ProcessFigures {
            cpu: Some(Duration::from_millis(61_250)),
            resident_bytes: Some(24 << 20),
            open_files: Some(31),
            most_files: Some(8_192),
        },
    }
}

/// What is promised to dashboards: names, types and helps.
#[test]
fn the_names_are_promised() {
    let text = exposition(&figures());
    let mut promised = String::new();
    for line in text.lines().filter_map(|line| line.strip_prefix("# ")) {
        promised.push_str(line);
        promised.push('\n');
    }
    insta::assert_snapshot!(promised);
}

#[test]
fn a_scrape_says_everything() {
    insta::assert_snapshot!(
        exposition(&figures()).lines().filter(|line| !line.starts_with('#')).collect::<Vec<_>>().join("\n")
    );
}

/// The format as its page describes it, read back by somebody who only has the page.
#[test]
fn a_scrape_can_be_read_back() {
    let text = exposition(&figures());
    assert!(text.ends_with('\n'));
    let mut types: BTreeMap<&str, &str> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').expect("a type");
            assert!(types.insert(name, kind).is_none(), "{name} comes twice");
            assert!(kind != "counter" || name.ends_with("_total"), "{name}");
            continue;
        }
        if line.starts_with("# HELP ") {
            assert!(!line.contains('\\'), "{line}");
            continue;
        }
        let (series, value) = line.rsplit_once(' ').expect("a value");
        value.parse::<f64>().unwrap_or_else(|_| panic!("{line}"));
        assert!(seen.insert(series.to_owned()), "{series} comes twice");
        let (name, labels) = series.split_once('{').map_or((series, ""), |(name, rest)| (name, rest));
        let of = ["_bucket", "_sum", "_count"].iter().find_map(|part| name.strip_suffix(part));
        let is_declared = types.contains_key(name) || of.is_some_and(|name| types.get(name) == Some(&"histogram"));
        assert!(is_declared && name.chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{line}");
        if let Some(labels) = labels.strip_suffix('}') {
            for label in labels.split(',') {
                let (name, value) = label.split_once('=').expect("a label");
                assert!(name.chars().all(|c| c.is_ascii_lowercase()) && value.matches('"').count() == 2, "{line}");
            }
        }
    }
    let bucket = "nudged_delivery_lateness_seconds_bucket{priority=\"normal\",le=\"+Inf\"} 4";
    assert!(text.lines().any(|line| line == bucket), "buckets hold what those before hold as well");
}

#[test]
fn a_ledger_that_gives_nothing_takes_its_metrics_along_and_says_so() {
    let text = exposition(&Figures { ledger: None, ..figures() });
    assert!(text.contains("\nnudged_ledger_readable 0\n") && !text.contains("nudged_queue_depth"), "{text}");
}

/// Every name that an alert rule or the dashboard uses is one that a scrape has.
#[test]
fn rules_and_dashboard_use_what_there_is() {
    let text = exposition(&figures());
    let names: BTreeSet<&str> =
        text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split(['{', ' ']).next()).collect();
    let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd/monitoring");
    for file in ["alerts.yml", "alerts-test.yml", "dashboard.json"] {
        let text = std::fs::read_to_string(directory.join(file)).expect("it is shipped");
        if file == "dashboard.json" {
            serde_json::from_str::<serde_json::Value>(&text).expect("JSON");
        }
        let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        let used: BTreeSet<&str> =
            words.filter(|word| word.starts_with("nudged_") || word.starts_with("process_")).collect();
        let unknown: Vec<_> = used.difference(&names).collect();
        assert!(unknown.is_empty() && used.len() > 5, "{file}: {unknown:?}");
    }
}
