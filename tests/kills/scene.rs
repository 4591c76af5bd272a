//! One life of a daemon: from its start to the step at which it dies.

use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::Duration;

use nudged::emulator::Emulator;
use reqwest::Client;
use serde_json::json;

use crate::chance::Draw;
use crate::ledger::Ledger;
use crate::rig::{Rig, Running};
use crate::step::{Asks, Step};

/// After so long without the step, the daemon is killed where it is. A machine that does ten other things needs seconds
/// for a start.
const LONG_ENOUGH: Duration = Duration::from_secs(15);

/// How often the ledger is looked at. The emulator needs no looking: it tells.
const GLANCE: Duration = Duration::from_millis(1);

/// What there is to do in this life besides what is due anyway.
pub(crate) struct Errands<'a> {
    /// The schedule that was written for it.
    pub(crate) schedule: &'a str,
    /// A file that appears while the daemon runs, and the schedule in it.
    pub(crate) late_file: (String, String),
    pub(crate) late_schedule: &'a str,
    /// The number of an event.
    pub(crate) event: u64,
    /// What may be taken back.
    pub(crate) recall: Option<&'a str>,
    /// What may be sent again although it is in doubt.
    pub(crate) retry: Option<&'a str>,
    /// Who says stop.
    pub(crate) stopper: u64,
}

pub(crate) struct Scene<'a> {
    rig: &'a Rig,
    errands: Errands<'a>,
    /// The last request before this life.
    requests_before: u64,
    /// The last attempt before this life.
    attempts_before: i64,
    /// How many requests or outcomes it takes.
    nth: usize,
    /// A moment of the start, and one of the work.
    early: Duration,
    later: Duration,
}

impl<'a> Scene<'a> {
    pub(crate) fn new(rig: &'a Rig, errands: Errands<'a>, draw: &mut Draw) -> Self {
        let attempts = Ledger::open(&ledger_path(rig)).and_then(|ledger| ledger.number(LAST_ATTEMPT));
        Self {
            rig,
            errands,
            requests_before: *rig.emulator.watch_arrivals().borrow(),
            attempts_before: attempts.unwrap_or_default(),
            nth: usize::try_from(draw.between(1, 120)).expect("small"),
            early: Duration::from_micros(draw.between(0, 400_000)),
            later: Duration::from_micros(draw.between(0, 600_000)),
        }
    }

    /// Waits until the daemon is at `step`. Whether it came there.
    pub(crate) async fn reach(&self, step: Step, daemon: &Running) -> bool {
        let of = self.errands.schedule;
        match step {
            Step::Starting => self.pass(self.early).await,
            Step::Serving => self.serves().await,
            Step::Working => self.serves().await && self.pass(self.later).await,
            Step::Planned => self.ledger_says(WAVES_OF, of, 1).await,
            Step::Expanded => self.ledger_says(DELIVERIES_OF, of, 1).await,
            Step::Claimed => self.ledger_says(CLAIMED, "", 1).await,
            Step::Sending => self.ledger_says(BEGUN, &self.attempts_before.to_string(), 1).await,
            Step::Settled => self.ledger_says(ENDED, &self.attempts_before.to_string(), self.nth).await,
            Step::TokenAsked => self.asked(Asks::Token, 1).await,
            Step::TokenGiven => self.answered(Asks::Token, 1).await,
            Step::CreationAsked => self.asked(Asks::Create, 1 + self.nth % 3).await,
            Step::Created => self.answered(Asks::Create, 1 + self.nth % 3).await,
            Step::SendAsked | Step::Stopping => self.asked(Asks::Send, self.nth).await,
            Step::SendAnswered => self.answered(Asks::Send, self.nth).await,
            Step::CatalogKept => {
                let (name, text) = &self.errands.late_file;
                let serves = self.serves().await;
                self.rig.write(name, text);
                daemon.signal("HUP");
                serves && self.ledger_says(SCHEDULES_OF, self.errands.late_schedule, 1).await
            }
            Step::EventTaken => {
                let _ended = self.serves().await.then(|| self.tells_event());
                self.ledger_says(EVENTS_OF, &event_key(self.errands.event), 1).await
            }
            Step::EventAnswered => {
                self.serves().await && {
                    let mut command = self.tells_event();
                    self.soon(|| command.has_ended()).await && command.ended_well()
                }
            }
            Step::RecallBegun => {
                let Some(_ended) = self.begins_recall().await else { return false };
                self.ledger_says(RECALLS_OF, self.errands.recall.unwrap_or_default(), 1).await
            }
            Step::DeletionAsked | Step::Deleted => {
                let Some(_ended) = self.begins_recall().await else { return false };
                let nth = 1 + self.nth / 8;
                if step == Step::Deleted {
                    self.answered(Asks::Delete, nth).await
                } else {
                    self.asked(Asks::Delete, nth).await
                }
            }
            Step::CancelKept => {
                let is_there = self.serves().await && self.ledger_says(WAVES_OF, of, 1).await;
                let _ended = is_there.then(|| self.types(&["cancel", of, "--yes"]));
                is_there && self.ledger_says(CANCELS_OF, of, 1).await
            }
            Step::RetryKept => {
                let Some(schedule) = self.errands.retry else { return false };
                let _ended = self.serves().await.then(|| self.types(&["retry", schedule, "--unknown", "--late"]));
                self.ledger_says(AGAIN_OF, schedule, 1).await
            }
            Step::StopAnswered => self.serves().await && self.says_stop().await,
            Step::ReplySending => {
                self.serves().await && self.says_stop().await && self.ledger_says(REPLYING, "", 1).await
            }
        }
    }

    async fn pass(&self, span: Duration) -> bool {
        self.rig.clock.sleep(span).await;
        true
    }

    async fn serves(&self) -> bool {
        let socket = self.rig.path("state/nudged.sock");
        self.soon(|| std::os::unix::net::UnixStream::connect(&socket).is_ok()).await
    }

    async fn soon(&self, mut is_so: impl FnMut() -> bool) -> bool {
        let began = self.rig.clock.moment();
        while !is_so() {
            if self.rig.clock.moment().since(began) > LONG_ENOUGH {
                return false;
            }
            self.rig.clock.sleep(GLANCE).await;
        }
        true
    }

    /// Waits until the answer to `question` about `word` is at least `least`.
    async fn ledger_says(&self, question: &str, word: &str, least: usize) -> bool {
        let path = ledger_path(self.rig);
        let mut ledger = None;
        let least = i64::try_from(least).expect("small");
        self.soon(|| {
            if ledger.is_none() {
                ledger = Ledger::open(&path);
            }
            ledger.as_ref().and_then(|ledger| ledger.number_of(question, word)).is_some_and(|number| number >= least)
        })
        .await
    }

    async fn asked(&self, what: Asks, nth: usize) -> bool {
        self.seen(self.rig.emulator.watch_arrivals(), what, nth, false).await
    }

    async fn answered(&self, what: Asks, nth: usize) -> bool {
        self.seen(self.rig.emulator.watch_requests(), what, nth, true).await
    }

    /// Waits until the emulator has seen, or answered, so many requests of a kind in this life.
    async fn seen(&self, mut watch: tokio::sync::watch::Receiver<u64>, what: Asks, nth: usize, answered: bool) -> bool {
        let emulator: &Emulator = &self.rig.emulator;
        let enough = || {
            let requests = emulator.requests_after(self.requests_before, usize::MAX);
            requests.iter().filter(|request| what.is(request) && (!answered || request.status.is_some())).count() >= nth
        };
        let came = async {
            while !enough() {
                watch.changed().await.expect("the emulator lives");
            }
        };
        tokio::select! {
            () = came => true,
            () = self.rig.clock.sleep(LONG_ENOUGH) => false,
        }
    }

    fn tells_event(&self) -> Typed {
        let number = self.errands.event;
        self.types(&["event", "ping", "--key", &event_key(number), "--data", &json!({ "number": number }).to_string()])
    }

    async fn begins_recall(&self) -> Option<Typed> {
        let schedule = self.errands.recall?;
        self.serves().await.then(|| self.types(&["recall", schedule, "--yes", "--no-wait"]))
    }

    /// Somebody says stop in their chat, told by a bot that passes on what it hears. Whether that was answered.
    async fn says_stop(&self) -> bool {
        let who = self.errands.stopper;
        let told = json!({
            "type": "message", "id": format!("stop-{who}"), "channelId": "msteams", "text": "stop",
            "timestamp": self.rig.clock.now().to_rfc3339(), "serviceUrl": self.rig.emulator.service_url(),
            "from": { "id": format!("29:person-{who}") }, "recipient": { "id": "28:bot" },
            "conversation": { "id": format!("a:conversation-{who}"), "conversationType": "personal" },
        });
        let client = Client::builder().unix_socket(self.rig.path("state/nudged.sock")).build().expect("a client");
        let answer = client.post("http://nudged/v1/activities").body(told.to_string()).send().await;
        answer.is_ok_and(|answer| answer.status().is_success())
    }

    /// A command that is typed, and not waited for.
    fn types(&self, args: &[&str]) -> Typed {
        let mut command = self.rig.command(args);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Typed(command.spawn().expect("the binary runs"))
    }
}

/// A command under way. Dropped, it is killed too: its daemon is about to die, and cannot answer it any more.
struct Typed(Child);

impl Typed {
    fn has_ended(&mut self) -> bool {
        self.0.try_wait().expect("it can be asked").is_some()
    }

    fn ended_well(&mut self) -> bool {
        self.0.wait().expect("ended").success()
    }
}

impl Drop for Typed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(crate) fn ledger_path(rig: &Rig) -> PathBuf {
    rig.path("state/nudged.db")
}

pub(crate) fn event_key(number: u64) -> String {
    format!("key-{number}")
}

const LAST_ATTEMPT: &str = "SELECT coalesce(max(id), 0) FROM attempts";
const WAVES_OF: &str = "SELECT count(*) FROM waves w JOIN schedules s ON s.id = w.schedule_id WHERE s.name = ?1";
const DELIVERIES_OF: &str = "SELECT count(*) FROM (
    SELECT 1 FROM schedules s JOIN occurrences o ON o.schedule_id = s.id JOIN deliveries d ON d.occurrence_id = o.id
    WHERE s.name = ?1 LIMIT 1)";
const CLAIMED: &str = "SELECT count(*) FROM deliveries WHERE state = 'claimed' || ?1";
const BEGUN: &str = "SELECT count(*) FROM attempts WHERE id > CAST(?1 AS INTEGER)";
const ENDED: &str = "SELECT count(*) FROM attempts WHERE id > CAST(?1 AS INTEGER) AND ended_at IS NOT NULL";
const SCHEDULES_OF: &str = "SELECT count(*) FROM schedules WHERE name = ?1";
pub(crate) const EVENTS_OF: &str = "SELECT count(*) FROM events WHERE key = ?1";
const RECALLS_OF: &str = "SELECT count(*) FROM recalls c JOIN occurrences o ON o.id = c.occurrence_id
    JOIN schedules s ON s.id = o.schedule_id WHERE s.name = ?1";
const CANCELS_OF: &str = "SELECT count(*) FROM occurrences o JOIN schedules s ON s.id = o.schedule_id
    WHERE s.name = ?1 AND o.cancelled_at IS NOT NULL";
const AGAIN_OF: &str = "SELECT count(*) FROM deliveries d JOIN occurrences o ON o.id = d.occurrence_id
    JOIN schedules s ON s.id = o.schedule_id
    WHERE s.name = ?1 AND d.possible_duplicate = 1 AND d.state <> 'unknown'";
const REPLYING: &str = "SELECT count(*) FROM replies WHERE state = 'sending' || ?1";
