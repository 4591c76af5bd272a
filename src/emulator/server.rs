//! Connections: accepting them, reading requests from them, and ending them.
//!
//! The HTTP/1.1 connection is driven here and not by a web framework, for two reasons. A framework's handler must
//! answer, and half of what an emulator is for is not answering: here a handler that returns [`Cut`] ends the
//! connection with no byte of an answer sent. And a framework's router decodes paths, which hides a client's
//! mistakes.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{AUTHORIZATION, HOST, HeaderName, HeaderValue, RETRY_AFTER, SERVER};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::conditions::Condition;
use super::connector::{Request, operate};
use super::control;
use super::log::{LoggedRequest, telling};
use super::reply::{Cut, Refusal, Reply};
use super::route::Route;
use super::state::Shared;
use super::teller;

/// No request that means well has a larger body. Messages are held to a smaller size of their own.
const MOST_BODY_BYTES: usize = 1024 * 1024;

/// Accepts connections until the emulator stops, then waits for all of them to end.
pub(super) async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        // Every arm may be dropped: an accepted connection is returned at once or not taken at all.
        tokio::select! {
            biased;
            () = shared.stop.cancelled() => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(serve(stream, Arc::clone(&shared)));
                }
                // Out of file descriptors, or the client is gone already. Others get their turn before the next try.
                Err(_) => tokio::task::yield_now().await,
            },
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// Serves one connection to its end.
async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    // An answer is one small write; waiting to make a bigger one of it would cost up to 40 ms. If it cannot be set,
    // the emulator is slow, not wrong.
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| {
        let shared = Arc::clone(&shared);
        async move { answer(&shared, request).await }
    });
    let mut connection = pin!(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    tokio::select! {
        biased;
        // An error is a client that went away, or a cut: either way the connection is over.
        _ = connection.as_mut() => {}
        () = shared.stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            // No wait of a request outlasts the stop, so one more poll answers whatever has arrived. What is left
            // then is a request that the client has not finished sending, and for that we do not wait.
            poll_fn(|context| {
                let _ = connection.as_mut().poll(context);
                Poll::Ready(())
            })
            .await;
        }
    }
}

/// Answers one request, or cuts the connection.
async fn answer(shared: &Shared, request: hyper::Request<Incoming>) -> Result<Reply, Cut> {
    let (head, body) = request.into_parts();
    let body = tokio::select! {
        biased;
        body = read_body(body) => body?,
        () = shared.stop.cancelled() => return Err(Cut),
    };
    let Some(body) = body else { return Ok(Refusal::from(Condition::TooBig).into()) };
    let (path, query) = (head.uri.path(), head.uri.query());
    let route = Route::read(&head.method, path);
    if route == Route::Tell {
        let host = head.headers.get(HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let base_url = format!("http://{host}");
        return tokio::select! {
            biased;
            reply = teller::answer(shared, &base_url, &body) => Ok(reply),
            () = shared.stop.cancelled() => Err(Cut),
        };
    }
    if let Route::Control(control) = route {
        return Ok(control::answer(shared, control, query, &body));
    }
    let now = shared.clock.moment().0;
    let authorization = head.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = shared.vault().judge(authorization, now);
    let number = shared.books().log.note(|number| LoggedRequest {
        number,
        arrived_at: shared.clock.now(),
        arrived_moment_us: shared.moment_us(),
        method: head.method.to_string(),
        path: path.to_owned(),
        query: query.map(str::to_owned),
        headers: telling(&head.headers),
        token,
        body_bytes: body.len(),
        status: None,
        retry_after: None,
    });
    shared.arrived.send_modify(|arrived| *arrived = number.max(*arrived));
    // However it ends, also when the client goes away while it waits.
    let _ended = Ended(shared);
    let request = Request { route, headers: &head.headers, path, query, body, token };
    let mut reply = operate(shared, &request).await?;
    let status = reply.status();
    let retry_after = reply.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    {
        let mut books = shared.books();
        books.log.answered(number, status.as_u16(), retry_after);
        if status.is_client_error() || status.is_server_error() {
            *books.counts.refused.entry(status.as_u16()).or_default() += 1;
        }
    }
    let headers = reply.headers_mut();
    headers.insert(SERVER, HeaderValue::from_static("Microsoft-HTTPAPI/2.0"));
    // The correlation vector: 22 characters and a counter. Support asks for it, so clients should log it.
    if let Ok(vector) = HeaderValue::from_str(&format!("{number:022}.0")) {
        headers.insert(HeaderName::from_static("ms-cv"), vector);
    }
    Ok(reply)
}

/// Tells the watchers that a request has come to an end.
struct Ended<'shared>(&'shared Shared);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.0.ended.send_modify(|ended| *ended += 1);
    }
}

/// The whole body, or nothing if it is larger than any that is meant well.
async fn read_body(mut body: Incoming) -> Result<Option<Bytes>, Cut> {
    match Limited::new(&mut body, MOST_BODY_BYTES).collect().await {
        Ok(body) => Ok(Some(body.to_bytes())),
        Err(error) if error.is::<LengthLimitError>() => {
            // Read to its end all the same: an answer to a client that is still sending is lost in the reset.
            while let Some(frame) = body.frame().await {
                frame.map_err(|_| Cut)?;
            }
            Ok(None)
        }
        Err(_) => Err(Cut),
    }
}
