//! Signed configuration out of a mounted ConfigMap: read again every second, opened with the root's hash, shown to
//! whoever watches. What is missing or refused leaves the last good one in place.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::de::DeserializeOwned;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use super::metrics::ConfigurationMetrics;
use super::pipeline::Clock;
use crate::config::{BusConfig, ConfigDocument, ConfigError, EVENT_BUS, INBOX_QUEUE, InboxConfig, open_config};
use crate::root::RootHashes;
use crate::time::Millis;
use crate::types::BusId;

/// How often mounted files are looked at.
pub const LOOK: Duration = Duration::from_secs(1);

/// Where the root's hashes come from.
#[derive(Clone, Debug)]
pub enum Roots {
    /// From the pod's own specification.
    Fixed(RootHashes),
    /// From a mounted file, read anew each time.
    File(PathBuf),
}

impl Roots {
    /// The hashes now.
    ///
    /// # Errors
    /// When the file cannot be read or holds something else.
    pub fn load(&self) -> std::io::Result<RootHashes> {
        match self {
            Self::Fixed(hashes) => Ok(hashes.clone()),
            Self::File(path) => std::fs::read_to_string(path)?.parse().map_err(std::io::Error::other),
        }
    }
}

/// The mounted ConfigMap of one namespace.
#[derive(Clone, Debug)]
pub struct Mount {
    /// Where it is mounted.
    pub directory: PathBuf,
    /// The pod's own namespace; entries of others are refused.
    pub namespace: String,
    /// Who signs.
    pub roots: Roots,
    /// By what things are out of their time.
    pub clock: Clock,
    /// Where it is counted what is refused.
    pub metrics: ConfigurationMetrics,
}

impl Mount {
    /// An inbox's configuration. Past its time it is gone: what it says of buses and checks holds no longer.
    pub fn inbox(&self, name: &str) -> watch::Receiver<Option<Arc<InboxConfig>>> {
        self.watch(INBOX_QUEUE, name, format!("inbox_{name}"), true)
    }

    /// A bus's configuration. It stays past its time: signing has its own, and publishing outlives the operator.
    pub fn bus(&self, bus: &BusId) -> watch::Receiver<Option<Arc<BusConfig>>> {
        self.watch(EVENT_BUS, &bus.to_string(), format!("bus_{}_{}", bus.namespace(), bus.name()), false)
    }

    /// The file that holds a bus's key set.
    pub fn key_set(&self, bus: &BusId) -> MountedFile {
        MountedFile::new(self.directory.join(format!("keyset_{}_{}", bus.namespace(), bus.name())))
    }

    fn watch<C>(&self, kind: &'static str, name: &str, file: String, lapses: bool) -> watch::Receiver<Option<Arc<C>>>
    where
        C: DeserializeOwned + PartialEq + Send + Sync + 'static,
    {
        let mut entry = Entry {
            file: MountedFile::new(self.directory.join(file)),
            kind,
            name: name.to_owned(),
            mount: self.clone(),
            opened: None,
            lapses,
            told: None,
        };
        let (sender, receiver) = watch::channel(entry.look(self.clock.now()));
        tokio::spawn(async move {
            let mut tick = interval(LOOK);
            tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                tokio::select! {
                    () = sender.closed() => return,
                    _ = tick.tick() => {}
                }
                let now = entry.look(entry.mount.clock.now());
                sender.send_if_modified(|shown| {
                    let changed = *shown != now;
                    if changed {
                        *shown = now;
                    }
                    changed
                });
            }
        });
        receiver
    }
}

/// One entry, as it was last good.
struct Entry<C> {
    file: MountedFile,
    kind: &'static str,
    name: String,
    mount: Mount,
    opened: Option<(ConfigDocument<()>, Arc<C>)>,
    lapses: bool,
    /// What was last said of it in the log.
    told: Option<&'static str>,
}

impl<C: DeserializeOwned> Entry<C> {
    fn look(&mut self, now: Millis) -> Option<Arc<C>> {
        if let Some(text) = self.file.changed() {
            self.open(&text, now);
        } else if self.opened.is_none() && !self.file.exists() {
            self.tell("MISSING");
        }
        let (facts, config) = self.opened.as_ref()?;
        if self.lapses && now >= Millis::from_seconds(facts.expires) {
            self.tell("EXPIRED");
            return None;
        }
        Some(config.clone())
    }

    fn open(&mut self, text: &str, now: Millis) {
        let last = self.opened.as_ref().map(|(facts, _)| facts.version);
        let opened = self.mount.roots.load().map_err(|error| ConfigError::Malformed(error.to_string()));
        let opened = opened
            .and_then(|roots| open_config::<C>(text, &roots, &self.mount.namespace, self.kind, &self.name, now, last));
        match opened {
            Ok(ConfigDocument { namespace, kind, name, version, issued, expires, config }) => {
                let facts = ConfigDocument { namespace, kind, name, version, issued, expires, config: () };
                self.opened = Some((facts, Arc::new(config)));
                self.told = None;
                tracing::info!(kind = self.kind, name = %self.name, version, "configuration read");
            }
            Err(error) => {
                self.mount.metrics.refused(self.kind, &error);
                if self.told != Some(error.as_str()) {
                    self.told = Some(error.as_str());
                    tracing::warn!(kind = self.kind, name = %self.name, %error, "configuration refused");
                }
                self.file.forget();
            }
        }
    }

    fn tell(&mut self, what: &'static str) {
        if self.told != Some(what) {
            self.told = Some(what);
            tracing::warn!(kind = self.kind, name = %self.name, reason = what, "waiting for configuration");
        }
    }
}

/// A file that is read when it has changed. Small and on the node's own memory, so read where it is asked for.
#[derive(Debug)]
pub struct MountedFile {
    path: PathBuf,
    seen: Option<(SystemTime, u64)>,
    text: Option<String>,
}

impl MountedFile {
    /// A file that nobody has read yet.
    pub const fn new(path: PathBuf) -> Self {
        Self { path, seen: None, text: None }
    }

    /// Its text, if that is another than last time.
    pub fn changed(&mut self) -> Option<String> {
        let stamp = stamp(&self.path);
        if stamp.is_none() || stamp == self.seen {
            return None;
        }
        let text = std::fs::read_to_string(&self.path).ok()?;
        self.seen = stamp;
        if self.text.as_deref() == Some(text.as_str()) {
            return None;
        }
        self.text = Some(text.clone());
        Some(text)
    }

    /// What was read was of no use, yet: it is read again.
    pub(super) fn forget(&mut self) {
        self.seen = None;
        self.text = None;
    }

    fn exists(&self) -> bool {
        self.path.exists()
    }
}

/// A ConfigMap's update is another file behind a link: its time tells, and its size where clocks are coarse.
fn stamp(path: &Path) -> Option<(SystemTime, u64)> {
    let facts = std::fs::metadata(path).ok()?;
    Some((facts.modified().ok()?, facts.len()))
}
