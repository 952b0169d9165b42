//! The key sets of the buses that feed one inbox. It never goes back: not to an older version, not behind a revocation.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Key, KeySet, KeySetError, open_keyset};
use crate::root::RootHashes;
use crate::time::Millis;
use crate::types::{BusId, Kid};

/// The sets of one inbox's buses. Cheap to clone: a reader keeps a snapshot while a writer makes the next.
#[derive(Debug, Clone, Default)]
pub struct KeyRing {
    buses: BTreeSet<BusId>,
    /// Of buses that have left the ring too: they may come back, and the memory of version and revocation with them.
    seen: BTreeMap<BusId, Seen>,
}

#[derive(Debug, Clone)]
struct Seen {
    set: Arc<KeySet>,
    revoked: Arc<BTreeSet<Kid>>,
}

/// A key that the ring knows, and the bus it belongs to.
#[derive(Debug, Clone, Copy)]
pub struct Found<'a> {
    /// The bus.
    pub bus: &'a BusId,
    /// The key.
    pub key: &'a Key,
    /// Whether it verifies nothing any more.
    pub is_revoked: bool,
}

/// Nothing can be verified: receiving must stop.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeysUnavailable {
    /// The ring has no bus: none feeds the inbox, or the configuration that names it is on its way.
    #[error("no bus feeds the inbox")]
    NoBus,
    /// A bus of the ring has no set that is in its time: the first such bus.
    #[error("no usable key set of bus {0}")]
    NoSet(BusId),
}

impl KeyRing {
    /// A ring of these buses, without a set yet.
    pub fn new(buses: impl IntoIterator<Item = BusId>) -> Self {
        Self { buses: buses.into_iter().collect(), seen: BTreeMap::new() }
    }

    /// Changes which buses feed the inbox; what is known of each stays.
    pub fn set_buses(&mut self, buses: impl IntoIterator<Item = BusId>) {
        self.buses = buses.into_iter().collect();
    }

    /// The buses that feed the inbox.
    pub fn buses(&self) -> impl Iterator<Item = &BusId> {
        self.buses.iter()
    }

    /// Opens a signed set and takes it, whichever way it came.
    ///
    /// # Errors
    /// Why it was refused; then nothing has changed.
    pub fn offer(&mut self, bus: &BusId, jws: &str, roots: &RootHashes, now: Millis) -> Result<(), KeySetError> {
        self.take(open_keyset(jws, roots, bus, now, self.version(bus))?)
    }

    /// Takes a set that is trusted already.
    ///
    /// # Errors
    /// [`KeySetError::RolledBack`]
    pub fn take(&mut self, set: KeySet) -> Result<(), KeySetError> {
        if set.term.is_rolled_back(self.version(&set.bus)) {
            return Err(KeySetError::RolledBack);
        }
        let known = self.seen.get(&set.bus).map(|seen| Arc::clone(&seen.revoked)).unwrap_or_default();
        let revoked =
            if set.revoked.is_subset(&known) { known } else { Arc::new(known.union(&set.revoked).cloned().collect()) };
        self.seen.insert(set.bus.clone(), Seen { set: Arc::new(set), revoked });
        Ok(())
    }

    /// The version last taken of a bus.
    pub fn version(&self, bus: &BusId) -> Option<u64> {
        self.seen.get(bus).map(|seen| seen.set.version())
    }

    /// The set last taken of a bus.
    pub fn set(&self, bus: &BusId) -> Option<&Arc<KeySet>> {
        self.seen.get(bus).map(|seen| &seen.set)
    }

    /// Whether there is a bus, and every one has a set in its time; without, a consumer stops receiving.
    ///
    /// # Errors
    /// What is missing.
    pub fn usable(&self, now: Millis) -> Result<(), KeysUnavailable> {
        let is_usable = |bus: &BusId| self.set(bus).is_some_and(|set| now < set.expires());
        match self.buses.iter().find(|bus| !is_usable(bus)) {
            Some(bus) => Err(KeysUnavailable::NoSet(bus.clone())),
            None if self.buses.is_empty() => Err(KeysUnavailable::NoBus),
            None => Ok(()),
        }
    }

    /// When the first of the sets expires; nothing where a bus has none.
    pub fn expires(&self) -> Option<Millis> {
        let expiries: Option<Vec<Millis>> = self.buses.iter().map(|bus| Some(self.set(bus)?.expires())).collect();
        expiries?.into_iter().min()
    }

    /// The key of this kid. Where two buses had one of the same name, a revoked one counts first.
    pub fn find(&self, kid: &Kid) -> Option<Found<'_>> {
        let mut found = self.buses.iter().filter_map(|bus| self.find_in(bus, kid));
        let first = found.next()?;
        if first.is_revoked { Some(first) } else { Some(found.find(|other| other.is_revoked).unwrap_or(first)) }
    }

    /// The key of this kid among those of one bus.
    pub fn find_in(&self, bus: &BusId, kid: &Kid) -> Option<Found<'_>> {
        let bus = self.buses.get(bus)?;
        let seen = self.seen.get(bus)?;
        let key = seen.set.get(kid)?;
        Some(Found { bus, key, is_revoked: seen.revoked.contains(kid) })
    }
}
