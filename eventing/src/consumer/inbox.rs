//! One inbox from its configuration on: waits for it, connects, consumes, connects anew when it changes, and drains.

use std::future::Future;
use std::sync::Arc;

use tokio::sync::watch;

use super::claims::{self, ConnectJournal, SharedClaims};
use super::drain::Drain;
use super::key_client::{ConnectKeySets, keep};
use super::keys;
use super::metrics::Metrics;
use super::mount::Mount;
use super::pipeline::{Consumer, Memory};
use super::ports::{Handler, Queue};
use super::settings::Settings;
use super::told::DeadLetterLog;
use crate::config::{DeduplicationConfig, InboxConfig};

/// Makes the queue that an inbox's configuration names.
pub trait ConnectQueue: Send + Sync + 'static {
    /// What it makes.
    type Queue: Queue;

    /// Connects; what cannot be reached shows when it is used.
    fn connect(&self, inbox: &InboxConfig) -> impl Future<Output = Self::Queue> + Send;
}

/// An inbox's configuration, as it changes.
pub type Configuration = watch::Receiver<Option<Arc<InboxConfig>>>;

/// Consumes an inbox until drained. Without configuration it waits, and the log says so.
///
/// `configuration` is [`Mount::inbox`]'s; a handler that goes by it (routes, format) watches another clone.
#[expect(clippy::too_many_arguments, reason = "each is another port or part, and no two are of one type")]
pub async fn consume<Q: ConnectQueue, K: ConnectKeySets, J: ConnectJournal, H: Handler>(
    connect: Q,
    key_sets: K,
    journal: J,
    mount: Mount,
    mut configuration: Configuration,
    handler: Arc<H>,
    metrics: Metrics,
    drain: Drain,
) {
    let (sender, keys) = keys::channel();
    let clock = mount.clock.clone();
    let keeping = tokio::spawn(keep(key_sets, mount, configuration.clone(), sender, metrics.clone()));
    let memory = Arc::new(Memory::default());
    while let Some(config) = configured(&mut configuration, &drain).await {
        let (shown, settings) = watch::channel(Arc::new(Settings::from(config.as_ref())));
        let child = drain.child();
        let consumer = Consumer {
            queue: Arc::new(connect.connect(&config).await),
            handler: handler.clone(),
            keys: keys.clone(),
            settings,
            memory: memory.clone(),
            claims: shared_by(&journal, &config, handler.as_ref(), &metrics),
            dead_letters: told_by(&journal, &config),
            metrics: metrics.clone(),
            clock: clock.clone(),
        };
        tracing::info!(queue = %config.queue_arn, "consuming");
        let run = consumer.run(child.clone());
        tokio::pin!(run);
        loop {
            tokio::select! {
                () = &mut run => break,
                changed = configuration.changed() => {
                    if changed.is_err() {
                        // Nobody will change it any more.
                        run.await;
                        break;
                    }
                    let new = configuration.borrow_and_update().clone();
                    match new {
                        Some(new) if connects_alike(&new, &config) => {
                            shown.send_replace(Arc::new(Settings::from(new.as_ref())));
                        }
                        _ => {
                            tracing::info!("connecting anew");
                            child.request();
                            run.await;
                            break;
                        }
                    }
                }
            }
        }
        if drain.is_requested() {
            break;
        }
    }
    keeping.abort();
    // Joined; that it was aborted is no news.
    let _ = keeping.await;
}

/// The store that the inbox's consumers share. A handler that knows copies by itself needs none.
fn shared_by(
    journal: &impl ConnectJournal,
    config: &InboxConfig,
    handler: &impl Handler,
    metrics: &Metrics,
) -> Option<Arc<SharedClaims>> {
    if handler.wants_copies() {
        return None;
    }
    claims::connect(journal, config, metrics.claims.clone()).map(Arc::new)
}

/// Whom to tell of dead letters.
fn told_by(journal: &impl ConnectJournal, config: &InboxConfig) -> Option<Arc<dyn DeadLetterLog>> {
    journal.dead_letters(&config.services).unwrap_or_else(|error| {
        tracing::warn!(%error, "no client for the journal, which is told of no dead letter");
        None
    })
}

async fn configured(configuration: &mut Configuration, drain: &Drain) -> Option<Arc<InboxConfig>> {
    tokio::select! {
        biased;
        () = drain.requested() => None,
        config = configuration.wait_for(Option::is_some) => config.ok()?.clone(),
    }
}

/// Whether what the queue, the permits and the journal's clients were made of is the same.
fn connects_alike(a: &InboxConfig, b: &InboxConfig) -> bool {
    let facts = |config: &InboxConfig| {
        (
            config.queue_url.clone(),
            config.dead_letter_queue_url.clone(),
            config.role_arn.clone(),
            config.region.clone(),
            config.fifo,
            config.forward.max_in_flight,
        )
    };
    let store = |config: &InboxConfig| {
        let DeduplicationConfig { store, when_unavailable, .. } = &config.deduplication;
        (*store, *when_unavailable, config.services.clone())
    };
    facts(a) == facts(b) && store(a) == store(b)
}
