//! A stand-in for the Bot Connector and its token service, over real HTTP.
//!
//! It is a program of its own, not a mock inside: it shares nothing with the daemon but the clock, and it judges
//! requests by their bytes. It issues tokens and checks them, gives ids of the same shape as the real ones, enforces
//! the published limits exactly, refuses what the Connector of Teams refuses with the same bodies, and misbehaves on
//! request. What it took is on record, so that "sent" can be compared with "arrived".
//!
//! | path                                              | what                                                |
//! |---------------------------------------------------|-----------------------------------------------------|
//! | `POST /{tenant}/oauth2/v2.0/token`                | client credentials for a token                      |
//! | `POST …/v3/conversations`                         | create or get a 1:1 chat, or post into a channel    |
//! | `POST …/v3/conversations/{id}/activities`         | send                                                |
//! | `POST …/v3/conversations/{id}/activities/{reply}` | the same, as a reply                                |
//! | `GET, DELETE /emulator/messages`                  | the record; `?after=SEQ&limit=N`                    |
//! | `GET /emulator/figures`                           | counts                                              |
//! | `GET, POST, DELETE /emulator/faults`              | rules by which it misbehaves                        |
//! | `GET /healthz`                                    | whether it is up                                    |
//!
//! Any prefix may stand before `/v3/`, since real service URLs carry a region and a tenant there.
//!
//! Everything under `/emulator` is open to whoever reaches the port. Listen on loopback.

// The control interface: record, figures, faults.
mod control;
// Creating conversations.
mod conversations;
// What a fault is, in Rust and in JSON.
mod faults;
// Counts.
mod figures;
// Taking messages, and the record of them.
mod messages;
// The shapes of answers and refusals.
mod reply;
// From a raw path to an operation.
mod route;
// The queue of fault rules, and acting on them.
mod rules;
// Connections.
mod server;
// What all connections share.
mod state;
// The token service.
mod token;
// The rate limits.
mod windows;

#[cfg(test)]
mod tests;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::port::clock::Clock;

pub use faults::{Answer, Effect, Fault, Matching, Operation, When};
pub use figures::Figures;
pub use messages::ReceivedMessage;
pub use windows::Windows;

use state::Shared;

/// How the emulator is set up. The defaults fit together, so that it can be used with no settings at all.
#[derive(Clone)]
pub struct Settings {
    /// Where to listen. Port 0 takes a free one; see [`Emulator::address`].
    pub listen: SocketAddr,
    /// The bot's application id: the one client the token service knows.
    pub app_id: String,
    /// The secret of that client.
    pub app_secret: String,
    /// The bot's own tenant: its token authority, and the tenant of a message that names none.
    pub tenant_id: String,
    /// Which rate limits are enforced.
    pub windows: Windows,
    /// How long a token is good for, on the monotonic clock.
    pub token_lifetime: Duration,
    /// How long every answer of the token service and of the Connector is held back. What a request does, it does on
    /// arrival: one that gives up waiting has been carried out all the same.
    pub latency: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            app_id: "a0000000-0000-4000-8000-00000000000a".to_owned(),
            app_secret: "emulator-secret".to_owned(),
            tenant_id: "b0000000-0000-4000-8000-00000000000b".to_owned(),
            windows: Windows::Published,
            token_lifetime: Duration::from_hours(1),
            latency: Duration::ZERO,
        }
    }
}

/// A running emulator. Dropping it ends it at once; [`Emulator::stop`] ends it in order.
pub struct Emulator {
    address: SocketAddr,
    shared: Arc<Shared>,
    /// One task, which accepts connections and owns a task for each of them.
    tasks: JoinSet<()>,
}

impl Emulator {
    /// Listens and serves. It answers from the moment this returns.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub async fn start(settings: Settings, clock: Arc<dyn Clock>) -> std::io::Result<Self> {
        let listener = TcpListener::bind(settings.listen).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::new(settings, clock));
        let mut tasks = JoinSet::new();
        tasks.spawn(server::accept(listener, Arc::clone(&shared)));
        Ok(Self { address, shared, tasks })
    }

    /// Where it listens, with the true port.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it listens, as a URL without a final slash. The token authority is this and a tenant.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A service URL of the kind found in references, with a final slash.
    #[must_use]
    pub fn service_url(&self) -> String {
        format!("{}/teams/", self.base_url())
    }

    /// All messages on record, in order of arrival.
    #[must_use]
    pub fn messages(&self) -> Vec<ReceivedMessage> {
        self.messages_after(0, usize::MAX)
    }

    /// At most `limit` messages on record with a `seq` above `after`, in order of arrival. For whoever reads the
    /// record again and again.
    #[must_use]
    pub fn messages_after(&self, after: u64, limit: usize) -> Vec<ReceivedMessage> {
        let page = self.shared.books().record.page(after, limit);
        page.iter().map(|taken| taken.show()).collect()
    }

    /// Forgets the messages on record. Their numbers are not given out again.
    pub fn clear_messages(&self) {
        self.shared.books().record.clear();
    }

    /// How many messages have been taken since the start, as a value that can be waited on. When it shows a number,
    /// the message with that `seq` is on record.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.shared.taken.subscribe()
    }

    /// What has been counted since the start.
    #[must_use]
    pub fn figures(&self) -> Figures {
        self.shared.figures()
    }

    /// Adds a rule at the end of the queue.
    pub fn add_fault(&self, fault: Fault) {
        self.shared.books().rules.add(fault);
    }

    /// Removes all rules. Requests that hang already go on hanging.
    pub fn clear_faults(&self) {
        self.shared.books().rules.clear();
    }

    /// Stops listening, finishes the requests that have arrived, cuts those that hang or are delayed by a fault, and
    /// joins every task.
    pub async fn stop(mut self) {
        self.shared.stop.cancel();
        while self.tasks.join_next().await.is_some() {}
    }
}
