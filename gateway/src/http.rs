//! The HTTP interface: thin handlers over tokens, tickets, hub and journal.

mod body;
mod dead_letters;
mod entrance;
mod recent;
mod resume;
mod stream;
mod ticket;
mod timeline;

use std::sync::Arc;

use axum::Router;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::middleware::from_fn_with_state;
use axum::response::IntoResponse as _;
use axum::routing::{get, post};
use eventing_service::Problem;
use eventing_service::authentication::bearer;

use crate::hub::Hub;
use crate::journal::{Journal, JournalError};
use crate::metrics::Metrics;
use crate::oidc::{TokenError, Tokens};
use crate::page;
use crate::tickets::Tickets;
use crate::viewer::Viewer;
pub use body::{Opened, StreamBody};
pub use entrance::Entrance;

/// What the handlers stand on.
#[derive(Clone)]
pub struct Gateway {
    /// Who asks.
    pub tokens: Arc<Tokens>,
    /// Who asks without being able to say so.
    pub tickets: Tickets,
    /// From where.
    pub entrance: Entrance,
    /// What is new.
    pub hub: Hub,
    /// What was.
    pub journal: Arc<dyn Journal>,
    /// What is counted.
    pub metrics: Metrics,
}

/// The routes.
pub fn router(gateway: Gateway) -> Router {
    let entrance = gateway.entrance.clone();
    let page = page::router(Arc::clone(&gateway.tokens));
    Router::new()
        .route("/events", get(recent::get_recent))
        .route("/events/stream", get(stream::of_correlation))
        .route("/events/stream/user", get(stream::of_user))
        .route("/events/ticket", post(ticket::post_ticket))
        .route("/events/{correlation_id}", get(timeline::get_timeline))
        .route("/events/{correlation_id}/dead-letters", get(dead_letters::get_dead_letters))
        .fallback(async || Problem::not_found("There is nothing here.").into_response())
        .with_state(gateway)
        .layer(from_fn_with_state(entrance, entrance::guard))
        .merge(page)
}

impl FromRequestParts<Gateway> for Viewer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, gateway: &Gateway) -> Result<Self, Problem> {
        viewer_of(gateway, bearer(&parts.headers)?).await
    }
}

/// Whose token this is.
async fn viewer_of(gateway: &Gateway, token: &str) -> Result<Viewer, Problem> {
    gateway.tokens.viewer(token).await.map_err(|error| match error {
        TokenError::Refused(_) => Problem::unauthenticated(error.to_string()),
        TokenError::Unavailable => Problem::unavailable("AUTHENTICATION_UNAVAILABLE", error.to_string(), 2),
    })
}

fn journal_problem(error: &JournalError) -> Problem {
    tracing::warn!(error = %error, "a request waits for the journal");
    Problem::unavailable("JOURNAL_UNAVAILABLE", "The journal does not answer now.", 2)
}

/// Another's correlation, and one that nobody knows: the same answer.
fn no_such_correlation() -> Problem {
    Problem::not_found("There is no such correlation, or nothing of it that you may see.")
}
