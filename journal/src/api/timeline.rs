//! `GET /v1/timeline/{correlationId}`: a correlation's events by their signed time.

use std::time::Instant;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use eventing::types::CorrelationId;
use eventing_http::EventFilter;
use eventing_service::Problem;

use super::parameters::Parameters;
use super::{Api, Reader, unavailable};
use crate::entry::{Cursor, Page};
use crate::query::Asked;

pub(super) async fn timeline(
    reader: Reader,
    State(api): State<Api>,
    correlation: Result<Path<String>, PathRejection>,
    mut parameters: Parameters,
) -> Result<Page, Problem> {
    let Path(correlation) = correlation?;
    let correlation = CorrelationId::parse(&correlation)
        .inspect_err(|error| parameters.is_wrong("correlationId", &error.reason))
        .ok();
    let (after, limit) = (parameters.read("cursor", str::parse::<Cursor>), parameters.limit());
    let correlation_id = Some(parameters.end_with(correlation)?);
    let filter = EventFilter { correlation_id, ..EventFilter::default() };
    let asked = Asked { filter, after, limit, bodies: false };
    reader.tell(&asked);
    let begun = Instant::now();
    let page = api.reader.events(&asked).await.map_err(|error| unavailable(&error))?;
    api.metrics.read("timeline", begun.elapsed());
    Ok(page)
}
