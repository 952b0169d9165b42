//! Follows the API server: five watches, one directory, published anew when what it says has changed.
//!
//! Private keys pass through here: the Secret's bytes are wiped as soon as the key is read, and no cache keeps the
//! Secret itself.

mod index;
mod known;
mod read;

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use crds::{EventBus, SigningKey};
use eventing::consumer::Roots;
use eventing::time::Millis;
use eventing_service::Unquoted;
use eventing_service::admin::Check;
use eventing_service::watching::{Patience, Pauses, Pulse};
use futures::stream::{BoxStream, SelectAll};
use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Api, Client, Resource};
use serde::de::DeserializeOwned;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::directory::Directory;
use crate::metrics::Metrics;
use index::{Change, Name};
use known::{Known, Seen};

/// How often the watches' health and the root's hash are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How often what the root did not sign is tried again although nothing changed.
const AGAIN_EVERY: Duration = Duration::from_mins(1);

/// A watch ended, which it never does by itself.
#[derive(Debug, thiserror::Error)]
#[error("a watch of the API server ended")]
pub struct WatchEnded;

/// What the watches need.
pub struct Watching {
    /// The API server.
    pub client: Client,
    /// Where the private keys and the published sets are.
    pub key_namespace: String,
    /// The root's hash.
    pub roots: Roots,
    /// How long a watch may be silent.
    pub patience: Patience,
    /// Where the directory goes.
    pub publish: watch::Sender<Arc<Directory>>,
    /// Where it is told when sets expire.
    pub metrics: Metrics,
    /// Ready when all first lists are in and every watch gives signs of life.
    pub check: Check,
}

impl Debug for Watching {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watching").field("key_namespace", &self.key_namespace).finish_non_exhaustive()
    }
}

/// The signs of life of each watch, by what it watches.
type Pulses = Vec<(&'static str, Pulse)>;

impl Watching {
    /// Keeps the directory as the API server says until `shutdown`.
    ///
    /// # Errors
    /// When a watch ends.
    pub async fn run(self, shutdown: CancellationToken) -> Result<(), WatchEnded> {
        let (mut streams, pulses) = self.streams();
        let mut known = Known::default();
        let mut look = tokio::time::interval(LOOK_EVERY.min(self.patience.stale / 4));
        let mut tried = Instant::now();
        let mut roots = None;
        loop {
            let is_look = tokio::select! {
                () = shutdown.cancelled() => return Ok(()),
                _ = look.tick() => true,
                seen = streams.next() => {
                    match seen.ok_or(WatchEnded)? {
                        Ok(seen) => known.apply(seen),
                        Err(error) => {
                            tracing::warn!(error = %error, "a watch of the API server failed; it will be repeated");
                        }
                    }
                    false
                }
            };
            if is_look {
                match self.roots.load() {
                    Ok(hashes) => roots = Some(hashes),
                    Err(error) => tracing::warn!(%error, "the root's hash cannot be read; nothing new is trusted"),
                }
            }
            if let Some(roots) = roots.as_ref().filter(|_| known.is_complete()) {
                let again = is_look && tried.elapsed() >= AGAIN_EVERY;
                if again {
                    tried = Instant::now();
                }
                known.follow(roots, Millis::now(), again);
            }
            self.publish(&mut known);
            self.tell(&known, &pulses);
        }
    }

    fn streams(&self) -> (SelectAll<BoxStream<'static, Result<Seen, watcher::Error>>>, Pulses) {
        let mut pulses = Pulses::new();
        let mut watched = |what| {
            let pulse = Pulse::new(self.patience);
            pulses.push((what, pulse.clone()));
            (pulse.listen(self.client.clone()), pulse.config())
        };
        let (buses, keys) = (watched("EventBuses"), watched("SigningKeys"));
        let (secrets, sets, entries) = (watched("private keys"), watched("key sets"), watched("inboxes"));
        let selected = secrets.1.labels(read::PRIVATE_KEY_SELECTOR);
        let named = entries.1.fields(read::CONFIGURATION_SELECTOR);
        let streams = futures::stream::select_all([
            follow(Api::<EventBus>::all(buses.0), buses.1, |bus| read::bus(&bus)).map_ok(Seen::Bus).boxed(),
            follow(Api::<SigningKey>::all(keys.0), keys.1, |key| read::signing_key(&key))
                .map_ok(Seen::SigningKey)
                .boxed(),
            follow(Api::<Secret>::namespaced(secrets.0, &self.key_namespace), selected, read::private_key)
                .map_ok(Seen::PrivateKey)
                .boxed(),
            follow(Api::<ConfigMap>::namespaced(sets.0, &self.key_namespace), sets.1, |map| read::key_set(&map))
                .map_ok(Seen::KeySet)
                .boxed(),
            follow(Api::<ConfigMap>::all(entries.0), named, read::inboxes).map_ok(Seen::Inboxes).boxed(),
        ]);
        (streams, pulses)
    }

    /// Wakes those who wait only where something is different: a list taken anew mostly says the same.
    fn publish(&self, known: &mut Known) {
        let Some(now) = known.news() else { return };
        let before = Arc::clone(&self.publish.borrow());
        self.metrics.key_sets(&before, &now);
        self.publish.send_if_modified(|published| {
            let changed = **published != now;
            if changed {
                *published = Arc::new(now);
            }
            changed
        });
    }

    fn tell(&self, known: &Known, pulses: &Pulses) {
        let stale = pulses.iter().find(|(_, pulse)| pulse.is_stale());
        match (known.is_complete(), stale) {
            (false, _) => self.check.not_ready("the first lists of the API server"),
            (true, Some((what, _))) => {
                self.check.not_ready(format!("stale: the API server gave no sign of life of the {what} for long"));
            }
            (true, None) if known.has_no_bus() => self.check.ready_with("there is no EventBus yet"),
            (true, None) => self.check.ready(),
        }
    }
}

/// A watch as changes of what was read of each object. An object that cannot be read counts as absent.
fn follow<K, T>(
    api: Api<K>,
    config: watcher::Config,
    read: impl Fn(K) -> Option<T> + Send + 'static,
) -> BoxStream<'static, Result<Change<T>, watcher::Error>>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + 'static,
    T: Send + 'static,
{
    watcher(api, config)
        .backoff(Pauses::default())
        .map_ok(move |event| match event {
            watcher::Event::Init => Change::Begin,
            watcher::Event::InitApply(object) => Change::Listed(name(&object), read(object)),
            watcher::Event::InitDone => Change::Complete,
            watcher::Event::Apply(object) => Change::Now(name(&object), read(object)),
            watcher::Event::Delete(object) => Change::Now(name(&object), None),
        })
        .map_err(Unquoted::unquoted)
        .boxed()
}

fn name<K: Resource>(object: &K) -> Name {
    let meta = object.meta();
    (meta.namespace.clone().unwrap_or_default(), meta.name.clone().unwrap_or_default())
}

#[cfg(test)]
mod tests;
