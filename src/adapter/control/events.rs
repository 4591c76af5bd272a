//! `POST /v1/events/{name}`: what a program says has happened. With `GET` nothing happens: links are followed by
//! previews, scanners and crawlers.
//!
//! The header `Idempotency-Key` (the IETF's draft of that name) says which event this is, so whoever got no answer asks
//! again: the same key with the same body has the same answer, 202 the first time and 200 after that.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::domain::event::LARGEST_DATA;
use crate::port::desk::{Desk, DeskError};
use crate::port::event::EventRequest;

/// The header with the key of an event.
pub(super) const KEY: &str = "idempotency-key";

/// The routes of events.
pub(super) fn routes() -> Router<Arc<dyn Desk>> {
    Router::new().route("/v1/events/{name}", post(happen)).layer(DefaultBodyLimit::max(LARGEST_DATA))
}

async fn happen(
    State(desk): State<Arc<dyn Desk>>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Response> {
    let body = body.map_err(|rejection| {
        let words = format!("the data of an event may have {} KiB; send what the message needs", LARGEST_DATA >> 10);
        (rejection.status(), Json(DeskError::BadRequest(words))).into_response()
    })?;
    let request = read(name, &headers, &body).map_err(IntoResponse::into_response)?;
    let receipt = desk.event(request).await.map_err(IntoResponse::into_response)?;
    let status = if receipt.is_repetition { StatusCode::OK } else { StatusCode::ACCEPTED };
    Ok((status, Json(receipt)).into_response())
}

fn read(name: String, headers: &HeaderMap, body: &[u8]) -> Result<EventRequest, DeskError> {
    let mut keys = headers.get_all(KEY).iter();
    let key = match (keys.next(), keys.next()) {
        (Some(key), None) => key.to_str().unwrap_or_default().to_owned(),
        (None, _) => {
            let words = "the header Idempotency-Key is missing; give each event a key of its own, such as the number of \
                         the build, so that asking again does nothing twice";
            return Err(DeskError::BadRequest(words.into()));
        }
        (Some(_), Some(_)) => return Err(DeskError::BadRequest("there is more than one Idempotency-Key".into())),
    };
    // Nothing to tell is an object with nothing in it.
    let data: Value = if body.is_empty() {
        json!({})
    } else {
        let not_json = |error| DeskError::BadRequest(format!("the body is not JSON: {error}"));
        serde_json::from_slice(body).map_err(not_json)?
    };
    Ok(EventRequest { name, key, data })
}
