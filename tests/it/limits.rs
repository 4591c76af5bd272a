//! Never above the limits of Teams, and never far below (P5).

use std::time::Duration;

use nudged::emulator::{Answer, Effect, Fault, Operation};

use crate::rig::{Rig, count};

/// 2,000 conversations of one tenant, with every published window enforced by the other side.
#[tokio::test(flavor = "multi_thread")]
async fn two_thousand_within_the_published_windows() {
    const PEOPLE: u64 = 2000;
    const PER_SECOND: f64 = 50.0;
    let rig = Rig::new().await;
    rig.import_crowd(2000);
    rig.schedule_once("flood", rig.in_seconds(-1), "");
    let daemon = rig.start().await;
    rig.until_taken(PEOPLE).await;
    daemon.stop();
    assert_eq!(rig.emulator.figures().throttled, 0);
    let messages = rig.messages();
    let first = messages[0].arrived_moment_us;
    let last = messages[messages.len() - 1].arrived_moment_us;
    let took = Duration::from_micros(last - first).as_secs_f64();
    // The first fifty may go at once, so as many less take time.
    #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
    let rate = (PEOPLE as f64 - PER_SECOND) / took;
    assert!(rate >= 0.95 * PER_SECOND, "{rate:.2} a second");
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
