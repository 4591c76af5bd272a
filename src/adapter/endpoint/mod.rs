//! The bot's messaging endpoint: where Teams calls.
//!
//! One request on its way through the room: `listener` has the port, and [`serving`](super::serving) bounds each connection;
//! `exchange` takes the request apart; `token` reads what it brings, without believing it; `keyring` has the key by which
//! that is judged, as `publisher` fetched it; `keys` verifies the signature; `claims` says whether the token is for us,
//! and for this activity; and only then somebody hears of it.
//!
//! Nothing that comes here has any effect before all of that, and there is no switch that turns it off.
//!
//! Why no library for the tokens: what it takes is two base64 texts and one call of the cryptography that is there
//! anyway, while a library for JSON Web Tokens brings algorithms and ways to choose between them, which is where such
//! libraries have gone wrong.

mod claims;
mod discovery;
mod exchange;
// What must hold of whatever is shown.
#[cfg(any(test, fuzzing))]
pub mod fuzzed;
mod keyring;
mod keys;
mod listener;
mod publisher;
mod refusal;
mod tally;
mod token;

pub use listener::{BindError, EndpointSettings, MessagingEndpoint};
