//! Wiring: adapters, tasks, and their end.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use eventing::consumer::Roots;
use eventing_service::admin::{self, Readiness};
use eventing_service::authentication::TokenReviewer;
use eventing_service::authorisation::AccessReviewer;
use eventing_service::server::{Limits, Server};
use eventing_service::shutdown;
use eventing_service::tasks::Tasks;
use eventing_service::watching::Patience;
use prometheus_client::registry::Registry;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

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
    header_timeout: Duration::from_secs(75),
    answer_timeout: Duration::from_secs(75),
    write_timeout: Duration::from_secs(30),
    requests: 16_384,
    connections: 16_384,
};

/// How long it answers after it was asked to stop. Nobody who was told of this replica is to meet a closed door, and it
/// takes a moment until the last has heard that it is not ready; what comes on a connection that is open already does
/// not look at that at all.
const LINGER: Duration = Duration::from_secs(3);

/// Runs until a signal asks it to stop: then it is not ready any more, ends the requests that wait for news, answers for
/// a while yet, and lets what is under way end. Its watches and the admin port go last.
///
/// # Errors
/// When it cannot start, or a part of it fails.
pub async fn run(settings: Settings) -> anyhow::Result<()> {
    let traces = eventing_service::traces::init(&settings.log, "qsl-signature-service")?;
    let asked = shutdown::on_signals()?;
    let server = Server::tls(settings.listen, &settings.tls_dir).await?.limits(LIMITS);
    let admin = Server::plain(settings.admin_listen).await?;
    let client = kube::Client::try_default().await.context("no access to the Kubernetes API")?;

    let mut registry = Registry::with_prefix("qsl_signature_service");
    let metrics = Metrics::register(&mut registry);
    let readiness = Readiness::new();
    let stop = shutdown::lingering(asked.clone(), readiness.check("running", "to start"), LINGER);
    let (mut serving, mut last) = (Tasks::new(stop), Tasks::new(CancellationToken::new()));
    let (publish, directory) = watch::channel(Arc::new(Directory::default()));
    let service = Service {
        directory,
        authenticator: Arc::new(TokenReviewer::new(client.clone(), settings.audience)),
        authorizer: Arc::new(AccessReviewer::new(client.clone())),
        signer: Signer::default(),
        places: Places::default(),
        metrics: metrics.clone(),
        strangers: Arc::default(),
        shutdown: asked,
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

    serving.spawn("server", server.serve(http::router(service), serving.shutdown()));
    last.spawn("watches", watching.run(last.shutdown()));
    last.spawn("admin", admin.serve(admin::router(readiness, Arc::new(registry)), last.shutdown()));
    let ended = serving.join_before(last).await;
    traces.end().await;
    Ok(ended?)
}
