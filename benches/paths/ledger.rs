//! What the ledger does for a message: it is claimed, its attempt is begun, and its outcome is kept; 64 at a time, so that
//! they share their transactions as they do behind 64 senders.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use nudged::adapter::sqlite::SqliteStore;
use nudged::domain::delivery::{Claim, Settlement};
use nudged::domain::id::{AttemptId, Term};
use nudged::domain::import;
use nudged::domain::plan::{PlannedWave, WaveRecipients};
use nudged::domain::problem::Source;
use nudged::domain::schedule::parse;
use nudged::domain::share::Rooms;
use nudged::domain::spread::Spread;
use nudged::domain::supplies::Supplies;
use nudged::domain::verdict::Evidence;
use nudged::port::reload::{Planning, Reload, ReloadManner};
use nudged::port::store::{AttemptEnd, Outcome, PlanMark, SchedulePlan, Store};
use tokio::task::JoinSet;

const AT_ONCE: usize = 64;

/// As many as are sent in the longer run; to be there costs the same in both.
const PEOPLE: usize = 1024;
const LEASE: Duration = Duration::from_mins(5);

pub(crate) fn send(times: usize) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(async {
        let folder = tempfile::tempdir().expect("a folder");
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&folder.path().join("nudged.db")).expect("a ledger"));
        let now: DateTime<Utc> = "2026-11-23T09:00:00Z".parse().expect("an instant");
        let term = fill(store.as_ref(), now).await;
        let mut sent = 0;
        while sent < times {
            let claims = store.claim_due(term, now, Rooms::for_anybody(AT_ONCE), LEASE).await.expect("claims");
            assert!(!claims.is_empty(), "{sent} of {times} were there");
            sent += claims.len();
            let mut senders = JoinSet::new();
            for claim in claims {
                let store = Arc::clone(&store);
                senders.spawn(async move { send_one(store.as_ref(), &claim, now).await });
            }
            senders.join_all().await;
        }
    });
}

async fn send_one(store: &dyn Store, claim: &Claim, now: DateTime<Utc>) {
    let attempt = store.mark_sending(claim.id, claim.term, now, LEASE).await.expect("it is ours");
    store.settle(outcome(claim, attempt, now)).await.expect("it is ours");
}

fn outcome(claim: &Claim, attempt: AttemptId, now: DateTime<Utc>) -> Outcome {
    let evidence = Evidence { status: Some(201), ..Evidence::default() };
    Outcome {
        delivery: claim.id,
        term: claim.term,
        at: now,
        settlement: Settlement::Sent { activity_id: Some("1785000000000".to_owned()) },
        attempt: Some(AttemptEnd { attempt, evidence, latency: Duration::from_millis(20) }),
        detail: None,
        thread: None,
        sent_in: None,
    }
}

/// People, a schedule for all of them, and its wave as deliveries.
async fn fill(store: &dyn Store, now: DateTime<Utc>) -> Term {
    let term = store.take_over(now).await.expect("it is ours").term;
    let lines = (0..PEOPLE).map(|n| format!("29:person-{n},Person {n},Europe/Lisbon,a:conversation-{n}\n"));
    let csv = format!("teams_id,name,zone,conversation_id\n{}", lines.collect::<String>());
    let (records, problems) = import::people(&Source::new("people.csv", csv));
    assert!(problems.is_empty(), "{problems:?}");
    store.import_people(records, Tz::UTC, now).await.expect("people");
    let text = "[schedule.all]\nto = \"everyone\"\nat = 2026-11-23T09:00:00Z\nzone = \"UTC\"\ntext = \"Hello\"\n";
    let accepted = parse::accept(&Source::new("all.toml", text), &Supplies::none()).expect("nothing is wrong");
    let schedules: Vec<_> = accepted.schedules.into_iter().map(Arc::new).collect();
    let plan = SchedulePlan {
        schedule: schedules[0].name.clone(),
        signature: "1".to_owned(),
        planned_until: now + TimeDelta::hours(48),
        replaces: None,
        waves: vec![PlannedWave {
            occurrence: now.naive_utc(),
            zone: Tz::UTC,
            recipients: WaveRecipients::All,
            due_at: now,
            expire_at: now + TimeDelta::hours(1),
            spread: Spread::default(),
            note: None,
        }],
    };
    let reload = Reload {
        keep: Vec::new(),
        forget: Vec::new(),
        schedules,
        fallback_zone: Tz::UTC,
        now,
        planning: Arc::new(Planned(Vec::new())),
        manner: ReloadManner::Uncounted,
    };
    store.reload(reload).await.expect("in force");
    store.record_plans(vec![plan], now).await.expect("planned");
    let expanded = store.expand_due(now, now).await.expect("expanded");
    assert_eq!(expanded.deliveries, PEOPLE as u64);
    term
}

/// Plans that were made beforehand.
struct Planned(Vec<SchedulePlan>);

impl Planning for Planned {
    fn plans(
        &self,
        _: &[(Arc<nudged::domain::schedule::model::Schedule>, Option<PlanMark>)],
        _: &[Tz],
    ) -> Vec<SchedulePlan> {
        self.0.clone()
    }
}
