//! Questions and orders about what became of deliveries.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::routing::get;
use axum::{Json, Router};

use super::routes::Asked;
use crate::port::desk::{Desk, DeskError};
use crate::port::why::{Why, WhyQuery};

pub(super) fn routes() -> Router<Arc<dyn Desk>> {
    Router::new().route("/v1/why", get(why))
}

async fn why(State(desk): Asked, Query(query): Query<WhyQuery>) -> Result<Json<Why>, DeskError> {
    desk.why(query).await.map(Json)
}
