//! The Bot Connector and its token service over HTTP.
//!
//! One message on its way through the room: `trust` decides whether the reference's service URL may be spoken to
//! at all; `token` has a token ready, or one request under way for everybody who needs one; `identity` is what the bot
//! shows for it; `wire` shapes the body; `http` is the only place where a token or the secret meets a request;
//! `verdict` reads what came back; `client` puts them in this order, for each of the `operations`.
//!
//! Two rules hold throughout. A token can go only where a `trust::TrustedUrl` points. And one call of the port is
//! one request, except for the one repetition after a 401, which Teams refuses before it does anything: nothing in
//! Teams tells two equal posts apart, so any other repetition might be read twice by a person.

mod client;
mod http;
mod identity;
mod line;
mod operations;
mod token;
mod trust;
mod verdict;
mod wire;

#[cfg(test)]
mod golden;
#[cfg(test)]
mod stand_in;
#[cfg(test)]
mod tests;

pub use client::{AppKind, SetupError, TeamsConnector, TeamsSettings};
pub use identity::{Holds, Identity, ManagedIdentity, Unusable};
pub use trust::{TrustedHosts, TrustedUrl, Untrusted};
