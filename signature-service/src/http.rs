//! The HTTP interface: thin handlers over the directory and the signer.

mod asker;
mod grants;
mod keys;
mod sign;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use eventing_service::authentication::Authenticator;
use eventing_service::authorisation::Authorizer;
use eventing_service::seldom::Seldom;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::directory::Directory;
use crate::grant::MAX_ASK_BYTES;
use crate::metrics::Metrics;
use crate::places::Places;
use crate::request::MAX_BODY_BYTES;
use crate::signer::Signer;

/// What the handlers stand on.
#[derive(Clone)]
pub struct Service {
    /// The directory that the watches keep.
    pub directory: watch::Receiver<Arc<Directory>>,
    /// Who knows whose a token is.
    pub authenticator: Arc<dyn Authenticator>,
    /// Who knows what an account may do.
    pub authorizer: Arc<dyn Authorizer>,
    /// What signs.
    pub signer: Signer,
    /// How much at once.
    pub places: Places,
    /// What is counted.
    pub metrics: Metrics,
    /// How often refusals of strangers are written down.
    pub strangers: Arc<Seldom>,
    /// When requests that wait are to end.
    pub shutdown: CancellationToken,
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Service").finish_non_exhaustive()
    }
}

impl Service {
    /// The directory as it is now.
    fn directory(&self) -> Arc<Directory> {
        Arc::clone(&self.directory.borrow())
    }
}

/// The routes.
pub fn router(service: Service) -> Router {
    Router::new()
        .route("/keys/jwks-pqc", get(keys::get_key_set))
        .route("/v1/sign", post(sign::post_sign).layer(DefaultBodyLimit::max(MAX_BODY_BYTES)))
        .route("/v1/grants", post(grants::post_grant).layer(DefaultBodyLimit::max(MAX_ASK_BYTES)))
        .with_state(service)
}

#[cfg(test)]
mod tests;
