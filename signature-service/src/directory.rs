//! What the service knows: buses, signing keys, private keys and published sets, as one immutable value.
//!
//! Every decision is made here, purely: who may have which source signed ([`Directory::plan`]), and with which key;
//! with which key a grant is signed ([`Directory::grant_key`]).

mod held_key;
mod key_set;
#[cfg(test)]
pub(crate) mod samples;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use eventing::algorithm::Algorithm;
use eventing::keyset::{KeyUse, SourcePattern};
use eventing::time::Millis;
use eventing::types::{BusId, Kid, Source};
use eventing_service::authentication::ServiceAccount;

use crate::trust::Trust;

pub use held_key::{HeldKey, Serves};
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
    /// What of it the root signed, for grants.
    pub trust: Arc<Trust>,
}

/// Whether both say the same.
impl PartialEq for Directory {
    fn eq(&self, other: &Self) -> bool {
        let Self { buses, signing_keys, private_keys, key_sets, trust } = self;
        Arc::ptr_eq(trust, &other.trust)
            && *buses == other.buses
            && *signing_keys == other.signing_keys
            && *private_keys == other.private_keys
            && *key_sets == other.key_sets
    }
}

/// Why a batch is not signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The bus does not name the caller as publisher of these sources (by index), or there is no such bus.
    NotGranted(Vec<(usize, Source)>),
    /// The bus takes no events now.
    PublishingDisabled,
    /// No SigningKey of the bus covers these sources (by index).
    NoSigningKey(Vec<(usize, Source)>),
    /// A SigningKey covers these sources (by index), and has no key that signs now: its next one is on its way.
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
        if let Some(keys) = keys.into_iter().collect::<Option<Vec<_>>>() {
            return Ok(keys);
        }
        let uncovered = which(&|source| !self.is_covered(bus, source));
        if !uncovered.is_empty() {
            return Err(Refusal::NoSigningKey(uncovered));
        }
        Err(Refusal::NoActiveKey(which(&|source| self.key_for(bus, source, now).is_none())))
    }

    /// Whether a SigningKey of the bus is there to sign the source, with whichever keys it has.
    fn is_covered(&self, bus: &BusId, source: &Source) -> bool {
        self.signing_keys.values().any(|facts| facts.bus == *bus && coverage(&facts.sources, source).is_some())
    }

    /// The newest key that may sign the source now: published, in its time, not revoked, of the SigningKey that
    /// covers the source best.
    fn key_for(&self, bus: &BusId, source: &Source, now: Millis) -> Option<&HeldKey> {
        let set = self.key_sets.get(bus)?;
        self.private_keys
            .iter()
            .filter(|held| held.bus == *bus && !self.is_revoked(bus, &held.kid))
            .filter_map(|held| {
                let Serves::Sig { signing_key } = &held.serves else { return None };
                let owner = (bus.namespace().to_owned(), signing_key.clone());
                let facts = self.signing_keys.get(&owner).filter(|facts| facts.bus == *bus)?;
                let exact = coverage(&facts.sources, source)?;
                let published = set.signs(&held.kid, KeyUse::Sig, now)?;
                coverage(&published.sources, source)?;
                Some((exact, published.nbf, &held.kid, held))
            })
            .max_by(|a, b| (a.0, a.1, a.2).cmp(&(b.0, b.1, b.2)))
            .map(|(.., held)| held)
    }

    /// The newest key that may sign grants of the bus now: published for that, of ML-DSA-44, in its time, not revoked.
    pub fn grant_key(&self, bus: &BusId, now: Millis) -> Option<&HeldKey> {
        let set = self.key_sets.get(bus)?;
        self.private_keys
            .iter()
            .filter(|held| held.serves == Serves::Grant && held.private.algorithm() == Algorithm::MlDsa44)
            .filter(|held| held.bus == *bus && !self.is_revoked(bus, &held.kid))
            .filter_map(|held| Some((set.signs(&held.kid, KeyUse::Grant, now)?.nbf, &held.kid, held)))
            .max_by(|a, b| (a.0, a.1).cmp(&(b.0, b.1)))
            .map(|(.., held)| held)
    }

    /// Whether a SigningKey of the bus revokes the kid; its set may say so a moment later.
    pub fn is_revoked(&self, bus: &BusId, kid: &Kid) -> bool {
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
