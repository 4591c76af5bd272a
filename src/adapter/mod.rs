//! One room for each outside thing. Rooms see the ports and the domain, never each other or the engine; those that are
//! called have in common how a connection is served.

// The real clock, and a faster one for the demo: the only file that asks what time it is.
pub mod clock;
// The question-and-answer socket between the commands and the daemon.
pub mod control;
// Where Teams calls the bot.
pub mod endpoint;
// The random numbers of the machine.
pub mod entropy;
// Schedule files in a directory.
pub mod files;
// The log: to the journal, as JSON, or for people.
pub mod log;
// Room on a disk, and who keeps the clock.
pub mod machine;
// What the kernel says of this process.
pub mod process;
// HTTP connections: accepting, bounding and ending them.
mod serving;
// The ledger in SQLite.
pub mod sqlite;
// Readiness, status and watchdog for the service manager.
pub mod systemd;
// The Bot Connector and its token service over HTTP.
pub mod teams;
// Beats for the chores, from tokio-cron-scheduler.
pub mod ticker;
// The rules of every zone, from the newest time-zone data at hand.
pub mod zones;
