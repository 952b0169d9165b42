//! `GET /v1/timeline/{correlationId}`: a correlation's events by their signed time.

use std::time::Instant;

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use eventing::types::CorrelationId;
use eventing_http::Timeline;
use eventing_service::Problem;
use serde::Deserialize;

use super::{Api, Gateway, limit, unavailable};
use crate::entry::Cursor;

#[derive(Debug, Deserialize)]
pub(super) struct Parameters {
    limit: Option<usize>,
    cursor: Option<String>,
}

pub(super) async fn timeline(
    _: Gateway,
    State(api): State<Api>,
    correlation: Result<Path<String>, PathRejection>,
    parameters: Result<Query<Parameters>, QueryRejection>,
) -> Result<Json<Timeline>, Problem> {
    let (Path(correlation), Query(parameters)) = (correlation?, parameters?);
    let invalid = |field: &str, reason: String| {
        Problem::bad_request("QUERY_INVALID", "The query is not valid.").with_field(field, reason)
    };
    let correlation =
        CorrelationId::parse(&correlation).map_err(|error| invalid("correlationId", error.reason.to_owned()))?;
    let limit = limit(parameters.limit)?;
    let after = parameters.cursor.map(|cursor| cursor.parse::<Cursor>()).transpose();
    let after = after.map_err(|error| invalid("cursor", error.to_string()))?;
    let begun = Instant::now();
    let page = api.store.timeline(&correlation, after, limit).await.map_err(|error| unavailable(&error))?;
    api.metrics.read("timeline", begun.elapsed());
    Ok(Json(Timeline { events: page.entries, next: page.next.map(|cursor| cursor.to_string()) }))
}
