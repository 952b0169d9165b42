//! Wiring: adapters, tasks, and their end.

use std::sync::Arc;

use anyhow::Context as _;
use eventing::consumer::Roots;
use eventing_service::admin::{self, Readiness};
use eventing_service::authentication::TokenReviewer;
use eventing_service::authorisation::AccessReviewer;
use eventing_service::server::{Limits, Server};
use eventing_service::tasks::Tasks;
use eventing_service::watching::Patience;
use prometheus_client::registry::Registry;
use tokio::sync::watch;

use crate::directory::Directory;
use crate::http::{self, Service};
use crate::metrics::Metrics;
use crate::places::Places;
use crate::settings::Settings;
use crate::signer::Signer;
use crate::watches::Watching;

/// Verifiers each hold a request open; what they ask is cheap.
pub const LIMITS: Limits = Limits {
    body_bytes: crate::grant::MAX_ASK_BYTES,
    header_bytes: 32 << 10,
    header_timeout: std::time::Duration::from_secs(75),
    answer_timeout: std::time::Duration::from_secs(75),
    write_timeout: std::time::Duration::from_secs(30),
    requests: 16_384,
    connections: 16_384,
};

/// Runs until a signal asks it to stop.
///
/// # Errors
/// When it cannot start, or a part of it fails.
pub async fn run(settings: Settings) -> anyhow::Result<()> {
    eventing_service::logging::init(&settings.log)?;
    let mut tasks = Tasks::new(eventing_service::shutdown::on_signals()?);
    let server = Server::tls(settings.listen, &settings.tls_dir).await?.limits(LIMITS);
    let admin = Server::plain(settings.admin_listen).await?;
    let client = kube::Client::try_default().await.context("no access to the Kubernetes API")?;

    let mut registry = Registry::with_prefix("qsl_signature_service");
    let metrics = Metrics::register(&mut registry);
    let readiness = Readiness::new();
    let (publish, directory) = watch::channel(Arc::new(Directory::default()));
    let service = Service {
        directory,
        authenticator: Arc::new(TokenReviewer::new(client.clone(), settings.audience)),
        authorizer: Arc::new(AccessReviewer::new(client.clone())),
        signer: Signer::default(),
        places: Places::default(),
        metrics: metrics.clone(),
        shutdown: tasks.shutdown(),
    };
    let watching = Watching {
        client,
        key_namespace: settings.key_namespace,
        roots: Roots::File(settings.root_dir.join("root.sha256")),
        patience: Patience::default(),
        publish,
        metrics,
        check: readiness.check("watches", "the first lists of the API server"),
    };

    tasks.spawn("watches", watching.run(tasks.shutdown()));
    tasks.spawn("server", server.serve(http::router(service), tasks.shutdown()));
    tasks.spawn("admin", admin.serve(admin::router(readiness, Arc::new(registry)), tasks.shutdown()));
    Ok(tasks.join().await?)
}
