//! One watch and one store of a kind, shared by all controllers.
//!
//! A change is told only after the store has it, so whoever is woken sees what woke it. A watch that starts anew tells
//! everything it then finds, and what has gone meanwhile.
//!
//! A watch is ready from its first list on, and until it gave no sign of life for a minute, however it failed: a
//! connection that drops and is there again, or a list that starts anew, is the life of a watch; one that hangs is not.

use std::{
    collections::HashMap,
    fmt::Debug,
    hash::{DefaultHasher, Hash, Hasher as _},
    pin::pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use eventing_service::{
    admin::Check,
    watching::{Patience, Pauses, Pulse},
};
use futures::{Stream, StreamExt, TryStreamExt as _, stream::BoxStream};
use kube::{
    Api, Client, Resource,
    runtime::{
        WatchStreamExt,
        reflector::{Lookup, ObjectRef, Store, store::Writer},
        watcher,
    },
};
use serde::de::DeserializeOwned;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::index::{Index, Word};

/// How many changes may wait at a subscriber before the watch waits for it.
const BUFFER: usize = 256;

/// What a kind must be to be watched.
pub trait Watchable:
    Resource<DynamicType = ()> + Lookup<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static
{
}

impl<K> Watchable for K where
    K: Resource<DynamicType = ()> + Lookup<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static
{
}

/// A change of an object.
#[derive(Clone, Debug)]
pub enum Change<K> {
    /// It is there, new or changed.
    Seen(Arc<K>),
    /// It is gone; this is what it last was.
    Gone(Arc<K>),
}

impl<K> Change<K> {
    /// The object.
    pub fn object(&self) -> &Arc<K> {
        match self {
            Self::Seen(object) | Self::Gone(object) => object,
        }
    }
}

/// The objects of one kind, and the news of them.
pub struct Watched<K: Watchable> {
    store: Store<K>,
    subscribers: Arc<Mutex<Vec<mpsc::Sender<Change<K>>>>>,
    index: Arc<Index<K>>,
}

impl<K: Watchable> Clone for Watched<K> {
    fn clone(&self) -> Self {
        Self { store: self.store.clone(), subscribers: Arc::clone(&self.subscribers), index: Arc::clone(&self.index) }
    }
}

impl<K: Watchable> Watched<K> {
    pub(super) fn new() -> (Self, Writer<K>) {
        Self::naming(|_| Vec::new())
    }

    /// Objects that are found by what they name, too.
    pub(super) fn naming(words: fn(&K) -> Vec<Word>) -> (Self, Writer<K>) {
        let writer = Writer::new(());
        (Self { store: writer.as_reader(), subscribers: Arc::default(), index: Arc::new(Index::new(words)) }, writer)
    }

    /// The objects.
    pub fn store(&self) -> &Store<K> {
        &self.store
    }

    /// The object of that name.
    pub fn get(&self, namespace: &str, name: &str) -> Option<Arc<K>> {
        self.store.get(&ObjectRef::new(name).within(namespace))
    }

    /// The objects that name the thing; by chance another, so look whether it does.
    pub fn who_say(&self, word: &Word) -> Vec<Arc<K>> {
        self.index.who_say(word).iter().filter_map(|object| self.store.get(object)).collect()
    }

    /// What there is, and then every change. Whoever subscribes must read: the watch waits for its readers.
    pub fn subscribe(&self) -> impl Stream<Item = Change<K>> + Send + use<K> {
        let (sender, mut receiver) = mpsc::channel(BUFFER);
        // In this order nothing is missed: what is told after the push arrives, what was told before is in the store.
        self.subscribers.lock().unwrap_or_else(PoisonError::into_inner).push(sender);
        let present = self.store.state().into_iter().map(Change::Seen);
        futures::stream::iter(present).chain(futures::stream::poll_fn(move |context| receiver.poll_recv(context)))
    }

    /// As [`Watched::subscribe`], but only changes in what `facts` says of an object, and its end.
    pub fn changes_of<F: Hash + Send + 'static>(
        &self,
        facts: impl Fn(&K) -> F + Send + 'static,
    ) -> BoxStream<'static, Change<K>> {
        // Digests: with a copy of the facts, every subscriber would keep half of every object.
        let mut known: HashMap<u64, u64> = HashMap::new();
        let mut is_news = move |change: &Change<K>| match change {
            Change::Seen(object) => {
                let now = digest(&facts(object));
                let key = digest(&ObjectRef::from_obj(object.as_ref()));
                let news = known.get(&key) != Some(&now);
                known.insert(key, now);
                news
            }
            Change::Gone(object) => {
                known.remove(&digest(&ObjectRef::from_obj(object.as_ref())));
                true
            }
        };
        self.subscribe().filter(move |change| futures::future::ready(is_news(change))).boxed()
    }

    async fn tell(&self, change: Change<K>) {
        let subscribers = self.subscribers.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut is_left = false;
        for subscriber in subscribers {
            is_left |= subscriber.send(change.clone()).await.is_err();
        }
        if is_left {
            // Its reader ended, as a term's do.
            self.subscribers.lock().unwrap_or_else(PoisonError::into_inner).retain(|sender| !sender.is_closed());
        }
    }
}

/// How often it is looked whether a watch is stale.
pub(crate) const LOOK: Duration = Duration::from_secs(5);

/// How a watch stands.
#[derive(Default)]
struct Standing {
    /// Whether everything was listed once.
    is_listed: AtomicBool,
    /// What it failed by last, until it told something again.
    error: Mutex<Option<String>>,
}

/// The same for the same, within this process.
pub(super) fn digest(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// Who wrote which field is the API server's business, and takes more memory than all the rest of an object.
fn lighten<K: Resource>(object: &mut K) {
    object.meta_mut().managed_fields = None;
}

/// Keeps the store, and tells each change once the store has it.
pub(super) async fn pump<K: Watchable>(
    client: Client,
    writer: Writer<K>,
    watched: Watched<K>,
    check: Check,
    shutdown: &CancellationToken,
) {
    let (pulse, standing) = (Pulse::new(Patience::default()), Standing::default());
    let api: Api<K> = Api::all(pulse.listen(client));
    let events = watcher(api, pulse.config()).backoff(Pauses::default()).modify(lighten);
    // Before the store has it: what the store has is always found.
    let events = events.inspect_ok(|event| {
        if let watcher::Event::Apply(object) | watcher::Event::InitApply(object) = event {
            watched.index.put(object);
        }
    });
    let mut events = pin!(events.reflect(writer));
    let mut before: Vec<Arc<K>> = Vec::new();
    let telling = async {
        while let Some(event) = events.next().await {
            match event {
                Ok(event) => {
                    standing.fails(None);
                    tell(&watched, &standing, &mut before, event).await;
                    standing.show(&pulse, &check);
                }
                Err(error) => {
                    let kind = <K as Resource>::kind(&());
                    tracing::warn!(%kind, %error, "watch broken, starting anew");
                    standing.fails(Some(error.to_string()));
                }
            }
        }
    };
    let looking = async {
        loop {
            tokio::time::sleep(LOOK).await;
            standing.show(&pulse, &check);
        }
    };
    tokio::select! {
        () = shutdown.cancelled() => {}
        () = telling => {}
        () = looking => {}
    }
}

impl Standing {
    fn fails(&self, error: Option<String>) {
        *self.error.lock().unwrap_or_else(PoisonError::into_inner) = error;
    }

    fn show(&self, pulse: &Pulse, check: &Check) {
        let error = self.error.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let error = error.map(|error| format!(": {error}")).unwrap_or_default();
        match (self.is_listed.load(Ordering::Relaxed), pulse.is_stale()) {
            (true, false) => check.ready(),
            (true, true) => check.not_ready(format!("stale, the API server gave no sign of life for a minute{error}")),
            (false, _) => check.not_ready(format!("the first list{error}")),
        }
    }
}

/// Tells one event. `before` is what there was when the watch started anew.
async fn tell<K: Watchable>(
    watched: &Watched<K>,
    standing: &Standing,
    before: &mut Vec<Arc<K>>,
    event: watcher::Event<K>,
) {
    match event {
        watcher::Event::Init => *before = watched.store.state(),
        watcher::Event::InitApply(_) => {}
        watcher::Event::InitDone => {
            for gone in before.drain(..).filter(|old| gone(&watched.store, old)) {
                forget(watched, &gone);
                watched.tell(Change::Gone(gone)).await;
            }
            for object in watched.store.state() {
                watched.tell(Change::Seen(object)).await;
            }
            standing.is_listed.store(true, Ordering::Relaxed);
        }
        watcher::Event::Apply(object) => watched.tell(Change::Seen(Arc::new(object))).await,
        watcher::Event::Delete(object) => {
            forget(watched, &object);
            watched.tell(Change::Gone(Arc::new(object))).await;
        }
    }
}

/// An object of which nothing by its name is in the store any more is not found by what it named.
fn forget<K: Watchable>(watched: &Watched<K>, gone: &K) {
    if watched.store.get(&ObjectRef::from_obj(gone)).is_none() {
        watched.index.remove(gone);
    }
}

/// Whether the object, or this incarnation of it, is not in the store.
fn gone<K: Watchable>(store: &Store<K>, old: &K) -> bool {
    store.get(&ObjectRef::from_obj(old)).is_none_or(|new| new.uid() != old.uid())
}

#[cfg(all(test, feature = "paused-clock"))]
#[path = "watch/tests.rs"]
mod tests;
