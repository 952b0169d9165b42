//! What runs beside first start, webhooks and publication: the controllers and the signature service.

use std::{sync::Arc, time::Duration};

use eventing::{consumer::Roots, root::RootHashes};
use eventing_service::{
    admin::Readiness, authentication::TokenReviewer, authorisation::AccessReviewer, server::Server, watching::Patience,
};
use kube::Client;
use operator::{app::controllers::Controllers, runner::metrics::Metrics};
use operator_core::{Aws, Tenancy};
use prometheus_client::registry::Registry;
use signature_service::{directory::Directory, http, places::Places, signer::Signer, watches::Watching};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{
    site::AUDIENCE,
    support::{
        installed::{KEEP, KEYS},
        place,
    },
};

/// The four controllers.
pub fn controllers(
    client: Client,
    aws: Aws,
    tenancy: Arc<Tenancy>,
) -> impl FnOnce(operator::runner::Hub, CancellationToken) -> Running {
    move |hub, stop| {
        let controllers = Controllers {
            client,
            hub,
            aws,
            place: Arc::new(place()),
            tenancy,
            metrics: Metrics::new(&mut Registry::default()),
            pod: None,
            key_namespace: KEYS.into(),
            keep: KEEP,
            resync: Duration::from_hours(1),
            concurrency: 4,
        };
        Box::pin(controllers.run(stop))
    }
}

type Running = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

/// Runs the signature service.
pub fn serve(client: &Client, server: Server, roots: RootHashes) {
    let (publish, directory) = watch::channel(Arc::new(Directory::default()));
    let (readiness, shutdown) = (Readiness::new(), CancellationToken::new());
    let metrics = signature_service::metrics::Metrics::register(&mut Registry::default());
    let watching = Watching {
        client: client.clone(),
        key_namespace: KEYS.to_owned(),
        roots: Roots::Fixed(roots),
        patience: Patience::default(),
        publish,
        metrics: metrics.clone(),
        check: readiness.check("watches", "first lists"),
    };
    let service = http::Service {
        directory,
        authenticator: Arc::new(TokenReviewer::new(client.clone(), AUDIENCE)),
        authorizer: Arc::new(AccessReviewer::new(client.clone())),
        signer: Signer::default(),
        places: Places::default(),
        metrics,
        strangers: Arc::default(),
        shutdown: shutdown.clone(),
    };
    tokio::spawn(watching.run(shutdown.clone()));
    tokio::spawn(server.serve(http::router(service), shutdown));
}
