//! What the benches share: their environment, a daemon's configuration, and Teams in a process of its own, so that its
//! records are not in the memory that is measured.

use std::fmt::Debug;
use std::fs;
use std::io::{BufRead, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::str::FromStr;

use nudged::config::Config;
use nudged::domain::problem::Source;
use nudged::emulator::Settings;

pub(crate) mod process;

/// What this program is told first to be Teams.
pub(crate) const TEAMS: &str = "teams";

/// What this program is told. Cargo says besides what it runs it as.
pub(crate) fn words() -> Vec<String> {
    std::env::args().skip(1).filter(|word| word != "--bench").collect()
}

/// A number from the environment.
pub(crate) fn number<N: FromStr<Err: Debug>>(name: &str, default: N) -> N {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name} must be a whole number, and is {text}")),
        Err(_) => default,
    }
}

/// The process that is Teams. Dropped, it is killed.
pub(crate) struct Teams {
    child: Child,
    says: BufReader<ChildStdout>,
}

impl Teams {
    /// This program once more, told to be Teams and `more`.
    pub(crate) fn start(more: &[&str]) -> Self {
        let program = std::env::current_exe().expect("a program has a path");
        let mut child = Command::new(program)
            .arg(TEAMS)
            .args(more)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program runs a second time");
        let says = BufReader::new(child.stdout.take().expect("it was asked for"));
        Self { child, says }
    }

    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        tokio::task::block_in_place(|| self.says.read_line(&mut line)).expect("a line");
        line.trim_end().to_owned()
    }

    pub(crate) fn hear(&mut self, line: &str) {
        let mut ear = self.child.stdin.take().expect("it was asked for");
        writeln!(ear, "{line}").expect("it listens");
    }
}

impl Drop for Teams {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The configuration of a daemon in `directory` whose Teams is at `address`, with `more` behind it.
pub(crate) fn config(directory: &Path, address: &str, more: &str) -> Config {
    let settings = Settings::default();
    fs::write(directory.join("bot-secret"), &settings.app_secret).expect("a secret");
    fs::create_dir(directory.join("schedules")).expect("a directory");
    let text = format!(
        "fallback_zone = \"UTC\"\n[bot]\napp_id = \"{}\"\ntenant_id = \"{}\"\nsecret_file = \"bot-secret\"\n\
         login_url = \"http://{address}\"\nservice_url = \"http://{address}/teams/\"\ntrusted_hosts = [\"{address}\"]\n{more}",
        settings.app_id, settings.tenant_id
    );
    Config::parse(&Source::new("nudged.toml", text), directory, &|_| None).expect("a configuration").0
}
