//! Keeps an inbox's keys: mounted sets and the signature service's, whichever is newer, into one ring.
//!
//! One long poll a bus is held open; a confirmation is asked for when somebody meets an unknown kid: one at a time, at
//! most one a second, shared by all who wait.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt, join_all};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, sleep_until, timeout};

use super::disposition::backoff;
use super::keys::{KeyView, KeysSender};
use super::mount::{LOOK, Mount, MountedFile};
use crate::config::{InboxConfig, ServicesConfig};
use crate::keyset::{KeyRing, KeySetError};
use crate::time::Millis;
use crate::types::BusId;

/// How long a poll for a newer set waits.
const POLL: Duration = Duration::from_secs(50);
/// How long after that a poll counts as hung; also the most a confirmation may take.
const SLACK: Duration = Duration::from_secs(10);
/// The least time between two confirmations.
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

/// A signed set and the bus it is said to be of.
type Offer = (BusId, String);

struct Client {
    ring: KeyRing,
    mount: Mount,
    mounted: BTreeMap<BusId, MountedFile>,
    sender: KeysSender,
    confirmed: Option<Instant>,
    /// What is shown; made anew when the ring changes.
    shown: Arc<KeyRing>,
}

/// Keeps the keys of an inbox for as long as its configuration has a sender.
pub async fn keep<K: ConnectKeySets>(
    connect: K,
    mount: Mount,
    mut inbox: watch::Receiver<Option<Arc<InboxConfig>>>,
    sender: KeysSender,
) {
    let ring = KeyRing::default();
    let shown = Arc::new(ring.clone());
    let mut client = Client { ring, mount, mounted: BTreeMap::new(), sender, confirmed: None, shown };
    loop {
        let Some(config) = inbox.borrow_and_update().clone() else {
            client.sender.publish(KeyView::default());
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

impl Client {
    fn set_buses(&mut self, buses: &[BusId]) {
        self.ring.set_buses(buses.iter().cloned());
        self.mounted.retain(|bus, _| buses.contains(bus));
        for bus in buses {
            self.mounted.entry(bus.clone()).or_insert_with(|| self.mount.key_set(bus));
        }
        self.confirmed = None;
        self.shown = Arc::new(self.ring.clone());
    }

    /// Keeps the keys until dropped.
    async fn run<S: KeySets>(&mut self, source: Option<Arc<S>>) {
        let (offers, mut offered) = mpsc::channel::<Offer>(8);
        let mut polls = JoinSet::new();
        let buses: Vec<BusId> = self.ring.buses().cloned().collect();
        if let Some(source) = &source {
            for bus in &buses {
                polls.spawn(poll(source.clone(), bus.clone(), offers.clone()));
            }
        }
        let mut tick = interval(LOOK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // The confirmation under way, and when the next may begin.
        let mut confirming: Option<BoxFuture<'static, (Instant, Option<Vec<Offer>>)>> = None;
        let mut next = Instant::now();
        let mut failures = 0;
        loop {
            tokio::select! {
                _ = tick.tick() => self.read_mounted(),
                Some((bus, jws)) = offered.recv() => self.offer(&bus, &jws, "service"),
                () = self.sender.asked(), if confirming.is_none() && source.is_some() => {
                    let source = source.clone();
                    let buses = buses.clone();
                    confirming = Some(async move {
                        sleep_until(next).await;
                        let began = Instant::now();
                        let sets = match source {
                            Some(source) => confirm(source.as_ref(), &buses).await,
                            None => None,
                        };
                        (began, sets)
                    }.boxed());
                }
                (began, sets) = async { match confirming.as_mut() {
                    Some(confirmation) => confirmation.await,
                    None => std::future::pending().await,
                } } => {
                    confirming = None;
                    failures = if sets.is_some() { 0 } else { (failures + 1).min(5) };
                    next = began + BETWEEN * (failures + 1);
                    match sets {
                        Some(sets) => {
                            self.confirmed = Some(began);
                            for (bus, jws) in sets {
                                self.offer(&bus, &jws, "service");
                            }
                        }
                        // Who asked still waits: the question stands.
                        None => self.sender.ask_again(),
                    }
                    self.publish();
                }
            }
        }
    }

    fn read_mounted(&mut self) {
        if self.mount.roots.load().is_err() {
            // The file of the root's hash comes with the first start; sets are read when it is there.
            return;
        }
        let changed: Vec<Offer> =
            self.mounted.iter_mut().filter_map(|(bus, file)| Some((bus.clone(), file.changed()?))).collect();
        for (bus, jws) in changed {
            self.offer(&bus, &jws, "mounted");
        }
        // Sets expire without anybody saying so.
        self.publish();
    }

    fn offer(&mut self, bus: &BusId, jws: &str, from: &'static str) {
        let before = self.ring.version(bus);
        let roots = match self.mount.roots.load() {
            Ok(roots) => roots,
            Err(error) => {
                tracing::warn!(%error, "the root's hash cannot be read");
                return;
            }
        };
        match self.ring.offer(bus, jws.trim(), &roots, Millis::now()) {
            Ok(()) if self.ring.version(bus) != before => {
                tracing::info!(%bus, from, version = self.ring.version(bus), "key set taken");
                self.shown = Arc::new(self.ring.clone());
                self.publish();
            }
            Ok(()) => {}
            // The slower of two ways is always a little behind.
            Err(KeySetError::RolledBack) => tracing::debug!(%bus, from, "older key set left aside"),
            Err(error) => {
                tracing::warn!(%bus, from, outcome = error.as_str(), %error, "key set refused; the last good one stays");
            }
        }
    }

    fn publish(&self) {
        let usable = self.ring.usable(Millis::now()).is_ok();
        let ring = usable.then(|| self.shown.clone());
        self.sender.publish(KeyView { ring, confirmed: self.confirmed });
    }
}

/// Holds a long poll open for one bus, for ever.
async fn poll<S: KeySets>(source: Arc<S>, bus: BusId, offers: mpsc::Sender<Offer>) {
    let mut known: Option<String> = None;
    let mut failures = 0;
    loop {
        let wait = if known.is_some() { POLL } else { Duration::ZERO };
        let began = Instant::now();
        match timeout(wait + SLACK, source.fetch(&bus, known.as_deref(), wait)).await {
            Ok(Ok(Fetched::Set { jws, etag })) => {
                failures = 0;
                known = etag;
                if offers.send((bus.clone(), jws)).await.is_err() {
                    return;
                }
                if known.is_none() {
                    sleep(POLL).await;
                }
            }
            Ok(Ok(Fetched::Unchanged)) => {
                failures = 0;
                // A service that does not wait is asked no oftener for that.
                sleep_until((began + wait / 10).max(Instant::now() + Duration::from_millis(50))).await;
            }
            failure => {
                failures = (failures + 1).min(6);
                let error = failure.map_or_else(
                    |_| "no answer in time".to_owned(),
                    |answer| match answer {
                        Err(error) => error.to_string(),
                        Ok(_) => String::new(),
                    },
                );
                tracing::warn!(%bus, error, "key set not fetched; mounted sets and the last one serve on");
                sleep(backoff(failures, rand::random())).await;
            }
        }
    }
}

/// Every bus's set anew; `None` when one did not come.
async fn confirm<S: KeySets>(source: &S, buses: &[BusId]) -> Option<Vec<Offer>> {
    let fetches = buses.iter().map(|bus| async move {
        match timeout(SLACK, source.fetch(bus, None, Duration::ZERO)).await {
            Ok(Ok(Fetched::Set { jws, .. })) => Some(Some((bus.clone(), jws))),
            Ok(Ok(Fetched::Unchanged)) => Some(None),
            Ok(Err(error)) => {
                tracing::debug!(%bus, %error, "keys not confirmed");
                None
            }
            Err(_) => None,
        }
    });
    let fetched: Option<Vec<Option<Offer>>> = join_all(fetches).await.into_iter().collect();
    Some(fetched?.into_iter().flatten().collect())
}
