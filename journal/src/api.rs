//! What the journal answers over TLS: events to the gateway and to tools that may read them, claims to the consumers of
//! their inbox, who tell it of dead letters too.

mod changes;
mod claims;
mod correlations;
mod dead_letters;
mod events;
mod page;
mod parameters;
mod reader;
mod resources;
mod timeline;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRef};
use axum::routing::{get, post};
use eventing::types::InboxId;
use eventing_service::Problem;
use eventing_service::authentication::{Authenticator, ServiceAccount};
use eventing_service::authorisation::{Access, Authorizer};
use tokio::sync::watch;

use crate::claims::Claims;
use crate::consumers::Consumers;
use crate::observe::Metrics;
use crate::store::{DeadLetterStore, EventReader, EventStore, StoreError};
use reader::Reader;

/// The most bytes of a body.
const MAX_BODY: usize = 16 * 1024;

/// What the handlers share.
#[derive(Clone)]
pub struct Api {
    /// Where events are followed.
    pub store: Arc<dyn EventStore>,
    /// Where they are looked up.
    pub reader: Arc<dyn EventReader>,
    /// The last position on disk.
    pub end: watch::Receiver<u64>,
    /// Which journal this is.
    pub generation: u64,
    /// Who tells whose a token is.
    pub authenticator: Arc<dyn Authenticator>,
    /// Who tells what an account may.
    pub authorizer: Arc<dyn Authorizer>,
    /// The one account that may read without being asked for its right.
    pub gateway: ServiceAccount,
    /// The right that every other one needs.
    pub right: Access,
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

/// What an account must have the right to, to read the journal of this namespace.
pub fn right_to_read(namespace: &str) -> Access {
    reader::right(namespace)
}

/// The routes.
pub fn router(api: Api) -> Router {
    Router::new()
        .route("/v1/timeline/{correlation_id}", get(timeline::timeline))
        .route("/v1/changes", get(changes::changes))
        .route("/v1/events", get(events::events))
        .route("/v1/correlations", get(correlations::correlations))
        .route("/v1/resources/{resource}", get(resources::resource))
        .route("/v1/claims", post(claims::claims).layer(DefaultBodyLimit::max(MAX_BODY)))
        .route(
            "/v1/dead-letters",
            get(dead_letters::list).post(dead_letters::tell).layer(DefaultBodyLimit::max(MAX_BODY)),
        )
        .with_state(api)
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

fn unavailable(error: &StoreError) -> Problem {
    tracing::error!(%error, "journal not read");
    Problem::unavailable("JOURNAL_UNAVAILABLE", "The journal cannot be read now.", 1)
}

#[cfg(test)]
mod tests;
