//! One ledger that lives through a hundred deaths, or a thousand (P1 to P4): that is what years look like from its side.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use nudged::domain::delivery::State;
use nudged::emulator::{Answer, Effect, Fault, Operation, Settings, Windows};

use crate::books::{BRIEF, Books, Closed, HOLDS, Promise};
use crate::chance::Draw;
use crate::ledger::Ledger;
use crate::rig::{Pace, Rig, Running};
use crate::scene::{EVENTS_OF, Errands, Scene, event_key, ledger_path};
use crate::step::Step;
use crate::witness::{Key, TEXT, TEXT_OF_EVENT};
use crate::{SENDERS, asked_for, say};

/// How many lives there are without being asked.
const KILLS: u64 = 125;

/// People in each of the groups that schedules speak to, and how many such groups there are.
const CROWD: usize = 50;
const CROWDS: u64 = 5;

/// People with whom no chat exists yet, in each of their groups.
const STRANGERS: usize = 5;
const GROUPS_OF_STRANGERS: u64 = 200;

/// For so many lives the file of a schedule stays where it is.
const FILES: u64 = 25;

/// So long a request may be under way on a machine that does ten other things.
const UNDER_WAY: TimeDelta = TimeDelta::seconds(5);

/// And so long what a dead daemon has sent already.
const LANDING: TimeDelta = TimeDelta::seconds(1);

/// An hour apart, so that what comes every other minute is planned for both and is long past for neither.
const ZONES: [&str; 2] = ["Europe/Paris", "Europe/London"];

/// Killed at every named step and at random moments, under load, again and again, with edits, events, recalls and stops
/// between: every recipient of every occurrence ends in one state; what is called sent has arrived; what arrived twice was
/// under way at a kill and is marked; what is to be held never arrives twice; nothing is early and nothing late.
#[tokio::test(flavor = "multi_thread")]
async fn years_of_dying_lose_nothing_and_double_only_what_was_under_way() {
    let seed = asked_for("NUDGED_KILLS_SEED", 1);
    let kills = asked_for("NUDGED_KILLS", KILLS);
    let mut years = Years::new(seed).await;
    let began = years.rig.clock.moment();
    let mut steps = Vec::new();
    for life in 0..kills {
        if steps.is_empty() {
            steps.extend(Step::ALL);
            years.draw.shuffle(&mut steps);
        }
        let step = steps.pop().unwrap_or(Step::Working);
        years.live(life, step).await;
    }
    let closed = years.settle().await;
    years.report(&closed, years.rig.clock.moment().since(began));
}

struct Years {
    rig: Rig,
    draw: Draw,
    books: Books,
    promises: Vec<Promise>,
    /// How often each step was come to, and how often not.
    steps: BTreeMap<Step, (usize, usize)>,
    /// Schedules whose files are there, by the life in which they came.
    files: BTreeMap<u64, String>,
    recalled: Vec<String>,
    /// What was cancelled, and when that was certain.
    cancelled: BTreeMap<String, DateTime<Utc>>,
    /// Who said stop, and when that was answered.
    stops: BTreeMap<String, DateTime<Utc>>,
    stoppers: u64,
    strangers: u64,
    /// An event that was taken in, and whose answer nobody has heard.
    unanswered: Option<u64>,
    seed: u64,
    lives: u64,
}

/// Whoever finds something wants to find it again.
impl Drop for Years {
    fn drop(&mut self) {
        if std::thread::panicking() {
            say(&format!("it was the life number {} of seed {}", self.lives, self.seed));
        }
    }
}

impl Years {
    async fn new(seed: u64) -> Self {
        let settings = Settings {
            windows: Windows::Off,
            latency: Duration::from_millis(20),
            messages_kept: usize::MAX,
            requests_kept: 20_000,
            ..Settings::default()
        };
        let senders = u32::try_from(SENDERS).expect("small");
        let rig = Rig::with(settings, Pace { per_tenant_per_second: 2000, senders }).await;
        // A refusal after which certainly nothing has arrived: what is in doubt here comes of kills alone.
        let busy = Answer::new(412, "PreconditionFailed");
        rig.emulator.add_fault(Fault::new(Effect::Answer(busy)).on(Operation::Send).share(0.01).seed(seed));
        import(&rig);
        let head = |name: &str, to: &str| format!("[schedule.{name}]\nto = \"{to}\"\ntext = \"{TEXT}\"\n");
        let again = "overlap = \"keep\"\ncatch_up = \"all\"\nlate = \"5m\"\n";
        // Some hours are enough: all minutes of two days would be thousands of waves.
        let hours: Vec<_> =
            (0..4).map(|more| (rig.clock.now() + TimeDelta::hours(more)).format("%-H").to_string()).collect();
        let hours = hours.join(",");
        let utc = format!("{}cron = \"* {hours} * * *\"\nzone = \"UTC\"\n{again}", head("tick", "group:crowd0"));
        let local = format!("{}cron = \"*/2 {hours} * * *\"\n{again}", head("tock", "group:crowd1"));
        let ping = format!("[schedule.ping]\nto = \"group:crowd2\"\nevent = \"ping\"\ntext = \"{TEXT_OF_EVENT}\"\n");
        rig.write("schedules/always.toml", &format!("{utc}{local}{ping}"));
        Self {
            rig,
            draw: Draw::new(seed),
            books: Books::default(),
            promises: Vec::new(),
            steps: BTreeMap::new(),
            files: BTreeMap::new(),
            recalled: Vec::new(),
            cancelled: BTreeMap::new(),
            stops: BTreeMap::new(),
            stoppers: 0,
            strangers: 0,
            unanswered: None,
            seed,
            lives: 0,
        }
    }

    /// One daemon, from its start to its end.
    async fn live(&mut self, life: u64, step: Step) {
        self.lives = life + 1;
        let schedule = self.write_schedule(life, step);
        self.tidy(life);
        let late_schedule = format!("late{life}");
        let event = self.unanswered.filter(|_| step == Step::EventAnswered).unwrap_or(life);
        let recalls = matches!(step, Step::RecallBegun | Step::DeletionAsked | Step::Deleted);
        let recall = if recalls { self.to_recall() } else { None };
        let retry = if step == Step::RetryKept { self.to_retry() } else { None };
        // It may happen although nobody saw it.
        self.books.retried.extend(retry.clone());
        let errands = Errands {
            schedule: &schedule,
            late_file: (format!("schedules/late{life}.toml"), self.once(&late_schedule, "group:crowd3", 0, "")),
            late_schedule: &late_schedule,
            event,
            recall: recall.as_deref(),
            retry: retry.as_deref(),
            stopper: self.stopper(),
        };
        let scene = Scene::new(&self.rig, errands, &mut self.draw);
        let daemon = self.rig.spawn(&mut self.rig.command(&["run"]));
        let reached = scene.reach(step, &daemon).await;
        let log = end(step, daemon);
        let count = self.steps.entry(step).or_default();
        if reached {
            count.0 += 1;
        } else {
            count.1 += 1;
        }

        let Some(ledger) = Ledger::open(&ledger_path(&self.rig)) else {
            assert_eq!(step, Step::Starting, "there is no ledger: {log}");
            return;
        };
        let arrived = if step == Step::Stopping {
            self.books.after_stop(&ledger, &self.rig.emulator)
        } else {
            self.books.after_kill(&ledger, &self.rig.emulator)
        };
        for key in &arrived {
            self.check_stop(key);
            self.check_cancel(key);
        }
        match step {
            Step::CatalogKept => self.promise(&late_schedule, CROWD),
            Step::EventTaken | Step::EventAnswered => {
                self.note_event(&ledger, event, reached && step == Step::EventAnswered);
            }
            Step::RecallBegun | Step::DeletionAsked | Step::Deleted => self.recalled.extend(recall.filter(|_| reached)),
            Step::CancelKept if reached => drop(self.cancelled.insert(schedule, self.rig.clock.now())),
            Step::StopAnswered | Step::ReplySending => self.note_stop(reached),
            Step::Starting
            | Step::Serving
            | Step::Working
            | Step::Planned
            | Step::Expanded
            | Step::Claimed
            | Step::Sending
            | Step::Settled
            | Step::TokenAsked
            | Step::TokenGiven
            | Step::CreationAsked
            | Step::Created
            | Step::SendAsked
            | Step::SendAnswered
            | Step::CancelKept
            | Step::RetryKept
            | Step::Stopping => {}
        }
    }

    /// Each life has something of its own to send: at once, in a second, or long ago; and held or not.
    fn write_schedule(&mut self, life: u64, step: Step) -> String {
        let creates = matches!(step, Step::CreationAsked | Step::Created);
        let (name, seconds, more) = match self.draw.between(0, 7) {
            // Not yet due when it is cancelled, and due when the next daemon is there.
            _ if step == Step::CancelKept => (format!("once{life}"), 5, ""),
            0..=2 => (format!("{HOLDS}{life}"), -1, "on_unknown = \"hold\"\n"),
            3 => (format!("once{life}"), 1, ""),
            _ if creates => (format!("once{life}"), -1, "priority = \"critical\"\n"),
            4 => (format!("{BRIEF}{life}"), 0, "late = \"1s\"\n"),
            _ => (format!("once{life}"), -1, ""),
        };
        let crowd = format!("group:crowd{}", self.draw.between(0, CROWDS - 1));
        let mut people = CROWD;
        let mut to = crowd;
        if creates && self.strangers < GROUPS_OF_STRANGERS {
            write!(to, "\", \"group:strangers{}", self.strangers).expect("a string takes it");
            self.strangers += 1;
            people += STRANGERS;
        }
        let text = self.once(&name, &to, seconds, more);
        self.rig.write(&format!("schedules/{name}.toml"), &text);
        self.promise(&name, people);
        self.files.insert(life, name.clone());
        name
    }

    /// The file of a schedule for one time.
    fn once(&self, name: &str, to: &str, in_seconds: i64, more: &str) -> String {
        let at = (self.rig.clock.now() + TimeDelta::seconds(in_seconds)).format("%Y-%m-%dT%H:%M:%SZ");
        format!("[schedule.{name}]\nto = [\"{to}\"]\nat = {at}\nzone = \"UTC\"\ntext = \"{TEXT}\"\n{more}")
    }

    fn promise(&mut self, name: &str, people: usize) {
        self.promises.push(Promise { text: name.to_owned(), people });
    }

    /// Takes old files away when all of theirs is over, and edits one that is not.
    fn tidy(&mut self, life: u64) {
        if let Some(edited) = life.checked_sub(1).and_then(|before| self.files.get(&before)) {
            let name = format!("schedules/{edited}.toml");
            let text = crate::rig::read(&self.rig.path(&name));
            self.rig.write(&name, &format!("{text}title = \"Another title\"\n"));
        }
        let Some(ledger) = Ledger::open(&ledger_path(&self.rig)) else { return };
        let old = self.files.range(..life.saturating_sub(FILES)).map(|(life, name)| (*life, name.clone()));
        for (life, name) in old.collect::<Vec<_>>() {
            if is_over(&ledger, &name) {
                std::fs::remove_file(self.rig.path(&format!("schedules/{name}.toml"))).expect("it was there");
                self.files.remove(&life);
            }
        }
    }

    /// A schedule whose messages may be taken back.
    fn to_recall(&self) -> Option<String> {
        let ledger = Ledger::open(&ledger_path(&self.rig))?;
        let may_be = |name: &&String| !self.recalled.contains(name) && was_sent(&ledger, name);
        self.files.values().find(may_be).cloned()
    }

    /// A schedule that leaves it to a person what is sent again of what is in doubt.
    fn to_retry(&self) -> Option<String> {
        let ledger = Ledger::open(&ledger_path(&self.rig))?;
        let may_be = |name: &&String| {
            let is_new = !self.recalled.contains(name) && !self.books.retried.contains(*name);
            name.starts_with(HOLDS) && is_new && ledger.number_of(UNKNOWN_OF, name) >= Some(1)
        };
        self.files.values().find(may_be).cloned()
    }

    fn note_event(&mut self, ledger: &Ledger, number: u64, is_answered: bool) {
        let is_taken = ledger.number_of(EVENTS_OF, &event_key(number)) == Some(1);
        assert!(is_taken || !is_answered, "event {number} was answered and is lost");
        let text = format!("ping@{number}");
        if is_taken && !self.promises.iter().any(|promise| promise.text == text) {
            self.promise(&text, CROWD);
        }
        self.unanswered = (is_taken && !is_answered).then_some(number);
    }

    /// The next who says stop: somebody of one crowd after another.
    fn stopper(&self) -> u64 {
        (self.stoppers * 53) % (CROWDS * CROWD as u64)
    }

    fn note_stop(&mut self, is_answered: bool) {
        if is_answered {
            self.stops.insert(format!("a:conversation-{}", self.stopper()), self.rig.clock.now());
        }
        self.stoppers += 1;
    }

    /// Whoever said stop gets nothing more, but for what was under way at that moment.
    fn check_stop(&self, key: &Key) {
        let Some(stopped) = self.stops.get(&key.conversation) else { return };
        let after = self.books.witness.arrivals[key].iter().find(|arrival| arrival.at > *stopped + UNDER_WAY);
        assert!(after.is_none(), "{key:?} came after the stop of {stopped}: {after:?}");
    }

    /// Of what was cancelled nothing more comes, but for what was under way at that moment.
    fn check_cancel(&self, key: &Key) {
        let Some((schedule, _)) = key.text.split_once('@') else { return };
        let Some(cancelled) = self.cancelled.get(schedule) else { return };
        let after = self.books.witness.arrivals[key].iter().find(|arrival| arrival.at > *cancelled + LANDING);
        assert!(after.is_none(), "{key:?} came after the cancel of {cancelled}: {after:?}");
    }

    /// Lets the last daemon finish everything, and closes the books.
    async fn settle(&mut self) -> Closed {
        let daemon = self.rig.start().await;
        let ledger = Ledger::open(&ledger_path(&self.rig)).expect("a ledger");
        let open = || {
            let now = self.rig.clock.now().timestamp_micros().to_string();
            ledger.number_of(OPEN, &now).unwrap_or(i64::MAX)
        };
        // However much is left over, as long as it gets on.
        let mut left = open();
        while left > 0 {
            self.rig.until("more is settled", || open() != left).await;
            left = open();
        }
        daemon.stop();
        let closed = self.books.close(&ledger, &self.rig.emulator, &self.promises);
        let deleted: Vec<_> = self.rig.messages().into_iter().filter(|message| message.deleted_at.is_some()).collect();
        assert_eq!(ledger.number(CALLED_UNSENT), Some(0), "what may have arrived is not called unsent by a recall");
        for id in ledger.taken_back() {
            assert!(deleted.iter().any(|message| message.activity_id == id), "{id} is called taken back, and stands");
        }
        for key in self.books.witness.arrivals.keys() {
            self.check_stop(key);
            self.check_cancel(key);
        }
        for (conversation, replies) in &self.books.witness.replies {
            assert_eq!(*replies, 1, "{conversation} said stop once");
        }
        closed
    }

    fn report(&self, closed: &Closed, took: Duration) {
        let kills: usize =
            self.steps.iter().filter(|(step, _)| **step != Step::Stopping).map(|(_, (came, not))| came + not).sum();
        let stops = self.steps.get(&Step::Stopping).map_or(0, |(came, not)| came + not);
        let in_doubt = closed.states.get(&State::Unknown).copied().unwrap_or_default();
        let mut words = format!(
            "seed {}: {kills} kills and {stops} clean stops in {} s; {} deliveries, {} messages arrived, {} of them twice \
             (all marked), 0 lost; {} requests under way at kills, {} at most at one; {in_doubt} left unknown\n",
            self.seed,
            took.as_secs(),
            closed.deliveries,
            self.books.witness.count(),
            self.books.witness.duplicates(),
            self.books.in_flight,
            self.books.most_in_flight,
        );
        for (step, (came, not)) in &self.steps {
            write!(words, "{step:?} {came}/{}  ", came + not).expect("a string takes it");
        }
        write!(words, "\n{:?}", closed.reasons).expect("a string takes it");
        say(&words);
        for (step, (came, not)) in &self.steps {
            assert!(*came > 0 || *not < 5, "no daemon of {not} ever came to {step:?}");
        }
    }
}

/// Ends a daemon as the step wants it. What it had logged.
fn end(step: Step, daemon: Running) -> String {
    let log = daemon.log();
    if step == Step::Stopping {
        daemon.stop();
    } else {
        daemon.kill();
    }
    log
}

/// Five crowds whose members live in two zones, and people with whom there is no chat yet.
fn import(rig: &Rig) {
    let mut csv = String::from("teams_id,name,zone,conversation_id,groups\n");
    let mut person = 0;
    for crowd in 0..CROWDS {
        for _ in 0..CROWD {
            let zone = ZONES[person % ZONES.len()];
            writeln!(csv, "29:person-{person},Person {person},{zone},a:conversation-{person},crowd{crowd}")
                .expect("written");
            person += 1;
        }
    }
    for group in 0..GROUPS_OF_STRANGERS {
        for n in 0..STRANGERS {
            writeln!(csv, "29:stranger-{group}-{n},Stranger,Europe/Paris,,strangers{group}").expect("written");
        }
    }
    rig.write("people.csv", &csv);
    rig.run_ok(&["people", "import", rig.path("people.csv").to_str().expect("a plain path")]);
}

/// Whether a schedule for one time is over: all of its deliveries have come to their end.
fn is_over(ledger: &Ledger, name: &str) -> bool {
    ledger.number_of(UNFINISHED_OF, name) == Some(0) && ledger.number_of(ROWS_OF, name) >= Some(1)
}

fn was_sent(ledger: &Ledger, name: &str) -> bool {
    ledger.number_of(SENT_OF, name) >= Some(12)
}

const ROWS_OF: &str = "SELECT count(*) FROM deliveries d JOIN occurrences o ON o.id = d.occurrence_id
    JOIN schedules s ON s.id = o.schedule_id WHERE s.name = ?1";
const SENT_OF: &str = "SELECT count(*) FROM deliveries d JOIN occurrences o ON o.id = d.occurrence_id
    JOIN schedules s ON s.id = o.schedule_id WHERE s.name = ?1 AND d.state = 'sent'";
const UNKNOWN_OF: &str = "SELECT count(*) FROM deliveries d JOIN occurrences o ON o.id = d.occurrence_id
    JOIN schedules s ON s.id = o.schedule_id WHERE s.name = ?1 AND d.state = 'unknown'";
const UNFINISHED_OF: &str = "SELECT count(*) FROM deliveries d JOIN occurrences o ON o.id = d.occurrence_id
    JOIN schedules s ON s.id = o.schedule_id
    WHERE s.name = ?1 AND d.state IN ('planned', 'claimed', 'sending', 'waiting')";
/// What has not come to its end by now. Of what comes again, some is planned already for the next minutes.
const OPEN: &str = "SELECT
    (SELECT count(*) FROM deliveries WHERE state IN ('claimed', 'sending', 'waiting'))
    + (SELECT count(*) FROM deliveries WHERE state = 'planned' AND due_at <= CAST(?1 AS INTEGER))
    + (SELECT count(*) FROM waves WHERE to_expand = 1 AND due_at <= CAST(?1 AS INTEGER))
    + (SELECT count(*) FROM recalled WHERE state IN ('pending', 'awaiting'))";
const CALLED_UNSENT: &str = "SELECT count(*) FROM recalled t JOIN deliveries d ON d.id = t.delivery_id
    WHERE t.state = 'unsent' AND (d.possible_duplicate = 1 OR d.state IN ('sent', 'unknown'))";
