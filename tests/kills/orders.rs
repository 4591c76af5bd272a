//! What an operator orders, killed in the middle of it: a cancel, a retry, a reload with a rename, a test. Each is there as a
//! whole or not at all, whoever was told that it is done was told the truth, and nobody gets anything twice for it.

use std::process::{Child, Stdio};
use std::time::Duration;

use nudged::domain::delivery::State;
use nudged::emulator::{Answer, Effect, Fault, Operation, Settings, Windows};
use serde_json::Value;

use crate::SENDERS;
use crate::chance::Draw;
use crate::ledger::{Delivery, Ledger};
use crate::rig::{Pace, Rig, Running};
use crate::scene::ledger_path;
use crate::stopping::rows;
use crate::witness::{TEXT, Witness};
use crate::{asked_for, say};

const PEOPLE: usize = 60;

/// How many daemons die over each kind of order.
const LIVES: u64 = 4;

/// How often the ledger is looked at.
const GLANCE: Duration = Duration::from_millis(1);

/// When a daemon dies over an order that somebody has typed.
enum Moment<'a> {
    /// After so long, whatever has happened by then.
    After(Duration),
    /// As soon as the ledger answers this with a number above zero: it is durable, and perhaps not answered yet.
    Once(&'a str),
}

async fn rig() -> Rig {
    let settings = Settings { windows: Windows::Off, latency: Duration::from_millis(20), ..Settings::default() };
    let senders = u32::try_from(SENDERS).expect("small");
    let rig = Rig::with(settings, Pace { per_tenant_per_second: 200, senders }).await;
    rig.import_crowd(PEOPLE);
    rig
}

/// A schedule for everyone, once, whose messages say which they are.
fn write(rig: &Rig, file: &str, name: &str, in_seconds: i64, more: &str) {
    let at = rig.in_seconds(in_seconds).format("%Y-%m-%dT%H:%M:%SZ");
    let head = format!("[schedule.{name}]\nto = \"everyone\"\nat = {at}\nzone = \"UTC\"\ntext = \"{TEXT}\"\n{more}");
    rig.write(&format!("schedules/{file}.toml"), &head);
}

/// Types a command, and kills the daemon over it. What the command printed, where it said that it was done.
async fn killed_over(rig: &Rig, daemon: Running, args: &[&str], moment: Moment<'_>) -> Option<Value> {
    let mut command = rig.command(args);
    let command = command.arg("--json").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut typed = command.spawn().expect("the binary runs");
    match moment {
        Moment::After(span) => rig.clock.sleep(span).await,
        Moment::Once(question) => {
            let ledger = Ledger::open(&ledger_path(rig)).expect("a ledger");
            while !has_ended(&mut typed) && ledger.number(question).unwrap_or_default() == 0 {
                rig.clock.sleep(GLANCE).await;
            }
        }
    }
    daemon.kill();
    let ended = typed.wait_with_output().expect("a command whose daemon is dead ends");
    let said = String::from_utf8_lossy(&ended.stderr);
    let cure = ["nobody knows whether it did this", "gives no answer", "start it with `nudged run`"];
    let is_one_line = said.lines().count() == 1 && cure.iter().any(|cure| said.contains(cure));
    assert!(ended.status.success() || is_one_line, "{args:?}: {said}");
    ended.status.success().then(|| serde_json::from_slice(&ended.stdout).unwrap_or_default())
}

fn has_ended(typed: &mut Child) -> bool {
    typed.try_wait().expect("it can be asked").is_some()
}

/// Every other daemon dies when the order is durable, the others at any moment.
fn moment<'a>(life: u64, draw: &mut Draw, question: &'a str) -> Moment<'a> {
    match life % 4 {
        0 | 2 => Moment::Once(question),
        1 => Moment::After(Duration::from_millis(draw.between(1, 100))),
        _ => Moment::After(Duration::from_millis(draw.between(500, 1500))),
    }
}

fn of<'a>(rows: &'a [Delivery], schedule: &str) -> Vec<&'a Delivery> {
    rows.iter().filter(|row| row.schedule == schedule).collect()
}

fn is_open(row: &Delivery) -> bool {
    !row.state.is_final()
}

/// Lets a last daemon finish, and closes the books: what arrived is sent or in doubt, and what arrived twice is marked.
async fn finish(rig: &Rig) -> (Vec<Delivery>, Witness) {
    let daemon = rig.start().await;
    let ledger = Ledger::open(&ledger_path(rig)).expect("a ledger");
    rig.until("all is settled", || ledger.number(OPEN) == Some(0)).await;
    daemon.stop();
    drop(ledger);
    let rows = rows(rig);
    let mut witness = Witness::default();
    witness.look(&rig.emulator);
    for (key, arrivals) in &witness.arrivals {
        let row =
            rows.iter().find(|row| row.key == *key).unwrap_or_else(|| panic!("{key:?} arrived and is no delivery"));
        assert!(row.state == State::Sent || row.is_in_doubt(), "{row:?} arrived");
        assert!(arrivals.len() == 1 || row.is_in_doubt(), "{row:?} arrived {} times and is not marked", arrivals.len());
    }
    for row in rows.iter().filter(|row| row.state == State::Sent) {
        assert!(witness.arrivals.contains_key(&row.key), "lost: {row:?}");
    }
    (rows, witness)
}

const OPEN: &str = "SELECT count(*) FROM deliveries WHERE state IN ('planned', 'claimed', 'sending', 'waiting')";

/// From the moment at which a cancel is durable nothing more of it leaves, also by the next daemon.
#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_that_is_killed_holds_or_has_not_happened() {
    let rig = rig().await;
    let mut draw = Draw::new(asked_for("NUDGED_KILLS_SEED", 1));
    // Busy conversations are tried again; what is cancelled meanwhile is not.
    let busy = Answer::new(412, "PreconditionFailed");
    rig.emulator.add_fault(Fault::new(Effect::Answer(busy)).on(Operation::Send).share(0.2).seed(7));
    let mut cancelled = Vec::new();
    for life in 0..LIVES {
        let name = format!("cancel{life}");
        write(&rig, &name, &name, -1, "");
        let before = rig.messages().len() as u64;
        let daemon = rig.start().await;
        rig.until_taken(before + 10).await;
        let question = format!(
            "SELECT count(*) FROM occurrences o JOIN schedules s ON s.id = o.schedule_id
                WHERE s.name = '{name}' AND o.cancelled_at IS NOT NULL"
        );
        let told = killed_over(&rig, daemon, &["cancel", &name, "--yes"], moment(life, &mut draw, &question)).await;
        let is_cancelled = Ledger::open(&ledger_path(&rig)).and_then(|ledger| ledger.number(&question)) == Some(1);
        assert!(is_cancelled || told.is_none(), "told {told:?}, and nothing is cancelled");
        let rows = rows(&rig);
        let of_it = of(&rows, &name);
        let ended = of_it.iter().filter(|row| row.state == State::Cancelled).count() as u64;
        let told = told.map(|told| told["occurrences"][0]["cancelled"].as_u64().expect("a number"));
        assert!(told.is_none_or(|told| told <= ended), "told that {told:?} will not get it, and it is {ended}");
        if is_cancelled {
            let open: Vec<_> = of_it.iter().filter(|row| is_open(row) && row.state != State::Sending).collect();
            assert!(open.is_empty(), "cancelled by half: {open:?}");
            cancelled.push((name, copies(&rig)));
        }
    }
    rig.emulator.clear_faults();
    let (rows, witness) = finish(&rig).await;
    for (name, arrived) in &cancelled {
        let now = witness.arrivals.keys().filter(|key| key.text.starts_with(&format!("{name}@"))).count();
        let then = arrived.iter().filter(|text| text.starts_with(&format!("{name}@"))).count();
        assert_eq!(now, then, "{name} was cancelled, and more of it came");
        assert_eq!(of(&rows, name).len(), PEOPLE, "everybody of {name} is accounted for");
    }
    say(&format!("cancels killed: {LIVES}, of them {} that held", cancelled.len()));
}

/// The texts of the messages that have arrived.
fn copies(rig: &Rig) -> Vec<String> {
    rig.messages().into_iter().filter_map(|message| message.text).collect()
}

/// A retry has everybody sent again or nobody; asked for again after a kill, it brings each message once.
#[tokio::test(flavor = "multi_thread")]
async fn a_retry_that_is_killed_sends_nobody_two() {
    const FAILING: u64 = 4;
    let rig = rig().await;
    let mut draw = Draw::new(asked_for("NUDGED_KILLS_SEED", 2));
    // Others in each life: what is sent again of the one before finds nothing in its way.
    let refuse = |life: u64| {
        for n in life * FAILING..(life + 1) * FAILING {
            let refused = Answer::new(400, "BadArgument");
            let fault = Fault::new(Effect::Answer(refused)).on(Operation::Send);
            rig.emulator.add_fault(fault.in_conversation(&format!("a:conversation-{n}")));
        }
    };
    let failed = "SELECT count(*) FROM deliveries WHERE state = 'failed'";
    for life in 0..LIVES {
        let name = format!("retry{life}");
        refuse(life);
        write(&rig, &name, &name, -1, "");
        let daemon = rig.start().await;
        let ledger = Ledger::open(&ledger_path(&rig)).expect("a ledger");
        let is_over = || ledger.number(OPEN) == Some(0) && ledger.number(failed) == Some(4);
        rig.until("some have failed", is_over).await;
        drop(ledger);
        rig.emulator.clear_faults();
        let question = "SELECT NOT EXISTS (SELECT 1 FROM deliveries WHERE state = 'failed')";
        let told = killed_over(&rig, daemon, &["retry", &name], moment(life, &mut draw, question)).await;
        let left = of(&rows(&rig), &name).iter().filter(|row| row.state == State::Failed).count() as u64;
        assert!(left == 0 || left == FAILING, "{left} of {FAILING} are sent again");
        let told = told.map(|told| told["retried"].as_u64().expect("a number"));
        assert!(told.is_none() || (told, left) == (Some(FAILING), 0), "told {told:?}, and {left} are left");
        // Whoever was told nothing asks again. There is something to do, or there was.
        let again = rig.output(&["retry", &name]);
        assert_eq!(again.status.success(), left > 0, "{again:?}");
    }
    let (rows, witness) = finish(&rig).await;
    assert_eq!(rows.len(), PEOPLE * usize::try_from(LIVES).expect("few"));
    assert!(rows.iter().all(|row| row.state == State::Sent), "everybody has theirs");
    say(&format!("retries killed: {LIVES}; {} messages, {} twice, all marked", witness.count(), witness.duplicates()));
}

/// A schedule is renamed while its messages leave, again and again: all of it belongs to the new name or all to the old
/// one, and nobody gets a second message for it.
#[tokio::test(flavor = "multi_thread")]
async fn a_rename_that_is_killed_sends_nobody_two() {
    let rig = rig().await;
    let mut draw = Draw::new(asked_for("NUDGED_KILLS_SEED", 3));
    write(&rig, "moved", "moved0", -1, "on_unknown = \"hold\"\n");
    let text = crate::rig::read(&rig.path("schedules/moved.toml"));
    for life in 0..LIVES {
        let daemon = rig.start().await;
        rig.until_taken(10 + 5 * life).await;
        let (old, new) = (format!("moved{life}"), format!("moved{}", life + 1));
        let renamed = text.replace("moved0", &new) + &format!("renamed_from = \"{old}\"\n");
        rig.write("schedules/moved.toml", &renamed);
        let known = |name: &str| format!("SELECT count(*) FROM schedules WHERE name = '{name}'");
        let told = killed_over(&rig, daemon, &["reload"], moment(life, &mut draw, &known(&new))).await;
        let ledger = Ledger::open(&ledger_path(&rig)).expect("a ledger");
        let names = (ledger.number(&known(&old)), ledger.number(&known(&new)));
        let kept = ledger.number(&format!("SELECT count(*) FROM documents WHERE text LIKE '%[schedule.{new}]%'"));
        assert!(names == (Some(1), Some(0)) || names == (Some(0), Some(1)), "renamed by half: {names:?}");
        assert_eq!(kept, names.1, "the text is kept with what it says");
        assert!(told.is_none() || names.1 == Some(1), "told {told:?}, and it is not in force");
        assert_eq!(ledger.number("SELECT count(*) FROM occurrences"), Some(1), "it is the same occurrence");
    }
    let daemon = rig.start().await;
    let ledger = Ledger::open(&ledger_path(&rig)).expect("a ledger");
    rig.until("all is settled", || ledger.number(OPEN) == Some(0)).await;
    daemon.stop();
    drop(ledger);
    let rows = rows(&rig);
    assert_eq!(rows.len(), PEOPLE, "one for each, under however many names");
    let copies = rig.copies();
    assert!(copies.values().all(|copies| *copies == 1), "{copies:?}");
    for row in &rows {
        let has_arrived = copies.contains_key(&row.key.conversation);
        assert!(has_arrived || row.state == State::Unknown, "lost: {row:?}");
        assert!(matches!(row.state, State::Sent | State::Unknown), "{row:?}");
    }
    say(&format!("renames killed: {LIVES}; {} messages, none twice", copies.len()));
}

/// A test is one message: whoever was told what became of it was told the truth, and a death makes no second one unmarked.
#[tokio::test(flavor = "multi_thread")]
async fn a_test_that_is_killed_is_one_message() {
    let rig = rig().await;
    let mut draw = Draw::new(asked_for("NUDGED_KILLS_SEED", 4));
    write(&rig, "far", "far", 24 * 3600, "");
    let mut told = Vec::new();
    for life in 0..LIVES {
        let daemon = rig.start().await;
        let question = format!(
            "SELECT count(*) FROM deliveries d JOIN recipients r ON r.id = d.recipient_id
                WHERE r.conversation_id = 'a:conversation-{life}' AND d.state IN ('claimed', 'sending', 'sent')"
        );
        let to = format!("29:person-{life}");
        let done = killed_over(&rig, daemon, &["test", "far", "--to", &to], moment(life, &mut draw, &question)).await;
        told.push(done.is_some());
    }
    let daemon = rig.start().await;
    let open = "SELECT (SELECT count(*) FROM deliveries d JOIN occurrences o ON o.id = d.occurrence_id
            WHERE o.cause = 'test' AND d.state IN ('planned', 'claimed', 'sending', 'waiting'))
        + (SELECT count(*) FROM waves w JOIN occurrences o ON o.id = w.occurrence_id
            WHERE o.cause = 'test' AND w.to_expand = 1)";
    let ledger = Ledger::open(&ledger_path(&rig)).expect("a ledger");
    rig.until("the tests are settled", || ledger.number(open) == Some(0)).await;
    daemon.stop();
    let (tests, copies) = (rows(&rig), rig.copies());
    for (life, is_told) in told.iter().enumerate() {
        let conversation = format!("a:conversation-{life}");
        let of_it: Vec<_> = tests.iter().filter(|row| row.key.conversation == conversation).collect();
        assert!(of_it.len() <= 1, "one order, one message: {of_it:?}");
        assert!(!is_told || of_it.iter().any(|row| row.state == State::Sent), "told, and it is {of_it:?}");
        let arrived = copies.get(&conversation).copied().unwrap_or_default();
        let is_marked = of_it.iter().any(|row| row.is_in_doubt());
        assert!(arrived <= of_it.len() || is_marked, "{conversation} got {arrived}: {of_it:?}");
        assert!(of_it.iter().all(|row| row.state != State::Sent) || arrived > 0, "lost: {of_it:?}");
    }
    let told = told.iter().filter(|told| **told).count();
    say(&format!("tests killed: {LIVES}, of them {told} that had been told; {} messages", copies.len()));
}
