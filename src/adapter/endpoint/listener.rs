//! Connections: accepting them, and ending them in order.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::claims::Admission;
use super::exchange::Door;
use super::keyring::Keyring;
use super::publisher::Publisher;
use super::tally::Tally;
use super::timer::ClockTimer;
use crate::port::clock::Clock;
use crate::port::ear::Ear;
use crate::port::endpoint::Endpoint;

/// How long a head may take, from the end of the request before it. It is also how long an idle connection is kept.
const HEAD_WITHIN: Duration = Duration::from_secs(30);

/// Bytes of a head at most. A token and what proxies add are some 4 KB.
const LARGEST_HEAD: usize = 32 * 1024;

/// Headers of a request at most.
const MOST_HEADERS: usize = 64;

/// Connections at once. Who comes when there are as many waits in the queue of the kernel.
const MOST_CONNECTIONS: usize = 1024;

/// Requests that are answered at once.
const MOST_IN_HAND: usize = 256;

/// How long requests in hand have to come to an end when everything stops. What is cut off, Teams tells again.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// Before the next try when no connection could be accepted: the process has no file descriptors left, for example.
const BREATHER: Duration = Duration::from_millis(100);

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
        tokio::join!(door.keyring.run(&publisher, stop.clone()), accept(listener, &door, &ear, &stop));
    }
}

async fn accept(listener: TcpListener, door: &Arc<Door>, ear: &Arc<dyn Ear>, stop: &CancellationToken) {
    let timer = ClockTimer::new(Arc::clone(&door.clock));
    let mut connections = JoinSet::new();
    loop {
        // Every arm may be dropped: an accepted connection is returned at once or not taken at all.
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            Some(ended) = connections.join_next() => tell(ended),
            accepted = listener.accept(), if connections.len() < MOST_CONNECTIONS => match accepted {
                Ok((stream, _)) => {
                    let (door, ear) = (Arc::clone(door), Arc::clone(ear));
                    connections.spawn(serve(stream, door, ear, timer.clone(), stop.clone()));
                }
                Err(error) => {
                    tracing::debug!(%error, "a connection could not be accepted");
                    door.clock.sleep(BREATHER).await;
                }
            },
        }
    }
    drop(listener);
    while let Some(ended) = connections.join_next().await {
        tell(ended);
    }
}

/// What a broken request leaves behind is a broken connection, not a broken endpoint.
fn tell(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a request to the messaging endpoint ended badly");
    }
}

/// Serves one connection to its end, or to that of the request in hand when everything stops.
async fn serve(stream: TcpStream, door: Arc<Door>, ear: Arc<dyn Ear>, timer: ClockTimer, stop: CancellationToken) {
    // An answer is one small write. Where it can't be set, answers come later, not wrong.
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| {
        let (door, ear) = (Arc::clone(&door), Arc::clone(&ear));
        async move { Ok::<_, Infallible>(door.answer(&*ear, request).await) }
    });
    let mut connection = pin!(
        http1::Builder::new()
            .timer(timer)
            .header_read_timeout(HEAD_WITHIN)
            .max_headers(MOST_HEADERS)
            .max_buf_size(LARGEST_HEAD)
            .serve_connection(TokioIo::new(stream), service)
    );
    // An error is a caller that went away, was too slow, or speaks something else.
    tokio::select! {
        biased;
        _ = connection.as_mut() => {}
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            tokio::select! {
                biased;
                _ = connection => {}
                // Somebody who has sent half a head, or half a body, is not waited for to the end.
                () = door.clock.sleep(LAST_WORDS) => {}
            }
        }
    }
}
