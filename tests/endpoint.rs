//! The messaging endpoint over real HTTP, called by an emulator that signs as the Bot Framework does, or forges. An ear that
//! only remembers stands behind it: what is refused must have no effect at all. Time is set by hand.

#[path = "endpoint/good.rs"]
mod good;
#[path = "endpoint/keys.rs"]
mod keys;
#[path = "endpoint/refused.rs"]
mod refused;
#[path = "endpoint/rig.rs"]
mod rig;
