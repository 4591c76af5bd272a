//! The shapes of answers and refusals.

use std::borrow::Cow;

use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::{Response, StatusCode};
use serde::Serialize;
use serde_json::json;

use super::conditions::Condition;
use super::payload::Payload;

/// An answer.
pub(super) type Reply = Response<Payload>;

const JSON: &str = "application/json; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";

/// No answer at all, or no more of it: the connection is closed.
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
    pub said: Said,
    /// Whole seconds.
    pub retry_after: Option<u64>,
}

/// The body of a refusal.
#[derive(Debug)]
pub(super) enum Said {
    /// The Connector's usual one.
    Error {
        code: Cow<'static, str>,
        message: Cow<'static, str>,
    },
    Json(&'static str),
    Html(&'static str),
    Nothing,
}

impl Refusal {
    pub(super) fn new(
        status: StatusCode,
        code: impl Into<Cow<'static, str>>,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { status, said: Said::Error { code: code.into(), message: message.into() }, retry_after: None }
    }

    /// Over a rate limit. Room is free again after `seconds`.
    pub(super) fn throttled(seconds: u64) -> Self {
        Self { retry_after: Some(seconds), ..Condition::ThrottledSilently.into() }
    }
}

impl From<Refusal> for Reply {
    fn from(refusal: Refusal) -> Self {
        let reply = match refusal.said {
            Said::Error { code, message } => json(refusal.status, &error_body(&code, &message)),
            Said::Json(body) => build(refusal.status, Bytes::from_static(body.as_bytes()), JSON),
            Said::Html(body) => build(refusal.status, Bytes::from_static(body.as_bytes()), HTML),
            Said::Nothing => empty(refusal.status),
        };
        with_retry_after(reply, refusal.retry_after)
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
    build(status, Bytes::from(body), JSON)
}

/// An answer with nothing in it.
pub(super) fn empty(status: StatusCode) -> Reply {
    let mut reply = Reply::default();
    *reply.status_mut() = status;
    reply
}

/// An answer in any words, such as the HTML that the edge of the real service produces.
pub(super) fn raw(status: StatusCode, body: String) -> Reply {
    let is_json = serde_json::from_str::<serde::de::IgnoredAny>(&body).is_ok();
    build(status, Bytes::from(body), if is_json { JSON } else { HTML })
}

/// Bytes that are declared as JSON and are not even text.
pub(super) fn garbage(status: StatusCode) -> Reply {
    build(status, Bytes::from_static(&[0x7b, 0x22, 0x69, 0x64, 0xff, 0x00, 0xc3, 0x28]), JSON)
}

/// Adds `Retry-After` in whole seconds.
pub(super) fn with_retry_after(mut reply: Reply, seconds: Option<u64>) -> Reply {
    if let Some(seconds) = seconds {
        reply.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    reply
}

fn build(status: StatusCode, body: Bytes, content_type: &'static str) -> Reply {
    let mut reply = Reply::new(Payload::whole(body));
    *reply.status_mut() = status;
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    reply
}
