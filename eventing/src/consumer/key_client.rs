//! Keeps an inbox's keys: mounted sets and the signature service's, whichever is newer, into one ring.
//!
//! In: a mounted file a bus, read every second; one long poll a bus (`poll`); a confirmation when somebody meets an
//! unknown kid (`confirm`). Out (`client`): a view of the ring while every bus has a set in its time, else none.

mod client;
mod confirm;
mod poll;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::keys::KeysSender;
use super::metrics::Metrics;
use super::mount::Mount;
use crate::config::{InboxConfig, ServicesConfig};
use crate::types::BusId;
use client::Client;

/// How long after what it was to wait a fetch counts as hung.
const SLACK: Duration = Duration::from_secs(10);
/// The least time between two confirmations, and between two polls of a bus.
const BETWEEN: Duration = Duration::from_secs(1);

/// What a fetch brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fetched {
    /// The set is the one known.
    Unchanged,
    /// A signed set, and by what to name it next time.
    Set {
        /// The compact signature.
        jws: String,
        /// The entity tag.
        etag: Option<String>,
    },
}

/// No set came; the reason is for the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct FetchError(pub String);

/// Where key sets come from, besides the mounted ConfigMap.
pub trait KeySets: Send + Sync + 'static {
    /// The set of a bus. With `known`, waits up to `wait` for another than that.
    fn fetch(
        &self,
        bus: &BusId,
        known: Option<&str>,
        wait: Duration,
    ) -> impl Future<Output = Result<Fetched, FetchError>> + Send;
}

/// Makes a client of the services an inbox's configuration names.
pub trait ConnectKeySets: Send + Sync + 'static {
    /// What it makes.
    type KeySets: KeySets;

    /// Connects.
    ///
    /// # Errors
    /// When the configuration cannot be used: a bad address, a CA that is none.
    fn connect(&self, services: &ServicesConfig) -> Result<Self::KeySets, FetchError>;
}

/// Keeps the keys of an inbox for as long as its configuration has a sender.
pub async fn keep<K: ConnectKeySets>(
    connect: K,
    mount: Mount,
    mut inbox: watch::Receiver<Option<Arc<InboxConfig>>>,
    sender: KeysSender,
    metrics: Metrics,
) {
    let mut client = Client::new(mount, sender, metrics.keys);
    loop {
        let Some(config) = inbox.borrow_and_update().clone() else {
            client.set_buses(&[]);
            client.publish();
            if inbox.changed().await.is_err() {
                return;
            }
            continue;
        };
        client.set_buses(&config.buses);
        let source = match connect.connect(&config.services) {
            Ok(source) => Some(Arc::new(source)),
            Err(error) => {
                tracing::warn!(%error, "no client for the signature service; mounted key sets serve alone");
                None
            }
        };
        let same = |other: &Option<Arc<InboxConfig>>| {
            other.as_ref().is_some_and(|other| other.buses == config.buses && other.services == config.services)
        };
        tokio::select! {
            () = client.run(source) => {}
            ended = inbox.wait_for(|other| !same(other)) => if ended.is_err() { return },
        }
    }
}
