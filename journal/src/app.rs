//! The wiring: admin port first, then the database, the consumer, the writer and the API; all end together.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use eventing::config::InboxConfig;
use eventing::consumer::{Clock, ConfigurationMetrics, Drain, Mount, NoJournal, Roots, consume};
use eventing_service::admin::{self, Check, Readiness};
use eventing_service::authentication::TokenReviewer;
use eventing_service::authorisation::AccessReviewer;
use eventing_service::server::Server;
use eventing_service::shutdown;
use eventing_service::tasks::Tasks;
use eventing_service::watching::Patience;
use prometheus_client::registry::Registry;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::api::{Api, right_to_read, router};
use crate::claims::{Claims, prune};
use crate::consumers::{self, WatchedConsumers};
use crate::intake::Intake;
use crate::observe::{ClaimMetrics, Metrics, RetentionMetrics};
use crate::recorder::{Limits, Recorder, Writer};
use crate::settings::Settings;
use crate::store::{EventStore, InTime, Location, StoreError};
use crate::{backup, retention};

/// The audience of the tokens that callers bring.
const AUDIENCE: &str = "journal.eventing.qsl.dev";
/// The pause before a database at an address is tried again.
const BETWEEN_OPENINGS: Duration = Duration::from_secs(1);

/// Runs the journal until it is told to stop.
pub async fn run(settings: Settings) -> anyhow::Result<()> {
    let mut tasks = Tasks::new(shutdown::on_signals()?);
    let (metrics, consumer_metrics) = (Metrics::default(), eventing::consumer::Metrics::default());
    let configuration_metrics = ConfigurationMetrics::default();
    let mut registry = Registry::default();
    let (claim_metrics, retention_metrics) = (ClaimMetrics::default(), RetentionMetrics::default());
    retention_metrics.register(&mut registry);
    metrics.register(&mut registry);
    claim_metrics.register(&mut registry);
    consumer_metrics.register(&mut registry);
    configuration_metrics.register(&mut registry);

    let readiness = Readiness::new();
    let database = readiness.check("database", "opening");
    let inbox = readiness.check("inbox", "the database comes first");
    let admin = Server::plain(settings.admin_listen).await?;
    tasks.spawn("admin", admin.serve(admin::router(readiness, Arc::new(registry)), tasks.shutdown()));

    let server = Server::tls(settings.listen, &settings.tls_dir).await?;
    let client = kube::Client::try_default().await.context("cannot reach the API server")?;
    let location = settings.database.location()?;
    let Some(Opened { store, generation, recording: (recorder, writer, end) }) =
        opened(&location, &metrics, &database, &tasks.shutdown()).await?
    else {
        return tasks.join().await.context("a part of the journal ended");
    };
    let (claim_store, dead_letters, reader) =
        (Arc::new(store.clone()), Arc::new(store.clone()), Arc::new(store.clone()));
    if let Location::Folder(folder) = location {
        tasks.spawn("backup", backup::socket::serve(folder, Arc::new(store.clone()), tasks.shutdown()));
    }
    let kept = Duration::from_secs(settings.retention_seconds);
    let forgetting = retention::forget(Arc::new(store.clone()), kept, retention_metrics, tasks.shutdown());
    tasks.spawn("retention", never_fails(forgetting));
    let store: Arc<dyn EventStore> = Arc::new(store);

    let mount = Mount {
        directory: settings.config_dir.clone(),
        namespace: settings.namespace.clone(),
        roots: Roots::File(settings.root_dir.join("root.sha256")),
        clock: Clock::system(),
        metrics: configuration_metrics,
    };
    let configuration = mount.inbox(&settings.inbox);
    let drain = Drain::new(Duration::from_secs(settings.drain_seconds));
    let standing = Standing {
        database,
        inbox,
        writing: recorder.writing(),
        configuration: configuration.clone(),
        name: settings.inbox.clone(),
    };
    tasks.spawn("standing", standing.report(tasks.shutdown()));
    let consumer = consume(
        eventing_aws::Identity::new(settings.token_dir.join("aws/token"), &settings.pod_name),
        eventing_http::KeySetClient,
        NoJournal,
        mount,
        configuration,
        Arc::new(Intake::new(recorder, metrics.clone())),
        consumer_metrics,
        drain.clone(),
    );
    tasks.spawn("consumer", never_fails(consumer));
    tasks.spawn("writer", never_fails(writer.run()));
    let stop = tasks.shutdown();
    tasks.spawn(
        "drain",
        never_fails(async move {
            stop.cancelled().await;
            drain.request();
        }),
    );

    let (claims, settler) = Claims::new(claim_store.clone(), claim_metrics.clone());
    tasks.spawn("claims", never_fails(settler.run(tasks.shutdown())));
    tasks.spawn("prune", never_fails(prune(claim_store, dead_letters.clone(), claim_metrics, tasks.shutdown())));
    let consumers = Arc::new(WatchedConsumers::default());
    let watching = consumers::follow(client.clone(), Arc::clone(&consumers), Patience::default(), tasks.shutdown());
    tasks.spawn("consumers", watching);

    let api = Api {
        generation,
        store,
        reader,
        end,
        authenticator: Arc::new(TokenReviewer::new(client.clone(), AUDIENCE)),
        authorizer: Arc::new(AccessReviewer::new(client)),
        gateway: settings.gateway(),
        right: right_to_read(&settings.namespace),
        claims,
        dead_letters,
        consumers,
        metrics,
    };
    tasks.spawn("api", server.serve(router(api), tasks.shutdown()));
    tasks.join().await.context("a part of the journal ended")
}

/// The open database, with what is read of it before anything else.
struct Opened {
    store: InTime,
    generation: u64,
    recording: (Recorder, Writer, watch::Receiver<u64>),
}

impl Opened {
    async fn at(location: &Location, metrics: &Metrics) -> Result<Self, StoreError> {
        let store = InTime::open(location).await?;
        let generation = store.generation().await?;
        let recording = Recorder::new(Arc::new(store.clone()), metrics.clone(), Limits::default()).await?;
        Ok(Self { store, generation, recording })
    }
}

/// None where the journal is to end before. A database at an address is waited for, and `/readyz` says why.
async fn opened(
    location: &Location,
    metrics: &Metrics,
    check: &Check,
    stop: &CancellationToken,
) -> Result<Option<Opened>, StoreError> {
    loop {
        let error = tokio::select! {
            () = stop.cancelled() => return Ok(None),
            opened = Opened::at(location, metrics) => match opened {
                Ok(opened) => return Ok(Some(opened)),
                Err(error) => error,
            },
        };
        if !matches!(location, Location::Remote(_)) || matches!(error, StoreError::Newer { .. }) {
            return Err(error);
        }
        tracing::error!(%error, "database not opened");
        check.not_ready(error.to_string());
        tokio::select! {
            () = stop.cancelled() => return Ok(None),
            () = tokio::time::sleep(BETWEEN_OPENINGS) => {}
        }
    }
}

async fn never_fails(task: impl Future<Output = ()>) -> Result<(), Infallible> {
    task.await;
    Ok(())
}

/// What `/readyz` shows: the journal is ready to be read although it waits for its inbox, or cannot write.
struct Standing {
    database: Check,
    inbox: Check,
    writing: watch::Receiver<bool>,
    configuration: watch::Receiver<Option<Arc<InboxConfig>>>,
    name: String,
}

impl Standing {
    async fn report(mut self, shutdown: CancellationToken) -> Result<(), Infallible> {
        loop {
            self.tell();
            let changed = tokio::select! {
                changed = self.writing.changed() => changed,
                changed = self.configuration.changed() => changed,
                () = shutdown.cancelled() => return Ok(()),
            };
            if changed.is_err() {
                // What is watched has ended, which it does in a shutdown alone.
                shutdown.cancelled().await;
                return Ok(());
            }
        }
    }

    fn tell(&mut self) {
        if *self.writing.borrow_and_update() {
            self.database.ready();
        } else {
            self.database.ready_with("it takes no writes; receiving stands still");
        }
        if self.configuration.borrow_and_update().is_some() {
            self.inbox.ready();
        } else {
            self.inbox.ready_with(format!("waiting for the configuration of inbox {}", self.name));
        }
    }
}
