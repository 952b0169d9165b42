//! `GET /v1/correlations`: those of late, of everybody, or of a user, a tenant, or both together.

use std::time::Instant;

use axum::Json;
use axum::extract::State;
use eventing_http::{Correlations, Whose};
use eventing_service::Problem;

use super::events::named;
use super::parameters::Parameters;
use super::{Api, Reader, unavailable};
use crate::entry::Cursor;

pub(super) async fn correlations(
    _: Reader,
    State(api): State<Api>,
    mut parameters: Parameters,
) -> Result<Json<Correlations>, Problem> {
    let whose = Whose { user: parameters.read("user", named), tenant: parameters.read("tenant", named) };
    let before = parameters.read("after", str::parse::<Cursor>);
    let limit = parameters.limit();
    parameters.end()?;
    let begun = Instant::now();
    let recent = api.reader.correlations(&whose, before, limit).await.map_err(|error| unavailable(&error))?;
    api.metrics.read("correlations", begun.elapsed());
    Ok(Json(Correlations { correlations: recent.correlations, next: recent.next.map(|next| next.to_string()) }))
}
