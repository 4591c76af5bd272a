//! One room for each outside thing. Rooms see the ports and the domain, never each other or the engine.

/// The ledger in SQLite.
pub mod sqlite;
/// The Bot Connector and its token service over HTTP.
pub mod teams;
