//! A directory with a configuration, an emulator in this process, and the real binary beside it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use nudged::adapter::clock::SystemClock;
use nudged::emulator::{Emulator, ReceivedMessage, Settings, Windows};
use nudged::port::clock::Clock;
use serde_json::{Value, json};
use tempfile::TempDir;

/// Longer than anything here takes on a busy machine; only a failure ever waits for it.
pub(crate) const PATIENCE: Duration = Duration::from_mins(3);

pub(crate) struct Rig {
    directory: TempDir,
    pub(crate) emulator: Emulator,
    pub(crate) clock: Arc<dyn Clock>,
}

/// What the configuration says besides the usual.
#[derive(Clone, Copy)]
pub(crate) struct Pace {
    pub(crate) per_tenant_per_second: u32,
    pub(crate) senders: u32,
}

impl Default for Pace {
    fn default() -> Self {
        Self { per_tenant_per_second: 50, senders: 64 }
    }
}

impl Rig {
    pub(crate) async fn new() -> Self {
        Self::with(Settings::default(), Pace::default()).await
    }

    /// An emulator without limits, and a daemon that goes as fast as `per_second`.
    pub(crate) async fn fast(per_second: u32, latency: Duration) -> Self {
        let settings = Settings { windows: Windows::Off, latency, ..Settings::default() };
        Self::with(settings, Pace { per_tenant_per_second: per_second, ..Pace::default() }).await
    }

    pub(crate) async fn with(settings: Settings, pace: Pace) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let (app_id, tenant_id) = (settings.app_id.clone(), settings.tenant_id.clone());
        let secret = settings.app_secret.clone();
        let emulator = Emulator::start(settings, Arc::clone(&clock)).await.expect("the emulator starts");
        let directory = tempfile::tempdir().expect("a directory");
        let rig = Self { directory, emulator, clock };
        rig.write("bot-secret", &secret);
        let Pace { per_tenant_per_second, senders } = pace;
        let (base, service, address) = (rig.emulator.base_url(), rig.emulator.service_url(), rig.emulator.address());
        rig.write(
            "nudged.toml",
            &format!(
                "fallback_zone = \"Europe/Berlin\"\n\
                 [bot]\napp_id = \"{app_id}\"\ntenant_id = \"{tenant_id}\"\nsecret_file = \"bot-secret\"\n\
                 login_url = \"{base}\"\nservice_url = \"{service}\"\ntrusted_hosts = [\"{address}\"]\n\
                 [limits]\nper_tenant_per_second = {per_tenant_per_second}\nsenders = {senders}\n"
            ),
        );
        std::fs::create_dir(rig.path("schedules")).expect("made");
        rig
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// For nobody else to read, since secrets are among what is written.
    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        let written = File::options().write(true).create(true).truncate(true).mode(0o600).open(&path);
        written
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }

    /// A schedule for everyone, once, at an instant.
    pub(crate) fn schedule_once(&self, name: &str, at: DateTime<Utc>, more: &str) {
        let at = at.format("%Y-%m-%dT%H:%M:%SZ");
        self.write(
            &format!("schedules/{name}.toml"),
            &format!("[schedule.{name}]\nto = \"everyone\"\nat = {at}\nzone = \"UTC\"\ntext = \"Hello {{{{ person.name }}}}\"\n{more}"),
        );
    }

    /// `count` people with a conversation each, taken in by the real command.
    pub(crate) fn import_crowd(&self, count: usize) {
        let mut csv = String::from("teams_id,name,zone,conversation_id\n");
        for n in 0..count {
            writeln!(csv, "29:person-{n},Person {n},Europe/Paris,a:conversation-{n}").expect("a string takes it");
        }
        self.write("people.csv", &csv);
        self.run_ok(&["people", "import", self.path("people.csv").to_str().expect("a plain path")]);
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = binary();
        command.args(args).arg("--config").arg(self.path("nudged.toml")).current_dir(self.directory.path());
        command
    }

    pub(crate) fn output(&self, args: &[&str]) -> Output {
        self.command(args).output().expect("the binary runs")
    }

    /// Stdout of a command that must end well.
    pub(crate) fn run_ok(&self, args: &[&str]) -> String {
        let output = self.output(args);
        assert!(output.status.success(), "{args:?}: {output:?}");
        String::from_utf8(output.stdout).expect("text")
    }

    /// What `status` says, whether or not a daemon is running. A schedule that the daemon has not read yet has nothing.
    pub(crate) fn status(&self, schedule: Option<&str>) -> Value {
        let mut args = vec!["status", "--json"];
        args.extend(schedule);
        let output = self.output(&args);
        if String::from_utf8_lossy(&output.stderr).contains("there is no schedule") {
            return json!({ "occurrences": [], "deliveries": [] });
        }
        let code = output.status.code();
        assert!(code == Some(0) || code == Some(69), "{output:?}");
        serde_json::from_slice(&output.stdout).expect("JSON")
    }

    /// Starts the daemon and waits until it answers.
    pub(crate) async fn start(&self) -> Running {
        self.start_with(&[]).await
    }

    /// With more in its environment.
    pub(crate) async fn start_with(&self, environment: &[(&str, &str)]) -> Running {
        let mut running = self.spawn(self.command(&["run"]).envs(environment.iter().copied()));
        let socket = self.path("state/nudged.sock");
        self.until("the daemon answers", || {
            running.must_run();
            std::os::unix::net::UnixStream::connect(&socket).is_ok()
        })
        .await;
        running
    }

    /// Starts a process that runs on its own, and does not wait for anything.
    pub(crate) fn spawn(&self, command: &mut Command) -> Running {
        let log = std::fs::File::create(self.path("log")).expect("a log");
        let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        Running { child: command.spawn().expect("it runs"), log: self.path("log") }
    }

    /// Waits until `is_so`, looking again at short intervals: for what no event tells.
    pub(crate) async fn until(&self, what: &str, mut is_so: impl FnMut() -> bool) {
        let began = self.clock.moment();
        while !is_so() {
            assert!(self.clock.moment().since(began) < PATIENCE, "waited too long until {what}");
            self.clock.sleep(Duration::from_millis(10)).await;
        }
    }

    /// Waits until the emulator has taken `count` messages.
    pub(crate) async fn until_taken(&self, count: u64) {
        let mut watch = self.emulator.watch();
        let taken = watch.wait_for(|taken| *taken >= count);
        tokio::select! {
            taken = taken => { taken.expect("the emulator lives"); }
            () = self.clock.sleep(PATIENCE) => panic!("only {} of {count} messages came", self.emulator.watch().borrow().to_owned()),
        }
    }

    /// How often each conversation got a message.
    pub(crate) fn copies(&self) -> BTreeMap<String, usize> {
        let mut copies = BTreeMap::new();
        for message in self.emulator.messages() {
            *copies.entry(message.conversation_id).or_default() += 1;
        }
        copies
    }

    pub(crate) fn messages(&self) -> Vec<ReceivedMessage> {
        self.emulator.messages()
    }

    pub(crate) fn in_seconds(&self, seconds: i64) -> DateTime<Utc> {
        self.clock.now() + TimeDelta::seconds(seconds)
    }
}

/// The binary that was built with the tests, or another one that is to be tried: `NUDGED_BINARY=/usr/bin/nudged`.
pub(crate) fn binary() -> Command {
    let built = || env!("CARGO_BIN_EXE_nudged").into();
    let mut command = Command::new(std::env::var_os("NUDGED_BINARY").unwrap_or_else(built));
    // As on a screen, whoever runs this.
    command.env("COLUMNS", "80");
    command
}

/// A daemon. Dropped, it is killed.
pub(crate) struct Running {
    child: Child,
    log: PathBuf,
}

impl Running {
    /// SIGKILL, and gone.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("gone");
    }

    /// SIGTERM, and a clean end.
    pub(crate) fn stop(mut self) {
        self.signal("TERM");
        let status = self.child.wait().expect("ended");
        assert!(status.success(), "{status}: {}", self.log());
    }

    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.id().to_string()).status();
        assert!(sent.expect("kill runs").success());
    }

    /// Its number as a process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn log(&self) -> String {
        read(&self.log)
    }

    /// Whether it is no more.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("it can be asked").is_some()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    fn must_run(&mut self) {
        let ended = self.child.try_wait().expect("it can be asked");
        assert!(ended.is_none(), "the daemon ended: {ended:?}: {}", self.log());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended long ago; then there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The number of deliveries of the one occurrence in `status` that are in `state`.
pub(crate) fn count(status: &Value, state: &str) -> u64 {
    let occurrences = status["occurrences"].as_array().expect("occurrences");
    occurrences.iter().map(|occurrence| occurrence["counts"][state].as_u64().unwrap_or(0)).sum()
}

/// The deliveries that may have arrived twice, by recipient.
pub(crate) fn possible_duplicates(status: &Value) -> Vec<String> {
    status["deliveries"]
        .as_array()
        .expect("deliveries")
        .iter()
        .filter(|delivery| delivery["possible_duplicate"].as_bool() == Some(true))
        .map(|delivery| delivery["recipient"].as_str().expect("a name").to_owned())
        .collect()
}
