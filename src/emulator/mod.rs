//! A stand-in for the Bot Connector and its token service, over real HTTP, and for Teams that calls a bot.
//!
//! It is a program of its own, not a mock inside: it shares nothing with the daemon but the clock, and it judges
//! requests by their bytes. It issues tokens and checks them, gives ids of the same shape as the real ones, enforces
//! the published limits exactly, refuses what the Connector of Teams refuses with the same bodies, and misbehaves on
//! request. What it took is on record, so that "sent" can be compared with "arrived".
//!
//! | path                                                | what                                              |
//! |-----------------------------------------------------|---------------------------------------------------|
//! | `POST /{tenant}/oauth2/v2.0/token`                  | client credentials for a token                    |
//! | `GET /metadata/identity/oauth2/token`, `/msi/token` | the token of a managed identity                   |
//! | `POST …/v3/conversations`                           | create or get a 1:1 chat, or post into a channel  |
//! | `POST …/v3/conversations/{id}/activities`           | send                                              |
//! | `POST …/v3/conversations/{id}/activities/{id}`      | the same, as a reply                              |
//! | `PUT, DELETE …/v3/conversations/{id}/activities/{id}` | change, delete                                  |
//! | `GET …/v3/conversations/{id}/members`, `/members/{id}`, `/pagedmembers` | who is there                  |
//! | `GET …/v3/teams/{id}`, `…/v3/teams/{id}/conversations` | a team, its channels                           |
//! | `GET, DELETE /emulator/messages`                    | the record; `?after=SEQ&limit=N&conversation=&user=` |
//! | `GET, DELETE /emulator/requests`                    | all requests; `?after=NUMBER&limit=N`             |
//! | `GET /emulator/figures`                             | counts                                            |
//! | `GET, POST, DELETE /emulator/faults`                | rules by which it misbehaves                      |
//! | `GET, POST, DELETE /emulator/conditions`            | refusals by name, and where they hold             |
//! | `GET, PUT /emulator/directory`                      | people, teams and chats                           |
//! | `GET, PUT /emulator/credentials`                    | what the token service accepts                    |
//! | `DELETE /emulator/tokens`                           | ends all tokens that were given out               |
//! | `POST /emulator/inbound`                            | tells a bot something, and says what it answered  |
//! | `DELETE /emulator/keys`                             | the keys for that are replaced by others          |
//! | `GET /v1/.well-known/openidconfiguration`, `/keys`  | where those keys are, and what they are           |
//! | `GET /healthz`                                      | whether it is up                                  |
//!
//! Any prefix may stand before `/v3/`, since real service URLs carry a region and a tenant there.
//!
//! Everything under `/emulator` is open to whoever reaches the port. Listen on loopback.
//!
//! `EMULATOR.md` tells a bot developer how to use it.

// What must be right about an activity.
mod activity;
// Client assertions.
mod assertion;
// Chance from a seed.
mod chance;
// The catalogue of refusals.
mod conditions;
// From a request to what is done.
mod connector;
// The control interface.
mod control;
// Creating conversations.
mod conversations;
// What the token service accepts.
mod credentials;
// People, teams and chats.
mod directory;
// What a fault is, in Rust and in JSON.
mod faults;
// Counts.
mod figures;
// The log of requests.
mod log;
// Managed identities.
mod managed;
// Which requests a rule is about, and whose turn it is.
mod matching;
// The body of an answer.
mod payload;
// Conditions that are put somewhere.
mod placements;
// The record of messages.
mod record;
// The shapes of answers and refusals.
mod reply;
// Questions about conversations and teams.
mod roster;
// What a bot is told.
mod inbound;
// From a raw path to an operation.
mod route;
// The queue of fault rules, and acting on them.
mod rules;
// Sending, replying, changing and deleting.
mod sending;
// Connections.
mod server;
// How the emulator is set up.
mod settings;
// The keys for what a bot is told.
mod signer;
// What all connections share.
mod state;
// Telling a bot.
mod teller;
// The token service.
mod token;
// The rate limits.
mod windows;

#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::port::clock::Clock;

pub use chance::Share;
pub use conditions::Condition;
pub use credentials::{Credentials, CredentialsError};
pub use directory::{Channel, ChannelType, Chat, Directory, DirectoryError, Person, Team, UserRole};
pub use faults::{Answer, Effect, Fault, Spoil, When};
pub use figures::Figures;
pub use inbound::{BotAnswer, Forgery, Inbound, Telling};
pub use log::{LoggedRequest, TokenSeen};
pub use matching::{Matching, Operation};
pub use placements::Placement;
pub use record::ReceivedMessage;
pub use settings::{Cloud, Settings, Success};
pub use signer::{Algorithm, KeyOf};
pub use windows::Windows;

use state::Shared;

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

    /// The messages on record, in order of arrival: the last ones, as many as the settings say.
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

    /// The requests in the log, in order of arrival: the last ones, as many as the settings say.
    #[must_use]
    pub fn requests(&self) -> Vec<LoggedRequest> {
        self.shared.books().log.page(0, usize::MAX)
    }

    /// At most `limit` requests in the log with a number above `after`, in order of arrival. For whoever reads the log
    /// again and again.
    #[must_use]
    pub fn requests_after(&self, after: u64, limit: usize) -> Vec<LoggedRequest> {
        self.shared.books().log.page(after, limit)
    }

    /// How many requests to the token service and the Connector have arrived since the start, as a value that can be
    /// waited on. When it shows a number, that request is in the log, and need not have been answered.
    #[must_use]
    pub fn watch_arrivals(&self) -> watch::Receiver<u64> {
        self.shared.arrived.subscribe()
    }

    /// How many messages have been taken since the start, as a value that can be waited on. When it shows a number,
    /// the message with that `seq` is on record.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.shared.taken.subscribe()
    }

    /// How many requests to the token service and the Connector have come to an end since the start, answered or
    /// not, as a value that can be waited on. For what is no new message: changes, deletions, refusals.
    #[must_use]
    pub fn watch_requests(&self) -> watch::Receiver<u64> {
        self.shared.ended.subscribe()
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

    /// Puts a condition somewhere. Of several that hold for a request, the first one refuses it.
    pub fn put_condition(&self, placement: Placement) {
        self.shared.books().placements.put(placement);
    }

    /// Removes the conditions that `which` means.
    pub fn lift_conditions(&self, which: impl Fn(&Placement) -> bool) {
        self.shared.books().placements.lift(which);
    }

    /// Puts another directory in the place of the one there is. It is empty at the start.
    ///
    /// # Errors
    /// When it contradicts itself; then the one there is stays.
    pub fn set_directory(&self, directory: Directory) -> Result<(), DirectoryError> {
        self.shared.set_directory(directory)
    }

    /// Puts other credentials in the place of those that are accepted. At the start that is the secret of the
    /// settings. Tokens that were given out stay good.
    ///
    /// # Errors
    /// When a certificate cannot be read; then those there are stay.
    pub fn set_credentials(&self, credentials: Credentials) -> Result<(), CredentialsError> {
        self.shared.vault().accept(credentials)
    }

    /// Ends all tokens that were given out: the Connector refuses them as expired from now on.
    pub fn revoke_tokens(&self) {
        self.shared.vault().revoke(self.shared.clock.moment().0);
    }

    /// Tells a bot something, as often as it says, and returns what came back.
    pub async fn tell(&self, inbound: &Inbound) -> Vec<BotAnswer> {
        teller::tell(&self.shared, &self.base_url(), inbound).await
    }

    /// What [`Emulator::tell`] would send: the value of the `Authorization` header, and the body. For whoever wants to send
    /// it in a way of their own.
    #[must_use]
    pub fn write_inbound(&self, inbound: &Inbound) -> (String, String) {
        let (body, service_url) = teller::write(&self.shared, &self.base_url(), inbound);
        (teller::authorization(&self.shared, inbound, &service_url), body)
    }

    /// Puts new keys in the place of those with which a bot is told things.
    pub fn roll_keys(&self) {
        self.shared.roll_keys();
    }

    /// Where a bot learns by which keys it can know what is told from here.
    #[must_use]
    pub fn openid_url(&self) -> String {
        format!("{}/v1/.well-known/openidconfiguration", self.base_url())
    }

    /// Stops listening, finishes the requests that have arrived, cuts those that hang or are delayed by a fault, and
    /// joins every task.
    pub async fn stop(mut self) {
        self.shared.stop.cancel();
        while self.tasks.join_next().await.is_some() {}
    }
}
