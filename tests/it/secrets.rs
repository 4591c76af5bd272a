//! Secrets stay where they are (P7): in their files, and for the length of a request in memory.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::calling::{Called, TOKEN};
use crate::rig::{Rig, count, read};

/// Every file below a directory, with what stands in it.
fn files(directory: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).expect("it can be read") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.is_file() {
            found.push((path.display().to_string(), fs::read(&path).expect("it can be read")));
        }
    }
    found
}

fn holds(bytes: &[u8], word: &str) -> bool {
    bytes.windows(word.len()).any(|window| window == word.as_bytes())
}

/// The daemon does everything that takes a secret, and says as much of it as it can be made to say.
#[tokio::test(flavor = "multi_thread")]
async fn no_secret_comes_out_into_the_log_the_ledger_or_the_process_list() {
    let called = Called::new().await;
    let rig = &called.rig;
    let secret = read(&rig.path("bot-secret"));
    let (shown_to_us, _) = rig.emulator.write_inbound(&called.message("hello"));
    rig.import_crowd(2);
    rig.schedule_once("hello", rig.in_seconds(-1), "");
    let daemon = called.start_with(&[("NUDGED_LOG", "trace")]).await;
    rig.until("it has been sent", || count(&rig.status(None), "sent") == 2).await;
    let told = rig.emulator.tell(&called.message("stop")).await;
    assert_eq!(told[0].status, Some(200), "{told:?}");
    let strange = "strange-strange-strange-strange-0";
    assert_eq!(called.post("/v1/activities", TOKEN, "no activity".into()).await.0, 422);
    assert_eq!(called.post("/v1/activities", strange, "no activity".into()).await.0, 401);

    let mut places = files(&rig.path("state"));
    places.push(("the log".into(), fs::read(rig.path("log")).expect("a log")));
    for name in ["cmdline", "environ"] {
        let path = format!("/proc/{}/{name}", daemon.pid());
        places.push((path.clone(), fs::read(path).expect("it runs")));
    }
    for command in [&["status", "--json"][..], &["people", "export"], &["status", "hello"]] {
        places.push((command.join(" "), rig.output(command).stdout));
    }
    // The signature alone would make the rest of a token good again.
    let signature = shown_to_us.rsplit('.').next().expect("three parts");
    let tokens_for_teams = "emulated.";
    for (place, bytes) in &places {
        for word in [secret.as_str(), TOKEN, strange, signature, tokens_for_teams, "Bearer e"] {
            assert!(!holds(bytes, word), "`{word:.12}…` stands in {place}");
        }
    }
    let log = daemon.log();
    assert!(log.contains("TRACE") && log.lines().count() > 50, "it says all that it can: {log}");
    daemon.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_everybody_can_read_is_told_of_until_it_is_put_right() {
    let rig = Rig::new().await;
    let open = |mode| fs::set_permissions(rig.path("bot-secret"), Permissions::from_mode(mode)).expect("ours");
    let note = || rig.status(None)["daemon"]["credentials"]["note"].as_str().unwrap_or_default().to_owned();
    open(0o644);
    let daemon = rig.start().await;
    assert!(note().contains("bot-secret is open to everybody on this machine"), "{}", note());
    assert!(daemon.log().contains("is open to everybody on this machine"), "{}", daemon.log());
    open(0o640);
    assert!(!note().contains("everybody"), "{}", note());
    daemon.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_let_in_by_a_token_that_everybody_can_read() {
    let called = Called::new().await;
    fs::set_permissions(called.rig.path("admin-token"), Permissions::from_mode(0o644)).expect("ours");
    let output = called.rig.output(&["run"]);
    assert_eq!(output.status.code(), Some(78), "{output:?}");
    let said = String::from_utf8(output.stderr).expect("text");
    assert!(said.contains("admin-token is open to everybody on this machine") && !said.contains(TOKEN), "{said}");
}
