//! Following what happens.

use std::io::{BufRead as _, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use serde_json::Value;

use crate::rig::{PATIENCE, Rig};

/// A command that goes on, and what it says as it says it.
struct Tail {
    child: Child,
    data: Receiver<String>,
    talk: Receiver<String>,
}

impl Tail {
    fn start(rig: &Rig, args: &[&str]) -> Self {
        let mut command = rig.command(args);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs");
        let (data, talk) = (lines(child.stdout.take()), lines(child.stderr.take()));
        Self { child, data, talk }
    }

    /// The next line of data, as JSON.
    fn next(&self) -> Value {
        serde_json::from_str(&self.data.recv_timeout(PATIENCE).expect("a line")).expect("JSON")
    }

    fn interrupt(mut self) -> Option<i32> {
        let sent = Command::new("kill").arg("-INT").arg(self.child.id().to_string()).status();
        assert!(sent.expect("kill runs").success());
        self.child.wait().expect("ended").code()
    }
}

fn lines(from: Option<impl Read + Send + 'static>) -> Receiver<String> {
    let (told, hears) = channel();
    let from = BufReader::new(from.expect("a pipe"));
    thread::spawn(move || from.lines().map_while(Result::ok).try_for_each(|line| told.send(line)));
    hears
}

/// What ended comes first, what ends comes as it does, over a restart of the daemon, each once; and Ctrl-C is a clean end.
#[tokio::test(flavor = "multi_thread")]
async fn what_happens_is_followed_over_a_restart() {
    let rig = Rig::new().await;
    rig.import_crowd(1);
    assert_eq!(rig.output(&["tail"]).status.code(), Some(69), "without a daemon there is nothing to follow");
    let daemon = rig.start().await;
    let send = |text: &str| rig.run_ok(&["send", "--to", "everyone", "--text", text]).trim().to_owned();
    let first = send("one");
    rig.until_taken(1).await;

    let tail = Tail::start(&rig, &["tail", "--json", "--lines", "5"]);
    let line = tail.next();
    assert_eq!((&line["schema"], &line["schedule"]), (&"nudged.tail/1".into(), &first.into()), "{line}");
    let second = send("two");
    assert_eq!(tail.next()["schedule"], second);
    daemon.stop();
    assert!(tail.talk.recv_timeout(PATIENCE).expect("a word").starts_with("the daemon has stopped"));
    let daemon = rig.start().await;
    assert_eq!(tail.talk.recv_timeout(PATIENCE).expect("a word"), "the daemon is back");
    let third = send("three");
    let line = tail.next();
    assert_eq!((&line["schedule"], &line["state"]), (&third.into(), &"sent".into()), "{line}");
    assert_eq!(tail.interrupt(), Some(0));

    let unknown = rig.output(&["tail", "--schedule", "nowhere"]);
    assert_eq!(unknown.status.code(), Some(1), "{unknown:?}");
    // Whoever reads it goes away: the next line finds nobody.
    let mut gone = rig.command(&["tail", "--lines", "3"]).stdout(Stdio::piped()).spawn().expect("it runs");
    drop(gone.stdout.take());
    assert_eq!(gone.wait().expect("ended").code(), Some(0));
    daemon.stop();
}
