//! `nudged` sends scheduled proactive messages to Microsoft Teams, each at its recipient's own local hour.
//!
//! This page is the map. Read the rooms in this order; `ARCHITECTURE.md` walks one message through them.
//!
//! | room         | what it holds                                                                           | may use |
//! |--------------|-----------------------------------------------------------------------------------------|---------|
//! | [`domain`]   | schedules, civil time, waves, deliveries, verdicts, rates: pure values and decisions      | nothing |
//! | [`port`]     | the traits through which time, chance, storage and Teams come in, and what crosses them  | domain |
//! | [`engine`]   | the loops that act: planner, dispatcher, sender, desk                                    | port, domain |
//! | [`adapter`]  | one room for each outside thing: clock, zone files, SQLite, Teams, its calls, systemd    | port, domain |
//! | [`config`]   | `nudged.toml`, checked once into values that cannot be wrong                             | domain |
//! | [`emulator`] | a stand-in for the Bot Connector and its token service: a program of its own             | port (clock) |
//! | [`daemon`]   | new → start → stop: the one place that names every adapter                               | all but cli |
//! | [`cli`]      | one file for each command, and the only place that prints                                | all |
//!
//! `tests/architecture.rs` holds the arrows in place.

pub mod domain;

pub mod port;

pub mod engine;

pub mod adapter;

pub mod config;

pub mod emulator;

pub mod daemon;

pub mod cli;
