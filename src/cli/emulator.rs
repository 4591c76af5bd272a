//! `nudged emulator`: a stand-in for Teams, for rehearsals and tests.

use std::net::SocketAddr;
use std::sync::Arc;

use clap::Args;

use crate::adapter::clock::SystemClock;
use crate::cli::screen::Screen;
use crate::cli::{Ended, Exit};
use crate::emulator::{Emulator, Settings, Windows};

#[derive(Debug, Args)]
#[command(
    after_help = "It answers as Teams does: tokens, creation of chats, sending, and the published rate windows with\n\
                        429 and Retry-After. What it received is at /emulator/messages, its figures are at\n\
                        /emulator/figures, and POST /emulator/faults makes it fail, for example:\n\n  \
                        curl -X POST http://127.0.0.1:3978/emulator/faults -H 'content-type: application/json' \\\n       \
                        -d '{\"match\":{\"operation\":\"send\"},\"times\":3,\"do\":{\"status\":503,\"code\":\"ServiceError\"}}'"
)]
pub(super) struct EmulatorArgs {
    /// Where to listen; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:3978", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// Do not enforce the rate windows
    #[arg(long)]
    no_limits: bool,
}

pub(super) async fn run(screen: Screen, args: &EmulatorArgs) -> Ended {
    let windows = if args.no_limits { Windows::Off } else { Windows::Published };
    let settings = Settings { listen: args.listen, windows, ..Settings::default() };
    let (app_id, tenant_id, secret) =
        (settings.app_id.clone(), settings.tenant_id.clone(), settings.app_secret.clone());
    let emulator = Emulator::start(settings, Arc::new(SystemClock::new())).await.map_err(|error| {
        screen.error(format!("it can't listen on {}: {error}; choose another with --listen", args.listen));
        Exit::Failed
    })?;
    if screen.json {
        screen.json(&serde_json::json!({
            "schema": "nudged.emulator/1",
            "base_url": emulator.base_url(),
            "service_url": emulator.service_url(),
            "app_id": app_id,
            "tenant_id": tenant_id,
            "secret": secret,
        }));
    } else {
        screen.data(format!(
            "a stand-in for Teams listens on {base}\n\n\
             # nudged.toml\nfallback_zone = \"Europe/Berlin\"\n[bot]\napp_id = \"{app_id}\"\ntenant_id = \"{tenant_id}\"\n\
             secret_file = \"bot-secret\"   # a file that holds: {secret}\n\
             login_url = \"{base}\"\nservice_url = \"{service}\"\ntrusted_hosts = [\"{address}\"]\n",
            base = emulator.base_url(),
            service = emulator.service_url(),
            address = emulator.address(),
        ));
        screen.say("Ctrl-C ends it");
    }
    let asked_to_stop = tokio::signal::ctrl_c().await;
    emulator.stop().await;
    asked_to_stop.map(|()| Exit::Done).map_err(|error| {
        screen.error(format!("signals can't be listened for: {error}"));
        Exit::Failed
    })
}
