//! `GET /v1/events`: events by their facts and signed time, with their bodies where a replay needs them.

use std::time::Instant;

use axum::extract::State;
use eventing::time::Micros;
use eventing::types::{BusId, CorrelationId, DetailType, ParseError, Resource, Source};
use eventing_http::EventFilter;
use eventing_service::Problem;

use super::parameters::Parameters;
use super::{Api, Reader, unavailable};
use crate::entry::{Cursor, Page};
use crate::query::Asked;

/// The longest user or tenant: members of a trace have no more.
const MAX_NAME: usize = 512;

pub(super) async fn events(
    reader: Reader,
    State(api): State<Api>,
    mut parameters: Parameters,
) -> Result<Page, Problem> {
    let asked = asked(&mut parameters);
    parameters.end()?;
    reader.tell(&asked);
    let begun = Instant::now();
    let page = api.reader.events(&asked).await.map_err(|error| unavailable(&error))?;
    api.metrics.read(if asked.bodies { "bodies" } else { "events" }, begun.elapsed());
    Ok(page)
}

fn asked(parameters: &mut Parameters) -> Asked {
    let filter = filter(parameters);
    if let (Some(from), Some(to)) = (filter.from, filter.to)
        && from >= to
    {
        parameters.is_wrong("to", &"must be later than from");
    }
    Asked {
        filter,
        after: parameters.read("after", str::parse::<Cursor>),
        limit: parameters.limit(),
        bodies: parameters.read("body", flag).unwrap_or(false),
    }
}

fn filter(parameters: &mut Parameters) -> EventFilter {
    EventFilter {
        correlation_id: parameters.read("correlationId", |text| parsed(CorrelationId::parse(text))),
        resource: parameters.read("resource", |text| parsed(Resource::parse(text))),
        user: parameters.read("user", named),
        tenant: parameters.read("tenant", named),
        source: parameters.read("source", |text| parsed(Source::parse(text))),
        detail_type: parameters.read("detailType", |text| parsed(DetailType::parse(text))),
        bus: parameters.read("bus", |text| parsed(text.parse::<BusId>())),
        from: parameters.read("from", |text| parsed(Micros::parse_rfc3339(text))),
        to: parameters.read("to", |text| parsed(Micros::parse_rfc3339(text))),
    }
}

/// The reason alone: the field is named beside it.
fn parsed<T>(outcome: Result<T, ParseError>) -> Result<T, &'static str> {
    outcome.map_err(|error| error.reason)
}

/// A user or a tenant.
pub(super) fn named(text: &str) -> Result<String, String> {
    if (1..=MAX_NAME).contains(&text.chars().count()) {
        Ok(text.to_owned())
    } else {
        Err(format!("must have 1 to {MAX_NAME} characters"))
    }
}

fn flag(text: &str) -> Result<bool, &'static str> {
    text.parse().map_err(|_| "must be true or false")
}
