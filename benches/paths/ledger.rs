//! What the ledger does for a message: it is claimed, its attempt is begun, and its outcome is kept; 64 at a time, so that
//! they share their transactions as they do behind 64 senders.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::{TZ_VARIANTS, Tz};
use nudged::adapter::sqlite::SqliteStore;
use nudged::domain::delivery::{Claim, Settlement};
use nudged::domain::id::{AttemptId, Term};
use nudged::domain::import;
use nudged::domain::plan::{PlannedWave, WaveRecipients};
use nudged::domain::problem::Source;
use nudged::domain::schedule::model::Schedule;
use nudged::domain::schedule::parse;
use nudged::domain::share::Rooms;
use nudged::domain::spread::Spread;
use nudged::domain::supplies::Supplies;
use nudged::domain::verdict::Evidence;
use nudged::port::reload::{Planning, Reload, ReloadManner};
use nudged::port::store::{AttemptEnd, Outcome, PlanMark, SchedulePlan, Store};
use tokio::task::JoinSet;

pub(crate) const AT_ONCE: usize = 64;

/// What the ledger holds while messages are sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct World {
    /// All of them are due, however few are sent.
    pub(crate) people: usize,
    /// One is due; the others are planned for later.
    pub(crate) schedules: usize,
    pub(crate) zones: usize,
}

const LEASE: Duration = Duration::from_mins(5);

/// A ledger in which all that is sent here is due.
pub(crate) struct Filled {
    store: Arc<dyn Store>,
    term: Term,
    now: DateTime<Utc>,
}

/// Opens the ledger in the file `path`.
pub(crate) async fn opened(path: &Path) -> Filled {
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(path).expect("a ledger"));
    let now: DateTime<Utc> = "2026-11-23T09:00:00Z".parse().expect("an instant");
    let term = store.take_over(now).await.expect("it is ours").term;
    Filled { store, term, now }
}

/// A ledger in the file `path` that holds such a world.
pub(crate) async fn filled(path: &Path, world: World) -> Filled {
    let ledger = opened(path).await;
    fill(ledger.store.as_ref(), world, ledger.now).await;
    ledger
}

impl Filled {
    /// Sends so many messages.
    pub(crate) async fn send(&self, times: usize) {
        let Self { store, term, now } = self;
        let (term, now) = (*term, *now);
        let mut sent = 0;
        while sent < times {
            let claims = store.claim_due(term, now, Rooms::for_anybody(AT_ONCE), LEASE).await.expect("claims");
            assert!(!claims.is_empty(), "{sent} of {times} were there");
            sent += claims.len();
            let mut senders = JoinSet::new();
            for claim in claims {
                let store = Arc::clone(store);
                senders.spawn(async move { send_one(store.as_ref(), &claim, now).await });
            }
            senders.join_all().await;
        }
    }

    pub(crate) async fn close(self) {
        self.store.close().await;
    }
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

/// The people, a schedule for all of them with its waves as deliveries, and the other schedules.
async fn fill(store: &dyn Store, world: World, now: DateTime<Utc>) {
    let zones: Vec<Tz> =
        TZ_VARIANTS.iter().copied().filter(|zone| zone.name().contains('/')).step_by(13).take(world.zones).collect();
    let lines = (0..world.people)
        .map(|n| format!("29:person-{n},Person {n},{},a:conversation-{n}\n", zones[n % zones.len()].name()));
    let csv = format!("teams_id,name,zone,conversation_id\n{}", lines.collect::<String>());
    let (records, problems) = import::people(&Source::new("people.csv", csv));
    assert!(problems.is_empty(), "{problems:?}");
    store.import_people(records, Tz::UTC, now).await.expect("people");
    let texts = (0..world.schedules)
        .map(|n| format!("[schedule.s{n}]\nto = \"everyone\"\nevery = \"day\"\nat = \"09:00\"\ntext = \"Hello\"\n"));
    let accepted = parse::accept(&Source::new("all.toml", texts.collect::<String>()), &Supplies::none());
    let schedules: Vec<_> = accepted.expect("nothing is wrong").schedules.into_iter().map(Arc::new).collect();
    let plans = schedules.iter().enumerate().map(|(n, schedule)| {
        let due_at = if n == 0 { now } else { now + TimeDelta::hours(24) };
        let waves = zones.iter().map(|zone| PlannedWave {
            occurrence: due_at.naive_utc(),
            zone: *zone,
            recipients: WaveRecipients::OfZone,
            due_at,
            expire_at: due_at + TimeDelta::hours(1),
            spread: Spread::default(),
            note: None,
        });
        SchedulePlan {
            schedule: schedule.name.clone(),
            signature: "1".to_owned(),
            planned_until: now + TimeDelta::hours(48),
            replaces: None,
            waves: waves.collect(),
        }
    });
    let plans = plans.collect();
    let reload = Reload {
        keep: Vec::new(),
        forget: Vec::new(),
        schedules,
        fallback_zone: Tz::UTC,
        now,
        planning: Arc::new(NoPlans),
        manner: ReloadManner::Uncounted,
    };
    store.reload(reload).await.expect("in force");
    store.record_plans(plans, now).await.expect("planned");
    let expanded = store.expand_due(now, now, u32::MAX).await.expect("expanded");
    assert_eq!(expanded.deliveries, world.people as u64);
}

/// The plans are recorded apart.
struct NoPlans;

impl Planning for NoPlans {
    fn plans(&self, _: &[(Arc<Schedule>, Option<PlanMark>)], _: &[Tz]) -> Vec<SchedulePlan> {
        Vec::new()
    }
}
