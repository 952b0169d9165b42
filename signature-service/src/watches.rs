//! Follows the API server: four watches, one directory, published anew with every change.
//!
//! Private keys pass through here: the Secret's bytes are wiped as soon as the key is read, and no cache keeps the
//! Secret itself.

mod index;
mod pulse;
mod read;

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use crds::{EventBus, SigningKey};
use eventing::types::BusId;
use eventing_service::admin::Check;
use futures::stream::BoxStream;
use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Api, Resource};
use serde::de::DeserializeOwned;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::directory::{BusFacts, Directory, HeldKey, PublishedSet, SigningKeyFacts};
use index::{Change, Index, Name};
use pulse::Pulse;

/// How often the watches' health is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// A watch ended, which it never does by itself.
#[derive(Debug, thiserror::Error)]
#[error("a watch of the API server ended")]
pub struct WatchEnded;

#[derive(Default)]
struct Known {
    buses: Index<(BusId, BusFacts)>,
    signing_keys: Index<((String, String), SigningKeyFacts)>,
    private_keys: Index<HeldKey>,
    key_sets: Index<(BusId, Arc<PublishedSet>)>,
}

enum Seen {
    Bus(Change<(BusId, BusFacts)>),
    SigningKey(Change<((String, String), SigningKeyFacts)>),
    PrivateKey(Change<HeldKey>),
    KeySet(Change<(BusId, Arc<PublishedSet>)>),
}

/// Keeps `publish` as the API server says until `shutdown`; `check` is ready when all first lists are in and no watch
/// has been failing for long.
///
/// # Errors
/// When a watch ends.
pub async fn run(
    client: kube::Client,
    key_namespace: String,
    publish: watch::Sender<Arc<Directory>>,
    check: Check,
    shutdown: CancellationToken,
) -> Result<(), WatchEnded> {
    let everywhere = watcher::Config::default();
    let signing = watcher::Config::default().labels(read::PRIVATE_KEY_SELECTOR);
    let (buses, signing_keys) = (Api::<EventBus>::all(client.clone()), Api::<SigningKey>::all(client.clone()));
    let secrets = Api::<Secret>::namespaced(client.clone(), &key_namespace);
    let sets = Api::<ConfigMap>::namespaced(client, &key_namespace);
    let mut streams = futures::stream::select_all([
        follow(buses, everywhere.clone(), |bus| read::bus(&bus)).map_ok(Seen::Bus).boxed(),
        follow(signing_keys, everywhere.clone(), |key| read::signing_key(&key)).map_ok(Seen::SigningKey).boxed(),
        follow(secrets, signing, read::private_key).map_ok(Seen::PrivateKey).boxed(),
        follow(sets, everywhere, |set| read::key_set(&set)).map_ok(Seen::KeySet).boxed(),
    ]);
    let mut known = Known::default();
    let mut pulse = Pulse::default();
    let mut look = tokio::time::interval(LOOK_EVERY);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            _ = look.tick() => {}
            seen = streams.next() => match seen.ok_or(WatchEnded)? {
                Ok(seen) => {
                    known.apply(seen);
                    if known.is_complete() {
                        publish.send_replace(Arc::new(known.directory()));
                    }
                }
                Err(error) => {
                    tracing::warn!(error = %error, "a watch of the API server failed; it will be repeated");
                    pulse.failed(Instant::now());
                }
            },
        }
        match (known.is_complete(), pulse.is_failing(Instant::now())) {
            (false, _) => check.not_ready("the first lists of the API server"),
            (true, true) => check.not_ready("watches of the API server have been failing for over a minute"),
            (true, false) if known.buses.is_empty() => check.ready_with("there is no EventBus yet"),
            (true, false) => check.ready(),
        }
    }
}

type Followed<T> = BoxStream<'static, Result<Change<T>, watcher::Error>>;

/// A watch as changes of what was read of each object. An object that cannot be read counts as absent.
fn follow<K, T>(api: Api<K>, config: watcher::Config, read: impl Fn(K) -> Option<T> + Send + 'static) -> Followed<T>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + 'static,
    T: Send + 'static,
{
    watcher(api, config)
        .default_backoff()
        .map_ok(move |event| match event {
            watcher::Event::Init => Change::Begin,
            watcher::Event::InitApply(object) => Change::Listed(name(&object), read(object)),
            watcher::Event::InitDone => Change::Complete,
            watcher::Event::Apply(object) => Change::Now(name(&object), read(object)),
            watcher::Event::Delete(object) => Change::Now(name(&object), None),
        })
        .boxed()
}

fn name<K: Resource>(object: &K) -> Name {
    let meta = object.meta();
    (meta.namespace.clone().unwrap_or_default(), meta.name.clone().unwrap_or_default())
}

impl Known {
    fn apply(&mut self, seen: Seen) {
        match seen {
            Seen::Bus(change) => self.buses.apply(change),
            Seen::SigningKey(change) => self.signing_keys.apply(change),
            Seen::PrivateKey(change) => self.private_keys.apply(change),
            Seen::KeySet(change) => self.key_sets.apply(change),
        }
    }

    fn is_complete(&self) -> bool {
        let Self { buses, signing_keys, private_keys, key_sets } = self;
        buses.is_complete() && signing_keys.is_complete() && private_keys.is_complete() && key_sets.is_complete()
    }

    fn directory(&self) -> Directory {
        Directory {
            buses: self.buses.values().cloned().collect(),
            signing_keys: self.signing_keys.values().cloned().collect(),
            private_keys: self.private_keys.values().cloned().collect(),
            key_sets: self.key_sets.values().cloned().collect::<BTreeMap<_, _>>(),
        }
    }
}
