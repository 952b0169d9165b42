//! The parts put together, and ended in order: receiving first, then the API, at last the admin port.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use eventing::consumer::{self, Drain, Mount, Roots};
use eventing::types::InboxId;
use eventing_aws::Identity;
use eventing_http::{InboxJournal, KeySetClient};
use eventing_process::logs::discreet;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::args::Settings;
use crate::exposure::{self, Exposure};
use crate::forward::Forwarder;
use crate::publishing::{self, BusPublisher};
use crate::serve::{Limits, serve};
use crate::token::DeliveryToken;
use crate::traces::{self, Exporter, Tracer};
use crate::{admin, api};

/// What requests under way may take when the process ends.
const LAST_REQUESTS: Duration = Duration::from_secs(10);

/// Runs until SIGTERM (or SIGINT), then drains.
///
/// # Errors
/// When it cannot start: no token file, a port that is taken.
pub async fn run(settings: Settings) -> anyhow::Result<()> {
    log_as_json(&settings.log)?;
    // A second one is the first: nothing is wrong then.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let token = DeliveryToken::read_or_create(&settings.delivery_token_file)
        .with_context(|| format!("the delivery token {} cannot be made", settings.delivery_token_file.display()))?;
    let listener = bind(settings.listen, "the API").await?;
    let admin_listener = bind(settings.admin_listen, "health and metrics").await?;

    let drain = Drain::new(settings.grace);
    let mut registry = Registry::default();
    let (tracer, tracing_ends) = traces(&settings, &mut registry)?;
    let parts = Parts::new(&settings, &drain, &tracer, &mut registry);
    let publish = parts.publisher(&settings, &mut registry);
    let (ended, drained) = watch::channel(false);
    let consuming = parts.consumer(&settings, &token, &mut registry)?;
    let consuming = tokio::spawn(async move {
        consuming.await;
        ended.send_replace(true);
    });

    let stop = CancellationToken::new();
    let api = api::router(api::Api {
        publish,
        tracer,
        token,
        require_token: settings.require_token,
        drain: drain.clone(),
        drained,
    });
    let admin = admin::router(Arc::new(registry));
    let serving = [
        tokio::spawn(serve(listener, api, API, stop.clone())),
        tokio::spawn(serve(admin_listener, admin, ADMIN, stop.clone())),
    ];
    tracing::info!(listen = %settings.listen, admin_listen = %settings.admin_listen, "started");

    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("draining");
    drain.request();
    consuming.await.context("the consumer failed")?;
    stop.cancel();
    for server in serving {
        // Who has not finished by now is cut off.
        let _ = tokio::time::timeout(LAST_REQUESTS, server).await;
    }
    tracing_ends.await;
    tracing::info!("ended");
    Ok(())
}

/// The application's own connections idle as long as its client likes, within reason.
const API: Limits = Limits { connections: 512, head: Duration::from_mins(2) };
/// Every pod of the cluster may connect here: for probes and metrics a few are enough.
const ADMIN: Limits = Limits { connections: 64, head: Duration::from_secs(10) };

/// What consumer and publisher are made of.
struct Parts {
    mount: Mount,
    identity: Identity,
    drain: Drain,
    tracer: Tracer,
}

impl Parts {
    fn new(settings: &Settings, drain: &Drain, tracer: &Tracer, registry: &mut Registry) -> Self {
        let metrics = consumer::ConfigurationMetrics::default();
        metrics.register(registry);
        let mount = Mount {
            directory: settings.config_dir.clone(),
            namespace: settings.namespace.clone(),
            roots: Roots::Fixed(settings.roots.clone()),
            clock: consumer::Clock::system(),
            metrics,
        };
        let identity = Identity::new(settings.token_dir.join("aws/token"), &settings.pod_name);
        Self { mount, identity, drain: drain.clone(), tracer: tracer.clone() }
    }

    fn publisher(&self, settings: &Settings, registry: &mut Registry) -> Option<Arc<BusPublisher>> {
        let bus = settings.publish_to.clone()?;
        let metrics = publishing::Metrics::default();
        metrics.register(registry);
        let configuration = self.mount.bus(&bus);
        tokio::spawn(publishing::announce(bus.clone(), configuration.clone()));
        Some(Arc::new(BusPublisher::new(
            bus,
            settings.service_account.clone(),
            configuration,
            self.identity.clone(),
            settings.token_dir.join("signature-service/token"),
            metrics,
        )))
    }

    /// The future that consumes until drained; without an inbox it only waits for that.
    fn consumer(
        &self,
        settings: &Settings,
        token: &DeliveryToken,
        registry: &mut Registry,
    ) -> anyhow::Result<futures::future::BoxFuture<'static, ()>> {
        let drain = self.drain.clone();
        let Some(inbox) = settings.inbox.clone() else {
            return Ok(Box::pin(async move { drain.requested().await }));
        };
        let metrics = consumer::Metrics::default();
        metrics.register(registry);
        let configuration = self.mount.inbox(&inbox.name);
        let name = InboxId::new(&settings.namespace, &inbox.name).context("--inbox (QSL_INBOX) is no name")?;
        let journal = InboxJournal::new(name, settings.token_dir.join("journal/token"));
        let exposure = Exposure::new(settings.pod_addresses.clone(), inbox.port, registry);
        let handler = Arc::new(Forwarder::new(inbox, token, configuration.clone(), self.tracer.clone())?);
        let (identity, mount) = (self.identity.clone(), self.mount.clone());
        let watched = Arc::clone(&handler);
        let consuming =
            consumer::consume(identity, KeySetClient, journal, mount, configuration, handler, metrics, drain);
        Ok(Box::pin(async move {
            tokio::select! {
                () = consuming => {}
                (never, ()) = futures::future::join(watched.watch(), exposure.notice(exposure::EVERY)) => match never {},
            }
        }))
    }
}

/// What records spans, and the future that sends the last of them.
fn traces(
    settings: &Settings,
    registry: &mut Registry,
) -> anyhow::Result<(Tracer, futures::future::BoxFuture<'static, ()>)> {
    let Some(endpoint) = &settings.otlp_endpoint else { return Ok((Tracer::default(), Box::pin(async {}))) };
    let metrics = traces::Metrics::default();
    metrics.register(registry);
    let origin = traces::Origin {
        namespace: settings.namespace.clone(),
        pod: settings.pod_name.clone(),
        service_account: settings.service_account.clone(),
    };
    let (tracer, exporter) = Exporter::new(endpoint, &origin, metrics).context("spans cannot be sent")?;
    let stop = CancellationToken::new();
    let sending = tokio::spawn(exporter.run(stop.clone()));
    let end = async move {
        stop.cancel();
        // One that failed has said so.
        let _ = sending.await;
    };
    Ok((tracer, Box::pin(end)))
}

async fn bind(address: std::net::SocketAddr, what: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("{what} cannot listen at {address}"))
}

fn log_as_json(filter: &str) -> anyhow::Result<()> {
    // Levels by target: a filter by spans and fields would bring an engine of regular expressions into every pod.
    let filter: Targets = filter.parse().context("--log (QSL_LOG) is no filter")?;
    let lines = tracing_subscriber::fmt::layer().json().flatten_event(true);
    tracing_subscriber::registry().with(discreet()).with(filter).with(lines).init();
    Ok(())
}
