//! `GET /v1/resources/{resource}`: how a resource stands.

use std::time::Instant;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use eventing::time::Micros;
use eventing::types::Resource;
use eventing_http::ResourceStatus;
use eventing_service::Problem;

use super::{Api, Reader, unavailable};
use crate::entry::Projection;

pub(super) async fn resource(
    _: Reader,
    State(api): State<Api>,
    resource: Result<Path<String>, PathRejection>,
) -> Result<Json<ResourceStatus>, Problem> {
    let Path(resource) = resource?;
    let resource = Resource::parse(&resource).map_err(|error| {
        Problem::bad_request("PATH_INVALID", "The path is not valid.").with_field("resource", error.reason)
    })?;
    let begun = Instant::now();
    let standing = api.reader.projection(&resource).await.map_err(|error| unavailable(&error))?;
    api.metrics.read("resource", begun.elapsed());
    let Projection { resource, status, last_updated, event_key } = standing.ok_or_else(|| {
        Problem::not_found("No recorded event with a signed envelope tells how that resource stands.")
    })?;
    Ok(Json(ResourceStatus { resource, status, last_updated: Micros(last_updated).to_string(), event_key }))
}
