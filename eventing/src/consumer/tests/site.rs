//! An installation in small: its root, the mounted directory of a pod, the signature service, and one inbox of two buses.

use std::fs::{self, File};
use std::sync::atomic::AtomicU64;
use std::time::UNIX_EPOCH;

use prometheus_client::registry::Registry;
use serde::Serialize;
use tempfile::TempDir;

use super::*;
use crate::config::{ConfigDocument, INBOX_QUEUE, InboxConfig};
use crate::consumer::fake::{FakeKeySets, Mood};
use crate::consumer::inbox::Configuration;
use crate::consumer::key_client::keep;
use crate::keyset::{KeyRing, KeySetDocument};
use crate::root::{RootHashes, root_hash};
use crate::signing::{PrivateKey, sign_config, sign_keyset};
use crate::time::Millis;
use crate::types::BusId;

pub(super) const HOUR: Duration = Duration::from_hours(1);
pub(super) const DAY: Duration = Duration::from_hours(24);

pub(super) struct Site {
    pub(super) root: PrivateKey,
    pub(super) key: TestKey,
    pub(super) service: FakeKeySets,
    pub(super) queue: FakeQueue,
    pub(super) handler: Arc<Script>,
    pub(super) clock: Clock,
    pub(super) metrics: Metrics,
    configuration_metrics: ConfigurationMetrics,
    registry: Registry,
    folder: TempDir,
    written: AtomicU64,
}

/// The pod's own namespace, in which the inbox is.
pub(super) const NAMESPACE: &str = "quay";
const INBOX: &str = "lamp";

pub(super) fn lamps() -> BusId {
    bus("lamps")
}

pub(super) fn doors() -> BusId {
    bus("doors")
}

/// Connects to the one queue there is.
struct TheQueue(FakeQueue);

impl ConnectQueue for TheQueue {
    type Queue = FakeQueue;

    async fn connect(&self, _: &InboxConfig) -> FakeQueue {
        self.0.clone()
    }
}

/// A key set of a bus, issued at [`NOW`].
pub(super) fn set(bus: &BusId, version: u64, keys: &[&TestKey], lasts: Duration) -> KeySetDocument {
    let expires = NOW.plus(lasts).seconds();
    KeySetDocument { expires, ..crate::fixture::document(bus, version, keys) }
}

/// The key, revoked.
pub(super) fn revoked(key: &TestKey) -> TestKey {
    let mut jwk = key.jwk.clone();
    jwk.state = crate::keyset::KeyState::Revoked;
    TestKey { private: key.private.clone(), jwk }
}

/// An entry of configuration, as the operator would write it.
pub(super) fn entry<C>(version: u64, config: C) -> ConfigDocument<C> {
    ConfigDocument {
        namespace: NAMESPACE.to_owned(),
        kind: INBOX_QUEUE.to_owned(),
        name: INBOX.to_owned(),
        version,
        issued: NOW.seconds(),
        expires: NOW.plus(DAY * 30).seconds(),
        config,
    }
}

pub(super) fn inbox_of(buses: &[&BusId]) -> InboxConfig {
    serde_json::from_value(json!({
        "queueUrl": "http://sqs/q", "queueArn": crate::fixture::queue(),
        "deadLetterQueueUrl": "http://sqs/d", "deadLetterQueueArn": "arn:aws:sqs:eu-west-1:111122223333:d",
        "roleArn": "arn:aws:iam::111122223333:role/r", "region": "eu-west-1", "buses": buses,
        "services": {"signatureService": "https://s:8443", "journal": "https://j:8443", "ca": "PEM"},
    }))
    .unwrap()
}

impl Site {
    pub(super) fn new() -> Self {
        let mut registry = Registry::default();
        let metrics = Metrics::default();
        metrics.register(&mut registry);
        let configuration_metrics = ConfigurationMetrics::default();
        configuration_metrics.register(&mut registry);
        Self {
            root: PrivateKey::generate(Algorithm::MlDsa44).unwrap(),
            key: TestKey::new(Algorithm::MlDsa44, KeyUse::Sig),
            service: FakeKeySets::default(),
            queue: FakeQueue::default(),
            handler: Arc::new(Script::takes(Duration::ZERO)),
            clock: clock(),
            metrics,
            configuration_metrics,
            registry,
            folder: tempfile::tempdir().unwrap(),
            written: AtomicU64::new(0),
        }
    }

    /// With the inbox of the lamps' bus configured.
    pub(super) fn with_inbox() -> Self {
        let site = Self::new();
        site.mount_inbox(1, &[&lamps()]);
        site
    }

    /// With another key.
    pub(super) fn with_key(self, key: TestKey) -> Self {
        Self { key, ..self }
    }

    pub(super) fn hash(&self) -> [u8; 32] {
        root_hash(&self.root.public_key())
    }

    fn mount(&self, roots: Roots) -> Mount {
        let directory = self.folder.path().to_owned();
        let metrics = self.configuration_metrics.clone();
        Mount { directory, namespace: NAMESPACE.to_owned(), roots, clock: self.clock.clone(), metrics }
    }

    fn pinned(&self) -> Roots {
        Roots::Fixed(RootHashes::new([self.hash()]))
    }

    /// The root's hash out of a file.
    pub(super) fn root_file(&self) -> Roots {
        Roots::File(self.folder.path().join("root"))
    }

    /// As the kubelet does, another file takes the place of the old one. It has a time of its own, since here several may
    /// come within one tick of the machine's clock.
    pub(super) fn write(&self, name: &str, text: &str) {
        let made = self.folder.path().join("made");
        fs::write(&made, text).unwrap();
        let at = UNIX_EPOCH + Duration::from_secs(self.written.fetch_add(1, Ordering::SeqCst));
        File::options().write(true).open(&made).unwrap().set_modified(at).unwrap();
        fs::rename(made, self.folder.path().join(name)).unwrap();
    }

    pub(super) fn write_root(&self, hash: [u8; 32]) {
        self.write("root", &RootHashes::new([hash]).to_string());
    }

    pub(super) fn remove_root(&self) {
        fs::remove_file(self.folder.path().join("root")).unwrap();
    }

    pub(super) fn signed(&self, set: &KeySetDocument) -> String {
        sign_keyset(&self.root, set, NOW.into()).unwrap()
    }

    pub(super) fn serve(&self, set: &KeySetDocument) {
        self.service.serve(&set.bus, &self.signed(set));
    }

    pub(super) fn mount_set(&self, set: &KeySetDocument) {
        self.mount_text(&set.bus, &self.signed(set));
    }

    pub(super) fn mount_text(&self, bus: &BusId, jws: &str) {
        self.write(&format!("keyset_{}_{}", bus.namespace(), bus.name()), jws);
    }

    pub(super) fn mount_inbox(&self, version: u64, buses: &[&BusId]) {
        self.mount_entry(&entry(version, inbox_of(buses)));
    }

    pub(super) fn mount_entry(&self, entry: &ConfigDocument<impl Serialize>) {
        self.write_inbox(&sign_config(&self.root, entry, NOW.into()).unwrap());
    }

    pub(super) fn write_inbox(&self, jws: &str) {
        self.write(&format!("inbox_{INBOX}"), jws);
    }

    pub(super) fn configuration(&self) -> Configuration {
        self.mount(self.pinned()).inbox(INBOX)
    }

    /// Keeps the keys of the inbox until dropped.
    pub(super) fn keys(&self) -> Kept {
        self.keys_with(self.pinned())
    }

    pub(super) fn keys_with(&self, roots: Roots) -> Kept {
        let (sender, keys) = channel();
        let keeping = keep(self.service.clone(), self.mount(roots), self.configuration(), sender, self.metrics.clone());
        Kept { keys, keeping: tokio::spawn(keeping) }
    }

    /// Consumes the inbox to the end of the test.
    pub(super) fn consume(&self) {
        self.consume_with(self.pinned());
    }

    pub(super) fn consume_with(&self, roots: Roots) {
        let (queue, drain) = (TheQueue(self.queue.clone()), Drain::new(Duration::from_secs(20)));
        let (mount, metrics, handler) = (self.mount(roots), self.metrics.clone(), self.handler.clone());
        let inbox = self.configuration();
        tokio::spawn(consume(queue, self.service.clone(), NoJournal, mount, inbox, handler, metrics, drain));
    }

    /// The `n`th event enters the queue, just signed.
    pub(super) fn send(&self, key: &TestKey, n: u64) {
        let now = self.clock.now();
        self.queue.send_at(now, &event_at(key, n, now), crate::attributes::Attributes::new());
    }

    pub(super) fn handled(&self) -> usize {
        self.handler.got.lock().unwrap().len()
    }

    /// The value of a metric, by its line's beginning.
    pub(super) fn metric(&self, name: &str) -> Option<f64> {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix("qsl_consumer_")?.strip_prefix(name))?;
        Some(line.trim().parse().unwrap())
    }
}

/// A key that may sign for the month around [`NOW`].
pub(super) fn lasting_key() -> TestKey {
    let mut key = TestKey::new(Algorithm::MlDsa44, KeyUse::Sig);
    key.jwk.exp = NOW.plus(DAY * 30).seconds();
    key
}

/// Keys that are kept until this is dropped.
pub(super) struct Kept {
    pub(super) keys: Keys,
    keeping: JoinHandle<()>,
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.keeping.abort();
    }
}

impl Kept {
    pub(super) fn ring(&self) -> Option<Arc<KeyRing>> {
        self.keys.view().ring
    }

    pub(super) fn version(&self) -> Option<u64> {
        self.ring()?.version(&lamps())
    }

    pub(super) fn revokes(&self, key: &TestKey) -> bool {
        self.ring().is_some_and(|ring| ring.find(key.kid()).is_some_and(|found| found.is_revoked))
    }

    /// How long it takes until something is so; an hour is never.
    pub(super) async fn until(&self, what: impl Fn(&Self) -> bool) -> Duration {
        let began = Instant::now();
        let reached = async {
            while !what(self) {
                sleep(Duration::from_millis(50)).await;
            }
        };
        assert!(timeout(HOUR, reached).await.is_ok(), "never reached");
        began.elapsed()
    }
}

/// A service that has no answer.
pub(super) fn is_away(site: &Site) {
    site.service.turn(Mood::Fails);
}

pub(super) fn is_back(site: &Site) {
    site.service.turn(Mood::Serves);
}

/// Until something is so; an hour is never.
pub(super) async fn until(what: impl Fn() -> bool) {
    let reached = async {
        while !what() {
            sleep(Duration::from_millis(50)).await;
        }
    };
    assert!(timeout(HOUR, reached).await.is_ok(), "never reached");
}

/// The time of day of a [`Clock`] that began now, so much later.
pub(super) fn later(by: Duration) -> Millis {
    NOW.plus(by)
}
