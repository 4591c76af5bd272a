//! The question-and-answer socket between the commands and the daemon: HTTP with JSON over a Unix socket, so that file
//! permissions decide who may ask, and any HTTP client can.

mod client;
mod events;
mod people;
mod server;

pub use client::ControlClient;
pub use server::ControlServer;
