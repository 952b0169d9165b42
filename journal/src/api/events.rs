//! `GET /v1/events`: events by their facts and signed time, with their bodies where a replay needs them.

use std::time::Instant;

use axum::Json;
use axum::extract::State;
use eventing::time::Micros;
use eventing::types::{BusId, CorrelationId, DetailType, ParseError, Resource, Source};
use eventing_http::{EventFilter, Events};
use eventing_service::Problem;

use super::parameters::Parameters;
use super::{Api, Reader, unavailable};
use crate::entry::Cursor;
use crate::query::Asked;

/// The longest user or tenant: members of a trace have no more.
const MAX_NAME: usize = 512;

pub(super) async fn events(
    reader: Reader,
    State(api): State<Api>,
    mut parameters: Parameters,
) -> Result<Json<Events>, Problem> {
    let asked = asked(&mut parameters);
    parameters.end()?;
    reader.tell(&asked);
    let begun = Instant::now();
    let page = api.reader.events(&asked).await.map_err(|error| unavailable(&error))?;
    api.metrics.read(if asked.bodies { "bodies" } else { "events" }, begun.elapsed());
    Ok(Json(Events { events: page.entries, next: page.next.map(|next| next.to_string()) }))
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
        correlation_id: parameters.read("correlationId", |text| CorrelationId::parse(text).map_err(reason)),
        resource: parameters.read("resource", |text| Resource::parse(text).map_err(reason)),
        user: parameters.read("user", named),
        tenant: parameters.read("tenant", named),
        source: parameters.read("source", |text| Source::parse(text).map_err(reason)),
        detail_type: parameters.read("detailType", |text| DetailType::parse(text).map_err(reason)),
        bus: parameters.read("bus", |text| text.parse::<BusId>().map_err(reason)),
        from: parameters.read("from", |text| Micros::parse_rfc3339(text).map_err(reason)),
        to: parameters.read("to", |text| Micros::parse_rfc3339(text).map_err(reason)),
    }
}

/// The field is named beside it.
fn reason(error: ParseError) -> &'static str {
    error.reason
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
