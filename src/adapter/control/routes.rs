//! What can be asked and told, for whoever is let in: the same on the socket and on the loopback. A route is one line here
//! and one function that carries its question to the desk.
//!
//! A GET never changes anything.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};

use super::{events, people, seeing};
use crate::port::desk::{
    ConsentRequest, Desk, DeskError, ForwardReceipt, PauseRequest, RecallQuery, RecallRequest, SendReceipt,
    SendRequest, Status,
};
use crate::port::recall::RecallReport;
use crate::port::reload::{ReloadRequest, ReloadVerdict};
use crate::port::store::StatusQuery;

/// Room for an import of some 100,000 people.
const MAX_BODY_BYTES: usize = 64 << 20;

/// Room for an activity, which holds one message at most.
const MAX_ACTIVITY_BYTES: usize = 256 << 10;

/// All of them.
pub(super) fn routes(desk: Arc<dyn Desk>) -> Router {
    Router::new()
        .route("/v1/status", get(status))
        .route("/v1/send", post(send))
        .route("/v1/activities", post(forward).layer(DefaultBodyLimit::max(MAX_ACTIVITY_BYTES)))
        .route("/v1/recalls", get(recall_report))
        .route("/v1/recalls", post(recall))
        .route("/v1/consent", post(consent))
        .route("/v1/reload", post(reload))
        .route("/v1/pause", post(pause))
        .route("/v1/resume", post(resume))
        .merge(people::routes())
        .merge(events::routes())
        .merge(seeing::routes())
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .with_state(desk)
}

pub(super) type Asked = State<Arc<dyn Desk>>;

async fn status(State(desk): Asked, Query(query): Query<StatusQuery>) -> Result<Json<Status>, DeskError> {
    desk.status(query).await.map(Json)
}

async fn send(State(desk): Asked, Json(request): Json<SendRequest>) -> Result<Json<SendReceipt>, DeskError> {
    desk.send(request).await.map(Json)
}

/// Whatever it is declared as: a bot passes on the bytes that it got.
async fn forward(State(desk): Asked, activity: Bytes) -> Result<Json<ForwardReceipt>, DeskError> {
    desk.forward(activity.into()).await.map(Json)
}

async fn recall(State(desk): Asked, Json(request): Json<RecallRequest>) -> Result<Json<RecallReport>, DeskError> {
    desk.recall(request).await.map(Json)
}

async fn recall_report(State(desk): Asked, Query(query): Query<RecallQuery>) -> Result<Json<RecallReport>, DeskError> {
    desk.recall_report(query).await.map(Json)
}

async fn consent(State(desk): Asked, Json(request): Json<ConsentRequest>) -> Result<Json<bool>, DeskError> {
    desk.consent(request).await.map(Json)
}

async fn reload(State(desk): Asked, Json(request): Json<ReloadRequest>) -> Result<Json<ReloadVerdict>, DeskError> {
    desk.reload(request).await.map(Json)
}

async fn pause(State(desk): Asked, Json(request): Json<PauseRequest>) -> Result<Json<bool>, DeskError> {
    desk.pause(request).await.map(Json)
}

async fn resume(State(desk): Asked, Json(schedule): Json<String>) -> Result<Json<bool>, DeskError> {
    desk.resume(schedule).await.map(Json)
}

impl IntoResponse for DeskError {
    fn into_response(self) -> Response {
        let status = match self {
            DeskError::BadRequest(_) => StatusCode::UNPROCESSABLE_ENTITY,
            DeskError::NotFound(_) => StatusCode::NOT_FOUND,
            DeskError::NoDaemon(_) => StatusCode::SERVICE_UNAVAILABLE,
            DeskError::Denied(_) => StatusCode::FORBIDDEN,
            DeskError::Failed(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        (status, Json(self)).into_response()
    }
}
