//! The bot's messaging endpoint, for whoever watches over it.

use crate::port::desk::EndpointStatus;

/// Where Teams calls the bot.
pub trait Endpoint: Send + Sync {
    /// How it does now.
    fn status(&self) -> EndpointStatus;
}
