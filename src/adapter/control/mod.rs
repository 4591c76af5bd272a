//! The questions and answers between nudged and whoever asks it: HTTP with JSON, over a Unix socket, where file permissions
//! decide who may ask and any HTTP client can; and, where the operator wants it, over the loopback, where a token decides.

mod admin;
mod client;
mod events;
mod people;
mod routes;
mod server;

pub use admin::{AdminError, AdminServer};
pub use client::ControlClient;
pub use server::ControlServer;
