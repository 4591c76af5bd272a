//! The questions and answers between nudged and whoever asks it: HTTP with JSON, over a Unix socket, where file permissions
//! decide who may ask and any HTTP client can; and, where the operator wants it, over the loopback, where a token decides.

mod admin;
mod client;
mod events;
// Figures as Prometheus reads them.
mod exposition;
// Which figures there are.
mod metrics;
mod people;
mod routes;
mod seeing;
mod server;
// The file that holds the token.
mod token_file;
// What monitors ask.
mod vitals;

use std::time::Duration;

pub use admin::{AdminError, AdminServer};
pub use client::ControlClient;
pub use server::ControlServer;
pub use token_file::{TokenFileError, check as check_token_file};

/// How long questions and orders in hand have to come to an end when everything stops: an import takes a while.
const LAST_WORDS: Duration = Duration::from_secs(30);
