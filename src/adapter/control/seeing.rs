//! Questions and orders about what became of deliveries.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::routing::{get, post};
use axum::{Json, Router};

use super::routes::Asked;
use crate::port::desk::{Desk, DeskError};
use crate::port::export::{LedgerPage, LedgerQuery};
use crate::port::rehearsal::{TestReceipt, TestRequest};
use crate::port::tail::{TailPage, TailQuery};
use crate::port::trouble::{CancelReport, CancelRequest, Failures, FailuresQuery, RetryReport, RetryRequest};
use crate::port::why::{Why, WhyQuery};

pub(super) fn routes() -> Router<Arc<dyn Desk>> {
    Router::new()
        .route("/v1/why", get(why))
        .route("/v1/ledger", get(export))
        .route("/v1/tail", get(tail))
        .route("/v1/failures", get(failures))
        .route("/v1/retry", post(retry))
        .route("/v1/cancel", post(cancel))
        .route("/v1/test", post(test))
}

async fn why(State(desk): Asked, Query(query): Query<WhyQuery>) -> Result<Json<Why>, DeskError> {
    desk.why(query).await.map(Json)
}

async fn failures(State(desk): Asked, Query(query): Query<FailuresQuery>) -> Result<Json<Failures>, DeskError> {
    desk.failures(query).await.map(Json)
}

async fn retry(State(desk): Asked, Json(request): Json<RetryRequest>) -> Result<Json<RetryReport>, DeskError> {
    desk.retry(request).await.map(Json)
}

async fn cancel(State(desk): Asked, Json(request): Json<CancelRequest>) -> Result<Json<CancelReport>, DeskError> {
    desk.cancel(request).await.map(Json)
}

async fn test(State(desk): Asked, Json(request): Json<TestRequest>) -> Result<Json<TestReceipt>, DeskError> {
    desk.test(request).await.map(Json)
}

async fn export(State(desk): Asked, Query(query): Query<LedgerQuery>) -> Result<Json<LedgerPage>, DeskError> {
    desk.export(query).await.map(Json)
}

async fn tail(State(desk): Asked, Query(query): Query<TailQuery>) -> Result<Json<TailPage>, DeskError> {
    desk.tail(query).await.map(Json)
}
