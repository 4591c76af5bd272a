//! A day on which nothing goes right: every third request is refused for being one too many, others end in errors of the
//! server, and now and then the line is cut after the message was taken.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use nudged::domain::delivery::State;
use nudged::emulator::{Answer, Effect, Fault, Operation, Settings, When};

use crate::rig::{Rig, all_final, count, deliveries};

const PEOPLE: u64 = 400;

#[tokio::test(flavor = "multi_thread")]
async fn everything_ends_delivered_or_accounted_for() {
    let rig = Rig::new(200, Settings::default()).await;
    let slow_down = Answer { retry_after: Some(1), retry_after_most: Some(30), ..Answer::new(429, "Throttled") };
    let gave_up = Answer { when: When::After, ..Answer::new(504, "") };
    for (effect, share, seed) in [
        (Effect::from(slow_down), 0.30, 1),
        (Effect::from(Answer::new(503, "")), 0.02, 2),
        (Effect::from(Answer::new(502, "ServiceError")), 0.02, 3),
        (Effect::from(gave_up), 0.01, 4),
        (Effect::Cut(When::After), 0.01, 5),
    ] {
        rig.emulator.add_fault(Fault::new(effect).on(Operation::Send).share(share).seed(seed));
    }
    let mut people = String::from("teams_id,name,zone,conversation_id,groups\n");
    for n in 0..PEOPLE {
        let group = if n % 2 == 0 { "once" } else { "surely" };
        let _ = writeln!(people, "29:{n},Person {n},UTC,a:{n},{group}");
    }
    for (group, on_unknown) in [("once", "hold"), ("surely", "resend")] {
        rig.write(
            &format!("schedules/{group}.toml"),
            &format!(
                "[schedule.{group}]\nto = \"group:{group}\"\nat = 2027-03-01T08:01:00Z\nzone = \"UTC\"\nlate = \"12h\"\n\
                 on_unknown = \"{on_unknown}\"\ntext = \"hello\"\n"
            ),
        );
    }
    let daemon = rig.start(&people).await;
    let desk = daemon.desk();
    let status = rig.until("all have ended", &*desk, |status| all_final(status, PEOPLE)).await;
    assert_eq!(count(&status, State::Sent) + count(&status, State::Unknown), PEOPLE, "{status:#?}");
    assert!(status.paused.is_empty(), "none of that is about a recipient");

    // What was taken, against what is said of it.
    let mut copies: BTreeMap<String, usize> = BTreeMap::new();
    for message in rig.emulator.messages() {
        *copies.entry(message.conversation_id).or_default() += 1;
    }
    for group in ["once", "surely"] {
        for delivery in deliveries(&*desk, group).await {
            let number = delivery.recipient.strip_prefix("Person ").expect("a name of ours");
            let copies = copies.get(&format!("a:{number}")).copied().unwrap_or_default();
            let what = format!("{group} {number}: {copies} copies, {:?}", delivery.state);
            match (group, delivery.state) {
                ("once", State::Sent) => assert_eq!(copies, 1, "{what}"),
                ("once", _) => assert!(copies <= 1 && delivery.state == State::Unknown, "{what}"),
                (_, State::Sent) if delivery.possible_duplicate => assert!(copies >= 1, "{what}"),
                (_, State::Sent) => assert_eq!(copies, 1, "{what}"),
                (_, _) => assert!(delivery.possible_duplicate, "{what}"),
            }
        }
    }

    // Nobody was asked again sooner than Teams wanted, and the windows were kept in spite of it all.
    let mut silent_until: BTreeMap<String, u64> = BTreeMap::new();
    let mut refused = 0;
    for request in rig.emulator.requests().into_iter().filter(|request| request.path.ends_with("/activities")) {
        if let Some(until) = silent_until.get(&request.path) {
            assert!(request.arrived_moment_us >= *until, "{} came too soon", request.path);
        }
        if let Some(seconds) = request.retry_after {
            refused += 1;
            silent_until.insert(request.path, request.arrived_moment_us + seconds * 1_000_000);
        }
    }
    assert!(refused > 100, "{refused} were told to wait");
    assert_eq!(rig.emulator.figures().throttled, 0, "no window was overrun");
    daemon.stop().await;
    rig.emulator.stop().await;
}
