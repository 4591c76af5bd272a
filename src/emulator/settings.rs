//! How the emulator is set up.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::windows::Windows;

/// How the emulator is set up. The defaults fit together, so that it can be used with no settings at all.
#[derive(Clone)]
pub struct Settings {
    /// Where to listen. Port 0 takes a free one; see [`Emulator::address`](super::Emulator::address).
    pub listen: SocketAddr,
    /// The bot's application id: the one client the token service knows.
    pub app_id: String,
    /// The secret of that client, until other credentials are set.
    pub app_secret: String,
    /// What App Service wants in `X-IDENTITY-HEADER`, until other credentials are set.
    pub identity_header: String,
    /// The bot's own tenant: its token authority, and the tenant of a message that names none.
    pub tenant_id: String,
    /// The cloud whose names the token service knows.
    pub cloud: Cloud,
    /// Which rate limits are enforced.
    pub windows: Windows,
    /// How long a token is good for, on the monotonic clock.
    pub token_lifetime: Duration,
    /// How long every answer of the token service and of the Connector is held back. What a request does, it does on
    /// arrival: one that gives up waiting has been carried out all the same.
    pub latency: Duration,
    /// What a message that was taken or changed is answered with.
    pub success: Success,
    /// Whether a request is refused with 412 while another one is under way in the same chat or channel.
    pub refuse_overlap: bool,
    /// How many messages are kept on record, the last ones. A message that is no longer kept can't be changed.
    pub messages_kept: usize,
    /// How many requests are kept in the log, the last ones.
    pub requests_kept: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            app_id: "a0000000-0000-4000-8000-00000000000a".to_owned(),
            app_secret: "emulator-secret".to_owned(),
            identity_header: "emulator-identity".to_owned(),
            tenant_id: "b0000000-0000-4000-8000-00000000000b".to_owned(),
            cloud: Cloud::Public,
            windows: Windows::Published,
            token_lifetime: Duration::from_hours(1),
            latency: Duration::ZERO,
            success: Success::Usual,
            refuse_overlap: false,
            messages_kept: 10_000,
            requests_kept: 10_000,
        }
    }
}

/// What a message that was taken or changed is answered with. Clients have to take all of these for success.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Success {
    /// 201 with the id for a message, 200 with the id for a change.
    #[default]
    Usual,
    /// 200 with the id.
    Ok,
    /// 202 with no body: the client never learns the id.
    AcceptedEmpty,
}

impl Success {
    pub const ALL: [Self; 3] = [Self::Usual, Self::Ok, Self::AcceptedEmpty];

    /// Its name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Usual => "usual",
            Self::Ok => "ok",
            Self::AcceptedEmpty => "accepted-empty",
        }
    }
}

/// One of Microsoft's clouds (Microsoft, "Connector authentication", and the SDKs' tables, read in November 2026).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Cloud {
    #[default]
    Public,
    /// The US government's community cloud, which has the names of the public one.
    Gcc,
    GccHigh,
    Dod,
    /// The one that 21Vianet runs.
    China,
}

impl Cloud {
    pub const ALL: [Self; 5] = [Self::Public, Self::Gcc, Self::GccHigh, Self::Dod, Self::China];

    /// Its name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Gcc => "gcc",
            Self::GccHigh => "gcc-high",
            Self::Dod => "dod",
            Self::China => "china",
        }
    }

    /// The Connector, as the token service knows it. The scope is this and `/.default`.
    #[must_use]
    pub fn resource(self) -> &'static str {
        match self {
            Self::Public | Self::Gcc => "https://api.botframework.com",
            Self::GccHigh | Self::Dod => "https://api.botframework.us",
            Self::China => "https://api.botframework.azure.cn",
        }
    }

    /// The tenant under which bots of the type "multi-tenant" get their tokens.
    #[must_use]
    pub fn shared_tenant(self) -> &'static str {
        match self {
            Self::Public | Self::Gcc => "botframework.com",
            Self::GccHigh | Self::Dod => "MicrosoftServices.onmicrosoft.us",
            Self::China => "microsoftservices.partner.onmschina.cn",
        }
    }
}
