//! The keeper itself: the ring, what comes into it by either way, and what is shown of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::confirm::{Answer, Confirming, Tag};
use super::poll::{Offer, poll};
use super::{Fetched, KeySets};
use crate::consumer::keys::{KeyView, KeysSender};
use crate::consumer::metrics::KeyMetrics;
use crate::consumer::mount::{LOOK, Mount, MountedFile};
use crate::keyset::{KeyRing, KeySetError};
use crate::root::RootHashes;
use crate::types::BusId;

/// What became of a set that was offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It counts.
    Taken,
    /// What counts is newer; this one never will.
    Older,
    /// Not taken now. Its root or its time may come yet.
    Refused,
}

/// The ways a set comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Way {
    Mounted,
    Service,
}

impl Way {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Mounted => "mounted",
            Self::Service => "service",
        }
    }
}

/// Keeps the ring of one inbox.
pub(super) struct Client {
    ring: KeyRing,
    mount: Mount,
    mounted: BTreeMap<BusId, MountedFile>,
    sender: KeysSender,
    metrics: KeyMetrics,
    confirmed: Option<Instant>,
    /// What is shown; made anew when the ring changes.
    shown: Arc<KeyRing>,
    /// The sets in the ring that the service gave, by its names for them.
    tags: BTreeMap<BusId, Tag>,
    /// What the log last said of a refused set, which comes again and again.
    told: BTreeMap<(BusId, Way), &'static str>,
    /// Whether the log said that there is no root.
    rootless: bool,
}

impl Client {
    pub(super) fn new(mount: Mount, sender: KeysSender, metrics: KeyMetrics) -> Self {
        let ring = KeyRing::default();
        let shown = Arc::new(ring.clone());
        let (mounted, tags, told) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { ring, mount, mounted, sender, metrics, confirmed: None, shown, tags, told, rootless: false }
    }

    /// Changes which buses feed the inbox. What was shown is no longer true: publish, or run.
    pub(super) fn set_buses(&mut self, buses: &[BusId]) {
        let before: BTreeSet<BusId> = self.ring.buses().cloned().collect();
        self.ring.set_buses(buses.iter().cloned());
        self.metrics.gone(&before.difference(&buses.iter().cloned().collect()).cloned().collect());
        self.mounted.retain(|bus, _| buses.contains(bus));
        for bus in buses {
            self.mounted.entry(bus.clone()).or_insert_with(|| self.mount.key_set(bus));
        }
        self.confirmed = None;
        self.tags.clear();
        self.show();
    }

    /// Keeps the keys until dropped.
    pub(super) async fn run<S: KeySets>(&mut self, source: Option<Arc<S>>) {
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
        let mut confirming = Confirming::new();
        loop {
            tokio::select! {
                _ = tick.tick() => {
                    self.read_mounted();
                    // Sets expire without anybody saying so.
                    self.publish();
                }
                Some(Offer { bus, jws, etag, told }) = offered.recv() => {
                    // A poll that was given up needs no answer.
                    let _ = told.send(self.offer_of_service(&bus, &jws, etag));
                }
                () = self.sender.asked(), if !confirming.is_under_way() && source.is_some() => if let Some(source) = &source {
                    let known = buses.iter().map(|bus| (bus.clone(), self.tags.get(bus).cloned())).collect();
                    confirming.begin(source.clone(), known);
                },
                (began, answers) = confirming.ended() => {
                    let confirmed = self.is_confirmed_by(answers);
                    confirming.over(began, confirmed);
                    if confirmed {
                        self.confirmed = Some(began);
                        self.publish();
                    } else {
                        // Who asked still waits: the question stands.
                        self.sender.ask_again();
                    }
                }
            }
        }
    }

    fn read_mounted(&mut self) {
        if self.roots().is_none() {
            // The file of the root's hash comes with the first start; sets are read when it is there.
            return;
        }
        let changed: Vec<(BusId, String)> =
            self.mounted.iter_mut().filter_map(|(bus, file)| Some((bus.clone(), file.changed()?))).collect();
        for (bus, jws) in changed {
            let outcome = self.offer(&bus, &jws, Way::Mounted);
            if let (Outcome::Refused, Some(file)) = (outcome, self.mounted.get_mut(&bus)) {
                file.forget();
            }
        }
    }

    /// The hashes of the roots, as far as they can be read.
    fn roots(&mut self) -> Option<RootHashes> {
        let roots = self.mount.roots.load();
        if let Err(error) = &roots
            && !self.rootless
        {
            tracing::warn!(%error, "the root's hash cannot be read: no new key set is taken");
        }
        self.rootless = roots.is_err();
        roots.ok()
    }

    fn offer_of_service(&mut self, bus: &BusId, jws: &str, etag: Option<String>) -> Outcome {
        let outcome = self.offer(bus, jws, Way::Service);
        if let (Outcome::Taken, Some(version)) = (outcome, self.ring.version(bus)) {
            match etag {
                Some(etag) => drop(self.tags.insert(bus.clone(), Tag { etag, version })),
                None => drop(self.tags.remove(bus)),
            }
        }
        outcome
    }

    fn offer(&mut self, bus: &BusId, jws: &str, way: Way) -> Outcome {
        let before = self.ring.version(bus);
        let now = self.mount.clock.now();
        let offered = match self.roots() {
            Some(roots) => self.ring.offer(bus, jws.trim(), &roots, now),
            None => Err(KeySetError::RootUnknown),
        };
        let from = way.as_str();
        let Err(error) = offered else {
            self.told.remove(&(bus.clone(), way));
            if self.ring.version(bus) != before {
                tracing::info!(%bus, from, version = self.ring.version(bus), "key set taken");
            }
            // Of the same version too: it may say something else.
            self.show();
            self.publish();
            return Outcome::Taken;
        };
        self.metrics.refused(from, &error);
        if error == KeySetError::RolledBack {
            // The slower of two ways is always a little behind.
            tracing::debug!(%bus, from, "older key set left aside");
            return Outcome::Older;
        }
        let outcome = error.as_str();
        if self.told.insert((bus.clone(), way), outcome) != Some(outcome) {
            tracing::warn!(%bus, from, outcome, %error, "key set refused; the last good one stays");
        }
        Outcome::Refused
    }

    /// Whether the ring now holds, for every bus, what the service has.
    fn is_confirmed_by(&mut self, answers: Vec<Answer>) -> bool {
        let mut outcome = "confirmed";
        for Answer { bus, tag, fetched } in answers {
            match fetched {
                Ok(Fetched::Set { jws, etag }) => {
                    if self.offer_of_service(&bus, &jws, etag) != Outcome::Taken {
                        outcome = "not_taken";
                    }
                }
                Ok(Fetched::Unchanged) => {
                    // The set that is unchanged is the one in the ring, unless another came meanwhile.
                    if tag.is_none_or(|tag| self.ring.version(&bus) != Some(tag.version)) {
                        outcome = "not_taken";
                    }
                }
                Err(error) => {
                    tracing::debug!(%bus, %error, "keys not confirmed");
                    outcome = "unreachable";
                }
            }
        }
        self.metrics.confirmation(outcome);
        outcome == "confirmed"
    }

    fn show(&mut self) {
        self.shown = Arc::new(self.ring.clone());
        self.metrics.sets(&self.shown);
    }

    /// Shows what is true now.
    pub(super) fn publish(&self) {
        let usable = self.ring.usable(self.mount.clock.now()).is_ok();
        self.metrics.usable(usable);
        let ring = usable.then(|| self.shown.clone());
        self.sender.publish(KeyView { ring, confirmed: self.confirmed });
    }
}
