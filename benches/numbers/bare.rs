//! The baseline of sending: a loop over the same HTTP client that keeps nothing, limits nothing and checks nothing but the
//! status. It runs in a process of its own, as the daemon does.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::task::JoinSet;

/// What this program is told to be that.
pub(crate) const ROLE: &str = "bare-loop";

/// Sends `count` messages to the Connector at `address`, `at_once` at a time, from another process.
pub(crate) async fn run(address: &str, count: u64, at_once: u32) {
    let program = std::env::current_exe().expect("this program");
    let mut command = Command::new(program);
    command.args([ROLE, address, &count.to_string(), &at_once.to_string()]).stdin(Stdio::null());
    let status = tokio::task::spawn_blocking(move || command.status()).await.expect("no panic").expect("it runs");
    assert!(status.success(), "{status}");
}

/// That other process.
pub(crate) async fn be(words: &[String]) {
    let [address, count, at_once] = words else { panic!("{ROLE} ADDRESS COUNT AT_ONCE, and not {words:?}") };
    let count: u64 = count.parse().expect("a count");
    let at_once: usize = at_once.parse().expect("a count");
    let client = reqwest::Client::builder().tls_certs_only([]).http1_only().build().expect("a client");
    let next = Arc::new(AtomicU64::new(0));
    let mut loops = JoinSet::new();
    for _ in 0..at_once {
        let (client, next, address) = (client.clone(), Arc::clone(&next), address.clone());
        loops.spawn(async move {
            loop {
                let n = next.fetch_add(1, Ordering::Relaxed);
                if n >= count {
                    return;
                }
                let url = format!("http://{address}/teams/v3/conversations/a%3Aconversation-{n}/activities");
                let activity = serde_json::json!({
                    "type": "message", "text": format!("Hello Person {n}"), "textFormat": "markdown",
                });
                let answer = client.post(url).bearer_auth("token").json(&activity).send().await.expect("an answer");
                assert!(answer.status().is_success(), "{}", answer.status());
                answer.bytes().await.expect("a body");
            }
        });
    }
    loops.join_all().await;
}
