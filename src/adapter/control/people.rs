//! Questions and orders about people, and the references that another bot forwards.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::routing::{get, post};
use axum::{Json, Router};

use super::routes::Asked;
use crate::domain::import;
use crate::domain::problem::Source;
use crate::domain::recipient::PersonRecord;
use crate::port::desk::{Desk, DeskError, ImportReport, People};
use crate::port::people::{ExportPage, ExportQuery, PersonChange, PersonFile, PersonQuery, ZoneOrder};

pub(super) fn routes() -> Router<Arc<dyn Desk>> {
    Router::new()
        .route("/v1/people", get(people))
        .route("/v1/people", post(import_people))
        .route("/v1/people/zone", post(order_zone))
        .route("/v1/people/revive", post(revive))
        .route("/v1/people/export", get(export_people))
        .route("/v1/person", get(person))
        .route("/v1/references", post(references))
}

async fn people(State(desk): Asked) -> Result<Json<People>, DeskError> {
    desk.people().await.map(Json)
}

async fn import_people(
    State(desk): Asked,
    Json(records): Json<Vec<PersonRecord>>,
) -> Result<Json<ImportReport>, DeskError> {
    desk.import_people(records).await.map(Json)
}

/// Conversation references as the SDKs write them: one, a list, or one on each line. What is wrong with some of them is
/// in the report, and the others are taken in. When this is answered they are durable.
async fn references(State(desk): Asked, body: String) -> Result<Json<ImportReport>, DeskError> {
    let source = Source::new("request", body);
    let (records, problems) = import::people_from_references(&source);
    if records.is_empty()
        && let Some(problem) = problems.first()
    {
        return Err(DeskError::BadRequest(problem.line(&source)));
    }
    let mut report = desk.import_people(records).await?;
    report.refused.extend(problems.iter().map(|problem| problem.line(&source)));
    Ok(Json(report))
}

async fn person(State(desk): Asked, Query(query): Query<PersonQuery>) -> Result<Json<PersonFile>, DeskError> {
    desk.person(query).await.map(Json)
}

async fn order_zone(State(desk): Asked, Json(order): Json<ZoneOrder>) -> Result<Json<PersonChange>, DeskError> {
    desk.order_zone(order).await.map(Json)
}

async fn revive(State(desk): Asked, Json(query): Json<PersonQuery>) -> Result<Json<PersonChange>, DeskError> {
    desk.revive(query).await.map(Json)
}

async fn export_people(State(desk): Asked, Query(query): Query<ExportQuery>) -> Result<Json<ExportPage>, DeskError> {
    desk.export_people(query).await.map(Json)
}
