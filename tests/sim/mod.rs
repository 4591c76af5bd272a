//! A seeded simulator: the real domain, the real engine and the real ledger in SQLite, in a world that a seed decides.
//!
//! - [`world`] and [`plan`] make people and schedules; [`acts`] is what happens to them, and [`orders`] what
//!   operators do;
//! - [`clock`] is virtual time, [`teams`] the other side with its own [`windows`];
//! - [`store`] makes each act of the ledger one step, at which a daemon's [`life`] may end;
//! - [`generation`] is a daemon, put together as the real one is;
//! - [`truth`] knows what really happened, [`rehearsals`] what operators wanted to see, and [`audit`] what the ledger
//!   says; they look for what must never be, with [`civil`], a reckoning of their own; [`panics`] are never to be;
//! - [`run`] is one seed, [`campaign`] many of them, [`years`] one large world for long.

pub(crate) mod acts;
pub(crate) mod audit;
pub(crate) mod campaign;
pub(crate) mod chance;
pub(crate) mod civil;
pub(crate) mod clock;
pub(crate) mod generation;
pub(crate) mod life;
pub(crate) mod orders;
pub(crate) mod panics;
pub(crate) mod plan;
pub(crate) mod rehearsals;
pub(crate) mod run;
pub(crate) mod store;
pub(crate) mod teams;
pub(crate) mod truth;
pub(crate) mod windows;
pub(crate) mod world;
pub(crate) mod years;
