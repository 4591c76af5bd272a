//! The whole daemon, and its real client over real HTTP, against an emulator that answers as Teams does on its bad days.
//! The clock of both goes faster than the machine's, moments and all, so that minutes of waiting are over in seconds.

#[path = "answers/catalogue.rs"]
mod catalogue;
#[path = "answers/rig.rs"]
mod rig;
#[path = "answers/storm.rs"]
mod storm;
