//! The publisher: wakes when an object, a key or a ConfigMap changes, and writes what differs.

mod pass;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use eventing::{signing::SignError, time::Millis};
use eventing_service::admin::Check;
use kube::Client;
use operator_core::{Installation, Tenancy};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{
    maps::Published,
    metrics::SigningMetrics,
    wake::{Seen, Wake},
};
use crate::{
    installation::Installed,
    keys::{
        BadRotation,
        store::{KeyStore, StoreError},
    },
    runner::{Hub, Pace, backoff::pause, record::Events},
};

pub use pass::set_name;

/// Changes come in swarms: so long is waited for the rest.
const GATHER: Duration = Duration::from_millis(200);
/// The longest time without a look: documents get old, keys get due.
const LOOK: Duration = Duration::from_mins(1);

/// What the publisher goes by.
#[derive(Clone, Debug)]
pub struct PublisherSettings {
    /// The namespace of the keys and the key sets.
    pub key_namespace: String,
    /// How long a document holds.
    pub lifetime: Duration,
    /// How long public keys stay after `exp`.
    pub keep: Duration,
    /// Where pods find the signature service.
    pub signature_service: String,
    /// Where pods find the journal.
    pub journal: String,
    /// What names the installation grants to whom.
    pub tenancy: Arc<Tenancy>,
}

/// A pass that did not reach its end; it is tried again.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// A ConfigMap could not be written or removed.
    #[error("ConfigMap {namespace}/{name}: {source}")]
    Map {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
        /// Why.
        source: kube::Error,
    },
    /// A document could not be signed.
    #[error("signing {key} for namespace {namespace}: {source}")]
    Sign {
        /// Where it goes.
        namespace: String,
        /// Its key there.
        key: String,
        /// Why.
        source: SignError,
    },
    /// What fed an inbox could not be written down.
    #[error("the annotation of InboxQueue {namespace}/{name}: {source}")]
    Memory {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
        /// Why.
        source: kube::Error,
    },
    /// The key namespace.
    #[error(transparent)]
    Keys(#[from] StoreError),
    /// The grant keys' rotation.
    #[error(transparent)]
    Rotation(#[from] BadRotation),
}

/// Publishes; one replica at a time.
pub struct Publisher {
    client: Client,
    hub: Hub,
    installation: Arc<Installation>,
    installed: watch::Receiver<Option<Installed>>,
    settings: PublisherSettings,
    store: KeyStore,
    events: Events,
    metrics: SigningMetrics,
    /// The version that each document was last given, by its place: none goes below it, whatever becomes of the
    /// ConfigMap.
    given: Mutex<HashMap<String, u64>>,
    /// What stands where, after a pass.
    published: watch::Sender<Option<Arc<Published>>>,
}

impl Publisher {
    /// A publisher of what is in `hub`.
    pub fn new(
        client: Client,
        hub: Hub,
        installation: Arc<Installation>,
        installed: watch::Receiver<Option<Installed>>,
        settings: PublisherSettings,
        events: Events,
        metrics: SigningMetrics,
    ) -> Self {
        let store = KeyStore::new(client.clone(), &settings.key_namespace);
        let (given, published) = (Mutex::default(), watch::Sender::default());
        Self { client, hub, installation, installed, settings, store, events, metrics, given, published }
    }

    /// Which entries stand in the namespaces' ConfigMaps; nothing before the first pass.
    pub fn published(&self) -> watch::Receiver<Option<Arc<Published>>> {
        self.published.subscribe()
    }

    /// Publishes until `shutdown`; `watches` is not ready while what it goes by may be stale.
    pub async fn run(self, watches: Check, shutdown: CancellationToken) {
        let mut wake = Wake::on(&self.hub);
        let mut installed = self.installed.clone();
        let seen = Seen::new(&self.client, &self.settings.key_namespace);
        let stores = seen.stores();
        let watching = tokio::spawn(seen.watch(wake.notify(), watches, shutdown.clone()));
        let ready = async {
            self.hub.filled().await;
            // An error means that the watch ended, which is the end of the process too.
            let _ = futures::join!(
                stores.keys.wait_until_ready(),
                stores.sets.wait_until_ready(),
                stores.maps.wait_until_ready()
            );
            let _ = installed.wait_for(Option::is_some).await;
        };
        // The watches wait for their readers: unread, a few hundred changes would stop them for all controllers.
        let reading = async {
            loop {
                wake.woken().await;
            }
        };
        tokio::select! {
            () = ready => {}
            () = shutdown.cancelled() => return,
            () = reading => {}
        }
        let mut failures = 0;
        while !shutdown.is_cancelled() {
            let present = installed.borrow_and_update().clone();
            let outcome = match &present {
                Some(present) => self.pass(&stores, present, Millis::now()).await,
                None => Ok(()),
            };
            // What was written a moment ago is seen in the pass that it wakes.
            self.published.send_replace(Some(Arc::new(Published::of(&stores.maps.state()))));
            let again = match outcome {
                Ok(()) => {
                    failures = 0;
                    LOOK
                }
                Err(error) => {
                    failures += 1;
                    tracing::warn!(%error, failures, "publication failed; trying again");
                    pause(failures, Pace::Quick, rand::random())
                }
            };
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = tokio::time::sleep(again) => {}
                _ = installed.changed() => {}
                () = wake.woken() => tokio::time::sleep(GATHER).await,
            }
        }
        // It ends with the same token.
        let _ = watching.await;
    }
}
