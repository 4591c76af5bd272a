//! Never above the limits of Teams, and never far below (P5).

use std::fmt::Write as _;
use std::time::Duration;

use nudged::emulator::{Answer, Effect, Fault, Operation};

use crate::rig::{Rig, count};

/// 2,000 conversations of one tenant, with every published window enforced by the other side. How much of the budget they
/// use depends on the machine and what else it does: `cargo bench --bench numbers -- budget` measures it.
#[tokio::test(flavor = "multi_thread")]
async fn two_thousand_within_the_published_windows() {
    const PEOPLE: u64 = 2000;
    let rig = Rig::new().await;
    rig.import_crowd(2000);
    rig.schedule_once("flood", rig.in_seconds(-1), "");
    let daemon = rig.start().await;
    rig.until_taken(PEOPLE).await;
    daemon.stop();
    assert_eq!(rig.emulator.figures().throttled, 0);
    assert_eq!(count(&rig.status(None), "sent"), PEOPLE);
}

/// What Teams asks for is a floor.
#[tokio::test(flavor = "multi_thread")]
async fn retry_after_is_a_floor() {
    let rig = Rig::new().await;
    rig.import_crowd(3);
    let slow_down = Answer { retry_after: Some(2), ..Answer::new(429, "Throttled") };
    rig.emulator.add_fault(Fault::new(Effect::Answer(slow_down)).on(Operation::Send).times(1));
    rig.schedule_once("polite", rig.in_seconds(-1), "");
    let began = rig.clock.moment();
    let daemon = rig.start().await;
    rig.until_taken(3).await;
    daemon.stop();
    // One of the three was told to wait; the others may have left before the answer came.
    assert!(rig.clock.moment().since(began) >= Duration::from_secs(2));
    assert_eq!(rig.emulator.figures().throttled, 0, "only the fault refused anything");
    assert_eq!(count(&rig.status(None), "sent"), 3);
    assert!(rig.copies().values().all(|copies| *copies == 1));
}

/// `to` gets `count` messages at `at`, each from a schedule of its own.
fn many(rig: &Rig, file: &str, count: usize, to: &str, at: chrono::DateTime<chrono::Utc>, more: &str) {
    let at = at.format("%Y-%m-%dT%H:%M:%SZ");
    let one =
        |n| format!("[schedule.{file}-{n}]\nto = \"{to}\"\nat = {at}\nzone = \"UTC\"\ntext = \"{file}\"\n{more}\n");
    rig.write(&format!("schedules/{file}.toml"), &(0..count).map(one).collect::<String>());
}

/// One conversation lets through 60 in half a minute. Hundreds that wait for it must not keep the senders from others.
#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_for_one_conversation_holds_up_nobody_else() {
    let rig = Rig::new().await;
    rig.import_crowd(2);
    let due = rig.in_seconds(4);
    many(&rig, "a-crowd", 400, "29:person-0", due, "");
    many(&rig, "b-stranger", 1, "29:person-1", due, "");
    let daemon = rig.start().await;
    rig.until("the stranger has theirs", || rig.copies().contains_key("a:conversation-1")).await;
    daemon.stop();
    // Whatever else has left by then is what a conversation lets through within seconds: 8, and 1 more for each half of
    // one.
    let before =
        rig.messages().iter().position(|message| message.conversation_id == "a:conversation-1").expect("it came");
    assert!(before <= 16, "{before} went before it");
    assert_eq!(rig.emulator.figures().throttled, 0);
}

/// A critical message does not queue behind a crowd that waits for the tenant's budget.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_critical_goes_first() {
    let rig = Rig::new().await;
    rig.import_crowd(600);
    let due = rig.in_seconds(6);
    many(&rig, "crowd", 1, "everyone", rig.in_seconds(3), "priority = \"bulk\"");
    many(&rig, "alarm", 1, "29:person-7", due, "priority = \"critical\"");
    let daemon = rig.start().await;
    let is_alarm = |message: &nudged::emulator::ReceivedMessage| message.text.as_deref() == Some("alarm");
    rig.until("the alarm has come", || rig.messages().iter().any(is_alarm)).await;
    daemon.stop();
    let messages = rig.messages();
    let alarm = messages.iter().find(|message| is_alarm(message)).expect("it came");
    let since_due =
        messages.iter().filter(|message| message.arrived_at >= due && message.arrived_at < alarm.arrived_at);
    // A second's worth of the budget, and not the 256 that were in hand.
    let overtook = since_due.count();
    assert!(overtook <= 60, "{overtook} went before it although they are less urgent");
}

/// A tenant that asked for silence does not silence another.
#[tokio::test(flavor = "multi_thread")]
async fn a_silent_tenant_holds_up_nobody_else() {
    let rig = Rig::new().await;
    let (loud, quiet) = ("11111111-2222-4333-8444-555555555555", "aaaaaaaa-2222-4333-8444-555555555555");
    let mut csv = String::from("teams_id,name,zone,conversation_id,tenant_id,groups\n");
    for n in 0..300 {
        writeln!(csv, "29:loud-{n},Loud {n},Europe/Paris,a:loud-{n},{loud},loud").expect("a string takes it");
    }
    writeln!(csv, "29:other,Other,Europe/Paris,a:other,{quiet},other").expect("a string takes it");
    rig.write("people.csv", &csv);
    rig.run_ok(&["people", "import", rig.path("people.csv").to_str().expect("a plain path")]);
    let slow_down = Answer { retry_after: Some(60), ..Answer::new(429, "Throttled") };
    rig.emulator.add_fault(Fault::new(Effect::Answer(slow_down)).on(Operation::Send).times(1));
    many(&rig, "loud", 1, "group:loud", rig.in_seconds(3), "");
    many(&rig, "other", 1, "group:other", rig.in_seconds(6), "");
    let daemon = rig.start().await;
    rig.until("the other tenant's message has come", || rig.copies().contains_key("a:other")).await;
    daemon.stop();
    assert!(rig.copies().len() < 100, "the loud tenant is silent");
}
