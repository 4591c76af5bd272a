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
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, SERVER, USER_AGENT};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::conversations::Creating;
use super::faults::Operation;
use super::messages::{Envelope, Sending};
use super::reply::{Cut, Refusal, Reply};
use super::route::{Route, conversation_id};
use super::rules::Subject;
use super::state::Shared;
use super::{control, token};

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
async fn answer(shared: &Shared, request: Request<Incoming>) -> Result<Reply, Cut> {
    let (head, body) = request.into_parts();
    let body = tokio::select! {
        biased;
        body = read_body(body) => body?,
        () = shared.stop.cancelled() => return Err(Cut),
    };
    let Some(body) = body else { return Ok(Refusal::too_big().into()) };
    let route = Route::read(&head.method, head.uri.path());
    if let Route::Control(control) = route {
        return Ok(control::answer(shared, control, head.uri.query(), &body));
    }
    let number = shared.count_request();
    let mut reply = operate(shared, &route, &head.headers, head.uri.path(), body).await?;
    let status = reply.status();
    if status.is_client_error() || status.is_server_error() {
        *shared.books().counts.refused.entry(status.as_u16()).or_default() += 1;
    }
    let headers = reply.headers_mut();
    headers.insert(SERVER, HeaderValue::from_static("Microsoft-HTTPAPI/2.0"));
    // The correlation vector: 22 characters and a counter. Support asks for it, so clients should log it.
    if let Ok(vector) = HeaderValue::from_str(&format!("{number:022}.0")) {
        headers.insert(HeaderName::from_static("ms-cv"), vector);
    }
    Ok(reply)
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

/// Carries out what the token service and the Connector are asked for.
async fn operate(
    shared: &Shared,
    route: &Route<'_>,
    headers: &HeaderMap,
    path: &str,
    body: Bytes,
) -> Result<Reply, Cut> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    if matches!(route, Route::Create | Route::Send { .. }) {
        let checked = shared.tokens().check(text(AUTHORIZATION), shared.clock.moment().0);
        if let Err(denied) = checked {
            return Ok(denied.into());
        }
    }
    let envelope = || Envelope { path: path.to_owned(), user_agent: text(USER_AGENT).unwrap_or_default().to_owned() };
    match route {
        Route::Token { tenant } => {
            let subject = Subject { operation: Operation::Token, conversation: None, user: None };
            let is_form = text(CONTENT_TYPE).is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
            shared.under_faults(subject, || token::grant(shared, tenant, is_form, &body)).await
        }
        Route::Create => match Creating::read(&shared.settings.app_id, &body, envelope()) {
            Ok(creating) => {
                let (conversation, user) = (creating.conversation().to_owned(), creating.user().map(str::to_owned));
                let subject =
                    Subject { operation: Operation::Create, conversation: Some(&conversation), user: user.as_deref() };
                shared.under_faults(subject, || creating.carry_out(shared).unwrap_or_else(Reply::from)).await
            }
            Err(refusal) => Ok(refusal.into()),
        },
        Route::Send { conversation } => {
            let read = conversation_id(conversation).and_then(|id| Sending::read(id.into_owned(), body, envelope()));
            match read {
                Ok(sending) => {
                    let (conversation, user) = (sending.conversation().to_owned(), sending.user(&shared.books()));
                    let subject = Subject {
                        operation: Operation::Send,
                        conversation: Some(&conversation),
                        user: user.as_deref(),
                    };
                    shared.under_faults(subject, || sending.carry_out(shared).unwrap_or_else(Reply::from)).await
                }
                Err(refusal) => Ok(refusal.into()),
            }
        }
        Route::WrongMethod => {
            Ok(Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", "The method is not allowed").into())
        }
        Route::Unknown | Route::Control(_) => {
            Ok(Refusal::new(StatusCode::NOT_FOUND, "NotFound", "No such resource").into())
        }
    }
}
