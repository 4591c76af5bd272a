//! What monitors ask. `/metrics` and `/v1/checkup` are for those who are let in; `/healthz` and `/readyz` say so little that
//! everybody may ask them.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::json;

use super::{exposition, metrics};
use crate::port::desk::DeskError;
use crate::port::vitals::{Checkup, Life, Readiness, Vitals};

type Asked = State<Arc<dyn Vitals>>;

/// For those who are let in. The checkup tries the line to Teams, so it is no GET.
pub(super) fn routes(vitals: Arc<dyn Vitals>) -> Router {
    Router::new().route("/v1/checkup", post(checkup)).with_state(vitals)
}

/// For those who are let in, and for monitors: numbers, and nothing of a person.
pub(super) fn metrics_routes(vitals: Arc<dyn Vitals>) -> Router {
    Router::new().route("/metrics", get(scrape)).with_state(vitals)
}

/// For everybody who can reach the door: 200 or 503, and words of the program.
pub(super) fn open_routes(vitals: Arc<dyn Vitals>) -> Router {
    Router::new().route("/healthz", get(life)).route("/readyz", get(readiness)).with_state(vitals)
}

async fn scrape(State(vitals): Asked) -> impl IntoResponse {
    let figures = vitals.figures().await;
    ([(CONTENT_TYPE, exposition::CONTENT_TYPE)], metrics::exposition(&figures))
}

async fn checkup(State(vitals): Asked) -> Result<Json<Checkup>, DeskError> {
    vitals.checkup().await.map(Json)
}

async fn life(State(vitals): Asked) -> impl IntoResponse {
    let Life { hangs } = vitals.life().await;
    (status(hangs.is_none()), Json(json!({ "alive": hangs.is_none(), "hangs": hangs })))
}

async fn readiness(State(vitals): Asked) -> impl IntoResponse {
    let Readiness { lacks } = vitals.readiness().await;
    (status(lacks.is_empty()), Json(json!({ "ready": lacks.is_empty(), "lacks": lacks })))
}

fn status(is_well: bool) -> StatusCode {
    if is_well { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}
