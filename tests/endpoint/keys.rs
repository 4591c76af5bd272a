//! Keys change without a restart, are missed without an outage, and are fetched at a bounded rate, over real HTTP.

use std::time::Duration;

use nudged::emulator::{Answer, Effect, Fault, Forgery, Matching, Operation};

use super::rig::Rig;

const MINUTE: Duration = Duration::from_mins(1);

fn fetches(rig: &Rig) -> usize {
    rig.emulator.requests().iter().filter(|request| request.path.ends_with("/keys")).count()
}

/// The keys cannot be had any more.
fn break_off(rig: &Rig) {
    rig.emulator.add_fault(Fault::new(Effect::Answer(Answer { status: 503, ..Answer::default() })).on(Operation::Keys));
}

/// Ends the minute after the last fetch. There may be another one from then on.
async fn a_minute_goes_by(rig: &Rig) {
    rig.clock.somebody_waits(MINUTE).await;
    rig.clock.advance(MINUTE);
    // Half a day after a good fetch, and five minutes after a bad one, keys are fetched though nobody asks.
    tokio::select! {
        () = rig.clock.somebody_waits(Duration::from_mins(12 * 60 - 1)) => {}
        () = rig.clock.somebody_waits(4 * MINUTE) => {}
    }
}

#[tokio::test]
async fn keys_roll_over_without_a_restart() {
    let rig = Rig::start().await;
    assert_eq!(rig.tell(&rig.message("one")).await.status, Some(200));
    let (old, _) = rig.emulator.write_inbound(&rig.message("x"));
    rig.emulator.roll_keys();
    a_minute_goes_by(&rig).await;
    assert_eq!((rig.tell(&rig.message("two")).await.status, fetches(&rig)), (Some(200), 2));
    let with_old = rig.message("three").forged(Forgery { authorization: Some(old), ..Forgery::default() });
    assert_eq!(rig.tell(&with_old).await.status, Some(401));
    assert_eq!(rig.ear.heard().len(), 2);
}

#[tokio::test]
async fn an_outage_of_the_keys_locks_out_no_valid_token() {
    let rig = Rig::start().await;
    assert_eq!(rig.tell(&rig.message("one")).await.status, Some(200));
    break_off(&rig);
    a_minute_goes_by(&rig).await;
    let unknown = rig.message("forged").forged(Forgery { kid: Some("nobody's".into()), ..Forgery::default() });
    assert_eq!(rig.tell(&unknown).await.status, Some(401));
    let trouble = rig.status().trouble.expect("it can't be fetched");
    assert!(trouble.contains("/v1/.well-known/openidconfiguration answered 503"), "{trouble}");
    assert_eq!(rig.tell(&rig.message("two")).await.status, Some(200));
}

#[tokio::test]
async fn without_keys_nobody_is_let_in_and_teams_is_asked_to_come_again() {
    let rig = Rig::with(|settings| settings.issuer = "https://api.botframework.us".into()).await;
    let answer = rig.tell(&rig.message("one")).await;
    assert_eq!((answer.status, rig.ear.heard().len()), (Some(503), 0));
    let status = rig.status();
    // It is not the caller's fault.
    assert_eq!(status.refused, 0);
    let trouble = status.trouble.expect("they are not there");
    assert!(trouble.ends_with("it is of another issuer than that of the bot's cloud"), "{trouble}");
}

#[tokio::test]
async fn a_flood_of_invented_keys_makes_one_fetch_a_minute() {
    let rig = Rig::start().await;
    let forged = |n: u32| Forgery { kid: Some(format!("forged-{n}")), ..Forgery::default() };
    for minute in 1..=3 {
        for n in 0..50 {
            assert_eq!(rig.tell(&rig.message("forged").forged(forged(n))).await.status, Some(401));
        }
        assert_eq!(fetches(&rig), minute);
        a_minute_goes_by(&rig).await;
    }
    assert_eq!(rig.status().refused, 150);
}

#[test]
fn faults_of_the_keys_are_known_by_name() {
    let matching: Matching = serde_json::from_str(r#"{"operation":"keys"}"#).expect("it is taken");
    assert_eq!(matching.operation, Some(Operation::Keys));
}
