//! What all watches have seen, put together.

use std::collections::BTreeMap;
use std::sync::Arc;

use eventing::root::RootHashes;
use eventing::time::Millis;
use eventing::types::{BusId, InboxId};

use super::index::{Change, Index};
use crate::directory::{BusFacts, Directory, HeldKey, PublishedSet, SigningKeyFacts};
use crate::trust::Trusted;

/// The inboxes of one namespace, each with its signed entry.
pub(super) type Entries = Vec<(InboxId, Arc<str>)>;

#[derive(Default)]
pub(super) struct Known {
    buses: Index<(BusId, BusFacts)>,
    signing_keys: Index<((String, String), SigningKeyFacts)>,
    private_keys: Index<HeldKey>,
    key_sets: Index<(BusId, Arc<PublishedSet>)>,
    inboxes: Index<Entries>,
    trusted: Trusted,
    has_news: bool,
}

/// A change of one watch.
pub(super) enum Seen {
    Bus(Change<(BusId, BusFacts)>),
    SigningKey(Change<((String, String), SigningKeyFacts)>),
    PrivateKey(Change<HeldKey>),
    KeySet(Change<(BusId, Arc<PublishedSet>)>),
    Inboxes(Change<Entries>),
}

impl Known {
    pub(super) fn apply(&mut self, seen: Seen) {
        self.has_news = true;
        match seen {
            Seen::Bus(change) => self.buses.apply(change),
            Seen::SigningKey(change) => self.signing_keys.apply(change),
            Seen::PrivateKey(change) => self.private_keys.apply(change),
            Seen::KeySet(change) => self.key_sets.apply(change),
            Seen::Inboxes(change) => self.inboxes.apply(change),
        }
    }

    /// Whether every first list is in.
    pub(super) fn is_complete(&self) -> bool {
        let Self { buses, signing_keys, private_keys, key_sets, inboxes, trusted: _, has_news: _ } = self;
        buses.is_complete()
            && signing_keys.is_complete()
            && private_keys.is_complete()
            && key_sets.is_complete()
            && inboxes.is_complete()
    }

    pub(super) fn has_no_bus(&self) -> bool {
        self.buses.is_empty()
    }

    /// Judges by the root what came since.
    pub(super) fn follow(&mut self, roots: &RootHashes, now: Millis, again: bool) {
        let before = self.trusted.now();
        let sets = self.key_sets.values().map(|(bus, set)| (bus, &**set));
        let entries = self.inboxes.values().flatten().map(|(inbox, text)| (inbox, text));
        self.trusted.follow(sets, entries, roots, now, again);
        self.has_news |= !Arc::ptr_eq(&before, &self.trusted.now());
    }

    /// The directory, if something came since it was last taken.
    pub(super) fn news(&mut self) -> Option<Directory> {
        let ready = self.is_complete() && std::mem::take(&mut self.has_news);
        ready.then(|| Directory {
            buses: self.buses.values().cloned().collect(),
            signing_keys: self.signing_keys.values().cloned().collect(),
            private_keys: self.private_keys.values().cloned().collect(),
            key_sets: self.key_sets.values().cloned().collect::<BTreeMap<_, _>>(),
            trust: self.trusted.now(),
        })
    }
}
