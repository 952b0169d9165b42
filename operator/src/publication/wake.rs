//! What wakes the publisher, and what it sees of the key namespace and of its own ConfigMaps.

use std::sync::Arc;

use eventing_service::{
    Unquoted as _,
    admin::Check,
    watching::{Patience, Pauses, Pulse},
};
use futures::{StreamExt as _, pin_mut, stream};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::{
    Api, Client, Resource,
    runtime::{
        WatchStreamExt as _,
        reflector::{self, Lookup, Store, store::Writer},
        watcher,
    },
};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use zeroize::Zeroize as _;

use super::maps::{CONFIG_MAP, selector};
use crate::{
    keys::secret::{PRIVATE, USE},
    runner::{
        Hub,
        watch::{LOOK, Watchable},
    },
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

/// One watch, not running yet.
struct Watch<K: Resource<DynamicType = ()> + Lookup<DynamicType = ()> + Clone + 'static> {
    what: &'static str,
    api: Api<K>,
    config: watcher::Config,
    pulse: Pulse,
    writer: Writer<K>,
}

impl<K: Watchable> Watch<K> {
    /// Watches what `api` and `narrow` ask for, cut off and asked anew where it hangs.
    fn new(
        what: &'static str,
        client: &Client,
        api: impl FnOnce(Client) -> Api<K>,
        narrow: impl FnOnce(watcher::Config) -> watcher::Config,
    ) -> (Self, Store<K>) {
        let (pulse, (store, writer)) = (Pulse::new(Patience::default()), reflector::store());
        let (api, config) = (api(pulse.listen(client.clone())), narrow(pulse.config()));
        (Self { what, api, config, pulse, writer }, store)
    }

    async fn run(self, change: impl FnMut(&mut K), notify: &Notify) {
        let events = watcher(self.api, self.config).backoff(Pauses::default()).modify(change).reflect(self.writer);
        pin_mut!(events);
        while let Some(event) = events.next().await {
            match event {
                Ok(_) => notify.notify_one(),
                Err(error) => {
                    let error = error.unquoted();
                    tracing::warn!(what = self.what, %error, "watch broken, starting anew");
                }
            }
        }
    }
}

/// The watches behind [`Stores`], not running yet.
pub(super) struct Seen {
    keys: Watch<Secret>,
    sets: Watch<ConfigMap>,
    maps: Watch<ConfigMap>,
    stores: Stores,
}

impl Seen {
    pub(super) fn new(client: &Client, key_namespace: &str) -> Self {
        let named = format!("metadata.name={CONFIG_MAP}");
        let (keys, keys_store) =
            Watch::new("keys", client, |client| Api::namespaced(client, key_namespace), |config| config.labels(USE));
        let (sets, sets_store) = Watch::new(
            "key sets",
            client,
            |client| Api::namespaced(client, key_namespace),
            |config| config.labels(&selector()),
        );
        let (maps, maps_store) = Watch::new("configuration", client, Api::all, |config| config.fields(&named));
        let stores = Stores { keys: keys_store, sets: sets_store, maps: maps_store };
        Self { keys, sets, maps, stores }
    }

    pub(super) fn stores(&self) -> Stores {
        self.stores.clone()
    }

    /// Watches until `shutdown`; `check` is not ready while a watch is stale.
    pub(super) async fn watch(self, notify: Arc<Notify>, check: Check, shutdown: CancellationToken) {
        let Self { keys, sets, maps, stores: _ } = self;
        let pulses =
            [(keys.what, keys.pulse.clone()), (sets.what, sets.pulse.clone()), (maps.what, maps.pulse.clone())];
        let looking = async {
            loop {
                tokio::time::sleep(LOOK).await;
                match pulses.iter().find(|(_, pulse)| pulse.is_stale()) {
                    Some((what, _)) => check.not_ready(format!(
                        "the watch of {what} is stale, the API server gave no sign of life for a minute"
                    )),
                    None => check.ready(),
                }
            }
        };
        let watching =
            async { tokio::join!(keys.run(strip, &notify), sets.run(|_| {}, &notify), maps.run(|_| {}, &notify)) };
        tokio::select! {
            () = shutdown.cancelled() => {}
            ((), (), ()) = watching => {}
            () = looking => {}
        }
        // Who does not publish waits for none of them.
        check.ready();
    }
}

/// The private part has no business in a store: that it is there is all that is kept.
fn strip(secret: &mut Secret) {
    if let Some(private) = secret.data.as_mut().and_then(|data| data.get_mut(PRIVATE)) {
        private.0.zeroize();
    }
    secret.metadata.managed_fields = None;
}

#[cfg(all(test, feature = "paused-clock"))]
#[path = "wake/tests.rs"]
mod tests;
