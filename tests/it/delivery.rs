//! Who gets what, when (P1, P2, P4).

use chrono::{DateTime, FixedOffset, NaiveDateTime, TimeDelta, Utc};
use nudged::emulator::{Effect, Fault, Operation, When};

use crate::rig::{Rig, count, possible_duplicates};

/// Three zones in which it is that hour, and one in which it comes an hour later.
#[tokio::test(flavor = "multi_thread")]
async fn once_each_at_their_own_hour() {
    let rig = Rig::new().await;
    rig.write(
        "people.csv",
        "teams_id,name,zone\n\
         29:ana,Ana,Asia/Kolkata\n\
         29:bob,Bob,Asia/Colombo\n\
         29:cid,Cid,Asia/Calcutta\n\
         29:dee,Dee,Asia/Karachi\n",
    );
    rig.run_ok(&["people", "import", rig.path("people.csv").to_str().expect("a plain path")]);
    let half_past_five = FixedOffset::east_opt(5 * 3600 + 1800).expect("an offset");
    let due_at = rig.in_seconds(3);
    let civil: NaiveDateTime = due_at.with_timezone(&half_past_five).naive_local();
    let civil = civil.format("%Y-%m-%dT%H:%M:%S").to_string();
    rig.write(
        "schedules/hour.toml",
        &format!("[schedule.hour]\nto = \"everyone\"\nat = {civil}\ntext = \"It is {{{{ local.time }}}} for {{{{ person.name }}}}\"\n"),
    );
    let daemon = rig.start().await;
    rig.until_taken(3).await;
    rig.until("the ledger knows", || count(&rig.status(None), "sent") == 3).await;

    let status = rig.status(Some("hour"));
    assert_eq!((count(&status, "sent"), count(&status, "planned")), (3, 1));
    assert_eq!(status["occurrences"][0]["audience"], 4);
    let deliveries = status["deliveries"].as_array().expect("deliveries");
    let dee = deliveries.iter().find(|delivery| delivery["recipient"] == "Dee").expect("Dee is accounted for");
    let due: DateTime<Utc> = dee["due_at"].as_str().expect("an instant").parse().expect("an instant");
    let expect = civil.parse::<NaiveDateTime>().expect("civil").and_utc() - TimeDelta::hours(5);
    assert_eq!((dee["state"].as_str(), due), (Some("planned"), expect));
    daemon.stop();

    let texts: Vec<_> = rig.messages().into_iter().filter_map(|message| message.text).collect();
    assert_eq!(texts.len(), 3, "exactly once each: {texts:?}");
    let time = &civil[11..16];
    for name in ["Ana", "Bob", "Cid"] {
        assert!(texts.contains(&format!("It is {time} for {name}")), "{texts:?}");
    }
    let due_at = due_at - TimeDelta::nanoseconds(i64::from(due_at.timestamp_subsec_nanos()));
    assert!(rig.messages().iter().all(|message| message.arrived_at >= due_at), "never before its instant");
    // Nobody had a conversation, so each got one, once.
    assert_eq!(rig.emulator.figures().conversations_created, 3);
}

/// The answer is lost after Teams took the message: it is sent again and marked, or held and listed.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_is_never_called_sent_or_failed() {
    let rig = Rig::new().await;
    rig.import_crowd(2);
    let lost = |id: &str| Fault::new(Effect::Cut(When::After)).on(Operation::Send).in_conversation(id).times(1);
    rig.emulator.add_fault(lost("a:conversation-0"));
    rig.schedule_once("again", rig.in_seconds(-1), "");
    let daemon = rig.start().await;
    // Two, and after the resend floor a third.
    rig.until_taken(3).await;
    rig.until("the ledger knows", || count(&rig.status(None), "sent") == 2).await;
    assert_eq!(possible_duplicates(&rig.status(Some("again"))), ["Person 0"]);

    rig.emulator.add_fault(lost("a:conversation-1"));
    rig.schedule_once("held", rig.in_seconds(-1), "on_unknown = \"hold\"\n");
    daemon.signal("HUP");
    rig.until("it is unknown", || count(&rig.status(Some("held")), "unknown") == 1).await;
    daemon.stop();
    let copies = rig.copies();
    assert_eq!((copies["a:conversation-0"], copies["a:conversation-1"]), (3, 2));
}

/// Somebody whom only a schedule names, and somebody without any reference: accounted for, with the reason.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_can_not_be_reached_is_accounted_for() {
    let rig = Rig::new().await;
    rig.write("people.csv", "id,name,zone\nnils@contoso.example,Nils,Europe/Stockholm\n");
    rig.run_ok(&["people", "import", rig.path("people.csv").to_str().expect("a plain path")]);
    let at = rig.in_seconds(-1).format("%Y-%m-%dT%H:%M:%SZ").to_string();
    rig.write(
        "schedules/who.toml",
        &format!("[schedule.who]\nto = [\"nils@contoso.example\", \"nobody@contoso.example\"]\nat = {at}\nzone = \"UTC\"\ntext = \"Hello\"\n"),
    );
    let daemon = rig.start().await;
    rig.until("both are settled", || count(&rig.status(None), "skipped") == 2).await;
    daemon.stop();
    let mut reasons: Vec<_> = rig.status(Some("who"))["deliveries"]
        .as_array()
        .expect("deliveries")
        .iter()
        .map(|delivery| delivery["reason"].as_str().expect("a reason").to_owned())
        .collect();
    reasons.sort();
    assert_eq!(reasons, ["no-reference", "unknown-recipient"]);
    assert_eq!(rig.emulator.figures().requests, 0);
}

/// A person who blocked the bot is left in peace from then on.
#[tokio::test(flavor = "multi_thread")]
async fn a_block_is_heard() {
    let rig = Rig::new().await;
    rig.import_crowd(1);
    let blocked = nudged::emulator::Answer::new(403, "ConversationBlockedByUser");
    rig.emulator.add_fault(Fault::new(Effect::Answer(blocked)).on(Operation::Send));
    rig.schedule_once("first", rig.in_seconds(-1), "");
    let daemon = rig.start().await;
    rig.until("it is skipped", || count(&rig.status(None), "skipped") == 1).await;
    rig.emulator.clear_faults();
    let requests = rig.emulator.figures().requests;
    rig.schedule_once("second", rig.in_seconds(-1), "");
    daemon.signal("HUP");
    rig.until("the second is skipped too", || count(&rig.status(None), "skipped") == 2).await;
    assert_eq!(rig.emulator.figures().requests, requests, "nothing more was sent");
    assert!(rig.run_ok(&["people", "list"]).contains("the person blocked the bot"));
    daemon.stop();
}
