//! The HTTP interface: thin handlers over the directory and the signer.

mod keys;
mod sign;

use std::sync::Arc;

use axum::Router;
use axum::extract::FromRef;
use axum::routing::{get, post};
use eventing_service::authentication::Authenticator;
use tokio::sync::watch;

use crate::directory::Directory;
use crate::metrics::Metrics;
use crate::signer::Signer;

/// What the handlers stand on.
#[derive(Clone)]
pub struct Service {
    directory: watch::Receiver<Arc<Directory>>,
    authenticator: Arc<dyn Authenticator>,
    signer: Signer,
    metrics: Metrics,
}

impl Service {
    /// A service over the directory that the watches keep.
    pub fn new(
        directory: watch::Receiver<Arc<Directory>>,
        authenticator: Arc<dyn Authenticator>,
        signer: Signer,
        metrics: Metrics,
    ) -> Self {
        Self { directory, authenticator, signer, metrics }
    }

    /// The directory as it is now.
    fn directory(&self) -> Arc<Directory> {
        Arc::clone(&self.directory.borrow())
    }
}

impl FromRef<Service> for Arc<dyn Authenticator> {
    fn from_ref(service: &Service) -> Self {
        Arc::clone(&service.authenticator)
    }
}

/// The routes.
pub fn router(service: Service) -> Router {
    Router::new()
        .route("/keys/jwks-pqc", get(keys::get_key_set))
        .route("/v1/sign", post(sign::post_sign))
        .with_state(service)
}

#[cfg(test)]
mod tests;
