//! What the installation's root signed: the buses' key sets and what each inbox is. Grants rest on nothing else: whoever
//! can write ConfigMaps, or an object's status, can withhold what is here, never make it.
//!
//! A set or an entry that is refused leaves the last good one in place; versions never go down, not even where an entry
//! was gone for a while.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use eventing::config::{ConfigError, INBOX_QUEUE, open_config};
use eventing::keyset::KeyRing;
use eventing::root::RootHashes;
use eventing::time::Millis;
use eventing::types::{BusId, InboxId};

use crate::directory::PublishedSet;
use crate::inbox::{InboxEntry, InboxFacts};

/// What is trusted at one moment.
#[derive(Debug, Clone, Default)]
pub struct Trust {
    /// The inboxes there are.
    pub inboxes: BTreeMap<InboxId, Arc<InboxFacts>>,
    /// The sets of all buses, opened. Which of them count is an inbox's to say.
    pub ring: KeyRing,
}

/// Keeps a [`Trust`] as sets and entries come and go.
#[derive(Debug, Default)]
pub struct Trusted {
    now: Arc<Trust>,
    roots: Option<RootHashes>,
    sets: HashMap<BusId, Offered>,
    entries: HashMap<InboxId, Offered>,
    versions: HashMap<InboxId, u64>,
}

/// A text as it was last offered, and what became of it.
#[derive(Debug)]
struct Offered {
    text: Arc<str>,
    taken: bool,
}

impl Trusted {
    /// What is trusted now.
    pub fn now(&self) -> Arc<Trust> {
        Arc::clone(&self.now)
    }

    /// Takes what was not taken yet of these sets and entries, and forgets the inboxes that have no entry. What was
    /// refused is tried again only when the roots are others, or where `again` asks for it: a flood of bad entries
    /// costs nothing.
    pub fn follow<'a>(
        &mut self,
        sets: impl Iterator<Item = (&'a BusId, &'a PublishedSet)>,
        entries: impl Iterator<Item = (&'a InboxId, &'a Arc<str>)>,
        roots: &RootHashes,
        now: Millis,
        again: bool,
    ) {
        let again = again || self.roots.as_ref() != Some(roots);
        self.roots = Some(roots.clone());
        for (bus, set) in sets {
            if is_news(self.sets.get(bus), &set.signed, again) {
                self.offer_set(bus, &set.signed, roots, now);
            }
        }
        let mut there = Vec::new();
        for (inbox, text) in entries {
            there.push(inbox);
            if is_news(self.entries.get(inbox), text, again) {
                self.offer_inbox(inbox, text, roots, now);
            }
        }
        there.sort_unstable();
        let is_there = |inbox: &InboxId| there.binary_search(&inbox).is_ok();
        self.entries.retain(|inbox, _| is_there(inbox));
        if !self.now.inboxes.keys().all(is_there) {
            Arc::make_mut(&mut self.now).inboxes.retain(|inbox, _| is_there(inbox));
        }
    }

    fn offer_set(&mut self, bus: &BusId, text: &Arc<str>, roots: &RootHashes, now: Millis) {
        let mut ring = self.now.ring.clone();
        let offered = ring.offer(bus, text, roots, now);
        if let Err(error) = &offered {
            tracing::warn!(%bus, %error, outcome = error.as_str(), "a key set is not trusted; grants go by the last good one");
        } else {
            Arc::make_mut(&mut self.now).ring = ring;
        }
        self.sets.insert(bus.clone(), Offered { text: Arc::clone(text), taken: offered.is_ok() });
    }

    fn offer_inbox(&mut self, inbox: &InboxId, text: &Arc<str>, roots: &RootHashes, now: Millis) {
        let opened = self.open_inbox(inbox, text, roots, now);
        if let Err(error) = &opened {
            tracing::warn!(%inbox, %error, outcome = error.as_str(), "an inbox's configuration is not trusted; grants go by the last good one");
        }
        self.entries.insert(inbox.clone(), Offered { text: Arc::clone(text), taken: opened.is_ok() });
        if let Ok((version, facts)) = opened {
            self.versions.insert(inbox.clone(), version);
            Arc::make_mut(&mut self.now).inboxes.insert(inbox.clone(), Arc::new(facts));
        }
    }

    fn open_inbox(
        &self,
        inbox: &InboxId,
        text: &str,
        roots: &RootHashes,
        now: Millis,
    ) -> Result<(u64, InboxFacts), ConfigError> {
        let last = self.versions.get(inbox).copied();
        let (namespace, name) = (inbox.namespace(), inbox.name());
        let document = open_config::<InboxEntry>(text, roots, namespace, INBOX_QUEUE, name, now, last)?;
        Ok((document.version, InboxFacts::new(document.config, Millis::from_seconds(document.expires))))
    }
}

fn is_news(known: Option<&Offered>, text: &Arc<str>, again: bool) -> bool {
    known.is_none_or(|known| (again && !known.taken) || (!Arc::ptr_eq(&known.text, text) && known.text != *text))
}

#[cfg(test)]
mod tests;
