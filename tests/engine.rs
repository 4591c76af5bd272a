//! Files, planner and ledger together, without a daemon: texts are put into force, the clock is moved by hand, and what
//! is due is taken out of the ledger as a sender would.

#[path = "engine/backlog.rs"]
mod backlog;
#[path = "engine/channels.rs"]
mod channels;
#[path = "engine/chores.rs"]
mod chores;
#[path = "engine/clock.rs"]
mod clock;
#[path = "engine/consenting.rs"]
mod consenting;
#[path = "engine/edits.rs"]
mod edits;
#[path = "engine/events.rs"]
mod events;
#[path = "engine/introductions.rs"]
mod introductions;
#[path = "engine/outcomes.rs"]
mod outcomes;
#[path = "engine/pulse.rs"]
mod pulse;
#[path = "engine/quiet.rs"]
mod quiet;
#[path = "engine/reading.rs"]
mod reading;
#[path = "engine/recalling.rs"]
mod recalling;
#[path = "engine/reloading.rs"]
mod reloading;
#[path = "engine/rig.rs"]
mod rig;
#[path = "engine/sending.rs"]
mod sending;
#[path = "engine/travel.rs"]
mod travel;
#[path = "engine/trouble.rs"]
mod trouble;
#[path = "engine/why.rs"]
mod why;
#[path = "engine/zones.rs"]
mod zones;
