//! Taking back what was sent.

use std::process::Output;

use nudged::emulator::{Answer, Effect, Fault, Operation, ReceivedMessage, Settings};
use serde_json::Value;

use crate::rig::{Pace, Rig, count};

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

/// A daemon that goes as fast as `per_second`.
async fn at_pace(per_second: u32) -> Rig {
    Rig::with(Settings::default(), Pace { per_tenant_per_second: per_second, ..Pace::default() }).await
}

fn deleted(messages: &[ReceivedMessage]) -> usize {
    messages.iter().filter(|message| message.deleted_at.is_some()).count()
}

/// Recalled while it is going out: what has arrived is deleted, and the rest never arrives.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_going_out_is_stopped_and_deleted() {
    let rig = at_pace(10).await;
    rig.import_crowd(60);
    let at = rig.in_seconds(-1);
    rig.schedule_once("oops", at, "");
    let daemon = rig.start().await;
    rig.until_taken(15).await;
    let output = rig.output(&["recall", "oops", "--yes", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let report = json(&output);
    assert_eq!(report["schema"], "nudged.recall/1");
    let (done, unsent) = (&report["counts"]["done"], &report["counts"]["unsent"]);
    let (done, unsent) = (done.as_u64().expect("some"), unsent.as_u64().expect("some"));
    assert_eq!(done + unsent, 60, "{}", report["counts"]);
    assert_eq!(report["messages"].as_array().map(Vec::len), Some(60), "a result for each");

    let messages = rig.messages();
    assert_eq!((messages.len() as u64, deleted(&messages) as u64), (done, done), "nothing is left standing");
    let status = rig.status(Some("oops"));
    assert_eq!((count(&status, "sent"), count(&status, "cancelled")), (done, unsent));
    assert_eq!(status["occurrences"][0]["recalled"]["done"], done);
    assert_eq!(status["occurrences"][0]["reasons"][0]["reason"], "recalled");
    // Another text in the file is no reason to send it after all.
    rig.schedule_once("oops", at, "why = \"Because\"\n");
    rig.schedule_once("other", rig.in_seconds(-1), "");
    daemon.signal("HUP");
    rig.until_taken(done + 60).await;
    daemon.stop();
    let standing = rig.messages().into_iter().filter(|message| message.deleted_at.is_none());
    let texts: Vec<_> = standing.map(|message| message.text.expect("a text")).collect();
    assert_eq!(texts.len(), 60, "only those of the other schedule: {texts:?}");
    assert!(texts.iter().all(|text| text.starts_with("Hello Person") && !text.contains("Because")), "{texts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_takes_the_place_of_the_messages() {
    let rig = Rig::new().await;
    rig.import_crowd(3);
    rig.schedule_once("wrong", rig.in_seconds(-1), "");
    let daemon = rig.start().await;
    rig.until_taken(3).await;
    rig.until("the ledger knows", || count(&rig.status(None), "sent") == 3).await;
    let refused = Answer::new(403, "BotNotInConversationRoster");
    rig.emulator
        .add_fault(Fault::new(Effect::Answer(refused)).on(Operation::Update).in_conversation("a:conversation-1"));
    rig.write("right.md", "The right one, {{ person.name }}.");
    let output =
        rig.output(&["recall", "wrong", "--replace-file", rig.path("right.md").to_str().expect("plain"), "--yes"]);
    assert_eq!(output.status.code(), Some(4), "one could not be replaced: {output:?}");
    let said = text(&output.stdout);
    for line in ["Person 0", "Person 2"] {
        let row = said.lines().find(|row| row.starts_with(line)).expect("its row");
        assert!(row.contains("replaced"), "{row}");
    }
    let failed = said.split_once("Person 1").expect("its row").1.split("Person 2").next().expect("what follows it");
    assert!(failed.contains("failed") && failed.contains("uninstalled"), "{said}");
    assert!(said.trim_end().ends_with("2 replaced, 1 failed"), "{said}");
    let texts: Vec<_> = rig.messages().into_iter().map(|message| (message.conversation_id, message.text)).collect();
    for (conversation, text) in texts {
        let person = conversation.replace("a:conversation-", "Person ");
        let right = if person == "Person 1" { format!("Hello {person}") } else { format!("The right one, {person}.") };
        assert_eq!(text, Some(right));
    }

    // What failed is tried again, and what was deleted by hand is no failure.
    rig.emulator.clear_faults();
    assert_eq!(rig.output(&["recall", "wrong", "--yes"]).status.code(), Some(0));
    assert_eq!(deleted(&rig.messages()), 3);
    let status = text(&rig.output(&["status", "wrong"]).stdout);
    assert!(status.contains("recalled: 3 taken back") && status.contains("recall: deleted"), "{status}");
    daemon.stop();
}

/// SIGKILL in the middle: the next daemon goes on where it ended.
#[tokio::test(flavor = "multi_thread")]
async fn a_recall_survives_a_kill() {
    let rig = at_pace(10).await;
    rig.import_crowd(40);
    rig.schedule_once("crash", rig.in_seconds(-1), "");
    let daemon = rig.start().await;
    rig.until_taken(40).await;
    rig.until("the ledger knows", || count(&rig.status(None), "sent") == 40).await;
    let output = rig.output(&["recall", "crash", "--yes", "--no-wait", "--json"]);
    let pending = json(&output)["counts"]["pending"].as_u64().expect("most of them");
    assert!(pending > 20, "it does not wait for the end: {pending}");
    rig.until("some are deleted", || deleted(&rig.messages()) > 10).await;
    daemon.kill();
    let before = deleted(&rig.messages());
    assert!(before < 40, "it was killed in the middle");
    let daemon = rig.start().await;
    rig.until("the rest is deleted too", || deleted(&rig.messages()) == 40).await;
    let done = || rig.status(Some("crash"))["occurrences"][0]["recalled"]["done"].as_u64().unwrap_or_default();
    let gone = || rig.status(Some("crash"))["occurrences"][0]["recalled"]["gone"].as_u64().unwrap_or_default();
    // Of a request without an answer the repetition finds nothing any more.
    rig.until("the ledger knows", || done() + gone() == 40).await;
    assert_eq!(rig.messages().len(), 40, "and nothing was sent again");
    daemon.stop();
}

/// Nothing happens by accident.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_recalled_by_accident() {
    let rig = Rig::new().await;
    rig.import_crowd(2);
    let fails = |args: &[&str], code: i32, words: &str| {
        let output = rig.output(args);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {output:?}");
        assert!(text(&output.stderr).contains(words), "{args:?}: {output:?}");
    };
    fails(&["recall", "lunch"], 69, "no daemon answers");
    rig.schedule_once("lunch", rig.in_seconds(-1), "");
    let daemon = rig.start().await;
    rig.until_taken(2).await;
    rig.until("the ledger knows", || count(&rig.status(None), "sent") == 2).await;

    fails(&["recall", "lunch"], 2, "nothing has been recalled, since nobody can be asked here; add --yes");
    fails(&["recall", "lunhc", "--yes"], 1, "there is no schedule \"lunhc\"; did you mean \"lunch\"?");
    fails(&["recall", "lunch", "--yes", "--occurrence", "2020-01-01T09:00"], 1, "\"lunch\" has no such occurrence");
    fails(&["recall", "lunch", "--yes", "--occurrence", "yesterday"], 2, "write it as in 2026-12-01T09:00");
    fails(&["recall", "lunch", "--yes", "--who", "group:nobody"], 1, "nobody is in the group \"nobody\"");
    fails(&["recall", "lunch", "--yes", "--who", "29:nobody"], 1, "nobody is known as 29:nobody");
    fails(&["recall", "lunch", "--yes", "--replace", "{{ person.fist_name }}"], 2, "person.fist_name");
    let plan = text(&rig.output(&["recall", "lunch", "--dry-run"]).stdout);
    assert!(plan.contains("2  messages were sent: delete them"), "{plan}");
    let figures = rig.emulator.figures();
    assert_eq!((figures.messages_deleted, deleted(&rig.messages())), (0, 0));

    // Only one of them.
    rig.run_ok(&["recall", "lunch", "--yes", "--who", "29:person-1"]);
    let left: Vec<_> = rig.messages().into_iter().filter(|message| message.deleted_at.is_none()).collect();
    assert_eq!(left.iter().map(|message| message.conversation_id.as_str()).collect::<Vec<_>>(), ["a:conversation-0"]);

    fails(&["status", "lunhc"], 1, "there is no schedule \"lunhc\"; did you mean \"lunch\"?");
    fails(&["send", "--to", "group:nobody", "--text", "Hello"], 1, "nobody is in the group \"nobody\"");
    assert!(text(&rig.output(&["status"]).stdout).contains("; 1 schedule; "), "one is one");
    daemon.stop();
}
