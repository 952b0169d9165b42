//! What the journal answers over TLS: events to the gateway alone, claims to the
//! consumers of their inbox, who tell it of dead letters too.

mod changes;
mod claims;
mod dead_letters;
mod timeline;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRef, FromRequestParts};
use axum::http::request::Parts;
use axum::routing::{get, post};
use eventing::types::InboxId;
use eventing_service::Problem;
use eventing_service::authentication::{Authenticator, Caller, ServiceAccount};
use tokio::sync::watch;

use crate::claims::Claims;
use crate::consumers::Consumers;
use crate::observe::Metrics;
use crate::store::{DeadLetterStore, EventStore, StoreError};

/// Entries an answer holds unless asked for fewer.
const DEFAULT_LIMIT: usize = 100;
/// Entries an answer holds at most.
const MAX_LIMIT: usize = 1_000;

/// The most bytes of a body.
const MAX_BODY: usize = 16 * 1024;

/// What the handlers share.
#[derive(Clone)]
pub struct Api {
    /// Where events are read.
    pub store: Arc<dyn EventStore>,
    /// The last position on disk.
    pub end: watch::Receiver<u64>,
    /// Who tells whose a token is.
    pub authenticator: Arc<dyn Authenticator>,
    /// The one account that may read.
    pub gateway: ServiceAccount,
    /// What is claimed.
    pub claims: Claims,
    /// What is told of dead letters.
    pub dead_letters: Arc<dyn DeadLetterStore>,
    /// Who consumes which inbox.
    pub consumers: Arc<dyn Consumers>,
    /// What is counted.
    pub metrics: Metrics,
}

impl std::fmt::Debug for Api {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Api").field("gateway", &self.gateway).finish_non_exhaustive()
    }
}

impl FromRef<Api> for Arc<dyn Authenticator> {
    fn from_ref(api: &Api) -> Self {
        Arc::clone(&api.authenticator)
    }
}

/// The routes.
pub fn router(api: Api) -> Router {
    Router::new()
        .route("/v1/timeline/{correlation_id}", get(timeline::timeline))
        .route("/v1/changes", get(changes::changes))
        .route("/v1/claims", post(claims::claims).layer(DefaultBodyLimit::max(MAX_BODY)))
        .route(
            "/v1/dead-letters",
            get(dead_letters::list).post(dead_letters::tell).layer(DefaultBodyLimit::max(MAX_BODY)),
        )
        .with_state(api)
}

/// Extractor: the caller is the gateway.
#[derive(Debug)]
struct Gateway;

impl FromRequestParts<Api> for Gateway {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let Caller(account) = Caller::from_request_parts(parts, api).await?;
        if account == api.gateway {
            Ok(Self)
        } else {
            tracing::warn!(%account, "an account that is not the gateway's was refused");
            Err(Problem::forbidden("NOT_ALLOWED", "This service account may not read the journal."))
        }
    }
}

/// Whether the caller consumes the inbox. Who does not is told nothing of it, not even whether it is there.
fn consumer_of(api: &Api, inbox: &InboxId, account: &ServiceAccount) -> Result<(), Problem> {
    match api.consumers.consumes(account, inbox) {
        Ok(true) => Ok(()),
        Ok(false) => {
            tracing::warn!(%account, %inbox, "an account that is not among the inbox's was refused");
            Err(Problem::forbidden("NOT_A_CONSUMER", format!("{account} does not consume InboxQueue {inbox}."))
                .with_field("inbox", "must name the caller in its spec.serviceAccounts"))
        }
        Err(not_yet) => {
            Err(Problem::unavailable("INBOXES_UNKNOWN", format!("Callers cannot be judged: {not_yet}."), 1))
        }
    }
}

fn limit(asked: Option<usize>) -> Result<usize, Problem> {
    match asked.unwrap_or(DEFAULT_LIMIT) {
        limit if (1..=MAX_LIMIT).contains(&limit) => Ok(limit),
        _ => Err(Problem::bad_request("QUERY_INVALID", "The query is not valid.")
            .with_field("limit", format!("must be from 1 to {MAX_LIMIT}"))),
    }
}

fn unavailable(error: &StoreError) -> Problem {
    tracing::error!(%error, "journal not read");
    Problem::unavailable("JOURNAL_UNAVAILABLE", "The journal cannot be read now.", 1)
}

#[cfg(test)]
mod tests;
