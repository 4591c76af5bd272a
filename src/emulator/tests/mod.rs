//! The emulator over real HTTP, on a clock that the test moves.

mod conditions;
mod control;
mod conversations;
mod credentials;
mod directory;
mod document;
mod editing;
mod faults;
mod inbound;
mod lifecycle;
mod log;
mod rig;
mod sending;
mod token;
