//! The endpoint as a whole: its settings, its port, and what answers there.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::service::service_fn;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::claims::Admission;
use super::exchange::Door;
use super::keyring::Keyring;
use super::publisher::Publisher;
use super::tally::Tally;
use crate::adapter::serving::{self, Closing};
use crate::port::clock::Clock;
use crate::port::ear::Ear;
use crate::port::endpoint::Endpoint;

/// Requests that are answered at once.
const MOST_IN_HAND: usize = 256;

/// How long requests in hand have to come to an end when everything stops. What is cut off, Teams tells again.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// Where Teams calls, and whom it means.
#[derive(Debug, Clone)]
pub struct EndpointSettings {
    pub listen: SocketAddr,
    /// Of the requests that are answered, such as `/api/messages`.
    pub path: String,
    /// The document that says where the keys of tokens are.
    pub openid_url: String,
    /// Whose tokens are believed.
    pub issuer: String,
    /// Of the bot, as it stands in tokens.
    pub app_id: String,
    /// The tenants whose activities are heard; `None` for any.
    pub tenants: Option<Vec<String>>,
}

/// Why nobody can call.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    #[error("the messaging endpoint can't listen on {address}: {source}; change `listen` below [endpoint]")]
    Listen { address: SocketAddr, source: io::Error },
    #[error("the address of the OpenID document is none: {0}; correct openid_url below [endpoint]")]
    OpenIdUrl(#[from] url::ParseError),
    #[error("the client that fetches the keys of Teams could not be made: {0}")]
    Client(#[from] reqwest::Error),
}

/// The messaging endpoint. It has the port from the moment it is made, and answers when it runs.
pub struct MessagingEndpoint {
    listener: TcpListener,
    publisher: Publisher,
    door: Arc<Door>,
}

impl MessagingEndpoint {
    pub async fn bind(settings: EndpointSettings, clock: Arc<dyn Clock>) -> Result<Self, BindError> {
        let failed = |source| BindError::Listen { address: settings.listen, source };
        let listener = TcpListener::bind(settings.listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let openid_url = Url::parse(&settings.openid_url)?;
        let publisher = Publisher::new(openid_url, settings.issuer.clone())?;
        let tenants = settings.tenants.map(|tenants| tenants.iter().map(|id| id.to_ascii_lowercase()).collect());
        let door = Arc::new(Door {
            keyring: Keyring::new(Arc::clone(&clock)),
            tally: Tally::new(Arc::clone(&clock)),
            places: Semaphore::new(MOST_IN_HAND),
            clock,
            address,
            path: settings.path,
            admission: Admission { issuer: settings.issuer, app_id: settings.app_id, tenants },
        });
        Ok(Self { listener, publisher, door })
    }

    /// Where it listens, with the true port.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.door.address
    }

    /// How it does, for whoever watches over it.
    #[must_use]
    pub fn watch(&self) -> Arc<dyn Endpoint> {
        Arc::clone(&self.door) as Arc<dyn Endpoint>
    }

    /// Answers until `stop`; then what has arrived is answered, and nothing more accepted.
    pub async fn run(self, ear: Arc<dyn Ear>, stop: CancellationToken) {
        let Self { listener, publisher, door } = self;
        let (keys, clock) = (Arc::clone(&door), Arc::clone(&door.clock));
        let closing = Closing { clock, stop: stop.clone(), last_words: LAST_WORDS };
        let answer = service_fn(move |request| {
            let (door, ear) = (Arc::clone(&door), Arc::clone(&ear));
            async move { Ok::<_, Infallible>(door.answer(&*ear, request).await) }
        });
        tokio::join!(keys.keyring.run(&publisher, stop), serving::serve(listener, answer, closing));
    }
}
