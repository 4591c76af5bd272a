//! The shapes of answers and refusals.

use std::borrow::Cow;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::{Response, StatusCode};
use serde::Serialize;
use serde_json::json;

/// An answer whose body is complete.
pub(super) type Reply = Response<Full<Bytes>>;

/// No answer at all: the connection is closed, and the client sees neither a status line nor a body.
#[derive(Debug)]
pub(super) struct Cut;

impl std::fmt::Display for Cut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the connection is cut without an answer")
    }
}

impl std::error::Error for Cut {}

/// Why the Connector does not carry a request out.
#[derive(Debug)]
pub(super) struct Refusal {
    pub status: StatusCode,
    pub code: &'static str,
    pub message: Cow<'static, str>,
    /// Whole seconds.
    pub retry_after: Option<u64>,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self { status, code, message: message.into(), retry_after: None }
    }

    /// The code under which Teams reports most malformed requests.
    pub(super) fn bad_syntax(message: &'static str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BadSyntax", message)
    }

    /// More than a message may hold.
    pub(super) fn too_big() -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "MessageSizeTooBig", "The message is too big")
    }

    /// Over a rate limit. Room is free again after `seconds`.
    pub(super) fn throttled(seconds: u64) -> Self {
        let refusal = Self::new(StatusCode::TOO_MANY_REQUESTS, "Throttled", "Too many requests");
        Self { retry_after: Some(seconds), ..refusal }
    }
}

impl From<Refusal> for Reply {
    fn from(refusal: Refusal) -> Self {
        let body = error_body(refusal.code, &refusal.message);
        with_retry_after(json(refusal.status, &body), refusal.retry_after)
    }
}

/// The Connector's usual error body.
pub(super) fn error_body(code: &str, message: &str) -> serde_json::Value {
    json!({ "error": { "code": code, "message": message } })
}

/// A JSON answer.
pub(super) fn json(status: StatusCode, body: &impl Serialize) -> Reply {
    // The shapes we answer with have string keys and finite numbers, which is all that can fail.
    let body = serde_json::to_vec(body).unwrap_or_default();
    build(status, Bytes::from(body), "application/json; charset=utf-8")
}

/// An answer with nothing in it.
pub(super) fn empty(status: StatusCode) -> Reply {
    let mut reply = Reply::default();
    *reply.status_mut() = status;
    reply
}

/// An answer in any words, such as the HTML that the edge of the real service produces.
pub(super) fn raw(status: StatusCode, body: String) -> Reply {
    let json = serde_json::from_str::<serde::de::IgnoredAny>(&body).is_ok();
    build(status, Bytes::from(body), if json { "application/json; charset=utf-8" } else { "text/html; charset=utf-8" })
}

/// Adds `Retry-After` in whole seconds.
pub(super) fn with_retry_after(mut reply: Reply, seconds: Option<u64>) -> Reply {
    if let Some(seconds) = seconds {
        reply.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    reply
}

fn build(status: StatusCode, body: Bytes, content_type: &'static str) -> Reply {
    let mut reply = Reply::new(Full::new(body));
    *reply.status_mut() = status;
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    reply
}
