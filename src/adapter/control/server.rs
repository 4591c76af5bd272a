//! The daemon's end: carries questions to the desk.

use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use tokio::net::UnixListener;
use tokio_util::sync::CancellationToken;

use super::{events, people};
use crate::port::desk::{
    ConsentRequest, Desk, DeskError, PauseRequest, RecallQuery, RecallRequest, SendReceipt, SendRequest, Status,
};
use crate::port::recall::RecallReport;
use crate::port::store::StatusQuery;

/// Room for an import of some 100,000 people.
const MAX_BODY_BYTES: usize = 64 << 20;

/// A socket that answers.
#[derive(Debug)]
pub struct ControlServer {
    listener: UnixListener,
    path: PathBuf,
}

impl ControlServer {
    /// Binds the socket, for its owner and group only. A socket that a dead daemon left behind is replaced; anything
    /// else at that path is left alone. The caller holds the store's lock, so no other daemon can be listening.
    pub fn bind(path: &Path) -> io::Result<Self> {
        match std::fs::symlink_metadata(path) {
            Ok(metadata) if metadata.file_type().is_socket() => std::fs::remove_file(path)?,
            Ok(_) => return Err(io::Error::other("something that is not a socket is there already")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        if let Some(directory) = path.parent() {
            std::fs::create_dir_all(directory)?;
        }
        let listener = UnixListener::bind(path)?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660))?;
        Ok(Self { listener, path: path.to_owned() })
    }

    /// Answers until `stop`.
    pub async fn run(self, desk: Arc<dyn Desk>, stop: CancellationToken) -> io::Result<()> {
        let routes = Router::new()
            .route("/v1/status", get(status))
            .merge(people::routes())
            .route("/v1/send", post(send))
            .route("/v1/recalls", get(recall_report))
            .route("/v1/recalls", post(recall))
            .route("/v1/consent", post(consent))
            .route("/v1/pause", post(pause))
            .route("/v1/resume", post(resume))
            .merge(events::routes())
            .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
            .with_state(desk);
        let served = axum::serve(self.listener, routes).with_graceful_shutdown(stop.cancelled_owned()).await;
        // It may have been removed by hand already.
        let _ = std::fs::remove_file(&self.path);
        served
    }
}

pub(super) type Asked = State<Arc<dyn Desk>>;

async fn status(State(desk): Asked, Query(query): Query<StatusQuery>) -> Result<Json<Status>, DeskError> {
    desk.status(query).await.map(Json)
}

async fn send(State(desk): Asked, Json(request): Json<SendRequest>) -> Result<Json<SendReceipt>, DeskError> {
    desk.send(request).await.map(Json)
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
            DeskError::Failed(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        (status, Json(self)).into_response()
    }
}
