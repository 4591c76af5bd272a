//! HTTP connections: accepting them, bounding what a caller may take of us, and ending them in order. It is the same for
//! every door of the daemon, whoever stands behind it.
//!
//! Whoever only connects, sends half a head or does not read the answer must neither keep a place for ever nor hold up a
//! stop. A limit on the time of a body belongs to whoever reads it.

use std::convert::Infallible;
use std::error::Error;
use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use self::stream::Impatient;
use self::timer::ClockTimer;
use crate::port::clock::Clock;

// A connection whose other end has to read.
mod stream;
// hyper's time-outs on the clock of the house.
mod timer;

/// How long a head may take, from the end of the request before it. It is also how long an idle connection is kept.
const HEAD_WITHIN: Duration = Duration::from_secs(30);

/// How long an answer may wait for the other end to take any of it.
const TAKEN_WITHIN: Duration = Duration::from_secs(30);

/// Bytes of a head at most. A token and what proxies add are some 4 KB.
const LARGEST_HEAD: usize = 32 * 1024;

/// Headers of a request at most.
const MOST_HEADERS: usize = 64;

/// Connections at once. Who comes when there are as many waits in the queue of the kernel.
const MOST_CONNECTIONS: usize = 1024;

/// Before the next try when no connection could be accepted: the process has no file descriptors left, for example.
const BREATHER: Duration = Duration::from_millis(100);

/// Where connections come from.
pub(super) trait Listener: Send {
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// The next connection. Cancel-safe: one is returned at once, or not taken at all.
    fn next(&self) -> impl Future<Output = io::Result<Self::Stream>> + Send;
}

impl Listener for TcpListener {
    type Stream = TcpStream;

    async fn next(&self) -> io::Result<TcpStream> {
        let (stream, _) = self.accept().await?;
        // An answer is one small write. Where it can't be set, answers come later, not wrong.
        let _ = stream.set_nodelay(true);
        Ok(stream)
    }
}

impl Listener for UnixListener {
    type Stream = UnixStream;

    async fn next(&self) -> io::Result<UnixStream> {
        Ok(self.accept().await?.0)
    }
}

/// How connections end.
#[derive(Clone)]
pub(super) struct Closing {
    pub(super) clock: Arc<dyn Clock>,
    /// Nothing more is accepted then, and what has arrived is answered.
    pub(super) stop: CancellationToken,
    /// How long that may take. What is cut off, the caller asks again.
    pub(super) last_words: Duration,
}

/// Has `service` answer what comes to `listener`, until everything stops.
pub(super) async fn serve<L, S, B>(listener: L, service: S, closing: Closing)
where
    L: Listener,
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
    B: Body<Error: Into<Box<dyn Error + Send + Sync>>, Data: Send> + Send + 'static,
{
    let timer = ClockTimer::new(Arc::clone(&closing.clock));
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            () = closing.stop.cancelled() => break,
            Some(ended) = connections.join_next() => tell(ended),
            accepted = listener.next(), if connections.len() < MOST_CONNECTIONS => match accepted {
                Ok(stream) => drop(connections.spawn(attend(stream, service.clone(), timer.clone(), closing.clone()))),
                Err(error) => {
                    tracing::debug!(%error, "a connection could not be accepted");
                    closing.clock.sleep(BREATHER).await;
                }
            },
        }
    }
    drop(listener);
    while let Some(ended) = connections.join_next().await {
        tell(ended);
    }
}

/// What a broken request leaves behind is a broken connection, not a broken door.
fn tell(ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a request ended badly");
    }
}

/// Serves one connection to its end, or to that of the request in hand when everything stops.
async fn attend<I, S, B>(stream: I, service: S, timer: ClockTimer, closing: Closing)
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>,
    B: Body<Error: Into<Box<dyn Error + Send + Sync>>> + 'static,
{
    let stream = Impatient::new(stream, timer.clone());
    let mut connection = pin!(
        http1::Builder::new()
            .timer(timer)
            .header_read_timeout(HEAD_WITHIN)
            .max_headers(MOST_HEADERS)
            .max_buf_size(LARGEST_HEAD)
            // Else a caller that hangs up cuts off what it has asked for: the ledger may have changed by then, and the rest
            // of the daemon would not hear of it.
            .half_close(true)
            .serve_connection(TokioIo::new(stream), service)
    );
    // An error is a caller that went away, was too slow, or speaks something else.
    tokio::select! {
        biased;
        _ = connection.as_mut() => {}
        () = closing.stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            tokio::select! {
                biased;
                _ = connection => {}
                // Somebody who has sent half a head, or half a body, is not waited for to the end.
                () = closing.clock.sleep(closing.last_words) => {}
            }
        }
    }
}

#[cfg(test)]
pub(super) mod hand;
#[cfg(test)]
mod tests;
