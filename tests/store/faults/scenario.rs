//! The life of a ledger in some thirty acts, each of them one that must be durable once it is answered. Every instant and
//! every number is the same each time, so the ledger after so many acts is too.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use nudged::adapter::sqlite::{SqliteStore, back_up};
use nudged::domain::activity;
use nudged::domain::consent::{Choice, Way, Wish};
use nudged::domain::conversation::Standing;
use nudged::domain::delivery::{Claim, Reason, Settlement};
use nudged::domain::event::{Event, Identity};
use nudged::domain::id::{AttemptId, Term};
use nudged::domain::news::{self, Who};
use nudged::domain::recall::{RecallSettlement, Remedy};
use nudged::domain::recipient::{Reference, ServiceOrigin};
use nudged::domain::reply::ReplySettlement;
use nudged::domain::schedule::model::Priority;
use nudged::domain::schedule::when::OncePer;
use nudged::domain::share::Rooms;
use nudged::port::connector::{Conversation, Member, Team};
use nudged::port::recall::{RecallOrder, RecallOutcome};
use nudged::port::reload::Reload;
use nudged::port::reply::ReplyOutcome;
use nudged::port::round::Round;
use nudged::port::store::{Document, Outcome, Pause, PausedBy, Store};
use nudged::port::team::{Roster, RosterMember};
use nudged::port::trouble::{CancelOrder, Retried, RetryOrder};
use serde_json::{Value, json};

use crate::fixtures::*;

pub(super) type Failure = Box<dyn Error>;

/// What the acts share.
pub(super) struct World {
    pub(super) path: PathBuf,
    store: Option<Arc<dyn Store>>,
    term: Term,
    claims: Vec<Claim>,
    attempts: Vec<AttemptId>,
    /// Keeps what the ledger holds after a part of an act whose parts are durable one by one.
    pub(super) keeps_between: Option<fn(&Path, u32)>,
}

type Acting<'w> = Pin<Box<dyn Future<Output = Result<(), Failure>> + 'w>>;

pub(super) type ActFn = for<'w> fn(&'w mut World) -> Acting<'w>;

/// What it is called, and what is done.
pub(super) type Act = (&'static str, ActFn);

impl World {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, store: None, term: Term(0), claims: Vec::new(), attempts: Vec::new(), keeps_between: None }
    }

    /// The ledger, which the first act has opened.
    pub(super) fn store(&self) -> Result<&Arc<dyn Store>, Failure> {
        self.store.as_ref().ok_or_else(|| "the ledger is not open".into())
    }

    async fn open(&mut self) -> Result<(), Failure> {
        if let Some(store) = self.store.take() {
            store.close().await;
        }
        self.store = Some(Arc::new(SqliteStore::open(&self.path)?));
        Ok(())
    }

    async fn take_over(&mut self, now: &str) -> Result<(), Failure> {
        self.term = self.store()?.take_over(at(now)).await?.term;
        Ok(())
    }

    async fn sync(&self, schedules: &[Draft], now: &str) -> Result<(), Failure> {
        let schedules = schedules.iter().map(Draft::build).collect();
        self.store()?.reload(in_force(schedules, NOWHERE, at(now))).await?;
        Ok(())
    }

    async fn expand(&self, now: &str) -> Result<(), Failure> {
        self.store()?.expand_due(at(now), at(now), u32::MAX).await?;
        Ok(())
    }

    async fn claim(&mut self, now: &str) -> Result<(), Failure> {
        self.claims = self.store()?.claim_due(self.term, at(now), Rooms::for_anybody(100), LEASE).await?;
        // The next ones are those of these claims.
        self.attempts.clear();
        Ok(())
    }

    /// What is due and not expanded yet becomes deliveries and claims in one act.
    async fn go_round(&mut self, now: &str) -> Result<(), Failure> {
        let (term, now, rooms) = (self.term, at(now), Rooms::for_anybody(100));
        let round = Round { term, now, lead: Duration::from_hours(2), expand_at_once: u32::MAX, rooms, lease: LEASE };
        self.claims = self.store()?.go_round(round).await?.claims;
        self.attempts.clear();
        Ok(())
    }

    async fn mark(&mut self, claim: usize, now: &str) -> Result<(), Failure> {
        let claim = &self.claims[claim];
        let attempt = self.store()?.mark_sending(claim.id, claim.term, at(now), LEASE).await?;
        self.attempts.push(attempt);
        Ok(())
    }

    fn outcome(&self, claim: usize, now: &str, settlement: Settlement) -> Outcome {
        attempted(&self.claims[claim], self.attempts[claim], now, settlement)
    }

    async fn hear(&self, told: &Value, now: &str) -> Result<(), Failure> {
        let news = news::of(&activity::read(told.to_string().as_bytes())?, ServiceOrigin::Heard, at(now));
        self.store()?.take_in(news, NOWHERE, at(now)).await?;
        Ok(())
    }
}

/// An activity of Ana's in her chat.
fn told(kind: &str, time: &str, parts: &Value) -> Value {
    let mut told = json!({
        "type": kind, "id": format!("{kind}-{time}"), "timestamp": format!("2027-03-01T{time}:00Z"),
        "channelId": "msteams", "serviceUrl": "https://smba.example/",
        "conversation": { "id": "a:ana", "conversationType": "personal", "tenantId": "t" },
        "from": { "id": "29:ana", "name": "ana" }, "recipient": { "id": "28:bot" }, "locale": "de-DE",
        "channelData": { "tenant": { "id": "t" } },
    });
    for (key, value) in parts.as_object().expect("an object") {
        told[key] = value.clone();
    }
    told
}

fn schedules() -> [Draft; 4] {
    [
        draft("s"),
        draft("hold").hold().to(&["bo@x", "cy@x"]).priority(Priority::Bulk),
        draft("alarm").on("alarm", OncePer::Event).to(&["group:ops"]),
        draft("team").to(&["team:Crew"]),
    ]
}

fn crew() -> Roster {
    let member = |name: &str| Member {
        user_id: format!("29:{name}"),
        entra_object_id: None,
        name: Some(name.to_owned()),
        email: Some(format!("{name}@x")),
        user_principal_name: None,
        tenant_id: None,
        role: None,
    };
    let id = "19:crew@thread.tacv2".to_owned();
    Roster {
        team: Team { id: id.clone(), name: Some("Crew".to_owned()), entra_group_id: None },
        reference: Reference { conversation_id: Some(id), tenant_id: Some("t".to_owned()), ..Reference::default() },
        channels: Vec::new(),
        members: ["bo", "gil"].map(|name| RosterMember { member: member(name), standing: Standing::Member }).into(),
    }
}

fn recall_order() -> RecallOrder {
    RecallOrder { schedule: name("s"), occurrence: Some(civil("09:00")), who: Vec::new(), remedy: Remedy::Delete }
}

macro_rules! acts {
    ($($name:literal: |$world:ident| $act:expr;)*) => {
        &[$(($name, |$world| Box::pin(async move { $act; Ok(()) }))),*]
    };
}

/// All of them, in order. Numbers that a later act needs come from an earlier one; an act that failed is done again.
pub(super) const ACTS: &[Act] = acts! {
    "open": |w| w.open().await?;
    "take over": |w| w.take_over("00:00").await?;
    "import": |w| {
        let people: Vec<_> = ["ana", "bo", "cy", "di", "ed"].map(|name| member(name, BERLIN, &["ops"])).into();
        w.store()?.import_people(people, NOWHERE, at("00:01")).await?;
    };
    "keep a document": |w| {
        let document = Document { name: "file.toml".into(), text: "kept ".repeat(900), kept_at: at("00:02") };
        w.store()?.reload(Reload { keep: vec![document], ..in_force(Vec::new(), NOWHERE, at("00:02")) }).await?;
    };
    "sync": |w| w.sync(&schedules(), "00:03").await?;
    "keep a roster": |w| w.store()?.keep_roster(crew(), NOWHERE, at("00:04")).await?;
    "plan": |w| {
        let plans = [
            plan("s", &[wave("09:00", BERLIN), wave("12:00", BERLIN), wave("12:00", TOKYO)]),
            plan("hold", &[wave("09:00", BERLIN)]),
            plan("team", &[wave_for_all("10:00")]),
        ];
        w.store()?.record_plans(plans.into(), at("00:05")).await?;
    };
    "expand": |w| w.expand("08:00").await?;
    "claim": |w| w.claim("08:00").await?;
    "remember a conversation": |w| {
        let conversation = Conversation { conversation_id: "a:new".into(), service_url: None };
        w.store()?.remember_conversation(w.claims[1].recipient.id, conversation).await?;
    };
    "take a place": |w| {
        let (claim, day) = (&w.claims[0], civil("00:00").date());
        w.store()?.take_place(claim.id, claim.recipient.id, day, 3).await?;
    };
    "mark the first": |w| w.mark(0, "08:00").await?;
    "mark the second": |w| w.mark(1, "08:00").await?;
    "mark the third": |w| w.mark(2, "08:00").await?;
    "mark the fourth": |w| w.mark(3, "08:00").await?;
    "settle one": |w| w.store()?.settle(w.outcome(0, "08:01", sent())).await?;
    "settle three at once": |w| {
        let in_doubt = Settlement::Unknown(Reason::NoAnswer);
        let [one, two, three] = [
            w.outcome(1, "08:01", sent()),
            w.outcome(2, "08:01", in_doubt),
            w.outcome(3, "08:01", waiting("08:30", Reason::Throttled)),
        ];
        let store = w.store()?;
        if let Some(keep) = w.keeps_between {
            // They may be durable one by one as well; so these are states, too.
            store.settle(one).await?;
            keep(&w.path, 1);
            store.settle(two).await?;
            keep(&w.path, 2);
            store.settle(three).await?;
        } else {
            let (one, two, three) = tokio::join!(store.settle(one), store.settle(two), store.settle(three));
            [one, two, three].into_iter().try_for_each(settled)?;
        }
    };
    "postpone": |w| {
        let claim = &w.claims[4];
        w.store()?.postpone(claim.term, claim.id, at("08:20")).await?;
    };
    "release": |w| {
        let claim = &w.claims[5];
        w.store()?.release(claim.term, vec![claim.id]).await?;
    };
    "an install": |w| {
        let told = told("installationUpdate", "08:05", &json!({ "action": "add" }));
        w.hear(&told, "08:05").await?;
    };
    "a stop": |w| w.hear(&told("message", "08:06", &json!({ "text": "stop" })), "08:06").await?;
    "mark a reply": |w| {
        let due = w.store()?.replies_due(at("08:07"), 1).await?;
        w.store()?.mark_replying(due.tasks.first().ok_or("no reply is due")?.reply).await?;
    };
    "an operator's stop": |w| {
        let who = Who { conversation_id: None, addresses: vec![address("di@x")] };
        let choice = Choice { wish: Wish::Stop, topic: Some(topic("s")), way: Way::Operator, at: at("08:08") };
        w.store()?.choose(who, choice).await?;
    };
    "an event": |w| {
        let event = Event {
            name: "alarm".into(),
            identity: Identity::Key("1".into()),
            at: at("08:09"),
            data: json!({ "what": "smoke" }),
            people: Vec::new(),
            conversation: None,
        };
        w.store()?.happen(event, at("08:09")).await?;
    };
    "expand the event": |w| w.expand("08:10").await?;
    "pause": |w| {
        let why = "a trial".to_owned();
        let pause = Pause { schedule: name("hold"), why, by: PausedBy::Operator, not_believed: None };
        w.store()?.pause(pause, at("08:11")).await?;
    };
    "retry": |w| {
        // Said again it finds nothing to do, where it had been done.
        let (who, on, late_until) = (Vec::new(), None, None);
        let order = RetryOrder { schedule: name("s"), who, on, which: Retried::Unknown, late_until, dry_run: false };
        drop(w.store()?.retry(order, at("08:11")).await?);
    };
    "recall": |w| {
        // Said again after a failure it is a recall of its own, unless the first one was none.
        w.store()?.begin_recall(recall_order(), at("08:12")).await?.map_err(|none| format!("{none:?}"))?;
    };
    "settle a recall": |w| {
        let work = w.store()?.recall_due(at("08:13"), 1).await?;
        let task = work.tasks.first().ok_or("nothing is recalled")?;
        let (settlement, detail) = (RecallSettlement::Done, None);
        let outcome = RecallOutcome { recall: task.recall, delivery: task.delivery, at: at("08:13"), settlement, detail };
        w.store()?.settle_recall(outcome).await?;
    };
    "resume": |w| w.store()?.resume(name("hold"), at("08:39")).await?;
    "go round": |w| w.go_round("08:40").await?;
    "mark one that is never settled": |w| w.mark(0, "08:40").await?;
    "upkeep": |w| w.store()?.upkeep().await?;
    "back up": |w| {
        // Said again after a failure it may find its own work.
        back_up(&w.path, &copy(&w.path), true, at("08:45"))?;
    };
    "open again": |w| w.open().await?;
    "a successor takes over": |w| w.take_over("08:50").await?;
    "settle a reply in vain": |w| {
        let due = w.store()?.replies_due(at("08:51"), 1).await?;
        for task in due.tasks {
            let outcome = ReplyOutcome { reply: task.reply, at: at("08:51"), settlement: ReplySettlement::Sent };
            w.store()?.settle_reply(outcome).await?;
        }
    };
    "a zone": |w| {
        let who = w.store()?.find_people("cy@x").await?;
        w.store()?.order_zone(*who.first().ok_or("cy is not known")?, Some(TOKYO), NOWHERE, at("08:52")).await?;
    };
    "an edit": |w| w.sync(&schedules()[..2], "08:53").await?;
    "plan anew": |w| {
        w.store()?.record_plans(vec![plan("s", &[wave("13:00", BERLIN)])], at("08:54")).await?;
    };
    "cancel": |w| {
        let order = CancelOrder { schedule: name("s"), on: Some(civil("00:00").date()), dry_run: false };
        drop(w.store()?.cancel(order, at("08:54")).await?);
    };
    "a rename": |w| w.sync(&[draft("moved").renamed_from("s"), draft("hold")], "08:54").await?;
    "retire": |w| w.store()?.retire_missing(at("08:55"), at("08:55")).await?;
    "prune": |w| w.store()?.prune(at("08:30"), at("08:56") + TimeDelta::days(100)).await?;
};

/// Where the backup of a ledger goes.
pub(super) fn copy(ledger: &Path) -> PathBuf {
    ledger.with_file_name("copy.db")
}

/// Of acts that were asked together some may be done when the others are asked again.
fn settled(result: Result<(), nudged::port::store::StoreError>) -> Result<(), Failure> {
    match result {
        Ok(()) | Err(nudged::port::store::StoreError::LostClaim(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
