//! The emulator over real HTTP, on a clock that the test moves.

mod control;
mod conversations;
mod faults;
mod lifecycle;
mod rig;
mod sending;
mod token;
