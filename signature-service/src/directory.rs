//! What the service knows: buses, signing keys, private keys and published sets, as one immutable value.
//!
//! Every decision is made here, purely: who may have which source signed ([`Directory::plan`]), and with which key.

mod key_set;
#[cfg(test)]
pub(crate) mod samples;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use eventing::keyset::{KeyState, KeyUse, SourcePattern};
use eventing::signing::PrivateKey;
use eventing::time::Millis;
use eventing::types::{BusId, Kid, Source};
use eventing_service::authentication::ServiceAccount;

pub use key_set::{KeySetFault, PublishedSet};

/// An EventBus, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BusFacts {
    /// Whether anything is signed for it.
    pub publishing: bool,
    /// Who may publish which sources.
    pub publishers: BTreeMap<ServiceAccount, BTreeSet<Source>>,
}

/// A SigningKey, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningKeyFacts {
    /// Its bus.
    pub bus: BusId,
    /// The sources it signs.
    pub sources: Vec<SourcePattern>,
    /// Kids of the bus that it revokes.
    pub revoked: BTreeSet<Kid>,
}

/// A private key and whose it is. `Debug` shows the kid alone.
#[derive(Clone)]
pub struct HeldKey {
    /// The bus it signs for.
    pub bus: BusId,
    /// The name of its SigningKey, of the bus's namespace.
    pub signing_key: String,
    /// Its name.
    pub kid: Kid,
    /// The key.
    pub private: Arc<PrivateKey>,
}

impl std::fmt::Debug for HeldKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HeldKey").field("kid", &self.kid).finish_non_exhaustive()
    }
}

/// Everything known at one moment.
#[derive(Debug, Clone, Default)]
pub struct Directory {
    /// The buses.
    pub buses: HashMap<BusId, BusFacts>,
    /// The signing keys, by namespace and name.
    pub signing_keys: BTreeMap<(String, String), SigningKeyFacts>,
    /// The private keys.
    pub private_keys: Vec<HeldKey>,
    /// The published sets.
    pub key_sets: BTreeMap<BusId, Arc<PublishedSet>>,
}

/// Why a batch is not signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The bus does not name the caller as publisher of these sources (by index), or there is no such bus.
    NotGranted(Vec<(usize, Source)>),
    /// The bus takes no events now.
    PublishingDisabled,
    /// No key signs these sources now (by index).
    NoActiveKey(Vec<(usize, Source)>),
}

impl Directory {
    /// The key for each source, in order: all of them, or the reason why none is signed.
    ///
    /// # Errors
    /// The first reason in the order of [`Refusal`], with every event it concerns.
    pub fn plan(
        &self,
        bus: &BusId,
        caller: &ServiceAccount,
        sources: &[&Source],
        now: Millis,
    ) -> Result<Vec<&HeldKey>, Refusal> {
        let facts = self.buses.get(bus);
        let granted = facts.and_then(|facts| facts.publishers.get(caller));
        let which = |bad: &dyn Fn(&Source) -> bool| -> Vec<(usize, Source)> {
            sources.iter().enumerate().filter(|(_, s)| bad(s)).map(|(at, s)| (at, (*s).clone())).collect()
        };
        let foreign = which(&|source| !granted.is_some_and(|granted| granted.contains(source)));
        if !foreign.is_empty() || facts.is_none() {
            return Err(Refusal::NotGranted(foreign));
        }
        if !facts.is_some_and(|facts| facts.publishing) {
            return Err(Refusal::PublishingDisabled);
        }
        let keys: Vec<_> = sources.iter().map(|source| self.key_for(bus, source, now)).collect();
        match keys.iter().copied().collect::<Option<Vec<_>>>() {
            Some(keys) => Ok(keys),
            None => Err(Refusal::NoActiveKey(which(&|source| self.key_for(bus, source, now).is_none()))),
        }
    }

    /// The newest key that may sign the source now: published, in its time, not revoked, of the SigningKey that
    /// covers the source best.
    fn key_for(&self, bus: &BusId, source: &Source, now: Millis) -> Option<&HeldKey> {
        let set = self.key_sets.get(bus)?;
        self.private_keys
            .iter()
            .filter(|held| held.bus == *bus && !self.is_revoked(bus, &held.kid))
            .filter_map(|held| {
                let owner = (bus.namespace().to_owned(), held.signing_key.clone());
                let facts = self.signing_keys.get(&owner).filter(|facts| facts.bus == *bus)?;
                let exact = coverage(&facts.sources, source)?;
                let published = set.key(&held.kid)?;
                coverage(&published.sources, source)?;
                let signs = published.key_use == KeyUse::Sig
                    && published.state != KeyState::Revoked
                    && Millis::from_seconds(published.nbf) <= now
                    && now < Millis::from_seconds(published.exp);
                signs.then_some((exact, published.nbf, &held.kid, held))
            })
            .max_by(|a, b| (a.0, a.1, a.2).cmp(&(b.0, b.1, b.2)))
            .map(|(.., held)| held)
    }

    fn is_revoked(&self, bus: &BusId, kid: &Kid) -> bool {
        self.signing_keys.values().any(|facts| facts.bus == *bus && facts.revoked.contains(kid))
    }
}

/// How patterns cover a source: `true` by name, which beats `false`, by `*`; not at all is `None`.
fn coverage(patterns: &[SourcePattern], source: &Source) -> Option<bool> {
    patterns
        .iter()
        .filter(|pattern| pattern.covers(source))
        .map(|pattern| matches!(pattern, SourcePattern::Exact(_)))
        .max()
}

#[cfg(test)]
mod tests;
