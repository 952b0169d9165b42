//! One inbox from its configuration on: waits for it, connects, consumes, connects anew when it changes, and drains.

use std::future::Future;
use std::sync::Arc;

use tokio::sync::watch;

use super::drain::Drain;
use super::key_client::{ConnectKeySets, keep};
use super::keys;
use super::metrics::Metrics;
use super::mount::Mount;
use super::pipeline::{Consumer, Memory};
use super::ports::{Handler, Queue};
use super::settings::Settings;
use crate::config::InboxConfig;

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
pub async fn consume<Q: ConnectQueue, K: ConnectKeySets, H: Handler>(
    connect: Q,
    key_sets: K,
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

async fn configured(configuration: &mut Configuration, drain: &Drain) -> Option<Arc<InboxConfig>> {
    tokio::select! {
        biased;
        () = drain.requested() => None,
        config = configuration.wait_for(Option::is_some) => config.ok()?.clone(),
    }
}

/// Whether what the queue and the permits were made of is the same.
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
    facts(a) == facts(b)
}
