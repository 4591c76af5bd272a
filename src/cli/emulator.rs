//! `nudged emulator`: a stand-in for Teams, for rehearsals and tests.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use clap::builder::PossibleValuesParser;
use tokio::signal::unix::{SignalKind, signal};

use crate::adapter::clock::SystemClock;
use crate::cli::screen::Screen;
use crate::cli::{Ended, Exit};
use crate::emulator::{Cloud, Directory, Emulator, Settings, Success, Windows};

const AFTER_HELP: &str = "\
It answers as Teams does: tokens, chats and channel posts, messages and their
changes, members and teams, and the published rate windows with 429 and
Retry-After. It tells a bot what people do, signed as Teams signs it or forged.
It is scripted over HTTP, below /emulator:

  messages     GET what arrived and what became of it; DELETE forgets it
  requests     GET each request and what became of it; DELETE forgets it
  figures      GET counts of everything
  conditions   GET all kinds of refusals; POST puts one, DELETE lifts it
  faults       POST makes it fail in any other way, DELETE ends that
  directory    PUT people, teams and chats
  credentials  PUT other secrets, certificates and assertions
  tokens       DELETE ends all that were given out
  inbound      POST tells a bot something, and answers with what it said
  keys         DELETE replaces the keys with which that is signed

For example, somebody blocks the bot, and a tenth of the answers is lost:

  curl -d '{\"condition\":\"blocked\",\"user\":\"29:1ana\"}' \\
    localhost:3978/emulator/conditions
  curl -d '{\"share\":0.1,\"do\":{\"cut\":\"after\"}}' \\
    localhost:3978/emulator/faults

EMULATOR.md has all of it, for any bot. Whoever reaches the port may use it: it
belongs on the loopback.";

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct EmulatorArgs {
    /// Where to listen; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:3978", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// The bot's application id; the default is made up
    #[arg(long, value_name = "ID")]
    app_id: Option<String>,
    /// The bot's tenant; the default is made up
    #[arg(long, value_name = "ID")]
    tenant_id: Option<String>,
    /// The client secret that is accepted at the start; it is no secret to this machine's process list
    #[arg(long, value_name = "TEXT")]
    secret: Option<String>,
    /// The cloud whose scope and shared tenant the token service knows
    #[arg(long, default_value = "public", value_parser = PossibleValuesParser::new(Cloud::ALL.map(Cloud::name)))]
    cloud: String,
    /// People, teams and chats from a JSON file; without it, every well-formed id is somebody
    #[arg(long, value_name = "FILE")]
    directory: Option<PathBuf>,
    /// Do not enforce the rate windows
    #[arg(long, conflicts_with = "tenant_per_second")]
    no_limits: bool,
    /// How many calls a tenant may make in one second, in the place of the published 50
    #[arg(long, value_name = "N")]
    tenant_per_second: Option<u32>,
    /// How long a token is good for
    #[arg(long, default_value_t = 3600, value_name = "SECONDS")]
    token_lifetime: u64,
    /// How long every answer is held back
    #[arg(long, default_value_t = 0, value_name = "MILLISECONDS")]
    latency: u64,
    /// What a message that was taken is answered with: 201 and an id, 200 and an id, or 202 and nothing
    #[arg(long, default_value = "usual", value_parser = PossibleValuesParser::new(Success::ALL.map(Success::name)))]
    success: String,
    /// Refuse a request with 412 while another one is under way in the same conversation
    #[arg(long)]
    refuse_overlap: bool,
    /// How many messages, and how many requests, are kept to be looked at; figures count all
    #[arg(long, default_value_t = 10_000, value_name = "N")]
    keep: usize,
}

impl EmulatorArgs {
    fn settings(&self) -> Settings {
        let fitting = Settings::default();
        let given = |value: &Option<String>, otherwise: String| value.clone().unwrap_or(otherwise);
        Settings {
            listen: self.listen,
            app_id: given(&self.app_id, fitting.app_id),
            app_secret: given(&self.secret, fitting.app_secret),
            identity_header: fitting.identity_header,
            tenant_id: given(&self.tenant_id, fitting.tenant_id),
            // The command line takes no other names.
            cloud: Cloud::ALL.into_iter().find(|cloud| cloud.name() == self.cloud).unwrap_or_default(),
            windows: match self.tenant_per_second {
                Some(most) => Windows::TenantPerSecond(most),
                None if self.no_limits => Windows::Off,
                None => Windows::Published,
            },
            token_lifetime: Duration::from_secs(self.token_lifetime),
            latency: Duration::from_millis(self.latency),
            success: Success::ALL.into_iter().find(|success| success.name() == self.success).unwrap_or_default(),
            refuse_overlap: self.refuse_overlap,
            messages_kept: self.keep,
            requests_kept: self.keep,
        }
    }
}

pub(super) async fn run(screen: Screen, args: &EmulatorArgs) -> Ended {
    let settings = args.settings();
    let directory = args.directory.as_deref().map(|path| read_directory(screen, path)).transpose()?;
    let emulator = Emulator::start(settings.clone(), Arc::new(SystemClock::new())).await.map_err(|error| {
        screen.error(format!("it can't listen on {}: {error}; choose another with --listen", args.listen));
        Exit::Failed
    })?;
    if let (Some(directory), Some(path)) = (directory, &args.directory) {
        emulator.set_directory(directory).map_err(|problem| {
            screen.error(format!("{}: {problem}", path.display()));
            Exit::Invalid
        })?;
    }
    introduce(screen, &settings, &emulator);
    let asked_to_stop = told_to_stop().await;
    emulator.stop().await;
    asked_to_stop.map(|()| Exit::Done).map_err(|error| {
        screen.error(format!("signals can't be listened for: {error}"));
        Exit::Failed
    })
}

fn read_directory(screen: Screen, path: &Path) -> Result<Directory, Exit> {
    let text = std::fs::read(path).map_err(|error| {
        screen.error(format!("{} can't be read: {error}", path.display()));
        Exit::Invalid
    })?;
    serde_json::from_slice(&text).map_err(|error| {
        screen.error(format!("{} is no directory: {error}; EMULATOR.md shows one", path.display()));
        Exit::Invalid
    })
}

/// Says how a bot gets here, and what can be done next.
fn introduce(screen: Screen, settings: &Settings, emulator: &Emulator) {
    let Settings { app_id, tenant_id, app_secret: secret, .. } = settings;
    let (base, service, address) = (emulator.base_url(), emulator.service_url(), emulator.address());
    let token_url = format!("{base}/{tenant_id}/oauth2/v2.0/token");
    if screen.json {
        screen.json(&serde_json::json!({
            "schema": "nudged.emulator/1",
            "base_url": base,
            "service_url": service,
            "token_url": token_url,
            "openid_url": emulator.openid_url(),
            "app_id": app_id,
            "tenant_id": tenant_id,
            "secret": secret,
        }));
        return;
    }
    screen.data(format!(
        "a stand-in for Teams listens on {base}\n\n\
         # nudged.toml\nfallback_zone = \"Europe/Berlin\"\n[bot]\napp_id = \"{app_id}\"\ntenant_id = \"{tenant_id}\"\n\
         secret_file = \"bot-secret\"   # a file that holds: {secret}\n\
         login_url = \"{base}\"\nservice_url = \"{service}\"\ntrusted_hosts = [\"{address}\"]\n\
         [endpoint]   # where the emulator can tell the bot what people do\nlisten = \"127.0.0.1:3979\"\n\
         openid_url = \"{}\"\n",
        emulator.openid_url()
    ));
    screen.say(format!(
        "Another bot takes its tokens from {token_url}\n\
         and has {service} as its service URL.\n\n\
         What arrived:     curl {base}/emulator/messages\n\
         Figures:          curl {base}/emulator/figures\n\
         Ways to fail:     curl {base}/emulator/conditions\n\
         All of it is in EMULATOR.md. Ctrl-C ends it."
    ));
}

/// Waits for Ctrl-C, or for the signal by which service managers and containers end a program.
async fn told_to_stop() -> std::io::Result<()> {
    let mut terminated = signal(SignalKind::terminate())?;
    tokio::select! {
        pressed = tokio::signal::ctrl_c() => pressed,
        _ = terminated.recv() => Ok(()),
    }
}
