//! Wiring: adapters, tasks, and their end.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use eventing::config::{Consuming, InboxConfig};
use eventing::consumer::{Clock, ConfigurationMetrics, Drain, Mount, Roots, consume};
use eventing::types::InboxId;
use eventing_http::InboxJournal;
use eventing_service::admin::{self, Check, Readiness};
use eventing_service::server::{Limits, Server as AdminServer};
use eventing_service::tasks::Tasks;
use prometheus_client::registry::Registry;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::http::{self, Entrance, Gateway};
use crate::hub::Hub;
use crate::inbox::Inbox;
use crate::journal::{HttpJournal, Journal};
use crate::metrics::Metrics;
use crate::oidc::{Keys, Tokens};
use crate::server::Server;
use crate::settings::{OidcSettings, Settings};
use crate::tail;
use crate::tickets::Tickets;

/// Requests that are answered at once, the opening of streams among them: all clients come back together.
const REQUESTS: usize = 4_096;

/// Files that are open besides the clients' connections: the journal, the queue, the issuer, the mounts.
const OTHER_FILES: u64 = 128;

/// Runs until a signal asks it to stop. So many `files` may be open.
///
/// # Errors
/// When it cannot start, or a part of it fails.
pub async fn run(settings: Settings, files: Option<u64>) -> anyhow::Result<()> {
    let traces = eventing_service::traces::init(&settings.log, "qsl-gateway")?;
    let needed = u64::try_from(settings.entrance.connections)?.saturating_add(OTHER_FILES);
    if let Some(files) = files.filter(|files| *files < needed) {
        tracing::warn!(files, needed, "fewer connections can be open than --connections (GATEWAY_CONNECTIONS) allows");
    }
    let mut tasks = Tasks::new(eventing_service::shutdown::on_signals()?);
    let drain = Duration::from_secs(settings.drain_seconds);
    let admin = AdminServer::plain(settings.admin_listen).await?;

    let mut registry = Registry::default();
    let (metrics, consumer_metrics) = (Metrics::default(), eventing::consumer::Metrics::default());
    let addresses = settings.entrance.addresses();
    let server = Server::listen(settings.listen, limits(&settings), drain, &addresses, metrics.clone())?;
    metrics.register(registry.sub_registry_with_prefix("qsl_gateway"));
    consumer_metrics.register(&mut registry);
    let configuration_metrics = ConfigurationMetrics::default();
    configuration_metrics.register(&mut registry);
    let readiness = Readiness::new();
    let (journal_check, issuer_check, inbox_check) = (
        readiness.check("journal", "the first answer of the journal"),
        readiness.check("issuer", "the identity provider's keys"),
        readiness.check("inbox", "the first look at the configuration"),
    );

    let tokens = Arc::new(tokens(settings.oidc.clone())?);
    let journal = Arc::new(journal(&settings));
    let tickets = Tickets::new(Arc::<HttpJournal>::clone(&journal), inbox_id(&settings)?, metrics.clone());
    let journal: Arc<dyn Journal> = journal;
    let hub = Hub::new(settings.entrance.streams_per_user);

    tasks.spawn("issuer", keep_keys(Arc::clone(&tokens), issuer_check, tasks.shutdown()));
    tasks.spawn(
        "tail",
        never_fails(tail::follow(Arc::clone(&journal), hub.clone(), metrics.clone(), journal_check, tasks.shutdown())),
    );
    let inbox = Inbox::new(hub.clone(), metrics.clone());
    let mount = mount(&settings, configuration_metrics);
    consume_inbox(&settings, mount, inbox, consumer_metrics, inbox_check, &mut tasks)?;
    let entrance = Entrance::new(&addresses, settings.entrance.cors_origins.iter().cloned());
    let gateway = Gateway { tokens, tickets, entrance, hub, journal, metrics };
    tasks.spawn("server", server.serve(http::router(gateway), tasks.shutdown()));
    tasks.spawn("admin", admin.serve(admin::router(readiness, Arc::new(registry)), tasks.shutdown()));
    let ended = tasks.join().await;
    traces.end().await;
    Ok(ended?)
}

fn limits(settings: &Settings) -> Limits {
    let connections = settings.entrance.connections;
    Limits { body_bytes: 4 << 10, connections, requests: REQUESTS, ..Limits::default() }
}

fn inbox_id(settings: &Settings) -> anyhow::Result<InboxId> {
    InboxId::new(&settings.namespace, &settings.inbox).context("--inbox (QSL_INBOX) is no name")
}

fn tokens(settings: OidcSettings) -> anyhow::Result<Tokens> {
    let ca = settings.ca.as_ref().map(std::fs::read).transpose().context("the issuer's CA cannot be read")?;
    let keys = Keys::new(&settings.issuer, ca.as_deref()).context("the issuer cannot be used")?;
    Ok(Tokens::new(settings, keys))
}

fn journal(settings: &Settings) -> HttpJournal {
    let address = settings.journal.journal_url.clone();
    let address = address.unwrap_or_else(|| format!("https://qsl-journal.{}.svc", settings.namespace));
    let token = settings.token_dir.join("journal/token");
    HttpJournal::new(address, settings.journal.journal_ca.clone(), token)
}

async fn keep_keys(tokens: Arc<Tokens>, check: Check, shutdown: CancellationToken) -> Result<(), Infallible> {
    let tell = |known: Result<(), String>| match known {
        Ok(()) => check.ready(),
        Err(why) => check.not_ready(why),
    };
    tokens.keys().keep_fresh(shutdown, tell).await;
    Ok(())
}

fn mount(settings: &Settings, metrics: ConfigurationMetrics) -> Mount {
    Mount {
        directory: settings.config_dir.clone(),
        namespace: settings.namespace.clone(),
        roots: Roots::File(settings.root_dir.join("root.sha256")),
        clock: Clock::system(),
        metrics,
    }
}

fn consume_inbox(
    settings: &Settings,
    mount: Mount,
    inbox: Inbox,
    metrics: eventing::consumer::Metrics,
    check: Check,
    tasks: &mut Tasks,
) -> anyhow::Result<()> {
    let journal = InboxJournal::new(inbox_id(settings)?, settings.token_dir.join("journal/token"));
    let configuration = mount.inbox(&settings.inbox);
    let drain = Drain::new(Duration::from_secs(settings.drain_seconds));
    tasks.spawn("inbox-check", never_fails(tell_of_inbox(configuration.clone(), check, tasks.shutdown())));
    let identity = eventing_aws::Identity::new(settings.token_dir.join("aws/token"), &settings.pod_name);
    let (handler, keys) = (Arc::new(inbox), eventing_http::KeySetClient);
    let consumer = consume(identity, keys, journal, mount, configuration, handler, metrics, drain.clone());
    tasks.spawn("consumer", never_fails(consumer));
    let shutdown = tasks.shutdown();
    let stop = async move {
        shutdown.cancelled().await;
        drain.request();
    };
    tasks.spawn("drain", never_fails(stop));
    Ok(())
}

/// The inbox makes the gateway faster, not able: it is ready without.
async fn tell_of_inbox(
    mut configuration: watch::Receiver<Option<Arc<InboxConfig>>>,
    check: Check,
    shutdown: CancellationToken,
) {
    loop {
        let consuming = configuration.borrow_and_update().as_ref().map(|inbox| inbox.consuming);
        match consuming {
            Some(Consuming::Enabled) => check.ready(),
            Some(Consuming::Paused) => check.ready_with("the inbox is paused; the journal alone feeds"),
            None => check.ready_with("the inbox is not configured yet; the journal alone feeds"),
        }
        tokio::select! {
            () = shutdown.cancelled() => return,
            changed = configuration.changed() => if changed.is_err() {
                shutdown.cancelled().await;
                return;
            },
        }
    }
}

async fn never_fails(task: impl Future<Output = ()>) -> Result<(), Infallible> {
    task.await;
    Ok(())
}
