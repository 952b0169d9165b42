//! What wakes the publisher, and what it sees of the key namespace and of its own ConfigMaps.

use std::{fmt::Debug, sync::Arc};

use eventing_service::Unquoted as _;
use eventing_service::watching::{Patience, Pauses, Pulse};
use futures::{Stream, StreamExt as _, pin_mut, stream};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::{
    Api, Client,
    runtime::{
        WatchStreamExt as _,
        reflector::{self, Store, store::Writer},
        watcher,
    },
};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use zeroize::Zeroize as _;

use super::maps::{CONFIG_MAP, selector};
use crate::{
    keys::secret::{PRIVATE, USE},
    runner::Hub,
};

/// Wakes on changes; many before a look count as one.
pub(super) struct Wake {
    notify: Arc<Notify>,
    changes: stream::BoxStream<'static, ()>,
}

impl Wake {
    /// Wakes on every change in `hub` that matters, from now on.
    pub(super) fn on(hub: &Hub) -> Self {
        let changes = stream::select_all([
            // Not the status: nothing of it is published.
            hub.buses.changes_of(facts).map(drop).boxed(),
            hub.rules.changes_of(facts).map(drop).boxed(),
            hub.inboxes.changes_of(facts).map(drop).boxed(),
            hub.signing_keys.changes_of(facts).map(drop).boxed(),
            hub.namespaces.subscribe().map(drop).boxed(),
        ]);
        Self { notify: Arc::default(), changes: changes.boxed() }
    }

    /// For others to wake it.
    pub(super) fn notify(&self) -> Arc<Notify> {
        Arc::clone(&self.notify)
    }

    /// Waits for a change, and takes those that came with it.
    pub(super) async fn woken(&mut self) {
        tokio::select! {
            () = self.notify.notified() => {}
            change = self.changes.next() => if change.is_none() { std::future::pending::<()>().await },
        }
        while let Some(Some(())) = futures::FutureExt::now_or_never(self.changes.next()) {}
    }
}

fn facts<K: crds::Eventing>(object: &K) -> (Option<String>, Option<i64>, bool) {
    let meta = object.meta();
    (meta.uid.clone(), meta.generation, meta.deletion_timestamp.is_some())
}

/// The stores of what is written.
#[derive(Clone)]
pub(super) struct Stores {
    /// The Secrets of keys, without their private parts.
    pub(super) keys: Store<Secret>,
    /// The ConfigMaps of key sets.
    pub(super) sets: Store<ConfigMap>,
    /// The ConfigMaps `qsl-eventing`.
    pub(super) maps: Store<ConfigMap>,
}

/// The watches behind [`Stores`], not running yet.
pub(super) struct Seen {
    config: watcher::Config,
    keys: (Api<Secret>, Writer<Secret>),
    sets: (Api<ConfigMap>, Writer<ConfigMap>),
    maps: (Api<ConfigMap>, Writer<ConfigMap>),
    stores: Stores,
}

impl Seen {
    pub(super) fn new(client: &Client, key_namespace: &str) -> Self {
        let (keys, keys_writer) = reflector::store();
        let (sets, sets_writer) = reflector::store();
        let (maps, maps_writer) = reflector::store();
        // Each watch is cut off and asked anew where it hangs.
        let pulse = Pulse::new(Patience::default());
        let client = pulse.listen(client.clone());
        Self {
            config: pulse.config(),
            keys: (Api::namespaced(client.clone(), key_namespace), keys_writer),
            sets: (Api::namespaced(client.clone(), key_namespace), sets_writer),
            maps: (Api::all(client), maps_writer),
            stores: Stores { keys, sets, maps },
        }
    }

    pub(super) fn stores(&self) -> Stores {
        self.stores.clone()
    }

    /// Watches until `shutdown`.
    pub(super) async fn watch(self, notify: Arc<Notify>, shutdown: CancellationToken) {
        let config = || self.config.clone();
        let keys =
            watcher(self.keys.0, config().labels(USE)).backoff(Pauses::default()).modify(strip).reflect(self.keys.1);
        let sets = watcher(self.sets.0, config().labels(&selector())).backoff(Pauses::default()).reflect(self.sets.1);
        let named = format!("metadata.name={CONFIG_MAP}");
        let maps = watcher(self.maps.0, config().fields(&named)).backoff(Pauses::default()).reflect(self.maps.1);
        tokio::join!(
            pump("keys", keys, &notify, &shutdown),
            pump("key sets", sets, &notify, &shutdown),
            pump("configuration", maps, &notify, &shutdown),
        );
    }
}

/// The private part has no business in a store: that it is there is all that is kept.
fn strip(secret: &mut Secret) {
    if let Some(private) = secret.data.as_mut().and_then(|data| data.get_mut(PRIVATE)) {
        private.0.zeroize();
    }
    secret.metadata.managed_fields = None;
}

async fn pump<K: Debug>(
    what: &'static str,
    events: impl Stream<Item = watcher::Result<watcher::Event<K>>>,
    notify: &Notify,
    shutdown: &CancellationToken,
) {
    pin_mut!(events);
    loop {
        let event = tokio::select! {
            () = shutdown.cancelled() => return,
            event = events.next() => event,
        };
        match event {
            Some(Ok(_)) => notify.notify_one(),
            Some(Err(error)) => {
                let error = error.unquoted();
                tracing::warn!(what, %error, "watch broken, starting anew");
            }
            None => return,
        }
    }
}
